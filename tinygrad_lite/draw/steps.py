"""What the lines of a picture compute, and what they hand on: the texts of a page's steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Share:
    """What a line hands to one input: `answers` has its formula, and then wrong ones; `edges` are
    the steps of the chain rule that it goes through last."""

    node: Node
    answers: list[Answer]
    edges: list[tuple[Node, int]]


@dataclass(frozen=True)
class Teller:
    """Writes steps in the names of one picture; asks as far as the page's budget goes."""

    root: Node
    names: Names
    budget: Budget

    def symbol(self, node: Node) -> str:
        """∂E/∂W."""
        return f"∂{self.names[id(self.root)]}/∂{self.names.get(id(node), '…')}"

    def handed(self, box: Box) -> dict[Node, list[tuple[Node, int]]]:
        """To which nodes outside of it a box hands something, by which steps of the chain rule."""
        edges: dict[Node, list[tuple[Node, int]]] = {}
        inside = set(box.nodes)
        for node in box.nodes:
            for index, x in enumerate(node.inputs):
                if isinstance(x, Node) and not x.constant and x not in inside:
                    edges.setdefault(x, []).append((node, index))
        return edges

    def shares(self, box: Box) -> list[Share]:
        """What a box hands to the nodes outside of it, in the order of its inputs."""
        edges, inside = self.handed(box), set(box.nodes)
        told = {x: [Answer(text)] for x in edges if (text := self._alone(box, edges[x]))}
        wanted = self.budget.tries > 0 or len(told) < len(edges)
        if (
            wanted
            and box.kind != "group"
            and box.inside < SHORT
            and all(id(x) in self.names for x in edges)
        ):
            one = box.node is self.root and not self.root.shape
            symbols = {box.node: self.symbol(box.node)}
            told |= handed_on(box.node, inside, self.names, symbols, one=one, budget=self.budget)
        through = Answer(f"what goes through {box.name}")
        return [Share(x, told.get(x, [through]), found) for x, found in edges.items()]

    def _alone(self, box: Box, edges: list[tuple[Node, int]]) -> str:
        """The formula of a single step from the box's own result."""
        node, index = edges[0]
        if len(edges) > 1 or node is not box.node:
            return ""
        text = pullback_text(node, index, self.names, cotangent=self.symbol(node))
        return "" if "…" in text else shorten(text, LONG)


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
