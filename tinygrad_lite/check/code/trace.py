"""What happened when a derivation ran: a record for every sub-expression, in order."""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...graph.clock import spend
from ...graph.errors import unfit
from ...graph.node import Node
from .forms import NAMES, form
from .plain import may_set, owner
from .source import Definition, Source

Compute = Callable[..., Any]
RECORD, PART = 6, 9  # microseconds of an operation that is run, and of one tried at a place


class Record:
    """One executed operation: `compute(*operands)` gave `value`, at the place `site` of the source,
    while the statement `instance` ran. `users` are the records that have it as an operand."""

    __slots__ = ("compute", "index", "instance", "operands", "site", "users", "value")

    def __init__(
        self,
        index: int,
        compute: Compute,
        operands: tuple[Record, ...],
        value: Any,
        site: ast.expr | None,
        instance: Instance | None,
    ) -> None:
        self.index, self.compute, self.operands, self.value = index, compute, operands, value
        self.site, self.instance = site, instance
        self.users: list[Record] = []

    def __repr__(self) -> str:
        what = ast.unparse(self.site) if self.site is not None else "?"
        return f"<record {self.index}: {what}>"


class Instance:
    """One execution of a statement, a lambda or a turn of a comprehension: the names in scope when
    it began, what is `outside` of it, the attributes of objects and what those that were set are
    called, and the record of each of its places."""

    __slots__ = ("called", "fields", "names", "outside", "recorded", "source", "statement")

    def __init__(
        self,
        source: Source,
        statement: ast.AST,
        names: dict[str, Record],
        outside: Callable[[str], Any],
        fields: Mapping[tuple[int, str], Record],
        called: Mapping[tuple[int, str], str],
    ) -> None:
        self.source, self.statement, self.names, self.outside = source, statement, names, outside
        self.fields, self.called = fields, called
        self.recorded: dict[int, Record] = {}  # by the id of the place, which `source` keeps alive

    def value(self, e: ast.expr, changed: Mapping[Record, Any] | None = None) -> Any:
        """The value of an expression that may be new, if it stood here; `changed` has the values
        that some records have instead."""
        record = self.recorded.get(id(e))
        if record is None and isinstance(e, ast.Name):
            record = self.names.get(e.id)
            if record is None:
                return self.outside(e.id)
        if record is None and isinstance(e, ast.Attribute) and self.fields:
            record = self.fields.get((id(owner(self.value(e.value, changed))), e.attr))
        if record is not None:
            return changed.get(record, record.value) if changed else record.value
        spend(PART)
        compute, operands = form(e)
        values = [self.value(x, changed) for x in operands]
        if isinstance(e, ast.Call) and may_set(values[0], values[1:]):
            raise TypeError("only a run can tell")
        return compute(*values)


@dataclass(frozen=True, eq=False)
class Assignment:
    """A name, or an entry of what it holds, was given a value; `record` is all that the name then
    holds. `outermost` in the derivation itself, not in a function that it calls; `keys` are those
    of an entry that was set; `part` is the entry's record. Of an attribute `of` is whose it is and
    its name. Of what a function that the derivation calls sets `line` is what it was at, `inside`
    the names of that call."""

    name: str
    record: Record
    instance: Instance
    outermost: bool
    keys: tuple[Any, ...] = ()
    part: Record | None = None
    of: tuple[Any, str] | None = None
    line: Instance | None = None
    inside: Any = None  # a scope

    @property
    def statement(self) -> ast.AST:
        """The statement that assigns."""
        return self.instance.statement

    @property
    def writes(self) -> bool:
        """Whether it writes into the data of a node."""
        return self.of is not None and isinstance(self.of[0], Node) and self.of[1] == "data"


class Updated(NamedTuple):
    """An array of a leaf's as it was first and last, what changed it last, and in which line."""

    first: Record
    last: Record
    at: Instance
    line: Instance


@dataclass(eq=False, repr=False)
class Trace:
    """The records of a run, in order; what was assigned; the record of each argument by name, of
    what the names and the attributes of objects stand for in the end, and of what was returned; or
    the error, where, and in which line of what is called there. `returns` are the nodes whose
    gradients the entries of what is returned should be; `around` are functions that only call the
    next, and the last of them `definition`."""

    source: Source
    definition: Definition | ast.Module
    records: list[Record] = field(default_factory=list)
    assigned: list[Assignment] = field(default_factory=list)
    arguments: dict[str, Record] = field(default_factory=dict)
    names: dict[str, Record] = field(default_factory=dict)
    fields: Mapping[tuple[int, str], Record] = field(default_factory=dict)
    result: Record | None = None
    error: Exception | None = None
    failed: Instance | None = None
    inside: Instance | None = None
    refused: tuple[Any, Sequence[Any]] = (
        None,
        (),
    )  # the place of the operation that raised, and of what
    returns: Sequence[Any] = ()
    around: tuple[tuple[Source, Definition], ...] = ()
    updated: dict[Node, Updated] = field(default_factory=dict)  # leaves that are changed in place
    steps: Any = None  # made of these when they are first asked for

    @property
    def called(self) -> str:
        """The function that has the lines, where what was run only calls it."""
        return str(getattr(self.definition, "name", "")) if self.around else ""

    @property
    def handed_back(self) -> set[str]:
        """The names that are what is returned, or its entries."""
        found: set[str] = set()
        ahead: list[Any] = [] if self.result is None else [self.result.site]
        while ahead:
            e = ahead.pop()
            if isinstance(e, ast.Name):
                found.add(e.id)
            elif isinstance(e, (ast.Tuple, ast.List, ast.Dict)):
                ahead += e.values if isinstance(e, ast.Dict) else e.elts
            elif isinstance(e, ast.Call):
                ahead += (k.value for k in e.keywords)
        return found

    @property
    def raised(self) -> str:
        """What is said of the error: of one in a function that is called, with its line."""
        error, at = self.error, self.inside
        said = f"raises {type(error).__name__}: {self._misfit() or error}"
        if at is None or at is self.failed:
            return said
        line: Any = at.statement
        return f"{said}; in line {line.lineno} of the file: {at.source.of(line).splitlines()[0]}"

    def _misfit(self) -> str:
        """Which operands of an operator did not fit, as the user calls them."""
        site, values = self.refused
        if not isinstance(site, ast.BinOp) or type(site.op) not in NAMES:
            return ""
        shapes = [np.shape(v) for v in values]
        texts = zip((site.left, site.right), shapes, strict=True)
        shown = [f"{ast.unparse(e)} {shape}" for e, shape in texts]
        return unfit(NAMES[type(site.op)], shown, shapes)

    def number(self, place: Any) -> int:
        """The number of a line, the first of the function, the file or the cell being 1."""
        first = getattr(self.definition, "lineno", 1)
        begins = [at for at in self.source.cells if at <= place.lineno]
        return int(place.lineno) - int(max(begins, default=first)) + 1

    def cell(self, place: Any) -> int:
        """In which cell of a notebook a line stands, from 1; 0 where it is none."""
        return sum(at <= place.lineno for at in self.source.cells)

    def text(self, statement: Any) -> str:
        """A line's text, of a loop its first."""
        code = self.source.of(statement)
        return code.split("\n")[0] if isinstance(getattr(statement, "body", None), list) else code

    def where(self, place: ast.AST) -> str:
        """Where a place is: a line of the derivation, or a function that it calls."""
        if place in set(ast.walk(self.definition)):
            return f"line {self.number(place)}"
        sources = dict.fromkeys(r.instance.source for r in self.records if r.instance)
        functions = (
            (source, f) for source in sources for f in source.definitions if place in ast.walk(f)
        )
        return next((source.called(f) for source, f in functions), "another function")

    def add(
        self,
        compute: Compute,
        operands: Sequence[Record],
        value: Any,
        site: ast.expr | None = None,
        instance: Instance | None = None,
    ) -> Record:
        """Record an operation that was run."""
        spend(RECORD, value)
        record = Record(len(self.records), compute, tuple(operands), value, site, instance)
        self.records.append(record)
        for x in operands:
            x.users.append(record)
        if site is not None and instance is not None:
            instance.recorded[id(site)] = record
        return record

    def below(
        self,
        changed: Iterable[Record],
        wanted: Record | None = None,
        *,
        within: Container[Record] | None = None,
        blocked: Iterable[Record] = (),
    ) -> list[Record]:
        """The records that feel a change, in order: of all, of some that they are `within`, or of
        those that `wanted` depends on."""
        within = within if wanted is None else self.above(wanted)
        seen: set[Record] = set(blocked)
        found, stack = [], list(changed)
        while stack:
            for user in stack.pop().users:
                if user not in seen and (within is None or user in within):
                    seen.add(user)
                    found.append(user)
                    stack.append(user)
        return sorted(found, key=lambda r: r.index)

    def above(self, wanted: Record, blocked: Container[Record] = ()) -> set[Record]:
        """All that a record depends on, itself included, but through what is `blocked`."""
        found, stack = {wanted}, [wanted]
        while stack:
            for x in stack.pop().operands:
                if x not in found and x not in blocked:
                    found.add(x)
                    stack.append(x)
        return found

    def again(
        self,
        changes: Mapping[Record, Any],
        wanted: Record,
        below: Sequence[Record] | None = None,
    ) -> Any:
        """The value of a record if some others had other values; `below`, where it is known, are
        the records in between. Branches are taken and loops turn as they did."""
        values = dict(changes)
        for record in self.below(changes, wanted) if below is None else below:
            if record not in changes:
                values[record] = record.compute(*[values.get(x, x.value) for x in record.operands])
        return values.get(wanted, wanted.value)
