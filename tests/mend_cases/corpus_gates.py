"""Gated cells, attention and other blocks of known parts."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def lstm_cell(rng):
    """c = f c0 + i g, h = o tanh(c), E = sum A h + sum B c: both outputs are used."""
    zi, zf, zo, zg, c0 = (tg.Tensor(rng.normal(size=(4, 3))) for _ in range(5))
    A, B = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    i, f, o, g = tg.sigmoid(zi), tg.sigmoid(zf), tg.sigmoid(zo), tg.tanh(zg)
    c = f * c0 + i * g
    h = o * tg.tanh(c)
    E = (A * h).sum() + (B * c).sum()
    return E, locals()


def lstm_cell_backward(A, B, i, f, o, g, c, c0):
    tanh_c = np.tanh(c)
    dh = A
    do = dh * tanh_c
    dc = B + dh * o * (1 - tanh_c**2)
    df = dc * c0
    di = dc * g
    dg = dc * i
    dc0 = dc * f
    dzi = di * i * (1 - i)
    dzf = df * f * (1 - f)
    dzo = do * o * (1 - o)
    dzg = dg * (1 - g**2)
    return dzi, dzf, dzo, dzg, dc0


LSTM_CELL = Case(
    lstm_cell,
    lstm_cell_backward,
    (
        Slip("dc = B + dh * o * (1 - tanh_c**2)", "dc = dh * o * (1 - tanh_c**2)", "missing-term"),
        Slip("(1 - tanh_c**2)", "(1 - c**2)", "activation-derivative-at-wrong-point"),
        Slip("dzg = dg * (1 - g**2)", "dzg = dg * g * (1 - g)", "wrong-activation-derivative"),
        Slip("do = dh * tanh_c", "do = dh * c", "another-name"),
        Slip("df = dc * c0", "df = dc * c", "another-name"),
        Slip("di = dc * g", "di = dc * i", "another-name"),
        Slip("dc0 = dc * f", "dc0 = dc", "missing-factor"),
        Slip("dzf = df * f * (1 - f)", "dzf = df * (1 - f)", "missing-factor"),
    ),
    together=((1, 5), (4, 7)),
)


def gru_cell(rng):
    """h1 = (1 - z) n + z h0 with n = tanh(u + r (h0 V)), E = 1/2 |h1 - t|^2."""
    u, h0 = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(4, 3)))
    r, z = tg.Tensor(rng.uniform(size=(4, 3))), tg.Tensor(rng.uniform(size=(4, 3)))
    V, t = tg.Tensor(rng.normal(size=(3, 3))), rng.normal(size=(4, 3))
    m = h0 @ V
    n = tg.tanh(u + r * m)
    h1 = (1 - z) * n + z * h0
    E = 0.5 * ((h1 - t) ** 2).sum()
    return E, locals()


def gru_cell_backward(h0, h1, n, m, r, z, V, t):
    dh1 = h1 - t
    dz = dh1 * (h0 - n)
    dn = dh1 * (1 - z)
    du = dn * (1 - n**2)
    dr = du * m
    dm = du * r
    dV = h0.T @ dm
    dh0 = dh1 * z + dm @ V.T
    return dz, du, dr, dV, dh0


GRU_CELL = Case(
    gru_cell,
    gru_cell_backward,
    (
        Slip("dz = dh1 * (h0 - n)", "dz = dh1 * (n - h0)", "sign"),
        Slip("dz = dh1 * (h0 - n)", "dz = dh1 * h0", "missing-term"),
        Slip("dn = dh1 * (1 - z)", "dn = dh1 * z", "another-name"),
        Slip("dr = du * m", "dr = dn * m", "missing-activation-derivative"),
        Slip("dh0 = dh1 * z + dm @ V.T", "dh0 = dm @ V.T", "missing-term"),
        Slip("dh0 = dh1 * z + dm @ V.T", "dh0 = dh1 * z + dm @ V", "transpose"),
        Slip("dV = h0.T @ dm", "dV = h0.T @ du", "another-name"),
    ),
    together=((0, 5),),
)


def attention(rng):
    """O = softmax(Q K^T / sqrt d) V with Q, K, V from one X, L = |O - T|^2 / n."""
    n, d = 4, 4
    X, T = tg.Tensor(rng.normal(size=(n, d))), rng.normal(size=(n, d))
    Wq, Wk, Wv = (tg.Tensor(rng.normal(size=(d, d))) for _ in range(3))
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / np.sqrt(d)
    P = tg.softmax(S, axis=-1)
    out = P @ V
    L = ((out - T) ** 2).sum() / n
    return L, locals()


def attention_backward(X, T, Wq, Wk, Wv, Q, K, V, P, out, n, d):
    dout = 2 * (out - T) / n
    dV = P.T @ dout
    dP = dout @ V.T
    dS = P * (dP - np.sum(dP * P, axis=-1, keepdims=True))
    dQ = dS @ K / np.sqrt(d)
    dK = dS.T @ Q / np.sqrt(d)
    dWq, dWk, dWv = X.T @ dQ, X.T @ dK, X.T @ dV
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return dX, dWq, dWk, dWv


ATTENTION = Case(
    attention,
    attention_backward,
    (
        Slip("dV = P.T @ dout", "dV = P @ dout", "transpose"),
        Slip("dK = dS.T @ Q", "dK = dS @ Q", "transpose"),
        Slip("dQ = dS @ K / np.sqrt(d)", "dQ = dS @ K", "missing-factor"),
        Slip("dQ = dS @ K / np.sqrt(d)", "dQ = dS @ K / d", "constant-scale"),
        Slip(
            "dS = P * (dP - np.sum(dP * P, axis=-1, keepdims=True))",
            "dS = P * (1 - P) * dP",
            "missing-term",
        ),
        Slip("axis=-1, keepdims=True", "axis=0, keepdims=True", "wrong-axis"),
        Slip("np.sum(dP * P, axis=-1, keepdims=True)", "np.sum(dP * P, axis=-1)", "keepdims"),
        Slip("np.sum(dP * P, axis=-1", "np.sum(dP, axis=-1", "missing-factor"),
        Slip("dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T", "dQ @ Wq.T + dK @ Wk.T", "missing-term"),
        Slip("dQ = dS @ K /", "dQ = dS @ Q /", "another-name"),
    ),
    together=((1, 2), (0, 7)),
    unseen=(Slip("dK = dS.T @ Q / np.sqrt(d)", "dK = (Q.T @ dS).T * d**-0.5", "unseen"),),
)


def highway(rng):
    """y = t h + (1 - t) x, t = sigma(x V), h = tanh(x W), E = mean(c y^2)."""
    x, c = tg.Tensor(rng.normal(size=(5, 3))), rng.normal(size=(5, 3))
    V, W = tg.Tensor(rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=(3, 3)))
    t, h = tg.sigmoid(x @ V), tg.tanh(x @ W)
    y = t * h + (1 - t) * x
    E = (c * y**2).mean()
    return E, locals()


def highway_backward(x, c, V, W, t, h, y):
    dy = 2 * c * y / c.size
    dt = dy * (h - x)
    dh = dy * t
    dv = dt * t * (1 - t)
    dw = dh * (1 - h**2)
    dV = x.T @ dv
    dW = x.T @ dw
    dx = dy * (1 - t)
    dx += dv @ V.T
    dx += dw @ W.T
    return dx, dV, dW


HIGHWAY = Case(
    highway,
    highway_backward,
    (
        Slip("dt = dy * (h - x)", "dt = dy * (h + x)", "sign"),
        Slip("dh = dy * t", "dh = dy * (1 - t)", "another-name"),
        Slip("dx += dv @ V.T", "dx = dv @ V.T", "overwritten"),
        Slip("    dx += dw @ W.T\n", "", "missing-term"),
        Slip("dx += dw @ W.T", "dx += dw @ W", "transpose"),
        Slip("dx += dw @ W.T", "dx += dw @ V.T", "another-name"),
        Slip("dy = 2 * c * y / c.size", "dy = 2 * y / c.size", "missing-factor"),
    ),
    together=((0, 4),),
    unseen=(Slip("dx += dv @ V.T", "dx = dx + np.dot(dv, V.T)", "unseen"),),
)


def squeeze(rng):
    """Squeeze and excite: y = x sigma(mean(x) w), E = sum y^2."""
    x, w = tg.Tensor(rng.normal(size=(6, 4))), tg.Tensor(rng.normal(size=(4, 4)))
    m = x.mean(axis=0)
    s = tg.sigmoid(m @ w)
    y = x * s
    E = (y**2).sum()
    return E, locals()


def squeeze_backward(x, w, m, s, y):
    dy = 2 * y
    ds = (dy * x).sum(0)
    dz = ds * s * (1 - s)
    dw = np.outer(m, dz)
    dm = w @ dz
    dx = dy * s + dm / len(x)
    return dx, dw


SQUEEZE = Case(
    squeeze,
    squeeze_backward,
    (
        Slip("dx = dy * s + dm / len(x)", "dx = dy * s", "missing-term"),
        Slip("dx = dy * s + dm / len(x)", "dx = dy * s + dm", "mean-vs-sum"),
        Slip("dm = w @ dz", "dm = w.T @ dz", "transpose"),
        Slip("dw = np.outer(m, dz)", "dw = np.outer(dz, m)", "wrong-order"),
        Slip("ds = (dy * x).sum(0)", "ds = (dy * x).mean(0)", "mean-vs-sum"),
        Slip("ds = (dy * x).sum(0)", "ds = dy.sum(0)", "missing-factor"),
    ),
    together=((1, 2),),
)


def mixture_of_experts(rng):
    """y = sum_k g_k (x W_k), g = softmax(x U), E = sum c y^2."""
    x, c = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    U = tg.Tensor(rng.normal(size=(3, 2)))
    W1, W2 = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=(3, 2)))
    g = tg.softmax(x @ U, axis=1)
    e1, e2 = x @ W1, x @ W2
    y = g[:, 0:1] * e1 + g[:, 1:2] * e2
    E = (c * y**2).sum()
    return E, locals()


def mixture_of_experts_backward(x, c, g, e1, e2, y):
    dy = 2 * c * y
    dg = np.stack([(dy * e1).sum(1), (dy * e2).sum(1)], axis=1)
    du = g * (dg - (dg * g).sum(1, keepdims=True))
    dU = x.T @ du
    dW1 = x.T @ (dy * g[:, :1])
    dW2 = x.T @ (dy * g[:, 1:])
    return dU, dW1, dW2


MIXTURE_OF_EXPERTS = Case(
    mixture_of_experts,
    mixture_of_experts_backward,
    (
        Slip("dg - (dg * g).sum(1, keepdims=True)", "dg - dg * g", "missing-broadcast-sum"),
        Slip("dU = x.T @ du", "dU = x.T @ dg", "another-name"),
        Slip("(dy * g[:, 1:])", "(dy * g[:, :1])", "off-by-index"),
        Slip("(dy * e2).sum(1)", "(dy * e1).sum(1)", "another-name"),
        Slip("dy = 2 * c * y", "dy = c * y", "constant-scale"),
    ),
    together=((2, 4),),
)
