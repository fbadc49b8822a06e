"""The steps of a derivation: every name, entry or returned value that may be a gradient."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from .trace import Assignment, Instance, Record, Trace

RETURNED = "what is returned"
CONVERTED = ("array", "asarray", "float", "copy")


@dataclass(frozen=True, eq=False)
class Step:
    """A value that was given a name. `key` is that of a dict's entry; `builds` says that it was
    made of what the name held before, `adds` that something was added to that; `attribute` is
    whose it is, and its name there."""

    name: str
    record: Record
    instance: Instance
    key: Any = None
    builds: bool = False
    adds: bool = False
    attribute: tuple[Any, str] | None = None

    @property
    def of(self) -> tuple[str, Any]:
        """What it gives a value; of a node its id, since nodes are equal entry by entry."""
        return self.name, id(self.key) if isinstance(self.key, Node) else self.key

    @property
    def returned(self) -> bool:
        """Whether it is what a `return` hands on."""
        return isinstance(self.instance.statement, ast.Return)

    @property
    def value(self) -> Any:
        """The value, a plain array or number."""
        return raw(self.record.value)


def may_be_gradient(value: Any) -> bool:
    """Whether something may be a gradient."""
    value = raw(value)
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        return True
    if isinstance(value, list):  # of numbers
        return bool(value) and all(_is_number(v) and may_be_gradient(v) for v in map(raw, value))
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiu"


def _is_index(key: Any) -> bool:
    return isinstance(key, (int, np.integer)) and not isinstance(key, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.generic, np.ndarray)) and np.ndim(value) == 0


def steps(trace: Trace) -> list[Step]:
    """The steps in the order in which they ran; the same for other data."""
    found: list[Step] = _steps(trace) if trace.steps is None else trace.steps
    trace.steps = found
    return found


def _steps(trace: Trace) -> list[Step]:
    found: list[Step] = []
    for a in trace.assigned:
        if not a.outermost or a.writes:
            continue
        builds = bool(a.keys) or _builds(a)
        adds = builds and not a.keys and _adds(a)
        line = a.instance if a.line is None else a.line
        held: Any = a.record.value
        key: Any = a.keys[0] if len(a.keys) == 1 else None
        aug = isinstance(a.statement, ast.AugAssign)
        if isinstance(held, dict):
            if a.part is not None and isinstance(key, (str, Node)):
                found.append(Step(a.name, a.part, line, key, aug, aug, a.of))
        elif _is_index(key) and isinstance(held, list) and not may_be_gradient(held):
            if a.part is not None:  # of a list of arrays each entry is a name: dW[-1] is dW[2]
                name = f"{a.name}[{key % len(held)}]"
                found.append(Step(name, a.part, line, None, aug, aug, a.of))
        else:
            found.append(Step(a.name, a.record, line, None, builds, adds, a.of))
    return [*found, *_entries(trace, found), *_returned(trace)]


def _entries(trace: Trace, found: Iterable[Step]) -> Iterator[Step]:
    """The entries of lists in the end, those that were not set one by one: as they were made."""
    made = {a.name: a for a in trace.assigned if a.outermost and not a.keys}
    for name, a in made.items():
        record = trace.names.get(name, a.record)
        held = record.value
        if not isinstance(a.statement, ast.Assign) or not isinstance(held, list):
            continue
        since = {step.name for step in found if step.record.index > a.record.index}
        for k, entry in enumerate(held) if not may_be_gradient(held) else ():
            if may_be_gradient(entry) and f"{name}[{k}]" not in since:
                part = trace.add(operator.itemgetter(k), [record], entry)
                yield Step(f"{name}[{k}]", part, a.instance, None, _builds(a))


def _builds(a: Assignment) -> bool:
    """Whether an assignment makes a name's value of what it held."""
    statement = a.statement
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return True  # +=, or a change in place
    return any(_reads(n, a) for n in ast.walk(statement.value))


def _reads(e: ast.AST, a: Assignment) -> bool:
    """Whether an expression is what an assignment gives a value."""
    if a.of is None:
        return isinstance(e, ast.Name) and e.id == a.name
    return isinstance(e, ast.Attribute) and ast.unparse(e) == target_of(a.statement)


def _adds(a: Assignment) -> bool:
    """Whether it is += or -=, or a sum in which the name stands."""
    statement = a.statement
    if isinstance(statement, ast.AugAssign):
        return isinstance(statement.op, (ast.Add, ast.Sub))
    terms = [statement.value] if isinstance(statement, ast.Assign) else []
    while terms:
        e = terms.pop()
        if _reads(e, a):
            return True
        if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Add, ast.Sub)):
            terms += [e.left, e.right]
    return False


def _returned(trace: Trace) -> Iterator[Step]:
    """What a `return` hands on without a name: the entries of a dict have their keys."""
    result = trace.result
    if result is None or result.instance is None or result.value is None:
        return
    site, instance = result.site, result.instance
    if not isinstance(result.value, dict):
        entries = site.elts if isinstance(site, (ast.Tuple, ast.List)) else [site]
        for k, e in enumerate(entries):
            record = instance.recorded.get(id(e))
            key = trace.returns[k] if len(trace.returns) == len(entries) else None
            if record is not None and not isinstance(e, ast.Name):
                name = _scaled(e, instance) if key is None else ""
                yield Step(name or RETURNED, record, instance, key, bool(name))
        return
    literal = isinstance(site, ast.Dict) and len(site.values) == len(result.value)
    places = site.values if isinstance(site, ast.Dict) and literal else [None] * len(result.value)
    for (key, value), place in zip(result.value.items(), places, strict=True):
        record = instance.recorded.get(id(place)) if place is not None else None
        if record is None:
            record = trace.add(operator.itemgetter(key), [result], value)
        yield Step(str(key), record, instance, key)


def _scaled(e: Any, instance: Instance) -> str:
    """The name that an expression only counts, turns round or converts, as in `return dW, db / m`:
    that is the last step of the name. "" where it does more."""
    if isinstance(e, ast.Call) and not e.keywords:
        called = getattr(e.func, "attr", getattr(e.func, "id", ""))
        of = e.args
        if isinstance(e.func, ast.Attribute) and called == "copy" and not of:
            of = [e.func.value]
        return _scaled(of[0], instance) if called in CONVERTED and len(of) == 1 else ""
    if isinstance(e, ast.UnaryOp):
        return _scaled(e.operand, instance)
    if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Mult, ast.Div)):
        pairs = [(e.left, e.right), *[(e.right, e.left)] * isinstance(e.op, ast.Mult)]
        counted = [x for x, n in pairs if isinstance(instance.value(n), (int, np.integer))]
        return _scaled(counted[0], instance) if counted else ""
    return e.id if isinstance(e, ast.Name) else ""


def target_of(statement: Any) -> str:
    """The name that a line assigns, or its text."""
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return ast.unparse(targets[0]) if isinstance(targets[0], ast.expr) else "that line"
