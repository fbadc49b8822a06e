"""What the lines of a picture compute, and what they hand on: the texts of a page's steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..derive import derive
from ..derive.line import line_of
from ..derive.step import pullback_text
from ..graph.backend import in_numpy
from ..graph.node import Node, topological_order
from .measure import shorten
from .predict import Answer, Budget, handed_on
from .scene import SHORT, Box

Names = Mapping[int, str]
LONG = 160  # characters in one line of the panel
_HEADING = 64  # characters of the formula at the top
_TOLD = 12  # named results of a graph whose derivation is told
_NODES = 80  # and its nodes


def handed(box: Box) -> dict[Node, list[tuple[Node, int]]]:
    """To which nodes outside of it a box hands something, by which steps of the chain rule."""
    edges: dict[Node, list[tuple[Node, int]]] = {}
    inside = set(box.nodes)
    for node in box.nodes:
        for index, x in enumerate(node.inputs):
            if isinstance(x, Node) and not x.constant and x not in inside:
                edges.setdefault(x, []).append((node, index))
    return edges


def answers(box: Box, root: Node, names: Names, budget: Budget) -> dict[Node, list[Answer]]:
    """What a box hands to the nodes outside of it, in the order of its inputs: the formula, and
    then wrong ones as far as the budget goes."""
    edges, inside = handed(box), set(box.nodes)
    symbol = f"∂{names[id(root)]}/∂{names.get(id(box.node), '…')}"
    told = {}
    for x, ((node, index), *more) in edges.items():
        if node is box.node and not more:  # a single step, from its own result
            text = pullback_text(node, index, names, cotangent=symbol)
            if text and "…" not in text:
                told[x] = [Answer(shorten(text, LONG))]
    short = box.kind != "group" and box.inside < SHORT and all(id(x) in names for x in edges)
    if short and (budget.tries > 0 or len(told) < len(edges)):
        one = box.node is root and not root.shape
        told |= handed_on(box.node, inside, names, {box.node: symbol}, one=one, budget=budget)
    return {x: told.get(x, [Answer(f"what goes through {box.name}")]) for x in edges}


def heading(root: Node, names: Names) -> str:
    """The result in terms of the leaves, if that is short: E = 1/2 ‖σ(W x) − y‖²."""
    inside = {n for n in topological_order(root) if n.op is not None}
    unnamed = {n for n in inside if id(n) not in names}
    for ops in (inside, {root, *unnamed}):
        line = line_of(root, ops)
        text = line.definition(names) if line and ops else ""
        if text and len(text) <= _HEADING:
            return f"{names[id(root)]} = {text}"
    return names[id(root)]


def derivation(root: Node, names: Names) -> list[tuple[Node, str, str, str]]:
    """The derivation on paper: rows (what is defined, what follows, why) and the node at whose step
    they are told. Of a long graph none."""
    order = topological_order(root)
    wanted = [n for n in order if n.op is None and not n.constant and id(n) in names]
    named = [n for n in order if n.op is not None and id(n) in names]
    short = len(named) <= _TOLD and len(order) <= _NODES
    if (
        root.shape
        or not wanted
        or not short
        or not all(np.isfinite(in_numpy(n)).all() for n in order)
    ):
        return []
    everything = [*order, *(a for n in order for a in n.inputs)]
    known = {names[id(x)]: x for x in everything if id(x) in names}
    found = derive(root, *wanted, budget=1.0, names=known)
    if any(len(row.left) > _HEADING for _, rows in found.steps.by_line() for row in rows):
        return []
    return [
        (node, row.left, row.right, row.why) for node, rows in found.steps.by_line() for row in rows
    ]
