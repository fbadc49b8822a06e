"""Ops of the user: what is said about rules that are wrong."""

from __future__ import annotations

import re
import traceback

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value

W = Tensor(np.arange(6.0).reshape(2, 3) + 1)
x = Tensor([1.0, 2.0, 3.0])
v = Value(2.0)


def raises(kind, message):
    return pytest.raises(kind, match=re.escape(message))


def swish_with(rule):
    @tg.elementwise("swish({0})")
    def swish(xp, x):
        return x / (1 + xp.exp(-x))

    return swish.local(rule)


def matmul_with(*rules):
    @tg.primitive("product({0}, {1})")
    def product(xp, A, B):
        return A @ B

    return product.pull(*rules)


def test_a_user_defined_op_works_everywhere():
    def rule(xp, y, x):
        s = 1 / (1 + xp.exp(-x))
        return s + y * (1 - s)

    swish = swish_with(rule)
    silu = tg.silu
    assert swish(2.0) == pytest.approx(silu(2.0))
    for k in (1, 2, 3):
        f, g = swish, silu
        for _ in range(k):
            f, g = tg.grad(f), tg.grad(g)
        assert f(0.3) == pytest.approx(g(0.3), rel=1e-12)
    np.testing.assert_allclose(
        tg.grad(lambda W: swish(W).sum())(W.data), tg.grad(lambda W: silu(W).sum())(W.data)
    )
    product = matmul_with(lambda xp, G, y, A, B: G @ B.mT, lambda xp, G, y, A, B: A.mT @ G)
    H = tg.hessian(lambda A: (product(A, A.mT) ** 2).sum())(W.data)
    np.testing.assert_allclose(H, tg.hessian(lambda A: ((A @ A.mT) ** 2).sum())(W.data))


@pytest.mark.parametrize(
    ("rule", "kind", "message"),
    [
        (lambda xp, y, x: None, TypeError, "NoneType"),
        (lambda xp, y, x: xp.nothing(x), AttributeError, "nothing"),
        (lambda xp, y, x: {}["k"], KeyError, "k"),
        (lambda xp, y, x: 1 / 0, ZeroDivisionError, "zero"),
    ],
)
@pytest.mark.parametrize("argument", [v, x])
def test_a_rule_that_raises_is_named(rule, kind, message, argument):
    y = swish_with(rule)(argument)
    with pytest.raises(kind, match=message) as error:
        y.sum().backward() if argument is x else y.backward()
    (note,) = error.value.__notes__
    assert note.startswith("raised by the derivative rule of swish for input x, given y (")
    shown = "".join(traceback.format_exception(error.value))
    assert shown.count("Traceback") == 1


def test_a_rule_with_settings_that_raises_is_named():
    @tg.elementwise("scale({0}, {by})")
    def scale(xp, x, *, by=2.0):
        return x * by

    scale.local(lambda xp, y, x, *, by: by["a"])
    with pytest.raises(TypeError, match="not subscriptable") as error:
        scale(v).backward()
    assert "raised by the derivative rule of scale for input x" in error.value.__notes__[0]


@pytest.mark.parametrize("shape", [(2,), (3, 1), (4, 3)])
def test_a_local_derivative_of_the_wrong_shape(shape):
    y = swish_with(lambda xp, y, x: np.ones(shape))(x)
    with pytest.raises(ValueError, match=r"swish for input x|broadcast"):
        y.sum().backward()


@pytest.mark.parametrize(
    ("rule", "kind", "message"),
    [
        (lambda xp, G, y, A, B: B @ G.T, ValueError,
         "the derivative rule of product for input A returned shape (3, 2), but the gradient of "
         "W (2, 3) has its shape; transpose it"),
        (lambda xp, G, y, A, B: G, ValueError, "returned shape (2, 4)"),
        (lambda xp, G, y, A, B: None, TypeError,
         "returned a NoneType where the gradient of W (2, 3) is due; is its return missing?"),
        (lambda xp, G, y, A, B: 0.0, TypeError, "returned a float"),
    ],
)  # fmt: skip
def test_a_pullback_of_the_wrong_shape(rule, kind, message):
    y = matmul_with(rule, lambda xp, G, y, A, B: A.T @ G)(W, np.ones((3, 4)))
    with raises(kind, message):
        y.sum().backward()


def test_rules_are_checked_where_they_are_stated():
    with raises(TypeError, "the rule for input x is called as rule(xp, y, x), which it does not"):
        swish_with(lambda y: y)
    with raises(TypeError, "the rule for input B is called as rule(xp, G, y, A, B)"):
        matmul_with(lambda xp, G, y, A, B: G, lambda xp, G, A, B: G)
    with raises(TypeError, "product: 1 rules for 2 inputs"):
        matmul_with(lambda xp, G, y, A, B: G)

    @tg.primitive("scale({0})")
    def scale(xp, x, *, by=2.0):
        return x * by

    with raises(TypeError, "scale: state its rules with .pull(...)"):
        scale.local(2)
    with raises(TypeError, "called as rule(xp, G, y, x, by=by)"):
        scale.pull(lambda xp, G, y, x: G)
    with raises(TypeError, "scale has no derivative rules; state them with scale.pull(...)"):
        scale(x).sum().backward()

    @tg.elementwise("{0}³")
    def cube(xp, x):
        return x * x * x

    for y in (cube(v), cube(x).sum(), v * cube(v + v)):
        with raises(TypeError, "cube has no derivative rules; state them with cube.local(...)"):
            y.backward()
    assert tg.draw(cube(x)).svg


def test_definitions_are_checked_where_they_are_made():
    with raises(TypeError, "elementwise: say how the op is written, with {0} for its first input"):
        tg.elementwise(lambda xp, x: x)
    with raises(TypeError, '@tg.primitive("softsign({0})")'):
        tg.primitive(lambda xp, x: x)

    def f(x):
        return x

    def g(xp, x, *, by=1.0):
        return x

    with raises(TypeError, "f: define it as f(xp, x, ...)"):
        tg.elementwise("f({0})")(f)
    for text in ("g({1})", "g({x})", "g({0}, {c})", "{g}({0})", "g({0"):
        with raises(ValueError, f"g: {text!r} is not a format string of {{0}}, {{by}}"):
            tg.elementwise(text)(g)
    assert tg.elementwise("g({0}; {by})", r"\\mathrm{{g}}({0})")(g).name == "g"


@pytest.mark.parametrize("result", [None, 1j, "text", object()])
def test_a_forward_that_returns_no_number(result):
    @tg.primitive("odd({0})")
    def odd(xp, x):
        return result

    for argument in (x, v):
        with pytest.raises(TypeError, match="the result of odd"):
            odd(argument)
