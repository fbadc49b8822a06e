"""Chapter 2 of The Matrix Cookbook, its second half: traces, norms, structured matrices."""

import numpy as np

import tinygrad_lite as tg

from .case import Draw, Variables, expected
from .cookbook import GROUP

# --- 2.5.1 traces of first order


@expected(GROUP, X="A.T")
def trace_times(d: Draw) -> Variables:
    """tr(X A) (100)."""
    n, m = d.sizes(4, 3)
    X, A = d.tensor(n, m), d.array(m, n)
    E = tg.trace(X @ A)
    return locals()


@expected(GROUP, X="A.T @ B.T")
def trace_between(d: Draw) -> Variables:
    """tr(A X B) (101)."""
    n, m, k = d.sizes(4, 3, 5)
    A, X, B = d.array(n, m), d.tensor(m, k), d.array(k, n)
    E = tg.trace(A @ X @ B)
    return locals()


@expected(GROUP, X="B @ A")
def trace_between_transposed(d: Draw) -> Variables:
    """tr(A X^T B) (102)."""
    n, m, k = d.sizes(4, 3, 5)
    A, X, B = d.array(n, k), d.tensor(m, k), d.array(m, n)
    E = tg.trace(A @ X.T @ B)
    return locals()


@expected(GROUP, X="A")
def trace_transposed_times(d: Draw) -> Variables:
    """tr(X^T A) (103)."""
    n, m = d.sizes(4, 3)
    X, A = d.tensor(n, m), d.array(n, m)
    E = tg.trace(X.T @ A)
    return locals()


@expected(GROUP, X="A")
def trace_times_transposed(d: Draw) -> Variables:
    """tr(A X^T) (104)."""
    n, m = d.sizes(4, 3)
    X, A = d.tensor(n, m), d.array(n, m)
    E = tg.trace(A @ X.T)
    return locals()


@expected(GROUP, X="np.trace(A) * np.eye(len(X))")
def trace_of_kron(d: Draw) -> Variables:
    """tr(A ⊗ X) (105)."""
    n, m = d.sizes(4, 3)
    A, X = d.array(n, n), d.tensor(m, m)
    E = tg.trace(np.kron(A, X))
    return locals()


# --- 2.5.2 traces of second order


@expected(GROUP, X="2 * X.T")
def trace_of_square(d: Draw) -> Variables:
    """tr X^2 (106)."""
    (n,) = d.sizes(4)
    X = d.tensor(n, n)
    E = tg.trace(X @ X)
    return locals()


@expected(GROUP, X="(X @ B + B @ X).T")
def trace_of_square_times(d: Draw) -> Variables:
    """tr(X^2 B) (107)."""
    (n,) = d.sizes(4)
    X, B = d.tensor(n, n), d.array(n, n)
    E = tg.trace(X @ X @ B)
    return locals()


@expected(GROUP, X="B @ X + B.T @ X")
def trace_quadratic(d: Draw) -> Variables:
    """tr(X^T B X) (108)."""
    n, m = d.sizes(4, 3)
    X, B = d.tensor(n, m), d.array(n, n)
    E = tg.trace(X.T @ B @ X)
    return locals()


@expected(GROUP, X="B @ X + B.T @ X")
def trace_outer_gram(d: Draw) -> Variables:
    """tr(B X X^T) (109)."""
    n, m = d.sizes(4, 3)
    X, B = d.tensor(n, m), d.array(n, n)
    E = tg.trace(B @ X @ X.T)
    return locals()


@expected(GROUP, X="B @ X + B.T @ X")
def trace_outer_gram_turned(d: Draw) -> Variables:
    """tr(X X^T B) (110)."""
    n, m = d.sizes(4, 3)
    X, B = d.tensor(n, m), d.array(n, n)
    E = tg.trace(X @ X.T @ B)
    return locals()


@expected(GROUP, X="X @ B.T + X @ B")
def trace_inner(d: Draw) -> Variables:
    """tr(X B X^T) (111)."""
    n, m = d.sizes(4, 3)
    X, B = d.tensor(n, m), d.array(m, m)
    E = tg.trace(X @ B @ X.T)
    return locals()


@expected(GROUP, X="X @ B.T + X @ B")
def trace_inner_gram(d: Draw) -> Variables:
    """tr(B X^T X) (112)."""
    n, m = d.sizes(4, 3)
    X, B = d.tensor(n, m), d.array(m, m)
    E = tg.trace(B @ X.T @ X)
    return locals()


@expected(GROUP, X="X @ B.T + X @ B")
def trace_inner_gram_turned(d: Draw) -> Variables:
    """tr(X^T X B) (113)."""
    n, m = d.sizes(4, 3)
    X, B = d.tensor(n, m), d.array(m, m)
    E = tg.trace(X.T @ X @ B)
    return locals()


@expected(GROUP, X="A.T @ X.T @ B.T + B.T @ X.T @ A.T")
def trace_of_two_products(d: Draw) -> Variables:
    """tr(A X B X) (114)."""
    n, m = d.sizes(4, 3)
    A, X, B = d.array(n, m), d.tensor(m, n), d.array(n, m)
    E = tg.trace(A @ X @ B @ X)
    return locals()


@expected(GROUP, X="2 * X")
def trace_of_gram(d: Draw) -> Variables:
    """tr(X^T X) (115)."""
    n, m = d.sizes(4, 3)
    X = d.tensor(n, m)
    E = tg.trace(X.T @ X)
    return locals()


@expected(GROUP, X="C.T @ X @ B @ B.T + C @ X @ B @ B.T")
def trace_of_form(d: Draw) -> Variables:
    """tr(B^T X^T C X B) (116)."""
    n, m, k = d.sizes(4, 3, 5)
    X, B, C = d.tensor(n, m), d.array(m, k), d.array(n, n)
    E = tg.trace(B.T @ X.T @ C @ X @ B)
    return locals()


@expected(GROUP, X="B @ X @ C + B.T @ X @ C.T")
def trace_of_form_times(d: Draw) -> Variables:
    """tr(X^T B X C) (117)."""
    n, m = d.sizes(4, 3)
    X, B, C = d.tensor(n, m), d.array(n, n), d.array(m, m)
    E = tg.trace(X.T @ B @ X @ C)
    return locals()


@expected(GROUP, X="A.T @ C.T @ X @ B.T + C @ A @ X @ B")
def trace_of_long_form(d: Draw) -> Variables:
    """tr(A X B X^T C) (118)."""
    n, m, k = d.sizes(4, 3, 5)
    A, X, B, C = d.array(k, n), d.tensor(n, m), d.array(m, m), d.array(n, k)
    E = tg.trace(A @ X @ B @ X.T @ C)
    return locals()


@expected(GROUP, X="2 * A.T @ (A @ X @ B + C) @ B.T")
def trace_of_residual(d: Draw) -> Variables:
    """tr((A X B + C) (A X B + C)^T) (119)."""
    n, m, k, q = d.sizes(4, 3, 5, 6)
    A, X, B, C = d.array(n, m), d.tensor(m, k), d.array(k, q), d.array(n, q)
    E = tg.trace((A @ X @ B + C) @ (A @ X @ B + C).T)
    return locals()


@expected(GROUP, X="2 * np.trace(X) * np.eye(len(X))")
def trace_of_own_kron(d: Draw) -> Variables:
    """tr(X ⊗ X) (120)."""
    (n,) = d.sizes(4)
    X = d.tensor(n, n)
    E = tg.trace(np.kron(X, X))
    return locals()


# --- 2.5.3, 2.5.4 traces of higher order and of inverses


@expected(GROUP, X="4 * (X @ X @ X).T")
def trace_of_power(d: Draw) -> Variables:
    """tr X^4 (121)."""
    (n,) = d.sizes(4)
    X = d.tensor(n, n)
    E = tg.trace(X @ X @ X @ X)
    return locals()


@expected(GROUP, X="(X @ X @ A + X @ A @ X + A @ X @ X).T")
def trace_of_power_times(d: Draw) -> Variables:
    """tr(A X^3) (122)."""
    (n,) = d.sizes(4)
    A, X = d.array(n, n), d.tensor(n, n)
    E = tg.trace(A @ X @ X @ X)
    return locals()


@expected(
    GROUP,
    X="C @ X @ X.T @ C @ X @ B @ B.T + C.T @ X @ B @ B.T @ X.T @ C.T @ X"
    " + C @ X @ B @ B.T @ X.T @ C @ X + C.T @ X @ X.T @ C.T @ X @ B @ B.T",
)
def trace_of_fourth_order(d: Draw) -> Variables:
    """tr(B^T X^T C X X^T C X B) (123)."""
    n, m, k = d.sizes(4, 3, 5)
    X, B, C = d.tensor(n, m), d.array(m, k), d.array(n, n)
    E = tg.trace(B.T @ X.T @ C @ X @ X.T @ C @ X @ B)
    return locals()


@expected(GROUP, X="-C @ X @ M @ (A + A.T) @ M")
def trace_of_inverse_form(d: Draw) -> Variables:
    """tr(M A), M = (X^T C X)^-1, C symmetric (125)."""
    n, m = d.sizes(5, 3)
    C = d.symmetric(n) / n + 3 * np.eye(n)
    X, A = d.tensor(n, m), d.array(m, m)
    M = tg.inv(X.T @ C @ X)
    E = tg.trace(M @ A)
    return locals()


@expected(GROUP, X="-2 * C @ X @ M @ X.T @ B @ X @ M + 2 * B @ X @ M")
def trace_of_quotient(d: Draw) -> Variables:
    """tr(M X^T B X), M = (X^T C X)^-1, B and C symmetric (126)."""
    n, m = d.sizes(5, 3)
    C, B = d.symmetric(n) / n + 3 * np.eye(n), d.symmetric(n)
    X = d.tensor(n, m)
    M = tg.inv(X.T @ C @ X)
    E = tg.trace(M @ (X.T @ B @ X))
    return locals()


@expected(GROUP, X="-2 * C @ X @ M @ X.T @ B @ X @ M + 2 * B @ X @ M")
def trace_of_shifted_quotient(d: Draw) -> Variables:
    """tr(M X^T B X), M = (A + X^T C X)^-1, all symmetric (127)."""
    n, m = d.sizes(5, 3)
    C, B = d.symmetric(n) / n + 3 * np.eye(n), d.symmetric(n)
    A, X = d.symmetric(m) / m + 3 * np.eye(m), d.tensor(n, m)
    M = tg.inv(A + X.T @ C @ X)
    E = tg.trace(M @ (X.T @ B @ X))
    return locals()


# --- 2.6, 2.7 norms


@expected(GROUP, x="(x - a) / np.linalg.norm(x - a)")
def length(d: Draw) -> Variables:
    """|x - a| (129)."""
    (n,) = d.sizes(4)
    x, a = d.tensor(n), d.array(n)
    E = tg.norm(x - a)
    return locals()


@expected(
    GROUP,
    printed={"x": "(g − gᵀ (x − a) (x − a) / ‖x − a‖²) / ‖x − a‖"},
    x="g / np.linalg.norm(x - a) - (x - a) * ((x - a) @ g) / np.linalg.norm(x - a) ** 3",
)
def direction(d: Draw) -> Variables:
    """g^T (x - a) / |x - a| (130)."""
    (n,) = d.sizes(4)
    x, a, g = d.tensor(n), d.array(n), d.array(n)
    E = g @ ((x - a) / tg.norm(x - a))
    return locals()


@expected(GROUP, x="2 * x")
def squared_length(d: Draw) -> Variables:
    """|x|^2 (131)."""
    (n,) = d.sizes(4)
    x = d.tensor(n)
    E = tg.norm(x) ** 2
    return locals()


@expected(GROUP, X="2 * X")
def squared_frobenius(d: Draw) -> Variables:
    """|X|_F^2 (132)."""
    n, m = d.sizes(4, 3)
    X = d.tensor(n, m)
    E = tg.norm(X) ** 2
    return locals()


# --- 2.8 structured matrices, as functions of their free entries


@expected(GROUP, v="np.diag(A)")
def trace_of_diagonal(d: Draw) -> Variables:
    """tr(A Diag(v)) (144)."""
    (n,) = d.sizes(4)
    A, v = d.array(n, n), d.tensor(n)
    E = tg.trace(A @ tg.diag(v))
    return locals()


@expected(GROUP, L="A + A.T - A * np.eye(len(A))")
def trace_of_symmetric(d: Draw) -> Variables:
    """tr(A X), X = L + L^T - L ∘ I (138)."""
    (n,) = d.sizes(4)
    A, L = d.array(n, n), d.tensor(n, n)
    X = L + L.T - L * np.eye(n)
    E = tg.trace(A @ X)
    return locals()


@expected(
    GROUP,
    L="np.linalg.det(X) * (2 * np.linalg.inv(X) - np.linalg.inv(X) * np.eye(len(X)))",
)
def determinant_of_symmetric(d: Draw) -> Variables:
    """det X, X = L + L^T - L ∘ I (142)."""
    (n,) = d.sizes(4)
    L = d.square(n)
    X = L + L.T - L * np.eye(n)
    E = tg.det(X)
    return locals()


@expected(
    GROUP,
    L="2 * np.linalg.inv(X) - np.linalg.inv(X) * np.eye(len(X))",
)
def log_determinant_of_symmetric(d: Draw) -> Variables:
    """log det X, X = L + L^T - L ∘ I (143)."""
    (n,) = d.sizes(4)
    L = d.square(n)
    X = L + L.T - L * np.eye(n)
    E = tg.logabsdet(X)
    return locals()
