"""Convolution and pooling, over signals, images and graphs."""

import numpy as np

import tinygrad_lite as tg


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


def im2col():
    """A convolution as patches @ k, E = 1/2 |out - t|^2."""
    rng = np.random.default_rng(21)
    img = tg.Tensor(rng.normal(size=(6,)))
    k = tg.Tensor(rng.normal(size=(3,)))
    t = rng.normal(size=4)
    cols = np.stack([img[i : i + 3] for i in range(4)])
    out = cols @ k
    L = 0.5 * ((out - t) ** 2).sum()
    d = out.data - t
    C = cols.data
    dk = C.T @ d
    dimg = np.convolve(d, k.data)
    yield "right", L, {k: dk, img: dimg}, "right"
    yield "flipped kernel", L, {img: np.convolve(d, k.data[::-1])}, "wrong-order|off-by-index"
    yield "dk flipped", L, {k: dk[::-1]}, "wrong-order"
    over = np.zeros(6)
    for i in range(4):
        over[i : i + 3] = d[i] * k.data
    yield "overwritten", L, {img: over}, "missing-term"
    yield "first only", L, {k: C[0] * d[0]}, "missing-broadcast-sum|missing-term|other"


def _overwritten(d, k):
    dX = np.zeros((5, 6))
    for a in range(2):
        for b in range(3):
            dX[a : a + 4, b : b + 4] = d * k[a, b]
    return dX


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


def graph_layer():
    """H = relu(G X W) with a graph matrix G that is not symmetric, E = 1/2 |H - T|^2."""
    rng = np.random.default_rng(75)
    G, T = rng.normal(size=(5, 5)), rng.normal(size=(5, 4))
    X, W = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=(3, 4)))
    Z = G @ X @ W
    H = tg.relu(Z)
    E = 0.5 * ((H - T) ** 2).sum()

    d = (H.data - T) * (Z.data > 0)
    yield "W and X", E, {W: (G @ X.data).T @ d, X: G.T @ d @ W.data.T}, "right"
    yield "G for G^T", E, {X: G @ d @ W.data.T}, "transpose"
    yield "G left out", E, {X: d @ W.data.T}, "missing-factor"
    yield "G left out of W's", E, {W: X.data.T @ d}, "missing-factor"
    yield "G not transposed in W's", E, {W: X.data.T @ G @ d}, "transpose"
    yield (
        "the mask left out",
        E,
        {X: G.T @ (H.data - T) @ W.data.T},
        ("missing-activation-derivative"),
    )
    yield "T - H", E, {W: -(G @ X.data).T @ d}, "sign"


def upsampled_map():
    """Transposed convolution with stride 2: y[2 i + k] += x[i] w[k]; then average pooling by 3."""
    rng = np.random.default_rng(83)
    x, w, t = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=3)), rng.normal(size=3)
    U = [np.eye(9)[2 * np.arange(4) + k] for k in range(3)]
    y = sum(w[k] * (x @ U[k]) for k in range(3))
    h = tg.relu(y + 0.5)
    p = h.reshape(3, 3).mean(axis=1)
    E = 0.5 * ((p - t) ** 2).sum()
    d = p.data - t
    dy = np.repeat(d, 3) / 3 * (y.data > -0.5)
    X, Wd = x.data, w.data
    dx = np.array([sum(dy[2 * i + k] * Wd[k] for k in range(3)) for i in range(4)])
    dw = np.array([sum(dy[2 * i + k] * X[i] for i in range(4)) for k in range(3)])
    yield "right", E, {p: d, y: dy, x: dx, w: dw}, "right"
    yield "pooling not divided", E, {w: 3 * dw}, "mean-vs-sum|constant-scale"
    yield "relu forgotten", E, {y: np.repeat(d, 3) / 3}, "missing-activation-derivative"
    yield (
        "mask of y > 0",
        E,
        {y: np.repeat(d, 3) / 3 * (y.data > 0)},
        "other|activation-derivative-at-wrong-point|missing-term",
    )
    yield (
        "stride forgotten",
        E,
        {x: np.array([sum(dy[i + k] * Wd[k] for k in range(3)) for i in range(4)])},
        "off-by-index|other",
    )
    yield (
        "filter turned",
        E,
        {x: np.array([sum(dy[2 * i + k] * Wd[2 - k] for k in range(3)) for i in range(4)])},
        "wrong-order",
    )
    yield "filter's gradient turned", E, {w: dw[::-1]}, "wrong-order"
    yield (
        "tiled for repeated",
        E,
        {y: np.tile(d, 3) / 3 * (y.data > -0.5)},
        "wrong-order|other|off-by-index|wrong-axis",
    )
    yield (
        "centre tap only",
        E,
        {x: np.array([dy[2 * i + 1] * Wd[1] for i in range(4)])},
        "missing-term",
    )
