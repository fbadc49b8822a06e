"""Layers of newer networks: RMS and group norm, rotary angles, modulation, scans, rendering."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def rms_norm():
    """y = g x / sqrt(mean(x^2) + eps) by rows, E = sum C y."""
    rng = np.random.default_rng(421)
    C = rng.normal(size=(4, 5))
    x, g = tg.Tensor(rng.normal(size=(4, 5))), tg.Tensor(rng.normal(size=5))
    r = tg.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)
    y = g * (x / r)
    E = (C * y).sum()
    X, R, G = x.data, r.data, g.data
    u = C * G
    dx = u / R - X * (u * X).mean(axis=1, keepdims=True) / R**3
    yield "right", E, {x: dx, g: (C * X / R).sum(axis=0)}, "right"
    u / R - X * (u * X).mean(axis=1, keepdims=True) / R**2
    bare = u / R - X * (C * X).mean(axis=1, keepdims=True) / R**3
    yield "gain left out inside", E, {x: bare}, "missing-factor"
    yield "gain from x, not from x / r", E, {g: (C * X).sum(axis=0)}, "missing-factor"
    columns = u / R - X * (u * X).mean(axis=0, keepdims=True) / R**3
    yield "mean over the rows", E, {x: columns}, "wrong-axis"


def group_norm():
    """Two groups of three channels, each standardised by sample, then scaled by channel."""
    rng = np.random.default_rng(422)
    C = rng.normal(size=(4, 6))
    x, a = tg.Tensor(rng.normal(size=(4, 6))), tg.Tensor(rng.normal(size=6))
    h = tg.reshape(x, (4, 2, 3))
    m = h.mean(axis=2, keepdims=True)
    d = h - m
    s = tg.sqrt((d * d).mean(axis=2, keepdims=True) + 1e-3)
    n = d / s
    E = (C * a * tg.reshape(n, (4, 6))).sum()
    u, S, N = (C * a.data).reshape(4, 2, 3), s.data, n.data
    mu, nu = u.mean(axis=2, keepdims=True), (u * N).mean(axis=2, keepdims=True)
    dx = ((u - mu - N * nu) / S).reshape(4, 6)
    yield "right", E, {x: dx, a: (C * N.reshape(4, 6)).sum(axis=0)}, "right"
    yield (
        "s^2 for s",
        E,
        {x: (dx.reshape(4, 2, 3) / S).reshape(4, 6)},
        "extra-factor|missing-factor",
    )
    full = ((u - u.mean(axis=(1, 2), keepdims=True) - N * nu) / S).reshape(4, 6)
    yield "mean over both groups", E, {x: full}, "wrong-axis"


def rotary():
    """Pairs of a query turned by an angle: q' = (q1 c - q2 s, q1 s + q2 c), E = sum q' k."""
    rng = np.random.default_rng(423)
    c, s = np.cos(np.arange(5.0)), np.sin(np.arange(5.0))
    q1, q2 = tg.Tensor(rng.normal(size=5)), tg.Tensor(rng.normal(size=5))
    k1, k2 = rng.normal(size=5), rng.normal(size=5)
    r1, r2 = q1 * c - q2 * s, q1 * s + q2 * c
    E = 0.5 * ((r1 - k1) ** 2 + (r2 - k2) ** 2).sum()
    g1, g2 = r1.data - k1, r2.data - k2
    yield "right", E, {q1: g1 * c + g2 * s, q2: g2 * c - g1 * s}, "right"
    yield "sine and cosine exchanged", E, {q1: g1 * s + g2 * c}, "wrong-order|other|missing-factor"


def modulation():
    """FiLM: y = (1 + gamma(c)) relu(x W) + beta(c), gamma = c A, beta = c B."""
    rng = np.random.default_rng(424)
    x, c, T = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), rng.normal(size=(6, 4))
    W, A, B = (tg.Tensor(rng.normal(size=(n, 4))) for n in (3, 2, 2))
    h = tg.relu(x @ W)
    y = (1 + c @ A) * h + c @ B
    E = ((y - T) ** 2).mean()
    d = 2 * (y.data - T) / 24
    on, gamma = h.data > 0, c @ A.data
    yield "right", E, {A: c.T @ (d * h.data), B: c.T @ d, W: x.T @ (d * (1 + gamma) * on)}, "right"
    yield "1 + forgotten", E, {W: x.T @ (d * gamma * on)}, "missing-term"


def linear_attention():
    """o_t = phi(q) S / (phi(q) z), S = phi(K)^T V, z = sum phi(k), phi = elu + 1."""
    rng = np.random.default_rng(425)
    G = rng.normal(size=(4, 2))
    Q, K, V = (tg.Tensor(rng.normal(size=(4, n))) for n in (3, 3, 2))
    fq, fk = tg.elu(Q) + 1, tg.elu(K) + 1
    S, z = fk.T @ V, fk.sum(axis=0)
    num, den = fq @ S, fq @ z
    out = num / den[:, None]
    E = (G * out).sum()
    dnum = G / den.data[:, None]
    dden = -(G * out.data).sum(axis=1) / den.data
    dfk = V.data @ (fq.data.T @ dnum).T + (fq.data.T @ dden)
    slope = np.where(K.data > 0, 1, np.exp(K.data))
    yield "right", E, {V: fk.data @ (fq.data.T @ dnum), K: dfk * slope}, "right"
    yield "normaliser held fixed", E, {K: V.data @ (fq.data.T @ dnum).T * slope}, "missing-term"
    V.data @ (fq.data.T @ dnum).T - (fq.data.T @ dden)


def learned_slope():
    """PReLU with one slope by channel: y = max(0, z) + a min(0, z), z = x W."""
    rng = np.random.default_rng(426)
    x, T = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    W, a = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(np.array([0.1, 0.4]))
    z = x @ W
    y = tg.maximum(z, 0) + a * tg.minimum(z, 0)
    E = 0.5 * ((y - T) ** 2).sum()
    d, Z = y.data - T, z.data
    slope = np.where(Z > 0, 1, a.data)
    yield "right", E, {W: x.T @ (d * slope), a: (d * np.minimum(Z, 0)).sum(axis=0)}, "right"
    yield (
        "a on both sides",
        E,
        {W: x.T @ (d * a.data)},
        "missing-term|wrong-activation-derivative|extra-factor",
    )
    yield "sign for min", E, {a: (d * (Z < 0)).sum(axis=0)}, "missing-factor"


def volume_rendering():
    """c = sum_i T_i a_i r_i, T_i = prod_{j<i} (1 - a_j): light along a ray."""
    rng = np.random.default_rng(427)
    a = tg.Tensor(rng.random(6) * 0.6 + 0.1)
    r = tg.Tensor(rng.random(6))
    left = tg.cumprod(1 - a)
    T = tg.concat([np.ones(1), left[:-1]])
    w = T * a
    E = ((w * r).sum() - 0.8) ** 2
    d = 2 * ((w.data * r.data).sum() - 0.8)
    behind = np.array([(w.data * r.data)[i + 1 :].sum() for i in range(6)])
    da = d * (T.data * r.data - behind / (1 - a.data))
    yield "right", E, {a: da, r: d * w.data}, "right"
    yield "1 - a not divided out", E, {a: d * (T.data * r.data - behind)}, "missing-factor"
    yield "opacity for weight", E, {r: d * a.data}, "missing-factor"
    np.array([(w.data * r.data)[i:].sum() for i in range(6)])


def gated_scan():
    """h_t = f_t h_{t-1} + (1 - f_t) x_t, f = sigma(x U): a minimal gated unit."""
    rng = np.random.default_rng(428)
    X, t = rng.normal(size=(4, 3)), rng.normal(size=3)
    U = tg.Tensor(rng.normal(size=(3, 3)))
    V = tg.Tensor(rng.normal(size=(3, 3)))
    h = np.zeros(3)
    steps = []
    for row in X:
        f, c = tg.sigmoid(row @ U), tg.tanh(row @ V)
        before = h
        h = f * h + (1 - f) * c
        steps.append((row, f.data, c.data, getattr(before, "data", before)))
    E = 0.5 * ((h - t) ** 2).sum()

    def backward(mix=lambda f: 1 - f, carry=lambda f: f):
        g, dU, dV = h.data - t, 0, 0
        for row, f, c, p in reversed(steps):
            p = np.zeros(3) if np.ndim(p) == 0 else np.asarray(p)
            dU = dU + np.outer(row, g * (p - c) * f * (1 - f))
            dV = dV + np.outer(row, g * mix(f) * (1 - c * c))
            g = g * carry(f)
        return dU, dV

    dU, dV = backward()
    yield "right", E, {U: dU, V: dV}, "right"
    yield "not carried through f", E, {V: backward(carry=lambda f: 1)[1]}, "missing-factor"
    yield (
        "1 - f carried",
        E,
        {V: backward(carry=lambda f: 1 - f)[1]},
        "other|missing-term",
    )


def sine_layers():
    """SIREN: y = sin(w0 x W1) W2, E = mean (y - t)^2."""
    rng = np.random.default_rng(429)
    x, t = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    W1, W2 = tg.Tensor(rng.normal(size=(2, 4)) / 3), tg.Tensor(rng.normal(size=(4, 1)))
    z = 5.0 * (x @ W1)
    y = tg.sin(z) @ W2
    E = ((y - t) ** 2).mean()
    d = 2 * (y.data - t) / 6
    dz = d @ W2.data.T * np.cos(z.data)
    yield "right", E, {W1: 5 * x.T @ dz, W2: np.sin(z.data).T @ d}, "right"
    yield (
        "cos(x W)",
        E,
        {W1: 5 * x.T @ (d @ W2.data.T * np.cos(z.data / 5))},
        ("activation-derivative-at-wrong-point|missing-factor|constant-scale|other"),
    )
    yield (
        "sin for cos",
        E,
        {W1: 5 * x.T @ (d @ W2.data.T * np.sin(z.data))},
        ("wrong-activation-derivative"),
    )


def shuffled_pixels():
    """Space to depth and back: channels of four become 2 x 2 blocks, E = sum c y^2."""
    rng = np.random.default_rng(430)
    c = rng.normal(size=(4, 6))
    x = tg.Tensor(rng.normal(size=(4, 2, 3)))
    y = tg.reshape(tg.permute_dims(tg.reshape(x, (2, 2, 2, 3)), (2, 0, 3, 1)), (4, 6))
    E = (c * y * y).sum()
    dy = 2 * c * y.data
    back = dy.reshape(2, 2, 3, 2).transpose(1, 3, 0, 2).reshape(4, 2, 3)
    yield "right", E, {x: back}, "right"
    yield "reshaped only", E, {x: dy.reshape(4, 2, 3)}, "wrong-order|other|missing-factor"
    swapped = dy.reshape(2, 2, 3, 2).transpose(3, 1, 0, 2).reshape(4, 2, 3)
    yield "block's axes exchanged", E, {x: swapped}, "wrong-order|transpose"


def sigmoid_of_minimum():
    """A soft gate on the nearest of several prototypes: s = sigma(b - min_k |x - p_k|^2)."""
    rng = np.random.default_rng(431)
    x, P, b = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(1.2)
    q = ((x - P) ** 2).sum(axis=1)
    m = tg.min(q)
    s = tg.sigmoid(b - m)
    E = -tg.log(s)
    k = int(np.argmin(q.data))
    dm = 1 - sigmoid(1.2 - m.data)
    dP = np.zeros((4, 3))
    dP[k] = 2 * dm * (P.data[k] - x.data)
    yield "right", E, {x: -dP[k], P: dP, b: -dm}, "right"
    every = 2 * dm * (P.data - x.data)
    yield "all prototypes", E, {P: every}, "missing-activation-derivative|missing-factor|other"
    far = np.zeros((4, 3))
    j = int(np.argmax(q.data))
    far[j] = 2 * dm * (P.data[j] - x.data)
