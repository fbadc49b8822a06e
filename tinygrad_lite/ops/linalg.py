"""Products and decompositions of matrices. Pullbacks as in M. Giles, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation" (2008)."""

from __future__ import annotations

from math import inf, prod
from typing import Any

from ..graph.backend import anywhere, extreme
from ..graph.node import Node
from ..graph.op import FORWARD, PRODUCT
from ..graph.primitive import primitive
from .comparison import logical_or
from .constants import Axis, eye, ones_like, reduced_axes, shape_of
from .elementwise import add, divide, multiply, negative, subtract
from .guards import zero
from .reduce import share_extreme, spread

__all__ = [
    "det",
    "inv",
    "logabsdet",
    "matmul",
    "outer",
    "signdet",
    "solve",
    "trace",
    "vector_norm",
]


@primitive("{0} @ {1}", "{0} {1}", precedence=PRODUCT, meaning=FORWARD)
def matmul(xp: Any, A: Any, B: Any) -> Any:
    """Matrix product A @ B, in all of NumPy's ranks: vectors, matrices, stacks that broadcast.

    dE/dA = G B^T, dE/dB = A^T G.
    """
    return A @ B


def _matmul_left(xp: Any, G: Any, y: Any, A: Any, B: Any) -> Any:
    if B.ndim == 1:
        return G * B if A.ndim == 1 else G[..., None] * B
    if A.ndim == 1:
        return xp.matmul(B, G) if B.ndim == 2 else xp.matmul(B, G[..., None])[..., 0]
    return xp.matmul(G, B.mT)


def _matmul_right(xp: Any, G: Any, y: Any, A: Any, B: Any) -> Any:
    if A.ndim == 1:
        return A * G if B.ndim == 1 else A[..., None] * G[..., None, :]
    if B.ndim == 1:
        return xp.matmul(G, A) if A.ndim == 2 else xp.matmul(G[..., None, :], A)[..., 0, :]
    return xp.matmul(A.mT, G)


matmul.pull(_matmul_left, _matmul_right)


@primitive(
    "outer({0}, {1})",
    r"{0} {1}^\top",
    precedence=PRODUCT,
    numpy="np.outer({0}, {1})",
    meaning=lambda xp, a, b: a[:, None] * b[None, :],
)
def outer(xp: Any, a: Any, b: Any) -> Any:
    """Outer product a b^T of two vectors: y_ij = a_i b_j. dE/da = G b, dE/db = G^T a."""
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError("takes two vectors; flatten() them, or multiply with added axes")
    return a[:, None] * b[None, :]


outer.pull(
    lambda xp, G, y, a, b: xp.matmul(G, b),
    lambda xp, G, y, a, b: xp.matmul(G.mT, a),
)


@primitive(
    "tr({0})",
    r"\operatorname{{tr}}({0})",
    numpy="np.linalg.trace({0}, offset={offset})",
    meaning=lambda xp, A, *, offset: xp.sum(xp.diagonal(A, offset), -1, False),
)
def trace(xp: Any, A: Any, *, offset: int = 0) -> Any:
    """Sum of the diagonal `offset` of each matrix. The gradient is G times the identity."""
    return xp.linalg.trace(A, offset=offset)


trace.pull(
    lambda xp, G, y, A, *, offset: G[..., None, None] * eye(A, *shape_of(A)[-2:], offset=offset)
)


def _length(xp: Any, x: Any, *, axis: Axis, keepdims: bool, ord: float) -> Any:
    """The norm on paper."""
    if not 0 < ord < inf:
        raise NotImplementedError(f"ord={ord}")
    power = x * x if ord == 2 else xp.abs(x) ** ord
    return xp.sum(power, axis, keepdims) ** (1 / ord)


@primitive(
    "‖{0}‖",
    r"\left\|{0}\right\|",
    numpy="np.linalg.vector_norm({0}, axis={axis}, keepdims={keepdims}, ord={ord})",
    meaning=_length,
)
def vector_norm(
    xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
) -> Any:
    """Length sum(|x|**ord)**(1 / ord) over `axis`, without overflow; 2, the Euclidean one, is of a
    matrix, over both axes, the Frobenius norm. `ord` inf is the largest |x|, -inf the smallest, 0
    counts what is not 0. The gradient is G sign(x) (|x| / y)**(ord - 1), for 2 that is G x / y,
    and 0 where y = 0; a further derivative is NaN there, unless G holds the factor y, as that of
    the square does. Ties for the largest or smallest share equally."""
    if ord == 2:
        y = xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims))
        if not prod(x.shape) or not extreme(y):
            return y
    size = xp.abs(x)
    if ord in (inf, -inf):
        return (xp.max if ord > 0 else xp.min)(size, axis=axis, keepdims=keepdims)
    if ord in (0, 1) or not prod(x.shape):
        size = xp.astype(x != 0, x.dtype) if ord == 0 else size
        return xp.sum(size, axis=axis, keepdims=keepdims)
    top = (xp.max if ord > 0 else xp.min)(size, axis=axis, keepdims=True)
    top = xp.where(logical_or(top == 0, xp.isinf(top)), xp.ones_like(top), top)
    if ord == 2:
        y = top * xp.sqrt(xp.sum((x / top) ** 2, axis=axis, keepdims=True))
    else:
        y = top * xp.sum((size / top) ** ord, axis=axis, keepdims=True) ** (1 / ord)
    return y if keepdims else xp.squeeze(y, axis=reduced_axes(x.shape, axis))


def _vector_norm_pull(
    xp: Any, G: Any, y: Any, x: Any, *, axis: Axis, keepdims: bool, ord: float
) -> Any:
    if ord == 0:
        return xp.zeros_like(x)
    if ord in (inf, -inf):
        return share_extreme(xp, G, y, xp.abs(x), axis, keepdims) * xp.sign(x)
    if ord == 1:
        return spread(xp, G, x, axis, keepdims) * xp.sign(x)
    if not anywhere(y == 0):
        return spread(xp, G, x, axis, keepdims) * _steepness(
            xp, x, spread(xp, y, x, axis, keepdims), ord
        )
    share = _without(G, y) if ord == 2 else None
    if share is not None:
        return spread(xp, share, x, axis, keepdims) * x
    y, G = spread(xp, y, x, axis, keepdims), spread(xp, G, x, axis, keepdims)
    none = y == 0
    slope = _steepness(xp, x, xp.where(none, xp.ones_like(y), y), ord)
    return xp.where(none, zero(x + y, none, y, G) + 0 * G, G * slope)


def _steepness(xp: Any, x: Any, y: Any, ord: float) -> Any:
    """The derivative of a norm y that is not 0; where x is, that of one for ord < 2 has none."""
    if ord == 2:
        return x / y
    flat = x == 0
    if 1 < ord < 2 and anywhere(flat):
        slope = _steepness(xp, xp.where(flat, xp.ones_like(x), x), y, ord)
        return xp.where(flat, zero(x, flat, x), slope)
    return xp.sign(x) * xp.pow(xp.abs(x) / y, ord - 1)


def _without(G: Any, y: Any, depth: int = 12) -> Any:
    """G / y, if the recorded G holds y as a factor; else None. So |x|**2 has its second derivative
    at x = 0, where x / |x| has no limit but |x| x / |x| has."""
    if G is y:
        return ones_like(y)
    if not depth or not isinstance(G, Node) or G.op not in _LINEAR:
        return None
    parts = [_without(x, y, depth - 1) for x in G.inputs]
    if G.op in (add, subtract):
        return G.op(*parts) if all(part is not None for part in parts) else None
    if G.op is divide:
        parts[1] = None
    held = next((i for i, part in enumerate(parts) if part is not None), None)
    if held is None:
        return None
    return G.op(*(parts[i] if i == held else x for i, x in enumerate(G.inputs)))


_LINEAR = (multiply, divide, negative, add, subtract)


vector_norm.pull(_vector_norm_pull)


# --- square matrices, and stacks of them


@primitive("inv({0})", r"{{{0}}}^{{-1}}", numpy="np.linalg.inv({0})", meaning="ii->ii")
def inv(xp: Any, A: Any) -> Any:
    """Inverse of each matrix. dE/dA = -Y^T G Y^T. Raises `ValueError` for a singular one."""
    return xp.linalg.inv(A)


inv.pull(lambda xp, G, Y, A: -xp.matmul(xp.matmul(Y.mT, G), Y.mT))


@primitive("det({0})", r"\det({0})", numpy="np.linalg.det({0})", meaning="ii->")
def det(xp: Any, A: Any) -> Any:
    """Determinant of each matrix. The gradient is G times the matrix of cofactors: y A^-T, or, of
    a singular matrix, the n x n determinants of the minors."""
    return xp.linalg.det(A)


def _det_pull(xp: Any, G: Any, y: Any, A: Any) -> Any:
    if not anywhere(logical_or(y == 0, xp.isinf(y))):
        cofactors = y[..., None, None] * inv(A).mT
    elif anywhere(xp.isinf(logabsdet(A))):
        cofactors = _cofactors(xp, A)
    else:  # y alone would be 0 or infinite
        inverse = inv(A).mT
        size = xp.where(inverse == 0, xp.ones_like(inverse), xp.abs(inverse))
        size = xp.exp(logabsdet(A)[..., None, None] + xp.log(size))
        cofactors = signdet(A)[..., None, None] * xp.sign(inverse) * size
    return G[..., None, None] * cofactors


def _cofactors(xp: Any, A: Any) -> Any:
    """(-1)^(i+j) times the determinant of A without row i and column j, for every i and j."""
    n = shape_of(A)[-1]
    rows = []
    for i in range(n):
        below = xp.concat([A[..., :i, :], A[..., i + 1 :, :]], axis=-2)
        minors = [xp.concat([below[..., :j], below[..., j + 1 :]], axis=-1) for j in range(n)]
        rows.append(xp.stack([(-1.0) ** (i + j) * det(minors[j]) for j in range(n)], axis=-1))
    return xp.stack(rows, axis=-2)


det.pull(_det_pull)


@primitive(
    "signdet({0})",
    r"\operatorname{{sign}}\det({0})",
    numpy="np.linalg.slogdet({0})[0]",
    meaning="ii->",
)
def signdet(xp: Any, A: Any) -> Any:
    """Sign of the determinant of each matrix: -1, 0 or 1. The gradient is 0."""
    return xp.linalg.slogdet(A)[0]


signdet.pull(lambda xp, G, y, A: xp.zeros_like(A))


@primitive(
    "log|det {0}|",
    r"\log\left|\det {0}\right|",
    numpy="np.linalg.slogdet({0})[1]",
    meaning="ii->",
)
def logabsdet(xp: Any, A: Any) -> Any:
    """log |det A| of each matrix, -inf for a singular one. dE/dA = G A^-T."""
    return xp.linalg.slogdet(A)[1]


logabsdet.pull(lambda xp, G, y, A: G[..., None, None] * inv(A).mT)


@primitive(
    "solve({0}, {1})",
    r"{{{0}}}^{{-1}} {1}",
    numpy="np.linalg.solve({0}, {1})",
    meaning=lambda xp, A, b: xp.inv(A) @ b,
)
def solve(xp: Any, A: Any, b: Any) -> Any:
    """The Y with A Y = b, for each matrix; b is a vector or holds columns.

    dE/db = A^-T G, dE/dA = -(dE/db) Y^T. Raises `ValueError` for a singular A.
    """
    return xp.linalg.solve(A, b)


def _solve_matrix(xp: Any, G: Any, y: Any, A: Any, b: Any) -> Any:
    g = _solve_right(xp, G, y, A, b)
    if b.ndim == 1:
        return -(g[..., :, None] * y[..., None, :])
    return -xp.matmul(g, y.mT)


def _solve_right(xp: Any, G: Any, y: Any, A: Any, b: Any) -> Any:
    if b.ndim == 1:  # one vector for all matrices of a stack: G is a stack of vectors
        return solve(A.mT, G[..., None])[..., 0]
    return solve(A.mT, G)


solve.pull(_solve_matrix, _solve_right)
