"""Numbers as a picture shows them: three or four digits, and what stands for an array."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..graph.backend import in_numpy

NONE = "—"  # no value yet: no backward has reached the node
MINUS = "−"
PRINTED = 6  # arrays up to this size are printed entry by entry


class Summary(NamedTuple):
    """An array in one line, and in words."""

    text: str
    words: str


def number(x: Any, digits: int = 3) -> str:
    """`x` to three digits (four from 1000 on) with a true minus sign: `−0.0988`, `1.2e−7`."""
    x = float(x)
    if math.isnan(x):
        return "NaN"
    size = abs(x)
    text = f"{size:.0f}" if 999.5 <= size < 9999.5 else f"{size:.{digits}g}"
    for written, shown in (("inf", "∞"), ("e+0", "e"), ("e+", "e"), ("e-0", "e-"), ("-", MINUS)):
        text = text.replace(written, shown)
    return MINUS + text if x < 0 else text


def plain(value: Any) -> np.ndarray[Any, Any]:
    """Data or a gradient (which may itself be a node) as a NumPy array of floats."""
    return np.asarray(in_numpy(value), dtype=float)


def entries(a: np.ndarray[Any, Any]) -> str:
    """All entries of a small array: `[0.5, −1.2]`."""
    return f"[{', '.join(map(entries, a))}]" if a.ndim else number(a)


def summary(value: Any, *, norm: bool = False) -> Summary:
    """An array as a picture shows it: its entries if few, else its range or norm."""
    if value is None:
        return Summary(NONE, "no gradient yet")
    a = plain(value)
    if a.ndim == 0:
        return Summary(number(a), number(a))
    if a.size == 0:
        return Summary("empty", f"shape {a.shape}, no entries")
    finite = _finite(a)
    odd = a.size - finite.size
    note = f", {odd} of {a.size} not finite" if odd else ""
    words = f"shape {a.shape}{note}"
    text = f"all {a.size} not finite"
    if finite.size:
        low, high, mean = map(number, (finite.min(), finite.max(), finite.mean()))
        length = number(_norm(finite))
        words += f", from {low} to {high}, mean {mean}, norm {length}"
        text = f"norm {length}" if norm else low if low == high else f"{low} … {high}"
        text += f", {odd} not finite" if odd else ""
    return Summary(entries(a) if a.size <= PRINTED else text, words)


def _finite(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    mask = np.isfinite(a)
    return a.ravel() if mask.all() else a[mask]


def _norm(a: np.ndarray[Any, Any]) -> float:
    """The Euclidean norm, without overflow."""
    top = float(np.abs(a).max(initial=0.0))
    return top * float(np.linalg.norm(a / top)) if top else 0.0


def magnitude(value: Any) -> float:
    """The norm of the finite entries of data or a gradient."""
    return _norm(_finite(plain(value)))


def binned(grid: np.ndarray[Any, Any], limit: int) -> np.ndarray[Any, Any]:
    """`grid` with at most `limit` rows: the means of equal runs of rows."""
    n = len(grid)
    if n <= limit:
        return grid
    starts = np.arange(limit) * n // limit
    counts = np.diff([*starts, n])
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.add.reduceat(grid, starts, axis=0) / counts[:, None])
