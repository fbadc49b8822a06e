"""Losses of regressions: least squares, penalties, robust losses, radial functions, counts."""

import numpy as np

import tinygrad_lite as tg


def least_squares():
    """E = |X w - y|^2."""
    rng = np.random.default_rng(14)
    X, y = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=4))
    w = tg.Tensor(rng.normal(size=4))
    r = X @ w - y
    E = (r**2).sum()

    x, e = X.data, r.data
    yield "w, X and y", E, {w: 2 * x.T @ e, X: 2 * np.outer(e, w.data), y: -2 * e}, "right"
    yield "expanded", E, {w: 2 * (x.T @ x) @ w.data - 2 * x.T @ y.data}, "right"
    yield "the 2 lost", E, {w: x.T @ e}, "constant-scale"
    yield "X for X^T", E, {w: 2 * x @ e}, "transpose"
    yield "y - X w", E, {w: 2 * x.T @ (y.data - x @ w.data)}, "sign"
    yield "y forgotten", E, {w: 2 * x.T @ x @ w.data}, "missing-term|other"
    yield "X^T forgotten", E, {w: 2 * e}, "missing-factor"
    yield "dy with w's sign", E, {y: 2 * e}, "sign"
    yield "w e^T for X", E, {X: 2 * np.outer(w.data, e)}, "transpose|wrong-order"
    yield "(X w + y)", E, {w: 2 * x.T @ (x @ w.data + y.data)}, "sign|other"
    yield "1/N though it is a sum", E, {w: 2 / 4 * x.T @ e}, "mean-vs-sum|constant-scale"
    bumped = 2 * x.T @ e
    bumped[2] *= 1.0001
    yield "one entry off by 1e-4", E, {w: bumped}, "other"


def ridge():
    """E = 1/(2 m) |X w - y|^2 + lam/2 |w|^2."""
    rng = np.random.default_rng(15)
    m, lam = 9, 0.7
    X, y = rng.normal(size=(m, 4)), rng.normal(size=m)
    w = tg.Tensor(rng.normal(size=4))
    E = ((X @ w - y) ** 2).sum() / (2 * m) + lam / 2 * (w**2).sum()

    e, v = X @ w.data - y, w.data
    yield "both terms", E, {w: X.T @ e / m + lam * v}, "right"
    yield "no penalty", E, {w: X.T @ e / m}, "missing-term"
    yield "only the penalty", E, {w: lam * v}, "missing-term"
    yield "penalty's 1/2 kept", E, {w: X.T @ e / m + lam / 2 * v}, "constant-scale"
    yield "penalty's sign", E, {w: X.T @ e / m - lam * v}, "sign"
    yield "no 1/m on the data", E, {w: X.T @ e + lam * v}, "mean-vs-sum|constant-scale"
    yield "1/m on both", E, {w: (X.T @ e + lam * v) / m}, "mean-vs-sum|constant-scale"
    yield (
        "lam without w",
        E,
        {w: X.T @ e / m + lam},
        "missing-factor|missing-activation-derivative|other",
    )


def robust_losses():
    """Huber, absolute and pinball losses of a linear model."""
    rng = np.random.default_rng(95)
    X, y, tau = rng.normal(size=(9, 3)), rng.normal(size=9), 0.3
    w = tg.Tensor(rng.normal(size=3))
    r = X @ w - y
    size = tg.abs(r)
    huber = tg.where(size < 1, 0.5 * r**2, size - 0.5).sum()
    l1 = size.mean()
    pinball = tg.maximum(-tau * r, (1 - tau) * r).sum()

    e = r.data
    yield "Huber", huber, {w: X.T @ np.clip(e, -1, 1)}, "right"
    yield (
        "Huber without the clip",
        huber,
        {w: X.T @ e},
        ("wrong-activation-derivative|missing-activation-derivative|other"),
    )
    yield (
        "Huber, sign only",
        huber,
        {w: X.T @ np.sign(e)},
        ("wrong-activation-derivative|missing-factor|other"),
    )
    yield "absolute", l1, {w: X.T @ np.sign(e) / 9}, "right"
    yield "absolute, no 1/N", l1, {w: X.T @ np.sign(e)}, "mean-vs-sum"
    yield (
        "absolute, no sign",
        l1,
        {w: X.T @ np.ones(9) / 9},
        ("missing-activation-derivative|missing-factor"),
    )
    yield (
        "absolute, the residual",
        l1,
        {w: X.T @ e / 9},
        ("wrong-activation-derivative|activation-derivative-at-wrong-point|extra-factor|other"),
    )
    slope = np.where(e > 0, 1 - tau, -tau)
    yield "pinball", pinball, {w: X.T @ slope}, "right"
    swapped = np.where(e > 0, tau, tau - 1)
    yield (
        "pinball, tau for 1 - tau",
        pinball,
        {w: X.T @ swapped},
        ("other|wrong-activation-derivative"),
    )
    yield "pinball, sign", pinball, {w: -X.T @ slope}, "sign"


def radial_basis():
    """f = sum_k v_k exp(-g |x - c_k|^2), E = 1/2 sum (f - t)^2."""
    rng = np.random.default_rng(96)
    X, t = rng.normal(size=(7, 2)), rng.normal(size=7)
    c, v = tg.Tensor(rng.normal(size=(4, 2))), tg.Tensor(rng.normal(size=4))
    g = tg.Tensor(0.7)
    D = ((X[:, None, :] - c) ** 2).sum(axis=2)
    Phi = tg.exp(-g * D)
    f = Phi @ v
    E = 0.5 * ((f - t) ** 2).sum()

    e, phi, d = f.data - t, Phi.data, D.data
    dD = -0.7 * phi * np.outer(e, v.data)
    dc = -2 * (dD[:, :, None] * (X[:, None, :] - c.data)).sum(0)
    dg = -(d * phi * np.outer(e, v.data)).sum()
    yield "v, c, g", E, {v: phi.T @ e, c: dc, g: dg}, "right"
    yield (
        "exp' left out",
        E,
        {g: -(d * np.outer(e, v.data)).sum()},
        ("missing-activation-derivative|missing-factor"),
    )
    yield "c's sign", E, {c: -dc}, "sign"
    yield "c without g", E, {c: dc / 0.7}, "missing-factor|constant-scale"
    yield "D left out", E, {g: -(phi * np.outer(e, v.data)).sum()}, "missing-factor"
    yield (
        "v left out",
        E,
        {c: 2 * 0.7 * ((phi * e[:, None])[:, :, None] * (X[:, None, :] - c.data)).sum(0)},
        "missing-factor",
    )
    yield (
        "c not summed",
        E,
        {c: (-2 * dD[:, :, None] * (X[:, None, :] - c.data))},
        ("missing-broadcast-sum|shape"),
    )
    yield "Phi for Phi^T, averaged", E, {v: phi.T @ e / 7}, "mean-vs-sum"
