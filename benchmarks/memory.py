"""What `tg.compile` takes and saves: memory, and the time until a function is recorded.

    python benchmarks/memory.py [--entries 1000000]

A million entries through 30 layers, forward and backward; peaks are those of NumPy's arrays, the
program's buffers included. Then W4's step: what its first call costs, in eager steps.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import numpy as np
from engines_arrays import compiled
from workloads import as_written

import tinygrad_lite as tg

LAYERS = 30
MEGA = 1e6


def layers(layer: Callable[..., Any], entries: int) -> Callable[[], Any]:
    """The sum of a vector after the layers, and its gradient."""
    x = tg.Tensor(np.random.default_rng(0).normal(size=entries))
    a, b = tg.Tensor(1.1), tg.Tensor(0.1)

    def run() -> Any:
        y = x
        for _ in range(LAYERS):
            y = layer(y, a, b)
        total = y.sum()
        total.backward()
        gradient = x.grad
        for leaf in (x, a, b):
            leaf.zero_grad()
        return total, gradient

    return run


def peak(run: Callable[[], Any]) -> tuple[float, float]:
    """Megabytes of arrays while it runs, at most, and its seconds."""
    tracemalloc.start()
    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    found = tracemalloc.get_traced_memory()[1] / MEGA
    tracemalloc.stop()
    return found, seconds


def memory(entries: int) -> None:
    for name, layer in (
        ("tanh(a * y + b)", lambda y, a, b: tg.tanh(a * y + b)),
        ("tanh(y)", lambda y, a, b: tg.tanh(y)),
    ):
        run = layers(layer, entries)
        step = tg.compile(run)
        eager, seconds = peak(run)
        first, _ = peak(step)
        later, quick = peak(step)
        assert step._last is not None
        held = step._last.executable.size / MEGA
        taken = held + later
        print(
            f"{LAYERS} layers {name}, {entries:,} entries: eager {eager:.0f} MB, {seconds:.2f} s; "
            f"compiled {taken:.0f} MB ({taken / eager:.2f} x), {quick:.2f} s; first {first:.0f} MB"
        )


def preparation() -> None:
    for batch in (32, 1797):
        eager = as_written(batch, "tanh")
        step = statistics.median(timing.timed(eager)()[timing.SECONDS] for _ in range(50))
        first = timing.timed(compiled(batch, "tanh"))()[timing.SECONDS]
        print(f"W4, batch {batch}: first call {first * 1e3:.1f} ms, {first / step:.0f} eager steps")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    given = parser.parse_args()
    print(timing.machine())
    memory(given.entries)
    preparation()
