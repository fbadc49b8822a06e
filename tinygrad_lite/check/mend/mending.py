"""The lines of a derivation, mended: the edit that makes a wrong one right, on fresh data too."""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from ...graph.node import Node
from ..claims import Claim, in_shape
from ..code.derivation import Data
from ..code.forms import CannotRecord
from ..code.judged import Line
from ..code.source import Source
from ..code.steps import steps
from ..code.trace import Instance, Record, Trace
from ..code.truth import Truth
from ..computed import Computed
from ..diagnosis import Diagnosis, diagnosis_on
from ..scales import Scales
from .claimed import Claimed, Kept, Running, is_right, line_is_right
from .edited import Mend, line_with, named_numbers, new_numbers, sentence, walked
from .known import Known
from .places import Goal
from .raising import repairs
from .redraw import Draw, ladder
from .resized import resized
from .rows import Edit
from .runs import Runs
from .search import NEAR_BY, SHARES, Hit, Search
from .written import FAILS, standing

BUDGET, TOTAL = 1.6, 2.0  # seconds for one line, and for all lines of a derivation
ALSO = 2  # draws on which what the numbers say has to hold
LONG = 1_500  # records of a run that is not made on more than one sort of fresh data
ONLY_HERE = "this was tried on these data alone"
WAY_OUT = ": give check the function that computes the loss to try other sizes"


@dataclass(eq=False)
class Mender:
    """Mends what is wrong in a derivation, one after the other; an edit that has made one thing
    right is tried first for the next. `run` runs it on other data, with edits; `right` is what has
    to be right on other data, `kept` what has to stay right, `wrong` all that is not, `others` what
    is run by itself; `fresh` are other data where the graph is not to be replayed; what is
    `computed` by a function has other sizes too."""

    run: Callable[[Data | None, Mapping[ast.AST, Any] | None], Trace]
    trace: Trace
    truth: Truth
    right: Sequence[Claimed] = ()
    others: Sequence[Running] = ()
    kept: Sequence[Kept] = ()
    wrong: Sequence[Claimed] = ()
    left: float = field(default_factory=lambda: TOTAL)
    fresh: Callable[[], Iterable[list[Draw]]] | None = None
    computed: Computed | None = None
    found: list[Mend] = field(default_factory=list)
    ends: dict[Mend, Claimed] = field(default_factory=dict)  # what each was to make right
    searches: dict[tuple[Any, ...], tuple[Search | None, Any]] = field(
        default_factory=dict
    )  # to be gone on with
    at: dict[Claimed, Line | None] = field(default_factory=dict)  # as they ran

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
                mend = None if more is None else self._joined(mend, more)
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
        same = any(self.ends[mend] is end for mend in self.found)  # of one name's lines
        if self._turns(wrong):
            either.reverse()
        for needs in ((made, ()) if same else ((), made))[not made :]:
            hit = self._likeliest(either, end, closed, needs, turns)
            if hit is not None:
                self.found.append(self._made(hit, needs))
                self.ends[self.found[-1]] = end
                return self.found[-1]
        return None

    def feels(self, claimed: Claimed, mend: Mend) -> bool:
        """Whether a mend can change something, given that what else is wrong is put right."""
        at, places = claimed.line(self.trace, self.truth), mend.places
        made = [
            r
            for r in self.trace.records
            if r.site in places or (r.instance is not None and r.instance.statement in places)
        ]
        if at is None or at.record is None:
            return False
        return at.record in (*made, *self.trace.below(made, at.record, blocked=at.before))

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
            if hit is not None and (claimed is end or self._confirms(end, [*needs, *hit.edits])):
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
        if self.left <= 0:
            return None
        start = time.thread_time()
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mean of nothing
            key = (claimed, end, *map(id, needs))
            if key not in self.searches:
                self.searches[key] = self._search(claimed, end, closed, needs), needs
            search, hit = self.searches[key][0], None
            if search is not None:
                hit = search.run(turns, min(BUDGET, search.spent + self.left))
        self.left -= time.thread_time() - start
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
            ends = lambda made: self._is_right(end, None, self.truth, [*needs, *made])  # noqa: E731
        after = lambda edit: self._search(claimed, end, closed, (*needs, edit))  # noqa: E731
        return Search(replace(goal, ends=ends, after=after, several=len(self.wrong) > 1))

    def _made(self, hit: Hit, needs: tuple[Edit, ...]) -> Mend:
        told = "; ".join((sentence(hit.edits), *self._doubts(hit)))
        source = self._line(hit.edits[0])[0]
        return Mend(hit.edits, source, self._text(hit.edits), told, needs)

    def _text(self, edits: tuple[Edit, ...]) -> str:
        """The lines that some edits are in, as they should read."""
        lines = dict.fromkeys(self._line(edit) for edit in edits)
        return "; ".join(line_with(*at, edits) for at in lines)

    def _doubts(self, hit: Hit) -> Iterator[str]:
        """What no other data could tell."""
        if not self.rungs:
            yield ONLY_HERE
        tried = self.sizes and hit.grade == 0
        lengths = {} if tried else Scales(self.truth.tape).sizes
        for edit in hit.edits:
            named = named_numbers(edit, self.trace, whole=not tried)
            for n in new_numbers(edit):
                if (size := lengths.get(int(n))) and n == int(n) != 2:
                    yield f"{n:g} is also {size}{WAY_OUT if self.computed is None else ''}"
                elif n in named:
                    yield f"{n:g} is also {named[n]}"

    def with_mends(self, mends: Iterable[Mend]) -> Trace:
        """The run with some mends."""
        return self.run(None, standing([edit for mend in mends for edit in mend.edits]))

    def holds(self, mend: Mend, others: Iterable[Mend]) -> bool:
        """Whether what a mend is for is right in the end, with all of the mends if not before."""
        end = self.ends[mend]
        every = [edit for m in (mend, *others) for edit in m.edits]
        return self.rights(end, mend) or self._confirms(end, every)

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
        until = time.thread_time() + min(BUDGET, self.left)
        source, wanted = self.trace.source, np.asarray(self.truth.gradient(node), float)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for found in repairs(instance, numpy, wanted, changed, until):
                if time.thread_time() > until:
                    return None
                if self._confirms(claimed, found):
                    text = line_with(source, instance.statement, found)
                    return Mend(found, source, text, sentence(found))
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
            lambda edits: self._grade(claimed, [*needs, *edits]),
            self.known,
            lambda r: (
                r.instance is not None and r.instance.statement not in closed and r.site not in new
            ),
            at.before,
            tuple(self._outside),
            others=lambda edits: self._count(claimed, [*needs, *edits]),
        )

    def _count(self, claimed: Claimed, edits: Sequence[Edit]) -> int:
        """How many other wrong ones some edits put right, on the recorded data."""
        others = (c for c in self.wrong if c is not claimed)
        return sum(self._is_right(c, None, self.truth, edits) for c in others)

    @cached_property
    def known(self) -> Known:
        """What the graph knows."""
        tape = self.truth.tape
        return Known(tape.order, tape.g)

    @cached_property
    def _outside(self) -> list[str]:
        """The names in the derivation's source, which it may read from outside."""
        tree: Any = self.trace.definition
        read = (n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
        return list(dict.fromkeys(read))

    @cached_property
    def _kept(self) -> list[Kept]:
        """What has to stay right, but what is right up to rounding alone: of what is truly 0."""
        return [other for other in self.kept if is_right(other, self.trace, self.truth)]

    @cached_property
    def rungs(self) -> list[list[tuple[Draw, Truth]]]:
        """Fresh data with the gradients there, all of it redrawn first."""
        root = next(n for n, twin in self.truth.of.items() if twin is self.truth.tape.root)
        found: Iterable[list[Draw]] = ladder(root, self._keeps, seed=self.truth.tape.seed)
        if self.fresh is not None:
            found = (draws for draws in self.fresh() if all(map(self._keeps, draws)))
        if len(self.trace.records) > LONG:
            found = islice(found, 1)
        return [[(d, self.truth.on(d)) for d in draws] for draws in found]

    @cached_property
    def sizes(self) -> list[tuple[Draw, Truth]]:
        """Data of other sizes with the gradients there; none where they cannot be made, or what is
        right is not right there."""
        made, tape = self.computed, self.truth.tape
        if made is None or tape.root.data.size != 1:
            return []
        try:
            draw = resized(made)
            return [(draw, self.truth.on(draw))] if self._keeps(draw) else []
        except Exception:  # the function is not made for other sizes
            return []

    def redrawn(
        self, claims: Sequence[Claim], values: Callable[[Draw], Sequence[Any]]
    ) -> list[list[Diagnosis]]:
        """What the numbers of claims say on fresh data, given their `values` there."""
        return [
            [diagnosis_on(truth, claims, values(draw)) for draw, truth in draws[:ALSO]]
            for draws in self.rungs
        ]

    def _keeps(self, draw: Draw) -> bool:
        """Whether what is right on the recorded data is right on a draw's."""
        truth = self.truth.on(draw)
        if self.others and not all(is_right(c, c.trace(draw, None), truth) for c in self.others):
            return False
        if not self.right:
            return True
        trace = self.run(draw, None)
        return type(trace.error) is type(self.trace.error) and all(
            is_right(c, trace, truth) for c in self.right
        )

    def rights(self, claimed: Claimed, mend: Mend) -> bool:
        """Whether a mend puts something right."""
        return self._confirms(claimed, [*mend.needs, *mend.edits])

    def _confirms(self, claimed: Claimed, edits: Sequence[Edit]) -> bool:
        return self._grade(claimed, edits) is not None

    def _grade(self, claimed: Claimed, edits: Sequence[Edit]) -> int | None:
        """The first of the `levels` on which something is right with some edits, where it is and
        what was right still is on the recorded data; None where on no other."""
        if not self._is_right(claimed, None, self.truth, edits):
            return None
        if self._kept and not self._keeps_right(edits):
            return None
        for k, draws in enumerate(self.levels):
            if all(self._is_right(claimed, draw, truth, edits) for draw, truth in draws):
                return k
        return None

    @cached_property
    def levels(self) -> list[list[tuple[Draw, Truth]]]:
        """Other data, what tells most first: a constant that is computed from others cannot be
        redrawn, and a line may be right at these sizes alone."""
        first = [[*draws, *self.sizes] for draws in self.rungs[:1] if self.sizes]
        return [*first, *self.rungs] or [[]]

    def _is_right(
        self, claimed: Claimed, draw: Draw | None, truth: Truth, edits: Sequence[Edit]
    ) -> bool:
        try:
            at = self.at.setdefault(claimed, claimed.line(self.trace, self.truth))
            statement = None if at is None else at.instance.statement
            return is_right(claimed, self._runs(draw, edits, statement), truth)
        except (*FAILS, CannotRecord):  # as where a loop no longer ends
            return False

    def _keeps_right(self, edits: Sequence[Edit]) -> bool:
        """Whether what has to stay right does with some edits, on the recorded data."""
        try:
            trace = self._runs(None, edits)
            if trace.error is not None and self.trace.error is None:
                return False
            same = len(steps(trace)) == len(steps(self.trace))  # else only ends can be told
            lines = (
                o.line(trace, self.truth) if same else o.end(trace, self.truth) for o in self._kept
            )
            return all(at is None or at.record is None or line_is_right(at) for at in lines)
        except (*FAILS, CannotRecord):
            return False

    @cached_property
    def _runs(self) -> Runs:
        return Runs(self.run, self.trace)
