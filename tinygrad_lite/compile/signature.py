"""What arguments have in common that one program may serve."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ..graph.backend import is_array
from ..graph.node import Array, Node
from ..graph.reach import Same


class Unusual(Exception):
    """An argument that no program takes: of another library, or differentiated outside."""


def signature(x: Any, given: list[Any], numbers: Collection[type]) -> Any:
    """A key for arguments, to which the entries of arrays do not count, nor `numbers` of these
    types; arrays, Tensors and numbers go to `given`, in order. Raises `Unusual`."""
    kind = type(x)
    if kind is np.ndarray and x.dtype.kind in "fiub":
        given.append(x)
        return x.shape, x.dtype, x.strides
    if kind in numbers:
        given.append(x)
        return kind
    if isinstance(x, (list, tuple)):
        return (kind, *[signature(part, given, numbers) for part in x])
    if isinstance(x, dict):
        return (kind, *[(k, signature(part, given, numbers)) for k, part in x.items()])
    if isinstance(x, Array):
        data, meta = x._data, x._meta
        if type(data) is not np.ndarray or x.op is not None or (meta and meta.argument):
            raise Unusual
        first = next((i for i, y in enumerate(given) if y is x), len(given))
        given.append(x)
        constant = meta is not None and meta.constant
        return Array, data.shape, data.dtype, data.strides, x._grad is None, first, constant
    if isinstance(x, (int, float, str, bytes, np.generic, type(None))):
        return kind, repr(x)  # NaN is not NaN
    if isinstance(x, Node) or is_array(x):
        raise Unusual
    return Same(x)
