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

/** For each entry of `shape` the one of `from`, whose axes have these strides (0: repeated). */
function strided(shape, strides) {
  const at = new Int32Array(count(shape));
  for (let i = 0; i < at.length; i += 1) {
    for (let rest = i, a = shape.length - 1; a >= 0; a -= 1) {
      at[i] += rest % shape[a] * strides[a];
      rest = Math.floor(rest / shape[a]);
    }
  }
  return at;
}
const steps_of = (shape) => shape.map((_, a) => count(shape.slice(a + 1)));
const spread = (shape, from) => {
  const own = steps_of(from), lead = shape.length - from.length;
  return strided(shape, shape.map((n, a) => (a < lead || from[a - lead] === 1 ? 0 : own[a - lead])));
};
const joined = (shapes) => shapes.reduce((a, b) => {
  const n = Math.max(a.length, b.length);
  return Array.from({ length: n }, (_, k) => {
    const [p, q] = [a[k - n + a.length] ?? 1, b[k - n + b.length] ?? 1];
    return p === 1 ? q : p;
  });
}, []);

const live = {};

/** For each of n entries those of a list that are it. */
function grouped(list, n) {
  const found = Array.from({ length: n }, () => []);
  list.forEach((i, k) => found[i].push(k));
  return found;
}

/** What an instruction does: `run` fills its place, `parts(i)` are the function and the entries,
    [place, entry], that make its entry i; no function for an entry that is only moved. */
const makers = {
  matmul([p, q], shape, [n, m, k], left, right) { // stacks of n x m times m x k
    const out = live.values[live.steps.length];
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
  linear(ps, shape, to, from, by, plus) { // a sparse matrix times all entries of some arrays
    const out = live.values[live.steps.length];
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
makers.solve = ([p, q], shape, [n, , k], left, right) => {
  const out = live.values[live.steps.length];
  return {
    run: () => left.forEach((of, s) => {
      const B = matrixAt(q, right[s], n * k);
      eliminated(matrixAt(p, of, n * n), B, n, k);
      out.set(B, s * n * k);
    }),
    parts(i) {
      const s = Math.floor(i / (n * k)), column = places(q, right[s], n * k).filter((_, j) => j % k === i % k);
      return ["solve", [...places(p, left[s], n * n), ...column]];
    },
  };
};
for (const [name, of] of Object.entries({
  det: (pivots) => [pivots.reduce((a, b) => a * b, 1)],
  slogdet: (pivots) => [Math.sign(pivots.reduce((a, b) => a * Math.sign(b), 1)), pivots.reduce((a, b) => a + Math.log(Math.abs(b)), 0)],
})) makers[name] = ([p], shape, n) => {
  const out = live.values[live.steps.length], size = n * n, many = count(live.shapes[p].slice(0, -2));
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
  makers[name] = ([p], shape, axes) => {
    const out = live.values[live.steps.length], from = live.shapes[p];
    const kept = from.map((n, a) => (axes.includes(a) ? 1 : n));
    const at = spread(from, kept);
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
function entrywise(name, ps, shape) {
  const f = functions[name], out = live.values[live.steps.length];
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
}

function load(program) {
  Object.assign(live, { values: [], shapes: [], steps: [], ages: [], reach: new Map(), guards: program.guards });
  const numbers = doubles(program.numbers);
  let start = 0;
  for (const shape of program.given) {
    live.shapes.push(shape);
    live.values.push(numbers.slice(start, start += count(shape)));
    live.steps.push(null);
  }
  for (const [name, of, ...rest] of program.steps) {
    const own = name in functions;
    const shape = own ? joined(of.map((p) => live.shapes[p])) : rest[0];
    live.shapes.push(shape);
    live.values.push(new Float64Array(count(shape)));
    live.steps.push({ of, ...(own ? entrywise(name, of, shape) : makers[name](of, ...rest)) });
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
