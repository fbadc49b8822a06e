"""`check`: hold hand-derived gradients against the chain rule; every claim gets its `Finding`."""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..derive import derive
from ..graph.node import Node
from .claims import Allowance, Claim, read
from .explain import explain
from .findings import Finding, Report
from .kinks import Kinks
from .plainly import all_zero, misshapen, rounded, said_of_zero, typed_unit, unexplained
from .rounding import Rounding
from .scales import Scales
from .search import Catalogue, Explanation, Search
from .shapes import explain_shape
from .tape import Tape, Vector

DERIVED, BUDGET = 500, 1.0  # nodes of a graph that formulas are derived of, seconds for one
EQUAL = 0.5  # explanations at most so much dearer than the best explain the numbers equally well
# What it adds to an explanation's cost if it accounts for another claim, if it says of a right one
# that it is wrong, and if it says of a wrong one what it is not.
ACCOUNTS, ACCUSES, MISSES = -0.3, 0.6, 0.1


def check(
    E: Node,
    claims: Mapping[Node | str, Any],
    *,
    cotangent: Any = None,
    rtol: float | None = None,
    atol: float | None = None,
    digits: int | None = None,
    names: Mapping[str, Any] | None = None,
) -> Report:
    """Hold hand-derived gradients of E against the chain rule, and say which step is wrong.

    `claims` maps nodes, or their names, to what was derived for dE/d(node): an array, a number or a
    nested list. A non-scalar E needs `cotangent`, the gradient of the loss with respect to it;
    without one the claims are Jacobians, of shape E.shape + node.shape. The
    tolerance comes from the coarsest dtype and the computation's own conditioning, as measured;
    where rounding alone may do as much as a mistake, the verdict is "unclear", never "right".
    `rtol` (of an entry), `atol` and `digits` (how many decimals, or significant digits, numbers
    were typed with) widen it. `names` holds the variables to take names from, in place of the
    caller's. No node's `.grad` is touched.

    Raises `ValueError` for a claim that names no node of the graph or a constant one, is ragged or
    not finite, `TypeError` for one that is not numeric.
    """
    fresh = contextvars.Context()  # recording on and debugging off, whatever the caller switched
    return fresh.run(_report, E, claims, cotangent, Allowance(rtol, atol, digits), names)


def _report(E: Node, claims: Any, cotangent: Any, allowance: Allowance, names: Any) -> Report:
    with np.errstate(all="ignore"):
        tape, found = read(E, claims, cotangent, names)
        rounding = Rounding(tape, [claim.node for claim in found])
        for claim in found:
            blur = rounding.blur(claim.node, claim.eps)
            claim.judge(tape.g[claim.node], blur, allowance)
        diagnosis = Diagnosis(tape, found)
        for claim in sorted(found, key=lambda c: tape.position[c.node]):
            diagnosis.judge(claim)
        findings = tuple(diagnosis.found[c.node] for c in found)
        return Report(findings, formula=None if E.shape else lambda x: _formula(E, x, tape))


def _formula(E: Node, x: Node, tape: Tape) -> str:
    """The derivative that a claim should have been, with what it uses, in one line."""
    if len(tape.order) > DERIVED:
        return ""
    known = tape.user_names
    values = (v for node in tape.twin for v in (node, *node.inputs))
    names = {known[id(v)]: v for v in values if id(v) in known}
    d = derive(E, x, names=names, budget=BUDGET)
    where = " and ".join(map(str, d.where))
    return f"{d[x]}{', where ' if where else ''}{where}" if d.numpy else ""


class Diagnosis:
    """Claims judged walking backwards from the loss: a wrong one is diagnosed relative to the
    user's own claims above it."""

    def __init__(self, tape: Tape, claims: list[Claim]) -> None:
        self.tape, self.claims = tape, claims
        self.scales, self.catalogue = Scales(tape), Catalogue(tape)
        self.usable = {c.node: c.value for c in claims if c.fits}
        self.several = len(claims) > 1 and any(c.node.op is not None for c in claims)
        self.kinks: dict[float, Kinks] = {}
        self.wrong: list[Claim] = []
        self.found: dict[Node, Finding] = {}

    def judge(self, claim: Claim) -> None:
        """Find what is to be said of a claim, those above it being judged."""
        if not claim.right and claim.fits:
            kinks = self.kinks.setdefault(claim.eps, Kinks(self.tape, claim.eps))
            reading = kinks.reading(claim)
            if reading is not None:
                claim.compared, note = reading
                again = any(note == c.note for c in self.claims)
                claim.note = "as at the kink of the line before" if again else note
        compared = claim.compared
        finding = Finding(
            name=claim.name,
            verdict=claim.verdict,
            kind="other" if claim.verdict == "wrong" else "",
            explanation=claim.note or said_of_zero(claim),
            shape=tuple(claim.user.shape if claim.jacobian is None else claim.full.shape),
            node=claim.user,
            expected=_plain(claim.shown[1]),
            claimed=_plain(claim.full),
            error=compared.error if compared else None,
            entry=compared.entry if compared else None,
            first=not claim.right and not self.wrong and self.several,
            caught={"": claim.blur.limit} if claim.verdict == "unclear" else {},
        )
        if not claim.right:
            finding = self._explained(claim, finding)
            self.wrong.append(claim)
        self.found[claim.node] = finding

    def _explained(self, claim: Claim, finding: Finding) -> Finding:
        local = Search(self.tape, self.catalogue, claim, self.usable)
        sources = [c for c in self.wrong if c.node in local.inside and c.fits]
        if sources and claim.fits and local.matches(local.expected):
            names = tuple(c.name for c in sources)
            kind = self.found[sources[-1].node].kind
            return replace(finding, verdict="follows", kind=kind, inherited=names)
        if claim.fits and claim.value.size and not claim.value.any():
            return replace(finding, explanation=all_zero(claim), kind="missing-term")
        if claim.fits and (text := rounded(claim)):
            return replace(finding, explanation=text)
        attempts = [local]
        if sources:
            attempts.append(Search(self.tape, self.catalogue, claim, {}))
        unit = typed_unit(claim)
        if unit is not None:
            attempts.append(Search(self.tape, self.catalogue, claim, self.usable, unit=unit))
        sort = explain if claim.fits else explain_shape
        for search in attempts:
            explanations = sort(search, self.scales)
            if explanations:
                best, also = self._ranked(claim, explanations)
                text = f"{best.text} at  {best.where}" if best.where else best.text
                if sources and search is local:
                    text = f"wrong here as well: {text}"
                told = replace(finding, kind=best.kind, explanation=text)
                return replace(told, where=best.where, also=also)
        if not claim.fits:
            return replace(finding, kind="shape", explanation=misshapen(claim))
        return replace(finding, explanation=unexplained(claim))

    def _ranked(
        self, claim: Claim, explanations: list[Explanation]
    ) -> tuple[Explanation, tuple[str, ...]]:
        """The simplest explanation, and the other kinds that explain the numbers equally well.

        A mistake that also accounts for the other claims is likelier, one that they rule out is
        not.
        """
        for e in explanations:
            e.cost += self._conflict(claim, e)
        best, *rest = sorted(explanations, key=lambda e: e.rank)
        kinds = (*best.other_kinds, *(e.kind for e in rest if e.rank < best.rank + EQUAL))
        return best, tuple(kind for kind in dict.fromkeys(kinds) if kind != best.kind)

    def _conflict(self, claim: Claim, e: Explanation) -> float:
        cost = 0.0
        for other in self.claims:
            if other is claim or not other.fits or not e.sites:
                continue
            moved = self.tape.carried(e.sites, other.node)
            predicted = other.expected + moved
            slack = 10 * other.tolerance + 1e-9 * np.max(np.abs(predicted), initial=0.0)
            if (np.abs(moved) <= slack).all():
                continue
            agrees = (np.abs(predicted - other.value) <= slack).all()
            cost += ACCOUNTS if agrees else ACCUSES if other.right else MISSES
        return cost


def _plain(array: Vector) -> Any:
    """An array, or a float for a single number."""
    return array if np.ndim(array) else float(array)
