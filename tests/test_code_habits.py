"""Habits of writing backward passes: arrays that are filled in place, lists that a helper fills,
cells that keep what they need in tuples, layers that are folded over, parameters as objects."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from test_referee_lines import changed

import tinygrad_lite as tg

SUM = np.zeros((2, 3))


def into_a_global(r: Any, x: Any) -> Any:
    for i in range(2):
        for j in range(3):
            SUM[i, j] += r[i] * x[j]
    return {"W": SUM}


def test_what_is_filled_in_place_is_filled_once_and_is_as_before_then() -> None:
    rng = np.random.default_rng(0)
    W, x = tg.Tensor(rng.normal(size=(2, 3))), rng.normal(size=3)
    r = W @ x
    E = 0.5 * (r**2).sum()
    assert tg.check(E, into_a_global, names=locals()).ok
    assert not SUM.any()


def gates(caches: Any, given: Any, U: Any, V: Any) -> Any:
    dU, dV = np.zeros_like(U), np.zeros_like(V)
    for t in range(len(caches) - 1, -1, -1):
        before, u, v = caches[t]
        du = given * v
        du *= u * (1 - u)
        dv = given * u
        dv *= v * (1 - v)
        dU += np.outer(du, before)
        dV += np.outer(dv, before)
        given = U.T @ du + V.T @ dv
    return dU, dV


def test_gates_that_are_made_alike_go_by_their_place_in_what_a_step_keeps() -> None:
    rng = np.random.default_rng(1)
    U, V = tg.Tensor(rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=(3, 3)))
    h, caches = rng.normal(size=3), []
    for _ in range(3):
        u, v = tg.sigmoid(U @ h), tg.sigmoid(V @ h)
        caches.append((h, u, v))
        h = u * v
    given = rng.normal(size=3)
    E = (h * given).sum()
    assert tg.check(E, gates, names=locals()).ok


def started_at_zero(hs: Any, v: Any, W: Any) -> Any:
    dh = np.zeros(3)
    dW = np.zeros((3, 3))
    after = np.zeros(3)
    for t in (2, 1, 0):
        dh = v + after
        ds = dh * (1 - hs[t + 1] ** 2)
        dW = dW + np.outer(ds, hs[t])
        after = W.T @ ds
    return dW


def test_zeros_before_a_loop_that_nothing_uses_stand_for_no_state() -> None:
    rng = np.random.default_rng(2)
    W, v, hs, E = tg.Tensor(rng.normal(size=(3, 3))), rng.normal(size=3), [rng.normal(size=3)], 0
    for _ in range(3):
        hs.append(tg.tanh(W @ hs[-1]))
        E = E + (v * hs[-1]).sum()
    assert tg.check(E, started_at_zero, names=locals()).ok


def fill(k: Any, inputs: Any, deltas: Any, coef_grads: Any) -> None:
    coef_grads[k] = np.dot(inputs[k].T, deltas[k])
    coef_grads[k] /= len(deltas[k])


def down(inputs: Any, y: Any, coefs: Any, deltas: Any, coef_grads: Any) -> None:
    deltas[1] = inputs[2] - y
    fill(1, inputs, deltas, coef_grads)
    deltas[0] = np.dot(deltas[1], coefs[1].T) * (1 - inputs[1] ** 2)
    fill(0, inputs, deltas, coef_grads)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(None, None), ("(1 - inputs[1] ** 2)", "(1 - inputs[1])"), ("inputs[2] - y", "y - inputs[2]")],
)
def test_lists_that_a_helper_fills_are_gradients_by_their_entries(right: Any, wrong: Any) -> None:
    rng = np.random.default_rng(3)
    coefs = [tg.Tensor(rng.normal(size=s)) for s in ((3, 4), (4, 2))]
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    hidden = tg.tanh(x @ coefs[0])
    inputs = [x, hidden, hidden @ coefs[1]]
    E = 0.5 * ((inputs[2] - y) ** 2).sum() / 5
    deltas, coef_grads = [None, None], [None, None]
    report = tg.check(E, changed(down, right, wrong) if right else down, names=locals())
    assert report.ok == (right is None)
    if right is not None:
        assert report.wrong[0].by == "edit"
    assert deltas == coef_grads == [None, None]


def dense_backward(g: Any, W: Any, x: Any) -> Any:
    return x.T @ g / len(g), g @ W.T


def by_keys(p: Any, y: Any, weights: Any, kept: Any) -> Any:
    grads = {}
    g = p - y
    grads["W2"], grads["h"] = dense_backward(g, weights["W2"], kept["h"])
    grads["s"] = grads["h"] * (1 - kept["h"] ** 2)
    grads["W1"], _ = dense_backward(grads["s"], weights["W1"], kept["x"])
    return grads


def test_a_multiple_is_handed_on_from_entry_to_entry_of_a_dict() -> None:
    rng = np.random.default_rng(4)
    weights = {k: tg.Tensor(rng.normal(size=s)) for k, s in (("W1", (3, 4)), ("W2", (4, 2)))}
    y, kept = rng.normal(size=(5, 2)), {"x": rng.normal(size=(5, 3))}
    kept["s"] = kept["x"] @ weights["W1"]
    kept["h"] = tg.tanh(kept["s"])
    p = kept["h"] @ weights["W2"]
    E = 0.5 * ((p - y) ** 2).sum() / 5
    assert tg.check(E, by_keys, names=locals()).ok
    (mistake,) = tg.check(E, changed(by_keys, "p - y", "y - p"), names=locals()).wrong
    assert mistake.code == "g = y - p"


class Times:
    """W x, with its gradient under a name of three words."""

    def __init__(self, W: Any) -> None:
        self._W, self._grad_W_now = W, None

    def forward(self, x: Any) -> Any:
        self.kept = x
        return x @ self._W

    def backward(self, g: Any) -> Any:
        self._grad_W_now = self.kept.T @ g
        return g @ self._W.T


class Tanh:
    def forward(self, x: Any) -> Any:
        self.kept = tg.tanh(x)
        return self.kept

    def backward(self, g: Any) -> Any:
        return g * (1 - self.kept**2)


@pytest.mark.parametrize("wrong", ["g * (1 - self.kept)", ""])
def test_layers_that_are_folded_over_are_followed(wrong: str) -> None:
    rng = np.random.default_rng(5)
    tanh = changed(Tanh, "g * (1 - self.kept**2)", wrong) if wrong else Tanh
    layers = [Times(tg.Tensor(rng.normal(size=(3, 4)))), tanh()]
    layers.append(Times(tg.Tensor(rng.normal(size=(4, 2)))))
    x = rng.normal(size=(5, 3))
    o = functools.reduce(lambda out, layer: layer.forward(out), layers, x)
    E = 0.5 * (o**2).sum()

    def backward() -> Any:
        return functools.reduce(lambda g, layer: layer.backward(g), reversed(layers), o)

    report = tg.check(E, backward)
    assert report.ok == (not wrong)
    if wrong:
        assert "1 - self.kept ** 2" in str(report.fixed())


class Parameter:
    def __init__(self, v: Any) -> None:
        self.v, self.d = v, np.zeros(v.shape)


def test_a_parameter_is_an_object_with_a_value_and_its_d() -> None:
    rng = np.random.default_rng(6)
    W, x = Parameter(tg.Tensor(rng.normal(size=(2, 3)))), rng.normal(size=3)
    r = W.v @ x
    E = 0.5 * (r**2).sum()

    def backward(r: Any, x: Any) -> None:
        W.d += np.outer(r, x)

    def halved(r: Any, x: Any) -> None:
        W.d += np.outer(r, x) / 2

    assert tg.check(E, backward).ok
    assert not tg.check(E, halved).ok


@dataclass
class Weights:
    W: Any
    b: Any


def like(p: Weights) -> Weights:
    return Weights(np.zeros(p.W.shape), np.zeros(p.b.shape))


def into_its_like(p: Weights, r: Any, x: Any) -> Any:
    gp = like(p)
    gp.W += np.outer(r, x)
    gp.b += r
    return gp


@pytest.mark.parametrize("wrong", ["gp.b += r * r", ""])
def test_gradients_in_an_object_of_the_parameters_class(wrong: str) -> None:
    rng = np.random.default_rng(7)
    p, x = Weights(tg.Tensor(rng.normal(size=(2, 3))), tg.Tensor(rng.normal(size=2))), np.ones(3)
    r = p.W @ x + p.b
    E = 0.5 * (r**2).sum()
    backward = changed(into_its_like, "gp.b += r", wrong) if wrong else into_its_like
    report = tg.check(E, backward, names=locals())
    assert report.ok == (not wrong)
    assert {f.line for f in report} == {3, 4}


def test_an_error_in_a_function_that_a_library_calls_is_an_error() -> None:
    x = np.array([1.0, 2.0])
    w = tg.Tensor([0.5, -1.0], name="w")
    E = (w * x).sum()

    def backward(x: Any) -> Any:
        dw = np.apply_along_axis(lambda row: row[5], 0, x)
        return dw  # noqa: RET504 - derivations are judged line by line

    (mistake,) = tg.check(E, backward).wrong
    assert "raises IndexError" in mistake.explanation


SCALE = OFFSET = None  # given their values by a test


def into_globals(x: Any, wished: Any) -> None:
    global SCALE, OFFSET
    lr = 0.1
    miss = SCALE * x + OFFSET - wished
    grad = miss * x
    SCALE = SCALE - lr * grad
    for held, step in zip([OFFSET], [miss], strict=True):
        held -= lr * step


@pytest.mark.parametrize(
    ("was", "wrong"), [("miss * x", "miss * SCALE"), ("SCALE - lr", "SCALE + lr")]
)
def test_names_of_the_module_may_be_given_values(was: str, wrong: str) -> None:
    rng = np.random.default_rng(1)
    x, wished = rng.normal(size=4), rng.normal(size=4)
    for derive, right in ((into_globals, True), (changed(into_globals, was, wrong), False)):
        a, b = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=4))
        own = derive.__globals__
        own["SCALE"], own["OFFSET"] = a, b
        report = tg.check(0.5 * ((a * x + b - wished) ** 2).sum(), derive, names=locals())
        assert report.ok is right
        assert own["SCALE"] is a
        assert right or report.wrong[0].by == "edit"


def into_what_is_given(given: Any, layer: Any, held: Any) -> Any:
    into, weight = held["in" + layer], held["w" + layer]
    held["grad_w" + layer] = into.T @ given
    return given @ weight.T


def through_two(held: Any, miss: Any) -> None:
    below = into_what_is_given(miss, "last", held)
    into_what_is_given(below * (1 - held["inlast"] ** 2), "first", held)


def test_a_helper_fills_the_dict_that_it_is_given() -> None:
    rng = np.random.default_rng(2)
    held = {
        "wfirst": tg.Tensor(rng.normal(size=(3, 4))),
        "wlast": tg.Tensor(rng.normal(size=(4, 2))),
        "infirst": rng.normal(size=(5, 3)),
    }
    held["inlast"] = tg.tanh(held["infirst"] @ held["wfirst"])
    miss = held["inlast"] @ held["wlast"] - rng.normal(size=(5, 2))
    E = 0.5 * (miss**2).sum()
    assert tg.check(E, through_two, names=locals()).ok
    slip = changed(through_two, "below * (1 -", "below * (1 +")
    assert tg.check(E, slip, names=locals()).wrong
