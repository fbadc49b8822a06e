"""What a function reaches beside its arguments: variables of its closure, globals that it names,
attributes and entries of what it finds there.

Nothing of it may be frozen into a program unseen. Arrays and Tensors become inputs, which are read
at every call; all else is compared, since what was computed depends on it.
"""

from __future__ import annotations

import array
import functools
import gc
import random
import sys
import weakref
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextvars import ContextVar
from operator import attrgetter
from types import CellType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, TypeVar

import numpy as np

from ..graph.backend import is_array
from ..graph.names import is_library, is_own
from ..graph.node import Array, Node
from ..graph.op import Op
from ..graph.reach import names_in, reached

T = TypeVar("T")
MANY = 100_000  # places, the comparison of which would take longer than most programs
_ATOMS: tuple[type, ...] = (type(None), bool, int, float, complex, str, bytes, range, slice)
_ATOMS += (np.generic, np.dtype, Op)
# They hold nothing of their own that changes, and lead to what they are made of.
_LEADING: tuple[Any, ...] = (
    tuple,
    frozenset,
    functools.partial,
    functools.cached_property,
    functools.partialmethod,
)
_LEADING += (MethodType, MappingProxyType, staticmethod, classmethod, property)
_TREES = (list, tuple, dict)
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
_cell = attrgetter("cell_contents")


class Place:
    """Where a value is held: an entry of a list or dict, an attribute, a variable of a closure."""

    __slots__ = ("before", "get", "holder", "inner", "key", "path")

    def __init__(self, holder: Any, key: Any, path: str) -> None:
        self.holder, self.key, self.path = holder, key, path
        self.inner: dict[Any, Inside] | None = None
        self.get: Callable[[Any], Any]
        if isinstance(holder, CellType):
            self.get, self.key = _cell, holder
        elif isinstance(holder, dict):
            self.get = holder.get
        elif isinstance(holder, (list, deque)):
            self.get = holder.__getitem__
        elif isinstance(holder, type):
            self.get = vars(holder).get  # not what a descriptor would make of it
        else:
            self.get = functools.partial(getattr, holder)
        self.before: Any = self.get(self.key)

    @property
    def mark(self) -> tuple[int, Any]:
        """What tells it from other places."""
        return id(self.holder), None if isinstance(self.holder, CellType) else self.key

    def held(self) -> Any:
        """What is there now."""
        return self.get(self.key)

    def set(self, value: Any) -> None:
        """Put another value there."""
        if isinstance(self.holder, CellType):
            self.holder.cell_contents = value
        elif isinstance(self.holder, (dict, list, deque)):
            self.holder[self.key] = value
        elif isinstance(self.holder, (type, FunctionType)):
            setattr(self.holder, self.key, value)
        else:
            object.__setattr__(self.holder, self.key, value)


class Inside:
    """An entry of the container that a place, or such an entry, holds, whichever that is."""

    __slots__ = ("before", "inner", "key", "path", "within")

    def __init__(self, within: Place | Inside, key: Any) -> None:
        self.within, self.key = within, key
        self.path: str = f"{within.path}[{key!r}]"
        self.before: Any = within.before[key]
        self.inner: dict[Any, Inside] | None = None

    @property
    def mark(self) -> tuple[Any, ...]:
        """What tells it from other entries and places."""
        return *self.within.mark, self.key

    def held(self) -> Any:
        """What is there now."""
        return self.within.held()[self.key]


Spot = Place | Inside


def outermost(spot: Spot) -> Place:
    """The place that holds the whole."""
    while isinstance(spot, Inside):
        spot = spot.within
    return spot


def opened(spot: Spot, kinds: tuple[type, ...]) -> Iterator[Spot]:
    """The spot and all that are inside it, in containers of these `kinds`, outermost first."""
    x, spot.inner = spot.before, None
    if type(x) in kinds:
        spot.inner = {k: Inside(spot, k) for k in (x if isinstance(x, dict) else range(len(x)))}
    yield spot
    for inside in (spot.inner or {}).values():
        yield from opened(inside, kinds)


class State:
    """All places that a function, or one of `others`, leads to, and the Tensors found there that
    were not computed (`leaves`, with the way to each).

    Marks of places that hold something else after every call are `moving`. Where that is a list or
    dict of arrays, Tensors and settings, it is one of `renewed`, and not compared as an object.
    """

    def __init__(
        self,
        function: Any,
        others: list[Any],
        called: str,
        growing: Collection[int] = (),
        moving: Collection[Any] = (),
    ) -> None:
        self.places: list[Place] = []
        self.renewed: set[Place] = set()
        self.inside: list[Spot] = []  # of those, what is no container
        self.containers: list[tuple[Any, Any]] = []  # and what they held, in a copy
        self.wholes: list[tuple[Callable[[], Any], Any]] = []  # what to call, and what it gave
        self.leaves: dict[Any, str] = {}
        self._places_of: dict[Any, list[Spot]] = {}  # of each node that is in some
        self._met: Counter[Any] = Counter()  # how often each node was come upon
        self._remade: list[tuple[Any, Any]] = []  # containers in renewed ones, with their marks
        self.logs: dict[int, list[Any]] = {}  # lists whose ids are `growing`, not looked into
        self._growing, self._within, self._moving = growing, set[int](), moving
        self._seen: dict[int, Any] = {}
        self._ahead: list[tuple[Any, str]] = [(x, "") for x in (*others, function)]
        while self._ahead:
            value, path = self._ahead.pop()
            if isinstance(value, Node):
                self._met[value] += 1
            if id(value) not in self._seen and not isinstance(value, _ATOMS):
                self._seen[id(value)] = value
                self._look(value, path)
            if len(self.places) > MANY:
                told = f"the function leads to more than {MANY:,} values; pass what it uses"
                raise TypeError(f"{called}: {told}")

    def has(self, x: Any) -> bool:
        """Whether x is an object that is reached."""
        return id(x) in self._seen

    def reached(self, kind: type[T]) -> list[T]:
        """What is of a kind there."""
        return [x for x in self._seen.values() if isinstance(x, kind)]

    def moving(self, node: Node) -> list[Spot]:
        """The places that a node is in, if others will be in all of them; else none."""
        spots = self._places_of.get(node, [])
        moving = all(isinstance(s, Inside) or s.mark in self._moving for s in spots)
        return spots if moving and len(spots) == self._met[node] else []

    def drawn(self) -> list[Any]:
        """Where the generators of random numbers stand that are reached, or are anybody's."""
        found: list[Any] = [x.bit_generator.state for x in self.reached(np.random.Generator)]
        found += [x.get_state() for x in self.reached(np.random.RandomState)]
        found += [x.getstate() for x in self.reached(random.Random)]
        return [*map(repr, (*found, np.random.get_state(), random.getstate()))]

    def _place(self, holder: Any, key: Any, path: str) -> None:
        place = Place(holder, key, path)
        self.places.append(place)
        found: list[Spot] = []
        if place.mark in self._moving and type(place.before) in _TREES:
            found = [*opened(place, _TREES)]
        if found and all(spot.inner is not None or _is_data(spot.before) for spot in found):
            self._renewed(place, found)
            return
        deque(opened(place, (tuple,)), 0)
        if isinstance(place.before, Node):
            self._places_of.setdefault(place.before, []).append(place)
        self._ahead.append((place.before, path))

    def _renewed(self, place: Place, found: list[Spot]) -> None:
        """Note what is inside a container that another will stand for."""
        self.renewed.add(place)
        for spot in found:
            if spot.inner is not None:
                self._whole(functools.partial(_form, spot))
                self._remade.append((place.mark, spot.before))
                continue
            self.inside.append(spot)
            if isinstance(spot.before, Node):
                self._places_of.setdefault(spot.before, []).append(spot)
            self._ahead.append((spot.before, spot.path))

    def alone(self, growing: Collection[int], moving: Collection[Any]) -> tuple[set[int], set[Any]]:
        """Of the lists that are growing and the marks that are moving those for which another may
        stand: a list is in no tuple, and what it is in nothing else holds."""
        return {*growing} - self._within, {*moving} - self._shared()

    def _shared(self) -> set[Any]:
        """The marks of renewed containers in which a list or dict is that something else holds."""
        held = [(mark, id(x)) for mark, x in self._remade if not isinstance(x, tuple)]
        times = Counter(key for _, key in held)
        return {mark for mark, key in held if times[key] > 1 or key in self._seen}

    def _look(self, value: Any, path: str) -> None:
        """Note the places in a value, and look at what they hold later."""
        if isinstance(value, Node):
            self._node(value, path)
        elif isinstance(value, (np.ndarray, bytearray, array.array)):
            if getattr(value, "dtype", np.dtype(object)).kind not in "fiubc":
                self._whole(value.copy if isinstance(value, bytearray) else value.tolist)
                self._ahead += [(x, path) for x in getattr(value, "flat", ())]
        elif is_array(value) or isinstance(value, _GENERATORS):
            pass
        elif isinstance(value, set):
            self._ahead += [(x, path) for x in value]
            self.containers.append((value, set(value)))
            self._whole(value.copy)
        elif id(value) in self._growing:
            self.logs[id(value)] = value
        elif isinstance(value, (list, deque)):
            self.containers.append((value, list(value)))
            for i in range(len(value)):
                self._place(value, i, f"{path}[{i}]")
        elif isinstance(value, dict):
            self._entries(value, path, "[{!r}]")
            self._whole(functools.partial(list, value))  # its keys, in order
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, _LEADING):
            inside = value if isinstance(value, tuple) else gc.get_referents(value)
            self._ahead += [(x, f"{path}[{i}]") for i, x in enumerate(inside)]
            self._within.update(map(id, inside))
        elif isinstance(value, (weakref.ref, ContextVar)):
            get = value if isinstance(value, weakref.ref) else functools.partial(value.get, None)
            self._whole(get)
            self._ahead.append((get(), path))
        elif isinstance(value, type):
            self._class(value, path)
        elif hasattr(value, "__wrapped__") and is_library(type(value).__module__):
            self._ahead.append((value.__wrapped__, path))  # compiled by itself, say
        elif not isinstance(value, ModuleType) and not _is_machinery(type(value)):
            self._entries(getattr(value, "__dict__", {}), path, ".{}")
            for name in _slots(type(value)):
                if hasattr(value, name):
                    self._place(value, name, f"{path}.{name}")
            self._ahead.append((type(value), type(value).__name__))

    def _whole(self, get: Callable[[], Any]) -> None:
        self.wholes.append((get, get()))

    def _entries(self, held: dict[Any, Any], path: str, form: str) -> None:
        self.containers.append((held, dict(held)))
        for key in held:
            self._place(held, key, (path + form.format(key)).lstrip("."))

    def _node(self, node: Node, path: str) -> None:
        if node.op is None and isinstance(node, Array):
            self.leaves.setdefault(node, node.name or path)
        elif node.op is None:
            self._place(node, "_data", path)

    def _function(self, function: FunctionType) -> None:
        """Its closure, its defaults, and the globals that its code names; of a library's, such as
        a derivative, what it calls of the user's."""
        code, space = function.__code__, function.__globals__
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        cells = {name: cell for name, cell in cells.items() if _is_filled(cell)}
        if not is_own(function):
            held = [getattr(function, "__wrapped__", None), *map(_cell, cells.values())]
            self._ahead += [(x, function.__name__) for x in held if callable(x)]
            return
        for name, cell in cells.items():
            self._place(cell, name, name)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                self._place(function, name, name)
        self._entries(function.__dict__, function.__name__, ".{}")
        names = dict.fromkeys(names_in(code))
        found = [*map(space.get, names), *map(sys.modules.get, names), *map(_cell, cells.values())]
        for name in names:
            if name in space and not isinstance(space[name], ModuleType):
                self._place(space, name, name)

        def within(module: ModuleType) -> list[ModuleType]:
            return _users(vars(module).get(name) for name in names)

        for module in reached(_users(found), within):
            for name in names:
                if name in vars(module):
                    self._place(vars(module), name, f"{module.__name__}.{name}")

    def _class(self, kind: type, path: str) -> None:
        """What is set on a class of the user's."""
        if is_library(kind.__module__):
            return
        for name, value in vars(kind).items():
            if name[:2] != "__" or isinstance(value, FunctionType):
                self._place(kind, name, f"{kind.__name__}.{name}")
        self._ahead += [(base, path) for base in kind.__bases__]


def survey(
    function: Any,
    others: list[Any],
    called: str,
    growing: Collection[int] = (),
    moving: Collection[Any] = (),
) -> State:
    """The state of a function, in which nothing stands for what something else holds, too: a list
    in a tuple, or in two places."""
    while True:
        found = State(function, others, called, growing, moving)
        kept, alone = found.alone(growing, moving)
        if found.logs.keys() <= kept and len(alone) == len(moving):
            return found
        growing, moving = kept, alone


def _is_data(x: Any) -> bool:
    """Whether x is a setting, or an array that a program may be handed."""
    return isinstance(x, _ATOMS) or is_array(x) or (isinstance(x, Array) and x.op is None)


def _form(spot: Spot) -> Any:
    """What kind of container is there, and how many entries it has or under which keys."""
    x = spot.held()
    return type(x), list(x) if isinstance(x, dict) else len(x)


def _is_machinery(kind: type) -> bool:
    """Whether a class is Python's own (a logger, a lock, a file), which leads anywhere."""
    top = kind.__module__.partition(".")[0]
    return top in sys.stdlib_module_names and top not in _SEARCHED


_SEARCHED = ("types", "collections", "argparse", "functools", "_thread", "__main__")


def _users(values: Iterable[Any]) -> list[ModuleType]:
    """The modules of the user's among values."""
    return [x for x in values if isinstance(x, ModuleType) and not is_library(x.__name__)]


def _is_filled(cell: CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _slots(kind: type) -> Iterator[str]:
    """The slots of a class of the user's; those of libraries are their own affair."""
    for base in kind.__mro__:
        if is_library(base.__module__):
            continue
        names = vars(base).get("__slots__", ())
        yield from (n for n in ([names] if isinstance(names, str) else names) if n[:2] != "__")
