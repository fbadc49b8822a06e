"""Pairs of views, weights that a network makes, and return against risk."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def siglip():
    """-mean log sigma(z (tau a b^T + beta)), z is 1 on the diagonal, else -1."""
    rng = np.random.default_rng(914)
    n = 4
    a, b = tg.Tensor(rng.normal(size=(n, 3))), tg.Tensor(rng.normal(size=(n, 3)))
    tau, beta = tg.Tensor(1.3), tg.Tensor(-0.4)
    z = 2 * np.eye(n) - 1
    L = tau * (a @ b.T) + beta
    E = tg.softplus(-z * L).sum() / n
    dL = -z * sigmoid(-z * L.data) / n
    ab = a.data @ b.data.T
    yield (
        "right",
        E,
        {L: dL, a: 1.3 * dL @ b.data, b: 1.3 * dL.T @ a.data, tau: (dL * ab).sum(), beta: dL.sum()},
        "right",
    )
    yield (
        "sigma(zL)",
        E,
        {L: -z * sigmoid(z * L.data) / n},
        "sign|activation-derivative-at-wrong-point",
    )
    yield "z left out", E, {L: sigmoid(-z * L.data) / n}, "missing-factor|sign"
    yield "divided by n^2", E, {a: 1.3 * dL @ b.data / n}, "mean-vs-sum|extra-factor"
    yield "untransposed at b", E, {b: 1.3 * dL @ a.data}, "transpose"
    yield (
        "temperature of L",
        E,
        {tau: (dL * L.data).sum()},
        "missing-factor|other|activation-derivative-at-wrong-point",
    )
    yield (
        "beta on the diagonal",
        E,
        {beta: np.trace(dL)},
        "missing-broadcast-sum|missing-term|other",
    )
    yield "tau missing", E, {a: dL @ b.data}, "missing-factor"


def hypernetwork():
    """W = reshape(c A), h = tanh(W x), E = 1/2 |h - t|^2."""
    rng = np.random.default_rng(937)
    c, A = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=(3, 8)))
    x, t = tg.Tensor(rng.normal(size=4)), rng.normal(size=2)
    W = tg.reshape(c @ A, (2, 4))
    h = tg.tanh(W @ x)
    E = 0.5 * ((h - t) ** 2).sum()
    d = (h.data - t) * (1 - h.data**2)
    dW = np.outer(d, x.data)
    yield (
        "right",
        E,
        {W: dW, A: np.outer(c.data, dW.ravel()), c: A.data @ dW.ravel(), x: W.data.T @ d},
        "right",
    )
    yield "flattened by columns", E, {A: np.outer(c.data, dW.T.ravel())}, "transpose|wrong-order"
    yield "flattened by columns, at c", E, {c: A.data @ dW.T.ravel()}, "transpose|wrong-order"
    yield (
        "tanh' left out",
        E,
        {A: np.outer(c.data, np.outer(h.data - t, x.data).ravel())},
        "missing-activation-derivative",
    )
    yield "code left out", E, {A: np.outer(np.ones(3), dW.ravel())}, "missing-factor"


def sharpe_ratio():
    """E = -(w.m) / sqrt(w' S w)."""
    rng = np.random.default_rng(953)
    B = rng.normal(size=(4, 4))
    S, m, w = B @ B.T + np.eye(4), rng.normal(size=4), tg.Tensor(rng.random(4))
    mu, var = w @ m, w @ S @ w
    sd = tg.sqrt(var)
    E = -mu / sd
    M, V = mu.data, sd.data
    Sw = S @ w.data
    yield "right", E, {w: -m / V + M * Sw / V**3, sd: M / V**2, var: 0.5 * M / V**3}, "right"
    yield "risk held fixed", E, {w: -m / V}, "missing-term"
    yield "V^2 for V^3", E, {w: -m / V + M * Sw / V**2}, "missing-factor"
    yield "sign", E, {w: -m / V - M * Sw / V**3}, "sign"
    yield "2 of the quadratic form kept", E, {w: -m / V + 2 * M * Sw / V**3}, "constant-scale"
    yield "root's 1/2 lost", E, {var: M / V**3}, "constant-scale"
    yield "w for S w", E, {w: -m / V + M * w.data / V**3}, "missing-factor"
