"""What is said of a wrong line holds on other data, and at other sizes where these can be had."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.mend_cases import blind_new_sciences, corpus_losses, corpus_makemore
from tests.mend_cases.case import Slip, variant
from tests.mend_cases.undone import others
from tests.mend_cases.worlds import misleads
from tinygrad_lite.check.diagnosis import Diagnosis
from tinygrad_lite.check.mend.mending import Mender
from tinygrad_lite.check.mend.trials import ONLY_HERE


def data(rows=4, columns=3, classes=3):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(rows, columns)), rng.integers(0, classes, rows)
    return X, y, tg.Tensor(rng.normal(size=(columns, classes)), name="W")


def cross_entropy(X, y, W):
    P = tg.softmax(X @ W, axis=1)
    return -tg.log(P[np.arange(len(y)), y]).mean()


# --- other sizes


def forgets_the_mean(X, y, P):
    dZ = P.copy()
    dZ[np.arange(len(y)), y] -= 1
    dW = X.T @ dZ
    return {"W": dW}


def transposes(X, y, P, n):
    dZ = P.copy()
    dZ[np.arange(len(y)), y] -= 1
    dW = (dZ / n).T @ X
    return {"W": dW}


@pytest.mark.parametrize(
    ("backward", "mended"),
    [
        (forgets_the_mean, "dW = X.T @ (dZ / dZ.shape[0])"),
        (transposes, "dW = X.T @ (dZ / n)"),
    ],
)
def test_a_loss_that_is_a_function_is_tried_at_other_sizes(backward, mended):
    X, y, W = data()
    n = len(y)
    report = tg.check(cross_entropy, backward, names={"X": X, "y": y, "W": W, "n": n})
    assert report.first.mended == mended
    assert "also" not in report.first.explanation


def squares(X, y, W):
    return ((X @ W[:, 0] - y) ** 2).sum() / len(y)


def divides_by(X, y, W):
    r = X @ W[:, 0] - y
    dW = np.zeros_like(W)
    dW[:, 0] = 2 * X.T @ r / 3
    return dW


def flattened(X, y, W):
    flat = X.reshape(12)
    return ((flat.reshape(4, 3) @ W[:, 0] - y) ** 2).sum() / len(y)


def test_which_of_two_lengths_a_number_is_other_sizes_tell():
    """Where they cannot be had, as of a loss that is written for these, it is doubted."""
    X, y, W = data()
    names = {"X": X, "y": y, "W": W}
    for loss in (squares, squares(**names)):
        sure = tg.check(loss, divides_by, names=names).first
        assert sure.mended.endswith(".shape[0]")
        assert "also" not in sure.explanation
    names["X"] = tg.Tensor(X)
    doubted = tg.check(flattened(**names), divides_by, names=names).first
    assert doubted.mended.endswith("/ 4")
    assert "4 is also the number of rows of X" in doubted.explanation


def test_a_line_that_is_right_at_these_sizes_alone_is_mended_all_the_same():
    X, y, W = data()
    claims = {W: lambda X, P, y: X.T @ (P - np.eye(3)[y]) / 3}
    found = tg.check(cross_entropy, claims, names={"X": X, "y": y, "W": W}).first
    assert found.mended.endswith("(P - np.eye(3)[y]) / y.shape[0]")
    assert found.explanation == "y.shape[0] should stand for 3"


def test_a_number_that_a_name_stands_for_is_called_by_it():
    X, _, W = data()
    P, m = X @ W, len(X)
    E = (P**2).sum() / m

    def halved(X, P, m):
        dP = P
        return X.T @ dP

    found = tg.check(E, halved).first
    assert found.mended == "dP = 2 * P / m"
    assert "also" not in found.explanation


def at_one_size(X, y, W):
    assert X.shape == (4, 3)
    return squares(X, y, W)


def test_a_loss_that_is_made_for_one_size_is_one_as_well():
    X, y, W = data()
    report = tg.check(at_one_size, divides_by, names={"X": X, "y": y, "W": W})
    assert report.first.by == "edit"


def test_a_loss_that_is_a_function_is_called_what_the_function_is():
    X, y, W = data()
    names = {"X": X, "y": y, "W": W}
    report = tg.check(cross_entropy, {W: "X.T @ (P - np.eye(3)[y]) / 4"}, names=names)
    assert report
    assert "∂cross_entropy/∂W" in str(tg.check(cross_entropy, {"W": "0 * W"}, names=names))


@pytest.mark.parametrize(
    ("function", "error", "says"),
    [
        (lambda X, Q: X, ValueError, "a parameter 'Q'"),
        (lambda X: X, TypeError, "returns a ndarray"),
    ],
)
def test_what_is_no_loss_is_refused(function, error, says):
    with pytest.raises(error, match=says):
        tg.check(function, {"W": 0}, names={"X": np.ones(3)})


# --- what the numbers say


def test_an_explanation_that_holds_on_these_data_alone_is_none():
    """The claim is 0.37 x the gradient, but 0.37 is the mean of x: on other x it is another."""
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=5), tg.Tensor(rng.normal(size=5))
    E = (tg.exp(w) * x).sum()
    names = {"x": x, "w": w, "E": E}
    numbers = np.exp(w.data) * x * (x @ x)
    assert "x the gradient" in tg.check(E, {w: numbers}, names=names).first.explanation
    code = {w: lambda w, x: np.exp(w) * x * sum(a * b for a, b in zip(x, x, strict=True))}
    said = tg.check(E, code, names=names).first
    assert said.by == "edit" or "x the gradient" not in said.explanation


def test_an_explanation_that_holds_on_other_data_stays():
    rng = np.random.default_rng(2)
    W, x, y = tg.Tensor(rng.normal(size=(3, 4))), rng.normal(size=4), rng.normal(size=3)
    h = tg.tanh(W @ x)
    E = ((h - y) ** 2).sum()
    names = {"W": W, "x": x, "y": y, "h": h, "E": E}
    seen = []
    holding = Diagnosis._holding

    def watched(self, asking):
        seen.append((self._explanations(asking), holding(self, asking)))
        return seen[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Diagnosis, "_holding", watched)
        patch.setattr(Mender, "_searched", lambda *_: None)
        report = tg.check(E, {W: lambda h, x, y: np.outer(2 * (h - y), x)}, names=names)
    assert report.first.kind == "missing-activation-derivative"
    assert len(seen[0][1]) == len(seen[0][0])


def test_what_could_not_be_tried_on_other_data_says_so():
    """`h` was computed outside the graph and is no copy: on other W it is not what it is here."""
    rng = np.random.default_rng(3)
    W, x = tg.Tensor(rng.normal(size=(3, 4))), rng.normal(size=4)
    E = (tg.tanh(W @ x) ** 2).sum()
    h = -np.tanh(W.data @ x)

    def backward(x):
        dW = np.outer(-2 * h * (1 - h), x)
        return {"W": dW}

    def with_a_right_line(W, x):
        dW = np.outer(-2 * h * (1 - h**2), x)
        dx = W.T @ (-2 * h * (1 - h))
        return dW, dx

    names = {"W": W, "x": x, "E": E, "h": h}
    report = tg.check(E, backward, names=names)
    assert not report
    x = tg.Tensor(x)
    E = (tg.tanh(W @ x) ** 2).sum()
    report = tg.check(E, with_a_right_line, names={**names, "x": x, "E": E})
    assert report.first.by == "edit"
    assert report.first.explanation.endswith(ONLY_HERE)


def test_a_node_beside_the_graph_is_computed_on_other_data_too():
    rng = np.random.default_rng(4)
    W, x = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=4))
    E = tg.log(tg.cosh(W @ x)).sum()
    t = tg.tanh(W @ x)  # the slope, beside the graph
    names = {"W": W, "x": x, "t": t, "E": E}
    report = tg.check(E, {W: lambda t, x: np.outer(t, x), x: "W @ t"}, names=names)
    assert report["x"].mended == "t @ W"
    assert ONLY_HERE not in report["x"].explanation


# --- other numbers


@pytest.mark.parametrize(("slip", "part"), [(2, "2 * "), (3, "2")])
def test_a_number_that_has_a_name_is_redrawn(slip, part):
    """With h = 1 / 2, h**3 does for the 2 / h**2 that is meant, and dux for dux / (2 * h)."""
    case = blind_new_sciences.HEAT
    loss, names = case.draw()
    report = tg.check(loss, variant(case, case.slips[slip]), names=names)
    assert not misleads(case, (case.slips[slip],), report)
    assert others(case, (case.slips[slip],), report) == 0


def test_a_mend_that_holds_for_one_number_alone_misleads():
    case = blind_new_sciences.HEAT
    slip = Slip(
        "dux / (2 * h) + duxx / h**2\n    du[:-2]", "dux + duxx / h**2\n    du[:-2]", "sign"
    )
    line = SimpleNamespace(by="edit", mended="du[2:] += dux + duxx / h**2", explanation="")
    fixed = case.source.replace(slip.right, slip.wrong)
    report = SimpleNamespace(wrong=[line], fixed=lambda: fixed)
    assert misleads(case, (slip,), report)
    line.explanation = "h is also 1 / 2"
    assert not misleads(case, (slip,), report)


def test_what_stays_wrong_with_every_mend_is_said():
    case = corpus_makemore.RECURRENT_LONG
    loss, names = case.draw()
    (slip,) = (s for s in case.slips if s.wrong == "dh = target - hs[steps]")
    report = tg.check(loss, variant(case, slip), names=names)
    (mended,) = (f for f in report if f.by == "edit")
    assert mended.mended == "dh = -(Wh.T @ draw)"  # after the first turn
    assert mended.explanation.endswith("is still wrong")


def test_a_factor_is_lost_before_a_loop_that_uses_it():
    case = corpus_losses.SOFTMAX_BY_HAND
    loss, names = case.draw()
    report = tg.check(loss, variant(case, case.slips[0]), names=names)
    (mended,) = (f for f in report if f.by == "edit")
    assert mended.mended == "dP /= P"
    assert mended.explanation.endswith("should stand before for n in range(len(Z))")


def in_groups(x, a, b, C, G, H, W):
    n = C * H * W
    one = np.broadcast_to(a, x.shape) / n
    return {"x": one + 2 * x * b / n}


def test_a_length_that_is_taken_out_may_be_another_of_its_number():
    """n is C // G * H * W; that C * W has the same number, as G is H here, is said."""
    rng, axes = np.random.default_rng(0), (2, 3, 4)
    x = tg.Tensor(rng.normal(size=(5, 2, 2, 2, 3)), name="x")
    a, b = rng.normal(size=(5, 2, 1, 1, 1)), rng.normal(size=(5, 2, 1, 1, 1))
    E = (x.mean(axis=axes, keepdims=True) * a).sum()
    E = E + ((x**2).mean(axis=axes, keepdims=True) * b).sum()
    names = {"a": a, "b": b, "C": 4, "G": 2, "H": 2, "W": 3}
    (finding,) = tg.check(E, in_groups, names=names).wrong
    assert finding.mended == "n = C * W"
    assert "H is also G" in finding.explanation
