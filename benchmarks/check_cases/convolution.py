"""Convolution and pooling, over signals, images and graphs."""

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn


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


def convolution_2d():
    """Y_{ij} = sum_{ab} K_{ab} X_{i+a, j+b} by slices, E = 1/2 |Y - T|^2."""
    rng = np.random.default_rng(79)
    X, K = tg.Tensor(rng.normal(size=(5, 6))), tg.Tensor(rng.normal(size=(2, 3)))
    Y = sum(X[a : a + 4, b : b + 4] * K[a, b] for a in range(2) for b in range(3))
    T = rng.normal(size=(4, 4))
    E = 0.5 * ((Y - T) ** 2).sum()

    d, x, k = Y.data - T, X.data, K.data
    dK = np.array([[(d * x[a : a + 4, b : b + 4]).sum() for b in range(3)] for a in range(2)])
    dX = np.zeros((5, 6))
    for a in range(2):
        for b in range(3):
            dX[a : a + 4, b : b + 4] += d * k[a, b]
    yield "K and X", E, {K: dK, X: dX}, "right"
    yield "overwritten instead of added up", E, {X: _overwritten(d, k)}, "missing-term|other"
    yield "shifted by a row", E, {X: np.roll(dX, 1, axis=0)}, "off-by-index"
    yield "the kernel turned round", E, {K: dK[::-1, ::-1]}, "off-by-index|other|wrong-order"
    yield "averaged over positions", E, {K: dK / 16}, "mean-vs-sum"
    yield "the target's sign", E, {K: -dK}, "sign"
    yield "without the image", E, {K: np.full((2, 3), d.sum())}, "missing-factor"


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


def vision_pool():
    """Max over windows of 2, a relu layer, the mean of its squares."""
    rng = np.random.default_rng(43)
    x = tg.Tensor(rng.normal(size=(2, 6)))
    w = tg.Tensor(rng.normal(size=(3, 4)))
    b = tg.Tensor(rng.normal(size=4))
    p = x.reshape(2, 3, 2).max(axis=2)
    z = p @ w + b
    h = np.maximum(z, 0)
    L = (h**2).mean()
    dh = 2 * h.data / 8
    dz = dh * (z.data > 0)
    dp = dz @ w.data.T
    X = x.data.reshape(2, 3, 2)
    M = X.max(2, keepdims=True) == X
    dx = (M * dp[:, :, None]).reshape(2, 6)
    yield "right", L, {x: dx, p: dp, b: dz.sum(0)}, "right"
    yield (
        "no mask: both get it",
        L,
        {x: np.repeat(dp, 2, 1)},
        "missing-activation-derivative|missing-factor",
    )
    yield (
        "avg-pool",
        L,
        {x: np.repeat(dp, 2, 1) / 2},
        "wrong-activation-derivative|other|missing-activation-derivative",
    )
    yield (
        "min got it",
        L,
        {x: (~M * dp[:, :, None]).reshape(2, 6)},
        "wrong-activation-derivative|off-by-index|other",
    )
    yield "b not summed", L, {b: dz}, "missing-broadcast-sum"
    yield "b averaged", L, {b: dz.mean(0)}, "mean-vs-sum|constant-scale"
    yield "2 too many", L, {p: (dz @ w.data.T) * 2}, "constant-scale|mean-vs-sum"
    yield "dh /4", L, {h: 2 * h.data / 4}, "mean-vs-sum|constant-scale"
    yield "the mask twice", L, {z: dz * (z.data > 0)}, "right"


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


def gcn():
    """Z = A leaky_relu(A X W1) W2, cross-entropy; A's rows sum to 1 and it is not symmetric."""
    rng = np.random.default_rng(38)
    n = 5
    Adj = rng.random((n, n))
    Adj /= Adj.sum(1, keepdims=True)
    X = rng.normal(size=(n, 3))
    W1 = tg.Tensor(rng.normal(size=(3, 4)))
    W2 = tg.Tensor(rng.normal(size=(4, 2)))
    y = rng.integers(0, 2, n)
    H = tg.leaky_relu(Adj @ X @ W1)
    Z = Adj @ H @ W2
    L = nn.cross_entropy(Z, y)
    p = np.exp(Z.data - Z.data.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    d = (p - np.eye(2)[y]) / n
    k = np.where(H.data > 0, 1, 0.01)
    dH = Adj.T @ d @ W2.data.T
    AX = Adj @ X
    yield "right", L, {W2: (Adj @ H.data).T @ d, H: dH, W1: AX.T @ (dH * k)}, "right"
    yield "A not T", L, {H: Adj @ d @ W2.data.T}, "transpose"
    yield "A left out", L, {H: d @ W2.data.T}, "missing-factor"
    yield "A left out of W2", L, {W2: H.data.T @ d}, "missing-factor"
    yield "relu'", L, {W1: AX.T @ (dH * (H.data > 0))}, "wrong-activation-derivative"
    yield "A left out of W1", L, {W1: X.T @ (dH * k)}, "missing-factor"
    yield "no leaky'", L, {W1: AX.T @ dH}, "missing-activation-derivative"
    yield "transposed", L, {W1: (AX.T @ (dH * k)).T}, "transpose"
