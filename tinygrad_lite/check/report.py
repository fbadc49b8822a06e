"""What `check` answers: a `Finding` per claim, and the `Report` that prints them."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..graph.node import Node

KINDS = (
    "sign",
    "transpose",
    "missing-factor",
    "extra-factor",
    "constant-scale",
    "mean-vs-sum",
    "missing-activation-derivative",
    "wrong-activation-derivative",
    "activation-derivative-at-wrong-point",
    "missing-broadcast-sum",
    "wrong-axis",
    "missing-term",
    "elementwise-vs-matmul",
    "wrong-order",
    "off-by-index",
    "double-count",
    "shape",
    "other",
)


@dataclass(frozen=True, eq=False, repr=False)
class Finding:
    """What is to be said about one claim.

    `verdict` is "right" or "wrong"; of a wrong one `kind` is one of `KINDS` ("" of a right one),
    `explanation` says in a sentence or two what was done, `where` is the step of the graph
    ("" when it is not one step), `also` holds the other kinds that explain the numbers equally
    well. `error` is the largest relative error and `entry` the index where it is (None when the
    shapes differ). `inherited` names the user's own claims whose error this one only carries on:
    its last step is right.
    """

    name: str
    node: Node
    verdict: str
    kind: str
    explanation: str
    where: str
    error: float | None
    entry: tuple[int, ...] | None
    also: tuple[str, ...]
    expected: Any
    claimed: Any
    inherited: tuple[str, ...] = ()
    first: bool = False

    def __bool__(self) -> bool:
        return self.verdict == "right"

    def __str__(self) -> str:
        return _table([self])

    __repr__ = __str__

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


@dataclass(frozen=True, eq=False)
class Report:
    """The findings, in the order of the claims. Truthy when every claim is right."""

    findings: tuple[Finding, ...]
    _by_node: dict[int, Finding] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_node", {id(f.node): f for f in self.findings})

    def __bool__(self) -> bool:
        return all(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def ok(self) -> bool:
        """Whether every claim is right."""
        return bool(self)

    def __getitem__(self, key: Node | str | int) -> Finding:
        if isinstance(key, int):
            return self.findings[key]
        if isinstance(key, Node):
            if id(key) in self._by_node:
                return self._by_node[id(key)]
        else:
            for finding in self.findings:
                if finding.name == key:
                    return finding
        names = ", ".join(f.name for f in self.findings)
        raise KeyError(f"no claim was made for {key!r}; the claims are {names}")

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """The findings that are wrong."""
        return tuple(f for f in self.findings if not f)

    @property
    def first(self) -> Finding | None:
        """The first wrong line, walking backwards from the loss; None when all is right."""
        return next((f for f in self.findings if f.first), next(iter(self.wrong), None))

    def __str__(self) -> str:
        return _table(self.findings)

    __repr__ = __str__

    def raise_if_wrong(self) -> None:
        """Raise `AssertionError` with the report, unless every claim is right."""
        if not self:
            raise AssertionError(f"the gradient is wrong\n{self}")

    def _repr_html_(self) -> str:
        rows = "".join(_row(f) for f in self.findings)
        return f"<table><tbody>{rows}</tbody></table>"


def _heading(finding: Finding) -> str:
    shape = tuple(finding.node.shape)
    return f"{finding.name} {shape}" if shape else finding.name


def _table(findings: Any) -> str:
    headings = [_heading(f) for f in findings]
    width = max(map(len, headings), default=0)
    lines = []
    for finding, heading in zip(findings, headings, strict=True):
        start = f"{heading:<{width}}   {finding.verdict:<5}   "
        lines.append(
            textwrap.fill(
                finding.message(),
                width=max(100, len(start) + 40),
                initial_indent=start,
                subsequent_indent=" " * len(start),
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    return "\n".join(lines)


def _row(finding: Finding) -> str:
    color = "#1a7f37" if finding else "#cf222e"
    own = finding.kind and not finding.inherited
    kind = f"<b>{finding.kind}</b>: " if own else ""
    cells = (
        f"<code>{html.escape(finding.name)}</code>",
        f'<span style="white-space:nowrap">{finding.node.shape}</span>',
        f'<span style="color:{color}">{finding.verdict}</span>',
        kind + html.escape(finding.message()),
    )
    return "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"
