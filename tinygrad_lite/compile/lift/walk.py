"""A graph of Values as lists of integers: what was computed from what, inputs first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import copysign
from typing import Any

from ...graph.node import Scalar
from ...graph.op import NO_PARAMS, Op

CONSTANT = 1 << 40  # numbers from here on stand for constants, by their place
NOTHING = -1  # where an op has no second input


@dataclass(eq=False, slots=True)
class Kind:
    """An op with its settings: numbers of one kind can be computed together."""

    op: Op
    params: Mapping[str, Any]


class Scalars:
    """The graph below `root` as lists, in the order in which it was written down.

    The kind of a leaf is None. `first` and `second` are a number's inputs; `more` has all of them
    where there are three, or settings. `places` says where each node stands.
    """

    def __init__(self, root: Scalar) -> None:
        self.kinds: list[Kind | None] = []
        self.first: list[int] = []
        self.second: list[int] = []
        self.more: dict[int, tuple[int, ...]] = {}
        self.constants: list[float] = []
        self.leaves: list[Any] = []
        self.places: dict[Any, int] = {}
        self._known: dict[Any, int] = {}
        self._same: dict[Any, Kind] = {}
        self._walk(root)

    def inputs(self, i: int) -> tuple[int, ...]:
        """What number i was computed from."""
        if i in self.more:
            return self.more[i]
        a, b = self.first[i], self.second[i]
        return (a, b) if b != NOTHING else (a,) if a != NOTHING else ()

    def constant(self, value: float) -> int:
        """The place of a constant."""
        key = value if value else ("zero", copysign(1.0, value))
        place = self._known.get(key)
        if place is None:
            place = self._known[key] = CONSTANT + len(self.constants)
            self.constants.append(value)
        return place

    def _walk(self, root: Scalar) -> None:
        places, constant, kinds, same = self.places, self.constant, self.kinds, self._same
        first: Any = self.first.append
        second: Any = self.second.append
        get, stack = places.get, [root]
        a: int | None
        b: int | None
        pop, push = stack.pop, stack.append
        while stack:
            node = stack[-1]
            if node in places:
                pop()
                continue
            op, x, y, kind = node.op, node._x, node._y, None
            if op is None:
                pop()
                if node.constant:
                    places[node] = constant(node._data)
                    continue
                self.leaves.append(node)
                a = b = NOTHING
            elif type(x) is tuple and (len(x) != 2 or node.params):
                inputs = [constant(z) if type(z) is float else get(z, NOTHING) for z in x]
                waits = [z for z, place in zip(x, inputs, strict=True) if place == NOTHING]
                if waits:
                    stack.extend(reversed(waits))
                    continue
                pop()
                self.more[len(kinds)] = tuple(inputs)
                kind = self._kind(op, node.params)
                a = b = NOTHING
            else:
                if type(x) is tuple:
                    x, y = x
                a = constant(x) if type(x) is float else get(x)
                b = NOTHING if y is None else constant(y) if type(y) is float else get(y)
                if a is None or b is None:
                    if b is None:
                        push(y)
                    if a is None:
                        push(x)
                    continue
                pop()
                kind = same.get(op) or self._kind(op, NO_PARAMS)
            places[node] = len(kinds)
            kinds.append(kind)
            first(a)
            second(b)

    def _kind(self, op: Op, params: Mapping[str, Any]) -> Kind:
        key = (op, tuple(params.items())) if params else op
        return self._same.setdefault(key, Kind(op, params))
