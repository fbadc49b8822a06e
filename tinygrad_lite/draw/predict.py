"""Predict, then reveal: what a step hands on, among wrong answers that `check` would find.

A wrong answer is a row of check's slips done in the recorded rule, read as the right one is, and
answered in check's words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..backprop.flow import recorded
from ..check.faults import Fault, faults
from ..check.tape import Tape
from ..derive.line import Line, line_of
from ..graph.node import Node, topological_order

WRONG = 3  # wrong answers to a question
TRIED, READ = 200, 200  # slips that a page tries, and lines that it reads: a second or so each
NO_FORMULA = ("off-by-index", "wrong-order")  # kinds of mistakes that are made in code
_SHORT, LONGEST = 48, 100  # characters of an answer that is asked for, and of one that is shown

Names = Mapping[int, str]


@dataclass
class Budget:
    """How much may still be done for one page."""

    tries: int = TRIED
    lines: int = READ


class Answer(NamedTuple):
    """A formula, and what is to be said of it: nothing of the right one."""

    formula: str
    words: str = ""


class _Tape(Tape):
    """A tape of one line, whose cotangent has a name."""

    arriving = "what arrives"

    def cotangent_name(self, node: Node) -> str:
        return self.arriving


def handed_on(
    result: Node,
    inside: Collection[Node],
    names: Names,
    cotangents: Mapping[Node, str],
    *,
    one: bool = False,
    budget: Budget,
) -> dict[Node, list[Answer]]:
    """What a line hands to each of its inputs: the right answer first, and wrong ones as far as the
    budget goes. Inputs whose share cannot be read are left out."""
    budget.lines -= 1
    line = line_of(result, inside, one=one) if budget.lines >= 0 else None
    if line is None:
        return {}
    inner = {id(line.twin[id(a)]): names.get(id(a), "…") for a in line.inputs}
    with np.errstate(all="ignore"):
        tape = _Tape(line.twin[result], names=inner | {id(line.twin[result]): names[id(result)]})
        tape.arriving = G = cotangents[result]
        same = {key: tape.twin.get(new, new) for key, new in line.twin.items()}
        line = replace(line, twin=same)
        found = {}
        for x in line.inputs:
            handed = line.handed(x) if isinstance(x, Node) and not x.constant else None
            form = None if handed is None else line.form(x, handed)
            if handed is not None and form is not None:
                right = line.text(form, names, G)
                if len(right) > LONGEST or "…" in right:
                    continue
                answers = {right: Answer(right)}
                if form.matrix and len(right) <= _SHORT:
                    question = _Question(line, tape, x, handed, names, G)
                    for answer in question.wrong(budget):
                        answers.setdefault(answer.formula, answer)
                        if len(answers) > WRONG:
                            break
                found[x] = list(answers.values())
    return found


@dataclass(frozen=True)
class _Question:
    """What a line hands to x, which is `right`; G is what the gradient that arrives is called."""

    line: Line
    tape: Tape
    x: Node
    right: Node
    names: Names
    G: str

    def wrong(self, budget: Budget) -> Iterator[Answer]:
        """Wrong answers, the likeliest first, each of another kind while there are."""
        if budget.tries <= 0:
            return
        again, kinds = [], set()
        for made in sorted(_faults(self.tape), key=lambda made: made[2].cost):
            kind = made[2].kind
            if kind in kinds:
                again.append(made)
            elif kind not in NO_FORMULA and (answer := self.answered(*made, budget)):
                kinds.add(kind)
                yield answer
        for made in again:
            if answer := self.answered(*made, budget):
                yield answer

    def answered(self, at: Node, place: int, fault: Fault, budget: Budget) -> Answer | None:
        """The answer that a fault makes; None if it makes no formula, or the right numbers."""
        budget.tries -= 1
        if budget.tries < 0:
            return None

        def step(node: Node, index: int, g: Any) -> Any:
            slipped = node is at and index == place
            return fault.apply(g) if slipped else recorded(node, index, g)

        try:
            handed = self.line.handed(self.x, step)
        except Exception:  # a slip need not fit the shapes at hand
            return None
        right = self.right
        if not isinstance(handed, Node) or any(map(_is_number, _constants(handed))):
            return None
        if handed.shape == right.shape and np.allclose(handed.data, right.data, equal_nan=True):
            return None
        form = self.line.form(self.x, handed)
        if form is None or not form.matrix:
            return None
        text = self.line.text(form, self.names, self.G)
        if len(text) > _SHORT or "…" in text:
            return None
        words = fault.words(self.tape, at, place)
        if handed.shape != self.x.shape:
            words += f"; that is of shape {handed.shape}, not {self.x.shape}"
        return Answer(text, f"{words[0].upper()}{words[1:]}.")


def _is_number(a: Any) -> bool:
    """A number of the data, which has no name."""
    return isinstance(a, (np.ndarray, np.generic)) and not np.ndim(a)


def _constants(root: Node) -> Iterator[Any]:
    return (a for node in topological_order(root) for a in node.inputs if not isinstance(a, Node))


def _faults(tape: Tape) -> Iterator[tuple[Node, int, Fault]]:
    for node in tape.order:
        for index, x in enumerate(node.inputs):
            if isinstance(x, Node) and not x.constant:
                yield from ((node, index, fault) for fault in faults(tape, node, index))
