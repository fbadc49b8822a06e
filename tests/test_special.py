"""SciPy's special functions on nodes: by SciPy's own ufuncs and by `tg.special`."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value
from tinygrad_lite.testing import assert_gradients

special = pytest.importorskip("scipy.special")
X = np.array([0.2, 0.35, 0.8])
Y = np.array([[1.3], [0.6]])
UNARY = [
    *("digamma", "psi", "entr", "erf", "erfc", "erfcx", "erfinv", "expit", "expm1", "gamma"),
    *("gammaln", "log1p", "log_expit", "log_ndtr", "logit", "ndtr", "ndtri"),
]
BINARY = ["rel_entr", "xlog1py", "xlogy"]


@pytest.mark.parametrize("name", UNARY)
def test_one_number(name):
    for f in (getattr(special, name), getattr(tg.special, name)):
        np.testing.assert_allclose(f(Tensor(X)).data, getattr(special, name)(X), rtol=1e-13)
        assert f(Value(0.35)).data == pytest.approx(getattr(special, name)(0.35), rel=1e-13)
        assert_gradients(f, X)


@pytest.mark.parametrize("name", BINARY)
def test_two_numbers(name):
    for f in (getattr(special, name), getattr(tg.special, name)):
        np.testing.assert_allclose(f(Tensor(X), Y).data, getattr(special, name)(X, Y), rtol=1e-13)
        assert f(0.3, Value(0.35)).data == pytest.approx(getattr(special, name)(0.3, 0.35))
        assert_gradients(f, (X, Y))


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("gamma", [(-0.5,), (-1.5,), (-2.5,), (3.0,), (180.0,)]),
        ("entr", [(0.0,), (-1.0,)]),
        ("ndtri", [(1e-30,), (0.0,), (2.0,)]),
        ("rel_entr", [(0.0, 0.0), (0.0, 2.0), (1.0, 0.0), (-1.0, 2.0), (1.0, -2.0)]),
        ("xlog1py", [(0.0, -1.0), (1.0, 1e-20), (0.0, np.nan)]),
    ],
)
def test_at_the_ends_of_their_domains(name, points):
    for point in points:
        with np.errstate(all="ignore"):
            found = getattr(tg.special, name)(*map(Tensor, point)).item()
        np.testing.assert_allclose(found, getattr(special, name)(*point), rtol=1e-13)


def test_functions_with_settings():
    for f in (special, tg.special):
        np.testing.assert_allclose(f.logsumexp(X, b=X), special.logsumexp(X, b=X))
    for d in (1, 3):
        x = X + 2
        found = tg.special.multigammaln(Tensor(x), d)
        np.testing.assert_allclose(found.data, special.multigammaln(x, d))
        assert_gradients(lambda x, d=d: tg.special.multigammaln(x, d), x)
    for n in (0, 1, 3):
        np.testing.assert_allclose(tg.special.polygamma(n, Tensor(X)).data, special.polygamma(n, X))
        assert_gradients(lambda x, n=n: tg.special.polygamma(n, x), X)
    assert_gradients(lambda a, b: tg.special.logsumexp(a, axis=1, b=b, keepdims=True), (Y @ [X], X))
    assert_gradients(lambda x: tg.special.softmax(x) * tg.special.log_softmax(x), Y @ [X])
