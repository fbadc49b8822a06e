"""Kinks and steps: the stated derivative at the exact point, ties, and where."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_lite as tg

KINKS = [
    (tg.abs, (0.0,), (0.0,)),
    (tg.relu, (0.0,), (0.0,)),
    (tg.leaky_relu, (0.0,), (0.01,)),
    (tg.elu, (0.0,), (1.0,)),
    (tg.sign, (0.0,), (0.0,)),
    (tg.floor, (2.0,), (0.0,)),
    (tg.ceil, (2.0,), (0.0,)),
    (tg.round, (2.5,), (0.0,)),
    (tg.maximum, (3.0, 3.0), (0.5, 0.5)),
    (tg.minimum, (3.0, 3.0), (0.5, 0.5)),
    (tg.maximum, (3.0, 1.0), (1.0, 0.0)),
    (tg.minimum, (3.0, 1.0), (0.0, 1.0)),
    (lambda x: tg.clip(x, -1.0, 1.0), (1.0,), (1.0,)),
    (lambda x: tg.clip(x, -1.0, 1.0), (-1.0,), (1.0,)),
    (lambda x: tg.clip(x, -1.0, 1.0), (1.5,), (0.0,)),
    (lambda x: tg.clip(x, max=1.0), (-7.0,), (1.0,)),
]


@pytest.mark.parametrize(("op", "points", "expected"), KINKS)
def test_stated_derivative_at_the_kink(op, points, expected):
    scalars = [tg.Value(p) for p in points]
    op(*scalars).backward()
    assert tuple(x.grad for x in scalars) == expected
    arrays = [tg.Tensor(np.full(2, p)) for p in points]
    op(*arrays).sum().backward()
    for x, e in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(x.grad, np.full(2, e))


def test_steps_give_zero_gradients_not_none():
    x = tg.Tensor([0.3, -1.7])
    (tg.floor(x) + tg.sign(x) + tg.round(x) + tg.ceil(x)).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])


def test_comparisons_are_plain():
    x = tg.Tensor([1.0, -1.0])
    assert type(x > 0) is np.ndarray
    assert type(tg.Value(1.0) > 0) is bool


def test_where_takes_a_mask_from_nodes_and_keeps_nan_out():
    x = tg.Tensor([4.0, 0.0])
    y = tg.where(x > 0, tg.sqrt(tg.where(x > 0, x, 1.0)), 0.0)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [0.25, 0.0])


def test_where_on_values():
    a, b = tg.Value(2.0), tg.Value(5.0)
    y = tg.where(a > b, a, b * b)
    y.backward()
    assert (y.data, a.grad, b.grad) == (25.0, 0.0, 10.0)


def test_clip_with_one_bound_and_nan():
    x = tg.Tensor([math.nan, 2.0, -2.0])
    tg.clip(x, min=0.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [math.nan, 1.0, 0.0])


def test_clip_between_arrays_and_nodes():
    x, low, high = (tg.Tensor(v) for v in ([[0.0, 2.0], [4.0, -1.0]], [1.0, 2.0], [[3.0], [0.0]]))
    for clip in (tg.clip, np.clip, tg.Tensor.clip):
        y = clip(x, low, high)
        y.backward(np.array([[1.0, 2.0], [4.0, 8.0]]))
        np.testing.assert_array_equal(y.data, np.clip(x.data, low.data, high.data))
        np.testing.assert_array_equal(x.grad, [[0.0, 2.0], [0.0, 0.0]])
        np.testing.assert_array_equal(low.grad, [1.0, 0.0])  # of 8, passed on to the other bound
        np.testing.assert_array_equal(high.grad, [[0.0], [12.0]])
        for node in (x, low, high):
            node.zero_grad()
    v, top = tg.Value(3.0), tg.Value(2.0)
    tg.clip(v, max=top).backward()
    assert (v.grad, top.grad) == (0.0, 1.0)
    np.testing.assert_array_equal(tg.clip(x, [0.0, 0.0], math.nan).data, np.full((2, 2), math.nan))


def test_ties_along_a_diamond_count_once_each():
    x = tg.Value(3.0)
    tg.maximum(x, x).backward()
    assert x.grad == 1.0
