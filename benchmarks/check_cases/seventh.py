"""A sixth and last examination: deep nets, penalties, pooling, batched attention, distillation."""

import numpy as np

import tinygrad_lite as tg


def three_layer():
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


def ridge_col():
    rng = np.random.default_rng(42)
    n = 8
    X = rng.normal(size=(n, 3))
    y = rng.normal(size=(n, 1))
    w = tg.Tensor(rng.normal(size=(3, 1)))
    b = tg.Tensor(0.4)
    lam = 0.35
    r = X @ w + b - y
    J = (r.T @ r).sum() / n + lam * np.sum(w**2) + 0.1 * np.abs(w).sum()
    R = r.data
    W = w.data
    yield (
        "right",
        J,
        {w: 2 * X.T @ R / n + 2 * lam * W + 0.1 * np.sign(W), b: 2 * R.mean()},
        "right",
    )
    yield "no l1", J, {w: 2 * X.T @ R / n + 2 * lam * W}, "missing-term"
    yield (
        "l1 without sign",
        J,
        {w: 2 * X.T @ R / n + 2 * lam * W + 0.1},
        "missing-activation-derivative|missing-factor",
    )
    yield (
        "l1 = |w|",
        J,
        {w: 2 * X.T @ R / n + 2 * lam * W + 0.1 * np.abs(W)},
        "wrong-activation-derivative",
    )
    yield "lam W", J, {w: 2 * X.T @ R / n + lam * W + 0.1 * np.sign(W)}, "constant-scale"
    yield (
        "data 2",
        J,
        {w: X.T @ R / n + 2 * lam * W + 0.1 * np.sign(W)},
        "constant-scale|missing-term",
    )
    yield "b sum", J, {b: 2 * R.sum()}, "mean-vs-sum"
    yield "b no 2", J, {b: R.mean()}, "constant-scale|missing-term"
    yield (
        "three samples only",
        J,
        {w: 2 * X[:3].T @ R[:3] / n + 2 * lam * W + 0.1 * np.sign(W)},
        "other|missing-term",
    )
    yield "a row", J, {w: (2 * X.T @ R / n + 2 * lam * W + 0.1 * np.sign(W)).ravel()}, "shape"


def vision_pool():
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


def attention_block_batched():
    rng = np.random.default_rng(44)
    B, T, d = 2, 3, 4
    Q = tg.Tensor(rng.normal(size=(B, T, d)))
    K = tg.Tensor(rng.normal(size=(B, T, d)))
    V = tg.Tensor(rng.normal(size=(B, T, d)))
    G = rng.normal(size=(B, T, d))
    S = Q @ K.swapaxes(1, 2) * d**-0.5
    A = tg.softmax(S, axis=-1)
    L = (A @ V * G).sum()
    a = A.data
    dA = G @ V.data.swapaxes(1, 2)
    dS = a * (dA - (a * dA).sum(-1, keepdims=True)) * d**-0.5
    yield (
        "right",
        L,
        {Q: dS @ K.data, K: dS.swapaxes(1, 2) @ Q.data, V: a.swapaxes(1, 2) @ G},
        "right",
    )
    yield "V: A not T", L, {V: a @ G}, "transpose"
    yield "K: dS not T", L, {K: dS @ Q.data}, "transpose"
    yield "no scale", L, {Q: dS @ K.data * 2}, "constant-scale"
    yield (
        "sum axis",
        L,
        {Q: (a * (dA - (a * dA).sum(1, keepdims=True)) * 0.5) @ K.data},
        "wrong-axis",
    )
    yield "no sum", L, {Q: (a * dA * 0.5) @ K.data}, "missing-term"
    yield "V dropped", L, {A: G.sum(-1, keepdims=True) + np.zeros((B, T, T))}, "missing-factor"
    yield "G dropped", L, {V: a.swapaxes(1, 2) @ np.ones_like(G)}, "missing-factor"


def kl_distill():
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


def contrastive_norm():
    rng = np.random.default_rng(46)
    N, d = 4, 3
    x = tg.Tensor(rng.normal(size=(N, d)))
    y = rng.normal(size=(N, d))
    tau = 0.5
    n = tg.sqrt((x**2).sum(axis=1, keepdims=True))
    u = x / n
    S = u @ y.T / tau
    L = -(tg.log_softmax(S, axis=1)).diagonal().mean()
    p = np.exp(S.data)
    p /= p.sum(1, keepdims=True)
    dS = (p - np.eye(N)) / N
    du = dS @ y / tau
    U = u.data
    dx = (du - U * (du * U).sum(1, keepdims=True)) / n.data
    yield "right", L, {S: dS, u: du, x: dx}, "right"
    yield "norm constant", L, {x: du / n.data}, "missing-term"
    yield "no norm", L, {x: du - U * (du * U).sum(1, keepdims=True)}, "missing-factor"
    yield "no tau", L, {u: dS @ y}, "constant-scale"
    yield "y T", L, {u: dS.T @ y / tau}, "transpose"
    yield "plus", L, {x: (du + U * (du * U).sum(1, keepdims=True)) / n.data}, "sign"
    yield "no 1/N", L, {S: dS * N}, "mean-vs-sum"
    yield (
        "x for u",
        L,
        {x: (du - x.data * (du * x.data).sum(1, keepdims=True)) / n.data},
        "missing-factor|other",
    )
    yield (
        "columns softmax",
        L,
        {S: (np.exp(S.data) / np.exp(S.data).sum(0) - np.eye(N)) / N},
        "wrong-axis",
    )


def bilinear_gate():
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


def values_by_hand():
    x, y, z = tg.Value(1.3), tg.Value(0.7), tg.Value(-2.0)
    q = x * y + tg.sin(z * x)
    r = tg.exp(q) / (1 + y**2)
    E = r + tg.log(x)
    X, Y, Z = 1.3, 0.7, -2.0
    Q = q.data
    R = r.data
    dq = R
    yield (
        "right",
        E,
        {
            q: dq,
            x: dq * (Y + Z * np.cos(Z * X)) + 1 / X,
            z: dq * X * np.cos(Z * X),
            y: dq * X - R * 2 * Y / (1 + Y * Y),
        },
        "right",
    )
    yield "no chain z", E, {x: dq * (Y + np.cos(Z * X)) + 1 / X}, "missing-factor"
    yield "sin for cos", E, {z: dq * X * np.sin(Z * X)}, "wrong-activation-derivative"
    yield "-cos", E, {z: -dq * X * np.cos(Z * X)}, "sign"
    yield "log path", E, {x: dq * (Y + Z * np.cos(Z * X))}, "missing-term"
    yield "quotient forgotten", E, {y: dq * X}, "missing-term"
    yield "quotient 2", E, {y: dq * X - R * Y / (1 + Y * Y)}, "constant-scale"
    yield "quotient plus", E, {y: dq * X + R * 2 * Y / (1 + Y * Y)}, "sign"
    yield (
        "exp derivative q",
        E,
        {q: Q * np.exp(Q - 1) / (1 + Y * Y)},
        "wrong-activation-derivative|other",
    )
    yield "log x", E, {x: dq * (Y + Z * np.cos(Z * X)) + np.log(X)}, "wrong-activation-derivative"
    yield "quotient unsquared", E, {y: dq * X - np.exp(Q) * 2 * Y / (1 + Y * Y)}, "missing-factor"


PROBLEMS = [
    three_layer,
    ridge_col,
    vision_pool,
    attention_block_batched,
    kl_distill,
    contrastive_norm,
    bilinear_gate,
    values_by_hand,
]
