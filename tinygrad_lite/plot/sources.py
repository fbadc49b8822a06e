"""What the plots are given: numbers in any form, and parameters of any model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..graph.names import name_all
from ..graph.node import Node


def numbers(y: Any, what: str) -> np.ndarray[Any, Any]:
    """The numbers of a node, an array, or a list of them, as one NumPy array."""
    if isinstance(y, Node):
        y = y.data
    if isinstance(y, (list, tuple)):
        y = [numbers(item, what) for item in y]
    try:
        return np.asarray(y, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what}: expected numbers, got {type(y).__name__} ({error})") from None


def parameters_of(source: Any) -> dict[str, Node]:
    """name -> parameter, of a module, a mapping, a node, or an iterable of nodes."""
    if isinstance(source, Node):
        source = [source]
    if isinstance(source, Mapping):
        named: Iterable[tuple[Any, Any]] = source.items()
    elif hasattr(source, "named_parameters"):
        found = source.named_parameters()
        named = found.items() if isinstance(found, Mapping) else found
    else:
        nodes = source.parameters() if hasattr(source, "parameters") else source
        if not isinstance(nodes, Iterable):
            return {}
        nodes = list(nodes)
        names = name_all(nodes)
        named = [(names.get(id(p), f"parameter {i}"), p) for i, p in enumerate(nodes)]
    return {str(name): p for name, p in named if isinstance(p, Node)}
