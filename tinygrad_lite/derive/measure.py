"""How long an expression is when it is printed, and its outline without indices."""

from __future__ import annotations

from fractions import Fraction

from .terms import ADD, ATOM, DELTA, MUL, NUM, SIZE, SUM, Expr, table

_THIRD_INDEX = 3.0  # for every free index beyond two that no part has: a matrix has none
_CUBE = 0.7  # t (1 − t²) tells where it comes from, t − t³ does not
_SQUARE = 0.5  # of a length below: 2 (x̄ − 3) / n, not 2 x̄ / n − 6 / n²
_OUTER = 3.5  # for u vᵀ in a sum of matrices: x (xᵀ g) is read more easily


def _is_outer(e: Expr) -> bool:
    return e.kind == MUL and len(e.free) == 2 and all(len(x.free) < 2 for x in e.args)


def cost(e: Expr) -> float:
    """About the number of symbols, with penalties for what is awkward to read."""
    if e.cost is None:
        e.cost = _cost(e)
    return e.cost


def _cost(e: Expr) -> float:
    kind = e.kind
    if kind == NUM:
        return 0.5
    if kind in (ATOM, SIZE, DELTA):
        return 1.0
    parts: float = sum(map(cost, e.args))
    widest = max([2, *(len(x.free) for x in e.args)])
    crowd = _THIRD_INDEX * max(0, len(e.free) - widest)
    if kind == ADD:
        several = len(e.args) > 1 and len(e.free) == 2
        outer = sum(_OUTER for x in e.args if several and _is_outer(x))
        numbers: float = 0.3 * sum(abs(c) != 1 for c in e.head)
        return parts + crowd + outer + numbers + 0.1 * len(e.args)
    if kind == MUL:
        powers: float = sum(0.35 if c == -1 else 0.8 for c in e.head if c != 1)
        powers += sum(_CUBE for c in e.head if c > 2)
        powers += sum(
            _SQUARE for x, c in zip(e.args, e.head, strict=True) if x.kind == SIZE and c < -1
        )
        return parts + crowd + powers
    if kind == SUM:
        body = e.args[0]
        if body.kind == MUL:  # in a product under a sum, many indices are a chain of matrices
            within = max([2, *(len(x.free) for x in body.args)])
            parts += crowd - _THIRD_INDEX * max(0, len(body.free) - within)
        return parts + 0.05 + 0.6 * (not (body.kind == MUL and len(body.args) > 1))
    return parts + 0.5


def skeleton(e: Expr) -> int:
    """A number that is the same for expressions that differ in indices only."""
    if e.skeleton is None:
        parts = [skeleton(x) for x in e.args]
        if e.kind in (ADD, MUL, SUM):
            parts.sort()
        head = e.head
        if e.kind == SUM:
            head = len(e.ix)
        elif e.kind in (ADD, MUL):
            head = tuple(sorted(map(Fraction, e.head)))
        key = ("skeleton", e.kind, head, tuple(parts))
        e.skeleton = table().memo.setdefault(key, len(table().memo))
    return e.skeleton
