"""The lines of a derivation: every one gets its `Finding`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ...graph.clock import spent
from ...graph.node import Node
from ...notation.words import listed
from ..derived import BUDGET, as_code
from ..diagnosis import Diagnosis
from ..findings import Finding
from ..mend import Mend, Mender, Trials, compatible, told
from ..mend.search import NEAR_BY, SHARES
from .derivation import Data
from .judge import Judge
from .judged import FOLLOWS, PARTLY, RIGHT, UNJUDGED, UNSEEN, WRONG, Judged
from .said import Said
from .settled import Settled
from .source import Change
from .steps import Step, steps, target_of
from .trace import Instance, Record, Trace

HURRIED = "not every edit was tried in the time for it"


@dataclass(eq=False)
class Lines(Said):
    """The lines of a derivation, judged and mended."""

    mends: list[tuple[Judged, Mend]] = field(default_factory=list)
    left: float = BUDGET  # seconds for the engine's own lines

    def __post_init__(self) -> None:
        self._given = dict(self.pairs.given)  # before anything was judged

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
                ruled = explained if row.multiple else self._ruled(explained)
                hurried = mends and self.mender.hurried and ruled.verdict == WRONG
                found[id(row)] = _doubted(ruled, HURRIED) if hurried else ruled
        failed = self.trace.failed
        ran = (row for row in self.rows if row.step.instance is not failed)
        every = [found[id(row)] for row in ran if id(row) in found]
        every += [*self.causes, *([] if failed is None else [self._failed()])]
        every.sort(key=lambda f: (f.cell, f.line))
        first = next((f for f in every if f.verdict == WRONG), None)
        return [replace(f, first=f is first) for f in every]

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What the numbers of the lines say, on other data too."""
        made = Diagnosis(self.about.tape, list(self.claims.values()))
        made.redraw = lambda: self.mender.trials.redrawn(made.claims, self._values)
        return made

    def _values(self, draw: Data) -> list[Any]:
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
        start = spent()
        right = as_code(E, finding.node, self.about.tape, max(self.left, 0.0))
        self.left -= spent() - start
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
        off = [r for r in judged if r.verdict == WRONG]
        mends: dict[Mend, Judged] = {}
        leading = self._first_of_each(wrong)
        every = [(turns, row) for turns in (NEAR_BY, NEAR_BY) for row in leading]
        every += [(len(SHARES), row) for row in wrong]
        for turns, row in every:  # what is mended later may show what was wrong before
            if row in mends.values():
                continue
            of, own = row.step.of, row.step.instance.statement
            closed = {r.step.instance.statement for r in judged if r.step.of != of} - {own}
            closed -= self._loose
            last = next(r for r in reversed(judged) if r.step.of == of)
            line = [r for r in off if r.step.instance is row.step.instance and r.step.of != of]
            wrong_one = row.entry(self.trace, self.truth) or row
            mend = mender.mend(wrong_one, closed, last=last, beside=line, turns=turns)
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
            self.mends.append((first, best))
            name, own = self._called(first), first.step.instance.statement
            finding = found[id(first)]
            elsewhere = [e.place for e in best.edits if e.place not in set(ast.walk(own))]
            if best.kind == "other":  # then the numbers say what kind of mistake it is
                finding = self._explained(first, finding)
            cause = self._unjudged_line(elsewhere)
            if cause is not None:
                name = target_of(cause)
                self.causes.append(told(self._at(cause, name, finding), best))
                for r in self.rows:
                    if r.step.instance.statement is cause:  # it is right in some turns
                        found.pop(id(r), None)
                others = [r for r in (first, *others) if id(r) in found]
            else:
                where = self.trace.where(elsewhere[0]) if elsewhere else ""
                found[id(first)] = replace(told(finding, best), mended_at=where)
            rights = {
                m: rest
                for m, rows in rights.items()
                if (rest := [r for r in rows if r not in (first, *others) and id(r) in found])
            }
            for row in others:
                follows = replace(found[id(row)], verdict=FOLLOWS, inherited=(name,), kind="")
                found[id(row)] = replace(follows, where="", also=())

        if not self._settle(found):
            self._doubt([r for r in wrong if id(r) in found and found[id(r)].by != "edit"], found)

    def _settle(self, found: dict[int, Finding]) -> bool:
        """Where all is right with one of the mends, or with all of them, let what else was called
        wrong follow from it: what is wrong upstream hides what a line stands for."""
        mends = [mend for _, mend in self.mends]
        wrong = {k for k, f in found.items() if f.verdict == WRONG}
        if not mends or len(wrong) + len(self.causes) < 2:
            return False
        ends = (row.node for row in self._judged if row.final)
        claimed = {node for node in ends if node is not None and node.op is None}
        settled = Settled(self.mender, self.pairs, self._given, self.equal, claimed).of(mends)
        if settled is None:
            return False
        self.mends = [(row, mend) for row, mend in self.mends if mend in settled]
        lines = {mend.line for mend in settled}
        self.causes = [cause for cause in self.causes if cause.mended in lines]
        named = [cause.name for cause in self.causes]
        named += [self._called(row) for row, _ in self.mends if id(row) in wrong]
        inherited = tuple(dict.fromkeys(named))
        for k in wrong - {id(row) for row, _ in self.mends}:
            follows = replace(found[k], verdict=FOLLOWS, inherited=inherited, error=None, kind="")
            found[k] = replace(follows, explanation="", where="", also=(), mended=None, by="")
        return True

    @cached_property
    def _loose(self) -> set[ast.AST]:
        """The lines on which no verdict was given, in some turns at least."""
        judged = {id(row) for row in self._judged}
        return {r.step.instance.statement for r in self.rows if id(r) not in judged}

    def _doubt(self, rest: Sequence[Judged], found: dict[int, Finding]) -> None:
        """Say so where all that is wrong is mended, and something is wrong in the end all the
        same; where some is not, that the mends of what it is connected with take it for right."""
        left = [r for r in rest if found[id(r)].verdict == WRONG]
        for row, mend in self.mends if left else ():
            with_it = [r for r in left if self._connected(r.step.record, row.step.record)]
            others = listed(list(dict.fromkeys(map(self._called, with_it))))
            said = f"that is so with {others} put right"
            known = found.get(id(row))
            if with_it and known is not None and known.by == "edit":
                found[id(row)] = _doubted(known, said)
            elif with_it:
                causes = self.causes
                self.causes = [_doubted(f, said) if f.mended == mend.line else f for f in causes]
        mended = self.mender.with_mends(mend for _, mend in self.mends)
        if left or mended.error is not None:
            return
        ends = {step.of: step.value for step in steps(mended)}
        off = {
            row.step.name: None
            for row in self._judged
            if row.final and row.parts is None and row.verdict != UNSEEN and row.node is not None
            if row.step.of in ends
            if not self.equal(
                row.node, row.unscaled(ends[row.step.of]), self.truth.gradient(row.node)
            )
        }
        if off:
            said = f"with it {listed(off)} is still wrong"
            found |= {k: _doubted(f, said) for k, f in found.items() if f.by == "edit"}
            self.causes = [_doubted(f, said) for f in self.causes]

    def _connected(self, a: Record, b: Record) -> bool:
        """Whether one step is computed from the other, or both from one without a verdict."""
        of_a, of_b = self.trace.above(a), self.trace.above(b)
        both = of_a & of_b
        loose = (r.step.record for r in self.rows if r.verdict == UNJUDGED)
        return a in of_b or b in of_a or any(record in both for record in loose)

    @cached_property
    def mender(self) -> Mender:
        """What mends them."""
        right = [row for row in self._judged if row.verdict == RIGHT]
        kept = [r for r in self._judged if r.verdict in (RIGHT, FOLLOWS) and r.parts is None]
        partly = [r for r in self._judged if r.verdict in (FOLLOWS, PARTLY)]
        fresh = None if self.elsewhere is None else self.elsewhere.fresh
        given: Any = {"fresh": fresh, "computed": self.about.computed}
        given["wrong"] = [row for row in self._judged if row.verdict == WRONG]
        trials = Trials(self.run, self.trace, self.truth, right, kept=kept, partly=partly, **given)
        return Mender(trials)

    def _first_of_each(self, wrong: Sequence[Judged]) -> list[Judged]:
        """Of steps that come from the same statement, with none in between that is judged, as from
        a call that gives several gradients, the first: they have one cause."""
        found: list[Judged] = []
        blocked = {r.step.record for r in self._judged}
        for k, row in enumerate(wrong):
            above = self.trace.above(row.step.record, blocked - {row.step.record})
            at = {r.instance for r in above}
            if not any(other.step.instance in at for other in wrong[:k]):
                found.append(row)
        return found

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
    def changes(self) -> list[Change]:
        """All that is to be changed: of mends that cannot be made at once the first."""
        kept: list[Mend] = []
        for _, mend in self.mends:
            if all(compatible(other, mend) for other in kept):
                kept.append(mend)
        return list(dict.fromkeys(change for mend in kept for change in mend.changes))

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
        mend = mend or self._mend_run(name, instance)
        if mend is not None:
            inside = mend.edits[0].place in set(ast.walk(statement))
            where = "" if inside else self.trace.where(mend.edits[0].place)
            finding = replace(finding, mended=mend.line, by="edit", mended_at=where)
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

    def _mend_run(self, name: str, instance: Instance) -> Mend | None:
        """Mend the line that raised an error so that all is right in the end."""

        def ends(trace: Trace) -> list[Judged]:
            rows = Judge(trace, self.truth, self.pairs.copy(), self.equal).run()
            if any(row.verdict == WRONG for row in rows):
                return []
            return [row for row in rows if row.final and row.last and row.verdict == RIGHT]

        mend = self.mender.mend_run(self.trace.inside or instance, ends)
        if mend is not None:
            step = Step(name, self.trace.records[-1], instance)
            self.mends.append((Judged(len(steps(self.trace)), step), mend))
        return mend


def _doubted(finding: Finding, said: str) -> Finding:
    return replace(finding, explanation=f"{finding.explanation}; {said}")
