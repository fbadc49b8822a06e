"""Graphs of scalars against micrograd (W1: eager graphs; W2: a training step of its demo).

    python benchmarks/scalar.py [--repeats 9] [--nodes 100000]

micrograd is measured as shipped and at its best setting: garbage collector off, inputs as floats.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import timing

# isort: split
from micrograd import engine, nn
from sklearn.datasets import make_moons

import tinygrad_lite as tg
import tinygrad_lite.nn as tg_nn

Make = Callable[[float], Any]


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


def w1(repeats: int, large: int) -> None:
    print("\nW1, ns per node (forward / backward), median")
    for graph, n in ((chain, large // 10), (wide, large // 10), (wide, large)):
        parts: dict[str, list[tuple[float, float]]] = {}

        def run(name: str, make: Make, graph: Any = graph, n: int = n, parts: Any = parts) -> None:
            start = time.perf_counter()
            root = graph(make, n)
            middle = time.perf_counter()
            root.backward()
            end = time.perf_counter()
            parts.setdefault(name, []).append((middle - start, end - middle))

        timing.alternate(
            {
                "micrograd": lambda run=run: run("micrograd", engine.Value),
                "tinygrad_lite": lambda run=run: run("tinygrad_lite", tg.Value),
            },
            repeats=repeats,
            warmup=0,
        )
        totals = {}
        for name, seconds in parts.items():
            forward, backward = (
                sorted(part)[len(part) // 2] for part in zip(*seconds, strict=True)
            )
            totals[name] = forward + backward
            label = f"{graph.__name__} {n:,}"
            print(f"  {label:<14} {name:<14} {forward / n * 1e9:7.0f} / {backward / n * 1e9:.0f}")
        ratio = totals["micrograd"] / totals["tinygrad_lite"]
        print(f"  {'':<14} micrograd / tinygrad_lite: {ratio:.1f}")


def memory(n: int) -> None:
    print(f"\nmemory of a chain of {n:,} ops (tracemalloc), and what the collector finds after")
    for name, make in (("micrograd", engine.Value), ("tinygrad_lite", tg.Value)):
        gc.collect()
        tracemalloc.start()
        root = chain(make, n)
        forward = tracemalloc.get_traced_memory()[0] / n
        root.backward()
        backward = tracemalloc.get_traced_memory()[0] / n
        tracemalloc.stop()
        gc.collect()
        del root
        found = gc.collect()
        print(
            f"  {name:<14} bytes/node: {forward:.0f} after forward, {backward:.0f} after backward; "
            f"the collector finds {found:,} objects"
        )


def long_chain(n: int) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    start = time.perf_counter()
    root = chain(tg.Value, n)
    root.backward()
    seconds = time.perf_counter() - start
    del root
    print(f"\nchain of {n:,} ops under recursion limit 1000: {seconds:.2f} s")
    sys.setrecursionlimit(limit)


def w2_step(value: Make, mlp: Any, *, floats: bool) -> Callable[[], Any]:
    """micrograd's demo: make_moons, 100 samples, MLP(2, [16, 16, 1]), max-margin loss, L2."""
    random.seed(1337)
    X, y = make_moons(n_samples=100, noise=0.1, random_state=1)
    rows, labels = X.tolist(), (y * 2 - 1).tolist()
    model = mlp(2, [16, 16, 1])

    def step() -> float:
        inputs = rows if floats else [list(map(value, row)) for row in rows]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(labels, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        total = data_loss + reg_loss
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= 0.01 * p.grad
        return float(total.data)

    return step


def their_mlp(*sizes: Any) -> Any:
    """micrograd's own MLP code, with Values of ours: its import changed, nothing else."""
    theirs, nn.Value = nn.Value, tg.Value
    try:
        return nn.MLP(*sizes)
    finally:
        nn.Value = theirs


def w2(repeats: int) -> None:
    runs = {
        "micrograd, as shipped": w2_step(engine.Value, nn.MLP, floats=False),
        "micrograd, best setting": timing.without_collector(
            w2_step(engine.Value, nn.MLP, floats=True)
        ),
        "its code on our Value": w2_step(tg.Value, their_mlp, floats=False),
        "its code on our Value, coll. off": timing.without_collector(
            w2_step(tg.Value, their_mlp, floats=True)
        ),
        "tinygrad_lite.nn": w2_step(tg.Value, tg_nn.MLP, floats=False),
        "tinygrad_lite.nn, coll. off": timing.without_collector(
            w2_step(tg.Value, tg_nn.MLP, floats=True)
        ),
    }
    losses = {name: round(float(run()), 9) for name, run in runs.items()}  # type: ignore[arg-type]
    if len(set(losses.values())) != 1:
        raise AssertionError(f"the engines disagree: {losses}")
    times = timing.medians(timing.alternate(runs, repeats=repeats))
    print("\nW2, one step of micrograd's demo (tinygrad_lite.nn also records scopes)")
    shipped, best = times["micrograd, as shipped"], times["micrograd, best setting"]
    for name, seconds in times.items():
        print(
            f"  {name:<34} {seconds * 1e3:7.1f} ms   {shipped / seconds:5.1f} x micrograd as "
            f"shipped, {best / seconds:4.1f} x its best"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--nodes", type=int, default=100_000, help="size of the largest graph")
    args = parser.parse_args()
    print(timing.machine())
    w2(args.repeats)
    w1(args.repeats, args.nodes)
    memory(args.nodes)
    long_chain(10 * args.nodes)


if __name__ == "__main__":
    # micrograd recurses: give it a deep stack, so that it can run W1 at all
    sys.setrecursionlimit(1_000_000)
    threading.stack_size(512 * 1024 * 1024)
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
