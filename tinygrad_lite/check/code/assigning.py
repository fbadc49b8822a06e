"""Assignments, recorded: to names, to entries of what these hold, to attributes of objects."""

from __future__ import annotations

import ast
from typing import Any

from ...graph.names import named_in
from .expressions import MUTABLE, Expressions, copied, same
from .forms import CannotRecord
from .objects import Field
from .plain import owner
from .scope import Scope
from .trace import Assignment, Record


class Assigning(Expressions):
    """Assignments, on top of expressions. Nothing is changed in place: a copy with the change is
    what every name for the old value then means."""

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
            self._set(target, record, scope, keys, part)

    def _set(
        self,
        target: Any,
        record: Record,
        scope: Scope,
        keys: tuple[Any, ...],
        part: Record | None,
    ) -> None:
        """Give an attribute its value, not in the object itself."""
        base, own = self.evaluate(target.value, scope).value, self._own
        of = self.fields.owner(base)
        if of is None or own is None:
            raise CannotRecord(f"an attribute of {type(base).__name__} that is set")
        field = id(of), target.attr
        if field not in self.fields.called:
            path = ast.unparse(target.value) if own is scope else path_of(of, own)
            self.fields.called[field] = f"{path}.{target.attr}"
        self.fields.records[field] = record
        if part is not None:
            self._note(field, record, keys, part)

    @property
    def _own(self) -> Scope | None:
        """The scope of the derivation itself, where no library has called a part of it."""
        return next((scope for scope in self.live if scope.outermost), None)

    def _note(self, field: Field, record: Record, keys: tuple[Any, ...], part: Record) -> None:
        """Note that an attribute was given a value."""
        of, called = (self.fields.owners[field[0]], field[1]), self.fields.called[field]
        own, at = self._own, self.live[-1].instance
        if own is not None:
            made = Assignment(called, record, at, True, keys, part, of, own.instance)
            self.trace.assigned.append(made)

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
        spaces: list[tuple[dict[Any, Record], Scope | None]] = [(s.names, s) for s in scopes]
        for space, of in [(self._outside, None), (self.fields.records, None), *spaces]:
            for name, record in list(space.items()):
                value = record.value
                if value is old:
                    space[name] = new
                    if of is not None:
                        made = Assignment(name, new, of.instance, of.outermost, (), new)
                        self.trace.assigned.append(made)
                    elif name in self.fields.called:
                        self._note(name, new, (), new)
                elif type(value) in (list, dict) and value is not new.value:
                    pairs = value.items() if isinstance(value, dict) else enumerate(value)
                    for key, entry in list(pairs):
                        if entry is old:
                            where = self.trace.add(same, (), key)
                            whole = self.run(with_entry, [record, where, new], None, scope)
                            self.rename(value, whole, scope)


def path_of(of: Any, scope: Scope) -> str:
    """What an object is called in a function: by its parameters and by what it sees, or else by
    its own names, which a loop may give to others; its class where it has no name."""
    names = {name: r.value for name, r in scope.flat().items()}
    given = {name: value for name, value in names.items() if name not in scope.assigned}
    for known in ({**given, **scope.globals}, names):
        owners = {name: owner(value) for name, value in known.items()}
        called = named_in({n: known[n] if x is None else x for n, x in owners.items()})
        if id(of) in called:
            return called[id(of)]
    return type(of).__name__


def _chain(scope: Scope | None) -> list[Scope]:
    found = []
    while scope is not None:
        found.append(scope)
        scope = scope.parent
    return found


def with_entry(base: Any, key: Any, value: Any) -> Any:
    """A copy of an array or a container with one entry set."""
    new = copied(base)
    new[key] = value
    return new
