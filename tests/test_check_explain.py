"""Diagnosis: each common mistake, in derivations as people write them, gets the kind it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.check import KINDS

Case = tuple[str, Any, Any, str]  # title, the node, the claim, the kind


def named(**nodes: Any) -> None:
    for name, node in nodes.items():
        node.name = name


def logistic(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def written_out_logistic_network() -> tuple[Any, list[Case]]:
    """Two layers with 1 / (1 + exp(-z)) written out and binary cross-entropy, rows."""
    n = np.random.default_rng(123).normal
    X, Y = n(size=(7, 3)), (n(size=(7, 1)) > 0) * 1.0
    W1, b1, W2, b2 = (tg.Tensor(n(size=s)) for s in ((3, 5), 5, (5, 1), 1))
    z1 = X @ W1 + b1
    a1 = 1 / (1 + tg.exp(-z1))
    z2 = a1 @ W2 + b2
    p = 1 / (1 + tg.exp(-z2))
    L = -(Y * tg.log(p) + (1 - Y) * tg.log(1 - p)).mean()
    named(W1=W1, b1=b1, W2=W2, b2=b2, z1=z1, a1=a1, z2=z2, p=p, L=L)
    A, P, w2 = a1.data, p.data, W2.data
    d2 = (P - Y) / 7
    up = d2 @ w2.T
    d1 = up * A * (1 - A)
    return L, [
        ("all", W1, X.T @ d1, "right"),
        ("the fused pair cancels", z2, d2, "right"),
        ("dp", p, (-Y / P + (1 - Y) / (1 - P)) / 7, "right"),
        ("no sigma'", W1, X.T @ up, "missing-activation-derivative"),
        (
            "sigma'(a1)",
            W1,
            X.T @ (up * logistic(A) * (1 - logistic(A))),
            "activation-derivative-at-wrong-point",
        ),
        (
            "z1 (1 - z1)",
            W1,
            X.T @ (up * z1.data * (1 - z1.data)),
            "activation-derivative-at-wrong-point",
        ),
        ("tanh'", W1, X.T @ (up * (1 - A**2)), "wrong-activation-derivative"),
        ("a1 alone", W1, X.T @ (up * A), "wrong-activation-derivative"),
        ("sigma' at the output too", W2, A.T @ (d2 * P * (1 - P)), "extra-factor"),
        ("no W2", W1, X.T @ (d2 * A * (1 - A)), "missing-factor"),
        ("no 1/N", W2, A.T @ (P - Y), "mean-vs-sum"),
        ("y - p", W2, A.T @ (Y - P) / 7, "sign"),
        ("not summed", b2, d2, "missing-broadcast-sum"),
        ("the wrong axis", b1, d1.sum(1), "wrong-axis"),
        ("transposed", W2, (A.T @ d2).T, "transpose"),
        ("sign, and no sigma'", W1, -X.T @ up, "missing-activation-derivative"),
        ("plus for minus in dp", p, (-Y / P - (1 - Y) / (1 - P)) / 7, "sign"),
        ("half of dp", p, -Y / P / 7, "missing-term"),
    ]


def softmax_classifier() -> tuple[Any, list[Case]]:
    """exp(s) / sum(exp(s)), indexed log-likelihood and a penalty (cs231n)."""
    rng = np.random.default_rng(5)
    N, C = 8, 3
    x, W = tg.Tensor(rng.normal(size=(N, 4))), tg.Tensor(rng.normal(size=(4, C)))
    y = rng.integers(0, C, N)
    s = x @ W
    e = tg.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -tg.log(p[np.arange(N), y]).mean() + 0.1 * (W * W).sum()
    named(x=x, W=W, s=s, p=p, loss=loss)
    P, one_hot = p.data, np.eye(C)[y]
    ds = (P - one_hot) / N
    g, w = x.data.T @ ds, W.data
    return loss, [
        ("W", W, g + 0.2 * w, "right"),
        ("x", x, ds @ w.T, "right"),
        ("no penalty", W, g, "missing-term"),
        ("2 of the penalty", W, g + 0.1 * w, "constant-scale"),
        ("no 1/N on the data", W, N * g + 0.2 * w, "mean-vs-sum"),
        ("diagonal only", s, -one_hot / N * (1 - P), "missing-term"),
        ("p for p - y", s, P / N, "missing-term"),
        ("y - p", s, -ds, "sign"),
        ("x too many", x, ds @ w.T * x.data, "extra-factor"),
    ]


def batch_norm() -> tuple[Any, list[Case]]:
    """(x - mean) / sqrt(var + eps), scaled and shifted."""
    n = np.random.default_rng(6).normal
    x, gamma, beta = tg.Tensor(2 * n(size=(8, 4)) + 1), tg.Tensor(n(size=4)), tg.Tensor(n(size=4))
    mu = x.mean(axis=0)
    xc = x - mu
    var = (xc**2).mean(axis=0)
    std = tg.sqrt(var + 1e-5)
    xhat = xc / std
    R = n(size=(8, 4))
    E = ((gamma * xhat + beta) * R).sum()
    named(x=x, gamma=gamma, beta=beta, mu=mu, xc=xc, var=var, std=std, xhat=xhat, E=E)
    d, h, sd = R * gamma.data, xhat.data, std.data
    dx = (d - d.mean(0) - h * (d * h).mean(0)) / sd
    dvar = -0.5 * (d * xc.data).sum(0) * (var.data + 1e-5) ** -1.5
    return E, [
        ("x", x, dx, "right"),
        ("gamma", gamma, (R * h).sum(0), "right"),
        ("mean held fixed", x, (d - h * (d * h).mean(0)) / sd, "missing-term"),
        ("variance held fixed", x, (d - d.mean(0)) / sd, "missing-term"),
        ("both held fixed", x, d / sd, "missing-term"),
        ("no gamma", x, dx / gamma.data, "missing-factor"),
        ("no 1/std", x, dx * sd, "missing-factor"),
        ("gamma not summed", gamma, R * h, "missing-broadcast-sum"),
        ("gamma averaged", gamma, (R * h).mean(0), "mean-vs-sum"),
        ("gamma without xhat", gamma, R.sum(0), "missing-factor"),
        ("1/2 of the root", var, 2 * dvar, "constant-scale"),
    ]


def attention() -> tuple[Any, list[Case]]:
    """softmax(Q K^T / sqrt(d)) V, square, so that every wrong order has a shape that fits."""
    n = np.random.default_rng(7).normal
    Q, K, V = (tg.Tensor(n(size=(4, 4))) for _ in range(3))
    S = Q @ K.T / np.sqrt(4)
    A = tg.softmax(S, axis=-1)
    R = n(size=(4, 4))
    E = ((A @ V) * R).sum()
    named(Q=Q, K=K, V=V, S=S, A=A, E=E)
    a, k, q, v = A.data, K.data, Q.data, V.data
    dA = R @ v.T
    dS = a * (dA - (dA * a).sum(-1, keepdims=True))
    return E, [
        ("Q", Q, dS @ k / 2, "right"),
        ("K", K, dS.T @ q / 2, "right"),
        ("no scale", Q, dS @ k, "constant-scale"),
        ("dS not transposed", K, dS @ q / 2, "transpose"),
        ("A not transposed", V, a @ R, "transpose"),
        ("V not transposed", A, R @ v, "transpose"),
        ("order", V, R @ a.T, "wrong-order"),
        ("entry by entry", V, a.T * R, "elementwise-vs-matmul"),
        ("diagonal only", S, dA * a * (1 - a), "missing-term"),
        ("no softmax'", Q, dA @ k / 2, "missing-activation-derivative"),
        ("the sum left out", Q, (a * dA) @ k / 2, "missing-term"),
    ]


def residual_relu_columns() -> tuple[Any, list[Case]]:
    """y = x + V relu(U x), one observation per column."""
    n = np.random.default_rng(8).normal
    x, U, V = (tg.Tensor(n(size=s)) for s in ((4, 6), (4, 4), (4, 4)))
    t = n(size=(4, 6))
    h = tg.relu(U @ x)
    y = x + V @ h
    E = ((y - t) ** 2).mean()
    named(x=x, U=U, V=V, h=h, y=y, E=E)
    dy = 2 * (y.data - t) / 24
    m, u, v = h.data > 0, U.data, V.data
    back = u.T @ ((v.T @ dy) * m)
    return E, [
        ("x", x, dy + back, "right"),
        ("no skip path", x, back, "missing-term"),
        ("skip path only", x, dy, "missing-term"),
        ("counted twice", x, dy + 2 * back, "double-count"),
        ("no mask", U, (v.T @ dy) @ x.data.T, "missing-activation-derivative"),
        ("V not transposed", U, ((v @ dy) * m) @ x.data.T, "transpose"),
        ("no V", U, (dy * m) @ x.data.T, "missing-factor"),
        ("only 1/6", U, 4 * ((v.T @ dy) * m) @ x.data.T, "mean-vs-sum"),
        ("the 2", V, dy @ h.data.T / 2, "constant-scale"),
        (
            "U x for h",
            V,
            dy @ (u @ x.data).T,
            "activation-derivative-at-wrong-point",
        ),
        ("sign, and the 2", V, -dy @ h.data.T / 2, "constant-scale"),
    ]


def recurrent() -> tuple[Any, list[Case]]:
    """Three steps of h = tanh(x Wx + h Wh)."""
    n = np.random.default_rng(9).normal
    Wx, Wh = tg.Tensor(n(size=(3, 4)) / 2), tg.Tensor(n(size=(4, 4)) / 2)
    xs, states = [n(size=(2, 3)) for _ in range(3)], [np.full((2, 4), 0.1)]
    h: Any = states[0]
    for i, x in enumerate(xs):
        h = tg.tanh(x @ Wx + h @ Wh)
        h.name = f"h{i + 1}"
        states.append(h.data)
    t = n(size=(2, 4))
    E = 0.5 * ((h - t) ** 2).sum()
    named(Wx=Wx, Wh=Wh, E=E)

    def through_time(
        prime: Callable[[int], Any] = lambda i: 1 - states[i + 1] ** 2,
        shift: int = 0,
        steps: int = 3,
        W: Any = Wh.data.T,
    ) -> Any:
        total, dh = np.zeros((4, 4)), states[3] - t
        for i in range(2, 2 - steps, -1):
            dz = dh * prime(i)
            total += states[i + shift].T @ dz
            dh = dz @ W
        return total

    return E, [
        ("Wh", Wh, through_time(), "right"),
        ("one step only", Wh, through_time(steps=1), "missing-term"),
        ("the first step left out", Wh, through_time(steps=2), "missing-term"),
        ("no tanh'", Wh, through_time(lambda i: 1.0), "missing-activation-derivative"),
        ("Wh not transposed", Wh, through_time(W=Wh.data), "transpose"),
        ("h_t for h_(t-1)", Wh, through_time(shift=1), "off-by-index"),
    ]


def scalars() -> tuple[Any, list[Case]]:
    """A neuron of Values."""
    w1, w2, b = tg.Value(0.7), tg.Value(-1.3), tg.Value(0.4)
    z = w1 * 1.7 + w2 * -0.6 + b
    o = tg.tanh(z)
    E = (o - 0.5) ** 2
    named(w1=w1, w2=w2, b=b, z=z, o=o, E=E)
    e, d = 2 * (o.data - 0.5), 1 - o.data**2
    return E, [
        ("w1", w1, e * d * 1.7, "right"),
        ("no 2", w1, e * d * 0.85, "constant-scale"),
        ("no tanh'", w1, e * 1.7, "missing-activation-derivative"),
        ("no x", w1, e * d, "missing-factor"),
        ("sign", w2, e * d * 0.6, "sign"),
        ("sigma'", w2, e * o.data * (1 - o.data) * -0.6, "wrong-activation-derivative"),
        ("z for o", w2, e * (1 - z.data**2) * -0.6, "activation-derivative-at-wrong-point"),
        ("nonsense", w2, 0.123456, "other"),
    ]


def matrices() -> tuple[Any, list[Case]]:
    """A Gaussian's log-likelihood: inverse, log determinant, quadratic form."""
    n = np.random.default_rng(10).normal
    root = n(size=(4, 4))
    S, m = tg.Tensor(root @ root.T + 4 * np.eye(4) + 0.5 * n(size=(4, 4))), tg.Tensor(n(size=4))
    d = n(size=4) - m
    E = 0.5 * tg.logabsdet(S) + 0.5 * (d @ tg.inv(S) @ d)
    named(S=S, m=m, d=d, E=E)
    P, v = np.linalg.inv(S.data), d.data
    data = P.T @ np.outer(v, v) @ P.T
    return E, [
        ("S", S, 0.5 * P.T - 0.5 * data, "right"),
        ("m", m, -0.5 * (P + P.T) @ v, "right"),
        ("as if symmetric", m, -P @ v, "transpose"),
        ("one path", m, -0.5 * P @ v, "missing-term"),
        ("no log det", S, -0.5 * data, "missing-term"),
        ("plus", S, 0.5 * P.T + 0.5 * data, "sign"),
        ("one inverse", S, 0.5 * P.T - 0.5 * P.T @ np.outer(v, v), "missing-factor"),
        ("no 1/2 on one term", S, P.T - 0.5 * data, "constant-scale"),
        ("no transposes", S, 0.5 * P - 0.5 * P @ np.outer(v, v) @ P, "transpose"),
    ]


PROBLEMS = (
    written_out_logistic_network,
    softmax_classifier,
    batch_norm,
    attention,
    residual_relu_columns,
    recurrent,
    scalars,
    matrices,
)


def examination() -> Iterator[Any]:
    for problem in PROBLEMS:
        E, cases = problem()
        for title, node, claim, kind in cases:
            yield pytest.param(E, node, claim, kind, id=f"{problem.__name__}: {title}")


@pytest.mark.parametrize(("E", "node", "claim", "kind"), list(examination()))
def test_the_kind(E: Any, node: Any, claim: Any, kind: str) -> None:
    finding = tg.check(E, {node: claim})[node]
    assert (finding.kind or finding.verdict) == kind, str(finding)
    if kind != "right":
        assert finding.kind in KINDS
        assert finding.explanation
        assert finding.kind not in finding.also


# --- shapes


def test_claims_of_the_wrong_shape() -> None:
    n = np.random.default_rng(11).normal
    X, W, b = n(size=(6, 3)), tg.Tensor(n(size=(3, 2)), name="W"), tg.Tensor(n(size=2), name="b")
    z = X @ W + b
    E = (tg.tanh(z) * n(size=(6, 2))).sum()
    E.backward()
    dz, dW, db = z.grad, W.grad, b.grad

    def said(node: Any, claim: Any) -> tuple[str, str]:
        finding = tg.check(E, {node: claim})[node]
        assert finding.error is None
        return finding.kind, finding.explanation

    kind, text = said(W, dW.T)
    assert kind == "transpose"
    assert "yours has shape (2, 3); W is (3, 2)" in text
    kind, text = said(b, dz)
    assert (kind, "sum over axis 0" in text) == ("missing-broadcast-sum", True)
    kind, text = said(b, dz.sum(1))
    assert (kind, "summed over axis 1" in text) == ("wrong-axis", True)
    assert said(W, dW.ravel())[0] == "shape"
    assert said(b, db[None, :])[0] == "shape"
    kind, text = said(W, dz)
    assert kind == "missing-factor"
    assert "multiply" in text or "without" in text
    assert said(W, np.ones((7, 7)))[0] == "shape"
    kind, text = said(W, -dW.T)
    assert kind == "transpose"
    assert "besides" in text


# --- coincidence


def test_numbers_that_no_mistake_explains_are_called_other() -> None:
    rng = np.random.default_rng(13)
    for problem in PROBLEMS:
        E, cases = problem()
        node = cases[0][1]
        claim = rng.normal(size=node.shape)
        finding = tg.check(E, {node: claim})[node]
        assert finding.kind == "other", str(finding)
        assert "the gradient" in finding.explanation


def test_the_other_claims_tell_equal_numbers_apart() -> None:
    """With dW right and db of the wrong sign, the sign was not lost above both."""
    n = np.random.default_rng(14).normal
    X, W, b = n(size=(6, 3)), tg.Tensor(n(size=3), name="W"), tg.Tensor(0.3, name="b")
    y = n(size=6)
    E = ((X @ W + b - y) ** 2).sum()
    E.backward()
    alone = tg.check(E, {b: -b.grad})[b]
    together = tg.check(E, {b: -b.grad, W: W.grad})[b]
    assert alone.kind == together.kind == "sign"
    assert alone.where == "X W + b − y"
    assert alone.where != together.where


def test_equal_explanations_are_listed() -> None:
    x = tg.Tensor([1.0, 2.0, 3.0], name="x")
    E = (x * 2.0).mean() * 1.5
    finding = tg.check(E, {x: np.full(3, 0.5)})[x]  # 1.5 * 2 / 3 = 1
    assert finding.kind == "constant-scale"


def test_a_graph_of_values_with_many_nodes() -> None:
    w = tg.Value(0.5, name="w")
    e = w
    for i in range(300):
        e = tg.tanh(e + 0.01 * i) if i % 10 == 0 else e * 1.001
    e.backward()
    assert tg.check(e, {w: w.grad})
    assert tg.check(e, {w: -w.grad})[w].kind == "sign"


def test_numbers_typed_with_few_digits_are_diagnosed_too() -> None:
    E, cases = written_out_logistic_network()
    for title, node, claim, kind in cases:
        if title in ("no sigma'", "tanh'", "y - p", "no 1/N"):
            power = np.floor(np.log10(np.abs(claim))) - 3
            typed = np.round(claim / 10**power) * 10**power
            assert tg.check(E, {node: typed})[node].kind == kind, title


@pytest.mark.parametrize("samples", [3, 5])
def test_a_divisor_that_counts_the_terms_of_a_sum_is_that_of_a_mean(samples):
    """A loss that is added up in a loop, then divided by how many there are."""
    rng = np.random.default_rng(0)
    w, xs, ts = tg.Tensor(rng.normal()), rng.normal(size=samples), rng.normal(size=samples)
    E = sum(((w * x - t) ** 2 for x, t in zip(xs, ts, strict=True)), 0.0) / samples
    claim = sum(2 * (w.item() * x - t) * x for x, t in zip(xs, ts, strict=True))
    assert tg.check(E, {w: claim}).first.kind == "mean-vs-sum"
