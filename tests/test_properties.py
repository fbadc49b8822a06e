"""Random graphs: shared subexpressions, broadcasting, constants in between.

The oracle is independent: the same program run by NumPy on complex numbers. All its functions are
analytic, so Im f(x + ih) / h is the derivative to rounding, without a step to choose (Squire and
Trapp, 1998).
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value
from tinygrad_lite.backprop.chain import contribution
from tinygrad_lite.graph.node import Node, topological_order

STEP = 1e-30
FEW = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

# --- programs: lists of small integers, which any interpreter can make sense of

steps = st.tuples(*[st.integers(0, 11)] * 4)
programs = st.lists(steps, min_size=1, max_size=12)
numbers = st.floats(-1.5, 1.5, allow_subnormal=False)
seeds = st.integers(0, 2**32 - 1)


SCALAR_STEPS = [
    lambda m, a, b: 0.5 * (a + b),
    lambda m, a, b: m.sin(a) * b,
    lambda m, a, b: a * a * 0.25 - b,
    lambda m, a, b: b - 2 * a,
    lambda m, a, b: a / (b * b + 2),
    lambda m, a, b: m.tanh(a),
    lambda m, a, b: m.exp(m.cos(a) - 1),
    lambda m, a, b: m.sin(a) ** 3,
    lambda m, a, b: (m.sin(a) + 2) ** m.sin(b),
    lambda m, a, b: -a,
    lambda m, a, b: 1 / (m.exp(-m.sin(a)) + 1),
    lambda m, a, b: m.log(m.cos(b) + 3) * a,
]


def run_scalars(m, program, leaves):
    """`program` over numbers, in the functions of `m` (tinygrad_lite or NumPy)."""
    known = [*leaves, 0.5]
    for kind, i, j, _ in program:
        a, b = known[-1 - i % len(known)], known[-1 - j % len(known)]
        known.append(SCALAR_STEPS[kind](m, a, b))
    return m.sin(sum(known[len(leaves) + 1 :]) + known[0] * known[1])


def run_arrays(m, program, leaves):
    """`program` over arrays of many shapes. What does not fit a shape falls back to tanh."""
    known = [*leaves, np.linspace(-1, 1, 3)]
    for kind, i, j, k in program:
        a, b = known[-1 - i % len(known)], known[-1 - j % len(known)]
        y = apply(m, kind, a, b, k)
        known.append(y if isinstance(y, Tensor) else np.asarray(y))
    return sum(m.sum(m.sin(x)) for x in known)


def apply(m, kind, a, b, k):
    if kind == 0 and fits(a, b):
        return 0.5 * (a + b)
    if kind == 1 and fits(a, b):
        return m.sin(a) * b
    if kind == 2 and fits(a, b):
        return a / (b * b + 2)
    if kind == 3 and a.ndim and b.ndim and a.shape[-1] == b.shape[b.ndim - min(b.ndim, 2)]:
        return m.tanh(a @ b)
    if kind == 4 and a.ndim:
        return m.sum(a, axis=k % a.ndim, keepdims=k > 5) / 3
    if kind == 5 and a.ndim:
        return m.reshape(a, -1)
    if kind == 6:
        return a.T
    if kind == 7 and a.ndim:
        return a[np.array([0, 0, -1])] if k > 5 else a[: k + 1]
    if kind == 8 and a.ndim and a.shape == b.shape:
        return m.concat([a, b], axis=k % a.ndim)
    if kind == 9 and a.shape == b.shape:
        return m.stack([a, b, a], axis=k % (a.ndim + 1))
    if kind == 10 and fits(a, b):
        return m.where(np.linspace(-1, 1, 3) > 0.3 * (k - 5), a, 1.0) * 0.5 if fits3(a) else -a
    if kind == 11 and a.ndim:
        return m.exp(m.cos(a) - 1)[..., None]
    return m.tanh(a)


def fits(a, b):
    return all(
        p == q or 1 in (p, q) for p, q in zip(a.shape[::-1], b.shape[::-1], strict=False)
    ) and (max(a.ndim, b.ndim) < 5)


def fits3(a):
    return not a.ndim or a.shape[-1] in (1, 3)


SHAPES = [(2, 3), (3,), (), (2, 1)]


def arrays(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1.5, 1.5, size=s) for s in SHAPES]


def complex_gradient(run, program, leaves):
    """The gradient by complex steps, one for each entry of each leaf."""
    gradients = []
    for n, leaf in enumerate(leaves):
        gradient = np.empty(np.shape(leaf))
        for index in np.ndindex(*np.shape(leaf)):
            moved = [np.array(x, dtype=complex) for x in leaves]
            moved[n][index] += 1j * STEP
            gradient[index] = np.imag(run(np, program, moved)) / STEP
        gradients.append(gradient)
    return gradients


def assert_close(actual, expected, rtol=1e-9):
    scale = max(1.0, *(np.abs(e).max(initial=0.0) for e in expected))
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(0.0 if a is None else a, e, rtol=rtol, atol=rtol * scale)


def gradients(E, leaves):
    for x in leaves:
        x.zero_grad()
    E.backward()
    return [None if x.grad is None else np.array(x.grad) for x in leaves]


# --- first order


@FEW
@given(programs, st.lists(numbers, min_size=3, max_size=3))
def test_scalar_gradients_against_complex_steps(program, data):
    leaves = [Value(x) for x in data]
    E = run_scalars(tg, program, leaves)
    assert_close(gradients(E, leaves), complex_gradient(run_scalars, program, data))


@FEW
@given(programs, seeds)
def test_tensor_gradients_against_complex_steps(program, seed):
    data = arrays(seed)
    leaves = [Tensor(x) for x in data]
    E = run_arrays(tg, program, leaves)
    np.testing.assert_allclose(E.data, run_arrays(np, program, data), rtol=1e-12)
    assert_close(gradients(E, leaves), complex_gradient(run_arrays, program, data))


@FEW
@given(programs, st.lists(numbers, min_size=3, max_size=3))
def test_values_agree_with_zero_dimensional_tensors(program, data):
    values, tensors = [Value(x) for x in data], [Tensor(x) for x in data]
    a = gradients(run_scalars(tg, program, values), values)
    b = gradients(run_scalars(tg, program, tensors), tensors)
    assert_close(a, [np.zeros(()) if g is None else g for g in b], rtol=1e-12)


@FEW
@given(programs, seeds)
def test_forward_mode_agrees_with_reverse(program, seed):
    data, directions = arrays(seed), arrays(seed + 1)

    def f(*leaves):
        return run_arrays(tg, program, leaves)

    forward = tg.jvp(f, data, directions)[1]
    reverse = sum(
        (g * d).sum() for g, d in zip(tg.grad(f, (0, 1, 2, 3))(*data), directions, strict=True)
    )
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-9)


# --- second order


def slope(f, h=1e-3):
    """d f(t) / dt at 0 by central differences of order 6."""
    weights = {1: 45, 2: -9, 3: 1}
    return sum(w * (f(k * h) - f(-k * h)) for k, w in weights.items()) / (60 * h)


@settings(FEW, max_examples=60)
@given(programs, seeds)
def test_second_order_against_differences_of_the_gradient(program, seed):
    data, directions = arrays(seed), arrays(seed + 1)

    def f(A, b, c, d):
        return run_arrays(tg, program, [A, b, c, d])

    g = tg.grad(f)
    product = tg.hvp(f)(*data, directions[0])
    expected = slope(lambda t: g(data[0] + t * directions[0], *data[1:]))
    assert_close([product], [expected], rtol=1e-6)
    forward = tg.jvp(lambda A: g(A, *data[1:]), (data[0],), (directions[0],))[1]
    assert_close([product], [forward], rtol=1e-9)


@settings(FEW, max_examples=60)
@given(programs, st.lists(numbers, min_size=2, max_size=2))
def test_third_derivative_of_scalars(program, data):
    def f(x):
        return run_scalars(tg, program, [x, data[1]])

    second = tg.grad(tg.grad(f))
    third = tg.grad(second)(data[0])
    expected = slope(lambda t: second(data[0] + t))
    assert third == pytest.approx(expected, rel=1e-5, abs=1e-5)


# --- what holds for every sweep


@FEW
@given(programs, seeds)
def test_any_topological_order_gives_the_same_gradient(program, seed):
    leaves = [Tensor(x) for x in arrays(seed)]
    E = run_arrays(tg, program, leaves)
    expected = gradients(E, leaves)
    waiting = dict.fromkeys(topological_order(E), 0)
    for node in waiting:
        for x in node.parents():
            waiting[x] += 1
    chance = random.Random(seed)
    cotangents, ready = {E: np.ones(E.shape)}, [E]
    while ready:
        node = ready.pop(chance.randrange(len(ready)))
        for index, x in enumerate(node.inputs):
            if isinstance(x, Node):
                cotangents[x] = cotangents.get(x, 0.0) + contribution(node, index, cotangents[node])
                waiting[x] -= 1
                if not waiting[x]:
                    ready.append(x)
    assert_close([cotangents.get(x) for x in leaves], expected, rtol=1e-12)


@FEW
@given(programs, seeds)
def test_backward_twice_is_exactly_twice(program, seed):
    leaves = [Tensor(x) for x in arrays(seed)]
    E = run_arrays(tg, program, leaves)
    once = gradients(E, leaves)
    inner = {n: n.grad for n in topological_order(E) if not n.is_leaf}
    E.backward()
    for x, g in zip(leaves, once, strict=True):
        np.testing.assert_array_equal(x.grad, 2 * g)
    for node, g in inner.items():
        np.testing.assert_array_equal(node.grad, g)


@FEW
@given(programs, seeds, st.integers(0, 3))
def test_detach_takes_away_exactly_the_paths_through_a_leaf(program, seed, which):
    data = arrays(seed)
    leaves = [Tensor(x) for x in data]
    full = gradients(run_arrays(tg, program, leaves), leaves)
    cut = [x.detach() if i == which else x for i, x in enumerate(leaves)]
    E = run_arrays(tg, program, cut)
    found = gradients(E, leaves)
    assert found[which] is None
    for i in {0, 1, 2, 3} - {which}:
        np.testing.assert_array_equal(found[i], full[i])


@FEW
@given(programs, seeds)
def test_no_grad_computes_the_same_and_records_nothing(program, seed):
    leaves = [Tensor(x) for x in arrays(seed)]
    E = run_arrays(tg, program, leaves)
    with tg.no_grad():
        silent = run_arrays(tg, program, leaves)
    np.testing.assert_array_equal(silent.data, E.data)
    assert silent.constant
    assert silent.inputs == ()


@FEW
@given(programs, seeds)
def test_debug_changes_no_number(program, seed):
    leaves = [Tensor(x) for x in arrays(seed)]
    plain = gradients(run_arrays(tg, program, leaves), leaves)
    with tg.debug():
        checked = gradients(run_arrays(tg, program, leaves), leaves)
    for a, b in zip(plain, checked, strict=True):
        np.testing.assert_array_equal(a, b)


@FEW
@given(programs, seeds)
def test_a_value_among_tensors_gets_its_gradient_as_a_float(program, seed):
    data = arrays(seed)
    leaves = [Tensor(x) for x in data]
    expected = gradients(run_arrays(tg, program, leaves), leaves)
    v = Value(data[2])
    mixed = [v * np.array(1.0) if i == 2 else x for i, x in enumerate(leaves)]
    found = gradients(run_arrays(tg, program, mixed), [leaves[0], leaves[1], v, leaves[3]])
    assert type(v.grad) is float
    assert_close(found, expected, rtol=1e-13)
