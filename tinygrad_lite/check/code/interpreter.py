"""Run a derivation as Python would, with a record of every sub-expression.

The interpreter changes nothing in place: what Python would change becomes a new value that every
name for the old one then means. A generator runs to its end at once, and gives a list. What it
cannot run (classes, errors that are caught) raises `CannotRecord`.
"""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ...graph.names import is_own
from .assigning import Assigning
from .expressions import same
from .forms import IN_PLACE, CannotRecord
from .plain import MUTABLE, copied
from .scope import Closure, Scope, local_names, yields
from .source import Definition, NoSource, Source
from .trace import Record, Trace


class Returned(Exception):
    """A function returns."""

    def __init__(self, record: Record) -> None:
        self.record = record


class Broken(Exception):
    """A loop ends."""


class Continued(Exception):
    """A turn of a loop ends."""


class Interpreter(Assigning):
    """Statements, on top of expressions and assignments."""

    def enter(self, closure: Closure, arguments: Mapping[str, Record]) -> Record:
        around, definition = closure.scope, closure.definition
        scope = Scope(around.source, around.globals, self.fields, around, dict(arguments))
        scope.outermost = definition is self.trace.definition
        self.calls = scope.number = self.calls + 1
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
        if yields(definition):
            return self.run(lambda *values: list(values), scope.yielded, None, scope)
        return result

    def chain(self, closure: Closure) -> list[Closure]:
        """A function, the one that it only calls, as in `return affine_backward(dout, (x, w))` or
        `return model.backward(dout)`, and so on: the derivation's lines are those of the last."""
        found = [closure]
        while called := _called_alone(found[-1].definition):
            ahead = self.closure(_found(called, found[-1].scope))
            if ahead is None or ahead in found or isinstance(ahead.definition, ast.Lambda):
                break
            if ahead.definition.name in _calls(ahead.definition):  # itself, perhaps
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
        if s.decorator_list:
            raise CannotRecord("a decorated function")
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

    def _Global(self, s: ast.Global, scope: Scope) -> None:
        scope.global_.update(s.names)

    def _Break(self, s: ast.Break, scope: Scope) -> None:
        raise Broken

    def _Continue(self, s: ast.Continue, scope: Scope) -> None:
        raise Continued

    def _Pass(self, s: ast.Pass | ast.Assert, scope: Scope) -> None:
        pass

    _Assert = _Pass  # Python has run it


def _called_alone(definition: Definition) -> list[str]:
    """The name of the function that is all that another calls, and calls once, or of a method what
    leads to it: model, backward; nothing if there is none."""
    body: Any = definition.body
    if isinstance(body, list):
        body = body[1:] if _is_text(body[0]) else body
        alone = len(body) == 1 and isinstance(body[0], (ast.Return, ast.Expr))
        body = body[0].value if alone else None
    if not isinstance(body, ast.Call):
        return []
    names, e = [], body.func
    while isinstance(e, ast.Attribute):
        names.append(e.attr)
        e = e.value
    if not isinstance(e, ast.Name) or _calls(body)[1:].count(_last_name(body.func)):
        return []
    return [e.id, *names[::-1]]


def _last_name(function: ast.expr) -> str:
    return str(getattr(function, "attr", getattr(function, "id", "")))


def _calls(node: ast.AST) -> list[str]:
    """The names of the functions that a piece of code calls, its own first."""
    return [_last_name(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)]


def _found(names: Sequence[str], scope: Scope) -> Any:
    """What names lead to in a scope; None where they lead to nothing, or to what is no plain
    function in the end."""
    local = scope.flat().get(names[0])
    value = scope.globals.get(names[0]) if local is None else local.value
    for name in names[1:]:
        value = getattr(value, name, None)
    return getattr(value, "__func__", value)


def _is_text(s: ast.stmt) -> bool:
    return isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)


def updated(operation: Callable[[Any, Any], Any], old: Any, new: Any) -> Any:
    """What an augmented assignment makes of the old value, in a copy."""
    return operation(copied(old), new)


def run(
    function: FunctionType | MethodType,
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
    closure = machine.closure(getattr(function, "__func__", function))
    if closure is None:
        raise NoSource(function.__name__)
    trace = machine.trace
    trace.fields = machine.fields.records
    *around, (trace.source, trace.definition) = (
        (c.scope.source, c.definition) for c in machine.chain(closure)
    )
    trace.around = tuple(around)
    trace.arguments = {
        name: trace.add(lambda value=value: value, (), value) for name, value in arguments.items()
    }
    known = {**closure.defaults, **trace.arguments}
    if isinstance(function, MethodType):
        known[closure.definition.args.args[0].arg] = machine.constant(function.__self__)
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
    """The same for statements of a file or a cell, which see `names`; an error is noted as well."""
    machine = Interpreter(Trace(source, source.tree), is_own, instead, edits or {})
    made = (n for s in statements for n in ast.walk(s) if isinstance(n, ast.Name))
    later = frozenset(n.id for n in made if isinstance(n.ctx, ast.Store))
    scope = Scope(source, names, machine.fields, outermost=True, later=later)
    machine.live.append(scope)
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        try:
            machine.block(statements, scope)
        except CannotRecord:
            raise
        except Exception as error:
            machine.trace.error, machine.trace.failed = error, scope.instance
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
    scope = Scope(source, functions or {}, machine.fields, names=trace.arguments)
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
