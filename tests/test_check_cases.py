"""The examination of `check`: the corpus of benchmarks/check_cases, and what must come out."""

import time

import pytest

from benchmarks import check_confusion
from benchmarks.check_cases import all_cases
from benchmarks.check_cases.makemore import Block
from tinygrad_lite.check import KINDS, check


@pytest.fixture(scope="module")
def tally():
    return check_confusion.run()


def names(misled):
    return [f"{case.name} [{finding.name}]: {finding.kind}" for case, finding in misled]


def test_the_corpus_is_large_and_covers_every_kind():
    cases = list(all_cases())
    kinds = {options[0] for case in cases for options in case.expected.values()}
    assert kinds >= {*KINDS, "right", "inherited"}
    assert kinds <= {*KINDS, "right", "inherited"}
    assert len(cases) >= 400
    assert len({case.name for case in cases}) == len(cases)


def test_every_error_is_detected(tally):
    assert tally.wrong >= 400
    assert tally.missed == 0, names(tally.misled)


def test_every_right_claim_is_called_right(tally):
    assert tally.right >= 300
    assert tally.false_alarms == 0, names(tally.misled)


def test_the_kind_is_the_one_a_teacher_would_name(tally):
    assert tally.preferred / tally.wrong >= 0.85
    assert (tally.preferred + tally.accepted) / tally.wrong >= 0.9


def test_a_wrong_explanation_is_rare(tally):
    assert len(tally.misled) / tally.wrong <= 0.02, names(tally.misled)


def test_a_derivation_of_26_lines_takes_less_than_a_second():
    block = Block(n=32, hidden=64)
    claims = {block.nodes[k]: g for k, g in block.gradients("bndiff").items()}
    assert len(claims) == 26
    start = time.perf_counter()
    report = check(block.nodes["loss"], claims)
    assert time.perf_counter() - start < 1
    assert report.first.name == "bndiff"
