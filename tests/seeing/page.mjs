// Walks the dashboard in a real browser and tells what it found as one line of JSON.
// node page.mjs CHROMIUM URL KEY [FOLDER FOR PICTURES]

import { chromium } from "playwright-core";

const [program, url, key, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
const found = { problems: [], figures: {} };

async function open(options) {
  const context = await browser.newContext({ timezoneId: "UTC", locale: "en-GB", ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) found.problems.push(message.text());
  });
  page.on("pageerror", (error) => found.problems.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) found.problems.push(`asked ${request.url()}`);
  });
  await page.goto(`${url}/`);
  return page;
}

async function enter(page) {
  await page.locator("#key").waitFor();
  await page.keyboard.type(key);
  await page.keyboard.press("Enter");
  await page.locator("#figure-cost").waitFor();
  await page.locator('#state[data-is="live"]').waitFor();
}

const sideways = (page) => page.evaluate(() =>
  document.documentElement.scrollWidth - document.documentElement.clientWidth);
const paper = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const rows = (page, table) => page.locator(`${table} tbody tr`).evaluateAll((all) =>
  all.map((row) => [...row.children].map((cell) => cell.textContent)));

// By keyboard alone, in light.
const page = await open({ colorScheme: "light", viewport: { width: 1280, height: 900 } });
// Without a key the gateway refuses, which browsers put on the console themselves.
await page.locator("#key").waitFor();
found.refused = found.problems.splice(0).length;
found.hasFocusAtStart = await page.evaluate(() => document.activeElement.id);
await enter(page);
await page.locator('label:has(input[value="all"])').click();
await page.locator("#requests-table tbody tr").first().waitFor();
for (const id of ["cost", "requests", "tokens-in", "tokens-out", "saved", "success"]) {
  found.figures[id] = await page.locator(`#figure-${id}`).textContent();
}
found.providers = await rows(page, "#parts-table");
found.days = await page.locator("#days-table").evaluate((table) => table.textContent);
found.requests = (await rows(page, "#requests-table")).length;
found.budgets = await page.locator("#budgets li").allTextContents();
found.light = await paper(page);
found.kept = await page.evaluate(() => [sessionStorage.length, localStorage.length]);

// Every control is reached by Tab, and its focus is seen.
await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
const walked = [];
for (let step = 0; step < 40; step += 1) {
  await page.keyboard.press("Tab");
  const at = await page.evaluate(() => {
    const one = document.activeElement;
    if (one === document.body) return null;
    const shown = one.type === "radio" ? one.nextElementSibling : one;
    const style = getComputedStyle(shown);
    return { name: one.id || one.value || one.getAttribute("aria-label") || one.textContent.trim(), outline: style.outlineStyle };
  });
  // Past the last one the page itself has the focus, then the first.
  if (at === null) continue;
  if (walked.length > 0 && walked[0].name === at.name) break;
  walked.push(at);
}
found.walked = walked;
// Arrow keys change a choice.
await page.locator('input[name="part"][value="provider"]').focus();
await page.keyboard.press("ArrowRight");
found.part = await page.locator('input[name="part"]:checked').getAttribute("value");
found.models = await rows(page, "#parts-table");
await page.locator('input[name="part"][value="key"]').check({ force: true });
found.keys = await rows(page, "#parts-table");

// A control without a name would be silent for a screen reader.
found.nameless = await page.evaluate(() => [...document.querySelectorAll("button, input, summary, svg[role=img], [role=region]")]
  .filter((one) => !(one.getAttribute("aria-label") || one.labels?.length || one.textContent.trim())).length);
found.markup = await page.evaluate(() => document.querySelectorAll("main b, main script, main img").length);
if (pictures) {
  await page.locator('input[name="part"][value="provider"]').check({ force: true });
  await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
  await page.screenshot({ path: `${pictures}/dashboard-light.png` });
}

// What happens now is shown without a reload.
const before = await page.locator("#figure-requests").textContent();
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
await page.waitForFunction((old) => document.getElementById("figure-requests").textContent !== old, before, { timeout: 30000 });
found.after = await page.locator("#figure-requests").textContent();

// Dark, by the system and by hand; a phone; no key left behind.
const dark = await open({ colorScheme: "dark", viewport: { width: 1280, height: 900 } });
await enter(dark);
found.dark = await paper(dark);
if (pictures) await dark.screenshot({ path: `${pictures}/dashboard-dark.png` });
await dark.locator("#theme").click();
found.byHand = await paper(dark);
await dark.locator("#leave").click();
found.left = await dark.evaluate(() => [sessionStorage.length, document.getElementById("all").hidden]);

const phone = await open({ colorScheme: "light", viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
found.sidewaysAtDoor = await sideways(phone);
await enter(phone);
found.sideways = await sideways(phone);
found.small = await phone.evaluate(() => [...document.querySelectorAll("button, .choice label")]
  .filter((one) => one.offsetParent !== null && one.getBoundingClientRect().height < 24).length);
if (pictures) await phone.screenshot({ path: `${pictures}/dashboard-phone.png` });

found.problems = found.problems.filter((text) => !text.includes("401"));
await browser.close();
process.stdout.write(`${JSON.stringify(found)}\n`);
