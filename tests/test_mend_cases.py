"""The derivations as code: a right one is the engine's gradient, a wrong one is observably not."""

from __future__ import annotations

import inspect
import linecache

import numpy as np
import pytest

from tests.mend_cases import KINDS_OF_SLIPS, blind, corpus, gradients, variant

ALL = [*corpus(), *blind()]
WRONG = [(case, slips) for case in ALL for slips in case.wrongs()]
SEEDS = (0, 1)


def named(value):
    case, *slips = value if isinstance(value, tuple) else (value,)
    return " ".join([case.name, *(slip.kind for pair in slips for slip in pair)])


def agrees(claim, truth, tolerance):
    """Equal up to axes of length 1, to that part of the largest entry."""
    claim, truth = np.squeeze(claim), np.squeeze(truth)
    scale = np.max(np.abs(truth), initial=1e-3)  # a gradient that is zero is so up to rounding
    return claim.shape == truth.shape and bool(np.all(np.abs(claim - truth) <= tolerance * scale))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", ALL, ids=named)
def test_the_right_derivation_is_the_gradient(case, seed):
    loss, names = case.draw(seed)
    found = gradients(case, case.backward, names)
    loss.backward()
    assert found
    wrong = [name for name, claim in found.items() if not agrees(claim, names[name].grad, 1e-9)]
    assert wrong == []


@pytest.mark.parametrize("wrong", WRONG, ids=named)
def test_a_slip_is_observable_on_every_draw(wrong):
    case, slips = wrong
    backward = variant(case, *slips)
    for seed in SEEDS:
        _, names = case.draw(seed)
        right = gradients(case, case.backward, names)
        found = gradients(case, backward, names)
        assert found.keys() == right.keys()
        assert any(not agrees(found[name], right[name], 1e-6) for name in right)


def test_a_slip_of_two_is_seen_twice():
    """Neither slip of a pair is hidden by the other: both change a gradient by themselves."""
    for case, slips in WRONG:
        if len(slips) == 2:
            assert slips[0].right != slips[1].right, case.name


def test_inspect_finds_the_source_of_what_was_changed():
    for case, slips in WRONG:
        changed = variant(case, *slips)
        file = linecache.getlines(changed.__code__.co_filename)
        assert inspect.getsource(changed) in "".join(file), case.name
        assert all(slip.wrong in "".join(file) for slip in slips), case.name


def test_the_sets_are_as_large_as_they_say():
    assert len(corpus()) >= 40
    assert sum(1 for case in corpus() for _ in case.wrongs()) >= 150


def test_every_kind_of_slip_occurs_and_names_are_unique():
    made = {slip.kind for case in ALL for slip in case.slips}
    assert made == KINDS_OF_SLIPS.keys() - {"other", "shape"}
    assert len({case.name for case in ALL}) == len(ALL)
