"""What is written out for speed against the plain form, over the whole registry."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from domains import samples
from test_rules import floating, seeded

import tinygrad_lite as tg
from tinygrad_lite.graph.backend import add_up, largest
from tinygrad_lite.graph.meta import NO_META
from tinygrad_lite.graph.quick import array_method, binary_method, unary_method
from tinygrad_lite.graph.record import record_array, record_scalar
from tinygrad_lite.ops import registry

WAYS = {
    "tensors": lambda x, i: tg.Tensor(x),
    "one of them plain": lambda x, i: x if i else tg.Tensor(x),
    "the first plain": lambda x, i: tg.Tensor(x) if i else x,
    "a number": lambda x, i: 0.5 if i else tg.Tensor(x),
    "a constant": lambda x, i: tg.Tensor(x).detach() if i else tg.Tensor(x),
    "constants": lambda x, i: tg.Tensor(x).detach(),
    "float64 beside float32": lambda x, i: tg.Tensor(x if i else x.astype(np.float32)),
    "float32 beside float64": lambda x, i: tg.Tensor(x.astype(np.float32) if i else x),
}


SIMPLE = sorted(name for name, op in registry.items() if op.arity in (1, 2) and not op.defaults)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SIMPLE)
def test_a_node_of_arrays_is_recorded_as_in_general(name, way):
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name):
        given = enumerate(dom.inputs(case, rng))
        inputs = tuple(WAYS[way](x, i) if floating(x) else x for i, x in given)
        if way == "a number" and not op.elementwise:
            continue
        if not any(isinstance(x, tg.Tensor) for x in inputs):
            continue
        y, expected = array_method(op)(*inputs), record_array(op, inputs, {})
        np.testing.assert_array_equal(y.data, expected.data)
        assert y.data.dtype == expected.data.dtype
        assert type(y) is type(expected)
        assert (y._meta or NO_META).mixed == (expected._meta or NO_META).mixed
        assert (y.op, y.constant) == (expected.op, expected.constant)
        assert all(x is z for x, z in zip(y.inputs, expected.inputs, strict=True))
        for a, b in zip(y.operands, expected.operands, strict=True):
            np.testing.assert_array_equal(a, b)


POINTS = (-np.inf, -2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, 710.0, np.inf, np.nan)


@pytest.mark.parametrize("name", [name for name in SIMPLE if registry[name].elementwise])
def test_a_node_of_floats_is_recorded_as_in_general(name):
    op = registry[name]
    method = (unary_method if op.arity == 1 else binary_method)(op)
    for point in itertools.product(POINTS, repeat=op.arity):
        y, expected = (f(*map(tg.Value, map(float, point))) for f in (method, _generally(op)))
        np.testing.assert_array_equal([y.data, np.signbit(y.data)], _signed(expected.data, y.data))
        assert type(y.data) is float
        assert (y.op, y.operands) == (expected.op, expected.operands) or np.isnan(point).any()


def _generally(op):
    return lambda *inputs: record_scalar(op, inputs, {})


def _signed(x, other):
    """x and its sign, where it has one: a NaN's is of no importance."""
    return [x, np.signbit(other) if np.isnan(x) else np.signbit(x)]


def test_an_op_of_arrays_gets_a_number_as_an_array():
    @tg.primitive("scaled({0}, {1})")
    def scaled(xp, x, c):
        return x * c.sum()

    scaled.pull(lambda xp, G, y, x, c: G * c, lambda xp, G, y, x, c: xp.sum(G * x))
    x = tg.Tensor([1.0, 2.0])
    y = scaled(x, 3.0)
    y.backward(np.ones(2))
    np.testing.assert_array_equal(y.data, [3.0, 6.0])
    np.testing.assert_array_equal(x.grad, [3.0, 3.0])


def test_contexts_reach_what_is_written_out():
    x = tg.Tensor([1.0, 2.0])
    with tg.no_grad():
        assert (x * x).constant
    with tg.scope("a"):
        assert (x * x).scope == ("a",)
    with tg.debug(), pytest.raises(FloatingPointError), np.errstate(all="ignore"):
        tg.log(x - 1.0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("axis", [-1, 1, 0, None, (1,)])
@pytest.mark.parametrize(
    "shape", [(64, 10), (64, 1), (64, 0), (3, 10), (64, 40), (16, 32), (64, 2, 3)]
)
def test_short_rows_are_reduced_as_by_numpy(shape, axis, dtype):
    x = np.asfortranarray(np.random.default_rng(0).normal(size=shape) * 9).astype(dtype)
    for keepdims in (False, True):
        total = add_up(np, x, axis, keepdims=keepdims)
        np.testing.assert_allclose(total, x.sum(axis, keepdims=keepdims), rtol=1e-5, atol=1e-4)
        if x.size:
            top = largest(np, x, axis, keepdims=keepdims)
            np.testing.assert_array_equal(top, x.max(axis, keepdims=keepdims))
            assert top.shape == total.shape == np.shape(x.max(axis, keepdims=keepdims))


def test_short_rows_keep_infinities_and_nan():
    x = np.zeros((20, 4))
    x[:5, 1] = [np.nan, np.inf, -np.inf, 1e308, -0.0]
    x[3, 2], x[1, 2] = 1e308, -np.inf
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(largest(np, x, -1), x.max(-1))
        np.testing.assert_array_equal(add_up(np, x, -1), x.sum(-1))


KEEPING = sorted(name for name, op in registry.items() if op.keeping)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("name", KEEPING)
def test_a_by_product_changes_nothing(name, transposed, monkeypatch):
    """Value and gradient with it and without, however the arrays lie in memory."""
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name, rounds=3):
        inputs = dom.inputs(case, rng)
        found = []
        for keeping in (op.keeping, None):
            with monkeypatch.context() as patch:
                patch.setattr(op, "keeping", keeping)
                turn = np.transpose if transposed else np.asarray
                leaves = [tg.Tensor(turn(x)) if floating(x) else x for x in inputs]
                given = [x.T if transposed and isinstance(x, tg.Tensor) else x for x in leaves]
                y = op(*given, **case.settings)
                y.backward(np.ones(y.shape))
                assert (y._meta.kept is None) is (keeping is None)
            found.append([y.data, *(x.grad for x in leaves if isinstance(x, tg.Tensor))])
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-16)


def test_a_users_op_may_keep_a_by_product():
    calls = []

    def both(xp, x):
        e = xp.exp(x)
        return e / (1 + e), e

    @tg.primitive("logistic({0})", keeping=both)
    def logistic(xp, x):
        return both(xp, x)[0]

    def rule(xp, G, y, x, kept=None):
        calls.append(kept is not None)
        e = xp.exp(x) if kept is None else kept
        return G * e / (1 + e) ** 2

    logistic.pull(rule)
    x = tg.Tensor([0.3, -1.0])
    logistic(x).sum().backward()
    assert calls == [True]
    np.testing.assert_allclose(x.grad, tg.grad(lambda x: tg.sigmoid(x).sum())(x.data))
    second = tg.hessian(lambda x: logistic(x).sum())(x.data)
    np.testing.assert_allclose(second, tg.hessian(lambda x: tg.sigmoid(x).sum())(x.data))
    with pytest.raises(TypeError, match="kept=None"):
        logistic.pull(lambda xp, G, y, x: G)


def test_a_by_product_that_is_the_gradient_is_nobody_elses_array():
    @tg.primitive("half({0})", keeping=lambda xp, x: (x / 2, xp.ones_like(x) / 2))
    def half(xp, x):
        return x / 2

    half.pull(lambda xp, G, y, x, kept=None: G / 2 if kept is None else kept)
    x = tg.Tensor([1.0, 2.0])
    y = half(x)
    for _ in range(2):
        y.backward(np.ones(2))
        np.testing.assert_array_equal(x.grad, [0.5, 0.5])
        x.grad *= 3
        x.zero_grad()
