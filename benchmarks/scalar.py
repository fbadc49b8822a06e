"""Graphs of scalars against micrograd (W1: eager graphs; W2: a training step of its demo).

    python benchmarks/scalar.py [--repeats 9] [--nodes 100000]

micrograd is measured as shipped and at its best setting: garbage collector off, inputs as floats.
"""

from __future__ import annotations

import argparse
import gc
import sys
import threading
import time

import timing

# isort: split
from micrograd import engine, nn
from workloads import chain, memory, moons_step, passes, their_mlp, wide

import tinygrad_lite as tg
import tinygrad_lite.nn as tg_nn

ENGINES = {"micrograd": engine.Value, "tinygrad_lite": tg.Value}


def w1(repeats: int, large: int) -> None:
    print("\nW1, ns per node (forward / backward), median")
    for graph, n in ((chain, large // 10), (wide, large // 10), (wide, large)):
        found = timing.alternate(
            {name: passes(graph, value, n) for name, value in ENGINES.items()}, repeats=repeats
        )
        for name, readings in found.items():
            label = f"{graph.__name__} {n:,}"
            forward, backward = readings.values()
            print(f"  {label:<14} {name:<14} {forward:7.0f} / {backward:.0f}")
        theirs, ours = (sum(readings.values()) for readings in found.values())
        print(f"  {'':<14} micrograd / tinygrad_lite: {theirs / ours:.1f}")


def memory_and_garbage(n: int) -> None:
    print(f"\nmemory of a chain of {n:,} ops (tracemalloc), and what the collector finds after")
    for name, value in ENGINES.items():
        gc.collect()
        forward, backward = memory(value, n)().values()
        print(
            f"  {name:<14} bytes/node: {forward:.0f} after forward, {backward:.0f} after backward; "
            f"the collector finds {gc.collect():,} objects"
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


def w2(repeats: int) -> None:
    runs = {
        "micrograd, as shipped": moons_step(engine.Value, nn.MLP, floats=False),
        "micrograd, best setting": timing.without_collector(
            moons_step(engine.Value, nn.MLP, floats=True)
        ),
        "its code on our Value": moons_step(tg.Value, their_mlp, floats=False),
        "its code on our Value, coll. off": timing.without_collector(
            moons_step(tg.Value, their_mlp, floats=True)
        ),
        "tinygrad_lite.nn": moons_step(tg.Value, tg_nn.MLP, floats=False),
        "tinygrad_lite.nn, coll. off": timing.without_collector(
            moons_step(tg.Value, tg_nn.MLP, floats=True)
        ),
    }
    losses = {name: round(float(run()), 9) for name, run in runs.items()}  # type: ignore[arg-type]
    if len(set(losses.values())) != 1:
        raise AssertionError(f"the engines disagree: {losses}")
    found = timing.alternate(
        {name: timing.timed(run) for name, run in runs.items()}, repeats=repeats
    )
    times = {name: readings[timing.SECONDS] for name, readings in found.items()}
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
    memory_and_garbage(args.nodes)
    long_chain(10 * args.nodes)


if __name__ == "__main__":
    # micrograd recurses: give it a deep stack, so that it can run W1 at all
    sys.setrecursionlimit(1_000_000)
    threading.stack_size(512 * 1024 * 1024)
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
