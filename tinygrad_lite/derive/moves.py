"""Steps that move and add entries along the first axis, as matrices: I[1:], cumsum(I)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..graph.node import Node
from ..graph.op import Op
from ..ops.reduce import cumulative_sum
from ..ops.shape import concat, flip, getitem, put_at, roll, take
from .algebra import call, delta
from .parts import head
from .terms import CALL, DELTA, Expr, Ix, slot

Params = Mapping[str, Any]


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
