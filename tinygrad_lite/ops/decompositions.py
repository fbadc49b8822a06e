"""Decompositions of matrices. An op has one result, so each gives rows that hold all parts: of
eigh, row i is (w_i, v_i). `functions.linalg` takes them apart under NumPy's names.

Eigenvalues that are equal to rounding share the gradient equally, as ties do. Their vectors are
not differentiable, nor is a singular factor: what uses them gets NaN.
"""

from __future__ import annotations

from math import nan, prod
from typing import Any

from ..graph.backend import anywhere, is_numpy, namespace
from ..graph.node import raw
from ..graph.primitive import primitive
from .comparison import logical_and
from .constants import eye, shape_of
from .guards import zero
from .linalg import solve
from .shape import diagonal

__all__ = [
    "cholesky",
    "eig_rows",
    "eigh_rows",
    "eigvalsh",
    "pinv",
    "qr_rows",
    "svd_rows",
    "svdvals",
]


def _refuse_rectangle(A: Any) -> None:
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError("takes square matrices")


def _read(xp: Any, A: Any, UPLO: str = "L") -> Any:
    """The symmetric matrix that a triangle stands for, as LAPACK reads it."""
    _refuse_rectangle(A)
    if UPLO not in ("L", "U"):
        raise ValueError('UPLO is "L" or "U"')
    lower = A if UPLO == "L" else A.mT
    return xp.tril(lower) + xp.tril(lower, k=-1).mT


def _folded(xp: Any, S: Any, UPLO: str = "L") -> Any:
    """The gradient for the triangle, given one for the symmetric matrix that it stands for."""
    n = shape_of(S)[-1]
    lower = xp.tril(S + S.mT) * (1 - 0.5 * eye(S, n, n))
    return lower if UPLO == "L" else lower.mT


def _negligible(x: Any, scale: Any) -> Any:
    """Where x is 0 to rounding, in numbers of the size of `scale`."""
    x, scale = raw(x), raw(scale)
    xp = namespace(x)
    eps = float(xp.finfo(x.dtype).eps)
    return xp.abs(x) <= max(x.shape[-1], 2) * eps * xp.max(xp.abs(scale), axis=-1, keepdims=True)


def _blank(xp: Any, c: Any, lost: Any, g: Any) -> Any:
    """c, but NaN where it is `lost`; where nothing flows in (g is 0) it is 0 there, once."""
    if not anywhere(lost):
        return c
    none = zero(c, lost, g)
    return xp.where(lost, xp.where(g == 0, none, none + nan), c)


def _gaps(values: Any) -> Any:
    """values_j - values_i."""
    return values[..., None, :] - values[..., :, None]


def _over_gaps(xp: Any, M: Any, gap: Any, scale: Any, g: Any, G: Any) -> Any:
    """M_ij / gap_ij, 0 on the diagonal. Without a gap the vectors i and j are any basis: NaN, if
    rows i or j of their cotangent G are not 0, or the cotangents g of the values i and j differ."""
    n = shape_of(gap)[-1]
    identity = eye(gap, n, n)
    lost = logical_and(_negligible(gap, scale[..., None, :]), raw(identity) == 0)
    if not anywhere(lost):
        return M * (1 - identity) / (gap + identity)
    gap = xp.where(lost, xp.ones_like(gap), gap)
    used = xp.sum(xp.abs(G), axis=-1)
    used = used[..., None, :] + used[..., :, None]
    differ = xp.where(_negligible(_gaps(g), g[..., None, :]), used, used + 1)
    return _blank(xp, M * (1 - identity) / (gap + identity), lost, differ)


def _shared(xp: Any, g: Any, values: Any) -> Any:
    """The cotangents of values, of those that are equal to rounding their mean, once: a further
    derivative is NaN."""
    known = raw(values)
    library = namespace(known)
    alike = library.astype(_negligible(_gaps(known), known[..., None, :]), known.dtype)
    count = library.sum(alike, axis=-1, keepdims=True)
    if not anywhere(count > 1):
        return g
    weights = alike / count
    return xp.matmul(weights, g[..., None])[..., 0] + zero(values, count[..., 0] > 1, g)


# --- symmetric matrices, of which the lower triangle is read


@primitive(
    "cholesky({0})",
    r"\operatorname{{chol}}({0})",
    numpy="np.linalg.cholesky({0}, upper={upper})",
    meaning="ii->ii",
    symmetric=True,
)
def cholesky(xp: Any, A: Any, *, upper: bool = False) -> Any:
    """The lower triangular L with L L^T = A, for each matrix, which is positive definite, else
    `ValueError`; with `upper` U = L^T. As in NumPy, A is what that triangle says; the gradient lies
    there, too.

    For a symmetric A it is that of L^-T P(L^T G) L^-1, where P takes the lower triangle and halves
    the diagonal (I. Murray, "Differentiation of the Cholesky decomposition", 2016).
    """
    L = xp.linalg.cholesky(_read(xp, A, "U" if upper else "L"))
    return L.mT if upper else L


def _cholesky_pull(xp: Any, G: Any, L: Any, A: Any, *, upper: bool) -> Any:
    G, L = (G.mT, L.mT) if upper else (G, L)
    n = shape_of(L)[-1]
    P = xp.tril(xp.matmul(L.mT, G)) * (1 - 0.5 * eye(L, n, n))
    return _folded(xp, solve(L.mT, solve(L.mT, P.mT).mT), "U" if upper else "L")


cholesky.pull(_cholesky_pull)


@primitive(
    "eigh({0})",
    r"\operatorname{{eigh}}({0})",
    numpy="tg.eigh_rows({0}, UPLO={UPLO})",
    symmetric=True,
)
def eigh_rows(xp: Any, A: Any, *, UPLO: str = "L") -> Any:
    """Rows (w_i, v_i): the eigenvalues, ascending, and the unit eigenvectors of each symmetric
    matrix, of which the triangle UPLO ("L" or "U") is read and gets the gradient.

    For the matrix V of columns v_i it is that of V (diag(g_w) + F * (V^T G_V)) V^T, with
    F_ij = 1 / (w_j - w_i) (Giles 2008). NaN where it would need the v of equal eigenvalues.
    """
    S = _read(xp, A, UPLO)
    w, V = xp.linalg.eigh(S, UPLO=UPLO) if is_numpy(xp) else xp.linalg.eigh(S)
    return xp.concat([w[..., None], V.mT], axis=-1)


def _eigh_pull(xp: Any, G: Any, y: Any, A: Any, *, UPLO: str) -> Any:
    n = shape_of(A)[-1]
    if not n:
        return xp.zeros_like(A)
    w, V, g, G = y[..., 0], y[..., 1:], G[..., 0], G[..., 1:]
    core = _over_gaps(xp, xp.matmul(V, G.mT), _gaps(w), w, g, G) + eye(V, n, n) * g[..., None, :]
    return _folded(xp, xp.matmul(V.mT, xp.matmul(core, V)), UPLO)


eigh_rows.pull(_eigh_pull)


@primitive(
    "eigvalsh({0})",
    r"\operatorname{{eigvalsh}}({0})",
    numpy="np.linalg.eigvalsh({0}, UPLO={UPLO})",
    meaning="ii->i",
    symmetric=True,
)
def eigvalsh(xp: Any, A: Any, *, UPLO: str = "L") -> Any:
    """The eigenvalues, ascending, of each symmetric matrix, of which the triangle UPLO ("L" or "U")
    is read and gets the gradient, that of V diag(G) V^T, V the eigenvectors. Ties share equally."""
    S = _read(xp, A, UPLO)
    return xp.linalg.eigvalsh(S, UPLO=UPLO) if is_numpy(xp) else xp.linalg.eigvalsh(S)


def _eigvalsh_pull(xp: Any, G: Any, w: Any, A: Any, *, UPLO: str) -> Any:
    if not shape_of(A)[-1]:
        return xp.zeros_like(A)
    V = eigh_rows(A, UPLO=UPLO)[..., 1:]
    return _folded(xp, xp.matmul(V.mT, _shared(xp, G, w)[..., None] * V), UPLO)


eigvalsh.pull(_eigvalsh_pull)


# --- other matrices


@primitive("eig({0})", r"\operatorname{{eig}}({0})", numpy="tg.eig_rows({0})")
def eig_rows(xp: Any, A: Any) -> Any:
    """Rows (w_i, v_i): the eigenvalues and the unit eigenvectors of each matrix, A v_i = w_i v_i.

    The gradient is V^-T (diag(g_w) + F * (V^T G_V - V^T V diag(V^T G_V))) V^T, with F_ij =
    1 / (w_j - w_i) (C. Boeddeker et al., "On the computation of complex-valued gradients", 2017).
    NaN where eigenvalues coincide and their vectors are used, or do not span the space. Raises
    `ValueError` if an eigenvalue is not real.
    """
    _refuse_rectangle(A)
    w, V = xp.linalg.eig(A)
    if xp.isdtype(w.dtype, "complex floating"):
        turning = xp.imag(w) != 0
        if anywhere(turning, traced=False):
            raise ValueError("has complex eigenvalues; eigh is for the symmetric part")
        w, V = xp.where(turning, nan, xp.real(w)), xp.real(V)  # NaN where nothing can raise
    return xp.concat([w[..., None], V.mT], axis=-1)


def _eig_pull(xp: Any, G: Any, y: Any, A: Any) -> Any:
    n = shape_of(A)[-1]
    if not n:
        return xp.zeros_like(A)
    w, V, g, G = y[..., 0], y[..., 1:], G[..., 0], G[..., 1:]
    identity = eye(V, n, n)
    M = xp.matmul(V, G.mT)
    M = M - xp.matmul(V, V.mT) * diagonal(M)[..., None, :]
    core = _over_gaps(xp, M, _gaps(w), w, g, G) + identity * g[..., None, :]
    sizes = namespace(raw(V)).linalg.svdvals(raw(V))
    eps = float(namespace(sizes).finfo(sizes.dtype).eps)
    lost = (sizes[..., -1] < eps**0.75)[..., None, None]  # defective: V is singular
    if anywhere(lost):
        V = xp.where(lost, identity, V)
    total = xp.sum(xp.abs(G), axis=(-2, -1)) + xp.sum(xp.abs(g), axis=-1)
    return _blank(xp, solve(V, xp.matmul(core, V)), lost, total[..., None, None])


eig_rows.pull(_eig_pull)


@primitive("svd({0})", r"\operatorname{{svd}}({0})", numpy="tg.svd_rows({0})")
def svd_rows(xp: Any, A: Any) -> Any:
    """Rows (u_i, s_i, v_i): the singular values of each matrix, descending, with their left and
    right unit vectors; A is the sum of s_i u_i v_i^T.

    The gradient is U (diag(g_s) + (F * (M - M^T)) S + S (F * (N - N^T))) V^T, with M = U^T G_U,
    N = V^T G_V and F_ij = 1 / (s_j^2 - s_i^2), and for a matrix that is not square
    (G_U - U M) S^-1 V^T + U S^-1 (G_V - V N)^T (J. Townsend, "Differentiating the singular value
    decomposition", 2016). That of an s_i = 0, which has a kink, is 0. NaN where it would need the
    vectors of equal singular values, or those of s_i = 0 of a matrix that is not square.
    """
    U, s, Vh = xp.linalg.svd(A, full_matrices=False)
    return xp.concat([U.mT, s[..., None], Vh], axis=-1)


def _svd_pull(xp: Any, G: Any, y: Any, A: Any) -> Any:
    shape = shape_of(A)
    m, n = shape[-2:]
    k = min(m, n)
    if not k:
        return xp.zeros_like(A)
    U, s, V = y[..., :m], y[..., m], y[..., m + 1 :]
    G_U, g, G_V = G[..., :m], G[..., m], G[..., m + 1 :]
    M, N = xp.matmul(U, G_U.mT), xp.matmul(V, G_V.mT)
    columns, rows, g = s[..., None, :], s[..., :, None], _at_zero(xp, g, s)
    gap = (columns - rows) * (columns + rows)
    core = _over_gaps(xp, M - M.mT, gap, s * s, g, G_U) * columns + eye(s, k, k) * g[..., None, :]
    core = core + rows * _over_gaps(xp, N - N.mT, gap, s * s, g, G_V)
    total = xp.matmul(U.mT, xp.matmul(core, V))
    if m > k:
        total = total + xp.matmul(_over_values(xp, G_U - xp.matmul(M.mT, U), s, G_U).mT, V)
    if n > k:
        total = total + xp.matmul(U.mT, _over_values(xp, G_V - xp.matmul(N.mT, V), s, G_V))
    return total


def _at_zero(xp: Any, g: Any, s: Any) -> Any:
    """The cotangents of singular values; 0 at 0, where they have a kink, but NaN if infinite."""
    if not anywhere(s == 0):
        return g
    none = raw(s) == 0
    return _blank(xp, g + zero(s, none, g, s), none, g - g)


def _over_values(xp: Any, rows: Any, s: Any, G: Any) -> Any:
    """Rows divided by s_i; where that is 0 to rounding, NaN if the rows of G are not 0."""
    lost = _negligible(s, s)[..., None]
    if anywhere(lost):
        s = xp.where(lost[..., 0], xp.ones_like(s), s)
    return _blank(xp, rows / s[..., None], lost, xp.sum(xp.abs(G), axis=-1, keepdims=True))


svd_rows.pull(_svd_pull)


@primitive("svdvals({0})", r"\operatorname{{svdvals}}({0})", numpy="np.linalg.svdvals({0})")
def svdvals(xp: Any, x: Any) -> Any:
    """The singular values of each matrix, descending. The gradient is U diag(G) V^T, U and V the
    singular vectors; 0 for a value that is 0. Ties share equally."""
    return xp.linalg.svdvals(x)


def _svdvals_pull(xp: Any, G: Any, s: Any, x: Any) -> Any:
    m, n = shape_of(x)[-2:]
    if not min(m, n):
        return xp.zeros_like(x)
    rows, g = svd_rows(x), _at_zero(xp, _shared(xp, G, s), s)
    return xp.matmul(rows[..., :m].mT, g[..., None] * rows[..., m + 1 :])


svdvals.pull(_svdvals_pull)


@primitive("qr({0})", r"\operatorname{{qr}}({0})", numpy="tg.qr_rows({0})")
def qr_rows(xp: Any, A: Any) -> Any:
    """Rows (q_i, R_i): the columns of Q and the rows of R, A = Q R, for matrices with at least as
    many rows as columns.

    The gradient is (G_Q + Q C) R^-T, where C is the symmetric matrix with the lower triangle of
    R G_R^T - G_Q^T Q (S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra
    functions", 2010). NaN where the columns of A are dependent.
    """
    Q, R = xp.linalg.qr(A)
    return xp.concat([Q.mT, R], axis=-1)


def _qr_pull(xp: Any, G: Any, y: Any, A: Any) -> Any:
    shape = shape_of(A)
    m, n = shape[-2:]
    if not prod(shape):
        return xp.zeros_like(A)
    Q, R, G_Q, G_R = y[..., :m], y[..., m:], G[..., :m], G[..., m:]
    M = xp.matmul(R, G_R.mT) - xp.matmul(G_Q, Q.mT)
    C = xp.tril(M) + xp.tril(M, k=-1).mT
    sizes = diagonal(R)
    lost = namespace(raw(R)).any(_negligible(sizes, sizes), axis=-1)[..., None, None]
    if anywhere(lost):
        R = xp.where(lost, eye(R, n, n), R)
    y = solve(R, G_Q + xp.matmul(C, Q)).mT
    return _blank(xp, y, lost, xp.sum(xp.abs(G), axis=(-2, -1), keepdims=True))


qr_rows.pull(_qr_pull)


@primitive(
    "pinv({0})",
    r"{{{0}}}^{{+}}",
    numpy="np.linalg.pinv({0}, rtol={rtol})",
    meaning="ij->ji",
)
def pinv(xp: Any, A: Any, *, rtol: Any = None) -> Any:
    """The pseudoinverse P of each matrix; singular values up to `rtol` times the largest (None:
    the longer side times the precision of the dtype) count as 0.

    The gradient is that at a constant rank: -P^T G P^T + (I - A P) G^T P P^T + P^T P G^T (I - P A)
    (G. Golub and V. Pereyra, "The differentiation of pseudo-inverses", 1973). Where `rtol` cuts off
    singular values that are not small it is that of the sum of v_i u_i^T / s_i over the others, by
    the rule of `svd_rows`: NaN where two of these are equal.
    """
    return xp.linalg.pinv(A, rtol=rtol)


def _pinv_pull(xp: Any, G: Any, P: Any, A: Any, *, rtol: Any) -> Any:
    if not prod(shape_of(A)):
        return xp.zeros_like(A)
    GP, PG = xp.matmul(G.mT, P), xp.matmul(P, G.mT)
    left, right = xp.matmul(GP, P.mT), xp.matmul(P.mT, PG)
    total = left - xp.matmul(A, xp.matmul(P, left)) + right - xp.matmul(right, xp.matmul(P, A))
    total = total - xp.matmul(P.mT, xp.matmul(G, P.mT))
    if rtol is None:
        return total
    plain, known = raw(A), raw(P)
    library = namespace(plain)
    rest = library.abs(plain - library.matmul(plain, library.matmul(known, plain)))
    limit = float(library.finfo(plain.dtype).eps) ** 0.5 * library.abs(plain)
    ends = {"axis": (-2, -1), "keepdims": True}
    cut = library.max(rest, **ends) > library.max(limit, **ends)
    return xp.where(cut, _cut_pinv_pull(xp, G, A, rtol), total) if anywhere(cut) else total


def _cut_pinv_pull(xp: Any, G: Any, A: Any, rtol: Any) -> Any:
    y, m = svd_rows(A), shape_of(A)[-2]
    U, s, V = y[..., :m], y[..., m : m + 1], y[..., m + 1 :]
    known = raw(s)
    library = namespace(known)
    limit = library.asarray(rtol, dtype=known.dtype)[..., None, None] * known[..., :1, :]
    kept = known > limit
    share = library.astype(kept, known.dtype) / xp.where(kept, s, xp.ones_like(s))
    G_U, G_V = share * xp.matmul(V, G), share * xp.matmul(U, G.mT)
    g = -share * xp.sum(U * G_U, axis=-1, keepdims=True)
    return _svd_pull(xp, xp.concat([G_U, g, G_V], axis=-1), y, A)


pinv.pull(_pinv_pull)
