"""What a report is made of: a verdict per gradient, printed in one way as text and as HTML."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from ..graph.node import Node
from .kinds import KINDS, known

WIDTH, LEAST = 100, 40  # columns of a line, and at least so many for the text in it
GREEN, RED = "#1a7f37", "#cf222e"

Line = tuple[str, str]  # what a line starts with, and the text beside it


@dataclass(frozen=True, eq=False, repr=False)
class Judged:
    """What is to be said about one gradient.

    `verdict` is "right" or "wrong"; of a wrong one `kind` is one of `KINDS` ("" of a right one)
    and `explanation` says in a sentence or two what was done.
    """

    name: str
    verdict: str
    kind: str
    explanation: str

    def __post_init__(self) -> None:
        if not self:
            known(self.kind)

    def __bool__(self) -> bool:
        return self.verdict == "right"

    def __str__(self) -> str:
        return table([self])

    __repr__ = __str__

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that stands beside the name; () where none is to."""
        return ()

    @property
    def own(self) -> bool:
        """Whether the mistake was made here."""
        return not self

    def answers(self, key: Any) -> bool:
        """Whether a report's entry `key` is this one."""
        return isinstance(key, str) and key == self.name

    def message(self) -> str:
        """What the report's line says after the verdict."""
        return self.explanation


F = TypeVar("F", bound=Judged)


@dataclass(frozen=True, eq=False, repr=False)
class Findings(Generic[F]):
    """The findings, in order. Truthy when every gradient is right."""

    findings: tuple[F, ...]
    title: ClassVar[str] = "the gradient is wrong"

    def __bool__(self) -> bool:
        return all(self.findings)

    def __iter__(self) -> Iterator[F]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def ok(self) -> bool:
        """Whether every gradient is right."""
        return bool(self)

    def __getitem__(self, key: Any) -> F:
        if isinstance(key, int):
            return self.findings[key]
        for finding in self.findings:
            if finding.answers(key):
                return finding
        names = ", ".join(f.name for f in self.findings)
        raise KeyError(f"no claim was made for {key!r}; the claims are {names}")

    @property
    def wrong(self) -> tuple[F, ...]:
        """The findings that are wrong."""
        return tuple(f for f in self.findings if not f)

    def below(self) -> list[Line]:
        """The lines below the table."""
        return []

    def __str__(self) -> str:
        return table(self.findings, self.below())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [_row(f) for f in self.findings]
        rows += [f'<tr><td colspan="4">{html.escape(a + b)}</td></tr>' for a, b in self.below()]
        return f"<table><tbody>{''.join(rows)}</tbody></table>"

    def raise_if_wrong(self) -> None:
        """Raise `WrongGradient`, an `AssertionError`, unless every gradient is right."""
        if not self:
            raise WrongGradient(self)


@dataclass(frozen=True, eq=False, repr=False)
class Finding(Judged):
    """What is to be said about one claim.

    `verdict` is "right" or "wrong"; of a wrong one `kind` is one of `KINDS` ("" of a right one),
    `explanation` says in a sentence or two what was done, `where` is the step of the graph
    ("" when it is not one step), `also` holds the other kinds that explain the numbers equally
    well. `error` is the largest relative error and `entry` the index where it is (None when the
    shapes differ). `inherited` names the user's own claims whose error this one only carries on:
    its last step is right.
    """

    node: Node
    expected: Any
    claimed: Any
    error: float | None
    entry: tuple[int, ...] | None
    where: str = ""
    also: tuple[str, ...] = ()
    inherited: tuple[str, ...] = ()
    first: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The node's shape."""
        return tuple(self.node.shape)

    @property
    def own(self) -> bool:
        """Whether the mistake was made here, not in a claim above."""
        return not self and not self.inherited

    def answers(self, key: Any) -> bool:
        """Whether `key` is the node, or its name."""
        return key is self.node or super().answers(key)

    def message(self) -> str:
        """What the report's line says after the verdict."""
        if self:
            note = f"; {self.explanation}" if self.explanation else ""
            return f"largest relative error {self.error:.0e}{note}"
        parts = [self.explanation]
        if self.first:
            parts.insert(0, "[the first wrong line]")
        if self.also:
            parts.append(f"(also fits: {', '.join(self.also)})")
        return " ".join(parts)


@dataclass(frozen=True, eq=False, repr=False)
class Report(Findings[Finding]):
    """The findings, in the order of the claims. Truthy when every claim is right."""

    @property
    def first(self) -> Finding | None:
        """The first wrong line, walking backwards from the loss; None when all is right."""
        return next((f for f in self.findings if f.first), next(iter(self.wrong), None))


class WrongGradient(AssertionError):
    """A gradient is wrong; `report` says which, where and, if it can be told, why."""

    def __init__(self, report: Findings[Any]) -> None:
        super().__init__(f"{report.title}\n{report}")
        self.report = report


def table(findings: Iterable[Judged], below: Iterable[Line] = ()) -> str:
    """A line per finding, its verdict below that of the others; long ones are wrapped."""
    headings = {f: f"{f.name} {f.shape}" if f.shape else f.name for f in findings}
    width = max(map(len, headings.values()), default=0)
    lines = [(f"{h:<{width}}   {f.verdict:<5}   ", f.message()) for f, h in headings.items()]
    return "\n".join(
        textwrap.fill(
            text,
            width=max(WIDTH, len(start) + LEAST),
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for start, text in [*lines, *below]
    )


def _row(finding: Judged) -> str:
    kind = f'<b title="{KINDS[finding.kind]}">{finding.kind}</b>: ' if finding.own else ""
    cells = (
        f"<code>{html.escape(finding.name)}</code>",
        f'<span style="white-space:nowrap">{finding.shape or ""}</span>',
        f'<span style="color:{GREEN if finding else RED}">{finding.verdict}</span>',
        kind + html.escape(finding.message()),
    )
    return "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"
