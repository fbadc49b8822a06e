"""The steps of a derivation: every name, entry or returned value that may be a gradient."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from .pairs import GENERIC, wanted_names
from .trace import Assignment, Instance, Record, Trace
from .updates import added_in, update_in

RETURNED = "what is returned"
CONVERTED = ("array", "asarray", "float", "copy")


@dataclass(frozen=True, eq=False)
class Step:
    """A value that was given a name. `key` is that of a dict's entry; `builds` says that it was
    made of what the name held before, `adds` that something was added to that; `attribute` is
    whose it is, and its name there; `part` is what entries of an array were set to, at a `place`.
    Of a name in a function that is called `inside` are the names there; `at` is the line itself.
    `update` is the leaf that it is added to or taken from, and how many times its gradient that is.
    """

    name: str
    record: Record
    instance: Instance
    key: Any = None
    builds: bool = False
    adds: bool = False
    attribute: tuple[Any, str] | None = None
    part: Record | None = None
    place: Any = None
    inside: Any = None  # a scope
    at: Instance | None = None
    update: tuple[Node, float] | None = None

    @property
    def of(self) -> tuple[str, Any]:
        """What it gives a value; of a node its id, since nodes are equal entry by entry."""
        if self.inside is not None:
            return self.name, (self.inside.number,)
        return self.name, id(self.key) if isinstance(self.key, Node) else self.key

    @property
    def line(self) -> Instance:
        """The line itself, of a function that is called where it is one of that."""
        return self.at or self.instance

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
    if isinstance(value, list):  # of numbers, or of such lists of one length
        lists = all(isinstance(v, list) for v in value) and len({*map(len, value)}) == 1
        entries = map(raw, value)
        return bool(value) and all((lists or _is_number(v)) and may_be_gradient(v) for v in entries)
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiu"


def _is_index(*keys: Any) -> bool:
    key = keys[0] if keys else None
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
        if (update := update_in(a)) is not None:
            found.append(_update(a.instance, a.line or a.instance, *update))
        handed = _fills_handed(a)
        own = a.outermost or handed or (a.line is not None and _reads_like_one(a.name))
        if a.writes or not own:
            continue
        builds = bool(a.keys) or _builds(a)
        adds = builds and not a.keys and _adds(a)
        line = a.instance if a.line is None else a.line
        held: Any = a.record.value
        told: Any = {"attribute": a.of, "inside": a.inside, "at": a.instance}
        key: Any = a.keys[0] if len(a.keys) == 1 else None
        aug = isinstance(a.statement, ast.AugAssign)
        more = aug and _adds(a)
        if handed and a.part is not None:
            found.append(Step(a.name, a.part, line, key, aug, more, at=a.instance))
        elif not a.outermost and isinstance(held, np.ndarray):
            found.append(Step(a.name, a.record, line, None, builds, adds, **told))
        elif not a.outermost and not (isinstance(held, list) and _is_index(*a.keys)):
            continue
        elif isinstance(held, dict) and not _is_index(*a.keys):
            if a.part is not None and isinstance(key, (str, Node)):
                found.append(Step(a.name, a.part, line, key, aug, more, **told))
        elif isinstance(held, (list, dict)) and not may_be_gradient(held) and _is_index(*a.keys):
            at = a.keys[0] if isinstance(held, dict) else a.keys[0] % len(held)
            found += _in_list(a, line, at, told)
        else:
            set_ = len(a.keys) == 1 and isinstance(a.statement, ast.Assign)
            if set_ and isinstance(held, np.ndarray):
                told |= {"part": a.part, "place": key}
            found.append(Step(a.name, a.record, line, None, builds, adds, **told))
    whole = {step.update[0] for step in found if step.update is not None}
    for node, made in trace.updated.items():
        if node not in whole:
            record, scale = added_in(trace, made)
            found.append(_update(made.at, made.line, record, node, scale))
    found += _entries(trace, found)
    return [*found, *_returned(trace, found)]


def _reads_like_one(name: str) -> bool:
    """Whether a name in a function that is called reads like a gradient's."""
    return name in GENERIC or any(wanted_names(name, ""))


def _fills_handed(a: Assignment) -> bool:
    """Whether a function that is called sets an entry of a dict that it was given, or that it reads
    from outside, under a key that reads like a gradient's."""
    if a.inside is None or a.name in a.inside.assigned or not isinstance(a.record.value, dict):
        return False
    return len(a.keys) == 1 and isinstance(a.keys[0], str) and _reads_like_one(a.keys[0])


def _update(at: Instance, line: Instance, record: Record, node: Node, scale: float) -> Step:
    """What is added to a parameter, or taken from it, at once."""
    how = "added to" if scale < 0 else "taken from"
    name = f"what is {how} {target_of(at.statement)}"
    return Step(name, record, line, id(node), at=at, update=(node, scale))


def _in_list(a: Assignment, line: Instance, key: int, told: Any) -> Iterator[Step]:
    """An entry of a list of arrays, or of a dict by number, that was set, or changed in place
    (grads[0][...] = dW). Each is a name, dW[-1] is dW[2]; of a list that is an attribute it has the
    entry's place as its key."""
    held: Any = a.record.value[key]
    if a.part is None or not may_be_gradient(held):
        return
    inside = len(a.keys) > 1
    record = a.record.operands[2] if inside else a.part  # of with_entry
    aug = isinstance(a.statement, ast.AugAssign)
    builds, adds = inside or aug, aug and not inside and _adds(a)
    if a.of is not None:
        yield Step(a.name, record, line, key, builds, adds, **told)
    else:
        yield Step(f"{a.name}[{key}]", record, line, None, builds, adds, **told)


def _entries(trace: Trace, found: Iterable[Step]) -> Iterator[Step]:
    """The entries in the end of lists, and of dicts that nothing uses, those that were not set one
    by one: as they were made."""
    made = {a.name: a for a in trace.assigned if a.outermost and not a.keys}
    own = set(ast.walk(trace.definition))
    for name, a in made.items():
        record = trace.names.get(name, a.record)
        held: Any = record.value
        counted = isinstance(held, dict) and any(map(_is_index, held))
        named = isinstance(held, dict) and not counted and not record.users
        filled = isinstance(a.statement, (ast.Assign, ast.Expr))  # by a call, perhaps
        if not filled or not (named or counted or isinstance(held, list)):
            continue
        line = a.instance if a.line is None else a.line
        since = {step.of for step in found if step.record.index > a.record.index}
        entries = enumerate(held) if not may_be_gradient(held) else ()
        given = trace.arguments[name].value if name in trace.arguments else {}
        given = {id(x) for x in given.values()} if isinstance(given, dict) else ()
        for k, entry in held.items() if isinstance(held, dict) else entries:
            of, key = (name, k) if named else (f"{name}[{k}]", None)
            made_here = (of, key) not in since and id(entry) not in given
            if may_be_gradient(entry) and made_here and isinstance(k, (str, int)):
                put = _put_in(record, entry)
                if put is not None and put.instance is not None and put.instance.statement in own:
                    yield Step(of, put, put.instance, key, at=line)  # where it has that place
                else:
                    yield Step(of, _entry(trace, record, k), line, key, not named and _builds(a))


def _put_in(holder: Record, entry: Any) -> Record | None:
    """What an entry of a container was before it was put there: as it was written, or as it was
    appended or inserted; None where it is not known."""
    ahead = [holder]
    while ahead:
        for x in ahead.pop().operands:
            if x.value is entry:
                return x
            ahead += [x] * isinstance(x.value, (list, dict, tuple))
    return None


def _entry(trace: Trace, holder: Record, key: Any) -> Record:
    """The entry of a container: as it was written, or else taken out of it."""
    site, values = holder.site, list(holder.value)
    if isinstance(site, ast.Dict) and len(site.values) == len(values) and holder.instance:
        written = holder.instance.recorded.get(id(site.values[values.index(key)]))
        if written is not None:
            return written
    return trace.add(operator.itemgetter(key), [holder], holder.value[key])


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


def _returned(trace: Trace, found: Iterable[Step]) -> Iterator[Step]:
    """What a `return` hands on without a name: the entries of a dict have their keys, but those
    that were set under them are known."""
    result = trace.result
    if result is None or result.instance is None or result.value is None:
        return
    instance = result.instance
    if isinstance(result.value, dict):
        known = {(step.key, id(step.record.value)) for step in found if isinstance(step.key, str)}
        for key in (k for k, v in result.value.items() if (k, id(v)) not in known):
            yield Step(str(key), _entry(trace, result, key), instance, key)
        return
    made = _called_for(result)
    assert made.instance is not None
    site: Any = made.site
    entries = site.elts if isinstance(site, (ast.Tuple, ast.List)) else [site]
    for k, e in enumerate(entries):
        record = made.instance.recorded.get(id(e))
        key = trace.returns[k] if len(trace.returns) == len(entries) else None
        if record is not None and (made is not result or not isinstance(e, ast.Name)):
            name = _scaled(e, made.instance) if key is None else ""
            yield Step(name or RETURNED, record, instance, key, bool(name) and made is result)


def _called_for(result: Record) -> Record:
    """What a call hands on, where that is what a function of the user's returns: several values
    that were written there."""
    made = result
    while len(made.operands) == 1 and made.operands[0].value is result.value:
        made = made.operands[0]
    return made if isinstance(made.site, ast.Tuple) and made.instance is not None else result


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
