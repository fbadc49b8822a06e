"""What may stand in a place: names in scope, what people make of them, parts of the same line.

Values are looked up by what they are, without axes along which they are constant, so that what an
operand should have been finds the name that has it.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..code.trace import Instance
from .rows import FORMS, FUNCTIONS, formed, is_numeric, is_symmetric
from .written import FAILS, Written

Vector = Any  # a NumPy array, or a number

NAME, PART, MADE = range(3)  # where an item is from: a name, the line itself, a form of these
LARGEST = 5_000  # entries of what is looked up
LINES = 60  # expressions of other lines
PARTS = 25  # parts of a line that forms are made of
SIZE, TURNED, PIECE = 0.15, 0.1, 0.2  # how far-fetched the length of an axis is, x.T, a part
UNREAD = 0.2  # how much likelier an argument is that no line reads
TURNS = 0.3  # a name that a loop binds
MOST = 60  # names that are multiplied with each other
PRODUCTS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a * b,
    lambda a, b: a @ b,
    lambda a, b: a @ b.T,
    lambda a, b: a.T @ b,
    lambda a, b: np.outer(a, b),
)
_WEIGHTS = np.random.default_rng(12345).normal(size=2 * LARGEST)
_SHIFT = 7  # between the weights of two independent sums


class Item(NamedTuple):
    """A value and how it is written."""

    code: ast.expr
    value: Vector
    rank: float
    tier: int
    kind: str = "other"  # what is wrong where it lacks


class Pool:
    """All that can be looked up at an instance of a line; `outside` are names beside the local,
    `elsewhere` expressions of other lines, `far` how far-fetched it is that some names lack,
    `divisors` what is divided by somewhere."""

    def __init__(
        self,
        instance: Instance,
        outside: Iterable[str],
        numpy: str,
        elsewhere: Sequence[ast.expr] = (),
        far: Mapping[str, float] | None = None,
        divisors: Collection[str] = (),
    ) -> None:
        self.instance, self.numpy = instance, numpy
        self.divisors = divisors
        self.items: list[Item] = []
        self._products: dict[int, list[tuple[float, tuple[Item, Item, int]]]] | None = None
        self._seen: set[tuple[Any, ...]] = set()
        names = dict([*self._names(outside)][::-1])  # what was set last is likelier
        far = far or {}
        for name, value in names.items():
            self._add(Written(_name(name), value, numpy), far.get(name, 0.0), NAME)
        for name, value in names.items():
            x = Written(_name(name), np.asarray(value), numpy)
            if np.ndim(value) >= 2 and not is_symmetric(value):
                self._add(x.T, TURNED, NAME)
            sizes = [(f"{name}.shape[{k}]", n) for k, n in enumerate(np.shape(value))]
            for text, n in (*sizes, (f"{name}.size", np.size(value))) if sizes else ():
                code = ast.parse(text, mode="eval").body
                self._add(Written(code, float(n), numpy), SIZE, NAME)
        parts = [
            Written(r.site, r.value, numpy)
            for r in instance.recorded.values()
            if r.site is not None and not isinstance(r.site, (ast.Name, ast.Constant))
            if is_numeric(r.value)
        ]
        for part in (*parts, *self._elsewhere(elsewhere), *self._entries()):
            self._add(part, PIECE, PART)
        named = [Written(_name(name), value, numpy) for name, value in names.items()]
        for x in (*named, *parts[:PARTS]):
            if np.asarray(x.value).dtype.kind == "f":
                for form in (*FORMS, *FUNCTIONS):
                    made = formed(form, x)
                    if made is not None:
                        self._add(made, form.rank, MADE, form.kind)
        self._index()

    def _entries(self) -> Iterator[Written]:
        """The entries of dicts."""
        for name, record in self.instance.names.items():
            for key, value in record.value.items() if isinstance(record.value, dict) else ():
                if isinstance(key, str) and is_numeric(value):
                    code = ast.Subscript(_name(name), ast.Constant(key), ast.Load())
                    yield Written(code, value, self.numpy)

    def _elsewhere(self, exprs: Sequence[ast.expr]) -> Iterator[Written]:
        """What other lines use, as it is here."""
        known = self.instance.names
        for e in exprs[:LINES]:
            sized = isinstance(e, (ast.BinOp, ast.Call))
            used = (known.get(n.id) for n in ast.walk(e) if isinstance(n, ast.Name))
            if sized and any(r is not None and np.ndim(r.value) for r in used):
                continue
            try:
                value = self.instance.value(e)
            except FAILS:
                continue
            if is_numeric(value) and bool(np.ndim(value)) != sized:
                yield Written(e, value, self.numpy)

    def _names(self, outside: Iterable[str]) -> Iterator[tuple[str, Any]]:
        held: set[int] = set()  # by another name for the same array
        for name, record in self.instance.names.items():
            if is_numeric(record.value) and id(record.value) not in held:
                yield name, record.value
                held |= {id(record.value)} if np.ndim(record.value) else set()
        for name in outside:
            try:
                value = self.instance.outside(name)
            except NameError:
                continue
            if name not in self.instance.names and is_numeric(value):
                yield name, value

    def _add(self, x: Written, rank: float, tier: int, kind: str = "other") -> None:
        v = np.asarray(x.value)
        if not 0 < v.size <= LARGEST or (v.dtype.kind == "f" and not np.isfinite(v).all()):
            return
        key: tuple[Any, ...] = (v.shape, v.astype(float).tobytes())
        if v.dtype.kind == "i" and tier == NAME:  # two indices meet
            key = (*key, ast.dump(x.code))
        if key not in self._seen:
            self._seen.add(key)
            self.items.append(Item(x.code, v, rank, tier, kind))

    def _index(self) -> None:
        """The items by number of entries, with two weighted sums of each."""
        found: dict[int, list[tuple[float, float, int]]] = {}
        for j, item in enumerate(self.items):
            n, one, two = signature(item.value)
            found.setdefault(n, []).append((one, two, j))
        self._sums = {
            n: (np.array([s[:2] for s in sums]), [s[2] for s in sums]) for n, sums in found.items()
        }

    def products(self, wanted: Vector) -> Iterator[tuple[Item, Item, int]]:
        """Two names, and which of their products is wanted."""
        if self._products is None:
            names = [i for i in self.items if i.tier == NAME and i.value.dtype.kind == "f"]
            names = [i for i in names if i.value.ndim and isinstance(i.code, ast.Name)][:MOST]
            self._products = {}
            for a, b, k in itertools.product(names, names, range(len(PRODUCTS))):
                try:
                    value = PRODUCTS[k](a.value, b.value)
                except FAILS:
                    continue
                n, one, _ = signature(value)
                self._products.setdefault(n, []).append((one, (a, b, k)))
        n, one, _ = signature(wanted)
        for found, which in self._products.get(n, ()):
            if abs(found - one) <= 1e-7 * abs(one):
                yield which

    def find(self, wanted: Vector) -> list[Item]:
        """The items with a value, up to axes along which it is constant."""
        n, one, two = signature(wanted)
        if n not in self._sums or not np.isfinite(one):
            return []
        sums, items = self._sums[n]
        slack = 1e-7 * (abs(one) + abs(two)) + 1e-12
        near = np.flatnonzero(np.abs(sums - (one, two)).sum(axis=1) <= slack)
        return [self.items[items[k]] for k in near]

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


def turning(tree: ast.AST) -> Mapping[str, float]:
    """The names that loops bind, which change from turn to turn, and the arguments that no line
    reads."""
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    given = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    targets = (n.target for n in ast.walk(tree) if isinstance(n, (ast.For, ast.comprehension)))
    bound = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return {**dict.fromkeys(bound, TURNS), **dict.fromkeys(given - read, -UNREAD)}


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
