"""Activations and what stands around them: gelu, elu, swish, gates, skips, dropout."""

from math import erf

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def gelu_layer():
    """H = gelu(X W), E = sum C H; the derivative has two terms."""
    rng = np.random.default_rng(73)
    X, C = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W = tg.Tensor(rng.normal(size=(3, 4)))
    Z = X @ W
    H = tg.gelu(Z)
    E = (C * H).sum()

    z = Z.data
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    cdf = H.data / z
    yield "Phi + z phi", E, {W: X.T @ (C * (cdf + z * density))}, "right"
    yield (
        "z phi forgotten",
        E,
        {W: X.T @ (C * cdf)},
        "wrong-activation-derivative|missing-term|other",
    )
    yield "ReLU's mask", E, {Z: C * (z > 0)}, "wrong-activation-derivative"
    yield "none", E, {Z: C}, "missing-activation-derivative"
    s = sigmoid(1.702 * z)
    quick = s + 1.702 * z * s * (1 - s)
    yield (
        "that of the sigmoid approximation",
        E,
        {Z: C * quick},
        "other|wrong-activation-derivative",
    )


def elu_softplus():
    """y = softplus(elu(X W1) w2), both written out, L = mean((y - t)^2)."""
    rng = np.random.default_rng(20)
    X = rng.normal(size=(6, 3))
    W1 = tg.Tensor(rng.normal(size=(3, 4)))
    w2 = tg.Tensor(rng.normal(size=(4,)))
    t = rng.random(6)
    z = X @ W1
    h = tg.where(z > 0, z, np.exp(z) - 1)
    s = h @ w2
    y = np.log(1 + np.exp(s))
    L = ((y - t) ** 2).mean()
    d = 2 * (y.data - t) / 6
    ds = d * sigmoid(s.data)
    dh = np.outer(ds, w2.data)
    dz = dh * np.where(z.data > 0, 1, np.exp(z.data))
    yield "right", L, {W1: X.T @ dz, w2: h.data.T @ ds}, "right"
    yield "elu' = h+1", L, {W1: X.T @ (dh * np.where(z.data > 0, 1, h.data + 1))}, "right"
    yield "elu' 0", L, {W1: X.T @ (dh * (z.data > 0))}, "wrong-activation-derivative|missing-term"
    yield (
        "elu' h",
        L,
        {W1: X.T @ (dh * np.where(z.data > 0, 1, h.data))},
        "wrong-activation-derivative|missing-term|activation-derivative-at-wrong-point",
    )
    yield "softplus' missing", L, {w2: h.data.T @ d}, "missing-activation-derivative"
    yield (
        "softplus' = s(1-s)",
        L,
        {w2: h.data.T @ (d * sigmoid(s.data) * (1 - sigmoid(s.data)))},
        "wrong-activation-derivative|extra-factor",
    )
    yield (
        "w2 missing",
        L,
        {W1: X.T @ ((ds[:, None] + np.zeros(4)) * np.where(z.data > 0, 1, np.exp(z.data)))},
        "missing-factor",
    )


def swish():
    """y = x sigma(beta x), L = w . y."""
    rng = np.random.default_rng(39)
    x = tg.Tensor(rng.normal(size=6))
    w = tg.Tensor(rng.normal(size=6))
    beta = 1.5
    s = tg.sigmoid(beta * x)
    y = x * s
    L = (w * y).sum()
    S = s.data
    X = x.data
    yield "right", L, {x: w.data * (S + beta * X * S * (1 - S))}, "right"
    yield "no beta", L, {x: w.data * (S + X * S * (1 - S))}, "constant-scale|missing-factor"
    yield "first only", L, {x: w.data * S}, "missing-term"
    yield "second only", L, {x: w.data * beta * X * S * (1 - S)}, "missing-term"
    yield "minus", L, {x: w.data * (S - beta * X * S * (1 - S))}, "sign"
    yield "s^2 for s(1-s)", L, {x: w.data * (S + beta * X * S * S)}, "wrong-activation-derivative"
    yield "dw x", L, {w: X}, "missing-factor|missing-activation-derivative|other"


def gated_unit():
    """GLU: Y = (X A) * sigma(X B), E = mean squared error."""
    rng = np.random.default_rng(94)
    X, T = tg.Tensor(rng.normal(size=(6, 4))), rng.normal(size=(6, 3))
    A, B = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(4, 3)))
    U, G = X @ A, tg.sigmoid(X @ B)
    Y = U * G
    E = ((Y - T) ** 2).sum(axis=1).mean()

    u, g, x = U.data, G.data, X.data
    dY = 2 * (Y.data - T) / 6
    dU, dV = dY * g, dY * u * g * (1 - g)
    yield "every path", E, {X: dU @ A.data.T + dV @ B.data.T, A: x.T @ dU, B: x.T @ dV}, "right"
    yield "the gate's path forgotten", E, {X: dU @ A.data.T}, "missing-term"
    yield "the value's path forgotten", E, {X: dV @ B.data.T}, "missing-term"
    yield "U left out", E, {B: x.T @ (dY * g * (1 - g))}, "missing-factor"
    yield "G left out", E, {A: x.T @ dY}, "missing-factor"
    yield "sigma' left out", E, {B: x.T @ (dY * u)}, "missing-activation-derivative"
    yield "1/(N K)", E, {Y: dY / 3}, "mean-vs-sum"
    yield "G^2 for G (1 - G)", E, {B: x.T @ (dY * u * g * g)}, "wrong-activation-derivative"
    yield "x^T left out", E, {A: (x.T @ np.ones((6, 3))) * dU.sum(0)}, "other"


def bilinear_gate():
    """y = (x A) * sigma(x B + c), L = sum G y."""
    rng = np.random.default_rng(47)
    x = tg.Tensor(rng.normal(size=(5, 3)))
    A = tg.Tensor(rng.normal(size=(3, 4)))
    B = tg.Tensor(rng.normal(size=(3, 4)))
    c = tg.Tensor(rng.normal(size=4))
    G = rng.normal(size=(5, 4))
    p = x @ A
    g = tg.sigmoid(x @ B + c)
    y = p * g
    L = (G * y).sum()
    P, S = p.data, g.data
    dp = G * S
    dg = G * P
    dz = dg * S * (1 - S)
    yield (
        "right",
        L,
        {x: dp @ A.data.T + dz @ B.data.T, A: x.data.T @ dp, B: x.data.T @ dz, c: dz.sum(0)},
        "right",
    )
    yield "gate path cut", L, {x: dp @ A.data.T}, "missing-term"
    yield "p left out", L, {B: x.data.T @ (G * S * (1 - S))}, "missing-factor"
    yield "g left out", L, {A: x.data.T @ G}, "missing-factor"
    yield (
        "g' on A",
        L,
        {A: x.data.T @ (G * S * (1 - S))},
        "extra-factor|wrong-activation-derivative",
    )
    yield "the other way round", L, {A: (dp.T @ x.data)}, "transpose"
    yield "c axis", L, {c: dz.sum(1)[:4]}, "wrong-axis|other"
    yield "the factor left out", L, {g: G}, "missing-factor"


def residual_block():
    """Y = X + relu(X W1) W2, L = 1/2 |Y - T|^2: the gradient of X has two paths."""
    rng = np.random.default_rng(6)
    X = tg.Tensor(rng.normal(size=(5, 4)))
    W1, W2 = tg.Tensor(rng.normal(size=(4, 6))), tg.Tensor(rng.normal(size=(6, 4)))
    T = rng.normal(size=(5, 4))
    H = tg.relu(X @ W1)
    Y = X + H @ W2
    L = 0.5 * ((Y - T) ** 2).sum()

    dY = Y.data - T
    branch = (dY @ W2.data.T * (H.data > 0)) @ W1.data.T
    yield "both paths", L, {X: dY + branch}, "right"
    yield "the skip forgotten", L, {X: branch}, "missing-term"
    yield "only the skip", L, {X: dY}, "missing-term"
    yield "the skip twice", L, {X: 2 * dY + branch}, "double-count"
    yield "the branch twice", L, {X: dY + 2 * branch}, "double-count"
    yield (
        "the mask forgotten in the branch",
        L,
        {X: dY + (dY @ W2.data.T) @ W1.data.T},
        "missing-activation-derivative",
    )
    yield "the branch subtracted", L, {X: dY - branch}, "sign"


def dropout_layer():
    """Inverted dropout: D = H * mask / keep."""
    rng = np.random.default_rng(7)
    X, T = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W1, W2 = tg.Tensor(rng.normal(size=(3, 5))), tg.Tensor(rng.normal(size=(5, 2)))
    keep = 0.6
    mask = rng.uniform(size=(6, 5)) < keep
    H = tg.sigmoid(X @ W1)
    D = H * mask / keep
    E = ((D @ W2 - T) ** 2).sum()

    h, d = H.data, D.data
    dD = 2 * (d @ W2.data - T) @ W2.data.T
    yield "W1", E, {W1: X.T @ (dD * mask / keep * h * (1 - h))}, "right"
    yield "no mask backwards", E, {W1: X.T @ (dD / keep * h * (1 - h))}, "missing-factor"
    yield "no 1/keep backwards", E, {H: dD * mask}, "constant-scale|missing-factor"
    yield (
        "sigma' at the dropped-out activation",
        E,
        {W1: X.T @ (dD * mask / keep * d * (1 - d))},
        "activation-derivative-at-wrong-point",
    )


def residual_dropout():
    """out = x + (gelu(x W1) * mask) W2, L = mean((out - T)^2)."""
    rng = np.random.default_rng(5)
    x = tg.Tensor(rng.normal(size=(5, 4)))
    W1 = tg.Tensor(rng.normal(size=(4, 6)))
    W2 = tg.Tensor(rng.normal(size=(6, 4)))
    mask = (rng.random((5, 6)) > 0.4) / 0.6
    T = rng.normal(size=(5, 4))
    a = x @ W1
    h = tg.gelu(a)
    hd = h * mask
    out = x + hd @ W2
    loss = ((out - T) ** 2).mean()
    d = 2 * (out.data - T) / 20
    dhd = d @ W2.data.T
    dh = dhd * mask
    av = a.data
    Phi = 0.5 * (1 + np.vectorize(erf)(av / 2**0.5))
    phi = np.exp(-(av**2) / 2) / np.sqrt(2 * np.pi)
    gp = Phi + av * phi
    da = dh * gp
    yield "right", loss, {x: d + da @ W1.data.T, W1: x.data.T @ da, W2: hd.data.T @ d}, "right"
    yield "skip forgotten", loss, {x: da @ W1.data.T}, "missing-term"
    yield "branch forgotten", loss, {x: d}, "missing-term"
    yield "mask forgotten in backward", loss, {W1: x.data.T @ (dhd * gp)}, "missing-factor"
    yield "mask not in dW2", loss, {W2: h.data.T @ d}, "missing-factor"
    yield "Phi only", loss, {W1: x.data.T @ (dh * Phi)}, "missing-term"
    yield (
        "keep prob scale forgotten",
        loss,
        {W1: x.data.T @ (dhd * (mask > 0) * gp)},
        "constant-scale|missing-factor",
    )
