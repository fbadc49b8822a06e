"""Sampled and grouped observations: random effects, relaxed choices, correlated errors."""

import numpy as np

import tinygrad_lite as tg


def random_intercepts():
    """0.5 sum (y - X b - u[g])^2 / s2 + 0.5 sum u^2 / t2 + n/2 log s2 + q/2 log t2."""
    rng = np.random.default_rng(9)
    g = np.array([0, 0, 1, 1, 1, 2, 2, 2])
    X, y = rng.normal(size=(8, 2)), rng.normal(size=8)
    b, u, s2, t2 = (
        tg.Tensor(rng.normal(size=2)),
        tg.Tensor(rng.normal(size=3)),
        tg.Tensor(0.7),
        tg.Tensor(1.6),
    )
    e = y - X @ b - u[g]
    E = 0.5 * (e**2).sum() / s2 + 0.5 * (u**2).sum() / t2 + 4 * tg.log(s2) + 1.5 * tg.log(t2)
    D, U = e.data, u.data
    Z = np.eye(3)[g]
    yield (
        "right",
        E,
        {
            b: -X.T @ D / 0.7,
            u: -Z.T @ D / 0.7 + U / 1.6,
            s2: -0.5 * (D**2).sum() / 0.49 + 4 / 0.7,
            t2: -0.5 * (U**2).sum() / 2.56 + 1.5 / 1.6,
        },
        "right",
    )
    yield "penalty forgotten", E, {u: -Z.T @ D / 0.7}, "missing-term"
    yield (
        "group means",
        E,
        {u: -(Z.T @ D) / Z.sum(0) / 0.7 + U / 1.6},
        "mean-vs-sum|missing-factor|extra-factor",
    )
    w = np.zeros(3)
    w[g] += -D / 0.7
    yield "last of each group wins", E, {u: w + U / 1.6}, "missing-term|missing-broadcast-sum"
    yield "log-determinant forgotten", E, {s2: -0.5 * (D**2).sum() / 0.49}, "missing-term"
    yield "q for n", E, {s2: -0.5 * (D**2).sum() / 0.49 + 1.5 / 0.7}, "constant-scale|other"
    yield "variances exchanged", E, {u: -Z.T @ D / 1.6 + U / 0.7}, "other|wrong-order"
    yield "s2 left out", E, {b: -X.T @ D}, "missing-factor"
    yield "residual's minus forgotten", E, {u: Z.T @ D / 0.7 + U / 1.6}, "sign"


def relaxed_choice():
    """Gumbel softmax: y = softmax((log a + g) / T), E = 0.5 |y V - t|^2, a = softmax(c)."""
    rng = np.random.default_rng(80)
    c, g, V, t, T = (
        tg.Tensor(rng.normal(size=4)),
        rng.normal(size=4),
        tg.Tensor(rng.normal(size=(4, 3))),
        rng.normal(size=3),
        tg.Tensor(0.6),
    )
    la = tg.log_softmax(c)
    u = (la + g) / T
    y = tg.softmax(u)
    o = y @ V
    E = 0.5 * ((o - t) ** 2).sum()
    d, Y, U = o.data - t, y.data, u.data
    dy = V.data @ d
    du = Y * (dy - Y @ dy)
    dla = du / 0.6
    a = np.exp(la.data)
    yield (
        "right",
        E,
        {
            V: np.outer(Y, d),
            y: dy,
            u: du,
            la: dla,
            c: dla - a * dla.sum(),
            T: -(du * U).sum() / 0.6,
        },
        "right",
    )
    yield "temperature forgotten", E, {la: du}, "missing-factor"
    yield (
        "temperature multiplied",
        E,
        {la: du * 0.6},
        "wrong-order|extra-factor|other|missing-factor",
    )
    yield "straight through", E, {la: dy / 0.6}, "missing-activation-derivative"
    yield (
        "hard choice for y",
        E,
        {V: np.outer(np.eye(4)[Y.argmax()], d)},
        "other|missing-activation-derivative",
    )
    yield "logits for u", E, {T: -(du * (la.data + g)).sum() / 0.6}, "missing-factor|extra-factor"
    yield "T's minus forgotten", E, {T: (du * U).sum() / 0.6}, "sign"
    yield "log a by 1/a", E, {c: dla / a}, "other|wrong-activation-derivative"


def whitened_residual():
    """L L^T = S(rho) of an AR(1) process; E = 0.5 |L^-1 (y - X b)|^2 + log det L."""
    rng = np.random.default_rng(106)
    X, y, b, rho = (
        rng.normal(size=(4, 2)),
        rng.normal(size=4),
        tg.Tensor(rng.normal(size=2)),
        tg.Tensor(0.4),
    )
    k = np.abs(np.arange(4)[:, None] - np.arange(4))
    S = rho**k
    L = tg.linalg.cholesky(S)
    e = y - X @ b
    w = tg.linalg.solve(L, e)
    E = 0.5 * (w @ w) + tg.log(tg.diagonal(L)).sum()
    Si, ev = np.linalg.inv(S.data), e.data
    al = Si @ ev
    dS = 0.5 * (Si - np.outer(al, al))
    dk = np.where(k > 0, k * 0.4 ** (k - 1.0), 0)
    yield "right", E, {e: al, b: -X.T @ al, w: w.data, rho: (dS * dk).sum()}, "right"
    yield (
        "identity for the inverse",
        E,
        {b: -X.T @ ev},
        "missing-factor|missing-activation-derivative",
    )
    yield "one factor only", E, {b: -X.T @ w.data}, "missing-factor|missing-activation-derivative"
    yield "minus forgotten", E, {b: X.T @ al}, "sign"
    yield "log det forgotten", E, {rho: -0.5 * (np.outer(al, al) * dk).sum()}, "missing-term"
    yield "quadratic form forgotten", E, {rho: 0.5 * (Si * dk).sum()}, "missing-term"
    yield (
        "log det with its full weight",
        E,
        {rho: ((Si - 0.5 * np.outer(al, al)) * dk).sum()},
        "constant-scale|double-count",
    )
    yield (
        "power not lowered",
        E,
        {rho: (dS * k * 0.4**k).sum()},
        "missing-factor|extra-factor|wrong-activation-derivative|missing-activation-derivative",
    )
