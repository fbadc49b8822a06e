"""The residual stream: arrows along which a gradient goes back as it is, beside longer ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import nan

from ..backprop.chain import is_constant, slope
from ..backprop.flow import flow
from ..graph.node import Node
from .scene import Box, Edge


def with_rails(boxes: Sequence[Box], edges: Sequence[Edge]) -> list[Edge]:
    """The edges, those marked that hand their line's gradient on unchanged, where longer ways lead
    from the same box to that line."""
    at = {box.id: box for box in boxes}
    inputs: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        inputs[edge.target].append(edge.source)
    above: dict[str, set[str]] = {}  # of each box, and it
    for box in boxes:  # in order of execution
        above[box.id] = {box.id}.union(*(above.get(x, ()) for x in inputs[box.id]))

    def longer(edge: Edge) -> bool:
        others = set(inputs[edge.target]) - {edge.source}
        return any(edge.source in above.get(x, ()) for x in others)

    return [replace(e, rail=_unchanged(at[e.source], at[e.target]) and longer(e)) for e in edges]


def _unchanged(source: Box, target: Box) -> bool:
    """Whether a line hands its gradient to a box as it is: only sums lie between them."""
    if "group" in (source.kind, target.kind) or not source.nodes or source.node.constant:
        return False
    order, x = target.nodes[::-1], source.node
    return flow(order, {order[0]: 1.0}, _added, within={*order, x}).get(x) == 1


def _added(node: Node, index: int, g: float) -> float:
    """What arrives if all that lies between is a sum; else no number."""
    op = node.op
    if op is not None and op.elementwise and is_constant(op, index):
        with suppress(TypeError):  # a user's op may have no rule
            if node.inputs[index].shape == node.shape and slope(node, index) == 1:
                return g
    return nan
