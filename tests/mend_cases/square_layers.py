"""Layers whose axes have equal lengths by chance: rows as many as columns, heads as their size."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def square_layer_norm(rng):
    """Every row normalised, scaled and shifted; rows are as many as columns."""
    N, D = 4, 4
    x, gamma = tg.Tensor(rng.normal(size=(N, D))), tg.Tensor(rng.uniform(0.5, 1.5, size=D))
    beta, A = tg.Tensor(rng.normal(size=D)), rng.normal(size=(N, D))
    xc = x - x.mean(axis=1, keepdims=True)
    std = tg.sqrt((xc**2).mean(axis=1, keepdims=True) + 1e-5)
    xhat = xc / std
    out = gamma * xhat + beta
    L = (out * A).sum()
    return L, locals()


def square_layer_norm_backward(x, gamma, A, xhat):
    D = x.shape[1]
    mean = x.mean(axis=1)
    var = ((x - mean[:, None]) ** 2).mean(axis=1)
    inv = 1 / np.sqrt(var + 1e-5)
    dbeta = A.sum(axis=0)
    dgamma = (A * xhat).sum(axis=0)
    dxhat = A * gamma
    back = (dxhat * (x - mean[:, None])).sum(axis=1)
    down = -0.5 * back * inv**3
    dxc = dxhat * inv[:, None] + 2 / D * (x - mean[:, None]) * down[:, None]
    dx = dxc - dxc.sum(axis=1)[:, None] / D
    return dx, dgamma, dbeta


SQUARE_LAYER_NORM = Case(
    square_layer_norm,
    square_layer_norm_backward,
    (
        Slip("dxhat * inv[:, None]", "dxhat * inv", "keepdims"),
        Slip("* down[:, None]", "* down", "keepdims"),
        Slip("dxc.sum(axis=1)[:, None] / D", "dxc.sum(axis=1) / D", "keepdims"),
        Slip("dbeta = A.sum(axis=0)", "dbeta = A.sum(axis=1)", "wrong-axis"),
        Slip("(A * xhat).sum(axis=0)", "(A * xhat).sum(axis=1)", "wrong-axis"),
        Slip("dxhat = A * gamma", "dxhat = A * gamma[:, None]", "keepdims"),
        Slip("dxc.sum(axis=1)[:, None] / D", "dxc.sum(axis=1)[:, None]", "mean-vs-sum"),
        Slip("2 / D * (x", "2 * (x", "mean-vs-sum"),
    ),
    pairs={"down": "", "back": ""},
    together=((0, 3),),
)


def square_batch_norm(rng):
    """Every column normalised; rows are as many as columns."""
    N, D = 4, 4
    x, gamma = tg.Tensor(rng.normal(size=(N, D))), tg.Tensor(rng.uniform(0.5, 1.5, size=D))
    A = rng.normal(size=(N, D))
    xc = x - x.mean(axis=0)
    var = (xc**2).mean(axis=0)
    inv = (var + 1e-5) ** -0.5
    xhat = xc * inv
    L = (gamma * xhat * A).sum()
    return L, locals()


def square_batch_norm_backward(x, gamma, A, xc, var, inv, xhat):
    N = len(x)
    dgamma = (xhat * A).sum(axis=0)
    dxhat = gamma * A
    dinv = (dxhat * xc).sum(axis=0)
    dvar = -0.5 * dinv * (var + 1e-5) ** -1.5
    dxc = dxhat * inv + 2 / N * xc * dvar
    dx = dxc - dxc.sum(axis=0) / N
    return dx, dgamma


SQUARE_BATCH_NORM = Case(
    square_batch_norm,
    square_batch_norm_backward,
    (
        Slip("(xhat * A).sum(axis=0)", "(xhat * A).sum(axis=1)", "wrong-axis"),
        Slip("(dxhat * xc).sum(axis=0)", "(dxhat * xc).sum(axis=1)", "wrong-axis"),
        Slip("dxc.sum(axis=0) / N", "dxc.sum(axis=1) / N", "wrong-axis"),
        Slip("dxc.sum(axis=0) / N", "dxc.sum(axis=1, keepdims=True) / N", "wrong-axis"),
        Slip("dxhat * inv", "dxhat * inv[:, None]", "keepdims"),
        Slip("dxc.sum(axis=0) / N", "dxc.sum(axis=0)", "mean-vs-sum"),
    ),
)


def square_attention(rng):
    """One head: as many queries as keys as columns."""
    T, d = 3, 3
    Q, K, V = (tg.Tensor(rng.normal(size=(T, d))) for _ in range(3))
    G = rng.normal(size=(T, d))
    S = Q @ K.T / np.sqrt(d)
    A = tg.softmax(S, axis=1)
    O = A @ V
    L = (O * G).sum()
    return L, locals()


def square_attention_backward(Q, K, V, G, A):
    dV = A.T @ G
    dA = G @ V.T
    dS = A * (dA - (A * dA).sum(axis=1, keepdims=True))
    dQ = dS @ K / np.sqrt(Q.shape[1])
    dK = dS.T @ Q / np.sqrt(Q.shape[1])
    return {"Q": dQ, "K": dK, "V": dV}


SQUARE_ATTENTION = Case(
    square_attention,
    square_attention_backward,
    (
        Slip("dV = A.T @ G", "dV = A @ G", "transpose"),
        Slip("dA = G @ V.T", "dA = G @ V", "transpose"),
        Slip("(A * dA).sum(axis=1, keepdims=True)", "(A * dA).sum(axis=1)", "keepdims"),
        Slip("(A * dA).sum(axis=1, keepdims=True)", "(A * dA).sum(axis=0)", "wrong-axis"),
        Slip("dQ = dS @ K", "dQ = dS.T @ K", "transpose"),
        Slip("dK = dS.T @ Q", "dK = dS @ Q", "transpose"),
        Slip("dK = dS.T @ Q / np.sqrt(Q.shape[1])", "dK = dS.T @ Q", "missing-factor"),
        Slip("dQ = dS @ K / np.sqrt(Q.shape[1])", "dQ = dS @ K / Q.shape[1]", "constant-scale"),
    ),
)


def square_heads(rng):
    """Several heads at once, each as wide as they are many; the scores are added up."""
    B, H, d = 3, 2, 2
    x, w = tg.Tensor(rng.normal(size=(B, H, d))), tg.Tensor(rng.normal(size=(H, d)))
    c, goal = tg.Tensor(rng.normal(size=H)), rng.normal(size=(B, H))
    score = (x * w).sum(axis=2) + c
    h = tg.tanh(score)
    L = ((h - goal) ** 2).sum() / (B * H)
    return L, locals()


def square_heads_backward(x, w, goal, h):
    dh = 2 * (h - goal) / h.size
    dscore = dh * (1 - h**2)
    dw = (dscore[:, :, None] * x).sum(axis=0)
    dx = dscore[:, :, None] * w
    dc = dscore.sum(axis=0)
    return dx, dw, dc


SQUARE_HEADS = Case(
    square_heads,
    square_heads_backward,
    (
        Slip("dw = (dscore[:, :, None] * x)", "dw = (dscore[:, None, :] * x)", "keepdims"),
        Slip("dx = dscore[:, :, None] * w", "dx = dscore[:, None, :] * w", "keepdims"),
        Slip("2 * (h - goal) / h.size", "2 * (h - goal) / len(h)", "mean-vs-sum"),
        Slip("2 * (h - goal) / h.size", "(h - goal) / h.size", "constant-scale"),
        Slip("2 * (h - goal) / h.size", "2 * (h - goal)", "mean-vs-sum"),
    ),
)


def square_pool(rng):
    """Means over windows of two by two, of two images."""
    N, k = 2, 2
    x, w = tg.Tensor(rng.normal(size=(N, 3, k, k))), tg.Tensor(rng.normal(size=(N, 3)))
    goal = rng.normal(size=(N, 3))
    m = x.mean(axis=(2, 3))
    z = m * w
    L = 0.5 * ((z - goal) ** 2).sum() / N
    return L, locals()


def square_pool_backward(x, w, goal, m, z):
    N, a, b = len(x), *x.shape[2:]
    dz = (z - goal) / N
    dw = dz * m
    dm = dz * w
    dx = np.ones(x.shape) * dm[:, :, None, None] / (a * b)
    return dx, dw, dm


SQUARE_POOL = Case(
    square_pool,
    square_pool_backward,
    (
        Slip("/ (a * b)", "/ a", "mean-vs-sum"),
        Slip("/ (a * b)", "/ b", "mean-vs-sum"),
        Slip("dz = (z - goal) / N", "dz = z - goal", "mean-vs-sum"),
        Slip(" / (a * b)", "", "mean-vs-sum"),
        Slip("dz = (z - goal) / N", "dz = 2 * (z - goal) / N", "constant-scale"),
    ),
)
