"""Mistakes at a step that acts on whole arrays: matrix products, reductions, moves of entries.

What can go wrong in the derivative of an op is a list of rows: the kind, how far-fetched it is,
what is handed on instead, and the sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..graph.node import Node
from ..ops import registry
from ..ops.constants import Axis, reduced_axes
from .faults import LEFT_OUT, Fault, Handed, Row, beside, pulled, put, swapped, times, with_other
from .tape import Tape, Vector, op_name


def array_faults(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """The faults of one edge of an op that is not elementwise."""
    name = op_name(node)
    far = 0.1 if name == "matmul" else 0.3
    ones = lambda g: pulled(node, index, np.ones_like(g))  # noqa: E731
    yield Fault("missing-factor", far, ones, LEFT_OUT)
    rows = ROWS.get(name)
    if rows is None and np.ndim(node.operands[index]) > 1:
        rows = _square_matrix
    if rows is not None:
        yield from (Fault(*row) for row in rows(node, index))
    if name in ("matmul", "outer"):
        belongs = node.operands[index - 1]
        product = lambda g, v: with_other(node, index, g, v)  # noqa: E731
        yield from swapped(tape, node.inputs[index - 1], belongs, product)


def _t(a: Vector) -> Vector:
    return a.mT if np.ndim(a) > 1 else a


def _matmul(node: Node, index: int) -> Iterator[Row]:
    """G B^T and A^T G: what is left out, not transposed, on the wrong side, or no product."""
    x, other = node.operands[index], node.operands[1 - index]
    rule = ("$up $other^T", "$other^T $up")[index]

    def by(g: Vector, v: Vector) -> Vector:
        return with_other(node, index, g, v)

    text = "yours is the gradient without $other: the factor $other is missing"
    yield "missing-factor", 0.0, lambda g: g, text
    text = "yours is the gradient without the entries of $other"
    yield "missing-factor", 0.1, lambda g: by(g, np.ones_like(other)), text
    if x.ndim > 1:
        text = f"the product for $x is transposed: it is {rule}"
        yield "transpose", 0.05, lambda g: _t(by(g, other)), text
    if other.ndim > 1:
        text = f"$other is not transposed: the gradient is {rule}"
        yield "transpose", 0.0, beside(other, index == 1), text
        if node.data.ndim > 1:
            text = f"the upstream gradient is transposed: the gradient is {rule}"
            yield "transpose", 0.1, lambda g: by(_t(g), other), text
    order = f"the factors are in the wrong order: the gradient is {rule}"
    entries = f"an elementwise product with $other stands where the matrix product {rule} belongs"
    for far, v in ((0.0, _t(other)), (0.1, other)):
        yield "wrong-order", far, beside(v, index == 0), order
        yield "elementwise-vs-matmul", far, times(v), entries
    if other.ndim == 1:
        text = f"an inner product stands where the outer product {rule} belongs"
        yield "elementwise-vs-matmul", 0.2, lambda g: np.sum(g * other) + 0 * x, text
    if index == 1 and other.ndim == 2 and len(other) > 1:  # = for += in a loop over the samples
        for which, at in (("last", slice(-1, None)), ("first", slice(0, 1))):
            text = (
                f"yours is that of the {which} of the rows of $other only; over the rows of $other "
                "the gradient adds up (+=)"
            )
            yield "missing-term", 0.1, _of_rows(other, at), text
    yield "other", 0.4, beside(_t(x), index == 1), "$x stands where $other belongs"


def _of_rows(A: Vector, at: slice) -> Handed:
    return lambda g: A[at].T @ g[at]


def _outer(node: Node, index: int) -> Iterator[Row]:
    other = node.operands[1 - index]
    yield "missing-factor", 0.0, lambda g: np.sum(g, axis=1 - index), "the factor $other is missing"
    text = "the upstream gradient is transposed"
    yield "transpose", 0.0, lambda g: pulled(node, index, g.T), text
    yield "wrong-order", 0.1, lambda g: other @ g, "the factors are exchanged"


def _shifted(node: Node, index: int) -> Iterator[Row]:
    """Entries that come back to a neighbour of where they were taken; those that an index took
    twice overwritten instead of added."""
    x = node.operands[index]
    for axis in range(x.ndim):
        for by in (1, -1):
            moved = lambda g, by=by, axis=axis: np.roll(pulled(node, index, g), by, axis)  # noqa: E731
            yield "off-by-index", 0.0, moved, f"the index is off by one along axis {axis}"
    if op_name(node) == "getitem":
        text = "entries of $x that are used several times are overwritten; their gradients add up"
        yield "missing-term", 0.0, lambda g: put(node, g), text


def _reduction(node: Node, index: int) -> Iterator[Row]:
    name, x, axis = op_name(node), node.operands[0], node.params.get("axis")

    def expand(g: Vector) -> Vector:
        if axis is not None and not node.params.get("keepdims") and np.ndim(g) != x.ndim:
            g = np.expand_dims(g, axis)
        return np.broadcast_to(g, x.shape)

    if isinstance(axis, int) and x.ndim == 2 and x.shape[0] == x.shape[1]:
        over = axis % 2
        text = f"the gradient is repeated along axis {1 - over}; {name} was over axis {over}"
        yield "wrong-axis", 0.0, lambda g: pulled(node, 0, g.T).T, text
        if np.ndim(node.data) == 1:
            yield "wrong-axis", 0.0, lambda g: _t(np.array(pulled(node, 0, g))), text
    if name not in ("sum", "mean"):
        text = "the derivative of $y is left out: every entry gets the gradient"
        lost = "missing-activation-derivative" if name in ("max", "min") else "missing-factor"
        yield lost, 0.1, expand, text
    if name == "vector_norm":
        text = "the division by $y is missing"
        yield "missing-factor", 0.0, lambda g: expand(g) * x, text


def _total(v: Vector, axis: Axis) -> Vector:
    return np.sum(v, axis=axis, keepdims=True)


def _other_axes(y: Vector, axis: Axis) -> list[tuple[int, str]]:
    """Every axis that stands alone where `axis` belongs, and the words for that."""
    over = reduced_axes(y.shape, axis)
    return [(a, " and ".join(map(str, over))) for a in range(y.ndim) if (a,) != over]


def _softmax(node: Node, index: int) -> Iterator[Row]:
    y, axis = node.data, node.params["axis"]

    def inner(g: Vector, axis: Axis = axis) -> Vector:
        return _total(g * y, axis)

    def along(other: int) -> Handed:
        return lambda g: y * (g - inner(g, other))

    text = "only the diagonal of softmax's derivative, $y (1 - $y), is used"
    yield "missing-term", 0.0, lambda g: g * y * (1 - y), text
    text = "the term -$y sum(G $y) of softmax's derivative is left out"
    yield "missing-term", 0.05, lambda g: g * y, text
    text = "softmax's derivative is left out"
    yield "missing-activation-derivative", 0.0, lambda g: g, text
    text = "a factor $y of softmax's derivative is missing"
    yield "missing-factor", 0.1, lambda g: g - inner(g), text
    yield "missing-factor", 0.1, lambda g: y * (g - _total(g, axis)), text
    text = "the sign of softmax's off-diagonal terms is flipped"
    yield "sign", 0.1, lambda g: g * y * (1 - 2 * y) + y * inner(g), text
    yield "sign", 0.1, lambda g: y * (g + inner(g)), "softmax's sum term is added, not subtracted"
    text = (
        "the derivative of the logistic function stands where softmax's belongs, diagonal squared"
    )
    yield "extra-factor", 0.2, lambda g: y * y * (g - inner(g)), text
    for other, over in _other_axes(y, axis):
        text = f"the sum in softmax's derivative is over axis {other}, not {over}"
        yield "wrong-axis", 0.05, along(other), text


def _log_softmax(node: Node, index: int) -> Iterator[Row]:
    y, axis = node.data, node.params["axis"]
    p = np.exp(y)

    def less(p: Vector) -> Handed:
        return lambda g: g - p * _total(g, axis)

    text = "the probabilities, the part through the sum of exponentials, are left out"
    yield "missing-term", 0.0, lambda g: g, text
    text = "the targets are not subtracted: only the probabilities are there"
    yield "missing-term", 0.0, lambda g: -p * _total(g, axis), text
    yield "sign", 0.1, less(-p), "the probabilities are added, not subtracted"
    text = "the derivative of softmax is there besides"
    yield "extra-factor", 0.1, lambda g: less(p)(g) * p * (1 - p), text
    for other, over in _other_axes(y, axis):
        across = registry["softmax"].forward(np, node.operands[0], axis=other)
        text = f"the probabilities are those of softmax over axis {other}, not {over}"
        yield "wrong-axis", 0.05, less(across), text
    text = "the log-probabilities stand where the probabilities belong"
    yield "other", 0.2, less(y), text


def _permuted(node: Node, index: int) -> Iterator[Row]:
    yield "transpose", 0.0, lambda g: g, "the transpose is left out"


def _reshaped(node: Node, index: int) -> Iterator[Row]:
    shape, text = node.operands[0].shape, "the entries are put back into $x column by column, not "
    yield "transpose", 0.2, lambda g: np.reshape(g, shape, order="F"), f"{text}row by row"


def _trace(node: Node, index: int) -> Iterator[Row]:
    text = "every entry gets the gradient of the trace; only the diagonal does"
    yield "extra-factor", 0.2, lambda g: g + 0 * node.operands[0], text


def _square_matrix(node: Node, index: int) -> Iterator[Row]:
    """Inverses, determinants, solutions: transposes and factors lost."""
    A, y, name = node.operands[0], node.data, op_name(node)
    text = "the transpose is missing in the derivative of $y"
    yield "transpose", 0.0, lambda g: _t(pulled(node, index, g)), text
    yield "missing-factor", 0.1, lambda g: g, "the derivative of $y is left out"
    if name == "inv":
        why = "the derivative of $y is -Y^T G Y^T with Y = $y"
        t, one_side, lost = _t(y), f"{why}: Y stands on one side", f"{why}: one Y is missing"
        for left, right in ((y, y), (t, y), (y, t)):
            wrong = lambda g, left=left, right=right: -(left @ g) @ right  # noqa: E731
            yield "transpose", 0.1, wrong, f"{why}: a transpose is missing"
        yield "wrong-order", 0.2, lambda g: -g @ (y @ y), one_side
        yield "wrong-order", 0.2, lambda g: -(y @ y @ g), one_side
        yield "missing-factor", 0.1, lambda g: -(t @ g), lost
        yield "missing-factor", 0.1, lambda g: -g @ t, lost
    elif name in ("det", "logabsdet"):
        regular = (np.linalg.matrix_rank(A) == A.shape[-1]).all()
        inverse = _t(np.linalg.inv(A) if regular else A)
        text = "the derivative of $y is not A^-T: the matrix is not inverted"
        yield "other", 0.2, lambda g: g[..., None, None] * _t(A), text
        if name == "det":
            yield (
                "missing-factor",
                0.0,
                lambda g: g[..., None, None] * inverse,
                "the factor $y is missing",
            )
        else:
            text = "the derivative of det stands where that of log det belongs"
            det = np.linalg.det(A)
            yield "extra-factor", 0.1, lambda g: (g * det)[..., None, None] * inverse, text
    elif name == "solve":
        text = "$y: the matrix is not transposed in the derivative"
        for B in (A,) if index == 1 else (A, _t(A)):
            yield "transpose", 0.0, _solved(B, None if index == 1 else y), text


def _solved(B: Vector, y: Vector | None) -> Handed:
    """B^-1 G, and -B^-1 G Y^T if y is given."""
    if y is None:
        return lambda g: np.linalg.solve(B, g)
    if np.ndim(y) == 1:
        return lambda g: -np.outer(np.linalg.solve(B, g), y)
    return lambda g: -np.linalg.solve(B, g) @ _t(y)


# An op that is not named here has those of a square matrix, where it acts on matrices.
ROWS: dict[str, Callable[[Node, int], Iterator[Row]]] = {
    "matmul": _matmul,
    "outer": _outer,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "permute_dims": _permuted,
    "reshape": _reshaped,
    "trace": _trace,
    **dict.fromkeys(("getitem", "take", "put_at", "concat", "stack", "pad", "roll"), _shifted),
    **dict.fromkeys(("sum", "mean", "max", "min", "prod", "logsumexp", "vector_norm"), _reduction),
}
