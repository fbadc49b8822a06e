"""Why a right gradient is right: the rule of the step that makes it, in the user's names."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ..derive.step import handed
from ..graph.node import Node
from ..notation.mathematics import CHAIN, SUM, Written
from .derived import derived
from .findings import Report
from .tape import Tape

DEPTH = 6  # results without a name, one on the other, that a rule goes through
LONGEST = 90  # characters

Reported = TypeVar("Reported", bound=Report)


def explained(report: Reported, E: Node, tape: Tape) -> Reported:
    """The report in which everything right says why."""
    found = []
    for f in report:
        if f.verdict == "right" and f.node is not None:
            parts = (reason(E, f.node, tape), f.explanation)
            f = replace(f, explanation="; ".join(part for part in parts if part))
        found.append(f)
    return replace(report, findings=tuple(found))


def reason(E: Node, user: Node, tape: Tape) -> str:
    """dE/dv = dE/ds ⊙ s ⊙ (1 − s): what the named results that use a node hand to it; next to the
    loss its formula; "" where neither is short."""
    node = tape.twin[user]
    told = _cotangent(tape, node, DEPTH)
    right = "" if told is None else told.body
    if told is None and not E.shape:
        derivation = derived(E, user, tape)
        right = derivation[user].text if derivation is not None and not derivation.where else ""
    text = f"{tape.cotangent_of(node)} = {right}"
    return text if right and len(text) <= LONGEST else ""


def _cotangent(tape: Tape, node: Node, depth: int) -> Written | None:
    """The sum of what the uses of a node hand to it; None where one is the loss's own."""
    terms = []
    for n, index in tape.consumers[node]:
        named = tape.is_named(n) and n is not tape.root
        above = Written(tape.cotangent_of(n), CHAIN) if named else None
        if not named and n is not tape.root and depth:
            above = _cotangent(tape, n, depth - 1)
        term = None if above is None else handed(n, index, tape.names, above)
        if term is None:
            return None
        terms.append(term)
    if len(terms) == 1:
        return terms[0]
    return Written(" + ".join(t.body for t in terms), SUM) if terms else None
