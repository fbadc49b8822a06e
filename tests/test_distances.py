"""Second derivatives where a distance is 0: the right value or NaN, never another number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

LENGTHS = {  # in what ways a distance is written
    "norm": lambda u: tg.linalg.norm(u),
    "sqrt of a sum of squares": lambda u: tg.sqrt((u**2).sum()),
    "sqrt of a sum of products": lambda u: tg.sqrt((u * u).sum()),
    "sqrt of a product": lambda u: tg.sqrt(u @ u),
    "a power": lambda u: tg.square(u).sum() ** 0.5,
    "hypot": lambda u: tg.hypot(u[0], u[1]),
    "of sizes": lambda u: tg.sqrt((abs(u) ** 2).sum()),
    "exp of log": lambda u: tg.exp(0.5 * tg.log((u * u).sum())),
}
KERNELS: dict[str, Any] = {  # smooth functions of a distance, and their second derivative at 0
    "Matern": (lambda r: (1 + r) * tg.exp(-r), -1.0),
    "square": (lambda r: r**2, 2.0),
    "cosh": (lambda r: tg.cosh(r), 1.0),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_smooth_function_of_a_distance_has_no_wrong_second_derivative_at_0(length, kernel):
    f, second = KERNELS[kernel]
    with np.errstate(all="ignore"):
        found = tg.hessian(lambda t: f(LENGTHS[length](t - 1.0)))(np.ones(2))
    wrong = np.isfinite(found) & (found != second * np.eye(2))
    assert not wrong.any(), found


@pytest.mark.parametrize("length", [LENGTHS["norm"], LENGTHS["sqrt of a sum of squares"]])
def test_a_zero_that_stays_one_leaves_second_derivatives_right(length):
    """The distance of a point to itself, and a branch not taken."""
    points, weights = np.array([[0.0, 1.0], [2.0, 1.5], [1.0, -1.0]]), np.array([1.0, -2.0, 0.5])

    def kernels(flat, pairs):
        x = flat.reshape(3, 2)
        return sum(
            weights[i] * weights[j] * KERNELS["Matern"][0](length(x[i] - x[j])) for i, j in pairs
        )

    everyone = [(i, j) for i in range(3) for j in range(3)]
    others = [(i, j) for i, j in everyone if i != j]
    expected = tg.hessian(lambda t: kernels(t, others))(points.ravel())
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(tg.hessian(lambda t: kernels(t, everyone))(points.ravel()), expected)
    points[1] = points[0]  # two that only meet here
    found = tg.hessian(lambda t: kernels(t, everyone))(points.ravel())
    assert np.isnan(found[:4, :4]).all()
    assert np.isfinite(found[:, 4:]).all()


def test_masked_entries_have_no_second_derivative():
    found = tg.hessian(lambda t: tg.where(t.data > 0, tg.sqrt(t), 0.0).sum())(np.array([0.0, 4.0]))
    np.testing.assert_allclose(found, [[0.0, 0.0], [0.0, -1 / 32]])


SQUARES: dict[str, Any] = {  # |A|^2, by way of what has a kink where A is 0
    "svdvals": lambda A: (tg.linalg.svdvals(A) ** 2).sum(),
    "norms of rows": lambda A: sum(tg.linalg.norm(row) ** 2 for row in A),
    "spectral norms of rows": lambda A: sum(
        tg.linalg.norm(A[i : i + 1], ord=2) ** 2 for i in (0, 1)
    ),
}


@pytest.mark.parametrize("name", SQUARES)
def test_a_square_of_what_has_a_kink_has_no_wrong_second_derivative(name):
    with np.errstate(all="ignore"):
        found = tg.hessian(lambda t: SQUARES[name](t.reshape(2, 2)))(np.zeros(4))
    wrong = np.isfinite(found) & (found != 2 * np.eye(4))
    assert not wrong.any(), found


AGAIN: dict[str, Any] = {  # the matrix, from its parts
    "eigh": lambda A: (lambda w, U: U @ (U.T * w[:, None]))(*tg.linalg.eigh((A + A.T) / 2)),
    "svd": lambda A: (lambda U, s, Vh: U @ (s[:, None] * Vh))(*tg.linalg.svd(A)),
}


@pytest.mark.parametrize("name", AGAIN)
def test_vectors_of_equal_values_have_no_second_derivative(name):
    """Their cotangent is 0 here, but only here."""
    with np.errstate(all="ignore"):
        found = tg.hessian(lambda t: ((AGAIN[name](t.reshape(2, 2)) - np.eye(2)) ** 2).sum())(
            np.eye(2).ravel()
        )
    assert np.isnan(found).all()
