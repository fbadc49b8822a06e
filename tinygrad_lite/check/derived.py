"""The engine's own formula for a gradient, in the user's names, beside a line that is wrong."""

from __future__ import annotations

from ..derive import Derivation, derive
from ..graph.node import Node
from .tape import Tape

LARGEST, BUDGET = 500, 0.5  # nodes of a graph that formulas are derived of, seconds for one


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
    where = " and ".join(map(str, d.where))
    return f"{d[x]}{', where ' if where else ''}{where}"


def as_code(E: Node, x: Node, tape: Tape, budget: float = BUDGET) -> str:
    """The formula as one line of code; "" where there is none."""
    d = derived(E, x, tape, budget)
    return d.numpy if d is not None and "\n" not in d.numpy else ""
