"""Edits that are farther-fetched: two items at once, other products, a name at every use; and what
is to be run because no single value is wanted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..code.source import replaced
from ..slips import FAR, FARTHEST, LIKELY, NEAR, ODD
from .factored import factored
from .known import EXACT, agrees, broadcasts
from .looked import PAIRED, SCALED, How, Place, Vector, names_in, terms_lacking
from .pool import MADE, NAME, PART, PRODUCTS, Item, is_size
from .rows import LOST, SLOPE, Edit, attempted, is_numeric, is_symmetric
from .written import Written, number

LEAST = 2  # entries that any two arrays give
_around: tuple[How, ...] = (
    lambda x, a: a @ x @ a,
    lambda x, a: a @ x @ a.T,
    lambda x, a: a.T @ x @ a,
)


def terms(at: Place, wanted: Vector) -> Iterator[Edit]:
    """The terms that a name may lack."""
    v, w = np.asarray(at.value, dtype=float), np.asarray(wanted, dtype=float)
    if v.shape == w.shape:
        yield from terms_lacking(at, v, w)
        yield from factored(at, w)
        yield from _path(at, v, w)


def farther(at: Place, wanted: Vector) -> Iterator[Edit]:
    """The same with two items, other products, and an item at every use of another."""
    v, w = np.asarray(at.value, dtype=float), np.asarray(wanted, dtype=float)
    yield from _products(at)
    yield from everywhere(at)
    yield from _compared(at)
    if v.shape == w.shape and not isinstance(at.e, ast.Constant):
        yield from factored(at, w)
        yield from _path(at, v, w)
        yield from _scaled(at, v, w)


def _scaled(at: Place, v: Vector, w: Vector) -> Iterator[Edit]:
    """A factor and a term at once: x / n + a y."""
    x, vv, vw = at.written, np.vdot(v, v), np.vdot(v, w)
    for item in at.pool.items:
        a = np.asarray(item.value, dtype=float)
        if item.tier != NAME or a.shape != w.shape or a.size <= LEAST:
            continue
        va, aa, aw = np.vdot(v, a), np.vdot(a, a), np.vdot(a, w)
        det = vv * aa - va * va
        if abs(det) <= EXACT * vv * aa:
            continue
        c, d = (vw * aa - aw * va) / det, (aw * vv - vw * va) / det
        if abs(abs(c) - 1) <= EXACT or not agrees(c * v + d * a, w, tolerance=EXACT):
            continue
        for first, more in at.times(x, c):
            for term, less in at.times(at.item(item), abs(d)):
                how = np.add if d > 0 else np.subtract
                rank = SCALED + FARTHEST + item.rank + more + less
                yield from at.made(how, first, term, kind="missing-term", rank=rank)


def _path(at: Place, v: Vector, w: Vector) -> Iterator[Edit]:
    """A term, or all of it, that is a product of two names."""
    rows: tuple[tuple[Vector, How, str, float], ...] = (
        (w - v, lambda x, ab: x + ab, "missing-term", 0.0),
        (v - w, lambda x, ab: x - ab, "missing-term", 0.0),
        (w, lambda x, ab: ab, "other", ODD),
    )
    for wanted, how, kind, more in rows:
        for a, b, k in at.pool.products(wanted):
            made = attempted(PRODUCTS[k][0], at.item(a), at.item(b))
            rank = PAIRED + NEAR * k + more
            if made is not None and np.shape(made.value) == w.shape:
                yield from at.made(how, at.written, made, kind=kind, rank=rank)


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
        hows: list[How] = [lambda x, a: x @ a, lambda x, a: a @ x]
        if np.ndim(x.value) == 1:
            hows.reverse()
        if e is not at.e:
            if not is_symmetric(x.value):
                hows += [lambda x, a: x.T @ a, lambda x, a: a @ x.T]
            hows += [lambda x, a: x * a]
            hows += [lambda x, a: np.outer(x, a), lambda x, a: np.outer(a, x)]
        for item in at.pool.items:
            if item.tier <= PART and item.value.dtype.kind == "f" and item.value.ndim:
                for how in (*hows, *(_around if item.value.ndim == 2 else ())):
                    cost = rank + item.rank
                    yield from at.made(how, x, at.item(item), kind=LOST, rank=cost)


def everywhere(at: Place) -> Iterator[Edit]:
    """Another name or part at every use of one that is used more than once."""
    if not isinstance(at.e, (ast.BinOp, ast.Call)):
        return
    uses: dict[str, list[ast.AST]] = {}
    for n in ast.walk(at.e):
        if isinstance(n, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)):
            uses.setdefault(ast.dump(n), []).append(n)
    for same in uses.values():
        recorded = at.pool.instance.recorded.get(id(same[0]))
        if len(same) < 2 or recorded is None or not is_numeric(recorded.value):
            continue
        v = np.asarray(recorded.value)
        own = names_in(same[0])
        for item in at.pool.items:
            made = item.tier == MADE and names_in(item.code) != own  # z is f(z), and no other's
            if item.value.shape == v.shape and not made and (item.value != v).any():
                new = replaced(at.e, dict.fromkeys(same, item.code))
                likely = LIKELY if item.tier == MADE else FAR
                yield Edit(at.e, new, "other", likely + item.rank)


def _compared(at: Place) -> Iterator[Edit]:
    """A comparison with another name."""
    if isinstance(at.e, ast.Compare) and len(at.e.ops) == 1:
        for item in at.pool.items:
            if item.tier == NAME and item.value.ndim:
                for op in (ast.Eq(), ast.Gt(), ast.Lt()):
                    new = ast.Compare(at.e.left, [op], [item.code])
                    yield Edit(at.e, new, SLOPE, FARTHEST + item.rank)


def run_forwards(at: Place) -> Iterator[Edit]:
    """Edits where what is wanted is not known: each is to be run. Of an index another whole number
    may be meant."""
    x, shape = at.written, np.shape(at.value)
    named, literal = isinstance(at.e, ast.Name), isinstance(at.e, ast.Constant)
    for item in _fitting(at):
        if named or (item.value.shape == shape and not literal):
            rank = ODD + item.rank + (0.0 if named else FAR)
            if _is_index(at, item) or at.is_entry(item):
                rank = ODD
            yield at.edit(at.item(item), "other", rank)
        if literal and item.tier == NAME and not item.value.ndim and not is_size(item.code):
            yield at.edit(at.item(item), "constant-scale", ODD + NEAR + item.rank)
        if item.rank < 0 and not literal and broadcasts(item.value.shape, shape):
            yield at.edit(x + at.item(item), "missing-term", ODD + item.rank)  # nobody reads it
    for c in (2, 0.5, 3, 0.25, 4) if not literal else ():
        for made, more in at.times(x, c):
            yield at.edit(made, "constant-scale", FAR + more)


def run_farther(at: Place) -> Iterator[Edit]:
    """The same, farther-fetched: factors, but of what is 0, and terms."""
    x, shape = at.written, np.shape(at.value)
    literal, zero = isinstance(at.e, ast.Constant), not np.any(at.value)
    for item in _fitting(at):
        if (literal and item.tier != NAME) or np.array_equal(item.value, at.value):
            continue
        a, real = at.item(item), item.value.dtype.kind == "f"
        if broadcasts(item.value.shape, shape):
            kind = "mean-vs-sum" if is_size(item.code) else LOST
            if not zero:
                yield at.edit(x * a, kind, FARTHEST + item.rank)
            if real and not zero:
                yield at.edit(x / a, kind, FARTHEST + item.rank)
            if real and (item.tier != MADE or item.value.ndim == 2) and not is_size(item.code):
                rank = FARTHEST + LIKELY + item.rank
                yield at.edit(x + a, "missing-term", rank)
                yield at.edit(x - a, "missing-term", rank)
                if item.tier == NAME:
                    yield at.edit(a - x, "missing-term", rank)
        if item.value.ndim == 2 and shape and item.tier == NAME:
            for how in (lambda x, a: x @ a, lambda x, a: a @ x):
                yield from at.made(how, x, a, kind=LOST, rank=FARTHEST + NEAR + item.rank)
        if (
            not literal
            and item.tier == NAME
            and item.value.dtype.kind == "i"
            and not item.value.ndim
        ):
            yield at.edit(x / a, "mean-vs-sum", FAR + LIKELY + item.rank)
    if literal:
        for c in at.constants:
            yield Edit(at.e, number(c), "constant-scale", FARTHEST + LIKELY)
    else:
        yield at.edit(x + 1, "missing-term", FARTHEST)
        yield at.edit(x - 1, "missing-term", FARTHEST)


def _fitting(at: Place) -> list[Item]:
    """What may stand there: for an index whole numbers."""
    if isinstance(at.e, ast.Name) and _is_whole(at.value):
        return [i for i in at.pool.items if i.value.dtype.kind == "i" or i.value.size == 1]
    return at.pool.items


def _is_index(at: Place, item: Item) -> bool:
    """Whether one whole number's name stands for another's."""
    return isinstance(at.e, ast.Name) and _is_whole(at.value) and item.value.dtype.kind == "i"


def _is_whole(v: Any) -> bool:
    return isinstance(v, (int, np.integer))
