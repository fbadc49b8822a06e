"""Matrix calculus: quadratic forms, traces, log det, inverses, factorisation, norms."""

import numpy as np

import tinygrad_lite as tg


def quadratic_form():
    """E = x^T A x with A not symmetric."""
    rng = np.random.default_rng(21)
    A, x = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=4))
    E = x @ A @ x

    a, v = A.data, x.data
    yield "(A + A^T) x and x x^T", E, {x: (a + a.T) @ v, A: np.outer(v, v)}, "right"
    yield "2 A x, as if A were symmetric", E, {x: 2 * a @ v}, "transpose|double-count|missing-term"
    yield "A x", E, {x: a @ v}, "missing-term"
    yield "A^T x", E, {x: a.T @ v}, "missing-term"
    yield "2 x x^T", E, {A: 2 * np.outer(v, v)}, "constant-scale|double-count"
    yield "(A - A^T) x", E, {x: (a - a.T) @ v}, "sign"
    yield "x^T x for x x^T", E, {A: v @ v}, "shape|wrong-order|elementwise-vs-matmul"


def bilinear_form():
    """f = a^T X b."""
    rng = np.random.default_rng(22)
    a, b = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=4))
    X = tg.Tensor(rng.normal(size=(4, 4)))
    f = a @ X @ b

    yield (
        "a b^T, X b, X^T a",
        f,
        {X: np.outer(a.data, b.data), a: X.data @ b.data, b: X.data.T @ a.data},
        "right",
    )
    yield "b a^T", f, {X: np.outer(b.data, a.data)}, "transpose|wrong-order"
    yield "X a", f, {b: X.data @ a.data}, "transpose"
    yield "a^T left out", f, {b: X.data.T.sum(1)}, "missing-factor|other"
    yield "a b elementwise", f, {X: a.data * b.data}, "elementwise-vs-matmul|shape"


def trace_of_product():
    """f = tr(A X B)."""
    rng = np.random.default_rng(23)
    A, B = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    X = tg.Tensor(rng.normal(size=(3, 3)))
    f = tg.trace(A @ X @ B)

    yield "A^T B^T", f, {X: A.T @ B.T}, "right"
    yield "(B A)^T", f, {X: (B @ A).T}, "right"
    yield "B A, numerator layout", f, {X: B @ A}, "transpose"
    yield "B^T A^T", f, {X: B.T @ A.T}, "wrong-order"
    yield "A B^T", f, {X: A @ B.T}, "transpose"
    yield "A^T B", f, {X: A.T @ B}, "transpose"
    yield "-A^T B^T", f, {X: -A.T @ B.T}, "sign"
    yield "A^T only", f, {X: A.T}, "missing-factor"


def log_determinant():
    """f = log |det X|."""
    rng = np.random.default_rng(24)
    X = tg.Tensor(rng.normal(size=(4, 4)) + 2 * np.eye(4))
    f = tg.log(tg.abs(tg.det(X)))

    inverse = np.linalg.inv(X.data)
    yield "X^-T", f, {X: inverse.T}, "right"
    yield "X^-1", f, {X: inverse}, "transpose"
    yield "-X^-T", f, {X: -inverse.T}, "sign"
    yield (
        "the determinant's gradient, no 1/det",
        f,
        {X: np.linalg.det(X.data) * inverse.T},
        "missing-activation-derivative|missing-factor|constant-scale",
    )


def gaussian_likelihood():
    """f = 1/2 log det S + 1/2 (x - m)^T S^-1 (x - m)."""
    rng = np.random.default_rng(25)
    F = rng.normal(size=(3, 3))
    S = tg.Tensor(F @ F.T + np.eye(3))
    m, x = tg.Tensor(rng.normal(size=3)), rng.normal(size=3)
    d = x - m
    logdet = tg.log(tg.det(S))
    f = 0.5 * logdet + 0.5 * (d @ tg.inv(S) @ d)

    P = np.linalg.inv(S.data)
    u = P @ d.data
    yield "m and S", f, {m: -u, S: 0.5 * P - 0.5 * np.outer(u, u)}, "right"
    yield "m's sign", f, {m: u}, "sign"
    yield "2 forgotten with 1/2 kept", f, {m: -0.5 * u}, "constant-scale|missing-term"
    yield "log det forgotten", f, {S: -0.5 * np.outer(u, u)}, "missing-term"
    yield "the quadratic forgotten", f, {S: 0.5 * P}, "missing-term"
    yield "plus for minus", f, {S: 0.5 * P + 0.5 * np.outer(u, u)}, "sign"


def matrix_inverse():
    """f = a^T X^-1 b."""
    rng = np.random.default_rng(26)
    a, b = rng.normal(size=4), rng.normal(size=4)
    X = tg.Tensor(rng.normal(size=(4, 4)) + 3 * np.eye(4))
    f = a @ tg.inv(X) @ b

    Y = np.linalg.inv(X.data)
    yield "-X^-T a b^T X^-T", f, {X: -Y.T @ np.outer(a, b) @ Y.T}, "right"
    yield "no minus", f, {X: Y.T @ np.outer(a, b) @ Y.T}, "sign"
    yield "no transposes", f, {X: -Y @ np.outer(a, b) @ Y}, "transpose"
    yield "the left one not transposed", f, {X: -Y @ np.outer(a, b) @ Y.T}, "transpose"
    yield "like 1/x^2: -a b^T X^-2", f, {X: -np.outer(a, b) @ Y.T @ Y.T}, "wrong-order"
    yield "one inverse only", f, {X: -Y.T @ np.outer(a, b)}, "missing-factor"
    yield "b a^T", f, {X: -Y.T @ np.outer(b, a) @ Y.T}, "transpose|wrong-order"


def factorisation():
    """E = 1/2 |U V^T - M|^2, all square."""
    rng = np.random.default_rng(27)
    U, V = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=(4, 4)))
    M = rng.normal(size=(4, 4))
    R = U @ V.T - M
    E = 0.5 * (R**2).sum()

    u, v, r = U.data, V.data, R.data
    yield "R V and R^T U", E, {U: r @ v, V: r.T @ u}, "right"
    yield "R U for V", E, {V: r @ u}, "transpose"
    yield "V R", E, {U: v @ r}, "wrong-order"
    yield "U^T R", E, {V: u.T @ r}, "transpose|wrong-order"
    yield "R * V elementwise", E, {U: r * v}, "elementwise-vs-matmul"
    yield "2 R V", E, {U: 2 * r @ v}, "constant-scale"
    yield "M forgotten", E, {U: u @ v.T @ v}, "missing-term|other"


def hadamard():
    """E = sum C * (A * B): elementwise where people write a matrix product."""
    rng = np.random.default_rng(28)
    A, B = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=(4, 4)))
    C = rng.normal(size=(4, 4))
    H = A * B
    E = (C * H).sum()

    yield "C * B and C * A", E, {A: C * B.data, B: C * A.data}, "right"
    yield "C @ B^T", E, {A: C @ B.data.T}, "elementwise-vs-matmul"
    yield "C @ B", E, {A: C @ B.data}, "elementwise-vs-matmul"
    yield "A^T @ C", E, {B: A.data.T @ C}, "elementwise-vs-matmul"
    yield "B left out", E, {A: C}, "missing-factor"
    yield "C left out", E, {A: B.data}, "missing-factor"
    yield "A for B", E, {A: C * A.data}, "other"


def norms():
    """E = c . x / |x|, a normalised vector."""
    rng = np.random.default_rng(29)
    x, c = tg.Tensor(rng.normal(size=5)), rng.normal(size=5)
    n = tg.sqrt((x * x).sum())
    u = x / n
    E = (c * u).sum()

    length = n.data
    yield "with the projection", E, {x: (c - u.data * (c @ u.data)) / length}, "right"
    yield "length held fixed", E, {x: c / length}, "missing-term"
    yield "no 1/|x|", E, {x: c - u.data * (c @ u.data)}, "missing-factor|extra-factor"
    yield "projection added", E, {x: (c + u.data * (c @ u.data)) / length}, "sign"
    yield "the length's own gradient, sign", E, {n: c @ x.data / length**2}, "sign"
    yield "1/n for 1/n^2", E, {n: -(c @ x.data) / length}, "missing-factor|constant-scale|other"
    yield (
        "sqrt' without the 1/2",
        E,
        {x: (c - 2 * u.data * (c @ u.data)) / length},
        "constant-scale|double-count",
    )


PROBLEMS = [
    quadratic_form,
    bilinear_form,
    trace_of_product,
    log_determinant,
    gaussian_likelihood,
    matrix_inverse,
    factorisation,
    hadamard,
    norms,
]
