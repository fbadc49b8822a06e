"""Graphs of scalars as functions of arrays, held against the graphs."""

import random

import numpy as np
import pytest
from scalar_graphs import STRUCTURED, disagreement, scattered

import tinygrad_lite as tg
from tinygrad_lite import Value, ops
from tinygrad_lite.compile.lift import Levels, Lifted, NoMatrices, Scalars, lift
from tinygrad_lite.compile.lift.steps import MATMUL
from tinygrad_lite.compile.lift.verify import difference

# How many matrix products are found; what the most people write first.
MATMULS = {
    "moons": 4,
    "regression": 2,
    "convolution": 1,
    "convolution_net": 3,
    "classifier": 2,
    "attention": 4,
    "layer_norm": 1,
    "recurrent": 13,
    "batch_norm": 1,
    "duplicates": 2,
    "factorization": 1,
    "kernels": 1,
    "logistic": 1,
    "polynomial": 1,
    "image_convolution": 1,
    "attention in batches": 4,
}


def lifted(loss):
    graph = Scalars(loss)
    return Lifted(graph, Levels(graph)), graph


def recorded(function):
    p = tg.Tensor([leaf.data for leaf in function.leaves])
    y = function(p)
    y.backward()
    return y.data, p.grad


@pytest.mark.parametrize("name", STRUCTURED)
def test_what_people_write_is_lifted(name):
    loss = STRUCTURED[name](random.Random(0))
    function = lift(graph := Scalars(loss))
    assert difference(function, graph) is None
    assert disagreement(loss, function.leaves, lambda: recorded(function)) is None
    if name in MATMULS:
        steps = [[getattr(p, "how", "") for p in getattr(s, "parts", ())] for s in function.steps]
        assert sum(MATMUL in step for step in steps) == MATMULS[name]


@pytest.mark.parametrize("seed", range(200))
def test_graphs_without_a_pattern_are_right_too(seed):
    rng = random.Random(seed)
    loss = scattered(rng, rng.randint(3, 80))
    function, graph = lifted(loss)
    assert difference(function, graph) is None
    assert disagreement(loss, function.leaves, lambda: recorded(function), seed) is None


def test_the_demo_is_ten_array_operations():
    function, graph = lifted(STRUCTURED["moons"](random.Random(0)))
    assert len(graph.kinds) - len(graph.leaves) == 65_077
    assert len(function.steps) == 10


def test_it_runs_on_plain_arrays():
    function, _ = lifted(STRUCTURED["regression"](random.Random(0)))
    p = np.array([leaf.data for leaf in function.leaves])
    assert function(p) == pytest.approx(float(function(tg.Tensor(p)).data), rel=1e-14)


def test_a_chain_has_no_matrices():
    x = Value(0.5)
    y = x
    for _ in range(200):
        y = y * 0.99 + 0.01
    with pytest.raises(NoMatrices, match="400 numbers would be 200 array operations"):
        lift(Scalars(y))


def test_long_sums_nested_to_the_right():
    xs = [Value(float(i)) for i in range(3000)]
    total = xs[-1]
    for x in reversed(xs[:-1]):
        total = x - total
    function, _ = lifted(total)
    value, gradient = recorded(function)
    assert value == pytest.approx(total.data)
    assert sorted(set(gradient.tolist())) == [-1.0, 1.0]


def test_equal_numbers_of_one_computation_are_computed_once():
    x, y = Value(0.3), Value(0.4)
    z = sum((x - y) * (x - y) + tg.tanh(x - y) for _ in range(5))
    function, _ = lifted(z)
    assert sum(block.size for block in function.blocks[1:]) < 10
    assert disagreement(z, function.leaves, lambda: recorded(function)) is None


def test_observations_that_repeat_stay_rows():
    w = [Value(0.1), Value(0.2)]
    rows = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    loss = sum((w[0] * a + w[1] * b).tanh() for a, b in rows)
    function, _ = lifted(loss)
    assert [step.shape for step in function.steps] == [(4,), (4,), ()]


@pytest.mark.parametrize("kink", [tg.relu, tg.abs, lambda x: tg.maximum(x, 0.0)])
def test_ties(kink):
    xs = [Value(v) for v in (-1.0, 0.0, -0.0, 2.0)]
    loss = sum(kink(x) * 3.0 for x in xs)
    function, _ = lifted(loss)
    _, gradient = recorded(function)
    loss.backward()
    assert [float(g) for g in gradient] == [x.grad for x in function.leaves]


def test_settings_are_kept():
    xs = [Value(float(i)) for i in range(-4, 5)]
    loss = sum(tg.leaky_relu(x, slope=0.3) + tg.leaky_relu(x, slope=0.1) for x in xs)
    function, _ = lifted(loss)
    assert disagreement(loss, function.leaves, lambda: recorded(function)) is None


def test_a_users_op():
    @tg.elementwise("softsign({0})")
    def softsign(xp, x):
        return x / (1 + xp.abs(x))

    softsign.local(lambda xp, y, x: 1 / (1 + xp.abs(x)) ** 2)
    w = [Value(0.2), Value(-0.7)]
    loss = sum(softsign(w[0] * a + w[1] * b) for a, b in [(1.0, 2.0), (0.5, -1.0), (3.0, 0.0)])
    function, graph = lifted(loss)
    assert difference(function, graph) is None
    assert disagreement(loss, function.leaves, lambda: recorded(function)) is None


def test_verification_finds_a_wrong_step():
    loss = STRUCTURED["regression"](random.Random(0))
    function, graph = lifted(loss)
    step = next(step for step in function.steps if hasattr(step, "kind"))
    step.kind = type(step.kind)(ops.sigmoid, step.kind.params)
    assert "recorded with other numbers" in difference(function, graph)


def test_verification_finds_a_small_error():
    loss = STRUCTURED["regression"](random.Random(0))
    function, graph = lifted(loss)
    function.constants[:] *= 1 + 1e-7
    for step in function.steps:
        for operand in step.operands():
            if operand.constant is not None:
                operand.constant = operand.constant * (1 + 1e-7)
    assert difference(function, graph) is not None


def test_verification_uses_the_leaves_of_then():
    w = [Value(0.5), Value(-0.25)]
    loss = sum((w[0] * a + w[1] * b).tanh() for a, b in [(1.0, 2.0), (3.0, 4.0)])
    w[0].data = 7.0
    function, graph = lifted(loss)
    assert difference(function, graph) is None


@pytest.mark.oracle
def test_it_runs_under_jit(needs):
    jax = needs("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        for name in ("regression", "attention in batches"):
            function, _ = lifted(STRUCTURED[name](random.Random(0)))
            p = np.array([leaf.data for leaf in function.leaves])
            value, gradient = jax.jit(jax.value_and_grad(function))(p)
            expected, wanted = recorded(function)
            assert float(value) == pytest.approx(float(expected))
            np.testing.assert_allclose(gradient, wanted, rtol=1e-9, atol=1e-12)
    finally:
        jax.config.update("jax_enable_x64", before)
