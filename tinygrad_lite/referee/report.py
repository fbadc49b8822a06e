"""What `check_function` answers: a `FunctionFinding` per input, and their `FunctionReport`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..check.findings import Findings, Judged, Line


@dataclass(frozen=True, eq=False, repr=False)
class FunctionFinding(Judged):
    """What is to be said about the gradient of one input.

    `verdict`, `kind` and `explanation` are as in `Finding`. `error` is the largest error, relative
    to the largest entry of the gradient; `caught` maps each dtype to the smallest such error that
    would have been called wrong. `kinks` counts entries left out because the derivative jumps there
    (a claim between the slopes from both sides is accepted), `entries` those that were judged.
    """

    error: float
    caught: Mapping[str, float]
    entries: int
    kinks: int

    def message(self) -> str:
        """What the report's line says after the verdict."""
        if not self:
            return self.explanation
        caught = " or ".join(f"{e:.0e} ({dtype})" for dtype, e in self.caught.items())
        kinks = f"; {self.kinks} at a kink, where any slope between is right" if self.kinks else ""
        return (
            f"{self.entries} entries, largest relative error {self.error:.0e}; an error of "
            f"{caught} would have been caught{kinks}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class FunctionReport(Findings[FunctionFinding]):
    """The findings, one per input. Truthy when every gradient is right."""

    reference: str
    tried: str
    notes: tuple[str, ...] = ()
    title: ClassVar[str] = "the backward pass is wrong"

    def below(self) -> list[Line]:
        """The notes, what was tried, and what it was held against."""
        tried = ("tried: ", f"{self.tried}; reference: {self.reference}")
        return [*(("note: ", note) for note in self.notes), tried]
