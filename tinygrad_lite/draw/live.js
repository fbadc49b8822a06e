/* The arithmetic of the page: the instructions that Python recorded, run on arrays of fixed shapes.
   `live` has the values of all places; every instruction also says what makes one of its entries. */

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const doubles = (text) => new Float64Array(bytes(text).buffer);
const count = (shape) => shape.reduce((a, b) => a * b, 1);

/** The error function, by its series of positive terms. */
function erf(x) {
  if (!(Math.abs(x) < 6)) return x !== x ? x : Math.sign(x);
  let term = x, total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n += 1) total += term *= 2 * x * x / (2 * n + 1);
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * total;
}

const steps_of = (shape) => shape.map((_, a) => count(shape.slice(a + 1)));
/** For each entry of `shape` the one of `from`, which is broadcast to it. */
function spread(shape, from) {
  const own = steps_of(shape), lead = shape.length - from.length;
  const axes = steps_of(from).map((by, a) => [own[lead + a], shape[lead + a], from[a] === 1 ? 0 : by]);
  return Int32Array.from({ length: count(shape) }, (_, i) => axes.reduce((at, [step, n, by]) => at + Math.floor(i / step) % n * by, 0));
}

const live = {};

/** For each of n entries those of a list that are it. */
function grouped(list, n) {
  const found = Array.from({ length: n }, () => []);
  list.forEach((i, k) => found[i].push(k));
  return found;
}

/** What an instruction on some places does: `run` fills `out`, `parts(i)` are the function and the
    entries, [place, entry], that make its entry i; no function for an entry that is only moved. */
const makers = {
  matmul([p, q], out, shape, [n, m, k], left, right) { // stacks of n x m times m x k
    const a = (i) => left[Math.floor(i / (n * k))] * n * m + Math.floor(i % (n * k) / k) * m;
    const b = (i) => right[Math.floor(i / (n * k))] * m * k + i % k;
    return {
      run() {
        const [A, B] = [live.values[p], live.values[q]];
        for (let i = 0; i < out.length; i += 1) {
          let total = 0;
          for (let j = 0, x = a(i), y = b(i); j < m; j += 1, y += k) total += A[x + j] * B[y];
          out[i] = total;
        }
      },
      parts: (i) => ["product", Array.from({ length: m }, (_, j) => [[p, a(i) + j], [q, b(i) + j * k]])],
    };
  },
  linear(ps, out, shape, to, from, by, plus) { // a sparse matrix times all entries of some arrays
    const starts = ps.map((_, k) => ps.slice(0, k).reduce((n, p) => n + live.values[p].length, 0));
    const find = (j) => {
      const k = starts.findLastIndex((start) => start <= j);
      return [ps[k], j - starts[k]];
    };
    const entries = from.map(find);
    let into;
    return {
      run() {
        if (plus) out.set(plus);
        else out.fill(0);
        entries.forEach(([p, j], n) => { out[to[n]] += by ? by[n] * live.values[p][j] : live.values[p][j]; });
      },
      parts: (i) => {
        const here = (into ??= grouped(to, out.length))[i];
        return ["sum", here.map((n) => entries[n]), plus?.[i], here.map((n) => by?.[n] ?? 1)];
      },
    };
  },
};
/** Gaussian elimination with partial pivoting: B becomes the Y with A Y = B; the determinant's factors. */
function eliminated(A, B, n, k) {
  return Array.from({ length: n }, (_, c) => {
    let top = c;
    for (let r = c + 1; r < n; r += 1) if (Math.abs(A[r * n + c]) > Math.abs(A[top * n + c])) top = r;
    const pivot = A[top * n + c];
    if (!pivot) { B.fill(NaN); return pivot; } // singular
    for (const [M, m] of [[A, n], [B, k]]) {
      for (let j = 0; j < m; j += 1) [M[top * m + j], M[c * m + j]] = [M[c * m + j], M[top * m + j] / pivot];
    }
    for (let r = 0; r < n; r += 1) {
      const by = A[r * n + c];
      if (r === c || !by) continue;
      for (const [M, m] of [[A, n], [B, k]]) for (let j = 0; j < m; j += 1) M[r * m + j] -= by * M[c * m + j];
    }
    return top === c ? pivot : -pivot;
  });
}
const matrixAt = (p, k, size) => live.values[p].slice(k * size, (k + 1) * size);
const places = (p, k, size) => Array.from({ length: size }, (_, j) => [p, k * size + j]);
makers.solve = ([p, q], out, shape, [n, , k], left, right) => ({
  run: () => left.forEach((of, s) => {
    const B = matrixAt(q, right[s], n * k);
    eliminated(matrixAt(p, of, n * n), B, n, k);
    out.set(B, s * n * k);
  }),
  parts(i) {
    const s = Math.floor(i / (n * k)), column = places(q, right[s], n * k).filter((_, j) => j % k === i % k);
    return ["solve", [...places(p, left[s], n * n), ...column]];
  },
});
for (const [name, of] of Object.entries({
  det: (pivots) => [pivots.reduce((a, b) => a * b, 1)],
  slogdet: (pivots) => [Math.sign(pivots.reduce((a, b) => a * Math.sign(b), 1)), pivots.reduce((a, b) => a + Math.log(Math.abs(b)), 0)],
})) makers[name] = ([p], out, shape, n) => {
  const size = n * n, many = count(live.shapes[p].slice(0, -2));
  return {
    run() { for (let s = 0; s < many; s += 1) of(eliminated(matrixAt(p, s, size), [], n, 0)).forEach((x, k) => { out[k * many + s] = x; }); },
    parts: (i) => [name, places(p, i % many, size)],
  };
};
const gathered = {
  sum: [0, (a, b) => a + b], prod: [1, (a, b) => a * b], any: [0, (a, b) => +(a || b)],
  all: [1, (a, b) => +(a && b)], has_nan: [0, (a, b) => +(a || b !== b)], max: [-Infinity, Math.max], min: [Infinity, Math.min],
};
for (const [name, [start, f]] of Object.entries(gathered)) {
  makers[name] = ([p], out, shape, axes) => {
    const from = live.shapes[p], at = spread(from, from.map((n, a) => (axes.includes(a) ? 1 : n)));
    let into;
    return {
      run() {
        const x = live.values[p];
        out.fill(start);
        for (let i = 0; i < x.length; i += 1) out[at[i]] = f(out[at[i]], x[i]);
      },
      parts: (i) => [name, (into ??= grouped(at, out.length))[i].map((j) => [p, j])],
    };
  };
}
for (const [name, f] of Object.entries(functions)) makers[name] = (ps, out, shape) => {
  const at = ps.map((p) => (count(live.shapes[p]) === out.length ? null : spread(shape, live.shapes[p])));
  const [p, q, r] = ps, [k, l, m] = at;
  return {
    run() {
      const A = live.values[p], B = live.values[q], C = live.values[r];
      for (let i = 0; i < out.length; i += 1) {
        out[i] = f(A[k ? k[i] : i], B && B[l ? l[i] : i], C && C[m ? m[i] : i]);
      }
    },
    parts: (i) => [name, ps.map((place, n) => [place, at[n] ? at[n][i] : i])],
  };
};

function load(program) {
  Object.assign(live, { values: [], shapes: [], steps: [], ages: [], reach: new Map(), guards: program.guards });
  const numbers = doubles(program.numbers);
  let start = 0;
  for (const shape of program.given) {
    live.shapes.push(shape);
    live.values.push(numbers.slice(start, start += count(shape)));
    live.steps.push(null);
  }
  for (const [name, of, shape, ...rest] of program.steps) {
    const out = new Float64Array(count(shape));
    live.shapes.push(shape);
    live.values.push(out);
    live.steps.push({ of, ...makers[name](of, out, shape, ...rest) });
  }
  live.ages = live.steps.map(() => 0);
}
/** The places of all instructions that a place goes into, in order. */
function reach(place) {
  if (!live.reach.has(place)) {
    const found = new Set([place]);
    live.steps.forEach((step, p) => { if (step?.of.some((q) => found.has(q))) found.add(p); });
    live.reach.set(place, [...found].slice(1));
  }
  return live.reach.get(place);
}
/** Compute some places anew; whether Python's own decisions are the same for these numbers. */
function compute(places = live.steps.keys()) {
  for (const p of places) live.steps[p]?.run();
  return live.guards.every(([p, seen]) => live.values[p][0] === seen);
}
