"""Assignments, recorded: to names, to entries of what these hold, to attributes of objects."""

from __future__ import annotations

import ast
import operator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...graph.names import named_in
from ...graph.node import Node
from .expressions import Expressions, same
from .forms import CannotRecord
from .objects import Field
from .plain import MUTABLE, attribute_name, copied, owner
from .scope import Scope, looped_names
from .trace import Assignment, Record, Updated


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
                if not scope.outermost and (own := self._own) is not None:
                    made = replace(made, line=own.instance, inside=scope)
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

    def _Subscript(self, e: ast.Subscript, scope: Scope) -> Record:
        """An entry: of a dict or a list what it was set to, where that is known."""
        base, key = self.evaluate(e.value, scope), self.evaluate(e.slice, scope)
        held = base
        while type(base.value) in (dict, list) and not isinstance(key.value, slice):
            while held.compute is same:
                held = held.operands[0]
            if held.compute is not with_entry:
                break
            held, at, part = held.operands
            if _place_in(base.value, at.value) == _place_in(base.value, key.value):
                return self.run(same, [part], e, scope)
        return self.run(operator.getitem, [base, key], e, scope)

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
        field = id(of), attribute_name(of, target.attr)
        if field not in self.fields.called:
            path = ast.unparse(target.value) if own is scope else path_of(of, own)
            taken = list(self.fields.called.values()).count(f"{path}.{target.attr}")
            path += f"({taken + 1})" * bool(taken)  # others of its class have no name either
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
        """Let every name and container that holds the object `old` hold `new`, and those that hold
        what shares its memory what that is then."""
        scopes = [s for live in self.live for s in _chain(live)]
        spaces: list[tuple[dict[Any, Record], Scope | None]] = [(s.names, s) for s in scopes]
        spaces += [(space, None) for space in self.fields.globals.values()]
        spaces = [(self._outside, None), (self.fields.records, None), *spaces]
        every = {id(r.value): r for space, _ in spaces for r in space.values()}
        every |= {id(r.value): r for r in self._entries([*every.values()], old, scope)}
        changed = self._changed(old, new, [r for r in every.values() if r.value is not old])
        if new.operands and new.operands[0].value is old:
            every[id(old)] = new.operands[0]
        self._note_leaves(every, changed)
        for space, of in spaces:
            for name, record in list(space.items()):
                value = record.value
                if id(value) in changed:
                    now = space[name] = changed[id(value)]
                    if value is new.value:
                        continue
                    if of is not None:
                        at = of.instance
                        made = Assignment(name, now, at, of.outermost, (), now)
                        self.trace.assigned.append(made)
                    elif name in self.fields.called:
                        self._note(name, now, (), now)
                elif type(value) in (list, dict) and value is not new.value:
                    pairs = value.items() if isinstance(value, dict) else enumerate(value)
                    for key, entry in list(pairs):
                        now = changed.get(id(entry), record)
                        if now is not record and now.value is not entry:
                            where = self.trace.add(same, (), key)
                            whole = self.run(with_entry, [record, where, now], None, scope)
                            self.rename(value, whole, scope)

    def _entries(self, holders: list[Record], old: Any, scope: Scope) -> list[Record]:
        """The entries of lists and dicts that share memory with an array."""
        return [
            self.run(operator.itemgetter(key), [r], None, scope)
            for r in holders
            if type(r.value) in (list, dict)
            for key, x in (r.value.items() if isinstance(r.value, dict) else enumerate(r.value))
            if _share(x, old)
        ]

    def _note_leaves(self, before: dict[int, Record], changed: dict[int, Record]) -> None:
        """Note what arrays of leaves are now."""
        for key, now in changed.items():
            if key not in before or (own := self._own) is None:
                continue
            node = self._leaf_of.get(key, getattr(before[key].value, "node", None))
            if isinstance(node, Node) and node.op is None:
                self._leaf_of[id(now.value)] = node
                known = self.trace.updated.get(node)
                first = before[key] if known is None else known.first
                made = Updated(first, now, self.live[-1].instance, own.instance)
                self.trace.updated[node] = made

    def _changed(self, old: Any, new: Record, others: list[Record]) -> dict[int, Record]:
        """What arrays are, by their ids, once one has been changed: parts of the largest that
        shares its memory."""
        sharing = [r for r in others if _share(r.value, old)]
        if not sharing:
            return {id(old): new}
        largest = max(sharing, key=lambda r: (r.value.size, r.value.flags.c_contiguous))
        whole = new
        if largest.value.size > old.size or not old.flags.c_contiguous:
            changing = partial(_with_part, *_place(old, largest.value))
            whole = self.run(changing, [largest, new], None, self.live[-1])
        base = old if whole is new else largest.value
        found = {id(base): whole}
        for value in (old, *(r.value for r in others if _share(r.value, base))):
            if id(value) not in found:
                part = partial(_part, *_place(value, base))
                found[id(value)] = self.run(part, [whole], None, self.live[-1])
        return {**found, id(new.value): found[id(old)]}


def _place_in(container: Any, key: Any) -> Any:
    """The place of an entry: of a list's last the same as that of -1."""
    return key % len(container) if isinstance(container, list) else key


def _share(a: Any, b: Any) -> bool:
    """Whether two arrays share memory, and are not one."""
    arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a is not b
    return arrays and np.may_share_memory(a, b) and np.shares_memory(a, b)


def _place(part: Any, whole: Any) -> tuple[int, Any, Any]:
    """Where a part of an array begins in it, in bytes, its shape and strides."""
    first, end = np.lib.array_utils.byte_bounds(whole)
    begin, last = np.lib.array_utils.byte_bounds(part)
    if not whole.flags.c_contiguous or not first <= begin <= last <= end:
        raise CannotRecord("a change of a part of an array that overlaps with another")
    return begin - first, part.shape, part.strides


def path_of(of: Any, scope: Scope) -> str:
    """What an object is called in a function: by what no loop gives to others, if it can be; its
    class where it has no name."""
    names = {name: r.value for name, r in scope.flat().items()}
    looped = looped_names(scope.instance.source.tree)
    for known in ({n: v for n, v in names.items() if n not in looped}, scope.globals, names):
        owners = {name: owner(value) for name, value in known.items()}
        called = named_in({n: known[n] if x is None else x for n, x in owners.items()})
        if id(of) in called:
            return called[id(of)]
    return type(of).__name__


def _part(begin: int, shape: Any, strides: Any, whole: Any) -> Any:
    """The part of an array that begins so many bytes in it."""
    whole = np.ascontiguousarray(whole)
    return np.ndarray(shape, whole.dtype, whole, begin, strides)


def _with_part(begin: int, shape: Any, strides: Any, whole: Any, part: Any) -> Any:
    """A copy of an array with another part."""
    copy = np.array(whole, order="C", subok=True)
    _part(begin, shape, strides, copy)[...] = part
    return copy


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
