/* What makes an entry, and how it is shown: as an expression, as dashed frames, as matrices. */

const calls = new Map(model.calls.map(([place, head, of]) => [place, [head, of]]));
const SIGNS = { add: [" + ", 1], subtract: [" − ", 1], multiply: [" · ", 2], divide: [" / ", 2] };
const WIDEST = 8; // terms of a sum that are written
const LONG = 280; // characters of an expression that is still read
const MOST = [16, 24]; // tiles of a large matrix
const shapeText = (shape) => (shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "a number");
const indices = (shape, i) => {
  const own = steps_of(shape);
  return shape.map((n, a) => Math.floor(i / own[a]) % n);
};
const at = (shape, i) => (shape.length ? `[${indices(shape, i).join(", ")}]` : "");
const maths = (words) => pieces(words).map(([part, is]) => (is ? h("i", {}, part) : part));

let left = 0; // steps that may still be written out
/** What an entry is made of, down to what has a name in this picture; `own` is what it is called
    itself. A leaf is {place, i, text}, a number {value}, else {f, of}. */
function made(place, i, own) {
  left = 120;
  return parted(place, i, own, view.above.get(own) ?? []);
}
/** The same, of gradients only in terms of those `above`, of the lines that hand something on. */
function parted(place, i, own, above) {
  const name = view.names.get(place)?.find(({ text, role }) => text !== own && (role === "value" || above.includes(text)));
  const value = live.values[place][i];
  if (name && !(place === gradientOf(model.root) && !live.shapes[place].length)) {
    return { place, i, text: name.text + at(live.shapes[place], i), role: name.role, value };
  }
  const call = calls.get(place);
  if (call) {
    const j = live.values[call[1]].length === 1 ? 0 : i;
    return { f: call[0], of: [parted(call[1], j, own, above)], value };
  }
  const step = live.steps[place];
  if (!step || (left -= 1) < 0) return { value };
  const [f, entries, plus, by] = step.parts(i);
  if (f === "where") return parted(...entries[live.values[entries[0][0]][entries[0][1]] ? 1 : 2], own, above);
  if (/equal|less|greater|logical|is/.test(f)) return { value };
  const below = ([p, j]) => parted(p, j, own, above);
  if (f === "product") return sum(entries.map((pair) => product(pair.map(below), value)), value);
  if (f === "" || f === "astype") return below(entries[0]);
  if (f === "sum") {
    const terms = entries.map((entry, k) => (by && by[k] !== 1 ? product([{ value: by[k] }, below(entry)], value) : below(entry)));
    return sum(plus ? [...terms, { value: plus }] : terms, value);
  }
  if (f === "multiply") return product(entries.map(below), value);
  return { f, of: entries.map(below), value };
}
const sum = (of, value) => (of.length > 1 ? { f: "sum", of, value } : of[0] ?? { value });
/** Factors side by side, their numbers as one; one that is 1 is left out. */
function product(of, value) {
  const factors = of.flatMap((e) => (e.f === "multiply" ? e.of : [e]));
  const named = factors.filter((e) => e.f || e.text);
  const number = factors.filter((e) => !e.f && !e.text).reduce((p, e) => p * e.value, 1);
  const all = number === 1 && named.length ? named : [{ value: number }, ...named];
  return all.length === 1 ? all[0] : { f: "multiply", of: all, value };
}

const leavesOf = (e) => (e.text ? [e] : (e.of ?? []).flatMap(leavesOf));
/** The value of an expression whose leaves are rounded; of a function that is not known here as if
    its slope were 1. */
function rounded(e, round) {
  if (!e.of) return e.text ? round(e.value) : e.value;
  const of = e.of.map((x) => rounded(x, round));
  if (e.f === "sum") return of.reduce((a, b) => a + b, 0);
  if (e.f === "multiply") return of.reduce((a, b) => a * b, 1);
  return e.f in functions ? functions[e.f](...of) : e.value + of[0] - e.of[0].value;
}
/** So many digits that a calculator gets what is printed. */
function enough(e, least, round, shown) {
  for (let d = least; d < 15; d += 1) if (shown(rounded(e, (x) => round(x, d))) === shown(e.value)) return d;
  return 15;
}
function written(e, leaf, outer = 0) {
  if (!e.of) return e.text ? leaf(e, outer) : num(e.value, 6);
  const many = (sign, binds) => {
    const shown = e.of.length > WIDEST ? [...e.of.slice(0, 3), null, e.of.at(-1)] : e.of;
    const parts = shown.map((x, k) => (x ? written(x, leaf, binds + (k && sign !== " + " ? 0.5 : 0)) : "…"));
    const text = parts.reduce((a, b) => (sign === " + " && b.startsWith("−") ? `${a} − ${b.slice(1)}` : a + sign + b));
    return binds < outer ? `(${text})` : text;
  };
  if (e.f === "sum") return many(" + ", 1);
  if (e.f in SIGNS) return many(...SIGNS[e.f]);
  if (e.f === "negative") return outer > 1 ? `(−${written(e.of[0], leaf, 3)})` : `−${written(e.of[0], leaf, 2)}`;
  if (e.f === "power") return `${written(e.of[0], leaf, 5)}^${written(e.of[1], leaf, 5)}`;
  return `${e.f}(${e.of.map((x) => written(x, leaf)).join(", ")})`;
}
const bracketed = (text, outer) => (text.startsWith("−") && outer > 0 ? `(${text})` : text);

/** `name = names = numbers = value`: with so many decimals, or of tiny and huge numbers digits. */
function saying(label, e, nameless) {
  const size = Math.abs(e.value), plainly = size >= 1e-4 && size < 1e6;
  const least = plainly ? Math.max(0, 2 - Math.floor(Math.log10(size))) : 4;
  const round = (x, d) => +(plainly ? x.toFixed(d) : x.toPrecision(d)), shown = (x) => (plainly ? x.toFixed(least) : num(x));
  const d = enough(e, least, round, shown), known = e.of || e.text;
  const figure = (x) => (Number.isFinite(x) ? minus(round(x, d)) : num(x));
  const names = nameless || !known ? "" : written(e, (leaf) => leaf.text);
  const numbers = known ? written(e, (leaf, outer) => bracketed(figure(leaf.value), outer)) : "";
  const rest = size && size < 1e-13 * topOf(leavesOf(e).map((leaf) => leaf.value)); // what rounding left
  const result = plainly ? minus(round(e.value, least)) : rest ? "≈ 0" : num(e.value);
  if (names.length > LONG) return [label, h("em", {}, ` is made of ${new Set(leavesOf(e).map((leaf) => leaf.text)).size} entries, those in dashed frames: `), h("b", {}, result)];
  const parts = [label, names, numbers].filter((part, k, all) => part && part !== all[k - 1] && part !== result);
  return [parts.flatMap((part) => [part, h("em", {}, " = ")]), h("b", {}, result)];
}

// --- what is read, and what reads

const READS = 300_000; // that are followed
/** All entries that an entry is made of and that are made of it, by place. */
function related(place, i) {
  const above = new Map([[place, new Set([i])]]), below = new Map([[place, new Set([i])]]), stack = [[place, i]];
  let budget = READS;
  const reads = (p, j) => {
    const [f, found] = live.steps[p].parts(j), all = f === "product" ? found.flat() : found;
    budget -= all.length;
    return all;
  };
  const put = (map, p, j) => (map.get(p) ?? map.set(p, new Set()).get(p)).add(j);
  while (stack.length && budget > 0) {
    const [p, j] = stack.pop();
    if (live.steps[p]) for (const [q, k] of reads(p, j)) if (!above.get(q)?.has(k)) { put(above, q, k); stack.push([q, k]); }
  }
  for (const p of reach(place)) {
    for (let j = 0; j < live.values[p].length && budget > 0; j += 1) if (reads(p, j).some(([q, k]) => below.get(q)?.has(k))) put(below, p, j);
  }
  if (budget <= 0) return new Map();
  for (const [p, all] of below) for (const j of all) put(above, p, j);
  return above;
}

let framed = [], showing = new Map(), resting = 0; // showing: place -> its panes
/** Frames around an entry, around what it is made of at once, and, once the pointer rests, around all
    that is related, where that is not all of an array; and in words how it is made. */
function say() {
  clearTimeout(resting);
  for (const e of framed) {
    if (e.matches("td")) e.classList.remove("hot", "src", "lit");
    else e.remove();
  }
  framed = [];
  for (const box of panel.querySelectorAll("[data-say]")) {
    const place = +box.dataset.say, i = S.entry?.place === place ? S.entry.i : 0;
    box.replaceChildren(...saying(box.dataset.own + at(live.shapes[place], i), made(place, i, box.dataset.own)).flat(9));
  }
  const box = $("say"), e = S.entry;
  if (!e) return box?.replaceChildren(h("em", {}, "Point at an entry, or Tab to it and use the arrow keys."));
  showing = Map.groupBy(view.boxes.flatMap((b) => b.panes.map((pane) => [pane, placeOf(b, pane)])), ([, place]) => place);
  const tree = made(e.place, e.i, e.own);
  const near = !tree.text || e.own ? leavesOf(tree) : [];
  for (const leaf of near) frame(leaf.place, [leaf.i], "src");
  frame(e.place, [e.i], "hot");
  if (live.values[e.place].length > 1 && e.seen) resting = setTimeout(() => {
    for (const [p, all] of related(e.place, e.i)) {
      if (all.size === live.values[p].length) continue;
      frame(p, [...all].filter((i) => ![e, ...near].some((x) => x.place === p && x.i === i)), "lit");
    }
  }, 60);
  box?.replaceChildren(...saying((e.own ?? "") + at(live.shapes[e.place], e.i), tree).flat(9));
  $("nudge")?.replaceChildren(...nudge());
}
function frame(place, all, name) {
  for (const i of all) for (const e of panel.querySelectorAll(`[data-e="${place}.${i}"]`)) {
    e.classList.add(name);
    framed.push(e);
  }
  for (const [pane] of showing.get(place) ?? []) framed.push(outline(pane, all, name));
}
/** A frame around some cells of the picture. */
function outline(pane, all, name) {
  const around = document.createElementNS(NS, "path");
  const [w, high] = ["width", "height"].map((side) => pane.cells[0].getAttribute(side));
  around.setAttribute("class", name);
  around.setAttribute("d", all.map((i) => `M${pane.cells[i].getAttribute("x")} ${pane.cells[i].getAttribute("y")}h${w}v${high}h${-w}z`).join(""));
  pane.element.append(around);
  return around;
}
function point(element) {
  const cell = element?.closest?.("[data-e]");
  if (!cell) return false;
  const [place, i] = cell.dataset.e.split(".").map(Number);
  const names = view.names.get(place), own = cell.closest("[data-own]")?.dataset.own ?? names?.[0].text ?? S.entry?.own;
  S.entry = { place, i, own: partOf(place) ?? own, seen: true };
  say();
  return true;
}
/** What a share that is shown is called. */
function partOf(place) {
  const { kind, box } = current();
  const share = kind === "backward" && !S.box && box.shares.find((s) => s.parts.includes(place));
  return share ? symbolOf(share) : null;
}
/** The box, pane and number of a cell in the picture. */
function cellOf(element) {
  const box = boxAt(element), pane = box?.panes.find((p) => p.element === element.closest(".pane"));
  if (!pane || pane.element.classList.contains("off")) return null;
  return { box, pane, i: Math.max([...pane.cells].indexOf(element), [...pane.texts].indexOf(element)) };
}
/** An entry in the picture that is pointed at. */
function hover(element) {
  const { box, pane, i } = cellOf(element) ?? {}, place = box ? placeOf(box, pane) : null;
  if (place === null || i < 0) return;
  S.entry = { place, i, own: pane.role === "value" ? box.name : S.whose === WHOSE[0] ? box.symbol : S.whose, seen: true };
  say();
}

// --- matrices

let slices = {}; // place -> the index along all axes but the last two

/** An array as a table: entries with colours, one slice of more than two axes, or tiles. */
function matrix(place, label, { role = "value", top, turned = false } = {}) {
  const shape = live.shapes[place], all = live.values[place];
  const caption = h(`div.cap.${role}`, {}, ...maths(label), " ", h("span.quiet", {}, shapeText(shape)));
  if (!all.length) return h("div.mat", {}, caption, "empty");
  const [n, m] = shape.length > 1 ? shape.slice(-2) : [all.length, 1];
  const slab = shape.length > 2 ? (slices[place] ??= 0) : 0;
  const start = slab * n * m, d = all.subarray(start, start + n * m), high = top ?? topOf(all);
  const table = h("table.mx", { "aria-label": label });
  const sheet = n * m <= 400 && m <= 16 ? null : tiles(d, m, MOST);
  const cell = (text, x, more) => h(sheet ? "td.tile" : "td", { style: tint(x, high), ...more }, text);
  const [rows, columns] = sheet ? [sheet.rows, sheet.columns] : turned ? [m, n] : [n, m];
  const decimals = decimalsOf(all);
  for (let i = 0; i < rows; i += 1) {
    const row = h("tr");
    for (let j = 0; j < columns; j += 1) {
      const first = i + j ? -1 : 0;
      if (sheet) {
        const tile = sheet.found[i * columns + j];
        const words = `rows ${tile.rows.join("–")}, columns ${tile.columns.join("–")}: mean ${num(tile.mean)}, from ${num(Math.min(...tile.inside))} to ${num(Math.max(...tile.inside))}`;
        row.append(cell("", tile.mean, { title: words, tabindex: first, "aria-label": words, "data-words": words }));
      } else {
        const k = turned ? j * m + i : i * m + j, x = d[k];
        row.append(cell(entryText(x, decimals, all.length > 1), x, { tabindex: first, "data-e": `${place}.${start + k}`,
          title: `${label}${at(shape, start + k)} = ${minus(x)}` }));
      }
    }
    table.append(row);
  }
  const slabs = all.length / (n * m);
  const slider = slabs > 1 ? h("label.slice", {}, `slice ${at(shape, start).replace(/, \d+, \d+\]$/, ", :, :]")} `,
    h("input", { type: "range", min: 0, max: slabs - 1, value: slab, "data-slice": place, "aria-label": `slice of ${label}` })) : null;
  const about = sheet ? h("div.quiet", {}, `tiles of several entries; from ${num(Math.min(...all))} to ${num(Math.max(...all))}`) : null;
  return h(`div.mat.${role}`, {}, caption, table, slider, about);
}
const tint = (x, top) => (x === x
  ? `--c:var(--${x < 0 ? "n12" : "p12"});--k:${(top ? Math.min(1, Math.abs(x) / top) : 0).toFixed(3)}` : "--c:var(--muted);--k:.5");
const legend = (top, what) => h("div.legend", {}, `−${num(top)}`,
  h("span.bar", { role: "img", "aria-label": "blue below zero, no colour at zero, orange above" }), num(top), h("span", {}, what));

/** The arrays that some entries of a place are made of: [place, what it is called, role]. */
function sources(place, own) {
  const found = new Map(), n = live.values[place].length;
  for (const i of new Set([0, 1, n >> 1, n - 1].filter((k) => k >= 0 && k < n))) {
    for (const leaf of leavesOf(made(place, i, own))) {
      found.set(leaf.place, [leaf.text.slice(0, leaf.text.length - at(live.shapes[leaf.place], leaf.i).length), leaf.role]);
    }
  }
  return found;
}

/** An array beside what makes it. One whose entry (i, j) is made of row i of one array and of
    column j of another stands between the two, like a multiplication table. */
function equation(place, label, own, role) {
  const parts = [...sources(place, own)].filter(([p]) => live.values[p].length);
  const shape = live.shapes[place];
  const edges = shape.length === 2 && parts.length === 2 && shape[0] * shape[1] <= 400 && shape[1] <= 16 ? sides(place, own, shape, parts) : null;
  const room = innerWidth > 840 ? Math.max(400, 0.4 * innerWidth) : innerWidth;
  if (edges && 50 * (shape[1] + edges[0].wide) < room) {
    const [left, above] = edges.map(({ p, text, of, turned }) => matrix(p, text, { role: of, turned }));
    return h("div.outer", {}, h("div.above", {}, above), h("div.left", {}, left), matrix(place, label, { role }));
  }
  const small = parts.filter(([p]) => live.values[p].length <= 400).slice(0, 4);
  return h("div.eqn", {}, small.map(([p, [text, of]]) => matrix(p, text, { role: of })),
    small.length ? h("span.o", {}, "→") : null, matrix(place, label, { role }));
}
function sides(place, own, [n, m], parts) {
  const uses = (i, p) => leavesOf(made(place, i, own)).filter((leaf) => leaf.place === p).map((leaf) => leaf.i);
  const probe = m > 1 ? 1 : 0, low = n > 1 ? m : 0, found = [null, null];
  for (const [p, [text, of]] of parts) {
    const s = live.shapes[p], [a, b] = s.length > 1 ? s.slice(-2) : [live.values[p].length, 1];
    if (s.length > 2) return null;
    const same = (i, j) => String(uses(i, p)) === String(uses(j, p));
    const k = same(0, probe) && !same(0, low) ? 0 : same(0, low) && !same(0, probe) ? 1 : -1;
    if (k < 0 || found[k]) return null;
    const wanted = k ? m : n; // of its rows if it stands on the left, of its columns above
    if (a !== wanted && b !== wanted) return null;
    const straight = new Set(uses(0, p).map((i) => Math.floor(i / b))).size === 1; // one row of it
    found[k] = { p, text, of, turned: k ? straight : !straight, wide: straight ? b : a };
  }
  return found[0] && found[1] ? found : null;
}
