"""Timing side by side: the contestants take turns in one run, and medians are compared.

Import this before NumPy: it pins the BLAS libraries to one thread. The order of a turn is drawn
anew each time, and each contestant runs once untimed before it is measured: else whoever stands
first pays for the cache that the last one left.
"""

from __future__ import annotations

import gc
import os
import platform
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
for variable in THREADS:
    os.environ[variable] = "1"

Run = Callable[[], object]
Probe = Callable[[], dict[str, float]]  # runs once and says what it took, by the reading's name
SECONDS, FAULTS = "s", "page faults"


def timed(run: Run, unit: str = SECONDS, per: float = 1.0) -> Probe:
    """A probe of a call: its seconds, divided by `per`, under the name `unit`."""

    def probe() -> dict[str, float]:
        start = time.perf_counter()
        run()
        return {unit: (time.perf_counter() - start) / per}

    return probe


def faulted(run: Run, times: int = 1) -> Probe:
    """A probe of `times` calls in a row: the seconds of one and the pages that it asked for. They
    are seconds of this process, on all its threads: what others do meanwhile does not count."""

    def probe() -> dict[str, float]:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        start = time.process_time()
        for _ in range(times):
            run()
        seconds = (time.process_time() - start) / times
        asked = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        return {SECONDS: seconds, FAULTS: asked / times}

    return probe


def turns(
    probes: Mapping[str, Probe], *, repeats: int, collect: bool = True, seed: int = 0
) -> dict[str, dict[str, list[float]]]:
    """The readings of each probe, turn by turn: the probes are taken one after the other.

    With `collect`, what one leaves behind is collected, untimed, before the next runs.
    """
    rng = random.Random(seed)
    order = list(probes)
    readings: dict[str, dict[str, list[float]]] = {name: {} for name in order}
    for _ in range(repeats):
        rng.shuffle(order)
        for name in order:
            if collect:
                gc.collect()
            probes[name]()
            if collect:
                gc.collect()
            for reading, number in probes[name]().items():
                readings[name].setdefault(reading, []).append(number)
    return readings


def alternate(
    probes: Mapping[str, Probe], *, repeats: int, collect: bool = True, seed: int = 0
) -> dict[str, dict[str, float]]:
    """The median of each reading of each probe, the probes taken in turn."""
    found = turns(probes, repeats=repeats, collect=collect, seed=seed)
    return {
        name: {reading: statistics.median(numbers) for reading, numbers in readings.items()}
        for name, readings in found.items()
    }


def without_collector(run: Run) -> Run:
    """The same run with the cyclic garbage collector off."""

    def quiet() -> object:
        gc.disable()
        try:
            return run()
        finally:
            gc.enable()

    return quiet


def machine(told: str = "medians of alternating runs") -> str:
    """One line about where the figures come from; `told` is what each is."""
    return (
        f"Python {sys.version.split()[0]}, {platform.machine()}, {os.cpu_count()} cores, "
        f"BLAS threads 1, {told}"
    )
