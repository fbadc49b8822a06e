"""What the steps of a page say: what a line hands on, among wrong answers that `check` would find;
the result as a formula, and its derivation.

A wrong answer is a row of check's slips done in the recorded rule, read as the right one is, and
answered in check's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..backprop.flow import recorded
from ..check.faults import Fault, faults
from ..check.tape import Tape
from ..derive import derive
from ..derive.line import Line, line_of
from ..derive.step import pullback_text
from ..graph.backend import in_numpy
from ..graph.node import Node, topological_order
from .measure import shorten
from .scene import SHORT, Box

NO_FORMULA = ("off-by-index", "wrong-order")  # kinds of mistakes that are made in code
WRONG = 3  # wrong answers to a question
_SHORT, LONGEST = 48, 100  # characters of an answer that is asked for, and of one that is shown
LONG = 160  # characters in one line of the panel
_HEADING = 64  # characters of the formula at the top
_TOLD = 12  # named results of a graph whose derivation is told
_NODES = 80  # and its nodes

Names = Mapping[int, str]


@dataclass
class Budget:
    """How many slips and lines may still be tried and read for a page: a second or so each."""

    tries: int = 200
    lines: int = 200


class Answer(NamedTuple):
    """A formula, and what is to be said of it: nothing of the right one."""

    formula: str
    words: str = ""


# --- what is handed on


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
    edges = handed(box)
    symbol = f"∂{names[id(root)]}/∂{names.get(id(box.node), '…')}"
    told = {}
    for x, ((node, index), *more) in edges.items():
        if node is box.node and not more:  # a single step, from its own result
            text = pullback_text(node, index, names, cotangent=symbol)
            if text and "…" not in text:
                told[x] = [Answer(shorten(text, LONG))]
    short = box.kind != "group" and box.inside < SHORT and all(id(x) in names for x in edges)
    if short and budget.lines > 0 and (budget.tries > 0 or len(told) < len(edges)):
        budget.lines -= 1
        line = line_of(box.node, set(box.nodes), one=box.node is root and not root.shape)
        told |= handed_on(line, names, symbol, budget) if line is not None else {}
    return {x: told.get(x, [Answer(f"what goes through {box.name}")]) for x in edges}


def handed_on(line: Line, names: Names, G: str, budget: Budget) -> dict[Node, list[Answer]]:
    """What a line, whose gradient is called G, hands to each of its inputs: the right answer first,
    and wrong ones as far as the budget goes. Inputs whose share cannot be read are left out."""
    inner = {id(line.twin[id(a)]): names.get(id(a), "…") for a in line.inputs}
    inner[id(line.twin[line.result])] = names[id(line.result)]
    found = {}
    with np.errstate(all="ignore"):
        tape = _Tape(line.twin[line.result], names=inner)
        tape.arriving = G
        line = replace(line, twin={x: tape.twin.get(new, new) for x, new in line.twin.items()})
        for x in line.inputs:
            handed = line.handed(x) if isinstance(x, Node) and not x.constant else None
            form = None if handed is None else line.form(x, handed)
            right = line.text(form, names, G) if form is not None else "…"
            if handed is None or form is None or len(right) > LONGEST or "…" in right:
                continue
            known = {right: Answer(right)}
            if form.matrix and len(right) <= _SHORT:
                for answer in _Question(line, tape, x, handed, names, budget).wrong():
                    known.setdefault(answer.formula, answer)
                    if len(known) > WRONG:
                        break
            found[x] = list(known.values())
    return found


class _Tape(Tape):
    """A tape of one line, whose cotangent has a name."""

    arriving = "what arrives"

    def cotangent_name(self, node: Node) -> str:
        return self.arriving


@dataclass(frozen=True)
class _Question:
    """What a line hands to x, which is `right`."""

    line: Line
    tape: _Tape
    x: Node
    right: Node
    names: Names
    budget: Budget

    def wrong(self) -> Iterator[Answer]:
        """Wrong answers, the likeliest first, each of another kind while there are."""
        if self.budget.tries <= 0:
            return
        again, kinds = [], set()
        for made in sorted(self._faults(), key=lambda made: made[2].cost):
            kind = made[2].kind
            if kind in kinds:
                again.append(made)
            elif kind not in NO_FORMULA and (answer := self.answered(*made)):
                kinds.add(kind)
                yield answer
        yield from filter(None, (self.answered(*made) for made in again))

    def _faults(self) -> Iterator[tuple[Node, int, Fault]]:
        for node in self.tape.order:
            for index, x in enumerate(node.inputs):
                if isinstance(x, Node) and not x.constant:
                    yield from ((node, index, fault) for fault in faults(self.tape, node, index))

    def answered(self, at: Node, place: int, fault: Fault) -> Answer | None:
        """The answer that a fault makes; None if it makes no formula, or the right numbers."""
        self.budget.tries -= 1
        if self.budget.tries < 0:
            return None

        def step(node: Node, index: int, g: Any) -> Any:
            slipped = node is at and index == place
            return fault.apply(g) if slipped else recorded(node, index, g)

        try:
            handed = self.line.handed(self.x, step)
        except Exception:  # a slip need not fit the shapes at hand
            return None
        right = self.right
        if not isinstance(handed, Node) or _has_numbers(handed):
            return None
        if handed.shape == right.shape and np.allclose(handed.data, right.data, equal_nan=True):
            return None
        form = self.line.form(self.x, handed)
        if form is None or not form.matrix:
            return None
        text = self.line.text(form, self.names, self.tape.arriving)
        if len(text) > _SHORT or "…" in text:
            return None
        words = fault.words(self.tape, at, place)
        if handed.shape != self.x.shape:
            words += f"; that is of shape {tuple(handed.shape)}, not {tuple(self.x.shape)}"
        return Answer(text, f"{words[0].upper()}{words[1:]}.")


def _has_numbers(root: Node) -> bool:
    """Whether it is made of numbers of the data, which have no name."""
    inputs = (a for node in topological_order(root) for a in node.inputs)
    return any(isinstance(a, (np.ndarray, np.generic)) and not np.ndim(a) for a in inputs)


# --- the whole


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
    short = len(named) <= _TOLD and len(order) <= _NODES and not root.shape
    if not wanted or not short or not all(np.isfinite(in_numpy(n)).all() for n in order):
        return []
    everything = [*order, *(a for n in order for a in n.inputs)]
    known = {names[id(x)]: x for x in everything if id(x) in names}
    lines = derive(root, *wanted, budget=1.0, names=known).steps.by_line()
    rows = [(node, row.left, row.right, row.why) for node, found in lines for row in found]
    return [] if any(len(left) > _HEADING for _, left, *_ in rows) else rows
