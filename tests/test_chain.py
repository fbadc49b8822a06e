"""One step of the chain rule, and un-broadcasting."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor
from tinygrad_lite.backprop.chain import contribution, fit
from tinygrad_lite.graph.node import Node, raw
from tinygrad_lite.ops import registry


def test_a_row_that_was_broadcast_keeps_its_axis(rng):
    X, row = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=(1, 3)))
    C = rng.normal(size=(5, 3))
    (C * (X * row)).sum().backward()
    np.testing.assert_allclose(row.grad, (C * X.data).sum(axis=0, keepdims=True), rtol=1e-13)


def test_contribution_is_one_step():
    A, B = Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([[5.0], [6.0]])
    y = A @ B
    G = np.array([[1.0], [10.0]])
    np.testing.assert_array_equal(contribution(y, 0, G), G @ B.data.T)
    np.testing.assert_array_equal(contribution(y, 1, G), A.data.T @ G)
    recorded = contribution(y, 0, G, record=True)
    assert isinstance(recorded, Node)
    np.testing.assert_array_equal(recorded.data, G @ B.data.T)


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 3), (1, 1)),
        ((2, 3), ()),
        ((4, 2, 3), (1, 3)),
        ((2, 3), (2, 3)),
        ((2, 0), (2, 1)),
        ((5, 1), (1,)),
    ],
)
def test_fit_sums_over_broadcast_axes(rng, shape, target):
    c, x = rng.normal(size=shape), Tensor(np.zeros(target))
    aligned = (1,) * (len(shape) - len(target)) + target
    axes = tuple(i for i, (n, m) in enumerate(zip(shape, aligned, strict=True)) if n != m)
    expected = c.sum(axis=axes, keepdims=True).reshape(target)
    fitted = fit(c, x, tg.add, 0)
    assert fitted.shape == target
    np.testing.assert_allclose(fitted, expected, rtol=1e-14)
    recorded = fit(Tensor(c), x, tg.add, 0)
    np.testing.assert_allclose(recorded.data, expected, rtol=1e-14)


@pytest.mark.filterwarnings("ignore:grad:UserWarning")  # a sum's second derivative
@pytest.mark.parametrize("kinds", [(tg.Value, Tensor), (Tensor, tg.Value)])
@pytest.mark.parametrize(
    "name", [n for n, op in registry.items() if op.elementwise and op.arity == 2]
)
def test_a_recorded_gradient_of_an_array_beside_a_value_is_an_array(name, kinds):
    a, b = (kind(x) for kind, x in zip(kinds, (1.3, 2.0), strict=True))
    tg.sum(registry[name](a, b) * np.array(0.7)).backward(record=True)
    array = a if kinds[0] is Tensor else b
    assert isinstance(raw(array.grad), np.ndarray)
    total = a.grad + b.grad
    a.zero_grad()
    b.zero_grad()
    if isinstance(total, Node) and not total.constant:
        total.backward()
    first = tg.grad(lambda x, y: registry[name](x, y) * 0.7, argnums=(0, 1))
    second = tg.grad(lambda x, y: sum(first(x, y)), argnums=(0, 1))(1.3, 2.0)
    assert [float(x.grad or 0) for x in (a, b)] == pytest.approx(list(second), abs=1e-14)


def test_fit_keeps_the_inputs_dtype():
    x = Tensor(np.zeros(3, np.float32))
    assert fit(np.ones(3), x, tg.add, 0).dtype == np.float32
    assert fit(np.ones((2, 3)), x, tg.add, 0).dtype == np.float32
    mixed = x * np.ones(3)
    mixed.sum().backward()
    assert mixed.dtype == np.float64
    assert x.grad.dtype == np.float32
