"""What many hands write: several names in one line, lambdas of several lines, dicts, recursions."""

import tracemalloc

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.mend_cases import (
    shelf_likelihoods,
    shelf_series,
    stranger_learning,
    stranger_likelihoods,
    stranger_networks,
    unusual_names,
    unusual_writing,
)
from tests.mend_cases import stranger_sciences as sciences
from tests.mend_cases import stranger_series as series
from tests.mend_cases.case import variant
from tinygrad_lite.check.code.derivation import reading
from tinygrad_lite.check.mend.redraw import ladder
from tinygrad_lite.graph.trees import map_tree


def wrong(case, slip):
    """What is said of a derivation with one of its slips."""
    loss, names = case.draw()
    given = variant(case, case.slips[slip])
    pairs = {name: node or None for name, node in case.pairs.items()}
    return tg.check(
        loss, given if case.form == "function" else given(), names=names, pairs=pairs
    ).wrong


@pytest.mark.parametrize(
    ("case", "slip", "mended"),
    [
        (series.CURVE, 4, "db1, db2 = dy @ pente, dy @ bosse"),
        (sciences.CAMERA, 2, "du, dv = u - seen[:, 0], v - seen[:, 1]"),
        (stranger_likelihoods.BETA_BINOMIAL, 1, "dla, dlb = da * a, db * b"),
    ],
)
def test_all_that_one_line_assigns_is_mended(case, slip, mended):
    (finding,) = wrong(case, slip)
    assert finding.mended.replace("= (", "= ").removesuffix(")") == mended


def test_what_is_right_in_the_first_turn_alone_is_no_mend():
    """The old value is 0 in the turn that departs: leaving it out is right there alone."""
    (finding,) = wrong(sciences.EPIDEMIC, 0)
    assert "(li - ls_old)" in finding.mended


@pytest.mark.parametrize(
    ("case", "slip", "part"),
    [
        (stranger_networks.FEATURE_ATTENTION, 3, "dk * slope['K']"),  # an entry of a dict
        (stranger_networks.MAXOUT, 0, "(Z == H) * dH"),
        (stranger_networks.GRAPH_ATTENTION, 3, "np.where(raw > 0, 1.0, 0.2)"),
        (stranger_learning.HYPER, 2, "(P - Y) / n"),  # a size for another
        (stranger_learning.HYPER, 0, "dW.reshape(-1)"),
        (sciences.CAMERA, 3, "-f * (xc * du + yc * dv) / zc"),
        (series.ONE_POLE, 0, "y[:-1]"),
        (sciences.QUATERNION, 2, " - u * (u @ "),
        (stranger_likelihoods.JENSEN, 0, "np.log2(p / m)"),
        (shelf_series.ARMA, 0, "- theta * de_next"),  # an array of what each step computed
        (shelf_series.ARMA, 2, "(T - 1)"),
    ],
)
def test_a_slip_of_this_sort_is_undone(case, slip, part):
    (finding,) = wrong(case, slip)
    assert part in finding.mended


NAMES = (
    unusual_names.TEACHER,  # of another shape than the node of that name
    unusual_names.SELECTIVE_SCAN,  # what a loop's last turn hands on to none
    unusual_names.PENDULUM_RK4,
    unusual_names.DOUBLE_WELL,
)


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case.name)
def test_a_name_like_a_nodes_that_means_something_else_is_no_mistake(case):
    loss, names = case.draw()
    report = tg.check(loss, case.backward, names=names)
    assert report.ok


@pytest.mark.parametrize(
    ("case", "slips", "parts"),
    [
        (unusual_names.TEACHER, (0,), ("/ ts",)),
        (unusual_names.SELECTIVE_SCAN, (0,), ("hs[t + 1]",)),
        (unusual_names.DECAY_CHAIN, (2,), ("2 * (eff",)),  # of copies with few digits
        (unusual_writing.SOFTMAX_REGRESSION, (0, 1), ("lam", "mean(axis=0)")),
        (unusual_writing.RANKS_OF_PAGES, (2,), ("walk[-2::-1]",)),  # an entry fewer
    ],
)
def test_slips_are_undone_though_no_pairs_are_given(case, slips, parts):
    loss, names = case.draw()
    given = variant(case, *(case.slips[k] for k in slips))
    mended = "; ".join(f.mended or "" for f in tg.check(loss, given, names=names).wrong)
    assert all(part in mended for part in parts)


def test_a_line_that_is_right_in_some_turns_may_be_the_cause():
    case = unusual_names.PENDULUM_RK4
    loss, names = case.draw()
    (slip,) = (s for s in case.slips if s.wrong == "dt * da2, dt * dw2")
    assert tg.check(loss, variant(case, slip), names=names).wrong


def test_no_edit_grows_an_array_in_every_turn_of_a_loop():
    """An axis more in each of twelve turns took all the memory that there was."""
    tracemalloc.start()
    wrong(shelf_likelihoods.PROPORTIONS, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def test_floats_of_what_was_computed_follow_to_fresh_data():
    x = tg.Tensor(np.array([0.3, 1.7]))
    h = (tg.tanh(x) * x).sum()
    loss = h**2
    kept = [float(h.data)]
    for (draw,) in ladder(loss, lambda draw: True, 1):
        (found,) = map_tree(reading(draw), kept)
        assert found == draw.twin[h].data != kept[0]
        (held,) = map_tree(reading(draw), [0.5])
        assert held == 0.5


def test_a_mended_lambda_of_several_lines_is_whole():
    (finding,) = wrong(series.PORTFOLIO, 3)
    loss, names = series.PORTFOLIO.draw()
    loss.backward()
    given = {n: v.data if isinstance(v, tg.Tensor) else v for n, v in names.items()}
    mended = eval(finding.mended, {"np": np})
    used = mended.__code__.co_varnames[: mended.__code__.co_argcount]
    np.testing.assert_allclose(mended(**{n: given[n] for n in used}), names["theta"].grad)


def test_a_formula_may_ask_for_a_length():
    w = tg.Tensor(np.arange(1.0, 4.0))
    assert tg.check((w**2).mean(), {w: "2 * w / len(w)"})


def test_a_number_that_is_no_start_is_redrawn():
    c, w = tg.Tensor(1.2), tg.Tensor(np.arange(1.0, 4.0))
    for draws in ladder((c * w).sum(), lambda draw: True):
        assert all(draw.twin[c].data != 1.2 for draw in draws)
