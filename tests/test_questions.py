"""The two questions that this project answers, formula by formula."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import tinygrad_lite as tg

# --- 1. "Why do we need the derivative of the loss with respect to X? Isn't W enough?"


@pytest.fixture
def network(rng):
    """One hidden layer, columns as observations: 4 inputs, 5 hidden units, 3 outputs, 6 columns."""

    class Network:
        X, y = tg.Tensor(rng.normal(size=(4, 6))), rng.uniform(size=(3, 6))
        W1, b1 = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=(5, 1)))
        W2, b2 = tg.Tensor(rng.normal(size=(3, 5))), tg.Tensor(rng.normal(size=(3, 1)))
        z1 = W1 @ X + b1
        a1 = tg.sigmoid(z1)
        z2 = W2 @ a1 + b2
        y_hat = tg.sigmoid(z2)
        J = 0.5 * ((y - y_hat) ** 2).sum()

    Network.J.backward()
    return Network


def test_every_gradient_of_the_network_equals_its_formula(network):
    n = network
    a1, y_hat, W1, W2, X = (t.data for t in (n.a1, n.y_hat, n.W1, n.W2, n.X))
    delta2 = (y_hat - n.y) * y_hat * (1 - y_hat)
    delta1 = (W2.T @ delta2) * a1 * (1 - a1)
    for node, formula in [
        (n.y_hat, y_hat - n.y),
        (n.z2, delta2),
        (n.W2, delta2 @ a1.T),
        (n.b2, delta2.sum(axis=1, keepdims=True)),
        (n.a1, W2.T @ delta2),
        (n.z1, delta1),
        (n.W1, delta1 @ X.T),
        (n.b1, delta1.sum(axis=1, keepdims=True)),
        (n.X, W1.T @ delta1),
    ]:
        np.testing.assert_allclose(node.grad, formula, rtol=1e-12, atol=1e-15)


def test_the_weights_gradient_passes_through_the_layer_input(network):
    """dJ/dW1 needs dJ/da1, the gradient with respect to the input of layer 2; cut it and W1 gets
    nothing."""
    n = network
    a1 = n.a1.detach()
    J = 0.5 * ((n.y - tg.sigmoid(n.W2 @ a1 + n.b2)) ** 2).sum()
    n.W1.zero_grad()
    n.W2.zero_grad()
    J.backward()
    assert n.W1.grad is None
    assert n.W2.grad is not None
    assert "detach()" in J.why_no_grad(n.W1)


def test_the_published_sign_is_wrong(network):
    n = network
    published = n.y - n.y_hat.data
    np.testing.assert_allclose(n.y_hat.grad, -published, rtol=1e-12)
    assert not np.allclose(n.y_hat.grad, published)


def test_rows_as_observations_need_the_other_product(network):
    rows = tg.Tensor(network.X.data.T)
    W1, b1 = network.W1, network.b1
    with pytest.raises(ValueError, match=r"W1 \(5, 4\) @ rows \(6, 4\) do not fit") as error:
        W1 @ rows
    assert "4 columns against 6 rows" in str(error.value)
    assert "Did you mean W1 @ rows.T?" in str(error.value)
    z1 = rows @ W1.T + b1.T
    np.testing.assert_allclose(z1.data.T, network.z1.data, rtol=1e-12)


def test_a_step_along_the_input_gradient_raises_the_loss(network):
    n = network
    X = n.X.data + 0.1 * np.sign(n.X.grad)
    y_hat = tg.sigmoid(n.W2 @ tg.sigmoid(n.W1 @ X + n.b1) + n.b2)
    assert 0.5 * ((n.y - y_hat.data) ** 2).sum() > n.J.item()


# --- 2. "The derivative of a vector with respect to a matrix: isn't that impossible?"


@pytest.fixture
def chain(rng):
    class Chain:
        W, x = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=4))
        y = rng.normal(size=5)
        v = W @ x
        s = tg.sigmoid(v)
        E = 0.5 * ((s - y) ** 2).sum()

    Chain.E.backward()
    return Chain


def test_the_three_factors_of_the_chain_rule(chain):
    c, s, x = chain, chain.s.data, chain.x.data
    np.testing.assert_allclose(c.E.jacobian(c.s), s - c.y, rtol=1e-12)
    S = np.diag(s)
    np.testing.assert_allclose(c.s.jacobian(c.v), S - S @ S, rtol=1e-12, atol=1e-16)
    third = c.v.jacobian(c.W)
    assert third.shape == (5, 5, 4)
    np.testing.assert_array_equal(third, np.einsum("ik,l->ikl", np.eye(5), x))


def test_the_product_of_the_jacobians_is_the_gradient(chain):
    c = chain
    product = np.einsum("i,ij,jkl->kl", c.E.jacobian(c.s), c.s.jacobian(c.v), c.v.jacobian(c.W))
    np.testing.assert_allclose(c.W.grad, product, rtol=1e-12)


def test_the_closed_forms_agree(chain):
    c, s, x, y = chain, chain.s.data, chain.x.data, chain.y
    S = np.diag(s)
    entries = [[(s[i] - y[i]) * s[i] * (1 - s[i]) * x[j] for j in range(4)] for i in range(5)]
    outer = np.outer((s - y) * s * (1 - s), x)
    differential = (S - S @ S) @ (np.outer(s, x) - np.outer(y, x))
    for formula in (entries, outer, differential):
        np.testing.assert_allclose(c.W.grad, formula, rtol=1e-12)
    np.testing.assert_allclose(c.x.grad, c.W.data.T @ ((s - y) * s * (1 - s)), rtol=1e-12)


def test_differentials_are_directional_derivatives(chain, rng):
    """dv = dW x; ds = (S - S^2) dv; dE = (s - y) : ds, for any direction dW."""
    c, s, x = chain, chain.s.data, chain.x.data
    dW = rng.normal(size=(5, 4))
    dv = tg.jvp(lambda W: W @ x, (c.W.data,), (dW,))[1]
    ds = tg.jvp(lambda W: tg.sigmoid(W @ x), (c.W.data,), (dW,))[1]
    dE = tg.jvp(lambda W: 0.5 * ((tg.sigmoid(W @ x) - c.y) ** 2).sum(), (c.W.data,), (dW,))[1]
    np.testing.assert_allclose(dv, dW @ x, rtol=1e-12)
    np.testing.assert_allclose(ds, (np.diag(s) - np.diag(s) @ np.diag(s)) @ dv, rtol=1e-12)
    np.testing.assert_allclose(dE, ((s - c.y) * ds).sum(), rtol=1e-12)
    np.testing.assert_allclose(dE, (c.W.grad * dW).sum(), rtol=1e-12)


def test_the_sweep_builds_no_jacobian(rng):
    """dv/dW of a 200 x 200 matrix would take 64 MB; the sweep stays near W's 0.3 MB."""
    W, x = tg.Tensor(rng.normal(size=(200, 200)) / 20), tg.Tensor(rng.normal(size=200))
    E = 0.5 * (tg.sigmoid(W @ x) ** 2).sum()
    tracemalloc.start()
    E.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert W.grad.shape == W.shape
    assert peak < 3 * W.data.nbytes


def test_transforms_give_the_same_gradient(chain):
    c = chain

    def f(W):
        return 0.5 * ((tg.sigmoid(W @ c.x.data) - c.y) ** 2).sum()

    np.testing.assert_allclose(tg.grad(f)(c.W.data), c.W.grad, rtol=1e-12)
    H = tg.hessian(f)(c.W.data)
    assert H.shape == (5, 4, 5, 4)
    np.testing.assert_allclose(H, H.transpose(2, 3, 0, 1), rtol=1e-10, atol=1e-14)
