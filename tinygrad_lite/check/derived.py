"""The engine's own formula for a gradient, in the user's names: beside a line that is wrong, and
why a right one is right."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ..derive import Derivation, derive
from ..derive.step import handed
from ..graph.node import Node
from ..notation.mathematics import CHAIN, SUM, Written
from .findings import Report
from .tape import Tape

LARGEST, BUDGET = 500, 0.5  # nodes of a graph that formulas are derived of, seconds for one
DEPTH = 6  # results without a name, one on the other, that a rule goes through
LONGEST = 90  # characters of a reason

Reported = TypeVar("Reported", bound=Report)


def derived(E: Node, x: Node, tape: Tape, budget: float = BUDGET) -> Derivation | None:
    """The derivation of dE/dx, in so many seconds; None where no formula is found, or the graph is
    too large."""
    if len(tape.order) > LARGEST:
        return None
    known = tape.user_names
    values = (v for node in tape.twin for v in (node, *node.inputs))
    names = {known[id(v)]: v for v in values if id(v) in known}
    found = derive(E, x, names=names, budget=budget)
    return found if found.numpy else None


def as_text(E: Node, x: Node, tape: Tape) -> str:
    """The formula with what it uses, in one line; "" where there is none."""
    d = derived(E, x, tape)
    if d is None:
        return ""
    return ", where ".join(filter(None, (str(d[x]), " and ".join(map(str, d.where)))))


def as_code(E: Node, x: Node, tape: Tape, budget: float = BUDGET) -> str:
    """The formula as one line of code; "" where there is none."""
    d = derived(E, x, tape, budget)
    return d.numpy if d is not None and "\n" not in d.numpy else ""


def explained(report: Reported, E: Node, tape: Tape) -> Reported:
    """The report in which everything right says why."""
    found = []
    for f in report:
        if f.verdict == "right" and f.node is not None:
            parts = (reason(E, f.node, tape), f.explanation)
            f = replace(f, explanation="; ".join(filter(None, parts)))
        found.append(f)
    return replace(report, findings=tuple(found))


def reason(E: Node, user: Node, tape: Tape) -> str:
    """dE/dv = dE/ds ⊙ s ⊙ (1 − s): what the named results that use a node hand to it; next to the
    loss its formula; "" where neither is short."""
    node = tape.twin[user]
    told = _cotangent(tape, node, DEPTH)
    right = "" if told is None else told.body
    if told is None and not E.shape:
        d = derived(E, user, tape)
        right = d[user].text if d is not None and not d.where else ""
    text = f"{tape.cotangent_of(node)} = {right}"
    return text if right and len(text) <= LONGEST else ""


def _cotangent(tape: Tape, node: Node, depth: int) -> Written | None:
    """The sum of what the uses of a node hand to it; None where one is the loss's own."""
    terms = []
    for n, index in tape.consumers[node]:
        above = None
        if n is not tape.root and tape.is_named(n):
            above = Written(tape.cotangent_of(n), CHAIN)
        elif n is not tape.root and depth:
            above = _cotangent(tape, n, depth - 1)
        term = None if above is None else handed(n, index, tape.names, above)
        if term is None:
            return None
        terms.append(term)
    if len(terms) == 1:
        return terms[0]
    return Written(" + ".join(t.body for t in terms), SUM) if terms else None
