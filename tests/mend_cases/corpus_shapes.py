"""Normalisation, convolution, graphs and formulas of the sciences."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def layer_norm(rng):
    """y = gamma (x - mu) / sqrt(var + eps) + beta over the last axis, L = |y - T|^2."""
    N, D = 5, 6
    x, T = tg.Tensor(rng.normal(size=(N, D))), rng.normal(size=(N, D))
    gamma, beta = tg.Tensor(rng.normal(size=D)), tg.Tensor(rng.normal(size=D))
    xc = x - x.mean(axis=1, keepdims=True)
    istd = ((xc**2).mean(axis=1, keepdims=True) + 1e-5) ** -0.5
    xhat = xc * istd
    y = gamma * xhat + beta
    L = ((y - T) ** 2).sum()
    return L, locals()


def mean(a):
    """The mean of every row, kept as a column."""
    return a.mean(axis=1, keepdims=True)


def layer_norm_backward(T, gamma, xhat, istd, y):
    dy = 2 * (y - T)
    dbeta = dy.sum(axis=0)
    dgamma = (dy * xhat).sum(axis=0)
    dxhat = dy * gamma
    dx = istd * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))
    return dx, dgamma, dbeta


LAYER_NORM = Case(
    layer_norm,
    layer_norm_backward,
    (
        Slip("dxhat - mean(dxhat) - xhat", "dxhat - xhat", "missing-term"),
        Slip("- xhat * mean(dxhat * xhat)", "- mean(dxhat * xhat)", "missing-factor"),
        Slip("- xhat * mean(dxhat * xhat)", "+ xhat * mean(dxhat * xhat)", "sign"),
        Slip(
            "return a.mean(axis=1, keepdims=True)",
            "return a.sum(axis=1, keepdims=True)",
            "mean-vs-sum",
        ),
        Slip(
            "return a.mean(axis=1, keepdims=True)",
            "return a.mean(axis=0, keepdims=True)",
            "wrong-axis",
        ),
        Slip("dxhat = dy * gamma", "dxhat = dy", "missing-factor"),
        Slip("dgamma = (dy * xhat)", "dgamma = (dy * y)", "another-name"),
        Slip("dx = istd * (", "dx = (", "missing-factor"),
    ),
    together=((2, 6), (4, 5)),
    helpers=(mean,),
)


def rms_norm(rng):
    """y = g x / rms, rms = sqrt(mean(x^2) + eps), L = |y - T|^2."""
    D = 5
    x, g = tg.Tensor(rng.normal(size=(3, D))), tg.Tensor(rng.normal(size=D))
    T = rng.normal(size=(3, D))
    rms = tg.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6)
    y = g * x / rms
    L = ((y - T) ** 2).sum()
    return L, locals()


def rms_norm_backward(x, g, rms, y, T, D):
    dy = 2 * (y - T)
    dg = (dy * x / rms).sum(0)
    drms = -(dy * g * x).sum(1, keepdims=True) / rms**2
    dx = dy * g / rms + drms * x / (D * rms)
    return dx, dg


RMS_NORM = Case(
    rms_norm,
    rms_norm_backward,
    (
        Slip("dx = dy * g / rms + drms * x / (D * rms)", "dx = dy * g / rms", "missing-term"),
        Slip("drms * x / (D * rms)", "drms * x / D * rms", "bracket"),
        Slip("drms * x / (D * rms)", "drms * x / rms", "mean-vs-sum"),
        Slip("keepdims=True) / rms**2", "keepdims=True) / rms", "missing-factor"),
        Slip("drms = -(dy", "drms = (dy", "sign"),
        Slip("dg = (dy * x / rms).sum(0)", "dg = (dy * x).sum(0)", "missing-factor"),
    ),
    together=((2, 4),),
)


def batch_norm(rng):
    """The chain of the batch norm paper (Ioffe and Szegedy, 2015), in training mode."""
    m, eps = 8, 1e-5
    x, W = tg.Tensor(rng.normal(size=(m, 3))), rng.normal(size=(m, 3))
    gamma, beta = tg.Tensor(rng.normal(size=(1, 3))), tg.Tensor(rng.normal(size=(1, 3)))
    mu = x.mean(axis=0, keepdims=True)
    var = ((x - mu) ** 2).mean(axis=0, keepdims=True)
    xhat = (x - mu) / tg.sqrt(var + eps)
    y = gamma * xhat + beta
    L = (W * y**2).sum()
    return L, locals()


def batch_norm_backward(x, W, gamma, mu, var, xhat, y, m, eps):
    dy = 2 * W * y
    dbeta = np.sum(dy, axis=0)
    dgamma = np.sum(dy * xhat, axis=0)
    dxhat = dy * gamma
    dvar = np.sum(dxhat * (x - mu) * -0.5 * (var + eps) ** -1.5, axis=0)
    dmu = np.sum(-dxhat / np.sqrt(var + eps), axis=0) + dvar * np.mean(-2 * (x - mu), axis=0)
    dx = dxhat / np.sqrt(var + eps) + dvar * 2 * (x - mu) / m + dmu / m
    return dx, dgamma, dbeta


BATCH_NORM = Case(
    batch_norm,
    batch_norm_backward,
    (
        Slip("dvar * 2 * (x - mu) / m", "dvar * 2 * (x - mu)", "mean-vs-sum"),
        Slip("dvar * 2 * (x - mu) / m + dmu / m", "dvar * 2 * (x - mu) / m", "missing-term"),
        Slip("-0.5 * (var + eps) ** -1.5", "-0.5 * (var + eps) ** -0.5", "constant-scale"),
        Slip("* -0.5 *", "* 0.5 *", "sign"),
        Slip(
            "np.sum(-dxhat / np.sqrt(var + eps), axis=0)",
            "np.sum(-dxhat, axis=0)",
            "missing-factor",
        ),
        Slip("dgamma = np.sum(dy * xhat", "dgamma = np.sum(dy * x", "another-name"),
        Slip("dxhat = dy * gamma", "dxhat = dy * xhat", "another-name"),
    ),
    together=((3, 5), (0, 4)),
    unseen=(
        Slip(" + dvar * np.mean(-2 * (x - mu), axis=0)", "", "unseen"),
        Slip("dbeta = np.sum(dy, axis=0)", "dbeta = dy.sum(0, keepdims=True)", "unseen"),
    ),
)


def convolution(rng):
    """Y_ij = sum_ab K_ab X_(i+a, j+b), E = 1/2 |Y - T|^2, in loops."""
    X, K, T = tg.Tensor(rng.normal(size=(5, 6))), tg.Tensor(rng.normal(size=(2, 3))), 0.3
    Y = sum(X[a : a + 4, b : b + 4] * K[a, b] for a in range(2) for b in range(3))
    E = 0.5 * ((Y - T) ** 2).sum()
    return E, locals()


def convolution_backward(X, K, Y, T):
    dY = Y - T
    dX, dK = np.zeros_like(X), np.zeros_like(K)
    for i in range(dY.shape[0]):
        for j in range(dY.shape[1]):
            dK += dY[i, j] * X[i : i + 2, j : j + 3]
            dX[i : i + 2, j : j + 3] += dY[i, j] * K
    return dX, dK


CONVOLUTION = Case(
    convolution,
    convolution_backward,
    (
        Slip("dX[i : i + 2, j : j + 3] += dY", "dX[i : i + 2, j : j + 3] = dY", "overwritten"),
        Slip("dK += dY[i, j]", "dK = dY[i, j]", "overwritten"),
        Slip("+= dY[i, j] * K\n", "+= dY[i, j] * K[::-1, ::-1]\n", "wrong-order"),
        Slip("X[i : i + 2, j : j + 3]\n", "X[i + 1 : i + 3, j : j + 3]\n", "off-by-index"),
        Slip("dY = Y - T", "dY = T - Y", "sign"),
        Slip("dK += dY[i, j] * X", "dK += Y[i, j] * X", "another-name"),
    ),
    together=((2, 4),),
)


def pooling(rng):
    """Max over windows of 2, a relu layer, the mean of its squares."""
    x, w, b = (tg.Tensor(rng.normal(size=size)) for size in ((2, 6), (3, 4), (4,)))
    p = x.reshape(2, 3, 2).max(axis=2)
    z = p @ w + b
    h = tg.relu(z)
    L = (h**2).mean()
    return L, locals()


def pooling_backward(x, w, p, z, h):
    dh = 2 * h / h.size
    dz = dh * (z > 0)
    db = dz.sum(0)
    dw = p.T @ dz
    dp = dz @ w.T
    dx = np.zeros_like(x)
    for n in range(2):
        for k in range(3):
            best = 2 * k + np.argmax(x[n, 2 * k : 2 * k + 2])
            dx[n, best] = dp[n, k]
    return dx, dw, db


POOLING = Case(
    pooling,
    pooling_backward,
    (
        Slip("np.argmax(", "np.argmin(", "operator"),
        Slip("dh = 2 * h / h.size", "dh = 2 * h", "mean-vs-sum"),
        Slip("dh = 2 * h / h.size", "dh = 2 * z / h.size", "another-name"),
        Slip("db = dz.sum(0)", "db = dz.mean(0)", "mean-vs-sum"),
        Slip("dx[n, best] = dp[n, k]", "dx[n, best] = dp[n, k - 1]", "off-by-index"),
    ),
    together=((0, 3),),
)


def graph_network(rng):
    """Z = A leaky_relu(A X W1) W2, cross-entropy; A's rows sum to 1, it is not symmetric."""
    n = 5
    A, X = rng.random((n, n)), rng.normal(size=(n, 3))
    A = A / A.sum(1, keepdims=True)
    W1, W2 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=(4, 2)))
    Y = np.eye(2)[rng.integers(0, 2, n)]
    pre = A @ X @ W1
    H = tg.leaky_relu(pre)
    Z = A @ H @ W2
    L = -(Y * tg.log_softmax(Z, axis=1)).sum() / n
    return L, locals()


def graph_network_backward(A, X, Y, W2, pre, H, Z, n):
    P = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)
    dZ = (P - Y) / n
    dW2 = (A @ H).T @ dZ
    dH = A.T @ dZ @ W2.T
    dpre = dH * np.where(pre > 0, 1, 0.01)
    dW1 = (A @ X).T @ dpre
    return dW1, dW2


GRAPH_NETWORK = Case(
    graph_network,
    graph_network_backward,
    (
        Slip("dH = A.T @ dZ @ W2.T", "dH = A @ dZ @ W2.T", "transpose"),
        Slip("dH = A.T @ dZ @ W2.T", "dH = dZ @ W2.T", "missing-factor"),
        Slip("dW2 = (A @ H).T @ dZ", "dW2 = H.T @ dZ", "missing-factor"),
        Slip("np.where(pre > 0, 1, 0.01)", "(pre > 0)", "wrong-activation-derivative"),
        Slip("dW1 = (A @ X).T @ dpre", "dW1 = (A.T @ X).T @ dpre", "transpose"),
        Slip("dZ = (P - Y) / n", "dZ = (P - Y)", "mean-vs-sum"),
    ),
    together=((2, 5),),
    unseen=(Slip("dW2 = (A @ H).T @ dZ", "dW2 = H.T @ A.T @ dZ", "unseen"),),
)


def survival(rng):
    """Cox: E = -sum_i (x_i b - log sum_(j >= i) exp(x_j b)), times sorted."""
    X, beta = rng.normal(size=(5, 2)), tg.Tensor(rng.normal(size=2))
    eta = X @ beta
    risk = tg.triu(np.ones((5, 5))) @ tg.exp(eta)
    E = -(eta - tg.log(risk)).sum()
    return E, locals()


def survival_backward(X, beta, eta, risk):
    grad_beta = np.zeros_like(beta)
    for i in range(len(X)):
        weighted = np.zeros_like(beta)
        for j in range(i, len(X)):
            weighted += np.exp(eta[j]) * X[j]
        grad_beta -= X[i] - weighted / risk[i]
    return {"beta": grad_beta}


SURVIVAL = Case(
    survival,
    survival_backward,
    (
        Slip("grad_beta -= X[i]", "grad_beta += X[i]", "sign"),
        Slip("X[i] - weighted / risk[i]", "X[i] + weighted / risk[i]", "sign"),
        Slip(
            "weighted += np.exp(eta[j]) * X[j]", "weighted = np.exp(eta[j]) * X[j]", "overwritten"
        ),
        Slip("np.exp(eta[j]) * X[j]", "np.exp(eta[j]) * X[i]", "off-by-index"),
        Slip("range(i, len(X))", "range(i + 1, len(X))", "off-by-index"),
        Slip("X[i] - weighted / risk[i]", "X[i] - weighted", "missing-factor"),
    ),
)


def gravitation(rng):
    """U = -sum m_i / |x_i - c|, the potential of points."""
    x, m, c = rng.normal(size=(5, 3)), rng.random(5) + 0.5, tg.Tensor(rng.normal(size=3) * 3)
    d = x - c
    r = tg.sqrt((d**2).sum(axis=1))
    U = -(m / r).sum()
    return U, locals()


def gravitation_backward():
    return {
        "r": lambda m, r: m / r**2,
        "c": lambda m, r, d, xp: -xp.sum((m / r**3)[:, None] * d, axis=0),
    }


GRAVITATION = Case(
    gravitation,
    gravitation_backward,
    (
        Slip("m / r**2", "m / r", "missing-factor"),
        Slip("m / r**2", "-m / r**2", "sign"),
        Slip("(m / r**3)[:, None]", "(1 / r**3)[:, None]", "missing-factor"),
        Slip(
            "(m / r**3)[:, None] * d, axis=0", "(m / r**2)[:, None] * d, axis=0", "constant-scale"
        ),
    ),
    form="lambdas",
)


def gaussian_process(rng):
    """E = 1/2 y^T K^-1 y + 1/2 log det K, K = s S + noise I."""
    A = rng.normal(size=(4, 4))
    S, y = A @ A.T, rng.normal(size=4)
    s, noise = tg.Tensor(1.7), tg.Tensor(0.5)
    K = s * S + noise * np.eye(4)
    E = 0.5 * (y @ tg.solve(K, y)) + 0.5 * tg.logabsdet(K)
    return E, locals()


def gaussian_process_backward(K, S, y):
    alpha = np.linalg.solve(K, y)
    dK = 0.5 * (np.linalg.inv(K) - np.outer(alpha, alpha))
    ds = np.trace(dK.T @ S)
    dnoise = np.trace(dK)
    return ds, dnoise


GAUSSIAN_PROCESS = Case(
    gaussian_process,
    gaussian_process_backward,
    (
        Slip("np.linalg.inv(K) - np.outer", "np.linalg.inv(K) + np.outer", "sign"),
        Slip("np.outer(alpha, alpha)", "np.outer(alpha, y)", "another-name"),
        Slip("dK = 0.5 * (", "dK = (", "constant-scale"),
        Slip("ds = np.trace(dK.T @ S)", "ds = np.trace(dK) * np.trace(S)", "elementwise-vs-matmul"),
        Slip("np.linalg.inv(K) - np.outer", "K - np.outer", "missing-factor"),
    ),
    together=((0, 2),),
)
