"""Which step is wrong, and why: every claim gets its `Finding`."""

from __future__ import annotations

from .claims import Claim
from .report import Finding
from .tape import Tape


def diagnose(tape: Tape, claims: list[Claim]) -> tuple[Finding, ...]:
    """A finding per claim, in the order of the claims."""
    return tuple(_finding(claim) for claim in claims)


def _finding(claim: Claim) -> Finding:
    compared = claim.compared
    kind = "" if claim.right else "other" if claim.fits else "shape"
    return Finding(
        name=claim.name,
        node=claim.user,
        verdict="right" if claim.right else "wrong",
        kind=kind,
        explanation="" if claim.right else "not the gradient",
        where="",
        error=compared.error if compared else None,
        entry=compared.entry if compared else None,
        also=(),
        expected=claim.expected,
        claimed=claim.value,
    )
