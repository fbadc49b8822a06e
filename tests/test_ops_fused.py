"""Fused ops against their expansions, and cross-entropy's labels, extremes and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from domains import samples
from test_rules import close, floating, gradients, seeded, value

import tinygrad_lite as tg
from tinygrad_lite.ops import registry

FUSED = sorted(name for name, op in registry.items() if op.expansion is not None)


def test_there_are_fused_ops():
    assert {"cross_entropy", "linear"} <= set(FUSED)


@pytest.mark.parametrize("name", FUSED)
def test_expansion_has_the_same_value_and_gradient(name):
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name, rounds=3):
        inputs = dom.inputs(case, rng)
        G = rng.normal(size=value(op, inputs, case).shape)
        y, grads = gradients(op, inputs, case, G)
        settings = {**op.defaults, **case.settings}
        leaves = [tg.Tensor(x) if floating(x) else x for x in inputs]
        z = op.expansion(*leaves, **settings)
        assert z.op is not op
        close(z.data, y.data, rtol=1e-13)
        z.backward(G)
        for x, g in zip(leaves, grads, strict=True):
            if isinstance(x, tg.Tensor):
                close(x.grad, g, rtol=1e-11)


def test_cross_entropy_is_minus_log_of_the_probability():
    z = tg.Tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    P = np.exp(z.data) / np.exp(z.data).sum(1, keepdims=True)
    labels, Y = [1, 2], np.eye(3)[[1, 2]]
    loss = tg.cross_entropy(z, labels)
    assert math.isclose(loss.item(), -np.log(P[[0, 1], labels]).mean())
    loss.backward()
    np.testing.assert_allclose(z.grad, (P - Y) / 2)


def test_integer_labels_and_their_one_hot_rows_agree(rng):
    z, y = tg.Tensor(rng.normal(size=(5, 4))), rng.integers(0, 4, 5)
    a = tg.cross_entropy(z, y)
    a.backward()
    first = z.grad
    z.zero_grad()
    b = tg.cross_entropy(z, np.eye(4)[y])
    b.backward()
    assert math.isclose(a.item(), b.item())
    np.testing.assert_allclose(z.grad, first, atol=1e-16)


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i4", "<u4", "i8", ">u8"])
def test_integer_labels_of_any_dtype_and_layout(dtype, rng):
    labels = np.array([2, 0, 0, 3, 1, 9], dtype)[:-1:2]
    logits = rng.normal(size=(4, 3))
    z = tg.Tensor(logits)
    tg.cross_entropy(z.T, labels).backward()
    P = np.exp(logits.T) / np.exp(logits.T).sum(1, keepdims=True)
    np.testing.assert_allclose(z.grad, (P - np.eye(4)[[2, 0, 1]]).T / 3)
    for wrong in (4, np.iinfo(dtype).max, np.iinfo(dtype).min or 4):
        with pytest.raises(ValueError, match="between 0 and 3"):
            tg.cross_entropy(z.T, np.array([0, wrong, 1], dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cross_entropy_at_a_thousand(dtype):
    z = tg.Tensor(np.array([[1000.0, -1000.0], [-1000.0, 1000.0]], dtype=dtype))
    loss = tg.cross_entropy(z, [0, 0])
    loss.backward()
    assert loss.item() == 1000.0
    np.testing.assert_array_equal(z.grad, [[0, 0], [-0.5, 0.5]])
    assert z.grad.dtype == loss.dtype == dtype


def test_a_label_of_no_weight_may_have_no_chance():
    z = tg.Tensor([0.0, -math.inf])
    assert tg.cross_entropy(z, [1.0, 0.0]).item() == 0.0


Z = tg.Tensor(np.ones((3, 4)), name="Z")
ERRORS = [
    (
        lambda: tg.cross_entropy(Z, [0, 1]),
        r"cross_entropy: Z \(3, 4\), input labels \(2,\).*shape \(3,\)",
    ),
    (lambda: tg.cross_entropy(Z, [0.0, 1.0, 2.0]), "labels must be integers"),
    (lambda: tg.cross_entropy(Z, [0, 1, 4]), "labels must lie between 0 and 3"),
    (lambda: tg.cross_entropy(Z, [0, 1, -1]), "labels must lie between 0 and 3"),
    (lambda: tg.cross_entropy(Z, [0, 1, 2], reduction="avg"), 'reduction must be "mean"'),
    (
        lambda: tg.linear(Z, Z.T, np.ones(4)),
        r"linear: Z \(3, 4\).*W takes 3 entries per row, x has 4",
    ),
    (lambda: tg.linear(Z, Z, np.ones(4)), r"linear: Z \(3, 4\).*b \(outputs,\)"),
]


@pytest.mark.parametrize(("f", "message"), ERRORS)
def test_errors(f, message):
    with pytest.raises(ValueError, match=message):
        f()
