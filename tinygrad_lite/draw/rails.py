"""The residual stream: arrows along which a gradient goes back as it is, beside longer ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ..backprop.chain import is_constant, slope
from ..graph.node import Node
from .scene import Box, Edge


def with_rails(boxes: Sequence[Box], edges: Sequence[Edge]) -> list[Edge]:
    """The edges, those marked that hand their line's gradient on unchanged, where longer ways lead
    from the same box to that line."""
    at = {box.id: box for box in boxes}
    order = {box.id: k for k, box in enumerate(boxes)}
    after: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        after[edge.source].append(edge.target)

    def longer(edge: Edge) -> bool:
        """Whether another way leads there; boxes stand in order of execution."""
        last, found = order[edge.target], {edge.source}
        stack = [box for box in after[edge.source] if box != edge.target]
        while stack:
            box = stack.pop()
            if box not in found and order[box] < last:
                found.add(box)
                stack += after[box]
            if box == edge.target:
                return True
        return False

    return [replace(e, rail=_unchanged(at[e.source], at[e.target]) and longer(e)) for e in edges]


def _unchanged(source: Box, target: Box) -> bool:
    """Whether a line hands its gradient to a box as it is: only sums lie between them."""
    if "group" in (source.kind, target.kind) or not source.nodes or source.node.constant:
        return False
    x, node = source.node, target.node
    above: set[Node] = {x}  # and all of the line that depends on it
    for part in target.nodes:
        if not above.isdisjoint(part.parents()):
            above.add(part)
    while node is not x:
        ways = [k for k, a in enumerate(node.inputs) if isinstance(a, Node) and a in above]
        if len(ways) != 1 or not _adds(node, ways[0]):
            return False
        node = node.inputs[ways[0]]
    return True


def _adds(node: Node, index: int) -> bool:
    op = node.op
    if op is None or not (op.elementwise and is_constant(op, index)):
        return False
    with suppress(TypeError):  # a user's op may have no rule
        return node.inputs[index].shape == node.shape and bool(slope(node, index) == 1)
    return False
