"""Derivations in plain loops, entry by entry, as a first course writes them."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def linear_loops(rng):
    """A linear layer and the mean of squared errors."""
    X, W = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(3, 2)))
    b, T = tg.Tensor(rng.normal(size=2)), rng.normal(size=(4, 2))
    Y = X @ W + b
    loss = ((Y - T) ** 2).sum() / 4
    return loss, locals()


def linear_loops_backward(X, W, Y, T):
    n, d = X.shape
    k = W.shape[1]
    dW = np.zeros((d, k))
    db = np.zeros(k)
    dX = np.zeros((n, d))
    for i in range(n):
        for j in range(k):
            g = 2 * (Y[i, j] - T[i, j]) / n
            db[j] += g
            for c in range(d):
                dW[c, j] += g * X[i, c]
                dX[i, c] += g * W[c, j]
    return dX, dW, db


LINEAR = Case(
    linear_loops,
    linear_loops_backward,
    (
        Slip("g * W[c, j]", "W[c, j]", "missing-factor"),
        Slip("g * X[i, c]", "X[i, c]", "missing-factor"),
        Slip("db[j] += g", "db[j] = g", "overwritten"),
        Slip("T[i, j]) / n", "T[i, j]) / k", "another-name"),
        Slip("2 * (Y[i, j]", "(Y[i, j]", "constant-scale"),
        Slip("g * X[i, c]", "g * X[c, i - 1]", "off-by-index"),
    ),
)


def hinge_loops(rng):
    """The multiclass hinge loss with a penalty."""
    X, W = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=(4, 3)))
    y = rng.integers(0, 3, size=5)
    s = X @ W
    m = tg.relu(s - s[np.arange(5), y][:, None] + 1.0)
    loss = (m.sum() - 5.0) / 5 + 0.1 * (W * W).sum()
    return loss, locals()


def hinge_loops_backward(X, W, s, y):
    dW = np.zeros(W.shape)
    for i in range(X.shape[0]):
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = s[i, j] - s[i, y[i]] + 1
            if margin > 0:
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    dW /= X.shape[0]
    dW += 2 * 0.1 * W
    return dW


HINGE = Case(
    hinge_loops,
    hinge_loops_backward,
    (
        Slip("dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]", "sign"),
        Slip("dW[:, y[i]] -= X[i]", "dW[:, y[j]] -= X[i]", "off-by-index"),
        Slip("2 * 0.1 * W", "0.1 * W", "constant-scale"),
        Slip("s[i, y[i]] + 1", "s[i, y[i]]", "constant-scale"),
        Slip("dW /= X.shape[0]", "dW /= W.shape[0]", "another-name"),
    ),
)


def patch_loops(rng):
    """A convolution of a picture and the mean of squared errors."""
    x, k = tg.Tensor(rng.normal(size=(5, 5))), tg.Tensor(rng.normal(size=(3, 3)))
    T = rng.normal(size=(3, 3))
    rows = [tg.stack([(x[i : i + 3, j : j + 3] * k).sum() for j in range(3)]) for i in range(3)]
    out = tg.stack(rows)
    loss = ((out - T) ** 2).mean()
    return loss, {"x": x, "k": k, "T": T, "out": out}


def patch_loops_backward(x, k, out, T):
    dout = 2 * (out - T) / 9
    dx = np.zeros_like(x)
    dk = np.zeros_like(k)
    for i in range(3):
        for j in range(3):
            dk += x[i : i + 3, j : j + 3] * dout[i, j]
            dx[i : i + 3, j : j + 3] += k * dout[i, j]
    return dx, dk


PATCH = Case(
    patch_loops,
    patch_loops_backward,
    (
        Slip("j : j + 3] * dout[i, j]", "j : j + 3] * dout[j, i]", "transpose"),
        Slip("j : j + 3] * dout[i, j]", "j : j + 3]", "missing-factor"),
        Slip("k * dout[i, j]", "k", "missing-factor"),
        Slip("k * dout[i, j]", "k[::-1, ::-1] * dout[i, j]", "wrong-order"),
        Slip("(out - T) / 9", "(out - T)", "mean-vs-sum"),
    ),
)


def query_loops(rng):
    """One query's attention over four keys."""
    q, K = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=(4, 3)))
    V, t = tg.Tensor(rng.normal(size=(4, 2))), rng.normal(size=2)
    s = K @ q / np.sqrt(3.0)
    p = tg.softmax(s)
    o = p @ V
    loss = 0.5 * ((o - t) ** 2).sum()
    return loss, locals()


def query_loops_backward(q, K, V, t, p, o):
    do = o - t
    dV = np.zeros_like(V)
    dp = np.zeros(4)
    ds = np.zeros(4)
    dq = np.zeros(3)
    dK = np.zeros_like(K)
    for i in range(4):
        for c in range(2):
            dV[i, c] = p[i] * do[c]
            dp[i] += V[i, c] * do[c]
    for i in range(4):
        for j in range(4):
            ds[i] += dp[j] * p[j] * ((i == j) - p[i])
    for i in range(4):
        dq += ds[i] * K[i] / np.sqrt(3)
        dK[i] = ds[i] * q / np.sqrt(3)
    return dq, dK, dV


QUERY = Case(
    query_loops,
    query_loops_backward,
    (
        Slip("((i == j) - p[i])", "((i == j) - p[j])", "off-by-index"),
        Slip("ds[i] * K[i] / np.sqrt(3)", "ds[i] * K[i]", "missing-factor"),
        Slip("dp[i] += V[i, c] * do[c]", "dp[i] = V[i, c] * do[c]", "overwritten"),
        Slip("p[i] * do[c]", "p[c] * do[c]", "off-by-index"),
    ),
)


def stress_loops(rng):
    """Distances between points held against given ones."""
    A, D = tg.Tensor(rng.normal(size=(4, 3))), rng.random((4, 4)) + 1
    loss = 0.0
    for i in range(4):
        for j in range(i):
            loss = loss + (tg.linalg.norm(A[i] - A[j]) - D[i, j]) ** 2
    return loss, {"A": A, "D": D}


def stress_loops_backward(A, D):
    dA = np.zeros_like(A)
    for i in range(4):
        for j in range(i):
            r = A[i] - A[j]
            d = np.sqrt((r**2).sum())
            g = 2 * (d - D[i, j]) * r / d
            dA[i] += g
            dA[j] -= g
    return dA


STRESS = Case(
    stress_loops,
    stress_loops_backward,
    (
        Slip("dA[j] -= g", "dA[j] += g", "sign"),
        Slip("* r / d", "* r", "missing-factor"),
        Slip("D[i, j]", "D[j, i]", "transpose"),
        Slip("np.sqrt((r**2).sum())", "(r**2).sum()", "wrong-activation-derivative"),
    ),
)


def state_loops(rng):
    """A state that one number feeds back, with an error at each step."""
    w, u, x, t = tg.Tensor(0.7), tg.Tensor(-0.4), tg.Tensor(rng.normal(size=5)), rng.normal(size=5)
    h, hs, loss = 0.0, [], 0.0
    for i in range(5):
        h = tg.tanh(w * h + u * x[i])
        hs.append(h)
        loss = loss + 0.5 * (h - t[i]) ** 2
    return loss, {"w": w, "u": u, "x": x, "t": t, "hs": hs}


def state_loops_backward(w, u, x, t, hs):
    dw = 0.0
    du = 0.0
    dx = np.zeros(5)
    dh = 0.0
    for i in range(4, -1, -1):
        dh = dh + hs[i] - t[i]
        dz = dh * (1 - hs[i] ** 2)
        if i > 0:
            dw += dz * hs[i - 1]
        du += dz * x[i]
        dx[i] = dz * u
        dh = dz * w
    return dw, du, dx


STATE = Case(
    state_loops,
    state_loops_backward,
    (
        Slip("dw += dz * hs[i - 1]", "dw += dz * hs[i]", "off-by-index"),
        Slip("dh = dh + hs[i] - t[i]", "dh = hs[i] - t[i]", "missing-term"),
        Slip("dx[i] = dz * u", "dx[i] = dz * w", "another-name"),
        Slip("1 - hs[i] ** 2", "1 - hs[i]", "wrong-activation-derivative"),
        Slip("dh = dz * w", "dh = dz * u", "another-name"),
    ),
)
