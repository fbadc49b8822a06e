"""A fifth examination: normalisation, gates, samples in a loop, and what else people derive."""

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn


def sig(z):
    return 1 / (1 + np.exp(-z))


def updated():
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


def batchnorm_paper():
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


def lstm_cell():
    rng = np.random.default_rng(32)
    n = 4
    x = rng.normal(size=(3,))
    h0 = tg.Tensor(rng.normal(size=n))
    c0 = tg.Tensor(rng.normal(size=n))
    W = tg.Tensor(rng.normal(size=(4 * n, 3)))
    U = tg.Tensor(rng.normal(size=(4 * n, n)))
    b = tg.Tensor(rng.normal(size=4 * n))
    t = rng.normal(size=n)
    a = W @ x + U @ h0 + b
    i = tg.sigmoid(a[:n])
    f = tg.sigmoid(a[n : 2 * n])
    o = tg.sigmoid(a[2 * n : 3 * n])
    g = tg.tanh(a[3 * n :])
    c = f * c0 + i * g
    h = o * tg.tanh(c)
    L = ((h - t) ** 2).sum()
    I_, F, O_, G, C = [v.data for v in (i, f, o, g, c)]
    dh = 2 * (h.data - t)
    do = dh * np.tanh(C)
    dc = dh * O_ * (1 - np.tanh(C) ** 2)
    di = dc * G
    df = dc * c0.data
    dg = dc * I_

    def da(i_=1, f_=1, o_=1, g_=1):
        return np.concatenate(
            [
                di * I_ * (1 - I_) * i_,
                df * F * (1 - F) * f_,
                do * O_ * (1 - O_) * o_,
                dg * (1 - G**2) * g_,
            ]
        )

    A = da()
    yield (
        "right",
        L,
        {c: dc, a: A, U: np.outer(A, h0.data), h0: U.data.T @ A, c0: dc * F, b: A},
        "right",
    )
    yield "tanh'(c) missing", L, {c: dh * O_}, "missing-activation-derivative"
    yield "o missing", L, {c: dh * (1 - np.tanh(C) ** 2)}, "missing-factor"
    yield "1-c^2", L, {c: dh * O_ * (1 - C**2)}, "activation-derivative-at-wrong-point"
    yield "f gate cut", L, {a: da(f_=0)}, "missing-term"
    yield (
        "g with sigmoid'",
        L,
        {b: np.concatenate([A[: 3 * n], dg * G * (1 - G)])},
        "wrong-activation-derivative",
    )
    yield (
        "gates swapped",
        L,
        {a: np.concatenate([A[n : 2 * n], A[:n], A[2 * n :]])},
        "wrong-order|off-by-index|other",
    )
    yield "c0 by i", L, {c0: dc * I_}, "other|missing-factor|wrong-order"
    yield "di with c0", L, {i: dc * c0.data}, "other|missing-term"
    yield "i and f both with f", L, {U: np.outer(A, h.data)}, "off-by-index|other|missing-term"
    yield (
        "do without tanh",
        L,
        {o: dh * C},
        "missing-activation-derivative|activation-derivative-at-wrong-point|missing-factor",
    )


def nn_mlp_bce():
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
    p = sig(z.data)
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


def per_sample_loop():
    """A scalar loop with Values: perceptron with squared error."""
    xs = [(1.0, 2.0), (-1.0, 0.5), (0.3, -2.0)]
    ys = [1.0, -1.0, 0.5]
    w1, w2, b = tg.Value(0.3), tg.Value(-0.4), tg.Value(0.1)
    L = 0
    for (p, q), y in zip(xs, ys, strict=True):
        L = L + (tg.tanh(w1 * p + w2 * q + b) - y) ** 2
    L = L / 3
    X = np.array(xs)
    Y = np.array(ys)
    o = np.tanh(X @ [0.3, -0.4] + 0.1)
    d = 2 * (o - Y) * (1 - o**2) / 3
    yield "right", L, {w1: d @ X[:, 0], w2: d @ X[:, 1], b: d.sum()}, "right"
    yield "last only", L, {w1: d[-1] * X[-1, 0]}, "missing-term"
    yield "first only", L, {b: d[0]}, "missing-term"
    yield "no tanh'", L, {w1: (2 * (o - Y) / 3) @ X[:, 0]}, "missing-activation-derivative"
    yield "no x", L, {w1: d.sum()}, "missing-factor"
    yield "no 2", L, {w2: d @ X[:, 1] / 2}, "constant-scale"
    yield "not /3", L, {b: 3 * d.sum()}, "mean-vs-sum|constant-scale"
    yield "y-o", L, {b: -d.sum()}, "sign"
    yield "no error", L, {w2: ((1 - o**2) * 2 / 3) @ X[:, 1]}, "missing-factor"


def negative_sampling():
    rng = np.random.default_rng(34)
    V, D = 9, 4
    Win = tg.Tensor(rng.normal(size=(V, D)))
    Wout = tg.Tensor(rng.normal(size=(V, D)))
    c, o = 2, 5
    neg = [1, 7, 7]
    v = Win[c]
    u = Wout[o]
    un = Wout[neg]
    L = -tg.log(tg.sigmoid(u @ v)) - tg.log(tg.sigmoid(-(un @ v))).sum()
    s = sig(u.data @ v.data)
    sn = sig(un.data @ v.data)
    dv = (s - 1) * u.data + sn @ un.data
    dun = sn[:, None] * v.data
    dW = np.zeros((V, D))
    dW[o] += (s - 1) * v.data
    np.add.at(dW, neg, dun)
    yield "right", L, {v: dv, u: (s - 1) * v.data, un: dun, Wout: dW}, "right"
    yield "positive only", L, {v: (s - 1) * u.data}, "missing-term"
    yield "neg sign", L, {v: (s - 1) * u.data - sn @ un.data}, "sign"
    yield "s for s-1", L, {u: s * v.data}, "missing-term|activation-derivative-at-wrong-point"
    yield (
        "1-sn for negatives",
        L,
        {un: (1 - sn)[:, None] * v.data},
        "sign|activation-derivative-at-wrong-point|missing-term|wrong-activation-derivative|other",
    )
    b = np.zeros((V, D))
    b[o] = (s - 1) * v.data
    b[neg] = dun
    yield "repeats overwritten", L, {Wout: b}, "missing-term"
    yield (
        "sigmoid' not log",
        L,
        {u: -s * (1 - s) * v.data},
        "missing-factor|missing-activation-derivative|extra-factor",
    )


def quadratic_form_column():
    rng = np.random.default_rng(35)
    A = rng.normal(size=(4, 4))
    x = tg.Tensor(rng.normal(size=(4, 1)))
    b = rng.normal(size=(4, 1))
    f = (0.5 * x.T @ A @ x - b.T @ x).sum()
    X = x.data
    S = A + A.T
    yield "right", f, {x: 0.5 * S @ X - b}, "right"
    yield (
        "A symmetric assumed",
        f,
        {x: A @ X - b},
        "transpose|missing-term|double-count|wrong-order",
    )
    yield "no 1/2", f, {x: S @ X - b}, "constant-scale"
    yield "+b", f, {x: 0.5 * S @ X + b}, "sign"
    yield "no b", f, {x: 0.5 * S @ X}, "missing-term"
    yield "row", f, {x: (0.5 * S @ X - b).T}, "transpose"
    yield "one path", f, {x: 0.5 * A @ X - b}, "missing-term"


def mvn():
    rng = np.random.default_rng(36)
    N, d = 7, 3
    X = rng.normal(size=(N, d))
    mu = tg.Tensor(rng.normal(size=d))
    B = rng.normal(size=(d, d))
    Lam = tg.Tensor(B @ B.T + np.eye(d) + 0.1 * rng.normal(size=(d, d)))
    D = X - mu
    q = (D @ Lam * D).sum()
    nll = 0.5 * q - N / 2 * tg.logabsdet(Lam)
    L = Lam.data
    dv = D.data
    dL = 0.5 * dv.T @ dv - N / 2 * np.linalg.inv(L).T
    dm = -0.5 * ((L + L.T) @ dv.T).sum(1)
    yield "right", nll, {Lam: dL, mu: dm}, "right"
    yield "mu sign", nll, {mu: -dm}, "sign"
    yield "one of two", nll, {mu: -0.5 * (L @ dv.T).sum(1)}, "missing-term"
    yield "inv not T", nll, {Lam: 0.5 * dv.T @ dv - N / 2 * np.linalg.inv(L)}, "transpose"
    yield (
        "no N",
        nll,
        {Lam: 0.5 * dv.T @ dv - 0.5 * np.linalg.inv(L).T},
        "mean-vs-sum|constant-scale|missing-factor",
    )
    yield "no logdet", nll, {Lam: 0.5 * dv.T @ dv}, "missing-term"
    yield "Lam not inverted", nll, {Lam: 0.5 * dv.T @ dv - N / 2 * L}, "other"
    yield "mean mu", nll, {mu: dm / N}, "mean-vs-sum"


def policy_gradient():
    rng = np.random.default_rng(37)
    T, A, D = 6, 3, 4
    S = rng.normal(size=(T, D))
    a = rng.integers(0, A, T)
    R = rng.normal(size=T)
    th = tg.Tensor(rng.normal(size=(D, A)))
    logits = S @ th
    logp = tg.log_softmax(logits, axis=1)
    J = -(R * logp[np.arange(T), a]).mean()
    p = np.exp(logp.data)
    ent = -(np.exp(logp) * logp).sum(axis=1).mean()
    L = J - 0.01 * ent
    Y = np.eye(A)[a]
    H = -(p * logp.data).sum(1, keepdims=True)
    dl = -(R[:, None] * (Y - p)) / T
    de = -p * (logp.data + H) / T
    yield "right", L, {logits: dl - 0.01 * de, th: S.T @ (dl - 0.01 * de)}, "right"
    yield "no entropy", L, {th: S.T @ dl}, "missing-term"
    yield "entropy sign", L, {th: S.T @ (dl + 0.01 * de)}, "sign"
    yield "no return", L, {logits: -(Y - p) / T - 0.01 * de}, "missing-factor"
    yield "ascent", L, {th: -S.T @ (dl - 0.01 * de)}, "sign"
    yield (
        "entropy centred wrongly",
        L,
        {logits: dl + 0.01 * p * (logp.data + 1) / T},
        "missing-term|other",
    )


def gcn():
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


def focal_swish():
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


PROBLEMS = [
    updated,
    batchnorm_paper,
    lstm_cell,
    nn_mlp_bce,
    per_sample_loop,
    negative_sampling,
    quadratic_form_column,
    mvn,
    policy_gradient,
    gcn,
    focal_swish,
]
