"""Programs written once carried steps and forgotten lines were mended: loops, and steps in them."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def minimal_gate(rng):
    """A recurrent unit with one gate, its step a function, over a few words of a batch."""
    T, N, D, H = 3, 2, 3, 4
    xs = [rng.normal(size=(N, D)) for _ in range(T)]
    Wf, Wg = (tg.Tensor(rng.normal(size=(D, H)) / 2) for _ in range(2))
    Uf, Ug = (tg.Tensor(rng.normal(size=(H, H)) / 2) for _ in range(2))
    goal = rng.normal(size=(N, H))
    h = np.zeros((N, H))
    for x in xs:
        f = tg.sigmoid(x @ Wf + h @ Uf)
        g = tg.tanh(x @ Wg + (f * h) @ Ug)
        h = (1 - f) * h + f * g
    loss = 0.5 * ((h - goal) ** 2).sum()
    return loss, {"xs": xs, "Wf": Wf, "Uf": Uf, "Wg": Wg, "Ug": Ug, "goal": goal}


def gate_forward(x, h, Wf, Uf, Wg, Ug):
    f = 1 / (1 + np.exp(-(x @ Wf + h @ Uf)))
    g = np.tanh(x @ Wg + (f * h) @ Ug)
    return (1 - f) * h + f * g, (x, h, f, g)


def gate_step(dh, cache, Uf, Ug):
    x, h, f, g = cache
    dzg = dh * f * (1 - g**2)
    back = dzg @ Ug.T
    df = dh * (g - h) + back * h
    dzf = df * f * (1 - f)
    dprev = dh * (1 - f) + back * f + dzf @ Uf.T
    return dprev, x.T @ dzf, h.T @ dzf, x.T @ dzg, (f * h).T @ dzg


def minimal_gate_backward(xs, Wf, Uf, Wg, Ug, goal):
    h, caches = np.zeros(goal.shape), []
    for x in xs:
        h, cache = gate_forward(x, h, Wf, Uf, Wg, Ug)
        caches.append(cache)
    dWf, dUf, dWg, dUg = (np.zeros_like(W) for W in (Wf, Uf, Wg, Ug))
    dh = h - goal
    for cache in reversed(caches):
        dh, wf, uf, wg, ug = gate_step(dh, cache, Uf, Ug)
        dWf += wf
        dUf += uf
        dWg += wg
        dUg += ug
    return dWf, dUf, dWg, dUg


MINIMAL_GATE = Case(
    minimal_gate,
    minimal_gate_backward,
    (
        Slip("df = dh * (g - h) + back * h", "df = dh * (g - h)", "missing-term"),
        Slip("dh * (1 - f) + back * f + dzf", "dh * (1 - f) + back + dzf", "missing-factor"),
        Slip("dh * f * (1 - g**2)", "dh * (1 - g**2)", "missing-factor"),
        Slip("(f * h).T @ dzg", "h.T @ dzg", "missing-factor"),
        Slip("dzf = df * f * (1 - f)", "dzf = df * g * (1 - g)", "another-name"),
    ),
    helpers=(gate_forward, gate_step),
)


def glances(rng):
    """A state that looks at a few keys, by their softmax, before each of its turns."""
    T, m, H = 3, 4, 3
    keys = tg.Tensor(rng.normal(size=(m, H)))
    R = tg.Tensor(rng.normal(size=(H, H)) / 2)
    start = tg.Tensor(rng.normal(size=H))
    wish = rng.normal(size=H)
    s = start
    for _ in range(T):
        look = tg.softmax(keys @ s) @ keys
        s = tg.tanh(R @ look)
    loss = (s * wish).sum()
    return loss, {"keys": keys, "R": R, "start": start, "wish": wish, "T": T}


def glances_backward(keys, R, start, wish, T):
    states, weights, looks = [start], [], []
    for _ in range(T):
        e = np.exp(keys @ states[-1])
        weights.append(e / e.sum())
        looks.append(weights[-1] @ keys)
        states.append(np.tanh(R @ looks[-1]))
    dkeys, dR = np.zeros_like(keys), np.zeros_like(R)
    ds = wish
    for t in reversed(range(T)):
        dz = ds * (1 - states[t + 1] ** 2)
        dR += np.outer(dz, looks[t])
        dlook = R.T @ dz
        dw = keys @ dlook
        dkeys += np.outer(weights[t], dlook)
        dscore = weights[t] * (dw - weights[t] @ dw)
        dkeys += np.outer(dscore, states[t])
        ds = keys.T @ dscore
    dstart = ds
    return dkeys, dR, dstart


GLANCES = Case(
    glances,
    glances_backward,
    (
        Slip(
            "weights[t] * (dw - weights[t] @ dw)",
            "weights[t] * (1 - weights[t]) * dw",
            "wrong-activation-derivative",
        ),
        Slip("1 - states[t + 1] ** 2", "1 - states[t] ** 2", "off-by-index"),
        Slip("dkeys += np.outer(dscore, states[t])\n", "pass\n", "missing-term"),
        Slip("ds = keys.T @ dscore", "ds = keys.T @ dw", "another-name"),
        Slip("dlook = R.T @ dz", "dlook = R @ dz", "transpose"),
    ),
)


def filtered(rng):
    """A signal smoothed forwards, then backwards, each by its own rate."""
    N = 6
    x = tg.Tensor(rng.normal(size=N))
    a, b = tg.Tensor(0.6), tg.Tensor(0.3)
    want = rng.normal(size=N)
    u, past = [], 0.0
    for n in range(N):
        past = a * past + x[n]
        u.append(past)
    v, past = [None] * N, 0.0
    for n in reversed(range(N)):
        past = b * past + u[n]
        v[n] = past
    loss = 0.5 * ((tg.stack(v) - want) ** 2).mean()
    return loss, {"x": x, "a": a, "b": b, "want": want, "u": u, "v": v}


def filtered_backward(x, a, b, want, u, v):
    N = len(want)
    err = [(v[n] - want[n]) / N for n in range(N)]
    da = db = 0.0
    du, dx = np.zeros(N), np.zeros(N)
    carry = 0.0
    for n in range(N):
        carry = err[n] + carry
        du[n] = carry
        if n + 1 < N:
            db += carry * v[n + 1]
        carry = b * carry
    carry = 0.0
    for n in reversed(range(N)):
        carry += du[n]
        dx[n] = carry
        if n > 0:
            da += carry * u[n - 1]
        carry *= a
    return dx, da, db


FILTERED = Case(
    filtered,
    filtered_backward,
    (
        Slip("carry = 0.0\n    for n in reversed", "for n in reversed", "double-count"),
        Slip("db += carry * v[n + 1]", "db += carry * v[n]", "off-by-index"),
        Slip("carry *= a", "carry *= b", "another-name"),
        Slip("da += carry * u[n - 1]", "da += du[n] * u[n - 1]", "another-name"),
        Slip("(v[n] - want[n]) / N", "(v[n] - want[n])", "mean-vs-sum"),
    ),
)


def highway_lists(rng):
    """Layers that let a part of what they get through, their weights in lists."""
    L, n, d = 2, 4, 3
    x, target = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    Ws = [tg.Tensor(rng.normal(size=(d, d)) / 2) for _ in range(L)]
    Ts = [tg.Tensor(rng.normal(size=(d, d)) / 2) for _ in range(L)]
    hs, gates, news = [x], [], []
    for W, T in zip(Ws, Ts, strict=True):
        gates.append(tg.sigmoid(hs[-1] @ T))
        news.append(tg.relu(hs[-1] @ W))
        hs.append(gates[-1] * news[-1] + (1 - gates[-1]) * hs[-1])
    loss = ((hs[-1] - target) ** 2).mean()
    (W1, W2), (T1, T2) = Ws, Ts
    del W, T, rng
    return loss, locals()


def highway_lists_backward(Ws, Ts, hs, gates, news, target):
    dWs, dTs = [None] * len(Ws), [None] * len(Ts)
    dh = 2 * (hs[-1] - target) / target.size
    for i in reversed(range(len(Ws))):
        h, gate, new = hs[i], gates[i], news[i]
        dz = dh * gate * (new > 0)
        ds = dh * (new - h) * gate * (1 - gate)
        dWs[i] = h.T @ dz
        dTs[i] = h.T @ ds
        dh = dz @ Ws[i].T + ds @ Ts[i].T + dh * (1 - gate)
    dW1, dW2 = dWs
    dT1, dT2 = dTs
    return dW1, dW2, dT1, dT2


HIGHWAY = Case(
    highway_lists,
    highway_lists_backward,
    (
        Slip("+ dh * (1 - gate)\n", "\n", "missing-term"),
        Slip("dh * (new - h) * gate * (1 - gate)", "dh * new * gate * (1 - gate)", "missing-term"),
        Slip("dh * gate * (new > 0)", "dh * gate * (h > 0)", "another-name"),
        Slip("dTs[i] = h.T @ ds", "dTs[i] = hs[i + 1].T @ ds", "off-by-index"),
    ),
)
