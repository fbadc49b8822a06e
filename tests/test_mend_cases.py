"""The derivations as code: a right one is the engine's gradient, a wrong one is observably not."""

from __future__ import annotations

import inspect
import linecache

import numpy as np
import pytest

from tests.mend_cases import (
    KINDS_OF_SLIPS,
    blind,
    corpus,
    fresh,
    gradients,
    later,
    masked,
    passing,
    shelf,
    square,
    stranger,
    unusual,
    variant,
)

SETS = (corpus, blind, fresh, stranger, passing, later, square, shelf, unusual, masked)
ALL = [case for which in SETS for case in which()]
WRONG = [(case, slips) for case in ALL for slips in case.wrongs()]
UNSEEN = [(case, (slip,)) for case in ALL for slip in case.unseen]
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


@pytest.mark.parametrize("wrong", [w for w in WRONG if len(w[1]) > 1], ids=named)
def test_no_slip_of_several_is_hidden_by_the_others(wrong):
    case, slips = wrong
    _, names = case.draw()
    all_made = gradients(case, variant(case, *slips), names)
    for left_out in slips:
        fewer = [slip for slip in slips if slip is not left_out]
        without = gradients(case, variant(case, *fewer), names)
        assert any(not agrees(all_made[name], without[name], 1e-6) for name in without)


@pytest.mark.parametrize("unseen", UNSEEN, ids=named)
def test_what_no_number_shows_stays_right(unseen):
    case, (slip,) = unseen
    loss, names = case.draw()
    found = gradients(case, variant(case, slip), names)
    loss.backward()
    wrong = [name for name, claim in found.items() if not agrees(claim, names[name].grad, 1e-9)]
    assert wrong == []


def test_inspect_finds_the_source_of_what_was_changed():
    for case, slips in WRONG:
        changed = variant(case, *slips)
        file = linecache.getlines(changed.__code__.co_filename)
        assert inspect.getsource(changed) in "".join(file), case.name
        assert all(slip.wrong in "".join(file) for slip in slips), case.name


def test_the_sets_are_as_large_as_they_say():
    made = {which: [slips for case in which() for slips in case.wrongs()] for which in SETS}
    lengths = {which: [len(slips) for slips in wrongs] for which, wrongs in made.items()}
    assert len(corpus()) >= 40
    assert len(lengths[corpus]) >= 150
    assert len(blind()) >= 30
    assert lengths[blind].count(1) >= 80
    assert lengths[blind].count(2) >= 15
    assert len(fresh()) >= 20
    assert len(lengths[fresh]) >= 80
    assert len(lengths[passing]) >= 40
    assert len(lengths[later]) >= 40
    assert len(lengths[square]) >= 50
    assert len(lengths[shelf]) >= 50
    assert len(lengths[unusual]) >= 30
    assert len(lengths[masked]) >= 60
    assert len(stranger()) >= 40
    assert lengths[stranger].count(1) >= 180
    assert lengths[stranger].count(2) >= 30


def test_every_kind_of_slip_occurs_and_names_are_unique():
    made = {slip.kind for case in ALL for slip in (*case.slips, *case.unseen)}
    assert made == KINDS_OF_SLIPS.keys() - {"other", "shape"}
    assert len({case.name for case in ALL}) == len(ALL)
