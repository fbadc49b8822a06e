/* The picture, as Python drew it, once for every degree of detail; its cells are filled here, and live. */

const $ = (id) => document.getElementById(id);
const packed = new Blob([bytes($("model").textContent)]).stream();
const model = await new Response(packed.pipeThrough(new DecompressionStream("deflate"))).json();
const views = model.views;
let view = views[0];

/** An element: `tag.class`, attributes, children. */
function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
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
  while (decimals && d.every((x) => !Number.isFinite(x) || x === +x.toFixed(decimals - 1))) decimals -= 1;
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
function tiles(d, m, most) {
  const n = d.length / m, [rows, columns] = [Math.min(n, most[0]), Math.min(m, most[1])];
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

// --- drawing

const NS = "http://www.w3.org/2000/svg";
/** Names in italics when they are single letters, as on paper: [piece, whether it is one]. */
const pieces = (words) => words.split(/((?!\p{Lm})\p{L}(?:(?!\p{Lm})[\p{L}\p{M}\d_.])*|[₀-₉]+)/u).filter(Boolean).map((part) => [part, /^(?!\p{Lm})\p{L}\p{M}*\d*$/u.test(part) && !/^[σΣΠδ]$/u.test(part)]);
/** The texts in an element of the picture, set that way. */
function italic(element) {
  for (const part of [...element.childNodes].filter((child) => child.data)) {
    part.replaceWith(...pieces(part.data).map(([words, is]) => {
      if (!is) return words;
      const name = document.createElementNS(NS, "tspan");
      name.setAttribute("class", "i");
      name.textContent = words;
      return name;
    }));
  }
}

/** The logarithms of sizes as heights, as Python has them. */
function barsOf(norms, columns = norms.length) {
  const logs = tiles(norms.map(Math.log10), norms.length, [1, columns]).found.map((t) => t.mean), known = logs.filter(Number.isFinite);
  const top = Math.max(...known), far = Math.max(1, top - Math.min(...known));
  return logs.map((x) => (Number.isFinite(x) ? 12 - Math.round(11 * (top - x) / far) : 0));
}
const norm = (d) => Math.hypot(...d.filter(Number.isFinite));
/** An array in a few words: the norm of a gradient, or from where to where values go. */
function inShort(d, role) {
  const known = d.filter(Number.isFinite);
  return role === "gradient" ? `norm ${num(norm(d))}` : `${num(Math.min(...known))} … ${num(Math.max(...known))}`;
}

/** The picture of a view, made when it is first shown, and what its boxes, panes and arrows are in it. */
function drawn(v) {
  if (v.element) return;
  v.element = document.createElementNS(NS, "svg");
  for (const [key, value] of Object.entries({ class: "tgl", viewBox: `0 0 ${v.size.join(" ")}`, role: "group", "aria-label": v.alt })) v.element.setAttribute(key, value);
  v.element.innerHTML = v.svg;
  v.element.querySelectorAll(".title, .name, .local, .symbol").forEach(italic);
  const of = new Map();
  v.element.querySelectorAll(".box").forEach((element, id) => {
    const box = Object.assign(v.boxes[id], { id, element, node: v.boxes[id].shows.at(-1), symbol: `∂${model.name}/∂${v.boxes[id].name}` });
    of.set(element.dataset.id, box);
    element.dataset.id = id;
    if (box.opens) element.querySelector(":scope > .note").classList.add("opens");
    element.querySelectorAll(".pane").forEach((pane, p) => Object.assign(box.panes[p], { element: pane, shown: "", label: pane.firstChild.textContent,
      cells: pane.querySelectorAll(".cell"), texts: pane.querySelectorAll(".entry"), bars: pane.querySelectorAll(".bar") }));
  });
  v.links = [...v.element.querySelectorAll(".link")].map((element) => ({ element, from: of.get(element.dataset.from), to: of.get(element.dataset.to) }));
  v.users = new Map(v.links.map(({ from, to }) => [from, to]));
  v.inputs = Map.groupBy(v.links, ({ to }) => (to.kind === "stub" ? v.users.get(to) : to)); // of a loop's first step too
}
/** The box that an element of the picture is in. */
const boxAt = (element) => view.boxes[element?.closest?.(".box")?.dataset.id];

/** Write an array into a pane, unless `key` says that it is there; on one scale with those beside it. */
function fill(pane, d, columns, key, beside) {
  if (pane.shown === key || !d.length) return;
  pane.shown = key;
  const { cells: all, texts } = pane;
  const shown = (a) => (all.length >= a.length ? a : tiles(a, columns, [pane.rows, pane.columns]).found.map((t) => t.mean));
  const values = shown(d), top = Math.max(...[d, ...beside].map((a) => topOf(shown(a))));
  const decimals = texts.length ? decimalsOf([d, ...beside].flatMap((a) => [...a])) : 0;
  for (let i = 0; i < values.length; i += 1) {
    const kind = `cell ${levelOf(values[i], top)}`;
    if (all[i].getAttribute("class") !== kind) all[i].setAttribute("class", kind);
    if (texts[i]) {
      const words = entryText(values[i], decimals, d.length > 1);
      if (texts[i].textContent !== words) texts[i].textContent = words;
    }
  }
}

// --- size: the stage scrolls

let scale = 1;
function resize(to) {
  const stage = $("stage"), box = view.element.getBoundingClientRect(), s = stage.getBoundingClientRect();
  const middle = [s.left + s.width / 2 - box.left, s.top + s.height / 2 - box.top].map((x) => x / scale);
  scale = Math.min(4, Math.max(0.04, to));
  view.element.setAttribute("width", view.size[0] * scale);
  view.element.setAttribute("height", view.size[1] * scale);
  stage.scrollLeft = middle[0] * scale - s.width / 2;
  stage.scrollTop = middle[1] * scale - s.height / 2;
  cull();
}
const whole = () => Math.min(($("stage").clientWidth - 24) / view.size[0], ($("stage").clientHeight - 24) / view.size[1]);

/** From where to where some boxes reach in the picture. */
const around = (boxes) => ({ left: Math.min(...boxes.map((b) => b.x)), right: Math.max(...boxes.map((b) => b.x + b.width)),
  top: Math.min(...boxes.map((b) => b.y)), bottom: Math.max(...boxes.map((b) => b.y + b.height)) });
/** Move as little as brings these boxes into view, the first of them above all. */
function reveal(boxes) {
  const stage = $("stage"), frame = stage.getBoundingClientRect(), own = view.element.getBoundingClientRect();
  const [all, one] = [around(boxes), around(boxes.slice(0, 1))];
  for (const [low, high, size, scroll] of [["left", "right", "width", "scrollLeft"], ["top", "bottom", "height", "scrollTop"]]) {
    const at = (z) => own[low] + z * scale;
    let [a, b] = [at(all[low]), at(all[high])];
    if (b - a > frame[size] - 24) [a, b] = [at(one[low]), Math.min(at(one[high]), at(one[low]) + frame[size] - 24)];
    if (a < frame[low] + 12) stage[scroll] += a - frame[low] - 12;
    else if (b > frame[high] - 12) stage[scroll] += b - frame[high] + 12;
  }
}
