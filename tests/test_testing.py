import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.testing import assert_gradients


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tg.tanh(x) * tg.exp(-x * x),
        lambda x: tg.softmax(x, axis=1),
        lambda x: tg.logsumexp(x, axis=0),
        lambda x: x @ x.T,
        lambda x: (x - x.mean(axis=1, keepdims=True)) / tg.sqrt((x * x).mean() + 1),
        lambda x: x[np.array([0, 0, 2])] ** 3,
        lambda x: (x.sum(), tg.sin(x)),
    ],
)
def test_right_functions_pass_to_third_order(f, rng):
    assert_gradients(f, rng.normal(size=(3, 4)), order=3)


def test_several_inputs_numbers_among_them(rng):
    assert_gradients(
        lambda x, w, c: tg.sigmoid(x @ w) * c, (rng.normal(size=(3, 4)), rng.normal(size=4), 0.7)
    )


def test_a_scalar_function():
    assert_gradients(lambda a, b: (a * b + b**3).tanh(), (0.4, -0.9), order=3)


def test_kinks_and_jumps_are_no_errors():
    x = np.array([-1.0, 0.0, 2.0, 2.0])
    assert_gradients(tg.relu, x)
    assert_gradients(tg.abs, x)
    assert_gradients(lambda x: tg.max(x), x)
    assert_gradients(lambda x: tg.floor(x) * x, x)


def test_what_does_not_depend_on_an_input_has_zero_gradient(rng):
    assert_gradients(lambda x, y: tg.sin(x), (rng.normal(size=3), rng.normal(size=2)))


def wrong_square(rule):
    @tg.elementwise("sq({0})")
    def square(xp, x):
        """x * x."""
        return x * x

    return square.local(rule)


def test_a_wrong_rule_is_named_with_the_entry(rng):
    op = wrong_square(lambda xp, y, x: 3 * x)
    with pytest.raises(AssertionError, match=r"the gradient is wrong") as caught:
        assert_gradients(op, np.array([[1.0, 2.0]]))
    assert "input 0[0, 1]: " in str(caught.value)


def test_wrong_only_below_zero():
    op = wrong_square(lambda xp, y, x: 2 * xp.abs(x))
    assert_gradients(op, np.array([1.0, 2.0]), order=1)
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        assert_gradients(op, np.array([1.0, -2.0]))


def test_wrong_only_in_second_order():
    op = wrong_square(lambda xp, y, x: 2 * (x.data if isinstance(x, tg.Tensor) else x))
    assert_gradients(op, np.array([1.0, 2.0]), order=1)
    with pytest.raises(AssertionError, match="derivatives of order 2"):
        assert_gradients(op, np.array([1.0, 2.0]))


def test_a_rule_that_looks_at_the_data_of_its_cotangent():
    @tg.primitive("sq({0})")
    def square(xp, x):
        """x * x."""
        return x * x

    square.pull(lambda xp, G, y, x: 2 * x * (G.data if isinstance(G, tg.Tensor) else G))
    with pytest.raises(AssertionError, match="along a random direction forward mode gives 0"):
        assert_gradients(square, np.array([1.0, 2.0]), order=1)


def test_a_small_error_is_caught():
    op = wrong_square(lambda xp, y, x: 2 * x * (1 + 1e-7))
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        assert_gradients(op, np.array([1.0, 2.0]))


def test_an_order_below_one_is_refused():
    with pytest.raises(ValueError, match="order is 0"):
        assert_gradients(tg.sin, 1.0, order=0)
