/* The picture: Python draws it; this folds its scopes, moves its boxes, zooms and pans. */

const $ = (id) => document.getElementById(id);
const model = JSON.parse($("model").textContent);
const svg = $("picture").querySelector("svg");
const down = model.direction === "down";
const SVG = "http://www.w3.org/2000/svg";

// --- the graph: boxes, groups (folded scopes) and edges, with their elements

const items = new Map(); // id -> box or group
for (const box of model.boxes) items.set(box.id, box);
for (const group of model.groups) items.set(group.id, group);
for (const g of svg.querySelectorAll("[data-id]")) items.get(g.dataset.id).element = g;
const scopes = svg.querySelectorAll(".scope");
const frames = new Map(); // group id -> the frame around the open scope
for (const group of model.groups) {
  const frame = scopes[group.scope];
  frame.dataset.group = group.id;
  frames.set(group.id, frame);
}
const edges = [...svg.querySelectorAll(".link")].map((element) => ({
  element, s: element.dataset.from, t: element.dataset.to,
}));
const inputs = new Map(); // box id -> edges that lead to it
for (const edge of edges) {
  if (!inputs.has(edge.t)) inputs.set(edge.t, []);
  inputs.get(edge.t).push(edge);
}
const folded = new Set(model.folded);
const isGroup = (item) => item.frame !== undefined;

/** The id under which a box is seen: its own, or that of the outermost folded scope around it. */
const seen = (id) => items.get(id).path.find((scope) => folded.has(scope)) ?? id;

function make(name, attributes, parent, text) {
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// --- layout: as Python laid it out; with folded scopes, in columns that keep the order

const GAP = 18, COLUMN = 56, MARGIN = 14, TITLE = 26;
const ordinal = new Map(model.boxes.map((box, i) => [box.id, i])); // order of execution
const middle = new Map(); // where Python put it, across the direction of the picture
const laid = (item) => item.frame ?? item;
const across = (r) => (down ? r.x + r.w / 2 : r.y + r.h / 2);
for (const item of items.values()) middle.set(item.id, across(laid(item)));
model.boxes.forEach((box, i) => {
  for (const scope of box.path) ordinal.set(scope, Math.max(ordinal.get(scope) ?? 0, i));
});

function arrange() {
  const shown = [...items.values()].filter((item) => seen(item.id) === item.id
    && (!isGroup(item) || folded.has(item.id)));
  const open = model.groups.filter((g) => !folded.has(g.id) && seen(g.id) === g.id);
  const visible = new Set(shown);
  for (const group of open) Object.assign(group, { left: group.frame.x, top: group.frame.y,
    width: group.frame.w, height: group.frame.h });
  for (const box of shown) Object.assign(box, { left: box.x, top: box.y });
  if (folded.size) columns(shown, open);
  for (const item of items.values()) {
    const on = visible.has(item);
    if (on) {
      const move = `translate(${item.left.toFixed(1)} ${item.top.toFixed(1)})`;
      if (item.move !== move) item.element.setAttribute("transform", item.move = move);
    }
    if (item.visible !== on) item.element.style.display = on ? "" : "none";
    item.visible = on;
  }
  arrangeFrames(new Set(open));
  arrangeEdges();
  const rooms = [...shown.map((i) => [i.left, i.top, i.left + i.w, i.top + i.h]),
    ...open.map((g) => [g.left, g.top, g.left + g.width, g.top + g.height])];
  const [x, y, right, bottom] = [0, 1, 2, 3].map((k) =>
    rooms.reduce((best, r) => (k < 2 ? Math.min : Math.max)(best, r[k]), k < 2 ? 1e9 : -1e9));
  extent = { x: x - 16, y: y - 16, w: right - x + 32, h: bottom - y + 32 };
}

/** Lay out every open scope by itself, innermost first, each then a box in the one around it. */
function columns(shown, open) {
  const inside = new Map([[null, []], ...open.map((g) => [g.id, []])]);
  for (const item of [...shown, ...open]) inside.get(item.path.at(-1) ?? null).push(item);
  const links = new Map([...inside.keys()].map((scope) => [scope, new Map()]));
  for (const edge of edges) {
    const a = chain(edge.s), b = chain(edge.t);
    let n = 0;
    while (n < a.length && a[n] === b[n]) n += 1;
    if (n === a.length || n === b.length) continue;
    links.get(n ? a[n - 1] : null).set(`${a[n]} ${b[n]}`, [a[n], b[n]]);
    for (let k = n + 1; k < a.length; k += 1) links.get(a[k - 1]).set(`${a[k]} `, [a[k], null]);
    for (let k = n + 1; k < b.length; k += 1) links.get(b[k - 1]).set(` ${b[k]}`, [null, b[k]]);
  }
  lanes.clear();
  const scopes = [...open].sort((a, b) => b.path.length - a.path.length).map((g) => g.id);
  for (const scope of [...scopes, null]) {
    const size = stack(scope, inside.get(scope), [...links.get(scope).values()]);
    if (scope === null) continue;
    const group = items.get(scope);
    group.width = Math.max(size[0] + 2 * MARGIN, group.title.length * 7.2 + 24);
    group.height = size[1] + MARGIN + TITLE;
  }
  for (const scope of [...scopes].reverse()) {
    const group = items.get(scope);
    for (const item of inside.get(scope)) {
      const [right, below] = [group.left + MARGIN, group.top + TITLE];
      item.left += right;
      item.top += below;
      item.near += down ? below : right;
      item.far += down ? below : right;
    }
  }
}
/** A box and the scopes around it as they are seen, outermost first. */
function chain(id) {
  const { path } = items.get(id);
  const at = path.findIndex((scope) => folded.has(scope));
  return at < 0 ? [...path, id] : path.slice(0, at + 1);
}

const lanes = new Map(); // "scope source target" -> the places where arrows pass other columns

/** Columns by the longest path; in each, the order that Python gave. An arrow that passes a column,
    on its way through or in or out (source or target null), gets a lane there. Returns width and
    height. */
function stack(scope, children, pairs) {
  const long = down ? "h" : "w", wide = down ? "w" : "h";
  const size = (item) => (isGroup(item) && !folded.has(item.id)
    ? { w: item.width, h: item.height } : { w: item.w + (isGroup(item) ? 4 : 0), h: item.h });
  const order = (id) => ordinal.get(id);
  const column = new Map(children.map((item) => [item.id, 0]));
  const ahead = pairs.filter(([a, b]) => a && b && order(a) < order(b));
  ahead.sort((p, q) => order(p[0]) - order(q[0]));
  for (const [a, b] of ahead) column.set(b, Math.max(column.get(b), column.get(a) + 1));
  const entered = new Set(ahead.map(([, b]) => b));
  const nearest = new Map();
  for (const [a, b] of ahead) {
    nearest.set(a, Math.min(nearest.get(a) ?? Infinity, column.get(b) - 1));
  }
  for (const [id, at] of nearest) if (!entered.has(id)) column.set(id, at);
  const used = [...new Set(column.values())].sort((a, b) => a - b);
  const ranks = used.map((at) => children.filter((item) => column.get(item.id) === at));
  const near = new Map(children.map((item) => [item.id, []]));
  for (const [a, b] of pairs) {
    const from = a ? used.indexOf(column.get(a)) + 1 : 0;
    const to = b ? used.indexOf(column.get(b)) : ranks.length;
    if (a && b && from > to) continue;
    const passed = ranks.slice(from, to).map((rank, i) => {
      const lane = { id: `~${a} ${b} ${i}`, w: 4, h: 4, path: [] };
      middle.set(lane.id, middle.get(b ?? a));
      near.set(lane.id, []);
      rank.push(lane);
      return lane;
    });
    children.push(...passed);
    lanes.set(`${scope} ${a ?? ""} ${b ?? ""}`, passed);
    const way = [a, ...passed.map((lane) => lane.id), b].filter(Boolean);
    for (let i = 1; i < way.length; i += 1) {
      near.get(way[i - 1]).push(way[i]);
      near.get(way[i]).push(way[i - 1]);
    }
  }
  const centre = new Map();
  let start = 0;
  for (const rank of ranks) {
    rank.sort((a, b) => middle.get(a.id) - middle.get(b.id));
    const room = Math.max(...rank.map((item) => size(item)[long]));
    for (const item of rank) {
      item[down ? "top" : "left"] = start + (room - size(item)[long]) / 2;
      Object.assign(item, { near: start, far: start + room }); // its column
    }
    start += room + COLUMN;
  }
  for (const sweep of [ranks, ranks, [...ranks].reverse(), ranks]) {
    for (const rank of sweep) settle(rank, near, centre, (i) => size(i)[wide]);
  }
  const low = Math.min(...children.map((i) => centre.get(i.id) - size(i)[wide] / 2));
  const high = Math.max(...children.map((i) => centre.get(i.id) + size(i)[wide] / 2));
  for (const item of children) {
    item[down ? "left" : "top"] = centre.get(item.id) - size(item)[wide] / 2 - low;
  }
  return down ? [high - low, start - COLUMN] : [start - COLUMN, high - low];
}

/** Move a column's boxes towards the middle of their neighbours, in their order, side by side:
    runs that touch move as one. */
function settle(rank, near, centre, size) {
  const runs = [];
  let last = 0;
  for (const item of rank) {
    const known = near.get(item.id).map((id) => centre.get(id)).filter((c) => c !== undefined);
    const want = known.length ? known.reduce((a, b) => a + b) / known.length
      : centre.get(item.id) ?? last + size(item) / 2;
    last = want + size(item) / 2 + GAP;
    let run = { items: [item], length: size(item), want: want - size(item) / 2, weight: 1 };
    while (runs.length && runs.at(-1).want + runs.at(-1).length + GAP > run.want) {
      const before = runs.pop();
      const shift = before.length + GAP;
      const weight = before.weight + run.weight;
      run = {
        items: [...before.items, ...run.items], length: shift + run.length, weight,
        want: (before.want * before.weight + (run.want - shift) * run.weight) / weight,
      };
    }
    runs.push(run);
  }
  for (const run of runs) {
    let at = run.want;
    for (const item of run.items) {
      centre.set(item.id, at + size(item) / 2);
      at += size(item) + GAP;
    }
  }
}

function arrangeFrames(open) {
  const owned = new Set(frames.values());
  for (const frame of scopes) {
    if (!owned.has(frame)) frame.style.display = folded.size ? "none" : "";
  }
  for (const group of model.groups) {
    const element = frames.get(group.id);
    element.style.display = open.has(group) ? "" : "none";
    if (!open.has(group)) continue;
    const rect = element.querySelector("rect"), title = element.querySelector("text");
    for (const [name, key] of [["x", "left"], ["y", "top"], ["width", "width"],
      ["height", "height"]]) rect.setAttribute(name, group[key]);
    title.setAttribute("x", group.left + 10);
    title.setAttribute("y", group.top + 15);
  }
}

const pool = new Map(); // "source target" -> the arrow that stands for all between two boxes
const bundles = svg.querySelector(".bundles");

function arrangeEdges() {
  const wanted = new Map();
  for (const edge of edges) {
    const s = seen(edge.s), t = seen(edge.t);
    const own = !folded.size;
    edge.key = own || s === t ? "" : `${s} ${t}`;
    if (edge.own !== own) edge.element.style.display = own ? "" : "none";
    edge.own = own;
    if (edge.key) wanted.set(edge.key, [s, t]);
  }
  for (const [key, arrow] of pool) arrow.style.display = wanted.has(key) ? "" : "none";
  for (const [key, [s, t]] of wanted) {
    if (!pool.has(key)) {
      const arrow = document.createElementNS(SVG, "g");
      arrow.setAttribute("class", "link");
      for (const [name, kind] of [["path", "edge"], ["polygon", "head"]]) {
        const part = document.createElementNS(SVG, name);
        part.setAttribute("class", kind);
        arrow.append(part);
      }
      bundles.append(arrow);
      pool.set(key, arrow);
    }
    connect(pool.get(key), items.get(s), items.get(t));
  }
  for (const edge of edges) edge.shown = edge.own ? edge.element : pool.get(edge.key);
}

/** An arrow from the far side of one box to the near side of another. It bends between columns and
    runs straight through them, in its lanes, so that it does not pass behind other boxes. */
function connect(arrow, a, b) {
  const [from, to] = [chain(a.id), chain(b.id)];
  let n = 0;
  while (from[n] === to[n]) n += 1;
  const [x0, y0, x1, y1] = down
    ? [a.top + a.h, a.left + a.w / 2, b.top, b.left + b.w / 2]
    : [a.left + a.w, a.top + a.h / 2, b.left, b.top + b.h / 2];
  const runs = [[x0, items.get(a.id).far, y0]]; // straight ones: start, end, place across
  const through = (scope, source, target) => (lanes.get(`${scope} ${source} ${target}`) ?? [])
    .map((lane) => [lane.near, lane.far, down ? lane.left + 2 : lane.top + 2]);
  for (let k = from.length - 1; k > n; k -= 1) {
    runs.push(...through(from[k - 1], from[k], ""));
    runs.at(-1)[1] = items.get(from[k - 1]).far;
  }
  runs.push(...through(n ? from[n - 1] : null, from[n], to[n]));
  let entry = items.get(to[n]).near;
  for (let k = n + 1; k < to.length; k += 1) {
    for (const run of through(to[k - 1], "", to[k])) {
      runs.push([Math.min(entry, run[0]), run[1], run[2]]);
      entry = Infinity;
    }
    entry = Math.min(entry, items.get(to[k]).near);
  }
  runs.push([Math.min(entry, x1 - 7) - 4, x1 - 7, y1]);
  const p = (along, across) => (down ? `${across} ${along}` : `${along} ${across}`);
  let d = `M${p(x0, y0)}`, last = null;
  for (const [start, end, place] of runs) {
    if (last) {
      const bend = Math.max(10, Math.abs(start - last[1]) / 2);
      d += `C${p(last[1] + bend, last[2])} ${p(start - bend, place)} ${p(start, place)}`;
    }
    d += `L${p(end, place)}`;
    last = [start, end, place];
  }
  arrow.querySelector(".edge").setAttribute("d", d);
  arrow.querySelector(".head").setAttribute("points",
    [p(x1, y1), p(x1 - 7, y1 - 3), p(x1 - 7, y1 + 3)].join(" "));
}

let extent = { x: 0, y: 0, w: 1, h: 1 };

// --- zoom and pan: the view is {x, y, k}, the picture's point (x, y) at the corner, scaled by k

const layer = svg.querySelector(".view");
const view = { x: 0, y: 0, k: 1 };
let framed = 0;

function look() {
  framed = 0;
  layer.setAttribute("transform", `scale(${view.k}) translate(${-view.x} ${-view.y})`);
}
function soon() {
  if (!framed) framed = requestAnimationFrame(look);
}
const room = () => ({ w: svg.clientWidth || 800, h: svg.clientHeight || 500 });

function zoom(factor, px, py) {
  const { w, h } = room();
  const x = px ?? w / 2, y = py ?? h / 2;
  const k = Math.min(4, Math.max(0.04, view.k * factor));
  view.x += x / view.k - x / k;
  view.y += y / view.k - y / k;
  view.k = k;
  soon();
}

/** Show all of it; unless `all`, no smaller than can be read, and then from its beginning. */
function fit(all) {
  const { w, h } = room();
  const whole = Math.min(w / extent.w, h / extent.h, 1.3);
  view.k = all ? whole : Math.max(whole, 0.85);
  const x = extent.x + (extent.w - w / view.k) / 2, y = extent.y + (extent.h - h / view.k) / 2;
  view.x = down ? x : Math.min(x, extent.x);
  view.y = down ? Math.min(y, extent.y) : y;
  soon();
}

/** As large as can be read, with the step at hand, or the first, in view. */
function start() {
  fit(false);
  reveal(concerned(steps[position || Math.min(1, steps.length - 1)]));
}

/** Move as little as brings these boxes into view. */
function reveal(ids) {
  const boxes = ids.map((id) => items.get(id)).filter((item) => item.visible);
  if (!boxes.length) return;
  const { w, h } = room();
  for (const [start, side, length] of [["x", "left", w], ["y", "top", h]]) {
    const span = start === "x" ? "w" : "h";
    const margin = 14 / view.k, wide = length / view.k;
    const main = boxes[0];
    let low = Math.min(...boxes.map((b) => b[side])) - margin;
    let high = Math.max(...boxes.map((b) => b[side] + b[span])) + margin;
    if (high - low > wide) {
      low = main[side] - margin;
      high = main[side] + main[span] + margin;
    }
    if (low < view[start]) view[start] = low;
    else if (high > view[start] + wide) view[start] = high - wide;
  }
  soon();
}

const touches = new Map();
let moved = false;
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const { left, top } = svg.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)),
    event.clientX - left, event.clientY - top);
}, { passive: false });
svg.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  touches.set(event.pointerId, [event.clientX, event.clientY]);
  moved = false;
});
svg.addEventListener("pointermove", (event) => {
  const last = touches.get(event.pointerId);
  if (!last) return;
  const [x, y] = [event.clientX, event.clientY];
  if (!moved && Math.hypot(x - last[0], y - last[1]) < 4) return;
  if (!moved) svg.setPointerCapture(event.pointerId);
  moved = true;
  if (touches.size === 2) {
    const [other] = [...touches].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
    const { left, top } = svg.getBoundingClientRect();
    const apart = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
    zoom(apart([x, y]) / apart(last), (x + other[0]) / 2 - left, (y + other[1]) / 2 - top);
  } else {
    view.x -= (x - last[0]) / view.k;
    view.y -= (y - last[1]) / view.k;
    soon();
  }
  touches.set(event.pointerId, [x, y]);
});
for (const kind of ["pointerup", "pointercancel"]) {
  svg.addEventListener(kind, (event) => touches.delete(event.pointerId));
}
