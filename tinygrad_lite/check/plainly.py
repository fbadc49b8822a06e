"""What is said of a claim from its numbers alone, where no mistake explains it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .claims import Claim
from .rounding import EPS
from .tape import largest

NEAR = 1e-3  # so much off, relatively, is an approximation


def said_of_zero(claim: Claim) -> str:
    """What is to be said where the true gradient is 0; "" where it is not."""
    if not claim.blur.zero or not claim.node.data.size:
        return ""
    terms = f": terms as large as {claim.blur.size:.2g} cancel" if claim.blur.size else ""
    return f"the gradient is 0 here{terms}"


def all_zero(claim: Claim) -> str:
    """What is to be said of a claim of zeros alone."""
    _, expected = claim.shown
    i = tuple(map(int, np.unravel_index(int(np.argmax(np.abs(expected))), expected.shape)))
    if not i:
        return f"yours is 0; the gradient is {expected[i]:.6g}"
    return f"yours is 0 everywhere; the gradient is not: it is {expected[i]:.6g} at {i}"


def misshapen(claim: Claim) -> str:
    """What is to be said of a claim of another shape that nothing explains."""
    given, wanted = claim.value.shape, claim.node.shape
    text = f"yours has shape {given}; the gradient has its node's, {wanted}"
    extra = len(given) - len(wanted)
    if extra > 0 and given[extra:] == wanted:
        axes = " and ".join(map(str, range(extra)))
        text += f": sum over axis {axes}; what is wrong besides shows after that"
    return text


def unexplained(claim: Claim) -> str:
    """What is to be said of a claim of the right shape that nothing explains."""
    value, expected = claim.shown
    i, error = (claim.compared.entry, claim.compared.error) if claim.compared else ((), 0.0)
    at = f" at {i}" if i else ""
    if zero := said_of_zero(claim):
        return f"{zero}; yours is {value[i]:.6g}{at}"
    right = "gradient" if claim.jacobian is None else "Jacobian"
    values = f"yours is {value[i]:.6g}, the {right} {expected[i]:.6g}{at}"
    off = np.abs(value - expected) > claim.tolerance if claim.fits else np.ones(1, dtype=bool)
    if claim.jacobian is None and off.size - off.sum() >= max(3, off.size / 2):
        return f"it is right but at {int(off.sum())} of {off.size} entries: {values}"
    k = float(np.vdot(value, expected)) / (float(np.vdot(expected, expected)) or 1.0)
    k = float(f"{k:.2g}") or 1.0  # a number of two digits
    worst = largest(value - k * expected) / (largest(k * expected) or 1.0)
    if worst < NEAR and (expected.size > 1 or k == 1):
        times = "" if k == 1 else f"with {k:g} x the gradient "
        near = f"it agrees {times}to {int(-np.log10(max(worst, EPS['float64'])))} digits"
        near += " (a finite difference, or an approximation?)"
        return f"no simple mistake explains it, but {near}: {values}"
    return f"no simple mistake explains it: {values}, largest relative error {error:.2g}"


def rounded(claim: Claim) -> str:
    """What is to be said of the gradient printed with few digits; "" of any other claim."""
    value, expected = claim.shown
    difference = np.abs(value - expected)
    if difference.max() < 0.1 * np.abs(expected).max():
        for digits, what, unit in _typed(value, expected):
            if (difference <= 0.5001 * unit).all():
                told = f"it is the gradient rounded to a few digits ({digits} {what})"
                return f"{told}; digits={digits} accepts it"
    return ""


def typed_unit(claim: Claim) -> Any:
    """The last digit's unit of numbers that were typed with 2 to 5 digits, or None."""
    value = claim.full
    if value.size < 4 or value.shape != claim.node.shape or (value == np.round(value)).all():
        return None
    first: dict[str, Any] = {}
    for n, what, unit in _typed(value, value):
        if 2 <= n <= 5:
            first.setdefault(what, np.broadcast_to(0.6 * unit, value.shape))
    return np.maximum.reduce([*first.values()]) if first else None


def _typed(value: Any, size: Any) -> Iterator[tuple[int, str, Any]]:
    """With how many decimals, or digits of numbers of that size, `value` may have been typed, and
    the units of the last ones."""
    power = np.floor(np.log10(np.where(size == 0, 1.0, np.abs(size))))
    for n in range(1, 9):
        for unit, what in ((10.0**-n, "decimals"), (10.0 ** (power - n + 1), "digits")):
            whole = np.round(value / unit)
            if whole.any() and (np.abs(value / unit - whole) < 1e-6).all():
                yield n, what, unit
