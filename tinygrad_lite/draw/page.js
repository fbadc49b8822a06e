/* The page: its steps, what the panel says, what may be changed. One scope with the other scripts. */

load(model.program);
const isNumber = (shape) => !shape.length;
const gradientOf = (node) => model.nodes[node].gradient;
/** How far the page's own arithmetic is from what was recorded; NaN where Python went elsewhere. */
function apart() {
  if (!compute()) return NaN;
  let worst = 0;
  for (const [place, data] of model.recorded) {
    const size = Math.max(1, topOf(Float64Array.from(data, Number)));
    data.forEach((x, i) => {
      const [a, b] = [Number(x), live.values[place][i]];
      if (a !== b && !(a !== a && b !== b)) worst = Math.max(worst, Math.abs(a - b) / size || 1);
    });
  }
  return worst;
}
const error = model.why ? NaN : apart();
const editable = error < 1e-12;
if (!editable) for (const [place, data] of model.recorded) live.values[place].set(Float64Array.from(data, Number));
const recorded = model.program.given.map(([, data]) => Float64Array.from(data, Number));

const S = { step: 0, box: null, entry: null, ask: true, told: new Set(), answers: new Map(), version: 0, note: "" };

// --- the timeline of a view

function planned(v) {
  if (v.steps) return;
  opened(v);
  const lines = v.boxes.filter((box) => box.shares);
  const passed = [...lines].reverse().filter((box) => box.shares.length);
  v.steps = [{ kind: "start" }, ...lines.map((box) => ({ kind: "forward", box }))];
  v.seed = v.steps.length;
  if (passed.length) v.steps.push({ kind: "seed", box: v.boxOf.get(model.root) }, ...passed.map((box) => ({ kind: "backward", box })));
  v.value = new Map(); // node -> the step that computes it
  v.arrivals = new Map(); // node -> [step, parts] of all that hand something to it
  v.steps.forEach(({ kind, box }, k) => {
    if (kind === "forward") v.value.set(box.node, k);
    if (kind === "backward") {
      for (const share of box.shares) {
        if (!v.arrivals.has(share.to)) v.arrivals.set(share.to, []);
        v.arrivals.get(share.to).push([k, share.parts]);
      }
    }
  });
  v.touched = v.steps.map(({ kind, box }) => (!box ? [] : kind === "backward"
    ? box.shares.map((share) => v.boxOf.get(share.to)).filter(Boolean) : [box]));
}
const current = () => view.steps[S.step];
const asked = (box) => box.shares.find((share) => share.answers.length > 1);
const waiting = (k = S.step) => S.ask && view.steps[k].kind === "backward" && !S.told.has(view.steps[k].box.id) && Boolean(asked(view.steps[k].box));
const reached = () => S.step - (waiting() ? 0.5 : 0);
const hasValue = (node) => (view.value.get(node) ?? -1) <= S.step;
function arrived(node) {
  if (node === model.root) return S.step >= view.seed ? [1, 1, []] : [0, 1, []];
  const all = view.arrivals.get(node) ?? [], done = all.filter(([k]) => k <= reached());
  return [done.length, all.length, done.flatMap(([, parts]) => parts)];
}
const hasGradient = (node) => {
  const [done, all] = arrived(node);
  return all > 0 && done === all;
};
const added = (parts) => parts.map((p) => live.values[p]).reduce((a, b) => a.map((x, i) => x + b[i]));

/** What a box shows at this step. */
function paint(box) {
  const node = model.nodes[box.node];
  if (!node || !box.element) return;
  const { value, gradient } = box.panes;
  if (value) {
    value.element.classList.toggle("off", !hasValue(box.node));
    if (node.value !== null) fill(value, live.values[node.value], node.shape, `${S.version}`);
  }
  if (!gradient) return;
  const [done, all, parts] = arrived(box.node);
  gradient.element.classList.toggle("off", !done);
  gradient.element.classList.toggle("partial", done > 0 && done < all);
  if (node.gradient === null || !done) return;
  const partial = done < all && !parts.includes(null);
  const d = partial ? added(parts) : live.values[node.gradient];
  fill(gradient, d, node.shape, `${S.version} ${partial ? done : "all"}`);
}
let marked = [];
function mark(element, name) {
  if (!element) return;
  element.classList.add(name);
  marked.push([element, name]);
}
function highlight() {
  for (const [element, name] of marked) element.classList.remove(name);
  marked = [];
  const { kind, box } = current();
  view.svg.dataset.phase = kind;
  if (S.box) mark(S.box.element, "selected");
  if (!box) return;
  mark(box.element, "now");
  for (const link of view.inputs.get(box.id) ?? []) {
    if (kind === "forward" || (kind === "backward" && !waiting())) mark(link.element, "used");
  }
  if (kind === "backward" && !waiting()) for (const share of box.shares) mark(view.boxOf.get(share.to)?.element, "gets");
}
/** Arrows of the gradient that are drawn once it flows there. */
function flow() {
  const passed = new Set(view.steps.slice(0, Math.floor(reached()) + 1).filter((s) => s.kind === "backward").map((s) => s.box.id));
  for (const link of view.links) {
    const on = passed.has(link.t);
    if (link.on !== on) link.element.classList.toggle("dry", !on);
    link.on = on;
  }
}

function go(to, quiet) {
  to = Math.max(0, Math.min(view.steps.length - 1, to));
  const before = S.step;
  for (let k = 0; k < to; k += 1) if (view.steps[k].kind === "backward") S.told.add(view.steps[k].box.id);
  S.step = to;
  S.box = null;
  const [a, b] = [Math.min(before, to), Math.max(before, to)];
  for (const box of new Set(view.touched.slice(a, b + 1).flat())) paint(box);
  const { kind, box } = current();
  if (S.entry && !shown(S.entry.place)) S.entry = null;
  if (kind === "backward" && !waiting() && !quiet) {
    const part = box.shares.find((share) => live.values[share.parts[0]]?.length && share.to !== null);
    if (part) S.entry = { place: part.parts[0], i: 0, own: view.boxOf.get(part.to)?.symbol };
    else S.entry = null;
  }
  flow();
  highlight();
  describe(quiet);
  track();
  if (!quiet && box) reveal([box.id, ...(box.shares ?? []).map((s) => view.boxOf.get(s.to)?.id)]);
}
function next() {
  if (!waiting()) return go(S.step + 1);
  S.told.add(current().box.id);
  go(S.step);
}
/** Whether a place's numbers are known at this step. */
function shown(place) {
  const names = view.names.get(place);
  return !names || names.some(({ node, role }) => node === null || (role === "value" ? hasValue(node) : hasGradient(node)));
}
function open(v) {
  const at = view.steps ? current() : null;
  view.svg.setAttribute("hidden", "");
  view = v;
  planned(v);
  v.svg.removeAttribute("hidden");
  S.step = 0;
  S.entry = null;
  for (const box of v.boxes) paint(box);
  for (const button of $("views").children) button.setAttribute("aria-pressed", String(views[button.dataset.view] === v));
  resize(scale);
  const same = at && v.steps.findIndex((s) => s.kind === at.kind && s.box?.node === at.box?.node);
  go(same > 0 ? same : 0, true);
}

// --- the panel

const panel = $("panel");
const chip = (text, back) => h(`span.chip${back ? ".back" : ""}`, {}, text);
const quiet = (text) => h("p.quiet", {}, text);
const title = (text, name = "h2") => h(`${name}.m`, {}, ...maths(text));
const line = (box) => (box.formula ? `${box.name} = ${box.formula}` : box.name);
const sayBox = () => h("div.say", { id: "say" });

const tellers = {
  start: () => [chip("Start"),
    h("p", {}, "Step on (→): first the values run down, then the gradients run back up, one line of the derivation at a time. Nothing is shown before it is computed."),
    h("div.legend.key", {}, [["leaf", "parameter"], ["constant", "constant"], ["op", "line"], ["output", "output"]].map(([kind, word]) => h("span", {}, h(`span.sw.${kind}`), word)), h("span.back", {}, "⇠ gradient, against the arrows")),
    quiet(editable ? `Computed in this page too: it agrees with the recorded run to ${error ? minus(error.toExponential(0)) : "the last bit"}. Select a number of a parameter or a constant to change it.`
      : `The numbers are as recorded and cannot be changed: ${model.why || "this page did not reproduce them"}.`),
    view.note ? quiet(view.note) : null, verdicts()],
  forward: ({ box }) => [chip(`Forward ${S.step} of ${view.seed - 1}`), title(line(box)), whereabouts(box), box.shapes ? quiet(box.shapes) : null, ...value(box)],
  seed: ({ box }) => [chip("Turn round", true), title(`${box.symbol} = ${isNumber(model.nodes[box.node].shape) ? "1" : `ones ${shapeText(model.nodes[box.node].shape)}: the gradient of the sum of its entries`}`),
    h("p", {}, "All values are known. From here the question is turned round: how much does the result change for each entry that went into it? Each line waits until all that use it have answered.")],
  backward: ({ box }) => {
    const head = [chip(`Backward ${S.step - view.seed} of ${view.steps.length - 1 - view.seed}`, true)];
    if (waiting()) return [...head, title(line(box)), whereabouts(box), h("p", {}, ...maths(box.symbol), " has arrived complete. Now this line hands it on."), question(box)];
    return [...head, whereabouts(box), ...box.shares.flatMap((share) => handed(share)), ...editor()];
  },
};
const whereabouts = (box) => (box.scope.length ? quiet(`in ${box.scope.join(" / ")}`) : null);

function value(box) {
  const node = model.nodes[box.node];
  if (node.value === null) return [h("p", {}, node.texts[0])];
  if (isNumber(node.shape)) {
    S.entry = { place: node.value, i: 0, own: box.name };
    return [sayBox(), ...editor()];
  }
  return [equation(node.value, box.name, box.name, "value"), legend(topOf(live.values[node.value]), ""), sayBox(), ...editor()];
}
/** What a line hands to one input, and how it adds up there. */
function handed(share) {
  const to = view.boxOf.get(share.to), symbol = to?.symbol ?? share.name;
  const all = view.arrivals.get(share.to) ?? [], before = all.filter(([k]) => k < S.step).flatMap(([, parts]) => parts);
  const several = all.length > 1 || share.parts.length > 1;
  const head = title(several ? `${symbol} gets ${share.answers[0][0]}` : `${symbol} = ${share.answers[0][0]}`);
  if (share.to === null || share.parts.includes(null) || !share.parts.length) return [head, h("p", {}, model.nodes[share.to]?.texts[1] ?? "")];
  const found = [head, ...share.parts.map((part) => (isNumber(live.shapes[part]) ? null
    : equation(part, several ? "this part" : symbol, symbol, "gradient"))), ...share.parts.filter((part) => live.values[part].length).map((part) => h("div.say.back", { "data-say": `${part}`, "data-own": symbol }))];
  const parts = [...before, ...share.parts];
  if (parts.length > 1) found.push(sumOf(parts, symbol, all));
  return found;
}
/** Accumulation: matrix + matrix = matrix, or numbers. */
function sumOf(parts, symbol, all) {
  const so = added(parts), complete = parts.length === all.flatMap(([, p]) => p).length;
  const after = complete ? symbol : `${symbol} so far`;
  if (so.length === 1) {
    const e = { f: "sum", of: parts.map((p) => ({ text: "x", place: p, i: 0, value: live.values[p][0] })), value: so[0] };
    const [, , ...rest] = saying("", e);
    return h("div.say.back", {}, "adds up: ", written(e, (leaf, outer) => bracketed(figure(leaf.value, enough(e, 3)), outer)), " = ", h("b", {}, num(so[0], 4)), ` ${after}`, rest);
  }
  const place = complete && gradientOf(view.items.get([...view.boxOf.values()].find((b) => b.symbol === symbol)?.id)?.node ?? model.root);
  return h("div.eqn", {}, parts.flatMap((p, k) => [k ? h("span.o", {}, "+") : null, matrix(p, k === parts.length - 1 ? "this part" : "before", { role: "gradient" })]),
    h("span.o", {}, "="), complete ? matrix(place, symbol, { role: "gradient" }) : h("span", {}, after));
}

function question(box) {
  const share = asked(box), given = S.answers.get(box.id) ?? [];
  const order = share.answers.map((answer, k) => [answer, k]).sort(([a], [b]) => (a[0] < b[0] ? -1 : 1));
  const wrong = given.length && given.at(-1) ? share.answers[given.at(-1)][1] : "";
  return h("section.ask", { "aria-label": "Predict" },
    h("p.q", {}, `What does ${box.name} hand to ${share.name}? Predict first.`),
    h("div.opts", {}, order.map(([[text], k]) => h(`button.m${given.includes(k) ? (k ? ".no" : ".yes") : ""}`, { "data-answer": k }, given.includes(k) ? (k ? "✗ " : "✓ ") : "", ...maths(text)))),
    wrong ? h("p", { role: "status" }, h("b", {}, "Not yet. "), wrong) : null,
    h("p.quiet", {}, h("button.plain", { id: "tell" }, "Show it"), " or press Enter"));
}
function answer(k) {
  const { box } = current();
  S.answers.set(box.id, [...(S.answers.get(box.id) ?? []), k]);
  if (k === 0) return next();
  describe(true);
  $("live").textContent = `Not yet. ${asked(box).answers[k][1]}`;
  document.querySelector(`[data-answer="${k}"]`)?.focus();
}

function derivation() {
  if (!model.derivation.length) return null;
  const rows = model.derivation.map(([node, left, right, why]) => {
    const box = view.boxOf.get(node), at = view.steps.findIndex((s) => s.kind === "backward" && s.box === box);
    const on = box && at >= 0 && at <= reached();
    return h(`tr${on && at === S.step ? ".cur" : ""}`, {}, h("td.m", {}, ...maths(left)),
      h("td", {}, on ? [h("span.m", {}, ...maths(right)), why ? h("div.quiet", {}, why) : null] : h("span.hid", {}, h("span.aside", {}, "not yet"))));
  });
  return h("details", { open: true }, h("summary", {}, "The derivation so far"), h("table.deriv", {}, h("tbody", {}, rows)));
}
/** What `check` says, line by line. */
function verdicts() {
  const told = view.boxes.filter((box) => box.mark);
  if (!told.length) return null;
  const count = (mark) => told.filter((box) => box.mark === mark).length;
  const words = [["first", "mistake"], ["wrong", "wrong"], ["follows", "follows"], ["right", "right"]].filter(([m]) => count(m)).map(([m, w]) => `${count(m)} ${w}`);
  return h("div", {}, h("p.sum", {}, words.join("; ")), h("ul.lines", {}, told.map((box) => h("li", {},
    h("button", { "data-select": box.id }, h(`span.badge.${box.mark}`, {}, box.mark), h("span.m", {}, ...maths(box.symbol)), h("span.quiet", {}, box.lines.join(" ")))))));
}

/** A box that was selected: its numbers, its ways to the result. */
function about(box) {
  const node = model.nodes[box.node];
  const found = [h("button.plain", { id: "tostep" }, "← back to the step"), title(line(box)), whereabouts(box)];
  if (!node) {
    if (box.given !== null && box.given !== undefined) found.push(matrix(box.given, box.name), ...editor());
    return [...found, quiet("A constant: it gets no gradient.")];
  }
  if (node.value === null) return [...found, h("p", {}, `value: ${node.texts[0]}`), h("p", {}, `gradient: ${hasGradient(box.node) ? node.texts[1] : "not computed yet"}`)];
  if (hasValue(box.node)) found.push(matrix(node.value, "value"), legend(topOf(live.values[node.value]), "value"));
  if (node.gradient !== null && hasGradient(box.node)) {
    found.push(matrix(node.gradient, box.symbol, { role: "gradient" }), legend(topOf(live.values[node.gradient]), box.symbol));
  } else found.push(quiet(node.gradient === null ? "It gets no gradient." : "Its gradient is not computed yet."));
  return [...found, sayBox(), ...editor(), hasGradient(box.node) ? paths(box) : null];
}
/** The sum over all paths to the result. */
function paths(box) {
  const users = new Map();
  for (const user of view.boxes) for (const share of user.shares ?? []) users.set(share.to, [...(users.get(share.to) ?? []), [user, share]]);
  const found = [];
  const walk = (node, way) => {
    if (found.length > 8) return;
    if (node === model.root) found.push(way);
    else for (const [user, share] of users.get(node) ?? []) walk(user.node, [...way, [user, share]]);
  };
  walk(box.node, []);
  if (!found.length || !found[0].length) return null;
  const rows = found.slice(0, 8).map((way) => {
    const slopes = way.map(([user, share]) => slope(user, share));
    const known = slopes.every((s) => s !== null);
    const product = slopes.reduce((p, s) => p * s, 1);
    return h("li", {}, h("span.m", {}, ...maths([box.name, ...way.map(([user]) => user.name)].join(" → "))),
      known ? h("span.maths", {}, `  ${slopes.map((s) => bracketed(num(s, 5), 1)).join(" · ")} = ${num(product, 5)}`) : null);
  });
  return h("details", { open: true }, h("summary", {}, "The sum over its paths to the result"), h("ul.paths", {}, rows),
    found.length > 8 ? quiet("and more") : null);
}
/** The derivative along one step of a path between numbers; null for arrays. */
function slope(user, share) {
  const g = gradientOf(user.node);
  if (g === null || live.values[g].length !== 1 || share.parts.some((p) => p === null || live.values[p].length !== 1)) return null;
  return live.values[g][0] ? share.parts.reduce((s, p) => s + live.values[p][0], 0) / live.values[g][0] : null;
}

/** Write the panel anew; it stays where it was scrolled to unless the step is another. */
function describe(silent) {
  const step = current(), top = silent ? panel.scrollTop : 0;
  const body = S.box ? about(S.box) : tellers[step.kind](step);
  panel.replaceChildren(...[...body, S.box || step.kind === "forward" ? null : derivation()].flat(9).filter(Boolean));
  panel.scrollTop = top;
  say();
  if (!silent) $("live").textContent = panel.querySelector("h2, p")?.textContent ?? "";
}

// --- one entry

/** Frames around an entry and what makes it, and how, in words. */
function say() {
  for (const e of document.querySelectorAll(".hot, .src")) {
    if (e.matches("td")) e.classList.remove("hot", "src");
    else e.remove();
  }
  for (const box of panel.querySelectorAll("[data-say]")) {
    const place = +box.dataset.say;
    const i = S.entry?.place === place ? S.entry.i : 0;
    box.replaceChildren(...saying(box.dataset.own + at(live.shapes[place], i), made(place, i, box.dataset.own)).flat(9));
  }
  const box = $("say"), e = S.entry;
  if (!e) return box?.replaceChildren(h("em", {}, "Point at an entry, or Tab to it and use the arrow keys."));
  const tree = made(e.place, e.i, e.own);
  frame(e.place, e.i, "hot");
  if (!tree.text || e.own) for (const leaf of leavesOf(tree)) frame(leaf.place, leaf.i, "src");
  if (box) box.replaceChildren(...saying((e.own ?? "") + at(live.shapes[e.place], e.i), tree).flat(9));
  const result = $("nudge");
  if (result) result.replaceChildren(...nudge());
}
function frame(place, i, name) {
  for (const e of panel.querySelectorAll(`[data-e="${place}.${i}"]`)) e.classList.add(name);
  for (const { node, role } of view.names.get(place) ?? []) {
    const box = node === null ? view.boxes.find((b) => b.given === place) : view.boxOf.get(node);
    const pane = box?.panes?.[role];
    if (pane && pane.cells.length === live.values[place].length && !pane.element.classList.contains("off")) {
      const around = pane.cells[i].cloneNode();
      around.setAttribute("class", name);
      pane.element.append(around);
    }
  }
}
function point(element) {
  const cell = element?.closest?.("[data-e]");
  if (!cell) return false;
  const [place, i] = cell.dataset.e.split(".").map(Number);
  const names = view.names.get(place), own = cell.closest("[data-own]")?.dataset.own ?? names?.[0].text ?? S.entry?.own;
  S.entry = { place, i, own: partOf(place) ?? own };
  say();
  return true;
}
/** What a share that is shown is called. */
function partOf(place) {
  const { kind, box } = current();
  const share = kind === "backward" && !S.box && box.shares.find((s) => s.parts.includes(place));
  return share ? view.boxOf.get(share.to)?.symbol : null;
}
/** The place and entry that can be changed: of a leaf or a constant that is given. */
function target() {
  if (!editable) return null;
  const e = S.entry && recorded[S.entry.place]?.length && view.names.has(S.entry.place) ? S.entry : null;
  if (e) return e;
  const box = S.box ?? null, place = box && (box.node === undefined ? box.given : model.nodes[box.node].leaf ? model.nodes[box.node].value : null);
  return place !== null && place !== undefined && recorded[place]?.length ? { place, i: 0, own: box.name } : null;
}
const called = (e) => (view.names.get(e.place)?.[0].text ?? "") + at(live.shapes[e.place], e.i);
function editor() {
  const e = target();
  if (!e) return [editable ? quiet("Select an entry of a parameter or a constant to change it: all is computed again, here in the page.") : null];
  const x = live.values[e.place][e.i], reach = Math.max(3, 2 * Math.abs(recorded[e.place][e.i]));
  return [h("div.edit", { id: "edit" }, h("label", { for: "field" }, called(e)),
    h("button.icon", { id: "less", "aria-label": "less", title: "less (−)" }, "−"),
    h("input", { id: "field", type: "number", step: "any", value: +x.toPrecision(6) }),
    h("button.icon", { id: "more", "aria-label": "more", title: "more (+)" }, "+"),
    h("input", { id: "slide", type: "range", min: -reach, max: reach, step: reach / 300, value: x, "aria-label": called(e) }),
    h("button.icon", { id: "reset", title: `as recorded: ${num(recorded[e.place][e.i], 6)}`, "aria-label": "as recorded" }, "↺")),
  h("div.say.back", { id: "nudge" })];
}
/** A real second run with the entry moved by 0.001, beside what the gradient foretells. */
function nudge() {
  const e = target(), node = view.names.get(e.place)?.[0].node;
  if (S.note) return [S.note];
  const root = model.nodes[model.root], here = live.values[root.value].reduce((a, b) => a + b, 0);
  const g = node === null || gradientOf(node) === null ? null : live.values[gradientOf(node)][e.i], x = live.values[e.place][e.i];
  live.values[e.place][e.i] = x + 0.001;
  const same = compute(), there = live.values[root.value].reduce((a, b) => a + b, 0);
  live.values[e.place][e.i] = x;
  compute();
  if (!same) return [`${called(e)} + 0.001 would take another branch of the code`];
  const name = view.boxOf.get(model.root).name + (root.shape.length ? " (the sum of its entries)" : "");
  const told = [`${called(e)} + 0.001: ${name} ${num(here, 7)} → ${num(there, 7)}, by `, h("b", {}, num(there - here, 4))];
  return g === null || !hasGradient(node) ? told : [...told, h("br"), `the gradient says ${num(g, 4)} · 0.001 = `, h("b", {}, num(g * 0.001, 4))];
}
/** Another number in a place; all is computed anew, and painted. */
function change(x) {
  const e = target();
  if (!e || !Number.isFinite(x)) return;
  const old = live.values[e.place][e.i];
  live.values[e.place][e.i] = x;
  S.note = "";
  if (!compute()) {
    live.values[e.place][e.i] = old;
    compute();
    S.note = `At ${num(x, 6)} the code would take another branch than it took: ${called(e)} stays ${num(old, 6)}.`;
  }
  S.version += 1;
  for (const box of view.boxes) paint(box);
  const had = document.activeElement?.id, cell = document.activeElement?.dataset?.e, text = $("field")?.value;
  S.entry = e;
  describe(true);
  if (had === "field" && $("field")) $("field").value = text;
  ($(had) ?? (cell ? panel.querySelector(`[data-e="${cell}"]`) : null))?.focus({ preventScroll: true });
  $("live").textContent = S.note || `${called(e)} = ${num(live.values[e.place][e.i], 6)}; ${view.boxOf.get(model.root).name} = ${num(live.values[model.nodes[model.root].value][0], 6)}`;
  S.note = "";
}

// --- the timeline

const LABELLED = 24; // stops of a timeline with names; a longer one is a slider
function track() {
  const here = $("track"), n = view.steps.length;
  if (here.dataset.view !== String(views.indexOf(view))) {
    here.dataset.view = views.indexOf(view);
    const words = ({ kind, box }) => ({ start: "Start", seed: "Turn round: 1" })[kind] ?? `${kind} ${box.name}`;
    here.replaceChildren(n <= LABELLED
      ? h("ol.track", { "aria-label": "Steps" }, view.steps.map((step, k) => h(`li${k >= view.seed ? ".b" : ""}`, {},
        h("span.ph", {}, k === 1 ? "forward: values" : k === view.seed ? "backward: gradients" : ""),
        h("button", { "data-step": k, "aria-label": words(step) }, h("span.m", {}, ...(step.kind === "start" ? ["•"] : step.kind === "seed" ? ["1"] : maths(step.box.name)))))))
      : h("input", { id: "scrub", type: "range", min: 0, max: n - 1, "aria-label": "Step" }));
  }
  [...(here.querySelectorAll("li") ?? [])].forEach((li, k) => {
    li.classList.toggle("done", k <= S.step);
    if (k === S.step) li.setAttribute("aria-current", "step");
    else li.removeAttribute("aria-current");
  });
  if ($("scrub")) $("scrub").value = S.step;
  $("back").disabled = S.step === 0;
  $("next").disabled = S.step === n - 1 && !waiting();
}

// --- what the reader does

let timer = 0;
function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => (S.step === view.steps.length - 1 && !waiting() ? play(false) : next()), 1300) : 0;
}
function select(box) {
  if (!box) return;
  S.box = box;
  S.entry = null;
  S.entry = target();
  highlight();
  describe(false);
}
/** A box that was clicked: selected, or, of a line, at its step. */
function choose(box) {
  play(false);
  const kind = S.step >= view.seed ? "backward" : "forward";
  const k = view.steps.findIndex((step) => step.kind === kind && step.box === box);
  if (k > 0) go(k);
  else select(box);
}
let found = -1;
function search(by) {
  const words = $("search").value.trim().toLowerCase();
  const matches = words ? view.boxes.filter((box) => `${line(box)} ${box.scope.join("/")}`.toLowerCase().includes(words)) : [];
  for (const box of view.boxes) box.element?.classList.toggle("match", matches.includes(box));
  if (!by) return void ($("live").textContent = words ? `${matches.length} found` : "");
  found = (found + by + matches.length) % matches.length || 0;
  if (matches[found]) {
    reveal([matches[found].id]);
    select(matches[found]);
  }
}
function theme() {
  const root = document.documentElement, { matches } = matchMedia("(prefers-color-scheme: dark)");
  root.dataset.theme = (root.dataset.theme === "auto" ? matches : root.dataset.theme === "dark") ? "light" : "dark";
}
function asks() {
  S.ask = !S.ask;
  $("ask").setAttribute("aria-pressed", String(S.ask));
  $("ask").textContent = `Predict: ${S.ask ? "on" : "off"}`;
  go(S.step, true);
}
const bump = (sign) => {
  const e = target();
  if (e) change(+(live.values[e.place][e.i] + sign * 0.1).toPrecision(12));
};
const actions = {
  back: () => go(S.step - 1), next, ask: asks, theme, help: () => $("keys").showModal(), close: () => $("keys").close(),
  out: () => resize(scale * 0.8), in: () => resize(scale * 1.25), fit: () => resize(Math.min(1, whole())),
  tell: next, tostep: () => { S.box = null; highlight(); describe(true); }, less: () => bump(-1), more: () => bump(1),
  reset: () => { const e = target(); if (e) change(recorded[e.place][e.i]); },
};
const keys = {
  ArrowRight: "next", ArrowLeft: "back", "+": "in", "=": "in", "-": "out", "−": "out", 0: "fit", t: "theme", a: "ask", "?": "help",
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) {
    const { step, view: k, answer: a, select: id } = button.dataset;
    if (button.id !== "next" && button.id !== "tell") play(false);
    if (step) return +step === S.step && waiting() ? next() : go(+step);
    if (k) return open(views[k]);
    if (a) return answer(+a);
    if (id) return select(view.items.get(id));
    return actions[button.id]?.();
  }
  if (point(event.target)) return void (target() && describe(true));
  const box = event.target.closest(".box");
  if (!box) return;
  const item = view.items.get(box.dataset.id), cell = event.target.closest(".cell, .entry");
  if (item.node === undefined || model.nodes[item.node].leaf) select(item);
  else choose(item);
  if (cell) hover(cell);
});
/** An entry in the picture that is pointed at. */
function hover(element) {
  const pane = element.closest?.(".pane"), item = view.items.get(element.closest?.(".box")?.dataset.id);
  if (!pane || !item || pane.classList.contains("off")) return;
  const role = pane.classList.contains("value") ? "value" : "gradient", { cells, texts } = item.panes[role] ?? {};
  const i = Math.max([...(cells ?? [])].indexOf(element), [...(texts ?? [])].indexOf(element));
  const place = item.node === undefined ? item.given : model.nodes[item.node][role];
  if (i < 0 || place === null || place === undefined || cells.length !== live.values[place].length) return;
  S.entry = { place, i, own: role === "value" ? item.name : item.symbol };
  say();
}
document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "touch") point(event.target) || hover(event.target);
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches("td[data-e]")) point(event.target);
  if (event.target.matches("td[data-words]")) $("live").textContent = event.target.dataset.words;
  if (event.target.matches(".box:focus-visible")) reveal([event.target.dataset.id]);
});
document.addEventListener("input", (event) => {
  const { id, dataset, value: x } = event.target;
  if (id === "field" || id === "slide") change(x === "" ? NaN : +x);
  if (id === "scrub") go(+x);
  if (id === "search") search();
  if (dataset.slice) {
    slices[dataset.slice] = +x;
    describe(true);
    panel.querySelector(`[data-slice="${dataset.slice}"]`)?.focus();
  }
});
document.addEventListener("keydown", (event) => {
  const { target: t, key } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || $("keys").open) return;
  if (t === $("search")) {
    if (key === "Enter") search(event.shiftKey ? -1 : 1);
    if (key === "Escape") { t.value = ""; search(); t.blur(); }
    return;
  }
  if (t.matches("input")) return;
  const cell = t.closest("td[tabindex]"), done = () => event.preventDefault();
  if (cell && key.startsWith("Arrow")) {
    done();
    const k = cell.cellIndex, row = cell.parentElement;
    const to = { ArrowLeft: cell.previousElementSibling, ArrowRight: cell.nextElementSibling, ArrowUp: row.previousElementSibling?.cells[k], ArrowDown: row.nextElementSibling?.cells[k] }[key];
    if (!to) return;
    cell.tabIndex = -1;
    to.tabIndex = 0;
    return to.focus();
  }
  if (cell && "+=-−".includes(key) && target()) { done(); return bump("+=".includes(key) ? 1 : -1); }
  if (key === "Enter" && !t.closest("button, summary")) {
    const box = t.closest(".box");
    if (box) return choose(view.items.get(box.dataset.id));
    if (cell && target()) return describe(true);
    return waiting() ? next() : undefined;
  }
  if (key === " " && !t.closest("button, summary")) { done(); return play(!timer); }
  if (key === "Escape" && S.box) return actions.tostep();
  if (key === "Home" || key === "End") { done(); go(key === "Home" ? 0 : view.steps.length - 1); if (key === "End" && waiting()) next(); return; }
  if (key === "v" && views.length > 1) return open(views[(views.indexOf(view) + 1) % views.length]);
  if (key === "/") { done(); return $("search").select(); }
  if (key in keys && !(key.startsWith("Arrow") && t.closest("select"))) {
    done();
    play(false);
    actions[keys[key]]();
  }
});
addEventListener("beforeprint", () => {
  S.ask = false;
  go(view.steps.length - 1, true);
});

// --- begin

if (views.length > 1) {
  $("views").append(...views.map((v, k) => h("button", { "data-view": k, "aria-pressed": "false" }, ["folded", "lines", "ops"][k + 3 - views.length])));
}
$("search").hidden = model.views.at(-1).boxes.length < 12;
$("ask").hidden = !views.some((v) => v.boxes.some((box) => (box.shares ?? []).some((share) => share.answers.length > 1)));
open(views[0]);
resize(Math.max(Math.min(1, whole()), 0.85));
