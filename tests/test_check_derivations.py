"""Whole derivations: the first wrong line is flagged, and later ones are judged by it."""

from __future__ import annotations

from typing import Any

import numpy as np
from test_check_explain import named

import tinygrad_lite as tg


def test_the_first_wrong_line_is_flagged_and_later_ones_are_judged_by_it() -> None:
    n = np.random.default_rng(12).normal
    X, t = n(size=(6, 3)), n(size=(6, 2))
    W1, W2 = tg.Tensor(n(size=(3, 4)), name="W1"), tg.Tensor(n(size=(4, 2)), name="W2")
    z = X @ W1
    h = tg.tanh(z)
    y = h @ W2
    E = 0.5 * ((y - t) ** 2).sum()
    named(z=z, h=h, y=y, E=E)
    dy = y.data - t
    dh = dy @ W2.data.T
    dz = dh  # tanh' is left out here
    dW1 = -X.T @ dz  # and the sign is lost here
    claims = {y: dy, W2: h.data.T @ dy, h: dh, z: dz, W1: dW1}
    report = tg.check(E, claims)
    assert [f.verdict for f in report] == ["right", "right", "right", "wrong", "wrong"]
    assert report.first is report[z]
    assert report[z].first
    assert report[z].kind == "missing-activation-derivative"
    assert "the first wrong line" in str(report)
    assert report[W1].kind == "sign"
    assert "wrong here as well" in report[W1].explanation
    inherited = tg.check(E, {**claims, W1: X.T @ dz})[W1]
    assert inherited.verdict == "follows"
    assert inherited.inherited == ("z",)
    assert inherited.message() == "from z; its own step is right"


def test_a_line_that_is_right_in_spite_of_a_wrong_one_above_is_right() -> None:
    x = tg.Tensor([1.0, 2.0], name="x")
    y = tg.sin(x)
    E = (y * y).sum()
    named(y=y)
    report = tg.check(E, {y: y.data, x: 2 * y.data * np.cos(x.data)})
    assert [f.verdict for f in report] == ["wrong", "right"]


def test_the_same_slip_at_every_function_that_is_written_out() -> None:
    """1 / (1 + exp(-z)) in three layers, its derivative forgotten in each."""
    n = np.random.default_rng(21).normal
    X, Ws = n(size=(6, 3)), [tg.Tensor(n(size=(3, 3)), name=f"W{i}") for i in (1, 2, 3)]
    a: Any = X
    for i, W in enumerate(Ws):
        a = 1 / (1 + tg.exp(-(a @ W)))
        a.name = f"a{i + 1}"
    R = n(size=(6, 3))
    E = (a * R).sum()
    claim = X.T @ (R @ Ws[2].data.T @ Ws[1].data.T)
    finding = tg.check(E, {Ws[0]: claim})["W1"]
    assert finding.kind == "missing-activation-derivative"
    assert "and so at every step of this sort" in finding.explanation
