"""Functions from functions to derivatives: values, nesting, structures, and what they refuse."""

from __future__ import annotations

import copy
import pickle
from collections import namedtuple

import numpy as np
import pytest

import tinygrad_lite as tg


def cube(x):
    return (x**3).sum()


def quartic(W):
    return (tg.tanh(W @ W.T) * W).sum()


# --- gradients


def test_grad_of_an_array_function(rng):
    x = rng.normal(size=3)
    g = tg.grad(cube)(x)
    assert type(g) is np.ndarray
    np.testing.assert_allclose(g, 3 * x**2)


def test_grad_of_a_number_is_a_float():
    g = tg.grad(lambda x: x**3)(2.0)
    assert type(g) is float
    assert g == 12.0


def test_value_and_grad():
    value, g = tg.value_and_grad(cube)(np.array([1.0, 2.0]))
    assert value == 9.0
    np.testing.assert_array_equal(g, [3.0, 12.0])


def test_argnums_pick_arguments():
    def f(a, b, *, c):
        return a * b**2 * c

    assert tg.grad(f, 1)(3.0, 2.0, c=10.0) == 120.0
    assert tg.grad(f, (1, 0))(3.0, 2.0, c=10.0) == (120.0, 40.0)
    assert tg.grad(f, -1)(3.0, 2.0, c=10.0) == 120.0


def test_integers_are_converted():
    assert tg.grad(lambda x: x * x)(3) == 6.0
    np.testing.assert_array_equal(tg.grad(lambda x: (x * x).sum())(np.arange(3)), [0.0, 2.0, 4.0])


def test_float32_stays_float32():
    g = tg.grad(cube)(np.ones(2, dtype=np.float32))
    assert g.dtype == np.float32


def test_an_ignored_argument_has_a_zero_gradient():
    a, b = tg.grad(lambda a, b: (a * a).sum(), (0, 1))(np.ones(2), np.ones((2, 3)))
    np.testing.assert_array_equal(a, [2.0, 2.0])
    np.testing.assert_array_equal(b, np.zeros((2, 3)))
    with pytest.warns(UserWarning, match=r"grad: the result does not depend .* a plain float"):
        assert tg.grad(lambda x: 5.0)(1.0) == 0.0


CUT = {
    "data": (lambda x: np.sum(x.data), "a plain float64: the graph was left"),
    "a detached node": (lambda x: (x.detach() * 2).sum(), r"made by detach\(\)"),
    "no_grad": (tg.no_grad(lambda x: (x * 2).sum()), r"detach\(\) or under no_grad\(\)"),
    "another node": (lambda x: tg.Tensor(np.ones(3)).sum(), "was not computed from this node"),
    "a constant of an op": (lambda x: tg.Tensor(1.0) * x.data.sum(), "not computed from"),
}


@pytest.mark.parametrize("name", CUT)
def test_a_result_that_no_gradient_leaves_warns_and_says_why(name):
    f, why = CUT[name]
    x = np.ones(3)
    for transform in (tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian):
        with pytest.warns(UserWarning, match=f"does not depend on .*{why}") as seen:
            transform(f)(x)
        assert seen[0].filename == __file__
    with pytest.warns(UserWarning, match=why):
        tg.vjp(f, x)
    with pytest.warns(UserWarning, match=why):
        tg.jvp(f, (x,), (x,))
    with pytest.warns(UserWarning, match=why):
        tg.hvp(f)(x, x)


def test_derivatives_of_what_is_linear_do_not_warn():
    f = tg.grad(tg.grad(lambda x: 3 * x))
    assert f(2.0) == 0
    np.testing.assert_array_equal(tg.hessian(lambda x: x.sum())(np.ones(2)), np.zeros((2, 2)))
    assert tg.grad(lambda a, b: a * 2, (0, 1))(1.0, 2.0) == (2.0, 0.0)


def test_a_copy_of_an_argument_is_refused():
    for copied in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        for x in (2.0, tg.Value(2.0), np.ones(2)):
            with pytest.raises(TypeError, match="would be cut from its derivative"):
                tg.grad(lambda x, copied=copied: (copied(x) * x).sum())(x)


def test_nested_structures():
    Pair = namedtuple("Pair", "u v")

    def f(p):
        return (p["w"] @ p["layers"][0].u).sum() * p["layers"][0].v + p["layers"][1]

    p = {"w": np.ones((2, 3)), "layers": [Pair(np.arange(3.0), 2.0), 4]}
    g = tg.grad(f)(p)
    assert list(g) == ["w", "layers"]
    assert isinstance(g["layers"][0], Pair)
    np.testing.assert_array_equal(g["w"], [[0.0, 2.0, 4.0]] * 2)
    np.testing.assert_array_equal(g["layers"][0].u, [4.0, 4.0, 4.0])
    assert g["layers"][0].v == 6.0
    assert g["layers"][1] == 1.0
    assert type(g["layers"][0].v) is float
    assert type(g["layers"][1]) is float


def test_aux_is_passed_through_plain():
    (value, aux), g = tg.value_and_grad(lambda x: (x * x, {"twice": 2 * x}), has_aux=True)(3.0)
    assert (value, aux, g) == (9.0, {"twice": 6.0}, 6.0)
    assert tg.grad(lambda x: (x * x, "note"), has_aux=True)(3.0) == (6.0, "note")


def test_results_belong_to_the_caller():
    """Gradients share no memory with arguments or one another: users clip them in place."""
    x, y = np.ones(3), np.ones(3)
    a, b = tg.grad(lambda x, y: (x + y).sum(), (0, 1))(x, y)
    a *= 0.0
    np.testing.assert_array_equal(b, [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(x, [1.0, 1.0, 1.0])


# --- nesting


def test_any_order():
    f = tg.sin
    expected = [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin, np.cos]
    for derivative in expected:
        f = tg.grad(f)
        assert f(0.7) == pytest.approx(derivative(0.7), rel=1e-14)


def test_inner_and_outer_derivatives_do_not_mix():
    # d/dx (x * d/dy (x + y)) = 1, not 2: the inner derivative is 1 whatever x is.
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    # the same variable inside and outside
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y)(x))(3.0) == 6.0
    assert tg.grad(lambda x: x * tg.grad(lambda x: x * x)(x))(3.0) == 12.0


def test_derivatives_around_a_node_are_nodes():
    a = tg.Value(3.0)
    assert tg.grad(lambda x: a * x * x)(2.0) == 12.0  # what is closed over is a constant
    slope = tg.grad(lambda x: a * x * x, record=True)(2.0)
    assert isinstance(slope, tg.Value)
    slope.backward()
    assert a.grad == 4.0

    x = tg.Tensor([1.0, 2.0])
    g = tg.grad(cube)(x)
    assert isinstance(g, tg.Tensor)
    g.sum().backward()
    np.testing.assert_array_equal(x.grad, [6.0, 12.0])


def test_an_inner_argument_is_a_constant_for_the_outer_derivative():
    outer = tg.grad(lambda x: tg.value_and_grad(lambda y: x * y)(2.0)[0])(3.0)
    assert (type(outer), outer) == (float, 2.0)
    a = tg.Value(3.0)
    value, slope = tg.value_and_grad(lambda y: a * y, record=True)(2.0)
    value.backward()
    assert a.grad == 2.0
    assert [n for n in value.parents() if n is not a][0].grad is None  # noqa: RUF015
    assert slope is a or slope.data == 3.0


def test_around_a_model_derivatives_are_plain_and_loops_do_not_grow():
    net = tg.nn.Sequential(tg.nn.Linear(4, 5, rng=0), tg.tanh, tg.nn.Linear(5, 3, rng=0))
    x, y = np.zeros((2, 4)), np.array([0, 1])
    for _ in range(3):
        x = x + 0.1 * np.sign(tg.grad(lambda x: tg.cross_entropy(net(x), y))(x))
        assert type(x) is np.ndarray
    W = tg.Tensor(np.eye(2))
    value, slope = tg.value_and_grad(lambda x: ((W @ x - 1) ** 2).sum())(np.zeros(2))
    assert np.ndim(value) == 0
    assert not isinstance(value, tg.Tensor)
    np.testing.assert_array_equal(slope, [-2.0, -2.0])


def test_an_outer_transform_sees_through_an_inner_one():
    def inner_slope(w):
        return tg.grad(lambda x: (w * x**3).sum())(np.array([1.0, 2.0])).sum()

    expected = np.array([3.0, 12.0])
    np.testing.assert_allclose(tg.grad(inner_slope)(np.ones(2)), expected)
    w = tg.Tensor(np.ones(2))  # a node as the outer argument
    found = tg.grad(inner_slope)(w)
    np.testing.assert_allclose(found.data, expected)
    assert type(tg.grad(lambda x: (found * x).sum())(np.ones(2))) is np.ndarray


def test_transforms_leave_no_gradient_behind():
    x, w = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    tg.grad(lambda x: (w * x).sum())(x)
    tg.hessian(lambda x: (w * x * x).sum())(x)
    assert x.grad is None
    assert w.grad is None


# --- contexts and constants


def test_transforms_work_under_no_grad():
    w = tg.Tensor([1.0, 2.0])
    with tg.no_grad():
        assert tg.grad(lambda x: x**3)(2.0) == 12.0
        g = tg.grad(lambda x: (w * x).sum())(w)
        assert type(g) is np.ndarray
        np.testing.assert_array_equal(g, [1.0, 2.0])
        np.testing.assert_array_equal(tg.hessian(cube)(w.data), np.diag([6.0, 12.0]))
        assert tg.jvp(lambda x: x * x, (3.0,), (1.0,)) == (9.0, 6.0)
        assert tg.vjp(lambda x: x * x, 3.0)[1](1.0) == (6.0,)
        assert (w * w).constant
    assert not (w * w).constant


def test_a_detached_argument_is_differentiated_all_the_same():
    x = tg.Tensor([1.0, 2.0])
    np.testing.assert_array_equal(tg.grad(cube)(x.detach()), [3.0, 12.0])


def test_constant_nodes_inside_leave_the_result_plain():
    c = tg.Tensor([3.0, 4.0]).detach()
    g = tg.grad(lambda x: (x * c).sum())(np.ones(2))
    assert type(g) is np.ndarray
    np.testing.assert_array_equal(g, [3.0, 4.0])


def test_detach_and_no_grad_inside():
    assert tg.grad(lambda x: x * x.detach())(3.0) == 3.0

    def f(x):
        with tg.no_grad():
            c = x * x
        return c * x

    assert tg.grad(f)(3.0) == 9.0


# --- what they refuse


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: tg.grad(lambda x: x * 2)(np.ones(3)), ValueError, r"this one has shape \(3,\)"),
        (lambda: tg.grad(lambda x: None)(1.0), TypeError, "returned None"),
        (lambda: tg.grad(lambda x: (x, 1))(1.0), TypeError, "has_aux=True"),
        (lambda: tg.grad(lambda x: x, has_aux=True)(1.0), TypeError, r"\(scalar, aux\)"),
        (lambda: tg.grad(lambda x: x, 1)(1.0), ValueError, "1 positional arguments"),
        (lambda: tg.grad(lambda x: x)("text"), TypeError, "with respect to 'text'"),
        (lambda: tg.grad(lambda x: x)(1j), TypeError, "complex"),
        (lambda: tg.hessian(lambda x: x)(np.ones(2)), ValueError, "hessian needs .* scalar"),
        (lambda: tg.hvp(lambda x: (x * x).sum())(np.ones(2), np.ones(3)), ValueError, r"\(3,\)"),
        (lambda: tg.hvp(lambda x: (x * x).sum())(np.ones(2)), TypeError, "and then v"),
        (lambda: tg.jvp(cube, (np.ones(2),), (np.ones(3),)), ValueError, r"\(3,\) .* \(2,\)"),
        (lambda: tg.jvp(cube, (np.ones(2),), ()), ValueError, "structures differ"),
        (lambda: tg.vjp(lambda x: x, np.ones(2))[1](np.ones(3)), ValueError, r"\(3,\) .* \(2,\)"),
    ],
)
def test_refusals(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_jvp_of_a_number_among_arrays():
    x = np.array([0.1, 0.5])
    gradient = tg.grad(lambda x, c: (tg.sin(x) * c).sum(), (0, 1))
    _, (dx, dc) = tg.jvp(gradient, (x, 0.7), (np.array([1.0, 2.0]), 0.3))
    np.testing.assert_allclose(dx, -np.sin(x) * 0.7 * [1.0, 2.0] + 0.3 * np.cos(x), rtol=1e-14)
    np.testing.assert_allclose(dc, (np.cos(x) * [1.0, 2.0]).sum(), rtol=1e-14)


# --- other array libraries


@pytest.mark.parametrize(
    "library", ["array_api_strict", pytest.param("torch", marks=pytest.mark.oracle)]
)
def test_other_array_libraries(library, needs):
    xp = needs(library)
    data = np.array([0.5, 1.5])
    x, v = xp.asarray(data), xp.asarray(data[::-1].copy())

    def f(x):
        return (tg.tanh(tg.flip(x)) * x**2).sum()  # pullbacks that call the library

    for found, expected in [
        (tg.grad(f)(x), tg.grad(f)(data)),
        (tg.hessian(f)(x), tg.hessian(f)(data)),
        (tg.hvp(f)(x, v), tg.hvp(f)(data, data[::-1])),
        (tg.jvp(f, (x,), (v,))[1], tg.jvp(f, (data,), (data[::-1],))[1]),
        (tg.vjp(tg.exp, x)[1](v)[0], np.exp(data) * data[::-1]),
    ]:
        assert type(found) is type(x)
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-12)
    u = tg.Tensor(v)
    for along in (tg.jvp(f, (x,), (u,))[1], tg.vjp(tg.flip, x)[1](u)[0], tg.hvp(f)(x, u)):
        assert isinstance(along, tg.Tensor)
        assert along.op is not None
    t = tg.Tensor(x)
    J = (t * t).jacobian(t)
    assert type(J) is type(x)
    np.testing.assert_allclose(np.asarray(J), np.diag(2 * data))
