"""Derivations that go down many layers, or back in time: lists and dicts by number, an activation's
own derivative, one mistake that everything below it comes from."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from test_code_lines import verdicts
from test_referee_lines import changed

import tinygrad_lite as tg


def network(sizes: tuple[int, ...] = (3, 4, 3, 2), count: int = 5) -> tuple[Any, dict[str, Any]]:
    """The mean of a cross entropy through layers of sigmoids, a column for each example."""
    rng = np.random.default_rng(4)
    pairs = list(itertools.pairwise(sizes))
    W = [tg.Tensor(rng.normal(size=(m, n))) for n, m in pairs]
    b = [tg.Tensor(rng.normal(size=(m, 1))) for _, m in pairs]
    A = [rng.random((sizes[0], count))]
    for w, v in zip(W, b, strict=True):
        A.append(tg.sigmoid(w @ A[-1] + v))
    Y = rng.integers(0, 2, (sizes[-1], count))
    E = -(Y * tg.log(A[-1]) + (1 - Y) * tg.log(1 - A[-1])).sum() / count
    return E, {"W": W, "b": b, "A": A, "Y": Y, "count": count}


def from_the_front(W: Any, b: Any, A: Any, Y: Any, count: Any) -> Any:
    last = [A[-1] - Y]
    dW = [last[0] @ A[-2].T / count]
    db = [last[0].sum(axis=1, keepdims=True) / count]
    for k in range(len(W) - 2, -1, -1):
        dA = A[k + 1] * (1 - A[k + 1])
        last.insert(0, (W[k + 1].T @ last[0]) * dA)
        dW.insert(0, last[0] @ A[k].T / count)
        db.insert(0, last[0].sum(axis=1, keepdims=True) / count)
    for k in range(len(W)):
        W[k] = W[k] - 0.1 * dW[k]
        b[k] = b[k] - 0.1 * db[k]
    return W, b


def test_entries_of_lists_are_judged_in_the_lines_that_put_them_there() -> None:
    E, names = network()
    report = tg.check(E, from_the_front, names=names)
    assert verdicts(report) == dict.fromkeys((3, 4, 8, 9), "right")


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("last = [A[-1] - Y]", "last = [Y - A[-1]]", 2),
        (
            "db = [last[0].sum(axis=1, keepdims=True) / count]",
            "db = [last[0].sum(axis=1, keepdims=True)]",
            4,
        ),
        ("A[k].T / count)", "A[k].T)", 8),
    ],
)
def test_what_is_put_in_front_is_mended_though_more_is_done_after(
    right: str, wrong: str, line: int
) -> None:
    """A run that ends after the edit has fewer steps, the parameters' own."""
    E, names = network()
    report = tg.check(E, changed(from_the_front, right, wrong), names=names)
    assert [(f.line, f.by) for f in report.wrong] == [(line, "edit")]


def by_number(W: Any, A: Any, Y: Any, count: Any) -> Any:
    d, d_W, d_b = {}, {}, {}
    d[len(W)] = (A[-1] - Y) / count
    for k in range(len(W) - 1, -1, -1):
        if k > 0:
            d[k] = (W[k].T @ d[k + 1]) * A[k] * (1 - A[k])
        d_W[k] = d[k + 1] @ A[k].T
        d_b[k] = d[k + 1].sum(axis=1, keepdims=True)
    return d_W, d_b


def test_a_dict_by_number_is_read_as_a_list() -> None:
    E, names = network()
    assert tg.check(E, by_number, names=names)
    report = tg.check(E, changed(by_number, " * A[k] * (1 - A[k])", " * (1 - A[k])"), names=names)
    assert report.first.line == 6
    assert report.first.by == "edit"


def turned(W: Any, b: Any, A: Any, Y: Any, count: Any, lr: Any = 0.1) -> Any:
    d = ((A[1] - Y) / count).T
    dW = [A[0] @ d]
    db = [d.sum(axis=0)]
    W[0] -= lr * dW[0].T
    b[0] -= lr * db[0].reshape(b[0].shape)


def test_a_parameter_that_is_stepped_along_the_transpose_of_a_name_is_the_claim() -> None:
    E, names = network((3, 2))
    assert tg.check(E, turned, names=names)
    report = tg.check(E, changed(turned, "A[1] - Y", "Y - A[1]"), names=names)
    assert not report.ok
    assert report.first.mended.startswith("d = ")


def recurrent() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(1)
    U, V, C = (tg.Tensor(rng.normal(size=s)) for s in ((3, 2), (3, 3), (2, 3)))
    x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    h: dict[int, Any] = {-1: np.zeros(3)}
    out: dict[int, Any] = {}
    for t in range(4):
        h[t] = tg.tanh(U @ x[t] + V @ h[t - 1])
        out[t] = C @ h[t]
    E = 0.5 * sum(((out[t] - y[t]) ** 2).sum() for t in range(4))
    return E, {"U": U, "V": V, "C": C, "x": x, "y": y, "h": h, "out": out}


def back_in_time(U: Any, V: Any, C: Any, x: Any, y: Any, h: Any, out: Any) -> Any:
    U_d, V_d, C_d = np.zeros_like(U), np.zeros_like(V), np.zeros_like(C)
    carried = np.zeros(3)
    for t in range(len(x) - 1, -1, -1):
        e = out[t] - y[t]
        C_d += np.outer(e, h[t])
        dh = 1 - h[t] * h[t]
        r = dh * (C.T @ e + carried)
        U_d += np.outer(r, x[t])
        V_d += np.outer(r, h[t - 1])
        carried = V.T @ r
    return U_d, V_d, C_d


def test_an_activations_own_derivative_is_no_gradient_whatever_it_is_called() -> None:
    E, names = recurrent()
    report = tg.check(E, back_in_time, names=names)
    assert report.ok
    assert "dh" not in {f.name for f in report}


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [("1 - h[t] * h[t]", "1 - h[t]", 7), ("e = out[t] - y[t]", "e = y[t] - out[t]", 5)],
)
def test_it_is_not_called_wrong_for_what_is_wrong_elsewhere(
    right: str, wrong: str, line: int
) -> None:
    E, names = recurrent()
    report = tg.check(E, changed(back_in_time, right, wrong), names=names)
    assert [(f.line, f.by) for f in report.wrong] == [(line, "edit")]


def test_the_last_gradient_may_be_a_function_of_its_node_alone() -> None:
    """Here dh = h is the gradient."""
    h = tg.tanh(tg.Tensor([0.3, -1.2, 0.8], name="z"))
    E = 0.5 * (h * h).sum()

    def square(h: Any) -> Any:
        dh = 2 * h
        dz = dh * (1 - h**2)
        return dz  # noqa: RET504 - derivations are judged line by line

    (mistake,) = tg.check(E, square).wrong
    assert mistake.line == 2


def renamed(params: Any, x: Any, y: Any) -> Any:
    W_f, W_g = params
    e = x @ W_f @ W_g - y
    W_g_d = (x @ W_f).T @ e
    return x.T @ (e @ W_g.T), W_g_d


def test_another_name_for_a_parameter_claims_nothing() -> None:
    rng = np.random.default_rng(2)
    params = [tg.Tensor(rng.normal(size=s)) for s in ((3, 2), (2, 4))]
    W_f, W_g = params
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    E = 0.5 * ((x @ W_f @ W_g - y) ** 2).sum()
    report = tg.check(E, renamed, names={"params": params, "x": x, "y": y, "W_f": W_f, "W_g": W_g})
    assert verdicts(report) == {3: "right", 4: "right", 5: "right"}
    wrong = changed(renamed, "(x @ W_f).T @ e", "-(x @ W_f).T @ e")
    report = tg.check(E, wrong, names={"params": params, "x": x, "y": y, "W_f": W_f, "W_g": W_g})
    assert [f.line for f in report.wrong] == [4]


class Layer:
    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def forward(self, x: Any) -> Any:
        self.x = x
        return tg.tanh(x @ self.weights)

    def backward(self, grad: Any) -> Any:
        grad = grad * (1 - np.tanh(self.x @ self.weights) ** 2)
        self.grad_weights = self.x.T @ grad
        return grad @ self.weights.T

    def step(self, rate: Any) -> None:
        self.weights -= rate * self.grad_weights


@pytest.mark.parametrize("slip", ["", "-"])
def test_a_gradient_is_kept_beside_a_parameter_that_is_updated_later(slip: str) -> None:
    rng = np.random.default_rng(3)
    kind = changed(Layer, "= self.x.T @ grad", f"= {slip}self.x.T @ grad")
    layers = [kind(tg.Tensor(rng.normal(size=s))) for s in ((3, 4), (4, 2))]
    leaves = [layer.weights for layer in layers]
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    out = layers[1].forward(layers[0].forward(x))
    E = 0.5 * ((out - y) ** 2).sum()

    def train(rate: Any = 0.1) -> None:
        grad = out - y
        for layer in reversed(layers):
            grad = layer.backward(grad)
        for layer in layers:
            layer.step(rate)

    report = tg.check(E, train, names={"leaves": leaves})
    assert report.ok == (not slip)
    assert {f.line for f in report} == {2, 4}
    assert not slip or report.first.mended == "self.grad_weights = self.x.T @ grad"
