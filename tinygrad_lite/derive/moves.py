"""Ops that move entries: along the first axis as matrices, I[1:], and one that undoes another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ..graph.node import Node
from ..graph.op import Op
from ..ops.reduce import cumulative_sum
from ..ops.shape import concat, flip, getitem, put_at, roll, take
from .algebra import call, delta, rebuilt, rename
from .parts import head
from .terms import ADD, ATOM, CALL, DELTA, MAP, MUL, ONLY, Expr, Head, Ix, Symbol, slot, table

Params = Mapping[str, Any]
_LARGEST = 10_000  # entries of an array that an op is tried on


def along_first(node: Node, at: int) -> Params | None:
    """The settings with which a node's op does the same to the first axis alone, if it does."""
    return _ALONG[node.op](node, at) if node.op in _ALONG else None


def matrix(node: Node, at: int, i: Ix, j: Ix) -> Expr | None:
    """The entry i, j of the matrix that a node multiplies its input `at` by: what the op makes of
    the identity. None where it does more than that."""
    settings = along_first(node, at)
    if settings is None:
        return None
    op = node.op
    if op is put_at or op is concat:
        op, i, j = getitem, j, i
    size = j.size.root()
    f = replace(head(op, **settings), layout=((size, size),))
    return call(f, (i, j), delta(slot(0), slot(1)))


def is_move(e: Expr) -> bool:
    """Whether e is an entry of such a matrix."""
    return e.kind == CALL and e.op in _ALONG and e.args[0].kind == DELTA


def _indexed(node: Node, at: int) -> Params | None:
    index = node.params["index"]
    first, *others = index if isinstance(index, tuple) else (index,)
    plain = all(x is Ellipsis or (isinstance(x, slice) and x == slice(None)) for x in others)
    return {"index": first} if plain and first is not Ellipsis and first is not None else None


def _along(node: Node, at: int) -> Params | None:
    axis = node.params["axis"]
    first = axis in (0, (0,)) or (axis is None and len(node.shape) == 1)
    return {**node.params, "axis": 0} if first else None


def _joined(node: Node, at: int) -> Params | None:
    if node.params["axis"] != 0:
        return None
    start = sum(x.shape[0] for x in node.operands[:at])
    return {"index": slice(start, start + node.operands[at].shape[0])}


_ALONG: Mapping[Op | None, Callable[[Node, int], Params | None]] = {
    getitem: _indexed,
    put_at: _indexed,
    flip: _along,
    roll: _along,
    cumulative_sum: _along,
    take: _along,
    concat: _joined,
}


# --- moves that undo each other


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
    places = tuple(ONLY if size is None else slot(k) for k, size in enumerate(layout))
    left, in_order = all(k in (place, -1) for place, k in enumerate(taken)), [*range(len(taken))]
    if left and _vanishes(body, f, places):
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
    other = np.append(0.0, np.random.default_rng(0).permutation(places))
    try:
        found, again = (
            np.ravel(f.op.forward(np, x.reshape(shape), **f.params)) for x in (places, other[1:])
        )
    except Exception:  # an op may refuse such data, with whatever error
        return None
    if not np.isin(found, np.append(0.0, places)).all():
        return None
    return [int(k) - 1 for k in found] if np.array_equal(other[found.astype(int)], again) else None
