"""Losses with corners that their authors wrote by `where` and masks, and what comes back."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def leaky_net(rng):
    X, y = rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
    W1, b1 = tg.Tensor(rng.normal(size=(4, 6))), tg.Tensor(rng.normal(size=6))
    W2 = tg.Tensor(rng.normal(size=(6, 3)))
    z = X @ W1 + b1
    a = tg.where(z > 0, z, 0.1 * z)
    o = a @ W2
    loss = 0.5 * ((o - y) ** 2).sum()
    return loss, locals()


def leaky_net_backward(X, y, W1, W2, z, a, o):
    do = o - y
    dW2 = a.T @ do
    da = do @ W2.T
    dz = da * np.where(z > 0, 1, 0.1)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    return dW1, db1, dW2


LEAKY_NET = Case(
    leaky_net,
    leaky_net_backward,
    (
        Slip("np.where(z > 0, 1, 0.1)", "np.where(z > 0, 1, 0.01)", "constant-scale"),
        Slip("np.where(z > 0, 1, 0.1)", "np.where(z > 0, 0.1, 1)", "wrong-order"),
        Slip("np.where(z > 0, 1, 0.1)", "(z > 0)", "wrong-activation-derivative"),
        Slip("np.where(z > 0, 1, 0.1)", "np.where(z > 0, z, 0.1)", "wrong-activation-derivative"),
        Slip("np.where(z > 0, 1, 0.1)", "np.where(z < 0, 1, 0.1)", "operator"),
        Slip(" * np.where(z > 0, 1, 0.1)", "", "missing-factor"),
    ),
)


def leaky_in_place(rng):
    X, W = rng.normal(size=(6, 5)), tg.Tensor(rng.normal(size=(4, 5)))
    u = X @ W.T
    h = tg.where(u > 0, u, 0.2 * u)
    loss = (h * h).mean()
    return loss, locals()


def leaky_in_place_backward(X, u, h):
    dh = 2 * h / h.size
    du = dh.copy()
    du[u <= 0] *= 0.2
    dW = du.T @ X
    return dW


LEAKY_IN_PLACE = Case(
    leaky_in_place,
    leaky_in_place_backward,
    (
        Slip("du[u <= 0] *= 0.2", "du[u <= 0] = 0", "wrong-activation-derivative"),
        Slip("du[u <= 0] *= 0.2", "du[u <= 0] = 0.2", "operator"),
        Slip("du[u <= 0] *= 0.2", "du[u >= 0] *= 0.2", "operator"),
        Slip("du[u <= 0] *= 0.2", "du[u <= 0] *= 0.02", "constant-scale"),
        Slip("/ h.size", "/ h.shape[0]", "mean-vs-sum"),
    ),
)


def robust_line(rng):
    A, b, w = rng.normal(size=(12, 3)), 2 * rng.normal(size=12), tg.Tensor(rng.normal(size=3))
    r = A @ w - b
    delta = 1.35
    loss = tg.where(tg.abs(r) <= delta, 0.5 * r**2, delta * (tg.abs(r) - 0.5 * delta)).sum()
    return loss, locals()


def robust_line_backward(A, r, delta):
    inside = np.abs(r) <= delta
    dr = np.where(inside, r, delta * np.sign(r))
    dw = A.T @ dr
    return dw


ROBUST_LINE = Case(
    robust_line,
    robust_line_backward,
    (
        Slip("delta * np.sign(r)", "delta", "missing-factor"),
        Slip("delta * np.sign(r)", "np.sign(r)", "missing-factor"),
        Slip("inside, r,", "inside, 2 * r,", "constant-scale"),
        Slip("inside, r,", "inside, r**2,", "wrong-activation-derivative"),
        Slip("np.abs(r) <= delta", "r <= delta", "missing-factor"),
        Slip("np.abs(r) <= delta", "np.abs(r) >= delta", "operator"),
    ),
)


def multiclass_hinge(rng):
    X, t = rng.normal(size=(8, 5)), np.array([0, 2, 1, 3, 3, 0, 1, 2])
    W, n = tg.Tensor(rng.normal(size=(5, 4))), 8
    S = X @ W
    M = S - S[np.arange(n), t][:, None] + 1.0
    H = tg.where(M > 0, M, 0.0)
    loss = (H.sum() - n) / n
    return loss, locals()


def multiclass_hinge_backward(X, t, W, M, n):
    dS = (M > 0).astype(float)
    dS[np.arange(n), t] = 0
    dS[np.arange(n), t] = -dS.sum(axis=1)
    dS /= n
    dW = X.T @ dS
    return dW


MULTICLASS_HINGE = Case(
    multiclass_hinge,
    multiclass_hinge_backward,
    (
        Slip("-dS.sum(axis=1)", "dS.sum(axis=1)", "sign"),
        Slip("-dS.sum(axis=1)", "-1", "missing-term"),
        Slip("dS /= n", "dS /= len(W)", "another-name"),
        Slip("M > 0", "M > 1", "constant-scale"),
        Slip("X.T @ dS", "X.T @ dS / n", "double-count"),
    ),
)


def quantile(rng):
    X, y = rng.normal(size=(10, 3)), rng.normal(size=10)
    w, b, tau = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal()), 0.9
    e = y - (X @ w + b)
    loss = tg.where(e >= 0, tau * e, (tau - 1) * e).mean()
    return loss, locals()


def quantile_backward(X, y, e, tau):
    m = len(y)
    de = np.where(e >= 0, tau, tau - 1) / m
    dw = -X.T @ de
    db = -de.sum()
    return dw, db


QUANTILE = Case(
    quantile,
    quantile_backward,
    (
        Slip("np.where(e >= 0, tau, tau - 1)", "np.where(e >= 0, tau, 1 - tau)", "sign"),
        Slip("np.where(e >= 0, tau, tau - 1)", "np.where(e >= 0, tau - 1, tau)", "wrong-order"),
        Slip("-X.T @ de", "X.T @ de", "sign"),
        Slip("tau - 1) / m", "tau - 1)", "mean-vs-sum"),
        Slip("-de.sum()", "-de.mean()", "mean-vs-sum"),
    ),
)


def epsilon_tube(rng):
    X, y, w = rng.normal(size=(15, 2)), rng.normal(size=15), tg.Tensor(rng.normal(size=2))
    eps, C = 0.3, 5.0
    r = X @ w - y
    over = tg.abs(r) - eps
    loss = 0.5 * (w * w).sum() + C * tg.where(over > 0, over, 0.0).sum()
    return loss, locals()


def epsilon_tube_backward(X, w, r, eps, C):
    subgradient = np.sign(r) * (np.abs(r) > eps)
    dw = w + C * X.T @ subgradient
    return dw


EPSILON_TUBE = Case(
    epsilon_tube,
    epsilon_tube_backward,
    (
        Slip("(np.abs(r) > eps)", "(r > eps)", "missing-factor"),
        Slip("np.sign(r) * (np.abs(r) > eps)", "np.sign(r)", "missing-factor"),
        Slip("np.sign(r) * ", "", "missing-factor"),
        Slip("w + C", "2 * w + C", "constant-scale"),
        Slip("w + C * X.T", "w + X.T", "missing-factor"),
    ),
)


def clipped_ratio(rng):
    new, old = tg.Tensor(0.4 * rng.normal(size=14)), 0.4 * rng.normal(size=14)
    adv, eps = rng.normal(size=14), 0.2
    ratio = tg.exp(new - old)
    low = tg.where(ratio < 1 - eps, 1 - eps, ratio)
    clipped = tg.where(low > 1 + eps, 1 + eps, low)
    one, two = ratio * adv, clipped * adv
    loss = -tg.where(one < two, one, two).mean()
    return loss, locals()


def clipped_ratio_backward(ratio, adv, eps, one, two):
    n = len(adv)
    inside = (ratio > 1 - eps) & (ratio < 1 + eps)
    active = (one < two) | inside
    dratio = -adv * active / n
    dnew = dratio * ratio
    return dnew


CLIPPED_RATIO = Case(
    clipped_ratio,
    clipped_ratio_backward,
    (
        Slip("(one < two) | inside", "inside", "missing-term"),
        Slip("(one < two) | inside", "(one > two) | inside", "operator"),
        Slip("-adv * active / n", "adv * active / n", "sign"),
        Slip("dratio * ratio", "dratio", "missing-factor"),
        Slip("dratio * ratio", "dratio / ratio", "operator"),
    ),
)


def elu_layer(rng):
    X, W = rng.normal(size=(6, 4)), tg.Tensor(rng.normal(size=(4, 5)))
    alpha = 0.7
    z = X @ W
    a = tg.where(z > 0, z, alpha * (tg.exp(z) - 1))
    loss = (a**3).sum()
    return loss, locals()


def elu_layer_backward(X, z, a, alpha):
    da = 3 * a**2
    dz = da * np.where(z > 0, 1, a + alpha)
    dW = X.T @ dz
    return dW


ELU_LAYER = Case(
    elu_layer,
    elu_layer_backward,
    (
        Slip("a + alpha", "a + 1", "constant-scale"),
        Slip("a + alpha", "alpha", "wrong-activation-derivative"),
        Slip("a + alpha", "alpha * (np.exp(z) - 1)", "wrong-activation-derivative"),
        Slip("a + alpha", "np.exp(z)", "missing-factor"),
        Slip("z > 0", "z < 0", "operator"),
        Slip("3 * a**2", "3 * a", "wrong-activation-derivative"),
    ),
)


def padded_tokens(rng):
    E, ids = (
        tg.Tensor(rng.normal(size=(7, 4))),
        np.array([[1, 4, 2, 0], [3, 1, 0, 0], [5, 6, 2, 3]]),
    )
    v = tg.Tensor(rng.normal(size=4))
    mask = (ids > 0).astype(float)
    H = E[ids] * mask[:, :, None]
    pooled = H.sum(axis=1) / mask.sum(axis=1, keepdims=True)
    s = pooled @ v
    loss = tg.softplus(-s).sum()
    return loss, locals()


def padded_tokens_backward(E, ids, v, mask, pooled, s):
    ds = -1 / (1 + np.exp(s))
    dv = pooled.T @ ds
    dpooled = np.outer(ds, v)
    dH = np.repeat((dpooled / mask.sum(axis=1, keepdims=True))[:, None, :], 4, axis=1)
    dE = np.zeros_like(E)
    np.add.at(dE, ids, dH * mask[:, :, None])
    return dE, dv


PADDED_TOKENS = Case(
    padded_tokens,
    padded_tokens_backward,
    (
        Slip(
            "np.add.at(dE, ids, dH * mask[:, :, None])",
            "dE[ids] += dH * mask[:, :, None]",
            "missing-term",
        ),
        Slip("-1 / (1 + np.exp(s))", "1 / (1 + np.exp(s))", "sign"),
        Slip("-1 / (1 + np.exp(s))", "-1 / (1 + np.exp(-s))", "sign"),
        Slip(" * mask[:, :, None]", "", "missing-factor"),
        Slip("mask.sum(axis=1, keepdims=True)", "mask.shape[1]", "mean-vs-sum"),
    ),
)


def hard_sigmoid_gate(rng):
    X, U, V = 3 * rng.normal(size=(5, 3)), *(tg.Tensor(rng.normal(size=(3, 4))) for _ in range(2))
    y = rng.normal(size=(5, 4))
    p, c = X @ U, X @ V
    line = 0.25 * p + 0.5
    g = tg.where(line < 0, 0.0, tg.where(line > 1, 1.0, line))
    h = g * c
    loss = ((h - y) ** 2).sum() / 2
    return loss, locals()


def hard_sigmoid_gate_backward(X, y, line, g, c, h):
    dh = h - y
    dc = dh * g
    dg = dh * c
    dline = dg * ((line > 0) & (line < 1))
    dp = 0.25 * dline
    dU = X.T @ dp
    dV = X.T @ dc
    return dU, dV


HARD_SIGMOID_GATE = Case(
    hard_sigmoid_gate,
    hard_sigmoid_gate_backward,
    (
        Slip("((line > 0) & (line < 1))", "(line > 0)", "missing-factor"),
        Slip("((line > 0) & (line < 1))", "(line * (1 - line))", "wrong-activation-derivative"),
        Slip("0.25 * dline", "dline", "missing-factor"),
        Slip("0.25 * dline", "0.2 * dline", "constant-scale"),
        Slip("dh * c", "dh * g", "another-name"),
        Slip("(line < 1)", "(line < 0.5)", "constant-scale"),
    ),
)


def anchored(rng):
    A, P, N = (tg.Tensor(rng.normal(size=(9, 3))) for _ in range(3))
    margin = 0.5
    dp, dn = ((A - P) ** 2).sum(axis=1), ((A - N) ** 2).sum(axis=1)
    gap = dp - dn + margin
    loss = tg.where(gap > 0, gap, 0.0).mean()
    return loss, locals()


def anchored_backward(A, P, N, gap):
    active = (gap > 0)[:, None] / len(gap)
    grad_A = 2 * active * (N - P)
    grad_P = -2 * active * (A - P)
    grad_N = 2 * active * (A - N)
    return grad_A, grad_P, grad_N


ANCHORED = Case(
    anchored,
    anchored_backward,
    (
        Slip("(N - P)", "(P - N)", "sign"),
        Slip("-2 * active * (A - P)", "2 * active * (A - P)", "sign"),
        Slip("(gap > 0)[:, None] / len(gap)", "(gap > 0)[:, None]", "mean-vs-sum"),
        Slip("2 * active * (A - N)", "active * (A - N)", "missing-factor"),
        Slip("(gap > 0)[:, None] / len(gap)", "1 / len(gap)", "missing-factor"),
        Slip("gap > 0", "gap < 0", "operator"),
    ),
    pairs={"dp": "", "dn": ""},
)


def max_pooled(rng):
    X, w = tg.Tensor(rng.normal(size=(6, 8))), tg.Tensor(rng.normal(size=4))
    R = X.reshape(6, 4, 2)
    left, right = R[:, :, 0], R[:, :, 1]
    pooled = tg.where(left > right, left, right)
    s = pooled @ w
    loss = 0.5 * (s * s).sum()
    return loss, locals()


def max_pooled_backward(X, w, left, right, pooled, s):
    ds = s
    dw = pooled.T @ ds
    dpooled = np.outer(ds, w)
    dX = np.zeros_like(X)
    dX[:, 0::2] = dpooled * (left > right)
    dX[:, 1::2] = dpooled * (left <= right)
    return dX, dw


MAX_POOLED = Case(
    max_pooled,
    max_pooled_backward,
    (
        Slip("(left <= right)", "(left > right)", "operator"),
        Slip("dpooled * (left > right)", "dpooled", "missing-factor"),
        Slip("dX[:, 1::2]", "dX[:, 0::2]", "off-by-index"),
        Slip("np.outer(ds, w)", "np.outer(w, ds).T * w", "double-count"),
        Slip("pooled.T @ ds", "pooled.T @ ds / len(s)", "mean-vs-sum"),
    ),
)
