"""What `check` answers: a `Finding` per claim, and their `Report`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..graph.node import Node
from .findings import Findings, Judged


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
