"""The sweep: restriction to paths, scalars against the general one, failures."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value
from tinygrad_lite.backprop.flow import sweep


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
