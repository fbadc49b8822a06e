"""Arrays of another library while code is recorded: its functions get their own, and the records
hold NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Library:
    """`module` is where its functions are, `own` makes its array of NumPy's, `plain` NumPy's of its
    array, and hands on what is none."""

    module: Any
    own: Callable[[Any], Any]
    plain: Callable[[Any], Any]


NUMPY = Library(np, lambda x: x, lambda x: x)
LIBRARY: ContextVar[Library] = ContextVar("library", default=NUMPY)


def owned(value: Any) -> Any:
    """A value with the arrays of the library that is at work in the place of NumPy's."""
    library = LIBRARY.get()
    if library is NUMPY:
        return value
    arrays = (np.ndarray, np.generic)
    return _mapped(lambda x: library.own(x) if isinstance(x, arrays) else x, value)


def called(compute: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the library's, or a method or attribute of its arrays, on NumPy's."""
    library = LIBRARY.get()
    if library is NUMPY:
        return compute
    return lambda *values: plain(compute(*map(owned, values)))


def plain(value: Any) -> Any:
    """A value with NumPy's arrays in the place of those of the library that is at work."""
    return _mapped(LIBRARY.get().plain, value)


def _mapped(f: Callable[[Any], Any], value: Any) -> Any:
    if type(value) in (list, tuple):
        return type(value)([_mapped(f, v) for v in value])
    if type(value) is dict:
        return {key: _mapped(f, v) for key, v in value.items()}
    return f(value)


def name_in(instance: Any) -> str:
    """What the library is called where a statement ran."""
    module = LIBRARY.get().module
    for name, record in instance.names.items():
        if record.value is module:
            return str(name)
    for name in ("np", "numpy", "xp", "jnp", "torch"):
        try:
            if instance.outside(name) is module:
                return name
        except NameError:
            continue
    return "np"
