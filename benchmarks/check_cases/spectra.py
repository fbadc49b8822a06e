"""Matrices as wholes: determinants, orthogonality, eigenvalues, solves, distances."""

import numpy as np

import tinygrad_lite as tg


def covariance_of_factors():
    """f = log det(W W^T + s I): asked as `why does tr(U^-1 S) not agree`."""
    rng = np.random.default_rng(441)
    W, s = tg.Tensor(rng.normal(size=(4, 2))), tg.Tensor(0.7)
    U = W @ W.T + s * np.eye(4)
    f = tg.logabsdet(U)
    inv = np.linalg.inv(U.data)
    yield "right", f, {W: 2 * inv @ W.data, s: np.trace(inv)}, "right"
    yield "inverse forgotten", f, {W: 2 * W.data}, "missing-factor|missing-activation-derivative"
    yield (
        "divided by the determinant again",
        f,
        {W: 2 * inv @ W.data / np.linalg.det(U.data)},
        "extra-factor|constant-scale",
    )


def orthogonality():
    """E = 1/4 |W^T W - I|^2."""
    rng = np.random.default_rng(442)
    W = tg.Tensor(rng.normal(size=(5, 3)))
    R = W.T @ W - np.eye(3)
    E = 0.25 * (R * R).sum()
    yield "right", E, {W: W.data @ R.data}, "right"
    yield "the second path left out", E, {W: 0.5 * W.data @ R.data}, "missing-term|constant-scale"
    yield "I forgotten", E, {W: W.data @ (W.data.T @ W.data)}, "missing-term"


def determinant():
    """f = det X (a Gram matrix too): Jacobi's formula."""
    rng = np.random.default_rng(443)
    X = tg.Tensor(rng.normal(size=(3, 3)))
    f = tg.det(X) ** 2
    d, inv = np.linalg.det(X.data), np.linalg.inv(X.data)
    yield "right", f, {X: 2 * d * d * inv.T}, "right"
    yield "as for log det", f, {X: 2 * inv.T}, "missing-factor|wrong-activation-derivative|other"


def smallest_eigenvalue():
    """E = lambda_0 - sum of the others / 10 of A + diag(v), A symmetric."""
    rng = np.random.default_rng(444)
    A = rng.normal(size=(4, 4))
    A, v = A + A.T, tg.Tensor(rng.normal(size=4))
    values = tg.eigvalsh(A + tg.diag(v))
    E = (np.array([1.0, -0.1, 0.3, -0.1]) * values**2).sum()
    lam, vec = np.linalg.eigh(A + np.diag(v.data))
    g = 2 * np.array([1.0, -0.1, 0.3, -0.1]) * lam
    yield "right", E, {v: (vec**2) @ g}, "right"
    yield "vectors as rows", E, {v: (vec**2).T @ g}, "transpose"


def implicit_layer():
    """x = (I - A)^-1 b, E = 1/2 |x - t|^2: a fixed point x = A x + b."""
    rng = np.random.default_rng(445)
    t = rng.normal(size=4)
    A, b = tg.Tensor(rng.normal(size=(4, 4)) / 4), tg.Tensor(rng.normal(size=4))
    x = tg.solve(np.eye(4) - A, b)
    E = 0.5 * ((x - t) ** 2).sum()
    M, d = np.eye(4) - A.data, x.data - t
    lam = np.linalg.solve(M.T, d)
    yield "right", E, {b: lam, A: np.outer(lam, x.data)}, "right"
    np.linalg.solve(M, d)
    yield "one step for the fixed point", E, {A: np.outer(d, x.data)}, "missing-factor"


def mahalanobis():
    """E = sum_i sqrt((x_i - m)^T S^-1 (x_i - m)) with S by a triangular factor L."""
    rng = np.random.default_rng(446)
    X = rng.normal(size=(6, 3))
    m, L = (
        tg.Tensor(rng.normal(size=3)),
        tg.Tensor(np.tril(rng.normal(size=(3, 3))) + 2 * np.eye(3)),
    )
    u = tg.solve(L, (X - m).T)
    q = tg.sqrt((u * u).sum(axis=0))
    E = q.sum()
    du = u.data / q.data
    back = np.linalg.solve(L.data.T, du)
    yield "right", E, {m: -back.sum(axis=1), L: -back @ u.data.T}, "right"
    yield (
        "the root left out",
        E,
        {m: -(np.linalg.solve(L.data.T, 2 * u.data)).sum(axis=1)},
        "missing-activation-derivative|missing-factor",
    )
    yield "1/2 of the root alone", E, {m: -back.sum(axis=1) / 2}, "constant-scale"


def hyperbolic():
    """d = arcosh(1 + 2 |u - v|^2 / ((1 - |u|^2)(1 - |v|^2))) in Poincare's disk, E = d^2."""
    rng = np.random.default_rng(447)
    u, v = tg.Tensor(rng.normal(size=2) / 3), tg.Tensor(rng.normal(size=2) / 3)
    a, b = 1 - (u * u).sum(), 1 - (v * v).sum()
    g = 1 + 2 * ((u - v) ** 2).sum() / (a * b)
    d = tg.acosh(g)
    E = d * d
    U, V, A, B, G, D = u.data, v.data, a.data, b.data, g.data, d.data
    slope = 2 * D / np.sqrt(G * G - 1)
    near = 4 * (U - V) / (A * B)
    rim = 4 * ((U - V) @ (U - V)) * U / (A * A * B)
    yield "right", E, {u: slope * (near + rim)}, "right"
    yield (
        "sqrt(1 - g^2) read as asin's",
        E,
        {u: 2 * D * (near + rim) / np.sqrt(G * G + 1)},
        "wrong-activation-derivative|sign",
    )
    yield (
        "2 d forgotten",
        E,
        {u: slope / (2 * D) * (near + rim)},
        "missing-activation-derivative|missing-factor",
    )


def spectrum_loss():
    """E = 1/2 sum |D x|^2 + 1/2 |C x - t|^2 by differences and a circulant matrix: smoothing."""
    rng = np.random.default_rng(449)
    x, t = tg.Tensor(rng.normal(size=7)), rng.normal(size=7)
    k = tg.Tensor(np.array([0.5, 0.3, -0.2]))
    y = k[0] * x + k[1] * tg.roll(x, 1) + k[2] * tg.roll(x, 2)
    d = tg.diff(x)
    E = 0.5 * ((y - t) ** 2).sum() + 0.5 * (d * d).sum()
    r, X, K = y.data - t, x.data, k.data
    smooth = np.concatenate([[-d.data[0]], d.data[:-1] - d.data[1:], [d.data[-1]]])
    fit = K[0] * r + K[1] * np.roll(r, -1) + K[2] * np.roll(r, -2)
    dk = np.array([r @ X, r @ np.roll(X, 1), r @ np.roll(X, 2)])
    yield "right", E, {x: fit + smooth, k: dk}, "right"
    again = K[0] * r + K[1] * np.roll(r, 1) + K[2] * np.roll(r, 2)
    yield "rolled the same way", E, {x: again + smooth}, "wrong-order|transpose"
    yield (
        "k by rolls of the other side",
        E,
        {k: np.array([r @ np.roll(X, -i) for i in range(3)])},
        ("wrong-order|transpose"),
    )
    ends = smooth.copy()
    ends[0] = ends[-1] = 0
