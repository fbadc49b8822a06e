import math

import numpy as np
import pytest

from tinygrad_lite.differences import slope


@pytest.mark.parametrize(
    ("f", "derivative"),
    [
        (math.sin, math.cos),
        (math.exp, math.exp),
        (lambda x: x**3, lambda x: 3 * x * x),
        (lambda x: math.tanh(10 * x), lambda x: 10 * (1 - math.tanh(10 * x) ** 2)),
        (lambda x: 3.0, lambda x: 0.0),
        (lambda x: 1e6 + math.sin(x), math.cos),
        (lambda x: max(x, 0.0), lambda x: float(x > 0)),
        (lambda x: abs(x) * math.sin(x + 1), None),
    ],
)
def test_the_derivative_lies_within_the_error(f, derivative, rng):
    if derivative is None:

        def derivative(x):
            return np.sign(x) * math.sin(x + 1) + abs(x) * math.cos(x + 1)

    size = abs(f(1.0)) + 1
    for x in rng.normal(size=100):
        found = slope(lambda t, x=x: f(x + t), 1.0)
        assert found.known
        assert found.distance(derivative(x)) == 0
        if found.smooth:
            assert found.error < 1e-11 * size
            assert abs(found.value - derivative(x)) <= found.error


def test_a_wrong_derivative_lies_outside(rng):
    for x in rng.normal(size=50):
        found = slope(lambda t, x=x: math.exp(x + t), 1.0)
        assert found.distance(math.exp(x) * (1 + 1e-9)) > 0


def test_a_kink_gives_both_slopes():
    found = slope(lambda t: 2 * t if t > 0 else -t, 1.0)
    assert found.known
    assert not found.smooth
    assert found.low == pytest.approx(-1)
    assert found.high == pytest.approx(2)
    assert found.distance(0.5) == 0
    assert found.distance(2.5) == pytest.approx(0.5)
    assert found.distance(-2) == pytest.approx(1)


@pytest.mark.parametrize(
    "f",
    [
        lambda t: float(np.sign(t)),
        math.floor,
        lambda t: math.sqrt(t) if t >= 0 else math.nan,
        lambda t: math.inf,
        lambda t: abs(t) ** 0.5,
    ],
)
def test_where_there_is_no_derivative_nothing_is_known(f):
    found = slope(f, 1.0)
    assert not found.known
    assert found.distance(123.0) == 0


def test_the_precision_of_the_function_counts(rng):
    for x in rng.normal(size=50):
        found = slope(
            lambda t, x=x: float(np.sin(np.float32(x + t))), 1.0, eps=float(np.finfo("f4").eps)
        )
        assert found.smooth
        assert found.distance(math.cos(x)) == 0
        assert 1e-6 < found.error < 1e-3


def test_the_scale_of_the_variable_counts():
    found = slope(lambda t: math.sin(1e-6 * (2e5 + t)), 1e5)
    assert found.error < 1e-16
    assert found.distance(1e-6 * math.cos(0.2)) == 0
