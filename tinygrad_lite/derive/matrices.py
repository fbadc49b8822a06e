"""Index expressions written as matrices, where they can be.

A product is a graph: its factors are edges, its indices are vertices. Parallel edges become an
entrywise product, a summed vertex between two edges a matrix product, one at the end of an edge a
product with a vector, until one edge is left (series-parallel reduction). What resists has no
matrix form.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..notation import tree
from ..notation.tree import Applied, Axes, Name, Number, Tree, along, signed, transposes, turned
from ..ops.index import plain_ops, registry
from ..ops.linalg import inv
from .algebra import rename, transposed
from .measure import cost
from .parts import EXP, Power, factors, is_mask, is_one
from .terms import ADD, MAP, NOWHERE, NUM, ONLY, SUM, Expr, Head, Ix, Size, Symbol, slot

_BRANCHING = 4  # of so many sums all orders are tried
Names = Callable[[Symbol], tuple[str, str]]  # as mathematics, as code
Sizes = Callable[[Size], tree.Size]
Key = tuple[int, int, int]


class Factor(NamedTuple):
    """A power of a tree in a product; `key` says how far upstream it lies."""

    tree: Tree
    exponent: Number
    key: Key


class NoMatrix(Exception):
    """An expression has no matrix form; the message says why."""


class Matrices:
    """Writes expressions as trees of matrices."""

    def __init__(self, names: Names, sizes: Sizes) -> None:
        self.names, self.sizes = names, sizes
        self.callables: dict[str, Callable[..., Any]] = {}  # of ops that NumPy lacks, by name
        self.held: dict[Ix, str] = {}  # indices that are subscripts, of matrices in a stack
        self._bound: Mapping[Ix, Size] = {}  # how far what is being summed, or is an op's, runs

    def tree(self, e: Expr) -> Tree:
        """The tree of e, in its free indices; `NoMatrix` if there is none."""
        if len(e.free) > 2:
            raise NoMatrix("an array of more than two axes")
        found: Tree = getattr(Matrices, f"_{e.kind}")(self, e)
        return found

    def _number(self, e: Expr) -> Tree:
        return tree.number(e.head)

    def _size(self, e: Expr) -> Tree:
        return Tree(tree.SIZE, value=self.sizes(e.head))

    def _multiply(self, e: Expr) -> Tree:
        return self._product((), list(zip(e.args, e.head, strict=True)))

    def name(self, symbol: Symbol, ix: Sequence[Ix]) -> Name:
        """How a symbol is written at indices."""
        places: list[Ix | int | str | None] = [None] * len(symbol.shape)
        for axis, i in zip(symbol.axes, ix, strict=True):
            places[axis] = i.place if i.kind == "fixed" else self.held.get(i, i)
        return Name(*self.names(symbol), tuple(places), symbol.symmetric, symbol.mask)

    def _atom(self, e: Expr) -> Tree:
        axes = tuple(i for i in e.ix if i.kind != "fixed")
        if len(set(axes)) < len(axes):
            if len(axes) > 2:
                raise NoMatrix("a diagonal of more than two axes")
            twin = slot(-1)
            whole = Tree(tree.NAME, (), (axes[0], twin), self.name(e.head, (axes[0], twin)))
            return Tree(tree.DIAGONAL, (whole,), axes[:1])
        return Tree(tree.NAME, (), axes, self.name(e.head, e.ix))

    def _delta(self, e: Expr) -> Tree:
        i, j = e.ix
        sizes = (i.size, j.size, *map(self._bound.get, e.ix))
        size = next((s for s in sizes if s not in (None, NOWHERE)), None)
        if size is None:
            raise NoMatrix("an identity inside a sum")
        if i.kind == "fixed" or j.kind == "fixed":
            free, at = (i, j) if j.kind == "fixed" else (j, i)
            return Tree(tree.ONE_AT, (), (free,), (self.sizes(size), at.place))
        return Tree(tree.ONE_AT, (), (i, j), (self.sizes(size), None))

    def _add(self, e: Expr) -> Tree:
        parts = [(self.tree(x), c, x) for c, x in zip(e.head, e.args, strict=True)]
        axes = _widest(t for t, _, _ in parts)
        if len(axes) == 2:
            ways = (axes, axes[::-1])
            axes = min(ways, key=lambda w: sum(transposes(along(t, w)) for t, _, _ in parts))
        pairs = [(along(t, axes), c, x) for t, c, x in parts]
        pairs.sort(key=lambda p: (p[1] < 0, *in_sum(p[2]), transposes(p[0]), p[2].uid))
        return signed(
            Tree(tree.SUM, tuple(t for t, _, _ in pairs), axes, tuple(c for _, c, _ in pairs))
        )

    def _map(self, e: Expr) -> Tree:
        parts = [self.tree(x) for x in e.args]
        axes = _widest(parts)
        return Tree(tree.APPLY, tuple(along(t, axes) for t in parts), axes, self.applied(e.head))

    def applied(self, f: Head) -> Applied:
        """How an op with its settings is written."""
        op = f.op
        template = op.numpy
        if registry.get(op.name) is not op and plain_ops.get(op.name) is not op:
            settings = "".join(f", {key}={{{key}}}" for key in f.params)
            template = f"{op.name}({{inputs}}{settings})"
            self.callables[op.name] = lambda *inputs, **params: op.forward(np, *inputs, **params)
        layouts = tuple(
            tuple(None if s is None else (slot(k), self.sizes(s)) for k, s in enumerate(layout))
            for layout in f.layout
        )
        return Applied(op, template, tuple(f.params.items()), layouts)

    def _call(self, e: Expr) -> Tree:
        bodies = self.bodies(e)
        axes = tuple(i for i in e.ix if i.kind != "fixed")
        if any(i.kind == "fixed" and i is not ONLY for i in e.ix) or (e.ix and not axes):
            raise NoMatrix("an entry of a result")
        if len(set(axes)) < len(axes):
            twin = slot(-1)
            return Tree(tree.DIAGONAL, (self.written_op(e, bodies, (axes[0], twin)),), axes[:1])
        return self.written_op(e, bodies, axes)

    def written_op(self, e: Expr, bodies: list[Tree], axes: Axes) -> Tree:
        if e.op is inv and len(axes) == len(bodies[0].axes) == 2:
            symmetric = transposed(e.args[0]) is e.args[0]
            if bodies[0].kind == tree.TRANSPOSE:  # L⁻ᵀ
                return turned(Tree(tree.INVERSE, bodies[0].args, axes[::-1], symmetric))
            return Tree(tree.INVERSE, tuple(bodies), axes, symmetric)
        applied = self._at_all_sizes(self.applied(e.head), e)
        if ONLY in e.ix:
            own = iter(axes)
            places = tuple(None if i is ONLY else next(own) for i in e.ix)
            applied = replace(applied, places=places)
        return Tree(tree.APPLY, tuple(bodies), axes, applied)

    def _at_all_sizes(self, applied: Applied, e: Expr) -> Applied:
        """The shape that is a setting, of the lengths that the result has."""
        settings = dict(applied.settings)
        shape = settings.get("shape")
        if not isinstance(shape, tuple) or len(shape) != len(e.ix):
            return applied
        found = [self._bound.get(i, i.size) for i in e.ix]
        lengths = (
            n if i.kind == "fixed" or size is NOWHERE else self.sizes(size)
            for n, i, size in zip(shape, e.ix, found, strict=True)
        )
        return replace(applied, settings=(*{**settings, "shape": tuple(lengths)}.items(),))

    def bodies(self, e: Expr) -> list[Tree]:
        """The arrays that an op takes as wholes, their axes in order."""
        found = []
        for k, b in enumerate(e.args):
            sizes = e.head.layout[k] if e.head.layout else ()
            axes: list[Ix] = sorted(b.free, key=lambda i: i.place)
            with self._running({slot(axis): size for axis, size in enumerate(sizes) if size}):
                found.append(along(self.tree(b), axes))
        return found

    @contextmanager
    def _running(self, sizes: Mapping[Ix, Size]) -> Iterator[None]:
        outer, self._bound = self._bound, sizes
        try:
            yield
        finally:
            self._bound = outer

    def _sum(self, e: Expr) -> Tree:
        """Bound indices are vertices as others are; a matrix within a sum may run over two."""
        _, powers = factors(e.args[0])
        with self._running({**self._bound, **dict(zip(e.ix, e.head, strict=True))}):
            return self._product(e.ix, powers)

    def _product(self, names: Sequence[Ix], powers: list[Power]) -> Tree:
        powers, found = self._softmaxes(powers)
        parts = [Factor(self.tree(b), e, upstream(b)) for b, e in powers]
        return _Reduction([*parts, *found]).reduced(list(names))

    def _softmaxes(self, powers: list[Power]) -> tuple[list[Power], list[Factor]]:
        """exp(u) / Σ exp(u) is softmax(u), also where exp(u) is part of a sum."""
        found: list[Factor] = []
        for b, e in powers:
            for z, ez in powers:
                if (e, ez) != (1, -1) or z.kind != SUM or len(z.ix) != 1:
                    continue
                made = self._normalised(b, z)
                if made is not None:
                    powers = [p for p in powers if p[0] is not b and p[0] is not z]
                    found.append(Factor(made, 1, upstream(b)))
                    break
        return powers, found

    def _normalised(self, b: Expr, z: Expr) -> Tree | None:
        """b / z, if that has a softmax in it."""
        if b.kind == SUM:
            _, inner = factors(b.args[0])
            parts = [x for x, e in inner if e == 1 and _summand(x, z) is not None]
            return self._product(b.ix, [*inner, (z, -1)]) if parts else None
        i = _summand(b, z)
        if i is None:
            return None
        u = self.tree(b.args[0])
        return Tree(tree.SOFTMAX, (u,), u.axes, i)


def _summand(b: Expr, z: Expr) -> Ix | None:
    """The index over which the sum of b, an exponential, is z."""
    if b.kind != MAP or b.head != EXP:
        return None
    return next((i for i in b.free - z.free if rename(b, {i: z.ix[0]}) is z.args[0]), None)


def in_sum(e: Expr) -> tuple[bool, int, float]:
    """Terms in order: a number, then what lies downstream, then what is long."""
    return e.kind != NUM, -e.rank, -round(cost(e))


def upstream(e: Expr) -> Key:
    """Factors in the order of the chain rule: what lies downstream first, differences before what
    they are made of."""
    if is_mask(e):
        place = 3
    elif e.kind != ADD:
        place = 1
    else:  # (s − y) s (1 − s)
        place = 2 if len(e.args) == 2 and any(is_one(x) for x in e.args) and 1 in e.head else 0
    return (-e.rank, place, e.uid)


def _widest(trees: Iterable[Tree]) -> Axes:
    found: Axes = ()
    every: dict[Hashable, None] = {}
    for t in trees:
        every |= dict.fromkeys(t.axes)
        found = max(found, t.axes, key=len)
    return found if len(found) >= len(every) else tuple(every)


def entrywise(parts: Sequence[Factor]) -> Factor:
    """The product of powers entry by entry; of a column and a row the outer product."""
    parts = [p for p in parts if not (p.tree.kind == tree.NUMBER and p.tree.value == 1)]
    if not parts:
        return Factor(tree.number(1), 1, (1, 0, 0))
    parts = sorted(parts, key=lambda p: (bool(p.tree.axes), p.key))
    if len(parts) == 1 and parts[0].exponent == 1:
        return parts[0]
    key = min(p.key for p in parts)
    axes = _widest(p.tree for p in parts)
    square = [p for p in parts if len(p.tree.axes) == 2]
    diagonal = [p for p in parts if len(p.tree.axes) == 1]
    if len(square) == 1 and square[0].tree.kind == tree.ONE_AT and diagonal:
        spread = Tree(tree.SPREAD, (entrywise(diagonal).tree,), axes)
        rest = [p for p in parts if not p.tree.axes]
        return entrywise([*rest, Factor(spread, 1, key)])
    if len(axes) == 2 and not any(len(p.tree.axes) == 2 for p in parts):
        numbers = [p for p in parts if not p.tree.axes]
        u, v = (entrywise([p for p in parts if p.tree.axes == (i,)]) for i in axes)
        both = Factor(Tree(tree.OUTER, (u.tree, v.tree), axes), 1, key)
        return entrywise([*numbers, both]) if numbers else both
    flat: list[tuple[Tree, Number]] = []
    for t, e, _ in parts:
        flat += zip(t.args, t.value, strict=True) if t.kind == tree.PRODUCT and e == 1 else [(t, e)]
    args = tuple(along(t, axes) for t, _ in flat)
    product = Tree(tree.PRODUCT, args, axes, tuple(e for _, e in flat))
    return Factor(product, 1, key)


class _Reduction:
    """A product being reduced: numbers, vectors by vertex, matrices by pair of vertices."""

    def __init__(self, parts: Iterable[Factor]) -> None:
        self.numbers: list[Factor] = []
        self.vectors: dict[object, list[Factor]] = {}
        self.edges: dict[frozenset[object], list[Factor]] = {}
        for part in parts:
            self._put(part)

    def _put(self, part: Factor) -> None:
        axes = part.tree.axes
        if len(axes) > 2:
            raise NoMatrix("an array of more than two axes")
        if not axes:
            self.numbers.append(part)
        elif len(axes) == 1:
            self.vectors.setdefault(axes[0], []).append(part)
        else:
            self.edges.setdefault(frozenset(axes), []).append(part)

    def reduced(self, names: list[Ix]) -> Tree:
        """What is left when the vertices `names` are eliminated, in the order that writes the
        fewest transposes."""
        while names:
            ranks = [self._rank(n) for n in names]
            first = [n for n, rank in zip(names, ranks, strict=True) if rank == min(ranks)]
            if len(first) > 1 and len(names) <= _BRANCHING and min(ranks) > 1:
                return min((self._begun(n, names) for n in first), key=transposes)
            names = [n for n in names if n is not first[0]]
            self._put(self._eliminated(first[0]))
        return entrywise(self._parts()).tree

    def _parts(self) -> list[Factor]:
        groups = (*self.edges.values(), *self.vectors.values())
        return [*self.numbers, *(part for group in groups for part in group)]

    def _begun(self, n: Ix, names: list[Ix]) -> Tree:
        """What is left if `n` is eliminated first."""
        other = _Reduction(self._parts())
        other._put(other._eliminated(n))
        return other.reduced([x for x in names if x is not n])

    def _rank(self, n: Ix) -> int:
        """What is to be eliminated first: a vector alone, the end of an edge, between two."""
        edges = sum(n in pair for pair in self.edges)
        if edges < 2:
            return 0 if not edges else 1 if n in self.vectors else 3
        return 9 if edges > 2 else 2 if n not in self.vectors else 4

    def _eliminated(self, n: Ix) -> Factor:
        pairs = [pair for pair in self.edges if n in pair]
        if len(pairs) > 2:
            raise NoMatrix("a sum that ties more than two factors together")
        if not pairs:
            return _dotted(self.vectors.pop(n))
        vector = entrywise(self.vectors.pop(n, []))
        ends = [next(iter(pair - {n})) for pair in pairs]
        edges = [entrywise(self.edges.pop(pair)) for pair in pairs]
        key = min(f.key for f in (*edges, vector))
        left = along(edges[0].tree, (ends[0], n))
        if len(pairs) == 1:
            if vector.tree.axes:
                made = Tree(tree.MATMUL, (left, vector.tree), (ends[0],))
            else:
                fewest = min((left, turned(left)), key=tree.transposes)
                made = Tree(tree.TOTAL, (fewest,), (ends[0],), n)
            return Factor(made, 1, key)
        if vector.tree.axes:
            left = entrywise([edges[0]._replace(tree=left), vector]).tree
        right = along(edges[1].tree, (n, ends[1]))
        return Factor(Tree(tree.MATMUL, (left, right), (ends[0], ends[1])), 1, key)


def _dotted(parts: list[Factor]) -> Factor:
    """The sum over the entries of vectors' product: uᵀ v, ‖v‖², 𝟏ᵀ v."""
    parts = sorted(parts, key=lambda p: p.key)
    key = parts[0].key
    plain = [p for p in parts if p.exponent == 1]
    if len(parts) == 1 or not plain:
        v, e, _ = parts[0]
        made = Tree(tree.TOTAL, (entrywise(parts).tree,), (), v.axes[0])
        if len(parts) == 1 and e == 1 and v.kind == tree.DIAGONAL:
            made = Tree(tree.TRACE, v.args)
        if len(parts) == 1 and e == 2:
            made = Tree(tree.DOT, (v, v))
        elif len(parts) == 1 and v.kind == tree.TOTAL and v.args[0].kind == tree.PRODUCT:
            made = _frobenius(v.args[0]) or made
        return Factor(made, 1, key)
    one = min(plain, key=lambda p: p.tree.kind == tree.SUM)
    rest = [p for p in parts if p is not one]
    a, b = one.tree, entrywise(rest).tree
    if b.kind == tree.NAME and (a.kind == tree.MATMUL or rest[0].key > one.key):
        a, b = b, a
    return Factor(Tree(tree.DOT, (a, b)), 1, key)


def _frobenius(t: Tree) -> Tree | None:
    """The sum of all entries of A ⊙ B is tr(Aᵀ B)."""
    if len(t.args) == 1 and t.value == (2,):
        return Tree(tree.DOT, (t.args[0], t.args[0]))
    if len(t.args) == 2 and t.value == (1, 1) and all(len(x.axes) == 2 for x in t.args):
        a, b = t.args
        straight = transposes(turned(a)) + transposes(b)
        crossed = transposes(a) + transposes(turned(b))
        return Tree(tree.DOT, (a, b) if straight <= crossed else (turned(a), turned(b)))
    return None
