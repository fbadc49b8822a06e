"""A second examination, written after the first: other losses, and what people asked about.

The diagnosis was first held against these without having been tried on them.
"""

import numpy as np

import tinygrad_lite as tg


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def poisson_regression():
    """L = sum(exp(X w) - y X w)."""
    rng = np.random.default_rng(71)
    X, y = rng.normal(size=(8, 3)), rng.poisson(2.0, size=8).astype(float)
    w = tg.Tensor(0.5 * rng.normal(size=3))
    eta = X @ w
    L = (tg.exp(eta) - y * eta).sum()

    mu = np.exp(eta.data)
    yield "X^T (mu - y)", L, {w: X.T @ (mu - y), eta: mu - y}, "right"
    yield "y - mu", L, {w: X.T @ (y - mu)}, "sign"
    yield "y forgotten", L, {w: X.T @ mu}, "missing-term"
    yield "exp forgotten", L, {w: -X.T @ y}, "missing-term"
    yield "plus", L, {eta: mu + y}, "sign"
    yield (
        "a linear model's residual",
        L,
        {w: X.T @ (eta.data - y)},
        ("activation-derivative-at-wrong-point|other"),
    )
    yield "averaged", L, {w: X.T @ (mu - y) / 8}, "mean-vs-sum"


def mixture():
    """-sum_n log sum_k pi_k exp(-(x_n - m_k)^2 / (2 s^2)): responsibilities."""
    rng = np.random.default_rng(72)
    x, s = rng.normal(size=(9, 1)), 0.8
    m, a = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=4))
    q = -((x - m) ** 2) / (2 * s**2)
    L = -tg.logsumexp(q + a, axis=1).sum()

    e = np.exp(q.data + a.data)
    r = e / e.sum(1, keepdims=True)
    yield "-sum r (x - m) / s^2", L, {m: -(r * (x - m.data)).sum(0) / s**2, a: -r.sum(0)}, "right"
    yield (
        "no responsibilities",
        L,
        {m: -(x - m.data).sum(0) / s**2},
        ("missing-factor|missing-activation-derivative"),
    )
    yield "the sign", L, {m: (r * (x - m.data)).sum(0) / s**2}, "sign"
    yield "no 1/s^2", L, {m: -(r * (x - m.data)).sum(0)}, "constant-scale"
    wrong = e / e.sum(0, keepdims=True)
    yield (
        "normalised over the data",
        L,
        {m: -(wrong * (x - m.data)).sum(0) / s**2},
        "wrong-axis|other",
    )
    yield "not summed", L, {m: -r * (x - m.data) / s**2}, "missing-broadcast-sum|shape"


def gelu_layer():
    """H = gelu(X W), E = sum C H; the derivative has two terms."""
    rng = np.random.default_rng(73)
    X, C = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W = tg.Tensor(rng.normal(size=(3, 4)))
    Z = X @ W
    H = tg.gelu(Z)
    E = (C * H).sum()

    z = Z.data
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    cdf = H.data / z
    yield "Phi + z phi", E, {W: X.T @ (C * (cdf + z * density))}, "right"
    yield (
        "z phi forgotten",
        E,
        {W: X.T @ (C * cdf)},
        "wrong-activation-derivative|missing-term|other",
    )
    yield "ReLU's mask", E, {Z: C * (z > 0)}, "wrong-activation-derivative"
    yield "none", E, {Z: C}, "missing-activation-derivative"
    s = sigmoid(1.702 * z)
    quick = s + 1.702 * z * s * (1 - s)
    yield (
        "that of the sigmoid approximation",
        E,
        {Z: C * quick},
        "other|wrong-activation-derivative",
    )


def rayleigh():
    """f = x^T A x / x^T x, A symmetric."""
    rng = np.random.default_rng(74)
    A = rng.normal(size=(5, 5))
    A = A + A.T
    x = tg.Tensor(rng.normal(size=5))
    n = x @ x
    f = (x @ A @ x) / n

    v, d = x.data, n.data
    yield "2 (A x - f x) / x^T x", f, {x: 2 * (A @ v - f.data * v) / d}, "right"
    yield "norm held fixed", f, {x: 2 * A @ v / d}, "missing-term"
    yield "2 forgotten", f, {x: (A @ v - f.data * v) / d}, "constant-scale"
    yield "1/x^T x forgotten", f, {x: 2 * (A @ v - f.data * v)}, "missing-factor|extra-factor"
    yield "plus f x", f, {x: 2 * (A @ v + f.data * v) / d}, "sign"


def graph_layer():
    """H = relu(G X W) with a graph matrix G that is not symmetric, E = 1/2 |H - T|^2."""
    rng = np.random.default_rng(75)
    G, T = rng.normal(size=(5, 5)), rng.normal(size=(5, 4))
    X, W = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=(3, 4)))
    Z = G @ X @ W
    H = tg.relu(Z)
    E = 0.5 * ((H - T) ** 2).sum()

    d = (H.data - T) * (Z.data > 0)
    yield "W and X", E, {W: (G @ X.data).T @ d, X: G.T @ d @ W.data.T}, "right"
    yield "G for G^T", E, {X: G @ d @ W.data.T}, "transpose"
    yield "G left out", E, {X: d @ W.data.T}, "missing-factor"
    yield "G left out of W's", E, {W: X.data.T @ d}, "missing-factor"
    yield "G not transposed in W's", E, {W: X.data.T @ G @ d}, "transpose"
    yield (
        "the mask left out",
        E,
        {X: G.T @ (H.data - T) @ W.data.T},
        ("missing-activation-derivative"),
    )
    yield "T - H", E, {W: -(G @ X.data).T @ d}, "sign"


def self_attention():
    """Q, K and V from one X: the gradient of X has three paths and a skip."""
    rng = np.random.default_rng(76)
    n, d = 5, 4
    X = tg.Tensor(rng.normal(size=(n, d)))
    Wq, Wk, Wv = (tg.Tensor(rng.normal(size=(d, d))) for _ in range(3))
    C = rng.normal(size=(n, d))
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    A = tg.softmax(Q @ K.T / 2.0, axis=1)
    O = A @ V + X  # noqa: E741
    E = (C * O).sum()

    x, a = X.data, A.data
    dA = C @ V.data.T
    dS = a * (dA - (dA * a).sum(1, keepdims=True)) / 2.0
    q = dS @ K.data @ Wq.data.T
    k = dS.T @ Q.data @ Wk.data.T
    v = a.T @ C @ Wv.data.T
    yield "all four", E, {X: q + k + v + C, Wq: x.T @ dS @ K.data, Wv: x.T @ a.T @ C}, "right"
    yield "the query path forgotten", E, {X: k + v + C}, "missing-term"
    yield "the key path forgotten", E, {X: q + v + C}, "missing-term"
    yield "the value path forgotten", E, {X: q + k + C}, "missing-term"
    yield "the skip forgotten", E, {X: q + k + v}, "missing-term"
    yield "no 1/2 in the scores", E, {Wk: 2 * x.T @ dS.T @ Q.data}, "constant-scale"
    yield "dS for dS^T", E, {Wk: x.T @ dS @ Q.data}, "transpose"
    yield "Wq for Wq^T", E, {X: dS @ K.data @ Wq.data + k + v + C}, "transpose"
    yield "the diagonal only", E, {Wq: x.T @ (dA * a * (1 - a) / 2.0) @ K.data}, "missing-term"


def distillation():
    """KL between softened softmaxes, T^2 sum p_T log(p_T / q_T)."""
    rng = np.random.default_rng(77)
    T = 3.0
    t, z = rng.normal(size=(4, 5)), tg.Tensor(rng.normal(size=(4, 5)))
    p = np.exp(t / T) / np.exp(t / T).sum(1, keepdims=True)
    logq = tg.log_softmax(z / T, axis=1)
    L = T**2 * (p * (np.log(p) - logq)).sum(axis=1).mean()

    q = np.exp(logq.data)
    yield "T (q - p) / N", L, {z: T * (q - p) / 4}, "right"
    yield "T^2 (q - p) / N", L, {z: T**2 * (q - p) / 4}, "constant-scale"
    yield "(q - p) / N", L, {z: (q - p) / 4}, "constant-scale"
    yield "no 1/N", L, {z: T * (q - p)}, "mean-vs-sum"
    yield "p - q", L, {z: T * (p - q) / 4}, "sign"
    yield "p forgotten", L, {z: T * q / 4}, "missing-term"


def log_det_gram():
    """log det(A^T A) and tr(X^T M X)."""
    rng = np.random.default_rng(78)
    A, M = tg.Tensor(rng.normal(size=(5, 3))), rng.normal(size=(5, 5))
    f = tg.log(tg.det(A.T @ A))
    X = tg.Tensor(rng.normal(size=(5, 3)))
    g = tg.trace(X.T @ M @ X)

    a, x = A.data, X.data
    P = np.linalg.inv(a.T @ a)
    yield "2 A (A^T A)^-1", f, {A: 2 * a @ P}, "right"
    yield "as a pseudoinverse", f, {A: 2 * np.linalg.pinv(a).T}, "right"
    yield "the pseudoinverse", f, {A: 2 * P @ a.T}, "transpose|shape"
    yield "no 2", f, {A: a @ P}, "constant-scale|missing-term"
    yield "(M + M^T) X", g, {X: (M + M.T) @ x}, "right"
    yield "2 M X", g, {X: 2 * M @ x}, "transpose|double-count|missing-term"
    yield "M X", g, {X: M @ x}, "missing-term"
    yield "M^T X", g, {X: M.T @ x}, "missing-term"


def convolution_2d():
    """Y_{ij} = sum_{ab} K_{ab} X_{i+a, j+b} by slices, E = 1/2 |Y - T|^2."""
    rng = np.random.default_rng(79)
    X, K = tg.Tensor(rng.normal(size=(5, 6))), tg.Tensor(rng.normal(size=(2, 3)))
    Y = sum(X[a : a + 4, b : b + 4] * K[a, b] for a in range(2) for b in range(3))
    T = rng.normal(size=(4, 4))
    E = 0.5 * ((Y - T) ** 2).sum()

    d, x, k = Y.data - T, X.data, K.data
    dK = np.array([[(d * x[a : a + 4, b : b + 4]).sum() for b in range(3)] for a in range(2)])
    dX = np.zeros((5, 6))
    for a in range(2):
        for b in range(3):
            dX[a : a + 4, b : b + 4] += d * k[a, b]
    yield "K and X", E, {K: dK, X: dX}, "right"
    yield "overwritten instead of added up", E, {X: _overwritten(d, k)}, "missing-term|other"
    yield "shifted by a row", E, {X: np.roll(dX, 1, axis=0)}, "off-by-index"
    yield "the kernel turned round", E, {K: dK[::-1, ::-1]}, "off-by-index|other|wrong-order"
    yield "averaged over positions", E, {K: dK / 16}, "mean-vs-sum"
    yield "the target's sign", E, {K: -dK}, "sign"
    yield "without the image", E, {K: np.full((2, 3), d.sum())}, "missing-factor"


def _overwritten(d, k):
    dX = np.zeros((5, 6))
    for a in range(2):
        for b in range(3):
            dX[a : a + 4, b : b + 4] = d * k[a, b]
    return dX


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


def more_scalars():
    """Square roots, logarithms and quotients of Values."""
    x, y = tg.Value(1.3), tg.Value(-0.7)
    r = tg.sqrt(x * x + y * y)
    f = tg.log(r) + x / y
    X, Y = 1.3, -0.7
    R = (X * X + Y * Y) ** 0.5
    yield "x, y, r", f, {x: X / R**2 + 1 / Y, y: Y / R**2 - X / Y**2, r: 1 / R}, "right"
    yield "sqrt' without 1/2", f, {x: 2 * X / R**2 + 1 / Y}, "constant-scale|double-count"
    yield "log' forgotten", f, {x: X / R + 1 / Y}, "missing-activation-derivative|missing-factor"
    yield "the quotient's minus", f, {y: Y / R**2 + X / Y**2}, "sign"
    yield "x/y forgotten", f, {x: X / R**2}, "missing-term"
    yield "1/r^2 for 1/r", f, {r: 1 / R**2}, "extra-factor|other"


PROBLEMS = [
    poisson_regression,
    mixture,
    gelu_layer,
    rayleigh,
    graph_layer,
    self_attention,
    distillation,
    log_det_gram,
    convolution_2d,
    asked_in_public,
    asked_in_courses,
    more_scalars,
]
