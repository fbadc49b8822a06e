"""The lines of a derivation, mended: the edit that makes a wrong one right, on fresh data too."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...backprop.chain import slope
from ...graph.clock import spent
from ...graph.node import Node
from ..claims import in_shape
from ..code.judged import Entry
from ..code.library import name_in
from ..code.source import Source
from ..code.trace import Instance, Record, Trace
from ..tape import Tape, op_of
from .claimed import Claimed
from .edited import Mend, compatible, line_with, sentence, walked
from .known import Known
from .places import Goal
from .raising import repairs, singles
from .rows import Edit
from .search import NEAR_BY, SHARES, Hit, Search
from .trials import Trials
from .written import FAILS, standing

BUDGET, TOTAL = 1.6, 2.0  # seconds for one line, and for all lines of a derivation
KEPT = 0.5  # of these for what is farther-fetched: of the first lines, which may be the cause


@dataclass(eq=False)
class Mender:
    """Mends what is wrong in a derivation, one after the other; an edit that has made one thing
    right is tried first for the next. `left` are the seconds for all of it."""

    trials: Trials
    left: float = field(default_factory=lambda: TOTAL)
    hurried: bool = False  # not all that there is was tried
    found: list[Mend] = field(default_factory=list)
    ends: dict[Mend, Claimed] = field(default_factory=dict)  # what each was to make right
    searches: dict[tuple[Any, ...], tuple[Search | None, Any]] = field(
        default_factory=dict
    )  # to be gone on with

    def __post_init__(self) -> None:
        self.kept = KEPT * self.left
        self.run, self.trace, self.truth = self.trials.run, self.trials.trace, self.trials.truth

    def mend(
        self,
        wrong: Claimed,
        closed: Container[ast.AST] = (),
        *,
        last: Claimed | None = None,
        beside: Iterable[Claimed] = (),
        turns: int = len(SHARES),
    ) -> Mend | None:
        """The likeliest edit that makes something right, none of them in the statements `closed`;
        None where no short one does. It makes the `last` value of the name right or, where more is
        wrong with that, this one; and all that is `beside` it in its line."""
        mend = self._mend(wrong, closed, wrong if last is None else last, turns)
        for other in beside:
            if mend is not None and not self.rights(other, mend):
                more = self._mend(other, closed, other, turns)
                mend = (
                    None if more is None or not compatible(mend, more) else self._joined(mend, more)
                )
        return mend

    def _mend(
        self, wrong: Claimed, closed: Container[ast.AST], end: Claimed, turns: int
    ) -> Mend | None:
        either = list(dict.fromkeys((end, wrong)))
        for mend in self.found:
            if any(self.rights(claimed, mend) for claimed in either):
                return mend
        felt = (m for m in self.found if any(self.feels(claimed, m) for claimed in either))
        made = tuple(edit for mend in felt for edit in mend.edits)
        if isinstance(wrong, Entry):  # what makes the end right does that as well
            either = [wrong]
        elif self._turns(wrong):
            either.reverse()
        for needs in (made, ())[not made :]:
            hit = self._likeliest(either, end, closed, needs, turns)
            if hit is not None and turns > NEAR_BY:  # else the other line is mended by itself
                both = (*needs, *hit.edits)
                right = self.trials.confirm(end, both)
                more = None if right else self._likeliest([end], end, closed, both, turns)
                hit = hit if more is None else more._replace(edits=(*hit.edits, *more.edits))
            if hit is not None:
                self.found.append(self._made(hit, end, needs))
                self.ends[self.found[-1]] = end
                self.trials.made += hit.edits
                return self.found[-1]
        return None

    def rights(self, claimed: Claimed, mend: Mend) -> bool:
        """Whether a mend puts something right."""
        return self.trials.confirm(claimed, [*mend.needs, *mend.edits])

    def feels(self, claimed: Claimed, mend: Mend) -> bool:
        """Whether a mend can change something, given that what else is wrong is put right, but not
        what the mend changes."""
        at, places = claimed.line(self.trace, self.truth), {e.place for e in mend.edits}
        for edit in mend.edits:
            if isinstance(edit.new, list):  # a loop that it is put before, with its turns
                places.update(ast.walk(edit.place))
        made = [
            r
            for r in self.trace.records
            if r.site in places or (r.instance is not None and r.instance.statement in places)
        ]
        if at is None or at.record is None:
            return False
        felt = {*made, *self.trace.below(made)}
        blocked = [r for r in at.before if r not in felt]
        return at.record in (*made, *self.trace.below(made, at.record, blocked=blocked))

    def _likeliest(
        self,
        either: Sequence[Claimed],
        end: Claimed,
        closed: Container[ast.AST],
        needs: tuple[Edit, ...],
        turns: int,
    ) -> Hit | None:
        """What makes the end right, or else one of several: a part of a sum may be none of the
        graph's, but the first turn of a loop that departs is a straight line."""
        found = None
        for claimed in either:
            hit = self._searched(claimed, end, closed, needs, turns)
            if hit is not None and (
                claimed is end or self.trials.confirm(end, [*needs, *hit.edits])
            ):
                return hit
            found = hit or found
        lines = {at.instance.statement for c in either if (at := c.line(self.trace, self.truth))}
        return found if turns > NEAR_BY or len(lines) > 1 else None

    def _turns(self, claimed: Claimed) -> bool:
        """Whether its line ran many times."""
        at = claimed.line(self.trace, self.truth)
        statement = None if at is None else at.instance.statement
        ran = {r.instance for r in self.trace.records if r.instance is not None}
        return sum(i.statement is statement for i in ran) > 1

    def _searched(
        self,
        claimed: Claimed,
        end: Claimed,
        closed: Container[ast.AST],
        needs: tuple[Edit, ...],
        turns: int,
    ) -> Hit | None:
        """The likeliest edits that make something right where others are made, and the end too."""
        start, key = spent(), (_of(claimed), end, *map(id, needs))
        if self.left <= (self.kept if turns <= NEAR_BY else 0):
            self.hurried |= self.left <= 0
            search = self.searches[key][0] if key in self.searches else None
            return None if search is None or turns < len(SHARES) else search.best
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mean of nothing
            if key not in self.searches:
                self.searches[key] = self._search(claimed, end, closed, needs), needs
            search, hit = self.searches[key][0], None
            if search is not None:
                hit = search.run(turns, min(BUDGET, search.spent + self.left))
                self.hurried |= hit is None and search.late()
        self.left -= spent() - start
        return hit

    def _search(
        self,
        claimed: Claimed,
        end: Claimed,
        closed: Container[ast.AST],
        needs: tuple[Edit, ...],
    ) -> Search | None:
        goal = self._goal(claimed, closed, needs)
        if goal is None:
            return None
        ends = goal.ends
        if claimed is not end:
            ends = lambda made: self.trials.is_right(end, [*needs, *made])  # noqa: E731
        after = lambda edit: self._search(claimed, end, closed, (*needs, edit))  # noqa: E731
        try:
            return Search(replace(goal, ends=ends, after=after))
        except FAILS:  # the lines below do not run with what is right above them
            return None

    def _made(self, hit: Hit, end: Claimed, needs: tuple[Edit, ...]) -> Mend:
        told = "; ".join(
            (sentence(hit.edits), *self.trials.doubts(end, needs, hit.edits, hit.grade))
        )
        source = self._line(hit.edits[0])[0]
        return Mend(hit.edits, source, self._text(hit.edits), told, needs)

    def _text(self, edits: tuple[Edit, ...]) -> str:
        """The lines that some edits are in, as they should read."""
        lines = dict.fromkeys(self._line(edit) for edit in edits)
        return "; ".join(line_with(*at, edits) for at in lines)

    def with_mends(self, mends: Iterable[Mend]) -> Trace:
        """The run with some mends."""
        return self.run(None, standing([edit for mend in mends for edit in mend.edits]))

    def holds(self, mend: Mend, others: Iterable[Mend]) -> bool:
        """Whether what a mend is for is right in the end, with all of the mends if not before."""
        end = self.ends[mend]
        every = [edit for m in (mend, *others) for edit in m.edits]
        return self.rights(end, mend) or self.trials.confirm(end, every)

    def _joined(self, one: Mend, other: Mend) -> Mend:
        """Two mends of what one line assigns."""
        edits = (*one.edits, *(e for e in other.edits if e not in one.edits))
        told = f"{one.sentence}; and {other.sentence}"
        needs = (*one.needs, *other.needs)
        both = Mend(edits, one.source, self._text(edits), told, needs)
        self.ends[both] = self.ends[one]
        return both

    def mend_raised(
        self, claimed: Claimed, instance: Instance, node: Node, changed: Mapping[Record, Any]
    ) -> Mend | None:
        """The likeliest edits of a line that raised an error that make it a node's gradient, given
        what some records should be."""
        numpy = next((n for n, r in instance.names.items() if r.value is np), "np")
        until = spent() + min(BUDGET, self.left)
        source, wanted = self.trace.source, np.asarray(self.truth.gradient(node), float)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for found in repairs(instance, numpy, wanted, changed, until):
                if spent() > until:
                    return None
                if self.trials.confirm(claimed, found):
                    text = line_with(source, instance.statement, found)
                    return Mend(found, source, text, sentence(found))
        return None

    def mend_run(
        self, instance: Instance, ends: Callable[[Trace], Iterable[Claimed]]
    ) -> Mend | None:
        """The likeliest edit of a line that raised an error with which all `ends` of the run are
        right, of which there are none where something is not."""
        until = spent() + min(BUDGET, self.left)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for edit in singles(instance, name_in(instance)):
                if spent() > until:
                    return None
                trace = self.run(None, standing([edit]))
                right = [*ends(trace)] if trace.error is None else []
                if right and all(self.trials.confirm(claimed, [edit]) for claimed in right):
                    text = line_with(instance.source, instance.statement, [edit])
                    return Mend((edit,), instance.source, text, sentence([edit]))
        return None

    def _line(self, edit: Edit) -> tuple[Source, ast.AST]:
        """The line that a place is in, and the source that has it."""
        if isinstance(edit.place, ast.stmt):
            return self.trace.source, edit.place
        instance = next(r.instance for r in self.trace.records if r.site is edit.place)
        assert instance is not None
        return instance.source, instance.statement

    def _goal(
        self, claimed: Claimed, closed: Container[ast.AST], needs: tuple[Edit, ...]
    ) -> Goal | None:
        trace = self.run(None, standing(needs)) if needs else self.trace
        old = {n for edit in needs for n in ast.walk(edit.place)}
        new = {n for edit in needs for n in walked(edit.new)} - old
        at = claimed.line(trace, self.truth)
        if at is None or at.record is None or not np.any(at.wanted):
            return None  # of what is truly 0 no line can be told from another
        return Goal(
            trace,
            at.record,
            in_shape(np.asarray(at.wanted, float), np.shape(at.record.value)),
            lambda edits: self.trials.grade(claimed, [*needs, *edits]),
            self.known,
            lambda r: (
                r.instance is not None and r.instance.statement not in closed and r.site not in new
            ),
            at.before,
            tuple(self.trials.outside),
            spread=lambda edits: sum(
                self.trials.is_right(row, [*needs, *edits]) for row in self.trials.wrong
            ),
            most=len(self.trials.wrong),
        )

    @cached_property
    def known(self) -> Known:
        """What the graph knows."""
        tape = self.truth.tape
        return Known(tape.order, tape.g, kinked=_is_kinked(tape))


def _of(claimed: Claimed) -> Any:
    """What something is known by: entries by the array's step and theirs, whoever asked."""
    return (claimed.row, claimed.index) if isinstance(claimed, Entry) else claimed


def _is_kinked(tape: Tape) -> bool:
    """Whether a graph has corners, of which the slopes are two numbers, or constants of 0 and 1:
    only then has a derivation masks."""
    for node in (n for n in tape.order if n.op is not None):
        at = [i for i, x in enumerate(node.inputs) if isinstance(x, Node)]
        if op_of(node).elementwise:
            slopes = (np.unique(slope(node, i)) for i in at if node.data.size > 2)
            kinked = any(found.size == 2 for found in slopes)
        else:
            rules = (tape.rule(node, i) for i in at)
            kinked = not all(rule is not None and rule.smooth for rule in rules)
        if kinked:
            return True
    constants = (x for n in tape.order for x in n.inputs if isinstance(x, np.ndarray))
    return any(a.size > 1 and np.isin(a, (0, 1)).all() for a in constants)
