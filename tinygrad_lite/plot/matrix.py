"""A Jacobian, or any matrix, as a heat map."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.names import name_all
from ..graph.node import Node
from .canvas import SIGNED, axes, matplotlib, numbers


def jacobian(y: Any, x: Any = None, *, ax: Any = None) -> Any:
    """A heat map of the Jacobian dy/dx of node y by node x, or of a matrix; 0 is white.

    A Jacobian of shape (*y.shape, *x.shape) is laid out with one row per entry of y and one column
    per entry of x, both called by their indices, with a line where all but the last of several
    begin anew. The title gives the share of exact zeros; entries that are not finite are grey
    and counted. Small matrices have their numbers printed. Raises `ValueError` on other arrays.
    """
    label, shapes = "Jacobian", None
    if x is not None:
        if not (isinstance(y, Node) and isinstance(x, Node)):
            raise TypeError("plot.jacobian(y, x) takes two nodes; for an array, pass it alone")
        names = name_all([y, x])
        label = f"∂{names.get(id(y), 'y')}/∂{names.get(id(x), 'x')}"
        shapes = y.shape, x.shape
        rows = int(np.prod(y.shape, dtype=int))
        matrix = numbers(y.jacobian(x), label).reshape(rows, -1)  # type: ignore[attr-defined]
    else:
        matrix = numbers(y, "plot.jacobian")
        if matrix.ndim != 2:
            raise ValueError(
                f"plot.jacobian: an array must be a matrix, got shape {matrix.shape}; pass the "
                "nodes, plot.jacobian(y, x), or reshape it to (entries of y, entries of x)"
            )
    if not matrix.size:
        raise ValueError(f"plot.jacobian: nothing to draw, shape {matrix.shape}")
    finite = np.isfinite(matrix)
    bound = float(np.abs(matrix[finite]).max(initial=0.0)) or 1.0
    ax = axes(ax, (5.2, 4.2))
    colours = matplotlib("colors").LinearSegmentedColormap.from_list("signed", SIGNED)
    colours = colours.with_extremes(bad="#9a9a9a")
    shown = np.ma.masked_invalid(matrix)
    image = ax.imshow(shown, cmap=colours, vmin=-bound, vmax=bound, aspect="auto")
    zeros = float(np.mean(matrix == 0))
    title = f"{label}   {matrix.shape[0]} × {matrix.shape[1]}, {100 * zeros:.3g} % zeros"
    if not finite.all():
        title += f", {np.sum(~finite)} not finite"
    ax.set(title=title, xlabel="entry of the input", ylabel="entry of the output")
    for axis, count in ((ax.xaxis, matrix.shape[1]), (ax.yaxis, matrix.shape[0])):
        axis.set_major_locator(matplotlib("ticker").MaxNLocator(integer=True))
        if count <= 12:
            axis.set_ticks(range(count))
    sides = (ax.yaxis, ax.axhline), (ax.xaxis, ax.axvline)
    for (axis, line), shape in zip(sides, shapes or (), strict=False):
        if len(shape) > 1:
            _indexed(axis, line, shape)
    if matrix.size <= 144 and max(matrix.shape) <= 16:
        for (i, j), entry in np.ndenumerate(matrix):
            colour = "#888888" if entry == 0 else "black"
            style = {"color": colour, "fontsize": 8, "ha": "center", "va": "center"}
            ax.text(j, i, f"{entry:.2g}".replace("-", "−"), **style)
    ax.figure.colorbar(image, ax=ax)
    return ax


def _indexed(axis: Any, line: Any, shape: tuple[int, ...]) -> None:
    """Call the entries of an array by their indices along an axis, and set apart its last axis."""
    length, every = int(np.prod(shape)), shape[-1]

    def called(place: float, _: object) -> str:
        k = round(place)
        return ", ".join(map(str, np.unravel_index(k, shape))) if 0 <= k < length else ""

    axis.set_major_formatter(matplotlib("ticker").FuncFormatter(called))
    if length > 12:
        axis.set_ticks(range(0, length, every * max(1, length // every // 12)))
    if length // every <= 60:
        for start in range(every, length, every):
            line(start - 0.5, color="#808080", linewidth=0.8)
