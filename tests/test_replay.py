"""A recorded graph evaluated again."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.backprop.replay import replay


def test_other_data_gives_what_recording_anew_gives(rng: np.random.Generator) -> None:
    W, x = tg.Tensor(rng.normal(size=(3, 2))), rng.normal(size=2)
    E = (tg.tanh(W @ x) ** 2).sum()
    other, constant = rng.normal(size=(3, 2)), rng.normal(size=2)
    twin = replay(E, {W: other}, constants={id(x): constant})
    assert float(twin[E].data) == pytest.approx(float((np.tanh(other @ constant) ** 2).sum()))
    assert float(E.data) == pytest.approx(float((np.tanh(W.data @ x) ** 2).sum()))


def test_wide_is_float64_and_keeps_integers() -> None:
    x = tg.Tensor(np.array([0.1, 0.2], dtype=np.float32))
    E = (x[np.array([1, 1])] * 0.3).sum()
    twin = replay(E, wide=True)
    assert all(n.data.dtype == np.float64 for n in twin.values())
    assert float(twin[E].data) == pytest.approx(2 * 0.3 * float(np.float32(0.2)), rel=1e-15)


def test_wide_brings_the_numbers_that_ops_compute_with_and_keeps_masks_and_labels() -> None:
    x, y, label = tg.Tensor([0.1, 0.2]), np.array([3, 200], np.uint8), np.array(1)
    product, picked = x * y, tg.where(y > 9, x, 0.0)
    twins = replay(product + picked + tg.cross_entropy(x, label), wide=True)
    assert [a.dtype for a in twins[product].operands] == [np.float64, np.float64]
    assert twins[picked].operands[0].dtype == np.bool_
    (entropy,) = (n for n in twins if n.op is not None and n.op.name == "cross_entropy")
    assert twins[entropy].data == pytest.approx(entropy.data)


def test_scalars_become_arrays_when_wide_and_stay_values_else() -> None:
    a = tg.Value(2.0)
    e = a * a
    assert isinstance(replay(e)[e], tg.Value)
    assert isinstance(replay(e, wide=True)[e], tg.Tensor)
    assert replay(e, {a: 3.0})[e].data == 9.0


def test_a_leaf_counts_with_the_value_it_was_recorded_with() -> None:
    x = tg.Tensor([1.0, 2.0])
    E = (x * x).sum()
    x.data = np.array([5.0, 5.0])
    assert float(replay(E)[E].data) == 5.0


def test_a_leaf_set_between_two_uses_is_refused() -> None:
    x = tg.Tensor([1.0, 2.0])
    a = x * 2.0
    x.data = np.array([5.0, 5.0])
    with pytest.raises(ValueError, match="set between two uses"):
        replay((a + x).sum())


def test_it_records_under_no_grad_too() -> None:
    x = tg.Tensor([1.0, 2.0])
    E = (x * x).sum()
    with tg.no_grad():
        assert replay(E)[E].op is not None
