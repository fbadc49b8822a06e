"""Masks in formulas: what was asked of which nodes, as long as that is what the mask is."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import tinygrad_lite as tg

rng = np.random.default_rng(3)
z = tg.Tensor(rng.normal(size=(5, 3)), name="z")
y = rng.normal(size=(5, 3))
delta = 0.5


def drawn(*shape):
    return tg.Tensor(rng.normal(size=shape))


ASKED = {
    "(z ⊙ 𝟏[z > 0] − y) ⊙ 𝟏[z > 0]": lambda: tg.sum((z * (z > 0) - y) ** 2) / 2,
    "where(z > 0, 3 z², 2 z)": lambda: tg.sum(tg.where(z > 0, z**3, z**2)),
    "where(z ≤ y, 2 z, 1)": lambda: tg.sum(tg.where(z <= y, z**2, z)),
    "where(z ≥ y, 2 z, 1)": lambda: tg.sum(tg.where(tg.greater_equal(z, y), z**2, z)),
    "where(|z| ≤ 1/2, z, 1/2 sign(z))": lambda: tg.sum(
        tg.where(tg.abs(z) <= delta, z**2 / 2, delta * (tg.abs(z) - delta / 2))
    ),
    "0.1 + 0.9 𝟏[z > 0]": lambda: tg.sum(tg.where(z > 0, z, 0.1 * z)),
    "2 z ⊙ 𝟏[z < 9]": lambda: tg.sum(tg.where(z < 9, z**2, 0)),  # everywhere here
}


@pytest.mark.parametrize("formula", ASKED)
def test_a_mask_is_what_was_asked(formula):
    derived = tg.derive(ASKED[formula](), z)
    assert str(derived).splitlines()[0].split(" = ", 1)[1].rsplit("   ", 1)[0] == formula
    assert "2 sets of sizes, value and shape" in str(derived)
    assert "holds" not in str(derived)


def test_the_code_computes_with_truths():
    E = -tg.sum(z * (z > y))
    derived = tg.derive(E, z)
    assert derived.numpy == "-(z > y).astype(float)"
    m = y > 0
    derived = tg.derive(-tg.sum(tg.where(m, z, 0)), z)
    assert derived.numpy == "-m.astype(float)"
    np.testing.assert_array_equal(eval(derived.numpy, {"m": m}), -m.astype(float))


def test_a_mask_with_a_name_keeps_it():
    m = z > 0
    derived = tg.derive(tg.sum(tg.where(m, z**2, z)), z)
    assert "where(m, 2 z, 1)" in str(derived)


def test_a_mask_that_was_changed_is_none():
    E = tg.sum(tg.where(changed(z > 0), z**2, z))
    assert "where(c₁, 2 z, 1)" in str(tg.derive(E, z))
    w = tg.Tensor([-1.0, 2.0], name="w")
    E = tg.sum(tg.where(w > 0, w**2, w))
    w.data = np.array([1.0, -2.0])
    derived = tg.derive(E, w)
    assert "where(c₁, 2 w, 1)" in str(derived)


def changed(mask):
    mask[0] = ~mask[0]
    return mask


def test_a_mask_that_holds_for_all_of_the_data_is_a_mask():
    mine = np.array([True, True])
    w = tg.Tensor([-1.0, 2.0], name="w")
    derived = str(tg.derive(tg.sum(tg.where(mine, w**2, w)), w))
    assert "where(mine, 2 w, 1)" in derived
    derived = str(tg.derive(tg.sum(tg.where(np.ones(2, bool), w**2, w)), w))
    assert "where(c₁, 2 w, 1)" in derived


def test_a_comparison_holds_no_graph_for_long():
    held, masks = [], []
    for k in range(30):
        made = tg.Tensor(np.ones(3)) * float(k)
        held.append(weakref.ref(made.data))
        masks.append(made > 0)
    del made
    assert sum(data() is not None for data in held) <= 8
    del masks
    assert all(data() is None for data in held)


def test_a_mask_of_one_entry_is_an_array():
    one, w = np.array([True]), rng.normal(size=(2, 3))
    b, c = tg.Tensor([[1.0], [2.0]], name="b"), tg.Tensor([[1.0, 2.0, 3.0]], name="c")
    derived = tg.derive(tg.sum(tg.where(one, b, c) * w), c)
    assert derived.formulas[0].text == "(1 − one) wᵀ 𝟏"
    np.testing.assert_array_equal(derived.evaluate(), np.zeros((1, 3)))


def test_masks_of_masks_are_what_was_asked():
    z, x, c = drawn(40), drawn(4, 3), rng.normal(size=40)
    low, high, rows = z > -1, z < 1, tg.sum(x, axis=1) > 0
    small, large = z < -1, z > 1
    losses = {
        "where(z > −1, c, 2 z ⊙ c)": tg.sum(c * tg.where(~low, z**2, z)),
        "c ⊙ (1 − (1 − 2 z) ⊙ 𝟏[z > −1] ⊙ 𝟏[z < 1])": tg.sum(c * tg.where(low & high, z**2, z)),
        "c ⊙ (1 − (1 − 2 z) ⊙ 𝟏[𝟏[z < −1] | 𝟏[z > 1]])": tg.sum(
            c * tg.where(small | large, z**2, z)
        ),
    }
    for expected, E in losses.items():
        assert tg.derive(E, z).formulas[0].text == expected
    kept = tg.derive(tg.sum(tg.where(rows[:, None], x**2, 0.0)), x)
    assert kept.formulas[0].text == "2 Diag(𝟏[x 𝟏 > 0]) x"


def test_a_mask_of_few_entries_is_not_made_of_others_by_chance():
    """Labels happen to be where z is not positive: they are data, whatever z becomes."""
    z, labels = tg.Tensor([1.0, -2.0, 3.0]), np.array([0, 1, 0])
    positive = z > 0
    E = tg.where(labels == 1, z**2, tg.where(positive, z, 2 * z)).sum()
    derived = tg.derive(E, z)
    assert derived.formulas[0].text == "where(c₁, 2 z, 2 − positive)"


def test_a_view_of_an_array_is_that_at_other_indices():
    W, a, b, M = drawn(4, 3), np.arange(4.0), np.arange(1.0, 4.0), np.arange(15.0).reshape(5, 3)
    assert tg.derive(tg.sum(a[:, None] * W * b[None]), W).formulas[0].text == "a bᵀ"
    assert tg.derive(tg.sum(M[1] * W * M[1:].T[:, 2]), W).formulas[0].text.count("M₁")
    C = np.arange(12.0).reshape(3, 4)
    flat = tg.derive(tg.sum(tg.reshape(W.T, (-1,)) * C.reshape(-1)), W)
    assert flat.formulas[0].text == "Cᵀ"
    assert "2 sets of sizes" in str(flat)
    known, z = rng.random(40) < 0.5, drawn(40)
    assert tg.derive(tg.sum(tg.where(~known, z, 0.0)), z).formulas[0].text == "1 − known"
