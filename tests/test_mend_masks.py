"""Slips at the corners of a loss: masks are asked again on fresh data, and tell numbers apart."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.mend_cases.case import Slip, variant
from tests.mend_cases.masked_losses import (
    CLIPPED_RATIO,
    ELU_LAYER,
    EPSILON_TUBE,
    LEAKY_IN_PLACE,
    LEAKY_NET,
    MAX_POOLED,
    QUANTILE,
    ROBUST_LINE,
)
from tinygrad_lite.backprop.replay import questions, replay
from tinygrad_lite.check.mend.redraw import FAR, redraw
from tinygrad_lite.graph.node import topological_order


def first(case, right, wrong):
    loss, names = case.draw()
    return tg.check(loss, variant(case, Slip(right, wrong, "other")), names=names).first


@pytest.mark.parametrize(
    ("case", "right", "wrong", "mended"),
    [
        # a number of the graph, not a square root that gives it
        (LEAKY_NET, "1, 0.1)", "1, 0.01)", "dz = da * np.where(z > 0, 1, 0.1)"),
        # two numbers that a mask tells apart, in a place and as a factor
        (LEAKY_NET, "np.where(z > 0, 1, 0.1)", "(z > 0)", "dz = da * np.where(z > 0, 1, 0.1)"),
        (LEAKY_NET, " * np.where(z > 0, 1, 0.1)", "", "dz = da * np.where(a > 0, 1, 0.1)"),
        # = 0 and = 0.2 for *= 0.2
        (LEAKY_IN_PLACE, "*= 0.2", "= 0", "du[u <= 0] *= 0.2"),
        (LEAKY_IN_PLACE, "*= 0.2", "= 0.2", "du[u <= 0] *= 0.2"),
        # what is right only where masks follow the data
        (ROBUST_LINE, "np.abs(r) <= delta", "r <= delta", "inside = np.abs(r) <= delta"),
        (
            ROBUST_LINE,
            "inside, r,",
            "inside, 2 * r,",
            "dr = np.where(inside, r, delta * np.sign(r))",
        ),
        (ELU_LAYER, "z > 0", "z < 0", "dz = da * np.where(z >= 0, 1, a + alpha)"),
        # a branch, of which only some entries are wanted
        (ELU_LAYER, "a + alpha", "alpha", "dz = da * np.where(z > 0, 1, alpha + a)"),
        (
            ROBUST_LINE,
            "delta * np.sign(r)",
            "delta",
            "dr = np.where(inside, r, delta * np.sign(r))",
        ),
        (QUANTILE, "tau - 1) / m", "1 - tau) / m", "de = np.where(e >= 0, tau, tau - 1) / m"),
    ],
)
def test_a_slip_at_a_corner_is_mended_without_a_doubt(case, right, wrong, mended):
    found = first(case, right, wrong)
    assert found.mended == mended
    for doubt in ("coincidence", "is also", "cannot be told", "these data alone"):
        assert doubt not in found.explanation


def test_a_mask_that_lacks_some_entries_is_joined_with_another():
    found = first(CLIPPED_RATIO, "(one < two) | inside", "inside")
    assert found.mended == "active = inside | (two > one)"


def test_a_mask_that_no_line_has_is_a_comparison_of_names():
    found = first(MAX_POOLED, "dpooled * (left > right)", "dpooled")
    assert found.mended == "dX[:, 0::2] = dpooled * (pooled > right)"  # pooled is left there


def test_a_factor_with_a_name_that_is_no_length_is_no_mean():
    found = first(EPSILON_TUBE, "w + C * X.T", "w + X.T")
    assert found.kind == "missing-factor"
    assert "mean" not in found.explanation


def test_a_step_may_be_a_multiple_by_a_number_with_a_name():
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(9, 2)), rng.normal(size=9), tg.Tensor(rng.normal(size=2))
    C = 3.5
    r = X @ w - y
    E = C * (tg.where(tg.abs(r) > 0.3, tg.abs(r), 0.3)).sum()

    def backward(X, r, C):
        dr = np.sign(r) * (r > 0.3)
        dw = C * X.T @ dr
        return {"w": dw}

    found = tg.check(E, backward, names={"X": X, "r": r, "w": w, "C": C})
    assert [f.mended for f in found.wrong] == ["dr = np.sign(r) * (np.abs(r) > 0.3)"]


def test_far_data_change_a_mask_and_what_is_recorded_with_it():
    r = tg.Tensor(np.array([0.05, -0.046, 2.0, -3.0]), name="r")
    mask = tg.abs(r) > 0.045
    E = tg.where(mask, r, 3 * r).sum()
    draw = redraw(E, np.random.default_rng(3), widths=FAR)
    fresh = draw.twin[r].data
    assert not np.array_equal(np.abs(fresh) > 0.045, mask)
    np.testing.assert_array_equal(draw.constants[id(mask)], np.abs(fresh) > 0.045)


def test_a_replay_asks_again_only_what_it_is_given():
    x = tg.Tensor([1.0, -2.0])
    E = tg.where(x > 0, x, 0.0).sum()
    there = {x: np.array([-1.0, 2.0])}
    assert replay(E, there)[E].item() == -1.0
    assert replay(E, there, asked=questions(topological_order(E)))[E].item() == 2.0
