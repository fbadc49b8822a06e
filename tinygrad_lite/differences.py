"""Derivatives of a function that can only be evaluated: extrapolated differences with an error.

One number line at a time: the derivative of phi(t) at t = 0, from differences at steps that halve
and Richardson's extrapolation, of which the entry with the least estimated error is kept (C. J. F.
Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", 1982). The slopes from the left and from
the right are found the same way: where they differ there is a kink, and the derivative is any value
between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LEVELS = 11
FIRST_STEP = 0.11  # of the variable's scale
SAFETY = 8.0  # the estimated error is that of the better of two neighbours


@dataclass(frozen=True)
class Slope:
    """The derivative and a bound on its error; at a kink the slopes from both sides.

    `smooth` is false at a kink; `known` is false where the differences do not settle: at a jump, or
    where the function is not finite.
    """

    value: float
    error: float
    low: float
    high: float
    smooth: bool
    known: bool

    def distance(self, claim: float) -> float:
        """How far a claimed derivative lies outside what the differences allow."""
        return max(self.low - claim, claim - self.high, 0.0)


UNKNOWN = Slope(np.nan, np.inf, -np.inf, np.inf, smooth=False, known=False)


def slope(
    phi: Callable[[float], float],
    scale: float,
    *,
    first: float = FIRST_STEP,
    eps: float = float(np.finfo(np.float64).eps),
) -> Slope:
    """The derivative of `phi` at 0, `scale` the length over which it is expected to vary, `eps` the
    relative precision with which it is computed."""
    steps = scale * first * 0.5 ** np.arange(LEVELS)
    centre = phi(0.0)
    right = np.array([phi(h) for h in steps])
    left = np.array([phi(-h) for h in steps])
    bad = np.flatnonzero(~(np.isfinite(right) & np.isfinite(left)))
    start = bad[-1] + 1 if bad.size else 0  # from here on all is finite
    if not np.isfinite(centre) or LEVELS - start < 4:
        return UNKNOWN
    steps, right, left = steps[start:], right[start:], left[start:]
    size = max(abs(centre), float(np.abs(right).max()), float(np.abs(left).max()))
    noise = 4 * eps * size / steps
    value, error = _extrapolate((right - left) / (2 * steps), noise, power=2)
    above, above_error = _extrapolate((right - centre) / steps, 2 * noise, power=1)
    below, below_error = _extrapolate((centre - left) / steps, 2 * noise, power=1)
    gap, unsure = abs(above - below), above_error + below_error
    if max(error, unsure) > 0.01 * max(abs(value), size / scale):
        return UNKNOWN
    smooth = not gap > max(2 * unsure, 1e-6 * max(abs(above), abs(below)))
    error, ends = (error, (value, value)) if smooth else (unsure, (above, below))
    return Slope(value, error, min(ends) - error, max(ends) + error, smooth, known=True)


def _extrapolate(quotients: np.ndarray, noise: np.ndarray, *, power: int) -> tuple[float, float]:
    """The limit of difference quotients at steps that halve, whose error is a series in
    h**power, and the error of that limit."""
    row = [float(quotients[0])]
    best, least = row[0], np.inf
    for i in range(1, len(quotients)):
        new = [float(quotients[i])]
        factor = 1.0
        for j, old in enumerate(row):
            factor *= 2.0**power
            new.append(new[j] + (new[j] - old) / (factor - 1))
            error = max(abs(new[j + 1] - new[j]), abs(new[j + 1] - old)) + float(noise[i])
            if error < least:
                best, least = new[j + 1], error
        row = new
    return best, SAFETY * least
