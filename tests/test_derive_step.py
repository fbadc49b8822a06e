"""One step on paper: every formula that the stepper shows is evaluated, over all ops."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from domains import DOMAINS, samples

import tinygrad_lite as tg
from tinygrad_lite.backprop.chain import contribution, slope
from tinygrad_lite.derive import step
from tinygrad_lite.graph.node import Node
from tinygrad_lite.ops import registry


def nodes(name):
    """Recorded nodes of an op over its domain, with what the arrays of their formulas are."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for dom, case in samples(name):
        inputs = dom.inputs(case, rng)
        leaves = [tg.Tensor(x) if x.dtype.kind == "f" else x for x in inputs]
        y = registry[name](*leaves, **case.settings)
        if isinstance(y, Node) and y.op is not None and np.size(y.data):
            values = {f"x{k}": np.asarray(a) for k, a in enumerate(y.operands)}
            values |= {"y": y.data, "G": rng.normal(size=y.shape)}
            yield y, values


def close(found, expected, text):
    found, expected = np.squeeze(np.asarray(found, dtype=float)), np.squeeze(expected)
    assert found.shape == expected.shape, text
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * scale, err_msg=text)


def shown(form, y):
    return f"{y.op.name}{[np.shape(a) for a in y.operands]}: {form.written({}).body}"


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_every_formula_of_a_step_evaluates_to_what_the_rules_give(name):
    for y, values in nodes(name):
        for index, x in enumerate(y.inputs):
            if not isinstance(x, Node) or x.constant:
                continue
            form = step.pulled(y, index)
            if form is not None:
                close(form.value(values), contribution(y, index, values["G"]), shown(form, y))
            if y.op.elementwise:
                form = step.slope(y, index)
                found = np.broadcast_to(form.value(values), y.shape)
                close(found, np.broadcast_to(slope(y, index), y.shape), shown(form, y))


@pytest.mark.parametrize("name", [n for n in sorted(DOMAINS) if registry[n].precedence < 5])
def test_operators_are_written_as_what_they_compute(name):
    for y, values in nodes(name):
        form = step.operation(y)
        close(form.value(values), y.data, shown(form, y))


def test_a_formula_that_does_not_hold_is_not_shown():
    @tg.elementwise("odd({0})")
    def odd(xp, x):
        """x**2, with a rule that is another on lists of numbers."""
        return x * x

    odd.local(lambda xp, y, x: 2.0 * x if isinstance(x, tg.Tensor) else 3.0 * x)
    x = tg.Tensor(np.ones(3))
    assert step.local_text(odd(x), 0, {id(x): "x"}) == ""


UNREADABLE = {"eig_rows", "eigh_rows", "svd_rows"}  # F_ij = 1 / (s_i - s_j) is behind a where


@pytest.mark.parametrize("name", sorted(set(DOMAINS) - UNREADABLE))
def test_every_op_has_a_formula_for_what_it_hands_on(name):
    read = [
        step.pulled(y, index) is not None
        for y, _ in nodes(name)
        for index, x in enumerate(y.inputs)
        if isinstance(x, Node) and not x.constant
    ]
    assert any(read)


def test_inputs_without_a_name_are_written_out_two_deep():
    a, b = tg.Value(2.0), tg.Value(3.0)
    y = (a + b) ** 2 / b
    names = {id(a): "a", id(b): "b"}
    assert step.write(y, names) == "(a + b)² / b"
    assert step.local_text(y, 1, names) == "−(a + b)² / b / b"
    deep = (a + b) * b + a
    assert step.write(deep, names) == "(a + b) b + a"
    assert step.write(deep * b, names) == "(… b + a) b"


def test_labels_and_axes_are_written_as_by_hand():
    rng = np.random.default_rng(0)
    z, labels = tg.Tensor(rng.normal(size=(4, 3))), np.array([0, 2, 1, 1])
    E = tg.cross_entropy(z, labels)
    names = {id(z): "z", id(labels): "y"}
    pulled = step.pullback_text(E, 0, names, cotangent="g")
    assert pulled == "1/4 g (softmax(z) − onehot(y))"
    S = tg.Tensor(np.eye(3) + 0.1)
    names = {id(S): "S"}
    d = tg.linalg.slogdet(S)[1]
    assert step.pullback_text(d, 0, names, cotangent="g") == "g S⁻ᵀ"
    assert step.write(S.sum(axis=0), names) == "sum(S, axis=0)"
    assert step.local_text(tg.relu(S), 0, names) == "𝟏[S > 0]"
