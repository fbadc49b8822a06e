"""Losses of classifiers and regressions, and penalties."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def softmax_by_hand(rng):
    """p = softmax(X W), L = -sum(Y log p): the Jacobian of softmax written out."""
    X, Y = rng.normal(size=(6, 4)), np.eye(3)[rng.integers(0, 3, size=6)]
    W = tg.Tensor(rng.normal(size=(4, 3)))
    Z = X @ W
    P = tg.softmax(Z, axis=1)
    L = -(Y * tg.log(P)).sum()
    return L, locals()


def softmax_by_hand_backward(X, Y, Z, P):
    dP = -Y / P
    dZ = np.zeros_like(Z)
    for n in range(len(Z)):
        J = np.diag(P[n]) - np.outer(P[n], P[n])
        dZ[n] = J @ dP[n]
    dW = X.T @ dZ
    return dP, dZ, dW


SOFTMAX_BY_HAND = Case(
    softmax_by_hand,
    softmax_by_hand_backward,
    (
        Slip("dP = -Y / P", "dP = -Y", "missing-factor"),
        Slip("dP = -Y / P", "dP = -Y * P", "operator"),
        Slip("J = np.diag(P[n]) - np.outer(P[n], P[n])", "J = np.diag(P[n])", "missing-term"),
        Slip("np.diag(P[n]) - np.outer", "np.diag(P[n]) + np.outer", "sign"),
        Slip("np.outer(P[n], P[n])", "np.outer(P[n], Y[n])", "another-name"),
        Slip("dZ[n] = J @ dP[n]", "dZ[n] = J @ dP[n - 1]", "off-by-index"),
    ),
    together=((0, 3),),
)


def logistic(rng):
    """J = -mean(y log p + (1 - y) log(1 - p)), p = sigma(X w + b)."""
    m = 8
    X, y = rng.normal(size=(m, 3)), rng.integers(0, 2, size=m).astype(float)
    w, b = tg.Tensor(rng.normal(size=3)), tg.Tensor(0.3)
    z = X @ w + b
    p = tg.sigmoid(z)
    J = -(y * tg.log(p) + (1 - y) * tg.log(1 - p)).mean()
    return J, locals()


def logistic_backward(X, y, p, m):
    dp = -(y / p - (1 - y) / (1 - p)) / m
    dz = dp * p * (1 - p)
    dw = X.T @ dz
    db = np.sum(dz)
    return dp, dz, dw, db


LOGISTIC = Case(
    logistic,
    logistic_backward,
    (
        Slip("(y / p - (1 - y) / (1 - p))", "(y / p + (1 - y) / (1 - p))", "sign"),
        Slip("(y / p - (1 - y) / (1 - p))", "(y / p)", "missing-term"),
        Slip("(1 - p)) / m", "(1 - p))", "mean-vs-sum"),
        Slip("dz = dp * p * (1 - p)", "dz = dp", "missing-activation-derivative"),
        Slip("db = np.sum(dz)", "db = np.mean(dz)", "mean-vs-sum"),
        Slip("dp = -(y / p", "dp = (y / p", "sign"),
    ),
    together=((2, 3),),
    unseen=(
        Slip("dz = dp * p * (1 - p)", "dz = (p - y) / m", "unseen"),
        Slip("dp = -(y / p - (1 - y) / (1 - p)) / m", "dp = (p - y) / (p * (1 - p)) / m", "unseen"),
    ),
)


def logistic_fused(rng):
    """The same loss; the gradients as lambdas, as given to an optimiser."""
    return logistic(rng)


def logistic_fused_backward():
    return {
        "z": lambda p, y, m: (p - y) / m,
        "w": lambda X, p, y, m: X.T @ (p - y) / m,
        "b": lambda p, y: np.mean(p - y),
    }


LOGISTIC_FUSED = Case(
    logistic_fused,
    logistic_fused_backward,
    (
        Slip('"z": lambda p, y, m: (p - y) / m', '"z": lambda p, y, m: (y - p) / m', "sign"),
        Slip("X.T @ (p - y) / m", "X.T @ (p - y)", "mean-vs-sum"),
        Slip("X.T @ (p - y) / m", "X.T @ ((p - y) * p * (1 - p)) / m", "extra-factor"),
        Slip("np.mean(p - y)", "np.sum(p - y)", "mean-vs-sum"),
    ),
    form="lambdas",
)


def margins(rng):
    """L = mean log(1 + exp(-y X w)) with labels +-1."""
    X, y = rng.normal(size=(7, 3)), np.where(rng.uniform(size=7) < 0.5, -1.0, 1.0)
    w = tg.Tensor(rng.normal(size=3))
    margin = y * (X @ w)
    L = tg.log(1 + tg.exp(-margin)).mean()
    return L, locals()


def margins_backward(X, y, margin):
    e = np.exp(-margin)
    dmargin = -e / (1 + e) / len(y)
    dw = X.T @ (y * dmargin)
    return dmargin, dw


MARGINS = Case(
    margins,
    margins_backward,
    (
        Slip("e = np.exp(-margin)", "e = np.exp(margin)", "sign"),
        Slip("dmargin = -e / (1 + e)", "dmargin = e / (1 + e)", "sign"),
        Slip("-e / (1 + e) / len(y)", "-1 / (1 + e) / len(y)", "missing-activation-derivative"),
        Slip("dw = X.T @ (y * dmargin)", "dw = X.T @ dmargin", "missing-factor"),
        Slip(" / len(y)", "", "mean-vs-sum"),
    ),
    together=((1, 3),),
    unseen=(Slip("-e / (1 + e) / len(y)", "-1 / (1 + np.exp(margin)) / len(y)", "unseen"),),
)


def hinge(rng):
    """cs231n's multiclass SVM, in loops: sum of max(0, s_j - s_y + 1), and reg |W|^2."""
    N, C, reg = 6, 4, 0.2
    X, y = rng.normal(size=(N, 5)), rng.integers(0, C, size=N)
    W = tg.Tensor(rng.normal(size=(5, C)))
    S = X @ W
    wrong = 1 - np.eye(C)[y]
    raised = S - S[np.arange(N), y].reshape(N, 1) + 1
    L = (tg.maximum(0, raised) * wrong).sum() / N + reg * (W * W).sum()
    return L, locals()


def hinge_backward(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_train = X.shape[0]
    for i in range(num_train):
        scores = X[i].dot(W)
        correct = scores[y[i]]
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - correct + 1
            if margin > 0:
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    dW /= num_train
    dW += 2 * reg * W
    return {"W": dW}


HINGE = Case(
    hinge,
    hinge_backward,
    (
        Slip("                dW[:, y[i]] -= X[i]\n", "", "missing-term"),
        Slip("dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]", "sign"),
        Slip("dW[:, j] += X[i]", "dW[:, j] = X[i]", "overwritten"),
        Slip("    dW /= num_train\n", "", "mean-vs-sum"),
        Slip("dW += 2 * reg * W", "dW += reg * W", "constant-scale"),
        Slip("scores[j] - correct + 1", "scores[j] - correct", "missing-term"),
        Slip("dW += 2 * reg * W", "dW += 2 * W", "missing-factor"),
    ),
    together=((1, 4),),
)


def distillation(rng):
    """T^2 KL of softened softmaxes, averaged over the rows."""
    N, T = 4, 2.5
    z, t = tg.Tensor(rng.normal(size=(N, 5))), rng.normal(size=(N, 5))
    q = np.exp(t / T) / np.exp(t / T).sum(1, keepdims=True)
    logp = tg.log_softmax(z / T, axis=1)
    L = T**2 * (q * (np.log(q) - logp)).sum(axis=1).mean()
    return L, locals()


def distillation_backward():
    return {"z": "T * (exp(logp) - q) / N", "logp": "-(T**2) * q / N"}


DISTILLATION = Case(
    distillation,
    distillation_backward,
    (
        Slip('"z": "T * (exp(logp) - q)', '"z": "T**2 * (exp(logp) - q)', "constant-scale"),
        Slip("(exp(logp) - q)", "(q - exp(logp))", "sign"),
        Slip("(exp(logp) - q)", "(logp - q)", "missing-factor"),
        Slip("- q) / N", "- q)", "mean-vs-sum"),
        Slip('"-(T**2) * q', '"(T**2) * q', "sign"),
    ),
    form="text",
)


def huber(rng):
    """The mean of 1/2 r^2 where |r| <= delta, else delta (|r| - delta / 2)."""
    N, delta = 10, 0.8
    X, y, w = rng.normal(size=(N, 3)), rng.normal(size=N) * 2, tg.Tensor(rng.normal(size=3))
    r = X @ w - y
    a = tg.abs(r)
    L = tg.where(a <= delta, 0.5 * r**2, delta * (a - 0.5 * delta)).mean()
    return L, locals()


def huber_backward(X, r, delta, N):
    inside = np.abs(r) <= delta
    dr = np.where(inside, r, delta * np.sign(r)) / N
    dw = X.T @ dr
    return dr, dw


HUBER = Case(
    huber,
    huber_backward,
    (
        Slip("delta * np.sign(r)", "np.sign(r)", "missing-factor"),
        Slip("delta * np.sign(r)", "delta", "missing-activation-derivative"),
        Slip("np.sign(r)) / N", "np.sign(r))", "mean-vs-sum"),
        Slip("np.abs(r) <= delta", "np.abs(r) > delta", "operator"),
        Slip(
            "np.where(inside, r, delta * np.sign(r))",
            "np.where(inside, 2 * r, delta * np.sign(r))",
            "constant-scale",
        ),
    ),
    together=((0, 2),),
)


def elastic_net(rng):
    """J = r^T r / n + lam |w|^2 + 0.1 |w|_1, r = X w + b - y, columns."""
    n, lam = 8, 0.35
    X, y = rng.normal(size=(n, 3)), rng.normal(size=(n, 1))
    w, b = tg.Tensor(rng.normal(size=(3, 1))), tg.Tensor(0.4)
    r = X @ w + b - y
    J = (r * r).sum() / n + lam * (w**2).sum() + 0.1 * tg.abs(w).sum()
    return J, locals()


def elastic_net_backward(X, w, b, y, lam, n):
    error = np.dot(X, w) + b - y
    dw = 2 / n * np.dot(X.T, error)
    dw = dw + 2 * lam * w
    dw = dw + 0.1 * np.sign(w)
    db = 2 * error.mean()
    return dw, db


ELASTIC_NET = Case(
    elastic_net,
    elastic_net_backward,
    (
        Slip("dw = dw + 2 * lam * w", "dw = dw + lam * w", "constant-scale"),
        Slip("0.1 * np.sign(w)", "0.1 * np.abs(w)", "wrong-activation-derivative"),
        Slip("0.1 * np.sign(w)", "0.1", "missing-activation-derivative"),
        Slip("db = 2 * error.mean()", "db = 2 * error.sum()", "mean-vs-sum"),
        Slip("2 / n * np.dot(X.T", "1 / n * np.dot(X.T", "constant-scale"),
        Slip("dw = dw + 2 * lam * w", "dw = dw - 2 * lam * w", "sign"),
        Slip("np.dot(X, w) + b - y", "np.dot(X, w) - y", "missing-term"),
    ),
    together=((0, 3), (4, 5)),
)


def half_m(rng):
    """Andrew Ng's J = 1/(2m) |X theta - y|^2 + lam/(2m) sum theta[1:]^2."""
    m, lam = 9, 0.7
    X, y = np.c_[np.ones(m), rng.normal(size=(m, 3))], rng.normal(size=m)
    theta = tg.Tensor(rng.normal(size=4))
    h = X @ theta
    J = ((h - y) ** 2).sum() / (2 * m) + lam / (2 * m) * (theta[1:] ** 2).sum()
    return J, locals()


def half_m_backward(X, y, theta, h, m, lam):
    grad_theta = X.T.dot(h - y) / m
    grad_theta[1:] += lam / m * theta[1:]
    return {"theta": grad_theta}


HALF_M = Case(
    half_m,
    half_m_backward,
    (
        Slip(
            "grad_theta[1:] += lam / m * theta[1:]", "grad_theta += lam / m * theta", "off-by-index"
        ),
        Slip("+= lam / m * theta[1:]", "+= lam * theta[1:]", "mean-vs-sum"),
        Slip("+= lam / m * theta[1:]", "-= lam / m * theta[1:]", "sign"),
        Slip("dot(h - y) / m", "dot(h - y) / (2 * m)", "constant-scale"),
        Slip("+= lam / m * theta[1:]", "= lam / m * theta[1:]", "overwritten"),
    ),
)


def poisson(rng):
    """L = sum(exp(X w) - y X w)."""
    X, y = rng.normal(size=(8, 3)), rng.poisson(2.0, size=8).astype(float)
    w = tg.Tensor(0.5 * rng.normal(size=3))
    eta = X @ w
    L = (tg.exp(eta) - y * eta).sum()
    return L, locals()


def poisson_backward():
    return {"eta": "exp(eta) - y", "w": "X.T @ (exp(X @ w) - y)"}


POISSON = Case(
    poisson,
    poisson_backward,
    (
        Slip('"exp(eta) - y"', '"y - exp(eta)"', "sign"),
        Slip('"exp(eta) - y"', '"eta - y"', "missing-activation-derivative"),
        Slip("X.T @ (exp(X @ w) - y)", "X.T @ exp(X @ w)", "missing-term"),
        Slip("X.T @ (exp(X @ w) - y)", "X.T @ exp(X @ w) - y[:3]", "bracket"),
        Slip("X.T @ (exp(X @ w) - y)", "X.T @ (exp(X @ w) - y) / 8", "mean-vs-sum"),
    ),
    form="text",
)
