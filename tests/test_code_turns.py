"""Derivations as code that run row by row, stop with an error, or never end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_referee_lines import changed

import tinygrad_lite as tg


def per_sample(x: Any, h: Any, o: Any, y: Any, W2: Any) -> Any:
    dW1, dW2 = np.zeros((4, 3)), np.zeros_like(W2)
    n = 0
    while n < len(x):
        do = 2 * (o[n] - y[n]) / o.size
        dz = (W2 @ do) * (1 - h[n] ** 2)
        dW2 += np.outer(h[n], do)
        dW1 += np.outer(x[n], dz)
        n += 1
    return dW1, dW2


def batch() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    W1, W2 = (tg.Tensor(rng.normal(size=size)) for size in ((4, 3), (3, 2)))
    z = x @ W1
    h = tg.tanh(z)
    o = h @ W2
    E = ((o - y) ** 2).mean()
    return E, locals()


def test_a_name_that_holds_the_gradient_of_one_sample_at_a_time_is_not_wrong() -> None:
    E, names = batch()
    report = tg.check(E, per_sample, names=names)
    assert report
    assert {f.name for f in report} == {"dW1", "dW2"}
    assert "n (" not in str(report)


def test_a_trial_that_never_ends_is_no_mend() -> None:
    """Without its last line the loop runs on."""

    def wrong(x: Any, h: Any, o: Any, y: Any, W2: Any) -> Any:
        dW2, n = np.zeros_like(W2), 0
        while n < len(x):
            dW2 += np.outer(h[n], 2 * (y[n] - o[n]) / o.size)
            n += 1
        return dW2

    E, names = batch()
    report = tg.check(E, wrong, names=names)
    assert report.first.by == "edit"


def test_a_sum_that_an_error_cut_short_is_a_part() -> None:
    E, names = batch()

    def wrong(o: Any, y: Any, h: Any, W2: Any) -> Any:
        do = 2 * o / o.size
        dW2 = o.T @ W2
        do += -2 * y / o.size
        return do, dW2

    o, y = names["o"], names["y"]
    E = (o * o).mean() - 2 * (o * y).mean()
    report = tg.check(E, wrong, names={**names, "E": E})
    assert [f.verdict for f in report] == ["right", "wrong"]
    assert report[0].explanation == "a part of the gradient, so far"


def test_a_name_that_is_used_before_it_has_a_value_is_told_in_its_line() -> None:
    """The caller's `dz` is not the function's own."""
    E, names = batch()

    def wrong(x: Any, h: Any, o: Any, y: Any, W2: Any) -> Any:
        do = 2 * (o - y) / o.size
        dW1 = x.T @ dz  # noqa: F821
        dz = (do @ W2.T) * (1 - h**2)
        return dW1, dz

    report = tg.check(E, wrong, names={**names, "dz": np.ones((6, 3))})
    assert [f.verdict for f in report] == ["right", "wrong"]
    assert "before it has a value" in report.first.explanation


def test_a_name_that_nothing_has_is_told_in_its_line() -> None:
    E, names = batch()

    def wrong(h: Any, o: Any, y: Any) -> Any:
        do = 2 * (o - y) / o.size
        dW2 = h.T @ d0  # type: ignore[name-defined]  # noqa: F821
        return do, dW2

    report = tg.check(E, wrong, names=names)
    assert report.first.explanation == "raises NameError: name 'd0' is not defined"
    assert report.first.mended == "dW2 = h.T @ do"


def test_a_node_that_cannot_be_computed_again_is_what_it_was() -> None:
    """A running mean, across updates of W."""
    rng = np.random.default_rng(0)
    x, W, mean = rng.normal(size=4), tg.Tensor(rng.normal(size=(3, 4))), 0.0
    for _ in range(2):
        h = tg.tanh(W @ x)
        mean = 0.9 * mean + 0.1 * h
        E = (h**2).sum()
        W.data = 0.9 * W.data
    h = tg.tanh(W @ x)
    mean, E = 0.9 * mean + 0.1 * h, (h**2).sum()

    def wrong(x: Any, h: Any, mean: Any) -> Any:
        dW = np.outer(2 * h * (1 - h) + 0 * mean, x)
        return {"W": dW}

    report = tg.check(E, wrong, names={"x": x, "W": W, "h": h, "mean": mean, "E": E})
    assert "(1 - h ** 2)" in report.first.mended


def test_a_gradient_of_what_is_no_single_number_is_told_so() -> None:
    names = batch()[1]
    rows = ((names["o"] - names["y"]) ** 2).sum(axis=1)

    def derived(h: Any, o: Any, y: Any) -> Any:
        dW2 = h.T @ (2 * (o - y))
        return {"W2": dW2}

    said = tg.check(rows, derived, names=names).first.explanation
    assert said.startswith("E has shape (6,); reduce it to a scalar")
    assert "nan" not in said


def gated(x: Any, U: Any, V: Any, W: Any, R: Any, targets: Any) -> Any:
    hs, cs, us, vs = {-1: np.zeros(3)}, {-1: np.zeros(3)}, {}, {}
    for t in range(len(x)):
        both = np.concatenate((x[t], hs[t - 1]))
        us[t], vs[t] = 1 / (1 + np.exp(-U @ both)), np.tanh(V @ both)
        cs[t] = us[t] * vs[t] + (1 - us[t]) * cs[t - 1]
        hs[t] = (1 / (1 + np.exp(-W @ both))) * np.tanh(cs[t])
    dU, dV, dW, dR = np.zeros_like(U), np.zeros_like(V), np.zeros_like(W), np.zeros_like(R)
    dhnext, dcnext = np.zeros(3), np.zeros(3)
    for t in reversed(range(len(x))):
        both = np.concatenate((x[t], hs[t - 1]))
        w = 1 / (1 + np.exp(-W @ both))
        dy = R @ hs[t] - targets[t]
        dR += np.outer(dy, hs[t])
        dh = R.T @ dy + dhnext
        dw = dh * np.tanh(cs[t]) * w * (1 - w)
        dc = dh * w * (1 - np.tanh(cs[t]) ** 2) + dcnext
        du = dc * (vs[t] - cs[t - 1]) * us[t] * (1 - us[t])
        dv = dc * us[t] * (1 - vs[t] ** 2)
        dU += np.outer(du, both)
        dV += np.outer(dv, both)
        dW += np.outer(dw, both)
        dhnext = (U.T @ du + V.T @ dv + W.T @ dw)[2:]
        dcnext = dc * (1 - us[t])
    return dU, dV, dW, dR


def sequence() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(1)
    x, targets = rng.normal(size=(3, 2)), rng.normal(size=(3, 4))
    U, V, W = (tg.Tensor(rng.normal(size=(3, 5))) for _ in range(3))
    R = tg.Tensor(rng.normal(size=(4, 3)))
    h, c, E = np.zeros(3), np.zeros(3), 0
    for t in range(3):
        both = tg.concat([x[t], h])
        u = tg.sigmoid(U @ both)
        c = u * tg.tanh(V @ both) + (1 - u) * c
        h = tg.sigmoid(W @ both) * tg.tanh(c)
        E = E + 0.5 * ((R @ h - targets[t]) ** 2).sum()
    names = {"x": x, "targets": targets, "U": U, "V": V, "W": W, "R": R, "h": h, "c": c}
    return E, names


@pytest.mark.parametrize(
    ("was", "wrong", "line"),
    [(" + dhnext", "", 15), ("1 - vs[t] ** 2", "1 - us[t] ** 2", 19)],
)
def test_of_states_made_alike_each_turn_has_its_own(was: str, wrong: str, line: int) -> None:
    """A gate times a tanh is a state, and a part of the other state too."""
    E, names = sequence()
    assert tg.check(E, gated, names=names).ok
    report = tg.check(E, changed(gated, was, wrong), names=names)
    assert [(f.line, f.by) for f in report.wrong] == [(line, "edit")]
    assert was in report.fixed()


def summed(A: Any, c: Any) -> Any:
    dA = np.zeros(2)
    for k in range(3):
        dA = c[k] * np.ones(2)
        dA[0] -= 1
    return dA


def test_a_claim_that_a_loop_overwrites_is_no_carry() -> None:
    A, c = tg.Tensor([1.0, 2.0], name="A"), np.array([2.0, 3.0, 5.0])
    E = (A * c.sum()).sum() - 3 * A[0]
    (finding,) = tg.check(E, summed, names={"c": c}).wrong
    assert finding.mended == "dA += c[k] * np.ones(2)"


class Cell:
    """A state that is carried through time, with what it is computed from kept at each step."""

    def __init__(self, U: Any, V: Any) -> None:
        self.U, self.V = U, V
        self.dU, self.dV = np.zeros(U.shape), np.zeros(V.shape)

    def ahead(self, x: Any, s: Any) -> Any:
        new = tg.tanh(x @ self.U + s @ self.V)
        return new, {"x": x, "s": s, "new": new}

    def back(self, ds: Any, kept: Any) -> Any:
        dz = ds * (1 - kept["new"] ** 2)
        self.dU += np.outer(kept["x"], dz)
        self.dV += np.outer(kept["s"], dz)
        return self.V @ dz


@pytest.mark.parametrize(
    ("was", "wrong"),
    [("", ""), ('kept["new"] ** 2', 'kept["s"] ** 2'), ("self.V @ dz", "self.V.T @ dz")],
)
def test_what_a_cell_hands_back_is_the_gradient_of_the_state_before(was: str, wrong: str) -> None:
    rng = np.random.default_rng(3)
    made = changed(Cell, was, wrong) if was else Cell
    cell = made(tg.Tensor(rng.normal(size=(2, 3))), tg.Tensor(rng.normal(size=(3, 3))))
    xs, v, s, kept = rng.normal(size=(4, 2)), rng.normal(size=3), np.zeros(3), []
    for x in xs:
        s, seen = cell.ahead(x, s)
        kept.append(seen)
    E = (v * s).sum()

    def through_time(v: Any) -> None:
        ds = v
        for seen in reversed(kept):
            ds = cell.back(ds, seen)

    wrongs = tg.check(E, through_time).wrong
    assert len(wrongs) == bool(was)
    assert all(f.by == "edit" for f in wrongs)


def stacked(H: Any, xs: Any, W: Any, R: Any, V: Any, g: Any) -> Any:
    dV = H.T @ g
    dH = g @ V.T
    dW, dR = np.zeros(W.shape), np.zeros(R.shape)
    for t in range(len(xs))[::-1]:
        da = dH[t] * (1 - H[t] ** 2)
        dW += np.outer(xs[t], da)
        if t:
            dR += np.outer(H[t - 1], da)
            dH[t - 1] += R @ da
    return {"W": dW, "R": dR, "V": dV}


@pytest.mark.parametrize(
    ("was", "wrong"),
    [("", ""), ("np.outer(H[t - 1], da)", "np.outer(H[t], da)"), ("R @ da", "R.T @ da")],
)
def test_what_comes_back_to_a_state_later_is_no_claim_of_all_of_them(was: str, wrong: str) -> None:
    """The states are joined, and their gradient is right, before more is added to its entries."""
    rng = np.random.default_rng(6)
    xs = rng.normal(size=(4, 2))
    W, R, V = (tg.Tensor(rng.normal(size=s)) for s in ((2, 3), (3, 3), (3, 2)))
    h, states = np.zeros(3), []
    for x in xs:
        h = tg.tanh(x @ W + h @ R)
        states.append(h)
    H = tg.stack(states)
    g = rng.normal(size=(4, 2))
    E = (g * (H @ V)).sum()
    backward = changed(stacked, was, wrong) if was else stacked
    wrongs = tg.check(E, backward, names=locals()).wrong
    assert len(wrongs) == bool(was)
    assert all(f.by == "edit" for f in wrongs)


def first_state(xs: Any, hs: Any, W: Any, R: Any, v: Any) -> Any:
    dW, dR = np.zeros(W.shape), np.zeros(R.shape)
    dh_next = np.zeros(3)
    for t in range(len(xs))[::-1]:
        da = (v + dh_next) * (1 - hs[t + 1] ** 2)
        dW += np.outer(xs[t], da)
        dR += np.outer(hs[t], da)
        dh_next = R @ da
    return {"W": dW, "R": dR, "h0": dh_next}


@pytest.mark.parametrize(
    "wrong", ["", "(v + dh_next) * (1 - hs[t] ** 2)", "(v + dh_next) * (1 - hs[t + 1])"]
)
def test_a_carry_that_is_the_first_states_gradient_in_the_end_is_a_carry(wrong: str) -> None:
    rng = np.random.default_rng(6)
    xs, v = rng.normal(size=(3, 2)), rng.normal(size=3)
    W, R, h0 = (tg.Tensor(rng.normal(size=s)) for s in ((2, 3), (3, 3), (3,)))
    hs, E = [h0], 0
    for x in xs:
        h_next = tg.tanh(x @ W + hs[-1] @ R)
        hs.append(h_next)
        E = E + (v * h_next).sum()
    right = "(v + dh_next) * (1 - hs[t + 1] ** 2)"
    backward = changed(first_state, right, wrong) if wrong else first_state
    report = tg.check(E, backward, names=locals())
    assert report.ok == (not wrong)
    assert "dh_next = np.zeros(3)" not in {f.code for f in report.wrong}


def chained(hs: Any, ws: Any, r: Any) -> Any:
    dws = [None, None]
    g = r
    for k in (1, 0):
        local = g * (1 - hs[k + 1])
        g = ws[k].T @ local
        dws[k] = np.outer(local, hs[k])
    return dws


def test_a_mend_that_stops_a_later_turn_is_none() -> None:
    rng = np.random.default_rng(9)
    ws = [tg.Tensor(rng.normal(size=s)) for s in ((4, 3), (2, 4))]
    hs, r = [rng.normal(size=3)], 0
    for w in ws:
        hs.append(tg.sigmoid(w @ hs[-1]))
    o, t = hs[-1], rng.normal(size=2)
    r = o - t
    E = 0.5 * (r**2).sum()
    for mistake in tg.check(E, chained, names=locals()).wrong:
        assert "* o" not in (mistake.mended or "") or mistake.by != "edit"
