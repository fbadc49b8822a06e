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
