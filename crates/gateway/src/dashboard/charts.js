// Small charts and tables, made of elements: no text is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  return fill(made, attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

// Dollars from nano-dollars, as the command line writes them: two decimals from ten cents up, else
// four, or six below a tenth of a cent.
export function money(nanos) {
  if (nanos === null || nanos === undefined) return "–";
  const size = Math.abs(nanos);
  const decimals = size === 0 || size >= 1e8 ? 2 : size >= 1e6 ? 4 : 6;
  const text = (Math.round(size / 10 ** (9 - decimals)) / 10 ** decimals).toFixed(decimals);
  const [whole, part] = text.split(".");
  return `${nanos < 0 ? "-" : ""}$${grouped(whole)}.${part}`;
}

const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");

export function count(number) {
  return number === null || number === undefined ? "–" : grouped(String(number));
}

export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
}

export function percent(share) {
  if (share === null || share === undefined) return "–";
  const value = share * 100;
  return `${value === 100 || value === 0 ? value : value.toFixed(1)} %`;
}

// A column is {title, cell, number, head}; `cell` returns text or an element.
export function table(target, columns, rows, empty) {
  if (rows.length === 0) {
    const nothing = element("td", { class: "empty", colspan: columns.length }, empty);
    target.replaceChildren(element("tbody", {}, element("tr", {}, nothing)));
    return;
  }
  const heads = columns.map((column) =>
    element("th", { scope: "col", class: column.number ? "number" : null }, column.title));
  const body = rows.map((row) =>
    element("tr", {}, ...columns.map((column) => {
      const content = column.cell(row);
      const name = column.class ?? (column.number ? "number" : null);
      return column.head
        ? element("th", { scope: "row", title: typeof content === "string" ? content : null }, content)
        : element("td", { class: name }, content);
    })));
  target.replaceChildren(
    element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body));
}

// A bar of a share from 0 to 1; its figure stands beside it as text.
export function bar(share, isOver = false) {
  const width = Math.max(0, Math.min(1, share)) * 100;
  return drawn("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("rect", { class: "track", width: 100, height: 8, rx: 1 }),
    drawn("rect", { class: isOver ? "fill over" : "fill", width, height: 8, rx: 1 }));
}

function niceTop(most) {
  if (most <= 0) return 1;
  const step = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * step).find((top) => top >= most);
}

// Columns over time: rows of {name, value}.
export function columns(target, rows, label, write) {
  if (rows.length === 0) {
    target.replaceChildren(element("p", { class: "empty" }, "Nothing yet."));
    return;
  }
  const width = Math.max(320, Math.min(1080, target.clientWidth || 720));
  const [height, left, bottom] = [180, 58, 22];
  const top = niceTop(Math.max(...rows.map((row) => row.value)));
  const inner = height - bottom - 8;
  const y = (value) => 8 + inner * (1 - value / top);
  const step = (width - left) / Math.max(rows.length, 7);
  const thick = Math.max(2, Math.min(36, step * 0.7));
  const parts = [0, 0.5, 1].flatMap((share) => [
    drawn("line", { class: "rule", x1: left, x2: width, y1: y(top * share), y2: y(top * share) }),
    drawn("text", { x: left - 8, y: y(top * share) + 4, "text-anchor": "end" }, write(top * share)),
  ]);
  const every = Math.ceil(64 / step);
  rows.forEach((row, index) => {
    const x = left + step * index + (step - thick) / 2;
    const high = Math.max(row.value > 0 ? 1 : 0, y(0) - y(row.value));
    parts.push(drawn("rect", { class: "fill", x, y: y(0) - high, width: thick, height: high, rx: 1.5 },
      drawn("title", {}, `${row.name}: ${write(row.value)}`)));
    if (index % every === 0) {
      parts.push(drawn("text", { x: x + thick / 2, y: height - 6, "text-anchor": "middle" }, row.name.slice(5)));
    }
  });
  target.replaceChildren(
    drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...parts));
}

// Ranges on one scale: rows of {name, half, most, text}, where `half` lies within `most`.
export function ranges(target, rows, label) {
  const known = rows.filter((row) => row.most !== null && row.most !== undefined);
  if (known.length === 0) {
    target.replaceChildren();
    return;
  }
  const width = Math.max(300, Math.min(640, target.clientWidth || 480));
  const [left, line] = [92, 30];
  const top = Math.max(1, ...known.map((row) => row.most));
  const x = (value) => (width - left - 4) * (value / top);
  const parts = known.flatMap((row, index) => [
    drawn("text", { x: 0, y: index * line + 16 }, row.name),
    drawn("rect", { class: "fill soft", x: left, y: index * line + 5, width: Math.max(2, x(row.most)), height: 14, rx: 2 }),
    drawn("rect", { class: "fill", x: left, y: index * line + 5, width: Math.max(2, x(row.half)), height: 14, rx: 2 },
      drawn("title", {}, row.text)),
  ]);
  target.replaceChildren(drawn("svg", {
    viewBox: `0 0 ${width} ${known.length * line}`, role: "img", "aria-label": label,
  }, ...parts));
}
