/* The picture: Python draws it, once for every degree of detail; this writes into its cells. */

const $ = (id) => document.getElementById(id);
const model = JSON.parse($("model").textContent);

/** An element: `tag.class`, attributes (functions listen), children. */
function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// --- numbers

const minus = (text) => String(text).replaceAll("-", "−").replace("e+", "e");
/** A number as Python's pictures have it. */
function num(x, digits = 3) {
  if (x !== x) return "NaN";
  if (Math.abs(x) === Infinity) return x < 0 ? "−∞" : "∞";
  const size = Math.abs(x);
  if (size >= 999.5 && size < 9999.5) return minus(x.toFixed(0));
  if (x !== 0 && (size < 1e-4 || size >= 10 ** digits)) return minus((+x.toPrecision(digits)).toExponential());
  return minus(+x.toPrecision(digits));
}
const topOf = (d) => d.reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 0);
/** How many decimals the entries of an array have: four digits for the largest, fewer if exact;
    null for numbers that are too small or large for that. */
function decimalsOf(d) {
  const top = topOf(d), power = top ? Math.floor(Math.log10(top)) : 0;
  if (power <= (d.length === 1 ? -4 : -3) || power >= 5) return null;
  let decimals = power >= 0 ? Math.max(0, 3 - power) : d.length > 1 ? 3 : 2 - power;
  const finite = [...d].filter(Number.isFinite);
  while (decimals && finite.every((x) => x === +x.toFixed(decimals - 1))) decimals -= 1;
  return decimals;
}
function entryText(x, decimals, many) {
  if (x === 0 || !Number.isFinite(x)) return num(x);
  if (decimals === null) return num(x, many ? 2 : 3);
  return +Math.abs(x).toFixed(decimals) === 0 ? num(x, 1) : minus(x.toFixed(decimals));
}
function levelOf(x, top) {
  const level = Math.round(Math.min(1, top ? Math.abs(x) / top : 0) * 12);
  return x !== x ? "undefined" : `${x < 0 && level ? "n" : "p"}${level}`;
}

/** The means of equal runs of rows and columns: what the tiles of a large array show. */
function tiles(d, shape) {
  const m = shape.at(-1), n = d.length / m;
  const [rows, columns] = [Math.min(n, model.tiles[0]), Math.min(m, model.tiles[1])];
  const starts = (k, all) => Array.from({ length: k + 1 }, (_, i) => Math.floor((i * all) / k));
  const [r, c] = [starts(rows, n), starts(columns, m)];
  const found = [];
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) {
      const inside = [];
      for (let a = r[i]; a < r[i + 1]; a += 1) for (let b = c[j]; b < c[j + 1]; b += 1) inside.push(d[a * m + b]);
      found.push({ rows: [r[i], r[i + 1] - 1], columns: [c[j], c[j + 1] - 1], inside,
        mean: inside.reduce((p, q) => p + q, 0) / inside.length });
    }
  }
  return { rows, columns, found };
}

// --- the views: one picture for every degree of detail

const views = model.views.map((view, k) => ({ ...view, svg: document.querySelectorAll("#picture svg")[k] }));
let view = views[0];

/** What is looked up in a view, the first time that it is shown. */
function opened(v) {
  if (v.items) return;
  v.items = new Map(v.boxes.map((box) => [box.id, box]));
  v.boxOf = new Map(); // node -> the box that shows it
  v.names = new Map(); // place -> what it is called there: {text, node, role}
  const name = (place, text, node, role) => {
    if (place === null || place === undefined) return;
    if (!v.names.has(place)) v.names.set(place, []);
    v.names.get(place).push({ text, node, role });
  };
  for (const box of v.boxes) {
    if (!box.shows.length) name(box.given, box.name, null, "value");
    for (const k of box.shows) {
      if (v.boxOf.has(k) || box.kind === "stub") continue;
      v.boxOf.set(k, box);
      if (box.shows.length === 1) name(model.nodes[k].value, box.name, k, "value");
    }
  }
  for (const { kind, name: text, shows: [k] } of v.boxes) {
    if (kind === "stub" && !v.boxOf.has(k)) name(model.nodes[k].value, text, k, "value");
  }
  for (const [k, box] of v.boxOf) if (box.shows.length === 1) name(model.nodes[k].gradient, box.symbol, k, "gradient");
  for (const g of v.svg.querySelectorAll(".box")) {
    const box = v.items.get(g.dataset.id);
    box.element = g;
    g.setAttribute("tabindex", "0");
    g.setAttribute("role", "button");
    box.panes = {};
    box.others = []; // what is shown as it was recorded: the steps of a repetition
    g.removeAttribute("aria-label"); // what is seen names it; its words would tell the gradient
    g.querySelector("title").remove();
    for (const pane of g.querySelectorAll(".pane")) {
      pane.setAttribute("aria-hidden", "true"); // the panel tells its numbers
      const role = pane.classList.contains("value") ? "value" : "gradient";
      if (box.panes[role]) box.others.push([role, pane]);
      box.panes[role] ??= { element: pane, cells: pane.querySelectorAll(".cell"), texts: pane.querySelectorAll(".entry"), shown: "" };
    }
  }
  v.links = [...v.svg.querySelectorAll(".link")].map((element) => ({
    element, s: element.dataset.from, t: element.dataset.to,
  }));
  v.inputs = Map.groupBy(v.links, (link) => link.t);
}

/** Write an array into a pane, unless `key` says that it is there. */
function fill(pane, d, shape, key) {
  if (pane.shown === key) return;
  pane.shown = key;
  const { cells, texts } = pane;
  if (!d.length || !cells.length) return;
  const values = cells.length >= d.length ? d : tiles(d, shape).found.map((t) => t.mean);
  const top = topOf(values), decimals = texts.length ? decimalsOf(d) : 0;
  for (let i = 0; i < values.length; i += 1) {
    const kind = `cell ${levelOf(values[i], top)}`;
    if (cells[i].getAttribute("class") !== kind) cells[i].setAttribute("class", kind);
    if (texts[i]) {
      const text = entryText(values[i], decimals, d.length > 1);
      if (texts[i].textContent !== text) texts[i].textContent = text;
    }
  }
}

// --- size: the stage scrolls

let scale = 1;
function resize(to) {
  const stage = $("stage"), box = view.svg.getBoundingClientRect(), s = stage.getBoundingClientRect();
  const middle = [s.left + s.width / 2 - box.left, s.top + s.height / 2 - box.top].map((x) => x / scale);
  scale = Math.min(4, Math.max(0.04, to));
  view.svg.setAttribute("width", view.width * scale);
  view.svg.setAttribute("height", view.height * scale);
  stage.scrollLeft = middle[0] * scale - s.width / 2;
  stage.scrollTop = middle[1] * scale - s.height / 2;
}
const whole = () => Math.min(($("stage").clientWidth - 24) / view.width, ($("stage").clientHeight - 24) / view.height);

/** Move as little as brings these boxes into view, the first of them above all. */
function reveal(ids) {
  const stage = $("stage"), frame = stage.getBoundingClientRect();
  const rects = ids.map((id) => view.items.get(id)?.element?.getBoundingClientRect()).filter(Boolean);
  if (!rects.length) return;
  for (const [low, high, size, scroll] of [["left", "right", "width", "scrollLeft"], ["top", "bottom", "height", "scrollTop"]]) {
    let [a, b] = [Math.min(...rects.map((r) => r[low])), Math.max(...rects.map((r) => r[high]))];
    if (b - a > frame[size] - 24) [a, b] = [rects[0][low], Math.min(rects[0][high], rects[0][low] + frame[size] - 24)];
    if (a < frame[low] + 12) stage[scroll] += a - frame[low] - 12;
    else if (b > frame[high] - 12) stage[scroll] += b - frame[high] + 12;
  }
}
