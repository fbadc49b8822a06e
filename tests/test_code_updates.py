"""Parameters that are updated at once: what is added to them is their gradient, times a rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_referee_lines import changed

import tinygrad_lite as tg


class Perceptron:
    """Two layers whose weights learn where their errors are found."""

    def __init__(self, into: Any, out_of: Any, rate: float) -> None:
        self.into, self.out_of, self.rate = into, out_of, rate

    def hidden(self, x: Any) -> Any:
        return tg.sigmoid(self.into @ x)

    def learn(self, x: Any, wished: Any) -> None:
        h = self.hidden(x)
        o = self.out_of @ h
        missing = wished - o
        below = self.out_of.T @ missing * h * (1 - h)
        self.out_of += self.rate * np.outer(missing, h)
        self.into = self.into + self.rate * np.outer(below, x)


def perceptron(made: type[Perceptron] = Perceptron) -> tuple[Any, Any]:
    rng = np.random.default_rng(4)
    x, wished = rng.normal(size=3), rng.normal(size=2)
    into, out_of = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(2, 4)))
    net = made(into, out_of, 0.3)
    E = 0.5 * ((wished - net.out_of @ net.hidden(x)) ** 2).sum()
    return E, lambda: net.learn(x, wished)


def test_an_update_is_the_gradient_times_a_rate() -> None:
    E, learn = perceptron()
    assert tg.check(E, learn).ok


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        ("missing * h * (1 - h)", "missing * h"),
        ("self.out_of += ", "self.out_of -= "),
        ("np.outer(missing, h)", "np.outer(o, h)"),
        ("self.into + self.rate", "self.into - self.rate"),
        ("missing = wished - o", "missing = o - wished"),
    ],
)
def test_one_that_is_none_is_mended(was: str, wrong: str) -> None:
    E, learn = perceptron(changed(Perceptron, was, wrong))
    (mistake,) = tg.check(E, learn).wrong
    assert mistake.by == "edit"


def named(x: Any, t: Any, h: Any, w: Any, momentum: Any) -> None:
    dw = x.T @ (h - t)
    w -= 0.1 * dw + 0.9 * momentum


def test_where_a_name_is_the_gradient_the_update_is_its_own_business() -> None:
    rng = np.random.default_rng(1)
    x, t, w = rng.normal(size=(5, 3)), rng.normal(size=5), tg.Tensor(rng.normal(size=3))
    h, momentum = x @ w, rng.normal(size=3)
    E = 0.5 * ((h - t) ** 2).sum()
    report = tg.check(E, named, names=locals())
    assert report.ok
    assert [f.line for f in report] == [2]


def steps(x: Any, t: Any, h: Any, learning_rate: Any) -> Any:
    delta_w = learning_rate * x.T @ (t - h)
    return delta_w  # noqa: RET504 - derivations are judged line by line


def test_a_step_is_the_gradient_times_a_rate_too() -> None:
    rng = np.random.default_rng(1)
    x, t, w = rng.normal(size=(5, 3)), rng.normal(size=5), tg.Tensor(rng.normal(size=3))
    h, learning_rate = x @ w, 0.05
    E = 0.5 * ((h - t) ** 2).sum()
    assert tg.check(E, steps, names=locals()).ok
    (mistake,) = tg.check(E, changed(steps, "(t - h)", "(h - t)"), names=locals()).wrong
    assert mistake.mended == "delta_w = learning_rate * x.T @ (t - h)"


def test_a_rate_of_the_loss_is_no_learning_rate() -> None:
    rate, x = 0.3, np.array([0.5, -1.2, 2.0])
    w = tg.Tensor([1.0, -0.4, 0.7], name="w")
    loss = ((rate * w * x) ** 2).sum()

    def backward(w: Any, x: Any, rate: Any) -> Any:
        dr = 2 * rate * w * x
        dw = rate * x * dr
        return dw  # noqa: RET504 - derivations are judged line by line

    assert tg.check(loss, backward)


def descend(w: Any, x: Any, y: Any, lr: Any = 0.1) -> Any:
    step = lr * (w * x - y) * x
    w = w - step
    return w  # noqa: RET504 - derivations are judged line by line


def test_a_step_that_is_computed_before_is_the_gradient_times_its_rate() -> None:
    x, y = np.array([0.5, -1.2, 2.0]), np.array([0.3, 0.1, -0.8])
    w = tg.Tensor([1.0, -0.4, 0.7], name="w")
    loss = 0.5 * ((w * x - y) ** 2).sum()
    assert tg.check(loss, descend)
    assert not tg.check(loss, changed(descend, "w - step", "w + step"))
    assert not tg.check(loss, changed(descend, "(w * x - y)", "(y - w * x)"))


def test_a_rate_counts_once() -> None:
    x, y = np.array([0.5, -1.2, 2.0]), np.array([0.3, 0.1, -0.8])
    w = tg.Tensor([1.0, -0.4, 0.7], name="w")
    loss = 0.5 * ((w * x - y) ** 2).sum()
    (mistake,) = tg.check(loss, changed(descend, "(w * x - y)", "lr * (w * x - y)")).wrong
    assert mistake.mended == "step = lr * (w * x - y) * x"


def by_functions(w: Any, x: Any, y: Any, lr: Any = 0.1) -> Any:
    w = np.subtract(w, np.multiply(lr, (w * x - y) * x))
    return w  # noqa: RET504 - derivations are judged line by line


def test_an_update_may_be_written_with_functions() -> None:
    x, y = np.array([0.5, -1.2, 2.0]), np.array([0.3, 0.1, -0.8])
    w = tg.Tensor([1.0, -0.4, 0.7], name="w")
    loss = 0.5 * ((w * x - y) ** 2).sum()
    assert tg.check(loss, by_functions)
    assert not tg.check(loss, changed(by_functions, "(w * x - y)", "(y - w * x)"))


def learn_pair(tables: Any, here: int, there: Any, wanted: Any, alpha: float) -> None:
    row = tables["words"][here]
    others = tables["context"][there]
    error = (1 / (1 + np.exp(-others @ row)) - wanted) * alpha
    tables["context"][there] -= np.outer(error, row)
    row -= error @ others


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (None, None),
        ("tables['words'][here]", "tables['words'][here + 1]"),
        ("error @ others", "error @ others / 2"),
    ],
)
def test_rows_that_are_updated_through_a_view_are_an_update_of_their_table(
    right: Any, wrong: Any
) -> None:
    rng = np.random.default_rng(8)
    tables = {k: tg.Tensor(rng.normal(size=(6, 3))) for k in ("words", "context")}
    here, there, wanted, alpha = 2, [1, 4], np.array([1.0, 0.0]), 0.05
    p = tg.sigmoid(tables["context"][there] @ tables["words"][here])
    E = -(wanted * tg.log(p) + (1 - wanted) * tg.log(1 - p)).sum()
    before = tables["words"].data.copy()
    text = None if right is None else right.replace("'", '"'), str(wrong).replace("'", '"')
    learn = learn_pair if right is None else changed(learn_pair, *text)
    report = tg.check(E, learn, names=locals())
    assert report.ok == (right is None)
    assert np.array_equal(tables["words"].data, before)


def summed(X: Any, T: Any, W: Any, b: Any, learn_rate: Any) -> None:
    rows = len(X)
    miss = X @ W + b - T
    dW = X.T @ miss
    db = miss.sum(0)
    W = W - (learn_rate / rows) * dW
    b = np.subtract(b, (learn_rate / rows) * db)


def of_rows(derive: Any) -> Any:
    rng = np.random.default_rng(5)
    X, T = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    W = tg.Tensor(rng.normal(size=(3, 2)), name="W")
    b = tg.Tensor(rng.normal(size=2), name="b")
    E = ((X @ W + b - T) ** 2).sum() / (2 * 4)
    return tg.check(E, derive, names={"X": X, "T": T, "W": W, "b": b, "learn_rate": 3})


def test_an_update_may_take_up_the_number_of_rows_and_a_rate_be_whole() -> None:
    report = of_rows(summed)
    assert report.ok
    assert "4 x the gradient" in next(f for f in report if f.name == "dW").explanation


@pytest.mark.parametrize(
    ("was", "wrong"),
    [("X @ W + b - T", "T - X @ W - b"), ("W = W - (learn", "W = W + (learn")],
)
def test_what_goes_the_other_way_beside_a_name_is_wrong(was: str, wrong: str) -> None:
    (mistake,) = of_rows(changed(summed, was, wrong)).wrong
    assert mistake.by == "edit"


def sizes(x: Any, t: Any, w: Any, c: Any, lr: Any) -> Any:
    y = np.tanh(w * x + c)
    slope = (y - t) * (1 - y * y)
    delta_w = slope * x * lr
    delta_c = slope * lr
    return delta_w, delta_c


def one_number(derive: Any) -> Any:
    w, c, x, t = tg.Tensor(0.4, name="w"), tg.Tensor(-0.7, name="c"), 1.3, 0.2
    E = 0.5 * (tg.tanh(w * x + c) - t) ** 2
    return tg.check(E, derive, names={"x": x, "t": t, "w": w, "c": c, "lr": 0.1})


def test_steps_that_are_only_handed_back_have_the_direction_that_they_all_have() -> None:
    assert one_number(sizes).ok
    assert one_number(changed(sizes, "(y - t)", "(t - y)")).ok  # to be added
    (mistake,) = one_number(changed(sizes, "slope * x * lr", "-slope * x * lr")).wrong
    assert mistake.by == "edit"
