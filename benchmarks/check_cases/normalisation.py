"""Normalisation: layer, batch and root-mean-square norm, variances, vectors of length 1."""

import numpy as np

import tinygrad_lite as tg


def layer_norm():
    """Y = gamma * (x - mean) / sqrt(var + eps) + beta over the last axis, E = sum C * Y."""
    rng = np.random.default_rng(31)
    N, D = 5, 6
    x = tg.Tensor(rng.normal(size=(N, D)))
    gamma, beta = tg.Tensor(rng.normal(size=D)), tg.Tensor(rng.normal(size=D))
    C = rng.normal(size=(N, D))
    mean = x.mean(axis=1, keepdims=True)
    centred = x - mean
    var = (centred**2).mean(axis=1, keepdims=True)
    std = tg.sqrt(var + 1e-5)
    xhat = centred / std
    Y = gamma * xhat + beta
    E = (C * Y).sum()

    h, s = xhat.data, std.data
    g = C * gamma.data

    def m(a):
        return a.mean(axis=1, keepdims=True)

    yield (
        "the closed form",
        E,
        {x: (g - m(g) - h * m(g * h)) / s, gamma: (C * h).sum(0), beta: C.sum(0)},
        "right",
    )
    yield "mean and variance held fixed", E, {x: g / s}, "missing-term"
    yield "variance held fixed", E, {x: (g - m(g)) / s}, "missing-term"
    yield "mean held fixed", E, {x: (g - h * m(g * h)) / s}, "missing-term"
    yield "gamma left out", E, {x: (C - m(C) - h * m(C * h)) / s}, "missing-factor"
    yield "no 1/sigma", E, {x: g - m(g) - h * m(g * h)}, "missing-factor"
    yield "dgamma not summed", E, {gamma: C * h}, "missing-broadcast-sum|shape"
    yield "dbeta over the wrong axis", E, {beta: C.sum(1)}, "wrong-axis|shape"
    yield "dbeta averaged", E, {beta: C.mean(0)}, "mean-vs-sum"
    yield "dgamma with x for xhat", E, {gamma: (C * x.data).sum(0)}, "other"
    yield "dgamma without xhat", E, {gamma: C.sum(0)}, "missing-factor"
    wrong = (g - g.mean(0) - h * (g * h).mean(0)) / s
    yield "means over the batch, as in batch norm", E, {x: wrong}, "wrong-axis"
    yield "sums for means", E, {x: (g - D * m(g) - h * D * m(g * h)) / s}, "mean-vs-sum"
    yield "plus for minus", E, {x: (g - m(g) + h * m(g * h)) / s}, "sign"
    dvar = (-0.5 * g * centred.data / s**3).sum(1, keepdims=True)
    dcentred = g / s + 2 * centred.data * dvar / D
    yield (
        "line by line",
        E,
        {xhat: g, var: dvar, centred: dcentred, mean: -dcentred.sum(1, keepdims=True)},
        "right",
    )
    yield "dvar without the minus", E, {var: -dvar}, "sign"
    yield "dvar without the 1/2", E, {var: 2 * dvar}, "constant-scale"
    yield "dvar not summed", E, {var: -0.5 * g * centred.data / s**3}, "missing-broadcast-sum|shape"
    yield (
        "line by line, the variance path dropped at centred",
        E,
        {xhat: g, var: dvar, centred: g / s, x: g / s - m(g / s)},
        {xhat: "right", var: "right", centred: "missing-term", x: "inherited"},
    )


def layernorm_hand():
    """Layer norm, L = |gamma xhat + beta - T|^2; the closed form, with each of its parts wrong."""
    rng = np.random.default_rng(9)
    N, D = 4, 6
    eps = 1e-5
    x = tg.Tensor(rng.normal(size=(N, D)))
    gamma = tg.Tensor(rng.normal(size=D))
    beta = tg.Tensor(rng.normal(size=D))
    T = rng.normal(size=(N, D))
    mu = x.mean(axis=1, keepdims=True)
    xc = x - mu
    var = (xc**2).mean(axis=1, keepdims=True)
    istd = (var + eps) ** -0.5
    xhat = xc * istd
    y = gamma * xhat + beta
    L = ((y - T) ** 2).sum()
    d = 2 * (y.data - T)
    dxh = d * gamma.data
    i = istd.data
    xh = xhat.data
    dx = i / D * (D * dxh - dxh.sum(1, keepdims=True) - xh * (dxh * xh).sum(1, keepdims=True))
    yield "right", L, {x: dx, gamma: (d * xh).sum(0), beta: d.sum(0)}, "right"
    yield (
        "mean dropped",
        L,
        {x: i / D * (D * dxh - xh * (dxh * xh).sum(1, keepdims=True))},
        "missing-term",
    )
    yield "var dropped", L, {x: i / D * (D * dxh - dxh.sum(1, keepdims=True))}, "missing-term"
    yield "both dropped", L, {x: i * dxh}, "missing-term"
    yield (
        "axis 0",
        L,
        {x: i / D * (D * dxh - dxh.sum(0, keepdims=True) - xh * (dxh * xh).sum(0, keepdims=True))},
        "wrong-axis",
    )
    yield (
        "gamma forgotten",
        L,
        {x: i / D * (D * d - d.sum(1, keepdims=True) - xh * (d * xh).sum(1, keepdims=True))},
        "missing-factor",
    )
    yield (
        "dgamma with x",
        L,
        {gamma: (d * x.data).sum(0)},
        "missing-term|missing-factor|activation-derivative-at-wrong-point|other",
    )
    m1, m2 = dxh.mean(1, keepdims=True), (dxh * xh).mean(1, keepdims=True)
    centred = x.data - x.data.mean(1, keepdims=True)
    bare = (dxh * centred).mean(1, keepdims=True)
    yield "right, by means", L, {x: i * (dxh - m1 - xh * m2)}, "right"
    yield "no xhat before the sum", L, {x: i * (dxh - m1 - m2)}, "missing-factor"
    yield "no xhat in the sum", L, {x: i * (dxh - m1 - xh * m1)}, "missing-factor"
    yield "x - mu for xhat", L, {x: i * (dxh - m1 - centred * bare)}, "missing-factor|extra-factor"
    yield "x - mu for xhat in the sum", L, {x: i * (dxh - m1 - xh * bare)}, "missing-factor"
    yield "dgamma not summed", L, {gamma: d * xh}, "missing-broadcast-sum"
    yield (
        "sum sign",
        L,
        {x: i / D * (D * dxh - dxh.sum(1, keepdims=True) + xh * (dxh * xh).sum(1, keepdims=True))},
        "sign",
    )
    yield "istd forgotten", L, {x: dx / i}, "missing-factor"
    yield (
        "1/D forgotten",
        L,
        {x: i * (D * dxh - dxh.sum(1, keepdims=True) - xh * (dxh * xh).sum(1, keepdims=True))},
        "mean-vs-sum",
    )
    yield (
        "1/D forgotten in the terms",
        L,
        {x: i * (dxh - dxh.sum(1, keepdims=True) - xh * (dxh * xh).sum(1, keepdims=True))},
        "mean-vs-sum",
    )
    dvar = (dxh * xc.data).sum(1, keepdims=True) * -0.5 * (var.data + eps) ** -1.5
    yield "dvar right", L, {var: dvar}, "right"
    yield "dvar sign", L, {var: -dvar}, "sign"
    yield (
        "dvar -1/2 power",
        L,
        {var: (dxh * xc.data).sum(1, keepdims=True) * -0.5 * (var.data + eps) ** -0.5},
        "extra-factor|constant-scale|missing-factor",
    )
    yield "dvar not 1/2", L, {var: 2 * dvar}, "constant-scale"


def rms_norm():
    """y = g x / rms, rms = sqrt(mean(x^2) + eps)."""
    rng = np.random.default_rng(10)
    N, D = 3, 5
    x = tg.Tensor(rng.normal(size=(N, D)))
    g = tg.Tensor(rng.normal(size=(D,)))
    T = rng.normal(size=(N, D))
    rms = tg.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6)
    y = x / rms * g
    L = 0.5 * ((y - T) ** 2).mean()
    d = (y.data - T) / (N * D)
    r = rms.data
    xv = x.data
    dn = d * g.data
    dx = dn / r - xv * (dn * xv).sum(1, keepdims=True) / (D * r**3)
    yield "right", L, {x: dx, g: (d * xv / r).sum(0)}, "right"
    yield "only direct", L, {x: dn / r}, "missing-term"
    yield "plus", L, {x: dn / r + xv * (dn * xv).sum(1, keepdims=True) / (D * r**3)}, "sign"
    yield "no 1/D", L, {x: dn / r - xv * (dn * xv).sum(1, keepdims=True) / (r**3)}, "mean-vs-sum"
    yield (
        "r^2 for r^3",
        L,
        {x: dn / r - xv * (dn * xv).sum(1, keepdims=True) / (D * r**2)},
        "missing-factor|extra-factor",
    )
    yield "dg without rms", L, {g: (d * xv).sum(0)}, "missing-factor"


def batchnorm_paper():
    """The batch norm paper's chain: dxhat, dvar, dmu, then dx (Ioffe and Szegedy, 2015)."""
    rng = np.random.default_rng(31)
    m, D = 8, 3
    eps = 1e-5
    x = tg.Tensor(rng.normal(size=(m, D)))
    gamma = tg.Tensor(rng.normal(size=(1, D)))
    beta = tg.Tensor(rng.normal(size=(1, D)))
    W = rng.normal(size=(m, D))
    mu = x.mean(axis=0, keepdims=True)
    var = ((x - mu) ** 2).mean(axis=0, keepdims=True)
    xhat = (x - mu) / tg.sqrt(var + eps)
    y = gamma * xhat + beta
    L = (W * y**2).sum()
    dy = 2 * W * y.data
    dxh = dy * gamma.data
    s = np.sqrt(var.data + eps)
    xm = x.data - mu.data
    dvar = (dxh * xm).sum(0, keepdims=True) * -0.5 * s**-3
    dmu = -(dxh / s).sum(0, keepdims=True)
    dx = dxh / s + dvar * 2 * xm / m + dmu / m
    yield "right", L, {x: dx, var: dvar, mu: dmu, xhat: dxh}, "right"
    yield "no mu", L, {x: dxh / s + dvar * 2 * xm / m}, "missing-term"
    yield "no var", L, {x: dxh / s + dmu / m}, "missing-term"
    yield "2 forgotten in the var path", L, {x: dxh / s + dvar * xm / m + dmu / m}, "constant-scale"
    yield "mu 1/m", L, {x: dxh / s + dvar * 2 * xm / m + dmu}, "mean-vs-sum"
    yield "both 1/m", L, {x: dxh / s + dvar * 2 * xm + dmu}, "mean-vs-sum"
    yield "gamma", L, {xhat: dy}, "missing-factor"
    yield "dvar no -1/2", L, {var: dvar * -2}, "constant-scale|sign"
    yield (
        "dvar, dx from it",
        L,
        {var: -dvar, x: dxh / s - dvar * 2 * xm / m + dmu / m},
        {var: "sign", x: "inherited"},
    )
    yield "dgamma axis", L, {gamma: (dy * xhat.data).sum(1)[:3][None]}, "wrong-axis|other|shape"
    yield (
        "x for xhat",
        L,
        {gamma: (dy * x.data).sum(0, keepdims=True)},
        "missing-factor|other|missing-term",
    )
    yield "plus mean", L, {x: dxh / s + dvar * 2 * xm / m - dmu / m}, "sign"


def variance():
    """E = sum_j c_j var(X[:, j]), then standardised data."""
    rng = np.random.default_rng(36)
    N = 7
    X, c = tg.Tensor(rng.normal(size=(N, 3)) + 2), rng.normal(size=3)
    mu = X.mean(axis=0)
    v = ((X - mu) ** 2).sum(axis=0) / (N - 1)
    E = (c * v).sum()

    d = X.data - mu.data
    yield "the mean's path cancels", E, {X: 2 * c * d / (N - 1)}, "right"
    yield "N for N - 1", E, {X: 2 * c * d / N}, "constant-scale|mean-vs-sum"
    yield "no 2", E, {X: c * d / (N - 1)}, "constant-scale"
    yield "not centred", E, {X: 2 * c * X.data / (N - 1)}, "missing-term|other"
    yield "a sum", E, {X: 2 * c * d}, "mean-vs-sum|constant-scale"
    yield "c left out", E, {X: 2 * d / (N - 1)}, "missing-factor"


def norms():
    """E = c . x / |x|, a normalised vector."""
    rng = np.random.default_rng(29)
    x, c = tg.Tensor(rng.normal(size=5)), rng.normal(size=5)
    n = tg.sqrt((x * x).sum())
    u = x / n
    E = (c * u).sum()

    length = n.data
    yield "with the projection", E, {x: (c - u.data * (c @ u.data)) / length}, "right"
    yield "length held fixed", E, {x: c / length}, "missing-term"
    yield "no 1/|x|", E, {x: c - u.data * (c @ u.data)}, "missing-factor|extra-factor"
    yield "projection added", E, {x: (c + u.data * (c @ u.data)) / length}, "sign"
    yield "the length's own gradient, sign", E, {n: c @ x.data / length**2}, "sign"
    yield "1/n for 1/n^2", E, {n: -(c @ x.data) / length}, "missing-factor|constant-scale|other"
    yield (
        "sqrt' without the 1/2",
        E,
        {x: (c - 2 * u.data * (c @ u.data)) / length},
        "constant-scale|double-count",
    )
