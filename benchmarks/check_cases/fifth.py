"""The fourth examination, second part: losses, penalties, sequences."""

import numpy as np

import tinygrad_lite as tg


def sig(z):
    return 1 / (1 + np.exp(-z))


def svm():
    rng = np.random.default_rng(12)
    N = 12
    X = 3 * rng.normal(size=(N, 2))
    y = np.sign(rng.normal(size=N))
    w = tg.Tensor(rng.normal(size=2))
    b = tg.Tensor(0.3)
    C = 2.0
    m = y * (X @ w + b)
    L = 0.5 * (w @ w) + C * np.maximum(0, 1 - m).mean()
    act = (m.data < 1) * 1.0
    dw = w.data - C / N * X.T @ (act * y)
    db = -C / N * (act * y).sum()
    yield "right", L, {w: dw, b: db}, "right"
    yield "no y", L, {w: w.data - C / N * X.T @ act, b: -C / N * act.sum()}, "missing-factor"
    yield "plus", L, {w: w.data + C / N * X.T @ (act * y)}, "sign"
    yield (
        "no mask",
        L,
        {w: w.data - C / N * X.T @ y, b: -C / N * y.sum()},
        "missing-activation-derivative",
    )
    yield "2w", L, {w: 2 * w.data - C / N * X.T @ (act * y)}, "constant-scale"
    yield (
        "mask m<0",
        L,
        {w: w.data - C / N * X.T @ ((m.data < 0) * y)},
        "activation-derivative-at-wrong-point|wrong-activation-derivative|other",
    )


def vae_kl():
    rng = np.random.default_rng(13)
    B, Z = 4, 3
    mu = tg.Tensor(rng.normal(size=(B, Z)))
    logvar = tg.Tensor(rng.normal(size=(B, Z)))
    eps = rng.normal(size=(B, Z))
    W = tg.Tensor(rng.normal(size=(Z, 5)))
    x = rng.random((B, 5))
    std = np.exp(0.5 * logvar)
    z = mu + std * eps
    xr = tg.sigmoid(z @ W)
    rec = ((xr - x) ** 2).sum() / B
    kl = -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum() / B
    L = rec + kl
    d = 2 * (xr.data - x) / B * xr.data * (1 - xr.data)
    dz = d @ W.data.T
    s = std.data
    dmu = dz + mu.data / B
    dlv = dz * eps * 0.5 * s + 0.5 * (np.exp(logvar.data) - 1) / B
    yield "right", L, {mu: dmu, logvar: dlv, W: z.data.T @ d}, "right"
    yield "no kl", L, {mu: dz}, "missing-term"
    yield (
        "no 1/2 std",
        L,
        {logvar: dz * eps * s + 0.5 * (np.exp(logvar.data) - 1) / B},
        "constant-scale",
    )
    yield "kl sign", L, {logvar: dz * eps * 0.5 * s - 0.5 * (np.exp(logvar.data) - 1) / B}, "sign"
    yield (
        "no eps",
        L,
        {logvar: dz * 0.5 * s + 0.5 * (np.exp(logvar.data) - 1) / B},
        "missing-factor",
    )
    yield "no -1", L, {logvar: dz * eps * 0.5 * s + 0.5 * np.exp(logvar.data) / B}, "missing-term"
    yield "kl not /B", L, {mu: dz + mu.data}, "mean-vs-sum"
    yield (
        "no std",
        L,
        {logvar: dz * eps * 0.5 + 0.5 * (np.exp(logvar.data) - 1) / B},
        "missing-factor|missing-activation-derivative",
    )
    yield "only kl", L, {logvar: 0.5 * (np.exp(logvar.data) - 1) / B}, "missing-term"


def triplet_loss():
    rng = np.random.default_rng(14)
    a, p, n = [tg.Tensor(rng.normal(size=(6, 4))) for _ in range(3)]
    d_ap = ((a - p) ** 2).sum(axis=1)
    d_an = ((a - n) ** 2).sum(axis=1)
    viol = d_ap - d_an + 1.0
    L = tg.relu(viol).mean()
    act = (viol.data > 0)[:, None] / 6
    A, P, N = a.data, p.data, n.data
    yield "right", L, {a: 2 * (N - P) * act, p: 2 * (P - A) * act, n: 2 * (A - N) * act}, "right"
    yield "p sign", L, {p: 2 * (A - P) * act}, "sign"
    yield "no 2", L, {n: (A - N) * act}, "constant-scale"
    yield "a one path", L, {a: 2 * (A - P) * act}, "missing-term"
    yield "a minus dropped", L, {a: 2 * ((A - P) + (A - N)) * act}, "sign"
    yield "no mask", L, {n: 2 * (A - N) / 6}, "missing-activation-derivative"


def matfac():
    rng = np.random.default_rng(15)
    U = tg.Tensor(rng.normal(size=(5, 2)))
    V = tg.Tensor(rng.normal(size=(6, 2)))
    R = rng.normal(size=(5, 6))
    M = (rng.random((5, 6)) > 0.4) * 1.0
    lam = 0.3
    E = M * (R - U @ V.T)
    J = 0.5 * (E**2).sum() + 0.5 * lam * ((U**2).sum() + (V**2).sum())
    e = E.data
    u, v = U.data, V.data
    yield "right", J, {U: -e @ v + lam * u, V: -e.T @ u + lam * v}, "right"
    yield "plus", J, {U: e @ v + lam * u}, "sign"
    yield "no mask", J, {U: -(R - u @ v.T) @ v + lam * u}, "missing-factor"
    yield "lambda term forgotten", J, {V: -e.T @ u}, "missing-term"
    yield "2", J, {U: -2 * e @ v + lam * u}, "constant-scale"
    yield "lam missing", J, {V: -e.T @ u + v}, "constant-scale|missing-factor"


def logistic_pm():
    rng = np.random.default_rng(16)
    N = 8
    X = rng.normal(size=(N, 3))
    y = np.sign(rng.normal(size=N))
    w = tg.Tensor(rng.normal(size=3))
    L = np.log(1 + np.exp(-y * (X @ w))).mean()
    s = sig(-y * (X @ w.data))
    yield "right", L, {w: -X.T @ (y * s) / N}, "right"
    yield (
        "sigma(ym)",
        L,
        {w: -X.T @ (y * (1 - s)) / N},
        "sign|missing-activation-derivative",
    )
    yield "sign", L, {w: X.T @ (y * s) / N}, "sign"
    yield "no y", L, {w: -X.T @ s / N}, "missing-factor"
    yield (
        "sigmoid'",
        L,
        {w: -X.T @ (y * s * (1 - s)) / N},
        "extra-factor|wrong-activation-derivative",
    )
    yield "no N", L, {w: -X.T @ (y * s)}, "mean-vs-sum"
    yield "no X", L, {w: -np.ones((3, N)) @ (y * s) / N}, "missing-factor"


def gauss_ll():
    rng = np.random.default_rng(17)
    x = rng.normal(size=9) * 2
    mu = tg.Value(0.4)
    log_sigma = tg.Value(-0.2)
    sigma = log_sigma.exp()
    nll = 0
    for v in x:
        nll = nll + 0.5 * ((v - mu) / sigma) ** 2 + log_sigma
    m, s = mu.data, sigma.data
    yield (
        "right",
        nll,
        {mu: -((x - m) / s**2).sum(), log_sigma: 9 - (((x - m) / s) ** 2).sum()},
        "right",
    )
    yield "mu sign", nll, {mu: ((x - m) / s**2).sum()}, "sign"
    yield "mu one sigma", nll, {mu: -((x - m) / s).sum()}, "missing-factor"
    yield "no N", nll, {log_sigma: -(((x - m) / s) ** 2).sum()}, "missing-term"
    yield (
        "1-",
        nll,
        {log_sigma: 1 - (((x - m) / s) ** 2).sum()},
        "mean-vs-sum|missing-term|missing-factor|other|constant-scale",
    )
    yield (
        "d/dsigma",
        nll,
        {log_sigma: (9 - (((x - m) / s) ** 2).sum()) / s},
        "missing-activation-derivative|missing-factor|extra-factor",
    )
    yield "plus", nll, {log_sigma: 9 + (((x - m) / s) ** 2).sum()}, "sign"


def mixture():
    rng = np.random.default_rng(18)
    x = rng.normal(size=(10, 1)) * 2
    K = 3
    mu = tg.Tensor(rng.normal(size=K))
    a = tg.Tensor(rng.normal(size=K))
    logpi = tg.log_softmax(a, axis=0)
    lj = logpi - 0.5 * (x - mu) ** 2
    ll = tg.logsumexp(lj, axis=1)
    nll = -ll.mean()
    r = np.exp(lj.data - ll.data[:, None])
    pi = np.exp(logpi.data)
    yield "right", nll, {mu: -(r * (x - mu.data)).mean(0), a: pi - r.mean(0)}, "right"
    yield "no r", nll, {mu: -(x - mu.data).mean(0)}, "missing-factor|missing-activation-derivative"
    yield "sign", nll, {mu: (r * (x - mu.data)).mean(0)}, "sign"
    yield "no pi", nll, {a: -r.mean(0)}, "missing-term"
    yield "r sum", nll, {mu: -(r * (x - mu.data)).sum(0)}, "mean-vs-sum"
    yield "a reversed", nll, {a: r.mean(0) - pi}, "sign"


def cosine():
    rng = np.random.default_rng(19)
    u = tg.Tensor(rng.normal(size=4))
    v = tg.Tensor(rng.normal(size=4))
    nu = tg.sqrt((u * u).sum())
    nv = tg.sqrt((v * v).sum())
    c = (u @ v) / (nu * nv)
    L = 1 - c
    U, V, a, b, k = u.data, v.data, nu.data, nv.data, c.data
    yield "right", L, {u: -(V / (a * b) - k * U / a**2)}, "right"
    yield "norm const", L, {u: -V / (a * b)}, "missing-term"
    yield "plus", L, {u: -(V / (a * b) + k * U / a**2)}, "sign"
    yield "sign", L, {v: (U / (a * b) - k * V / b**2)}, "sign"
    yield "unsquared", L, {v: -(U / (a * b) - k * V / b)}, "missing-factor|extra-factor"


def elu_softplus():
    rng = np.random.default_rng(20)
    X = rng.normal(size=(6, 3))
    W1 = tg.Tensor(rng.normal(size=(3, 4)))
    w2 = tg.Tensor(rng.normal(size=(4,)))
    t = rng.random(6)
    z = X @ W1
    h = tg.where(z > 0, z, np.exp(z) - 1)
    s = h @ w2
    y = np.log(1 + np.exp(s))
    L = ((y - t) ** 2).mean()
    d = 2 * (y.data - t) / 6
    ds = d * sig(s.data)
    dh = np.outer(ds, w2.data)
    dz = dh * np.where(z.data > 0, 1, np.exp(z.data))
    yield "right", L, {W1: X.T @ dz, w2: h.data.T @ ds}, "right"
    yield "elu' = h+1", L, {W1: X.T @ (dh * np.where(z.data > 0, 1, h.data + 1))}, "right"
    yield "elu' 0", L, {W1: X.T @ (dh * (z.data > 0))}, "wrong-activation-derivative|missing-term"
    yield (
        "elu' h",
        L,
        {W1: X.T @ (dh * np.where(z.data > 0, 1, h.data))},
        "wrong-activation-derivative|missing-term|activation-derivative-at-wrong-point",
    )
    yield "softplus' missing", L, {w2: h.data.T @ d}, "missing-activation-derivative"
    yield (
        "softplus' = s(1-s)",
        L,
        {w2: h.data.T @ (d * sig(s.data) * (1 - sig(s.data)))},
        "wrong-activation-derivative|extra-factor",
    )
    yield (
        "w2 missing",
        L,
        {W1: X.T @ ((ds[:, None] + np.zeros(4)) * np.where(z.data > 0, 1, np.exp(z.data)))},
        "missing-factor",
    )


def im2col():
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


def micrograd_values():
    a, b, c = tg.Value(2.0), tg.Value(-3.0), tg.Value(1.5)
    e = a * b
    d = e + c
    f = tg.tanh(d / 5)
    L = f * f + a
    F = f.data
    dL_df = 2 * F
    dd = dL_df * (1 - F**2) / 5
    yield "right", L, {f: dL_df, d: dd, e: dd, a: dd * -3 + 1, b: dd * 2, c: dd}, "right"
    yield "a lacks the direct path", L, {a: dd * -3}, "missing-term"
    yield "a, b exchanged", L, {b: dd * -3}, "other|missing-factor|extra-factor"
    yield "no 1/5", L, {c: dd * 5}, "constant-scale|missing-factor"
    yield "f missing 2", L, {f: F}, "constant-scale|missing-term"
    yield "1-d^2", L, {c: dL_df * (1 - d.data**2) / 5}, "activation-derivative-at-wrong-point"


def rnn_unrolled():
    rng = np.random.default_rng(22)
    T = 4
    xs = rng.normal(size=(T, 2))
    Wx = tg.Tensor(rng.normal(size=(3, 2)))
    Wh = tg.Tensor(rng.normal(size=(3, 3)) * 0.5)
    b = tg.Tensor(rng.normal(size=3))
    h = tg.Tensor(np.zeros(3))
    hs = [h]
    for x in xs:
        h = np.tanh(Wx @ x + Wh @ h + b)
        hs.append(h)
    tgt = rng.normal(size=3)
    L = 0.5 * ((h - tgt) ** 2).sum()
    H = [q.data for q in hs]

    def bptt(trunc=T, at=0, act=True, tr=True):
        dWh = np.zeros((3, 3))
        db = np.zeros(3)
        dh = H[-1] - tgt
        for t in range(T, T - trunc, -1):
            dz = dh * (1 - H[t] ** 2) if act else dh
            dWh += np.outer(dz, H[t - 1 + at])
            db += dz
            dh = (Wh.data.T if tr else Wh.data) @ dz
        return dWh, db

    dWh, db = bptt()
    yield "right", L, {Wh: dWh, b: db}, "right"
    yield "truncated to one", L, {Wh: bptt(1)[0]}, "missing-term"
    yield "truncated to two", L, {b: bptt(2)[1]}, "missing-term"
    yield "h_t for h_t-1", L, {Wh: bptt(at=1)[0]}, "off-by-index"
    yield "no tanh'", L, {Wh: bptt(act=False)[0]}, "missing-activation-derivative"
    yield "Wh not T", L, {Wh: bptt(tr=False)[0], b: bptt(tr=False)[1]}, "transpose"
    yield "dWh.T", L, {Wh: dWh.T}, "transpose"


PROBLEMS = [
    svm,
    vae_kl,
    triplet_loss,
    matfac,
    logistic_pm,
    gauss_ll,
    mixture,
    cosine,
    elu_softplus,
    im2col,
    micrograd_values,
    rnn_unrolled,
]
