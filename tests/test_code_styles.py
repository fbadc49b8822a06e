"""Derivations as well-known courses and books write them, right and with one slip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_code_lines import verdicts
from test_referee_lines import changed

import tinygrad_lite as tg

Graph = tuple[Any, dict[str, Any]]


def lists() -> Graph:
    """Weights, sums and activations in lists, one column at a time."""
    rng = np.random.default_rng(3)
    x, y = tg.Tensor(rng.normal(size=(3, 1))), rng.normal(size=(2, 1))
    weights = [tg.Tensor(rng.normal(size=size)) for size in ((4, 3), (2, 4))]
    biases = [tg.Tensor(rng.normal(size=size)) for size in ((4, 1), (2, 1))]
    zs, activations = [], [x]
    for w, b in zip(weights, biases, strict=True):
        zs.append(w @ activations[-1] + b)
        activations.append(tg.sigmoid(zs[-1]))
    cost = 0.5 * ((activations[-1] - y) ** 2).sum()
    return cost, {"W": weights, "b": biases, "y": y, "zs": zs, "activations": activations}


def slope(z: Any) -> Any:
    return np.exp(-z) / (1 + np.exp(-z)) ** 2


def backprop(W: Any, b: Any, y: Any, zs: Any, activations: Any) -> Any:
    nabla_b = [np.zeros(a.shape) for a in b]
    nabla_w = [np.zeros(a.shape) for a in W]
    delta = (activations[-1] - y) * slope(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for k in range(2, 3):
        delta = np.dot(W[-k + 1].transpose(), delta) * slope(zs[-k])
        nabla_b[-k] = delta
        nabla_w[-k] = np.dot(delta, activations[-k - 1].transpose())
    return nabla_b, nabla_w


def dicts() -> Graph:
    """Parameters, values and gradients in dicts, rows of several samples."""
    rng = np.random.default_rng(4)
    sizes = {"W1": (3, 4), "b1": (1, 4), "W2": (4, 2), "b2": (1, 2)}
    params = {name: tg.Tensor(rng.normal(size=size)) for name, size in sizes.items()}
    X, Y = tg.Tensor(rng.normal(size=(6, 3))), np.eye(2)[rng.integers(0, 2, 6)]
    cache = {"Z1": X @ params["W1"] + params["b1"]}
    cache["A1"] = tg.relu(cache["Z1"])
    cache["Z2"] = cache["A1"] @ params["W2"] + params["b2"]
    cache["A2"] = tg.softmax(cache["Z2"], axis=1)
    loss = -(Y * tg.log(cache["A2"])).sum() / 6
    return loss, {"params": params, "cache": cache, "X": X, "Y": Y}


def backward(params: Any, cache: Any, X: Any, Y: Any) -> Any:
    grads = {}
    m = X.shape[0]
    dZ2 = cache["A2"] - Y
    grads["dW2"] = cache["A1"].T @ dZ2 / m
    grads["db2"] = np.sum(dZ2, axis=0, keepdims=True) / m
    dA1 = dZ2 @ params["W2"].T
    dZ1 = dA1 * (cache["A1"] > 0)
    grads["dW1"] = X.T @ dZ1 / m
    grads["db1"] = np.sum(dZ1, axis=0, keepdims=True) / m
    return grads


def penalised() -> Graph:
    """Two layers, cross-entropy and a penalty on the weights."""
    rng = np.random.default_rng(5)
    X, W1, W2 = (tg.Tensor(rng.normal(size=size)) for size in ((5, 4), (4, 6), (6, 3)))
    b1, b2, y = tg.Tensor(rng.normal(size=6)), tg.Tensor(rng.normal(size=3)), np.arange(5) % 3
    hidden, reg = tg.relu(X @ W1 + b1), 0.01
    probs = tg.softmax(hidden @ W2 + b2, axis=1)
    data = -tg.log(probs[np.arange(5), y]).mean()
    return data + 0.5 * reg * ((W1 * W1).sum() + (W2 * W2).sum()), locals()


def late(X: Any, W1: Any, W2: Any, y: Any, hidden: Any, probs: Any, reg: Any) -> Any:
    N, grads = X.shape[0], {}
    dscores = probs.copy()
    dscores[range(N), y] -= 1
    dhidden = dscores.dot(W2.T)
    dhidden[hidden <= 0] = 0
    grads["W2"] = hidden.T.dot(dscores) / N
    grads["b2"] = dscores.sum(axis=0) / N
    grads["W1"] = X.T.dot(dhidden) / N
    grads["b1"] = dhidden.sum(axis=0) / N
    grads["W2"] += reg * W2
    grads["W1"] += reg * W1
    return grads


STYLES = ((lists, backprop), (dicts, backward), (penalised, late))


def check(graph: Any, derivation: Any) -> Any:
    loss, names = graph()
    return tg.check(loss, derivation, names=names)


@pytest.mark.parametrize(("graph", "derivation"), STYLES)
def test_a_right_one_is_right(graph: Any, derivation: Any) -> None:
    report = check(graph, derivation)
    assert report.ok, report
    assert set(verdicts(report).values()) == {"right"}
    assert len(report) >= 6


@pytest.mark.parametrize(
    ("graph", "derivation", "right", "wrong", "mended"),
    [
        (
            *STYLES[0],
            "activations[-k - 1]",
            "activations[-k]",
            "nabla_w[-k] = np.dot(delta, activations[-(k + 1)].transpose())",
        ),
        (*STYLES[1], 'cache["A1"] > 0', 'cache["A1"] < 0', "dZ1 = dA1 * (cache['A1'] > 0)"),
        (*STYLES[1], 'cache["A2"] - Y', 'Y - cache["A2"]', "dZ2 = cache['A2'] - Y"),
        (
            *STYLES[1],
            "np.sum(dZ1, axis=0",
            "np.sum(dZ1, axis=1",
            'grads["db1"] = np.sum(dZ1, axis=0, keepdims=True) / m',
        ),
        (
            *STYLES[2],
            "dhidden.sum(axis=0) / N",
            "dhidden.sum(axis=0)",
            'grads["b1"] = dhidden.mean(axis=0)',
        ),
        (*STYLES[2], "hidden <= 0", "hidden >= 0", "dhidden[hidden <= 0] = 0"),
        (*STYLES[2], "+= reg * W1", "+= 2 * reg * W1", 'grads["W1"] += reg * W1'),
    ],
)
def test_a_slip_is_found_in_its_line_and_undone(
    graph: Any, derivation: Any, right: str, wrong: str, mended: str
) -> None:
    report = check(graph, changed(derivation, right, wrong))
    assert [f.mended for f in report.wrong] == [mended], report
