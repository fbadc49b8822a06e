"""A mended line reads as a person would write it, and no coincidence is taken for what is right."""

import ast

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.mend_cases import stranger_estimates as estimates
from tests.mend_cases import stranger_examples as examples
from tests.mend_cases import stranger_loops as loops
from tests.mend_cases.case import variant
from tinygrad_lite.check.mend.offered import left_over
from tinygrad_lite.check.mend.written import Written, shown


def mended(case, slip):
    """The only wrong line of a derivation with one of its slips, as found."""
    loss, names = case.draw()
    (finding,) = tg.check(loss, variant(case, case.slips[slip]), names=names).wrong
    return finding


@pytest.mark.parametrize(
    ("case", "slip", "line"),
    [
        (loops.BIRNN, 1, "dWb += np.outer(hb[t + 1], da)"),  # and no index that wraps round
        (loops.BIRNN, 2, "dh = errs[t] * V[H:] + carry"),
        (loops.HOLT, 3, "de = 2 * e + alpha * dl + alpha * beta * dt"),  # not a - b * -c
        (loops.IMPLICIT_HEAT, 0, "dkappa[i] = -k * lam[i] * lap"),
        (loops.LLMC_LAYERNORM, 2, "dval *= rstd"),  # not /= 1 / rstd
        (examples.NN_COST, 0, "Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]"),
        (examples.BPR, 0, "dV[j] += e * U[u]"),  # not -= -e
        (examples.CBOW, 1, "dW_in[c] += dh / len(context)"),
        (estimates.MISH_NET, 4, "dr = dsigma / (1 + np.exp(-r))"),
        (estimates.NT_XENT, 3, "du = (G + G.T) @ u / tau"),  # not * (1 / tau)
        (estimates.GMM, 3, "dlogs = (r * (d - D / var)).sum(axis=0)"),  # not 2
        (estimates.VASICEK, 2, "dv = 0.5 * m / v - np.sum(e ** 2) / (2 * v ** 2)"),
        (estimates.WAVENET, 0, "m = h1.shape[0] * h1.shape[1]"),
        (estimates.WAVENET, 5, "dlogits = p / p.shape[0]"),  # not x.shape[1], which is as long
    ],
)
def test_what_a_person_would_write(case, slip, line):
    assert mended(case, slip).mended.replace("**", " ** ").replace("  ", " ") == line


def test_a_mask_is_told_on_data_that_change_it():
    """r ** 2 <= delta is the same on the recorded data; the loss's own mask is asked again."""
    found = mended(estimates.HUBER_FIT, 4)
    assert found.mended == "small = np.abs(r) <= delta"
    assert "coincidence" not in found.explanation


def test_a_threshold_is_no_number_that_the_graph_has_not():
    assert mended(estimates.SHORTFALL, 6).mended == "tail = (L > q).astype(float)"


def data():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    return x, y, tg.Tensor(rng.normal(size=(3, 2)), name="W")


def test_lists_of_arrays_of_several_shapes_are_beside_it():
    x, y, W = data()

    def backward(x, y, W):
        cache = [(x, W), (y,)]
        dW = cache[0][0].T @ (x @ W - y)
        return {"W": dW}

    found = tg.check(((x @ W - y) ** 2).sum(), backward, names={"x": x, "y": y, "W": W}).first
    assert found.by == "edit"


def test_what_is_overwritten_later_may_be_anything():
    """The factor is too many, whatever the entries are that are set to 0 in the next line."""
    x, y, W = data()
    h = tg.relu(x @ W)
    E = ((h - y) ** 2).sum()

    def backward(x, y, h):
        dh = 2 * (h - y) * 3
        dh[h <= 0] = 0
        return {"W": x.T @ dh}

    (found,) = tg.check(E, backward, names={"x": x, "y": y, "h": h}).wrong
    assert found.mended == "dh = 2 * (h - y)"


def test_an_exponent_is_no_length():
    x, _, W = data()
    h = tg.tanh(x @ W)
    E = h.sum()

    def backward(x, h):
        n = len(x)
        dv = 1 - h
        return {"W": x.T @ dv * (n / n)}

    (found,) = tg.check(E, backward, names={"x": x, "h": h}).wrong
    assert found.mended == "dv = 1 - h ** 2"
    assert "also" not in found.explanation


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (lambda a, b: a / (1 / b), "a * b"),
        (lambda a, b: a * (1 / b), "a / b"),
        (lambda a, b: 1 / np.exp(b), "np.exp(-b)"),
        (lambda a, b: -(-a * b), "a * b"),
        (lambda a, b: np.abs(a), "np.abs(a)"),
    ],
)
def test_formulas_are_written_short(write, text):
    a, b = (Written(ast.Name(n, ast.Load()), np.array([1.0, 2.0])) for n in "ab")
    assert shown(write(a, b).code) == text


def test_names_that_a_loop_left_over():
    tree = ast.parse("def f(x):\n for i in x:\n  a = i\n  b = 0\n b = a\n return b\n")
    inside, after = tree.body[0].body[0].body[0], tree.body[0].body[1]
    assert left_over(tree, after) == {"i": True, "a": False}
    assert left_over(tree, inside) == {}
