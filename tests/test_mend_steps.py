"""Mends of what a loop carries, of functions of many lines, and of lines that are not there."""

import ast

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.mend_cases import later_rows, later_walks, stranger_estimates
from tests.mend_cases.case import variant
from tests.mend_cases.undone import others
from tinygrad_lite.check.mend.factored import factored
from tinygrad_lite.check.mend.looked import Place
from tinygrad_lite.check.mend.trials import ONLY_HERE


def checked(case, *slips):
    E, names = case.draw()
    report = tg.check(E, variant(case, *slips), names=names)
    return report, others(case, slips, report)


@pytest.mark.parametrize("k", range(3))
def test_a_function_of_many_lines_that_a_loop_calls(k):
    case = later_walks.MINIMAL_GATE
    report, other = checked(case, case.slips[k])
    assert [f.by for f in report.wrong] == ["edit"]
    assert other == 0


def test_a_softmax_of_which_only_the_diagonal_is_written_in_a_loop():
    case = later_walks.GLANCES
    report, _ = checked(case, case.slips[0])
    mended = "dscore = weights[t] * (dw - weights[t] @ dw)"
    assert mended in [f.mended for f in report.wrong]


def test_the_two_terms_of_a_deviation_row_by_row():
    case = later_rows.NORMED
    report, _ = checked(case, case.slips[0])
    assert report.first.mended == "dX[i] = (g - np.mean(g) - z * np.mean(g * z)) / std[i]"


def test_what_a_loop_hands_on_begins_anew():
    case = later_walks.FILTERED
    report, _ = checked(case, case.slips[0])
    assert [f.mended for f in report.wrong] == ["carry = np.zeros_like(carry)"]
    assert report.first.explanation.endswith("should stand before for n in reversed(range(N))")


def test_a_part_of_an_array_that_lacks_what_nothing_reads():
    rng = np.random.default_rng(0)
    A, start = tg.Tensor(rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=3))
    seen = tg.Tensor(rng.normal(size=(4, 3)))
    want = rng.normal(size=3)
    h = seen[-1]
    for _ in range(2):
        h = A @ h
    E = (h * want).sum() + 0.5 * ((seen @ start) ** 2).sum()

    def backward(A, seen, start, want):
        dseen = np.outer(seen @ start, start)
        back = A.T @ (A.T @ want)  # noqa: F841
        return dseen

    report = tg.check(E, backward, names={"A": A, "seen": seen, "start": start, "want": want})
    assert [f.mended for f in report.wrong] == ["dseen[-1] += back"]


def test_where_all_data_want_the_same_a_doubt_is_said():
    q = tg.Tensor(0.3)

    def backward(q, k):
        dq = 2 * k  # a number of rows, say
        return {"q": dq}

    report = tg.check(5 * q, backward, names={"q": q, "k": 2.0})
    assert report.first.by != "edit" or ONLY_HERE in report.first.explanation


def test_farther_data_tell_where_near_ones_want_the_same():
    case = stranger_estimates.SHORTFALL
    report, other = checked(case, case.slips[0])
    assert report.first.mended == "dq = 1 - k * tail.sum()"
    assert other == 0


def test_factors_of_very_large_arrays_are_not_looked_up():
    place = Place(ast.Name("x", ast.Load()), np.ones(6_000), None)
    assert list(factored(place, np.full(6_000, 2.0))) == []
