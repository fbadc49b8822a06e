"""Models whose axes have equal lengths by chance: examples as many as features, steps as units."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def square_classifier(rng):
    """Softmax regression: as many examples as features and classes."""
    N, D, K = 3, 3, 3
    X, W = tg.Tensor(rng.normal(size=(N, D))), tg.Tensor(rng.normal(size=(D, K)))
    b, Y = tg.Tensor(rng.normal(size=K)), np.eye(K)[rng.integers(0, K, N)]
    Z = X @ W + b
    P = tg.softmax(Z, axis=1)
    L = -(Y * tg.log(P)).sum() / N
    return L, locals()


def square_classifier_backward(X, W, Y, P):
    dZ = (P - Y) / len(X)
    dW = X.T @ dZ
    db = dZ.sum(axis=0)
    dX = dZ @ W.T
    return {"W": dW, "b": db, "X": dX}


SQUARE_CLASSIFIER = Case(
    square_classifier,
    square_classifier_backward,
    (
        Slip("dW = X.T @ dZ", "dW = X @ dZ", "transpose"),
        Slip("dW = X.T @ dZ", "dW = dZ.T @ X", "wrong-order"),
        Slip("db = dZ.sum(axis=0)", "db = dZ.sum(axis=1)", "wrong-axis"),
        Slip("dX = dZ @ W.T", "dX = dZ @ W", "transpose"),
        Slip("dX = dZ @ W.T", "dX = W @ dZ", "wrong-order"),
        Slip("(P - Y) / len(X)", "P - Y", "mean-vs-sum"),
        Slip("(P - Y) / len(X)", "P / len(X)", "missing-term"),
    ),
    together=((0, 2),),
)


def square_two_classes(rng):
    """Squared distances to two goals, of two examples: the 2 of the square, of rows, of columns."""
    N, D, K = 2, 3, 2
    X, W = rng.normal(size=(N, D)), tg.Tensor(rng.normal(size=(D, K)))
    b, Y = tg.Tensor(rng.normal(size=K)), rng.normal(size=(N, K))
    R = X @ W + b - Y
    L = (R**2).sum() / N
    return L, locals()


def square_two_classes_backward(X, R):
    dR = 2 * R / len(X)
    dW = X.T @ dR
    db = dR.sum(axis=0)
    return dW, db


SQUARE_TWO_CLASSES = Case(
    square_two_classes,
    square_two_classes_backward,
    (
        Slip("2 * R / len(X)", "2 * R", "mean-vs-sum"),
        Slip("2 * R / len(X)", "R / len(X)", "constant-scale"),
        Slip("db = dR.sum(axis=0)", "db = dR.sum(axis=1)", "wrong-axis"),
        Slip("db = dR.sum(axis=0)", "db = dR.mean(axis=0)", "mean-vs-sum"),
    ),
)


def square_recurrence(rng):
    """A recurrent net: as many steps as units as inputs."""
    T, H, D = 3, 3, 3
    X, goal = rng.normal(size=(T, D)), rng.normal(size=H)
    Wx, Wh = tg.Tensor(rng.normal(size=(H, D))), tg.Tensor(rng.normal(size=(H, H)))
    b = tg.Tensor(rng.normal(size=H))
    hs, h = [np.zeros(H)], np.zeros(H)
    for x in X:
        h = tg.tanh(Wx @ x + Wh @ h + b)
        hs.append(h)
    E = 0.5 * ((h - goal) ** 2).sum()
    return E, locals()


def square_recurrence_backward(X, goal, Wx, Wh, b, hs):
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dh = hs[-1] - goal
    for t in reversed(range(len(X))):
        da = dh * (1 - hs[t + 1] ** 2)
        dWx += np.outer(da, X[t])
        dWh += np.outer(da, hs[t])
        db += da
        dh = Wh.T @ da
    return dWx, dWh, db


SQUARE_RECURRENCE = Case(
    square_recurrence,
    square_recurrence_backward,
    (
        Slip("dh = Wh.T @ da", "dh = Wh @ da", "transpose"),
        Slip("np.outer(da, X[t])", "np.outer(da, X[:, t])", "off-by-index"),
        Slip("np.outer(da, X[t])", "np.outer(X[t], da)", "wrong-order"),
        Slip("dh = Wh.T @ da", "dh = Wx.T @ da", "another-name"),
        Slip("dh = hs[-1] - goal", "dh = hs[len(b) - 1] - goal", "off-by-index"),
    ),
    pairs={"dh": ""},
)


def square_distances(rng):
    """Stress of a map: as many points as axes."""
    N, D = 3, 3
    X, goal = tg.Tensor(rng.normal(size=(N, D))), rng.uniform(1, 3, size=(N, N))
    gap = X[:, None, :] - X[None, :, :]
    S = (gap**2).sum(axis=2)
    E = ((S - goal) ** 2).sum()
    return E, locals()


def square_distances_backward(X, goal, S):
    dS = 2 * (S - goal)
    gap = X[:, None, :] - X[None, :, :]
    dgap = 2 * gap * dS[:, :, None]
    dX = dgap.sum(axis=1) - dgap.sum(axis=0)
    return dX


SQUARE_DISTANCES = Case(
    square_distances,
    square_distances_backward,
    (
        Slip("dS[:, :, None]", "dS[:, None, :]", "keepdims"),
        Slip("dS[:, :, None]", "dS", "keepdims"),
        Slip("dgap.sum(axis=1) - dgap.sum(axis=0)", "dgap.sum(axis=1)", "missing-term"),
        Slip("- dgap.sum(axis=0)", "- dgap.sum(axis=2)", "wrong-axis"),
        Slip("2 * (S - goal)", "S - goal", "constant-scale"),
    ),
    pairs={"gap": "", "dgap": ""},
)


def square_factors(rng):
    """A table of ratings from factors of users and items, with a bias of each; all are as many."""
    U, M, R = 3, 3, 3
    P, Q = tg.Tensor(rng.normal(size=(U, R))), tg.Tensor(rng.normal(size=(M, R)))
    a, b = tg.Tensor(rng.normal(size=U)), tg.Tensor(rng.normal(size=M))
    Y, seen = rng.normal(size=(U, M)), (rng.uniform(size=(U, M)) < 0.7).astype(float)
    gap = seen * (P @ Q.T + a[:, None] + b - Y)
    J = 0.5 * (gap**2).sum() + 0.1 * (P**2).sum()
    return J, locals()


def square_factors_backward(P, Q, seen, gap):
    d = seen * gap
    dP = d @ Q + 0.2 * P
    dQ = d.T @ P
    da = d.sum(axis=1)
    db = d.sum(axis=0)
    return {"P": dP, "Q": dQ, "a": da, "b": db}


SQUARE_FACTORS = Case(
    square_factors,
    square_factors_backward,
    (
        Slip("dQ = d.T @ P", "dQ = d @ P", "transpose"),
        Slip("dP = d @ Q + 0.2 * P", "dP = d @ Q.T + 0.2 * P", "transpose"),
        Slip("da = d.sum(axis=1)", "da = d.sum(axis=0)", "wrong-axis"),
        Slip("db = d.sum(axis=0)", "db = d.sum(axis=1)", "wrong-axis"),
        Slip("dP = d @ Q + 0.2 * P", "dP = d @ Q", "missing-term"),
    ),
    pairs={"d": ""},
    together=((0, 2),),
)


def square_in_rows(rng):
    """A line through the columns of square data, as lambdas."""
    N, D = 4, 4
    X, w = rng.normal(size=(N, D)), tg.Tensor(rng.normal(size=D))
    y = rng.normal(size=N)
    r = X @ w - y
    E = (r**2).mean() + 0.1 * (w * w).sum()
    return E, locals()


def square_in_rows_backward():
    return {
        "w": lambda X, r, w: 2 * X.T @ r / len(r) + 0.2 * w,
        "r": lambda r: 2 * r / r.size,
    }


SQUARE_IN_ROWS = Case(
    square_in_rows,
    square_in_rows_backward,
    (
        Slip("2 * X.T @ r / len(r)", "2 * X @ r / len(r)", "transpose"),
        Slip("2 * X.T @ r / len(r)", "2 * X.T @ r", "mean-vs-sum"),
        Slip("2 * r / r.size", "r / r.size", "constant-scale"),
    ),
    form="lambdas",
)
