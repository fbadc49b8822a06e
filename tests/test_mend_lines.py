"""Mends of one line in the light of the others."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.mend_cases import (
    blind_networks,
    blind_new_formulas,
    corpus_makemore,
    fresh_layers,
    fresh_losses,
    fresh_networks,
    fresh_sciences,
)
from tests.mend_cases.case import variant
from tests.mend_cases.undone import others
from tinygrad_lite.check.code.derivation import Derivation, Known
from tinygrad_lite.check.tape import Tape


def two_towers(a, b, u, v, y):
    r = u @ v - y
    du = r * v
    dv = r * u
    da = du / np.linalg.norm(a)
    db = (dv - v * (dv @ v)) / np.linalg.norm(b)
    return da, db


def test_a_line_is_mended_by_analogy_with_another():
    rng = np.random.default_rng(0)
    a, b, y = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=4)), 0.3
    u, v = a / tg.sqrt((a * a).sum()), b / tg.sqrt((b * b).sum())
    E = 0.5 * (u @ v - y) ** 2
    report = tg.check(E, two_towers)
    assert report.first.mended == "da = (du - u * (du @ u)) / np.linalg.norm(a)"


def test_a_list_of_arrays_of_several_shapes_is_no_array():
    case = blind_networks.NIELSEN
    E, names = case.draw()
    report = tg.check(E, variant(case, case.slips[1]), names=names)
    assert report.first is not None


def test_one_mend_after_another_in_lines_of_one_name():
    case = fresh_losses.SOFTMAX_NAIVE
    E, names = case.draw()
    slips = [case.slips[k] for k in case.together[0]]
    report = tg.check(E, variant(case, *slips), names=names)
    assert [f.by for f in report.wrong] == ["edit", "edit"]
    assert others(case, slips, report) == 0


def test_what_is_right_stays_right():
    """The edit that is nearest at hand would make another line wrong."""
    case = fresh_layers.XOR
    E, names = case.draw()
    slip = next(s for s in case.slips if s.right == "return x * (1 - x)")
    report = tg.check(E, variant(case, slip), names=names)
    assert all("layer1 = np.dot" not in (f.mended or "") for f in report)


@pytest.mark.parametrize(
    ("case", "i"), [(fresh_networks.WAVE, 3), (fresh_sciences.LEAST_ACTION, 2)]
)
def test_a_mend_is_code_that_runs_and_the_measure_tells_it_from_another(case, i):
    E, names = case.draw()
    report = tg.check(E, variant(case, case.slips[i]), names=names)
    assert others(case, [case.slips[i]], report) == 0
    other = case.source.replace(case.slips[0].right, case.slips[0].wrong)
    mended = SimpleNamespace(wrong=report.wrong, fixed=lambda: other)
    assert others(case, [case.slips[i]], mended) == 1


def batch():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    W1, W2 = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(3, 2)))
    z = x @ W1
    h = tg.tanh(z)
    o = h @ W2
    return ((o - y) ** 2).mean(), locals()


def not_turned(h, o, y):
    do = 2 * (o - y) / o.size
    dW2 = h @ do
    return {"W2": dW2}


def another(x, o, y):
    do = 2 * (x - y) / o.size
    return {"o": do}


def both(h, o, y, W2):
    do = 2 * (o - y) / o.size
    dz = (W2 @ do) * (1 - h)
    return {"z": dz}


@pytest.mark.parametrize(
    ("backward", "mended"),
    [
        (not_turned, "dW2 = h.T @ do"),
        (another, "do = 2 * (o - y) / o.size"),
        (both, "dz = do @ W2.T * (1 - h ** 2)"),
    ],
)
def test_a_line_that_raises_is_mended(backward, mended):
    E, names = batch()
    report = tg.check(E, backward, names=names)
    assert report.first.explanation.startswith("raises ValueError")
    assert report.first.mended == mended


def follows(h, o, y, W2):
    do = 2 * (o - y) / o.size
    dh = do @ o.T
    dz = dh * (1 - h**2)
    return {"z": dz}


def test_a_line_that_raises_for_one_above_it_follows():
    E, names = batch()
    report = tg.check(E, follows, names=names)
    assert [f.verdict for f in report] == ["right", "wrong", "follows"]
    assert report.first.mended == "dh = do @ W2.T"


def exchanged(h, o, y, x, W2):
    do = 2 * (o - y) / o.size
    dW2 = h.T @ do
    dW1 = x.T @ (do @ W2.T * (1 - h**2))
    return {"W1": dW2, "W2": dW2, "dW1": dW1}


def test_a_key_that_a_name_contradicts_is_judged():
    E, names = batch()
    report = tg.check(E, exchanged, names=names)
    assert report.first.mended.startswith('return {"W1": dW1')


def scattered(emb, rows, C):
    demb = 3 * emb**2
    dC = np.zeros_like(C)
    for k in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            ix = rows[k, j - 1]
            dC[ix] = demb[k, j]
    return dC


def test_a_slip_of_an_assignment_and_one_more_in_its_loop():
    rng = np.random.default_rng(0)
    C, rows = tg.Tensor(rng.normal(size=(4, 2))), np.array([[0, 1, 1], [3, 0, 1]])
    emb = C[rows]
    report = tg.check((emb**3).sum(), scattered, names={"C": C, "emb": emb, "rows": rows})
    assert [f.by for f in report.wrong] == ["edit"]
    assert report.first.mended == "dC[ix] += demb[k, j]; ix = rows[k, j]"


def test_a_line_is_left_out_above_which_others_are_wrong():
    """What is lacking is made of a name that is wrong too, further down than the line with none."""
    case = corpus_makemore.MAKEMORE
    E, names = case.draw()
    wrong = ("dbnraw = dhpreact", "(1.0/n)*np.ones", "")
    report = tg.check(E, variant(case, *(s for s in case.slips if s.wrong in wrong)), names=names)
    assert [f.by for f in report.wrong] == ["edit"] * 3
    assert report.wrong[1].mended.startswith("dbndiff += 2 * ")


def test_two_names_exchanged_are_exchanged_back():
    rng = np.random.default_rng(0)
    x, W, V = (tg.Tensor(rng.normal(size=(3, 3))) for _ in range(3))
    a, b = x @ W, x @ V
    E = (tg.tanh(a) * b).sum()

    def backward(W, V, a, b):
        da, db = (1 - np.tanh(a) ** 2) * b, np.tanh(a)
        dx = da @ V.T + db @ W.T
        return {"a": da, "b": db, "x": dx}

    report = tg.check(E, backward, names={"x": x, "W": W, "V": V, "a": a, "b": b})
    assert report.first.mended in ("dx = da @ W.T + db @ V.T", "dx = db @ V.T + da @ W.T")


def test_what_does_not_fit_is_refused_before_it_is_added():
    """NumPy ends the process at `add.at` of an empty array that does not fit."""

    def backward(W, i):
        dW = np.zeros_like(W)
        np.add.at(dW, (slice(None), 0), np.ones((i, 5, 3)))
        return dW

    W = tg.Tensor(np.ones((3, 4)))
    trace = Derivation(backward, Known(Tape((2 * W).sum()), {"W": W, "i": 0})).trace()
    assert isinstance(trace.error, ValueError)


def beyond_mending(x, h, o, y):
    do = 2 * (o - y) / o.size
    dz = do.sum() * np.sin(7 * h)
    dW1 = 2 * x.T @ dz
    return {"W1": dW1, "o": do}


def test_a_mend_beside_what_stays_wrong_says_what_it_takes_for_right():
    E, names = batch()
    report = tg.check(E, beyond_mending, names=names)
    lost, mended = report.wrong
    assert (lost.name, lost.by) == ("dz", "rule")
    assert mended.mended == "dW1 = x.T @ dz"
    assert mended.explanation.endswith("that is so with dz put right")


def another_layers(o, y, h, W2, x):
    g = 2 * (o - y) / o.size
    dW2 = h.T @ g
    g = g @ W2.T
    g = g * (1 - x * x)
    dW1 = x.T @ g
    return {"W1": dW1, "W2": dW2}


class Dense:
    def __init__(self, W, x):
        self.W, self.x = W, x

    def backward(self, g):
        self.dW = self.x @ g.T
        return g @ self.W.T


def in_a_method(o, y, h, W2, x, W1):
    first, second = Dense(W1, x), Dense(W2, h)
    g = second.backward(2 * (o - y) / o.size)
    first.backward(g * (1 - h**2))
    return {"W1": first.dW, "W2": second.dW}


@pytest.mark.parametrize(
    ("backward", "mended"),
    [(another_layers, "g = g * (1 - h * h)"), (in_a_method, "self.dW = self.x.T @ g")],
)
def test_a_line_that_raises_and_has_no_nodes_name_is_mended_by_what_comes_of_it(backward, mended):
    E, names = batch()
    report = tg.check(E, backward, names=names)
    assert report.first.explanation.startswith("raises ValueError")
    assert report.first.mended == mended
    assert mended in report.fixed()


def test_rows_that_are_0_do_not_tell_that_only_others_are_wrong():
    """The first row of a causal attention's scores has one entry, so no gradient flows there."""
    rng = np.random.default_rng(0)
    Q, K, V = (tg.Tensor(rng.normal(size=(4, 3)), name=name) for name in "QKV")
    A = tg.softmax(Q @ K.T / np.sqrt(3) + np.triu(np.full((4, 4), -np.inf), 1), axis=1)
    Y = A @ V
    E = (Y**2).sum()

    def backward(Q, K, V, A, Y, d):
        dY = 2 * Y
        dA = dY @ V.T
        dS = A * (dA - (dA * A).sum(1, keepdims=True))
        dQ = dS @ K
        dK = dS.T @ Q / np.sqrt(d)
        return dQ, dK

    (finding,) = tg.check(E, backward, names={"A": A, "Y": Y, "d": 3}).wrong
    assert finding.mended == "dQ = dS @ K / np.sqrt(d)"


def in_turn(x, y, W1, W2, a1, a2):
    d = a2 - y
    dW2 = d @ a1.T
    db2 = d
    d = W2.T @ d * a1 * (1 - a1)
    dW1 = d @ x.T
    db1 = d
    return dW1, db1, dW2, db2


def by_layer(x, y, W1, W2, a1, a2):
    d = a2 - y
    grads = {}
    for k, (a, W) in enumerate([(a1, W2), (x, W1)]):
        grads[f"W{2 - k}"] = d @ a.T
        grads[f"b{2 - k}"] = d
        d = W.T @ d * a * (1 - a)
    return grads


@pytest.mark.parametrize("backward", [in_turn, by_layer])
def test_what_several_lines_read_is_mended_where_it_is_made(backward):
    """The derivative of the last activation is left out; a mend of one reader would not run."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 1)), rng.random((2, 1))
    W1, W2 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=(2, 3)))
    b1, b2 = tg.Tensor(rng.normal(size=(3, 1))), tg.Tensor(rng.normal(size=(2, 1)))
    a1 = tg.sigmoid(W1 @ x + b1)
    a2 = tg.sigmoid(W2 @ a1 + b2)
    report = tg.check(0.5 * ((a2 - y) ** 2).sum(), backward)
    assert [f.mended for f in report.wrong] == ["d = (a2 - y) * (a2 * (1 - a2))"]
    assert {f.verdict for f in report if f.line > 2} == {"follows"}


def test_other_sizes_that_the_forward_pass_does_not_run_at_tell_nothing():
    case = blind_networks.CHAR_RNN
    E, names = case.draw()
    slip = next(s for s in case.slips if s.right.endswith("+ dhnext"))
    report = tg.check(E, variant(case, slip), names=names)
    assert report.first.mended == "dh = np.dot(Why.T, dy) + dhnext"


def test_a_number_that_numpy_made_may_stand_in_a_loss():
    case = blind_new_formulas.OPTION_PRICE
    E, names = case.draw()
    report = tg.check(E, variant(case, case.slips[0]), names=names)
    assert "(r + vol ** 2 / 2) * T" in report.first.mended
