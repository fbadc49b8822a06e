"""One step of the chain rule, and un-broadcasting."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor
from tinygrad_lite.backprop.chain import contribution, fit
from tinygrad_lite.graph.node import Node


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


def test_fit_keeps_the_inputs_dtype():
    x = Tensor(np.zeros(3, np.float32))
    assert fit(np.ones(3), x, tg.add, 0).dtype == np.float32
    assert fit(np.ones((2, 3)), x, tg.add, 0).dtype == np.float32
    mixed = x * np.ones(3)
    mixed.sum().backward()
    assert mixed.dtype == np.float64
    assert x.grad.dtype == np.float32
