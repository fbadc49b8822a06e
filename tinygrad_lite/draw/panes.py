"""Arrays as cells: each entry a number on its colour, or a colour, or many in one tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np

from ..graph.node import Node
from .figures import binned, magnitude, number, plain, summary
from .measure import CAPTION, ENTRY, width

NUMBERS, CELLS = 64, 400  # entries: so many are printed, so many have a cell of their own
COLUMN, ACROSS = 16, 12  # entries: of a vector that stands upright; of a row with numbers
ROWS, COLUMNS = 16, 24  # tiles of a larger array
SHADES = 12  # on either side of zero
WIDTH, HEIGHT, SCALAR = 42.0, 18.0, 56.0  # pixels of an entry with its number
SMALL = (8.0, 15.0)  # the least and the most of one without
SLAB = 6.0  # between the matrices of more than two axes
ROOM = 640.0  # for those side by side
BARS = 28.0  # below a strip

Levels = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Pane:
    """The cells of one array: `rows` times `columns` in each of its matrices, whose `captions` say
    which slice they are. `levels` are the colours, from -12 to 12 of 12ths of `top` (None: no
    number), `texts` the numbers if there is room. With `tiles`, a cell is the mean of several
    entries. A `strip` has all of several equal steps side by side, and `bars` below say, from 0 to
    12, how large each is. `text` is all of it in one line."""

    role: str
    label: str
    rows: int
    columns: int
    levels: Levels
    text: str
    top: float = 0.0
    texts: tuple[str, ...] = ()
    tiles: bool = False
    captions: tuple[str, ...] = ()
    bars: tuple[int, ...] = ()
    note: str = ""
    strip: bool = False
    x: float = 0.0
    y: float = 0.0

    def compact(self, most: int) -> Self:
        """The same without numbers, if they are more than so many."""
        return replace(self, texts=()) if len(self.texts) > most else self

    @cached_property
    def cell(self) -> tuple[float, float]:
        """How wide and high an entry is."""
        if self.texts:
            least = WIDTH if len(self.texts) > 1 else SCALAR
            return math.ceil(max(least, *(width(t, ENTRY) + 5 for t in self.texts))), HEIGHT
        if self.tiles:
            return SMALL[0], max(SMALL[0], 24.0 / self.rows)
        side = min(SMALL[1], max(SMALL[0], 240.0 / max(self.rows, self.columns)))
        return side, side

    @cached_property
    def slabs(self) -> tuple[tuple[float, float], ...]:
        """The corners of matrices side by side, below what says which they are."""
        if not self.captions:
            return ((0.0, 0.0),)
        w = max(self.columns * self.cell[0], self._words) + SLAB
        h = self.rows * self.cell[1] + SLAB + CAPTION
        across, many = max(1, int(ROOM // w)), len(self.captions)
        return tuple((k % across * w, k // across * h + CAPTION + 2) for k in range(many))

    @property
    def _words(self) -> float:
        return max((width(text, CAPTION) for text in self.captions), default=0.0)

    @property
    def width(self) -> float:
        wide = max(x for x, _ in self.slabs) + max(self.columns * self.cell[0], self._words)
        return max(wide, width(self.note, CAPTION))

    @property
    def height(self) -> float:
        return self.foot + BARS * bool(self.bars) + 15 * bool(self.note)

    @property
    def foot(self) -> float:
        """Where the cells end."""
        return max(y for _, y in self.slabs) + self.rows * self.cell[1]


def pane(role: str, label: str, value: Any, *, numbers: int = NUMBERS) -> Pane:
    """An array, or with None the place of one that is not computed yet, as cells."""
    text = summary(value, norm=role == "gradient").text
    made = partial(Pane, role=role, label=label, text=text)
    a = plain(0.0 if value is None else value)
    if value is None or not a.size:
        return made(rows=1, columns=1, levels=(0,), texts=(text,))
    rows, columns = a.shape[-2:] if a.ndim > 1 else _upright(a.size)
    if a.size > CELLS or max(rows, columns) > 4 * COLUMN:
        grid = a.reshape(1, -1) if a.ndim < 2 else a.reshape(-1, a.shape[-1])
        grid = binned(binned(grid, ROWS).T, COLUMNS).T
        rows, columns = grid.shape
        top, levels = _levels(grid)
        return made(rows=rows, columns=columns, levels=levels, top=top, tiles=True, note=text)
    top, levels = _levels(a)
    printed = a.size <= numbers and columns <= ACROSS and rows <= 2 * ACROSS
    slices = np.ndindex(a.shape[:-2]) if a.ndim > 2 else ()
    return made(
        rows=rows,
        columns=columns,
        levels=levels,
        top=top,
        texts=aligned(a.ravel()) if printed else (),
        captions=tuple(f"[{', '.join(map(str, at))}, …]" for at in slices),
    )


def _upright(size: int) -> tuple[int, int]:
    """Rows and columns of a vector: a column, or if that is too long, lines."""
    if size <= COLUMN:
        return size, 1
    across = 8 if size <= NUMBERS else 20
    return math.ceil(size / across), across


def _levels(a: np.ndarray[Any, Any]) -> tuple[float, Levels]:
    """The largest entry, and where each stands between it and minus it."""
    top = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    limited = np.clip(a.ravel() / top if top else np.zeros(a.size), -1, 1)
    shown = np.where(np.isinf(a.ravel()), np.sign(a.ravel()), limited)
    return top, tuple(None if v != v else round(v * SHADES) for v in shown.tolist())


def aligned(a: np.ndarray[Any, Any]) -> tuple[str, ...]:
    """The numbers of an array with equally many decimals: four digits for the largest, fewer if
    these say all; one too small for that by its own first digit."""
    finite = a[np.isfinite(a)]
    top = float(np.abs(finite).max(initial=0.0))
    power = math.floor(math.log10(top)) if top else 0
    if not (-4 if a.size == 1 else -3) < power < 5:
        return tuple(number(v, 2 if a.size > 1 else 3) for v in a.tolist())
    decimals = max(0, 3 - power) if power >= 0 else 3 if a.size > 1 else 2 - power
    while decimals and np.array_equal(finite, np.round(finite, decimals - 1)):
        decimals -= 1
    return tuple(_text(v, decimals) for v in a.tolist())


def _text(v: float, decimals: int) -> str:
    if v == 0 or not math.isfinite(v):
        return number(v)
    if round(abs(v), decimals) == 0:
        return number(v, 1)
    return f"{v:.{decimals}f}".replace("-", "−")


def strip(copies: Sequence[Node], role: str, of: Callable[[Node], Any]) -> Pane:
    """All steps of a repetition side by side, an array in each column, and how large they are."""
    values = [of(x) for x in copies]
    label = f"{role}, all {len(copies):,} steps"
    if any(value is None for value in values):
        return replace(pane(role, label, None), strip=True)
    grid = np.stack([plain(value).ravel() for value in values], axis=1)
    norms = [magnitude(value) for value in values]
    made = pane(role, label, binned(grid, ROWS // 2), numbers=0)
    note = f"norm {number(norms[0])} → {number(norms[-1])}, log scale"
    return replace(made, strip=True, bars=_bars(np.array(norms), made.columns), note=note)


def _bars(norms: np.ndarray[Any, Any], columns: int) -> tuple[int, ...]:
    """The logarithms of sizes between the least and the largest, which are a decade apart at least;
    0 of no size."""
    with np.errstate(divide="ignore"):
        logs = binned(np.log10(norms)[:, None], columns).ravel()
    known = logs[np.isfinite(logs)]
    if not known.size:
        return (0,) * len(logs)
    high = SHADES - (SHADES - 1) * (known.max() - logs) / max(1.0, np.ptp(known))
    return tuple(round(x) if math.isfinite(x) else 0 for x in high.tolist())
