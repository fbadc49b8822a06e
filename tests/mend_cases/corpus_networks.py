"""Dense networks: columns and rows of observations, one observation, shared weights."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def columns(rng):
    """J = 1/2 |y - sigma(W2 sigma(W1 X + b1) + b2)|^2, observations as columns."""
    X, y = tg.Tensor(rng.normal(size=(4, 5))), rng.uniform(size=(4, 5))
    W1, b1 = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=(4, 1)))
    W2, b2 = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=(4, 1)))
    z1 = W1 @ X + b1
    a1 = tg.sigmoid(z1)
    z2 = W2 @ a1 + b2
    y_hat = tg.sigmoid(z2)
    J = 0.5 * ((y - y_hat) ** 2).sum()
    return J, locals()


def columns_backward(X, y, W1, W2, a1, y_hat):
    dy_hat = y_hat - y
    dz2 = dy_hat * y_hat * (1 - y_hat)
    dW2 = dz2 @ a1.T
    db2 = dz2.sum(axis=1, keepdims=True)
    da1 = W2.T @ dz2
    dz1 = da1 * a1 * (1 - a1)
    dW1 = dz1 @ X.T
    db1 = dz1.sum(axis=1, keepdims=True)
    dX = W1.T @ dz1
    return dW1, db1, dW2, db2, dX


COLUMNS = Case(
    columns,
    columns_backward,
    (
        Slip("dy_hat = y_hat - y", "dy_hat = y - y_hat", "sign"),
        Slip(
            "dz2 = dy_hat * y_hat * (1 - y_hat)",
            "dz2 = dy_hat",
            "missing-activation-derivative",
        ),
        Slip("da1 = W2.T @ dz2", "da1 = W2 @ dz2", "transpose"),
        Slip("dz1 = da1 * a1 * (1 - a1)", "dz1 = da1 * (1 - a1**2)", "wrong-activation-derivative"),
        Slip("dW1 = dz1 @ X.T", "dW1 = X @ dz1.T", "transpose"),
        Slip("db2 = dz2.sum(axis=1", "db2 = dz2.mean(axis=1", "mean-vs-sum"),
        Slip("dW2 = dz2 @ a1.T", "dW2 = dz2 @ y_hat.T", "another-name"),
        Slip("dX = W1.T @ dz1", "dX = W2.T @ dz1", "another-name"),
        Slip("db1 = dz1.sum(axis=1, keepdims=True)", "db1 = dz1", "missing-broadcast-sum"),
    ),
    together=((0, 3), (1, 2)),
    unseen=(
        Slip("dz2 = dy_hat * y_hat * (1 - y_hat)", "dz2 = dy_hat * (y_hat - y_hat**2)", "unseen"),
        Slip("dW2 = dz2 @ a1.T", "dW2 = (a1 @ dz2.T).T", "unseen"),
        Slip(
            "db1 = dz1.sum(axis=1, keepdims=True)",
            "db1 = dz1 @ np.ones((dz1.shape[1], 1))",
            "unseen",
        ),
    ),
)


def rows(rng):
    """L = mean((tanh(X W1 + b1) W2 + b2 - Y)^2), observations as rows."""
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W1, b1 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=4))
    W2, b2 = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=4))
    Z = X @ W1 + b1
    H = tg.tanh(Z)
    P = H @ W2 + b2
    L = ((P - Y) ** 2).mean()
    return L, locals()


def rows_backward(X, Y, W2, Z, H, P):
    grad_P = 2 * (P - Y) / Y.size
    grad_W2 = H.T @ grad_P
    grad_b2 = grad_P.sum(axis=0)
    grad_H = grad_P @ W2.T
    grad_Z = grad_H * (1 - H**2)
    grad_W1 = X.T @ grad_Z
    grad_b1 = grad_Z.sum(axis=0)
    return grad_W1, grad_b1, grad_W2, grad_b2


ROWS = Case(
    rows,
    rows_backward,
    (
        Slip("(P - Y) / Y.size", "(P - Y) / len(Y)", "mean-vs-sum"),
        Slip("grad_P = 2 * (P - Y)", "grad_P = (P - Y)", "constant-scale"),
        Slip("grad_H = grad_P @ W2.T", "grad_H = grad_P @ W2", "transpose"),
        Slip("(1 - H**2)", "(1 - Z**2)", "activation-derivative-at-wrong-point"),
        Slip("(1 - H**2)", "(1 - H)**2", "bracket"),
        Slip("(1 - H**2)", "(1 - H)", "wrong-activation-derivative"),
        Slip("grad_W1 = X.T @ grad_Z", "grad_W1 = X.T @ grad_H", "another-name"),
        Slip("grad_b2 = grad_P.sum(axis=0)", "grad_b2 = grad_P.mean(axis=0)", "mean-vs-sum"),
        Slip("grad_W2 = H.T @ grad_P", "grad_W2 = H.T @ (P - Y)", "another-name"),
    ),
    together=((1, 5), (2, 7)),
    unseen=(
        Slip("(1 - H**2)", "(1 - H) * (1 + H)", "unseen"),
        Slip("grad_b1 = grad_Z.sum(axis=0)", 'grad_b1 = np.einsum("nh->h", grad_Z)', "unseen"),
    ),
)


def relu_classifier(rng):
    """cs231n's two-layer net: ReLU, softmax cross-entropy (mean), L2 regularisation."""
    N, D, H, C = 7, 4, 6, 3
    X, y, reg = rng.normal(size=(N, D)), rng.integers(0, C, size=N), 0.1
    W1, b1 = tg.Tensor(rng.normal(size=(D, H))), tg.Tensor(0.3 * rng.normal(size=H))
    W2, b2 = tg.Tensor(rng.normal(size=(H, C))), tg.Tensor(rng.normal(size=C))
    hidden = tg.relu(X @ W1 + b1)
    scores = hidden @ W2 + b2
    logp = scores - tg.logsumexp(scores, axis=1, keepdims=True)
    loss = -logp[np.arange(N), y].mean() + reg * ((W1**2).sum() + (W2**2).sum())
    return loss, locals()


def relu_classifier_backward(X, y, W1, W2, hidden, scores, N, reg):
    probs = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[np.arange(N), y] -= 1
    dscores /= N
    dW2 = hidden.T @ dscores
    db2 = np.sum(dscores, axis=0)
    dhidden = dscores @ W2.T
    dhidden[hidden <= 0] = 0
    dW1 = X.T @ dhidden
    db1 = np.sum(dhidden, axis=0)
    dW2 += 2 * reg * W2
    dW1 += 2 * reg * W1
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


RELU_CLASSIFIER = Case(
    relu_classifier,
    relu_classifier_backward,
    (
        Slip("    dscores /= N\n", "", "mean-vs-sum"),
        Slip("    dscores[np.arange(N), y] -= 1\n", "", "missing-term"),
        Slip("dscores[np.arange(N), y] -= 1", "dscores[np.arange(N), y] += 1", "sign"),
        Slip("    dhidden[hidden <= 0] = 0\n", "", "missing-activation-derivative"),
        Slip("dhidden[hidden <= 0] = 0", "dhidden[hidden > 0] = 0", "operator"),
        Slip("dW1 += 2 * reg * W1", "dW1 += reg * W1", "constant-scale"),
        Slip("dW2 += 2 * reg * W2", "dW2 = 2 * reg * W2", "overwritten"),
        Slip("dW1 += 2 * reg * W1", "dW1 += 2 * reg * np.abs(W1)", "wrong-activation-derivative"),
        Slip("probs.sum(axis=1, keepdims=True)", "probs.sum(axis=0, keepdims=True)", "wrong-axis"),
    ),
    together=((0, 5), (3, 6)),
    pairs={"dhidden": ""},
    unseen=(
        Slip("dhidden[hidden <= 0] = 0", "dhidden *= hidden > 0", "unseen"),
        Slip("probs.sum(axis=1, keepdims=True)", "probs.sum(axis=1)[:, None]", "unseen"),
    ),
)


def square_layers(rng):
    """E = 1/2 |W2 tanh(W1 x + b) - t|^2, every size equal: no shape gives a transpose away."""
    n = 4
    x, t = rng.normal(size=(n, n)), rng.normal(size=(n, n))
    W1, W2 = tg.Tensor(rng.normal(size=(n, n))), tg.Tensor(rng.normal(size=(n, n)))
    b = tg.Tensor(rng.normal(size=(n, 1)))
    A = tg.tanh(W1 @ x + b)
    Y = W2 @ A
    E = 0.5 * ((Y - t) ** 2).sum()
    return E, locals()


def square_layers_backward(x, t, W2, A, Y):
    e = Y - t
    dW2 = e @ A.T
    dA = W2.T @ e
    delta = dA * (1 - A**2)
    dW1 = delta @ x.T
    db = np.sum(delta, axis=1, keepdims=True)
    return dW1, db, dW2


SQUARE_LAYERS = Case(
    square_layers,
    square_layers_backward,
    (
        Slip("dA = W2.T @ e", "dA = e @ W2.T", "wrong-order"),
        Slip("dA = W2.T @ e", "dA = W2.T * e", "elementwise-vs-matmul"),
        Slip("delta = dA * (1 - A**2)", "delta = dA @ (1 - A**2)", "elementwise-vs-matmul"),
        Slip("dW2 = e @ A.T", "dW2 = A.T @ e", "wrong-order"),
        Slip("dW1 = delta @ x.T", "dW1 = delta @ x", "transpose"),
        Slip("axis=1, keepdims=True", "axis=0, keepdims=True", "wrong-axis"),
        Slip("dW1 = delta @ x.T", "dW1 = dA @ x.T", "missing-activation-derivative"),
    ),
    together=((3, 4),),
)


def ng_columns(rng):
    """Andrew Ng's convention: X (n_x, m), tanh, a sigmoid, cost = -1/m sum of log-likelihoods."""
    m = 7
    X, Y = rng.normal(size=(3, m)), (rng.random((1, m)) > 0.5) * 1.0
    W1, b1 = tg.Tensor(0.6 * rng.normal(size=(5, 3))), tg.Tensor(0.3 * rng.normal(size=(5, 1)))
    W2, b2 = tg.Tensor(0.6 * rng.normal(size=(1, 5))), tg.Tensor(rng.normal(size=(1, 1)))
    Z1 = W1 @ X + b1
    A1 = tg.tanh(Z1)
    A2 = tg.sigmoid(W2 @ A1 + b2)
    cost = -(Y * tg.log(A2) + (1 - Y) * tg.log(1 - A2)).sum() / m
    return cost, locals()


def ng_columns_backward(X, Y, W2, Z1, A1, A2, m):
    err = A2 - Y
    dW2 = (1 / m) * np.dot(err, A1.T)
    db2 = (1 / m) * np.sum(err, axis=1, keepdims=True)
    dz = np.multiply(np.dot(W2.T, err), 1 - np.power(A1, 2))
    dW1 = (1 / m) * np.dot(dz, X.T)
    db1 = (1 / m) * np.sum(dz, axis=1, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


NG_COLUMNS = Case(
    ng_columns,
    ng_columns_backward,
    (
        Slip("err = A2 - Y", "err = Y - A2", "sign"),
        Slip("dW1 = (1 / m) * np.dot(dz, X.T)", "dW1 = np.dot(dz, X.T)", "mean-vs-sum"),
        Slip("np.power(A1, 2)", "np.power(Z1, 2)", "activation-derivative-at-wrong-point"),
        Slip("np.power(A1, 2)", "np.power(A1, 1)", "constant-scale"),
        Slip(
            "np.dot(W2.T, err), 1 - np.power(A1, 2)",
            "np.dot(W2.T, err), A1 * (1 - A1)",
            "wrong-activation-derivative",
        ),
        Slip("np.sum(dz, axis=1, keepdims=True)", "np.sum(dz)", "wrong-axis"),
        Slip("err = A2 - Y", "err = (A2 - Y) * A2 * (1 - A2)", "extra-factor"),
        Slip("db2 = (1 / m) * np.sum(err,", "db2 = (1 / m) * np.mean(err,", "mean-vs-sum"),
    ),
    together=((1, 2),),
)


def one_observation(rng):
    """E = 1/2 |sigma(W x) - y|^2 for one vector: dE/dW = ((s - y) s (1 - s)) x^T."""
    W, x = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=4))
    y = rng.normal(size=4)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    return E, locals()


def one_observation_backward(x, W, s, y):
    ds = s - y
    dv = ds * s * (1 - s)
    dW = np.outer(dv, x)
    dx = W.T @ dv
    return dW, dx


ONE_OBSERVATION = Case(
    one_observation,
    one_observation_backward,
    (
        Slip("dW = np.outer(dv, x)", "dW = np.outer(x, dv)", "wrong-order"),
        Slip("ds = s - y", "ds = y - s", "sign"),
        Slip("ds = s - y", "ds = s + y", "sign"),
        Slip("dv = ds * s * (1 - s)", "dv = ds * (1 - s)", "missing-factor"),
        Slip("dv = ds * s * (1 - s)", "dv = ds * s * 1 - s", "bracket"),
        Slip("dx = W.T @ dv", "dx = W @ dv", "transpose"),
        Slip("dx = W.T @ dv", "dx = W.T @ ds", "another-name"),
        Slip("dW = np.outer(dv, x)", "dW = np.outer(s * (1 - s), x)", "missing-factor"),
    ),
    together=((0, 3), (1, 5)),
    unseen=(
        Slip("dW = np.outer(dv, x)", "dW = dv[:, None] * x", "unseen"),
        Slip("dx = W.T @ dv", "dx = dv @ W", "unseen"),
        Slip("dv = ds * s * (1 - s)", "dv = (np.diag(s) - np.diag(s) @ np.diag(s)) @ ds", "unseen"),
    ),
)


def rows_of_logistic(rng):
    """L = 1/2 |t - sigma(sigma(X syn0) syn1)|^2: the eleven-line network of many tutorials."""
    X, t = rng.normal(size=(6, 3)), rng.random((6, 3))
    syn0, syn1 = tg.Tensor(rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=(3, 3)))
    l1 = tg.sigmoid(X @ syn0)
    l2 = tg.sigmoid(l1 @ syn1)
    loss = 0.5 * ((t - l2) ** 2).sum()
    return loss, locals()


def nonlin(a):
    """The derivative of a logistic unit in terms of its output."""
    return a * (1 - a)


def rows_of_logistic_backward(X, t, syn1, l1, l2):
    l2_error = l2 - t
    l2_delta = l2_error * nonlin(l2)
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1)
    grad_syn1 = l1.T.dot(l2_delta)
    grad_syn0 = X.T.dot(l1_delta)
    return grad_syn0, grad_syn1


ROWS_OF_LOGISTIC = Case(
    rows_of_logistic,
    rows_of_logistic_backward,
    (
        Slip("l2_error = l2 - t", "l2_error = t - l2", "sign"),
        Slip("l2_error * nonlin(l2)", "l2_error * nonlin(l1)", "another-name"),
        Slip("l2_delta.dot(syn1.T)", "l2_error.dot(syn1.T)", "another-name"),
        Slip("return a * (1 - a)", "return a * (1 + a)", "sign"),
        Slip("return a * (1 - a)", "return 1 - a**2", "wrong-activation-derivative"),
        Slip("l2_delta.dot(syn1.T)", "l2_delta.dot(syn1)", "transpose"),
        Slip("grad_syn0 = X.T.dot(l1_delta)", "grad_syn0 = X.T.dot(l1_error)", "another-name"),
    ),
    together=((0, 6),),
    helpers=(nonlin,),
    pairs={"l2_error": "l2", "l1_error": "l1"},
)


def tied_autoencoder(rng):
    """E = |X W W^T - X|^2: W is used twice."""
    X, W = rng.normal(size=(8, 4)), tg.Tensor(rng.normal(size=(4, 4)))
    H = X @ W
    R = H @ W.T - X
    E = (R**2).sum()
    return E, locals()


def tied_autoencoder_backward(X, W, H, R):
    dR = 2 * R
    dH = dR @ W
    dW = dR.T @ H
    dW += X.T @ dH
    return dW, dH


TIED_AUTOENCODER = Case(
    tied_autoencoder,
    tied_autoencoder_backward,
    (
        Slip("dW += X.T @ dH", "dW = X.T @ dH", "overwritten"),
        Slip("    dW += X.T @ dH\n", "", "missing-term"),
        Slip("dH = dR @ W", "dH = dR @ W.T", "transpose"),
        Slip("dR = 2 * R", "dR = R", "constant-scale"),
        Slip("dW += X.T @ dH", "dW -= X.T @ dH", "sign"),
        Slip("dW += X.T @ dH", "dW += 2 * X.T @ dH", "double-count"),
        Slip("dW = dR.T @ H", "dW = H.T @ dR", "transpose"),
    ),
    together=((2, 4),),
    unseen=(Slip("dW += X.T @ dH", "dW = dW + (dH.T @ X).T", "unseen"),),
)
