"""Arrays on paper: an index expression and the axes that it runs over. Ops are run on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ..graph.op import Op
from ..ops.constants import reduced_axes
from ..ops.elementwise import pow as power
from ..ops.index import plain_ops, registry
from ..ops.shape import getitem, reshape
from .algebra import add, apply, atom, call, delta, multiply, rename, total
from .parts import head, number, size_of
from .terms import NUM, ONLY, Expr, Ix, Size, Symbol, fixed, index, slot

Axis = Ix | None  # None: an axis of length 1, whatever the sizes


class Unreadable(Exception):
    """An op does not say what an entry of its result is."""


class Paper:
    """An array on paper: `expr` is its entry at the free indices `axes`."""

    __array_ufunc__ = None  # an array leaves arithmetic with one to us

    def __init__(self, expr: Expr, axes: Sequence[Axis] = ()) -> None:
        self.expr, self.axes = expr, tuple(axes)

    @property
    def ndim(self) -> int:
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths in the graph that ran."""
        return tuple(length(i) for i in self.axes)

    @property
    def T(self) -> Paper:
        return Paper(self.expr, self.axes[::-1])

    @property
    def mT(self) -> Paper:
        return Paper(self.expr, (*self.axes[:-2], self.axes[-1], self.axes[-2]))

    def on(self, axes: Sequence[Axis]) -> Expr:
        """The entry at other indices."""
        pairs = zip(self.axes, axes, strict=True)
        return rename(self.expr, {i: j for i, j in pairs if i is not None and j is not None})

    def again(self) -> Paper:
        """The same array over other indices."""
        axes = [again(i) for i in self.axes]
        return Paper(self.on(axes), axes)

    def __add__(self, other: Any) -> Paper:
        return broadcast(lambda a, b: add([(1, a), (1, b)]), self, other)

    def __radd__(self, other: Any) -> Paper:
        return broadcast(lambda a, b: add([(1, b), (1, a)]), self, other)

    def __sub__(self, other: Any) -> Paper:
        return broadcast(lambda a, b: add([(1, a), (-1, b)]), self, other)

    def __rsub__(self, other: Any) -> Paper:
        return broadcast(lambda a, b: add([(1, b), (-1, a)]), self, other)

    def __mul__(self, other: Any) -> Paper:
        return broadcast(lambda a, b: multiply([(a, 1), (b, 1)]), self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Paper:
        return broadcast(_ratio, self, other)

    def __rtruediv__(self, other: Any) -> Paper:
        return broadcast(lambda a, b: _ratio(b, a), self, other)

    def __neg__(self) -> Paper:
        return self * -1

    def __pow__(self, other: Any) -> Paper:
        return broadcast(_power, self, other)

    def __rpow__(self, other: Any) -> Paper:
        return broadcast(lambda a, b: _power(b, a), self, other)

    def __matmul__(self, other: Paper) -> Paper:
        a, b = self.again(), other.again()
        a, b = a if a.ndim > 1 else a[None], b if b.ndim > 1 else b[:, None]
        products = a[..., None] * b[..., None, :, :]
        *stack, row, k, column = products.axes
        axes = [*stack, *[row] * (self.ndim > 1), *[column] * (other.ndim > 1)]
        return Paper(total(running([k]), products.expr), axes)

    def transpose(self, *axes: int) -> Paper:
        """The same array with its axes in another order."""
        return Paper(self.expr, [self.axes[a] for a in axes])

    def reshape(self, shape: Sequence[int]) -> Paper:
        """The same entries in another shape."""
        try:
            return Namespace().reshape(self, shape)
        except Unreadable:
            new = np.broadcast_to(0, self.shape).reshape(shape).shape
            return called(reshape, [self], {"shape": shape}, new)

    def __getitem__(self, wanted: Any) -> Paper:
        """Whole axes, new ones and single places are read; of others the op takes the whole."""
        axes: list[Axis] = []
        places: dict[Ix, Ix] = {}
        old = iter(self.axes)
        try:
            keys = _places(wanted, self.ndim)
        except Unreadable:
            shape = np.broadcast_to(0, self.shape)[wanted].shape
            return called(getitem, [self], {"index": wanted}, shape)
        for k in keys:
            i = None if k is None else next(old)
            if not isinstance(k, int):
                axes.append(i)
            elif i is not None:
                places[i] = fixed(k % length(i))
        return Paper(rename(self.expr, places), axes)


def keys_of(wanted: Any, ndim: int) -> list[Any]:
    """An index as a key for every axis, and None for every new one."""
    keys = list(wanted) if isinstance(wanted, tuple) else [wanted]
    taken = sum(k is not None and k is not Ellipsis for k in keys)
    at = next((n for n, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * (ndim - taken)
    return keys


def _places(wanted: Any, ndim: int) -> list[Any]:
    """The same of single places and whole axes only."""
    keys = keys_of(wanted, ndim)
    for k in keys:
        place = isinstance(k, int) and not isinstance(k, bool)
        if not (k is None or place or (isinstance(k, slice) and k == slice(None))):
            raise Unreadable(f"[{k}]")
    return keys


def length(i: Axis) -> int:
    """How long an axis is in the graph that ran."""
    return 1 if i is None else i.size.number


def again(i: Axis) -> Axis:
    """Another axis of the same size."""
    return None if i is None else index(i.size)


def running(axes: Sequence[Axis]) -> list[Ix]:
    """The indices of the axes that have one."""
    return [i for i in axes if i is not None]


def named(symbol: Symbol, axes: Sequence[Axis]) -> Paper:
    """The array that a symbol stands for, which learns its axes."""
    own = running(axes)
    symbol.axes = tuple(k for k, i in enumerate(axes) if i is not None)
    symbol.sizes = tuple(i.size.root() for i in own)
    return Paper(atom(symbol, own), axes)


def _ratio(a: Expr, b: Expr) -> Expr:
    return multiply([(a, 1), (b, -1)])


def _power(a: Expr, b: Expr) -> Expr:
    return multiply([(a, b.head)]) if b.kind == NUM else apply(head(power), a, b)


def on_paper(x: Any) -> Paper:
    """A number as an array on paper."""
    return x if isinstance(x, Paper) else Paper(number(x))


def met(axes: Sequence[Axis]) -> Axis:
    """The axis that several become when arrays broadcast: their sizes are one from now on. None if
    all have length 1 (or are to be repeated)."""
    found = running(axes)
    longest = max((length(i) for i in found), default=1)
    for i in found:
        if length(i) != longest:
            i.size.repeated = True
    kept = [i for i in found if length(i) == longest]
    for i in kept[1:]:
        kept[0].size.join(i.size)
    return kept[0] if kept else None


def broadcast(f: Callable[..., Expr], *inputs: Any) -> Paper:
    """A function of entries of arrays that broadcast."""
    papers = [on_paper(x) for x in inputs]
    first = papers[0].axes
    if all(x.axes == first for x in papers):
        return Paper(f(*(x.expr for x in papers)), first)
    ndim = max(x.ndim for x in papers)
    padded = [(None,) * (ndim - x.ndim) + x.axes for x in papers]
    axes: list[Axis] = []
    for column in zip(*padded, strict=True):
        i = met(column)
        axes.append(again(i) if i in axes else i)  # of b[:, None] * b the axes are two
    entries = []
    for x, own in zip(papers, padded, strict=True):
        pairs = [(i, j) for i, j in zip(own, axes, strict=True) if i is not None]
        names = {i: j if j and length(i) == length(j) else fixed(0) for i, j in pairs}
        entries.append(rename(x.expr, names))
    return Paper(f(*entries), axes)


def called(
    op: Op, inputs: Sequence[Any], params: dict[str, Any], shape: Sequence[int] | None = None
) -> Paper:
    """An op that takes arrays as wholes, of the result's `shape`, or of that which its signature
    says, such as "ij->ji": equal letters are equally long. Sizes of other axes are new."""
    papers = [on_paper(x) for x in inputs]
    signature = op.meaning if isinstance(op.meaning, str) else ""
    before, _, after = signature.partition("->")
    lengths: dict[str, Size] = {}
    axes: list[Axis] = []
    for x, names in zip(papers, before.split(",") if signature else [], strict=bool(signature)):
        letters = names[max(len(names) - x.ndim, 0) :]  # of one row the rows' letter is none
        core = x.axes[x.ndim - len(letters) :]
        axes = [again(i) for i in x.axes[: x.ndim - len(letters)]]
        for i, letter in zip(core, letters, strict=True):
            if i is not None:
                lengths.setdefault(letter, i.size).join(i.size)
    if shape is None:
        shape = [1] * (len(axes) + len(after))
    after = after[max(len(after) - len(shape), 0) :]
    for letter, n in zip(after or " " * (len(shape) - len(axes)), shape[len(axes) :], strict=True):
        size = lengths.get(letter)
        axes.append(index(size or Size(n)) if n != 1 or size else None)
    bodies = [x.on([slot(k) for k in range(x.ndim)]) for x in papers]
    places = [ONLY if i is None else i for i in axes]
    layout = tuple(tuple(None if i is None else i.size.root() for i in x.axes) for x in papers)
    f = replace(head(op, **params), layout=layout)
    return Paper(call(f, places, *bodies), axes)


class Namespace:
    """What the meaning of an op is written with: functions of arrays on paper."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = registry.get(name) or plain_ops.get(name)
        if op is None:
            raise Unreadable(name)
        found: Op = op
        return lambda *inputs, **params: understood(found, inputs, {**found.defaults, **params})

    def sum(self, x: Paper, axis: Any = None, keepdims: bool = False) -> Paper:
        taken = reduced_axes(x.shape, axis)
        names = [x.axes[a] for a in taken]
        kept = [
            None if a in taken else i for a, i in enumerate(x.axes) if keepdims or a not in taken
        ]
        return Paper(total([i for i in names if i is not None], x.expr), kept)

    def entries(self, x: Paper, axis: Any) -> Paper:
        names = [x.axes[a] for a in reduced_axes(x.shape, axis)]
        sizes = [(size_of(i), 1) for i in names if i is not None]
        return Paper(multiply(sizes))

    def reshape(self, x: Paper, shape: Any) -> Paper:
        """Axes of length 1 may come and go."""
        shape = list(shape) if isinstance(shape, (tuple, list)) else [shape]
        if -1 in shape:
            rest = prod(n for n in shape if n != -1)
            shape[shape.index(-1)] = prod(x.shape) // rest if rest else 0
        long = [n for n in x.shape if n != 1]
        if long != [n for n in shape if n != 1]:
            raise Unreadable("reshape")
        kept = iter([i for i in x.axes if length(i) != 1])
        gone = {i: fixed(0) for i in x.axes if i is not None and length(i) == 1}
        if list(x.shape) == shape:
            return x
        return Paper(rename(x.expr, gone), [None if n == 1 else next(kept) for n in shape])

    def broadcast_to(self, x: Paper, shape: Sequence[int]) -> Paper:
        axes = [None if n == 1 else index(Size(n)) for n in shape]
        return broadcast(lambda a, b: b, Paper(number(0), axes), x)

    def permute_dims(self, x: Paper, axes: Sequence[int]) -> Paper:
        return x.transpose(*axes)

    def diagonal(self, x: Paper, offset: int = 0) -> Paper:
        i, j = x.axes[-2:]
        if offset or i is None or j is None or length(i) != length(j):
            raise Unreadable("diagonal")
        k = again(met([i, j]))
        assert k is not None
        return Paper(rename(x.expr, {i: k, j: k}), (*x.axes[:-2], k))

    def with_diagonal(self, x: Paper, offset: int) -> Paper:
        (i,) = x.axes
        if offset or i is None:
            raise Unreadable("diag")
        j = again(i)
        assert j is not None
        return Paper(multiply([(delta(i, j), 1), (x.expr, 1)]), (i, j))

    def eye(self, x: Paper, rows: int, columns: int, offset: int) -> Paper:
        i, j = x.axes[-2:] if x.ndim > 1 else (None, None)
        if offset or rows != columns or i is None or j is None or length(i) != rows:
            raise Unreadable("eye")
        i, j = again(i), again(met([i, j]))
        assert i is not None
        assert j is not None
        return Paper(delta(i, j), (i, j))

    def put_at(self, x: Paper, wanted: Any, shape: Sequence[int]) -> Paper:
        """Single places only: delta with a fixed index."""
        axes: list[Axis] = []
        units = []
        old, lengths = [*x.axes], iter(shape)  # too few are a LookupError: not read
        for k in _places(wanted, len(shape)):
            if k is None:
                old.pop(0)
                continue
            n = next(lengths)
            place = isinstance(k, int)
            axes.append(old.pop(0) if not place else None if n == 1 else index(Size(n)))
            if place and axes[-1] is not None:
                units.append((delta(axes[-1], fixed(k % n)), 1))
        return Paper(multiply([(x.expr, 1), *units]), axes)


def understood(op: Op, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """What the op is on paper; `Unreadable` if it does not say so."""
    if callable(op.meaning):
        return op.meaning(Namespace(), *inputs, **params)
    if op.elementwise:
        f = head(op, **params)
        return broadcast(lambda *entries: apply(f, *entries), *inputs)
    if isinstance(op.meaning, str):
        return called(op, inputs, params)
    raise Unreadable(op.name)
