"""How long pictures take: `python benchmarks/draw.py` prints medians.

Multilayer perceptrons of Values, each neuron a scope, drawn node by node
(flat, and with scopes as clusters), and the summary of a graph of 100,000 nodes.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence

import tinygrad_lite as tg
from tinygrad_lite.draw import collapse, draw
from tinygrad_lite.draw.build import build_scene
from tinygrad_lite.draw.layout import lay_out
from tinygrad_lite.draw.scene import Scene
from tinygrad_lite.draw.svg import render
from tinygrad_lite.graph.node import topological_order

SIZES = {100: (3, 8, 1), 1000: (4, 16, 16, 1), 3000: (7, 27, 27, 1)}


def perceptron(sizes: Sequence[int], *, scoped: bool) -> tg.Value:
    rng = random.Random(0)
    x = [tg.Value(rng.random(), name=f"x{i}") for i in range(sizes[0])]
    for layer, n in enumerate(sizes[1:], 1):
        out = []
        for k in range(n):
            w = [tg.Value(rng.gauss(0, 1)) for _ in x]
            if scoped:
                with tg.scope(f"layer {layer}"), tg.scope(f"neuron {k}"):
                    out.append(neuron(w, x))
            else:
                out.append(neuron(w, x))
        x = out
    loss = x[0]
    for value in x[1:]:
        loss = loss + value
    loss.backward()
    return loss


def neuron(w: Sequence[tg.Value], x: Sequence[tg.Value]) -> tg.Value:
    total = tg.Value(0.1)
    for a, b in zip(w, x, strict=True):
        total = total + a * b
    return total.tanh()


def median(run: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def layouts(scoped: bool, repeats: int) -> None:
    limit, collapse.LIMIT = collapse.LIMIT, 10_000  # more than `draw` ever shows node by node
    print(f"\nseconds, {'scopes as clusters' if scoped else 'flat'}")
    print(f"{'nodes':>7} {'scene':>8} {'layout':>8} {'svg':>8}")
    for sizes in SIZES.values():
        root = perceptron(sizes, scoped=scoped)
        n = len(topological_order(root))

        def scene(root: tg.Value = root, n: int = n) -> Scene:
            return build_scene(root, {}, max_nodes=n, depth=9)

        made = scene()
        laid = lay_out(made, "right")
        row = [
            median(scene, repeats),
            median(lambda made=made: lay_out(made, "right"), repeats),
            median(lambda laid=laid: render(laid), repeats),
        ]
        print(f"{n:7,} " + " ".join(f"{seconds:8.3f}" for seconds in row), flush=True)
    collapse.LIMIT = limit


def summaries(repeats: int) -> None:
    print("\nseconds from graph to SVG, folded")
    for name, root in (
        ("perceptron without scopes", perceptron((100, 140, 140, 4), scoped=False)),
        ("perceptron with scopes", perceptron((100, 140, 140, 4), scoped=True)),
        ("chain of 100,000 ops", chain(100_000)),
    ):
        seconds = median(lambda root=root: draw(root).svg, repeats)
        print(f"{seconds:8.3f}  {name}: {draw(root).scene.note.partition(';')[0]}", flush=True)


def chain(n: int) -> tg.Value:
    x = tg.Value(1.0)
    for _ in range(n // 2):
        x = x * 0.5 + 0.1
    return x


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; medians of {options.repeats}"
    )
    layouts(False, options.repeats)
    layouts(True, options.repeats)
    summaries(options.repeats)
