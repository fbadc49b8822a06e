"""Graphs of scalars as programs: micrograd's demo (W2) beside NumPy and JAX by hand, and graphs
without a pattern.

    python benchmarks/compiled.py [--rounds 9] [--calls 200] [--nodes 100000]

Ratios are of medians in one run; `hand, in place` has every array preallocated and `out=` in every
call, `hand` is the NumPy that one writes. Preparation is in steps of eager code.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import numpy as np
from micrograd import engine, nn
from workloads import moons_step, their_mlp

import tinygrad_lite as tg

RATE = 1e-6  # small: thousands of steps stay where they are
Step = Callable[[], object]


class Demo:
    """micrograd's demo: make_moons, 100 samples, MLP(2, [16, 16, 1]), max-margin loss, L2."""

    def __init__(self) -> None:
        from sklearn.datasets import make_moons

        random.seed(1337)
        self.X, y = make_moons(n_samples=100, noise=0.1, random_state=1)
        self.signs = (y * 2 - 1).astype(float)
        self.model = their_mlp(2, [16, 16, 1])

    def loss(self) -> Any:
        scores = list(map(self.model, self.X.tolist()))
        labels = self.signs.astype(int).tolist()
        losses = [(1 + -yi * score).relu() for yi, score in zip(labels, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        return data_loss + 1e-4 * sum(p * p for p in self.model.parameters())

    def arrays(self) -> list[Any]:
        """W and b of every layer."""
        found = []
        for layer in self.model.layers:
            found.append(np.array([[w.data for w in neuron.w] for neuron in layer.neurons]))
            found.append(np.array([neuron.b.data for neuron in layer.neurons]))
        return found


def by_hand(demo: Demo) -> Callable[[float], float]:
    """The step as one writes it in NumPy."""
    X, y = demo.X, demo.signs[:, None]
    parameters = W1, b1, W2, b2, W3, b3 = demo.arrays()
    n = len(X)

    def step(rate: float) -> float:
        z1 = X @ W1.T + b1
        h1 = np.maximum(z1, 0)
        z2 = h1 @ W2.T + b2
        h2 = np.maximum(z2, 0)
        margins = 1 - y * (h2 @ W3.T + b3)
        loss = np.maximum(margins, 0).mean() + 1e-4 * sum((a * a).sum() for a in parameters)
        d3 = -y * (margins > 0) / n
        d2 = (d3 @ W3) * (z2 > 0)
        d1 = (d2 @ W2) * (z1 > 0)
        gradients = d1.T @ X, d1.sum(0), d2.T @ h1, d2.sum(0), d3.T @ h2, d3.sum(0)
        for a, g in zip(parameters, gradients, strict=True):
            a -= rate * (g + 2e-4 * a)
        return float(loss)

    return step


def in_place(demo: Demo) -> Callable[[float], float]:
    """The step on one vector, no array allocated: what an expert would write."""
    X, n = demo.X, len(demo.X)
    shapes = [a.shape for a in demo.arrays()]
    p = np.concatenate([a.ravel() for a in demo.arrays()])
    g, t = np.empty_like(p), np.empty_like(p)

    def views(flat: Any) -> list[Any]:
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        return [a.reshape(s) for a, s in zip(np.split(flat, ends[:-1]), shapes, strict=True)]

    (W1, b1, W2, b2, W3, b3), (gW1, gb1, gW2, gb2, gW3, gb3) = views(p), views(g)
    z1, h1, z2, h2, d1, d2 = (np.empty((n, 16)) for _ in range(6))
    s, minus, ones = np.empty((n, 1)), -demo.signs[:, None], np.ones(n)

    def step(rate: float) -> float:
        np.add(np.matmul(X, W1.T, out=z1), b1, out=z1)
        np.maximum(z1, 0, out=h1)
        np.add(np.matmul(h1, W2.T, out=z2), b2, out=z2)
        np.maximum(z2, 0, out=h2)
        np.add(np.matmul(h2, W3.T, out=s), b3, out=s)
        margins = minus * s
        margins += 1
        loss = np.maximum(margins, 0).sum() / n + 1e-4 * (p @ p)
        d3 = minus * (margins > 0)
        d3 *= 1 / n
        np.matmul(d3.T, h2, out=gW3)
        gb3[0] = d3.sum()
        np.multiply(np.matmul(d3, W3, out=d2), z2 > 0, out=d2)
        np.matmul(d2.T, h1, out=gW2)
        np.matmul(ones, d2, out=gb2)
        np.multiply(np.matmul(d2, W2, out=d1), z1 > 0, out=d1)
        np.matmul(d1.T, X, out=gW1)
        np.matmul(ones, d1, out=gb1)
        np.add(g, np.multiply(p, 2e-4, out=t), out=g)
        np.subtract(p, np.multiply(g, rate, out=t), out=p)
        return float(loss)

    return step


def by_jax(demo: Demo) -> Callable[[float], float] | None:
    """The vectorised model under `jax.jit`, its gradient by JAX; None where JAX is missing."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    X, y = jnp.asarray(demo.X), jnp.asarray(demo.signs)
    state = [jnp.asarray(a) for a in demo.arrays()]

    def loss(parameters: Any) -> Any:
        W1, b1, W2, b2, W3, b3 = parameters
        h = jax.nn.relu(jax.nn.relu(X @ W1.T + b1) @ W2.T + b2)
        margins = 1 - y * (h @ W3.T + b3)[:, 0]
        return jax.nn.relu(margins).mean() + 1e-4 * sum((a * a).sum() for a in parameters)

    @jax.jit
    def update(parameters: Any, rate: float) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters)
        return value, [a - rate * g for a, g in zip(parameters, gradient, strict=True)]

    def step(rate: float) -> float:
        value, state[:] = update(state, rate)
        return float(value)

    return step


def demo_table(rounds: int, calls: int) -> None:
    demo = Demo()
    loss = demo.loss()
    program = tg.compile(loss)
    hand, expert, jax = by_hand(demo), in_place(demo), by_jax(demo)
    values = [program.step(0.0), hand(0.0), expert(0.0), *([jax(0.0)] if jax else [])]
    if not np.allclose(values, loss.data, rtol=1e-12):
        raise AssertionError(f"the losses disagree: {values}, {loss.data}")
    steps: dict[str, Step] = {
        "hand, in place": lambda: expert(RATE),
        "hand": lambda: hand(RATE),
        "program.step": lambda: program.step(RATE),
        "program()": program,
    }
    if jax:
        steps["JAX, jit"] = lambda: jax(RATE)
    found = timing.alternate(
        {name: timing.timed(repeated(step, calls), per=calls) for name, step in steps.items()},
        repeats=rounds,
        collect=False,
    )
    micrograd = timing.alternate(
        {
            "micrograd": timing.timed(moons_step(engine.Value, nn.MLP, floats=False)),
            "eager": timing.timed(lambda: demo.loss().backward()),
            "preparation": timing.timed(lambda: tg.compile(loss)),
        },
        repeats=max(3, rounds // 2),
    )
    shipped, eager, preparation = (r[timing.SECONDS] for r in micrograd.values())
    times = {name: readings[timing.SECONDS] for name, readings in found.items()}
    print("\n| W2, one step | us | x hand, in place | x hand | micrograd as shipped / it |")
    print("|---|---|---|---|---|")
    for name, seconds in times.items():
        print(
            f"| {name} | {seconds * 1e6:.1f} | {seconds / times['hand, in place']:.2f} | "
            f"{seconds / times['hand']:.2f} | {shipped / seconds:,.0f} |"
        )
    print(f"\npreparation: {preparation / eager:.2f} eager steps of {eager * 1e3:.0f} ms")


def repeated(step: Step, calls: int) -> Step:
    def run() -> None:
        for _ in range(calls):
            step()

    return run


def scattered(n: int, window: int | None = None) -> Any:
    """n ops of any earlier numbers, or of the last `window`."""
    rng = random.Random(0)
    found: list[Any] = [tg.Value(rng.uniform(-1, 1)) for _ in range(100)]
    for _ in range(n):
        near = found if window is None else found[-window:]
        a, b = rng.choice(near), rng.choice(near)
        kind = rng.randrange(6)
        if kind < 2:
            found.append(0.5 * (a + b) if kind else a * b)
        elif kind < 4:
            found.append(a - b if kind == 2 else a * 0.7)
        else:
            found.append(tg.tanh(a) if kind == 4 else tg.sin(a))
    return sum(found)


def chain(n: int) -> Any:
    x = tg.Value(0.5)
    for _ in range(n // 2):
        x = x * 0.99 + 0.01
    return x


def without_pattern(rounds: int, nodes: int) -> None:
    print("\n| graphs without a pattern | run by | x eager | preparation, in eager steps |")
    print("|---|---|---|---|")
    for name, make in {
        f"{nodes // 10:,} ops": lambda: scattered(nodes // 10),
        f"{nodes:,} ops": lambda: scattered(nodes),
        f"{nodes // 10:,} ops of the last 30": lambda: scattered(nodes // 10, 30),
        f"chain of {nodes // 10:,}": lambda: chain(nodes // 10),
    }.items():
        loss = make()
        start = time.perf_counter()
        program = tg.compile(loss)
        preparation = time.perf_counter() - start
        found = timing.alternate(
            {
                "eager": timing.timed(lambda make=make: make().backward()),
                "program": timing.timed(repeated(program, 10), per=10),
            },
            repeats=rounds,
        )
        eager, compiled = (readings[timing.SECONDS] for readings in found.values())
        engine_name = repr(program).rpartition(" ")[2].rstrip(">")
        print(f"| {name} | {engine_name} | {eager / compiled:.0f} | {preparation / eager:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=100_000)
    args = parser.parse_args()
    print(timing.machine())
    demo_table(args.rounds, args.calls)
    without_pattern(max(3, args.rounds // 3), args.nodes)


if __name__ == "__main__":
    main()
