"""`check`: hold hand-derived gradients against the chain rule; every claim gets its `Finding`."""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..graph.node import Node
from .claims import Claim, read
from .explain import explain
from .findings import Finding, Report
from .kinks import Kinks
from .scales import Scales
from .search import Catalogue, Explanation, Search
from .shapes import explain_shape
from .tape import Tape, Vector

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
    names: Mapping[str, Any] | None = None,
) -> Report:
    """Hold hand-derived gradients of E against the chain rule, and say which step is wrong.

    `claims` maps nodes, or their names, to what was derived for dE/d(node): an array, a number or a
    nested list. A non-scalar E needs `cotangent`, the gradient of the loss with respect to it. The
    tolerance comes from the dtype and the computation's own conditioning; `rtol` widens it, for
    numbers typed with few digits. `names` holds the variables to take names from, in place of the
    caller's. No node's `.grad` is touched.

    Raises `ValueError` for a claim that names no node of the graph or a constant one, is ragged or
    not finite, `TypeError` for one that is not numeric.
    """
    fresh = contextvars.Context()  # recording on and debugging off, whatever the caller switched
    return fresh.run(_report, E, claims, cotangent, rtol, names)


def _report(E: Node, claims: Any, cotangent: Any, rtol: float | None, names: Any) -> Report:
    with np.errstate(all="ignore"):
        tape, found = read(E, claims, cotangent, names)
        spread = tape.rounding(claim.node for claim in found)
        for claim in found:
            claim.judge(tape.g[claim.node], spread[claim.node], rtol)
        diagnosis = Diagnosis(tape, found)
        for claim in sorted(found, key=lambda c: tape.position[c.node]):
            diagnosis.judge(claim)
        return Report(tuple(diagnosis.found[c.node] for c in found))


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
                claim.compared, claim.note = reading
        compared = claim.compared
        finding = Finding(
            name=claim.name,
            verdict="right" if claim.right else "wrong",
            kind="" if claim.right else "other",
            explanation=claim.note,
            node=claim.user,
            expected=_plain(claim.expected),
            claimed=_plain(claim.value),
            error=compared.error if compared else None,
            entry=compared.entry if compared else None,
            first=not claim.right and not self.wrong and self.several,
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
            text = f"locally right, inherited from {' and '.join(names)}"
            kind = self.found[sources[-1].node].kind
            return replace(finding, kind=kind, explanation=text, inherited=names)
        attempts = [local]
        if sources:
            attempts.append(Search(self.tape, self.catalogue, claim, {}))
        unit = _typed_unit(claim)
        if unit is not None and not _is_rounded(claim):
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
            return replace(finding, kind="shape", explanation=_misshapen(claim))
        return replace(finding, explanation=_unexplained(claim))

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


def _misshapen(claim: Claim) -> str:
    given, wanted = claim.value.shape, claim.node.shape
    text = f"yours has shape {given}; the gradient has its node's, {wanted}"
    extra = len(given) - len(wanted)
    if extra > 0 and given[extra:] == wanted:
        axes = " and ".join(map(str, range(extra)))
        text += f": sum over axis {axes}; what is wrong besides shows after that"
    return text


def _unexplained(claim: Claim) -> str:
    difference = np.abs(claim.value - claim.expected)
    scale = float(np.max(np.abs(claim.expected), initial=0.0))
    worst = float(np.max(difference, initial=0.0))
    i, error = (claim.compared.entry, claim.compared.error) if claim.compared else ((), 0.0)
    values = f"yours is {claim.value[i]:.6g}, the gradient {claim.expected[i]:.6g}"
    values += f" at {i}" if i else ""
    if worst < 0.1 * scale and _is_rounded(claim):
        rounded = "no mistake explains it, but it is the gradient rounded to a few digits"
        return f"{rounded}; rtol= widens the tolerance: {values}"
    if scale and worst < 1e-3 * scale:
        agrees = f"it agrees to {int(-np.log10(worst / scale))} digits"
        near = f"{agrees} (a finite difference, or an approximation?)"
        return f"no simple mistake explains it, but {near}: {values}"
    return f"no simple mistake explains it: {values}, largest relative error {error:.2g}"


def _units(value: Vector, digits: range) -> tuple[list[Any], list[Any]]:
    """The last digit's unit of numbers with so many decimals, and with so many digits."""
    power = np.floor(np.log10(np.where(value == 0, 1.0, np.abs(value))))
    return [10.0**-n for n in digits], [10.0 ** (power - n + 1) for n in digits]


def _whole(value: Vector, unit: Any) -> bool:
    return bool((np.abs(value / unit - np.round(value / unit)) < 1e-6).all())


def _typed_unit(claim: Claim) -> Vector | None:
    """The last digit's unit of numbers that were typed with 2 to 5 digits, else None."""
    value = claim.value
    if value.size < 4 or not claim.fits or (value == np.round(value)).all():
        return None
    decimals, digits = (
        next((u for u in units if _whole(value, u)), 0.0) for units in _units(value, range(2, 6))
    )
    unit = np.maximum(decimals, digits)
    return np.broadcast_to(0.6 * unit, value.shape) if np.any(unit) else None


def _is_rounded(claim: Claim) -> bool:
    """Whether the claim is what one gets by printing the gradient with 2 to 8 digits."""
    value, expected = claim.value, claim.expected
    decimals, digits = _units(expected, range(2, 9))
    return any(
        (np.abs(value - expected) <= 0.5001 * unit).all() and _whole(value, unit)
        for unit in (*decimals, *digits)
    )


def _plain(array: Vector) -> Any:
    """An array, or a float for a single number."""
    return array if np.ndim(array) else float(array)
