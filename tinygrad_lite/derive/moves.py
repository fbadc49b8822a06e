"""Ops that move entries: what they make of the identity, I[1:], and one that undoes another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate, combinations
from math import prod
from typing import Any

import numpy as np

from ..graph.node import Node
from ..graph.op import Op
from ..ops.constants import reduced_axes
from ..ops.reduce import cumulative_sum
from ..ops.shape import (
    concat,
    diag,
    diagonal,
    flip,
    getitem,
    pad,
    put_at,
    reshape,
    roll,
    take,
    widths,
)
from .algebra import call, delta, multiply, opened, rebuilt, rename, total
from .paper import Axis, Unreadable, keys_of, length
from .parts import factors, head, number
from .terms import (
    ADD,
    ATOM,
    CALL,
    DELTA,
    MAP,
    MUL,
    NUM,
    ONLY,
    SUM,
    Expr,
    Head,
    Ix,
    Size,
    Symbol,
    fixed,
    slot,
    table,
)

Keys = Sequence[Any]  # for every axis a place, a slice or a list of places; None for a new one
WHOLE = slice(None)
_LARGEST = 10_000  # entries of an array that an op is tried on


def jacobian(node: Node, at: int, out: Sequence[Axis], into: Sequence[Axis]) -> Expr | None:
    """The entry of ∂y/∂x, over the axes `out` of a node y and `into` of its input x, where y has
    the entries of x in other places, sums of them, or zeros: what its op makes of the identity, or
    of ones. None where it does more than that."""
    with suppress(Unreadable):
        found = moved(node, at, out, into)
        return found if found is not None else _masked(node, out, into)
    return None


def moved(node: Node, at: int, out: Sequence[Axis], into: Sequence[Axis]) -> Expr | None:
    """The same of an op that moves entries along axes; those that it leaves alone are as long in y
    as they are in x."""
    op, x = node.op, node.operands[at]
    if op in _OF_PARTS and (op is not diag or x.ndim == 2):
        return _picked(_OF_PARTS[op](node, x), out, into)
    if op in _OF_WHOLES:
        return _picked(_OF_WHOLES[op](node, at), into, out)
    if op in _ALONG:
        pairs = enumerate(zip(out, into, strict=True))
        return multiply([(_along(node, a, i, j), 1) for a, (i, j) in pairs])
    if op is reshape and prod(x.shape) != 1:
        vectors = [axes[0] for axes in (out, into) if len(axes) == 1 and axes[0] is not None]
        size = vectors[0].size if vectors else Size(prod(x.shape))
        shape = (*node.shape, *x.shape)
        return _of_identity(op, {"shape": shape}, size, (*out, *into))
    return None


def is_move(e: Expr) -> bool:
    """Whether e is an entry of what an op makes of the identity, or of ones."""
    return e.kind == CALL and e.args[0].kind in (DELTA, NUM)


def _of_identity(op: Op, params: Mapping[str, Any], size: Size, axes: Sequence[Axis]) -> Expr:
    size = size.root()
    f = replace(head(op, **params), layout=((size, size),))
    return call(f, [ONLY if i is None else i for i in axes], delta(slot(0), slot(1)))


# --- one array is a part of the other


def _picked(keys: Keys, part: Sequence[Axis], whole: Sequence[Axis]) -> Expr:
    """1 where an entry of whole[keys] is one of the whole, else 0."""
    places = [None if k is None or isinstance(k, slice) else np.asarray(k) for k in keys]
    chosen = [n for n, at in enumerate(places) if at is not None]
    arrays = [at for at in places if at is not None]
    lists = {at.ndim for at in arrays if at.ndim}
    apart = lists and chosen != [*range(chosen[0], chosen[-1] + 1)]
    if len(lists) > 1 or apart or any(at.dtype.kind not in "iu" for at in arrays):
        raise Unreadable("getitem")
    found, parts, wholes = [], iter(part), iter(whole)
    shared = None  # the axes of lists of places, which run together
    for key, at in zip(keys, places, strict=True):
        j = None if key is None else next(wholes)
        if at is None:
            found.append((_row(key, [next(parts)], j), 1))
        elif not at.ndim:
            found += [] if j is None else [(delta(j, fixed(int(key) % length(j))), 1)]
        else:
            shared = shared or [next(parts) for _ in range(at.ndim)]
            found.append((_row(_ranged(at, length(j)), shared, j), 1))
    return multiply(found)


def _row(key: Any, part: Sequence[Axis], j: Axis) -> Expr:
    """The entry of I[key], whose last index is j."""
    if j is None:
        return number(1)
    if isinstance(key, slice) and key == WHOLE and part[0] is not None:
        part[0].size.join(j.size)
        return delta(part[0], j)
    return _of_identity(getitem, {"index": key}, j.size, (*part, j))


def _ranged(places: Any, n: int) -> Any:
    """Neighbouring places as a slice."""
    first = int(places.flat[0]) if places.size else 0
    if not np.array_equal(places, np.arange(first, first + len(places))):
        return places
    return WHOLE if len(places) == n else slice(first, first + len(places))


def _only(axis: int, key: Any, ndim: int) -> Keys:
    """The key for one axis, whole ones for the others."""
    return [key if a == axis % ndim else WHOLE for a in range(ndim)]


def _flipped(node: Node, x: Any) -> Keys:
    turned = reduced_axes(x.shape, node.params["axis"])
    return [slice(None, None, -1) if a in turned else WHOLE for a in range(x.ndim)]


def _joined(node: Node, at: int) -> Keys:
    axis = node.params["axis"]
    ends = [0, *accumulate(x.shape[axis] for x in node.operands)]
    return _only(axis, slice(*ends[at : at + 2]), len(node.shape))


def _padded(node: Node, at: int) -> Keys:
    x = node.operands[at]
    pairs = widths(node.params["pad_width"], x.ndim)
    return [
        slice(before, before + n) if before or after else WHOLE
        for n, (before, after) in zip(x.shape, pairs, strict=True)
    ]


def _on_diagonal(shape: Sequence[int], offset: int) -> Keys:
    """Where the diagonal of matrices lies."""
    down, right = max(-offset, 0), max(offset, 0)
    places = np.arange(min(shape[-2] - down, shape[-1] - right))
    return [*[WHOLE] * (len(shape) - 2), places + down, places + right]


_OF_PARTS: Mapping[Op | None, Callable[[Node, Any], Keys]] = {  # what is computed is x[keys]
    getitem: lambda node, x: keys_of(node.params["index"], x.ndim),
    take: lambda node, x: _only(node.params["axis"] or 0, node.params["indices"], x.ndim),
    flip: _flipped,
    diagonal: lambda node, x: _on_diagonal(x.shape, node.params["offset"]),
    diag: lambda node, x: _on_diagonal(x.shape, node.params["k"]),
}
_OF_WHOLES: Mapping[Op | None, Callable[[Node, int], Keys]] = {  # x is y[keys]
    put_at: lambda node, at: keys_of(node.params["index"], len(node.shape)),
    concat: _joined,
    pad: _padded,
    diag: lambda node, at: _on_diagonal(node.shape, node.params["k"]),
}


# --- the same along every line


def _along(node: Node, a: int, i: Axis, j: Axis) -> Expr:
    """What happens along axis `a`."""
    settings = _ALONG[node.op](node, len(node.shape)).get(a)
    if settings is None or i is None or j is None:
        return _row(WHOLE, [i], j)
    i.size.join(j.size)
    assert node.op is not None
    return _of_identity(node.op, {**node.params, **settings, "axis": 0}, j.size, (i, j))


def _rolled(node: Node, ndim: int) -> Mapping[int, Mapping[str, Any]]:
    shift, axis = node.params["shift"], node.params["axis"]
    if axis is None and ndim > 1:
        raise Unreadable("roll")
    pairs = np.broadcast(shift, 0 if axis is None else axis)
    found: dict[int, int] = {}
    for places, a in pairs:
        found[int(a) % ndim] = found.get(int(a) % ndim, 0) + int(places)
    return {a: {"shift": places} for a, places in found.items()}


_ALONG: Mapping[Op | None, Callable[[Node, int], Mapping[int, Mapping[str, Any]]]] = {
    roll: _rolled,  # the settings by axis
    cumulative_sum: lambda node, ndim: {(node.params["axis"] or 0) % ndim: {}},
}


# --- ops that leave entries or put zeros in their place


def _masked(node: Node, out: Sequence[Axis], into: Sequence[Axis]) -> Expr | None:
    """tril(x) is tril(𝟏 𝟏ᵀ) ⊙ x."""
    if node.op is None or len(node.inputs) != 1 or node.shape != node.operands[0].shape:
        return None
    layout = (tuple(None if i is None else i.size.root() for i in into),)
    f = replace(head(node.op, **node.params), layout=layout)
    if not prod(node.shape) or not _leaves(_taken(f)):
        return None
    units = [(_row(WHOLE, [i], j), 1) for i, j in zip(out, into, strict=True)]
    return multiply([*units, (call(f, [ONLY if i is None else i for i in out], number(1)), 1)])


def _leaves(taken: list[int] | None) -> bool:
    """Whether every entry stays where it is, or is 0."""
    return taken is not None and all(k in (place, -1) for place, k in enumerate(taken))


# --- moves that undo each other


def composed(e: Expr) -> Expr:
    """A reshape of another's result is one, or none: Σ over what lies between two of I."""
    if e.kind != SUM:
        return e
    names, body = opened(e)
    c, powers = factors(body)
    reshapes = [b for b, x in powers if x == 1 and b.op is reshape and is_move(b)]
    for a, b in combinations(reshapes, 2):
        rest = [p for p in powers if p[0] is not a and p[0] is not b]
        between = [i for i in a.ix if i in b.ix and i in names]
        left, right = ([i for i in x.ix if i not in between] for x in (a, b))
        ordered = all(
            x.ix in ((*own, *between), (*between, *own)) for x, own in ((a, left), (b, right))
        )
        size = a.head.layout[0][0]
        if not ordered or prod(map(length, between)) != size.number:
            continue
        if any(i in x.free for i in between for x, _ in rest):
            continue
        if [*map(length, left)] == [*map(length, right)]:
            units = [(delta(i, j), 1) for i, j in zip(left, right, strict=True)]
        else:
            shape = tuple(map(length, (*left, *right)))
            units = [(_of_identity(reshape, {"shape": shape}, size, (*left, *right)), 1)]
        outer = [i for i in names if i not in between]
        return composed(total(outer, multiply([(number(c), 1), *units, *rest])))
    return e


class _Mixed(Exception):
    """An array is not made of others entry by entry."""


def undone(e: Expr, defined: Mapping[Symbol, Expr]) -> Expr:
    """An entry of a moved array f(a(g(x), y)), where a works entry by entry and f undoes g, as an
    entry of a(x, f(y)); of f(a(f(x))) with zeros where f puts them, as one of a(f(x)). What g(x) is
    called is `defined`, over the slots."""
    taken = _taken(e.head) if e.kind == CALL and len(e.args) == 1 else None
    if taken is None:
        return e
    f, (body,), layout = e.head, e.args, e.head.layout[0]
    if not body.free and -1 not in taken:  # of entries that are all one
        return body
    places = tuple(ONLY if size is None else slot(k) for k, size in enumerate(layout))
    in_order = [*range(len(taken))]
    if _leaves(taken) and _vanishes(body, f, places):
        return rename(body, dict(zip(places, e.ix, strict=True)))

    def within(x: Expr) -> Expr:
        if not x.free:
            return x
        if x.kind in (ADD, MUL, MAP):
            return rebuilt(x, within)
        y, x = x, _written_out(x, defined)
        if x.kind == CALL and x.ix == places and len(x.args) == 1:
            before, came = _taken(x.head) or [], x.head.layout[0]
            undoes = len(before) == len(taken) and [before[k] for k in taken] == in_order
            if undoes and [_number(s) for s in came] == [_number(_size(i)) for i in e.ix]:
                for size, i in zip(came, e.ix, strict=True):
                    if size is not None and i.kind == "free":
                        i.size.join(size)
                return rename(x.args[0], {slot(k): i for k, i in enumerate(e.ix)})
        if x.free != {i for i in places if i is not ONLY}:
            raise _Mixed
        return call(f, e.ix, y)

    with suppress(_Mixed):
        return within(body) if sorted(taken) == in_order else e
    return e


def _written_out(e: Expr, defined: Mapping[Symbol, Expr]) -> Expr:
    if e.kind != ATOM or e.head not in defined:
        return e
    return rename(defined[e.head], {slot(k): i for k, i in enumerate(e.ix)})


def _size(i: Ix) -> Any:
    return None if i is ONLY else i.size


def _number(size: Any) -> int:
    return 1 if size is None else int(size.number)


def _vanishes(e: Expr, f: Head, places: Sequence[Ix]) -> bool:
    """Whether an array is 0 where f makes it so: f was a factor of it."""
    if e.kind == MUL:
        powers = zip(e.args, e.head, strict=True)
        return any(c > 0 and _vanishes(x, f, places) for x, c in powers)
    if e.kind == ADD:
        return all(_vanishes(x, f, places) for x in e.args)
    return e.kind == CALL and e.head == f and e.ix == places


def _taken(f: Head) -> list[int] | None:
    """Where an op takes every entry of its result from (-1: it is 0), found by running it; None if
    it does more than that."""
    memo = table().memo
    if ("taken", f) not in memo:
        memo["taken", f] = _tried(f)
    found: list[int] | None = memo["taken", f]
    return found


def _tried(f: Head) -> list[int] | None:
    shape = [_number(size) for size in f.layout[0]]
    if prod(shape) > _LARGEST:
        return None
    places = np.arange(1.0, 1 + prod(shape))
    other = np.append(0.0, np.random.default_rng(0).normal(size=len(places)))
    try:
        found, again = (
            np.ravel(f.op.forward(np, x.reshape(shape), **f.params)) for x in (places, other[1:])
        )
    except Exception:  # an op may refuse such data, with whatever error
        return None
    if not np.isin(found, np.append(0.0, places)).all():
        return None
    return [int(k) - 1 for k in found] if np.array_equal(other[found.astype(int)], again) else None
