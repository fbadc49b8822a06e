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
    if (kind === "forward") for (const node of box.shows) v.value.set(node, k);
    if (kind === "backward") {
      for (const share of box.shares) {
        if (!v.arrivals.has(share.to)) v.arrivals.set(share.to, []);
        v.arrivals.get(share.to).push([k, share.parts]);
      }
    }
  });
  const last = v.steps.length - 1, stubs = v.boxes.filter((box) => box.kind === "stub");
  const users = new Map(v.links.map((link) => [link.s, link.t]));
  v.above = new Map(); // what a gradient is called -> those of the lines that hand it something
  for (const box of lines) {
    for (const share of box.shares) {
      const own = v.boxOf.get(share.to)?.symbol ?? `∂${v.boxOf.get(model.root).name}/∂${share.name}`;
      v.above.set(own, (v.above.get(own) ?? new Set()).add(box.symbol));
    }
  }
  v.touched = v.steps.map(({ kind, box }, k) => [
    ...(!box ? [] : kind === "backward" ? box.shares.map((share) => v.boxOf.get(share.to)).filter(Boolean) : [box]),
    ...stubs.filter((stub) => k === v.seed || k === v.seed - 1 || users.get(stub.id) === box?.id),
    ...(k === last || k === last - 1 || k === v.seed || k === v.seed - 1 ? v.boxes.filter((b) => b.shows.some((node) => !v.arrivals.has(node) || !v.value.has(node))) : [])]);
}
const current = () => view.steps[S.step];
const asked = (box) => box.shares.find((share) => share.answers.length > 1);
const waiting = (k = S.step) => S.ask && view.steps[k].kind === "backward" && !S.told.has(view.steps[k].box.id) && Boolean(asked(view.steps[k].box));
const reached = () => S.step - (waiting() ? 0.5 : 0);
const hasValue = (node) => (view.value.get(node) ?? (model.nodes[node].leaf ? -1 : view.seed - 1)) <= S.step;
function arrived(node) {
  if (node === model.root) return S.step >= view.seed ? [1, 1, []] : [0, 1, []];
  const all = view.arrivals.get(node), done = all?.filter(([k]) => k <= reached());
  if (!all) return [+(reached() >= view.steps.length - 1), 1, []]; // its users are not in this picture
  return [done.length, all.length, done.flatMap(([, parts]) => parts)];
}
const hasGradient = (node) => {
  const [done, all] = arrived(node);
  return all > 0 && done === all;
};
const added = (parts) => parts.map((p) => live.values[p]).reduce((a, b) => a.map((x, i) => x + b[i]));

/** All arrays of some nodes, one after the other; null if one is not in the page. */
function together(shows, role) {
  const all = shows.map((k) => live.values[model.nodes[k][role]]);
  return all.includes(undefined) ? null : all.length === 1 ? all[0] : Float64Array.from(all.flatMap((d) => [...d]));
}
/** What a box shows at this step. */
function paint(box) {
  if (!box.element) return;
  const { value, gradient } = box.panes, { shows } = box;
  const stale = S.version > 0; // what is only recorded would be wrong now
  if (box.kind === "stub" || !shows.length) return paintStub(box, stale);
  const { shape } = model.nodes[box.node];
  if (value) {
    const d = together(shows, "value");
    value.element.classList.toggle("off", !shows.every(hasValue) || (!d && stale));
    if (d) fill(value, d, shape, `${S.version}`);
  }
  for (const [role, pane] of box.others) pane.classList.toggle("off", stale || !shows.every(role === "value" ? hasValue : hasGradient));
  if (!gradient) return;
  const [done, all, parts] = arrived(box.node);
  const partial = shows.length === 1 && done < all && !parts.includes(null);
  const d = !done ? null : partial ? added(parts) : together(shows, "gradient");
  gradient.element.classList.toggle("off", !done || (!d && stale) || (shows.length > 1 && !shows.every(hasGradient)));
  gradient.element.classList.toggle("partial", done > 0 && done < all);
  if (d) fill(gradient, d, shape, `${S.version} ${partial ? done : "all"}`);
}
/** A constant; or a leaf once more beside one of its users, with what that hands to it. */
function paintStub(box, stale) {
  const { value, gradient } = box.panes;
  const place = box.given ?? model.nodes[box.node]?.value ?? -1;
  value?.element.classList.toggle("off", (stale && !live.values[place]) || (box.kind === "stub" && !hasValue(box.node)));
  if (value && live.values[place]) fill(value, live.values[place], live.shapes[place], `${S.version}`);
  if (!gradient) return;
  const user = view.links.find((link) => link.s === box.id)?.t;
  const share = view.items.get(user)?.shares?.find((s) => s.to === box.node);
  const on = share && !share.parts.includes(null) && view.steps.findIndex((s) => s.kind === "backward" && s.box.id === user) <= reached();
  gradient.element.classList.toggle("off", !on);
  if (on) fill(gradient, added(share.parts), live.shapes[share.parts[0]], `${S.version}`);
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
/** Arrows of the gradient that are drawn once it flows there, of some steps. */
function flow(from, to) {
  for (let k = from; k <= to; k += 1) {
    const { kind, box } = view.steps[k];
    if (kind !== "backward") continue;
    for (const link of view.inputs.get(box.id) ?? []) link.element.classList.toggle("dry", k > reached());
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
    if (part) S.entry = { place: part.parts[0], i: 0, own: symbolOf(part) };
    else S.entry = null;
  }
  flow(a, b);
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
  for (const link of v.links) link.element.classList.add("dry");
  for (const box of v.boxes) paint(box);
  for (const button of $("views").children) button.setAttribute("aria-pressed", String(views[button.dataset.view] === v));
  resize(scale);
  const same = at && v.steps.findIndex((s) => s.kind === at.kind && s.box?.node === at.box?.node);
  go(same > 0 ? same : 0, true);
}

// --- the panel

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

let framed = [];
/** Frames around an entry and what makes it, and how, in words. */
function say() {
  for (const e of framed) {
    if (e.matches("td")) e.classList.remove("hot", "src");
    else e.remove();
  }
  framed = [];
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
  for (const e of panel.querySelectorAll(`[data-e="${place}.${i}"]`)) {
    e.classList.add(name);
    framed.push(e);
  }
  for (const { node, role } of view.names.get(place) ?? []) {
    const box = node === null ? view.boxes.find((b) => b.given === place) : view.boxOf.get(node);
    const pane = box?.panes?.[role];
    if (pane && pane.cells.length === live.values[place].length && !pane.element.classList.contains("off")) {
      const around = pane.cells[i].cloneNode();
      around.setAttribute("class", name);
      pane.element.append(around);
      framed.push(around);
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
  return share ? symbolOf(share) : null;
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
