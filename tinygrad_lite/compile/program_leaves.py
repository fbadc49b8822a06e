"""Leaves whose numbers a program keeps in one array, and that read right at any time.

A step in flat storage leaves the Values behind. They are lent: of a class whose `_data` and `_grad`
fetch the numbers of all leaves at the first look at any of them, and give every leaf its own class
back. So a loop of steps pays nothing for them, and eager code meets plain Values.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from struct import Struct
from typing import Any

import numpy as np

from ..graph.node import Scalar
from .standalone import aligned

_DATA: Any = Scalar.__dict__["_data"]  # the slots themselves
_GRAD: Any = Scalar.__dict__["_grad"]


class Leaves:
    """`nodes`, and their numbers as a vector, `values`, with its gradient where one is known."""

    def __init__(self, nodes: Sequence[Scalar]) -> None:
        self.nodes = list(nodes)
        self.values = aligned((len(self.nodes),), np.float64)
        self.values[:] = [node._data for node in nodes]
        self.gradient = np.zeros_like(self.values)
        self._pack = Struct(f"{len(self.nodes)}d").pack_into  # sooner than a list is an array
        self._lent = False
        self._lock = threading.RLock()

    def gather(self) -> None:
        """Bring `values` up to date."""
        if not self._lent:
            self._pack(self.values.data, 0, *[node._data for node in self.nodes])

    def lend(self) -> None:
        """From here on `values` and `gradient` are the leaves' numbers."""
        with self._lock:
            if not self._lent:
                self._lent = True
                for node in self.nodes:
                    _DATA.__set__(node, self)
                    kind: Any = type(node)
                    node.__class__ = _lent(kind)

    def give_back(self) -> None:
        """Every leaf has its numbers again."""
        with self._lock:
            if self._lent:
                pairs = zip(self.values.tolist(), self.gradient.tolist(), strict=True)
                for node, (value, grad) in zip(self.nodes, pairs, strict=True):
                    node.__class__ = type(node).__base__  # type: ignore[assignment]
                    node._data, node._grad = value, grad
                self._lent = False


@cache
def _lent(kind: Any) -> type[Scalar]:
    """The class of lent leaves of a class."""
    members = {
        "__slots__": (),
        "__module__": kind.__module__,
        "_data": property(lambda x: _back(x)._data, lambda x, y: setattr(_back(x), "_data", y)),
        "_grad": property(lambda x: _back(x)._grad, lambda x, g: setattr(_back(x), "_grad", g)),
    }
    return type(kind.__name__, (kind,), members)


def _back(node: Any) -> Any:
    """The node as it was, with the numbers of now."""
    holder = _DATA.__get__(node)
    if type(holder) is Leaves:
        holder.give_back()
    return node
