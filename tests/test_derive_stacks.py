"""Stacks of matrices: three axes, of which a formula holds the first as an index."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg

rng = np.random.default_rng(5)


def tensor(*shape):
    return tg.Tensor(rng.normal(size=shape))


def test_least_squares_of_a_stack():
    X, W, M = tensor(2, 3, 4), tensor(4, 6), rng.normal(size=(2, 3, 6))
    E = ((X @ W - M) ** 2).sum()
    assert str(tg.derive(E, W, X)).splitlines()[:2] == [
        "∂E/∂W = 2 Σₖ Xₖᵀ (Xₖ W − Mₖ)   (4, 6)",
        "∂E/∂Xᵢ = 2 (Xᵢ W − Mᵢ) Wᵀ   (2, 3, 4)",
    ]


def attention():
    Q, K, V, G = tensor(2, 3, 4), tensor(2, 5, 4), tensor(2, 5, 6), rng.normal(size=(2, 3, 6))
    P = tg.softmax(Q @ K.mT / 2.0, axis=-1)
    H = P @ V
    E = (H * G).sum()
    return tg.derive(E, Q, V)


def test_attention_of_a_batch_as_of_one():
    d = attention()
    assert [f.text for f in d.formulas] == [
        "1/2 ((Gᵢ Vᵢᵀ − (Hᵢ ⊙ Gᵢ) 𝟏 𝟏ᵀ) ⊙ Pᵢ) Kᵢ",
        "Pᵢᵀ Gᵢ",
    ]
    assert str(d.formulas[1]) == "∂E/∂Vᵢ = Pᵢᵀ Gᵢ"
    assert d.formulas[1].index == "Σₗ Pᵢₗⱼ Gᵢₗₖ"
    assert "in index notation" not in str(d)


def test_the_steps_of_a_batch():
    d = attention()
    rows = str(d.steps)
    assert "Hᵢ = Pᵢ Vᵢ" in rows
    assert "dHᵢ = dPᵢ Vᵢ + Pᵢ dVᵢ" in rows
    assert "Pᵢ = softmax(1/2 Qᵢ Kᵢᵀ)" in rows
    assert r"{\frac{\partial E}{\partial V}}_{i} = {{P}_{i}}^{\top} {G}_{i}" in d.latex_text


def test_a_bias_of_a_batch_is_summed_over_both_axes():
    X, W, b = tensor(2, 3, 4), tensor(4, 5), tensor(5)
    H = tg.tanh(X @ W + b)
    E = (H**2).sum()
    d = tg.derive(E, b)
    assert d.formulas[0].text == "2 Σⱼ (Hⱼ ⊙ (1 − Hⱼ²))ᵀ 𝟏"
    rows = str(d.steps)
    assert "Hᵢ = tanh(Xᵢ W + 𝟏 bᵀ)" in rows


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda v: tg.outer(v, v), (4,)),  # identities have no matrix in a stack
        (lambda X: tg.softmax(X, axis=1), (3, 4)),  # nor have four axes
        (lambda X: X[:, None] - X, (3, 4)),  # no array has three
    ],
)
def test_what_is_no_stack_stays_in_index_notation(f, shape):
    x = tensor(*shape)
    y = f(x)
    d = tg.derive(y, x)
    assert "in index notation" in str(d)
    assert d.formulas[0].text == d.formulas[0].index


def test_code_turns_no_matrix_twice():
    assert ".T.T" not in attention().numpy
