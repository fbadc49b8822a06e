"""The examination of `check`: the corpus of benchmarks/check_cases, and what must come out."""

import time

import pytest

from benchmarks import check_confusion
from benchmarks.check_cases import all_cases, problems
from tests.mend_cases import gradients, variant
from tests.mend_cases.corpus_makemore import MAKEMORE
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
    assert len(cases) >= 800
    assert len({case.name for case in cases}) == len(cases)


def test_a_problem_has_a_name_of_its_own_and_says_what_it_derives():
    found = problems()
    assert len({problem.__name__ for problem in found}) == len(found)
    assert not [problem.__name__ for problem in found if not problem.__doc__]


def test_every_error_is_detected(tally):
    assert tally.wrong >= 500
    assert tally.missed == 0, names(tally.misled)


def test_every_right_claim_is_called_right(tally):
    assert tally.right >= 300
    assert tally.false_alarms == 0, names(tally.misled)


def test_the_kind_is_the_one_a_teacher_would_name(tally):
    assert tally.preferred / tally.wrong >= 0.91
    assert (tally.preferred + tally.accepted) / tally.wrong >= 0.99


def test_a_wrong_explanation_is_rare(tally):
    assert len(tally.misled) / tally.wrong <= 0.01, names(tally.misled)


def test_a_derivation_of_every_line_takes_less_than_a_second():
    slip = next(s for s in MAKEMORE.slips if s.right.startswith("dbnraw"))
    loss, names = MAKEMORE.draw()
    claims = gradients(MAKEMORE, variant(MAKEMORE, slip), names)
    assert "C" in claims
    start = time.perf_counter()
    report = check(loss, claims, names=names)
    assert time.perf_counter() - start < 1
    assert report.first.name == "bnraw"


SAYS = {
    "two_layer_sigmoid_columns: no sigma' at the hidden layer": "σ'(z1)",
    "two_layer_sigmoid_columns: db1 not summed over the observations": "sum over axis 1",
    "two_layer_tanh_rows: no 1/(N K) at all": "30",
    "square_layers: W2 for W2^T": "the transpose of W2 is left out",
    "square_layers: the result transposed": "transpose",
    "softmax_cross_entropy_sum: softmax's diagonal only": "diagonal of softmax",
    "layer_norm: gamma left out": "gamma",
    "attention: no 1/sqrt d": "the divisor 2 is left out",
    "rnn: dWh transposed": "transpose",
    "layers_with_binary_cross_entropy: W1 loop overwrites": "adds up (+=)",
    "per_sample_loop: first only": "only one of the 3 paths from b",
    "im2col: flipped kernel": "is in reverse",
    "bilinear_gate: g' on A": "itself belongs",
    "kl_distill: times p": "too many",
    "bearings: r for r^2": "the root of",
    "values_by_hand: exp derivative q": "the power rule stands where exp'(q) belongs",
    "lstm_cell_stacked_gates: gates swapped": "are exchanged",
    "gauss_ll: 1-": "only one of the 9 equal terms from log_sigma",
    "bilinear_form: a b elementwise": "where the matrix or outer product",
    "layers_with_binary_cross_entropy: sigmoid for softplus": "p (1 − p), p = softplus'(z)",
    "pooled_set: p for h in tanh'": "p stands where h belongs",
}


def test_explanations_name_what_was_done():
    said = {
        case.name: str(check(case.loss, case.claims)) for case in all_cases() if case.name in SAYS
    }
    assert said.keys() == SAYS.keys()
    for name, phrase in SAYS.items():
        assert phrase in " ".join(said[name].split()), said[name]
