"""The lines of a derivation: every one gets its `Finding`."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...graph.node import Node
from ..claims import Allowance, Asked, Claim
from ..derived import BUDGET, as_code
from ..diagnosis import Diagnosis
from ..findings import Finding
from ..mend import Draw, Mend, Mender, told
from ..mend.search import NEAR_BY, SHARES
from ..rounding import precision
from .derivation import Data, Edits
from .judge import Judge
from .judged import FOLLOWS, PARTLY, RIGHT, UNJUDGED, UNSEEN, WRONG, Judged
from .measure import Elsewhere, Measure
from .pairs import Pairs
from .steps import Step, steps, target_of
from .trace import Instance, Trace
from .truth import Truth

# What is told first of a line that ran often.
RANKS = {v: rank for rank, v in enumerate((WRONG, FOLLOWS, RIGHT, UNSEEN, PARTLY))}


@dataclass(eq=False)
class Lines:
    """The lines of a derivation, judged."""

    about: Asked
    run: Callable[[Data | None, Edits | None], Trace]
    trace: Trace
    pairs: Pairs
    allowance: Allowance
    elsewhere: Elsewhere | None = None
    mends: list[tuple[Judged, Mend]] = field(default_factory=list)
    left: float = BUDGET  # seconds for the engine's own lines
    causes: list[Finding] = field(default_factory=list)  # lines without a verdict that are wrong

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

    @cached_property
    def rows(self) -> list[Judged]:
        """Every step that is a number or an array."""
        equal = self.measure.equal if self.elsewhere is None else self.elsewhere.equal
        rows = Judge(self.trace, self.truth, self.pairs, equal).run()
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
            elif all(row.found is not None for row in rows):
                chosen.append(rows[-1])
        return chosen

    def findings(self, *, mends: bool = True) -> list[Finding]:
        """What is to be said of every line that was judged, mended where `mends`."""
        chosen = {id(row) for row in self.statements}
        self.diagnosis.usable = {}
        found: dict[int, Finding] = {}
        for row in self.rows:
            claim = self.claims.get(row)
            if id(row) in chosen:
                found[id(row)] = self._finding(row, claim)
            if claim is not None and claim.fits:
                self.diagnosis.usable[claim.node] = claim
        if mends:
            self._mend(found)
        for row in self.claims:
            if id(row) in found and found[id(row)].mended is None:
                explained = self._explained(row, found[id(row)])
                found[id(row)] = explained if row.taken else self._ruled(explained)
        failed = [] if self.trace.error is None else [self._failed()]
        every = [*found.values(), *self.causes, *failed]
        every.sort(key=lambda f: (f.cell, f.line))
        first = next((f for f in every if f.verdict == WRONG), None)
        return [replace(f, first=f is first) for f in every]

    @cached_property
    def claims(self) -> dict[Judged, Claim]:
        """The gradients that are claimed in the end."""
        return {
            row: self.measure.claim(self.named(row.node), row.node, row.unscaled(row.step.value))
            for row in self.rows
            if row.node is not None and row.last and row.verdict != UNJUDGED
            if self.elsewhere is None and np.isfinite(row.step.value).all()
        }

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What the numbers of the lines say, on other data too."""
        made = Diagnosis(self.about.tape, list(self.claims.values()))
        made.redraw = lambda: self.mender.redrawn(made.claims, self._values)
        return made

    def _values(self, draw: Draw) -> list[Any]:
        """What is claimed on other data."""
        known = steps(self.run(draw, None))
        return [r.unscaled(known[r.index].value) for r in self.claims]

    def _explained(self, row: Judged, finding: Finding) -> Finding:
        """With what explains its numbers, where it is wrong and there is such a thing."""
        claim = self.claims.get(row)
        if claim is None or claim not in self.diagnosis.found or finding.verdict != WRONG:
            return finding
        known = self.diagnosis.explained(claim)
        said = claim.note or known.explanation
        return replace(finding, kind=known.kind, explanation=said, where=known.where)

    def _ruled(self, finding: Finding) -> Finding:
        """With the engine's own line beside one that is wrong and that nothing short mends."""
        E = self.about.order[0]
        if finding.verdict != WRONG or finding.mended is not None or E.shape:
            return finding
        if finding.node is None:
            return finding
        start = time.thread_time()
        right = as_code(E, finding.node, self.about.tape, max(self.left, 0.0))
        self.left -= time.thread_time() - start
        name = f"{finding.name} = " if finding.name.isidentifier() else ""
        return replace(finding, mended=name + right, by="rule") if right else finding

    def _rights(self, mender: Mender, mend: Mend, row: Judged, judged: list[Judged]) -> bool:
        """Whether a mend puts a step, or what its name holds in the end, right."""
        last = next(r for r in reversed(judged) if r.step.of == row.step.of)
        return any(mender.rights(r, mend) for r in dict.fromkeys((row, last)))

    def _mend(self, found: dict[int, Finding]) -> None:
        """Mend what is wrong. Of several mends the one that puts most lines right comes first; what
        is right with it follows from the first of them."""
        judged, mender = self._judged, self.mender
        wrong = [r for r in self.rows if id(r) in found and found[id(r)].verdict == WRONG]
        felt = [
            {r.instance.statement for r in self.trace.above(row.step.record) if r.instance}
            for row in {row.step.of: row for row in judged}.values()
        ]
        wrong.sort(key=lambda r: -sum(r.step.instance.statement in above for above in felt))
        mender.wrong = wrong
        off = [r for r in judged if r.verdict == WRONG]
        mends: dict[Mend, Judged] = {}
        every = [(turns, row) for turns in (NEAR_BY, NEAR_BY, len(SHARES)) for row in wrong]
        for turns, row in every:  # what is mended later may show what was wrong before
            if row in mends.values():
                continue
            of, own = row.step.of, row.step.instance.statement
            closed = {r.step.instance.statement for r in judged if r.step.of != of} - {own}
            closed -= self._loose
            last = next(r for r in reversed(judged) if r.step.of == of)
            line = [r for r in off if r.step.instance is row.step.instance and r.step.of != of]
            mend = mender.mend(row, closed, last=last, beside=line, turns=turns)
            if mend is not None:
                mends.setdefault(mend, row)
        rights = {
            mend: [
                r
                for r in wrong
                if r is row or (mender.feels(r, mend) and self._rights(mender, mend, r, judged))
            ]
            for mend, row in mends.items()
            if mender.holds(mend, mends)
        }
        while rights:
            best = max(rights, key=lambda mend: len(rights[mend]))
            first, *others = rights.pop(best)
            rights = {
                m: rest
                for m, rows in rights.items()
                if (rest := [r for r in rows if r not in (first, *others)])
            }
            self.mends.append((first, best))
            name, own = self._called(first), first.step.instance.statement
            finding = found[id(first)]
            elsewhere = [p for p in best.places if p not in set(ast.walk(own))]
            if best.kind == "other":  # then the numbers say what kind of mistake it is
                finding = self._explained(first, finding)
            cause = self._unjudged_line(elsewhere)
            if cause is not None:
                name = target_of(cause)
                self.causes.append(told(self._at(cause, name, finding), best))
                for r in self.rows:
                    if r.step.instance.statement is cause:  # it is right in some turns
                        found.pop(id(r), None)
                others = [first, *others]
            else:
                where = self.trace.where(elsewhere[0]) if elsewhere else ""
                found[id(first)] = replace(told(finding, best), mended_at=where)
            for row in others:
                follows = replace(found[id(row)], verdict=FOLLOWS, inherited=(name,), kind="")
                found[id(row)] = replace(follows, where="", also=())

    @cached_property
    def _loose(self) -> set[ast.AST]:
        """The lines on which no verdict was given, in some turns at least."""
        judged = {id(row) for row in self._judged}
        return {r.step.instance.statement for r in self.rows if id(r) not in judged}

    @property
    def _judged(self) -> list[Judged]:
        return [row for row in self.rows if row.node is not None and row.verdict != UNJUDGED]

    @cached_property
    def mender(self) -> Mender:
        """What mends them."""
        right = [row for row in self._judged if row.verdict == RIGHT]
        kept = [r for r in self._judged if r.verdict in (RIGHT, FOLLOWS) and r.parts is None]
        mender = Mender(self.run, self.trace, self.truth, right, kept=kept)
        mender.fresh = None if self.elsewhere is None else self.elsewhere.fresh
        mender.computed = self.about.computed
        return mender

    def _unjudged_line(self, places: Sequence[ast.AST]) -> Any:
        """The line of the derivation that holds some places, if no verdict was given on it."""
        judged = {row.step.instance.statement for row in self.statements} - self._loose
        lines = [s for s in ast.walk(self.trace.definition) if isinstance(s, ast.stmt)]
        for statement in reversed(lines):  # the inner ones first
            if places and set(places) <= set(ast.walk(statement)):
                own = statement not in judged and statement is not self.trace.definition
                return statement if own else None
        return None

    def _at(self, statement: Any, name: str, like: Finding) -> Finding:
        """What is said of a step, said of the line that is to be changed."""
        code = self.trace.text(statement)
        number, cell = self.trace.number(statement), self.trace.cell(statement)
        return replace(like, name=name, line=number, cell=cell, code=code, node=None)

    @property
    def edits(self) -> dict[ast.AST, str]:
        """All that is to be changed."""
        return {place: text for _, mend in self.mends for place, text in mend.places.items()}

    def _failed(self) -> Finding:
        """What is to be said of the line that raised an error."""
        instance = self.trace.failed
        assert instance is not None
        statement: Any = instance.statement
        name = target_of(statement)
        node = self.pairs.node(name)
        finding = Finding(
            name=name,
            verdict=WRONG,
            kind="other",
            explanation=self.trace.raised,
            node=node,
            line=self.trace.number(statement),
            cell=self.trace.cell(statement),
            code=self.trace.text(statement),
        )
        mended = self.mender.with_mends(mend for _, mend in self.mends)
        if mended.failed is None or mended.failed.statement is not statement:
            causes = tuple(dict.fromkeys(self._called(row) for row, _ in self.mends))
            return replace(finding, verdict=FOLLOWS, inherited=causes, kind="")
        mend = None if node is None else self._mend_raised(name, node, instance)
        if mend is not None:
            finding = replace(finding, mended=mend.line, by="edit")
        return self._ruled(finding)

    def _mend_raised(self, name: str, node: Node, instance: Instance) -> Mend | None:
        """Mend the line that raised an error, as the step that it would be."""
        off = [row for row in self.rows if row.verdict in (WRONG, FOLLOWS)]
        step = Step(name, self.trace.records[-1], instance)
        row = Judged(len(steps(self.trace)), step, node, off=off)
        changed = {r.step.record: r.wanted(self.truth) for r in off}
        mend = self.mender.mend_raised(row, instance, node, changed)
        if mend is not None:
            self.mends.append((row, mend))
        return mend

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
            explanation=claim.note or judged.explanation or row.taken_up,
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
            if (self.trace.cell(at), self.trace.number(at)) not in causes
        }
        return tuple(rest)

    def named(self, node: Node | None) -> str:
        """What a node is called."""
        return "" if node is None else self.pairs.names.get(node, "")
