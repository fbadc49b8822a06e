"""The comparisons that masks of a graph are the answers of, as nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backprop.replay import recorded
from ..graph.context import recording_rules
from ..graph.meta import NO_META
from ..graph.node import Node, topological_order


def questions(order: list[Node]) -> dict[int, Node]:
    """By the id of a mask, what was asked, if it is made of the leaves of the graph as they were
    there, and the mask is the answer still."""
    values, found = recorded(order), dict[int, Node]()
    for node in order:
        for place, (op, inputs, params) in ((node._meta or NO_META).asked or {}).items():
            with recording_rules():
                asked = op(*inputs, **params)
            if np.array_equal(asked.data, node.operands[place]) and _within(asked, values):
                found[id(node.inputs[place])] = asked
    return found


def _within(asked: Node, values: Mapping[Node, Any]) -> bool:
    """Whether a question is of these leaves with their values."""
    try:
        own = recorded(topological_order(asked))
    except ValueError:  # which are no more what they were
        return False
    return all(x in values and np.array_equal(values[x], a) for x, a in own.items())
