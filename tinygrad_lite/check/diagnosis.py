"""Wrong claims diagnosed, walking backwards from the loss, each relative to those above it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..graph.node import Node
from .claims import Allowance, Claim, in_shape
from .code.truth import Truth
from .explain import explain
from .findings import Finding
from .kinks import Kinks
from .plainly import all_zero, misshapen, rounded, said_of_zero, typed_unit, unexplained
from .search import Catalogue, Explanation, Search
from .shapes import explain_shape
from .tape import Tape, Vector, largest

PLACES = 3  # at most so many places of one mistake are named
LOOSE = 1e-6  # relatively, so near is what was computed in float32
TELLING = 3  # entries of a claim from which on that tells something
EQUAL = 0.5  # explanations at most so much dearer than the best explain the numbers equally well


class Diagnosis:
    """Claims judged walking backwards from the loss: a wrong one is diagnosed relative to the
    user's own claims above it. `redraw` gives diagnoses of the same claims on data of other sorts,
    where they can be computed: what is said of the numbers has to hold on all of one sort."""

    def __init__(self, tape: Tape, claims: list[Claim]) -> None:
        self.tape, self.claims = tape, claims
        self.catalogue = Catalogue(tape)
        self.usable = {c.node: c for c in claims if c.fits}
        self.several = len(claims) > 1 and any(c.node.op is not None for c in claims)
        self.redraw: Callable[[], Sequence[Sequence[Diagnosis]]] = tuple
        self.kinks: dict[float, Kinks] = {}
        self.wrong: list[Claim] = []
        self.found: dict[Claim, Finding] = {}
        self._asked: dict[Claim, Iterator[tuple[Search, str]]] = {}  # what is to be explained yet

    def judge(self, claim: Claim) -> Finding:
        """What is to be said of a claim, those above it being judged, but the explanation."""
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
            finding = self._looked_at(claim, finding)
            self.wrong.append(claim)
        self.found[claim] = finding
        return finding

    def _looked_at(self, claim: Claim, finding: Finding) -> Finding:
        """What a wrong claim says by itself: else it is to be explained."""
        local = self._search(claim, self.usable)
        sources = [c for c in self.wrong if c.node in local.inside and c.fits]
        if sources and claim.fits and local.matches(local.expected):
            names = tuple(c.name for c in sources)
            kind = self.explained(sources[-1]).kind
            return replace(finding, verdict="follows", kind=kind, inherited=names)
        if claim.fits and claim.value.size and not claim.value.any():
            return replace(finding, explanation=all_zero(claim), kind="missing-term")
        if claim.fits and (text := rounded(claim)):
            return replace(finding, explanation=text)
        self._asked[claim] = self._searches(claim, local, bool(sources))
        return finding

    def _searches(
        self, claim: Claim, local: Search, inherits: bool
    ) -> Iterator[tuple[Search, str]]:
        """Where an explanation is looked for, and what is to be said of one that was found."""
        yield local, ""
        if inherits:
            yield self._search(claim, {}), ""
        if (unit := typed_unit(claim)) is not None:
            yield self._search(claim, local.above, unit), ""
        elif claim.value.size >= TELLING and np.array_equal(claim.full, np.float32(claim.full)):
            near = LOOSE * largest(claim.value)
            yield self._search(claim, local.above, near), "; so to 6 digits, as of float32"

    def _search(self, claim: Claim, above: Mapping[Node, Claim], unit: Any = None) -> Search:
        return Search(self.tape, self.catalogue, claim, above, unit=unit)

    def explained(self, claim: Claim) -> Finding:
        """What is to be said of a claim that was judged, with its explanation."""
        finding = self.found[claim]
        asked = self._asked.pop(claim, None)
        for search, so in asked or ():
            explanations = self._holding(search)
            if explanations:
                fair = [e for e in explanations if not self._accuses(e)]
                best, also = _ranked(fair or explanations)
                elsewhere = best.where not in ("", finding.name)
                text = f"{best.text} at  {best.where}" if elsewhere else best.text
                if any(not c.right for c in search.above.values() if c.node in search.inside):
                    text = f"wrong here as well: {text}"
                told = replace(finding, kind=best.kind, explanation=text + so)
                finding = replace(told, where=best.where, also=also)
                break
        else:
            if asked and not claim.fits:
                finding = replace(finding, kind="shape", explanation=misshapen(claim))
            elif asked:
                finding = replace(finding, explanation=unexplained(claim))
        self.found[claim] = finding
        return finding

    def _holding(self, search: Search) -> list[Explanation]:
        """What explains a claim, on other data of one sort too."""
        found = self._explanations(search)
        redrawn = self.redraw() if found else ()
        for draws in redrawn:
            said = [self._said(other, search) for other in draws]
            holding = [e for e in found if all(e.said in there for there in said)]
            if holding:
                return holding
        return [] if redrawn else found

    def _said(self, other: Diagnosis, search: Search) -> set[tuple[str, str, str]]:
        """What is said of the same claim on other data."""
        twin = dict(zip(self.claims, other.claims, strict=True))
        above = {twin[c].node: twin[c] for c in search.above.values()}
        there = other._search(twin[search.claim], above, search.unit)
        return {e.said for e in other._explanations(there)}

    def _explanations(self, search: Search) -> list[Explanation]:
        return (explain if search.claim.fits else explain_shape)(search)

    def _accuses(self, e: Explanation) -> bool:
        """Whether it says of a claim that is right that it is wrong."""
        for other in self.claims if e.sites else ():
            if other.right and other.fits:
                moved = self.tape.carried(e.sites, other.node)
                slack = 10 * other.tolerance + 1e-9 * largest(other.value)
                if (np.abs(moved) > slack).any():
                    return True
        return False


def diagnosis_on(truth: Truth, claims: Sequence[Claim], values: Sequence[Vector]) -> Diagnosis:
    """The diagnosis of the same claims on other data, given the gradients and the values there."""
    made = []
    for claim, value in zip(claims, values, strict=True):
        found = Claim(claim.name, claim.user, truth.of[claim.user], value)
        if claim.jacobian is not None:
            found.contract(truth.tape.seed, truth.gradient(claim.user))
        elif claim.fits:
            found.value = found.full = in_shape(found.value, found.node.shape)
        found.read, found.read_as = claim.read, claim.read_as
        found.judge(truth.tape.g[found.node], claim.blur, Allowance())
        made.append(found)
    return Diagnosis(truth.tape, made)


def _ranked(explanations: Iterable[Explanation]) -> tuple[Explanation, tuple[str, ...]]:
    """The simplest explanation, and the other kinds that explain the numbers equally well."""
    best, *rest = sorted(explanations, key=lambda e: e.rank)
    kinds = (*best.other_kinds, *(e.kind for e in rest if e.rank < best.rank + EQUAL))
    alike = (e for e in rest if e.anywhere == best.anywhere != "" and e.kind == best.kind)
    if places := {e.where for e in alike} - {best.where}:
        sure = len(places) < PLACES and best.kind != "sign"
        where = " or ".join((best.where, *sorted(places))) if sure else ""
        best = replace(best, text=best.anywhere, where=where)
    return best, tuple(kind for kind in dict.fromkeys(kinds) if kind != best.kind)


def _plain(array: Vector) -> Any:
    """An array, or a float for a single number."""
    return array if np.ndim(array) else float(array)
