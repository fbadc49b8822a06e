"""What blocks of numbers are called in the user's code: found by a walk over the user's objects.

The Values of `model.layers[0].neurons[i].w[j]`, over i and j, are one matrix, `neurons[:].w[:]`;
those of a list of lists W are W itself, or its transpose.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ...graph.backend import in_numpy, is_array
from ...graph.node import Node

_DEPTH = 8  # of containers within containers
_VISITS = 10_000  # objects looked at, and several times the number of those wanted
_PATHS = 4  # names of one Value that are kept
_ENTRIES = 100_000  # of lists of numbers that constants are compared with
_CLOSED = (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType)

Access = str | tuple[int, int]  # an attribute or a key as text, or a place and the length
Path = tuple[Access, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """How an array is written; `turned` if what is written is its transpose."""

    text: str
    turned: bool = False


class Names:
    """The names of what `scope` reaches, for nodes among `wanted` (by id) and constant arrays."""

    def __init__(self, scope: Mapping[str, Any], wanted: Mapping[int, Any]) -> None:
        self.taken = set(scope)
        self.paths: dict[int, list[Path]] = {}
        self._numbers: dict[str, Any] = {}
        seen: set[int] = set()
        todo: deque[tuple[Any, Path]] = deque((value, (name,)) for name, value in scope.items())
        visits = 0
        while todo and visits < _VISITS + 4 * len(wanted):
            value, path = todo.popleft()
            visits += 1
            if isinstance(value, Node):
                known = self.paths.setdefault(id(value), []) if id(value) in wanted else None
                if known is not None and len(known) < _PATHS:
                    known.append(path)
            elif id(value) not in seen and len(path) <= _DEPTH:
                seen.add(id(value))
                if _is_numbers(value):
                    if len(path) == 1:
                        self._numbers[str(path[0])] = value
                else:
                    todo += ((x, (*path, access)) for access, x in _parts(value))

    def of_nodes(self, nodes: Any) -> Found | None:
        """The name of an array of nodes, an object array."""
        flat = nodes.ravel().tolist()
        for first in self.paths.get(id(flat[0]), []):
            paths = [self._alike(first, node) for node in flat]
            if None not in paths:
                found = _written(paths, nodes.shape)  # type: ignore[arg-type]
                if found is not None:
                    return found
        return None

    def _alike(self, first: Path, node: Any) -> Path | None:
        """The path of a node that differs from another's in places alone."""
        for path in self.paths.get(id(node), []):
            if len(path) == len(first) and all(
                a == b or (type(a) is type(b) is tuple) for a, b in zip(path, first, strict=True)
            ):
                return path
        return None

    def lists(self, leaves: Sequence[Any]) -> dict[str, tuple[tuple[int, ...], list[Any]]]:
        """The user's nested lists of leaves, and single ones: their shape, and the leaves in order,
        by name."""
        found: dict[str, dict[tuple[int, ...], Any]] = {}
        sizes: dict[str, tuple[int, ...]] = {}
        for leaf in leaves:
            for path in self.paths.get(id(leaf), []):
                name, places = str(path[0]), [a for a in path[1:] if not isinstance(a, str)]
                if len(places) == len(path) - 1:
                    sizes[name] = tuple([length for _, length in places])
                    found.setdefault(name, {})[tuple([place for place, _ in places])] = leaf
        return {
            name: (sizes[name], [nodes[place] for place in np.ndindex(sizes[name])])
            for name, nodes in found.items()
            if all(place in nodes for place in np.ndindex(sizes[name]))
        }

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        """The user's arrays of real numbers, and what lists have one shape."""
        found = {}
        for name, given in self._numbers.items():
            with suppress(Exception):  # a ragged list, or one of other things as well
                array = np.asarray(in_numpy(given) if is_array(given) else given)
                if array.dtype.kind in "biuf":
                    found[name] = array.astype(float)
        return found

    def of_constant(self, values: Any) -> Found | None:
        """The name of the user's array or nested list that has these values, or their negatives."""
        if values.size < 2 or (values == values.flat[0]).all():
            return None
        for name, array in self._arrays.items():
            if array.shape not in (values.shape, values.shape[::-1]):
                continue
            for sign in ("", "-"):
                for turned in (False, True):
                    if np.array_equal(array.T if turned else array, -values if sign else values):
                        return Found(sign + name, turned and array.ndim > 1)
        return None


def _is_numbers(value: Any) -> bool:
    """Whether it is an array of numbers or a list of such."""
    for _ in range(_DEPTH):
        if is_array(value):
            return bool(getattr(value, "dtype", None) is not np.dtype(object))
        if type(value) not in (list, tuple) or not 0 < len(value) <= _ENTRIES:
            return False
        value = value[0]
        if isinstance(value, (int, float)):
            return True
    return False


def _parts(value: Any) -> Iterator[tuple[Access, Any]]:
    """The entries and attributes of an object, and how they are reached."""
    if isinstance(value, np.ndarray):
        value = list(value) if value.ndim else []
    if isinstance(value, (list, tuple)):
        for i, x in enumerate(value):
            yield (i, len(value)), x
    elif isinstance(value, dict):
        for key, x in list(value.items()):
            yield f"[{key!r}]", x
    elif not isinstance(value, _CLOSED):
        with suppress(AttributeError):
            space = object.__getattribute__(value, "__dict__")  # no code of the object's runs
            for name, x in list(space.items()):
                yield f".{name}", x


def _written(paths: Sequence[Path], shape: tuple[int, ...]) -> Found | None:
    """One text for all of these paths, if the places in them run along the axes."""
    text = ""
    axes: list[int] = []
    brackets: list[str] = []
    for accesses in zip(*paths, strict=True):
        access = accesses[0]
        if isinstance(access, str):
            text += _bracket(brackets) + access
            brackets = []
            continue
        places = np.array([place for place, _ in accesses]).reshape(shape)
        moving = [a for a in range(len(shape)) if (np.diff(places, axis=a) != 0).any()]
        if not moving:
            brackets.append(str(access[0]))
            continue
        start, count = int(places.flat[0]), shape[moving[0]]
        line = np.arange(start, start + count)
        if len(moving) > 1 or (np.moveaxis(places, moving[0], -1) != line).any():
            return None
        axes.append(moving[0])
        brackets.append(":" if count == access[1] else f"{start}:{start + count}")
    long = [a for a, length in enumerate(shape) if length > 1]
    if sorted(axes) != long or axes not in (long, long[::-1]):
        return None
    whole = all(b == ":" for b in brackets)
    return Found(text if whole else text + _bracket(brackets), axes != long)


def _bracket(places: Sequence[str]) -> str:
    return f"[{', '.join(places)}]" if places else ""
