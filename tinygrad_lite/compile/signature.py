"""What arguments have in common that one program may serve, and what they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

from ..graph.backend import is_array
from ..graph.node import Array, Node
from ..graph.reach import Same
from .run import is_input


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


def words(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], numbers: Collection[type]
) -> Iterator[str]:
    """The names of the inputs among the arguments, in order."""
    try:
        names = [*inspect.signature(f).parameters]
    except (TypeError, ValueError):
        names = []
    names += [f"x{i + 1}" for i in range(len(names), len(args))]
    for name, x in (*zip(names, args, strict=False), *kwargs.items()):
        yield from _paths(x, name, numbers)


def _paths(x: Any, path: str, numbers: Collection[type]) -> Iterator[str]:
    if is_input(x, numbers):
        yield path
    elif isinstance(x, (list, tuple, dict)):
        for key, part in x.items() if isinstance(x, dict) else enumerate(x):
            yield from _paths(part, f"{path}_{key}", numbers)
