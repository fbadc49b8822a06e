"""Small networks: two sigmoid layers, tanh, ReLU, residual, dropout; columns and rows."""

import numpy as np

import tinygrad_lite as tg


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


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


def two_layer_tanh_rows():
    """H = tanh(X W1 + b1), P = H W2 + b2, L = mean((P - Y)^2); rows are observations."""
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 5))
    W1, b1 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=4))
    W2, b2 = tg.Tensor(rng.normal(size=(4, 5))), tg.Tensor(rng.normal(size=5))
    Z = X @ W1 + b1
    H = tg.tanh(Z)
    P = H @ W2 + b2
    L = ((P - Y) ** 2).mean()

    w2, h, z = W2.data, H.data, Z.data
    dP = 2 * (P.data - Y) / Y.size
    dH = dP @ w2.T
    dZ = dH * (1 - h**2)
    yield (
        "all of them",
        L,
        {P: dP, W2: h.T @ dP, b2: dP.sum(0), H: dH, Z: dZ, W1: X.T @ dZ, b1: dZ.sum(0)},
        "right",
    )
    yield "1/N where the mean is over N K entries", L, {P: 2 * (P.data - Y) / 6}, "mean-vs-sum"
    yield "no 1/(N K) at all", L, {W2: h.T @ (2 * (P.data - Y))}, "mean-vs-sum"
    yield "the 2 dropped", L, {W1: X.T @ dZ / 2}, "constant-scale"
    yield "sigmoid's a (1 - a)", L, {W1: X.T @ (dH * h * (1 - h))}, "wrong-activation-derivative"
    yield "ReLU's mask", L, {W1: X.T @ (dH * (z > 0))}, "wrong-activation-derivative"
    yield (
        "1 - z**2 with the pre-activation",
        L,
        {W1: X.T @ (dH * (1 - z**2))},
        "activation-derivative-at-wrong-point",
    )
    yield (
        "1 - tanh(h)**2 at the output",
        L,
        {b1: (dH * (1 - np.tanh(h) ** 2)).sum(0)},
        "activation-derivative-at-wrong-point",
    )
    yield (
        "1 - h, the square forgotten",
        L,
        {W1: X.T @ (dH * (1 - h))},
        "wrong-activation-derivative|other",
    )
    yield "db1 summed over the wrong axis", L, {b1: dZ.sum(axis=1)}, "wrong-axis|shape"
    yield "db1 not summed", L, {b1: dZ}, "missing-broadcast-sum|shape"
    yield "db2 kept as a row (1, 5)", L, {b2: dP.sum(axis=0, keepdims=True)}, "shape"
    yield "W2 not transposed for dH", L, {W2: dP.T @ h}, "transpose|shape"
    yield "Y - P", L, {b1: -dZ.sum(0)}, "sign"
    yield (
        "no tanh' and no 2",
        L,
        {W1: X.T @ ((P.data - Y) / Y.size @ w2.T)},
        "missing-activation-derivative|constant-scale",
    )


def relu_classifier():
    """cs231n's two-layer net: ReLU, softmax cross-entropy (mean), L2 regularisation."""
    rng = np.random.default_rng(3)
    N, D, H, C = 7, 4, 6, 3
    X, y = rng.normal(size=(N, D)), rng.integers(0, C, size=N)
    W1, b1 = tg.Tensor(rng.normal(size=(D, H))), tg.Tensor(0.3 * rng.normal(size=H))
    W2, b2 = tg.Tensor(rng.normal(size=(H, C))), tg.Tensor(rng.normal(size=C))
    reg = 0.1
    pre = X @ W1 + b1
    hidden = tg.relu(pre)
    scores = hidden @ W2 + b2
    logp = scores - tg.logsumexp(scores, axis=1, keepdims=True)
    data_loss = -logp[np.arange(N), y].sum() / N
    loss = data_loss + reg * (W1**2).sum() + reg * (W2**2).sum()

    probs = np.exp(logp.data)
    dscores = probs.copy()
    dscores[np.arange(N), y] -= 1
    dscores /= N
    h, w1, w2 = hidden.data, W1.data, W2.data
    dW2 = h.T @ dscores + 2 * reg * w2
    dhidden = dscores @ w2.T
    dpre = dhidden * (h > 0)
    dW1 = X.T @ dpre + 2 * reg * w1
    yield (
        "all of them",
        loss,
        {W1: dW1, b1: dpre.sum(0), W2: dW2, b2: dscores.sum(0), scores: dscores},
        "right",
    )
    yield "the one-hot not subtracted", loss, {scores: probs / N}, "missing-term"
    unscaled = dscores * N
    yield "not divided by N", loss, {scores: unscaled}, "mean-vs-sum"
    yield "not divided by N, at the bias", loss, {b2: unscaled.sum(0)}, "mean-vs-sum"
    yield "one-hot minus p", loss, {scores: -dscores}, "sign"
    yield "no ReLU mask", loss, {b1: dhidden.sum(0)}, "missing-activation-derivative"
    yield (
        "the mask upside down",
        loss,
        {b1: (dhidden * (h <= 0)).sum(0)},
        "wrong-activation-derivative|sign|other",
    )
    yield "the regulariser forgotten", loss, {W1: X.T @ dpre}, "missing-term"
    yield "reg W instead of 2 reg W", loss, {W1: X.T @ dpre + reg * w1}, "constant-scale"
    yield (
        "labels shifted by one",
        loss,
        {scores: (probs - np.eye(C)[(y - 1) % C]) / N},
        "off-by-index|other",
    )
    yield "db2 is dscores", loss, {b2: dscores}, "missing-broadcast-sum|shape"
    yield "db2 over the classes", loss, {b2: dscores.sum(1)}, "wrong-axis|shape"
    yield (
        "pre-activation's gradient with sigmoid' of a ReLU net",
        loss,
        {pre: dhidden * sigmoid(pre.data) * (1 - sigmoid(pre.data))},
        "wrong-activation-derivative",
    )
    dpre_no_mask = dhidden
    yield (
        "line by line: no mask at pre, the rest from it",
        loss,
        {
            scores: dscores,
            W2: dW2,
            hidden: dhidden,
            pre: dpre_no_mask,
            b1: dpre_no_mask.sum(0),
            W1: X.T @ dpre_no_mask + 2 * reg * w1,
        },
        {
            scores: "right",
            W2: "right",
            hidden: "right",
            pre: "missing-activation-derivative",
            b1: "inherited",
            W1: "inherited",
        },
    )


def square_layers():
    """Every size equal: no shape gives a transpose away."""
    rng = np.random.default_rng(4)
    n = 4
    x, t = rng.normal(size=(n, n)), rng.normal(size=(n, n))
    W1, W2 = tg.Tensor(rng.normal(size=(n, n))), tg.Tensor(rng.normal(size=(n, n)))
    b = tg.Tensor(rng.normal(size=(n, 1)))
    A = tg.tanh(W1 @ x + b)
    Y = W2 @ A
    E = 0.5 * ((Y - t) ** 2).sum()

    w2, a = W2.data, A.data
    e = Y.data - t
    d = w2.T @ e * (1 - a**2)
    yield "both and the bias", E, {W1: d @ x.T, W2: e @ a.T, b: d.sum(1, keepdims=True)}, "right"
    yield "W2 for W2^T", E, {W1: (w2 @ e * (1 - a**2)) @ x.T}, "transpose"
    yield "x for x^T", E, {W1: d @ x}, "transpose"
    yield "the result transposed", E, {W2: a @ e.T}, "transpose"
    yield "a^T e: the order exchanged", E, {W2: a.T @ e}, "wrong-order"
    yield "e W2^T: the order exchanged", E, {A: e @ w2.T}, "wrong-order"
    yield "W2^T * e elementwise", E, {A: w2.T * e}, "elementwise-vs-matmul"
    yield "e * a elementwise", E, {W2: e * a}, "elementwise-vs-matmul"
    yield (
        "matrix product with tanh'",
        E,
        {W1: ((w2.T @ e) @ (1 - a**2)) @ x.T},
        ("elementwise-vs-matmul"),
    )
    yield "W2^T left out", E, {W1: (e * (1 - a**2)) @ x.T}, "missing-factor"
    yield "x^T left out", E, {W1: d}, "missing-factor"
    yield "the bias summed over the rows", E, {b: d.sum(0).reshape(n, 1)}, "wrong-axis"
    yield (
        "sign and transpose together",
        E,
        {W1: -(w2 @ e * (1 - a**2)) @ x.T},
        "transpose|sign",
    )


def one_observation():
    """W x for a single vector: dE/dW = ((s - y) s (1 - s)) x^T, the project's second question."""
    rng = np.random.default_rng(5)
    W, x = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=4))
    y = rng.normal(size=5)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()

    o = s.data
    g = (o - y) * o * (1 - o)
    yield "W, x and v", E, {W: np.outer(g, x.data), x: W.data.T @ g, v: g}, "right"
    S = np.diag(o)
    yield (
        "(S - S^2)(s x^T - y x^T)",
        E,
        {W: (S - S @ S) @ (np.outer(o, x.data) - np.outer(y, x.data))},
        "right",
    )
    yield "y - s", E, {W: np.outer((y - o) * o * (1 - o), x.data)}, "sign"
    yield "np.outer(x, g)", E, {W: np.outer(x.data, g)}, "transpose|shape"
    yield "no outer product: only g", E, {W: g}, "missing-factor|shape|elementwise-vs-matmul"
    yield "sigma' left out", E, {x: W.data.T @ (o - y)}, "missing-activation-derivative"
    yield (
        "x left out of the outer product",
        E,
        {W: np.outer(g, np.ones(4))},
        "missing-factor",
    )
    yield "the error left out", E, {W: np.outer(o * (1 - o), x.data)}, "missing-factor"
    yield "s + y", E, {W: np.outer((o + y) * o * (1 - o), x.data)}, "sign|other"
    yield "W^T left out, padded sum", E, {x: np.full(4, g.sum())}, "missing-factor|other"
    yield "s for s - y", E, {W: np.outer(o * o * (1 - o), x.data)}, "missing-term|other"


def residual_block():
    """Y = X + relu(X W1) W2, L = 1/2 |Y - T|^2: the gradient of X has two paths."""
    rng = np.random.default_rng(6)
    X = tg.Tensor(rng.normal(size=(5, 4)))
    W1, W2 = tg.Tensor(rng.normal(size=(4, 6))), tg.Tensor(rng.normal(size=(6, 4)))
    T = rng.normal(size=(5, 4))
    H = tg.relu(X @ W1)
    Y = X + H @ W2
    L = 0.5 * ((Y - T) ** 2).sum()

    dY = Y.data - T
    branch = (dY @ W2.data.T * (H.data > 0)) @ W1.data.T
    yield "both paths", L, {X: dY + branch}, "right"
    yield "the skip forgotten", L, {X: branch}, "missing-term"
    yield "only the skip", L, {X: dY}, "missing-term"
    yield "the skip twice", L, {X: 2 * dY + branch}, "double-count"
    yield "the branch twice", L, {X: dY + 2 * branch}, "double-count"
    yield (
        "the mask forgotten in the branch",
        L,
        {X: dY + (dY @ W2.data.T) @ W1.data.T},
        "missing-activation-derivative",
    )
    yield "the branch subtracted", L, {X: dY - branch}, "sign"


def dropout_layer():
    """Inverted dropout: D = H * mask / keep."""
    rng = np.random.default_rng(7)
    X, T = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W1, W2 = tg.Tensor(rng.normal(size=(3, 5))), tg.Tensor(rng.normal(size=(5, 2)))
    keep = 0.6
    mask = rng.uniform(size=(6, 5)) < keep
    H = tg.sigmoid(X @ W1)
    D = H * mask / keep
    E = ((D @ W2 - T) ** 2).sum()

    h, d = H.data, D.data
    dD = 2 * (d @ W2.data - T) @ W2.data.T
    yield "W1", E, {W1: X.T @ (dD * mask / keep * h * (1 - h))}, "right"
    yield "no mask backwards", E, {W1: X.T @ (dD / keep * h * (1 - h))}, "missing-factor"
    yield "no 1/keep backwards", E, {H: dD * mask}, "constant-scale|missing-factor"
    yield (
        "sigma' at the dropped-out activation",
        E,
        {W1: X.T @ (dD * mask / keep * d * (1 - d))},
        "activation-derivative-at-wrong-point",
    )


PROBLEMS = [
    two_layer_sigmoid_columns,
    two_layer_tanh_rows,
    relu_classifier,
    square_layers,
    one_observation,
    residual_block,
    dropout_layer,
]
