"""Graphs of scalars without a pattern as programs, beside eager code; and what making one takes.

    python benchmarks/compiled.py [--rounds 5] [--nodes 100000]

The demo of micrograd, in which there are matrices, is in `peers.py`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import tinygrad_lite as tg

Step = Callable[[], object]


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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=100_000)
    args = parser.parse_args()
    print(timing.machine())
    without_pattern(args.rounds, args.nodes)


if __name__ == "__main__":
    main()
