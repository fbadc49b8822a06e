"""Derivations in which people carry over a formula from elsewhere."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def kalman_gain():
    """x' = x + K (z - H x), E = 0.5 |x'|^2: the gain of a filter."""
    rng = np.random.default_rng(401)
    K, x = tg.Tensor(rng.normal(size=(4, 2))), tg.Tensor(rng.normal(size=4))
    H, z = rng.normal(size=(2, 4)), rng.normal(size=2)
    r = z - H @ x
    u = x + K @ r
    E = 0.5 * (u**2).sum()
    g, R = u.data, r.data
    yield "right", E, {K: np.outer(g, R), x: g - H.T @ (K.data.T @ g)}, "right"
    yield "prediction forgotten", E, {x: -H.T @ (K.data.T @ g)}, "missing-term"
    yield "innovation forgotten", E, {x: g}, "missing-term"
    yield "innovation's sign", E, {x: g + H.T @ (K.data.T @ g)}, "sign"
    yield "outer exchanged", E, {K: np.outer(R, g).reshape(4, 2)}, "transpose|wrong-order|other"
    yield "z for r", E, {K: np.outer(g, z)}, "missing-term|other"
    yield "no K", E, {r: (H @ g)}, "other|wrong-order|missing-factor"


def spring_chain():
    """V = 0.5 sum k (|x_(i+1) - x_i| - 1)^2 in the plane."""
    rng = np.random.default_rng(402)
    x, k = tg.Tensor(rng.normal(size=(5, 2))), rng.random(4) + 0.5
    d = x[1:] - x[:-1]
    r = tg.sqrt((d**2).sum(axis=1))
    V = 0.5 * (k * (r - 1) ** 2).sum()
    D, L = d.data, r.data
    f = (k * (L - 1) / L)[:, None] * D
    out = np.zeros((5, 2))
    out[1:] += f
    out[:-1] -= f
    yield "right", V, {x: out, d: f}, "right"
    yield "not divided by r", V, {d: (k * (L - 1))[:, None] * D}, "missing-factor"
    one = np.zeros((5, 2))
    one[1:] += f
    yield "one end alone", V, {x: one}, "missing-term"
    plus = np.zeros((5, 2))
    plus[1:] += f
    plus[:-1] += f
    yield "both ends alike", V, {x: plus}, "sign"
    yield "stiffness left out", V, {r: L - 1}, "missing-factor"
    yield "rest length left out", V, {r: k * L}, "missing-term"
    yield "2 kept", V, {r: 2 * k * (L - 1)}, "constant-scale"
    yield (
        "direction left out",
        V,
        {d: np.repeat((k * (L - 1))[:, None], 2, 1)},
        "missing-factor|missing-activation-derivative|other",
    )


def mish_layer():
    """y = z tanh(softplus(z)), z = X W."""
    rng = np.random.default_rng(403)
    X, W, c = rng.normal(size=(5, 3)), tg.Tensor(rng.normal(size=(3, 2))), rng.normal(size=(5, 2))
    z = X @ W
    p = tg.softplus(z)
    t = tg.tanh(p)
    y = z * t
    E = (c * y).sum()
    Z, T, S = z.data, t.data, sigmoid(z.data)
    right = T + Z * (1 - T**2) * S
    yield "right", E, {W: X.T @ (c * right)}, "right"
    yield "first term", E, {W: X.T @ (c * T)}, "missing-term"
    yield "second term", E, {W: X.T @ (c * Z * (1 - T**2) * S)}, "missing-term"
    yield "no softplus'", E, {W: X.T @ (c * (T + Z * (1 - T**2)))}, "missing-activation-derivative"
    yield "no tanh'", E, {W: X.T @ (c * (T + Z * S))}, "missing-activation-derivative"
    yield "softplus' = 1 - s", E, {p: c * Z * (1 - T)}, "missing-factor|wrong-activation-derivative"
    yield "minus", E, {W: X.T @ (c * (T - Z * (1 - T**2) * S))}, "sign"
    yield (
        "s (1 - s)",
        E,
        {W: X.T @ (c * (T + Z * (1 - T**2) * S * (1 - S)))},
        "extra-factor|wrong-activation-derivative",
    )


def temperature_contrast():
    """Two towers with cosine similarity: E = -log softmax(u v^T / tau) on the diagonal."""
    rng = np.random.default_rng(404)
    a, b = tg.Tensor(rng.normal(size=(4, 3))), rng.normal(size=(4, 3))
    tau, v = 0.5, b / np.linalg.norm(b, axis=1, keepdims=True)
    n = tg.sqrt((a**2).sum(axis=1, keepdims=True))
    u = a / n
    s = u @ v.T / tau
    i = np.arange(4)
    E = -tg.log_softmax(s, axis=1)[i, i].mean()
    P = np.exp(s.data) / np.exp(s.data).sum(1, keepdims=True)
    ds = (P - np.eye(4)) / 4
    du = ds @ v / tau
    N, U = n.data, u.data
    right = (du - U * (U * du).sum(1, keepdims=True)) / N
    yield "right", E, {a: right, s: ds}, "right"
    yield "norm held fixed", E, {a: du / N}, "missing-term"
    yield "no 1/n", E, {a: du - U * (U * du).sum(1, keepdims=True)}, "missing-factor"
    yield "projection's sign", E, {a: (du + U * (U * du).sum(1, keepdims=True)) / N}, "sign"
    yield "targets left out", E, {s: P / 4}, "missing-term"
    yield "no tau", E, {u: ds @ v}, "constant-scale|missing-factor"
    yield "columns", E, {s: (np.exp(s.data) / np.exp(s.data).sum(0) - np.eye(4)) / 4}, "wrong-axis"
    yield "b for v", E, {u: ds @ b / tau}, "other|missing-factor"
    yield "no 1/4", E, {u: 4 * du}, "mean-vs-sum|constant-scale"


def ode_parameters():
    """Two Euler steps of a predator and its prey."""
    a, b = tg.Tensor(0.9), tg.Tensor(0.4)
    x0, y0, h = 1.5, 0.8, 0.1
    x1 = x0 + h * (a * x0 - b * x0 * y0)
    y1 = y0 + h * (b * x0 * y0 - y0)
    x2 = x1 + h * (a * x1 - b * x1 * y1)
    E = (x2 - 2) ** 2
    A, B, X, Y, g = 0.9, 0.4, x1.data, y1.data, 2 * (x2.data - 2)
    dx = 1 + h * (A - B * Y)
    yield "right", E, {a: g * (h * X + dx * h * x0), x1: g * dx}, "right"
    yield "last step alone", E, {a: g * h * X}, "missing-term"
    yield "first step alone", E, {a: g * dx * h * x0}, "missing-term"
    yield "identity left out", E, {x1: g * h * (A - B * Y)}, "missing-term"
    yield "sign of the loss", E, {x1: g * (1 + h * (A + B * Y))}, "sign"
    yield "no h", E, {x1: g * (1 + A - B * Y)}, "constant-scale|missing-factor"
    yield "through y forgotten", E, {b: -g * h * X * Y - g * dx * h * x0 * y0}, "missing-term"
