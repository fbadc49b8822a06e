"""The report about a derivation that was given as code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...notation.words import counted, listed
from ..findings import Line, Report


@dataclass(frozen=True, eq=False, repr=False)
class LineReport(Report):
    """The findings of a derivation's lines. `unjudged` are the lines, by number and name, that
    stand for no gradient of the graph; the third entry says what may have been meant, if so.
    `mending` makes the source that has the mends; `called` is the function that has the lines,
    where another only calls it."""

    unjudged: tuple[tuple[int, str, str], ...] = ()
    mending: Callable[[], str] = str
    called: str = ""

    def fixed(self) -> str:
        """The whole source of the derivation with every mend in it, the functions that it calls
        included; what was not mended is as it was."""
        return self.mending()

    def _counted(self, count: Mapping[str, int]) -> dict[str, str]:
        at = [f"{f.line} of cell {f.cell}" if f.cell else str(f.line) for f in self.wrong]
        where = f"line{'s' * (len(at) > 1)} {listed(at)}" + f" of {self.called}" * bool(self.called)
        n = count["follows"]
        return super()._counted(count) | {
            "wrong": f"{counted(len(at), 'mistake')}, in {where}",
            "follows": f"{counted(n, 'line')} that follow{'s' * (n == 1)}",
            "right": f"{counted(count['right'], 'line')} right",
        }

    @property
    def _above(self) -> list[Line]:
        return [("", self.summary)]

    @property
    def _below(self) -> list[Line]:
        names = [f"{name} (line {number})" for number, name, hint in self.unjudged if not hint]
        rest = [("not judged: ", ", ".join(names))] if names else []
        hints = [
            ("not judged: ", f"{name} (line {number}): {hint}")
            for number, name, hint in self.unjudged
            if hint
        ]
        return [*super()._below, *hints, *rest]

    def to_dict(self) -> dict[str, Any]:
        """The report as data that JSON can hold."""
        return super().to_dict() | {"unjudged": [name for _, name, _ in self.unjudged]}
