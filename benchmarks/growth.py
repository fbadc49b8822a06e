"""What it costs as work grows: nodes, entries of an array, scalars to prepare. It should be linear.

    python benchmarks/growth.py [--nodes 7] [--entries 7] [--prepared 6] [--write]

Each is a power of ten, the largest that is measured; `--write` keeps the tables in growth.md and
draws growth.svg. A chain of nodes runs under Python's own recursion limit.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import numpy as np
from workloads import MICRO, NANO, chain, memory, wide

import tinygrad_lite as tg

HERE = Path(__file__).parent
LONG = 2.0  # seconds that are measured at most, before another row
EVEN = 100_000  # what is small is repeated until it comes to so many nodes or entries


def best(run: Callable[[], Any], times: int = 1) -> float:
    """Seconds of this process that a run takes: `times` in a row, of short ones the quickest of
    three such rows, since what others do on the machine only slows them."""
    found = []
    while len(found) < 3 and sum(found) * times < LONG:
        gc.collect()
        start = time.process_time()
        for _ in range(times):
            run()
        found.append((time.process_time() - start) / times)
    return min(found)


def once(graph: Callable[..., Any], n: int) -> None:
    """A graph of n Values, forward and backward."""
    graph(tg.Value, n).backward()


def nodes(largest: int) -> Iterator[tuple[int, dict[str, float]]]:
    """Forward and backward over graphs of Values, in nanoseconds per node."""
    for n in (10**k for k in range(3, largest + 1)):
        found = {}
        for graph in (chain, wide):
            run = partial(once, graph, n)
            for ending, each in (("", run), (", collector off", timing.without_collector(run))):
                found[graph.__name__ + ending] = best(each, max(1, EVEN // n)) / n / NANO
        yield n, found


def entries(largest: int) -> Iterator[tuple[int, dict[str, float]]]:
    """tanh(x w + b), summed, forward and backward: microseconds, here and by hand in NumPy."""
    for n in (10**k for k in range(largest + 1)):
        x, w, b = np.random.default_rng(0).normal(size=(3, n))
        W, B = tg.Tensor(w), tg.Tensor(b)

        def ours(x: Any = x, W: Any = W, B: Any = B) -> None:
            W.zero_grad()
            B.zero_grad()
            tg.tanh(x * W + B).sum().backward()

        def by_hand(x: Any = x, w: Any = w, b: Any = b) -> Any:
            y = np.tanh(x * w + b)
            g = np.ones_like(y) * (1 - y * y)
            return y.sum(), x * g, g.copy()

        here, hand = (best(run, max(1, EVEN // max(n, 100))) / MICRO for run in (ours, by_hand))
        yield n, {"here": here, "by hand": hand, "difference": here - hand}


def prepared(largest: int) -> Iterator[tuple[int, dict[str, float]]]:
    """`tg.compile` of a graph of Values, in microseconds per node; beside one eager pass."""
    for n in (10**k for k in range(3, largest + 1)):
        loss = wide(tg.Value, n)
        eager, prepare = best(partial(once, wide, n)), best(partial(tg.compile, loss))
        yield n, {"prepare": prepare / n / MICRO, "eager": eager / n / MICRO}


@dataclass(frozen=True)
class Growth:
    """What grows, in which unit its cost is told, and what measures it up to a power of ten."""

    title: str
    unit: str
    measure: Callable[[int], Iterator[tuple[int, dict[str, float]]]]
    largest: int


GROWTHS = {
    "nodes": Growth("Nodes of a graph of Values", "ns/node", nodes, 7),
    "entries": Growth("Entries of a Tensor", "us", entries, 7),
    "prepared": Growth("Nodes that tg.compile prepares", "us/node", prepared, 6),
}


def left_behind(n: int = EVEN) -> str:
    """What a chain holds, and what the collector finds when it has gone."""
    gc.collect()
    forward, backward = memory(tg.Value, n)().values()
    return (
        f"A chain holds {forward:.0f} bytes per node, {backward:.0f} after backward; the collector "
        f"finds {gc.collect()} objects of it."
    )


def table(growth: Growth, found: dict[int, dict[str, float]]) -> Iterator[str]:
    names = list(next(iter(found.values())))
    yield f"### {growth.title}, {growth.unit}\n"
    yield f"| | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for n, readings in found.items():
        yield f"| {n:,} | {' | '.join(f'{readings[name]:.4g}' for name in names)} |"


def picture(results: dict[str, dict[int, dict[str, float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(results), figsize=(4 * len(results), 3), squeeze=False)
    for axis, (name, found) in zip(axes[0], results.items(), strict=True):
        for line in next(iter(found.values())):
            axis.loglog(list(found), [r[line] for r in found.values()], marker="o", label=line)
        axis.set_title(f"{GROWTHS[name].title}, {GROWTHS[name].unit}", fontsize=8)
        axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, growth in GROWTHS.items():
        parser.add_argument(f"--{name}", type=int, default=growth.largest, metavar="POWER")
    parser.add_argument("--write", action="store_true", help="growth.md and growth.svg")
    args = parser.parse_args()
    machine = timing.machine("the best of several, in time of the process")
    lines = [f"Written by `python benchmarks/growth.py --write`. {machine}."]
    results = {}
    for name, growth in GROWTHS.items():
        if name == "prepared" and not hasattr(tg, "compile"):
            continue
        results[name] = dict(growth.measure(getattr(args, name)))
        lines += ["", *table(growth, results[name])]
    lines += ["", left_behind()]
    print("\n".join(lines))
    if args.write:
        (HERE / "growth.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        picture(results, HERE / "growth.svg")


if __name__ == "__main__":
    main()
