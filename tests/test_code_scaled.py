"""Steps that stand for a multiple of a gradient, as dz = p - y does where dW = X.T @ dz / m."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_code_lines import verdicts
from test_referee_lines import changed

import tinygrad_lite as tg


def network() -> tuple[Any, dict[str, Any]]:
    """Two layers on columns, the mean of a binary cross-entropy: a course's first network."""
    rng = np.random.default_rng(7)
    X, W1, b1, W2, b2 = (
        tg.Tensor(rng.normal(size=shape), name=name)
        for name, shape in {
            "X": (2, 6),
            "W1": (3, 2),
            "b1": (3, 1),
            "W2": (1, 3),
            "b2": (1, 1),
        }.items()
    )
    Y = np.array([[0.0, 1, 1, 0, 1, 0]])
    Z1 = W1 @ X + b1
    A1 = tg.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = tg.sigmoid(Z2)
    loss = -(Y * tg.log(A2) + (1 - Y) * tg.log(1 - A2)).sum() / 6
    return loss, locals()


def course(X: Any, Y: Any, W2: Any, A1: Any, A2: Any) -> Any:
    m = X.shape[1]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def check(backward: Any) -> Any:
    loss, names = network()
    return tg.check(loss, backward, names=names)


def test_a_multiple_is_right_where_what_is_computed_from_it_is() -> None:
    report = check(course)
    assert report.ok
    assert set(verdicts(report).values()) == {"right"}
    told = "6 x the gradient, a factor that is taken up where dW2 is computed"
    assert report[0].explanation == told


@pytest.mark.parametrize(
    ("right", "wrong", "line", "mended"),
    [
        ("A2 - Y", "Y - A2", 3, "dZ2 = A2 - Y"),
        ("1 / m * np.dot(dZ2, A1.T)", "np.dot(dZ2, A1.T)", 4, "dW2 = np.dot(dZ2, A1.T) / m"),
        ("(1 - np.power(A1, 2))", "(1 - A1)", 6, "dZ1 = np.dot(W2.T, dZ2) * (1 - A1 ** 2)"),
        ("np.sum(dZ1,", "np.sum(dZ2,", 8, "db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)"),
    ],
)
def test_one_line_is_wrong_beside_it(right: str, wrong: str, line: int, mended: str) -> None:
    report = check(changed(course, right, wrong))
    assert [(f.line, f.mended) for f in report.wrong] == [(line, mended)]


def loss_and_names() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    X, w, b = tg.Tensor(rng.normal(size=(6, 2))), tg.Tensor(rng.normal(size=2)), tg.Tensor(0.3)
    y = np.array([0.0, 1, 1, 0, 1, 0])
    p = tg.sigmoid(X @ w + b)
    return -(y * tg.log(p) + (1 - y) * tg.log(1 - p)).mean(), locals()


def divided(X: Any, y: Any, p: Any) -> Any:
    m = len(y)
    dw = X.T @ (p - y)
    db = (p - y).sum()
    return dw / m, db / m


def turned(X: Any, y: Any, p: Any) -> Any:
    dw = X.T @ (y - p) / len(y)
    db = np.sum(y - p) / len(y)
    return -dw, -1 * db


def downhill(X: Any, y: Any, p: Any) -> Any:
    dw = X.T @ (p - y) / len(y)
    return -dw


def halves(X: Any, y: Any, p: Any) -> Any:
    dw = X.T @ (y - p)
    db = (p - y).sum()
    return -dw / len(y), -db / len(y)


def entries(X: Any, y: Any, p: Any) -> Any:
    dw, db = [0.0, 0.0], 0.0
    for i in range(len(y)):
        dw[0] += X[i, 0] * (p[i] - y[i])
        dw[1] += X[i, 1] * (p[i] - y[i])
        db += p[i] - y[i]
    return np.array(dw) / len(y), db / len(y)


@pytest.mark.parametrize("backward", [divided, turned, downhill, entries])
def test_what_is_returned_of_a_name_is_its_last_step(backward: Any) -> None:
    loss, names = loss_and_names()
    report = tg.check(loss, backward, names=names)
    assert report.ok, report
    assert report


def test_what_is_returned_may_be_wrong() -> None:
    loss, names = loss_and_names()
    report = tg.check(loss, halves, names=names)
    (wrong,) = report.wrong
    assert wrong.mended in ("db = (y - p).sum()", "return -dw / len(y), db / len(y)")


def squares() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(3)
    D, L = rng.normal(size=(6, 3)), tg.Tensor(rng.normal(size=(5, 3)))
    same = np.array([1.0, 0, 1, 0, 0, 1])
    Z = D @ L.T
    dist = (Z**2).sum(axis=1)
    return (same * dist - (1 - same) * tg.log(dist)).mean(), locals()


def two_lost(D: Any, Z: Any, dist: Any, same: Any) -> Any:
    ddist = (same + (1 - same) / dist) / len(same)
    dZ = Z * ddist[:, None]
    dL = dZ.T @ D
    return ddist, dZ, dL


def test_what_is_computed_from_a_wrong_step_may_lack_a_number_itself() -> None:
    """ddist is not meant to be twice the gradient: the 2 of the square is lost further down."""
    loss, names = squares()
    report = tg.check(loss, two_lost, names=names)
    assert [f.line for f in report.wrong] == [2, 3]
    first, second = (f.mended for f in report.wrong)
    assert first == "ddist = (same - (1 - same) / dist) / len(same)"
    assert second in ("dZ = 2 * Z * ddist[:, None]", "dZ = Z * (2 * ddist[:, None])")


def by_activation(X: Any, Y: Any, W2: Any, A1: Any, A2: Any) -> Any:
    m = X.shape[1]
    delta_A2 = A2 - Y
    delta_A1 = (W2.T @ delta_A2) * (1 - A1**2)
    dW2, db2 = delta_A2 @ A1.T / m, delta_A2.sum(1, keepdims=True) / m
    dW1, db1 = delta_A1 @ X.T / m, delta_A1.sum(1, keepdims=True) / m
    return dW1, db1, dW2, db2


@pytest.mark.parametrize(("was", "wrong"), [("A2 - Y", "Y - A2"), ("(1 - A1**2)", "(1 - A1)")])
def test_names_of_activations_may_mean_what_these_are_computed_from(was: str, wrong: str) -> None:
    assert check(by_activation).ok
    (mistake,) = check(changed(by_activation, was, wrong)).wrong
    assert (mistake.by, mistake.line in (3, 4)) == ("edit", True)


def undivided(X: Any, Y: Any, W2: Any, A1: Any, A2: Any) -> Any:
    m = X.shape[1]
    dA2 = -(Y / A2 - (1 - Y) / (1 - A2))
    delta = dA2 * A2 * (1 - A2)
    dW2, db2 = delta @ A1.T / m, delta.sum(1, keepdims=True) / m
    inner = (W2.T @ delta) * (1 - A1**2)
    dW1, db1 = inner @ X.T / m, inner.sum(1, keepdims=True) / m
    return dW1, db1, dW2, db2


def test_a_multiple_is_one_where_all_that_uses_it_is_wrong() -> None:
    assert check(undivided).ok
    report = check(changed(undivided, "dA2 * A2 * (1 - A2)", "dA2 * (1 - A2)"))
    assert next(f for f in report if f.name == "dA2").verdict == "right"
    (mistake,) = report.wrong
    assert mistake.mended.startswith("delta = ")
