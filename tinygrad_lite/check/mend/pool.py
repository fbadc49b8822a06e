"""What may stand in a place: names in scope, what people make of them, parts of the same line.

Values are looked up by what they are, without axes along which they are constant, so that what an
operand should have been finds the name that has it.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...graph.clock import spend
from ...graph.node import raw
from ..code.forms import CannotRecord
from ..code.plain import owner
from ..code.trace import Instance, Record
from .offered import left_over
from .rows import FORMS, FUNCTIONS, formed, is_numeric, is_symmetric
from .written import FAILS, Written

Vector = Any  # a NumPy array, or a number

NAME, PART, MADE = range(3)  # where an item is from: a name, the line itself, a form of these
LARGEST = 5_000  # entries of what is looked up
LINES = 60  # expressions of other lines
PARTS = 25  # parts of a line, or entries, that forms are made of
SIZE, TURNED, PIECE = 0.15, 0.1, 0.2  # how far-fetched the length of an axis is, x.T, a part
COST = 35  # microseconds of an item
MOST = 60  # names that are multiplied with each other
Shape = tuple[int, ...]
# Products, and whether they may have a shape, given those of their factors.
PRODUCTS: tuple[tuple[Callable[[Any, Any], Any], Callable[[Shape, Shape, Shape], bool]], ...] = (
    (lambda a, b: a * b, lambda a, b, s: len(s) == max(len(a), len(b))),
    (lambda a, b: a @ b, lambda a, b, s: a[-1] == b[-2:][0] and _ends(s, a[:-1], b[1:])),
    (lambda a, b: a @ b.T, lambda a, b, s: a[-1] == b[-1] and _ends(s, a[:-1], b[:-1])),
    (lambda a, b: a.T @ b, lambda a, b, s: a[0] == b[0] and _ends(s, a[1:], b[1:])),
    (lambda a, b: np.outer(a, b), lambda a, b, s: s == (prod(a), prod(b))),
)
_WEIGHTS = np.random.default_rng(12345).normal(size=2 * LARGEST)
_SHIFT = 7  # between the weights of two independent sums


class Item(NamedTuple):
    """A value and how it is written; `key` is one for what is equal, `sums` what it is found by."""

    code: ast.expr
    value: Vector
    rank: float
    tier: int
    kind: str
    key: tuple[Any, ...]
    sums: tuple[int, float, float]


Made = dict[tuple[str, int], tuple[Any, list[Item]]]  # by how a value is written, and its id


class Pool:
    """All that can be looked up at an instance of a line; `changed` are the values that some
    records should have had, `outside` names beside the local, `elsewhere` expressions of other
    lines, `far` how far-fetched it is that some names lack, `divisors` what is divided by
    somewhere, `made` what was made of values at other instances."""

    def __init__(
        self,
        instance: Instance,
        changed: Mapping[Record, Any],
        outside: Iterable[str],
        numpy: str,
        elsewhere: Sequence[ast.expr],
        far: Mapping[str, float],
        divisors: Collection[str],
        made: Made,
    ) -> None:
        self.instance, self.changed, self.numpy = instance, changed, numpy
        self.divisors, self.made = divisors, made
        self.items: list[Item] = []
        self._products: dict[tuple[int, ...], list[tuple[float, tuple[Item, Item, int]]]] = {}
        self.products_of: dict[Any, Any] = {}  # by the shape, and where it is not 0
        self.facts: dict[Shape, list[Any]] = {}  # what is normalised, by the shape
        self._seen: set[tuple[Any, ...]] = set()
        names = dict([*self._names(outside)][::-1])  # what was set last is likelier
        named = [Written(_name(name), value, numpy) for name, value in names.items()]
        named += self._attributes()
        over = left_over(instance.source.tree, instance.statement)
        for x in named:
            read = (n.id for n in ast.walk(x.code) if isinstance(n, ast.Name))
            self._add(_item(x, sum(far.get(name, 0.0) for name in read), NAME))
        for x in named:
            for item in self._made(x, _parts_of):
                self._add(item)
        for x in self._lengths():
            self._add(_item(x, SIZE, NAME))
        parts = [
            Written(r.site, changed.get(r, r.value), numpy)
            for r in instance.recorded.values()
            if r.site is not None and not isinstance(r.site, (ast.Name, ast.Constant))
            if is_numeric(r.value)
        ]
        entries = [*self._entries()]
        for part in (*parts, *self._elsewhere(elsewhere), *entries):
            self._add(_item(part, PIECE, PART))
        whole = (x for x in named if getattr(x.code, "id", "") not in over)
        for x in (*whole, *parts[:PARTS], *entries[:PARTS]):
            for item in self._made(x, _forms_of):
                self._add(item)
        self._index()

    def _made(self, x: Written, how: Callable[[Written], Iterator[Item | None]]) -> list[Item]:
        """What is made of a value, once for all lines that have it."""
        key = (f"{how.__name__} {ast.dump(x.code)}", id(x.value))
        if key not in self.made:
            self.made[key] = x.value, [item for item in how(x) if item is not None]
        return self.made[key][1]

    def _lengths(self) -> Iterator[Written]:
        """The lengths of lists."""
        for name, record in self.instance.names.items():
            if isinstance(record.value, (list, tuple)) and len(record.value) > 1:
                code = ast.Call(_name("len"), [_name(name)], [])
                yield Written(code, float(len(record.value)), self.numpy)

    def _entries(self) -> Iterator[Written]:
        """The entries of dicts, and those of lists where a name that is an index says."""
        names = self.instance.names
        read = (n for n in ast.walk(self.instance.source.tree) if isinstance(n, ast.Subscript))
        used = {n.slice.id for n in read if isinstance(n.slice, ast.Name)}
        indices = {n: names[n].value for n in sorted(used & names.keys())}
        indices = {n: k for n, k in indices.items() if type(k) is int}
        for name, record in names.items():
            held, keys = self._value(record), dict[Any, ast.expr]()
            if isinstance(held, dict):
                keys = {key: ast.Constant(key) for key in held if isinstance(key, str)}
            elif isinstance(held, (list, tuple)):
                keys = {k: _name(n) for n, k in indices.items() if -len(held) <= k < len(held)}
            for key, code in keys.items():
                if is_numeric(value := raw(held[key])):
                    entry = ast.Subscript(_name(name), code, ast.Load())
                    yield Written(entry, value, self.numpy)

    def _attributes(self) -> Iterator[Written]:
        """Those of the objects that have names, and those that were set."""
        at, written = self.instance, []
        for name, record in at.names.items():
            of = owner(record.value)
            mine = (x for key, x in at.fields if key == id(of))
            written += [f"{name}.{x}" for x in mine if of is not None]
        for code in dict.fromkeys((*at.called.values(), *written)):
            with suppress(*FAILS, SyntaxError):
                e = ast.parse(code, mode="eval").body
                value = at.value(e, self.changed)
                if is_numeric(value):
                    yield Written(e, value, self.numpy)

    def _value(self, record: Record) -> Any:
        return self.changed.get(record, record.value)

    def _elsewhere(self, exprs: Sequence[ast.expr]) -> Iterator[Written]:
        """What other lines use, as it is here."""
        known = self.instance.names
        for e in exprs[:LINES]:
            sized = isinstance(e, (ast.BinOp, ast.Call)) and not is_len(e)
            sizes = {n for x in ast.walk(e) if is_size(x) for n in ast.walk(x)}
            names = (n.id for n in ast.walk(e) if isinstance(n, ast.Name) and n not in sizes)
            used = map(known.get, names)
            calls = sized and any(isinstance(n, ast.Call) for n in ast.walk(e))
            if calls and any(r is not None and not _is_single(r.value) for r in used):
                continue  # it may change what it is of
            try:
                value = self.instance.value(e, self.changed)
            except (*FAILS, CannotRecord):
                continue
            if is_numeric(value) and not (sized and np.ndim(value)):
                yield Written(e, value, self.numpy)

    def _names(self, outside: Iterable[str]) -> Iterator[tuple[str, Any]]:
        held: set[int] = set()  # by another name for the same array
        over = left_over(self.instance.source.tree, self.instance.statement)
        for name, record in self.instance.names.items():
            if over.get(name):  # what a loop ran over
                continue
            if is_numeric(record.value) and id(record.value) not in held:
                yield name, self._value(record)
                held |= {id(record.value)} if np.ndim(record.value) else set()
        for name in outside:
            try:
                value = self.instance.outside(name)
            except NameError:
                continue
            if name not in self.instance.names and is_numeric(value):
                yield name, value

    def _add(self, item: Item | None) -> None:
        spend(COST)
        if item is not None and item.key not in self._seen:
            self._seen.add(item.key)
            self.items.append(item)

    def _index(self) -> None:
        """The items by number of entries, with two weighted sums of each."""
        found: dict[int, list[tuple[float, float, int]]] = {}
        for j, item in enumerate(self.items):
            n, one, two = item.sums
            found.setdefault(n, []).append((one, two, j))
        self._sums = {
            n: (np.array([s[:2] for s in sums]), [s[2] for s in sums]) for n, sums in found.items()
        }

    def products(self, wanted: Vector) -> Iterator[tuple[Item, Item, int]]:
        """Two names, and which of their products is wanted."""
        _, one, _ = signature(wanted)
        shape = np.shape(wanted)
        if shape not in self._products:
            self._products[shape] = [(signature(v)[1], made) for v, made in self._of(shape)]
        for found, which in self._products[shape]:
            if abs(found - one) <= 1e-7 * abs(one):
                yield which

    def _of(self, shape: tuple[int, ...]) -> Iterator[tuple[Vector, tuple[Item, Item, int]]]:
        """The products of two names that have a shape."""
        names = [i for i in self.items if i.tier == NAME and i.value.dtype.kind == "f"]
        names = [i for i in names if i.value.ndim and isinstance(i.code, ast.Name)][:MOST]
        for a, b in itertools.product(names, names):
            for k, (how, fits) in enumerate(PRODUCTS):
                if fits(a.value.shape, b.value.shape, shape):
                    with suppress(*FAILS):
                        value = how(a.value, b.value)
                        if np.shape(value) == shape:
                            yield value, (a, b, k)

    def find(self, wanted: Vector) -> list[Item]:
        """The items with a value, up to axes along which it is constant."""
        n, one, two = signature(wanted)
        if n not in self._sums or not np.isfinite(one):
            return []
        sums, items = self._sums[n]
        slack = 1e-7 * (abs(one) + abs(two)) + 1e-12
        near = np.flatnonzero(np.abs(sums - (one, two)).sum(axis=1) <= slack)
        return [self.items[items[k]] for k in near]

    def named(self, number: float) -> bool:
        """Whether a number has a name or is a length."""
        return any(i.tier <= PART and i.value.size == 1 for i in self.find(np.float64(number)))

    def multiples(self, wanted: Vector) -> Iterator[tuple[float, Item]]:
        """(c, item) where c times the item is wanted."""
        n, one, two = signature(wanted)
        if n < 2 or n not in self._sums or not np.isfinite(one) or abs(one) < 1e-12:
            return
        sums, items = self._sums[n]
        with np.errstate(all="ignore"):
            near = np.abs(sums[:, 1] / sums[:, 0] - two / one) <= 1e-8 * abs(two / one)
        for k in np.flatnonzero(near):
            item = self.items[items[k]]
            if item.tier != MADE and item.value.dtype.kind == "f":
                yield one / sums[k, 0], item


def _item(x: Written, rank: float, tier: int, kind: str = "other") -> Item | None:
    """An item; none of what has many entries, or one that is no number."""
    v = np.asarray(x.value)
    if not 0 < v.size <= LARGEST or (v.dtype.kind == "f" and not np.isfinite(v).all()):
        return None
    key: tuple[Any, ...] = (v.shape, v.astype(float).tobytes())
    if v.dtype.kind == "i" and tier == NAME:  # two indices meet
        key = (*key, ast.dump(x.code))
    return Item(x.code, v, rank, tier, kind, key, signature(v))


def _parts_of(x: Written) -> Iterator[Item | None]:
    """A name's transpose and sizes."""
    value, numpy = x.value, x.numpy
    if np.ndim(value) >= 2 and not is_symmetric(value):
        yield _item(Written(x.code, np.asarray(value), numpy).T, TURNED, NAME)
    lengths: list[tuple[Any, int]] = [(k, n) for k, n in enumerate(np.shape(value))]
    of = ast.Attribute(x.code, "shape", ast.Load())
    for k, n in lengths:
        code = ast.Subscript(of, ast.Constant(k), ast.Load())
        yield _item(Written(code, float(n), numpy), SIZE, NAME)
    if lengths:
        code_ = ast.Attribute(x.code, "size", ast.Load())
        yield _item(Written(code_, float(np.size(value)), numpy), SIZE, NAME)


def _forms_of(x: Written) -> Iterator[Item | None]:
    """What people make of a value."""
    if np.asarray(x.value).dtype.kind == "f":
        for form in (*FORMS, *FUNCTIONS):
            made = formed(form, x)
            if made is not None:
                yield _item(made, form.rank, MADE, form.kind)


def _ends(shape: Shape, a: Shape, b: Shape) -> bool:
    return shape == (*a, *b)


def _is_single(v: Any) -> bool:
    """Whether it is a number, or no data at all: a function, a module."""
    return not isinstance(v, (list, tuple, dict)) and not np.ndim(v)


def is_len(e: ast.AST) -> bool:
    """Whether it is len(x)."""
    return isinstance(e, ast.Call) and getattr(e.func, "id", "") == "len"


def is_size(e: ast.AST) -> bool:
    """Whether it is written as a size: x.size, x.shape[0], len(x)."""
    if isinstance(e, ast.Subscript):
        e = e.value
    if isinstance(e, ast.Attribute):
        return e.attr in ("size", "shape")
    return is_len(e)


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def collapsed(v: Vector) -> Vector:
    """The array without axes along which it is constant."""
    v = np.asarray(v, dtype=float)
    for axis in range(v.ndim)[::-1]:
        if not v.shape[axis]:
            return v.ravel()
        first = v.take([0], axis)
        if v.shape[axis] == 1 or np.abs(v - first).max() <= 1e-9 * np.abs(v).max():
            v = first.squeeze(axis)
    return v


def signature(v: Vector) -> tuple[int, float, float]:
    """The number of entries that differ, and two weighted sums of them."""
    flat = collapsed(v).ravel()
    n = flat.size
    if n > LARGEST:
        return n, np.nan, np.nan
    return n, float(flat @ _WEIGHTS[:n]), float(flat @ _WEIGHTS[_SHIFT : n + _SHIFT])
