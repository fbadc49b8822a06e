"""Names of an activation's own derivative, as in dh = 1 - h**2, and of no gradient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...backprop.chain import slope
from ...graph.node import Node, raw
from .plain import HeldNumber
from .trace import Record, Trace
from .truth import Truth


def is_slope(records: Iterable[Record], family: set[Node], trace: Trace, truth: Truth) -> bool:
    """Whether the values of a name are, in every turn, functions of one activation of a family
    alone, whose gradient depends on more: they are its own derivative, right or wrong."""
    counts = {r for r in trace.records if _counts(r.value)}
    for record in records:
        of = {id(node): node for node in _sources(record, trace, counts)}
        node = of.popitem()[1] if len(of) == 1 else None
        if node not in family or not _bends(node) or not _needs_more(node, truth):
            return False
    return True


def _counts(value: Any) -> bool:
    """Whether something is a whole number, or a shape."""
    return isinstance(value, int) or (isinstance(value, tuple) and all(map(_counts, value)))


def _bends(node: Node) -> bool:
    """Whether a node is a function of one other entry by entry, and no linear one."""
    of = [i for i, x in enumerate(node.inputs) if isinstance(x, Node)]
    if len(of) != 1 or node.op is None or not node.op.elementwise:
        return False
    return _varies(np.asarray(slope(node, of[0])))


def _sources(record: Record, trace: Trace, counts: set[Record]) -> Iterator[Node | None]:
    """The nodes whose arrays a record is computed from, None for an array of none; not those that
    whole numbers and shapes are computed from."""
    for r in trace.above(record, counts):
        within = any(isinstance(x.value, (np.ndarray, HeldNumber)) for x in r.operands)
        if not within and (isinstance(r.value, HeldNumber) or _varies(r.value)):
            yield getattr(r.value, "node", None)


def _varies(value: Any) -> bool:
    """Whether something is an array of more than one number."""
    return isinstance(value, np.ndarray) and bool(np.any(value != value.ravel()[:1]))


def _needs_more(node: Node, truth: Truth) -> bool:
    """Whether the gradient of a node depends on other arrays than its own."""
    own = truth.of[node]
    below, ahead = {id(own)}, [own]
    while ahead:
        for user, _ in truth.tape.consumers[ahead.pop()]:
            if any(id(x) not in below and np.size(raw(x)) > 1 for x in user.inputs):
                return True
            if id(user) not in below:
                below.add(id(user))
                ahead.append(user)
    return False
