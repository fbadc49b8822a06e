"""Other data that edits of a derivation are tried on, and what these tell.

An edit has to be right on data near the recorded ones. What is right there by coincidence is told
by data farther away, of other sizes, and with other numbers where numbers have names.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np

from ...graph.backend import in_numpy
from ...graph.node import Node
from ..claims import Claim
from ..code.coded import Coded
from ..code.derivation import Data
from ..code.forms import CannotRecord
from ..code.judged import Judged, Line
from ..code.steps import steps
from ..code.trace import Trace
from ..code.truth import Truth
from ..computed import Computed
from ..diagnosis import Diagnosis, diagnosis_on
from ..scales import Scales
from .claimed import Claimed, is_right, line_is_right
from .edited import (
    changes_numbers,
    changes_scale,
    dropped,
    foreign_sizes,
    literals,
    marks,
    named_new,
    named_numbers,
    new_numbers,
    walked,
)
from .known import EXACT, agrees
from .numbers import others
from .pool import is_size
from .redraw import FAR, ladder, with_numbers
from .resized import chosen, resized
from .rows import Edit
from .runs import Runs
from .search import DOUBTFUL
from .sizes import Sizes, World, reads_all, written
from .written import FAILS

Edits = Sequence[Edit]
MASKS = 10  # draws so far away that a mask that is another has another entry in one of them
ALSO = 2  # draws on which what the numbers say has to hold
LONG = 1_500  # records of a run that is not made on more than one sort of fresh data
ONLY_HERE = "this was tried on these data alone"
PERHAPS = "on quite other data it was not right, so it may hold by coincidence"
UNTOLD = "whether it holds for {} cannot be told"
LENGTH = "{} has the number of other lengths too, perhaps"
WAY_OUT = ": give check the function that computes the loss to try other sizes"


@dataclass(eq=False)
class Trials:
    """`run` runs a derivation on other data, with edits; `right` is what has to be right on other
    data, `partly` what is right once others are, or in part, `kept` what has to stay right with
    edits, `wrong` what is to be put right, `others` what is run by itself; `fresh` are other data
    where the graph is not to be replayed; of other sizes what a function has `computed` is computed
    again."""

    run: Callable[[Data | None, Mapping[ast.AST, Any] | None], Trace]
    trace: Trace
    truth: Truth
    right: Sequence[Claimed] = ()
    others: Sequence[Coded] = ()
    kept: Sequence[Judged] = ()
    partly: Sequence[Claimed] = ()
    wrong: Sequence[Claimed] = ()
    fresh: Callable[[], Iterable[list[Data]]] | None = None
    computed: Computed | None = None
    at: dict[Claimed, Line | None] = field(default_factory=dict)  # as they ran
    made: list[Edit] = field(default_factory=list)  # of other lines, so far

    def doubts(self, claimed: Claimed, needs: Edits, edits: Edits, grade: int) -> Iterator[str]:
        """What no other data could tell of edits that go with those that they need."""
        if not self.rungs or self._is_same(claimed, (*needs, *edits), self._worlds()):
            yield ONLY_HERE
        elif grade >= DOUBTFUL:
            yield PERHAPS
        elif any(changes_numbers(edit, self.trace) for edit in edits):
            for name, worlds in self.numbers.items():
                if not all(self.is_right(claimed, (*needs, *edits), *w) for w in worlds):
                    yield UNTOLD.format(f"another {name}")
        new = [literals(edit) for edit in edits]
        known = chosen(self._root) if any(new) else set()
        foreign = [edit for edit, ns in zip(edits, new, strict=True) if not ns or ns - known]
        scales = grade == 0 and any(changes_scale(edit, self.trace) for edit in foreign)
        if scales and not all(
            self.is_right(claimed, (*needs, *edits), *w) for w in self.sizes.likely
        ):
            yield UNTOLD.format("other lengths")
        tried = self.sizes.likeliest and grade == 0
        lengths = {
            n: text
            for n, text in Scales(self.truth.tape).sizes.items()
            if not tried or n in self.sizes.stay
        }
        for edit in edits:
            named = named_numbers(edit, self.trace, whole=not tried)
            for n in (n for n in new_numbers(edit, self.trace) if n not in known):
                if also := _of_length(n, lengths, of_size=is_size(edit.place)):
                    yield f"{n:g} is also {also}{WAY_OUT if self.computed is None else ''}"
                elif n in named and named[n][0] not in self.numbers:
                    yield f"{n:g} is also {named[n][1]}"
            for name, n in named_new(edit, self.trace).items() if not tried else ():
                if n in named and name not in self.numbers:
                    yield f"{name} is also {named[n][1]}"
            for name, other in () if tried else dropped(edit, self.trace):
                yield f"{name} is also {other}"
            for part, other in marks(edit, self.trace):
                yield f"{part} is also {other}"
            for size in () if tried else foreign_sizes(edit, self.trace):
                yield LENGTH.format(size)

    @cached_property
    def outside(self) -> list[str]:
        """The names in the derivation's source that it reads from outside, not those that it gives
        a value itself, before or after."""
        tree: Any = self.trace.definition
        read = (n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
        return [name for name in dict.fromkeys(read) if name not in self.trace.names]

    @cached_property
    def _kept(self) -> list[Judged]:
        """What has to stay right, but what is right up to rounding alone: of what is truly 0."""
        return [other for other in self.kept if is_right(other, self.trace, self.truth)]

    @cached_property
    def rungs(self) -> list[list[World]]:
        """Fresh data with the gradients there, all of it redrawn first."""
        found: Iterable[list[Data]] = ladder(self._root, self._keeps, seed=self.truth.tape.seed)
        if self.fresh is not None:
            found = (draws for draws in self.fresh() if all(map(self._keeps, draws)))
        if len(self.trace.records) > LONG:
            found = islice(found, 1)
        return [[(d, self.truth.on(d)) for d in draws] for draws in found]

    @cached_property
    def sizes(self) -> Sizes:
        """Data of other sizes with the gradients there."""
        held = self.fresh is not None or len(self.trace.records) > LONG
        ways = resized(self._root, self.computed, self._named, written(self.trace.definition))
        return Sizes(self.trace, self.truth, () if held else ways, self._stays_longer)

    def _stays_longer(self, draw: Data) -> bool | None:
        """Whether what is right is right for other lengths, as far as the lines run there, and all
        that the derivation reads is the draw's; None where other lines run."""
        truth = self.truth.on(draw)
        if not all(is_right(c, c.trace(draw, None), truth) for c in self.others):
            return False
        trace = self.run(draw, None)
        raised = trace.error is not None and self.trace.error is None
        if raised and self._is_of_graph(None if trace.failed is None else trace.failed.statement):
            return False  # what is right as it is does not fit there
        if not raised and len(steps(trace)) != len(steps(self.trace)):
            return None
        lines = [c.line(trace, truth) for c in self.right]
        told = [at for at in lines if at is not None and at.record is not None]
        if not (raised or len(told) == len(lines)) or not all(map(line_is_right, told)):
            return False
        return reads_all(self.trace, self.truth, trace, truth)

    def _is_of_graph(self, line: Any) -> bool:
        """Whether a line assigns what the graph computes, in some turn."""
        site = getattr(line, "value", None)
        made = [r.value for r in self.trace.records if r.site is site and r.site is not None]
        known = [in_numpy(node) for node in self.truth.tape.order]
        real = [np.asarray(x, dtype=float) for x in known if not np.iscomplexobj(x)]
        return any(agrees(v, x) for v in made for x in real)

    def redrawn(
        self, claims: Sequence[Claim], values: Callable[[Data], Sequence[Any]]
    ) -> list[list[Diagnosis]]:
        """What the numbers of claims say on fresh data, given their `values` there."""
        return [
            [diagnosis_on(truth, claims, values(draw)) for draw, truth in draws[:ALSO]]
            for draws in self.rungs
        ]

    def _keeps(self, draw: Data) -> bool:
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

    def confirm(self, claimed: Claimed, edits: Edits) -> bool:
        """Whether something is right with some edits, on other data too."""
        return self.grade(claimed, edits) is not None

    def grade(self, claimed: Claimed, edits: Edits) -> int | None:
        """0 where something is right with some edits, and what was right still is, on the recorded
        data and on all others; more where not on those that tell most, as a constant that is
        computed from others cannot be redrawn, or from `DOUBTFUL` on where data tell against them
        that are not near; None where not on those near either."""
        if not self.is_right(claimed, edits) or not self._keeps_right(edits):
            return None
        for k, near in enumerate(self.rungs or [[]]):
            if all(self.is_right(claimed, edits, *world) for world in near):
                same = self._is_same(claimed, edits, [*near, *self.farther])
                also = self.masked if same or self._masks(edits) else []
                off = [
                    not any(self.is_right(claimed, edits, *world) for world in worlds)
                    for worlds in (*self.elsewhere, *also)
                ]
                return k + DOUBTFUL * any(off) + sum(off)
        return None

    @cached_property
    def elsewhere(self) -> list[list[World]]:
        """Data of other sizes, farther away, and with other numbers."""
        sizes = self.sizes.likeliest
        return [*([sizes] if sizes else []), *([w] for w in self.farther), *self.numbers.values()]

    @cached_property
    def farther(self) -> list[World]:
        """Data that are so far away that masks change."""
        return self._far(1)

    @cached_property
    def masked(self) -> list[list[World]]:
        """More of these: in one or another an entry lies between two thresholds."""
        return [[world] for world in self._far(MASKS)[1:]]

    def _far(self, count: int) -> list[World]:
        if self.fresh is not None or (count > 1 and len(self.trace.records) > LONG):
            return []
        draws = next(ladder(self._root, self._keeps, count, self.truth.tape.seed, FAR), [])
        return [(draw, self.truth.on(draw)) for draw in draws]

    def _worlds(self) -> Iterator[World]:
        """All other data, the nearest first."""
        yield from chain(*self.rungs)
        yield from chain(*self.elsewhere)
        yield from chain(*self.masked)

    def _is_same(self, claimed: Claimed, edits: Edits, worlds: Iterable[World]) -> bool:
        """Whether it should be the same on other data, so that these tell nothing."""
        with suppress(*FAILS, CannotRecord):
            at = claimed.line(self.trace, self.truth)
            for draw, truth in worlds:
                there = claimed.line(self._runs(draw, edits), truth)
                if at is None or there is None or not np.array_equal(at.wanted, there.wanted):
                    return False
        return True

    def _masks(self, edits: Edits) -> bool:
        """Whether some edits change what is compared."""
        if any(isinstance(n, ast.Compare) for edit in edits for n in walked(edit.new)):
            return True
        places = {edit.place for edit in edits}
        made = [r for r in self.trace.records if r.site in places]
        return any(isinstance(r.site, ast.Compare) for r in self.trace.below(made))

    @cached_property
    def numbers(self) -> dict[str, list[World]]:
        """Data with another number for one that has a name, by that; of several it may be any."""
        if self.fresh is not None or len(self.trace.records) > LONG:
            return {}
        found: dict[str, list[World]] = {}
        for name, numbers in others(self._root, self._named):
            with suppress(*FAILS, CannotRecord):
                draw = with_numbers(self._root, numbers, self.truth.tape.seed)
                if self._stays_numbered(draw):
                    found.setdefault(name, []).append((draw, self.truth.on(draw)))
        return found

    @property
    def _named(self) -> dict[str, Any]:
        """The numbers and arrays that have names before the first line."""
        instance = next((r.instance for r in self.trace.records if r.instance is not None), None)
        if instance is None:
            return {}
        found = {name: record.value for name, record in instance.names.items()}
        for name in self.outside:
            with suppress(NameError):
                found.setdefault(name, instance.outside(name))
        return found

    @property
    def _root(self) -> Node:
        return next(n for n, twin in self.truth.of.items() if twin is self.truth.tape.root)

    def _stays_numbered(self, draw: Data) -> bool:
        """Whether what is right stays right with other numbers."""
        trace, truth = self.run(draw, None), self.truth.on(draw)
        return self._keeps(draw) and all(is_right(c, trace, truth) for c in self._told)

    @cached_property
    def _told(self) -> list[Claimed]:
        """What tells beside what is right: what is right once others are, or in part."""
        return [c for c in self.partly if is_right(c, self.trace, self.truth)]

    def is_right(
        self, claimed: Claimed, edits: Edits, draw: Data | None = None, truth: Truth | None = None
    ) -> bool:
        """Whether something is right with some edits, on the recorded data or a draw's."""
        try:
            at = self.at.setdefault(claimed, claimed.line(self.trace, self.truth))
            statement = None if at is None else at.instance.statement
            trace = self._runs(draw, edits, statement)
            if draw is not None and self._is_apart(claimed, trace):
                others = [e for e in self.made if not any(_overlap(e, edit) for edit in edits)]
                trace = self._runs(draw, [*others, *edits], statement)
                if self._is_apart(claimed, trace):
                    return True
            return is_right(claimed, trace, self.truth if truth is None else truth)
        except (*FAILS, CannotRecord):  # as where a loop no longer ends
            return False

    def _is_apart(self, claimed: Claimed, trace: Trace) -> bool:
        """Whether a run ended in a line on which something does not depend, so that nothing is told
        of that."""
        at, failed = self.at[claimed], trace.failed
        if at is None or at.record is None or failed is None:
            return False
        above = (r.instance for r in self.trace.above(at.record) if r.instance is not None)
        return failed.statement not in {at.instance.statement, *(i.statement for i in above)}

    def _keeps_right(self, edits: Edits) -> bool:
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


def _overlap(one: Edit, other: Edit) -> bool:
    """Whether the place of an edit is a part of another's."""
    return one.place in set(ast.walk(other.place)) or other.place in set(ast.walk(one.place))


def _of_length(n: float, lengths: Mapping[int, str], *, of_size: bool) -> str:
    """How a number is easily made of the length of an axis; of a size that tells only itself."""
    if of_size and n in lengths:
        return lengths[int(n)]
    if n in (0, 1):
        return ""
    rows = ((n, "{1}"), (1 / n, "1 / {0}, {1}"), (2 / n, "2 / {0}, {1}"), (2 * n, "{0} / 2, {1}"))
    for k, text in rows:
        if round(k) in lengths and abs(k - round(k)) < EXACT and round(k) > 1:
            return text.format(round(k), lengths[round(k)])
    return ""
