"""Layers: layer norm, attention, convolution by matmul, embedding, max pooling, variance."""

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


def attention():
    """A = softmax(Q K^T / sqrt d), O = A V, E = sum C * O."""
    rng = np.random.default_rng(32)
    n = d = 4
    Q, K = tg.Tensor(rng.normal(size=(n, d))), tg.Tensor(rng.normal(size=(n, d)))
    V = tg.Tensor(rng.normal(size=(n, d)))
    C = rng.normal(size=(n, d))
    S = Q @ K.T / np.sqrt(d)
    A = tg.softmax(S, axis=-1)
    O = A @ V  # noqa: E741
    E = (C * O).sum()

    a, q, k, v = A.data, Q.data, K.data, V.data
    dA = C @ v.T
    dS = a * (dA - (a * dA).sum(-1, keepdims=True))
    root = np.sqrt(d)
    yield (
        "all of them",
        E,
        {V: a.T @ C, A: dA, S: dS, Q: dS @ k / root, K: dS.T @ q / root},
        "right",
    )
    yield "A for A^T", E, {V: a @ C}, "transpose"
    yield "V for V^T", E, {A: C @ v}, "transpose"
    yield "no 1/sqrt d", E, {Q: dS @ k}, "constant-scale"
    yield "1/d", E, {Q: dS @ k / d}, "constant-scale"
    yield "softmax's diagonal only", E, {S: dA * a * (1 - a)}, "missing-term"
    yield "softmax's diagonal only, at Q", E, {Q: (dA * a * (1 - a)) @ k / root}, "missing-term"
    yield "softmax's sum dropped", E, {S: a * dA}, "missing-term"
    yield (
        "softmax over the wrong axis",
        E,
        {S: a * (dA - (a * dA).sum(0, keepdims=True))},
        ("wrong-axis"),
    )
    yield "softmax left out", E, {Q: dA @ k / root}, "missing-activation-derivative"
    yield "dS for dS^T", E, {K: dS @ q / root}, "transpose"
    yield "dK returned as Q^T dS", E, {K: q.T @ dS / root}, "transpose"
    yield "dS Q for dS K", E, {Q: dS @ q / root}, "other"
    yield "K^T in Q's gradient", E, {Q: dS @ k.T / root}, "transpose"
    yield "V left out", E, {A: C}, "missing-factor"
    yield "C V elementwise", E, {A: C * v}, "elementwise-vs-matmul"
    yield (
        "line by line, the diagonal only",
        E,
        {A: dA, S: dA * a * (1 - a), Q: (dA * a * (1 - a)) @ k / root, V: a.T @ C},
        {A: "right", S: "missing-term", Q: "inherited", V: "right"},
    )


def convolution():
    """y_t = sum_j k_j x_{t+j} + b by gathering patches, relu, 1/2 |y - target|^2."""
    rng = np.random.default_rng(33)
    L, J = 9, 3
    x, k, b = tg.Tensor(rng.normal(size=L)), tg.Tensor(rng.normal(size=J)), tg.Tensor(0.2)
    T = L - J + 1
    index = np.arange(T)[:, None] + np.arange(J)
    patches = x[index]
    z = patches @ k + b
    y = tg.relu(z)
    target = rng.normal(size=T)
    E = 0.5 * ((y - target) ** 2).sum()

    dz = (y.data - target) * (z.data > 0)
    dk = patches.data.T @ dz
    dx = np.zeros(L)
    np.add.at(dx, index, np.outer(dz, k.data))
    yield "k, x, b", E, {k: dk, x: dx, b: dz.sum(), patches: np.outer(dz, k.data)}, "right"
    yield "full convolution with the flipped kernel", E, {x: np.convolve(dz, k.data)}, "right"
    yield (
        "the kernel not flipped",
        E,
        {x: np.convolve(dz, k.data[::-1])},
        "other|off-by-index|transpose|wrong-order",
    )
    assigned = np.zeros(L)
    assigned[index] = np.outer(dz, k.data)
    yield "x[index] = instead of +=", E, {x: assigned}, "missing-term"
    yield "shifted by one", E, {x: np.roll(dx, 1)}, "off-by-index"
    shifted = np.array([dz @ x.data[(np.arange(T) + j + 1) % L] for j in range(J)])
    yield "x_{t+j+1} in the kernel's gradient", E, {k: shifted}, "off-by-index"
    yield (
        "the mask left out",
        E,
        {k: patches.data.T @ (y.data - target)},
        ("missing-activation-derivative"),
    )
    yield "b not summed", E, {b: dz}, "missing-broadcast-sum|shape"
    yield "b averaged", E, {b: dz.mean()}, "mean-vs-sum"
    yield "the patches left out", E, {k: np.full(J, dz.sum())}, "missing-factor|other"
    yield "the kernel's gradient reversed", E, {k: dk[::-1]}, "off-by-index|other|wrong-order"


def embedding():
    """H = tanh(C[ix] W), L = mean of squares; a row of C is used several times."""
    rng = np.random.default_rng(34)
    C, W = tg.Tensor(rng.normal(size=(6, 3))), tg.Tensor(rng.normal(size=(3, 4)))
    ix = np.array([0, 2, 2, 5, 1, 2, 0])
    T = rng.normal(size=(7, 4))
    emb = C[ix]
    H = tg.tanh(emb @ W)
    L = ((H - T) ** 2).mean()

    dH = 2 * (H.data - T) / T.size
    demb = (dH * (1 - H.data**2)) @ W.data.T
    dC = np.zeros((6, 3))
    for i, row in zip(ix, demb, strict=True):
        dC[i] += row
    yield "rows added up", L, {C: dC, emb: demb}, "right"
    last = np.zeros((6, 3))
    for i, row in zip(ix, demb, strict=True):
        last[i] = row
    yield "rows overwritten", L, {C: last}, "missing-term"
    counts = np.maximum(np.bincount(ix, minlength=6), 1)[:, None]
    yield "rows averaged", L, {C: dC / counts}, "mean-vs-sum|other"
    yield "the next row", L, {C: np.roll(dC, 1, axis=0)}, "off-by-index"
    yield "demb for dC", L, {C: demb}, "shape|missing-broadcast-sum|missing-term"
    yield "1/N for 1/(N K)", L, {emb: demb * 4}, "mean-vs-sum"
    yield "W for W^T, as a row", L, {W: (dH * (1 - H.data**2)).T @ emb.data}, "transpose|shape"


def max_pooling():
    """y = max over windows of 2, E = sum c y."""
    rng = np.random.default_rng(35)
    x, c = tg.Tensor(rng.normal(size=(4, 6))), rng.normal(size=(4, 3))
    y = tg.max(x.reshape(4, 3, 2), axis=2)
    E = (c * y).sum()

    won = (x.data.reshape(4, 3, 2) == y.data[:, :, None]).astype(float)
    yield "to the winner", E, {x: (c[:, :, None] * won).reshape(4, 6)}, "right"
    yield "to both", E, {x: np.repeat(c, 2, axis=1)}, "missing-activation-derivative|other"
    yield (
        "half to each, as average pooling",
        E,
        {x: np.repeat(c, 2, axis=1) / 2},
        "wrong-activation-derivative|missing-activation-derivative|other",
    )
    yield (
        "to the loser",
        E,
        {x: (c[:, :, None] * (1 - won)).reshape(4, 6)},
        "wrong-activation-derivative|off-by-index|other",
    )
    yield "c left out", E, {x: won.reshape(4, 6)}, "missing-factor"


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


PROBLEMS = [layer_norm, attention, convolution, embedding, max_pooling, variance]
