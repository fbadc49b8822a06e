"""Primitives: calling, settings, recording or computing, and definitions by the user."""

from __future__ import annotations

import inspect
import pydoc

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value
from tinygrad_lite.ops import registry


def test_plain_input_computes():
    assert type(tg.exp(0.5)) is float
    assert type(tg.exp(1)) is float
    assert type(tg.exp(np.float64(0.5))) is float
    assert type(tg.exp(np.ones(2))) is np.ndarray
    assert type(tg.sum(np.ones((2, 2)), axis=0)) is np.ndarray
    np.testing.assert_array_equal(tg.exp([0.0, 0.0]), [1.0, 1.0])


def test_nodes_record():
    assert type(tg.exp(Value(0.5))) is Value
    assert type(tg.exp(Tensor([0.5]))) is Tensor
    assert type(tg.maximum(Value(0.5), 1)) is Value
    assert type(tg.maximum(Value(0.5), np.float64(1))) is Value
    assert type(tg.maximum(Value(0.5), [1.0, 2.0])) is Tensor
    assert type(tg.sum(Value(0.5))) is Tensor


def test_settings_by_position_and_keyword():
    x = np.arange(6.0).reshape(2, 3)
    for y in (tg.sum(x, 1, True), tg.sum(x, axis=1, keepdims=True), tg.sum(x, 1, keepdims=True)):
        np.testing.assert_array_equal(y, [[3.0], [12.0]])
    with pytest.raises(TypeError, match="axis is given twice"):
        tg.sum(x, 1, axis=1)
    with pytest.raises(TypeError, match="setting shape is missing"):
        tg.reshape(x)


def test_signatures_serve_help():
    assert str(inspect.signature(tg.sum)).startswith("(x")
    assert "axis" in inspect.signature(tg.sum).parameters
    assert tg.tanh.__name__ == "tanh"
    assert "1 - y" in tg.tanh.__doc__
    assert "sum(x, axis=None, keepdims=False)\n\nSum over `axis`" in pydoc.render_doc(
        tg.sum
    ).replace("\n    ", "\n")
    assert repr(tg.tanh) == "<op tanh>"


def test_the_registry_holds_every_op_by_its_name():
    for name, op in registry.items():
        assert op.name == name
        assert getattr(tg, name) is op
        assert op.forward.__doc__, f"{name} has no docstring"
        assert None not in op.rules, f"{name} has no rules"


def test_a_constant_derivative_is_stated_as_a_number():
    @tg.elementwise("{0} * 3")
    def triple(xp, x):
        return 3 * x

    triple.local(3)
    assert triple.rules == (3.0,)
    for x in (Value(2.0), Tensor([2.0])):
        triple(x).backward()
        assert x.grad == 3.0


def test_an_op_with_settings_and_a_variable_number_of_inputs():
    @tg.primitive("total({inputs})")
    def total(xp, *arrays, weight=1.0):
        return weight * sum(arrays)

    total.pull(lambda xp, G, y, index, *arrays, weight: (index + 1) * weight * G)
    a, b = Tensor([1.0]), Tensor([2.0])
    y = total([a, b], weight=10.0)
    assert y.data == 30.0
    y.backward()
    assert (a.grad, b.grad) == (10.0, 20.0)
    with pytest.raises(TypeError, match="needs at least one input"):
        total([])


def test_an_elementwise_op_with_a_setting_on_a_value():
    @tg.elementwise("scale({0}, {by})")
    def scale(xp, x, *, by=2.0):
        return x * by

    scale.local(lambda xp, y, x, *, by: by)
    v = Value(3.0)
    y = scale(v, by=5.0)
    assert (y.data, y.params) == (15.0, {"by": 5.0})
    y.backward()
    assert v.grad == 5.0


def test_math_errors_become_ieee_numbers_on_floats():
    assert tg.exp(1000.0) == np.inf
    assert tg.log(0.0) == -np.inf
    assert np.isnan(tg.sqrt(-1.0))
    assert tg.divide(1.0, 0.0) == np.inf


def test_a_forward_that_forgets_to_return_is_refused_on_scalars_too():
    @tg.elementwise("forgetful({0})")
    def forgetful(xp, x):
        x * 2

    with pytest.raises(TypeError, match="forgetful"):
        forgetful(tg.Value(1.0))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "prod", "std", "median", "ptp"])
def test_axes_may_be_a_list(name):
    x = tg.Tensor(np.arange(24.0).reshape(2, 3, 4))
    found, expected = getattr(np, name)(x, axis=[0, 2]), getattr(np, name)(x, axis=(0, 2))
    np.testing.assert_array_equal(found.data, expected.data)
