"""A fourth examination: graphs and slips as in courses, papers and notebooks."""

from math import erf

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn


def ng_column_net():
    """Andrew Ng's convention: X (n_x, m), b (n, 1), cost -1/m sum."""
    rng = np.random.default_rng(1)
    m = 7
    X = rng.normal(size=(3, m))
    Y = (rng.random((1, m)) > 0.5) * 1.0
    W1 = tg.Tensor(rng.normal(size=(5, 3)) * 0.6)
    b1 = tg.Tensor(rng.normal(size=(5, 1)) * 0.3)
    W2 = tg.Tensor(rng.normal(size=(1, 5)) * 0.6)
    b2 = tg.Tensor(rng.normal(size=(1, 1)))
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    cost = -(1 / m) * np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    a1, a2, w2 = A1.data, A2.data, W2.data
    dZ2 = a2 - Y
    dW2 = dZ2 @ a1.T / m
    db2 = dZ2.sum(axis=1, keepdims=True) / m
    dZ1 = w2.T @ dZ2 * (1 - a1**2)
    dW1 = dZ1 @ X.T / m
    db1 = dZ1.sum(1, keepdims=True) / m
    yield "right", cost, {W1: dW1, b1: db1, W2: dW2, b2: db2}, "right"
    yield (
        "no 1/m in dW1",
        cost,
        {W1: dW1 * m, b1: db1, W2: dW2, b2: db2},
        {W1: "mean-vs-sum", b1: "right", W2: "right", b2: "right"},
    )
    yield "db1 summed over all", cost, {b1: np.full((5, 1), dZ1.sum() / m)}, "wrong-axis"
    yield (
        "1-Z1^2",
        cost,
        {W1: w2.T @ dZ2 * (1 - Z1.data**2) @ X.T / m},
        "activation-derivative-at-wrong-point",
    )
    yield (
        "sigmoid' for tanh'",
        cost,
        {W1: w2.T @ dZ2 * (a1 * (1 - a1)) @ X.T / m, W2: dW2},
        {W1: "wrong-activation-derivative", W2: "right"},
    )
    yield "extra sigmoid'", cost, {W2: (dZ2 * a2 * (1 - a2)) @ a1.T / m}, "extra-factor"
    yield "Y-A2", cost, {W2: -dW2, b2: -db2}, "sign"
    yield (
        "no tanh'",
        cost,
        {b1: (w2.T @ dZ2).sum(1, keepdims=True) / m},
        "missing-activation-derivative",
    )
    yield "sign and no 1/m", cost, {W2: -dW2 * m}, "sign|mean-vs-sum"
    yield "dA2 without the second term", cost, {A2: -(Y / a2) / m}, "missing-term"


def nn_regression():
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


def half_m():
    """J = 1/(2m) |X theta - y|^2 + lam/(2m) sum theta[1:]^2."""
    rng = np.random.default_rng(3)
    m = 9
    lam = 0.7
    X = np.c_[np.ones(m), rng.normal(size=(m, 3))]
    y = rng.normal(size=m)
    theta = tg.Tensor(rng.normal(size=4))
    h = X @ theta
    err = h - y
    J = (err**2).sum() / (2 * m) + lam / (2 * m) * (theta[1:] ** 2).sum()
    t = theta.data
    e = err.data
    reg = lam / m * np.r_[0, t[1:]]
    g = X.T @ e / m
    yield "right", J, {theta: g + reg}, "right"
    yield "bias regularised", J, {theta: g + lam / m * t}, "off-by-index|other|extra-factor"
    yield "reg without 1/m", J, {theta: g + reg * m}, "mean-vs-sum"
    yield "reg forgotten", J, {theta: g}, "missing-term"
    yield "reg minus", J, {theta: g - reg}, "sign"
    yield "2 too many", J, {theta: 2 * g + reg}, "constant-scale"


def logsoftmax_hand():
    rng = np.random.default_rng(4)
    N, C, D = 6, 4, 3
    X = rng.normal(size=(N, D))
    y = rng.integers(0, C, N)
    Y = np.eye(C)[y]
    W = tg.Tensor(rng.normal(size=(D, C)))
    b = tg.Tensor(rng.normal(size=C))
    logits = X @ W + b
    shifted = logits - logits.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -(Y * logp).sum() / N + 0.5 * 0.1 * (W * W).sum()
    p = np.exp(logp.data)
    d = (p - Y) / N
    reg = 0.1 * W.data
    yield "right", loss, {logits: d, W: X.T @ d + reg, b: d.sum(0)}, "right"
    yield "p only", loss, {logits: p / N}, "missing-term"
    yield "reg 2", loss, {W: X.T @ d + 2 * reg}, "constant-scale"
    yield "reg missing", loss, {W: X.T @ d}, "missing-term"
    yield "softmax derivative p(1-p)", loss, {logits: d * p * (1 - p)}, "extra-factor"
    yield "Y - p", loss, {W: -X.T @ d + reg}, "sign"
    yield (
        "forgot N",
        loss,
        {logits: p - Y, W: X.T @ (p - Y) + reg},
        {logits: "mean-vs-sum", W: "inherited|mean-vs-sum"},
    )


def residual_dropout():
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


def embedding_mean():
    rng = np.random.default_rng(6)
    E = tg.Tensor(rng.normal(size=(8, 3)))
    idx = np.array([[1, 2, 2], [5, 1, 7]])
    W = tg.Tensor(rng.normal(size=(3, 2)))
    T = rng.normal(size=(2, 2))
    emb = E[idx]
    ctx = emb.mean(axis=1)
    y = ctx @ W
    L = 0.5 * ((y - T) ** 2).sum()
    d = y.data - T
    dctx = d @ W.data.T
    demb = np.repeat(dctx[:, None] / 3, 3, 1)
    dE = np.zeros((8, 3))
    np.add.at(dE, idx, demb)
    bad = np.zeros((8, 3))
    bad[idx] = demb
    yield "right", L, {E: dE, W: ctx.data.T @ d, emb: demb}, "right"
    yield "overwritten", L, {E: bad}, "missing-term"
    yield "mean's 1/3", L, {E: dE * 3}, "mean-vs-sum"
    yield "2 too many", L, {ctx: 2 * dctx}, "constant-scale"
    yield "no upstream", L, {W: ctx.data.T @ np.ones_like(d)}, "missing-factor"


def gru_cell():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(1, 3))
    h = tg.Tensor(rng.normal(size=(1, 4)))
    Wz, Wr, Wh = [tg.Tensor(rng.normal(size=(3, 4))) for _ in range(3)]
    Uz, Ur, Uh = [tg.Tensor(rng.normal(size=(4, 4))) for _ in range(3)]
    t = rng.normal(size=(1, 4))
    z = tg.sigmoid(x @ Wz + h @ Uz)
    r = tg.sigmoid(x @ Wr + h @ Ur)
    rh = r * h
    n = tg.tanh(x @ Wh + rh @ Uh)
    h_new = (1 - z) * n + z * h
    loss = 0.5 * ((h_new - t) ** 2).sum()
    dn_ = h_new.data - t
    zv, rv, nv, hv = z.data, r.data, n.data, h.data
    dz = dn_ * (hv - nv)
    dn = dn_ * (1 - zv)
    dnp = dn * (1 - nv**2)
    drh = dnp @ Uh.data.T
    dr = drh * hv
    dzp = dz * zv * (1 - zv)
    drp = dr * rv * (1 - rv)
    dh = dn_ * zv + drh * rv + dzp @ Uz.data.T + drp @ Ur.data.T
    yield "right", loss, {h: dh, z: dz, n: dn, r: dr, Uh: rh.data.T @ dnp, Wr: x.T @ drp}, "right"
    yield "dz sign", loss, {z: dn_ * (nv - hv)}, "sign"
    yield "dz without n", loss, {z: dn_ * hv}, "missing-term"
    yield "dn by z", loss, {n: dn_ * zv}, "missing-term|other|sign"
    yield "dh no reset path", loss, {h: dh - drp @ Ur.data.T}, "missing-term"
    yield "dh only leak", loss, {h: dn_ * zv}, "missing-term"
    yield "r' missing", loss, {Wr: x.T @ dr}, "missing-activation-derivative"
    yield "tanh' for sigmoid'", loss, {Wr: x.T @ (dr * (1 - rv**2))}, "wrong-activation-derivative"
    yield "Uh with h", loss, {Uh: hv.T @ dnp}, "missing-factor|missing-term"
    yield "Uh not transposed", loss, {r: dnp @ Uh.data * hv}, "transpose"


def masked_attention():
    rng = np.random.default_rng(8)
    n, dk = 5, 3
    X = rng.normal(size=(n, 4))
    Wq, Wk, Wv = [tg.Tensor(rng.normal(size=(4, dk))) for _ in range(3)]
    T = rng.normal(size=(n, dk))
    mask = np.triu(np.full((n, n), -1e9), 1)
    Q = X @ Wq
    K = X @ Wk
    V = X @ Wv
    S = Q @ K.T / np.sqrt(dk) + mask
    P = tg.softmax(S, axis=-1)
    out = P @ V
    L = ((out - T) ** 2).sum() / n
    dO = 2 * (out.data - T) / n
    dV = P.data.T @ dO
    dP = dO @ V.data.T
    p = P.data
    dS = p * (dP - (dP * p).sum(1, keepdims=True))
    dQ = dS @ K.data / np.sqrt(dk)
    dK = dS.T @ Q.data / np.sqrt(dk)
    yield (
        "right",
        L,
        {V: dV, P: dP, Q: dQ, K: dK, Wq: X.T @ dQ, Wk: X.T @ dK, Wv: X.T @ dV},
        "right",
    )
    yield "dV P not T", L, {V: p @ dO}, "transpose"
    yield "dK dS not T", L, {K: dS @ Q.data / np.sqrt(dk)}, "transpose"
    yield "no sqrt", L, {Wq: X.T @ dQ * np.sqrt(dk)}, "constant-scale"
    yield "diag", L, {Q: (p * (1 - p) * dP) @ K.data / np.sqrt(dk)}, "missing-term"
    yield (
        "wrong axis",
        L,
        {Q: (p * (dP - (dP * p).sum(0, keepdims=True))) @ K.data / np.sqrt(dk)},
        "wrong-axis",
    )
    yield "scale twice", L, {Wk: X.T @ dK / np.sqrt(dk)}, "constant-scale"
    yield (
        "softmax' left out",
        L,
        {Wk: X.T @ (dP.T @ Q.data / np.sqrt(dk))},
        "missing-activation-derivative",
    )
    yield "1/dk for 1/sqrt dk", L, {Q: dS @ K.data / dk}, "constant-scale"


def layernorm_hand():
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


def huber():
    rng = np.random.default_rng(11)
    N = 10
    X = rng.normal(size=(N, 3))
    y = rng.normal(size=N) * 2
    w = tg.Tensor(rng.normal(size=3))
    delta = 1.0
    r = X @ w - y
    a = tg.abs(r)
    L = tg.where(a <= delta, 0.5 * r**2, delta * (a - 0.5 * delta)).mean()
    rv = r.data
    psi = np.where(np.abs(rv) <= delta, rv, delta * np.sign(rv))
    yield "right", L, {w: X.T @ psi / N}, "right"
    yield "clip form", L, {w: X.T @ np.clip(rv, -1, 1) / N}, "right"
    yield (
        "no clip",
        L,
        {w: X.T @ rv / N},
        "wrong-activation-derivative|missing-term|missing-activation-derivative|missing-factor|other",
    )
    yield (
        "sign lost outside",
        L,
        {w: X.T @ np.where(np.abs(rv) <= delta, rv, delta) / N},
        "missing-activation-derivative|missing-factor|sign",
    )
    yield "sum", L, {w: X.T @ psi}, "mean-vs-sum"
    yield "sign", L, {w: -X.T @ psi / N}, "sign"


PROBLEMS = [
    ng_column_net,
    nn_regression,
    half_m,
    logsoftmax_hand,
    residual_dropout,
    embedding_mean,
    gru_cell,
    masked_attention,
    layernorm_hand,
    rms_norm,
    huber,
]
