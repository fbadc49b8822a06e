"""What all plots share: the palette, Axes that nothing keeps alive, and what they are given as
numbers and parameters."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.backend import in_numpy
from ..graph.names import name_all
from ..graph.node import Node

# Okabe and Ito's palette, safe for colour-blind readers; markers and dashes repeat the message.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SIGNED = ("#74bbe8", "#ffffff", "#f3ab33")  # below 0, 0, above, as in pictures of graphs
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":")


def matplotlib(module: str = "pyplot") -> Any:
    """A module of matplotlib, or an `ImportError` that names the extra."""
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ImportError:
        raise ImportError("tg.plot needs matplotlib: pip install 'tinygrad_lite[plot]'") from None


def axes(ax: Any, size: tuple[float, float]) -> Any:
    """`ax`, or the Axes of a new figure that no global list keeps alive."""
    if ax is not None:
        return ax
    return matplotlib().subplots(figsize=size, layout="constrained")[1]


def beside(ax: Any, text: str, point: Any, gap: int, **style: Any) -> None:
    """Write `text` to the right of a point, `gap` points away."""
    ax.annotate(text, point, (gap, 0), textcoords="offset points", va="center", **style)


def numbers(y: Any, what: str) -> np.ndarray[Any, Any]:
    """The numbers of a node, an array, or a list of them, as one NumPy array."""
    if isinstance(y, (list, tuple)):
        y = [numbers(item, what) for item in y]
    try:
        return np.asarray(in_numpy(y), dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what}: expected numbers, got {type(y).__name__} ({error})") from None


def numbered(names: Sequence[str]) -> list[str]:
    """The names, those that occur again as `W (1)`, `W (2)`."""
    return [
        f"{name} ({names[: k + 1].count(name)})" if names.count(name) > 1 else name
        for k, name in enumerate(names)
    ]


def parameters_of(source: Any) -> dict[str, Node]:
    """name -> parameter, of a module, a mapping, a node, or an iterable of nodes."""
    named = source.named_parameters() if hasattr(source, "named_parameters") else source
    if named is source and not isinstance(source, Mapping):
        nodes = source.parameters() if hasattr(source, "parameters") else source
        nodes = [nodes] if isinstance(nodes, Node) else nodes
        nodes = list(nodes) if isinstance(nodes, Iterable) else []
        known = name_all(nodes)
        names = numbered([known.get(id(p), f"parameter {i}") for i, p in enumerate(nodes)])
        named = dict(zip(names, nodes, strict=True))
    return {str(name): p for name, p in dict(named).items() if isinstance(p, Node)}
