"""A short run of `python -m tests.fuzz.verdicts`: `check` says nothing false of random graphs."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.fuzz import verdicts


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_nothing_false_is_said_of_random_graphs(needs):
    needs("torch")
    counted, found = verdicts.run(40_000, 60)
    assert counted.total() > 50
    assert found == []


@pytest.mark.parametrize("seed", range(40))
def test_nothing_false_is_said_of_ill_conditioned_ones(seed):
    with np.errstate(all="ignore"):
        case = verdicts.ill_conditioned(seed)
    assert list(verdicts.complaints(case, seed)) == []


def test_the_fuzzer_notices_a_false_verdict():
    x = tg.Tensor([1.0, 2.0])
    E = (x * x).sum()
    said = list(verdicts.complaints((E, {x: [[2.0, 4.5]]}, True), 0))
    assert "the own gradient is called wrong" in said[0]
