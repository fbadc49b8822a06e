"""Predict, then reveal: what a step hands on, among wrong answers that `check` would find.

A wrong answer is a row of check's slips done in the recorded rule, read as the right one is, and
answered in check's words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from ..backprop.flow import recorded
from ..check.faults import Fault, faults
from ..check.tape import Tape
from ..derive.line import Line, line_of
from ..graph.node import Node, topological_order

WRONG = 3  # wrong answers to a question
SECONDS = 1.0  # for the questions of a page
NO_FORMULA = ("off-by-index", "wrong-order")  # kinds of mistakes that are made in code
_SHORT, LONGEST = 48, 100  # characters of an answer that is asked for, and of one that is shown

Names = Mapping[int, str]


@dataclass(frozen=True)
class Answer:
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
    until: float = 0.0,
) -> dict[Node, list[Answer]]:
    """What a line hands to each of its inputs: the right answer first, and wrong ones as long as
    the clock is before `until`. Inputs whose share cannot be read are left out."""
    line = line_of(result, inside, one=one)
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
                if len(right) > LONGEST:
                    continue
                answers = {right: Answer(right)}
                if form.matrix and len(right) <= _SHORT:
                    for answer in _wrong(line, tape, x, handed, names, G):
                        if len(answers) > WRONG or monotonic() > until:
                            break
                        answers.setdefault(answer.formula, answer)
                found[x] = list(answers.values())
    return found


def _wrong(line: Line, tape: Tape, x: Node, right: Node, names: Names, G: str) -> Iterator[Answer]:
    """Wrong answers, the likeliest first, each of another kind while there are."""
    again = []
    kinds = set()
    for node, index, fault in sorted(_faults(tape), key=lambda made: made[2].cost):
        if fault.kind in NO_FORMULA:
            continue
        if fault.kind in kinds:
            again.append((node, index, fault))
        elif answer := _answered(line, tape, x, right, names, G, node, index, fault):
            kinds.add(fault.kind)
            yield answer
    for made in again:
        if answer := _answered(line, tape, x, right, names, G, *made):
            yield answer


def _constants(root: Node) -> Iterator[Any]:
    return (a for node in topological_order(root) for a in node.inputs if not isinstance(a, Node))


def _faults(tape: Tape) -> Iterator[tuple[Node, int, Fault]]:
    for node in tape.order:
        for index, x in enumerate(node.inputs):
            if isinstance(x, Node) and not x.constant:
                yield from ((node, index, fault) for fault in faults(tape, node, index))


def _answered(
    line: Line, tape: Tape, x: Node, right: Node, names: Names, G: str,
    at: Node, place: int, fault: Fault,
) -> Answer | None:  # fmt: skip
    """The answer that a fault makes; None if it makes no formula, or the right numbers."""

    def step(node: Node, index: int, g: Any) -> Any:
        slipped = node is at and index == place
        return fault.apply(g) if slipped else recorded(node, index, g)

    try:
        handed = line.handed(x, step)
    except Exception:  # a slip need not fit the shapes at hand
        return None
    if not isinstance(handed, Node):
        return None
    if any(isinstance(a, (np.ndarray, np.generic)) and not np.ndim(a) for a in _constants(handed)):
        return None  # a number of the data, which has no name
    if handed.shape == right.shape and np.allclose(handed.data, right.data, equal_nan=True):
        return None
    form = line.form(x, handed)
    if form is None or not form.matrix:
        return None
    text = line.text(form, names, G)
    if len(text) > _SHORT or "…" in text:
        return None
    words = fault.words(tape, at, place)
    if handed.shape != x.shape:
        words += f"; that is of shape {handed.shape}, not {x.shape}"
    return Answer(text, f"{words[0].upper()}{words[1:]}.")
