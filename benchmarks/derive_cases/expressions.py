"""Losses of machine learning and what is done with matrices: the derivatives one knows by heart."""

import numpy as np

import tinygrad_lite as tg

from .case import Draw, Variables, expected

GROUP = "expressions"
DELTAS = "delta2 = (a2 - y) * a2 * (1 - a2)\ndelta1 = W2.T @ delta2 * a1 * (1 - a1)"


@expected(
    GROUP,
    W="np.outer((s - y) * s * (1 - s), x)",
    x="W.T @ ((s - y) * s * (1 - s))",
)
def one_layer(d: Draw) -> Variables:
    """1/2 |σ(W x) - y|^2."""
    n, m = d.sizes(5, 4)
    W, x, y = d.tensor(n, m), d.tensor(m), d.array(n)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    return locals()


@expected(
    GROUP,
    W1=f"{DELTAS}\nnp.outer(delta1, x)",
    x=f"{DELTAS}\nW1.T @ delta1",
)
def two_layers(d: Draw) -> Variables:
    """1/2 |σ(W2 σ(W1 x + b1) + b2) - y|^2."""
    n, m, k = d.sizes(3, 5, 4)
    x, W1, b1, W2, b2 = d.tensor(m), d.tensor(k, m), d.tensor(k), d.tensor(n, k), d.tensor(n)
    y = d.array(n)
    z1 = W1 @ x + b1
    a1 = tg.sigmoid(z1)
    z2 = W2 @ a1 + b2
    a2 = tg.sigmoid(z2)
    E = 0.5 * ((a2 - y) ** 2).sum()
    return locals()


@expected(GROUP, b1="2 / len(Y) * np.sum(((P - Y) @ W2.T) * (1 - A * A), axis=0)")
def batch(d: Draw) -> Variables:
    """A tanh network, rows are observations, mean over rows."""
    N, m, k, n = d.sizes(6, 4, 5, 3)
    X, Y = d.array(N, m), d.array(N, n)
    W1, b1, W2, b2 = d.tensor(m, k), d.tensor(k), d.tensor(k, n), d.tensor(n)
    A = tg.tanh(X @ W1 + b1)
    P = A @ W2 + b2
    E = ((P - Y) ** 2).sum(axis=1).mean()
    return locals()


@expected(GROUP, Z="P - Y")
def softmax_cross_entropy(d: Draw) -> Variables:
    """Cross-entropy of the softmax of Z, summed."""
    N, n = d.sizes(5, 3)
    Z, Y = d.tensor(N, n), d.one_hot(N, n)
    P = tg.softmax(Z, axis=1)
    E = -(Y * tg.log(P)).sum()
    return locals()


@expected(GROUP, W="X.T @ (P - Y) / len(X)")
def softmax_regression(d: Draw) -> Variables:
    """Mean cross-entropy of softmax(X W)."""
    N, m, n = d.sizes(6, 4, 3)
    X, W, Y = d.array(N, m), d.tensor(m, n), d.one_hot(N, n)
    P = tg.softmax(X @ W, axis=1)
    E = -(Y * tg.log(P)).sum(axis=1).mean()
    return locals()


@expected(GROUP, w="2 * X.T @ (X @ w - y)")
def least_squares(d: Draw) -> Variables:
    """|X w - y|^2."""
    N, m = d.sizes(6, 4)
    X, w, y = d.array(N, m), d.tensor(m), d.array(N)
    E = ((X @ w - y) ** 2).sum()
    return locals()


@expected(GROUP, w="2 * X.T @ (X @ w - y)")
def least_squares_expanded(d: Draw) -> Variables:
    """w^T X^T X w - 2 y^T X w + y^T y."""
    N, m = d.sizes(6, 4)
    X, w, y = d.tensor(N, m), d.tensor(m), d.tensor(N)
    E = w @ X.T @ X @ w - 2 * (y @ X @ w) + y @ y
    return locals()


@expected(GROUP, w="2 * (X.T @ (X @ w - y) + lam * w)")
def ridge(d: Draw) -> Variables:
    """|X w - y|^2 + λ |w|^2."""
    N, m = d.sizes(6, 4)
    X, w, y = d.array(N, m), d.tensor(m), d.array(N)
    lam = d.tensor()
    E = ((X @ w - y) ** 2).sum() + lam * (w @ w)
    return locals()


@expected(GROUP, w="X.T @ (p - y)")
def logistic(d: Draw) -> Variables:
    """Logistic regression, labels 0 and 1."""
    N, m = d.sizes(6, 4)
    X, w, y = d.array(N, m), d.tensor(m), d.labels(N)
    p = tg.sigmoid(X @ w)
    E = -(y * tg.log(p) + (1 - y) * tg.log(1 - p)).sum()
    return locals()


@expected(GROUP, w="-X.T @ (y * (1 / (1 + np.exp(-(-y * (X @ w))))))")
def logistic_signs(d: Draw) -> Variables:
    """Logistic regression, labels -1 and 1."""
    N, m = d.sizes(6, 4)
    X, w, y = d.array(N, m), d.tensor(m), 2 * d.labels(N) - 1
    E = tg.log1p(tg.exp(-y * (X @ w))).sum()
    return locals()


@expected(GROUP, X="A.T @ B.T")
def trace_of_product(d: Draw) -> Variables:
    """tr(A X B)."""
    n, m, k = d.sizes(4, 5, 3)
    A, X, B = d.array(n, m), d.tensor(m, k), d.array(k, n)
    E = tg.trace(A @ X @ B)
    return locals()


@expected(GROUP, x="(A + A.T) @ x", A="np.outer(x, x)")
def quadratic_form(d: Draw) -> Variables:
    """x^T A x."""
    (n,) = d.sizes(4)
    A, x = d.tensor(n, n), d.tensor(n)
    E = x @ A @ x
    return locals()


@expected(GROUP, X="(A + A.T) @ X")
def quadratic_trace(d: Draw) -> Variables:
    """tr(X^T A X)."""
    n, m = d.sizes(4, 3)
    A, X = d.array(n, n), d.tensor(n, m)
    E = tg.trace(X.T @ A @ X)
    return locals()


@expected(GROUP, X="np.linalg.inv(X).T")
def log_determinant(d: Draw) -> Variables:
    """log det X."""
    (n,) = d.sizes(4)
    X = d.square(n)
    E = tg.log(tg.det(X))
    return locals()


@expected(GROUP, X="2 * X @ np.linalg.inv(X.T @ X)")
def log_determinant_gram(d: Draw) -> Variables:
    """log det X^T X."""
    n, m = d.sizes(5, 3)
    X = d.tensor(n, m)
    E = tg.logabsdet(X.T @ X)
    return locals()


@expected(GROUP, X="-np.linalg.inv(X).T @ np.outer(a, b) @ np.linalg.inv(X).T")
def bilinear_inverse(d: Draw) -> Variables:
    """a^T X^-1 b."""
    (n,) = d.sizes(4)
    X, a, b = d.square(n), d.array(n), d.array(n)
    E = a @ tg.inv(X) @ b
    return locals()


@expected(GROUP, x="A.T @ (A @ x - b) / np.linalg.norm(A @ x - b)")
def distance(d: Draw) -> Variables:
    """|A x - b|."""
    n, m = d.sizes(5, 3)
    A, x, b = d.array(n, m), d.tensor(m), d.array(n)
    E = tg.norm(A @ x - b)
    return locals()


@expected(GROUP, x="(gamma * c - np.mean(gamma * c) - xhat * np.mean(gamma * c * xhat)) / sigma")
def layer_norm(d: Draw) -> Variables:
    """c^T (γ x̂ + β), x̂ = (x - mean x) / σ."""
    (n,) = d.sizes(6)
    x, gamma, beta, c = d.tensor(n), d.tensor(n), d.tensor(n), d.array(n)
    mu = x.mean()
    sigma = tg.sqrt(((x - mu) ** 2).mean() + 1e-5)
    xhat = (x - mu) / sigma
    E = c @ (gamma * xhat + beta)
    return locals()


@expected(
    GROUP,
    V="A.T @ C",
    Q="(A * (C @ V.T - np.sum(A * (C @ V.T), axis=1)[:, None])) @ K / np.sqrt(K.shape[1])",
)
def attention(d: Draw) -> Variables:
    """<C, softmax(Q K^T / √d) V>."""
    n, m, v = d.sizes(5, 6, 7)
    k = 4  # √4 is in the formula as the number that it is
    Q, K, V, C = d.tensor(n, k), d.tensor(m, k), d.tensor(m, v), d.array(n, v)
    A = tg.softmax(Q @ K.T / np.sqrt(K.shape[1]), axis=1)
    E = (C * (A @ V)).sum()
    return locals()


@expected(GROUP, U="(U @ V.T - M) @ V")
def factorisation(d: Draw) -> Variables:
    """1/2 |U V^T - M|^2."""
    n, m, k = d.sizes(5, 4, 2)
    U, V, M = d.tensor(n, k), d.tensor(m, k), d.array(n, m)
    E = 0.5 * ((U @ V.T - M) ** 2).sum()
    return locals()


@expected(GROUP, W="np.outer((u @ h - 1) * u * (W @ x > 0), x)")
def relu_layer(d: Draw) -> Variables:
    """1/2 (u^T relu(W x) - 1)^2."""
    n, m = d.sizes(5, 4)
    W, x, u = d.tensor(n, m), d.array(m), d.tensor(n)
    h = tg.relu(W @ x)
    E = 0.5 * (u @ h - 1) ** 2
    return locals()
