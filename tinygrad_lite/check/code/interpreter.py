"""Run a derivation as Python would, with a record of every sub-expression.

The interpreter changes nothing in place: what Python would change becomes a new value that every
name for the old one then means. What it cannot run (generators, classes, errors that are caught)
raises `CannotRecord`.
"""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from ...graph.names import is_own
from .expressions import MUTABLE, Expressions, copied, same, yields
from .forms import IN_PLACE, CannotRecord
from .scope import Closure, Scope, local_names
from .source import Definition, NoSource, Source
from .trace import Assignment, Record, Trace


class Returned(Exception):
    """A function returns."""

    def __init__(self, record: Record) -> None:
        self.record = record


class Broken(Exception):
    """A loop ends."""


class Continued(Exception):
    """A turn of a loop ends."""


class Interpreter(Expressions):
    """Statements, on top of expressions."""

    def enter(self, closure: Closure, arguments: Mapping[str, Record]) -> Record:
        around, definition = closure.scope, closure.definition
        scope = Scope(around.source, around.globals, around, dict(arguments))
        scope.outermost = definition is self.trace.definition
        scope.assigned = local_names(definition)
        self.live.append(scope)
        result = self.constant(None)
        try:
            if isinstance(definition, ast.Lambda):
                scope.begin(definition)
                result = self.evaluate(definition.body, scope)
            else:
                self.block(definition.body, scope)
        except Returned as returned:
            result = returned.record
        except (Broken, Continued, CannotRecord):
            raise
        except Exception as error:
            self.trace.inside = self.trace.inside or scope.instance
            if not scope.outermost:
                raise
            self.trace.error, self.trace.failed = error, scope.instance
        finally:
            self.live.pop()
            if scope.outermost:
                self.trace.names, self.trace.result = scope.names, result
        return result

    def chain(self, closure: Closure) -> list[Closure]:
        """A function, the one that it only calls, as in `return affine_backward(dout, (x, w))`, and
        so on: the derivation's lines are those of the last."""
        found = [closure]
        while name := _called_alone(found[-1].definition):
            scope = found[-1].scope
            local = scope.flat().get(name)
            ahead = self.closure(scope.globals.get(name) if local is None else local.value)
            if ahead is None or ahead in found or isinstance(ahead.definition, ast.Lambda):
                break
            found.append(ahead)
        return found

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        """Run some statements."""
        for written in body:
            scope.begin(written)
            standing: Any = self.edits.get(written, written)
            if isinstance(standing, list):
                self.block(standing, scope)
                continue
            statement: Any = standing
            run = getattr(self, f"_{type(statement).__name__}", None)
            if run is None:
                raise CannotRecord(type(statement).__name__.lower())
            run(statement, scope)

    # --- statements

    def _Assign(self, s: ast.Assign, scope: Scope) -> None:
        record = self.evaluate(s.value, scope)
        for target in s.targets:
            self.assign(target, record, scope)

    def _AnnAssign(self, s: ast.AnnAssign, scope: Scope) -> None:
        if s.value is not None:
            self.assign(s.target, self.evaluate(s.value, scope), scope)

    def _AugAssign(self, s: ast.AugAssign, scope: Scope) -> None:
        old, new = self.evaluate(s.target, scope), self.evaluate(s.value, scope)
        update = partial(updated, IN_PLACE[type(s.op)])
        record = self.run(update, [old, new], None, scope)
        self.assign(s.target, record, scope)
        if isinstance(old.value, MUTABLE):
            self.rename(old.value, record, scope)

    def _Return(self, s: ast.Return, scope: Scope) -> None:
        raise Returned(self.constant(None) if s.value is None else self.evaluate(s.value, scope))

    def _Expr(self, s: ast.Expr, scope: Scope) -> None:
        if not isinstance(s.value, ast.Constant):
            self.evaluate(s.value, scope)

    def _For(self, s: ast.For, scope: Scope) -> None:
        for item in self.items(self.evaluate(s.iter, scope), scope):
            scope.begin(s)
            self.assign(s.target, item, scope, logged=False)
            try:
                self.block(s.body, scope)
            except Broken:
                return
            except Continued:
                continue
        self.block(s.orelse, scope)

    def _While(self, s: ast.While, scope: Scope) -> None:
        scope.begin(s)
        while self.evaluate(s.test, scope).value:
            try:
                self.block(s.body, scope)
            except Broken:
                return
            except Continued:
                pass
            scope.begin(s)
        self.block(s.orelse, scope)

    def _If(self, s: ast.If, scope: Scope) -> None:
        self.block(s.body if self.evaluate(s.test, scope).value else s.orelse, scope)

    def _With(self, s: ast.With, scope: Scope) -> None:
        with contextlib.ExitStack() as stack:
            for item in s.items:
                entered = stack.enter_context(self.evaluate(item.context_expr, scope).value)
                if item.optional_vars is not None:
                    self.assign(item.optional_vars, self.constant(entered), scope)
            self.block(s.body, scope)

    def _Try(self, s: ast.Try, scope: Scope) -> None:
        try:
            self.block([*s.body, *s.orelse], scope)
        except (Returned, Broken, Continued):
            self.block(s.finalbody, scope)
            raise
        except Exception:
            raise CannotRecord("an error that is caught") from None
        self.block(s.finalbody, scope)

    def _FunctionDef(self, s: ast.FunctionDef, scope: Scope) -> None:
        if s.decorator_list or yields(s):
            raise CannotRecord("a generator or a decorated function")
        scope.bind(s.name, self.define(s, scope))

    def _Import(self, s: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        found: dict[str, Any] = {}
        exec(compile(ast.Module([s], []), scope.source.path, "exec"), dict(scope.globals), found)
        for name, value in found.items():
            scope.bind(name, self.constant(value))

    _ImportFrom = _Import

    def _Delete(self, s: ast.Delete, scope: Scope) -> None:
        for target in s.targets:
            if not isinstance(target, ast.Name):
                raise CannotRecord("del")
            scope.names.pop(target.id, None)

    def _Nonlocal(self, s: ast.Nonlocal, scope: Scope) -> None:
        scope.nonlocals.update(s.names)

    def _Break(self, s: ast.Break, scope: Scope) -> None:
        raise Broken

    def _Continue(self, s: ast.Continue, scope: Scope) -> None:
        raise Continued

    def _Pass(self, s: ast.Pass | ast.Assert, scope: Scope) -> None:
        pass

    _Assert = _Pass  # Python has run it

    # --- assignment

    def assign(
        self, target: ast.expr, record: Record, scope: Scope, *, logged: bool = True
    ) -> None:
        self._store(target, record, scope, (), record if logged else None)

    def _store(
        self,
        target: ast.expr,
        record: Record,
        scope: Scope,
        keys: tuple[Any, ...],
        part: Record | None,
    ) -> None:
        """Bind a name; an entry (`keys` deep) is set in a copy of what holds it, and that bound."""
        if isinstance(target, ast.Name):
            scope.bind(target.id, record)
            if part is not None:
                made = Assignment(target.id, record, scope.instance, scope.outermost, keys, part)
                self.trace.assigned.append(made)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for one, item in self._unpacked(target.elts, self.items(record, scope), scope):
                self._store(one, item, scope, keys, None if part is None else item)
        elif isinstance(target, ast.Subscript):
            base, key = self.evaluate(target.value, scope), self.evaluate(target.slice, scope)
            if not isinstance(base.value, MUTABLE):
                raise CannotRecord(f"an entry of a {type(base.value).__name__}")
            whole = self.run(with_entry, [base, key, record], None, scope)
            self._store(target.value, whole, scope, (key.value, *keys), part)
            self.rename(base.value, whole, scope)
        else:
            raise CannotRecord("an attribute that is set")

    def _unpacked(
        self, targets: list[ast.expr], items: list[Record], scope: Scope
    ) -> list[tuple[ast.expr, Record]]:
        star = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        if star is None:
            return list(zip(targets, items, strict=True))
        stop = len(items) - (len(targets) - star - 1)
        middle = self.run(lambda *values: list(values), items[star:stop], None, scope)
        starred: Any = targets[star]
        plain = [*targets[:star], starred.value, *targets[star + 1 :]]
        return list(zip(plain, [*items[:star], middle, *items[stop:]], strict=True))

    def replace(self, target: ast.expr, old: Any, new: Record, scope: Scope) -> None:
        if isinstance(target, (ast.Name, ast.Subscript)):
            self.assign(target, new, scope)
        self.rename(old, new, scope)

    def rename(self, old: Any, new: Record, scope: Scope) -> None:
        """Let every name and container that holds the object `old` hold `new`."""
        scopes = [s for live in self.live for s in _chain(live)]
        for space, of in [(self._outside, None), *((s.names, s) for s in scopes)]:
            for name, record in list(space.items()):
                value = record.value
                if value is old:
                    space[name] = new
                    if of is not None:
                        made = Assignment(name, new, of.instance, of.outermost, (), new)
                        self.trace.assigned.append(made)
                elif type(value) in (list, dict) and value is not new.value:
                    pairs = value.items() if isinstance(value, dict) else enumerate(value)
                    for key, entry in list(pairs):
                        if entry is old:
                            where = self.trace.add(same, (), key)
                            whole = self.run(with_entry, [record, where, new], None, scope)
                            self.rename(value, whole, scope)


def _called_alone(definition: Definition) -> str:
    """The name of the function that is all that another calls and returns; "" if there is none."""
    body: Any = definition.body
    if isinstance(body, list):
        body = body[1:] if _is_text(body[0]) else body
        body = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
    alone = isinstance(body, ast.Call) and isinstance(body.func, ast.Name)
    return body.func.id if alone else ""


def _is_text(s: ast.stmt) -> bool:
    return isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)


def _chain(scope: Scope | None) -> list[Scope]:
    found = []
    while scope is not None:
        found.append(scope)
        scope = scope.parent
    return found


def updated(operation: Callable[[Any, Any], Any], old: Any, new: Any) -> Any:
    """What an augmented assignment makes of the old value, in a copy."""
    return operation(copied(old), new)


def with_entry(base: Any, key: Any, value: Any) -> Any:
    """A copy of an array or a container with one entry set."""
    new = copied(base)
    new[key] = value
    return new


def run(
    function: FunctionType,
    arguments: Mapping[str, Any],
    instead: Callable[[Any], Any] = same,
    edits: Mapping[ast.AST, Any] | None = None,
) -> Trace:
    """Run a function of the user's on some arguments and return what happened.

    `instead` gives what stands in the place of what is read from outside: globals, closed-over
    variables; `edits` what stands at some places of the source. An error that the function raises
    is noted. Raises `NoSource` and `CannotRecord`.
    """
    machine = Interpreter(Trace(*_nowhere()), is_own, instead, edits or {})
    closure = machine.closure(function)
    if closure is None:
        raise NoSource(function.__name__)
    trace = machine.trace
    *around, (trace.source, trace.definition) = (
        (c.scope.source, c.definition) for c in machine.chain(closure)
    )
    trace.around = tuple(around)
    trace.arguments = {
        name: trace.add(lambda value=value: value, (), value) for name, value in arguments.items()
    }
    known = {**closure.defaults, **trace.arguments}
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        machine.enter(closure, known)
    return trace


def run_statements(
    source: Source,
    statements: Sequence[ast.stmt],
    names: Mapping[str, Any],
    instead: Callable[[Any], Any] = same,
    edits: Mapping[ast.AST, Any] | None = None,
) -> Trace:
    """The same for statements of a file or a cell, which see `names`."""
    machine = Interpreter(Trace(source, source.tree), is_own, instead, edits or {})
    scope = Scope(source, names, outermost=True)
    machine.live.append(scope)
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        machine.block(statements, scope)
    machine.trace.names = scope.names
    return machine.trace


def run_expression(
    source: Source,
    body: ast.expr,
    names: Mapping[str, Any],
    edits: Mapping[ast.AST, Any] | None = None,
    functions: Mapping[str, Any] | None = None,
) -> Trace:
    """The same for an expression that sees nothing but `names` and `functions`."""
    trace = Trace(source, source.tree)
    trace.arguments = {
        name: trace.add(lambda value=value: value, (), value) for name, value in names.items()
    }
    machine = Interpreter(trace, lambda function: False, same, edits or {})
    scope = Scope(source, functions or {}, names=trace.arguments)
    scope.begin(body)
    with np.errstate(all="ignore"):
        try:
            trace.result = machine.evaluate(body, scope)
        except Exception as error:
            trace.error, trace.failed = error, scope.instance
    return trace


def _nowhere() -> tuple[Source, ast.Module]:
    empty = ast.Module([], [])
    return Source("", "", empty), empty
