"""Elementwise ops where they are extreme: ±1000, infinities, NaN, poles, float32."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.ops import registry

POINTS = (-math.inf, -1000.0, -30.0, -1.0, -0.0, 0.0, 0.5, 1.0, 30.0, 1000.0, math.inf, math.nan)
UNARY = sorted(n for n, op in registry.items() if op.elementwise and op.arity == 1)
BINARY = sorted(n for n, op in registry.items() if op.elementwise and op.arity == 2)
# Their derivative is 0 everywhere, whatever the input.
STEPS = {"sign", "floor", "ceil", "round", "trunc"}
CONSTANT = STEPS | {"identity", "negative"}
STABLE = ("sigmoid", "softplus", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "erf", "atan")


def on_tensors(op, points, dtype=np.float64):
    leaves = [tg.Tensor(np.asarray(p, dtype=dtype)) for p in points]
    with np.errstate(all="ignore"):
        y = op(*leaves)
        y.backward()
    return y.data, [x.grad for x in leaves]


def on_values(op, points):
    leaves = [tg.Value(p) for p in points]
    y = op(*leaves)
    y.backward()
    return y.data, [x.grad for x in leaves]


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("x", POINTS)
def test_value_follows_ieee_as_tensor_does(name, x):
    """No `math` error and no warning leaves a Value; it has what NumPy has."""
    y, (g,) = on_tensors(registry[name], [x])
    v, (h,) = on_values(registry[name], [x])
    np.testing.assert_allclose(v, y, rtol=1e-14)
    np.testing.assert_allclose(h, g, rtol=1e-13)


@pytest.mark.parametrize("name", BINARY)
def test_value_follows_ieee_as_tensor_does_for_pairs(name):
    for pair in product(POINTS, POINTS):
        if name == "pow" and pair == (-math.inf, 0.5):
            continue  # NumPy takes x**0.5 for sqrt(x), which is NaN there; IEEE 754 has inf
        y, g = on_tensors(registry[name], pair)
        v, h = on_values(registry[name], pair)
        np.testing.assert_allclose(v, y, rtol=1e-14, err_msg=str(pair))
        np.testing.assert_allclose(h, g, rtol=1e-13, err_msg=str(pair))


@pytest.mark.parametrize("name", UNARY)
def test_nan_stays_nan_and_so_does_its_gradient(name):
    y, (g,) = on_tensors(registry[name], [math.nan])
    assert math.isnan(y)
    if name not in CONSTANT:
        assert math.isnan(g)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("pair", [(math.nan, 1.0), (1.0, math.nan)])
def test_nan_in_a_pair(name, pair):
    y, grads = on_tensors(registry[name], pair)
    assert math.isnan(y)
    assert all(math.isnan(g) for g in grads)


@pytest.mark.parametrize("name", STABLE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_finite_at_a_thousand_without_a_warning(name, dtype):
    x = tg.Tensor(np.array([-1000.0, -100.0, 100.0, 1000.0], dtype=dtype))
    y = registry[name](x)
    y.sum().backward()
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad).all()
    assert y.dtype == x.grad.dtype == dtype


def derivative(op, *points, index=0):
    leaves = [tg.Value(p) for p in points]
    op(*leaves).backward()
    return leaves[index].grad


@pytest.mark.parametrize(
    ("op", "points", "expected"),
    [
        (tg.sigmoid, (1000.0,), 0.0),
        (tg.sigmoid, (-1000.0,), 0.0),
        (tg.softplus, (1000.0,), 1.0),
        (tg.softplus, (-1000.0,), 0.0),
        (tg.sqrt, (0.0,), math.inf),
        (tg.log, (0.0,), math.inf),
        (tg.pow, (0.0, 0.0), 0.0),
        (tg.pow, (0.0, 2.0), 0.0),
        (tg.pow, (0.0, 1.0), 1.0),
        (tg.pow, (0.0, 0.5), math.inf),
        (tg.pow, (-2.0, 3.0), 12.0),
        (tg.pow, (-2.0, 0.5), math.nan),
        (tg.divide, (1.0, 0.0), math.inf),
        (tg.atan2, (0.0, 0.0), math.nan),
        (tg.exp, (1000.0,), math.inf),
    ],
)
def test_stated_derivatives(op, points, expected):
    np.testing.assert_equal(derivative(op, *points), expected)
    arrays = [tg.Tensor(np.array([p, p])) for p in points]
    with np.errstate(all="ignore"):
        op(*arrays).sum().backward()
    np.testing.assert_equal(arrays[0].grad, np.full(2, expected))


def test_power_of_zero_and_its_exponent():
    assert derivative(tg.pow, 0.0, 2.0, index=1) == 0.0
    x = tg.Tensor([0.0, 2.0])
    (2**x).sum().backward()
    np.testing.assert_allclose(x.grad, 2**x.data * math.log(2))


def test_power_with_a_plain_exponent_is_differentiable_twice_at_zero():
    for exponent, second in [(2, 2.0), (3, 0.0), (1, 0.0)]:
        f = tg.grad(tg.grad(lambda x, n=exponent: x**n))
        assert f(0.0) == second


@pytest.mark.parametrize("x", [0.0, 1.5])
def test_silu_has_its_second_derivative_at_zero_too(x):
    s = 1 / (1 + math.exp(-x))
    expected = s * (1 - s) * (2 + x * (1 - 2 * s))
    np.testing.assert_allclose(tg.grad(tg.grad(tg.silu))(x), expected, rtol=1e-12)


def test_float32_scalars_do_not_widen():
    x = tg.Tensor(np.float32(2.0))
    assert (x * 3.0 + 1).dtype == np.float32
    assert tg.gelu(x).dtype == np.float32


def test_shapes_that_do_not_broadcast():
    a, b = tg.Tensor(np.ones((2, 3))), tg.Tensor(np.ones(4))
    with pytest.raises(
        ValueError, match=r"add: a \(2, 3\) and b \(4,\) do not broadcast: 3 against 4"
    ):
        a + b


def test_mixed_second_derivative_of_a_power_at_exponent_zero():
    """d2/dx1 dx2 of x1**x2 at x2 = 0 is 1 / x1."""
    slope = tg.grad(lambda b: tg.grad(lambda a: a**b)(0.5))
    assert slope(0.0) == 2.0
    array = tg.grad(lambda b: tg.grad(lambda a: (a**b).sum())(np.array([0.5, 4.0])).sum())
    np.testing.assert_allclose(array(np.zeros(2)), [2.0, 0.25])
