"""How likely an edit is: one that gives a cotangent is, one that breaks what is right is not."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ..code.source import Definition, replaced
from ..code.trace import Record
from ..slips import FAR, LIKELY, NEAR, ODD
from .edited import LITERAL, walked
from .known import Role
from .looked import proportional
from .masked import few
from .places import Places, Values
from .rows import Edit, is_nothing, is_numeric
from .written import FAILS, inverted

OPPOSITE: Mapping[Any, ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
}
BROKEN = 0.5  # that a function is wrong which is right elsewhere
LONG, ADDED = 0.004, 0.01  # what every part costs that is replaced, and that there is more


class Ranked(Places):
    """Edits at the places of a line, ranked as a person would put them."""

    def rank(self, edit: Edit, values: Values) -> float:
        """How far-fetched an edit is."""
        record = self.places[edit.place][0]
        kept = {id(n) for n in ast.walk(edit.new)}
        if id(edit.place) in kept:  # something is put around all of it
            kept = set()
        cost = edit.rank + LONG * sum(id(n) not in kept for n in ast.walk(edit.place))
        cost += ADDED * max(_parts(edit.new) - _parts(edit.place), 0)
        cost += self._unlikely(edit, record) + BROKEN * self._is_right_elsewhere(record)
        whole = self._is_goal(record)
        if isinstance(edit.place, ast.Name) and isinstance(edit.new, ast.Name):
            cost += FAR if self._multiple(record, edit) else -LIKELY
        elif _drops_number(edit):
            cost += LIKELY * _is_called(edit, record)
        elif not _reads_otherwise(edit) and not _picks(record):
            known = FAR if isinstance(edit.place, ast.Name) and not kept else FAR + LIKELY
            cost += (0.0, LIKELY, known, known)[self.known.role(self.value(record))]
        if whole:
            return cost + (FAR if edit.kind == "other" else 0.0)
        found = self.apply(edit, values)
        inside = [r for r in found if r.instance is record.instance and not self._is_goal(r)]
        if edit.kind == "transpose":
            inside = [r for r in inside if r is not record]
        roles = {r: self.known.role(found[r]) for r in inside}
        lost = [r for r, role in roles.items() if role is Role.NOTHING and r is not record]
        if any(self.known.role(self.value(r)) for r in lost):  # a value of the graph, until then
            cost += LIKELY
        new = max(roles.values(), default=Role.NOTHING)
        own = self.known.role(self.value(record, found))
        return cost - (0.0, LIKELY, LIKELY, ODD + NEAR)[new] - NEAR * (own is Role.COTANGENT)

    def _is_right_elsewhere(self, record: Record) -> bool:
        """Whether the function that a place is in gives a slope or a cotangent of the graph where
        it is called for something else."""
        source = None if record.instance is None else record.instance.source
        for f in () if source is None else source.definitions:
            if f is not self.trace.definition and record.site in set(ast.walk(f)):
                return self._gives(f)
        return False

    def _gives(self, f: Definition) -> bool:
        if f not in self._given:
            name = getattr(f, "name", None)
            others = (r for r in self.trace.records if r not in self.within)
            calls = (r for r in others if isinstance(r.site, ast.Call) and _name(r.site) == name)
            self._given[f] = any(self.known.role(r.value) >= Role.SLOPE for r in calls)
        return self._given[f]

    @cached_property
    def _given(self) -> dict[Definition, bool]:
        return {}

    def _unlikely(self, edit: Edit, record: Record) -> float:
        """What it costs that something stands where people write it elsewhere: an array made anew
        of which a part is taken, a number or a term inside of a product."""
        around, new = _around(record), edit.new
        if isinstance(around, (ast.Subscript, ast.Attribute)) and not _picks(record):
            sized = isinstance(around, ast.Attribute) and around.attr in ("shape", "size")
            alike = (ast.Name, ast.Subscript, type(edit.place))
            return FAR if sized or not isinstance(new, alike) else 0.0
        scaled = isinstance(new, ast.BinOp) and edit.place in (new.left, new.right)
        if scaled and type(self.value(record)) is int:  # a size
            return ODD
        if scaled and isinstance(new.op, (ast.Mult, ast.Div)):
            product = isinstance(around, ast.BinOp) and not isinstance(
                around.op, (ast.Add, ast.Sub)
            )
            return NEAR if product or isinstance(around, (ast.UnaryOp, ast.Call)) else 0.0
        if not isinstance(around, ast.BinOp):  # -z < 0 for z > 0
            return FAR * (isinstance(around, ast.Compare) and _is_negated(edit))
        if _is_negated(edit) and not _literal(new) and self._is_behind(record):
            return FAR
        odd = edit.kind == "sign" and edit.place is around.right
        if isinstance(around.op, (ast.Add, ast.Sub)):  # a - -2
            return FAR * odd
        odd = odd and not isinstance(around.op, ast.Mult)  # a sign in a denominator
        return NEAR * (odd or scaled or edit.kind == "shape")

    def _is_behind(self, record: Record) -> bool:
        """Whether a minus would stand behind an operator: a * -b, a - -b * c."""
        assert record.instance is not None
        parents, place = _parents(record.instance.source.tree), record.site
        assert place is not None
        while isinstance(around := parents.get(place), ast.BinOp):
            if place is around.right:
                return True
            if isinstance(around.op, (ast.Add, ast.Sub)):
                return False
            place = around
        return isinstance(around, ast.AugAssign)  # x -= -a

    def _disguised(self, edit: Edit) -> bool:
        """Whether it is a function that changes nothing here, |x| of what is positive, or a number
        of two, the square root of where(z > 0, 1, 0.01), or leaves what is around it with nothing
        to do, a function, a part, a product with 1, or nothing to tell, a comparison: that is what
        it stands for then."""
        record = self.places[edit.place][0]
        if (
            self._is_made_up(edit, record)
            or self._masks(edit)
            or self._wraps(edit)
            or _is_idle(edit, record)
        ):
            return True
        found = self.apply(edit, self.base)
        for u in (u for u in record.users if u in found):
            if isinstance(u.site, ast.Compare):
                idle = _is_one(found[u]) and not _is_one(u.value)
            elif isinstance(u.site, ast.BinOp):
                others = (self.value(x, found) for x in u.operands if x is not record)
                number = isinstance(edit.new, ast.Constant)
                idle = number and any(_same(found[u], x) for x in others)
            else:
                around = isinstance(u.site, (ast.Call, ast.Subscript))
                idle = (
                    around and _same(found[u], found[record]) and not _same(u.value, record.value)
                )
            if idle:
                return True
        if not isinstance(edit.new, ast.Call):
            return False
        assert record.instance is not None
        read = record.instance.value
        value, arguments = read(edit.new, self.base), [read(x, self.base) for x in edit.new.args]
        arrays = [a for a in arguments if is_numeric(a) and np.ndim(a)]
        one = edit.new.args == [edit.place] and _picks_number(arrays)
        return one or any(np.array_equal(value, a) for a in arrays)

    def simplified(self, edit: Edit) -> Edit:
        """An edit as people write it: a / b for a * (1 / b), a - b for a + -b."""
        around, new = _around(self.places[edit.place][0]), edit.new
        to = OPPOSITE.get(type(getattr(around, "op", None)))
        product = isinstance(to, (ast.Mult, ast.Div))
        inverse = inverted(new) if product else new.operand if _is_negated(edit) else None
        if to is None or inverse is None:
            return edit
        if isinstance(around, ast.BinOp) and edit.place is around.right and around in self.places:
            return edit._replace(place=around, new=ast.BinOp(around.left, to, inverse))
        if isinstance(around, ast.AugAssign):
            return edit._replace(place=around, new=ast.AugAssign(around.target, to, inverse))
        return edit

    def _is_made_up(self, edit: Edit, record: Record) -> bool:
        """Whether it compares data with a number that is none of the graph's: a threshold that
        happens to lie where it should."""
        old = {n.value for n in ast.walk(edit.place) if isinstance(n, ast.Constant)}
        compared = [edit.new] if isinstance(_around(record), ast.Compare) else []
        for n in ast.walk(edit.new):
            if isinstance(n, ast.Compare):
                compared += [n.left, *n.comparators]
        numbers = (n.value for x in compared for n in _literal(x))
        known = {0, 1, *old, *self.known.constants}
        return any(n not in known for n in numbers)

    def _masks(self, edit: Edit) -> bool:
        """Whether it brings in a comparison where the graph has no corner, and no line has one."""
        if self.known.kinked or not any(isinstance(n, ast.Compare) for n in walked(edit.new)):
            return False
        return not any(isinstance(n, ast.Compare) for n in ast.walk(self.trace.definition))

    def _wraps(self, edit: Edit) -> bool:
        """Whether an index that is computed comes to count from the end by more than one."""
        place, new = edit.place, edit.new
        record = self.places[place][0]
        assert record.instance is not None
        around = _index_of(record.instance.source.tree, place)
        if around is not None:
            index, old = replaced(around, {place: new}), around
        elif isinstance(place, ast.Subscript) and isinstance(new, ast.Subscript):
            index, old = new.slice, place.slice
        else:
            return False
        for a, b in zip(_entries(old), _entries(index), strict=False):
            if isinstance(b, (ast.Slice, *LITERAL)) or ast.dump(a) == ast.dump(b):
                continue
            for r in self.places[place]:
                assert r.instance is not None
                with suppress(*FAILS):
                    before, after = (r.instance.value(x, self.base) for x in (a, b))
                    if _counts(after) and after < -1 <= before:
                        return True
        return False

    def _multiple(self, record: Record, edit: Edit) -> bool:
        """Whether a name's value is but a multiple of the other's: its sign, say, is wrong."""
        assert record.instance is not None
        a = np.asarray(self.value(record), dtype=float)
        b = np.asarray(record.instance.value(edit.new), dtype=float)
        return a.size > 1 and proportional(a, b)


def _is_idle(edit: Edit, record: Record) -> bool:
    """Whether a name would be given what it has, or that and nothing."""
    around, place = _around(record), edit.place
    if not isinstance(around, ast.Assign) or around.value is not place:
        return False
    terms = [edit.new]
    if isinstance(edit.new, ast.BinOp) and is_nothing(place):
        terms += [x for x in (edit.new.left, edit.new.right) if x is not place]
    return any(ast.unparse(t) == ast.unparse(x) for t in around.targets for x in terms)


def _is_negated(edit: Edit) -> bool:
    """Whether it puts a minus in front."""
    new = edit.new
    return isinstance(new, ast.UnaryOp) and isinstance(new.op, ast.USub)


def _drops_number(edit: Edit) -> bool:
    """Whether it only leaves out a number by which something was multiplied or divided."""
    e = edit.place
    return (
        isinstance(e, ast.BinOp)
        and isinstance(e.op, (ast.Mult, ast.Div))
        and (
            (isinstance(e.left, ast.Constant) and edit.new is e.right)
            or (isinstance(e.right, ast.Constant) and edit.new is e.left)
        )
    )


def _name(call: ast.Call) -> str | None:
    """What the function of a call is called; of a method's, the method."""
    return getattr(call.func, "id", getattr(call.func, "attr", None))


def _is_called(edit: Edit, record: Record) -> bool:
    """Whether the number that is left out has a name in its line: 2 of 2 * r / k where k is 2."""
    assert record.instance is not None
    names = record.instance.names
    used = {n.id for n in ast.walk(record.instance.statement) if isinstance(n, ast.Name)}
    numbers = [n.value for n in (edit.place.left, edit.place.right) if isinstance(n, ast.Constant)]
    return any(names[n].value in numbers for n in used if n in names and _counts(names[n].value))


def _counts(v: Any) -> bool:
    return isinstance(v, (int, np.integer))


def _reads_otherwise(edit: Edit) -> bool:
    """Whether it only transposes what is read, or reads other entries of it."""
    if edit.kind == "transpose" and isinstance(edit.place, (ast.Name, ast.Attribute)):
        return True
    new = edit.new
    entries = isinstance(edit.place, ast.Subscript) and isinstance(new, ast.Subscript)
    return entries and edit.place.value is new.value


def _parts(e: ast.AST) -> int:
    return sum(isinstance(n, ast.expr) for n in ast.walk(e))


@lru_cache(maxsize=32)
def _parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {x: n for n in ast.walk(tree) for x in ast.iter_child_nodes(n)}


def _around(record: Record) -> ast.AST | None:
    """What a place is a part of."""
    assert record.instance is not None
    assert record.site is not None
    return _parents(record.instance.source.tree).get(record.site)


def _index_of(tree: ast.AST, place: ast.AST) -> ast.expr | None:
    """The index that a place is in, or is."""
    parents = _parents(tree)
    while place in parents:
        around = parents[place]
        if isinstance(around, ast.Subscript) and around.slice is place:
            return around.slice
        place = around
    return None


def _entries(index: ast.expr) -> list[ast.expr]:
    """The index, or those along each axis."""
    return index.elts if isinstance(index, ast.Tuple) else [index]


def _literal(e: ast.AST) -> list[ast.Constant]:
    """The number that an expression is."""
    e = e.operand if isinstance(e, ast.UnaryOp) else e
    return [e] if isinstance(e, ast.Constant) and type(e.value) in (int, float) else []


def _picks(record: Record) -> bool:
    """Whether a place says which entries are meant."""
    return getattr(_around(record), "slice", None) is record.site


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays have the same entries, in any shape."""
    return is_numeric(a) and np.size(a) > 1 and np.array_equal(np.ravel(a), np.ravel(b))


def _picks_number(arrays: list[Any]) -> bool:
    """Whether an array's entries are one of two numbers, and no mask's."""
    found = few(np.asarray(arrays[0], dtype=float)) if arrays else []
    return len(found) == 2 < np.size(arrays[0]) and not {*found} <= {-1.0, 0.0, 1.0}


def _is_one(a: Any) -> bool:
    """Whether all entries of an array are one."""
    return np.size(a) > 1 and bool((a == np.ravel(a)[0]).all())
