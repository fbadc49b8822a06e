/* The page: what may be changed, and what the reader does. One scope with the other scripts. */

let scrolled = 0; // noted, since to ask lays all out
panel.addEventListener("scroll", () => { scrolled = panel.scrollTop; });
const opened = new Map(); // what the reader has opened or closed, by its heading
/** Write the panel anew; it stays where it was scrolled to unless the step is another. */
function describe(silent) {
  const step = current(), top = silent ? scrolled : 0;
  const body = S.box ? about(S.box) : tellers[step.kind](step);
  const all = () => panel.querySelectorAll("details"), heading = (d) => d.firstChild.textContent;
  for (const d of all()) opened.set(heading(d), d.open);
  panel.replaceChildren(...[leave(), ...body, S.box || step.kind === "forward" ? null : derivation()].flat(9).filter(Boolean));
  for (const d of all()) d.open = opened.get(heading(d)) ?? d.open;
  if (top || scrolled) panel.scrollTop = scrolled = top;
  say();
  if (!silent) $("live").textContent = panel.querySelector("h2, p")?.textContent ?? "";
}

// --- a number is changed

/** The place and entry that can be changed: of a leaf or a constant that is given. */
function target() {
  if (!editable) return null;
  const e = S.entry && recorded[S.entry.place]?.length && view.names.get(S.entry.place)?.[0].role === "value" ? S.entry : null;
  if (e) return e;
  const box = S.box ?? null, place = box && (box.node === undefined ? box.given : model.nodes[box.node].leaf ? model.nodes[box.node].value : null);
  return place !== null && place !== undefined && recorded[place]?.length ? { place, i: 0, own: box.name } : null;
}
const called = (e) => (view.names.get(e.place)?.[0].text ?? "") + at(live.shapes[e.place], e.i);
let subject = null; // of the editor that is shown: to point elsewhere on the way to it changes nothing
function editor() {
  const e = subject = target();
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
  const e = subject, node = view.names.get(e.place)?.[0].node;
  if (S.note) return [S.note];
  const root = model.nodes[model.root], here = live.values[root.value].reduce((a, b) => a + b, 0);
  const g = node === null || gradientOf(node) === null ? null : live.values[gradientOf(node)][e.i], x = live.values[e.place][e.i];
  live.values[e.place][e.i] = x + 0.001;
  const same = compute(reach(e.place)), there = live.values[root.value].reduce((a, b) => a + b, 0);
  live.values[e.place][e.i] = x;
  compute(reach(e.place));
  if (!same) return [`${called(e)} + 0.001 would take another branch of the code`];
  const name = model.name + (root.shape.length ? " (the sum of its entries)" : "");
  const told = [`${called(e)} + 0.001: ${name} ${num(here, 7)} → ${num(there, 7)}, by `, h("b", {}, num(there - here, 4))];
  return g === null || !hasGradient(node) ? told : [...told, h("br"), `the gradient says ${num(g, 4)} · 0.001 = `, h("b", {}, num(g * 0.001, 4))];
}
/** Another number in a place; all is computed anew, and painted. */
function change(x, e = subject) {
  if (!e || !Number.isFinite(x)) return;
  const old = live.values[e.place][e.i];
  live.values[e.place][e.i] = x;
  S.note = "";
  const anew = reach(e.place);
  if (!compute(anew)) {
    live.values[e.place][e.i] = old;
    compute(anew);
    S.note = `At ${num(x, 6)} the code would take another branch than it took: ${called(e)} stays ${num(old, 6)}.`;
  }
  $("whose").hidden = S.edited = true;
  if (S.whose !== WHOSE[0]) gradients(0);
  for (const p of [e.place, ...anew]) live.ages[p] += 1;
  const had = document.activeElement?.id, cell = document.activeElement?.dataset?.e, text = $("field")?.value;
  S.entry = e;
  describe(true);
  if (had === "field" && $("field")) $("field").value = text;
  ($(had) ?? (cell ? panel.querySelector(`[data-e="${cell}"]`) : null))?.focus({ preventScroll: true });
  $("live").textContent = S.note || `${called(e)} = ${num(live.values[e.place][e.i], 6)}; ${model.name} = ${num(live.values[model.nodes[model.root].value][0], 6)}`;
  S.note = "";
  relabel();
  repaint();
}

// --- the timeline

const LABELLED = 24; // stops of a timeline with names; a longer one is a slider
function track() {
  const here = $("track"), n = view.steps.length;
  const key = `${views.indexOf(view)} ${view.turn}`;
  if (here.dataset.view !== key) {
    here.dataset.view = key;
    const words = ({ kind, box }) => ({ start: "Start", seed: "Turn round: 1" })[kind] ?? `${kind} ${box.name}`;
    here.replaceChildren(n <= LABELLED
      ? h("ol.track", { "aria-label": "Steps" }, view.steps.map((step, k) => h(`li${k >= view.seed ? ".b" : ""}`, {},
        h("span.ph", {}, k === 1 ? "forward: values" : k === view.seed ? "backward: gradients" : ""),
        h("button", { "data-step": k, "aria-label": words(step) }, h("span.m", {}, ...(step.kind === "start" ? ["•"] : step.kind === "seed" ? ["1"] : maths(step.box.name)))))))
      : h("input", { id: "scrub", type: "range", min: 0, max: n - 1, "aria-label": "Step" }));
  }
  const stops = [...here.querySelectorAll("li")], now = stops[S.step];
  stops.forEach((li, k) => li.classList.toggle("done", k <= S.step));
  here.querySelector("[aria-current]")?.removeAttribute("aria-current");
  now?.setAttribute("aria-current", "step");
  if (now) here.scrollLeft = now.offsetLeft - here.offsetLeft - (here.clientWidth - now.clientWidth) / 2;
  if ($("scrub")) $("scrub").value = S.step;
  $("back").disabled = S.step === 0;
  $("next").disabled = S.step === n - 1 && !waiting();
}

// --- what the reader does

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
    reveal([matches[found]]);
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
/** Whose gradients the boxes show, by the number in their list. */
function gradients(k) {
  S.whose = WHOSE[k % WHOSE.length];
  [...$("whose").children].forEach((button, n) => button.setAttribute("aria-pressed", String(n === k % WHOSE.length)));
  repaint();
  say();
  $("live").textContent = `gradients: ${S.whose}`;
}
const bump = (sign, e = subject) => e && change(+(live.values[e.place][e.i] + sign * 0.1).toPrecision(12), e);
const actions = {
  back: () => go(S.step - 1), next, ask: asks, theme, help: () => $("keys").showModal(), close: () => $("keys").close(),
  out: () => resize(scale * 0.8), in: () => resize(scale * 1.25), fit: () => resize(Math.min(1, whole())),
  tell: next, tostep: () => { S.box = null; highlight(); describe(true); }, less: () => bump(-1), more: () => bump(1),
  reset: () => change(recorded[subject.place][subject.i]),
};
const keys = {
  ArrowRight: "next", ArrowLeft: "back", "+": "in", "=": "in", "-": "out", "−": "out", 0: "fit", t: "theme", a: "ask", "?": "help",
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) {
    const { step, view: k, answer: a, select: id, whose } = button.dataset;
    if (step) return +step === S.step && waiting() ? next() : go(+step);
    if (k) return open(views[k]);
    if (a) return answer(+a);
    if (whose) return gradients(+whose);
    if (id) { select(view.boxes[id]); return reveal([view.boxes[id]]); }
    return actions[button.id]?.();
  }
  if (point(event.target)) return void (target() && describe(true));
  const box = boxAt(event.target), cell = cellOf(event.target);
  if (!box) return;
  if (event.target.matches(".opens")) return open(views[box.opens]);
  if (cell?.pane.strip && cell.i >= 0 && cell.pane.columns === +$("turn").max) return turn(1 + cell.i % cell.pane.columns);
  if (box.mark || box.node === undefined || model.nodes[box.node].leaf) select(box);
  else choose(box);
  hover(event.target);
});
document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "touch") point(event.target) || hover(event.target);
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches("td[data-e]")) point(event.target);
  if (event.target.matches("td[data-words]")) $("live").textContent = event.target.dataset.words;
  if (event.target.matches(".box:focus-visible")) reveal([boxAt(event.target)]);
});
document.addEventListener("input", (event) => {
  const { id, dataset, value: x } = event.target;
  if (id === "field" || id === "slide") change(x === "" ? NaN : +x);
  if (id === "scrub") go(+x);
  if (id === "turn") turn(+x);
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
  if (cell && "+=-−".includes(key) && target()) { done(); return bump("+=".includes(key) ? 1 : -1, target()); }
  if (key === "Enter" && !t.closest("button, summary")) {
    if (boxAt(t)) return choose(boxAt(t));
    if (cell && target()) return describe(true);
    return waiting() ? next() : undefined;
  }
  if (key === "Escape" && S.box) return actions.tostep();
  if (key === "Home" || key === "End") { done(); go(key === "Home" ? 0 : view.steps.length - 1); if (key === "End" && waiting()) next(); return; }
  if (key === "v" && wholes.length > 1) return open(wholes[(wholes.indexOf(view) + 1) % wholes.length]);
  if (key === "y" && $("whose").childElementCount && !S.edited) return gradients(WHOSE.indexOf(S.whose) + 1);
  if ("[]".includes(key) && !$("turn").parentElement.hidden) return turn(+$("turn").value + (key === "[" ? -1 : 1));
  if (key === "/") { done(); return $("search").select(); }
  if (key in keys) {
    done();
    actions[keys[key]]();
  }
});
let moving = 0;
$("stage").addEventListener("scroll", () => { moving ||= requestAnimationFrame(() => { moving = 0; cull(); }); });
addEventListener("resize", cull);
addEventListener("beforeprint", () => {
  S.ask = false;
  for (const box of view.boxes) { box.far = false; paint(box); }
  go(view.steps.length - 1, true);
});

// --- begin

const wholes = views.filter((v) => !v.of);
if (wholes.length > 1) {
  $("views").append(...wholes.map((v, k) => h("button", { "data-view": k, "aria-pressed": "false" }, model.details[k])));
}
if (Object.values(model.claims).some((claim) => claim.numbers)) {
  $("whose").append(...WHOSE.map((whose, k) => h("button", { "data-whose": k, "aria-pressed": String(!k) }, whose)));
}
$("search").hidden = wholes.at(-1).boxes.length < 12;
$("ask").hidden = !views.some((v) => v.boxes.some((box) => box.shares?.some(({ answers }) => answers.length > 1)));
open(views[0]);
resize(Math.max(Math.min(1, whole()), 0.96)); // no text under 10 pixels: the stage scrolls
