"""What is measured: graphs of Values, steps of training, Hessians, checks, pictures, imports.

    python benchmarks/workloads.py NAME [--seed N] [--repeats N]

prints the readings of one workload as JSON. Only names of `tinygrad_lite` itself (and `tg.nn`) are
used, so that the same code measures older commits: `compare.py` does that.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import numpy as np

import tinygrad_lite as tg

Make = Callable[[float], Any]
Step = Callable[[], Any]
Probes = dict[str, timing.Probe]
RATE = 0.1  # of the descent on digits
NANO, MICRO, MILLI = 1e-9, 1e-6, 1e-3


# --- W1: graphs of scalars


def chain(value: Make, n: int) -> Any:
    """n ops in a row."""
    x = value(0.5)
    for _ in range(n // 2):
        x = x * 0.99 + 0.01
    return x


def wide(value: Make, n: int) -> Any:
    """A sum of products of 100 leaves, n ops in all."""
    leaves = [value(0.01 * i) for i in range(100)]
    total = value(0.0)
    for i in range(n // 2):
        total = total + leaves[i % 100] * leaves[(7 * i + 3) % 100]
    return total


def passes(graph: Callable[[Make, int], Any], value: Make, n: int) -> timing.Probe:
    """Forward and backward over one graph, in nanoseconds per node."""

    def probe() -> dict[str, float]:
        start = time.perf_counter()
        root = graph(value, n)
        middle = time.perf_counter()
        root.backward()
        end = time.perf_counter()
        per_node = n * NANO
        return {
            "forward, ns/node": (middle - start) / per_node,
            "backward, ns/node": (end - middle) / per_node,
        }

    return probe


def memory(value: Make, n: int) -> timing.Probe:
    """What a chain holds, in bytes per node."""

    def probe() -> dict[str, float]:
        tracemalloc.start()
        root = chain(value, n)
        forward = tracemalloc.get_traced_memory()[0] / n
        root.backward()
        backward = tracemalloc.get_traced_memory()[0] / n
        tracemalloc.stop()
        return {
            "after forward, bytes/node": forward,
            "after backward, bytes/node": backward,
        }

    return probe


def scalars(n: int = 10_000) -> Probes:
    return {
        f"chain of {n:,}": passes(chain, tg.Value, n),
        f"wide {n:,}": passes(wide, tg.Value, n),
        f"memory, chain of {n:,}": memory(tg.Value, n),
    }


# --- W2: micrograd's demo


def moons_loss(value: Make, mlp: Any, *, floats: bool) -> tuple[Callable[[], Any], Any]:
    """micrograd's demo: make_moons, 100 samples, MLP(2, [16, 16, 1]), max-margin loss, L2; what
    builds the graph of the loss, and the model."""
    from sklearn.datasets import make_moons

    random.seed(1337)
    X, y = make_moons(n_samples=100, noise=0.1, random_state=1)
    rows, labels = X.tolist(), (y * 2 - 1).tolist()
    model = mlp(2, [16, 16, 1])

    def loss() -> Any:
        inputs = rows if floats else [list(map(value, row)) for row in rows]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(labels, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        return data_loss + reg_loss

    return loss, model


def moons_step(value: Make, mlp: Any, *, floats: bool) -> Step:
    """A step of the demo: the graph, its gradients, the descent."""
    loss, model = moons_loss(value, mlp, floats=floats)

    def step() -> float:
        total = loss()
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= 0.01 * p.grad
        return float(total.data)

    return step


def their_mlp(*sizes: Any) -> Any:
    """micrograd's own MLP code, with Values of ours: its import changed, nothing else."""
    from micrograd import nn

    theirs, nn.Value = nn.Value, tg.Value
    try:
        return nn.MLP(*sizes)
    finally:
        nn.Value = theirs


def moons() -> Probes:
    models = {"micrograd's code on our Value": their_mlp, "tinygrad_lite.nn": tg.nn.MLP}
    return {
        f"demo step, {name}": timing.timed(moons_step(tg.Value, mlp, floats=False), "ms", per=MILLI)
        for name, mlp in models.items()
    }


# --- W4: a step on handwritten digits, MLP 64-32-10


def images(batch: int, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images scaled to [0, 1], labels, and the labels as one-hot rows."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x, y = found.data[:batch] / 16.0, found.target[:batch]
    return x.astype(dtype), y, np.eye(10, dtype=dtype)[y]


def parameters(dtype: Any = np.float64) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    start = (
        rng.normal(size=(64, 32)) / 8,
        np.zeros(32),
        rng.normal(size=(32, 10)) / 6,
        np.zeros(10),
    )
    return [a.astype(dtype) for a in start]


def primitive_ops(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    """Primitive ops only, the loss as in the handwritten step."""
    x, _, onehot = images(batch, dtype)
    p = [tg.Tensor(a) for a in parameters(dtype)]
    activate = tg.tanh if activation == "tanh" else tg.relu

    def step() -> float:
        w1, b1, w2, b2 = p
        z2 = activate(x @ w1 + b1) @ w2 + b2
        shifted = z2 - z2.data.max(axis=1, keepdims=True)
        total = tg.exp(shifted).sum(axis=1)
        loss = tg.mean(tg.log(total) - (shifted * onehot).sum(axis=1))
        return _descend(p, loss)

    return step


def as_written(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    """As most people write it: `X @ W + b`, and the library's cross-entropy."""
    x, y, _ = images(batch, dtype)
    p = [tg.Tensor(a) for a in parameters(dtype)]
    activate = tg.tanh if activation == "tanh" else tg.relu

    def step() -> float:
        w1, b1, w2, b2 = p
        return _descend(p, tg.cross_entropy(activate(x @ w1 + b1) @ w2 + b2, y))

    return step


def fused_ops(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    """The fused ops: linear and cross_entropy."""
    x, y, _ = images(batch, dtype)
    p = [tg.Tensor(a.T.copy()) for a in parameters(dtype)]  # linear takes (outputs, inputs)
    activate = tg.tanh if activation == "tanh" else tg.relu

    def step() -> float:
        w1, b1, w2, b2 = p
        loss = tg.cross_entropy(tg.linear(activate(tg.linear(x, w1, b1)), w2, b2), y)
        return _descend(p, loss)

    return step


def _descend(p: list[tg.Tensor], loss: Any) -> float:
    loss.backward()
    for w in p:
        w.data = w.data - RATE * w.grad
        w.zero_grad()
    return loss.item()


def digits() -> Probes:
    ways = {"primitive ops": primitive_ops, "as written": as_written, "fused ops": fused_ops}
    settings = itertools.product(("tanh", "relu"), (32, 256), ("float64", "float32"), ways)
    return {
        f"{activation}, batch {batch}, {dtype}, {way}": timing.timed(
            ways[way](batch, activation, dtype), "us", per=MICRO
        )
        for activation, batch, dtype, way in settings
    }


# --- second order, checks, pictures, imports


def perceptron(hidden: Any, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """Eight observations as rows of three, and the parameters of a network with one output."""
    W1, b1 = rng.normal(size=(3, hidden)), rng.normal(size=hidden)
    W2, b2 = rng.normal(size=(hidden, 1)), rng.normal(size=1)
    return rng.normal(size=(8, 3)), [W1, b1, W2, b2]


def hessian() -> Probes:
    """All second derivatives in the first layer of an MLP 3-8-1."""
    X, (W1, *others) = perceptron(8, np.random.default_rng(0))

    def loss(W1: Any) -> Any:
        b1, W2, b2 = others
        return ((tg.tanh(X @ W1 + b1) @ W2 + b2) ** 2).mean()

    second = tg.hessian(loss)
    return {"MLP 3-8-1, first layer": timing.timed(lambda: second(W1), "ms", per=MILLI)}


def claims() -> Probes:
    """`check` on gradients of an MLP 3-8-1 derived by hand, right and without tanh'."""
    X, start = perceptron(8, np.random.default_rng(0))
    W1, b1, W2, b2 = (tg.Tensor(a) for a in start)
    H = tg.tanh(X @ W1 + b1)
    P = H @ W2 + b2
    E = (P**2).mean()
    d = 2 * P.data / len(X)
    behind = d @ W2.data.T
    dZ = behind * (1 - H.data**2)
    right = {W1: X.T @ dZ, b1: dZ.sum(0), W2: H.data.T @ d, b2: d.sum(0)}
    wrong = {**right, W1: X.T @ behind}
    if not tg.check(E, right) or tg.check(E, wrong):
        raise AssertionError("the derivation is not what this workload takes it for")
    return {
        f"an MLP's gradients, {name}": timing.timed(
            lambda given=given: tg.check(E, given), "ms", per=MILLI
        )
        for name, given in (("right", right), ("one wrong", wrong))
    }


def pictures() -> Probes:
    """An MLP of 341 Values, folded by scopes as `draw` shows it, and node by node."""
    random.seed(1)
    out = tg.nn.MLP(3, [7, 10, 1])([tg.Value(x) for x in (1.0, -2.0, 0.5)])
    out.backward()
    return {
        "MLP of 341 Values, folded": timing.timed(lambda: tg.draw(out).svg, "ms", per=MILLI),
        "MLP of 341 Values, every node": timing.timed(
            lambda: tg.draw(out, max_nodes=400).svg, "ms", per=MILLI
        ),
    }


IMPORT = """
import time, numpy
start = time.perf_counter()
import tinygrad_lite
print(time.perf_counter() - start)
"""


def imports() -> Probes:
    """`import tinygrad_lite` in a new process that has NumPy already."""

    def probe() -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-P", "-c", IMPORT],  # -P: not the package of the current folder
            check=True,
            capture_output=True,
            text=True,
        )
        return {"ms": float(done.stdout) / MILLI}

    return {"import after NumPy": probe}


@dataclass(frozen=True)
class Workload:
    """What makes the probes, how often each is read in one process, and after a collection or not.

    A collection cools the caches, which counts where a call takes microseconds.
    """

    probes: Callable[[], Probes]
    repeats: int
    collect: bool = True


WORKLOADS = {
    "scalars": Workload(scalars, 5),
    "moons": Workload(moons, 3),
    "digits": Workload(digits, 60, collect=False),
    "hessian": Workload(hessian, 10),
    "check": Workload(claims, 5),
    "draw": Workload(pictures, 3),
    "import": Workload(imports, 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    parser.add_argument("--repeats", type=int, help="how often each probe is read")
    args = parser.parse_args()
    workload = WORKLOADS[args.workload]
    probes = workload.probes()
    gc.freeze()  # what stands already is not collected again before each probe
    found = timing.alternate(
        probes,
        repeats=args.repeats or workload.repeats,
        collect=workload.collect,
        seed=args.seed,
    )
    readings = {
        f"{name}: {reading}": number
        for name, numbers in found.items()
        for reading, number in numbers.items()
    }
    print(json.dumps({"package": tg.__file__, "readings": readings}))


if __name__ == "__main__":
    main()
