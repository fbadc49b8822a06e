"""Jacobians of ops that move, mask and repeat entries, and what the chain rule makes of them."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg

rng = np.random.default_rng(8)


def tensor(*shape, name="X"):
    return tg.Tensor(rng.normal(size=shape), name=name)


def derivation(f, x):
    Y = f(x)
    Y.name = "Y"
    return tg.derive(Y, x)


@pytest.mark.parametrize(
    ("f", "shape", "handed"),
    [
        (lambda X: X.reshape((6, 2)), (3, 4), "reshape(δ_Y, (m, p))"),
        (lambda X: tg.pad(X, pad_width=1), (2, 3), "δ_Y[1:3, 1:4]"),
        (lambda X: tg.tril(X, k=1), (4, 4), "tril(δ_Y, k=1)"),
        (lambda X: tg.roll(X, 1, axis=1), (2, 5), "roll(δ_Y, -1, axis=1)"),
        (lambda X: X @ X, (3, 3), "Xᵀ δ_Y + δ_Y Xᵀ"),
    ],
)
def test_what_the_chain_rule_makes_of_a_cotangent_was_executed(f, shape, handed):
    said = f"of δ_Y = ∂E/∂Y it makes {handed}   {shape}"
    assert said in str(derivation(f, tensor(*shape)))


def test_what_has_no_formula_is_handed_none(monkeypatch):
    from tinygrad_lite.derive.verify import Checks

    monkeypatch.setattr(Checks, "gives", lambda *_: False)
    assert "it makes" not in str(derivation(tg.triu, tensor(3, 3)))
