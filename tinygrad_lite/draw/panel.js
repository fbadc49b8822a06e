/* The panel: what it says of a step and of a box, what it asks. In one scope with the others. */

const panel = $("panel");
const chip = (text, back) => h(`span.chip${back ? ".back" : ""}`, {}, text);
const details = (about, ...content) => h("details", { open: true }, h("summary", {}, about), content);
const quiet = (text) => h("p.quiet", {}, text);
const title = (text) => h("h2.m", {}, ...maths(text));
const line = (box) => (box.formula ? `${box.name} = ${box.formula}` : box.name);
const sayBox = () => h("div.say", { id: "say" });

const tellers = {
  start: () => [chip("Start"), verdicts(),
    h("p", {}, "Step on (→): first the values run down, then the gradients run back up, one line of the derivation at a time. Nothing is shown before it is computed."),
    quiet(editable ? `Computed in this page too: it agrees with the recorded run to ${error ? minus(error.toExponential(0)) : "the last bit"}. Select a number of a parameter or a constant to change it.`
      : `The numbers are as recorded and cannot be changed: ${model.why || "this page did not reproduce them"}.`)],
  forward: ({ box }) => [chip(`Forward ${S.step} of ${view.seed - 1}`), title(line(box)), whereabouts(box), ...value(box)],
  seed: ({ box }) => [chip("Turn round", true), !box.shows.includes(model.root) ? title(`${box.symbol} arrives from what is not shown here`) : title(`${box.symbol} = ${isNumber(model.nodes[box.node].shape) ? "1" : `ones ${shapeText(model.nodes[box.node].shape)}: the gradient of the sum of its entries`}`),
    h("p", {}, "All values are known. From here the question is turned round: how much does the result change for each entry that went into it? Each line waits until all that use it have answered.")],
  backward: ({ box }) => {
    const head = [chip(`Backward ${S.step - view.seed} of ${view.steps.length - 1 - view.seed}`, true)];
    if (waiting()) return [...head, title(line(box)), whereabouts(box), h("p", {}, ...maths(box.symbol), " has arrived complete. Now this line hands it on."), question(box)];
    return [...head, whereabouts(box), ...box.shares.flatMap((share) => handed(share)), ...editor()];
  },
};
const whereabouts = (box) => [box.scope.length ? quiet(`in ${box.scope.map((part) => view.named?.get(part) ?? part).join(" / ")}`) : null, view.of && box.outside ? quiet("not in this part") : null,
  box.opens ? h("p", {}, h("button.plain", { "data-view": box.opens }, `Open: ${box.lines[0]}`)) : null];

function value(box) {
  const node = model.nodes[box.node];
  if (node.value === null || box.shows.length > 1) return [h("p", {}, node.texts?.[0] ?? box.lines.join(" "))];
  if (isNumber(node.shape)) {
    S.entry = { place: node.value, i: 0, own: box.name };
    return [sayBox(), ...editor()];
  }
  return [equation(node.value, box.name, box.name, "value"), legend(topOf(live.values[node.value]), ""), sayBox(), ...editor()];
}
/** What a line hands to one input, and how it adds up there. */
function handed(share) {
  const symbol = symbolOf(share);
  const all = view.arrivals.get(share.to) ?? [], before = all.filter(([k]) => k < S.step).flatMap(([, parts]) => parts);
  const several = share.parts.length !== 1 || (share.to !== null && share.parts[0] !== gradientOf(share.to));
  const head = title(several ? `${symbol} gets ${share.answers[0][0]}${current().box.turns.length ? ", in this step" : ""}` : `${symbol} = ${share.answers[0][0]}`);
  if (share.to === null || share.parts.includes(null) || !share.parts.length) return [head, h("p", {}, model.nodes[share.to]?.texts?.[1] ?? "")];
  const found = [head, ...share.parts.map((part) => (isNumber(live.shapes[part]) ? null
    : equation(part, several ? "this part" : symbol, symbol, "gradient"))), ...share.parts.filter((part) => live.values[part].length).map((part) => h("div.say.back", { "data-say": `${part}`, "data-own": symbol }))];
  const parts = [...before, ...share.parts];
  if (parts.length > 1) found.push(sumOf(parts, symbol, all));
  found.push(jacobian(current().box, share));
  return found;
}
const SLABS = 12, CELLS = 400; // of a Jacobian that is shown
/** The derivative of a line by one input, which no backward step builds: the step run once for each
    entry of the result, as slabs. */
function jacobian(box, share) {
  const g = gradientOf(box.node), [part] = share.parts, d = live.values[g], n = d?.length, m = live.values[part]?.length;
  if (!editable || share.parts.length > 1 || box.node === model.root || !(n > 1 && n <= SLABS && m > 1 && n * m <= CELLS)) return null;
  const slabs = [...d.keys()].map((i) => {
    d.fill(0);
    d[i] = 1;
    for (const p of reach(g)) live.steps[p].run();
    return live.values[part].slice();
  });
  compute();
  const by = live.shapes[part], top = topOf(slabs.flatMap((s) => [...s])), columns = by.length > 1 ? by.at(-1) : m;
  const zeros = slabs.reduce((k, s) => k + s.filter((x) => x === 0).length, 0), outer = live.shapes[g];
  const slab = (s, i) => {
    const rows = Array.from({ length: m / columns }, (_, r) => h("tr", {}, Array.from({ length: columns }, (_, c) => h("td.tile", {
      style: tint(s[r * columns + c], top), title: `∂${box.name}${at(outer, i)}/∂${share.name}${at(by, r * columns + c)} = ${num(s[r * columns + c])}` }))));
    return h("figure", {}, h("table.mx", {}, h("tbody", {}, rows)), h("figcaption", {}, `∂${box.name}${at(outer, i)}`));
  };
  return h("details", {}, h("summary", {}, ...maths(`Where is ∂${box.name}/∂${share.name}?`)),
    quiet(`It has the shape ${shapeText([...outer, ...by])}, a slab for each entry of ${box.name}; ${zeros} of its ${n * m} entries are 0. Not impossible, but the backward step never builds it: it goes from the gradient of ${box.name} to that of ${share.name} at once.`),
    h("div.jac", {}, slabs.map(slab)));
}
/** Accumulation: matrix + matrix = matrix, or numbers. */
function sumOf(parts, symbol, all) {
  const so = added(parts), complete = parts.length === all.flatMap(([, p]) => p).length;
  const after = complete ? symbol : `${symbol} so far`;
  if (so.length === 1) {
    const e = { f: "sum", of: parts.map((p) => ({ text: " ", value: live.values[p][0] })), value: so[0] };
    return h("div.say.back", {}, saying(after, e, true));
  }
  const place = complete && gradientOf([...view.boxOf.values()].find((b) => b.symbol === symbol)?.node ?? model.root);
  return h("div.eqn", {}, parts.flatMap((p, k) => [k ? h("span.o", {}, "+") : null, matrix(p, k === parts.length - 1 ? "this part" : "before", { role: "gradient" })]),
    h("span.o", {}, "="), complete ? matrix(place, symbol, { role: "gradient" }) : h("span", {}, after));
}

function question(box) {
  const share = asked(box), given = S.answers.get(box) ?? [];
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
  S.answers.set(box, [...(S.answers.get(box) ?? []), k]);
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
  return details("The derivation so far", h("table.deriv", {}, h("tbody", {}, rows)));
}
/** Out of a part of the picture. */
const leave = () => (view.of ? h("p", {}, h("button.plain", { "data-view": 0 }, "← all of the picture"), ...maths(`, of which this is ${view.of}`)) : null);
/** What `check` says, line by line. */
function verdicts() {
  const told = view.boxes.filter((box) => box.mark && box.kind !== "stub").reverse();
  if (!told.length) return null;
  const of = (...marks) => told.filter((box) => marks.includes(box.mark)), wrong = of("first", "wrong"), [follow, right, unclear] = ["follows", "right", "unclear"].map((m) => of(m).length);
  const words = [wrong.length ? [h("b.wrong", {}, `${wrong.length} mistake${wrong.length > 1 ? "s" : ""}`), ", at ", ...maths(wrong.map((box) => box.symbol).join(", "))] : null,
    follow ? `${follow} line${follow > 1 ? "s follow" : " follows"} from ${wrong.length > 1 ? "them" : "it"}` : null, unclear ? `${unclear} too weak to tell` : null, right ? `${right} right` : null].filter(Boolean);
  return h("div", {}, h("p.sum", {}, words.flatMap((part, k) => [k ? "; " : "", part])), h("ul.lines", {}, told.map((box) => h("li", {}, h("button", { "data-select": box.id },
    h(`span.badge.${box.mark}`, {}, model.marks[box.mark]), h("span.m", {}, ...maths(box.symbol)), h("span.quiet", {}, model.claims[box.node]?.line || box.lines.slice(box.inside ? 1 : 0).join(" ")))))));
}

/** A box that was selected: what it holds, its numbers, what was claimed, its ways to the result. */
function about(box) {
  const node = model.nodes[box.node];
  const found = [h("button.plain", { id: "tostep" }, "← back to the step"), title(line(box)), whereabouts(box)];
  if (box.shows.length > 1) return [...found, quiet(box.lines.join(" "))];
  if (!node) {
    if (live.values[box.given]) found.push(matrix(box.given, box.name), ...editor());
    return [...found, quiet("A constant: it gets no gradient.")];
  }
  if (model.claims[box.node]) found.push(verdict(box));
  if (node.value === null) return [...found, h("p", {}, `value: ${node.texts[0]}`), h("p", {}, `gradient: ${hasGradient(box.node) ? node.texts[1] : "not computed yet"}`)];
  if (hasValue(box.node)) found.push(matrix(node.value, "value"), legend(topOf(live.values[node.value]), "value"));
  if (node.gradient !== null && hasGradient(box.node)) {
    found.push(matrix(node.gradient, box.symbol, { role: "gradient" }), legend(topOf(live.values[node.gradient]), box.symbol));
  } else found.push(quiet(node.gradient === null ? "It gets no gradient." : "Its gradient is not computed yet."));
  return [...found, sayBox(), ...editor(), hasGradient(box.node) ? paths(box) : null];
}
/** A gradient that was claimed beside the right one, on one scale, and how they differ. */
function verdict(box) {
  const { words, line: own, mended, numbers, mark } = model.claims[box.node], claim = claimOf(box.node);
  const found = [h("p", {}, h(`span.badge.${mark}`, {}, model.marks[mark]), ` ${words}`)];
  if (own) found.push(h("dl.code", {}, h("dt", {}, "yours"), h("dd", {}, own), mended ? [h("dt", {}, "mended"), h("dd.good", {}, mended)] : null));
  if (claim) {
    const shown = ["yours", WHOSE[0], "error"].slice(0, claim.fits ? 3 : 2), top = Math.max(...shown.map((whose) => topOf(live.values[claim[whose]])));
    found.push(h("div.eqn", {}, shown.map((whose, k) => [k ? h("span.o", {}, "−="[k - 1]) : null,
      h("div", { "data-own": whose }, matrix(claim[whose], whose, { role: "gradient", top }))])), legend(top, "the same scale for all"));
  } else if (numbers && S.edited) found.push(quiet("Your numbers belong to those that were recorded."));
  return h("section.claim", { "aria-label": "Yours" }, found);
}
/** The sum over all paths to the result. */
function paths(box) {
  const users = new Map();
  for (const user of view.boxes) for (const share of user.shares ?? []) users.set(share.to, [...(users.get(share.to) ?? []), [user, share]]);
  const found = [], way = [];
  const walk = (node) => {
    if (node === model.root) found.push([...way]);
    else for (const step of users.get(node) ?? []) {
      if (found.length > 8) return;
      way.push(step);
      walk(step[0].node);
      way.pop();
    }
  };
  walk(box.node);
  if (!found.length || !found[0].length) return null;
  const short = (all, sign) => (all.length > 12 ? [...all.slice(0, 4), "…", ...all.slice(-3)] : all).join(sign);
  const rows = found.slice(0, 8).map((steps) => {
    const slopes = steps.map(([user, share]) => slope(user, share));
    const product = slopes.reduce((p, s) => p * s, 1);
    return h("li", {}, h("span.m", {}, ...maths(short([box.name, ...steps.map(([user]) => user.name)], " → "))),
      slopes.includes(null) ? null : h("span", {}, `  ${short(slopes.map((s) => bracketed(num(s, 5), 1)), " · ")} = ${num(product, 5)}`));
  });
  return details("The sum over its paths to the result", h("ul.paths", {}, rows),
    found.length > 8 ? quiet("and more") : null);
}
/** The derivative along one step of a path between numbers; null for arrays, and where no gradient comes to tell. */
function slope(user, share) {
  const g = gradientOf(user.node);
  if (g === null || live.values[g].length !== 1 || share.parts.some((p) => p === null || live.values[p].length !== 1)) return null;
  return live.values[g][0] ? share.parts.reduce((s, p) => s + live.values[p][0], 0) / live.values[g][0] : null;
}
