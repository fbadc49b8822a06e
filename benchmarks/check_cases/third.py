"""A third examination, written when the first two had been passed: other graphs, other habits."""

import numpy as np

import tinygrad_lite as tg


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def tied_autoencoder():
    """E = |X W W^T - X|^2: W is used twice."""
    rng = np.random.default_rng(91)
    X = rng.normal(size=(8, 5))
    W = tg.Tensor(rng.normal(size=(5, 3)))
    H = X @ W
    R = H @ W.T - X
    E = (R**2).sum()

    w, h, r = W.data, H.data, R.data
    encoder, decoder = 2 * X.T @ r @ w, 2 * r.T @ h
    yield "encoder and decoder", E, {W: encoder + decoder, H: 2 * r @ w}, "right"
    yield "the decoder forgotten", E, {W: encoder}, "missing-term"
    yield "the encoder forgotten", E, {W: decoder}, "missing-term"
    yield "the 2 forgotten", E, {W: (encoder + decoder) / 2}, "constant-scale"
    yield "subtracted", E, {W: encoder - decoder}, "sign"
    yield "decoder twice", E, {W: encoder + 2 * decoder}, "double-count|constant-scale"
    yield "averaged over the data", E, {W: (encoder + decoder) / 8}, "mean-vs-sum"


def stochastic_neighbours():
    """t-SNE: C = -sum p log q, q_ij = k_ij / sum k, k = 1 / (1 + |y_i - y_j|^2)."""
    rng = np.random.default_rng(92)
    n = 6
    P = rng.uniform(size=(n, n))
    P = (P + P.T) * (1 - np.eye(n))
    P /= P.sum()
    Y = tg.Tensor(rng.normal(size=(n, 2)))
    D = ((Y.reshape(n, 1, 2) - Y.reshape(1, n, 2)) ** 2).sum(axis=2)
    k = 1 / (1 + D)
    kk = k * (1 - np.eye(n))
    total = kk.sum()
    C = -(P * (tg.log(k) - tg.log(total))).sum()

    y, kv = Y.data, kk.data
    q = kv / kv.sum()
    pull = ((P - q) * kv)[:, :, None] * (y[:, None] - y[None])
    yield "4 sum (p - q) k (y_i - y_j)", C, {Y: 4 * pull.sum(1)}, "right"
    yield "2 for 4", C, {Y: 2 * pull.sum(1)}, "constant-scale|missing-term"
    yield "y_j - y_i", C, {Y: -4 * pull.sum(1)}, "sign"
    yield "summed over i", C, {Y: 4 * pull.sum(0)}, "sign|wrong-axis"
    plain = (P - q)[:, :, None] * (y[:, None] - y[None])
    yield (
        "without the kernel (SNE's)",
        C,
        {Y: 4 * plain.sum(1)},
        "missing-activation-derivative|missing-factor|extra-factor|other",
    )
    attract = (P * kv)[:, :, None] * (y[:, None] - y[None])
    yield "attraction only", C, {Y: 4 * attract.sum(1)}, "missing-term"


def several_heads():
    """Attention with a batch of heads: stacked matrix products and a 3-d softmax."""
    rng = np.random.default_rng(93)
    h, n, d = 5, 3, 4
    Q, K, V = (tg.Tensor(rng.normal(size=(h, n, d))) for _ in range(3))
    C = rng.normal(size=(h, n, d))
    S = Q @ K.mT / np.sqrt(d)
    A = tg.softmax(S, axis=-1)
    E = (C * (A @ V)).sum()

    a, q, k, v = A.data, Q.data, K.data, V.data
    dA = C @ v.swapaxes(1, 2)
    dS = a * (dA - (a * dA).sum(-1, keepdims=True)) / 2
    yield "all", E, {Q: dS @ k, K: dS.swapaxes(1, 2) @ q, V: a.swapaxes(1, 2) @ C}, "right"
    yield "dS for its transpose", E, {K: dS @ q}, "transpose"
    yield "A for its transpose", E, {V: a @ C}, "transpose"
    yield "no scale", E, {Q: 2 * dS @ k}, "constant-scale"
    yield "no softmax", E, {Q: dA @ k / 2}, "missing-activation-derivative"
    yield "the diagonal only", E, {S: 2 * (dA * a * (1 - a)) / 2}, "missing-term"
    yield (
        "softmax over the queries",
        E,
        {S: a * (dA - (a * dA).sum(1, keepdims=True))},
        "wrong-axis",
    )


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


def euler_steps():
    """A state that goes round a residual loop: x <- x + h tanh(A x), three times."""
    rng = np.random.default_rng(98)
    A, x0, t = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=4)), rng.normal(size=4)
    h = 0.3
    x1 = x0 + h * tg.tanh(A @ x0)
    x2 = x1 + h * tg.tanh(A @ x1)
    x3 = x2 + h * tg.tanh(A @ x2)
    E = 0.5 * ((x3 - t) ** 2).sum()

    a, xs = A.data, [x0.data, x1.data, x2.data]

    def adjoint(skip=True, step=h, weights=a.T, last=0):
        g, dA = x3.data - t, np.zeros((4, 4))
        for s in (2, 1, 0):
            d = step * g * (1 - np.tanh(a @ xs[s]) ** 2)
            if s >= last:
                dA += np.outer(d, xs[s])
            g = (g if skip else 0) + weights @ d
        return {A: dA, x0: g}

    right = adjoint()
    yield "the adjoint", E, right, "right"
    yield "skips forgotten", E, {x0: adjoint(skip=False)[x0]}, "missing-term"
    yield "A for A^T", E, {x0: adjoint(weights=a)[x0]}, "transpose"
    yield "h forgotten", E, {x0: adjoint(step=1.0)[x0]}, "constant-scale|missing-factor"
    yield "only the last step's A", E, {A: adjoint(last=2)[A]}, "missing-term"
    yield "the first step's A forgotten", E, {A: adjoint(last=1)[A]}, "missing-term"
    yield "transposed outer products", E, {A: right[A].T}, "transpose"


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


PROBLEMS = [
    tied_autoencoder,
    stochastic_neighbours,
    several_heads,
    gated_unit,
    robust_losses,
    radial_basis,
    rows_are_weights,
    euler_steps,
    weighted_and_smoothed,
]
