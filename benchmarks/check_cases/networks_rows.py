"""Dense networks with observations as rows: two and three layers, squares, layers of `nn`."""

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn

from .formulas import sigmoid


def two_layer_tanh_rows():
    """H = tanh(X W1 + b1), P = H W2 + b2, L = mean((P - Y)^2); rows are observations."""
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 5))
    W1, b1 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=4))
    W2, b2 = tg.Tensor(rng.normal(size=(4, 5))), tg.Tensor(rng.normal(size=5))
    Z = X @ W1 + b1
    H = tg.tanh(Z)
    P = H @ W2 + b2
    L = ((P - Y) ** 2).mean()

    w2, h, z = W2.data, H.data, Z.data
    dP = 2 * (P.data - Y) / Y.size
    dH = dP @ w2.T
    dZ = dH * (1 - h**2)
    yield (
        "all of them",
        L,
        {P: dP, W2: h.T @ dP, b2: dP.sum(0), H: dH, Z: dZ, W1: X.T @ dZ, b1: dZ.sum(0)},
        "right",
    )
    yield "1/N where the mean is over N K entries", L, {P: 2 * (P.data - Y) / 6}, "mean-vs-sum"
    yield "no 1/(N K) at all", L, {W2: h.T @ (2 * (P.data - Y))}, "mean-vs-sum"
    yield "the 2 dropped", L, {W1: X.T @ dZ / 2}, "constant-scale"
    yield "sigmoid's a (1 - a)", L, {W1: X.T @ (dH * h * (1 - h))}, "wrong-activation-derivative"
    yield "ReLU's mask", L, {W1: X.T @ (dH * (z > 0))}, "wrong-activation-derivative"
    yield (
        "1 - z**2 with the pre-activation",
        L,
        {W1: X.T @ (dH * (1 - z**2))},
        "activation-derivative-at-wrong-point",
    )
    yield (
        "1 - tanh(h)**2 at the output",
        L,
        {b1: (dH * (1 - np.tanh(h) ** 2)).sum(0)},
        "activation-derivative-at-wrong-point",
    )
    yield (
        "1 - h, the square forgotten",
        L,
        {W1: X.T @ (dH * (1 - h))},
        "wrong-activation-derivative|other",
    )
    yield "db1 summed over the wrong axis", L, {b1: dZ.sum(axis=1)}, "wrong-axis|shape"
    yield "db1 not summed", L, {b1: dZ}, "missing-broadcast-sum|shape"
    yield "db2 kept as a row (1, 5)", L, {b2: dP.sum(axis=0, keepdims=True)}, "shape"
    yield "W2 not transposed for dH", L, {W2: dP.T @ h}, "transpose|shape"
    yield "Y - P", L, {b1: -dZ.sum(0)}, "sign"
    yield (
        "no tanh' and no 2",
        L,
        {W1: X.T @ ((P.data - Y) / Y.size @ w2.T)},
        "missing-activation-derivative|constant-scale",
    )


def square_layers():
    """Every size equal: no shape gives a transpose away."""
    rng = np.random.default_rng(4)
    n = 4
    x, t = rng.normal(size=(n, n)), rng.normal(size=(n, n))
    W1, W2 = tg.Tensor(rng.normal(size=(n, n))), tg.Tensor(rng.normal(size=(n, n)))
    b = tg.Tensor(rng.normal(size=(n, 1)))
    A = tg.tanh(W1 @ x + b)
    Y = W2 @ A
    E = 0.5 * ((Y - t) ** 2).sum()

    w2, a = W2.data, A.data
    e = Y.data - t
    d = w2.T @ e * (1 - a**2)
    yield "both and the bias", E, {W1: d @ x.T, W2: e @ a.T, b: d.sum(1, keepdims=True)}, "right"
    yield "W2 for W2^T", E, {W1: (w2 @ e * (1 - a**2)) @ x.T}, "transpose"
    yield "x for x^T", E, {W1: d @ x}, "transpose"
    yield "the result transposed", E, {W2: a @ e.T}, "transpose"
    yield "a^T e: the order exchanged", E, {W2: a.T @ e}, "wrong-order"
    yield "e W2^T: the order exchanged", E, {A: e @ w2.T}, "wrong-order"
    yield "W2^T * e elementwise", E, {A: w2.T * e}, "elementwise-vs-matmul"
    yield "e * a elementwise", E, {W2: e * a}, "elementwise-vs-matmul"
    yield (
        "matrix product with tanh'",
        E,
        {W1: ((w2.T @ e) @ (1 - a**2)) @ x.T},
        ("elementwise-vs-matmul"),
    )
    yield "W2^T left out", E, {W1: (e * (1 - a**2)) @ x.T}, "missing-factor"
    yield "x^T left out", E, {W1: d}, "missing-factor"
    yield "the bias summed over the rows", E, {b: d.sum(0).reshape(n, 1)}, "wrong-axis"
    yield (
        "sign and transpose together",
        E,
        {W1: -(w2 @ e * (1 - a**2)) @ x.T},
        "transpose|sign",
    )


def two_layer_sigmoid_rows():
    """o = sigma(sigma(X W1) W2), L = 1/2 |o - t|^2; rows are observations."""
    rng = np.random.default_rng(23)
    X = rng.normal(size=(6, 3))
    t = rng.random((6, 2))
    W1 = tg.Tensor(rng.normal(size=(3, 4)))
    W2 = tg.Tensor(rng.normal(size=(4, 2)))
    h = tg.sigmoid(X @ W1)
    o = tg.sigmoid(h @ W2)
    L = 0.5 * ((o - t) ** 2).sum()
    do = (o.data - t) * o.data * (1 - o.data)
    dW2 = h.data.T @ do
    hv = h.data
    dh = do @ W2.data.T
    new = W2.data - 0.1 * dW2
    yield "updated W2", L, {W1: X.T @ (do @ new.T * hv * (1 - hv))}, "other"
    yield (
        "sign+no act",
        L,
        {W2: -hv.T @ (o.data - t)},
        "missing-activation-derivative|sign|extra-factor",
    )
    yield (
        "cross entropy gradient",
        L,
        {W2: hv.T @ (o.data - t), W1: X.T @ ((o.data - t) @ W2.data.T * hv * (1 - hv))},
        "missing-activation-derivative",
    )
    yield "both transposed", L, {W2: dW2.T}, "transpose"
    yield "hidden sigma' twice", L, {W1: X.T @ (dh * (hv * (1 - hv)) ** 2)}, "extra-factor"
    yield "h for h(1-h)", L, {W1: X.T @ (dh * hv)}, "wrong-activation-derivative|missing-factor"
    yield (
        "whole W2 left out",
        L,
        {W1: X.T @ (do.sum(1, keepdims=True) * hv * (1 - hv))},
        "missing-factor",
    )


def three_layer():
    """tanh(tanh(X W1) W2) W3, E = mean over rows of |o - Y|^2."""
    rng = np.random.default_rng(41)
    N = 5
    X = rng.normal(size=(N, 3))
    Y = rng.normal(size=(N, 2))
    Ws = [tg.Tensor(rng.normal(size=s) * 0.6) for s in ((3, 4), (4, 4), (4, 2))]
    W1, W2, W3 = Ws
    h1 = np.tanh(X @ W1)
    h2 = np.tanh(h1 @ W2)
    o = h2 @ W3
    E = ((o - Y) ** 2).sum(axis=1).mean()
    do = 2 * (o.data - Y) / N
    d2 = (do @ W3.data.T) * (1 - h2.data**2)
    d1 = (d2 @ W2.data.T) * (1 - h1.data**2)
    yield "right", E, {W1: X.T @ d1, W2: h1.data.T @ d2, W3: h2.data.T @ do}, "right"
    yield "W2 not T", E, {W1: X.T @ ((d2 @ W2.data) * (1 - h1.data**2))}, "transpose"
    yield (
        "a layer skipped",
        E,
        {W1: X.T @ ((do @ W3.data.T) * (1 - h1.data**2))},
        "missing-factor|missing-term|missing-activation-derivative",
    )
    yield (
        "h2' everywhere",
        E,
        {W1: X.T @ ((d2 @ W2.data.T) * (1 - h2.data**2))},
        "activation-derivative-at-wrong-point|off-by-index|wrong-activation-derivative",
    )
    yield (
        "relu' used",
        E,
        {W2: h1.data.T @ ((do @ W3.data.T) * (h2.data > 0))},
        "wrong-activation-derivative",
    )
    yield (
        "no h2'",
        E,
        {
            W1: X.T @ (((do @ W3.data.T) @ W2.data.T) * (1 - h1.data**2)),
            W2: h1.data.T @ (do @ W3.data.T),
        },
        "missing-activation-derivative",
    )
    yield "X for h1", E, {W2: np.c_[X, X[:, :1]].T @ d2}, "other|missing-factor"
    yield (
        "sign and missing",
        E,
        {W2: -h1.data.T @ (do @ W3.data.T)},
        "missing-activation-derivative|sign",
    )
    yield "1/(2N)", E, {W3: h2.data.T @ do / 2}, "constant-scale|mean-vs-sum"
    yield "dW2 T", E, {W2: (h1.data.T @ d2).T}, "transpose"
    yield "h1 T d2 elementwise", E, {W2: (h1.data * d2)[:4]}, "elementwise-vs-matmul|other"


def rows_are_weights():
    """PyTorch's layout, Y = X W^T + b, with cross-entropy on labels, as fused ops."""
    rng = np.random.default_rng(97)
    N, D, C = 6, 4, 3
    X, y = tg.Tensor(rng.normal(size=(N, D))), rng.integers(0, C, size=N)
    W, b = tg.Tensor(rng.normal(size=(C, D))), tg.Tensor(rng.normal(size=C))
    Y = X @ W.T + b
    L = -tg.log_softmax(Y, axis=1)[np.arange(N), y].mean()

    p = np.exp(Y.data) / np.exp(Y.data).sum(1, keepdims=True)
    d = (p - np.eye(C)[y]) / N
    yield "all", L, {Y: d, W: d.T @ X.data, b: d.sum(0), X: d @ W.data}, "right"
    yield "W in the other layout", L, {W: X.data.T @ d}, "transpose|shape"
    yield "only the true class", L, {Y: -np.eye(C)[y] * (1 - p) / N}, "missing-term|other"
    yield "no one-hot", L, {Y: p / N}, "missing-term"
    yield "1/C", L, {Y: d * N / C}, "mean-vs-sum|constant-scale"
    yield "b averaged", L, {b: d.mean(0)}, "mean-vs-sum"
    yield (
        "X without W",
        L,
        {X: np.repeat(d.sum(1, keepdims=True), D, axis=1)},
        ("missing-factor|other"),
    )
    yield "the sign", L, {W: -d.T @ X.data}, "sign"
    yield (
        "exp without normalising",
        L,
        {Y: (np.exp(Y.data) - np.eye(C)[y]) / N},
        ("missing-factor|other"),
    )


def layers_with_squared_error():
    """nn.Linear, relu, nn.Linear and nn.mse: weights are (outputs, inputs)."""
    rng = np.random.default_rng(2)
    N = 6
    X = rng.normal(size=(N, 4))
    T = rng.normal(size=(N, 2))
    f1 = nn.Linear(4, 5, rng=rng)
    f2 = nn.Linear(5, 2, rng=rng)
    z1 = f1(X)
    h = tg.relu(z1)
    y = f2(h)
    loss = nn.mse(y, T)
    W1, b1, W2, b2 = f1.W, f1.b, f2.W, f2.b
    d = 2 * (y.data - T) / (2 * N)
    dh = d @ W2.data
    dz = dh * (z1.data > 0)
    yield "right", loss, {W1: dz.T @ X, b1: dz.sum(0), W2: d.T @ h.data, b2: d.sum(0)}, "right"
    yield "1/N for 1/(NK)", loss, {W2: d.T @ h.data * 2}, "mean-vs-sum"
    yield "not transposed result", loss, {W2: h.data.T @ d}, "transpose"
    yield "b mean", loss, {b1: dz.mean(0)}, "mean-vs-sum"
    yield "relu' forgotten", loss, {W1: dh.T @ X}, "missing-activation-derivative"
    yield "2 forgotten", loss, {W1: dz.T @ X / 2, W2: d.T @ h.data / 2}, "constant-scale"
    yield (
        "elementwise W2",
        loss,
        {b1: (dz * W2.data.sum(0)).sum(0)},
        "extra-factor|other|double-count",
    )


def layers_with_binary_cross_entropy():
    """nn.Linear, tanh, nn.Linear and the binary cross-entropy of logits."""
    rng = np.random.default_rng(33)
    N = 8
    X = rng.normal(size=(N, 3))
    y = (rng.random((N, 1)) > 0.5) * 1.0
    f1 = nn.Linear(3, 4, rng=rng)
    f2 = nn.Linear(4, 1, rng=rng)
    a = f1(X)
    h = tg.tanh(a)
    z = f2(h)
    loss = nn.binary_cross_entropy_with_logits(z, y)
    p = sigmoid(z.data)
    d = (p - y) / N
    da = d @ f2.W.data * (1 - h.data**2)
    W1, W2, b1, b2 = f1.W, f2.W, f1.b, f2.b
    yield (
        "right",
        loss,
        {z: d, W1: da.T @ X, W2: d.T @ h.data, b1: da.sum(0), b2: d.sum(0)},
        "right",
    )
    yield "sigmoid for softplus", loss, {z: (p - y) * p * (1 - p) / N}, "extra-factor"
    yield (
        "z for p",
        loss,
        {z: (z.data - y) / N},
        "activation-derivative-at-wrong-point|wrong-activation-derivative|missing-activation-derivative|missing-factor|other",
    )
    yield "y-p", loss, {W2: -(d.T @ h.data)}, "sign"
    yield (
        "whole chain no N",
        loss,
        {z: d * N, W2: N * d.T @ h.data, W1: N * da.T @ X},
        {z: "mean-vs-sum", W2: "inherited", W1: "inherited"},
    )
    yield (
        "W1: 1-a^2",
        loss,
        {W1: (d @ W2.data * (1 - a.data**2)).T @ X},
        "activation-derivative-at-wrong-point",
    )
    yield "W1: 1-h", loss, {W1: (d @ W2.data * (1 - h.data)).T @ X}, "wrong-activation-derivative"
    yield "W1 through db", loss, {b1: da[0]}, "missing-broadcast-sum"
    yield (
        "W1 loop overwrites",
        loss,
        {W1: np.outer(da[-1], X[-1])},
        "missing-term|missing-broadcast-sum",
    )
    yield "dh with W2 dropped", loss, {h: d + np.zeros((1, 4))}, "missing-factor"
    yield "target grad", loss, {z: p / N}, "missing-term"
