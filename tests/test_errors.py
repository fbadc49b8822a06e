"""Bad input: each gets an error that names the op, the input, the shapes and the way out."""

from __future__ import annotations

import operator
import re

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value

W = Tensor(np.arange(6.0).reshape(2, 3) + 1)
x = Tensor([1.0, 2.0, 3.0])
v = Value(2.0)
MASKED = np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0])


def raises(kind, message):
    return pytest.raises(kind, match=re.escape(message))


# --- shapes


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: W @ W, "matmul: W (2, 3) @ W (2, 3) do not fit: 3 columns against 2 rows. "
                        "Did you mean W.T @ W?"),
        (lambda: x @ W, "matmul: x (3,) @ W (2, 3) do not fit: 3 columns against 2 rows. "
                        "Did you mean x @ W.T?"),
        (lambda: W @ np.ones(4), "3 columns against 4 entries"),
        (lambda: W @ v, "matmul: W (2, 3) @ v (): a scalar is multiplied with *, not @"),
        (lambda: W + np.ones(4), "add: W (2, 3) and input x2 (4,) do not broadcast: 3 against 4 "
                                 "on axis -1"),
        (lambda: W * (W @ np.ones((3, 4))), "multiply: W (2, 3) and the result of matmul (2, 4)"),
        (lambda: tg.where(x > 1, W, np.ones(7)), "where: input condition (3,) and W (2, 3)"),
        (lambda: tg.concat([W, x]), "concat: W (2, 3), x (3,), axis=0:"),
        (lambda: W.reshape(7), "reshape: W (2, 3), shape=7:"),
        (lambda: tg.cholesky(W), "cholesky: W (2, 3), upper=False: takes square matrices"),
        (lambda: W.permute_dims(), "permute_dims: W (2, 3), axes=(): axes don't match"),
        (lambda: x.mT, "mT needs at least 2 axes, got shape (3,)"),
        (lambda: Tensor([[1.0], [1.0, 2.0]]), "Tensor: the rows of the list differ in length"),
    ],
)  # fmt: skip
def test_shapes(make, message):
    with raises(ValueError, message):
        make()


@pytest.mark.parametrize(
    "make", [lambda: W[5], lambda: W[0, 0, 0], lambda: W[x], lambda: W["a"], lambda: W.sum(axis=7)]
)
def test_indices(make):
    with pytest.raises(IndexError):
        make()


def test_an_axis_out_of_range_is_a_value_error_too():
    for make in (lambda: W.sum(axis=7), lambda: tg.mean(W, axis=-3), lambda: tg.norm(W, axis=2)):
        with raises(ValueError, "is out of bounds for"):
            make()


def test_names_come_from_name_then_variables_then_the_op():
    hidden = Tensor(np.ones(4), name="h")
    with raises(ValueError, "add: h (4,) and x (3,) do not broadcast"):
        hidden + x


# --- dtypes


BAD_DATA = [
    (1j, "complex"),
    (np.ones(3, dtype=complex), "complex"),
    ("text", "'text' is not a number"),
    (np.array(["a", "b", "c"]), "is not numeric"),
    (None, "None is not a number"),
    (object(), "data of type object is not numeric"),
    ({"a": 1}, "data of type dict is not numeric"),
    (np.array([1, None, 2], dtype=object), "is not numeric"),
    (np.array(["2020-01-01"], dtype="datetime64[D]"), "is not numeric"),
    (np.ma.array([1.0, 2.0, 3.0]), "masked"),
]


@pytest.mark.parametrize(("data", "message"), BAD_DATA)
def test_bad_data(data, message):
    for make in (Tensor, lambda d: x + d, lambda d: tg.exp(x * d), tg.exp):
        with raises(TypeError, message):
            make(data)


def test_matrices_and_subclasses_become_plain_arrays():
    m = np.array([[1.0, 2.0, 3.0]]).view(np.matrix)
    assert type(Tensor(m).data) is np.ndarray
    np.testing.assert_array_equal((x * m).data, [[1.0, 4.0, 9.0]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tensor([x, x]),
        lambda: Tensor([v, v]),
        lambda: np.array([x, x]),
        lambda: np.asarray(x),
        lambda: np.mean([x, x]),
        lambda: np.array([v, v], dtype=float),
        lambda: np.multiply(x, [v, v, v]),
        lambda: Tensor(x),
        lambda: float(x),
        lambda: MASKED * x,
        lambda: MASKED / v,
        lambda: np.ma.multiply(MASKED, x),
        lambda: np.ma.exp(v),
    ],
)
def test_gradients_are_not_lost_in_silence(make):
    with pytest.raises(TypeError, match=r"tg\.stack|lose|drop|cut it from its graph"):
        make()


def test_questions_name_their_inputs_too():
    with raises(ValueError, "less: W (2, 3) and input x2 (4,) do not broadcast"):
        tg.less(W, np.ones(4))
    with raises(ValueError, "greater_equal: W (2, 3) and input x2 (4,) do not broadcast"):
        W >= [1, 2, 3, 4]  # noqa: B015
    with raises(TypeError, "greater: v (), input x2 (): '>' not supported"):
        v > "1"  # noqa: B015


# --- backward


def test_backward_needs_a_scalar_or_a_gradient():
    with raises(ValueError, "backward() on shape (2, 3) needs the gradient of the loss"):
        (W * 2).backward()
    with raises(ValueError, "backward(): the gradient has shape (3,), the node (2, 3)"):
        (W * 2).backward(np.ones(3))
    with raises(TypeError, "backward(): complex"):
        (W * 2).backward(np.ones((2, 3)) * 1j)
    with raises(TypeError, "backward(): 'a' is text"):
        (v * 2).backward("a")
    with raises(TypeError, "backward()"):
        (v * 2).backward(np.ones(2))


def test_backward_on_a_constant():
    for constant in (x.detach().sum(), v.detach() * 2, x.detach()):
        with raises(ValueError, "detach() or under no_grad()"):
            constant.backward()


# --- what nodes do not do


def test_item_assignment():
    with raises(TypeError, "a Tensor cannot be written into"):
        x[0] = 1.0
    with pytest.raises(TypeError, match="cannot be updated in place"):
        operator.iadd(np.zeros(3), x)


def test_settings_are_checked():
    with raises(TypeError, "sum: no setting called 'ax' (settings: axis, keepdims)"):
        tg.sum(W, ax=1)
    with raises(TypeError, "sum: axis is a setting, not an input, and has no gradient"):
        tg.sum(W, axis=x)
    with raises(TypeError, "exp: missing input x"):
        tg.exp()
    with raises(TypeError, "exp: takes x; got 2 arguments"):
        tg.exp(x, x)
    with raises(TypeError, "reshape: takes x, shape=; got 3 arguments"):
        tg.reshape(W, 3, 2)


def test_other_failures_keep_the_librarys_message(needs):
    """Shapes that fit are not blamed: the arrays lie on two devices."""
    strict = needs("array_api_strict")
    t, u = (Tensor(strict.ones(2, device=strict.Device(d))) for d in ("CPU_DEVICE", "device1"))
    with pytest.raises(ValueError, match=r"multiply: t \(2,\), u \(2,\): .*device"):
        t * u


def test_setting_data_or_grad():
    t = Tensor([1.0, 2.0])
    with raises(ValueError, "Tensor.grad: shape (3,) for a Tensor of shape (2,)"):
        t.grad = np.ones(3)
    with raises(TypeError, "Tensor.data"):
        t.data = "text"
    with raises(ValueError, "multiply computed cannot be set"):
        (t * t).data = np.ones(2)


# --- a NaN in the data


def test_nan_in_the_data_flows_through_as_in_ieee():
    t = Tensor([np.nan, 1.0])
    y = (t * t).sum()
    y.backward()
    assert np.isnan(y.data)
    assert np.isnan(t.grad[0])
    assert t.grad[1] == 2.0


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda a: tg.log(a), r"log\(a \(3,\)\) made an infinity \(1 of 3 entries\)"),
        (lambda a: tg.sqrt(a - 1), r"sqrt\(the result of subtract \(3,\)\) made a NaN \(1 of 3"),
        (lambda a: a * np.array([1.0, np.nan, 1.0]), r"input x2 \(3,\) holds a NaN \(1 of 3 entri"),
        (lambda a: tg.sqrt(a).sum().backward(), r"gradient of sqrt\(a .* is infinite \(1 of 3 e"),
        (lambda a: tg.sqrt(Value(0.0, name="u")).backward(), r"gradient of sqrt\(u \(\)\)"),
        (lambda a: 1 / Value(0.0, name="u"), r"divide\(1, u \(\)\) made an infinity \(a scalar\)"),
    ],
)
def test_debug_names_the_first_op_that_makes_a_nan_or_infinity(run, message):
    a = Tensor([0.0, 1.0, 4.0], name="a")
    with tg.debug(), pytest.raises(FloatingPointError, match=message) as error:
        run(a)
    assert re.search(r"at .*test_errors\.py:\d+: ", str(error.value))


def test_debug_lets_infinite_data_pass():
    with tg.debug():
        scores = tg.where(np.array([True, False]), Tensor([1.0, 2.0]), -np.inf)
        tg.exp(scores).sum().backward()


def test_debug_sees_arrays_written_into():
    a, b = Tensor([1.0, 2.0]), np.ones(2)
    with tg.debug():
        y, z = (a * b).sum(), (a * a).sum()
    z.backward()
    b[0] = 7.0
    with raises(RuntimeError, "b (2,) was written into after multiply had used it"):
        y.backward()
    a.data[0] = 7.0
    with raises(RuntimeError, "a (2,) was written into"):
        z.backward()


# --- why a gradient is missing


def test_why_no_grad():
    a, b = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    y = (a.detach() * b).sum()
    assert y.why_no_grad(a) == "y was computed from a.detach(), through which no gradient flows"
    y = (a.data * b).sum()
    assert y.why_no_grad(a) == (
        "y was computed from the plain array a.data, a constant, at multiply(input x1 (2,), b (2,))"
        "; use a itself"
    )
    y = (b * b).sum()
    assert y.why_no_grad(a) == "a is not in the graph of y: y was not computed from this node"
    assert y.why_no_grad(b) == "y depends on b: call backward() on y"
    with raises(ValueError, "jacobian: a is not in the graph of the result of multiply:"):
        (y * 2).jacobian(a)
    with tg.no_grad():
        c = a * a
    y = (c * b).sum()
    assert "ends in constants made by detach() or under no_grad() (c (2,))" in y.why_no_grad(a)
    with raises(ValueError, "jacobian: a is not in the graph of y"):
        y.jacobian(a)
    with raises(ValueError, "jacobian: c is a constant"):
        y.jacobian(c)
    with raises(TypeError, "a ndarray is a constant"):
        y.jacobian(np.ones(2))
