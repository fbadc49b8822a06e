"""Arrays as cells: each entry a number on its colour, or a colour, or many in one tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..graph.node import Node
from .figures import NONE, binned, magnitude, number, plain, summary
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """The cells of one array: `rows` times `columns` in each of the `slabs`, whose corners those
    are and whose `captions` say which slice. `levels` are the colours, from -12 to 12 of 12ths of
    `top` (None: no number), `texts` the numbers if there is room. With `tiles`, a cell is the mean
    of several entries. A `strip` has all of several equal steps side by side, and `bars` below say,
    from 0 to 12, how large each is. `text` is all of it in one line."""

    role: str
    label: str
    shape: tuple[int, ...]
    rows: int
    columns: int
    cell: tuple[float, float]
    slabs: tuple[tuple[float, float], ...]
    levels: Levels
    texts: tuple[str, ...]
    top: float
    tiles: bool = False
    captions: tuple[str, ...] = ()
    bars: tuple[int, ...] = ()
    note: str = ""
    strip: bool = False
    text: str = ""
    x: float = 0.0
    y: float = 0.0

    def compact(self, most: int) -> Self:
        """The same without numbers, if they are more than so many."""
        if not self.texts or len(self.texts) <= most:
            return self
        side = _side(self.rows, self.columns)
        slabs = _corners(self.captions, self.rows, self.columns, (side, side))
        return replace(self, texts=(), cell=(side, side), slabs=slabs)

    @property
    def width(self) -> float:
        words = max((width(text, CAPTION) for text in self.captions), default=0.0)
        wide = max(x for x, _ in self.slabs) + max(self.columns * self.cell[0], words)
        return max(wide, width(self.note, CAPTION))

    @property
    def height(self) -> float:
        return self.foot + BARS * bool(self.bars) + 15 * bool(self.note)

    @property
    def foot(self) -> float:
        """Where the cells end."""
        return max(y for _, y in self.slabs) + self.rows * self.cell[1]


def pane(
    role: str, label: str, value: Any, shape: tuple[int, ...], *, numbers: int = NUMBERS
) -> Pane:
    """An array, or with None the place of one that is not computed yet, as cells."""
    made = _pane(role, label, value, shape, numbers)
    text = summary(value, norm=role == "gradient").text
    return replace(made, text=text, note=text if made.tiles else "")


def _pane(role: str, label: str, value: Any, shape: tuple[int, ...], numbers: int) -> Pane:
    if value is None or 0 in shape:
        text = NONE if value is None else "empty"
        return _filled(role, label, shape, ((), 1, 1), (SCALAR, HEIGHT), (0,), (text,), 0.0)
    a = plain(value)
    top = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    slabs = a.shape[:-2]
    rows, columns = a.shape[-2:] if a.ndim > 1 else _upright(a.size)
    if a.size <= numbers and columns <= ACROSS and rows <= 2 * ACROSS:
        texts = aligned(a.ravel())
        wide = max(SCALAR if not a.ndim else WIDTH, *(width(t, ENTRY) + 5 for t in texts))
        cell = (math.ceil(wide), HEIGHT)
        return _filled(
            role, label, shape, (slabs, rows, columns), cell, _levels(a, top), texts, top
        )
    if a.size <= CELLS and max(rows, columns) <= 4 * COLUMN:
        small = (_side(rows, columns),) * 2
        return _filled(role, label, shape, (slabs, rows, columns), small, _levels(a, top), (), top)
    grid = a.reshape(1, -1) if a.ndim < 2 else a.reshape(-1, a.shape[-1])
    grid = binned(binned(grid, ROWS).T, COLUMNS).T
    top = float(np.abs(grid[np.isfinite(grid)]).max(initial=0.0))
    small = (SMALL[0], max(SMALL[0], 24.0 / len(grid)))
    made = _filled(role, label, shape, ((), *grid.shape), small, _levels(grid, top), (), top)
    return replace(made, tiles=True)


def _side(rows: int, columns: int) -> float:
    """Of a square cell without a number."""
    return float(min(SMALL[1], max(SMALL[0], 240.0 / max(rows, columns))))


def _corners(
    captions: tuple[str, ...], rows: int, columns: int, cell: tuple[float, float]
) -> tuple[tuple[float, float], ...]:
    """Of matrices side by side, below what says which they are."""
    if not captions:
        return ((0.0, 0.0),)
    w = max(columns * cell[0], *(width(text, CAPTION) for text in captions)) + SLAB
    h = rows * cell[1] + SLAB + CAPTION
    across = max(1, int(ROOM // w))
    return tuple((k % across * w, k // across * h + CAPTION + 2) for k in range(len(captions)))


def _upright(size: int) -> tuple[int, int]:
    """Rows and columns of a vector: a column, or if that is too long, lines."""
    if size <= COLUMN:
        return size, 1
    across = 8 if size <= NUMBERS else 20
    return math.ceil(size / across), across


def _filled(
    role: str, label: str, shape: tuple[int, ...], grid: tuple[tuple[int, ...], int, int],
    cell: tuple[float, float], levels: Levels, texts: tuple[str, ...], top: float,
) -> Pane:  # fmt: skip
    axes, rows, columns = grid
    captions = tuple(f"[{', '.join(map(str, at))}, …]" for at in np.ndindex(axes)) if axes else ()
    slabs = _corners(captions, rows, columns, cell)
    return Pane(
        role=role, label=label, shape=shape, rows=rows, columns=columns, cell=cell, slabs=slabs,
        levels=levels, texts=texts, top=top, captions=captions,
    )  # fmt: skip


def _levels(a: np.ndarray[Any, Any], top: float) -> Levels:
    """Where each entry stands between -top and top."""
    limited = np.clip(a.ravel() / top if top else np.zeros(a.size), -1, 1)
    shown = np.where(np.isinf(a.ravel()), np.sign(a.ravel()), limited)
    return tuple(None if v != v else round(v * SHADES) for v in shown.tolist())


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
        return replace(pane(role, label, None, copies[0].shape), strip=True)
    grid = np.stack([plain(value).ravel() for value in values], axis=1)
    norms = [magnitude(value) for value in values]
    made = pane(role, label, binned(grid, ROWS // 2), grid.shape, numbers=0)
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
