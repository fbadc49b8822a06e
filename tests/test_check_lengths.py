"""Whether a factor that a claim is off by is called a length: only what is summed on the way is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

Loss = Callable[..., Any]
SIZES = {
    "x": (5,), "c": (5,), "w": (3,), "X": (8, 3), "W": (3, 6), "V": (6, 3), "Y": (8, 6), "y": (8,)
}  # fmt: skip
ONE_HOT = np.eye(6)[[0, 2, 1, 3, 3, 0, 1, 2]]


def said(loss: Loss, name: str, factor: float) -> str:
    """What is said of a gradient that is off by a factor."""
    draw = np.random.default_rng(3).uniform
    given = {key: tg.Tensor(draw(0.5, 1.5, shape), name=key) for key, shape in SIZES.items()}
    E = loss(**given)
    E.backward()
    x = given[name]
    return tg.check(E, {x: factor * x.grad}, names={**given, "E": E})[x].explanation


@pytest.mark.parametrize(
    ("loss", "name", "factor", "number"),
    [
        (lambda X, W, **_: ((X @ W) ** 3 / 6).sum(), "W", 6, "the divisor 6"),
        (lambda x, c, **_: ((0.2 * tg.tanh(x) - c) ** 2).sum(), "x", 5, "the divisor 5"),
        (lambda X, w, **_: tg.log(tg.sigmoid(X @ w) / 3 + 1).sum(), "w", 3, "the divisor 3"),
        (lambda x, c, **_: (tg.exp(-x / 5) * c).sum(), "x", 5, "the divisor 5"),
        (lambda X, **_: (tg.max(X, axis=1) ** 2 / 8).sum(), "X", 8, "the divisor 8"),
        (lambda x, c, **_: tg.sin(x * c / 5).sum(), "x", 5, "the divisor 5"),
        (lambda x, c, **_: ((c + 0.2 * x) ** 4).sum(), "x", 5, "the divisor 5"),
        (lambda X, W, **_: tg.relu((0.125 * X) @ W).sum(), "X", 8, "the divisor 8"),
        (lambda X, **_: (tg.max(X, axis=1) / 3).sum(), "X", 3, "the divisor 3"),
        (lambda x, c, **_: (x**5 * c).sum(), "x", 1 / 5, "the factor 5"),
        (lambda X, w, **_: tg.softplus(3 * (X @ w)).sum(), "w", 1 / 3, "the factor 3"),
        (lambda x, c, **_: tg.log(1 + 5 * (x * c)).sum(), "c", 1 / 5, "the factor 5"),
    ],
)
def test_a_lost_number_is_no_length_by_being_equal_to_one(
    loss: Loss, name: str, factor: float, number: str
) -> None:
    text = said(loss, name, factor)
    assert f"{number} is left out" in text
    assert "number of" not in text
    assert "off by exactly" not in text


@pytest.mark.parametrize(
    ("loss", "name", "factor", "length"),
    [
        (lambda X, w, y, **_: ((X @ w - y) ** 2).mean(), "w", 8, "entries of y"),
        (lambda X, w, y, **_: ((X @ w - y) ** 2).sum() / 8, "w", 8, "entries of y"),
        (lambda X, w, y, **_: 0.125 * ((X @ w - y) ** 2).sum(), "w", 8, "entries of y"),
        (lambda X, w, **_: (tg.mean(X, axis=0) * w).sum() ** 2, "X", 8, "rows of X"),
        (lambda X, W, Y, **_: ((X @ W - Y) ** 2).mean(), "W", 6, "columns of Y"),
        (lambda X, W, Y, **_: ((X @ W - Y) ** 2).mean(), "W", 8, "rows of Y"),
        (lambda X, W, Y, **_: ((X @ W - Y) ** 2).mean(), "W", 48, "entries of Y"),
        (lambda X, w, y, **_: ((X @ w - y) ** 2).sum(), "w", 1 / 8, "entries of y"),
        (lambda Y, **_: -(tg.log_softmax(Y, axis=1) * ONE_HOT).sum() / 8, "Y", 8, "rows of Y"),
        (lambda x, **_: tg.exp(x).mean(), "x", 5, "entries of x"),
        (lambda X, y, w, **_: ((X.T @ tg.tanh(y) / 8) * w).sum(), "y", 8, "that are added up"),
        (lambda X, W, Y, V, **_: (((X @ W - Y) @ V) ** 2).mean(), "V", 24, "that are added up"),
    ],
)
def test_a_lost_or_added_mean_is_told_with_its_own_length(
    loss: Loss, name: str, factor: float, length: str
) -> None:
    text = said(loss, name, factor)
    n = round(max(factor, 1 / factor))
    assert f"off by exactly {n}, the number of " in text
    assert length in text


def test_a_number_in_the_other_factor_leaves_a_doubt_of_a_length() -> None:
    text = said(lambda x, c, **_: tg.log(1 + (5 * x) * c).sum(), "c", 1 / 5)
    assert "may be a coincidence or the number of entries of c" in text


def test_a_mean_over_many_numbers_one_by_one_is_told() -> None:
    """Of a sum of 3,000 terms, and of one that is doubled 60 times."""
    x = tg.Tensor(np.array(0.5), name="x")
    E = x * 0.0
    for k in range(3000):
        E = E + tg.sin(x * k)
    E = E / 3000
    E.backward()
    assert "off by exactly 3000" in tg.check(E, {x: 3000 * x.grad})[x].explanation
    y = tg.Tensor(np.array(0.5), name="y")
    D = tg.exp(y)
    for _ in range(60):
        D = D + D
    D = D / 7
    D.backward()
    assert "the divisor 7 is left out" in tg.check(D, {y: 7 * y.grad})[y].explanation


def test_a_constant_of_two_paths_is_told_with_where_it_may_stand() -> None:
    text = said(lambda x, **_: 1 - 2 * x.sum() / (x**3).sum(), "x", 0.5)
    assert "perhaps that of 2 sum(x)" in text


def test_a_number_that_the_graph_computes_has_no_place_in_the_whole() -> None:
    """One s of a division by s squared is left, and all of the gradient passes every step."""
    rng = np.random.default_rng(1)
    w, s = tg.Tensor(rng.normal(size=(4, 2)), name="w"), tg.Tensor(1.6, name="s")
    E = tg.tanh(rng.normal(size=(7, 4)) @ w / (2 * s**2)).sum()
    E.backward()
    finding = tg.check(E, {w: 1.6 * w.grad}, names={"w": w, "s": s, "E": E})[w]
    assert "there is a factor s too many" in finding.explanation
    assert finding.where == ""
