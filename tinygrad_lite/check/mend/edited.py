"""An edit that mends a line: as text, and in words."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from ..code.forms import CannotRecord
from ..code.source import Change, Source
from ..code.trace import Instance, Trace
from ..findings import Finding
from ..kinds import KINDS
from .numbers import is_number
from .offered import turning
from .pool import is_size
from .rows import REDUCTIONS, Edit, is_numeric
from .slipped import settings
from .written import FAILS, shown

LITERAL = (ast.Constant, ast.UnaryOp)


@dataclass(frozen=True, eq=False)
class Mend:
    """How a line is mended: what stands at some places of the source instead; `line` is the line
    that has them as it should read, and `sentence` says what was wrong."""

    edits: tuple[Edit, ...]
    source: Source
    line: str
    sentence: str
    needs: tuple[Edit, ...] = ()  # of other lines, without which this one does not show

    @property
    def kind(self) -> str:
        """The kind of mistake, as `KINDS` has it."""
        return next((e.kind for e in self.edits if e.kind != "other"), "other")

    @property
    def changes(self) -> list[Change]:
        """What stands at each place, as text."""
        return [_change(edit) for edit in self.edits]


def compatible(one: Mend, other: Mend) -> bool:
    """Whether two mends can be made at once: no place of one is a part of one of the other's,
    unless they say the same there."""
    places = {part for change in one.changes for part in _covered(change)}
    new = (change for change in other.changes if change not in one.changes)
    return not any(part in places for change in new for part in _covered(change))


def _covered(change: Change) -> Iterator[ast.AST]:
    """What other text stands for; a line that stands before another covers nothing."""
    parts = () if change.before else ast.walk(change.place)
    return (part for part in parts if isinstance(part, (ast.expr, ast.stmt)))


def _change(edit: Edit) -> Change:
    """The text that is to stand at a place; of a line before another, that one."""
    before = isinstance(edit.new, list)
    return Change(edit.place, shown(edit.new), before)


def walked(code: Any) -> Iterator[ast.AST]:
    """Every part of an expression or of statements."""
    for part in code if isinstance(code, list) else [code]:
        yield from ast.walk(part)


def line_with(source: Source, statement: Any, edits: Sequence[Edit]) -> str:
    """The text of a line with the edits that are in it; of one that is put before it, that one."""
    for edit in edits:
        if isinstance(edit.new, list) and edit.place is statement:
            return shown(edit.new)
    inside = set(ast.walk(statement))
    body = isinstance(getattr(statement, "body", None), list)
    new = source.replaced(_change(e) for e in edits if e.place in inside)
    begin, end = source.span(statement)
    text = new.encode()
    line = text[begin : len(text) - len(source.text.encode()) + end].decode()
    return line.splitlines()[0] if body else line  # of a loop its head


def sentence(edits: Sequence[Edit]) -> str:
    """What was wrong, in words."""
    told = (
        f"{KINDS[e.kind]}: " * (e.kind != "other")
        + f"{shown(e.new)} should stand {'before' if isinstance(e.new, list) else 'for'} "
        + shown(e.place).splitlines()[0].removesuffix(":")
        for e in edits
    )
    return "; and ".join(told)


def told(finding: Finding, mend: Mend | None) -> Finding:
    """A wrong line's finding with its mend. What is known to mend the line is what was wrong."""
    if mend is None:
        return finding
    kind = mend.kind if mend.kind != "other" else finding.kind
    return replace(
        finding,
        mended=mend.line,
        by="edit",
        kind=kind,
        explanation=mend.sentence,
        where="",
        also=(),
    )


def literals(edit: Edit) -> set[float]:
    """The numbers that an edit writes which were not there."""
    old, new = (
        {n.value for n in walked(code) if isinstance(n, ast.Constant)}
        for code in (edit.place, edit.new)
    )
    return {n for n in new - old if isinstance(n, (int, float))}


def new_numbers(edit: Edit, trace: Trace) -> list[float]:
    """The numbers that an edit brings into a line as factors or terms, in order."""
    at = instance_of(edit, trace)
    if at is not None and settings(at.source.tree).get(edit.place):
        return []
    set_: set[ast.AST] = set()  # an axis, an index, an exponent, an argument
    for part in edit.new if isinstance(edit.new, list) else [edit.new]:
        set_ |= settings(part).keys()
    for call in walked(edit.new):
        if isinstance(call, ast.Call):
            set_ |= {n for x in call.args if isinstance(x, LITERAL) for n in ast.walk(x)}
    new = {n.value for n in walked(edit.new) if isinstance(n, ast.Constant) and n not in set_}
    return sorted(literals(edit) & new)


def named_new(edit: Edit, trace: Trace) -> dict[str, float]:
    """The numbers that an edit brings in by their names."""
    at = instance_of(edit, trace)
    old, new = (
        {n.id for n in walked(code) if isinstance(n, ast.Name)} for code in (edit.place, edit.new)
    )
    values = {name: at.names[name].value for name in new - old if at and name in at.names}
    return {name: v for name, v in values.items() if type(v) in (int, float)}


def dropped(edit: Edit, trace: Trace) -> Iterator[tuple[str, str]]:
    """The lengths that an edit takes out by their names, each with another name of its number."""
    at = instance_of(edit, trace)
    codes = edit.place, edit.new
    old, new = ([n.id for n in walked(x) if isinstance(n, ast.Name)] for x in codes)
    values = {} if at is None else {name: record.value for name, record in at.names.items()}
    for name in dict.fromkeys(old) if len(new) < len(old) else ():
        v = values.get(name)
        if name not in new and type(v) is int and v > 1:
            yield from ((name, n) for n, w in values.items() if n != name and w is v)


def marks(edit: Edit, trace: Trace) -> Iterator[tuple[str, str]]:
    """What an edit brings in that is 0 and 1, such as labels or a mask, each with a name that has
    the same entries on these data."""
    at = instance_of(edit, trace)
    old = {ast.dump(n) for n in walked(edit.place)}
    known = {} if at is None else {name: r.value for name, r in at.names.items()}
    for part in walked(edit.new):
        if at is None or not isinstance(part, (ast.Name, ast.Compare)) or ast.dump(part) in old:
            continue
        with suppress(*FAILS, CannotRecord):
            v = np.asarray(at.value(part))
            if v.size > 1 and np.isin(v, (0, 1)).all():
                names = (n for n, w in known.items() if n != shown(part) and w is not v)
                yield from ((shown(part), n) for n in names if np.array_equal(known[n], v))


def changes_numbers(edit: Edit, trace: Trace) -> bool:
    """Whether an edit changes a number, or what numbers and names a line has."""
    at = instance_of(edit, trace)
    if at is not None and isinstance(edit.place, ast.BinOp) and is_number(at.value(edit.place)):
        return True
    old, new = (
        Counter(
            n.id if isinstance(n, ast.Name) else n.value
            for n in walked(code)
            if isinstance(n, (ast.Name, ast.Constant))
        )
        for code in (edit.place, edit.new)
    )
    return old != new


def changes_scale(edit: Edit, trace: Trace) -> bool:
    """Whether an edit changes the numbers, lengths and means of a line, so that it may be right
    only where one of them is what it is."""
    at = instance_of(edit, trace)
    known = {} if at is None else at.names
    harmless = () if isinstance(edit.place, ast.Constant) else (0, 1)  # in 1 - s, or a mask

    def scales(n: ast.AST) -> bool:
        if isinstance(n, ast.Constant):
            return type(n.value) in (int, float) and n.value not in harmless
        if isinstance(n, ast.Name):
            value: Any = known[n.id].value if n.id in known else None
            return is_numeric(value) and np.ndim(value) == 0
        return is_size(n) or (isinstance(n, ast.Attribute) and n.attr in REDUCTIONS)

    old, new = (Counter(ast.dump(n) for n in walked(c) if scales(n)) for c in edit[:2])
    return old != new


def instance_of(edit: Edit, trace: Trace) -> Instance | None:
    """Where a place first ran."""
    near = (r.instance for r in trace.records if r.instance is not None)
    place = edit.place
    return next((i for i in near if i.statement is place or id(place) in i.recorded), None)


def foreign_sizes(edit: Edit, trace: Trace) -> Iterator[str]:
    """The lengths that an edit brings in of arrays that its line does not use, and which the
    derivation has nowhere else."""
    at = instance_of(edit, trace)
    if at is None:
        return
    read = {ast.dump(n) for n in ast.walk(trace.definition) if isinstance(n, ast.expr)}
    for part in walked(edit.new):
        if isinstance(part, ast.expr) and is_size(part) and ast.dump(part) not in read:
            names = {ast.dump(n) for n in ast.walk(part) if isinstance(n, ast.Name)}
            used = {ast.dump(n) for n in ast.walk(at.statement) if isinstance(n, ast.Name)}
            if not names <= used and isinstance(at.value(part), (int, float)):
                yield shown(part)


def named_numbers(edit: Edit, trace: Trace, *, whole: bool) -> dict[float, tuple[str, str]]:
    """What is easily made of the numbers that have names where an edit is, or with `whole` ones in
    what is called there, with the name and how it is written."""
    at = instance_of(edit, trace)
    found: dict[float, tuple[str, str]] = {}
    # of what is brought a number is made, not another name; what a loop binds is no length
    no_number = {n.id for n in walked(edit.new) if isinstance(n, ast.Name)}
    called = dict.fromkeys(r.instance for r in trace.records if r.instance) if whole else ()
    for i in called:
        no_number |= {n for n, far in turning(i.source.tree).items() if far > 0}
    every = chain(*(i.names.items() for i in (at, *called) if i is not None))
    for name, v in ((name, r.value) for name, r in every):
        if name in no_number:
            continue
        if type(v) in ((int, float) if whole else (float,)) and abs(v) not in (0, 1):
            made = {v: name, v / 2: f"{name} / 2", 1 / v: f"1 / {name}", 2 / v: f"2 / {name}"}
            found = {n: (name, text) for n, text in made.items() if n != 1} | found
    return found
