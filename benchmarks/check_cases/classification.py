"""Losses of classifiers: softmax and logistic cross-entropy, hinges, softened labels."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


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


def logsoftmax_hand():
    """-sum(Y log p) / N + 0.05 |W|^2, log p written out with the row's maximum subtracted."""
    rng = np.random.default_rng(4)
    N, C, D = 6, 4, 3
    X = rng.normal(size=(N, D))
    y = rng.integers(0, C, N)
    Y = np.eye(C)[y]
    W = tg.Tensor(rng.normal(size=(D, C)))
    b = tg.Tensor(rng.normal(size=C))
    logits = X @ W + b
    shifted = logits - logits.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -(Y * logp).sum() / N + 0.5 * 0.1 * (W * W).sum()
    p = np.exp(logp.data)
    d = (p - Y) / N
    reg = 0.1 * W.data
    yield "right", loss, {logits: d, W: X.T @ d + reg, b: d.sum(0)}, "right"
    yield "p only", loss, {logits: p / N}, "missing-term"
    yield "reg 2", loss, {W: X.T @ d + 2 * reg}, "constant-scale"
    yield "reg missing", loss, {W: X.T @ d}, "missing-term"
    yield "softmax derivative p(1-p)", loss, {logits: d * p * (1 - p)}, "extra-factor"
    yield "Y - p", loss, {W: -X.T @ d + reg}, "sign"
    yield (
        "forgot N",
        loss,
        {logits: p - Y, W: X.T @ (p - Y) + reg},
        {logits: "mean-vs-sum", W: "inherited|mean-vs-sum"},
    )


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


def weighted_and_smoothed():
    """Weighted logistic loss; label smoothing; both written out."""
    rng = np.random.default_rng(99)
    X, y = rng.normal(size=(8, 3)), rng.integers(0, 2, size=8).astype(float)
    c = rng.uniform(0.5, 2.0, size=8)
    w = tg.Tensor(rng.normal(size=3))
    p = tg.sigmoid(X @ w)
    L = -(c * (y * tg.log(p) + (1 - y) * tg.log(1 - p))).sum() / c.sum()

    q = p.data
    yield "weights in front", L, {w: X.T @ (c * (q - y)) / c.sum()}, "right"
    yield "weights forgotten", L, {w: X.T @ (q - y) / c.sum()}, "missing-factor"
    yield "not normalised", L, {w: X.T @ (c * (q - y))}, "constant-scale|mean-vs-sum"
    yield "weights on p only", L, {w: X.T @ (c * q - y) / c.sum()}, "missing-factor|other"
    yield "divided by N", L, {w: X.T @ (c * (q - y)) / 8}, "constant-scale|mean-vs-sum|other"
    yield "y - p", L, {w: X.T @ (c * (y - q)) / c.sum()}, "sign"
    yield "sigma' kept", L, {w: X.T @ (c * (q - y) * q * (1 - q)) / c.sum()}, "extra-factor"


def svm():
    """L = 1/2 |w|^2 + C mean(max(0, 1 - y (X w + b)))."""
    rng = np.random.default_rng(12)
    N = 12
    X = 3 * rng.normal(size=(N, 2))
    y = np.sign(rng.normal(size=N))
    w = tg.Tensor(rng.normal(size=2))
    b = tg.Tensor(0.3)
    C = 2.0
    m = y * (X @ w + b)
    L = 0.5 * (w @ w) + C * np.maximum(0, 1 - m).mean()
    act = (m.data < 1) * 1.0
    dw = w.data - C / N * X.T @ (act * y)
    db = -C / N * (act * y).sum()
    yield "right", L, {w: dw, b: db}, "right"
    yield "no y", L, {w: w.data - C / N * X.T @ act, b: -C / N * act.sum()}, "missing-factor"
    yield "plus", L, {w: w.data + C / N * X.T @ (act * y)}, "sign"
    yield (
        "no mask",
        L,
        {w: w.data - C / N * X.T @ y, b: -C / N * y.sum()},
        "missing-activation-derivative",
    )
    yield "2w", L, {w: 2 * w.data - C / N * X.T @ (act * y)}, "constant-scale"
    yield (
        "mask m<0",
        L,
        {w: w.data - C / N * X.T @ ((m.data < 0) * y)},
        "activation-derivative-at-wrong-point|wrong-activation-derivative|other",
    )


def kl_distill():
    """tau^2 KL of softened softmaxes, averaged over the rows."""
    rng = np.random.default_rng(45)
    N, C = 4, 5
    z = tg.Tensor(rng.normal(size=(N, C)))
    t = rng.normal(size=(N, C))
    tau = 2.5
    q = np.exp(t / tau)
    q /= q.sum(1, keepdims=True)
    logp = tg.log_softmax(z / tau, axis=1)
    L = tau**2 * (q * (np.log(q) - logp)).sum(axis=1).mean()
    p = np.exp(logp.data)
    yield "right", L, {z: tau * (p - q) / N}, "right"
    yield "tau^2", L, {z: tau**2 * (p - q) / N}, "constant-scale"
    yield "no tau", L, {z: (p - q) / N}, "constant-scale"
    yield "q-p", L, {z: tau * (q - p) / N}, "sign"
    yield "p only", L, {z: tau * p / N}, "missing-term"
    yield "times p", L, {z: tau * (p - q) * p / N}, "extra-factor"
    yield "sum", L, {z: tau * (p - q)}, "mean-vs-sum"
