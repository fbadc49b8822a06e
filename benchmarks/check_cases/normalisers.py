"""Normalisers in other layouts: features first, by channel, of a residual, of edges."""

import numpy as np

import tinygrad_lite as tg


def layer_norm_columns():
    """Observations are columns: H (D, N), mean and variance over the features (axis 0)."""
    rng = np.random.default_rng(901)
    D, N = 5, 4
    W, X, T = tg.Tensor(rng.normal(size=(D, 3))), rng.normal(size=(3, N)), rng.normal(size=(D, N))
    a, b = tg.Tensor(rng.normal(size=(D, 1))), tg.Tensor(rng.normal(size=(D, 1)))
    H = W @ X
    mu = H.mean(axis=0, keepdims=True)
    sd = tg.sqrt(((H - mu) ** 2).mean(axis=0, keepdims=True) + 1e-6)
    Z = (H - mu) / sd
    Y = a * Z + b
    E = 0.5 * ((Y - T) ** 2).sum()
    dY = Y.data - T
    z, s = Z.data, sd.data
    g = dY * a.data

    def m(v, axis=0):
        return v.mean(axis=axis, keepdims=True)

    dH = (g - m(g) - z * m(g * z)) / s
    yield "right", E, {H: dH, W: dH @ X.T, a: (dY * z).sum(1, keepdims=True)}, "right"
    # both means run over the batch instead of the features
    both = (g - m(g, 1) - z * m(g * z, 1)) / s
    yield "both means over the batch", E, {H: both}, "wrong-axis"
    yield "both means over the batch, at W", E, {W: both @ X.T}, "wrong-axis"
    # only the second mean is over the wrong axis
    yield "second mean over the batch", E, {H: (g - m(g) - z * m(g * z, 1)) / s}, "wrong-axis"
    yield (
        "first mean over the batch",
        E,
        {W: ((g - m(g, 1) - z * m(g * z)) / s) @ X.T},
        "wrong-axis",
    )
    # means over everything
    yield "means over all entries", E, {H: (g - g.mean() - z * (g * z).mean()) / s}, "wrong-axis"
    # H - mu where z belongs in the last term
    c = H.data - mu.data
    yield "centred for standardised", E, {H: (g - m(g) - c * m(g * z)) / s}, "missing-factor"
    yield (
        "gain over features",
        E,
        {a: (dY * z).sum(0, keepdims=True).T[:1] * np.ones((D, 1))},
        "wrong-axis|shape|other",
    )


def rms_norm_residual():
    """y = x + f where f = g * h / rms(h) and h = x W; E = sum C y^2 / 2."""
    rng = np.random.default_rng(902)
    T, D = 4, 5
    C = rng.normal(size=(T, D))
    x, W, g = (
        tg.Tensor(rng.normal(size=(T, D))),
        tg.Tensor(rng.normal(size=(D, D))),
        tg.Tensor(rng.random(D) + 0.5),
    )
    h = x @ W
    rms = tg.sqrt((h**2).mean(axis=-1, keepdims=True) + 1e-8)
    f = g * h / rms
    y = x + f
    E = 0.5 * (C * y**2).sum()
    dy = C * y.data
    H, R = h.data, rms.data
    u = dy * g.data
    dh = u / R - H * (u * H).mean(-1, keepdims=True) / R**3
    yield (
        "right",
        E,
        {h: dh, W: x.data.T @ dh, x: dy + dh @ W.data.T, g: (dy * H / R).sum(0)},
        "right",
    )
    yield (
        "sum for the mean",
        E,
        {h: u / R - H * (u * H).sum(-1, keepdims=True) / R**3},
        "mean-vs-sum",
    )
    yield (
        "mean over the tokens",
        E,
        {W: x.data.T @ (u / R - H * (u * H).mean(0, keepdims=True) / R**3)},
        "wrong-axis",
    )
    yield "R^2 below", E, {h: u / R - H * (u * H).mean(-1, keepdims=True) / R**2}, "missing-factor"
    yield "the residual forgotten", E, {x: dh @ W.data.T}, "missing-term"
    yield "plus", E, {h: u / R + H * (u * H).mean(-1, keepdims=True) / R**3}, "sign"
    yield "rms held fixed", E, {W: x.data.T @ (u / R)}, "missing-term"


def instance_norm():
    """x (N, C, L): standardised over L by sample and channel, scaled by channel."""
    rng = np.random.default_rng(903)
    N, C, L = 3, 2, 5
    x, w = tg.Tensor(rng.normal(size=(N, C, L))), tg.Tensor(rng.normal(size=(C, 1)))
    K = rng.normal(size=(N, C, L))
    mean = x.mean(axis=2, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=2, keepdims=True)
    xhat = (x - mean) / tg.sqrt(var + 1e-5)
    E = (K * w * xhat).sum()
    g, h, s = K * w.data, xhat.data, np.sqrt(var.data + 1e-5)

    def m(v, axis):
        return v.mean(axis=axis, keepdims=True)

    yield (
        "right",
        E,
        {x: (g - m(g, 2) - h * m(g * h, 2)) / s, w: (K * h).sum((0, 2))[:, None]},
        "right",
    )
    # the derivation for batch norm: means over samples and positions
    yield "as in batch norm", E, {x: (g - m(g, (0, 2)) - h * m(g * h, (0, 2))) / s}, "wrong-axis"
    yield "as in layer norm", E, {x: (g - m(g, (1, 2)) - h * m(g * h, (1, 2))) / s}, "wrong-axis"
    yield (
        "gain summed over samples only",
        E,
        {w: (K * h).sum(0)[:, :1]},
        "missing-broadcast-sum|missing-term|shape|wrong-axis",
    )
    yield "gain averaged over positions", E, {w: (K * h).mean(2).sum(0)[:, None]}, "mean-vs-sum"


def batch_renorm():
    """xhat = r (x - mu) / sd + d with r, d constants of the running statistics."""
    rng = np.random.default_rng(906)
    N, D = 6, 3
    x, gam = tg.Tensor(rng.normal(size=(N, D))), tg.Tensor(rng.normal(size=D))
    r, d = rng.random(D) + 0.5, rng.normal(size=D)
    y = rng.normal(size=(N, D))
    mu = x.mean(axis=0)
    sd = tg.sqrt(((x - mu) ** 2).mean(axis=0) + 1e-3)
    xhat = (x - mu) / sd * r + d
    o = gam * xhat
    E = ((o - y) ** 2).sum() / N
    do = 2 * (o.data - y) / N
    z, S = ((x - mu) / sd).data, sd.data
    g = do * gam.data * r
    yield (
        "right",
        E,
        {x: (g - g.mean(0) - z * (g * z).mean(0)) / S, gam: (do * xhat.data).sum(0)},
        "right",
    )
    g0 = do * gam.data
    yield "r left out", E, {x: (g0 - g0.mean(0) - z * (g0 * z).mean(0)) / S}, "missing-factor"
    h = xhat.data
    yield (
        "xhat for z",
        E,
        {x: (g - g.mean(0) - h * (g * h).mean(0)) / S},
        "other|missing-term|wrong-activation-derivative",
    )
    yield (
        "means by sample",
        E,
        {x: (g - g.mean(1, keepdims=True) - z * (g * z).mean(1, keepdims=True)) / S},
        "wrong-axis",
    )
    yield (
        "N - 1 below",
        E,
        {x: (g - g.sum(0) / (N - 1) - z * (g * z).sum(0) / (N - 1)) / S},
        "constant-scale|mean-vs-sum|other",
    )
    yield "dgam of z", E, {gam: (do * z).sum(0)}, "missing-term|missing-factor|other"


def graph_convolution():
    """H = relu(D^-1/2 A D^-1/2 X W), A with learned edge weights e; cross entropy."""
    rng = np.random.default_rng(935)
    n = 4
    mask = np.array([[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1.0]])
    e, W = tg.Tensor(rng.random((n, n)) + 0.5), tg.Tensor(rng.normal(size=(3, 2)))
    X, G = rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    A = mask * e
    deg = A.sum(axis=1, keepdims=True)
    P = A / deg
    M = P @ X @ W
    H = tg.relu(M)
    E = (G * H).sum()
    dM = G * (M.data > 0)
    dP = dM @ (X @ W.data).T
    dA = dP / deg.data - (dP * A.data).sum(1, keepdims=True) / deg.data**2
    yield "right", E, {W: (P.data @ X).T @ dM, P: dP, A: dA, e: mask * dA}, "right"
    yield "degrees held fixed", E, {e: mask * dP / deg.data}, "missing-term"
    yield (
        "degree not squared",
        E,
        {A: dP / deg.data - (dP * A.data).sum(1, keepdims=True) / deg.data},
        "missing-factor",
    )
    yield "edges that are not there", E, {e: dA}, "missing-factor"
    yield "neighbours the wrong way", E, {W: (P.data.T @ X).T @ dM}, "transpose"
    yield "own features only", E, {W: X.T @ dM}, "missing-factor"
    yield (
        "columns' degrees",
        E,
        {A: dP / deg.data - (dP * A.data).sum(0, keepdims=True) / deg.data**2},
        "wrong-axis",
    )


def adaptive_instance_norm():
    """y = g (x - mean) / std + b, by channel over places; g, b = style @ Wg, style @ Wb."""
    rng = np.random.default_rng(68)
    x, st, t = tg.Tensor(rng.normal(size=(3, 7))), rng.normal(size=2), rng.normal(size=(3, 7))
    Wg, Wb = tg.Tensor(rng.normal(size=(2, 3))), tg.Tensor(rng.normal(size=(2, 3)))
    g, b = st @ Wg, st @ Wb
    m = x.mean(axis=1, keepdims=True)
    s = tg.sqrt(((x - m) ** 2).mean(axis=1, keepdims=True) + 1e-3)
    n = (x - m) / s
    y = g[:, None] * n + b[:, None]
    E = 0.5 * ((y - t) ** 2).sum()
    D, N, S = y.data - t, n.data, s.data
    dn = g.data[:, None] * D
    dg, db = (D * N).sum(1), D.sum(1)
    dx = (dn - dn.mean(1, keepdims=True) - N * (dn * N).mean(1, keepdims=True)) / S
    yield (
        "right",
        E,
        {y: D, n: dn, g: dg, b: db, Wg: np.outer(st, dg), Wb: np.outer(st, db), x: dx},
        "right",
    )
    yield "outer the other way", E, {Wg: np.outer(dg, st).reshape(2, 3)}, "transpose|wrong-order"
    yield "style forgotten", E, {Wb: np.outer(np.ones(2), db)}, "missing-factor"
    yield "g forgotten", E, {n: D}, "missing-factor"
    yield (
        "mean's path forgotten",
        E,
        {x: (dn - N * (dn * N).mean(1, keepdims=True)) / S},
        "missing-term",
    )
    yield (
        "sums for means",
        E,
        {x: (dn - dn.sum(1, keepdims=True) - N * (dn * N).sum(1, keepdims=True)) / S},
        "mean-vs-sum",
    )
    yield "over the channels", E, {x: (dn - dn.mean(0) - N * (dn * N).mean(0)) / S}, "wrong-axis"
    yield (
        "N - 1 in both means",
        E,
        {x: (dn - dn.sum(1, keepdims=True) / 6 - N * (dn * N).sum(1, keepdims=True) / 6) / S},
        "constant-scale|mean-vs-sum|other",
    )
    yield "std frozen", E, {x: (dn - dn.mean(1, keepdims=True)) / S}, "missing-term"
    yield (
        "x for n",
        E,
        {g: (D * x.data).sum(1)},
        "missing-factor|missing-term|other|missing-activation-derivative",
    )
