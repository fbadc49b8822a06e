"""The sweep: restriction to paths, scalars against the general one, failures."""

from __future__ import annotations

import numpy as np
import pytest
from domains import samples
from test_rules import floating, seeded

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value
from tinygrad_lite.backprop.arrays import sweep_arrays
from tinygrad_lite.backprop.flow import sweep
from tinygrad_lite.ops import registry


def test_toward_goes_along_all_paths_to_the_nodes_and_no_other():
    x = Value(2.0)
    a, b = x * 3, x * 5
    y = a * b
    found = sweep(y, 1.0, toward=[a])
    assert found == {y: 1.0, a: 10.0}
    assert sweep(y, 1.0, toward=[x])[x] == 3 * 10 + 5 * 6
    assert sweep(y, 1.0, toward=[x, a]) == {y: 1.0, a: 10.0, b: 6.0, x: 60.0}


def test_the_sweep_of_scalars_is_the_general_sweep():
    a, b = Value(0.5), Value(-1.5)
    c = (a * b).tanh() + a**2 / (b - 3) + tg.where(True, a, b) * 2
    y = c * c.relu() + tg.leaky_relu(b * c)
    y.backward()
    cotangents = sweep(y, 1.0)
    for node, g in cotangents.items():
        assert node.grad == pytest.approx(g, rel=1e-14)


def graph_of(op, inputs, case):
    """The op between others; its inputs are used twice."""
    leaves = [Tensor(x) if floating(x) else x for x in inputs]
    used = [tg.tanh(x) * 0.1 + x if isinstance(x, Tensor) else x for x in leaves]
    y = op(used, **case.settings) if op.arity is None else op(*used, **case.settings)
    return y * y + 3.0 - y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(registry))
def test_the_sweep_of_arrays_is_the_general_sweep(name, dtype):
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name):
        inputs = [x.astype(dtype) if floating(x) else x for x in dom.inputs(case, rng)]
        with np.errstate(all="ignore"):
            y = graph_of(op, inputs, case)
            seed = rng.normal(size=y.shape).astype(y.dtype)
            expected, found = sweep(y, seed), sweep_arrays(y, seed)
        assert found.keys() == expected.keys()
        for node, g in expected.items():
            assert found[node].dtype == g.dtype == node.dtype
            np.testing.assert_allclose(found[node], g, rtol=1e-12 if dtype is np.float64 else 1e-4)


def test_the_sweep_of_arrays_takes_what_is_not_usual():
    """Values, other dtypes, constants, by-products, data that was set, infinite slopes."""
    v, W, x = Value(0.5), Tensor(np.ones((2, 3))), Tensor(np.arange(3.0))
    narrow, fixed = np.ones(3, np.float32), Tensor(np.ones(3)).detach()
    h = tg.where(x > 0, tg.sqrt(x), 0.0) * v + narrow * x + fixed * x
    z = tg.concat([W @ h, W[:, 0]]) * v
    y = tg.cross_entropy(tg.stack([z, z * 2.0]), [1, 0]) + tg.sum(tg.outer(z, x) / 3) + v * v
    x.data = x.data + 1
    with np.errstate(all="ignore"):
        expected, found = sweep(y, np.ones(())), sweep_arrays(y, np.ones(()))
    assert found.keys() == expected.keys()
    for node, g in expected.items():
        np.testing.assert_allclose(found[node], g, rtol=1e-13)


@pytest.mark.parametrize("data", [0.5, [0.5, 1.5]])
def test_a_failing_rule_leaves_the_gradients_as_they_were(data):
    """No half-swept graph: the marks of the scalar sweep go, leaves that were not reached keep."""

    @tg.elementwise("fail({0})")
    def fail(xp, x):
        return x

    fail.local(lambda xp, y, x: 1 / 0)
    x = Value(data) if isinstance(data, float) else Tensor(data)
    mid = fail(x * 2)
    y = mid * mid
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            y.backward(None if isinstance(data, float) else np.ones(2))
        assert x.grad is None
    fail.local(1)
    y.backward(None if isinstance(data, float) else np.ones(2))
    np.testing.assert_allclose(x.grad, 8 * np.asarray(data))
