"""Reductions: ties, no entries, stability, infinities, zeros in products, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_lite as tg


def gradient(f, x):
    x = tg.Tensor(x)
    f(x).backward()
    return x.grad


@pytest.mark.parametrize("op", [tg.max, tg.min])
def test_ties_share_equally(op):
    sign = 1 if op is tg.max else -1
    x = sign * np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    g = gradient(lambda x: op(x, axis=1).sum(), x)
    np.testing.assert_allclose(g, [[0, 0.5, 0.5], [1 / 3] * 3])


@pytest.mark.parametrize("op", [tg.max, tg.min])
def test_nan_in_one_row_does_not_touch_the_other(op):
    x = tg.Tensor([[1.0, math.nan], [1.0, 2.0]])
    y = op(x, axis=1)
    y.sum().backward()
    assert np.isnan(y.data).tolist() == [True, False]
    assert np.isnan(x.grad).tolist() == [[True, True], [False, False]]
    assert x.grad[1].sum() == 1.0


def test_sum_and_prod_of_nothing():
    assert tg.sum(tg.Tensor([])).item() == 0.0
    assert tg.prod(tg.Tensor([])).item() == 1.0


@pytest.mark.parametrize("name", ["mean", "max", "min", "logsumexp"])
def test_no_entries_are_refused(name):
    x = tg.Tensor([])
    with pytest.raises(ValueError, match=f"{name}: x \\(0,\\)"):
        getattr(tg, name)(x)


def test_product_with_zeros_first_and_second_order():
    x = np.array([0.0, 2.0, 3.0])
    np.testing.assert_array_equal(gradient(tg.prod, x), [6.0, 0.0, 0.0])
    np.testing.assert_array_equal(gradient(tg.prod, np.array([0.0, 0.0, 3.0])), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(tg.hessian(tg.prod)(x), [[0, 3, 2], [3, 0, 0], [2, 0, 0]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_a_thousand_does_not_overflow(name, dtype):
    x = tg.Tensor(np.array([1000.0, -1000.0, 999.0], dtype=dtype))
    y = getattr(tg, name)(x)
    (y * np.arange(1, 1 + y.size, dtype=dtype).reshape(y.shape)).sum().backward()
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad).all()
    assert x.grad.dtype == dtype


def test_logsumexp_value_and_gradient():
    x = np.array([0.5, -1.0, 2.0])
    assert math.isclose(tg.logsumexp(x), math.log(np.exp(x).sum()))
    np.testing.assert_allclose(gradient(tg.logsumexp, x), np.exp(x) / np.exp(x).sum())


def test_minus_infinity_is_no_weight():
    x = tg.Tensor([0.0, -math.inf])
    np.testing.assert_array_equal(tg.softmax(x).data, [1.0, 0.0])
    y = tg.logsumexp(x)
    y.backward()
    assert y.item() == 0.0
    np.testing.assert_array_equal(x.grad, [1.0, 0.0])


def test_logsumexp_of_infinities_follows_ieee():
    assert tg.logsumexp(np.array([math.inf, 1.0])) == math.inf
    with np.errstate(divide="ignore"):
        assert tg.logsumexp(np.array([-math.inf, -math.inf])) == -math.inf


def test_softmax_gradient_is_the_matrix_of_the_textbook():
    x = tg.Tensor([0.2, -0.4, 1.0])
    s = tg.softmax(x)
    p = s.data
    np.testing.assert_allclose(s.jacobian(x), np.diag(p) - np.outer(p, p), atol=1e-15)


def test_axis_may_follow_by_position_and_be_negative():
    x = tg.Tensor(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(tg.sum(x, 0).data, [3, 5, 7])
    np.testing.assert_array_equal(tg.mean(x, -1, True).data, [[1], [4]])
    np.testing.assert_array_equal(tg.mean(x, axis=np.int64(1)).data, [1, 4])


@pytest.mark.parametrize("name", ["sum", "mean", "max", "prod", "logsumexp", "softmax"])
def test_an_axis_that_is_not_there(name):
    x = tg.Tensor(np.ones((2, 3)))
    with pytest.raises(IndexError, match=rf"{name}: x \(2, 3\), axis=2.*out of bounds"):
        getattr(tg, name)(x, axis=2)


def test_mean_of_a_scalar_over_an_axis_is_refused():
    x = tg.Tensor(1.0)
    with pytest.raises(IndexError, match=r"mean: x \(\).*out of bounds"):
        tg.mean(x, axis=0)


def test_a_running_sum_of_a_matrix_needs_an_axis():
    x = tg.Tensor(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"cumulative_sum: x \(2, 2\)"):
        tg.cumulative_sum(x)


def test_reductions_of_a_value():
    v = tg.Value(3.0)
    for op in (tg.sum, tg.mean, tg.max, tg.min, tg.prod, tg.logsumexp, tg.vector_norm):
        v.zero_grad()
        y = op(v)
        assert isinstance(y, tg.Tensor)
        assert y.item() == 3.0
        y.backward()
        assert v.grad == 1.0
