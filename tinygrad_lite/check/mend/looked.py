"""Edits that are looked up: what turns the value of a place into the one that is wanted there."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..slips import FAR, FARTHEST, LIKELY, NEAR, ODD
from .pool import MADE, NAME, PART, Item, Pool, collapsed
from .rows import LOST, Edit, is_numeric
from .written import Written, negated, number

Vector = Any  # a NumPy array, or a number

NICE = (2, 0.5, 3, 4, 1 / 3, 0.25, 6, 1 / 6, 8, 0.125, 1.5, 2 / 3, 5, 0.2)  # numbers in formulas
INSTEAD = FAR  # what it costs that a name or part stands for another expression
NEGATED, SCALED = 0.35, 0.6  # what a sign, or a number, with it costs
MOST = 60  # items that are tried in pairs


class Place(NamedTuple):
    """An expression of the source, its value there, and what can be looked up."""

    e: ast.expr
    value: Vector
    pool: Pool

    @property
    def written(self) -> Written:
        return Written(self.e, self.value, self.pool.numpy)

    def edit(self, made: Any, kind: str, rank: float) -> Edit:
        code = made.code if isinstance(made, Written) else made
        return Edit(self.e, code, kind, rank)


def stand_in(item: Item, pool: Pool) -> Written:
    """An item, to be run in a formula."""
    return Written(item.code, item.value, pool.numpy)


def known_number(c: float) -> float | None:
    """A number that people write, if it is one of those."""
    return next((n for n in NICE if abs(c - n) <= 1e-8 * n), None)


def looked_up(at: Place, wanted: Vector, constants: frozenset[float]) -> Iterator[Edit]:
    """Replacements, factors, terms and numbers that make the value the wanted one."""
    pool, x = at.pool, at.written
    v, w = np.asarray(at.value, dtype=float), np.asarray(wanted, dtype=float)
    other = 0.0 if isinstance(at.e, ast.Name) else INSTEAD - LIKELY
    for item in pool.find(w):
        yield at.edit(item.code, "other", ODD + item.rank + other)
    for item in pool.find(-w):
        yield at.edit(negated(item.code), "other", ODD + NEGATED + item.rank + other)
    for c, item in pool.multiples(w):
        if _among(c, constants):
            scaled = number(round(c, 10)) if c else number(0)
            code = ast.BinOp(scaled, ast.Mult(), item.code)
            yield at.edit(code, "other", ODD + SCALED + LIKELY + item.rank + other)
    if isinstance(at.e, ast.Constant):
        yield from _numbers(at, v, w)
        return
    with np.errstate(all="ignore"):
        q = w / v if v.shape == w.shape or not v.ndim else None
    if q is not None and np.isfinite(q).all():
        yield from _factors(at, x, q, constants)
    try:
        d = w - v
    except ValueError:
        return
    if d.shape == v.shape and np.abs(d).max(initial=0) > 1e-12:
        yield from _terms(at, x, d, constants)


def _among(c: float, constants: frozenset[float]) -> bool:
    return any(abs(abs(c) - k) <= 1e-8 * k for k in constants)


def _numbers(at: Place, v: Vector, w: Vector) -> Iterator[Edit]:
    c = collapsed(w)
    if c.ndim:
        return
    if abs(c - round(float(c), 6)) <= 1e-9 * abs(c) and known_number(abs(float(c))):
        yield at.edit(number(float(known_number(abs(float(c))) or 0) * np.sign(c)), "constant-scale", LIKELY)
    for how, wanted in ((lambda x, y: x / y, v / c), (lambda x, y: x * y, c / v)):
        for item in at.pool.find(wanted):
            made = how(at.written, stand_in(item, at.pool))
            yield at.edit(made, "mean-vs-sum", ODD + NEAR + item.rank)


def _factors(at: Place, x: Written, q: Vector, constants: frozenset[float]) -> Iterator[Edit]:
    """What it lacks as a factor."""
    pool, c = at.pool, collapsed(q)
    if not c.ndim:
        n, m = known_number(float(c)), known_number(-float(c))
        if n:
            made = n * x if float(n).is_integer() else x / round(1 / n, 9)
            yield at.edit(made, "constant-scale", LIKELY + NEAR)
        if m:
            yield at.edit(-m * x, "constant-scale", FARTHEST)
    for item in pool.find(q):
        yield at.edit(x * stand_in(item, pool), LOST, FARTHEST + item.rank)
    for item in pool.find(-q):
        yield at.edit(-(x * stand_in(item, pool)), LOST, FARTHEST + NEGATED + item.rank)
    with np.errstate(all="ignore"):
        inverse = 1 / q
    for item in pool.find(inverse):
        yield at.edit(x / stand_in(item, pool), LOST, FARTHEST + item.rank)
    for k, item in pool.multiples(q):
        if _among(k, constants):
            yield at.edit(round(k, 10) * x * stand_in(item, pool), LOST, 2 * SCALED + item.rank)


def _terms(at: Place, x: Written, d: Vector, constants: frozenset[float]) -> Iterator[Edit]:
    """What it lacks as a term."""
    pool = at.pool
    for item in pool.find(d):
        yield at.edit(x + stand_in(item, pool), "missing-term", FARTHEST + LIKELY + item.rank)
    for item in pool.find(-d):
        yield at.edit(x - stand_in(item, pool), "missing-term", FARTHEST + LIKELY + item.rank)
    for c, item in pool.multiples(d):
        if _among(c, constants):
            term = round(abs(c), 10) * stand_in(item, pool)
            made = x + term if c > 0 else x - term
            yield at.edit(made, "missing-term", SCALED + NEAR + item.rank)


def farther(at: Place, wanted: Vector) -> Iterator[Edit]:
    """The same with two items, other products, and an item at every use of another."""
    pool, x = at.pool, at.written
    v, w = np.asarray(at.value, dtype=float), np.asarray(wanted, dtype=float)
    yield from _products(at)
    yield from everywhere(at)
    yield from _centred(at, w)
    if v.shape != w.shape:
        return
    with np.errstate(all="ignore"):
        q, d = w / v, w - v
    for item in [i for i in pool.items if i.tier != MADE and i.value.dtype.kind == "f"][:MOST]:
        a = stand_in(item, pool)
        with np.errstate(all="ignore"):
            try:
                quotients = (q / item.value, q * item.value, d / item.value, -d / item.value)
            except ValueError:
                continue
        hows: tuple[Callable[[Any, Any], Any], ...] = (
            lambda a, b: x * a * b,
            lambda a, b: x / a * b,
            lambda a, b: x + a * b,
            lambda a, b: x - a * b,
        )
        for k, (how, value) in enumerate(zip(hows, quotients, strict=True)):
            if value.shape == v.shape and np.isfinite(value).all():
                for b in pool.find(value):
                    made = how(a, stand_in(b, pool))
                    kind = LOST if k < 2 else "missing-term"
                    yield at.edit(made, kind, 1 + NEAR * k + item.rank + b.rank)


def _products(at: Place) -> Iterator[Edit]:
    """A part of a product times something else, and the place times a matrix."""
    parts = [at.e]
    if isinstance(at.e, ast.BinOp) and isinstance(at.e.op, (ast.Mult, ast.MatMult)):
        parts += [at.e.left, at.e.right]
    elif isinstance(at.e, ast.Call) and len(at.e.args) == 2:
        parts += at.e.args
    for e in parts:
        recorded = at.pool.instance.recorded.get(id(e))
        if recorded is None or not is_numeric(recorded.value):
            continue
        x = Written(e, recorded.value, at.pool.numpy)
        rank = FARTHEST + (NEAR if e is at.e else LIKELY)
        for item in at.pool.items:
            if item.tier > PART or item.value.dtype.kind != "f" or not item.value.ndim:
                continue
            a = stand_in(item, at.pool)
            hows = [lambda x, a: x @ a, lambda x, a: a @ x]
            if e is not at.e:
                hows += [lambda x, a: x.T @ a, lambda x, a: a @ x.T, lambda x, a: x * a]
                if x.value.ndim == 1 == item.value.ndim:  # type: ignore[union-attr]
                    hows += [lambda x, a: np.outer(x, a), lambda x, a: np.outer(a, x)]
            for how in hows:
                try:
                    yield at.edit(how(x, a), LOST, rank + item.rank)
                except ValueError:
                    continue


def everywhere(at: Place) -> Iterator[Edit]:
    """Another name or part at every use of one that is used more than once."""
    if not isinstance(at.e, (ast.BinOp, ast.Call)):
        return
    parts = [n for n in ast.walk(at.e) if isinstance(n, (ast.Name, ast.Call, ast.BinOp))]
    count = Counter(ast.unparse(n) for n in parts)
    first = {ast.unparse(n): n for n in reversed(parts)}
    for text, times in count.items():
        recorded = at.pool.instance.recorded.get(id(first[text]))
        if times < 2 or recorded is None or not is_numeric(recorded.value):
            continue
        shape = np.shape(recorded.value)
        for item in at.pool.items:
            if item.value.shape == shape and ast.unparse(item.code) != text:
                new = _Everywhere(text, item.code).visit(_copied(at.e))
                yield at.edit(new, "other", FAR + item.rank)


class _Everywhere(ast.NodeTransformer):
    """Puts an expression wherever a text stands."""

    def __init__(self, text: str, new: ast.expr) -> None:
        self.text, self.new = text, new

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and ast.unparse(node) == self.text:
            return self.new
        return self.generic_visit(node)


def _copied(e: ast.expr) -> ast.expr:
    found: ast.expr = ast.parse(ast.unparse(e), mode="eval").body
    return found


def _centred(at: Place, w: Vector) -> Iterator[Edit]:
    """p (g - sum of g p), the Jacobian of a softmax whole, for probabilities p."""
    items = [i for i in at.pool.items if i.value.shape == w.shape and i.value.dtype.kind == "f"]
    for p in items:
        for axis in range(w.ndim):
            if not ((p.value > 0).all() and np.allclose(p.value.sum(axis=axis), 1)):
                continue
            for g in (i for i in items if i.tier == NAME or i.tier == PART):
                a, b = stand_in(p, at.pool), stand_in(g, at.pool)
                made = a * (b - np.sum(b * a, axis=axis, keepdims=True))
                yield at.edit(made, "missing-term", SCALED + p.rank + g.rank)


def run_forwards(at: Place) -> Iterator[Edit]:
    """Edits where what is wanted is not known: each is to be run."""
    pool, x, shape = at.pool, at.written, np.shape(at.value)
    named = isinstance(at.e, ast.Name)
    for item in pool.items:
        if named or (item.value.shape == shape and not isinstance(at.e, ast.Constant)):
            yield at.edit(item.code, "other", ODD + item.rank + (0.0 if named else FAR))
    for item in pool.items:
        if isinstance(at.e, ast.Constant) and item.tier != NAME:
            continue
        a = stand_in(item, pool)
        try:
            fits = np.broadcast_shapes(item.value.shape, shape) == shape
        except ValueError:
            fits = False
        if fits:
            yield at.edit(x * a, LOST, FARTHEST + item.rank)
            if item.value.dtype.kind == "f":
                yield at.edit(x / a, LOST, FARTHEST + item.rank)
            if item.value.dtype.kind == "f" and item.tier != MADE:
                yield at.edit(x + a, "missing-term", FARTHEST + LIKELY + item.rank)
                yield at.edit(x - a, "missing-term", FARTHEST + LIKELY + item.rank)
        if item.value.ndim == 2 and shape and item.tier == NAME:
            for how in (lambda x, a: x @ a, lambda x, a: a @ x):
                try:
                    yield at.edit(how(x, a), LOST, FARTHEST + NEAR + item.rank)
                except ValueError:
                    continue
    for c in (2, 0.5, 3, 0.25, 4):
        yield at.edit(c * x, "constant-scale", FAR)
