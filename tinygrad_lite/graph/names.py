"""The names that nodes go by: `name=`, else the variables of the caller's frame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any

from .backend import is_array
from .node import Node

_PACKAGE = __name__.partition(".")[0]


def user_frame() -> FrameType | None:
    """The innermost frame outside this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _inside(frame):
        frame = frame.f_back
    return frame


def _inside(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE


def arrays(frame: FrameType | None = None) -> dict[str, Any]:
    """The arrays that the user's frame has, by name; locals win over globals."""
    frame = frame or user_frame()
    if frame is None:
        return {}
    spaces = {**frame.f_globals, **frame.f_locals}
    return {
        name: value
        for name, value in spaces.items()
        if not name.startswith("_") and is_array(value) and value.ndim
    }


def variables(frame: FrameType | None = None) -> dict[int, str]:
    """id(object) -> variable name, for the locals and globals of the user's frame.

    Locals win over globals, the first binding over later ones; names with a leading underscore
    (notebooks keep old results in such) are passed over.
    """
    frame = frame or user_frame()
    found: dict[int, str] = {}
    if frame is None:
        return found
    spaces: list[Mapping[str, Any]] = [frame.f_locals]
    if frame.f_globals is not frame.f_locals:
        spaces.append(frame.f_globals)
    for space in spaces:
        for name, value in list(space.items()):
            if not name.startswith("_"):
                found.setdefault(id(value), name)
    return found


def name_all(values: Iterable[Any], frame: FrameType | None = None) -> dict[int, str]:
    """id(value) -> name for those of `values` (nodes, constant arrays) that have one.

    A node's own `name` wins over the caller's variables.
    """
    known = variables(frame)
    names: dict[int, str] = {}
    for value in values:
        own = value.name if isinstance(value, Node) else None
        name = own or known.get(id(value))
        if name is not None and not isinstance(value, (int, float, bool)):
            names[id(value)] = name
    return names
