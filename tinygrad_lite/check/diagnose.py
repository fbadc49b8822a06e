"""Which step is wrong, and why: every claim gets its `Finding`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..graph.node import Node
from .catalogue import Catalogue
from .claims import Claim
from .explain import explain
from .kinks import Kinks
from .report import Finding
from .scales import Scales
from .search import Explanation, Search, push
from .shapes import explain_shape
from .tape import Tape, Vector

NEAR = 0.02  # explanations this much dearer than the best explain the numbers equally well


def diagnose(tape: Tape, claims: list[Claim]) -> tuple[Finding, ...]:
    """A finding per claim, in the order of the claims.

    The claims are judged walking backwards from the loss; a wrong one is diagnosed relative to the
    user's own claims above it.
    """
    scales, catalogue = Scales(tape), Catalogue(tape)
    found: dict[Node, Finding] = {}
    usable = {c.node: c.value for c in claims if c.fits}
    wrong_before: list[Claim] = []
    for claim in sorted(claims, key=lambda c: tape.position[c.node]):
        if not claim.right and claim.fits:
            reading = Kinks(tape, claim.eps).reading(claim)
            if reading is not None:
                claim.compared, claim.note = reading
        if claim.right:
            found[claim.node] = _right(claim)
            continue
        found[claim.node] = _wrong(
            tape, catalogue, scales, claim, claims, usable, wrong_before, found
        )
        wrong_before.append(claim)
    return tuple(found[c.node] for c in claims)


def _right(claim: Claim) -> Finding:
    compared = claim.compared
    assert compared is not None
    return Finding(
        name=claim.name,
        node=claim.user,
        verdict="right",
        kind="",
        explanation=claim.note,
        where="",
        error=compared.error,
        entry=compared.entry,
        also=(),
        expected=_plain(claim.expected),
        claimed=_plain(claim.value),
    )


def _wrong(
    tape: Tape,
    catalogue: Catalogue,
    scales: Scales,
    claim: Claim,
    claims: list[Claim],
    usable: dict[Node, Vector],
    wrong_before: list[Claim],
    found: dict[Node, Finding],
) -> Finding:
    compared = claim.compared
    finding = Finding(
        name=claim.name,
        node=claim.user,
        verdict="wrong",
        kind="other",
        explanation="",
        where="",
        error=compared.error if compared else None,
        entry=compared.entry if compared else None,
        also=(),
        expected=_plain(claim.expected),
        claimed=_plain(claim.value),
        first=not wrong_before and any(c.node.op is not None for c in claims if len(claims) > 1),
    )
    local = Search(tape, catalogue, claim, usable)
    sources = [c for c in wrong_before if c.node in set(local.region) and c.fits]
    if sources and claim.fits and local.matches(local.expected):
        names = tuple(c.name for c in sources)
        return replace(
            finding,
            kind=found[sources[-1].node].kind,
            explanation=f"locally right, inherited from {' and '.join(names)}",
            inherited=names,
        )
    attempts = [local]
    if sources:
        attempts.append(Search(tape, catalogue, claim, {}))
    unit = _typed_unit(claim)
    if unit is not None and not _is_rounded(claim):
        attempts.append(Search(tape, catalogue, claim, usable, unit=unit))
    for search in attempts:
        explanations = explain(search, scales) if claim.fits else explain_shape(search, scales)
        if explanations:
            best, also = _ranked(tape, claim, claims, explanations)
            here = " wrong here as well:" if sources and search is local else ""
            return replace(
                finding,
                kind=best.kind,
                explanation=(
                    f"{here} {best.text}" + (f" at  {best.where}" if best.where else "")
                ).strip(),
                where=best.where,
                also=also,
            )
    if not claim.fits:
        text = (
            f"yours has shape {claim.value.shape}; the gradient has its node's, {claim.node.shape}"
        )
        extra = len(claim.value.shape) - len(claim.node.shape)
        if extra > 0 and claim.value.shape[extra:] == claim.node.shape:
            axes = " and ".join(map(str, range(extra)))
            text += f": sum over axis {axes}; what is wrong besides shows after that"
        return replace(finding, kind="shape", explanation=text)
    return replace(finding, explanation=_unexplained(claim))


def _ranked(
    tape: Tape, claim: Claim, claims: list[Claim], explanations: list[Explanation]
) -> tuple[Explanation, tuple[str, ...]]:
    """The simplest explanation, and the other kinds that explain the numbers equally well.

    A mistake that also accounts for the other claims is likelier, one that they rule out is not.
    """
    for e in explanations:
        e.cost += _conflict(tape, claim, claims, e)
    explanations.sort(key=lambda e: e.cost)
    best = explanations[0]
    kinds = dict.fromkeys(best.other_kinds)
    kinds.update(dict.fromkeys(e.kind for e in explanations[1:] if e.cost < best.cost + 0.5))
    kinds.pop(best.kind, None)
    return best, tuple(kinds)


def _conflict(tape: Tape, claim: Claim, claims: list[Claim], e: Explanation) -> float:
    if not e.sites:
        return 0.0
    cost = 0.0
    for other in claims:
        if other is claim or not other.fits:
            continue
        above = tape.above(other.node)
        if not any(x in set(above) for x, _ in e.sites):
            continue
        moved = push(above, tape, e.sites, other.node, {})
        predicted = other.expected + moved
        slack = 10 * other.tolerance + 1e-9 * np.max(np.abs(predicted), initial=0.0)
        if (np.abs(moved) <= slack).all():
            continue
        agrees = (np.abs(predicted - other.value) <= slack).all()
        cost += -0.3 if agrees else 0.6 if other.right else 0.1
    return cost


def _unexplained(claim: Claim) -> str:
    compared = claim.compared
    assert compared is not None
    at = f" at {compared.entry}" if compared.entry else ""
    difference = np.abs(claim.value - claim.expected)
    scale = float(np.max(np.abs(claim.expected), initial=0.0))
    worst = float(np.max(difference, initial=0.0))
    i = compared.entry
    values = f"yours is {claim.value[i]:.6g}, the gradient {claim.expected[i]:.6g}{at}"
    if worst < 0.1 * scale and _is_rounded(claim):
        return (
            "no mistake explains it, but it is the gradient rounded to a few digits; rtol= widens "
            f"the tolerance: {values}"
        )
    if scale and worst < 1e-3 * scale:
        digits = int(-np.log10(worst / scale))
        return (
            f"no simple mistake explains it, but it agrees to {digits} digits (a finite "
            f"difference, or an approximation?): {values}"
        )
    return f"no simple mistake explains it: {values}, largest relative error {compared.error:.2g}"


def _typed_unit(claim: Claim) -> Vector | None:
    """The last digit's unit of numbers that were typed with 2 to 5 digits, else None."""
    value = claim.value
    if value.size < 4 or not claim.fits or (value == np.round(value)).all():
        return None
    power = np.floor(np.log10(np.where(value == 0, 1.0, np.abs(value))))
    units: list[Any] = [
        next((u for u in candidates if (np.abs(value / u - np.round(value / u)) < 1e-6).all()), 0.0)
        for candidates in (
            [10.0**-digits for digits in range(2, 6)],  # so many decimals
            [10.0 ** (power - digits + 1) for digits in range(2, 6)],  # so many digits
        )
    ]
    unit = np.maximum(*units)
    return np.broadcast_to(0.6 * unit, value.shape) if np.any(unit) else None


def _is_rounded(claim: Claim) -> bool:
    """Whether the claim is what one gets by printing the gradient with 2 to 8 digits."""
    value, expected = claim.value, claim.expected
    with np.errstate(all="ignore"):
        power = np.floor(np.log10(np.where(expected == 0, 1.0, np.abs(expected))))
    for digits in range(2, 9):
        for unit in (10.0**-digits, 10.0 ** (power - digits + 1)):
            near = np.abs(value - expected) <= 0.5001 * unit
            if near.all() and (np.abs(value / unit - np.round(value / unit)) < 1e-6).all():
                return True
    return False


def _plain(array: Vector) -> Any:
    """An array, or a float for a single number."""
    return array if np.ndim(array) else float(array)
