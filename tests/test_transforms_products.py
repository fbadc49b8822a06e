"""Products with Jacobians, and whole matrices of derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg


def cube(x):
    return (x**3).sum()


def quartic(W):
    return (tg.tanh(W @ W.T) * W).sum()


def test_vjp_and_jvp_are_transposes(rng):
    W, x = rng.normal(size=(3, 4)), rng.normal(size=4)
    dW, dx, G = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)

    def f(W, x):
        return tg.sigmoid(W @ x) * x[:3]

    y, pullback = tg.vjp(f, W, x)
    y2, dy = tg.jvp(f, (W, x), (dW, dx))
    np.testing.assert_array_equal(y, y2)
    gW, gx = pullback(G)
    assert (dy * G).sum() == pytest.approx((gW * dW).sum() + (gx * dx).sum(), rel=1e-12)
    np.testing.assert_allclose(pullback(2 * G)[0], 2 * gW, rtol=1e-14)


def test_jvp_against_differences(rng):
    x, dx = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    h = 1e-4
    numeric = sum(
        w * quartic(tg.Tensor(x + k * h * dx)).item()
        for k, w in [(-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)]
    )
    assert tg.jvp(quartic, (x,), (dx,))[1] == pytest.approx(numeric / h, rel=1e-9)


def test_jvp_of_structures_and_numbers():
    y, dy = tg.jvp(lambda p: {"a": p[0] * p[1], "b": 7.0}, ((2.0, 3.0),), ((1.0, 10.0),))
    assert y == {"a": 6.0, "b": 7.0}
    assert dy == {"a": 23.0, "b": 0.0}
    assert type(dy["a"]) is float
    y, dy = tg.jvp(lambda x, s: s * x.sum() + s, (np.ones(2), 3.0), (np.ones(2), 1.0))
    assert (type(y), type(dy)) == (np.ndarray, np.ndarray)
    assert (y, dy) == (9.0, 9.0)


def test_forward_over_reverse_is_the_hessian_product(rng):
    W, V = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    forward = tg.jvp(tg.grad(quartic), (W,), (V,))[1]
    np.testing.assert_allclose(tg.hvp(quartic)(W, V), forward, rtol=1e-10)
    H = tg.hessian(quartic)(W)
    np.testing.assert_allclose(np.einsum("ijkl,kl->ij", H, V), forward, rtol=1e-10)


def test_reverse_over_forward(rng):
    x, v = rng.normal(size=3), rng.normal(size=3)
    g = tg.grad(lambda x: tg.jvp(cube, (x,), (v,))[1])(x)
    np.testing.assert_allclose(g, 6 * x * v, rtol=1e-12)


def test_vectors_that_are_nodes_are_differentiated_too():
    v = tg.Value(2.0)
    for product in (
        tg.jvp(lambda x: x**3, (3.0,), (v,))[1],
        tg.vjp(lambda x: x**3, 3.0)[1](v)[0],
    ):
        v.zero_grad()
        assert isinstance(product, tg.Value)
        assert product.data == 54.0
        product.backward()
        assert v.grad == 27.0
    u = tg.Tensor([1.0, 10.0])
    product = tg.hvp(cube)(np.array([1.0, 2.0]), u)
    product.sum().backward()
    np.testing.assert_array_equal(product.data, [6.0, 120.0])
    np.testing.assert_array_equal(u.grad, [6.0, 12.0])
    with tg.no_grad():
        assert type(tg.jvp(lambda x: x**3, (3.0,), (v,))[1]) is float
        assert type(tg.vjp(lambda x: x**3, 3.0)[1](v)[0]) is float
        assert type(tg.hvp(cube)(np.array([1.0, 2.0]), u)) is np.ndarray


def test_products_around_a_node_are_nodes():
    a = tg.Value(5.0)

    def products(record):
        yield tg.hvp(lambda x: a * x**3, record=record)(2.0, 1.0)
        yield tg.jvp(lambda x: a * x * 12, (2.0,), (1.0,), record=record)[1]
        yield tg.vjp(lambda x: a * x * 12, 2.0, record=record)[1](1.0)[0]
        yield tg.jacobian(lambda x: a * x * 12, record=record)(2.0)

    assert list(products(record=False)) == [60.0] * 4
    for product in products(record=True):
        a.zero_grad()
        product.backward()
        assert (product.data, a.grad) == (60.0, 12.0)


def test_jacobian_shapes_and_values(rng):
    x = rng.normal(size=4)
    A = rng.normal(size=(2, 3, 4))
    J = tg.jacobian(lambda x: A @ x)(x)
    np.testing.assert_array_equal(J, A)
    Jx, Js = tg.jacobian(lambda x, s: x * s, (0, 1))(x, 2.0)
    np.testing.assert_array_equal(Jx, 2 * np.eye(4))
    np.testing.assert_array_equal(Js, x)
    assert tg.jacobian(lambda s: s * s)(3.0) == 6.0
    assert tg.jacobian(lambda x: x[:0])(x).shape == (0, 4)
    with pytest.warns(UserWarning, match="does not depend"):
        np.testing.assert_array_equal(tg.jacobian(lambda x: np.ones(2))(x), np.zeros((2, 4)))


def test_jacobian_of_structures():
    J = tg.jacobian(lambda p: {"y": p["a"] * p["b"]})({"a": np.array([1.0, 2.0]), "b": 3.0})
    np.testing.assert_array_equal(J["y"]["a"], 3 * np.eye(2))
    np.testing.assert_array_equal(J["y"]["b"], [1.0, 2.0])


def test_hessian_of_two_arguments_by_position():
    def f(a, b):
        return (a * a * b).sum()

    np.testing.assert_array_equal(tg.hessian(f)(np.ones(2), np.full(2, 3.0)), 6 * np.eye(2))
    np.testing.assert_array_equal(tg.hessian(f, 1)(np.ones(2), np.full(2, 3.0)), np.zeros((2, 2)))
    assert tg.hessian(lambda x: x**4)(2.0) == 48.0


def test_third_derivative_tensor(rng):
    x = rng.normal(size=2)
    T = tg.jacobian(tg.hessian(lambda x: (x**4).sum()))(x)
    expected = np.zeros((2, 2, 2))
    expected[[0, 1], [0, 1], [0, 1]] = 24 * x
    np.testing.assert_allclose(T, expected, rtol=1e-12)
