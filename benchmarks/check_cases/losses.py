"""Losses: softmax and logistic cross-entropy, least squares, ridge, hinge, Huber, KL, InfoNCE."""

import numpy as np

import tinygrad_lite as tg


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax_cross_entropy_sum():
    """p = softmax(X W) by hand, L = -sum(Y log p)."""
    rng = np.random.default_rng(11)
    X, Y = rng.normal(size=(6, 4)), np.eye(3)[rng.integers(0, 3, size=6)]
    W = tg.Tensor(rng.normal(size=(4, 3)))
    Z = X @ W
    P = tg.softmax(Z, axis=1)
    L = -(Y * tg.log(P)).sum()

    p = P.data
    dP = -Y / p
    dZ = p * (dP - (dP * p).sum(axis=1, keepdims=True))
    yield "the fused P - Y", L, {Z: p - Y, W: X.T @ (p - Y)}, "right"
    yield "the Jacobian by hand", L, {P: dP, Z: dZ, W: X.T @ dZ}, "right"
    yield "Y - P", L, {W: X.T @ (Y - p)}, "sign"
    yield "softmax's diagonal only", L, {Z: dP * p * (1 - p)}, "missing-term"
    yield "softmax's diagonal only, at W", L, {W: X.T @ (dP * p * (1 - p))}, "missing-term"
    yield "dlog without 1/p", L, {P: -Y}, "missing-factor|missing-activation-derivative"
    yield "the minus of the loss lost", L, {P: Y / p}, "sign"
    yield (
        "summed over observations in the softmax",
        L,
        {Z: p * (dP - (dP * p).sum(axis=0, keepdims=True))},
        "wrong-axis",
    )
    yield (
        "not summed in the softmax",
        L,
        {Z: p * (dP - dP * p)},
        "missing-broadcast-sum|missing-term|other",
    )
    yield "one label moved on", L, {Z: p - np.roll(Y, 1, axis=1)}, "off-by-index|other"
    yield "the neighbour's label", L, {Z: p - np.roll(Y, 1, axis=0)}, "off-by-index|other"
    yield "softmax left out: dP handed on", L, {Z: dP}, "missing-activation-derivative"
    yield (
        "p (p - y): softmax' on top of the fused form",
        L,
        {Z: (p - Y) * p * (1 - p)},
        "extra-factor|other",
    )
    yield "divided by N though summed", L, {W: X.T @ (p - Y) / 6}, "mean-vs-sum"
    yield "dW transposed", L, {W: (p - Y).T @ X}, "transpose|shape"


def logistic_zero_one():
    """J = -mean(y log p + (1 - y) log(1 - p)), p = sigma(X w)."""
    rng = np.random.default_rng(12)
    m = 8
    X, y = rng.normal(size=(m, 3)), rng.integers(0, 2, size=m).astype(float)
    w, b = tg.Tensor(rng.normal(size=3)), tg.Tensor(0.3)
    z = X @ w + b
    p = tg.sigmoid(z)
    J = -(y * tg.log(p) + (1 - y) * tg.log(1 - p)).mean()

    a = p.data
    dp = -(y / a - (1 - y) / (1 - a)) / m
    yield "the fused p - y", J, {z: (a - y) / m, w: X.T @ (a - y) / m, b: (a - y).mean()}, "right"
    yield "step by step", J, {p: dp, z: dp * a * (1 - a)}, "right"
    yield "y - p", J, {w: X.T @ (y - a) / m}, "sign"
    yield "no 1/m", J, {w: X.T @ (a - y)}, "mean-vs-sum"
    yield "1/m twice", J, {w: X.T @ (a - y) / m**2}, "mean-vs-sum|constant-scale"
    yield (
        "the squared error's sigma' kept",
        J,
        {w: X.T @ ((a - y) * a * (1 - a)) / m},
        "extra-factor",
    )
    yield "sigma' left out", J, {w: X.T @ dp}, "missing-activation-derivative"
    yield "the 1 - y half forgotten", J, {z: -y * (1 - a) / m}, "missing-term"
    yield "the y half forgotten", J, {z: (1 - y) * a / m}, "missing-term"
    yield (
        "minus lost inside log(1 - p)",
        J,
        {p: -(y / a + (1 - y) / (1 - a)) / m},
        "sign",
    )
    yield "db not summed", J, {b: (a - y) / m}, "missing-broadcast-sum|shape"
    yield "db summed, not averaged", J, {b: (a - y).sum()}, "mean-vs-sum"
    yield "X left out", J, {w: np.full(3, (a - y).mean())}, "missing-factor|other"
    yield (
        "sigma'(p) instead of sigma'(z)",
        J,
        {z: dp * sigmoid(a) * (1 - sigmoid(a))},
        "activation-derivative-at-wrong-point",
    )


def logistic_plus_minus():
    """L = sum log(1 + exp(-y X w)) with labels +-1."""
    rng = np.random.default_rng(13)
    X, y = rng.normal(size=(7, 3)), np.where(rng.uniform(size=7) < 0.5, -1.0, 1.0)
    w = tg.Tensor(rng.normal(size=3))
    margin = y * (X @ w)
    L = tg.log(1 + tg.exp(-margin)).sum()

    q = sigmoid(-margin.data)
    yield "-X^T (y sigma(-m))", L, {w: -X.T @ (y * q), margin: -q}, "right"
    e = np.exp(-margin.data)
    yield "unsimplified", L, {w: X.T @ (-y * e / (1 + e))}, "right"
    yield "minus lost", L, {w: X.T @ (y * q)}, "sign"
    yield "y lost", L, {w: -X.T @ q}, "missing-factor"
    yield (
        "the inner exp lost",
        L,
        {margin: -1 / (1 + e)},
        "missing-activation-derivative|missing-factor",
    )
    yield "1/(1 + e) lost", L, {margin: -e}, "missing-activation-derivative|missing-factor"
    yield (
        "sigma(m) for sigma(-m)",
        L,
        {w: -X.T @ (y * sigmoid(margin.data))},
        "other|missing-activation-derivative|missing-factor|activation-derivative-at-wrong-point",
    )


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


def hinge():
    """cs231n's multiclass SVM: sum of max(0, s_j - s_y + 1) over the wrong classes."""
    rng = np.random.default_rng(16)
    N, C = 6, 4
    X, y = rng.normal(size=(N, 5)), rng.integers(0, C, size=N)
    W = tg.Tensor(rng.normal(size=(5, C)))
    S = X @ W
    wrong = 1 - np.eye(C)[y]
    margins = tg.maximum(0, S - S[np.arange(N), y].reshape(N, 1) + 1) * wrong
    L = margins.sum() / N

    mask = (margins.data > 0).astype(float)
    dS = mask.copy()
    dS[np.arange(N), y] = -mask.sum(axis=1)
    yield "the count at the right class", L, {S: dS / N, W: X.T @ dS / N}, "right"
    yield "right class forgotten", L, {W: X.T @ mask / N}, "missing-term"
    yield "right class counted positively", L, {S: np.abs(dS) / N}, "sign"
    once = mask.copy()
    once[np.arange(N), y] = -1
    yield "right class counted once", L, {S: once / N}, "missing-broadcast-sum|other"
    yield "no 1/N", L, {W: X.T @ dS}, "mean-vs-sum"
    yield "margin values for the mask", L, {W: X.T @ (margins.data * dS) / N}, "extra-factor"


def kullback_leibler():
    """A variational autoencoder's latent: z = mu + exp(lv / 2) eps, KL and reconstruction."""
    rng = np.random.default_rng(17)
    mu, lv = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(4, 3)))
    eps, t = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    std = tg.exp(0.5 * lv)
    z = mu + std * eps
    kl = 0.5 * (tg.exp(lv) + mu**2 - 1 - lv).sum()
    E = 0.5 * ((z - t) ** 2).sum() + kl

    dz = z.data - t
    dlv = dz * eps * 0.5 * std.data + 0.5 * (np.exp(lv.data) - 1)
    yield "mu and lv", E, {mu: dz + mu.data, lv: dlv, std: dz * eps}, "right"
    yield "KL left out for mu", E, {mu: dz}, "missing-term"
    yield "reconstruction left out for lv", E, {lv: 0.5 * (np.exp(lv.data) - 1)}, "missing-term"
    yield (
        "the inner 1/2 of exp(lv / 2)",
        E,
        {lv: dz * eps * std.data + 0.5 * (np.exp(lv.data) - 1)},
        "constant-scale",
    )
    yield (
        "the -lv term",
        E,
        {lv: dz * eps * 0.5 * std.data + 0.5 * np.exp(lv.data)},
        "missing-term",
    )
    yield "eps left out", E, {std: dz}, "missing-factor"
    yield (
        "exp' left out",
        E,
        {lv: dz * eps * 0.5 + 0.5 * (np.exp(lv.data) - 1)},
        "missing-activation-derivative|missing-factor",
    )


def info_nce():
    """Contrastive loss: logits = A B^T / tau, cross-entropy with the diagonal, both directions."""
    rng = np.random.default_rng(18)
    n, tau = 5, 0.5
    A, B = tg.Tensor(rng.normal(size=(n, 3))), tg.Tensor(rng.normal(size=(n, 3)))
    logits = A @ B.T / tau
    i = np.arange(n)
    rows = logits - tg.logsumexp(logits, axis=1, keepdims=True)
    columns = logits - tg.logsumexp(logits, axis=0, keepdims=True)
    L = -(rows[i, i].mean() + columns[i, i].mean()) / 2

    eye = np.eye(n)
    d = ((np.exp(rows.data) - eye) + (np.exp(columns.data) - eye)) / (2 * n)
    yield "both directions", L, {logits: d, A: d @ B.data / tau, B: d.T @ A.data / tau}, "right"
    one = (np.exp(rows.data) - eye) / (2 * n)
    yield "one direction only", L, {logits: one}, "missing-term"
    yield "tau forgotten", L, {A: d @ B.data}, "constant-scale"
    yield "d for d^T", L, {B: d @ A.data / tau}, "transpose"
    yield "A's rows for B's", L, {A: d @ A.data / tau}, "other"
    yield "sum over the batch", L, {logits: d * n}, "mean-vs-sum"


PROBLEMS = [
    softmax_cross_entropy_sum,
    logistic_zero_one,
    logistic_plus_minus,
    least_squares,
    ridge,
    hinge,
    kullback_leibler,
    info_nce,
]
