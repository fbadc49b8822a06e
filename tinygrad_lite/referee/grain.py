"""How precisely a function computes, which its dtype does not tell: a kernel that casts to float32
inside has no more digits on float64."""

from __future__ import annotations

import numpy as np

from ..check.rounding import EPS
from .arrays import in_double
from .callables import Function
from .probes import Probe

STEPS = 1e-6, 1e-4, 1e-2  # relative: many roundings in float32, and few kinks; coarser dtypes
MOVES = 0.1  # of forward's entries, else a step is too small to be seen
ORDER, SHRINK = 6, 924**0.5  # differences, and the factor by which they spread what is independent
COARSE = 1e4  # times float64's precision; what is less is told by the conditioning
DEVIATIONS = 4.0  # of rounding from its precision


def grain(function: Function, probe: Probe, *, backward: bool, rng: np.random.Generator) -> float:
    """The relative precision of forward, and of `backward`, on float64 inputs; 0 where it is about
    what float64 has."""
    directions = {i: v * rng.normal(size=v.shape) for i, v in probe.arrays.items()}
    with in_double(probe.templates):
        shapes = [y.shape for y in function.value(probe.cast("float64"))[0]]
    dys = [rng.normal(size=shape) for shape in shapes]

    def at(t: float) -> list[np.ndarray]:
        moved = probe.moved({i: probe.values[i] + t * d for i, d in directions.items()})
        with in_double(probe.templates):
            ys = function.value(moved.cast("float64"))[0]
        found = function.gradients(moved.cast("float64"), dys)[0] if backward else []
        return [*ys, *(g for g in found if g is not None)]

    found = 0.0
    for step in STEPS:
        rows = [at(k * step) for k in range(ORDER + 3)]
        tables = [np.stack([np.ravel(v) for v in values]) for values in zip(*rows, strict=True)]
        found = DEVIATIONS * max(map(noise, tables), default=0.0)
        if any(np.mean(np.diff(t, axis=0) != 0) > MOVES for t in tables[: len(shapes)]):
            break
    return found if found > COARSE * EPS["float64"] else 0.0


def noise(table: np.ndarray) -> float:
    """The relative size of the rounding in values at points that lie close together (rows): what is
    left in differences of a high order, in which all that is smooth has gone (J. J. Moré and S. M.
    Wild, "Estimating computational noise", 2011)."""
    size = float(np.sqrt(np.mean(table**2))) if table.size else 0.0
    if not size > 0 or not np.isfinite(size):
        return 0.0
    rest = np.abs(np.diff(table, ORDER, axis=0)) / SHRINK
    return float(np.median(rest)) / size  # kinks are in a few entries
