"""Are two arrays the same gradient, rounding aside?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

MARGIN = 30.0  # rounding errors allowed, in units of the measured conditioning times eps
FINEST = 1e-14  # float64 has digits to spare: a form of the formula that loses two is right


@dataclass(frozen=True)
class Comparison:
    """`right` when equal up to rounding; the largest relative error, and the entry where it is."""

    right: bool
    error: float
    entry: tuple[int, ...]


def compare(claimed: Any, expected: Any, tolerance: Any) -> Comparison:
    """Hold a claim against the gradient, entry by entry; `tolerance` is absolute, per entry."""
    with np.errstate(all="ignore"):
        difference = np.where(claimed == expected, 0.0, np.abs(claimed - expected))
        difference = np.where(np.isnan(difference), np.inf, difference)
        excess = np.where(difference == 0, 0.0, difference / tolerance)
        if not difference.size:
            return Comparison(True, 0.0, ())
        at = np.unravel_index(int(np.argmax(excess)), difference.shape)
        scale = np.maximum(np.abs(claimed), np.abs(expected))
        relative = np.where(difference == 0, 0.0, difference / scale)
        right = bool((excess <= 1).all())
        if right:  # what is all rounding error is measured against the size of the array
            relative = difference / np.maximum(scale, np.max(np.abs(expected)) or 1.0)
            at = np.unravel_index(int(np.argmax(relative)), difference.shape)
    return Comparison(right, float(relative[at]), tuple(int(i) for i in at))


def tolerance(spread: Any, eps: float, rtol: float | None, expected: Any) -> Any:
    """The absolute tolerance per entry, from the measured rounding `spread` and the precision."""
    found = MARGIN * max(eps, FINEST) * spread
    if rtol is not None:
        found = np.maximum(found, rtol * np.abs(expected))
    return np.maximum(found, np.finfo(np.float64).tiny)
