// The dashboard: figures from `/v1/distiq/stats`, what happens now from `/v1/distiq/live`.

import { bar, columns, count, duration, element, money, percent, ranges, table } from "./charts.js";

const $ = (id) => document.getElementById(id);
const KEY = "distiq-key";
const MOST_ROWS = 30;
const REFRESH_MS = 10000;

let stats = null;
let running = new Map();
let streaming = null;
let isPaused = false;
let refreshing = null;

// ---- asking ---------------------------------------------------------------------------------

async function ask(path, signal) {
  const key = sessionStorage.getItem(KEY);
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const answer = await fetch(path, { headers, signal, cache: "no-store", credentials: "omit" });
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const error = new Error(body.error?.message ?? `The gateway answers ${answer.status}`);
  error.status = answer.status;
  throw error;
}

function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`).value;
}

async function load() {
  clearTimeout(refreshing);
  const period = chosen("period");
  try {
    const answer = await ask(`/v1/distiq/stats?period=${period}`);
    const found = await answer.json();
    if (period !== chosen("period")) return;
    stats = found;
    open();
    show();
    $("problem").textContent = "";
  } catch (error) {
    if (error.status === 401 || error.status === 403 || error.status === 429) {
      askForKey(sessionStorage.getItem(KEY) ? error.message : "");
      return;
    }
    $("problem").textContent = stats ? `${error.message}. The figures below are older.` : error.message;
    if (!stats) say("lost", "No answer");
  }
  schedule(REFRESH_MS);
}

function schedule(ms) {
  clearTimeout(refreshing);
  refreshing = setTimeout(() => { if (!document.hidden && !isPaused) load(); }, ms);
}

// ---- the door -------------------------------------------------------------------------------

function askForKey(problem) {
  sessionStorage.removeItem(KEY);
  stop();
  stats = null;
  $("all").hidden = true;
  $("leave").hidden = true;
  $("door").hidden = false;
  $("door-problem").textContent = problem;
  say("", "Closed");
  $("key").focus();
}

function open() {
  if (!$("all").hidden) return;
  const wasAsked = !$("door").hidden;
  $("door").hidden = true;
  $("all").hidden = false;
  $("leave").hidden = !sessionStorage.getItem(KEY);
  if (wasAsked) $("figures").focus();
  follow();
}

$("door").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("key").value.trim());
  $("key").value = "";
  load();
});
$("leave").addEventListener("click", () => askForKey(""));

// ---- what happens now -----------------------------------------------------------------------

function say(is, text) {
  const state = $("state");
  if (state.textContent !== text) state.textContent = text;
  state.dataset.is = is;
}

function stop() {
  streaming?.abort();
  streaming = null;
  running = new Map();
}

async function follow() {
  stop();
  const mine = new AbortController();
  streaming = mine;
  let pause = 1000;
  while (streaming === mine) {
    try {
      const answer = await ask("/v1/distiq/live", mine.signal);
      pause = 1000;
      say("live", "Live");
      await read(answer.body.getReader(), () => streaming === mine);
    } catch (error) {
      if (error.status === 401 || error.status === 403) return;
    }
    if (streaming !== mine) return;
    say("lost", "Connecting again");
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, 15000);
  }
}

async function read(reader, isWanted) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done || !isWanted()) return;
    const frames = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      const fields = Object.fromEntries(frame.split("\n").map((line) => {
        const at = line.indexOf(":");
        return [line.slice(0, at), line.slice(at + 1).trimStart()];
      }));
      if (fields.event) happened(fields.event, JSON.parse(fields.data));
    }
  }
}

function happened(name, data) {
  if (name === "now") {
    running = new Map(data.requests.map((request) => [request.n, request]));
  } else if (name === "begun") {
    running.set(data.n, data);
  } else if (name === "over") {
    running.delete(data.n);
    schedule(800);
  } else if (name === "missed") {
    follow();
  }
  if (!isPaused && stats) {
    showRequests();
    $("figure-running").textContent = count(running.size);
  }
}

// ---- showing --------------------------------------------------------------------------------

function show() {
  const at = new Date(stats.at);
  const of = stats.of === "key" ? "This key's requests. " : "";
  $("updated").textContent = `${of}As of ${at.toLocaleTimeString()}`;
  showFigures();
  showDays();
  showParts();
  showWaits();
  showTroubles();
  showBudgets();
  showNodes();
  showRequests();
}

function showFigures() {
  const { totals, outcomes } = stats;
  const prompt = totals.usage.input + totals.usage.cache_read + totals.usage.cache_write + totals.usage.cache_write_long;
  const unpriced = totals.unpriced > 0 ? `${count(totals.unpriced)} without a known price` : "";
  const figures = [
    ["cost", "Cost", cost(totals, "cost_nanousd"), unpriced],
    ["requests", "Requests", count(totals.requests), `${count(totals.failed)} failed or cancelled`],
    ["running", "Under way", count(running.size), "answers that come now"],
    ["success", "Success", percent(stats.success_rate), "cancelled ones left out"],
    ["tokens-in", "Tokens in", count(prompt), `${count(totals.usage.cache_read)} from the vendors' caches`],
    ["tokens-out", "Tokens out", count(totals.usage.output), totals.usage.reasoning > 0 ? `${count(totals.usage.reasoning)} of it reasoning` : ""],
    ["cache", "Read from cache", percent(stats.cache_read_share), `${count(outcomes.cache_hits)} requests hit`],
    ["saved", "Prompt caches saved", cost(totals, "saved_prompt_cache_nanousd"), "against the full input price"],
    ["latency", "Latency, half within", duration(outcomes.all_waits.p50_ms), `95 % within ${duration(outcomes.all_waits.p95_ms)}`],
    ["first-token", "First token, half within", duration(outcomes.all_waits.first_token_p50_ms), `95 % within ${duration(outcomes.all_waits.first_token_p95_ms)}`],
  ];
  $("figure-list").replaceChildren(...figures.map(([id, name, value, more]) =>
    element("div", {},
      element("dt", {}, name),
      element("dd", { id: `figure-${id}` }, value),
      more ? element("dd", { class: "more" }, more) : null)));
}

// What nobody knows the price of is not known to be nothing.
function cost(sums, field) {
  return money(sums.requests > 0 && sums.unpriced === sums.requests ? null : sums[field]);
}

const usagePrompt = (usage) => usage.input + usage.cache_read + usage.cache_write + usage.cache_write_long;

const SUMS = [
  { title: "Requests", number: true, cell: (row) => count(row.requests) },
  { title: "Failed", number: true, cell: (row) => row.failed > 0 ? element("span", { class: "bad" }, count(row.failed)) : "0" },
  { title: "Tokens in", number: true, cell: (row) => count(usagePrompt(row.usage)) },
  { title: "From cache", number: true, cell: (row) => count(row.usage.cache_read) },
  { title: "Tokens out", number: true, cell: (row) => count(row.usage.output) },
  { title: "Cache saved", number: true, cell: (row) => cost(row, "saved_prompt_cache_nanousd") },
  { title: "Cost", number: true, cell: (row) => cost(row, "cost_nanousd") },
];

function withRest(groups) {
  return groups.rest ? [...groups.groups, { ...groups.rest, name: `${groups.others} others` }] : groups.groups;
}

function showDays() {
  const days = stats.by.day.groups;
  const rows = days.slice(-62).map((day) => ({ name: day.name, value: day.cost_nanousd }));
  const label = `Cost by day; ${days.length} days, ${money(stats.totals.cost_nanousd)} in all`;
  columns($("days-chart"), rows, label, money);
  table($("days-table"), [{ title: "Day", head: true, cell: (row) => row.name }, ...SUMS],
    [...withRest(stats.by.day)].reverse(), "No requests in this period.");
}

function partName(row) {
  if (row.owner) return `${row.owner} (${row.name})`;
  if (row.name) return row.name;
  return { key: "without a key", tier: "no tier chosen", client: "Distiq's own agent" }[chosen("part")] ?? "none";
}

function showParts() {
  const total = stats.totals.cost_nanousd;
  const share = {
    title: "Share of cost", class: "share",
    cell: (row) => bar(total > 0 ? row.cost_nanousd / total : 0),
  };
  table($("parts-table"), [{ title: "Name", head: true, cell: partName }, share, ...SUMS],
    withRest(stats.by[chosen("part")]), "No requests in this period.");
}

function showWaits() {
  const all = stats.outcomes.all_waits;
  const rows = [
    { name: "First token", half: all.first_token_p50_ms, most: all.first_token_p95_ms },
    { name: "Whole answer", half: all.p50_ms, most: all.p95_ms },
  ].map((row) => ({ ...row, text: `${row.name}: half within ${duration(row.half)}, 95 % within ${duration(row.most)}` }));
  ranges($("waits-chart"), rows, rows.map((row) => row.text).join("; "));
  const wait = (title, field) => ({ title, number: true, cell: (row) => duration(row[field]) });
  table($("waits-table"), [
    { title: "Provider", head: true, cell: (row) => row.name },
    wait("50 %", "p50_ms"), wait("95 %", "p95_ms"), wait("99 %", "p99_ms"),
    wait("First 50 %", "first_token_p50_ms"), wait("First 95 %", "first_token_p95_ms"),
  ], stats.outcomes.waits, "No successful requests in this period.");
}

function showTroubles() {
  const { outcomes, totals } = stats;
  const lines = [
    ["Sent to vendors", count(outcomes.attempts)],
    ["Fall-backs to another model or provider", count(outcomes.fallbacks)],
    ["Failed or cancelled", count(totals.failed)],
    ...outcomes.errors.map((error) => [`– ${error.name.replaceAll("_", " ")}`, count(error.count)]),
    ...(stats.denied_since_start ?? []).map(([name, times]) =>
      [`Turned away since the start: ${name.replaceAll("_", " ")}`, count(times)]),
  ];
  $("troubles").replaceChildren(...lines.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function showBudgets() {
  $("budgets-card").hidden = stats.budgets.length === 0;
  $("budgets").replaceChildren(...stats.budgets.map((budget) => {
    const of = budget.key ? `${budget.owner || "key"} (${budget.key})` : "Everybody";
    const name = `${of}, this ${budget.scope}`;
    const share = budget.limit_nanousd > 0 ? budget.spent_nanousd / budget.limit_nanousd : 1;
    const figures = `${money(budget.spent_nanousd)} of ${money(budget.limit_nanousd)} (${percent(share)})`;
    const told = element("span", { class: share >= 1 ? "bad" : share >= 0.8 ? "warn" : null }, figures);
    return element("li", {}, element("p", {}, element("span", {}, name), told), bar(share, share >= 1));
  }));
}

function showNodes() {
  const nodes = stats.nodes ?? [];
  $("nodes-card").hidden = nodes.length === 0;
  const state = (node) => node.state === "closed" ? "answers" : element("span", { class: "bad" }, node.state === "open" ? "left alone" : "on trial");
  table($("nodes-table"), [
    { title: "Provider", head: true, cell: (node) => node.provider },
    { title: "Node", cell: (node) => node.node },
    { title: "State", cell: state },
    { title: "Under way", number: true, cell: (node) => count(node.in_flight) },
    { title: "Attempts", number: true, cell: (node) => count(node.requests) },
    { title: "Failures", number: true, cell: (node) => count(node.failures) },
  ], nodes, "");
}

function showRequests() {
  const begun = [...running.values()].reverse().map((request) => ({ ...request, isRunning: true, model: request.asked }));
  const rows = [...begun, ...stats.latest.filter((row) => row.state !== "open")].slice(0, MOST_ROWS);
  const outcome = (row) => {
    if (row.isRunning) return element("span", { class: "running" }, "running");
    if (row.error) return element("span", { class: "bad" }, row.error.replaceAll("_", " "));
    return row.fallbacks > 0 ? "fell back" : "ok";
  };
  table($("requests-table"), [
    { title: "Time", head: true, cell: (row) => new Date(row.at).toLocaleTimeString() },
    { title: "Outcome", cell: outcome },
    { title: "Model", cell: (row) => row.provider ? `${row.provider}/${row.model}` : row.model },
    { title: "Key", cell: (row) => row.owner || row.key || "–" },
    { title: "Dialect", cell: (row) => row.dialect ?? "–" },
    { title: "In", number: true, cell: (row) => row.isRunning ? "–" : count(row.input) },
    { title: "Out", number: true, cell: (row) => row.isRunning ? "–" : count(row.output) },
    { title: "First token", number: true, cell: (row) => duration(row.first_token_ms) },
    { title: "Took", number: true, cell: (row) => duration(row.took_ms) },
    { title: "Cost", number: true, cell: (row) => row.isRunning ? "–" : money(row.cost_nanousd) },
  ], rows, "No requests in this period.");
}

// ---- choices --------------------------------------------------------------------------------

$("period").addEventListener("change", load);
$("part").addEventListener("change", () => { if (stats) showParts(); });
$("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  $("pause").setAttribute("aria-pressed", String(isPaused));
  $("pause").textContent = isPaused ? "Go on" : "Pause";
  if (!isPaused) load();
});

const THEMES = ["system", "light", "dark"];
function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  $("theme").textContent = `Theme: ${name}`;
  $("theme").dataset.now = name;
}
$("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf($("theme").dataset.now) + 1) % THEMES.length];
  localStorage.setItem("distiq-theme", next);
  theme(next);
});
theme(THEMES.includes(localStorage.getItem("distiq-theme")) ? localStorage.getItem("distiq-theme") : "system");

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && stats && !isPaused) load();
});
let resizing = null;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => { if (stats) { showDays(); showWaits(); } }, 150);
});

load();
