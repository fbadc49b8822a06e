"""Lists, dicts, sets and iterators that a function is given or reaches."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from copy import copy as duplicate
from typing import Any, Never, Self

from ..graph.names import is_library


class Unread:
    """An iterator that is not read from while a function is recorded: it would not go on later."""

    def __init__(self, x: Any, called: str) -> None:
        self._x, self._called = x, called

    def __getattr__(self, name: str) -> Any:
        return getattr(self._x, name)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Never:
        raise TypeError(
            f"{self._called}: the function takes the next of a {type(self._x).__name__}, which the "
            "program would not; take it outside and hand it over as an argument"
        )


class Log(list[Any]):
    """Stands for a list that grows from call to call while a function is recorded which, as it
    seems, does no more than append to it: whatever else is done raises `Read`."""


class Read(BaseException):  # which no "except Exception" of the user's takes
    """A list that grows is read, too."""


def _read(*_: Any, **__: Any) -> Never:
    raise Read


_READ = {*dir(list)} - {*dir(object), "append", "extend", "__iadd__", "__class_getitem__"}
for _name in _READ | {"__eq__", "__ne__", "__repr__", "__reduce_ex__"}:
    setattr(Log, _name, _read)


def is_read_once(x: Any) -> bool:
    """Whether x is an iterator of Python's or of a library, whose state is not seen."""
    return isinstance(x, Iterator) and is_library(type(x).__module__)


def remade(x: Any, parts: list[Any]) -> Any:
    """A list or tuple of the class of x that holds these entries."""
    return x._make(parts) if hasattr(x, "_make") else type(x)(parts)


def updated(x: Any, entries: dict[Any, Any]) -> Any:
    """A dict of the class of x, and with what is set on it, that holds these entries."""
    if type(x) is dict:
        return entries
    made = duplicate(x)
    made.update(entries)
    return made


def copied(x: Any) -> Any:
    """What a list, dict or other container holds, in a copy."""
    return dict(x) if isinstance(x, dict) else set(x) if isinstance(x, set) else [*x]


def differ(x: Any, copy: Any) -> bool:
    """Whether a container holds something else than its copy: another object, in another place."""
    if len(x) != len(copy):
        return True
    if isinstance(x, dict):
        return any(k not in x or x[k] is not v for k, v in copy.items())
    return x != copy if isinstance(x, set) else any(map(operator.is_not, x, copy))
