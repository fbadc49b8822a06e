"""Matrix calculus: quadratic forms, traces, log det, inverses, factorisation."""

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


def quadratic_form_column():
    """f = 1/2 x^T A x - b^T x with a column x and A not symmetric."""
    rng = np.random.default_rng(35)
    A = rng.normal(size=(4, 4))
    x = tg.Tensor(rng.normal(size=(4, 1)))
    b = rng.normal(size=(4, 1))
    f = (0.5 * x.T @ A @ x - b.T @ x).sum()
    X = x.data
    S = A + A.T
    yield "right", f, {x: 0.5 * S @ X - b}, "right"
    yield (
        "A symmetric assumed",
        f,
        {x: A @ X - b},
        "transpose|missing-term|double-count|wrong-order",
    )
    yield "no 1/2", f, {x: S @ X - b}, "constant-scale"
    yield "+b", f, {x: 0.5 * S @ X + b}, "sign"
    yield "no b", f, {x: 0.5 * S @ X}, "missing-term"
    yield "row", f, {x: (0.5 * S @ X - b).T}, "transpose"
    yield "one path", f, {x: 0.5 * A @ X - b}, "missing-term"


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
