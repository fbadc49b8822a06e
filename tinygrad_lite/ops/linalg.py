"""Products and decompositions of matrices. Pullbacks as in M. Giles, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation" (2008)."""

from __future__ import annotations

from math import prod
from typing import Any

from ..graph.backend import anywhere, extreme
from ..graph.node import Node
from ..graph.op import FORWARD, PRODUCT
from ..graph.primitive import primitive
from .comparison import logical_or
from .constants import Axis, eye, ones_like, reduced_axes, shape_of
from .elementwise import add, divide, multiply, negative, subtract
from .guards import undefined
from .reduce import spread

__all__ = [
    "cholesky",
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
        return xp.matmul(B, G[..., None])[..., 0]
    return xp.matmul(G, B.mT)


def _matmul_right(xp: Any, G: Any, y: Any, A: Any, B: Any) -> Any:
    if A.ndim == 1:
        return A * G if B.ndim == 1 else A[..., None] * G[..., None, :]
    if B.ndim == 1:
        return xp.matmul(G[..., None, :], A)[..., 0, :]
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
    numpy="np.linalg.trace({0})",
    meaning=lambda xp, A: xp.sum(xp.diagonal(A), -1, False),
)
def trace(xp: Any, A: Any) -> Any:
    """Sum of the diagonal of each matrix. The gradient is G times the identity."""
    return xp.linalg.trace(A)


trace.pull(lambda xp, G, y, A: G[..., None, None] * eye(A, *shape_of(A)[-2:]))


@primitive(
    "‖{0}‖",
    r"\left\|{0}\right\|",
    numpy="np.linalg.vector_norm({0}, axis={axis}, keepdims={keepdims})",
    meaning=lambda xp, x, *, axis, keepdims: xp.sum(x * x, axis, keepdims) ** 0.5,
)
def vector_norm(xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Euclidean length sqrt(sum(x**2)) over `axis`; of a matrix, over both axes, the Frobenius
    norm. The gradient is G x / y, and 0 where y = 0; a further derivative is NaN there, unless
    G holds the factor y, as that of the square does."""
    y = xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims))
    if not prod(x.shape) or not extreme(y):
        return y
    top = xp.max(xp.abs(x), axis=axis, keepdims=True)
    top = xp.where(logical_or(top == 0, xp.isinf(top)), xp.ones_like(top), top)
    y = top * xp.sqrt(xp.sum((x / top) ** 2, axis=axis, keepdims=True))
    return y if keepdims else xp.squeeze(y, axis=reduced_axes(x.shape, axis))


def _vector_norm_pull(xp: Any, G: Any, y: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    if not anywhere(y == 0):
        return spread(xp, G, x, axis, keepdims) * x / spread(xp, y, x, axis, keepdims)
    share = _without(G, y)
    if share is not None:
        return spread(xp, share, x, axis, keepdims) * x
    y, G = spread(xp, y, x, axis, keepdims), spread(xp, G, x, axis, keepdims)
    length = xp.where(y == 0, xp.ones_like(y), y)
    return xp.where(y == 0, undefined(x) + undefined(y) + 0 * G, G * x / length)


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


@primitive(
    "cholesky({0})",
    r"\operatorname{{chol}}({0})",
    numpy="np.linalg.cholesky({0})",
    meaning="ii->ii",
)
def cholesky(xp: Any, A: Any) -> Any:
    """The lower triangular L with L L^T = (A + A^T) / 2, for each matrix, which is positive
    definite, else `ValueError`.

    The gradient is the symmetric part of L^-T P(L^T G) L^-1, where P takes the lower triangle and
    halves the diagonal (I. Murray, "Differentiation of the Cholesky decomposition", 2016).
    """
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError("takes square matrices")
    return xp.linalg.cholesky((A + A.mT) / 2)


def _cholesky_pull(xp: Any, G: Any, L: Any, A: Any) -> Any:
    n = shape_of(L)[-1]
    P = xp.tril(xp.matmul(L.mT, G)) * (1 - 0.5 * eye(L, n, n))
    S = solve(L.mT, solve(L.mT, P.mT).mT)
    return (S + S.mT) / 2


cholesky.pull(_cholesky_pull)
