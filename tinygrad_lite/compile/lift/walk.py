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
        places, constant, add = self.places, self.constant, self._add
        get, stack = places.get, [root]
        pop, push = stack.pop, stack.append
        while stack:
            node = stack[-1]
            if node in places:
                pop()
                continue
            x, y = node._x, node._y
            if node.op is None:
                pop()
                if node.constant:
                    places[node] = constant(node._data)
                else:
                    self.leaves.append(node)
                    add(node, NO_PARAMS, NOTHING, NOTHING)
                continue
            if type(x) is tuple:
                if len(x) != 2 or node.params:
                    inputs = [constant(z) if type(z) is float else get(z, NOTHING) for z in x]
                    waits = [z for z, place in zip(x, inputs, strict=True) if place == NOTHING]
                    stack.extend(reversed(waits))
                    if not waits:
                        pop()
                        self.more[len(self.kinds)] = tuple(inputs)
                        add(node, node.params, NOTHING, NOTHING)
                    continue
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
            add(node, NO_PARAMS, a, b)

    def _add(self, node: Scalar, params: Mapping[str, Any], a: int, b: int) -> None:
        op = node.op
        kind = None
        if op is not None:
            key = (op, tuple(params.items())) if params else op
            kind = self._same.get(key)
            if kind is None:
                kind = self._same[key] = Kind(op, params)
        self.places[node] = len(self.kinds)
        self.kinds.append(kind)
        self.first.append(a)
        self.second.append(b)
