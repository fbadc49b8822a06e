"""The slips of the pen: what people write at one operation in place of it.

A slip is a row: its kind, how far-fetched it is, what is computed of the operands instead, and the
sentence. Rows are keyed by the operation, wherever it stands: in the recorded rule of any
op, a user's too, in what the graph computes an operand by, or in a formula of the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..graph.node import Node
from ..graph.op import Op
from .rules import Vector, done, is_number

# How far-fetched a slip is; its kind's place in the table of kinds decides between equals.
FIRST, NEAR, LIKELY, ODD, FAR, FARTHEST = 0.0, 0.05, 0.1, 0.2, 0.3, 0.4

POINT, OTHER = "activation-derivative-at-wrong-point", "wrong-activation-derivative"


class Slip(NamedTuple):
    """What is done at one operation in place of it: `how` gets the operands' values.

    In `text` {a} and {b} are the operands as they are written, {self} is the whole. `of` is the
    operand that must not be a number: to lose one, such as 1/N, is a scalar factor and no slip, and
    where one is all that remains a factor is lost.
    """

    kind: str
    rank: float
    how: Callable[..., Vector]
    text: str
    of: int | None = None


class Instead(NamedTuple):
    """What may stand in a place of which the values alone are known: its kind, how far-fetched it
    is, the value, and the words for it."""

    kind: str
    cost: float
    value: Vector
    text: str


def turned(a: Vector) -> Vector:
    """A matrix or a stack of them transposed; anything else as it is."""
    return np.swapaxes(a, -1, -2) if np.ndim(a) > 1 else a


def _matrix(a: Vector) -> Vector:
    if np.ndim(a) != 2:
        raise ValueError("no matrix")
    return a


def _entries(a: Vector, b: Vector) -> Vector:
    """The product of vectors of which an outer product is taken, entry by entry."""
    if np.ndim(a) != 2 or a.size == 1 or a.size * np.size(b) != np.broadcast(a, b).size:
        raise ValueError("no outer product")
    return np.ravel(a) * np.ravel(b)


def _assigned(x: Vector, index: Any, shape: tuple[int, ...]) -> Vector:
    out = np.zeros(shape)
    out[index] = x
    return out


_TERM = "the term {%s} is left out of {self}"
_LOST = "the factor {%s} is missing"
_TWICE = "the factor {%s} is there twice"
_NO_PART = "the entries of {%s} have no part in it"
_TURNED = "the wrong one of {%s} and its transpose stands there: it is {self}"
_ORDER = "the factors are in the wrong order: it is {self}"
_ENTRIES = "an elementwise product stands where the matrix or outer product {self} belongs"
_MATRIX = "a matrix product stands where the elementwise one, {self}, belongs"
_ROWS = "yours is that of the %s of the rows only; over the rows {self} adds up (+=)"
_BUT = "the %s of the rows is left out; over all of them {self} adds up (+=)"
_TRANSPOSES = "the transpose of {a} is left out"

SLIPS: dict[Op, tuple[Slip, ...]] = {
    ops.add: (
        Slip("missing-term", FIRST, lambda a, b: a + 0 * b, _TERM % "b", 0),
        Slip("missing-term", FIRST, lambda a, b: b + 0 * a, _TERM % "a", 1),
        Slip("sign", NEAR, lambda a, b: a - b, "the sign in {self} is flipped"),
    ),
    ops.subtract: (
        Slip("missing-term", FIRST, lambda a, b: a + 0 * b, _TERM % "b", 0),
        Slip("missing-term", FIRST, lambda a, b: 0 * a - b, _TERM % "a", 1),
        Slip("sign", NEAR, lambda a, b: a + b, "the sign in {self} is flipped"),
        Slip("other", ODD, lambda a, b: b + 0 * a, "{b} stands where {self} belongs"),
    ),
    ops.negative: (Slip("sign", LIKELY, lambda a: a, "the minus in {self} is left out"),),
    ops.multiply: (
        Slip("missing-factor", NEAR, lambda a, b: a + 0 * b, _LOST % "b", 1),
        Slip("missing-factor", NEAR, lambda a, b: b + 0 * a, _LOST % "a", 0),
        Slip("extra-factor", LIKELY, lambda a, b: a * b * b, _TWICE % "b", 1),
        Slip("extra-factor", LIKELY, lambda a, b: a * a * b, _TWICE % "a", 0),
        Slip("elementwise-vs-matmul", LIKELY, _entries, _ENTRIES),
        *(
            Slip("elementwise-vs-matmul", LIKELY, how, _MATRIX)
            for how in (
                lambda a, b: _matrix(a) @ _matrix(b),
                lambda a, b: _matrix(a) @ _matrix(b).T,
                lambda a, b: _matrix(b) @ _matrix(a),
                lambda a, b: _matrix(b).T @ _matrix(a),
            )
        ),
    ),
    ops.divide: (
        Slip("missing-factor", LIKELY, lambda a, b: a + 0 * b, "the division by {b} is missing", 1),
        Slip("missing-factor", LIKELY, lambda a, b: 1 / b + 0 * a, "{a} is missing in {self}", 0),
        Slip(
            "missing-factor", FAR, lambda a, b: a / np.sqrt(b), "the root of {b} stands for {b}", 1
        ),
        Slip("extra-factor", FAR, lambda a, b: a / b / b, "the division by {b} is there twice", 1),
        Slip("other", FAR, lambda a, b: a * b, "it is multiplied by {b}, not divided", 1),
    ),
    ops.pow: (
        Slip(
            "missing-factor", LIKELY, lambda a, p: a ** (p - 1), "the exponent is lowered too far"
        ),
        Slip("extra-factor", LIKELY, lambda a, p: a ** (p + 1), "the exponent is not lowered by 1"),
        Slip("missing-factor", ODD, lambda a, p: a**0 + 0 * p, _LOST % "a", 0),
    ),
    ops.matmul: (
        Slip("missing-factor", FIRST, lambda a, b: a, _LOST % "b", 1),
        Slip("missing-factor", FIRST, lambda a, b: b, _LOST % "a", 0),
        Slip("missing-factor", LIKELY, lambda a, b: np.ones_like(a) @ b, _NO_PART % "a", 0),
        Slip("missing-factor", LIKELY, lambda a, b: a @ np.ones_like(b), _NO_PART % "b", 1),
        Slip("wrong-order", FIRST, lambda a, b: b @ a, _ORDER),
        Slip("wrong-order", LIKELY, lambda a, b: b @ turned(a), _ORDER),
        Slip("wrong-order", LIKELY, lambda a, b: turned(b) @ a, _ORDER),
        Slip("transpose", NEAR, lambda a, b: turned(a @ b), "the product {self} is transposed"),
        Slip("transpose", LIKELY, lambda a, b: a @ turned(b), _TURNED % "b"),
        Slip("transpose", LIKELY, lambda a, b: turned(a) @ b, _TURNED % "a"),
        Slip("elementwise-vs-matmul", FIRST, lambda a, b: a * b, _ENTRIES),
        Slip("elementwise-vs-matmul", LIKELY, lambda a, b: turned(a) * b, _ENTRIES),
        Slip("elementwise-vs-matmul", LIKELY, lambda a, b: a * turned(b), _ENTRIES),
        Slip("missing-term", LIKELY, lambda a, b: a[..., -1:] @ b[-1:], _ROWS % "last"),
        Slip("missing-term", LIKELY, lambda a, b: a[..., :1] @ b[:1], _ROWS % "first"),
        Slip("missing-term", LIKELY, lambda a, b: a[..., :-1] @ b[:-1], _BUT % "last"),
        Slip("missing-term", LIKELY, lambda a, b: a[..., 1:] @ b[1:], _BUT % "first"),
    ),
    ops.permute_dims: (Slip("transpose", FIRST, lambda a: a, _TRANSPOSES),),
    ops.inv: (
        Slip("other", ODD, lambda a: a, "{a} is not inverted"),
        Slip("missing-factor", ODD, lambda a: np.eye(len(a)), _LOST % "self"),
    ),
    ops.solve: (
        Slip("transpose", FIRST, lambda a, b: np.linalg.solve(turned(a), b), _TURNED % "a"),
        Slip("missing-factor", LIKELY, lambda a, b: b, "{a} is left out"),
        Slip("other", ODD, lambda a, b: a @ b, "{a} is not inverted"),
    ),
    ops.flip: (Slip("wrong-order", LIKELY, lambda a: a, "{a} is not turned round"),),
    ops.cumulative_sum: (Slip("missing-term", LIKELY, lambda a: a, "{a} is not summed"),),
    ops.tril: (Slip("missing-factor", LIKELY, lambda a: a, "{a} is not masked"),),
    ops.triu: (Slip("missing-factor", LIKELY, lambda a: a, "{a} is not masked"),),
}

_REPEATED = "entries that are used several times are overwritten; their gradients add up"
_AVERAGED = "entries that are used several times get a mean; their gradients add up"


def slips(m: Node, *, numbers: bool = False) -> Iterator[Slip]:
    """The slips at an operation: the rows of its sort, those about `numbers` too if so, and those
    that its settings give."""
    assert m.op is not None
    vector = m.op is ops.matmul and min(map(np.ndim, m.operands)) == 1  # turned by its place
    square = len(m.inputs) == 2 and m.inputs[0] is m.inputs[1]  # what is lost of one is of both
    for slip in SLIPS.get(m.op, ()):
        about = slip.of is None or not is_number(m.inputs[slip.of])
        again = (vector and slip.kind == "wrong-order") or (square and slip.of == 1)
        if (numbers or about) and not again:
            yield slip
    axis, shape = m.params.get("axis"), np.shape(m.operands[0])
    if m.op is ops.sum:
        yield from _sums(m, shape)
    if m.op is ops.reshape and len(shape) > 1:
        how = lambda a: np.ravel(a, "F").reshape(m.shape)  # noqa: E731
        yield Slip("wrong-order", LIKELY, how, "the entries of {a} are taken column by column")
    if m.op is ops.put_at:
        how = lambda a: _assigned(a, m.params["index"], m.shape)  # noqa: E731
        yield Slip("missing-term", FIRST, how, _REPEATED)
        mean = lambda a: done(m, a) / np.maximum(done(m, np.ones_like(a)), 1)  # noqa: E731
        yield Slip("mean-vs-sum", LIKELY, mean, _AVERAGED)
    over: tuple[int, ...] = (axis,) if isinstance(axis, int) else axis or ()
    own = tuple(a % len(shape) for a in over if shape)
    for other in range(len(shape)) if over and len(shape) > 1 else ():
        if (other,) == own:
            continue
        text = f"{{self}} is taken over axis {other}{' only' * (other in own)}, not {listed(over)}"
        setting = other if isinstance(axis, int) else (other,)
        cost = NEAR if len(own) > 1 and other not in own else FIRST
        yield Slip("wrong-axis", cost, lambda *a, to=setting: done(m, *a, axis=to), text)


def _sums(m: Node, shape: tuple[int, ...]) -> Iterator[Slip]:
    axis, keep = m.params["axis"], m.params["keepdims"]
    n = int(np.prod(shape)) // max(m.data.size, 1)
    words = f"{n} terms" if axis is None else f"axis {listed(axis)}"
    text = f"the mean over {words} stands where the sum belongs, off by exactly {n}"
    mean = lambda a: np.mean(a, axis=axis, keepdims=keep)  # noqa: E731
    yield Slip("mean-vs-sum", FIRST, mean, text)
    for at, which in ((0, "first"), (-1, "last")):
        text = f"yours is that of the {which} entry along {words} only: {{a}} is summed"
        entry = lambda a, at=at: np.reshape(_entry(a, axis, at), m.shape)  # noqa: E731
        yield Slip("missing-broadcast-sum", FIRST, entry, text)
    if m.data.size > 1:
        for over, what in ((np.sum, "summed"), (np.mean, "the mean")):
            text = f"yours is {what} over every axis; sum over {words} only"
            yield Slip("wrong-axis", NEAR, lambda a, over=over: over(a) + np.zeros(m.shape), text)


def listed(axis: Any) -> str:
    """An axis, or several."""
    return str(axis) if isinstance(axis, int) else " and ".join(map(str, axis))


def _entry(a: Vector, axis: Any, at: int) -> Vector:
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if not isinstance(axis, int):
        raise ValueError("no single axis")
    return np.take(a, [at], axis)


def moved(a: Vector) -> Iterator[Instead]:
    """An array with its entries in other places."""
    for axis, n in enumerate(np.shape(a)):
        for by in (1, -1) if n > 1 else ():
            text = f"shifted by one along axis {axis}"
            yield Instead("off-by-index", ODD, np.roll(a, by, axis), text)
        if n > 2:  # of two entries the reverse is a shift
            yield Instead("wrong-order", FAR, np.flip(a, axis), f"in reverse along axis {axis}")
    if np.ndim(a) > 1:
        yield Instead("wrong-order", FAR, np.flip(a), "turned round, in reverse along every axis")


# Local derivatives in the form that people know, where the op's own is another, for its digits.
FORMS: dict[Op, tuple[Callable[..., Any], ...]] = {
    ops.logaddexp: (lambda xp, y, a, b: xp.exp(a - y), lambda xp, y, a, b: xp.exp(b - y)),
    ops.softplus: (lambda xp, y, x: xp.sigmoid(x),),
}
