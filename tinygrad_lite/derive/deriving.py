"""`tg.derive`: what is asked for, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np

from ..backprop.replay import questions
from ..graph import errors
from ..graph.names import arrays, name_all
from ..graph.node import Node, topological_order
from .derivation import Derivation
from .masks import of_masks
from .read import SUMS, SYMMETRIC
from .work import Work

Layout = Literal["denominator", "numerator"]
_FACT = re.compile(
    r"(?P<turned>.+?)\s*=\s*(?P=turned)\.T|(?P<summed>.+?)\.sum\((axis=(?P<axis>[01]))?\)\s*=\s*1"
)


def derive(
    y: Node,
    *variables: Node,
    keep: Collection[Any] = (),
    inline: Collection[Any] = (),
    layout: Layout = "denominator",
    facts: Collection[str] = (),
    budget: float = 4.0,
    names: Mapping[str, Any] | None = None,
) -> Derivation:
    """The derivative of y by each variable as a formula: see `Derivation`.

    `tg.derive(E, W, b)` are gradients, `tg.derive(v, W)` is a Jacobian (axes of v, then of W),
    `tg.derive(E, x, x)` a Hessian. Named nodes are names in formulas; those in `inline` are written
    out, the cotangents of those in `keep` never are (nodes or names). `layout="numerator"` gives
    the transpose of a matrix's gradient. `facts` say what holds for all data of interest:
    "A = A.T", "Y.sum(axis=1) = 1". After `budget` seconds no shorter form is looked for; they are
    counted by what is computed, so that a formula is the same on every machine. `names` holds
    variables to take names from before the caller's. Masks that comparisons of nodes gave are
    written as these, 𝟏[z > 0]. Every formula is executed before it is shown, see `checked`.
    """
    _refuse(y, variables)
    consumers_first = topological_order(y)
    reached = set(consumers_first)
    order = 2 if len(variables) == 2 and variables[0] is variables[1] else 1
    wanted = variables[:1] if order == 2 else variables
    asked = questions(consumers_first) | of_masks(consumers_first)
    every = [*reached, *topological_order(*asked.values())]
    constants = [a for n in every for a in n.inputs if not isinstance(a, (Node, float, int))]
    known = name_all([*reached, *constants, *variables])
    known |= {id(mask): known[key] for key, mask in asked.items() if key in known}
    seen = arrays()
    for name, value in (names or {}).items():
        if isinstance(value, (Node, np.ndarray)) and not getattr(value, "name", None):
            known[id(value)] = name
        if isinstance(value, np.ndarray) and value.ndim:
            seen[name] = value
    notes: dict[str, None] = {}
    compared = [n for n in reversed(consumers_first) if n._meta and n._meta.compared]
    branched = dict.fromkeys(known.get(id(n), "a result") for n in compared)
    if branched:
        notes[f"holds for this branch: the code compared {', '.join(branched)} while it ran"] = None
    declared, turned = _declared(facts, known.values()), layout == "numerator"
    work = Work(y, wanted, order, known, asked, seen, keep, declared, inline, turned, budget)
    answers = work.answers()
    notes |= work.notes
    if work.simplifier.late:
        notes[f"the time of {budget:g} s ran out: there may be shorter forms"] = None
    for x in wanted:
        if x not in reached or x.constant:
            notes[errors.why_unreached(y, x)] = None
    where = {w.code: w for a in answers for w in a.where}
    return Derivation(
        y,
        wanted,
        tuple(a.formula for a in answers),
        tuple(where.values()),
        tuple(work.table.facts),
        work.checked(answers),
        tuple(notes),
        work,
    )


def _declared(facts: Collection[str], names: Collection[str]) -> dict[str, list[tuple[str, int]]]:
    """What the user says of arrays: "A = A.T" or "Y.sum(axis=1) = 1"."""
    found: dict[str, list[tuple[str, int]]] = {}
    for fact in facts:
        told = _FACT.fullmatch(fact.strip())
        name = "" if told is None else told["turned"] or told["summed"]
        if told is None or name not in names:
            raise ValueError(
                f'derive: the fact {fact!r} is not of the form "A = A.T" or "Y.sum(axis=1) = 1" '
                f"with a name of the graph: {', '.join(sorted(names))}"
            )
        said = (SYMMETRIC, -1) if told["turned"] else (SUMS, int(told["axis"] or 0))
        found.setdefault(name, []).append(said)
    return found


def _refuse(y: Any, variables: tuple[Any, ...]) -> None:
    if not isinstance(y, Node):
        raise TypeError(
            f"derive: a {type(y).__name__} has no graph; derive(E, W) takes recorded nodes"
        )
    if not variables:
        raise TypeError("derive: by what? derive(E, W) takes the variables after the result")
    for x in variables:
        if not isinstance(x, Node):
            kind = type(x).__name__
            raise TypeError(
                f"derive(y, x): differentiate by recorded nodes; a {kind} is a constant"
            )
