"""Expressions, run with a record for every part."""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ...graph.node import Node
from .forms import CannotRecord, form
from .library import owned
from .objects import Fields
from .plain import MUTABLE, copied, differ, may_set
from .scope import Closure, Scope
from .source import NoSource, source_of
from .trace import Record, Trace

SETTERS = (setattr, delattr, object.__setattr__, object.__delattr__)
FOLDS = (map, functools.reduce)
ENDLESS = 1_000  # values that a generator gives
LONGEST = ContextVar("the most records of one derivation", default=300_000)


def same(value: Any) -> Any:
    """The value itself."""
    return value


class Expressions:
    """Records expressions on a trace. `own` tells whose functions are recorded inside; what
    is read from outside is put through `instead`; `edits` has what stands at some places."""

    def __init__(
        self,
        trace: Trace,
        own: Callable[[FunctionType], bool],
        instead: Callable[[Any], Any],
        edits: Mapping[ast.AST, Any],
    ) -> None:
        self.trace, self.own, self.instead, self.edits = trace, own, instead, edits
        self.live: list[Scope] = []
        self.calls = 0
        self.longest = LONGEST.get()
        self.fields = Fields(self.constant, self.plain)
        self._outside: dict[Any, Record] = {}
        self._read: dict[int, tuple[Any, Any]] = {}  # with the value, so that its id stays its own
        self._kept: list[Any] = []
        self._closures: dict[FunctionType, Closure | None] = {}
        self._leaf_of: dict[int, Node] = {}  # by the id of the array that one is in the end

    def evaluate(self, e: ast.expr, scope: Scope) -> Record:
        """Run an expression, or what stands in its place."""
        standing = self.edits.get(e)
        if standing is None:
            return self._evaluated(e, scope)
        record = scope.instance.recorded[id(e)] = self._evaluated(standing, scope)
        return record

    def _evaluated(self, e: ast.expr, scope: Scope) -> Record:
        special = getattr(self, f"_{type(e).__name__}", None)
        if special is not None:
            return special(e, scope)  # type: ignore[no-any-return]
        compute, operands = form(e)
        return self.run(compute, [self.evaluate(x, scope) for x in operands], e, scope)

    def run(
        self,
        compute: Callable[..., Any],
        operands: Sequence[Record],
        site: ast.expr | None,
        scope: Scope,
    ) -> Record:
        """Run one operation."""
        try:
            value = compute(*[x.value for x in operands])
        except ValueError:
            self.trace.refused = site, [x.value for x in operands]
            raise
        if len(self.trace.records) >= self.longest:
            raise CannotRecord("so many steps")
        if isinstance(value, np.matrix):
            raise CannotRecord("np.matrix, of which * is another product")
        return self.trace.add(compute, operands, value, site, scope.instance)

    def constant(self, value: Any) -> Record:
        """A value that nothing here computed; the same object has the same record."""
        if id(value) not in self._outside:
            self._kept.append(value)  # so that its id stays its own
            used = self.instead(value)
            self._outside[id(value)] = self.trace.add(lambda: used, (), used)
        return self._outside[id(value)]

    def plain(self, value: Any) -> Any:
        """What such a value is read as."""
        record = self._outside.get(id(value))
        if record is not None:
            return record.value
        return self._read.setdefault(id(value), (self.instead(value), value))[0]

    def items(self, record: Record, scope: Scope) -> list[Record]:
        """The entries of a value, each of them a record."""
        entries = self.run(list, [record], None, scope)
        return [
            self.run(operator.itemgetter(k), [entries], None, scope)
            for k in range(len(entries.value))
        ]

    def closure(self, function: Any) -> Closure | None:
        """A function of the user's, to be recorded inside; None for any other."""
        if isinstance(function, Closure):
            return function
        if not isinstance(function, FunctionType) or not self.own(function):
            return None
        if function not in self._closures:
            try:
                source, definition = source_of(function)
            except NoSource:
                definition = None
            if definition is None:
                self._closures[function] = None
                return None
            cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
            names = {name: self.constant(cell.cell_contents) for name, cell in cells}
            scope = Scope(source, function.__globals__, self.fields, names=names)
            a = definition.args
            positional = [p.arg for p in (*a.posonlyargs, *a.args)]
            values = function.__defaults__ or ()
            last = dict(zip(positional[len(positional) - len(values) :], values, strict=True))
            defaults = {**last, **(function.__kwdefaults__ or {})}
            known = {name: self.constant(value) for name, value in defaults.items()}
            self._closures[function] = Closure(definition, scope, known, self._called_by_library)
        return self._closures[function]

    def enter(self, closure: Closure, arguments: Mapping[str, Record]) -> Record:
        """Run a function's body."""
        raise NotImplementedError

    def _called_by_library(self, closure: Closure, values: Any, named: Any) -> Any:
        kept, live = self.trace, self.live
        self.trace, self.live = Trace(closure.scope.source, closure.definition), []
        try:
            pack = lambda compute, xs: self.trace.add(compute, xs, compute(*[x.value for x in xs]))  # noqa: E731
            given = [self.trace.add(same, (), v) for v in values]
            more = {name: self.trace.add(same, (), v) for name, v in named.items()}
            result = self.enter(closure, closure.bound(given, more, pack))
            if self.trace.error is not None:
                raise self.trace.error
            return result.value
        finally:
            self.trace, self.live = kept, live

    # --- expressions that are no plain application of a function to operands

    def _Name(self, e: ast.Name, scope: Scope) -> Record:
        record = scope.find(e.id)
        if record is None:
            record = self.constant(scope.outside(e.id))
        return self.run(same, [record], e, scope)

    def _Attribute(self, e: ast.Attribute, scope: Scope) -> Record:
        return self._attribute(e, self.evaluate(e.value, scope), scope)

    def _attribute(self, e: ast.Attribute, base: Record, scope: Scope) -> Record:
        record = self.fields.find(base.value, e.attr)
        if record is not None:
            return self.run(same, [record], e, scope)
        return self.run(form(e)[0], [base], e, scope)

    def _IfExp(self, e: ast.IfExp, scope: Scope) -> Record:
        chosen = e.body if self.evaluate(e.test, scope).value else e.orelse
        return self.run(same, [self.evaluate(chosen, scope)], e, scope)

    def _BoolOp(self, e: ast.BoolOp, scope: Scope) -> Record:
        for x in e.values:
            record = self.evaluate(x, scope)
            if bool(record.value) is isinstance(e.op, ast.Or):
                break
        return self.run(same, [record], e, scope)

    def _NamedExpr(self, e: ast.NamedExpr, scope: Scope) -> Record:
        record = self.evaluate(e.value, scope)
        self.assign(e.target, record, scope)
        return self.run(same, [record], e, scope)

    def _Yield(self, e: ast.Yield, scope: Scope) -> Record:
        given = self.constant(None) if e.value is None else self.evaluate(e.value, scope)
        scope.yielded.append(given)
        if len(scope.yielded) > ENDLESS:  # it is run to its end, and may have none
            raise CannotRecord("a generator that goes on")
        return self.constant(None)

    def _YieldFrom(self, e: ast.YieldFrom, scope: Scope) -> Record:
        scope.yielded += self.items(self.evaluate(e.value, scope), scope)
        return self.constant(None)

    def _Lambda(self, e: ast.Lambda, scope: Scope) -> Record:
        return self.run(same, [self.define(e, scope)], e, scope)

    def define(self, definition: ast.FunctionDef | ast.Lambda, scope: Scope) -> Record:
        """A function that is defined here."""
        a = definition.args
        positional = [p.arg for p in (*a.posonlyargs, *a.args)]
        last = zip(positional[len(positional) - len(a.defaults) :], a.defaults, strict=True)
        named = zip((p.arg for p in a.kwonlyargs), a.kw_defaults, strict=True)
        defaults = {n: self.evaluate(d, scope) for n, d in (*last, *named) if d is not None}
        made = Closure(definition, scope, defaults, self._called_by_library)
        return self.trace.add(lambda: made, (), made)

    def _ListComp(self, e: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope) -> Record:
        gathered = (lambda *v: set(v)) if isinstance(e, ast.SetComp) else lambda *v: list(v)
        turns = self._turns(e.generators, e, scope)
        return self.run(gathered, [self.evaluate(e.elt, turn) for turn in turns], e, scope)

    _GeneratorExp = _SetComp = _ListComp

    def _DictComp(self, e: ast.DictComp, scope: Scope) -> Record:
        found: list[Record] = []
        for turn in self._turns(e.generators, e, scope):
            found += self.evaluate(e.key, turn), self.evaluate(e.value, turn)
        paired = lambda *v: dict(zip(v[::2], v[1::2], strict=True))  # noqa: E731
        return self.run(paired, found, e, scope)

    def _turns(
        self, generators: list[ast.comprehension], e: ast.expr, scope: Scope
    ) -> Iterator[Scope]:
        """The scope of every turn of a comprehension."""
        first, *others = generators
        for item in self.items(self.evaluate(first.iter, scope), scope):
            turn = Scope(scope.source, scope.globals, self.fields, scope)
            turn.begin(e)
            self.assign(first.target, item, turn, logged=False)
            turn.begin(e)
            if all(self.evaluate(test, turn).value for test in first.ifs):
                yield from self._turns(others, e, turn) if others else (turn,)

    # --- calls

    def _Call(self, e: ast.Call, scope: Scope) -> Record:
        if isinstance(e.func, ast.Attribute):
            base = self.evaluate(e.func.value, scope)
            if isinstance(base.value, MUTABLE):
                return self._method(e, e.func, base, scope)
            function = self._attribute(e.func, base, scope)
        else:
            function = self.evaluate(e.func, scope)
        inner = function.value
        if isinstance(inner, type) and (made := self._made(inner, e, scope)) is not None:
            return made
        if any(inner is f for f in FOLDS) and not isinstance(e.args[0], ast.Starred):
            first = self.evaluate(e.args[0], scope).value
            called = self.closure(getattr(first, "__func__", first))
            if called is not None:
                return self._folded(inner is map, called, first, e, scope)
        function_of = getattr(inner, "__func__", inner)
        closure = self.closure(function_of)
        if closure is not None:
            try:
                return self._entered(closure, inner, e, scope)
            except CannotRecord:
                if inner not in self._closures:
                    raise
                self._closures[inner] = None  # called as a library is
        compute, exprs = form(e)
        operands = [function, *(self.evaluate(x, scope) for x in exprs[1:])]
        own = isinstance(function_of, FunctionType) and self.own(function_of)
        own |= any(inner is f for f in SETTERS)
        if own and may_set(inner, [x.value for x in operands[1:]]):
            raise CannotRecord(f"{inner.__name__}, which may set attributes")
        return self._library(compute, operands, exprs, e, scope)

    def _made(self, cls: type, e: ast.Call, scope: Scope) -> Record | None:
        """An object of a user's class, where what makes it can be recorded."""
        closure = self.closure(vars(cls).get("__init__"))
        if closure is None or vars(cls).get("__new__") is not None or cls.__bases__ != (object,):
            return None
        made: Any = object.__new__(cls)
        self._entered(closure, made.__init__, e, scope)
        return self.run(same, [self.constant(made)], e, scope)

    def _entered(self, closure: Closure, inner: Any, e: ast.Call, scope: Scope) -> Record:
        """Call a function whose body is recorded too."""
        given = self._given(e.args, scope)
        named: dict[str, Record] = {}
        for k in e.keywords:
            value = self.evaluate(k.value, scope)
            if k.arg is not None:
                named[k.arg] = value
                continue
            for key in value.value:
                named[key] = self.run(operator.itemgetter(key), [value], None, scope)
        return self.run(same, [self._applied(closure, inner, given, named, scope)], e, scope)

    def _given(self, args: Sequence[ast.expr], scope: Scope) -> list[Record]:
        """What is given by position, a starred list entry by entry."""
        given: list[Record] = []
        for x in args:
            if isinstance(x, ast.Starred):
                given += self.items(self.evaluate(x.value, scope), scope)
            else:
                given.append(self.evaluate(x, scope))
        return given

    def _applied(
        self,
        closure: Closure,
        inner: Any,
        given: list[Record],
        named: dict[str, Record],
        scope: Scope,
    ) -> Record:
        own = [self.constant(inner.__self__)] if isinstance(inner, MethodType) else []
        pack = lambda compute, xs: self.run(compute, xs, None, scope)  # noqa: E731
        return self.enter(closure, closure.bound([*own, *given], named, pack))

    def _folded(self, mapped: bool, closure: Closure, f: Any, e: ast.Call, scope: Scope) -> Record:
        """What `map` or `reduce` makes with a function whose body is recorded too, call by call."""
        over = self._given(e.args[1:], scope)
        rows = [self.items(x, scope) for x in (over if mapped else over[:1])]
        if mapped:
            made = [self._applied(closure, f, [*r], {}, scope) for r in zip(*rows)]  # noqa: B905
            return self.run(lambda *values: list(values), made, e, scope)
        state = over[1] if len(over) > 1 else rows[0].pop(0)
        for item in rows[0]:
            state = self._applied(closure, f, [state, item], {}, scope)
        return self.run(same, [state], e, scope)

    def _method(self, e: ast.Call, func: ast.Attribute, base: Record, scope: Scope) -> Record:
        compute, exprs = form(e)
        operands = [base, *(self.evaluate(x, scope) for x in exprs[1:])]

        def of(base: Any, *values: Any) -> Any:
            array = isinstance(base, np.ndarray)  # a list is to stay the one that it is
            return compute(getattr(owned(base) if array else base, func.attr), *values)

        return self._library(of, operands, [func.value, *exprs[1:]], e, scope)

    def _library(
        self,
        compute: Callable[..., Any],
        operands: list[Record],
        exprs: list[ast.expr],
        e: ast.Call,
        scope: Scope,
    ) -> Record:
        """Call what is not recorded inside, on copies: those it changed are assigned anew."""
        values = [x.value for x in operands]
        copies = [copied(v) for v in values]
        result = compute(*copies)
        changed = [i for i, v in enumerate(values) if copies[i] is not v and differ(copies[i], v)]
        result = next((v for v, c in zip(values, copies, strict=True) if c is result), result)
        if not changed:
            if isinstance(result, np.ndarray) and result.base is not None:
                result = compute(*values)  # a part of what is given, and not of its copy
            return self.trace.add(compute, operands, result, e, scope.instance)

        def changing(*values: Any) -> tuple[Any, ...]:
            fresh = [copied(v) if i in changed else v for i, v in enumerate(values)]
            return (compute(*fresh), *(fresh[i] for i in changed))

        all_ = self.run(changing, operands, None, scope)
        for k, i in enumerate(changed, start=1):
            new = self.run(operator.itemgetter(k), [all_], None, scope)
            self.replace(exprs[i], operands[i].value, new, scope)
        return self.run(operator.itemgetter(0), [all_], e, scope)

    # --- assignment

    def assign(
        self, target: ast.expr, record: Record, scope: Scope, *, logged: bool = True
    ) -> None:
        """Give a name, an entry or several their value."""
        raise NotImplementedError

    def replace(self, target: ast.expr, old: Any, new: Record, scope: Scope) -> None:
        """What was `old` has been changed in place: every name for it means `new` now."""
        raise NotImplementedError
