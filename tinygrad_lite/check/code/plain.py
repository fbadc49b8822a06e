"""A node as the array or the number that it holds, in code that may say `s`, `s.data` or `s.grad`,
and whose attributes are whose; what can be changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ...graph.backend import in_numpy, is_array
from ...graph.names import inside_of, is_library
from ...graph.node import Node, Scalar

MUTABLE = (np.ndarray, list, dict, set)


class Held(np.ndarray):
    """The array of a `node`. What is computed from it has `data` too, as a node would."""

    node: Node | None = None
    grad: Any = None

    @property
    def data(self) -> Any:
        """The array, as of a node."""
        return self.view(np.ndarray)

    def detach(self) -> Any:
        """The array, as of a node."""
        return self.view(np.ndarray)

    def __hash__(self) -> int:  # type: ignore[override]  # as a key it is meant for its node
        return id(self)

    def __array_wrap__(self, array: Any, *rest: Any) -> Any:
        return array.view(Held) if array.ndim else array[()]


class HeldNumber(float):
    """The number of a `node`."""

    node: Node | None = None
    grad: Any = None

    def __hash__(self) -> int:
        return id(self)

    @property
    def data(self) -> float:
        """The number, as of a node."""
        return float(self)


def held(node: Node, value: Any) -> Any:
    """A value as that of a node."""
    if isinstance(node, Scalar):
        number = HeldNumber(value)
        number.node = node
        return number
    if not is_array(value):
        return value
    array = np.array(in_numpy(value)).view(Held)
    array.node = node
    return array


def owner(value: Any) -> Any:
    """The object whose attributes those of a value are: a node, that which it is held for, an
    object of a user's class; None for what has none to be set."""
    if isinstance(value, (Held, HeldNumber)):
        return value.node
    return value if isinstance(value, Node) or is_object(value) else None


def is_object(value: Any) -> bool:
    """Whether it is an object of a user's class."""
    if isinstance(value, (type, ModuleType, FunctionType, np.ndarray)):
        return False
    return hasattr(value, "__dict__") and not is_library(type(value).__module__)


def attribute_name(of: Any, name: str) -> str:
    """What an attribute is called in an object: one that is private to a class as Python has it."""
    if not name.startswith("__") or name.endswith("__"):
        return name
    private = (f"_{c.__name__.lstrip('_')}{name}" for c in type(of).__mro__)
    return next((x for x in private if hasattr(of, x)), name)


def attribute(of: Any, name: str) -> Any:
    """An attribute of an object."""
    return getattr(of, attribute_name(of, name))


def names_of(node: Node, names: Mapping[str, Any]) -> list[str]:
    """What a node is called among names, and in the containers and objects that they hold."""
    every = (*names.items(), *inside_of(names))
    return [name for name, x in every if x is node or getattr(x, "node", None) is node]


def may_set(function: Any, values: Iterable[Any]) -> bool:
    """Whether a call may set attributes of objects of the user's."""
    return any(map(is_object, (getattr(function, "__self__", None), *values)))


def copied(value: Any) -> Any:
    """A copy of what can be changed in place."""
    if isinstance(value, np.ndarray):
        return value.copy(order="K")  # BLAS rounds by the order
    return type(value)(value) if type(value) in MUTABLE else value


def differ(a: Any, b: Any) -> bool:
    """Whether a copy was changed."""
    if isinstance(a, np.ndarray):
        return bool(a.shape != b.shape or a.tobytes() != b.tobytes())
    if isinstance(a, set):
        return bool(a != b)
    pairs = zip(a.items(), b.items()) if isinstance(a, dict) else zip(a, b)  # noqa: B905
    if len(a) != len(b):
        return True
    if isinstance(a, dict):
        return any(k != q or v is not w for (k, v), (q, w) in pairs)
    return any(v is not w for v, w in pairs)
