"""The comparisons that masks of a graph are the answers of, as nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from ..backprop.replay import recorded
from ..graph.context import recording_rules
from ..graph.meta import NO_META, Question
from ..graph.names import arrays
from ..graph.node import Node, raw, topological_order
from ..graph.questions import latest
from ..notation.views import part_of
from ..ops.comparison import logical_and, logical_not, logical_or

Asked = tuple[Any, Any]  # a mask, and what was asked


def questions(order: list[Node]) -> dict[int, Node]:
    """By the id of a mask, what was asked, if it is made of the leaves of the graph as they were
    there, and the mask is the answer still; also of masks made of such: ~m, m & n, m[:, None]."""
    values, found = recorded(order), dict[int, Node]()
    others: dict[int, Any] = {}
    for node in order:
        known = (node._meta or NO_META).asked or {}
        for place, x in enumerate(node.inputs):
            if place in known:
                asked = _put(known[place])
                if np.array_equal(asked.data, node.operands[place]) and _within(asked, values):
                    found[id(x)] = asked
            elif isinstance(x, np.ndarray) and x.dtype == bool:
                others[id(x)] = x
    for a in arrays().values() if others else ():  # what has a name is called by it
        others.pop(id(a), None)
    asked_of = ((mask, _put(question)) for mask, question in latest()) if others else ()
    masks = [(a, q) for a, q in asked_of if np.array_equal(q.data, a) and _within(q, values)]
    for key, x in others.items():
        made = next((q for mask, q in _made(x, masks) if np.array_equal(mask, x)), None)
        if made is not None:
            found[key] = made
    return found


def _put(question: Question) -> Any:
    op, inputs, params = question
    with recording_rules():
        return op(*inputs, **params)


def _made(x: Any, masks: list[Asked]) -> Iterator[Asked]:
    """What a mask may be that was made of others."""
    with recording_rules():
        for mask, asked in masks:
            view = part_of(x, mask, "m")
            if view and all(np.shape(raw(i)) in ((), mask.shape) for i in asked.inputs):
                inputs = (eval(view, {"m": i}) if np.ndim(raw(i)) else i for i in asked.inputs)
                yield x, asked.op(*inputs, **asked.params)
        alike = [m for m in masks if m[0].shape == x.shape]
        for mask, asked in alike:
            yield ~mask, logical_not(asked)
        for (a, p), (b, q) in combinations(alike, 2):
            yield a & b, logical_and(p, q)
            yield a | b, logical_or(p, q)


def _within(asked: Node, values: Mapping[Node, Any]) -> bool:
    """Whether a question is of these leaves with their values."""
    try:
        own = recorded(topological_order(asked))
    except ValueError:  # which are no more what they were
        return False
    return all(x in values and np.array_equal(values[x], a) for x, a in own.items())
