"""The names that nodes go by: `name=`, else the variables of the caller's frames."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import FrameType, FunctionType
from typing import Any

from .backend import is_array
from .node import Node

_PACKAGE = __name__.partition(".")[0]
_FRAMES = 30  # looked through, from the innermost outwards
_ENTRIES = 1000  # of a list, tuple, dict or object; and of these on one level
_LEVELS = 4  # that containers and objects are entered
_RESULTS = frozenset(("In", "Out"))  # where notebooks keep what was typed and shown


@cache  # not made at import, which it would lengthen
def _libraries() -> tuple[str, ...]:
    return tuple(sysconfig.get_paths()[kind] for kind in ("stdlib", "purelib", "platlib"))


def user_frame() -> FrameType | None:
    """The innermost frame outside this package, and outside NumPy, which calls it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _inside(frame):
        frame = frame.f_back
    return frame


def _inside(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in (_PACKAGE, "numpy")


def is_own(function: FunctionType) -> bool:
    """Whether a function is the user's: neither a library's nor this package's."""
    return not is_library(function.__module__, function.__code__.co_filename)


def is_ours(frame: FrameType) -> bool:
    """Whether this package's code runs in a frame."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE


@cache
def is_library(module: str | None, path: str = "") -> bool:
    """Whether the code of a module is Python's, an installed package's or this package's own."""
    if str(module).partition(".")[0] in (_PACKAGE, *sys.builtin_module_names):
        return True
    path = path or getattr(sys.modules.get(str(module)), "__file__", None) or ""
    return path.startswith(_libraries()) or "site-packages" in path


def _spaces(frame: FrameType | None) -> Iterator[Mapping[str, Any]]:
    """The locals of the frame and of those that called it, as far as they are the user's own code,
    and then their globals."""
    modules: list[Mapping[str, Any]] = []
    for _ in range(_FRAMES):
        if frame is None or is_library(None, frame.f_code.co_filename):
            break
        if frame.f_locals is not frame.f_globals:
            yield frame.f_locals
        if not any(frame.f_globals is known for known in modules):
            modules.append(frame.f_globals)
        frame = frame.f_back
    yield from modules


def visible() -> dict[str, Any]:
    """What the user's frames see, by name, which means what it means in the innermost frame that
    has it. Names with a leading underscore (notebooks keep old results in such) are passed over."""
    found: dict[str, Any] = {}
    for space in _spaces(user_frame()):
        for name, value in list(space.items()):
            if name.isidentifier() and not name.startswith("_"):
                found.setdefault(name, value)
    return found


def arrays() -> dict[str, Any]:
    """The plain arrays that the user's frames see, by name."""
    return {name: value for name, value in visible().items() if is_array(value) and value.ndim}


def named_in(known: Mapping[str, Any]) -> dict[int, str]:
    """id(object) -> name, for variables and what is in the containers and objects among them."""
    found: dict[int, str] = {}
    for name, value in known.items():
        found.setdefault(id(value), name)
    for name, value in inside_of(known):
        found.setdefault(id(value), name)
    return found


def entries_in(known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The entries of lists, tuples and dicts among variables: `hs[0]`, `d['k']`."""
    for name, value in known.items():
        if name not in _RESULTS:
            yield from ((f"{name}[{place!r}]", entry) for place, entry in _entries(value))


def inside_of(known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is in containers and in the users' objects among variables, and in those, so far:
    `layers[0].W`. The nearest come first, and each is entered once."""
    level, seen = {name: value for name, value in known.items() if name not in _RESULTS}, set()
    for _ in range(_LEVELS):
        entered = [(name, x) for name, x in level.items() if id(x) not in seen][:_ENTRIES]
        seen |= {id(x) for _, x in entered}
        level = {**dict(entries_in(dict(entered))), **dict(_attributes(entered))}
        yield from level.items()


def _attributes(known: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The public attributes of objects whose classes are the users': `cell.W`."""
    for name, value in known:
        if hasattr(value, "__dict__") and not is_library(type(value).__module__):
            attributes = list(vars(value).items())[:_ENTRIES]
            yield from ((f"{name}.{key}", x) for key, x in attributes if key[:1] != "_")


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """Place and entry of a container that is not too large."""
    if type(value) in (list, tuple) and len(value) <= _ENTRIES:
        yield from enumerate(value)
    elif isinstance(value, dict) and len(value) <= _ENTRIES:
        yield from (item for item in value.items() if isinstance(item[0], (str, int)))


def name_all(values: Iterable[Any], variables: Mapping[str, Any] | None = None) -> dict[int, str]:
    """id(value) -> name for those of `values` (nodes, constant arrays) that have one.

    A node's own `name` wins over `variables`, by default those that the user's frames see: of these
    inner frames win over outer ones, locals over globals, the first binding over later ones, and a
    variable over what is in a container or an object, which is called `ws[0]`, `d['k']` or
    `cell.W`.
    """
    known = named_in(visible() if variables is None else variables)
    names: dict[int, str] = {}
    for value in values:
        own = value.name if isinstance(value, Node) else None
        name = own or known.get(id(value))
        if name is not None and not isinstance(value, (int, float, bool)):
            names[id(value)] = name
    return names
