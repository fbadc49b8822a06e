/* The picture: drawn where Python laid it out, once for every degree of detail; its cells are live. */

const $ = (id) => document.getElementById(id);
const model = JSON.parse($("model").textContent);

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

// --- what is told, with all that was left out because it says nothing

const views = model.views;
let view = views[0];
model.nodes = model.nodes.map(([shape, value, gradient, leaf, texts]) => ({ shape, value, gradient, leaf, texts }));
model.panes = model.panes.map(({ at: [x, y, w, h, rows, columns, count], ...rest }) => (
  { x, y, w, h, rows, columns, count, slabs: [[0, 0]], captions: [], note: "", ...rest }));

function unpacked(v) {
  v.boxes = v.placed.map(([k, x, y, outside], id) => {
    const told = { formula: "", shape: "", lines: [], scope: [], mark: "", shows: [], ...model.boxes[k] };
    const shares = told.shares?.map(([to, name, parts, answers]) => ({ to, name, parts, answers }));
    return { ...told, id: `${id}`, x, y, node: told.shows.at(-1), shares: outside ? null : shares, outside: Boolean(outside),
      panes: told.panes.map((p) => ({ ...model.panes[p], shown: "" })) };
  });
  v.links = v.edges.map(([s, t, points, back, mark = "", words = "", count = 1, label = null]) => (
    { s: `${s}`, t: `${t}`, points, back, mark, words, count, label }));
  v.inputs = Map.groupBy(v.links, (link) => link.t);
  for (const box of v.boxes) box.symbol = `∂${model.name}/∂${box.name}`;
}

// --- drawing

const [PAD, HEAD, LINE, MARK] = model.sizes;
const esc = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`).replaceAll("  ", "\u00a0\u00a0");
/** Names in italics when they are single letters, as on paper: [piece, whether it is one]. */
const pieces = (words) => words.split(/(\p{L}[\p{L}\p{M}\d_.]*|[₀-₉]+)/u).filter(Boolean).map((part) => [part, /^\p{L}\p{M}*\d*$/u.test(part) && !/^[σΣΠδ]$/u.test(part)]);
const italic = (words) => pieces(words).map(([part, is]) => (is ? `<tspan class="i">${esc(part)}</tspan>` : esc(part))).join("");
const text = (kind, x, y, words, more = "") => `<text class="${kind}" x="${x}" y="${y}" ${more}>${/title|local|symbol/.test(kind) ? italic(words) : esc(words)}</text>`;
const rect = (kind, x, y, w, h, r = 0) => `<rect class="${kind}" x="${x}" y="${y}" width="${w}" height="${h}" rx="${r}"/>`;

/** A shaft, and the triangle at its end. */
function shaft(line, head, points, more = "") {
  const p = points.slice(), [x, y] = p.slice(-2);
  let k = p.length - 4;
  while (k > 0 && Math.hypot(x - p[k], y - p[k + 1]) <= 1) k -= 2;
  const size = Math.hypot(x - p[k], y - p[k + 1]) || 1, [u, v] = [(x - p[k]) / size, (y - p[k + 1]) / size];
  const [a, b] = [x - 7 * u, y - 7 * v];
  p.splice(-2, 2, a.toFixed(1), b.toFixed(1));
  return `<path class="${line}" d="M${p.slice(0, 2)}C${p.slice(2)}" ${more}/>`
    + `<polygon class="${head}" points="${[x, y, a - 3 * v, b + 3 * u, a + 3 * v, b - 3 * u].map((z) => z.toFixed(1))}"/>`;
}
function arrow({ points, back, mark, words, count, label, rail }) {
  const width = count > 1 ? `style="stroke-width:${(1.4 + 0.6 * Math.log10(count)).toFixed(1)}"` : "";
  let told = shaft("edge", "head", points, width);
  if (back.length) told += shaft("back", "tip", back);
  if (label) {
    const [x, y, w, high] = label;
    told += ["page", "pill"].slice(0, back.length ? 2 : 1).map((kind) => rect(kind, x - w / 2, y - high / 2, w, high, 7)).join("");
    told += text("local", x, y + 4, words, 'text-anchor="middle"');
  }
  const title = rail ? "residual stream: the gradient goes this way as it is" : count > 1 ? `${count} edges` : words;
  return `<g class="link ${mark}${rail ? " rail" : ""} dry">${title ? `<title>${esc(title)}</title>` : ""}${told}</g>`;
}
function cells(pane, symbol) {
  const { rows, columns, w, h: high, slabs, captions, count } = pane, per = rows * columns;
  let told = text(pane.role === "gradient" ? "symbol" : "label", 0, -4, pane.label ?? symbol);
  for (let k = 0; k < count; k += 1) {
    const [a, b] = slabs[Math.floor(k / per)], x = a + (k % columns) * w, y = b + Math.floor((k % per) / columns) * high;
    told += rect(`cell ${pane.levels ? (pane.levels[k] === null ? "undefined" : levelOf(pane.levels[k], 12)) : "p0"}`, x, y, w, high);
    if (pane.numbers || pane.texts?.length) told += text("entry", x + w / 2, y + high / 2 + 3.7, pane.texts?.[k] ?? "");
  }
  slabs.forEach(([x, y], k) => { told += rect("rim", x, y, columns * w, rows * high) + (captions[k] ? text("note", x, y - 3, captions[k]) : ""); });
  if (pane.note) told += text("note", 0, Math.max(...slabs.map(([, y]) => y)) + rows * high + 12, pane.note);
  return `<g class="pane ${pane.role}" aria-hidden="true" transform="translate(${pane.x} ${pane.y})">${told}</g>`;
}
function drawnBox(told) {
  const box = told.rows ? { ...told, formula: told.rows[0] } : told;
  const { size: [w, high], kind, name, formula, shape, mark, lines } = box, r = model.radius[kind], y = HEAD - 7;
  const name_ = `<tspan class="name">${italic(name)}</tspan>${formula ? ` = ${italic(formula)}` : ""}`;
  const right = w - PAD, end = 'text-anchor="end"';
  return `<g class="box ${kind} ${mark}" data-id="${box.id}" tabindex="0" role="button" transform="translate(${box.x} ${box.y})">`
    + (kind === "group" || box.many ? `<g transform="translate(4 4)">${rect("frame", 0, 0, w, high, r)}</g>` : "") + rect("frame", 0, 0, w, high, r)
    + `<text class="title" x="${PAD}" y="${y}">${name_}</text>${mark ? text("badge", right, y, model.marks[mark], end) : ""}`
    + (box.rows ?? []).slice(1).map((row, k) => text("title", PAD, y + LINE * (k + 1), row)).join("")
    + (shape ? text("shape", right - (mark ? MARK : 0), y, shape, end) : "") + box.panes.map((pane) => cells(pane, box.symbol)).join("")
    + lines.map((words, k) => text(box.opens && !k ? "note opens" : "note", PAD, high - 11 - LINE * (lines.length - 1 - k), words)).join("") + "</g>";
}
const FOLLOWED = 300; // arrows of a picture in which rails are looked for
/** An arrow along which a gradient goes as it is, beside longer ways: the residual stream. */
function rails(v) {
  const after = Map.groupBy(v.links, (link) => link.s);
  for (const link of v.links.length <= FOLLOWED ? v.links : []) {
    const { node } = v.boxes[link.s], target = v.boxes[link.t];
    if (target.shares?.find((share) => share.to === node)?.answers[0][0] !== target.symbol) continue;
    const seen = new Set(after.get(link.s).map(({ t }) => t).filter((t) => t !== link.t));
    for (const id of seen) for (const { t } of after.get(id) ?? []) seen.add(t);
    link.rail = seen.has(link.t);
  }
}
/** The picture of a view, made when it is first shown. */
function drawn(v) {
  if (v.svg) return;
  unpacked(v);
  for (const box of v.boxes) {
    const k = v === views[0] ? views.findIndex(({ of }) => of && box.shows.includes(of[0]) && of[1] === box.name) : 0;
    box.opens = Math.max(k, 0);
  }
  rails(v);
  v.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  [v.width, v.height] = v.size;
  for (const [key, value] of Object.entries({ class: "tgl", viewBox: `0 0 ${v.size.join(" ")}`, role: "group", "aria-label": v.alt })) v.svg.setAttribute(key, value);
  const frames = v.clusters.map(([x, y, w, high, words]) => `<g class="scope">${rect("cluster", x, y, w, high, 10)}`
    + `${rect("ground", x + 6, y + 4, 6.7 * words.length + 8, 15)}${text("label", x + 10, y + 15, words)}</g>`);
  v.svg.innerHTML = frames.join("") + v.links.map(arrow).join("") + v.boxes.map(drawnBox).join("");
  v.svg.querySelectorAll(".link").forEach((element, k) => { v.links[k].element = element; });
  v.svg.querySelectorAll(".box").forEach((element, k) => {
    v.boxes[k].element = element;
    element.querySelectorAll(".pane").forEach((pane, p) => Object.assign(v.boxes[k].panes[p], {
      element: pane, cells: pane.querySelectorAll(".cell"), texts: pane.querySelectorAll(".entry") }));
  });
}

/** Write an array into a pane, unless `key` says that it is there. */
function fill(pane, d, columns, key) {
  if (pane.shown === key || !d.length) return;
  pane.shown = key;
  const { cells: all, texts } = pane;
  const values = all.length >= d.length ? d : tiles(d, columns, [pane.rows, pane.columns]).found.map((t) => t.mean);
  const top = topOf(values), decimals = texts.length ? decimalsOf(d) : 0;
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
  const rects = ids.map((id) => view.boxes[id]?.element.getBoundingClientRect()).filter(Boolean);
  if (!rects.length) return;
  for (const [low, high, size, scroll] of [["left", "right", "width", "scrollLeft"], ["top", "bottom", "height", "scrollTop"]]) {
    let [a, b] = [Math.min(...rects.map((r) => r[low])), Math.max(...rects.map((r) => r[high]))];
    if (b - a > frame[size] - 24) [a, b] = [rects[0][low], Math.min(rects[0][high], rects[0][low] + frame[size] - 24)];
    if (a < frame[low] + 12) stage[scroll] += a - frame[low] - 12;
    else if (b > frame[high] - 12) stage[scroll] += b - frame[high] + 12;
  }
}
