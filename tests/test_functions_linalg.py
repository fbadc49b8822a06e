"""NumPy's linear algebra on nodes: NumPy's values, differences, float32, and degenerate points."""

from __future__ import annotations

import numpy as np
import pytest
from draws import diagonalisable, of_full_rank, spread_out

import tinygrad_lite as tg
from tinygrad_lite import Tensor
from tinygrad_lite.testing import assert_gradients

L, inf = np.linalg, np.inf
rng = np.random.default_rng(3)
SQUARE, TALL, WIDE = (of_full_rank(rng, s) for s in [(3, 3), (4, 3), (2, 4)])
STACK, ROOTS = of_full_rank(rng, (2, 3, 3)), diagonalisable(rng, (3, 3))
SYMMETRIC = spread_out(rng, (2, 3, 3))
SPD = STACK @ np.swapaxes(STACK, 1, 2)
NORMS = [None, "fro", "nuc", 1, -1, 2, -2, inf, -inf]
LENGTHS = [None, 0, 1, 2, 3, 2.5, 0.5, -1, inf, -inf]

# f(x) gives an array or a tuple of arrays
CALLS = [
    *[(lambda x, p=p: L.norm(x, p), TALL) for p in NORMS],
    *[(lambda x, p=p: L.norm(x, p, axis=(2, 0), keepdims=True), STACK) for p in NORMS],
    *[(lambda x, p=p: L.norm(x, p, axis=1), TALL) for p in LENGTHS],
    *[(lambda x, p=p: L.norm(x, p), TALL[0]) for p in LENGTHS],
    *[(lambda x, p=p: L.vector_norm(x, ord=p, keepdims=True), STACK) for p in LENGTHS[1:]],
    *[(lambda x, p=p: L.matrix_norm(x, ord=p, keepdims=True), STACK) for p in NORMS[1:]],
    *[(lambda x, p=p: L.cond(x, p), SQUARE) for p in NORMS],
    (L.norm, STACK),
    (lambda x: L.cond(x), TALL),
    (L.eigh, SYMMETRIC),
    (lambda x: L.eigh(x, "U"), np.swapaxes(SYMMETRIC, 1, 2)),
    (L.eigvalsh, SYMMETRIC),
    (lambda x: L.eigvalsh(x, UPLO="U"), np.swapaxes(SYMMETRIC, 1, 2)),
    (L.eig, ROOTS),
    (L.eigvals, ROOTS),
    (L.svd, STACK),
    (lambda x: L.svd(x, full_matrices=False), TALL),
    (lambda x: L.svd(x, False), WIDE),
    (lambda x: L.svd(x, compute_uv=False), TALL),
    (L.svdvals, WIDE),
    (L.qr, STACK),
    (L.qr, TALL),
    (lambda x: L.qr(x, mode="complete"), WIDE),
    (lambda x: L.qr(x, "r"), WIDE),
    (L.pinv, TALL),
    (lambda x: L.pinv(x, 0.1), TALL),
    (lambda x: L.pinv(x, rtol=1e-9), STACK),
    *[(lambda x, n=n: L.matrix_power(x, n), STACK / 3) for n in (-2, -1, 0, 1, 2, 5)],
    (lambda x: L.multi_dot([x, TALL.T, TALL, SQUARE, SQUARE[0]]), TALL),
    (lambda x: L.multi_dot([TALL[0], x, x]), SQUARE),
    (lambda x: L.tensorsolve(x, np.ones((2, 3))), of_full_rank(rng, (6, 6)).reshape(2, 3, 6)),
    (lambda x: L.tensorsolve(np.eye(6).reshape(2, 6, 3), x, axes=(1,)), TALL[:2]),
    (L.tensorinv, of_full_rank(rng, (6, 6)).reshape(2, 3, 3, 2)),
    (lambda x: L.lstsq(x, np.ones(4))[:2], TALL),
    (lambda x: L.lstsq(TALL, x)[0], TALL),
    (lambda x: L.lstsq(x, np.ones(2))[3], WIDE),
    (L.cholesky, SPD),
    (lambda x: L.cholesky(x, upper=True), SPD),
    (lambda x: L.pinv(x, hermitian=True), SPD - 2 * np.eye(3)),
    *[(lambda x, cut=cut: L.pinv(x, cut), TALL) for cut in (0.3, 0.7, 1.0)],
    (lambda x: L.pinv(x, np.array([0.3, 0.0])), STACK),
    (L.slogdet, STACK),
    (lambda x: L.trace(x, offset=1), STACK),
    (lambda x: L.diagonal(x, offset=-1), STACK),
]


def several(y):
    return tuple(y) if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize(("f", "x"), CALLS)
def test_values_are_numpys_and_derivatives_those_of_differences(f, x):
    mine, theirs = several(f(Tensor(x))), several(f(x))
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a.data, b, rtol=1e-9, atol=1e-10)
        assert a.shape == np.shape(b)
    assert_gradients(lambda t: several(f(t)), x)


@pytest.mark.parametrize(("f", "x"), CALLS)
def test_float32_stays(f, x):
    t = Tensor(x.astype(np.float32))
    for a, b in zip(several(f(t)), several(f(x.astype(np.float32))), strict=True):
        assert a.dtype in (np.float32, b.dtype)  # NumPy's lstsq has s in float64
        np.testing.assert_allclose(a.data, b, rtol=2e-3, atol=2e-3)
        a.sum().backward()
    assert t.grad is None or t.grad.dtype == np.float32


def test_results_have_numpys_names():
    assert L.eigh(Tensor(SYMMETRIC))._fields == L.eigh(SYMMETRIC)._fields
    assert L.eig(Tensor(ROOTS))._fields == L.eig(ROOTS)._fields
    assert L.svd(Tensor(SQUARE))._fields == L.svd(SQUARE)._fields
    assert L.qr(Tensor(SQUARE))._fields == L.qr(SQUARE)._fields
    assert L.slogdet(Tensor(SQUARE))._fields == L.slogdet(SQUARE)._fields
    assert L.matrix_rank(Tensor(TALL)) == 3
    assert L.lstsq(Tensor(WIDE), np.ones(2))[1].size == 0


# --- degenerate points: a right limit, NaN, or an error

ONES = np.eye(3)
TURNED = np.linalg.qr(rng.normal(size=(3, 3))).Q
REPEATED = TURNED * [1.0, 1.0, 2.0] @ TURNED.T  # equal to rounding
LOW = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, -1.0, 0.5])  # rank 1


@pytest.mark.parametrize("A", [ONES, REPEATED, np.zeros((3, 3))])
def test_repeated_eigenvalues(A):
    """Sums over them have their gradient, what needs single vectors has NaN, and nothing else."""
    lower = tg.grad(lambda A: np.sum(np.linalg.eigvalsh(A) ** 3))(A)
    np.testing.assert_allclose(lower, 3 * np.tril(A @ A) * (2 - ONES), atol=1e-12)
    root = tg.grad(lambda A: unlike(L.eigh(A)))(A)  # sum(A * W), all of whose derivatives exist
    assert np.isnan(root).any()
    trace = tg.grad(lambda A: L.svdvals(A @ A + ONES).sum())(A)
    np.testing.assert_allclose(trace, 2 * A, atol=1e-12)
    for values in (L.eigvalsh, lambda A: L.eigh(A).eigenvalues):
        assert np.isnan(tg.hessian(lambda A: np.sum(values(A) ** 2))(A)).any()  # noqa: B023


W = np.arange(9.0).reshape(3, 3)


def unlike(parts):
    w, V = parts
    return np.sum(W * (V * w @ V.T))


def test_a_vector_whose_eigenvalue_is_alone_has_its_gradient_beside_repeated_ones():
    gradient = tg.grad(lambda A: np.sum(np.linalg.eigh(A).eigenvectors[:, 2] ** 2 * [1, 2, 3]))
    step = 1e-6 * np.tril(W)
    f = lambda A: np.sum(np.linalg.eigh(A).eigenvectors[:, 2] ** 2 * [1, 2, 3])  # noqa: E731
    expected = (f(REPEATED + step) - f(REPEATED - step)) / 2e-6
    assert np.sum(gradient(REPEATED) * np.tril(W)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_eigenvalues_move_in_forward_mode_where_vectors_do_not(mode):
    direction = W + W.T
    if mode == "forward":
        _, dw = tg.jvp(lambda A: L.eigvalsh(A).sum(), (REPEATED,), (direction,))
    else:
        dw = np.sum(tg.grad(lambda A: L.eigvalsh(A).sum())(REPEATED) * direction)
    np.testing.assert_allclose(dw, np.trace(direction))


@pytest.mark.parametrize("A", [np.array([[1.0, 1.0], [0.0, 1.0]]), np.eye(2)])
def test_a_defective_matrix_has_no_derivative_of_its_eigenvalues(A):
    """Of the identity the sum has; of a Jordan block the eigenvalues move as a square root."""
    g = tg.grad(lambda A: L.eigvals(A).sum())(A)
    if A[0, 1]:
        assert np.isnan(g).all()
    else:
        np.testing.assert_array_equal(g, np.eye(2))
    assert np.isnan(tg.grad(lambda A: L.eig(A).eigenvectors.sum())(A)).any()


def test_complex_eigenvalues_are_refused():
    with pytest.raises(ValueError, match="complex eigenvalues"):
        L.eigvals(Tensor([[0.0, 1.0], [-1.0, 0.0]]))


def test_a_rank_that_is_lost():
    """The singular values that are not 0 have their gradient; vectors of the others, none."""
    largest = tg.grad(lambda A: L.norm(A, 2))(LOW)
    U, _, Vh = L.svd(LOW, full_matrices=False)
    np.testing.assert_allclose(largest, np.outer(U[:, 0], Vh[0]), atol=1e-12)
    assert np.isnan(tg.grad(lambda A: L.svd(A, False).U.sum())(LOW)).all()
    assert np.isnan(tg.grad(lambda A: L.qr(A).R.sum())(LOW)).all()
    first = tg.grad(lambda A: np.sum(L.svd(A, False).U[:, 0] ** 2 * [1, 2, 3, 4]))(LOW)
    assert np.isfinite(first).all()
    assert tg.grad(lambda A: 0.0 * L.qr(A).Q.sum())(LOW).max() == 0.0


@pytest.mark.parametrize("p", NORMS)
def test_norms_of_zero_have_gradient_zero_and_no_second(p):
    """|x| has a kink at 0, as every norm; second derivatives are those of abs: 0, or NaN."""
    np.testing.assert_array_equal(tg.grad(lambda A: L.norm(A, p))(np.zeros((2, 2))), 0)
    if p in (None, "fro", "nuc", 2, -2):
        assert np.isnan(tg.hessian(lambda A: L.norm(A, p))(np.zeros((2, 2)))).any()


def test_squares_of_norms_of_zero_have_second_derivatives():
    second = tg.hessian(lambda x: L.norm(x) ** 2)(np.zeros(2))
    np.testing.assert_array_equal(second, 2 * np.eye(2))
    assert np.isnan(tg.hessian(lambda x: L.norm(x, 3))(np.zeros(2))).any()


@pytest.mark.parametrize(("p", "second"), [(1.5, np.nan), (2.0, 0.5), (3.0, 0.0), (0.5, np.nan)])
def test_an_entry_that_is_0_in_a_norm_that_is_not(p, second):
    """|x|**p has a second derivative at 0 from p = 2 on, and none below."""
    f = lambda x: L.norm(np.stack([x, Tensor(2.0).detach()]), p)  # noqa: E731
    with np.errstate(all="raise" if p > 1 else "ignore"):
        assert tg.grad(f)(0.0) == 0.0 if p > 1 else np.isnan(tg.grad(f)(0.0))
        np.testing.assert_equal(tg.grad(tg.grad(f))(0.0), second)


@pytest.mark.parametrize("A", [TALL, WIDE, of_full_rank(rng, (2, 4, 2)), np.zeros((0, 3))])
def test_columns_that_complete_a_basis_have_values_and_no_derivative(A):
    """The others have theirs, so that plain `np.linalg.svd(A)` can be used for its values."""
    k = min(A.shape[-2:])
    for parts in (L.svd, lambda A: L.qr(A, "complete")):
        for mine, theirs in zip(parts(Tensor(A)), parts(A), strict=True):
            np.testing.assert_allclose(mine.data, theirs, atol=1e-12)
    assert_gradients(lambda A: L.svd(A).S, A)
    assert_gradients(lambda A: (L.svd(A).U[..., :k], L.svd(A).Vh[..., :k, :]), A)
    assert_gradients(lambda A: L.qr(A, "complete").R, A)
    t = Tensor(A)
    (L.svd(t).U[..., k:].sum() + L.svd(t).Vh[..., k:, :].sum()).backward()
    assert np.isnan(t.grad).all()


def test_the_pseudoinverse_along_matrices_of_one_rank():
    a, b = rng.normal(size=4), rng.normal(size=3)
    assert_gradients(lambda a, b: tg.pinv(tg.outer(a, b), rtol=1e-9), (a, b))


def test_a_pseudoinverse_that_cuts_off_what_is_not_small_leaves_equal_values_open():
    with np.errstate(all="ignore"):
        slope = tg.grad(lambda A: L.pinv(A, 0.5).sum())(np.diag([2.0, 2.0, 1.0]))
    assert np.isnan(slope).any()


def test_ties_share_equally():
    """As those of max; so the norm of an orthogonal matrix and its singular values agree."""
    for f in (lambda A: L.svdvals(A)[0], lambda A: L.norm(A, 2)):
        np.testing.assert_allclose(tg.grad(f)(TURNED), TURNED / 3, atol=1e-12)
    np.testing.assert_allclose(tg.grad(lambda A: L.eigvalsh(A)[1])(ONES), ONES / 3)
    assert np.isnan(tg.grad(lambda A: L.eigh(A).eigenvalues[1])(ONES)).any()


def test_a_condition_that_is_infinite():
    singular = np.diag([1.0, 0.0])
    with np.errstate(all="ignore"):
        t = Tensor(singular)
        y = L.cond(t)
        y.backward()
    assert y.item() == inf
    assert np.isnan(t.grad).any()


REFUSED = [
    (lambda: L.qr(Tensor(TALL), "raw"), r'qr: mode=.raw. .*"reduced", "complete" or "r"'),
    (lambda: L.norm(Tensor(STACK), 2), r"norm: ord=2 is not supported for 3 axes"),
    (lambda: L.norm(Tensor(TALL), 3), "matrix_norm: ord=3"),
    (lambda: L.norm(Tensor(TALL[0]), "fro"), "norm: ord='fro'"),
    (lambda: L.eigh(Tensor(SQUARE), "X"), "UPLO"),
    (lambda: L.eigh(Tensor(TALL)), "eigh_rows: .*square matrices"),
    (lambda: L.multi_dot([Tensor(TALL)]), "at least two"),
    (lambda: L.tensorsolve(Tensor(TALL), np.ones(4)), r"tensorsolve: \(4, 3\) is not square"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_has_no_derivative_is_refused_with_the_way_out(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("which", ["X", "", None, np.ones(2)])
def test_a_triangle_that_is_none_is_refused(which):
    with pytest.raises(ValueError, match='UPLO is "L" or "U"'):
        tg.linalg.eigh(tg.Tensor(np.eye(2)), which)
