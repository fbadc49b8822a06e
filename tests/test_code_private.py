"""Derivations in words that are not plain: names private to a class, products of np.matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_referee_lines import changed

import tinygrad_lite as tg


class Private:
    """A class that keeps a method to itself."""

    def __init__(self, w: Any) -> None:
        self.w = w

    def __odds(self, x: Any) -> Any:
        return 1 / (1 + np.exp(-x @ self.w))

    def slope(self, X: Any, y: Any) -> Any:
        dw = X.T @ (self.__odds(X) - y)
        return dw  # noqa: RET504


def test_what_is_private_to_a_class_is_followed() -> None:
    rng = np.random.default_rng(2)
    X, y, w = rng.normal(size=(6, 3)), np.arange(6) % 2, tg.Tensor(rng.normal(size=3))
    z = X @ w
    E = (tg.softplus(z) - y * z).sum()
    assert tg.check(E, Private(w).slope, names=locals()).ok
    wrong = changed(Private, "- y)", "+ y)")(w)
    (mistake,) = tg.check(E, wrong.slope, names=locals()).wrong
    assert mistake.by == "edit"
    assert "self.__odds(X) - y" in (mistake.mended or "")


def by_matrices(X: Any, w: Any, r: Any) -> Any:
    dw = np.matrix(X).T * np.matrix(r).T
    return {"w": np.asarray(dw).ravel()}


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrices_of_another_product_are_judged_by_their_numbers() -> None:
    rng = np.random.default_rng(2)
    X, w = rng.normal(size=(6, 3)), tg.Tensor(rng.normal(size=3))
    r = X @ w
    E = 0.5 * (r**2).sum()
    report = tg.check(E, by_matrices, names=locals())
    assert report.ok
    assert "np.matrix" in str(report)
    wrong = changed(by_matrices, "* np.matrix(r).T", "* np.matrix(2 * r).T")
    assert not tg.check(E, wrong, names=locals()).ok
