"""Forward mode: how nodes move when others do, exactly, by the same rules as the sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.context import recording_rules
from ..graph.node import Node, fresh
from .chain import contribution, slope
from .flow import sweep


def tangents(order: Sequence[Node], seeds: Mapping[Node, Any]) -> dict[Node, Any]:
    """How every node of `order` (consumers first) moves when the `seeds` move along their tangents:
    forward mode, exact, of the same rules. Seeds keep their own."""
    found: dict[Node, Any] = dict(seeds)
    for node in reversed(order):
        if node in seeds or node.op is None:
            continue
        parts = [
            pushed(node, index, found[x])
            for index, x in enumerate(node.inputs)
            if isinstance(x, Node) and x in found
        ]
        if parts:
            found[node] = sum(parts[1:], parts[0])
    return found


def pushed(node: Node, index: int, tangent: Any) -> Any:
    """How `node` moves when its input `index` moves along `tangent`: the transpose of a step.

    The pullback is linear in its cotangent G, so its own derivative with respect to G, times the
    tangent, is the push forward: the rule is recorded with G as a leaf and swept once more.
    """
    assert node.op is not None
    if node.op.elementwise:
        return np.broadcast_to(slope(node, index) * tangent, node.shape)
    rule = recorded_step(node, index)
    if rule is None:
        return _by_entries(node, index, tangent)
    G, c = rule
    return sweep(c, tangent, toward=[G]).get(G, np.zeros_like(node.data))


def recorded_step(node: Node, index: int) -> tuple[Node, Node] | None:
    """The rule of a step as a graph: a leaf that stands for the cotangent of `node`, and what input
    `index` is handed. None for a rule that computes on raw arrays alone."""
    G = fresh(node, np.ones_like(node.data))
    try:
        with recording_rules():
            c = contribution(node, index, G, record=True)
    except Exception:
        return None
    return (G, c) if isinstance(c, Node) else None


def _by_entries(node: Node, index: int, tangent: Any) -> Any:
    """The same by a rule that nothing can be recorded of: one entry of the result at a time."""
    moved = np.zeros_like(node.data)
    for at in np.ndindex(*node.shape):
        g = np.zeros_like(node.data)
        g[at] = 1.0
        moved[at] = np.sum(contribution(node, index, g) * tangent)
    return moved
