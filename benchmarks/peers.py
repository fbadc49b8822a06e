"""This engine beside its peers, in one run, as tables in Markdown.

    python benchmarks/peers.py [workload ...] [--repeats 1.0] [--write]

A workload's engines take turns, the order drawn anew each turn, each run once untimed before it is
measured, in a row of calls where one is short, BLAS and XLA on one thread; all must compute the
same number. Times are the processor's, so that others on the machine count little. A ratio is the
median over the turns of the engine's time by that of the reference in the same turn (the other way
round where it says how many times faster). A page fault is memory that the system hands out, which
may cost more than the arithmetic: where an engine has many, the ratio says more about the allocator
than about it. `--write` keeps the tables in results.md, where the README's come from, and draws
results.svg. A peer that is not installed is passed over.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import engines_arrays
import engines_demo
import engines_graphs
from workloads import MICRO, MILLI, Step

HERE = Path(__file__).parent
MANY_FAULTS = 50
ROW, LONGEST = 2 * MILLI, 100  # seconds that a row of calls takes at least, in so many calls
Engines = Mapping[str, tuple[str, Callable[..., Step]]]  # name -> (package, what makes the step)


@dataclass(frozen=True)
class Workload:
    """Engines that compute one thing at several settings, and those that all are compared with: the
    table says how many times slower than the one, or `faster` than each, an engine is."""

    title: str
    engines: Engines
    settings: Mapping[str, tuple[Any, ...]]
    references: tuple[str, ...]
    repeats: int
    faster: bool = False
    collect: bool = False
    without: Mapping[str, str] = field(default_factory=dict)  # engine -> why it does not take part


def _digits(activation: str, dtype: str) -> Workload:
    return Workload(
        f"A training step on handwritten digits: MLP 64-32-10, {activation}, {dtype}",
        engines_arrays.ENGINES,
        {f"batch {n}": (n, activation, dtype) for n in (32, 256, 1797)},
        ("NumPy by hand",),
        100,
    )


def _graph(title: str, build: Any, repeats: int, *out: str) -> Workload:
    return Workload(
        title,
        engines_graphs.GRAPH,
        {"forward and backward": (build,)},
        ("tinygrad_lite",),
        repeats,
        collect=True,
        without=dict.fromkeys(out, "takes longer than all others together"),
    )


WORKLOADS: dict[str, Workload] = {
    "demo": Workload(
        "micrograd's demo: a step on 100 points, MLP 2-16-16-1 (65,077 scalar operations)",
        engines_demo.DEMO,
        {"one step": ()},
        tuple(name for name in engines_demo.DEMO if name.startswith("micrograd")),
        9,
        faster=True,
        collect=True,
    ),
    **{
        f"digits-{activation}-{dtype}": _digits(activation, dtype)
        for activation in ("tanh", "relu")
        for dtype in ("float64", "float32")
    },
    "chain": _graph("10,000 operations in a row", engines_graphs.chain_of(10_000), 5, "JAX, jit"),
    "wide": _graph("A sum of 5,000 products", engines_graphs.wide_of(10_000), 5, "JAX, jit"),
    "tangle": _graph(
        "20,806 operations without pattern", engines_graphs.tangle(10_000), 5, "JAX, jit"
    ),
    "small-tangle": _graph("692 operations without pattern", engines_graphs.tangle(300), 9),
}


@dataclass
class Row:
    """What an engine took at one setting: seconds to prepare and per call, and its ratios."""

    prepare: float
    seconds: float
    faults: float
    ratios: list[float]


def measured(workload: Workload, scale: float) -> tuple[dict[str, dict[str, Row]], list[str]]:
    """engine -> setting -> what it took; and a sentence on each engine that is left out."""
    rows: dict[str, dict[str, Row]] = {}
    left = [f"{name}: {why}" for name, why in workload.without.items()]
    for setting, args in workload.settings.items():
        steps, prepare = {}, {}
        for name, (package, make) in workload.engines.items():
            if name in workload.without:
                continue
            if find_spec(package) is None:
                left.append(f"{name}: {package} is not installed")
                continue
            began = time.process_time()
            try:
                steps[name] = make(*args)
            except ImportError as error:
                left.append(f"{name}: {error}")
                continue
            prepare[name] = time.process_time() - began
        refuse_disagreement(workload, {name: step() for name, step in steps.items()})
        found = timing.turns(
            {name: timing.faulted(step, in_a_row(step)) for name, step in steps.items()},
            repeats=max(1, round(workload.repeats * scale)),
            collect=workload.collect,
        )
        for name, readings in found.items():
            seconds = readings[timing.SECONDS]
            ratios = []
            for other in workload.references:
                pairs = zip(seconds, found[other][timing.SECONDS], strict=True)
                ratios.append(
                    statistics.median(b / a if workload.faster else a / b for a, b in pairs)
                )
            rows.setdefault(name, {})[setting] = Row(
                prepare[name],
                statistics.median(seconds),
                statistics.median(readings[timing.FAULTS]),
                ratios,
            )
    return rows, list(dict.fromkeys(left))


def in_a_row(step: Step) -> int:
    """How many calls to time as one; one call after a pause finds the caches cold."""
    step()
    began = time.process_time()
    step()
    return max(1, min(LONGEST, round(ROW / (time.process_time() - began))))


def refuse_disagreement(workload: Workload, numbers: Mapping[str, Any]) -> None:
    expected = float(numbers[workload.references[0]])
    for name, number in numbers.items():
        tolerance = 1e-4 if "float32" in workload.title else 1e-6
        if abs(float(number) - expected) > tolerance * abs(expected):
            raise AssertionError(f"{workload.title}: {name} computes {number}, not {expected}")


def table(workload: Workload, rows: Mapping[str, Mapping[str, Row]]) -> Iterator[str]:
    """Markdown: an engine's times, and how they compare."""
    settings, references = list(workload.settings), workload.references
    yield f"### {workload.title}\n"
    if workload.faster:
        columns = [*settings, *(f"faster than {name}" for name in references)]
    else:
        columns = [f"{setting}, x {references[0]}" for setting in settings]
    yield f"| | {' | '.join(columns)} | to prepare |"
    yield "|---" * (len(columns) + 2) + "|"
    for name, row in rows.items():
        cells = []
        for setting in settings:
            found = row[setting]
            star = "\\*" if found.faults > MANY_FAULTS else ""
            ratios = [f"{ratio(r)} x" for r in found.ratios]
            if workload.faster:
                cells += [told(found.seconds) + star, *ratios]
            else:
                cells.append(f"{told(found.seconds)}, {ratios[0]}{star}")
        prepare = max(found.prepare for found in row.values())
        yield f"| {name} | {' | '.join(cells)} | {told(prepare) if prepare > 0.1 else ''} |"


def told(seconds: float) -> str:
    """A time with three digits."""
    for unit, size in (("s", 1.0), ("ms", MILLI), ("us", MICRO)):
        if seconds >= size or unit == "us":
            return f"{seconds / size:#.3g} {unit}".replace(". ", " ")
    raise AssertionError


def ratio(number: float) -> str:
    return (
        f"{number:.2f}"
        if 0.1 <= number < 10
        else f"{number:,.0f}"
        if number > 1
        else f"{number:.1g}"
    )


def picture(found: Mapping[str, Mapping[str, Mapping[str, Row]]], path: Path) -> None:
    """A row of bars for each workload, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "peers", "svg.fonttype": "none"})
    from matplotlib import pyplot

    heights = [len(rows) + 1.5 for rows in found.values()]
    figure, axes = pyplot.subplots(
        len(found), 1, figsize=(8, 0.27 * sum(heights)), height_ratios=heights, squeeze=False
    )
    for axis, (name, rows) in zip(axes[:, 0], found.items(), strict=True):
        workload = WORKLOADS[name]
        setting = next(iter(workload.settings))
        names = list(rows)[::-1]
        ratios = [rows[engine][setting].ratios[0] for engine in names]
        colours = ["C0" if "tinygrad_lite" in n or " our Value" in n else "C7" for n in names]
        axis.barh(names, ratios, color=colours)
        axis.set_xscale("log")
        axis.axvline(1.0, color="black", linewidth=0.8)
        how = "times faster than" if workload.faster else "x"
        title = f"{workload.title}, {setting}: {how} {workload.references[0]}"
        axis.set_title(title, fontsize=8, loc="right")
        axis.tick_params(labelsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(WORKLOADS))
    parser.add_argument("--repeats", type=float, default=1.0, help="times each workload's own")
    parser.add_argument("--write", action="store_true", help="results.md and results.svg")
    args = parser.parse_args()
    if unknown := set(args.workloads) - set(WORKLOADS):
        parser.error(f"no workload {sorted(unknown)}; there are {', '.join(WORKLOADS)}")
    for package, set_up in SET_UP.items():
        if find_spec(package) is not None:
            set_up()
    lines = [
        f"Written by `python benchmarks/peers.py {' '.join(sys.argv[1:])}`. {timing.machine()}. "
        "A star: above "
        f"{MANY_FAULTS} page faults a call."
    ]
    found = {}
    for name in args.workloads or WORKLOADS:
        found[name], left = measured(WORKLOADS[name], args.repeats)
        here = ["", *table(WORKLOADS[name], found[name]), "", *(f"Without {x}." for x in left)]
        print("\n".join(here), flush=True)
        lines += here
    if args.write:
        (HERE / "results.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
        picture(found, HERE / "results.svg")


def _torch() -> None:
    import torch

    torch.set_num_threads(1)


def _jax() -> None:
    one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ.setdefault("XLA_FLAGS", one_thread)
    import jax

    jax.config.update("jax_enable_x64", True)


SET_UP = {"torch": _torch, "jax": _jax}

if __name__ == "__main__":
    # micrograd recurses: give it a deep stack, so that it can run a chain at all
    sys.setrecursionlimit(1_000_000)
    threading.stack_size(512 * 1024 * 1024)
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
