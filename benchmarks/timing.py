"""Timing side by side: the contestants take turns in one run, and medians are compared.

Import this before NumPy: it pins the BLAS libraries to one thread.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

Run = Callable[[], object]


def alternate(
    runs: Mapping[str, Run], *, repeats: int, warmup: int = 1, collect: bool = True
) -> dict[str, list[float]]:
    """Seconds of each contestant's calls, taken in turn.

    With `collect`, what one leaves behind is collected, untimed, before the next runs.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(warmup + repeats):
        for name, run in runs.items():
            if collect:
                gc.collect()
            start = time.perf_counter()
            run()
            elapsed = time.perf_counter() - start
            if turn >= warmup:
                times[name].append(elapsed)
    return times


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of each contestant's times."""
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def without_collector(run: Run) -> Run:
    """The same run with the cyclic garbage collector off."""

    def quiet() -> object:
        gc.disable()
        try:
            return run()
        finally:
            gc.enable()

    return quiet


def machine() -> str:
    """One line about where the figures come from."""
    return (
        f"Python {sys.version.split()[0]}, {platform.machine()}, {os.cpu_count()} cores, "
        "BLAS threads 1, medians of alternating runs"
    )
