"""Operations that a user defines, in all that looks at a graph: nested in formulas, refusing data
that they were not given, with rules in NumPy's words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg


class Refused(Exception):
    """Raised by an op for data outside its domain."""


@tg.elementwise("probit_like({0})")
def probit_like(xp, x):
    """log x, of numbers between 0 and 5 alone."""
    if np.any((np.asarray(x) <= 0) | (np.asarray(x) > 5)):
        raise Refused("out of range")
    return xp.log(x)


probit_like.local(lambda xp, y, x: 1 / x)


@tg.elementwise("only_floats({0})")
def only_floats(xp, x):
    """The sine of one number."""
    return xp.sin(float(x))


only_floats.local(lambda xp, y, x: xp.cos(x))


@tg.elementwise("bounded({0})")
def bounded(xp, x):
    return x / (1 + xp.abs(x))


bounded.local(lambda xp, y, x: (1 - xp.abs(y)) ** 2)


@tg.primitive("rows({0})")
def rows(xp, A):
    return xp.sum(A, axis=1)


rows.pull(lambda xp, G, y, A: xp.expand_dims(G, axis=1) * xp.ones_like(A))


@pytest.fixture
def graphs() -> dict[str, tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    x = tg.Tensor(rng.uniform(0.5, 4.5, (3, 4)), name="x")
    w = tg.Tensor(rng.normal(size=(4, 2)), name="w")
    v, u = tg.Value(1.2, name="v"), tg.Value(0.4, name="u")
    return {
        "refusing": (((probit_like(x) @ w) ** 2).sum(), x),
        "nested": ((bounded(bounded(x @ w) @ w.T) @ w).sum(), x),
        "rows": ((rows(x @ w) * rows(bounded(x @ w))).sum(), w),
        "scalars": (bounded(v * u) + probit_like(v) * u + only_floats(u), v),
    }


NAMES = ("refusing", "nested", "rows", "scalars")


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_with_them_is_drawn(graphs, name):
    picture = tg.draw(graphs[name][0])
    assert "<svg" in picture.svg
    assert "</html>" in picture.html


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_through_them_is_derived(graphs, name):
    E, x = graphs[name]
    assert str(tg.derive(E, x)[x])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("slip", [lambda g: 1.5 * g, lambda g: -g, lambda g: g + 0.3, np.square])
def test_wrong_claims_behind_them_are_found(graphs, name, slip):
    E, x = graphs[name]
    (g,) = tg.grad(E, [x])
    assert tg.check(E, {x: g}, explain=True)
    assert tg.check(E, {x: slip(np.asarray(g))})[x].verdict == "wrong"


def test_a_wrong_claim_on_a_thousand_steps_of_one_that_takes_numbers_alone_is_found():
    v, s = tg.Value(0.3, name="v"), tg.Value(0.01, name="s")
    y = v
    for _ in range(600):
        y = only_floats(y + s) + 0.5
    (g,) = tg.grad(y, [s])
    assert tg.check(y, {s: -g})["s"].kind == "sign"


SPELLED: dict[str, Callable[..., Any]] = {
    "clip": lambda xp, x: xp.clip(x, -1.0, 1.0) * x,
    "square": lambda xp, x: xp.square(x),
    "reciprocal": lambda xp, x: xp.reciprocal(x),
    "pi": lambda xp, x: xp.pi * x,
    "sinc": lambda xp, x: xp.sinc(x),
    "deg2rad": lambda xp, x: xp.deg2rad(x),
}


@pytest.mark.parametrize("name", SPELLED)
def test_rules_may_use_what_numpy_has(name):
    """d(f(x)²/2) = f(x) f'(x), with the rule f' = g where g is spelled in NumPy's words."""
    g = SPELLED[name]

    def forward(xp, x):
        return x * 1.0

    forward.__name__ = f"spelled_{name}"
    op = tg.elementwise(f"spelled_{name}({{0}})")(forward)
    op.local(lambda xp, y, x: g(xp, x))
    for x in (0.7, -0.3):
        expected = float(g(np, np.float64(x)))
        step = 1e-6
        slope = (g(np, np.float64(x + step)) - g(np, np.float64(x - step))) / (2 * step)
        assert tg.grad(op)(x) == pytest.approx(expected, abs=1e-15)
        assert tg.grad(tg.grad(op))(x) == pytest.approx(float(slope), abs=1e-7)
        (second,) = tg.hessian(lambda a: op(a).sum())(np.array([x]))
        assert second[0] == pytest.approx(float(slope), abs=1e-7)


def test_what_has_no_name_of_its_own_can_be_an_op():
    cube = tg.elementwise("cube({0})")(functools.partial(lambda xp, x, *, k: x**k, k=3))
    cube.local(lambda xp, y, x, *, k: k * x ** (k - 1))
    x = tg.Tensor([1.0, 2.0])
    E = tg.sum(cube(x))
    E.backward()
    np.testing.assert_allclose(x.grad, [3.0, 12.0])
    space = {"tg": tg, "__builtins__": __builtins__}
    exec(
        '@tg.elementwise("twice({0})")\ndef twice(xp, x):\n    return 2 * x\n'
        "twice.local(lambda xp, y, x: 2.0)",
        space,
    )
    assert tg.grad(space["twice"])(3.0) == 2.0
