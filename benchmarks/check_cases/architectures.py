"""Blocks that are put together from known parts: gates, experts, adapters, routing, memory."""

import numpy as np

import tinygrad_lite as tg


def highway_layer():
    """y = t h + (1 - t) x, t = sigma(x V), h = tanh(x W)."""
    rng = np.random.default_rng(321)
    x, c = tg.Tensor(rng.normal(size=(5, 3))), rng.normal(size=(5, 3))
    V, W = tg.Tensor(rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=(3, 3)))
    t, h = tg.sigmoid(x @ V), tg.tanh(x @ W)
    y = t * h + (1 - t) * x
    E = (c * y**2).mean()
    G = 2 * c * y.data / 15
    T, H, X = t.data, h.data, x.data
    dt, dh = G * (H - X), G * T
    dv, dw = dt * T * (1 - T), dh * (1 - H**2)
    dx = G * (1 - T) + dv @ V.data.T + dw @ W.data.T
    yield "right", E, {x: dx, V: X.T @ dv, W: X.T @ dw}, "right"
    yield "carry path forgotten", E, {x: dv @ V.data.T + dw @ W.data.T}, "missing-term"
    yield "h alone in dt", E, {V: X.T @ (G * H * T * (1 - T))}, "missing-term"
    yield "h plus x in dt", E, {V: X.T @ (G * (H + X) * T * (1 - T))}, "sign"
    yield (
        "1 - t for t",
        E,
        {W: X.T @ (G * (1 - T) * (1 - H**2))},
        "other|sign|wrong-activation-derivative|missing-term",
    )
    yield "V not transposed", E, {x: G * (1 - T) + dv @ V.data + dw @ W.data.T}, "transpose"


def low_rank_adapter():
    """y = x (W0 + A B / 2), E = 0.5 mean sum (y - t)^2."""
    rng = np.random.default_rng(322)
    x, W0, t = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=(6, 3))
    A, B = tg.Tensor(rng.normal(size=(4, 2))), tg.Tensor(rng.normal(size=(2, 3)))
    y = x @ (W0 + A @ B / 2)
    E = 0.5 * ((y - t) ** 2).sum(axis=1).mean()
    d = (y.data - t) / 6
    dW = x.T @ d
    yield "right", E, {A: dW @ B.data.T / 2, B: A.data.T @ dW / 2}, "right"
    yield "no 1/2", E, {A: dW @ B.data.T}, "constant-scale|missing-factor"
    yield "dW0's for A B", E, {B: (A.data + 0 * A.data).T @ dW}, "constant-scale|missing-factor"
    yield "order", E, {A: (B.data @ dW.T).T @ np.eye(2) / 2 * 6}, "mean-vs-sum"
    yield "A's own in dA", E, {A: dW @ B.data.T / 2 * A.data}, "extra-factor"


def mixture_of_experts():
    """y = sum_k g_k (x W_k), g = softmax(x U)."""
    rng = np.random.default_rng(323)
    x, c = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    U = tg.Tensor(rng.normal(size=(3, 2)))
    W1, W2 = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=(3, 2)))
    g = tg.softmax(x @ U, axis=1)
    e1, e2 = x @ W1, x @ W2
    y = g[:, 0:1] * e1 + g[:, 1:2] * e2
    E = (c * y**2).sum()
    G, P = 2 * c * y.data, g.data
    dg = np.stack([(G * e1.data).sum(1), (G * e2.data).sum(1)], axis=1)
    du = P * (dg - (dg * P).sum(1, keepdims=True))
    yield "right", E, {U: x.T @ du, W1: x.T @ (G * P[:, :1])}, "right"
    yield "softmax's diagonal", E, {U: x.T @ (dg * P * (1 - P))}, "missing-term"
    yield "no softmax'", E, {U: x.T @ dg}, "missing-activation-derivative"
    yield "the other gate", E, {W1: x.T @ (G * P[:, 1:])}, "off-by-index|other"
    yield "no gate", E, {W2: x.T @ G}, "missing-factor"


def squeeze_and_excite():
    """y = x sigma(mean(x) w) per channel."""
    rng = np.random.default_rng(324)
    x, w = tg.Tensor(rng.normal(size=(6, 4))), tg.Tensor(rng.normal(size=(4, 4)))
    m = x.mean(axis=0)
    s = tg.sigmoid(m @ w)
    y = x * s
    E = (y**2).sum()
    G, S, X = 2 * y.data, s.data, x.data
    ds = (G * X).sum(0)
    dz = ds * S * (1 - S)
    dm = w.data @ dz
    yield "right", E, {x: G * S + dm / 6, w: np.outer(m.data, dz)}, "right"
    yield "scale path alone", E, {x: G * S}, "missing-term"
    yield "no 1/6", E, {x: G * S + dm}, "mean-vs-sum"
    yield "not summed over rows", E, {s: (G * X)[0]}, "missing-broadcast-sum|missing-term"
    yield "outer the other way", E, {w: np.outer(dz, m.data)}, "transpose"
    yield "x left out in ds", E, {w: np.outer(m.data, G.sum(0) * S * (1 - S))}, "missing-factor"


def long_recurrence():
    """h = tanh(x Wx + h Wh), six steps, E = 0.5 sum (h6 - t)^2."""
    rng = np.random.default_rng(325)
    xs, t = rng.normal(size=(6, 3)), rng.normal(size=3)
    Wx, Wh = tg.Tensor(rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=(3, 3)) / 2)
    h = tg.Tensor(np.zeros(3))
    hs = [h.data]
    for x in xs:
        h = tg.tanh(x @ Wx + h @ Wh)
        hs.append(h.data)
    E = 0.5 * ((h - t) ** 2).sum()

    def derived(back=Wh.data.T, last=False, slope=lambda h: 1 - h**2, shift=0):
        dh, dWx, dWh = hs[-1] - t, 0, 0
        for k in range(6, 0, -1):
            dz = dh * slope(hs[k])
            dWx = dWx + np.outer(xs[k - 1], dz)
            dWh = dWh + np.outer(hs[k - 1 + shift], dz)
            dh = dz @ back
            if last:
                break
        return {Wx: dWx, Wh: dWh}

    yield "right", E, derived(), "right"
    untransposed = derived(Wh.data)
    yield "Wh not transposed: Wx", E, {Wx: untransposed[Wx]}, "transpose"
    yield "Wh not transposed: Wh", E, {Wh: untransposed[Wh]}, "transpose"
    yield "last step alone", E, {Wx: derived(last=True)[Wx]}, "missing-term"
    yield "no tanh'", E, {Wx: derived(slope=np.ones_like)[Wx]}, "missing-activation-derivative"
    yield (
        "h for h^2",
        E,
        {Wx: derived(slope=lambda h: 1 - h)[Wx]},
        "wrong-activation-derivative|missing-factor",
    )
    yield "state of the next step", E, {Wh: derived(shift=1)[Wh]}, "off-by-index"
    yield "plus", E, {Wh: derived(slope=lambda h: 1 + h**2)[Wh]}, "sign|wrong-activation-derivative"


def squashed_capsules():
    """v = |s|^2 / (1 + |s|^2) s / |s|, rows are capsules."""
    rng = np.random.default_rng(326)
    s, c = tg.Tensor(rng.normal(size=(4, 3))), rng.normal(size=(4, 3))
    q = (s**2).sum(axis=1, keepdims=True)
    f = tg.sqrt(q) / (1 + q)
    v = f * s
    E = (c * v).sum()
    S, Q, F = s.data, q.data, f.data
    df = (c * S).sum(1, keepdims=True)
    dq = df * (0.5 / np.sqrt(Q) / (1 + Q) - np.sqrt(Q) / (1 + Q) ** 2)
    yield "right", E, {s: c * F + 2 * dq * S}, "right"
    yield "f held fixed", E, {s: c * F}, "missing-term"
    yield "no 2", E, {s: c * F + dq * S}, "constant-scale"
    first = df * 0.5 / np.sqrt(Q) / (1 + Q)
    yield "quotient rule's first half", E, {s: c * F + 2 * first * S}, "missing-term"
    plus = df * (0.5 / np.sqrt(Q) / (1 + Q) + np.sqrt(Q) / (1 + Q) ** 2)
    yield "quotient rule's sign", E, {q: plus}, "sign"
    yield (
        "not squared below",
        E,
        {q: df * (0.5 / np.sqrt(Q) / (1 + Q) - np.sqrt(Q) / (1 + Q))},
        "missing-factor",
    )


def memory_lookup():
    """a = softmax(K q / tau), r = a V, E = 0.5 sum (r - t)^2."""
    rng = np.random.default_rng(327)
    K, V = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=(5, 2)))
    q, t, tau = tg.Tensor(rng.normal(size=3)), rng.normal(size=2), 0.7
    z = (K @ q) / tau
    a = tg.softmax(z, axis=0)
    r = a @ V
    E = 0.5 * ((r - t) ** 2).sum()
    d, A = r.data - t, a.data
    da = V.data @ d
    dz = A * (da - da @ A)
    yield (
        "right",
        E,
        {K: np.outer(dz, q.data) / tau, q: K.data.T @ dz / tau, V: np.outer(A, d)},
        "right",
    )
    yield "no 1/tau", E, {q: K.data.T @ dz}, "constant-scale|missing-factor"
    yield "times tau", E, {q: K.data.T @ dz * tau}, "constant-scale|other|extra-factor"
    yield "softmax's sum added", E, {z: A * (da + da @ A)}, "sign"
    yield "diagonal", E, {K: np.outer(da * A * (1 - A), q.data) / tau}, "missing-term"
    yield (
        "a for da",
        E,
        {V: np.outer(dz, d)},
        "other|extra-factor|activation-derivative-at-wrong-point",
    )
    yield (
        "q for K",
        E,
        {V: np.outer(z.data, d)},
        "activation-derivative-at-wrong-point|other|missing-activation-derivative",
    )


def pooled_set():
    """Deep sets: p = sum_i tanh(x_i W), y = p . u, E = (y - t)^2."""
    rng = np.random.default_rng(328)
    x, t = rng.normal(size=(7, 3)), 0.4
    W, u = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=4))
    h = tg.tanh(x @ W)
    p = h.sum(axis=0)
    y = p @ u
    E = (y - t) ** 2
    g = 2 * (y.data - t)
    slope = 1 - h.data**2
    yield "right", E, {W: x.T @ (slope * g * u.data), u: g * p.data}, "right"
    yield "mean pooled", E, {W: x.T @ (slope * g * u.data) / 7}, "mean-vs-sum"
    yield (
        "p for h in tanh'",
        E,
        {W: x.T @ (np.ones((7, 1)) * (1 - p.data**2) * g * u.data)},
        "activation-derivative-at-wrong-point|other",
    )
    yield "u left out", E, {W: x.T @ (slope * g)}, "missing-factor"
    yield "h's mean", E, {u: g * h.data.mean(0)}, "mean-vs-sum"
    yield "delta for du", E, {u: g * u.data}, "other|extra-factor"


def swapped_answers():
    """A network whose gradients are put in each other's place."""
    rng = np.random.default_rng(329)
    x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    A, B = tg.Tensor(rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=(3, 3)))
    z = x @ A
    h = tg.tanh(z)
    y = h @ B
    E = ((y - t) ** 2).mean()
    dy = 2 * (y.data - t) / 18
    dz = dy @ B.data.T * (1 - h.data**2)
    dA, dB = x.T @ dz, h.data.T @ dy
    yield "right", E, {A: dA, B: dB}, "right"
    yield "dB for A", E, {A: dB}, "other"
    yield "dA for B", E, {B: dA}, "other"
    yield "dy for dz", E, {z: dy}, "missing-factor|other"
    yield "-dB for A", E, {A: -dB}, "other|sign"
    yield "dz for dh", E, {h: dz}, "extra-factor|other"
