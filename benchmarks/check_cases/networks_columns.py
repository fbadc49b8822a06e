"""Dense networks with observations as columns, and with a single observation."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def two_layer_sigmoid_columns():
    """z1 = W1 X + b1, a1 = sigma(z1), z2 = W2 a1 + b2, yhat = sigma(z2), J = 1/2 |y - yhat|^2."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(3, 5)), rng.uniform(size=(2, 5))
    X = tg.Tensor(x)
    W1, b1 = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(4, 1)))
    W2, b2 = tg.Tensor(rng.normal(size=(2, 4))), tg.Tensor(rng.normal(size=(2, 1)))
    z1 = W1 @ X + b1
    a1 = tg.sigmoid(z1)
    z2 = W2 @ a1 + b2
    yhat = tg.sigmoid(z2)
    J = 0.5 * ((y - yhat) ** 2).sum()

    w2, h, p = W2.data, a1.data, yhat.data
    delta2 = (p - y) * p * (1 - p)
    delta1 = w2.T @ delta2 * h * (1 - h)

    def ones(d):
        return d.sum(axis=1, keepdims=True)

    yield (
        "all five",
        J,
        {
            W1: delta1 @ x.T,
            b1: ones(delta1),
            W2: delta2 @ h.T,
            b2: ones(delta2),
            X: W1.data.T @ delta1,
        },
        "right",
    )
    yield "the published dJ/dyhat = y - yhat", J, {yhat: y - p}, "sign"
    d2 = (y - p) * p * (1 - p)
    yield "the published sign, carried to W2", J, {W2: d2 @ h.T}, "sign"
    d1 = w2.T @ d2 * h * (1 - h)
    yield "the published sign, carried to X", J, {X: W1.data.T @ d1}, "sign"
    yield (
        "no sigma' at the output",
        J,
        {W2: (p - y) @ h.T},
        "missing-activation-derivative",
    )
    yield (
        "no sigma' at the hidden layer",
        J,
        {W1: (w2.T @ delta2) @ x.T},
        "missing-activation-derivative",
    )
    yield (
        "sigma' written z (1 - z) with the pre-activation",
        J,
        {W1: (w2.T @ delta2 * z1.data * (1 - z1.data)) @ x.T},
        "activation-derivative-at-wrong-point",
    )

    def sigmoid_prime(v):
        return sigmoid(v) * (1 - sigmoid(v))

    yield (
        "sigmoid_prime(a1), which squashes twice",
        J,
        {W1: (w2.T @ delta2 * sigmoid_prime(h)) @ x.T},
        "activation-derivative-at-wrong-point",
    )
    yield (
        "tanh's derivative at the hidden layer",
        J,
        {b1: ones(w2.T @ delta2 * (1 - h**2))},
        "wrong-activation-derivative",
    )
    yield "dW1 returned transposed", J, {W1: x @ delta1.T}, "transpose|shape"
    yield "db1 not summed over the observations", J, {b1: delta1}, "missing-broadcast-sum|shape"
    yield (
        "db1 summed over the units",
        J,
        {b1: delta1.sum(axis=0, keepdims=True)},
        "wrong-axis|shape",
    )
    yield "db2 averaged", J, {b2: delta2.mean(axis=1, keepdims=True)}, "mean-vs-sum"
    yield "dW2 over N", J, {W2: delta2 @ h.T / 5}, "mean-vs-sum"
    yield "a 2 from the square kept beside 1/2", J, {W2: 2 * delta2 @ h.T}, "constant-scale"
    yield (
        "dW1 without the error that arrives from above",
        J,
        {W1: (h * (1 - h)) @ x.T},
        "missing-factor",
    )
    yield (
        "sigma' twice at the output",
        J,
        {W2: (delta2 * p * (1 - p)) @ h.T},
        "extra-factor",
    )
    yield (
        "W1's gradient with the updated W2",
        J,
        {W1: ((w2 - 0.1 * delta2 @ h.T).T @ delta2 * h * (1 - h)) @ x.T},
        "other",
    )
    yield (
        "sign and missing sigma' together",
        J,
        {W2: (y - p) @ h.T},
        "missing-activation-derivative|sign",
    )
    yield (
        "mean for sum and the sign",
        J,
        {b2: -delta2.mean(axis=1, keepdims=True)},
        "mean-vs-sum|sign",
    )
    wrong = w2.T @ delta2
    yield (
        "line by line, sigma' left out at a1",
        J,
        {
            yhat: p - y,
            z2: delta2,
            W2: delta2 @ h.T,
            a1: w2.T @ delta2,
            z1: wrong,
            W1: wrong @ x.T,
            b1: ones(wrong),
            X: W1.data.T @ wrong,
        },
        {
            yhat: "right",
            z2: "right",
            W2: "right",
            a1: "right",
            z1: "missing-activation-derivative",
            W1: "inherited",
            b1: "inherited",
            X: "inherited",
        },
    )
    yield (
        "line by line, two separate slips",
        J,
        {yhat: p - y, z2: p - y, W2: (p - y) @ h.T, b2: (p - y).mean(axis=1, keepdims=True)},
        {
            yhat: "right",
            z2: "missing-activation-derivative",
            W2: "inherited",
            b2: "mean-vs-sum",
        },
    )


def asked_in_courses():
    """Assignments: cross-entropy over sigmoids, a bias dotted with the data, 1/m twice."""
    rng = np.random.default_rng(81)
    m = 6
    X, Y = rng.normal(size=(3, m)), np.eye(4)[:, rng.integers(0, 4, size=m)]
    W1, b1 = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=(5, 1)))
    W2, b2 = tg.Tensor(rng.normal(size=(4, 5))), tg.Tensor(rng.normal(size=(4, 1)))
    Z1 = W1 @ X + b1
    A1 = tg.relu(Z1)
    Z2 = W2 @ A1 + b2
    A2 = tg.softmax(Z2, axis=0)
    J = -(Y * tg.log(A2)).sum() / m

    d2 = A2.data - Y
    l1 = W2.data.T @ d2
    mask = Z1.data > 0
    yield (
        "all four",
        J,
        {
            W1: (l1 * mask) @ X.T / m,
            b1: (l1 * mask).sum(1, keepdims=True) / m,
            W2: d2 @ A1.data.T / m,
            b2: d2.sum(1, keepdims=True) / m,
        },
        "right",
    )
    yield "ReLU of the gradient instead of its mask", J, {W1: np.maximum(0, l1) @ X.T / m}, "other"
    yield "the bias dotted with X^T", J, {b1: (l1 * mask) @ X.T / m}, "shape|extra-factor"
    yield "the mask of A2's error", J, {W1: l1 @ X.T / m}, "missing-activation-derivative"
    yield "1/m twice", J, {W2: d2 @ A1.data.T / m**2}, "mean-vs-sum"
    yield "no 1/m at the bias", J, {b2: d2.sum(1, keepdims=True)}, "mean-vs-sum"
    yield "np.sum without axis", J, {b1: np.full((5, 1), (l1 * mask).sum() / m)}, "wrong-axis|other"
    yield (
        "mean over everything",
        J,
        {b1: np.full((5, 1), (l1 * mask).mean())},
        ("wrong-axis|mean-vs-sum|other"),
    )
    yield (
        "W2 updated before dZ1",
        J,
        {W1: (((W2.data - 0.5 * d2 @ A1.data.T / m).T @ d2) * mask) @ X.T / m},
        "other",
    )
    squashed = sigmoid(Z1.data) * (1 - sigmoid(Z1.data))
    yield (
        "sigmoid_backward at a ReLU layer",
        J,
        {b1: (l1 * squashed).sum(1, keepdims=True) / m},
        ("wrong-activation-derivative"),
    )


def asked_in_public():
    """Questions of people whose derivative did not agree, in NumPy and with random data."""
    rng = np.random.default_rng(80)
    t = rng.uniform(size=3)
    w, h = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.uniform(size=4))
    o = tg.sigmoid(w @ h)
    E = ((t - o) ** 2).sum()
    r, ov = t - o.data, o.data
    yield "d(t - o)^2 / do = 2 (t - o) o", E, {o: 2 * r * ov}, "extra-factor|sign"
    yield (
        "the chain without sigma'",
        E,
        {w: np.outer(-2 * r, h.data)},
        ("missing-activation-derivative"),
    )
    yield "+2 (t - o)", E, {w: np.outer(2 * r * ov * (1 - ov), h.data)}, "sign"
    local = ov * (1 - ov)
    yield "only the local gradient", E, {w: np.outer(local, h.data)}, "missing-factor"
    yield "only the local gradient, to h", E, {h: w.data.T @ local}, "missing-factor"

    A, x = rng.normal(size=(4, 4)), tg.Tensor(rng.normal(size=4))
    F = ((A @ x) ** 2).sum()
    yield "2 (A x) A, a row times a matrix", F, {x: 2 * (A @ x.data) @ A}, "right"
    yield "2 A (A x)", F, {x: 2 * A @ (A @ x.data)}, "transpose"

    H, y = rng.normal(size=(6, 6)), rng.uniform(size=(6, 1))
    W = tg.Tensor(rng.normal(size=(6, 1)))
    p = tg.sigmoid(H @ W)
    G = (y * p).sum()
    s = p.data * (1 - p.data)
    yield "H sigma' instead of H^T sigma'", G, {W: H @ (y * s)}, "transpose"
    yield (
        "sigma' H, elementwise and not summed",
        G,
        {W: y * s * H},
        ("missing-broadcast-sum|shape|elementwise-vs-matmul"),
    )
