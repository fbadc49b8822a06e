"""Edits that are looked up: what turns the value of a place into the one that is wanted there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..slips import FARTHEST, LIKELY, NEAR, ODD
from .known import broadcasts
from .pool import MADE, PART, Item, Pool, collapsed, is_size
from .rows import LOST, SHAPE, Edit, attempted
from .written import Written, number

Vector = Any  # a NumPy array, or a number
How = Callable[..., Any]

NICE = (2, 0.5, 3, 4, 1 / 3, 0.25, 6, 1 / 6, 8, 0.125, 1.5, 2 / 3, 5, 0.2)  # numbers in formulas
NEGATED, SCALED, PAIRED = 0.35, 0.6, 1.0  # what a sign, a number or a second item costs
COMMON = (0.5, 1, 2, 3)  # what the rest are rarer than
DIGITS = 6  # of a number that people write, with its point
HOWS: tuple[How, ...] = (np.multiply, np.divide)


class Place(NamedTuple):
    """An expression of the source, its value there, what can be looked up, and numbers at hand."""

    e: ast.expr
    value: Vector
    pool: Pool
    constants: frozenset[float] = frozenset()

    @property
    def written(self) -> Any:
        """The place as it is."""
        return Written(self.e, self.value, self.pool.numpy)

    def item(self, item: Item) -> Written:
        """An item, to be run in a formula."""
        return Written(item.code, item.value, self.pool.numpy)

    def is_entry(self, item: Item) -> bool:
        """Whether it is an entry, and an item that of another list: us[t] for vs[t]."""
        one, other = self.e, item.code
        if not isinstance(one, ast.Subscript) or not isinstance(other, ast.Subscript):
            return False
        return ast.dump(one.slice) == ast.dump(other.slice)

    def edit(self, made: Written, kind: str, rank: float) -> Edit:
        """That something else stands there."""
        return Edit(self.e, made.code, kind, rank)

    def made(self, how: How, *operands: Any, kind: str, rank: float) -> Iterator[Edit]:
        """That a formula stands there, where it fits the shapes of its operands."""
        made = attempted(how, *operands)
        if made is not None:
            yield self.edit(made, kind, rank)

    def times(self, x: Any, c: float) -> Iterator[tuple[Written, float]]:
        """c x, where c is a number that people write, or the value of a name; and how far-fetched
        that is. A size is called by its name, unless it is a number of formulas."""
        size = abs(c)
        if not size or not np.isfinite(size):
            return
        signed, extra = (
            (x, 0.0)
            if c > 0
            else (-1 * x if np.asarray(x.value).dtype.kind == "b" else -x, NEGATED)
        )
        named = exact = False
        rows: tuple[tuple[float, How, float], ...] = (
            (size, np.multiply, 0.0),
            (1 / size, np.divide, 0.0),
            (2 / size, lambda x, n: 2 * x / n, LIKELY),
            (0.5 / size, lambda x, n: x / (2 * n), LIKELY),
        )
        for wanted, how, twice in rows:
            for item in self.pool.find(np.float64(wanted)) if 1 not in (wanted, size) else ():
                if item.tier <= PART and item.value.size == 1:
                    real = item.value.dtype.kind == "f" and not is_size(item.code)
                    if twice and real:
                        continue
                    doubled = twice + LIKELY * bool(twice and named)
                    named, odd = named or not twice, LIKELY * (real and how is np.divide)
                    here = names_in(item.code) <= names_in(self.pool.instance.statement)
                    exact = exact or (real and how is np.multiply and here)
                    exact = exact or (real and item.tier == PART)  # np.sqrt(d) of another line
                    if odd and ast.dump(item.code) in self.pool.divisors:
                        odd = -odd
                    yield how(signed, self.item(item)), extra + NEAR + item.rank + odd + doubled
        nice = next((n for n in NICE if abs(size - n) <= 1e-8 * n), None)
        if nice is not None:
            whole = float(nice).is_integer()
            made = nice * signed if whole else signed / round(1 / nice, 9)
            common = nice in (2, 0.5) and not exact
            yield made, extra + (0.0 if common else LIKELY + FARTHEST * named)
        elif not named and len(f"{size:.10g}") <= DIGITS and _among(size, self.constants):
            yield float(f"{size:.10g}") * signed, extra + ODD


def _among(size: float, numbers: Iterable[float]) -> bool:
    return any(abs(size - k) <= 1e-8 * k for k in numbers)


def looked_up(at: Place, wanted: Vector) -> Iterator[Edit]:
    """Replacements, factors, terms and numbers that make the value the wanted one."""
    v, w = np.asarray(at.value, dtype=float), np.asarray(wanted, dtype=float)
    if not w.any() and w.size > 1:  # x - x, and whatever is 0 by chance
        return
    rank = ODD + (0.0 if isinstance(at.e, ast.Name) else ODD)
    mine = names_in(at.e)
    for item in at.pool.find(w):
        if item.tier == MADE and names_in(item.code) == mine:  # another function of the same
            axis = item.kind == SHAPE and isinstance(at.e, ast.Call)
            yield at.edit(at.item(item), "wrong-axis" if axis else item.kind, ODD + NEAR)
        elif is_size(at.e) and (is_size(item.code) or item.value.dtype.kind == "i"):
            yield at.edit(at.item(item), "mean-vs-sum", NEAR + item.rank)
        else:
            own = ODD if at.is_entry(item) else rank
            yield at.edit(at.item(item), "other", own + item.rank)
    for item in at.pool.find(-w):
        cost = rank + NEGATED + item.rank
        yield from at.made(np.negative, at.item(item), kind="other", rank=cost)
    if isinstance(at.e, ast.Constant):
        yield from _numbers(at, w)
    else:
        yield from _factors(at, v, w)
        yield from terms_lacking(at, v, w)


@lru_cache(maxsize=4096)
def names_in(e: ast.AST) -> set[str]:
    """The names in an expression or a statement, but NumPy's."""
    found = {n.id for n in ast.walk(e) if isinstance(n, ast.Name)}
    return found - {"np"}


def _numbers(at: Place, w: Vector) -> Iterator[Edit]:
    """Another number, or what it is to be multiplied or divided by."""
    c = collapsed(w)
    if not c.ndim:
        numbers = (*NICE, 1, *at.constants)
        nice = next((n for n in numbers if abs(abs(float(c)) - n) <= 1e-8 * n), None)
        if nice is not None:
            code = number(float(np.sign(c)) * nice)
            yield Edit(at.e, code, "constant-scale", LIKELY if nice in COMMON else FARTHEST)
    with np.errstate(all="ignore"):
        quotient, inverse = w / at.value, at.value / w
    ratios: tuple[tuple[How, Vector], ...] = ((np.divide, inverse), (np.multiply, quotient))
    for how, ratio in ratios:
        for item in at.pool.find(ratio):
            kind = "mean-vs-sum" if how is np.divide else LOST
            rank = ODD + item.rank + LIKELY * (at.value == 1)  # 1 / b is right more often
            yield from at.made(how, at.written, at.item(item), kind=kind, rank=rank)


def _factors(at: Place, v: Vector, w: Vector) -> Iterator[Edit]:
    """What it lacks as a factor."""
    x = at.written
    if not broadcasts(v.shape, w.shape):
        return
    with np.errstate(all="ignore"):
        q = w / v
        inverse = v / w
    if not (v != 0).all():
        yield from _tried(at, v, w)
        q = np.where((v == 0) & (w == 0), np.nan, q)
        known = q[np.isfinite(q)]
        if not known.size or (known != known.flat[0]).any():
            return
        q = inverse = np.asarray(known.flat[0])
    c = collapsed(q)
    if not c.ndim and np.isfinite(c):
        for made, more in at.times(x, float(c)):
            if abs(abs(c) - 1) > 1e-8:
                size = abs(float(c))
                whole = any(float(f"{n:.9g}").is_integer() for n in (size, 1 / size))
                kind = "mean-vs-sum" if whole else LOST
                kind = "constant-scale" if _among(size, (2, 0.5, 3, 4, 0.25)) else kind
                kind = LOST if _reads_float(at, made) else kind
                yield at.edit(made, kind, LIKELY + NEAR + more)
        return
    rows: tuple[tuple[Vector, How, float], ...] = (
        (q, np.multiply, 0.0),
        (-q, lambda a, b: -(a * b), NEGATED),
        (inverse, np.divide, 0.0),
    )
    for value, how, more in rows:
        for item in at.pool.find(value):
            rank = FARTHEST + item.rank + more
            yield from at.made(how, x, at.item(item), kind=LOST, rank=rank)
    for k, item in at.pool.multiples(q):
        product = attempted(np.multiply, x, at.item(item))
        for made, more in at.times(product, k) if product is not None else ():
            yield at.edit(made, LOST, PAIRED + item.rank + more)


def _reads_float(at: Place, made: Written) -> bool:
    """Whether a number that is read by its name is no length."""
    names = at.pool.instance.names
    new = names_in(made.code) - names_in(at.e)
    return any(type(names[n].value) is float for n in new & names.keys())


def _tried(at: Place, v: Vector, w: Vector) -> Iterator[Edit]:
    """Factors of what is 0 here and there, where none can be read off."""
    largest = np.abs(w).max(initial=0)
    if np.abs(np.where(v == 0, w, 0)).max(initial=0) > 1e-7 * largest:  # no factor makes that of 0
        return
    with np.errstate(all="ignore"):
        for item in at.pool.items:
            for how in HOWS:
                made = attempted(how, at.written, at.item(item))
                if made is None or np.shape(made.value) != w.shape:
                    continue
                if np.abs(made.value - w).max(initial=0) <= 1e-7 * largest:
                    yield at.edit(made, LOST, FARTHEST + item.rank)


def terms_lacking(at: Place, v: Vector, w: Vector) -> Iterator[Edit]:
    """What it lacks as a term."""
    if not broadcasts(v.shape, w.shape):
        return
    d, x, rank = w - v, at.written, FARTHEST + LIKELY
    if not np.isfinite(d).all() or np.abs(d).max(initial=0) <= 1e-12:
        return
    c = collapsed(d)
    if not c.ndim and abs(abs(float(c)) - round(abs(float(c)))) < 1e-9:
        n = round(abs(float(c)))
        yield at.edit(x + n if c > 0 else x - n, "missing-term", rank + ODD)
    elif not c.ndim:
        for term, more in at.times(Written(number(1), 1.0, at.pool.numpy), abs(float(c))):
            sum_ = np.add if c > 0 else np.subtract
            yield from at.made(sum_, x, term, kind="missing-term", rank=rank + more)
    rows: tuple[tuple[Vector, How], ...] = (
        (d, np.add),
        (-d, np.subtract),
        (w + v, lambda x, a: a - x),
    )
    for value, how in rows:
        for item in at.pool.find(value):
            if not is_size(item.code):
                cost = rank + item.rank
                yield from at.made(how, x, at.item(item), kind="missing-term", rank=cost)
    for k, item in at.pool.multiples(d) if not proportional(v, d) else ():
        if abs(abs(k) - 1) > 1e-8:
            for term, more in at.times(at.item(item), abs(k)):
                cost = SCALED + item.rank + more
                yield from at.made(
                    np.add if k > 0 else np.subtract, x, term, kind="missing-term", rank=cost
                )


def proportional(a: Vector, b: Vector) -> bool:
    """Whether a multiple of one is the other: a factor is missing then, and no term."""
    if a.shape != b.shape:
        return False
    square = np.vdot(a, a)
    off = np.abs(a * np.vdot(a, b) - b * square)
    return bool(off.max(initial=0) <= 1e-9 * square * np.abs(b).max(initial=0))
