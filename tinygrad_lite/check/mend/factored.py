"""Products of several items that are a factor or a term: logarithms of products are sums.

Each item, or one over it, has two weighted sums of the logarithms of its entries. Those of two
items are added once for all, so that what is wanted of two or three is looked up.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..slips import FAR, FARTHEST, LIKELY, NEAR
from .known import agrees, broadcasts
from .looked import NEGATED, PAIRED, Place, Vector
from .pool import LARGEST, MADE, NAME, Item, Pool
from .rows import LOST, Edit
from .written import Written

MOST = 45  # items that are multiplied
NUMBERS = (1, 2, 0.5)  # that a product may have beside its items
EXACT = 1e-9  # how nearly sums of logarithms agree
LIMIT = 12  # products that are tried of one that is wanted
UNDER = NEAR  # what it costs that something is divided by
_WEIGHTS = np.random.default_rng(54321).normal(size=(2, LARGEST))


class Atom(NamedTuple):
    """An item, to be multiplied or divided by, and its sums."""

    item: Item
    code: Written
    over: bool
    sums: Vector


class Products:
    """The products of two or three items that are not 0 at some entries of a shape."""

    def __init__(self, pool: Pool, shape: tuple[int, ...], at: Vector) -> None:
        self.at, self.shape = at, shape
        self.atoms: list[Atom] = []
        seen: set[tuple[Any, ...]] = set()
        items = [i for i in pool.items if i.tier != MADE or (i.rank <= FAR and _is_simple(i))]
        for item in sorted(items, key=lambda i: i.rank)[: 4 * MOST]:
            if len(self.atoms) < 2 * MOST:
                self._add(item, pool.numpy, seen)
        sums = np.array([a.sums for a in self.atoms]).reshape(-1, 2)
        i, j = np.triu_indices(len(self.atoms))
        pairs = sums[i] + sums[j]
        order = np.argsort(pairs[:, 0], kind="stable")
        self.pairs, self.i, self.j, self.sums = pairs[order], i[order], j[order], sums

    def _add(self, item: Item, numpy: str, seen: set[tuple[Any, ...]]) -> None:
        x = fitting(Written(item.code, item.value, numpy), self.shape)
        if x is None:
            return
        v = np.abs(np.broadcast_to(np.asarray(x.value, dtype=float), self.shape).ravel()[self.at])
        if not v.all() or not np.isfinite(v).all():
            return
        sums = _sums(np.log(v))
        key: tuple[Any, ...] = (round(float(sums[0]), 9), round(float(sums[1]), 9))
        if item.tier == NAME and item.value.dtype.kind == "i":  # two lengths are equal by chance
            key = (*key, ast.dump(item.code))
        if key in seen or not np.abs(sums).sum() > EXACT:
            return
        seen.add(key)
        self.atoms += [Atom(item, x, False, sums), Atom(item, x, True, -sums)]

    def of(self, wanted: Vector) -> Iterator[tuple[float, tuple[Atom, ...]]]:
        """(c, atoms) where c times the product of the atoms has the entries that are wanted, but
        for signs; the likeliest first."""
        target = _sums(np.log(np.abs(wanted.ravel()[self.at])))
        one = _sums(np.ones(len(self.at)))
        found = []
        for c in NUMBERS if len(self.pairs) else ():
            rest = np.vstack([[0.0, 0.0], self.sums])  # of two items, and of three
            left = target - np.log(c) * one - rest
            slack = EXACT * (1 + np.abs(left).sum(axis=1))
            low = np.searchsorted(self.pairs[:, 0], left[:, 0] - slack)
            high = np.searchsorted(self.pairs[:, 0], left[:, 0] + slack)
            for k in np.flatnonzero(high > low):
                for n in range(low[k], high[k]):
                    if abs(self.pairs[n, 1] - left[k, 1]) <= slack[k]:
                        places = sorted((self.i[n], self.j[n], *([k - 1] if k else [])))
                        found.append((c, tuple(places)))
        chosen = [(c, tuple(self.atoms[k] for k in places)) for c, places in dict.fromkeys(found)]
        chosen = [(c, atoms) for c, atoms in chosen if not _cancels(atoms)]
        yield from sorted(chosen, key=lambda x: cost(*x))[:LIMIT]


def cost(c: float, atoms: Sequence[Atom]) -> float:
    """How far-fetched a product is."""
    dear = sum(a.item.rank + UNDER * a.over for a in atoms)
    return dear + LIKELY * (len(atoms) - 2) + LIKELY * (c != 1)


def factored(at: Place, wanted: Vector) -> Iterator[Edit]:
    """A factor, or a term, that is a product of two or three items."""
    v, w = np.asarray(at.value, float), np.asarray(wanted, float)
    if v.shape != w.shape or w.size > LARGEST:
        return
    x = at.written
    with np.errstate(all="ignore"):
        q = np.where((v == 0) & (w == 0), 1.0, w / v)
    whole, mine = isinstance(at.e, ast.Constant), ast.dump(at.e)
    rows: tuple[tuple[Vector, Any, str, float], ...] = (
        (q, lambda p: x * p, LOST, 0.0),
        (w - v, lambda p: x + p, "missing-term", NEAR),
    )
    for target, how, kind, more in rows[whole:]:
        if not np.isfinite(target).all() or not target.any():
            continue
        for c, atoms in products(at.pool, target).of(target):
            made = product(c, atoms)
            under = [ast.dump(a.item.code) for a in atoms if a.over]
            if made is None or any(mine in u or u in mine for u in under):  # that undoes a part
                continue
            named = c != 1 and at.pool.named(max(c, 1 / c))
            for p, sign in ((made, 0.0), (-made, NEGATED)):
                if agrees(p.value, target, broadcast=True, tolerance=1e-8):
                    rank = PAIRED + cost(c, atoms) + more + FARTHEST * named
                    rank += sign * (kind == LOST)
                    yield from at.made(how, p, kind=kind, rank=rank)


def products(pool: Pool, target: Vector) -> Products:
    """The products that may be a target, made once for all with its shape."""
    at = np.flatnonzero(target)
    key = (np.shape(target), at.tobytes())
    if key not in pool.products_of:
        pool.products_of[key] = Products(pool, np.shape(target), at)
    found: Products = pool.products_of[key]
    return found


def product(c: float, atoms: Sequence[Atom]) -> Written | None:
    """c times the product, as people write it: what is divided by last."""
    above = [a.code for a in atoms if not a.over]
    below: list[Any] = [a.code for a in atoms if a.over]
    made: Any = c if c >= 1 else 1
    below += [] if c >= 1 else [1 / c]
    for i, x in enumerate(above):
        if any(x is y for y in above[:i]):
            continue
        times = sum(x is y for y in above)
        made = made * (x**times if times > 1 else x)
    if below:
        under: Any = below[0]
        for x in below[1:]:
            under = under * x
        made = made / under
    return made if isinstance(made, Written) else None


def fitting(x: Written, shape: tuple[int, ...]) -> Written | None:
    """An array as it is, or with axes of length 1, so that it is repeated along a shape."""
    mine = np.shape(x.value)
    if broadcasts(mine, shape):
        return x
    rest, index = list(mine), []
    for n in shape:
        index.append(slice(None) if rest and rest[0] == n else None)
        del rest[: index[-1] is not None]
    return x[tuple(index)] if not rest else None


def _is_simple(item: Item) -> bool:
    """Whether it is 1 - x, and no power of what is an item itself."""
    return isinstance(item.code, ast.BinOp) and isinstance(item.code.op, (ast.Add, ast.Sub))


def _cancels(atoms: Sequence[Atom]) -> bool:
    """Whether something is multiplied and divided by."""
    return any(a.item is b.item and a.over and not b.over for a in atoms for b in atoms)


def _sums(logs: Vector) -> Vector:
    return _WEIGHTS[:, : logs.size] @ logs
