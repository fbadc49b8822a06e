"""Losses written in scalars, as people write them: loops, lists and Values.

python tests/scalar_graphs.py [--graphs 2000] holds programs of random graphs against the graphs.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.backprop.replay import replay

Matrix = list[list[Any]]


def numbers(rng: random.Random, *shape: int) -> Any:
    """Nested lists of plain numbers."""
    if len(shape) == 1:
        return [rng.gauss(0, 1) for _ in range(shape[0])]
    return [numbers(rng, *shape[1:]) for _ in range(shape[0])]


def values(rng: random.Random, *shape: int) -> Any:
    """Nested lists of Values."""
    if len(shape) == 1:
        return [Value(rng.gauss(0, 1) * 0.5) for _ in range(shape[0])]
    return [values(rng, *shape[1:]) for _ in range(shape[0])]


def dot(xs: Any, ys: Any) -> Any:
    return sum(x * y for x, y in zip(xs, ys, strict=True))


def affine(W: Matrix, x: Any, b: Any) -> list[Any]:
    return [dot(row, x) + bias for row, bias in zip(W, b, strict=True)]


def product(A: Matrix, B: Matrix) -> Matrix:
    return [[dot(row, column) for column in zip(*B, strict=True)] for row in A]


def mean_square(ys: Any, targets: Any) -> Any:
    return sum((y - t) ** 2 for y, t in zip(ys, targets, strict=True)) / len(targets)


def layer() -> tuple[Any, ...]:
    """A layer of neurons on rows of numbers, its lists, and the sum of its outputs."""
    rng = random.Random(0)
    X = [[1.0, 2.0, -1.0], [0.5, -1.5, 2.0], [3.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    W = [[Value(rng.gauss(0, 1)) for _ in range(3)] for _ in range(2)]
    b = [Value(0.1), Value(0.2)]
    h = [
        [tg.relu(sum(w * x for w, x in zip(W[k], row, strict=True)) + b[k]) for k in range(2)]
        for row in X
    ]
    return X, W, b, sum(z for row in h for z in row), h


def moons(rng: random.Random) -> Any:
    """micrograd's demo: a max-margin loss with weight decay."""
    rows = numbers(rng, 100, 2)
    labels = [1 if row[0] > 0 else -1 for row in rows]
    random.seed(1)
    model = tg.nn.MLP(2, [16, 16, 1])
    scores = list(map(model, rows))
    losses = [(1 + -y * score).relu() for y, score in zip(labels, scores, strict=True)]
    decay = 1e-4 * sum(p * p for p in model.parameters())
    return sum(losses) * (1.0 / len(losses)) + decay


def regression(rng: random.Random) -> Any:
    X, Y = numbers(rng, 30, 4), numbers(rng, 30, 3)
    W1, b1, W2, b2 = values(rng, 5, 4), values(rng, 5), values(rng, 3, 5), values(rng, 3)
    total = Value(0.0)
    for x, y in zip(X, Y, strict=True):
        h = [z.tanh() for z in affine(W1, x, b1)]
        for out, target in zip(affine(W2, h, b2), y, strict=True):
            total = total + (out - target) ** 2
    return total / len(X)


def convolution(rng: random.Random) -> Any:
    signal, kernel, target = numbers(rng, 40), values(rng, 5), numbers(rng, 36)
    out = [dot(kernel, signal[t : t + 5]) for t in range(36)]
    return mean_square(out, target)


def convolution_net(rng: random.Random) -> Any:
    signal = numbers(rng, 40)
    first, second, head = values(rng, 4, 5), values(rng, 3, 4, 3), values(rng, 3 * 34)
    maps = [[dot(k, signal[t : t + 5]).relu() for t in range(36)] for k in first]
    out = []
    for kernels in second:
        for t in range(34):
            found = [dot(k, m[t : t + 3]) for k, m in zip(kernels, maps, strict=True)]
            out.append(sum(found).tanh())
    return (dot(head, out) - 1.0) ** 2


def classifier(rng: random.Random) -> Any:
    """tanh, then softmax cross-entropy."""
    X, labels = numbers(rng, 20, 4), [rng.randrange(3) for _ in range(20)]
    W1, b1, W2, b2 = values(rng, 6, 4), values(rng, 6), values(rng, 3, 6), values(rng, 3)
    losses = []
    for x, label in zip(X, labels, strict=True):
        logits = affine(W2, [z.tanh() for z in affine(W1, x, b1)], b2)
        exps = [z.exp() for z in logits]
        losses.append(-(exps[label] / sum(exps)).log())
    return sum(losses) / len(losses)


def attention(rng: random.Random, causal: bool = False, batch: int = 1) -> Any:
    """softmax(Q K^T / 2) V of 6 positions."""
    Wq, Wk, Wv = values(rng, 4, 5), values(rng, 4, 5), values(rng, 4, 5)
    total = Value(0.0)
    for _ in range(batch):
        X = numbers(rng, 6, 5)
        Q, K, V = ([[dot(w, x) for w in W] for x in X] for W in (Wq, Wk, Wv))
        for i, q in enumerate(Q):
            seen = range(i + 1 if causal else 6)
            scores = [(dot(q, K[j]) * 0.5).exp() for j in seen]
            norm = sum(scores)
            weights = [s / norm for s in scores]
            for d in range(4):
                out = sum(weights[j] * V[j][d] for j in seen)
                total = total + out * out
    return total


def layer_norm(rng: random.Random) -> Any:
    X = numbers(rng, 8, 5)
    W, gain, shift = values(rng, 6, 5), values(rng, 6), values(rng, 6)
    total = Value(0.0)
    for x in X:
        h = [dot(w, x) for w in W]
        mean = sum(h) / len(h)
        centred = [z - mean for z in h]
        variance = sum(c * c for c in centred) / len(h)
        scale = (variance + 1e-5) ** -0.5
        for c, g, s in zip(centred, gain, shift, strict=True):
            total = total + (c * scale * g + s).tanh()
    return total


def recurrent(rng: random.Random) -> Any:
    """12 steps, 3 sequences."""
    W, U, b, head = values(rng, 4, 3), values(rng, 4, 4), values(rng, 4), values(rng, 4)
    total = Value(0.0)
    for _ in range(3):
        h: list[Any] = [0.0] * 4
        for x in numbers(rng, 12, 3):
            h = [(dot(w, x) + dot(u, h) + bias).tanh() for w, u, bias in zip(W, U, b, strict=True)]
        total = total + (dot(head, h) - 1) ** 2
    return total


def lstm(rng: random.Random) -> Any:
    gates = [(values(rng, 4, 3), values(rng, 4, 4), values(rng, 4)) for _ in range(4)]
    total = Value(0.0)
    for _ in range(5):
        h: list[Any] = values(rng, 4)
        c: list[Any] = values(rng, 4)
        for x in numbers(rng, 3, 3):
            z = [
                [dot(w, x) + dot(u, h) + bias for w, u, bias in zip(*gate, strict=True)]
                for gate in gates
            ]
            i, f, o = ([v.sigmoid() for v in some] for some in z[:3])
            g = [v.tanh() for v in z[3]]
            c = [f[k] * c[k] + i[k] * g[k] for k in range(4)]
            h = [o[k] * c[k].tanh() for k in range(4)]
        total = total + sum(h)
    return total


def batch_norm(rng: random.Random) -> Any:
    X, W = numbers(rng, 12, 3), values(rng, 5, 3)
    H = [[dot(w, x) for w in W] for x in X]
    columns = list(zip(*H, strict=True))
    means = [sum(column) / 12 for column in columns]
    spread = [sum((z - m) ** 2 for z in c) / 12 for c, m in zip(columns, means, strict=True)]
    return sum(
        ((z - m) / (v + 1e-3).sqrt()).relu()
        for row in H
        for z, m, v in zip(row, means, spread, strict=True)
    )


def duplicates(rng: random.Random) -> Any:
    """Observations that repeat, with other targets."""
    X = [[float(rng.randrange(2)) for _ in range(3)] for _ in range(30)]
    W, b, v = values(rng, 4, 3), values(rng, 4), values(rng, 4)
    out = [dot(v, [z.relu() for z in affine(W, x, b)]) for x in X]
    return mean_square(out, numbers(rng, 30))


def factorization(rng: random.Random) -> Any:
    U, V = values(rng, 7, 3), values(rng, 6, 3)
    return sum((dot(u, v) - rng.gauss(0, 1)) ** 2 for u in U for v in V if rng.random() < 0.8)


def kernels(rng: random.Random) -> Any:
    """Radial basis functions: distances, exponentials, a weighted sum."""
    X, centres, w = numbers(rng, 15, 2), values(rng, 6, 2), values(rng, 6)
    total = Value(0.0)
    for x in X:
        phi = [
            (-sum((a - b) ** 2 for a, b in zip(x, centre, strict=True))).exp() for centre in centres
        ]
        total = total + (dot(w, phi) - x[0]) ** 2
    return total


def logistic(rng: random.Random) -> Any:
    """A single neuron, cross-entropy by softplus."""
    X, w, b = numbers(rng, 25, 3), values(rng, 3), Value(0.1)
    return sum(tg.softplus(-(1 if x[0] > 0 else -1) * (dot(w, x) + b)) for x in X) / 25


def polynomial(rng: random.Random) -> Any:
    xs, coefficients = numbers(rng, 20), values(rng, 4)
    out = [sum(c * x**k for k, c in enumerate(coefficients)) for x in xs]
    return mean_square(out, [x**3 for x in xs])


def bodies(rng: random.Random) -> Any:
    """Potential energy of points in a plane."""
    points = values(rng, 8, 2)
    total = Value(0.0)
    for i, p in enumerate(points):
        for q in points[:i]:
            total = total - 1 / ((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + 0.01).sqrt()
    return total


def image_convolution(rng: random.Random) -> Any:
    """3 x 3 kernels on images, padded with nothing at the borders, then the mean of each map."""
    images, kernels = numbers(rng, 4, 6, 6), values(rng, 3, 3, 3)
    total = Value(0.0)
    for image in images:
        for kernel in kernels:
            maps = []
            for r in range(4):
                for c in range(4):
                    window = [image[r + i][c + j] for i in range(3) for j in range(3)]
                    maps.append(dot([w for row in kernel for w in row], window).relu())
            total = total + (sum(maps) / 16 - 0.3) ** 2
    return total


STRUCTURED = {
    f.__name__: f
    for f in (
        moons,
        regression,
        convolution,
        convolution_net,
        classifier,
        attention,
        layer_norm,
        recurrent,
        lstm,
        batch_norm,
        duplicates,
        factorization,
        kernels,
        logistic,
        polynomial,
        bodies,
        image_convolution,
    )
}
STRUCTURED["causal attention"] = lambda rng: attention(rng, causal=True)
STRUCTURED["attention in batches"] = lambda rng: attention(rng, batch=5)


def scattered(rng: random.Random, size: int) -> Any:
    """A graph without a pattern: any op of any earlier numbers."""
    found: list[Any] = [Value(rng.uniform(-2, 2)) for _ in range(rng.randint(1, 6))]
    if rng.random() < 0.2:
        found.append((found[0] * 2).detach())
    for _ in range(size):
        a, b = (
            rng.choice([0.0, 1.0, -1.0, 2.0, rng.uniform(-2, 2)])
            if rng.random() < 0.25
            else rng.choice(found)
            for _ in "ab"
        )
        if not isinstance(a, Value) and not isinstance(b, Value):
            a = rng.choice(found)
        kind = rng.randrange(18)
        x = a if isinstance(a, Value) else b
        if kind < 3:
            found.append(a + b)
        elif kind < 6:
            found.append(a - b)
        elif kind < 10:
            found.append(a * b)
        elif kind < 12:
            found.append(-x)
        elif kind == 12:
            found.append(tg.clip(x, -1.0, 1.0))
        elif kind == 13:
            found.append(tg.where(rng.random() < 0.5, a, b))
        elif kind == 14:
            found.append(tg.maximum(a, b))
        elif kind == 15:
            found.append(a / (x * x + 1.0))
        else:
            f = rng.choice([tg.tanh, tg.relu, tg.sigmoid, tg.sin, tg.abs, tg.square, tg.softplus])
            found.append(f(x))
    picked = [z for z in found[-1 - size // 2 :] if not z.constant]
    return sum(rng.choice([1, -1, 0.5]) * z for z in picked) if picked else found[0] * 1.0


def eager(loss: Any, leaves: list[Any]) -> tuple[float, list[float]]:
    """The value and gradient of the graph, recorded anew with what the leaves hold now."""
    again = replay(loss, {leaf: leaf.data for leaf in leaves})
    new = again[loss]
    new.backward()
    return new.data, [again[leaf].grad or 0.0 for leaf in leaves]


def disagreement(
    loss: Any, leaves: list[Any], run: Callable[[], tuple[float, Any]], seed: int = 0
) -> str | None:
    """Where `run` gives another value or gradient than the graph does, on two sets of leaves."""
    rng = random.Random(seed)
    for _ in range(2):
        with np.errstate(all="ignore"):
            value, gradient = run()
        expected, grads = eager(loss, leaves)
        for found, wanted in zip([value, *gradient], [expected, *grads], strict=True):
            if not np.isclose(found, wanted, rtol=1e-8, atol=1e-8, equal_nan=True):
                return f"{found}, not {wanted}"
        for leaf in leaves:
            leaf.data = leaf.data + rng.gauss(0, 0.05)
    return None


def main() -> None:
    from tinygrad_lite.compile.lift import Levels, Lifted, Scalars

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=2000)
    wrong = 0
    for seed in range(parser.parse_args().graphs):
        rng = random.Random(seed)
        loss = scattered(rng, rng.randint(3, 80))
        graph = Scalars(loss)
        lifted = Lifted(graph, Levels(graph))

        def run(lifted: Any = lifted) -> tuple[float, Any]:
            p = tg.Tensor([leaf.data for leaf in lifted.leaves])
            y = lifted(p)
            y.backward()
            return y.data, p.grad

        fault = disagreement(loss, lifted.leaves, run, seed)
        if fault is not None:
            wrong += 1
            print(f"graph {seed}: {fault}")
    print(f"{wrong} wrong")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
