/* The stepper: it fills in the picture's numbers step by step and says in the panel what happens.
   It runs in one scope with picture.js. Text is set with textContent only. */

// --- the timeline: the leaves, each op forward, the seed, each op backward

const steps = [{ kind: "start", boxes: [], changes: [] }];
for (const f of model.forward) {
  const change = [f.box, "data", ["—", "pending"], [f.data, ""]];
  steps.push({ kind: "forward", ...f, boxes: [f.box], changes: [change] });
}
if (model.backward.length) {
  const root = model.root;
  const none = ["—", "pending"];
  const grads = new Map([[root, [model.one, ""]]]);
  steps.push({
    kind: "seed", box: root, boxes: [root], changes: [[root, "grad", none, grads.get(root)]],
  });
  for (const b of model.backward) {
    const changes = b.shares.map((share) => {
      const before = grads.get(share.box) ?? none;
      const after = [share.grad, share.arrived < share.expected ? "partial" : ""];
      grads.set(share.box, after);
      return [share.box, "grad", before, after];
    });
    steps.push({ kind: "backward", ...b, boxes: [b.box], changes });
  }
}
const count = { forward: model.forward.length, backward: model.backward.length };
let position = 0;
let marked = [];

/** Write a number into a box; its state is pending (none yet), partial or complete. */
function write(id, kind, [text, state]) {
  const { element } = items.get(id);
  const line = element.querySelector(`.value.${kind}`);
  if (line) line.textContent = text;
  for (const name of ["pending", "partial"]) {
    element.classList.toggle(`${kind}-${name}`, state === name);
  }
}

function mark(element, name) {
  if (!element) return;
  element.classList.add(name);
  marked.push([element, name]);
}

/** Go to a step; only what differs is painted anew. */
function go(to, quiet) {
  to = Math.max(0, Math.min(steps.length - 1, to));
  for (; position < to; position += 1) {
    for (const [id, kind, , after] of steps[position + 1].changes) write(id, kind, after);
  }
  for (; position > to; position -= 1) {
    const { changes } = steps[position];
    for (let i = changes.length; i--;) write(changes[i][0], changes[i][1], changes[i][2]);
  }
  highlight();
  describe(quiet);
  if (!quiet) reveal(concerned(steps[position]));
  $("scrub").value = position;
  $("first").disabled = $("back").disabled = position === 0;
  $("next").disabled = $("last").disabled = position === steps.length - 1;
}

/** The boxes that a step is about, its op first. */
function concerned(step) {
  const ids = step.kind === "backward" ? step.shares.map((s) => s.box) : step.from ?? [];
  return [...new Set([...step.boxes, ...ids].map(seen))];
}

function highlight() {
  for (const [element, name] of marked) element.classList.remove(name);
  marked = [];
  const step = steps[position];
  svg.dataset.phase = step.kind;
  if (!step.box) return;
  mark(items.get(seen(step.box)).element, "active");
  const others = new Set(step.kind === "backward" ? step.shares.map((s) => s.box) : []);
  for (const id of others) {
    if (seen(id) !== seen(step.box)) mark(items.get(seen(id)).element, "touched");
  }
  for (const edge of inputs.get(step.box) ?? []) {
    if (step.kind === "forward" || others.has(edge.s)) mark(edge.shown, "used");
  }
}

// --- the panel

const panel = $("panel");

function equation(parent, label, text, name) {
  if (!text) return;
  const line = make("div", { class: `line ${name ?? ""}` }, parent);
  make("span", { class: "label" }, line, label);
  make("span", { class: "maths" }, line, text);
}

function heading(kind, text) {
  const line = make("div", { class: `phase ${kind}` }, panel);
  make("span", { class: "chip" }, line, text);
  return line;
}

/** The scope that an op is in, and the way to open it when it is folded. */
function whereabouts(step) {
  if (!step.scope) return;
  const around = seen(step.box);
  const note = make("p", { class: "note" }, panel, `in ${step.scope}`);
  if (around === step.box) return;
  note.append(", ");
  const button = make("button", { class: "link" }, note, "unfold");
  button.addEventListener("click", () => toggle(around));
}

const tellers = {
  start() {
    heading("start", "Start");
    make("h1", {}, panel, model.heading);
    const { ops, leaves, constants } = model.counts;
    make("p", {}, panel, `${ops} operations on ${leaves} leaves and ${constants} constants.`);
    make("p", {}, panel,
      "Step forward (→) to compute each result from its inputs, then backward: every operation " +
      "hands its gradient on to its inputs, by the chain rule, and what arrives there adds up.");
    if (model.groups.length) {
      make("p", {}, panel, "Click a scope, or press Enter on it, to fold or unfold it.");
    }
    if (model.note) make("p", { class: "note" }, panel, model.note);
    return `Start. ${model.heading}.`;
  },
  forward(step) {
    heading("forward", `Forward ${position} of ${count.forward}`);
    make("h1", {}, panel, step.formula);
    whereabouts(step);
    equation(panel, "with numbers", step.numbers);
    equation(panel, "shapes", step.shapes);
    equation(panel, "result", step.data, "result");
    return `Forward ${position} of ${count.forward}: ${step.formula}. Result ${step.data}.`;
  },
  seed() {
    heading("seed", "Turn round");
    make("h1", {}, panel, model.seed);
    make("p", {}, panel,
      "All results are known. The backward pass starts here and visits the operations in " +
      "reverse: each waits until all that use its result have handed on their share.");
    return `Turn round. ${model.seed}.`;
  },
  backward(step) {
    const at = position - count.forward - 1;
    heading("backward", `Backward ${at} of ${count.backward}`);
    make("h1", {}, panel, step.formula);
    whereabouts(step);
    equation(panel, "arrives", `${step.symbol} = ${step.arrives}`, "arrives");
    const said = [`Backward ${at} of ${count.backward}: ${step.formula}.`,
      `${step.symbol} is ${step.arrives}.`];
    for (const share of step.shares) said.push(tellShare(step, share));
    return said.join(" ");
  },
};

function tellShare(step, share) {
  const card = make("section", { class: "share" }, panel);
  const title = make("h2", {}, card, "to ");
  const link = make("button", { class: "link" }, title, share.name);
  link.addEventListener("mouseenter", () => hover(share.box));
  link.addEventListener("mouseleave", () => hover(null));
  link.addEventListener("click", () => { reveal([seen(share.box)]); });
  equation(card, "local", share.rule);
  if (share.rule_numbers) equation(card, "", `= ${share.rule_numbers}`, "numbers");
  equation(card, "hands on", share.pull);
  const alone = share.expected === 1;
  equation(card, "", share.pull_numbers ? `= ${share.pull_numbers} = ${share.value}`
    : `= ${share.value}`, alone ? "numbers result" : "numbers");
  if (share.adds) equation(card, "adds up", share.adds, "adds");
  else if (!alone) equation(card, "so far", `${share.symbol} = ${share.grad}`, "adds");
  const open = share.expected - share.arrived;
  make("p", { class: open ? "note" : "note done" }, card, open
    ? `${share.arrived} of ${share.expected} shares are in`
    : `✓ ${share.symbol} is complete` + (alone ? "" : `: ${share.expected} shares`));
  return share.adds ? `${share.name} adds up: ${share.adds}.`
    : `${share.name} receives ${share.value}.`;
}

function describe(quiet) {
  panel.textContent = "";
  const said = tellers[steps[position].kind](steps[position]);
  if (position === steps.length - 1 && position) {
    make("p", { class: "note done" }, panel, "✓ That was the last step: every gradient is complete.");
  }
  panel.scrollTop = 0;
  if (!quiet) $("live").textContent = said;
}

// --- play

let timer = 0;
const pause = () => play(false);
function play(on) {
  clearInterval(timer);
  timer = 0;
  if (on) {
    if (position === steps.length - 1) go(0);
    timer = setInterval(() => {
      go(position + 1);
      if (position === steps.length - 1) pause();
    }, 1300 / $("speed").value);
  }
  $("play").textContent = timer ? "Pause" : "Play";
  $("play").setAttribute("aria-label", timer ? "Pause" : "Play");
}
function faster(by) {
  const select = $("speed");
  select.selectedIndex = Math.max(0, Math.min(select.length - 1, select.selectedIndex + by));
  if (timer) play(true);
}

/** To the next step (or, with -1, the last) that happens in another visible box. */
function leap(by) {
  const from = steps[position].box && seen(steps[position].box);
  let to = position + by;
  while (steps[to]?.box && seen(steps[to].box) === from) to += by;
  go(to);
}

// --- folding

function toggle(id) {
  const group = items.get(id);
  const anchor = folded.has(id) ? [group.left + group.w / 2, group.top + group.h / 2] : null;
  if (folded.has(id)) folded.delete(id);
  else folded.add(id);
  rearranged(id, anchor);
}

/** After folding: what was clicked stays where it was on the screen. */
function rearranged(id, anchor) {
  const group = items.get(id);
  const before = anchor ?? centre(frames.get(id));
  arrange();
  highlight();
  describe(true);
  label();
  const after = group.visible ? [group.left + group.w / 2, group.top + group.h / 2]
    : centre(frames.get(id));
  view.x += after[0] - before[0];
  view.y += after[1] - before[1];
  soon();
  $("live").textContent = `${group.title} ${folded.has(id) ? "folded" : "unfolded"}.`;
  (folded.has(id) ? group.element : frames.get(id))?.focus({ preventScroll: true });
}
function centre(frame) {
  const rect = frame.querySelector("rect");
  const [x, y, w, h] = ["x", "y", "width", "height"].map((a) => +rect.getAttribute(a));
  return [x + w / 2, y + h / 2];
}
function foldAll() {
  if (folded.size) folded.clear();
  else for (const group of model.groups) folded.add(group.id);
  arrange();
  highlight();
  describe(true);
  label();
  start();
  $("live").textContent = folded.size ? "All scopes folded." : "All scopes unfolded.";
}
function label() {
  $("fold").textContent = folded.size ? "Unfold all" : "Fold all";
}

// --- hover: light up what a box was computed from

let lit = [];
function hover(id) {
  for (const element of lit) element.classList.remove("lit");
  lit = [];
  if (id === null) return;
  const begin = isGroup(items.get(id))
    ? model.boxes.filter((b) => b.path.includes(id)).map((b) => b.id) : [id];
  const stack = [...begin], passed = new Set(begin);
  const light = (element) => {
    if (element && !element.classList.contains("lit")) {
      element.classList.add("lit");
      lit.push(element);
    }
  };
  while (stack.length) {
    const at = stack.pop();
    light(items.get(seen(at)).element);
    for (const edge of inputs.get(at) ?? []) {
      light(edge.shown);
      if (!passed.has(edge.s)) {
        passed.add(edge.s);
        stack.push(edge.s);
      }
    }
  }
}

// --- search

let matches = [], match = -1;
function search() {
  for (const id of matches) items.get(id).element.classList.remove("match");
  const words = $("search").value.trim().toLowerCase();
  matches = words
    ? model.boxes.filter((b) => b.find.toLowerCase().includes(words)).map((b) => b.id) : [];
  for (const id of matches) items.get(id).element.classList.add("match");
  match = -1;
  $("found").textContent = words ? `${matches.length} found` : "";
}
function nextMatch(by) {
  if (!matches.length) return;
  match = (match + by + matches.length) % matches.length;
  const id = matches[match];
  const hiding = items.get(id).path.filter((scope) => folded.has(scope));
  if (hiding.length) {
    for (const scope of hiding) folded.delete(scope);
    arrange();
    highlight();
    label();
  }
  const { left, top, w, h } = items.get(id);
  const size = room();
  view.x = left + w / 2 - size.w / view.k / 2;
  view.y = top + h / 2 - size.h / view.k / 2;
  soon();
  hover(id);
  $("found").textContent = `${match + 1} of ${matches.length}`;
  $("live").textContent = items.get(id).element.getAttribute("aria-label");
}

// --- theme, help, keys, buttons

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme === "auto"
    ? matchMedia("(prefers-color-scheme: dark)").matches : root.dataset.theme === "dark";
  root.dataset.theme = dark ? "light" : "dark";
  $("live").textContent = dark ? "Light." : "Dark.";
}
function help(open) {
  const keys = $("keys");
  if (open ?? !keys.open) keys.showModal();
  else keys.close();
}
$("keys").addEventListener("close", () => {
  $("help").setAttribute("aria-expanded", "false");
  $("help").focus();
});
$("keys").addEventListener("toggle", () => {
  $("help").setAttribute("aria-expanded", String($("keys").open));
});

/** A click, or Enter, on a box: to the step of its op; on a scope: fold or unfold it. */
function choose(id) {
  const item = items.get(id);
  if (isGroup(item)) return toggle(id);
  const kind = position > count.forward ? "backward" : "forward";
  const to = steps.findIndex((step) => step.kind === kind && step.box === id);
  if (to >= 0) {
    pause();
    go(to);
  }
}
const targetOf = (event) => {
  const box = event.target.closest("[data-id]");
  if (box) return box.dataset.id;
  return event.target.closest("[data-group]")?.dataset.group ?? null;
};
svg.addEventListener("click", (event) => {
  const id = targetOf(event);
  if (id !== null && !moved) choose(id);
});
svg.addEventListener("pointerover", (event) => {
  const box = event.target.closest("[data-id]");
  if (!moved || !touches.size) hover(box ? box.dataset.id : null);
});
svg.addEventListener("pointerleave", () => hover(null));
svg.addEventListener("focusin", (event) => {
  const box = event.target.closest("[data-id]");
  if (!box) return;
  hover(box.dataset.id);
  if (box.matches(":focus-visible")) reveal([box.dataset.id]);
});
svg.addEventListener("focusout", () => hover(null));

const actions = {
  ArrowRight: () => go(position + 1), ArrowLeft: () => go(position - 1),
  Home: () => go(0), End: () => go(steps.length - 1),
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "−": () => zoom(0.8),
  0: () => fit(true), "/": () => $("search").select(), f: foldAll, t: theme,
  "?": () => help(), "[": () => faster(-1), "]": () => faster(1),
};
const pausing = new Set(["ArrowRight", "ArrowLeft", "Home", "End"]);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || $("keys").open) return;
  const { target, key } = event;
  if (target === $("search")) {
    if (key === "Enter") nextMatch(event.shiftKey ? -1 : 1);
    if (key === "Escape") {
      target.value = "";
      search();
      target.blur();
    }
    return;
  }
  const onControl = target.closest("button, select, input");
  if (key === " " && !onControl) {
    event.preventDefault();
    return play(!timer);
  }
  if (key === "Enter" && !onControl) {
    const id = targetOf(event);
    if (id !== null) choose(id);
    return;
  }
  if (key in actions && !(target.matches("select") && key.startsWith("Arrow"))) {
    event.preventDefault();
    if (pausing.has(key)) pause();
    if (event.shiftKey && key === "ArrowRight") leap(1);
    else if (event.shiftKey && key === "ArrowLeft") leap(-1);
    else actions[key]();
  }
});
const buttons = {
  first: "Home", back: "ArrowLeft", next: "ArrowRight", last: "End", in: "+", out: "-", fit: "0",
  fold: "f", theme: "t", help: "?",
};
for (const id in buttons) {
  $(id).addEventListener("click", () => {
    if (pausing.has(buttons[id])) pause();
    actions[buttons[id]]();
  });
}
$("play").addEventListener("click", () => play(!timer));
$("speed").addEventListener("change", () => faster(0));
$("close").addEventListener("click", () => help(false));
$("search").addEventListener("input", search);
$("scrub").max = steps.length - 1;
$("scrub").addEventListener("input", (event) => {
  pause();
  go(+event.target.value);
});
addEventListener("resize", soon);

// --- begin: the leaves' values, no results, no gradients

for (const step of steps) {
  for (const [id, kind] of step.changes) write(id, kind, ["—", "pending"]);
}
for (const item of items.values()) item.element.setAttribute("tabindex", "0");
for (const group of model.groups) {
  const frame = frames.get(group.id);
  frame.setAttribute("tabindex", "0");
  frame.setAttribute("aria-label", `${group.title}, unfolded scope`);
  for (const element of [frame, group.element]) element.setAttribute("role", "button");
  group.element.setAttribute("aria-expanded", "false");
  frame.setAttribute("aria-expanded", "true");
}
$("fold").hidden = !model.groups.length;
arrange();
label();
go(0, true);
start();
svg.classList.add("ready");
