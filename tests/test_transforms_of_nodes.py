"""Transforms of a recorded node: `tg.grad(E, W)` is dE/dW at once, and no `.grad` changes."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import tinygrad_lite as tg


def model():
    rng = np.random.default_rng(0)
    W, b = tg.Tensor(rng.normal(size=(3, 2)), name="W"), tg.Tensor(rng.normal(size=3), name="b")
    x = rng.normal(size=2)
    v = W @ x + b
    return W, b, v, (tg.sigmoid(v) ** 2).sum()


def as_function(W, b):
    rng = np.random.default_rng(0)
    rng.normal(size=(3, 2)), rng.normal(size=3)
    return (tg.sigmoid(W @ rng.normal(size=2) + b) ** 2).sum()


def assert_same(found, expected):
    """Equal, in the same nested tuples, lists and dicts."""
    if isinstance(expected, (tuple, list)):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            assert_same(f, e)
        return
    assert type(found) is type(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian])
def test_a_node_and_a_function_have_the_same_derivatives(transform):
    W, b, _, E = model()
    one, both = transform(E, W), transform(E, (W, b))
    assert_same(one, transform(as_function, 0)(W.data, b.data))
    assert_same(both, transform(as_function, (0, 1))(W.data, b.data))
    assert W.grad is b.grad is E.grad is None
    assert not W.constant


def test_products_of_a_node():
    W, b, v, E = model()
    rng = np.random.default_rng(1)
    dW, db = rng.normal(size=W.shape), rng.normal(size=b.shape)
    args = W.data, b.data
    assert_same(tg.jvp(E, (W, b), (dW, db)), tg.jvp(as_function, args, (dW, db)))
    value, pullback = tg.vjp(E, W, b)
    expected, other = tg.vjp(as_function, *args)
    assert_same(value, expected)
    assert_same(pullback(3.0), other(3.0))
    assert_same(tg.hvp(E, W)(dW), tg.hvp(as_function)(*args, dW))
    np.testing.assert_allclose(tg.jacobian(v, W), v.jacobian(W))
    assert W.grad is b.grad is None


def test_structures_and_intermediates():
    W, b, v, E = model()
    found = tg.grad(E, {"W": W, "rest": [b, v]})
    E.backward()
    np.testing.assert_allclose(found["W"], W.grad)
    np.testing.assert_allclose(found["rest"][0], b.grad)
    np.testing.assert_allclose(found["rest"][1], v.grad)
    s = 1 / (1 + np.exp(-v.data))
    slope = s * (1 - s)
    np.testing.assert_allclose(tg.hessian(E, v), np.diag(2 * slope * (slope + s * (1 - 2 * s))))


def test_values():
    a, b = tg.Value(2.0), tg.Value(-3.0)
    e = a * b + a**3
    assert tg.grad(e, (a, b)) == (9.0, 2.0)
    assert tg.hessian(e, (a, b)) == ((12.0, 1.0), (1.0, 0.0))
    assert tg.value_and_grad(e, a) == (2.0, 9.0)
    assert type(tg.grad(e, a)) is float


def test_gradients_are_the_callers_own():
    W, _, _, E = model()
    found = tg.grad(E, W)
    found *= 0
    E.backward()
    assert abs(W.grad).max() > 0


W, B, V, E = model()
OTHER = tg.Tensor([1.0], name="other")


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: tg.grad(E), TypeError, r"grad: .* by nodes, as in tg.grad\(E, W\).*got 0"),
        (lambda: tg.hessian(E, "W"), TypeError, r"as in tg.hessian\(E, W\).*got 'W'"),
        (lambda: tg.jacobian(V, W.data), TypeError, r"as in tg.jacobian\(E, W\)"),
        (lambda: tg.grad(E, OTHER), ValueError, "grad: other is not in the graph of E"),
        (lambda: tg.hvp(E, W.detach()), ValueError, "hvp: .*"),
        (lambda: tg.vjp(E, 1.0), TypeError, "got 1.0"),
        (lambda: tg.jvp(E, (W,), ()), ValueError, "structures differ"),
        (lambda: tg.hvp(E, W)(np.ones(2)), ValueError, r"shape \(2,\) for one of shape \(3, 2\)"),
        (lambda: tg.grad(V, W), ValueError, r"grad needs a scalar result; this one has .*\(3,\)"),
        (lambda: tg.grad(E, W, has_aux=True), TypeError, "has_aux"),
        (lambda: tg.grad(1.0, W), TypeError, r"tg.grad\(E, W\); got a float"),
        (lambda: tg.hvp(W.data), TypeError, r"tg.hvp\(E, W\); got a ndarray"),
        (lambda: tg.grad(as_function, W), TypeError, r"write tg.grad\(f\)\(x\)"),
        (lambda: tg.jacobian(as_function, (W, B)), TypeError, r"write tg.jacobian\(f\)\(x\)"),
    ],
)
def test_refusals(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("leaf", [lambda: tg.Tensor([0.5, 2.0]), lambda: tg.Value(0.5)])
def test_recorded_gradients_that_are_handed_out_leave_nothing_to_the_collector(leaf):
    gc.collect()
    gc.disable()
    try:
        x = leaf()
        y = tg.tanh(x * x)
        E = y.sum() if isinstance(y, tg.Tensor) else y
        g = tg.grad(E, x, record=True)
        second = tg.grad(g.sum() if isinstance(g, tg.Tensor) else g, x)
        assert np.all(second != 0)
        del x, y, E, g
        assert gc.collect() == 0
    finally:
        gc.enable()
