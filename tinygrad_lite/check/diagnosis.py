"""Wrong claims diagnosed, walking backwards from the loss, each relative to those above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..graph.node import Node
from .claims import Claim
from .explain import explain
from .findings import Finding
from .kinks import Kinks
from .plainly import all_zero, misshapen, rounded, said_of_zero, typed_unit, unexplained
from .scales import Scales
from .search import Catalogue, Explanation, Search
from .shapes import explain_shape
from .tape import Tape, Vector

EQUAL = 0.5  # explanations at most so much dearer than the best explain the numbers equally well


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
                fair = [e for e in explanations if not self._accuses(e)]
                best, also = _ranked(fair or explanations)
                text = f"{best.text} at  {best.where}" if best.where else best.text
                if sources and search is local:
                    text = f"wrong here as well: {text}"
                told = replace(finding, kind=best.kind, explanation=text)
                return replace(told, where=best.where, also=also)
        if not claim.fits:
            return replace(finding, kind="shape", explanation=misshapen(claim))
        return replace(finding, explanation=unexplained(claim))

    def _accuses(self, e: Explanation) -> bool:
        """Whether it says of a claim that is right that it is wrong."""
        for other in self.claims if e.sites else ():
            if other.right and other.fits:
                moved = self.tape.carried(e.sites, other.node)
                slack = 10 * other.tolerance + 1e-9 * np.max(np.abs(other.value), initial=0.0)
                if (np.abs(moved) > slack).any():
                    return True
        return False


def _ranked(explanations: Iterable[Explanation]) -> tuple[Explanation, tuple[str, ...]]:
    """The simplest explanation, and the other kinds that explain the numbers equally well."""
    best, *rest = sorted(explanations, key=lambda e: e.rank)
    kinds = (*best.other_kinds, *(e.kind for e in rest if e.rank < best.rank + EQUAL))
    return best, tuple(kind for kind in dict.fromkeys(kinds) if kind != best.kind)


def _plain(array: Vector) -> Any:
    """An array, or a float for a single number."""
    return array if np.ndim(array) else float(array)
