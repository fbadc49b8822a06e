"""Linear algebra put together from primitives, under NumPy's names and with NumPy's results."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..graph.backend import namespace
from ..graph.node import raw
from ..ops.constants import Axis, eye, reduced_axes, shape_of
from ..ops.guards import undefined
from .arrange import asarray, matrix_transpose, moveaxis

__all__ = [
    "cond",
    "eig",
    "eigh",
    "eigvals",
    "lstsq",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "qr",
    "slogdet",
    "svd",
    "tensorinv",
    "tensorsolve",
]


# --- norms


def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Norm of x, or of its vectors along an integer `axis`, or matrices along a pair.

    `ord=None`: square root of the sum of squares, of a matrix the Frobenius norm; other orders
    are those of `vector_norm` and `matrix_norm`. The gradient is 0 where the norm is 0, ties share
    equally. Raises `ValueError` for an order that is neither.
    """
    x = asarray(x)
    shape = shape_of(x)
    axes = reduced_axes(shape, axis)
    if ord is None or (len(axes) == 1 and not isinstance(ord, str)):
        over = axes[0] if len(axes) == 1 else axis
        return ops.vector_norm(x, axis=over, keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise ValueError(
            f"norm: ord={ord!r} is not supported for {len(axes)} axes; vectors have any number, "
            'matrices "fro", "nuc", 1, -1, 2, -2, inf, -inf'
        )
    y = matrix_norm(moveaxis(x, axes, (-2, -1)), ord=ord)
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return ops.reshape(y, kept) if keepdims else y


def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of each matrix: "fro" the root of the sum of squares, "nuc" the sum of the singular
    values, 2 the largest, -2 the smallest; 1 the largest column sum of |x|, -1 the smallest, inf
    and -inf those of the rows. Ties share the gradient equally.

    Raises `ValueError` for another order.
    """
    x = asarray(x)
    if ord in (None, "fro"):
        return ops.vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord == "nuc":
        y = ops.sum(ops.svdvals(x), axis=-1)
    elif ord in (1, -1, 2, -2, inf, -inf):
        sizes = (
            ops.svdvals(x)
            if abs(ord) == 2
            else ops.sum(ops.abs(x), axis=-2 if abs(ord) == 1 else -1)
        )
        y = (ops.max if ord > 0 else ops.min)(sizes, axis=-1)
    else:
        raise ValueError(
            f'matrix_norm: ord={ord!r} is none of "fro", "nuc", 1, -1, 2, -2, inf, -inf'
        )
    return ops.reshape(y, (*shape_of(x)[:-2], 1, 1)) if keepdims else y


def cond(x: Any, p: Any = None) -> Any:
    """Condition number of each matrix, |x| |x^-1| in the norm `p`; None, as 2, is the ratio of the
    largest to the smallest singular value, -2 its inverse. NaN gradient where it is infinite."""
    if p in (None, 2, -2):
        s = ops.svdvals(x)
        largest, smallest = ops.max(s, axis=-1), ops.min(s, axis=-1)
        return smallest / largest if p == -2 else largest / smallest
    return matrix_norm(x, ord=p) * matrix_norm(ops.inv(x), ord=p)


class Slogdet(NamedTuple):
    """What `slogdet` returns, with the names that NumPy's result has."""

    sign: Any
    logabsdet: Any


def slogdet(A: Any) -> Slogdet:
    """(sign, log |det A|) of each matrix; det A = sign * exp(logabsdet). The sign's gradient is 0,
    the other's A^-T."""
    return Slogdet(ops.signdet(A), ops.logabsdet(A))


# --- decompositions: the parts of what the ops in `ops.decompositions` give


class Eigen(NamedTuple):
    """What `eig` and `eigh` return, with the names that NumPy's results have."""

    eigenvalues: Any
    eigenvectors: Any


class SVD(NamedTuple):
    """What `svd` returns, with the names that NumPy's result has."""

    U: Any
    S: Any
    Vh: Any


class QR(NamedTuple):
    """What `qr` returns, with the names that NumPy's result has."""

    Q: Any
    R: Any


def eigh(A: Any, UPLO: str = "L") -> Eigen:
    """(w, V) of each symmetric matrix, of which the triangle `UPLO` is read ("L" or "U") and gets
    the gradient: eigenvalues w, ascending, and unit eigenvectors, the columns of V.

    What uses the vectors of equal eigenvalues gets NaN as its gradient; see `eigvalsh`.
    """
    rows = ops.eigh_rows(A, UPLO=str(UPLO).upper())
    return Eigen(rows[..., 0], matrix_transpose(rows[..., 1:]))


def eig(A: Any) -> Eigen:
    """(w, V) of each matrix whose eigenvalues are real: A V = V diag(w), unit columns of V.

    Raises `ValueError` for complex eigenvalues. The gradient of vectors of equal eigenvalues is
    NaN.
    """
    rows = ops.eig_rows(A)
    return Eigen(rows[..., 0], matrix_transpose(rows[..., 1:]))


def eigvals(A: Any) -> Any:
    """The eigenvalues of each matrix, which must be real; see `eig`."""
    return eig(A).eigenvalues


def svd(A: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, Vh) of each matrix: A = U diag(S) Vh, S descending; S alone without `compute_uv`.

    The columns that complete U or V of a matrix that is not square (none, if not `full_matrices`)
    are any basis of what is left: what uses them gets NaN as its gradient, as does what uses the
    vectors of equal singular values.
    """
    A = asarray(A)
    if not compute_uv:
        return ops.svdvals(A)
    rows = ops.svd_rows(A)
    m, n = shape_of(A)[-2:]
    U, Vh = matrix_transpose(rows[..., :m]), rows[..., m + 1 :]
    if full_matrices and m != n:
        k, plain = min(m, n), namespace(raw(A)).linalg.svd(raw(A), full_matrices=True)
        U = ops.concat([U, _any_basis(plain[0][..., k:], A)], axis=-1)
        Vh = ops.concat([Vh, _any_basis(plain[2][..., k:, :], A)], axis=-2)
    return SVD(U, rows[..., m], Vh)


def _any_basis(vectors: Any, A: Any) -> Any:
    """Plain vectors that depend on A, but not in a way that has a derivative."""
    total = ops.sum(A, axis=(-2, -1), keepdims=True)
    return vectors + undefined(ops.broadcast_to(total, vectors.shape))


def qr(A: Any, mode: str = "reduced") -> Any:
    """(Q, R) of each matrix: A = Q R, orthonormal columns of Q, R upper triangular; R alone in the
    mode "r"; in the mode "complete" Q is square.

    The gradient is NaN, or a `ValueError`, where the first columns of A are dependent; NaN of what
    uses the columns that complete Q. Raises `ValueError` for other modes.
    """
    A = asarray(A)
    m, n = shape_of(A)[-2:]
    if mode not in ("reduced", "r", "complete"):
        raise ValueError(f'qr: mode={mode!r} has no derivative; use "reduced", "complete" or "r"')
    rows = ops.qr_rows(A if m >= n else A[..., :m])
    Q, R = matrix_transpose(rows[..., :m]), rows[..., m:]
    if m < n:
        R = ops.concat([R, ops.matmul(rows[..., :m], A[..., m:])], axis=-1)
    elif m > n and mode == "complete":
        plain = namespace(raw(A)).linalg.qr(raw(A), mode="complete")
        Q = ops.concat([Q, _any_basis(plain[0][..., n:], A)], axis=-1)
        R = ops.concat([R, 0.0 * plain[1][..., n:, :]], axis=-2)
    return R if mode == "r" else QR(Q, R)


# --- products, powers and systems


def matrix_power(A: Any, n: int) -> Any:
    """The product of n times A, for each matrix; of A^-1 for a negative n, the identity for 0."""
    A = asarray(A)
    if n == 0:
        return ops.multiply(ops.pow(A, 0), eye(raw(A), *shape_of(A)[-2:]))
    power, result = ops.inv(A) if n < 0 else A, None
    for digit in reversed(f"{abs(n):b}"):
        if digit == "1":
            result = power if result is None else ops.matmul(result, power)
        power = ops.matmul(power, power)
    return result


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of matrices, the first and the last of which may be vectors, in the order that
    takes the fewest multiplications."""
    factors = [asarray(x) for x in arrays]
    if len(factors) < 2:
        raise ValueError("multi_dot: takes at least two arrays")
    shapes = [shape_of(x) for x in factors]
    sizes = [1 if len(shapes[0]) == 1 else shapes[0][0], *(s[-1] for s in shapes[:-1])]
    sizes.append(1 if len(shapes[-1]) == 1 else shapes[-1][-1])

    @cache
    def cheapest(i: int, j: int) -> tuple[int, int]:
        """(multiplications, where to split) of the product of the factors i to j."""
        if i == j:
            return 0, i
        return min(
            (cheapest(i, k)[0] + cheapest(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
            for k in range(i, j)
        )

    def product(i: int, j: int) -> Any:
        k = cheapest(i, j)[1]
        return factors[i] if i == j else ops.matmul(product(i, k), product(k + 1, j))

    return product(0, len(factors) - 1)


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Any:
    """The x with tensordot(a, x, x.ndim) = b, after the `axes` of a were moved to its end."""
    a, b = asarray(a), asarray(b)
    if axes is not None:
        order = [i for i in range(a.ndim) if i not in axes]
        a = ops.permute_dims(a, (*order, *axes))
    n, rest = prod(shape_of(b)), shape_of(a)[b.ndim :]
    if prod(rest) != n:
        raise ValueError(f"tensorsolve: {shape_of(a)} is not square for b {shape_of(b)}")
    return ops.reshape(ops.solve(ops.reshape(a, (n, n)), ops.reshape(b, (n,))), rest)


def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of tensordot(a, ., ind): of shape a.shape[ind:] + a.shape[:ind]."""
    a = asarray(a)
    shape = shape_of(a)
    n = prod(shape[ind:])
    return ops.reshape(ops.inv(ops.reshape(a, (n, n))), shape[ind:] + shape[:ind])


def lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, int, Any]:
    """(x, residuals, rank, s): the shortest x with the least |b - a x|, by the pseudoinverse.

    `residuals` are the sums of squares, none unless a has full rank and more rows than columns; s
    the singular values. Those up to `rcond` times the largest count as 0 (None: as in `pinv`).
    """
    a, b = asarray(a), asarray(b)
    if a.ndim != 2:
        raise ValueError(f"lstsq: takes one matrix, not {shape_of(a)}; matmul(pinv(a), b) stacks")
    m, n = shape_of(a)
    x = ops.matmul(ops.pinv(a, rtol=rcond), b)
    rank = int(np.linalg.matrix_rank(raw(a), rtol=rcond))
    residuals = ops.sum(ops.square(b - ops.matmul(a, x)), axis=0, keepdims=b.ndim == 1)
    return x, residuals if rank == n < m else np.zeros(0), rank, ops.svdvals(a)
