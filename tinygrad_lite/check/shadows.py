"""Functions that the user wrote out: 1 / (1 + exp(-z)) is the sigmoid, e / sum(e) is softmax.

What people get wrong is the derivative of the whole, not of its division. So each such stretch of
the graph, found by its numbers, gets a shadow: a node of the one op that computes the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .. import ops
from ..backprop.activation import is_activation
from ..graph.node import Node
from ..graph.op import Op
from ..ops import registry, special
from .faults import bends
from .tape import Tape, Vector, op_of

LONGEST = 10  # steps of one written-out function
ACTIVATIONS = [
    op
    for op in registry.values()
    if op.__module__ != special.__name__ and is_activation(op, op.defaults)  # it imports SciPy
]


class Shadow(NamedTuple):
    """`node` = op(x) has the value of `y`, which the graph computes from x in several steps."""

    node: Node
    x: Node
    y: Node


def shadows(tape: Tape) -> list[Shadow]:
    """The written-out activations and softmaxes of a tape."""
    found, exponential = [], next(tape.made_by("exp"), None) is not None
    for x in tape.order:
        for y, op, params in _written(tape, x, exponential) if x in tape.g else ():
            node = op(x, **params)
            if op is not ops.square or tape.is_named(y):
                tape.names[id(node)] = tape.label(y)
            found.append(Shadow(node, x, y))
    return found


def is_square(n: Node) -> bool:
    """Whether a node is x * x: one step, of which people know the derivative, 2 x."""
    return n.op is ops.multiply and n.inputs[0] is n.inputs[1]


def _written(
    tape: Tape, x: Node, exponential: bool
) -> Iterator[tuple[Node, Op, dict[str, object]]]:
    """The functions of x that are written out, what they are, and along which axis; a softmax only
    in an `exponential` tape."""
    if x.data.size <= (x.op is None):  # of a single parameter nothing is told
        return
    uses = dict.fromkeys(n for n, _ in tape.consumers[x])
    yield from ((n, ops.square, {}) for n in uses if is_square(n))
    known: list[tuple[list[Node], Op, dict[str, object]]] = []
    if alone := _below(tape, x, alone=True):
        known += [(alone, op, {**op.defaults}) for op in ACTIVATIONS]
    if every := _below(tape, x) if exponential and np.ndim(x.data) else []:
        for axis in range(np.ndim(x.data)):
            known += [(every, op, {"axis": axis}) for op in (ops.softmax, ops.log_softmax)]
    for nodes, op, params in known:
        value = op.forward(np, x.data, **params)
        for n in nodes:
            if n.shape == x.shape and n.op is not op and _equal(value, n.data):
                yield n, op, params


def _below(tape: Tape, x: Node, *, alone: bool = False) -> list[Node]:
    """What is computed from x in some steps, one of them exp or, of x alone, entry by entry, any
    that bends."""
    found, layers = {x}, [[x]]
    for _ in range(LONGEST):
        near = dict.fromkeys(n for a in layers[-1] for n, _ in tape.consumers[a] if n not in found)
        layers.append([n for n in near if not alone or _is_of(n, x, found)])
        found.update(layers[-1])
    bent = any(bends(op_of(n)) if alone else n.op is ops.exp for n in found - {x})
    return [n for layer in layers[2:] for n in layer] if bent else []


def _is_of(n: Node, x: Node, found: set[Node]) -> bool:
    """Whether a node is computed of some alone, and numbers, entry by entry."""
    fits = op_of(n).elementwise and n.shape == x.shape
    return fits and all(a in found if isinstance(a, Node) else not np.ndim(a) for a in n.inputs)


def _equal(a: Vector, b: Vector) -> bool:
    """Whether two results are one, and not by being the same number everywhere, or both 0."""
    size = np.abs(b).max()
    telling = size > 0 if b.size == 1 else np.ptp(b) != 0
    return bool(np.abs(a - b).max() <= 1e-9 * size and telling)
