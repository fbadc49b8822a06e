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
    found = []
    for x in tape.order:
        if x in tape.g and x.data.size > (x.op is None):
            for y, op, params in (*_squares(tape, x), *_activations(tape, x), *_softmaxes(tape, x)):
                node = op(x, **params)
                if op is not ops.square or tape.is_named(y):
                    tape.names[id(node)] = tape.label(y)
                found.append(Shadow(node, x, y))
    return found


def is_square(n: Node) -> bool:
    """Whether a node is x * x: one step, of which people know the derivative, 2 x."""
    return n.op is ops.multiply and n.inputs[0] is n.inputs[1]


def _squares(tape: Tape, x: Node) -> Iterator[tuple[Node, Op, dict[str, object]]]:
    for n in dict.fromkeys(n for n, _ in tape.consumers[x]):
        if is_square(n):
            yield n, ops.square, {}


def _activations(tape: Tape, x: Node) -> Iterator[tuple[Node, Op, dict[str, object]]]:
    """Functions of x alone, entry by entry, of two steps or more."""
    steps, bent = {x: 0}, {x: False}
    values: list[tuple[Op, Vector]] = []
    stack = [x]
    while stack and len(steps) < 3 * LONGEST:
        for n, _ in tape.consumers[stack.pop()]:
            op = op_of(n)
            if n in steps or not op.elementwise or n.shape != x.shape:
                continue
            nodes = [a for a in n.inputs if isinstance(a, Node)]
            numbers = all(isinstance(a, Node) or not np.ndim(a) for a in n.inputs)
            if not numbers or any(a not in steps for a in nodes):
                continue
            steps[n] = 1 + max(steps[a] for a in nodes)
            if steps[n] < LONGEST:
                stack.append(n)
            bent[n] = bends(op) or any(bent[a] for a in nodes)
            if steps[n] > 1 and bent[n]:
                if not values:
                    values = [(op, op.forward(np, x.data, **op.defaults)) for op in ACTIVATIONS]
                for there, value in values:
                    if _equal(value, n.data):
                        yield n, there, {}


def _softmaxes(tape: Tape, x: Node) -> Iterator[tuple[Node, Op, dict[str, object]]]:
    """Functions of x's rows or columns through exponentials."""
    if not np.ndim(x.data):
        return
    near = {x}
    layer = [x]
    for _ in range(LONGEST):
        layer = [n for a in layer for n, _ in tape.consumers[a] if n not in near]
        near.update(layer)
    if all(n.op is not ops.exp for n in near):
        return
    for op in (ops.softmax, ops.log_softmax):
        for axis in range(np.ndim(x.data)):
            value = op.forward(np, x.data, axis=axis)
            for n in near:
                written = n is not x and n.shape == x.shape and n.op is not op
                if written and _equal(value, n.data):
                    yield n, op, {"axis": axis}


def _equal(a: Vector, b: Vector) -> bool:
    """Whether two results are one, and not by being the same number everywhere, or both 0."""
    size = np.abs(b).max()
    telling = size > 0 if b.size == 1 else np.ptp(b) != 0
    return bool(np.abs(a - b).max() <= 1e-9 * size and telling)
