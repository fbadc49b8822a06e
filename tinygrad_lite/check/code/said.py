"""What is said of every step of a derivation, before anything is mended."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ...graph.node import Node
from ..claims import Allowance, Asked, Claim
from ..diagnosis import Diagnosis
from ..findings import Finding
from ..rounding import precision
from .derivation import Data, Edits
from .judge import Judge
from .judged import FOLLOWS, PARTLY, RIGHT, UNJUDGED, UNSEEN, WRONG, Equal, Judged
from .measure import Elsewhere, Measure
from .pairs import Pairs
from .trace import Trace
from .truth import Truth

# What is told first of a line that ran often.
RANKS = {v: rank for rank, v in enumerate((WRONG, FOLLOWS, RIGHT, UNSEEN, PARTLY))}


@dataclass(eq=False)
class Said:
    """The steps of a derivation with their verdicts, and what is said of each."""

    about: Asked
    run: Callable[[Data | None, Edits | None], Trace]
    trace: Trace
    pairs: Pairs
    allowance: Allowance
    elsewhere: Elsewhere | None = None
    causes: list[Finding] = field(default_factory=list)  # lines without a verdict that are wrong

    @property
    def diagnosis(self) -> Diagnosis:
        """What the numbers of the lines say."""
        raise NotImplementedError

    @cached_property
    def truth(self) -> Truth:
        """What they should be."""
        return Truth(self.about.tape, self.about.tape.twin, self.about.seed is not None)

    @cached_property
    def measure(self) -> Measure:
        """How they are held against it."""
        tape = self.about.tape
        reached = [n for n in self.about.order if tape.twin[n] in tape.g]
        return Measure(self.about, self.allowance, reached)

    @property
    def equal(self) -> Equal:
        """Whether a value is a gradient."""
        return self.measure.equal if self.elsewhere is None else self.elsewhere.equal

    @cached_property
    def rows(self) -> list[Judged]:
        """Every step that is a number or an array."""
        rows = Judge(self.trace, self.truth, self.pairs, self.equal).run()
        for row in rows:
            if row.verdict == RIGHT and row.node is not None and self._is_zero(row):
                row.verdict = UNSEEN
        return rows

    def _is_zero(self, row: Judged) -> bool:
        """Whether what a step stands for is 0, or its terms cancel to 0."""
        assert row.node is not None
        if self.elsewhere is not None or self.about.seed is not None:
            return not np.any(self.truth.gradient(row.node))
        return self.measure.blur(row.node, precision(row.step.value)).zero

    @cached_property
    def statements(self) -> list[Judged]:
        """One step for every line that was judged: of a line that ran many times the first that is
        wrong, or else the last."""
        ran: dict[ast.AST, list[Judged]] = {}
        for row in self.rows:
            ran.setdefault(row.step.instance.statement, []).append(row)
        chosen = []
        for rows in ran.values():
            judged = [row for row in rows if row.verdict != UNJUDGED]
            if judged:
                least = min(RANKS[row.verdict] for row in judged)
                worst = [row for row in judged if RANKS[row.verdict] == least]
                chosen.append(worst[0] if least < RANKS[RIGHT] else worst[-1])
                continue
            last = {(row.step.of, row.step.instance): row for row in rows}.values()
            if all(row.found is not None for row in last):
                chosen.append(rows[-1])
        return chosen

    @cached_property
    def claims(self) -> dict[Judged, Claim]:
        """The gradients that are claimed in the end."""
        return {
            row: self.measure.claim(self.named(row.node), row.node, row.unscaled(row.step.value))
            for row in self.rows
            if row.node is not None and row.last and row.verdict != UNJUDGED
            if self.elsewhere is None and np.isfinite(row.step.value).all()
        }

    @property
    def _judged(self) -> list[Judged]:
        return [row for row in self.rows if row.node is not None and row.verdict != UNJUDGED]

    def _finding(self, row: Judged, claim: Claim | None) -> Finding:
        name = row.step.name or self.named(row.node)
        code = self.trace.source.of(row.step.instance.statement)
        finding = Finding(
            name=name,
            verdict=RIGHT,
            shape=tuple(np.shape(row.step.value)),
            node=row.found if row.node is None else row.node,
            claimed=row.step.value,
            line=self.trace.number(row.step.instance.statement),
            cell=self.trace.cell(row.step.instance.statement),
            code=code,
        )
        if row.node is None and row.found is not None:
            of = self.named(row.found)
            of = of or self.about.tape.label(self.about.tape.twin[row.found])
            said = f"the gradient with respect to {of}"
            return replace(finding, explanation=said)
        if self.elsewhere is not None and row.last and row.verdict == WRONG:
            assert row.node is not None
            known = self.elsewhere.told.get(row.node, finding)
            return replace(
                finding, verdict=WRONG, kind=known.kind or "other", explanation=known.explanation
            )
        if row.verdict == UNSEEN:
            return replace(finding, verdict=UNSEEN)
        if claim is None and row.last and row.verdict == WRONG:
            told = f"it is not finite, as {row.step.name} has to be"
            return replace(finding, verdict=WRONG, kind="other", explanation=told)
        if claim is None:
            return self._part(row, finding)
        if row.verdict == FOLLOWS:
            return replace(finding, verdict=FOLLOWS, inherited=self._sources(row), error=None)
        judged = self.diagnosis.judge(claim)
        return replace(
            judged,
            name=name,
            line=finding.line,
            cell=finding.cell,
            code=code,
            node=row.node,
            explanation=claim.note or judged.explanation or str(row.multiple or ""),
        )

    def _part(self, row: Judged, finding: Finding) -> Finding:
        """A step that is not the last of its name."""
        if row.verdict == RIGHT:
            return finding
        if row.verdict == PARTLY:
            return replace(finding, explanation="a part of the gradient, so far")
        if row.verdict == FOLLOWS:
            return replace(finding, verdict=FOLLOWS, inherited=self._sources(row))
        what = "what it adds" if row.step.builds else "it"
        told = f"{what} is no part of the gradient with respect to {self.named(row.node)}"
        kind = "other"
        if not row.step.builds and len(row.parts or ()) > 1:
            told, kind = f"it overwrites what {row.step.name} held: += is meant", "missing-term"
        return replace(finding, verdict=WRONG, kind=kind, explanation=told)

    def _sources(self, row: Judged) -> tuple[str, ...]:
        """The names of the wrong steps that one is computed from."""
        felt = self.trace.above(row.step.record)
        off = (r for r in row.above if r.verdict == WRONG and r.step.record in felt)
        return tuple({self._called(r): None for r in off})

    def _called(self, row: Judged) -> str:
        """The name that a step gives a value, or its line."""
        return row.step.name or f"line {self.trace.number(row.step.instance.statement)}"

    @property
    def unjudged(self) -> tuple[tuple[int, str, str], ...]:
        """Lines that stand for no gradient that is known here."""
        told = {id(row.step.instance.statement) for row in self.statements}
        causes = {(cause.cell, cause.line) for cause in self.causes}
        rest = {
            (self.trace.number(at), name, self.pairs.hint(name)): None
            for row in self.rows
            for name, at in ((row.step.name, row.step.instance.statement),)
            if name and row.node is None and id(at) not in told and self.pairs.node(name) is None
            if not isinstance(row.step.value, int)  # it counts
            if name.isidentifier() or self.pairs.reads_like_one(name)
            if (self.trace.cell(at), self.trace.number(at)) not in causes
        }
        return tuple(rest)

    def named(self, node: Node | None) -> str:
        """What a node is called."""
        return "" if node is None else self.pairs.names.get(node, "")
