"""Masks that were made of the answers to comparisons, ~m, m & n, m[:, None], as nodes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from ..backprop.replay import recorded, within
from ..graph.context import recording_rules
from ..graph.meta import NO_META
from ..graph.names import arrays
from ..graph.node import Node, raw
from ..graph.questions import latest
from ..notation.views import part_of
from ..ops.comparison import logical_and, logical_not, logical_or

ENOUGH = 64  # entries, of which half may be chosen in far more ways
CHANCES = 1_000_000  # as many masks have as many entries, where one is not another's by chance
Asked = tuple[Any, Any]  # a mask, and what was asked


def of_masks(order: list[Node]) -> dict[int, Node]:
    """By the id of a mask without a name, what was asked, if it is made of the latest answers that
    live, of the leaves of the graph as they were there: a part of one by its memory, others by
    their entries, where so many do not agree by chance."""
    others: dict[int, Any] = {}
    for node in order:
        known = (node._meta or NO_META).asked or {}
        for place, x in enumerate(node.inputs):
            if place not in known and isinstance(x, np.ndarray) and x.dtype == bool:
                others[id(x)] = x
    for a in arrays().values() if others else ():  # what has a name is called by it
        others.pop(id(a), None)
    if not others:
        return {}
    values, masks = recorded(order), list[Asked]()
    for mask, (op, inputs, params) in latest():
        with recording_rules():
            asked = op(*inputs, **params)
        if np.array_equal(asked.data, mask) and within(asked, values):
            masks.append((mask, asked))
    found = {}
    for key, x in others.items():
        made = next((asked for mask, asked in _made(x, masks) if np.array_equal(mask, x)), None)
        if made is not None:
            found[key] = made
    return found


def is_telling(mask: Any) -> bool:
    """Whether a mask says by its entries what it was made of: few would have so many by chance."""
    fewer = min(int(np.count_nonzero(mask)), int(np.count_nonzero(~mask)))
    return comb(min(mask.size, ENOUGH), min(fewer, ENOUGH // 2)) > CHANCES


def _made(x: Any, masks: list[Asked]) -> Iterator[Asked]:
    """What a mask may be that was made of others."""
    with recording_rules():
        for mask, asked in masks:
            view = part_of(x, mask, "m")
            if view and all(np.shape(raw(i)) in ((), mask.shape) for i in asked.inputs):
                inputs = (eval(view, {"m": i}) if np.ndim(raw(i)) else i for i in asked.inputs)
                yield x, asked.op(*inputs, **asked.params)
        alike = [m for m in masks if m[0].shape == x.shape] if is_telling(x) else []
        for mask, asked in alike:
            yield ~mask, logical_not(asked)
        for (a, p), (b, q) in combinations(alike, 2):
            yield a & b, logical_and(p, q)
            yield a | b, logical_or(p, q)
