"""Matrix ops: textbook gradients, singular and asymmetric input, errors."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg


@pytest.fixture
def A(rng):
    return tg.Tensor(rng.normal(size=(3, 3)) + 3 * np.eye(3), name="A")


def test_textbook_gradients(A, rng):
    inverse = np.linalg.inv(A.data)
    a, b = rng.normal(size=3), rng.normal(size=3)
    for f, expected in [
        (tg.logabsdet, inverse.T),
        (tg.det, np.linalg.det(A.data) * inverse.T),
        (tg.trace, np.eye(3)),
        (lambda A: a @ tg.inv(A) @ b, -inverse.T @ np.outer(a, b) @ inverse.T),
        (lambda A: a @ tg.solve(A, b), -inverse.T @ np.outer(a, b) @ inverse.T),
        (tg.vector_norm, A.data / np.linalg.norm(A.data)),
    ]:
        A.zero_grad()
        f(A).backward()
        np.testing.assert_allclose(A.grad, expected, rtol=1e-12, atol=1e-14)


def test_determinant_of_a_singular_matrix_has_its_cofactors():
    A = tg.Tensor([[1.0, 2.0], [2.0, 4.0]])
    y = tg.det(A)
    y.backward()
    assert y.item() == 0.0
    np.testing.assert_array_equal(A.grad, [[4.0, -2.0], [-2.0, 1.0]])
    one = tg.Tensor([[0.0]])
    tg.det(one).backward()
    assert one.grad.item() == 1.0


def test_norm_of_zero_has_gradient_zero():
    x = tg.Tensor(np.zeros((2, 2)))
    (tg.vector_norm(x) + tg.vector_norm(x, axis=0).sum()).backward()
    np.testing.assert_array_equal(x.grad, np.zeros((2, 2)))


def test_a_determinant_that_underflows_is_not_taken_for_singular(monkeypatch):
    """200 x 200 minors would take half a minute."""
    monkeypatch.setattr("tinygrad_lite.ops.linalg._cofactors", None)
    A = tg.Tensor(0.01 * np.eye(200))
    y = tg.det(A)
    y.backward()
    assert y.data == 0
    np.testing.assert_array_equal(A.grad, np.zeros((200, 200)))


def test_logabsdet_of_a_singular_matrix():
    A = tg.Tensor(np.zeros((2, 2)), name="A")
    y = tg.logabsdet(A)
    assert y.item() == -np.inf
    with pytest.raises(ValueError, match=r"inv.*Singular"):
        y.backward()


def test_cholesky_reads_the_lower_triangle(rng):
    B = rng.normal(size=(3, 3))
    S = B @ B.T + np.eye(3)
    noise = np.triu(np.ones((3, 3)), 1)
    np.testing.assert_array_equal(tg.cholesky(S + noise), np.linalg.cholesky(S + noise))
    A = tg.Tensor(S + noise)
    (tg.cholesky(A) * np.arange(9.0).reshape(3, 3)).sum().backward()
    np.testing.assert_array_equal(A.grad, np.tril(A.grad))


def test_matmul_of_vectors_is_a_number():
    a, b = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    y = a @ b
    assert y.shape == ()
    y.backward()
    np.testing.assert_array_equal(a.grad, b.data)
    np.testing.assert_array_equal(b.grad, a.data)


def test_a_matrix_that_a_stack_shares_collects_from_all(rng):
    W, X = tg.Tensor(rng.normal(size=(2, 3))), rng.normal(size=(5, 3, 4))
    (W @ X).sum().backward()
    np.testing.assert_allclose(W.grad, np.broadcast_to(X.sum((0, 2)), (2, 3)))


ERRORS = [
    (lambda A, x: tg.inv(A[:2]), r"inv: .*\(2, 3\).*square"),
    (lambda A, x: tg.inv(A * 0), "inv.*Singular matrix"),
    (lambda A, x: tg.solve(A, x), r"solve: A \(3, 3\), x \(2,\)"),
    (lambda A, x: tg.solve(A * 0, np.ones(3)), "solve.*Singular matrix"),
    (lambda A, x: tg.cholesky(-A), "cholesky.*not positive definite"),
    (lambda A, x: tg.outer(A, x), r"outer: A \(3, 3\), x \(2,\).*two vectors"),
    (lambda A, x: A @ x, r"matmul: A \(3, 3\) @ x \(2,\) do not fit: 3 columns against 2 entries"),
    (lambda A, x: A @ 2.0, "multiplied with"),
    (lambda A, x: tg.trace(x), r"trace: x \(2,\)"),
    (lambda A, x: tg.det(x), r"det: x \(2,\)"),
]


@pytest.mark.parametrize(("f", "message"), ERRORS)
def test_errors_name_the_op_the_shapes_and_the_way_out(f, message, A):
    x = tg.Tensor(np.ones(2), name="x")
    with pytest.raises(ValueError, match=message):
        f(A, x)
