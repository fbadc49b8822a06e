"""What arguments have in common that one program may serve."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ..graph.backend import is_array
from ..graph.node import Array, Node
from ..graph.reach import Same

Outline = Callable[[Any], Any]


class Unusual(Exception):
    """An argument that no program takes: of another library, or differentiated outside."""


def outline(x: Any) -> Any:
    """What is the same in all arrays that a program takes in one place; None of anything else."""
    if type(x) is np.ndarray and x.dtype.kind in "fiub":
        return np.ndarray, x.shape, x.dtype, x.strides
    return None


def signature(
    x: Any, given: list[Any], numbers: Collection[type], outline: Outline = outline
) -> Any:
    """A key for arguments, to which the entries of arrays do not count, nor `numbers` of these
    types; arrays, Tensors and numbers go to `given`, in order. Raises `Unusual`."""
    kind = type(x)
    if kind in numbers:
        given.append(x)
        return kind
    if isinstance(x, (list, tuple)):
        return (kind, *[signature(part, given, numbers, outline) for part in x])
    if isinstance(x, dict):
        return (kind, *[(k, signature(part, given, numbers, outline)) for k, part in x.items()])
    known = outline(x._data if isinstance(x, Array) else x)
    if isinstance(x, Array):
        meta = x._meta
        if known is None or x.op is not None or (meta and meta.argument):
            raise Unusual
        first = next((i for i, y in enumerate(given) if y is x), len(given))
        given.append(x)
        return Array, known, x._grad is None, first, meta is not None and meta.constant
    if known is not None:
        given.append(x)
        return known
    if isinstance(x, (int, float, str, bytes, np.generic, type(None))):
        return kind, repr(x)  # NaN is not NaN
    if isinstance(x, Node) or is_array(x):
        raise Unusual
    return Same(x)
