/* The steps of a view: what is computed when, and what the boxes show of it. */

load(model.program);
const gradientOf = (node) => model.nodes[node].gradient;
const entries = doubles(model.recorded[1]);
let start = 0;
/** What was recorded, place by place. */
const asRecorded = model.recorded[0].map((place) => [place, entries.subarray(start, start += live.values[place].length)]);
/** How far the page's own arithmetic is from it; NaN where Python went elsewhere. */
const apart = () => (compute() ? Math.max(0, ...asRecorded.map(([place, data]) => {
  const size = Math.max(1, topOf(data)), off = (a, b) => (a === b || (a !== a && b !== b) ? 0 : Math.abs(a - b) / size || 1);
  return data.reduce((worst, a, i) => Math.max(worst, off(a, live.values[place][i])), 0);
})) : NaN);
const error = model.why ? NaN : apart();
const editable = error < 1e-12;
if (!editable) for (const [place, data] of asRecorded) live.values[place].set(data);
const recorded = model.program.given.map((_, place) => live.values[place].slice());

const WHOSE = ["backward()", "yours", "error"]; // gradients that the boxes can show
const S = { step: 0, box: null, entry: null, ask: true, told: new Set(), answers: new Map(), edited: false, note: "", whose: WHOSE[0] };

/** A further place, of an array that nothing computes. */
function kept(shape, data) {
  live.shapes.push(shape);
  live.ages.push(0);
  live.steps.push(null);
  return live.values.push(data) - 1;
}
/** The places of a node's gradient, of what was claimed of it, and, if that fits, how far it is off; null if
    nothing was, or numbers were changed since. */
function claimOf(node) {
  const claim = model.claims[node], g = gradientOf(node), here = live.values[g];
  if (!claim?.numbers || !here || S.edited) return null;
  if (claim.yours === undefined) {
    const mine = doubles(claim.numbers);
    Object.assign(claim, { [WHOSE[0]]: g, yours: kept(claim.shape, mine), fits: String(claim.shape) === String(live.shapes[g]) });
    const least = 1e-12 * topOf(here); // less is rounding
    if (claim.fits) claim.error = kept(claim.shape, mine.map((x, i) => (Math.abs(x - here[i]) < least ? 0 : x - here[i])));
  }
  return claim;
}

/** What is looked up in a view: boxes and names by nodes and places, and the timeline. */
function planned(v) {
  v.boxOf = new Map(); // node -> the box that shows it
  v.names = new Map(); // place -> what it is called there: {text, node, role}
  const put = (map, key, value) => key !== null && key !== undefined && map.set(key, [...(map.get(key) ?? []), value]);
  for (const box of v.boxes) {
    if (!box.shows.length) put(v.names, box.given, { text: box.name, node: null, role: "value" });
    for (const k of box.shows) if (box.kind !== "stub" && !v.boxOf.has(k)) v.boxOf.set(k, box);
  }
  for (const [k, box] of v.boxOf) if (box.shows.length === 1) put(v.names, model.nodes[k].value, { text: box.name, node: k, role: "value" });
  for (const { kind, name: text, shows: [k] } of v.boxes) {
    if (kind === "stub" && k !== undefined && !v.boxOf.has(k)) put(v.names, model.nodes[k].value, { text, node: k, role: "value" });
  }
  for (const [k, box] of v.boxOf) if (box.shows.length === 1) put(v.names, gradientOf(k), { text: box.symbol, node: k, role: "gradient" });

  const lines = v.boxes.filter((box) => box.shares), passed = lines.filter((box) => box.shares.length).reverse();
  v.steps = [{ kind: "start" }, ...lines.map((box) => ({ kind: "forward", box }))];
  v.seed = v.steps.length;
  const top = v.boxOf.get(model.root) ?? v.boxOf.get(v.root) ?? passed[0];
  if (passed.length) v.steps.push({ kind: "seed", box: top }, ...passed.map((box) => ({ kind: "backward", box })));
  v.value = new Map(); // node -> the step that computes it
  v.arrivals = new Map(); // node -> [step, parts] of all that hand something to it
  v.starts = new Map(); // node -> the step at which it hands its gradient on
  v.above = new Map(); // what a gradient is called -> those of the lines that hand it something
  v.steps.forEach(({ kind, box }, k) => {
    if (kind === "forward") for (const node of box.shows) v.value.set(node, v.value.get(node) ?? k);
    if (kind !== "backward") return;
    for (const node of box.shows) v.starts.set(node, k);
    for (const share of box.shares) {
      put(v.arrivals, share.to, [k, share.parts]);
      put(v.above, symbolOf(share, v), box.symbol);
    }
  });
  const outside = (box) => (box.outside ? v.seed : NaN);
  const handing = new Map(v.steps.map(({ kind, box }, k) => [kind === "backward" ? box : null, k]));
  for (const [to, links] of v.inputs) for (const link of links) link.step = handing.get(to) ?? outside(to);
}
const current = () => view.steps[S.step];
const isNumber = (shape) => !shape.length;
const symbolOf = (share, v = view) => {
  const { shows, symbol } = v.boxOf.get(share.to) ?? { shows: [], symbol: `∂${model.name}/∂${share.name}` };
  return shows.length > 1 ? `${symbol}[${shows.indexOf(share.to)}]` : symbol;
};
const asked = (box) => box.shares.find((share) => share.answers.length > 1);
const waiting = (k = S.step) => S.ask && view.steps[k].kind === "backward" && !S.told.has(view.steps[k].box) && Boolean(asked(view.steps[k].box));
const reached = () => S.step - (waiting() ? 0.5 : 0);
const hasValue = (node) => (view.value.get(node) ?? (model.nodes[node].leaf || view.of || !view.boxOf.has(node) ? -1 : view.seed - 1)) <= S.step;
/** Of how many shares of a gradient how many have arrived, and these. */
function arrived(node) {
  if (node === model.root) return S.step >= view.seed ? [1, 1, []] : [0, 1, []];
  const all = view.arrivals.get(node), done = all?.filter(([k]) => k <= reached());
  if (all) return [done.length, all.length, done.flatMap(([, parts]) => parts)];
  const start = view.starts.get(node) ?? (view.of ? view.seed : undefined); // its users are not in this picture
  return [+(start === undefined ? reached() >= view.steps.length - 1 : S.step >= start), 1, []];
}
const hasGradient = (node) => {
  const [done, all] = arrived(node);
  return all > 0 && done === all;
};
const added = (parts) => parts.map((p) => live.values[p]).reduce((a, b) => a.map((x, i) => x + b[i]));

// --- what a box shows

/** All arrays of some places, one after the other; null if one is not in the page. */
function together(all) {
  const found = all.map((p) => live.values[p]);
  return found.includes(undefined) ? null : found.length === 1 ? found[0] : Float64Array.from(found.flatMap((d) => [...d]));
}
const claimed = (box, pane) => pane.role === "gradient" && !pane.strip && box.kind !== "stub" && box.shows.length === 1 ? claimOf(box.node) : null;
/** The places of what a pane shows: of a gradient what was claimed of it, if that is wanted. */
function placesOf(box, pane) {
  if (pane.role === "gradient" && S.whose !== WHOSE[0]) return [claimed(box, pane)?.[S.whose]];
  return box.shows.length ? box.shows.map((k) => model.nodes[k][pane.role]) : [box.given];
}
/** The place whose entries the cells of a pane are, one by one, if it shows them. */
function placeOf(box, pane) {
  const [place] = placesOf(box, pane), share = box.kind === "stub" && pane.role === "gradient";
  return pane.strip || share || pane.cells.length !== live.values[place]?.length || pane.element.classList.contains("off") ? null : place;
}
/** The numbers of a pane, whether they are known, and whether shares are still missing. */
function content(box, pane) {
  const all = placesOf(box, pane), d = together(all);
  if (pane.strip) return strip(box, pane.role);
  if (pane.role === "gradient" && S.whose !== WHOSE[0]) {
    const on = d !== null && claimOf(box.node).fits;
    return { d: on ? d : null, on, key: all };
  }
  if (pane.role === "value") return { d, on: box.shows.every(hasValue), key: all.map((p) => live.ages[p]) };
  if (box.kind === "stub") {
    const user = view.users.get(box), share = user?.shares?.find((s) => s.to === box.node);
    const on = share && !share.parts.includes(null) && view.starts.get(user.node) <= reached();
    return { d: on ? added(share.parts) : null, on, key: on && share.parts.map((p) => live.ages[p]) };
  }
  const [done, many, parts] = arrived(box.node), partial = done > 0 && done < many;
  const sum = partial && box.shows.length === 1 && !parts.includes(null);
  const on = done > 0 && (box.shows.length === 1 || box.shows.every(hasGradient));
  return { d: !done ? null : sum ? added(parts) : d, on, partial, key: [...all.map((p) => live.ages[p]), sum ? done : "all"] };
}
/** All equal steps side by side, an array in each column. */
function strip(box, role) {
  const all = box.turns.map(([node]) => model.nodes[node][role]), d = all.map((p) => live.values[p]);
  const on = role === "value" ? box.shows.every(hasValue) : box.shows.every(hasGradient);
  if (!d.length || d.includes(undefined)) return { d: null, on };
  const flat = Float64Array.from({ length: d.length * d[0].length }, (_, i) => d[i % d.length][Math.floor(i / d.length)]);
  return { d: flat, on, columns: d.length, norms: d.map(norm), key: all.map((p) => live.ages[p]) };
}
function paint(box) {
  box.stale = box.far;
  if (box.far) return;
  for (const pane of box.panes) {
    const { d, on, partial, key, columns, norms } = content(box, pane);
    pane.element.classList.toggle("off", !on || (!d && (S.edited || view.turn))); // what is only recorded would be wrong now
    pane.element.classList.toggle("partial", Boolean(partial));
    const [label] = pane.element.children, words = pane.role === "gradient" && !pane.strip && S.whose !== WHOSE[0] ? S.whose : pane.label;
    if (label.textContent !== words) { label.textContent = words; italic(label); }
    const claim = claimed(box, pane), all = claim?.fits ? WHOSE.map((whose) => live.values[claim[whose]]) : [];
    if (d) fill(pane, d, columns ?? (box.shows.length ? model.nodes[box.node].shape.at(-1) : live.shapes[box.given].at(-1)) ?? d.length, `${key}`, all);
    if (d && pane.note) pane.element.lastChild.textContent = norms ? `norm ${num(norms[0])} → ${num(norms.at(-1))}, log scale` : inShort(d, pane.role);
    if (d && norms) barsOf(norms, pane.columns).forEach((up, k) => {
      const { y, height } = pane.bars[k];
      y.baseVal.value += height.baseVal.value - 2 * up;
      height.baseVal.value = 2 * up;
    });
  }
}
const AT_ONCE = 200; // boxes
/** Whether a rectangle of the picture is in sight, or as far from it as the stage is large. */
function inSight() {
  const stage = $("stage"), [x, y, w, high] = [stage.scrollLeft, stage.scrollTop, stage.clientWidth, stage.clientHeight].map((z) => z / scale);
  return ({ left, top, right, bottom }) => left < x + 2 * w && right > x - w && top < y + 2 * high && bottom > y - high;
}
/** Of a large picture, leave what is far from sight out of the browser's layout; it is painted once it is near. */
function cull() {
  if (view.boxes.length <= AT_ONCE) return;
  const near = inSight();
  for (const item of [...view.boxes, ...view.links]) {
    const far = !near(around(item.from ? [item.from, item.to] : [item]));
    if (far !== item.far) item.element.classList.toggle("far", item.far = far);
    if (item.stale && !far) paint(item);
  }
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
  view.element.dataset.phase = kind;
  if (S.box) mark(S.box.element, "selected");
  if (!box) return;
  mark(box.element, "now");
  for (const link of view.inputs.get(box) ?? []) {
    if (kind === "forward" || (kind === "backward" && !waiting())) mark(link.element, "used");
  }
  if (kind === "backward" && !waiting()) for (const share of box.shares) mark(view.boxOf.get(share.to)?.element, "gets");
}
/** Show what is known at this step: all boxes, and arrows of the gradient once it flows there. */
function repaint() {
  view.boxes.forEach(paint);
  for (const { element, step } of view.links) element.classList.toggle("dry", !(step <= reached()));
}

/** The local derivatives beside arrows and in their tooltips, of the numbers that are here now. */
function relabel() {
  for (const { element, from, to } of view.links) {
    const share = to.shares?.find((s) => s.to === from.node), along = share ? slope(to, share) : null;
    for (const words of element.querySelectorAll(".local, title")) {
      words.textContent = words.textContent.replace(/×.*/, `×${along === null ? "—" : num(along)}`);
    }
  }
}

// --- from step to step

function go(to, quiet) {
  to = Math.max(0, Math.min(view.steps.length - 1, to));
  for (let k = 0; k < to; k += 1) if (view.steps[k].kind === "backward") S.told.add(view.steps[k].box);
  S.step = to;
  S.box = null;
  const { kind, box } = current();
  if (S.entry && !shown(S.entry.place)) S.entry = null;
  if (kind === "backward" && !waiting() && !quiet) {
    const part = box.shares.find((share) => live.values[share.parts[0]]?.length);
    S.entry = part ? { place: part.parts[0], i: 0, own: symbolOf(part) } : null;
  }
  repaint();
  highlight();
  describe(quiet);
  track();
  if (!quiet && box) reveal([box, ...(box.shares ?? []).map((s) => view.boxOf.get(s.to)).filter(Boolean)]);
}
function next() {
  if (!waiting()) return go(S.step + 1);
  S.told.add(current().box);
  go(S.step);
}
/** Whether a place's numbers are known at this step. */
function shown(place) {
  const names = view.names.get(place);
  return !names || names.some(({ node, role }) => node === null || (role === "value" ? hasValue(node) : hasGradient(node)));
}
/** Show a view; at the step where the last one was, if it has that. */
function open(v) {
  const at = view.steps ? current() : null;
  drawn(v);
  $("picture").replaceChildren(v.element);
  view = v;
  $("turn").parentElement.hidden = !v.times;
  Object.assign($("turn"), { max: v.times, value: v.turn ?? v.times });
  S.told.clear();
  S.answers.clear();
  restart((k) => at && v.steps[k].kind === at.kind && v.steps[k].box?.node === at.box?.node);
  for (const button of $("views").children) button.setAttribute("aria-pressed", String(views[button.dataset.view] === v));
  resize(scale);
}
/** Plan and paint a view anew, at the first step that is wanted. */
function restart(wanted) {
  S.step = 0;
  S.entry = null;
  planned(view);
  go(Math.max(0, view.steps.findIndex((_, k) => wanted(k))), true);
}
/** Show another one of equal steps where the last one is. */
function turn(k) {
  const here = S.step, { times } = view;
  view.turn = k = Math.max(1, Math.min(times, k));
  $("turn").value = k;
  for (const box of view.boxes.filter((b) => b.turns.length)) {
    const [own, ...shares] = box.turns[k - 1];
    if (box.shows.length) { box.shows = [own]; box.node = own; } else box.given = own;
    shares.forEach(([to, parts], j) => Object.assign(box.shares[j], { to, parts }));
    for (const pane of box.panes) pane.shown = "";
  }
  const frame = view.element.querySelector(".turns > .label"), words = `step ${k} of ${times}`;
  view.framed ??= frame.textContent;
  view.named = new Map([[view.framed, words]]);
  frame.textContent = words;
  for (const box of view.boxes) {
    for (const pane of box.panes.filter((p) => p.strip && p.columns === times)) {
      pane.element.querySelector(".chosen")?.remove();
      outline(pane, [...pane.cells.keys()].filter((i) => i % times === k - 1), "hot chosen");
    }
  }
  relabel();
  restart((j) => j === here);
  $("live").textContent = words;
}
