"""The report about a derivation that was given as code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..findings import Line, Report, listed


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

    @property
    def summary(self) -> str:
        """How many mistakes there are, and in which lines."""
        count = Counter(f.verdict for f in self)
        at = [f"{f.line} of cell {f.cell}" if f.cell else str(f.line) for f in self.wrong]
        of = f" of {self.called}" if self.called else ""
        parts = [
            at and f"{_counted(len(at), 'mistake')}, in line{'s' * (len(at) > 1)} {listed(at)}{of}",
            count["follows"]
            and f"{_counted(count['follows'], 'line')} that follow{'s' * (count['follows'] == 1)}",
            count["unclear"] and f"{count['unclear']} too weak to tell",
            count["unseen"] and f"{count['unseen']} not observable",
            count["right"] and f"{_counted(count['right'], 'line')} right",
        ]
        return "; ".join(part for part in parts if part)

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


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"
