"""Mistakes at a step that acts on whole arrays: matrix products, reductions, moves of entries."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..graph.node import Node
from ..ops import registry
from ..ops.constants import Axis, reduced_axes
from .faults import Fault, Handed, left_out, pulled, swapped, with_other
from .tape import Tape, Vector


def array_faults(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """The faults of one edge of an op that is not elementwise."""
    assert node.op is not None
    yield Fault(
        "ones",
        "missing-factor",
        0.1 if node.op.name == "matmul" else 0.3,
        lambda g: pulled(node, index, np.ones_like(g)),
        left_out(tape, node),
    )
    if node.op.name == "matmul":
        yield from _matmul(tape, node, index)
    elif node.op.name in _SPECIAL:
        yield from _SPECIAL[node.op.name](tape, node, index)
    elif node.op.name in ("getitem", "take", "put_at", "concat", "stack", "pad", "roll"):
        yield from _shifted(node, index)
    elif node.op.name in ("sum", "mean", "max", "min", "prod", "logsumexp", "vector_norm"):
        yield from _reduction(tape, node)
    elif np.ndim(node.operands[index]) > 1:
        yield from _square_matrix(tape, node, index)


def _t(a: Vector) -> Vector:
    return a.mT if np.ndim(a) > 1 else a


def _matmul(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """G B^T and A^T G: what is left out, not transposed, on the wrong side, or no product."""
    x, other = node.operands[index], node.operands[1 - index]
    name, mine = (tape.label_of(node.inputs[i]) for i in (1 - index, index))
    upstream = tape.cotangent_name(node)
    rule = f"{upstream} {name}^T" if index == 0 else f"{name}^T {upstream}"
    vectors = other.ndim == 1 or node.data.ndim < 2

    def by(g: Vector, v: Vector) -> Vector:
        return with_other(node, index, g, v)

    def beside(v: Vector, *, left: bool) -> Handed:
        return (lambda g: v @ g) if left else (lambda g: g @ v)

    text = f"yours is the gradient without {name}: the factor {name} is missing"
    yield Fault("drop", "missing-factor", 0.0, lambda g: g, text)
    text = f"yours is the gradient without the entries of {name}"
    yield Fault("drop-ones", "missing-factor", 0.1, lambda g: by(g, np.ones_like(other)), text)
    if x.ndim > 1:
        text = f"the product for {mine} is transposed: it is {rule}"
        yield Fault("result-T", "transpose", 0.05, lambda g: _t(by(g, other)), text)
    if other.ndim > 1:
        text = f"{name} is not transposed: the gradient is {rule}"
        yield Fault("factor-T", "transpose", 0.0, beside(other, left=index == 1), text)
        if not vectors:
            text = f"the upstream gradient is transposed: the gradient is {rule}"
            yield Fault("upstream-T", "transpose", 0.1, lambda g: by(_t(g), other), text)
    order = f"the factors are in the wrong order: the gradient is {rule}"
    entries = f"an elementwise product with {name} stands where the matrix product {rule} belongs"
    for i, v in enumerate((_t(other), other)):
        yield Fault(f"order-{i}", "wrong-order", 0.1 * i, beside(v, left=index == 0), order)
        yield Fault(f"entries-{i}", "elementwise-vs-matmul", 0.1 * i, _times(v), entries)
    if other.ndim == 1:
        text = f"an inner product stands where the outer product {rule} belongs"
        inner = _inner(other, x)
        yield Fault("inner", "elementwise-vs-matmul", 0.2, inner, text)
    yield from _one_sample(tape, node, index)
    text = f"{mine} stands where {name} belongs"
    own = beside(_t(x), left=index == 1)
    yield Fault("own", "other", 0.4, own, text)
    yield from swapped(tape, node.inputs[1 - index], other, by)


def _one_sample(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """A^T G of one row of A only: in a loop over the samples `=` stands where `+=` belongs."""
    A = node.operands[0]
    if index == 0 or A.ndim != 2 or A.shape[0] < 2:
        return
    rows = f"the rows of {tape.label_of(node.inputs[0])}"
    for which, at in (("last", slice(-1, None)), ("first", slice(0, 1))):
        text = f"yours is that of the {which} of {rows} only; over {rows} the gradient adds up (+=)"
        yield Fault(f"{which}-row", "missing-term", 0.1, _of_rows(A, at), text)


def _of_rows(A: Vector, at: slice) -> Handed:
    return lambda g: A[at].T @ g[at]


def _times(v: Vector) -> Handed:
    return lambda g: g * v


def _inner(v: Vector, x: Vector) -> Handed:
    return lambda g: np.sum(g * v) + 0 * x


def _shifted(node: Node, index: int) -> Iterator[Fault]:
    """Entries that come back to a neighbour of where they were taken."""

    def moved(by: int, axis: int) -> Handed:
        return lambda g: np.roll(pulled(node, index, g), by, axis)

    x = node.operands[index]
    for axis in range(x.ndim):
        for by in (1, -1):
            text = f"the index is off by one along axis {axis}"
            yield Fault(f"shift{by}-{axis}", "off-by-index", 0.0, moved(by, axis), text)


def _scattered(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """Indexing: shifted, or entries that were taken twice overwritten instead of added."""
    yield from _shifted(node, index)
    x, at = node.operands[index], node.params["index"]

    def put(g: Vector) -> Vector:
        out = np.zeros_like(x)
        out[at] = g
        return out

    text = (
        f"entries of {tape.label_of(node.inputs[index])} that are used several times are "
        "overwritten; their gradients add up"
    )
    yield Fault("overwritten", "missing-term", 0.0, put, text)


def _expand(node: Node, g: Vector) -> Vector:
    x, axis = node.operands[0], node.params.get("axis")
    if axis is not None and not node.params.get("keepdims") and np.ndim(g) != x.ndim:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, x.shape)


def _reduction(tape: Tape, node: Node) -> Iterator[Fault]:
    op = node.op
    assert op is not None
    x, axis = node.operands[0], node.params.get("axis")
    if isinstance(axis, int) and x.ndim == 2 and x.shape[0] == x.shape[1]:
        axis %= 2
        text = f"the gradient is repeated along axis {1 - axis}; {op.name} was over axis {axis}"
        yield Fault("axis", "wrong-axis", 0.0, lambda g: pulled(node, 0, g.T).T, text)
        if np.ndim(node.data) == 1:
            across = lambda g: _t(np.array(pulled(node, 0, g)))  # noqa: E731
            yield Fault("axis-T", "wrong-axis", 0.0, across, text)
    if op.name not in ("sum", "mean"):
        text = f"the derivative of {tape.label(node)} is left out: every entry gets the gradient"
        lost = "missing-activation-derivative" if op.name in ("max", "min") else "missing-factor"
        yield Fault("drop", lost, 0.1, lambda g: _expand(node, g), text)
    if op.name == "vector_norm":
        text = f"the division by {tape.label(node)} is missing"
        yield Fault("norm", "missing-factor", 0.0, lambda g: _expand(node, g) * x, text)


def _total(v: Vector, axis: Axis) -> Vector:
    return np.sum(v, axis=axis, keepdims=True)


def _softmax(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    y, name = node.data, tape.label(node)
    axis = node.params["axis"]
    diagonal = f"only the diagonal of softmax's derivative, {name} (1 - {name}), is used"
    yield Fault("diagonal", "missing-term", 0.0, lambda g: g * y * (1 - y), diagonal)
    text = f"the term -{name} sum(G {name}) of softmax's derivative is left out"
    yield Fault("no-sum", "missing-term", 0.05, lambda g: g * y, text)
    text = "softmax's derivative is left out"
    yield Fault("drop", "missing-activation-derivative", 0.0, lambda g: g, text)
    text = f"a factor {name} of softmax's derivative is missing"
    yield Fault("unscaled", "missing-factor", 0.1, lambda g: g - _total(g * y, axis), text)
    yield Fault(
        "unweighted",
        "missing-factor",
        0.1,
        lambda g: y * (g - _total(g, axis)),
        text,
    )
    text = "the sign of softmax's off-diagonal terms is flipped"
    yield Fault("off", "sign", 0.1, lambda g: g * y * (1 - 2 * y) + y * _total(g * y, axis), text)
    text = "softmax's sum term is added, not subtracted"
    yield Fault("plus", "sign", 0.1, lambda g: y * (g + _total(g * y, axis)), text)
    text = (
        "the derivative of the logistic function stands where softmax's belongs, diagonal squared"
    )
    yield Fault("twice", "extra-factor", 0.2, lambda g: y * y * (g - _total(g * y, axis)), text)
    for other, over in _other_axes(y, axis):
        text = f"the sum in softmax's derivative is over axis {other}, not {over}"
        yield Fault(f"axis-{other}", "wrong-axis", 0.05, _summed_along(y, other), text)


def _other_axes(y: Vector, axis: Axis) -> list[tuple[int, str]]:
    """Every axis that stands alone where `axis` belongs, and the words for that."""
    over = reduced_axes(y.shape, axis)
    return [(a, " and ".join(map(str, over))) for a in range(y.ndim) if (a,) != over]


def _summed_along(y: Vector, axis: Axis) -> Handed:
    return lambda g: y * (g - _total(g * y, axis))


def _log_softmax(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    y, axis = node.data, node.params["axis"]
    p = np.exp(y)
    text = "the probabilities, the part through the sum of exponentials, are left out"
    yield Fault("no-sum", "missing-term", 0.0, lambda g: g, text)
    text = "the targets are not subtracted: only the probabilities are there"
    yield Fault("no-target", "missing-term", 0.0, lambda g: -p * _total(g, axis), text)
    text = "the probabilities are added, not subtracted"
    yield Fault("plus", "sign", 0.1, lambda g: g + p * _total(g, axis), text)
    text = "the derivative of softmax is there besides"
    extra = lambda g: (g - p * _total(g, axis)) * p * (1 - p)  # noqa: E731
    yield Fault("sigmoid", "extra-factor", 0.1, extra, text)
    for other, over in _other_axes(y, axis):
        across = registry["softmax"].forward(np, node.operands[0], axis=other)
        text = f"the probabilities are those of softmax over axis {other}, not {over}"
        yield Fault(f"across-{other}", "wrong-axis", 0.05, _less(across, axis), text)
    text = "the log-probabilities stand where the probabilities belong"
    yield Fault("logs", "other", 0.2, lambda g: g - y * _total(g, axis), text)


def _less(p: Vector, axis: Axis) -> Handed:
    return lambda g: g - p * _total(g, axis)


def _moved(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    yield Fault("untransposed", "transpose", 0.0, lambda g: g, "the transpose is left out")


def _reshaped(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    x, name = node.operands[0], tape.label_of(node.inputs[0])
    text = f"the entries are put back into {name} column by column, not row by row"
    back = lambda g: np.reshape(g, x.shape, order="F")  # noqa: E731
    yield Fault("column-major", "transpose", 0.2, back, text)


def _outer(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    other = node.operands[1 - index]
    name = tape.label_of(node.inputs[1 - index])
    text = f"the factor {name} is missing"
    total = lambda g: np.sum(g, axis=1 - index)  # noqa: E731
    yield Fault("drop", "missing-factor", 0.0, total, text)
    text = "the upstream gradient is transposed"
    turned = lambda g: pulled(node, index, g.T)  # noqa: E731
    yield Fault("upstream-T", "transpose", 0.0, turned, text)
    yield Fault("order", "wrong-order", 0.1, lambda g: other @ g, "the factors are exchanged")
    source = node.inputs[1 - index]
    yield from swapped(tape, source, other, lambda g, v: g @ v if index == 0 else g.T @ v)


def _trace(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    A = node.operands[0]
    text = "every entry gets the gradient of the trace; only the diagonal does"
    yield Fault("all", "extra-factor", 0.2, lambda g: g + 0 * A, text)


def _square_matrix(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """Inverses, determinants, solutions: transposes and factors lost."""
    y = node.data
    name = tape.label(node)
    A = node.operands[0]
    text = f"the transpose is missing in the derivative of {name}"
    yield Fault("result-T", "transpose", 0.0, lambda g: _t(pulled(node, index, g)), text)
    text = f"the derivative of {name} is left out"
    yield Fault("drop", "missing-factor", 0.1, lambda g: g, text)
    assert node.op is not None
    if node.op.name == "inv":
        why = f"the derivative of {name} is -Y^T G Y^T with Y = {name}"
        t, twice = _t(y), y @ y
        one_side, lost = "Y stands on one side", "one Y is missing"
        for key, kind, cost, left, right, what in (
            ("plain", "transpose", 0.1, y, y, "a transpose is missing"),
            ("left-T", "transpose", 0.1, t, y, "a transpose is missing"),
            ("right-T", "transpose", 0.1, y, t, "a transpose is missing"),
            ("before", "wrong-order", 0.2, None, twice, one_side),
            ("after", "wrong-order", 0.2, twice, None, one_side),
            ("left", "missing-factor", 0.1, t, None, lost),
            ("right", "missing-factor", 0.1, None, t, lost),
        ):
            yield Fault(key, kind, cost, _between(left, right), f"{why}: {what}")
    elif node.op.name in ("det", "logabsdet"):
        regular = (np.linalg.matrix_rank(A) == A.shape[-1]).all()
        inverse = _t(np.linalg.inv(A) if regular else A)
        text = f"the derivative of {name} is not A^-T: the matrix is not inverted"
        yield Fault("not-inverted", "other", 0.2, lambda g: g[..., None, None] * _t(A), text)
        if node.op.name == "det":
            text = f"the factor {name} is missing"
            yield Fault(
                "no-det", "missing-factor", 0.0, lambda g: g[..., None, None] * inverse, text
            )
        else:
            text = "the derivative of det stands where that of log det belongs"
            det = np.linalg.det(A)
            yield Fault(
                "det", "extra-factor", 0.1, lambda g: (g * det)[..., None, None] * inverse, text
            )
    elif node.op.name == "solve":
        text = f"{name}: the matrix is not transposed in the derivative"
        turned = lambda g: np.linalg.solve(A, g)  # noqa: E731
        if index == 1:
            yield Fault("solve", "transpose", 0.0, turned, text)
        else:
            for key, flip in (("solve", turned), ("solve-T", lambda g: np.linalg.solve(_t(A), g))):
                outer = lambda g, flip=flip: (  # noqa: E731
                    -np.outer(flip(g), y) if y.ndim == 1 else -flip(g) @ _t(y)
                )
                yield Fault(key, "transpose", 0.0, outer, text)


def _between(left: Vector | None, right: Vector | None) -> Handed:
    def apply(g: Vector) -> Vector:
        c = -g if left is None else -(left @ g)
        return c if right is None else c @ right

    return apply


_SPECIAL = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "permute_dims": _moved,
    "reshape": _reshaped,
    "getitem": _scattered,
    "outer": _outer,
    "trace": _trace,
}
