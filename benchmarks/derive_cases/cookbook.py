"""Chapter 2 of The Matrix Cookbook (K. B. Petersen, M. S. Pedersen, 2012), written from its
mathematics: determinants, inverses, eigenvalues, and forms of vectors and matrices.

Equations of a single entry (∂(X A)_ij / ∂X_mn, say) stand as the gradient of that entry's weighted
sum <G, X A>, which holds them all.
"""

import numpy as np

import tinygrad_lite as tg

from .case import Draw, Variables, expected

GROUP = "cookbook"

# --- 2.1 determinants


@expected(GROUP, X="np.linalg.det(X) * np.linalg.inv(X).T")
def determinant(d: Draw) -> Variables:
    """det X (49)."""
    (n,) = d.sizes(4)
    X = d.square(n)
    E = tg.det(X)
    return locals()


@expected(
    GROUP, printed={"t": "det(Y) tr(Y⁻¹ B)"}, t="np.linalg.det(Y) * np.trace(np.linalg.inv(Y) @ B)"
)
def determinant_of_a_scalar(d: Draw) -> Variables:
    """det Y(t), Y = A + t B (46)."""
    (n,) = d.sizes(4)
    A, B, t = d.square(n).data, d.array(n, n) / n, d.tensor()
    Y = A + t * B
    E = tg.det(Y)
    return locals()


@expected(GROUP, X="np.linalg.det(A @ X @ B) * np.linalg.inv(X).T")
def determinant_of_product(d: Draw) -> Variables:
    """det(A X B) (51)."""
    (n,) = d.sizes(4)
    A, X, B = d.square(n).data, d.square(n), d.square(n).data
    E = tg.det(A @ X @ B)
    return locals()


@expected(GROUP, X="2 * np.linalg.det(X.T @ A @ X) * np.linalg.inv(X).T")
def determinant_square_form(d: Draw) -> Variables:
    """det(X^T A X), X square (52)."""
    (n,) = d.sizes(4)
    A, X = d.square(n).data, d.square(n)
    E = tg.det(X.T @ A @ X)
    return locals()


@expected(
    GROUP,
    printed={"X": "2 det(Xᵀ A X) A X (Xᵀ A X)⁻¹"},
    X="2 * np.linalg.det(X.T @ A @ X) * A @ X @ np.linalg.inv(X.T @ A @ X)",
)
def determinant_symmetric_form(d: Draw) -> Variables:
    """det(X^T A X), A symmetric, X not square (53)."""
    n, m = d.sizes(5, 3)
    A = d.symmetric(n) / n + 3 * np.eye(n)
    X = d.tensor(n, m)
    E = tg.det(X.T @ A @ X)
    return locals()


@expected(
    GROUP,
    X="np.linalg.det(X.T @ A @ X)"
    " * (A @ X @ np.linalg.inv(X.T @ A @ X) + A.T @ X @ np.linalg.inv(X.T @ A.T @ X))",
)
def determinant_form(d: Draw) -> Variables:
    """det(X^T A X), X not square (54)."""
    n, m = d.sizes(5, 3)
    A, X = d.square(n).data, d.tensor(n, m)
    E = tg.det(X.T @ A @ X)
    return locals()


@expected(GROUP, X="2 * np.linalg.pinv(X).T")
def log_determinant_gram(d: Draw) -> Variables:
    """log det X^T X (55)."""
    n, m = d.sizes(5, 3)
    X = d.tensor(n, m)
    E = tg.log(tg.det(X.T @ X))
    return locals()


@expected(GROUP, X="np.linalg.inv(X).T")
def log_determinant(d: Draw) -> Variables:
    """log |det X| (57)."""
    (n,) = d.sizes(4)
    X = d.square(n)
    E = tg.slogdet(X).logabsdet
    return locals()


@expected(GROUP, X="3 * np.linalg.det(X @ X @ X) * np.linalg.inv(X).T")
def determinant_of_power(d: Draw) -> Variables:
    """det X^3 (58)."""
    (n,) = d.sizes(4)
    X = tg.Tensor(d.square(n).data / 3)
    E = tg.det(X @ X @ X)
    return locals()


# --- 2.2 inverses


@expected(
    GROUP,
    printed={"t": "−tr(Y⁻¹ Gᵀ Y⁻¹ B)"},
    t="-np.sum(G * (np.linalg.inv(Y) @ B @ np.linalg.inv(Y)))",
)
def inverse_of_a_scalar(d: Draw) -> Variables:
    """<G, Y(t)^-1>, Y = A + t B (59)."""
    (n,) = d.sizes(4)
    A, B, G, t = d.square(n).data, d.array(n, n) / n, d.array(n, n), d.tensor()
    Y = A + t * B
    E = (G * tg.inv(Y)).sum()
    return locals()


@expected(GROUP, X="-np.linalg.inv(X).T @ G @ np.linalg.inv(X).T")
def inverse(d: Draw) -> Variables:
    """<G, X^-1> (60, 65)."""
    (n,) = d.sizes(4)
    X, G = d.square(n), d.array(n, n)
    E = (G * tg.inv(X)).sum()
    return locals()


@expected(GROUP, X="-np.linalg.inv(X).T @ np.outer(a, b) @ np.linalg.inv(X).T")
def bilinear_inverse(d: Draw) -> Variables:
    """a^T X^-1 b (61)."""
    (n,) = d.sizes(4)
    X, a, b = d.square(n), d.array(n), d.array(n)
    E = a @ tg.inv(X) @ b
    return locals()


@expected(GROUP, X="-np.linalg.det(np.linalg.inv(X)) * np.linalg.inv(X).T")
def determinant_of_inverse(d: Draw) -> Variables:
    """det X^-1 (62)."""
    (n,) = d.sizes(4)
    X = tg.Tensor(d.square(n).data / 3)
    E = tg.det(tg.inv(X))
    return locals()


@expected(GROUP, X="-(np.linalg.inv(X) @ B @ A @ np.linalg.inv(X)).T")
def trace_of_inverse(d: Draw) -> Variables:
    """tr(A X^-1 B) (63, 124)."""
    n, m = d.sizes(4, 3)
    X, A, B = d.square(n), d.array(m, n), d.array(n, m)
    E = tg.trace(A @ tg.inv(X) @ B)
    return locals()


@expected(GROUP, X="-(np.linalg.inv(X + A) @ np.linalg.inv(X + A)).T")
def trace_of_shifted_inverse(d: Draw) -> Variables:
    """tr (X + A)^-1 (64)."""
    (n,) = d.sizes(4)
    X, A = d.square(n), d.array(n, n) / n
    E = tg.trace(tg.inv(X + A))
    return locals()


# --- 2.3 eigenvalues


@expected(GROUP, X="np.eye(len(X))")
def sum_of_eigenvalues(d: Draw) -> Variables:
    """Sum of the eigenvalues, which is tr X (66)."""
    (n,) = d.sizes(4)
    X = d.square(n)
    E = tg.trace(X)
    return locals()


# --- 2.4 forms


@expected(GROUP, x="a")
def inner_product(d: Draw) -> Variables:
    """x^T a (69)."""
    (n,) = d.sizes(4)
    x, a = d.tensor(n), d.array(n)
    E = x @ a
    return locals()


@expected(GROUP, X="np.outer(a, b)")
def bilinear(d: Draw) -> Variables:
    """a^T X b (70)."""
    n, m = d.sizes(4, 3)
    a, X, b = d.array(n), d.tensor(n, m), d.array(m)
    E = a @ X @ b
    return locals()


@expected(GROUP, X="np.outer(b, a)")
def bilinear_transposed(d: Draw) -> Variables:
    """a^T X^T b (71)."""
    n, m = d.sizes(4, 3)
    a, X, b = d.array(m), d.tensor(n, m), d.array(n)
    E = a @ X.T @ b
    return locals()


@expected(GROUP, X="np.outer(a, a)")
def form_of_one_vector(d: Draw) -> Variables:
    """a^T X^T a (72)."""
    (n,) = d.sizes(4)
    a, X = d.array(n), d.tensor(n, n)
    E = a @ X.T @ a
    return locals()


@expected(GROUP, X="G")
def entries(d: Draw) -> Variables:
    """<G, X> (73)."""
    n, m = d.sizes(4, 3)
    G, X = d.array(n, m), d.tensor(n, m)
    E = (G * X).sum()
    return locals()


@expected(GROUP, X="G @ A.T")
def product_entries(d: Draw) -> Variables:
    """<G, X A> (74)."""
    n, m, k = d.sizes(4, 3, 5)
    G, X, A = d.array(n, k), d.tensor(n, m), d.array(m, k)
    E = (G * (X @ A)).sum()
    return locals()


@expected(GROUP, X="A @ G.T")
def transposed_product_entries(d: Draw) -> Variables:
    """<G, X^T A> (75)."""
    n, m, k = d.sizes(4, 3, 5)
    G, X, A = d.array(m, k), d.tensor(n, m), d.array(n, k)
    E = (G * (X.T @ A)).sum()
    return locals()


@expected(GROUP, printed={"X": "(2 𝟏ᵀ X 𝟏) 𝟏 𝟏ᵀ"}, X="2 * np.sum(X) * np.ones(X.shape)")
def squared_sum(d: Draw) -> Variables:
    """The squared sum of all entries (76)."""
    n, m = d.sizes(4, 3)
    X = d.tensor(n, m)
    E = X.sum() ** 2
    return locals()


@expected(GROUP, X="X @ (np.outer(b, c) + np.outer(c, b))")
def gram_form(d: Draw) -> Variables:
    """b^T X^T X c (77)."""
    n, m = d.sizes(4, 3)
    X, b, c = d.tensor(n, m), d.array(m), d.array(m)
    E = b @ X.T @ X @ c
    return locals()


@expected(GROUP, x="B.T @ C @ (D @ x + e) + D.T @ C.T @ (B @ x + b)")
def two_affine_maps(d: Draw) -> Variables:
    """(B x + b)^T C (D x + e) (78)."""
    n, m, k = d.sizes(4, 3, 5)
    B, b, C = d.array(m, n), d.array(m), d.array(m, k)
    D, e, x = d.array(k, n), d.array(k), d.tensor(n)
    E = (B @ x + b) @ C @ (D @ x + e)
    return locals()


@expected(GROUP, X="B.T @ X @ G + B @ X @ G.T")
def quadratic_entries(d: Draw) -> Variables:
    """<G, X^T B X> (79, 80)."""
    n, m = d.sizes(4, 3)
    X, B, G = d.tensor(n, m), d.array(n, n), d.array(m, m)
    E = (G * (X.T @ B @ X)).sum()
    return locals()


@expected(GROUP, x="(B + B.T) @ x")
def quadratic(d: Draw) -> Variables:
    """x^T B x (81)."""
    (n,) = d.sizes(4)
    B, x = d.array(n, n), d.tensor(n)
    E = x @ B @ x
    return locals()


@expected(GROUP, X="D.T @ X @ np.outer(b, c) + D @ X @ np.outer(c, b)")
def weighted_gram_form(d: Draw) -> Variables:
    """b^T X^T D X c (82)."""
    n, m = d.sizes(4, 3)
    X, D, b, c = d.tensor(n, m), d.array(n, n), d.array(m), d.array(m)
    E = b @ X.T @ D @ X @ c
    return locals()


@expected(GROUP, X="np.outer((D + D.T) @ (X @ b + c), b)")
def quadratic_of_affine(d: Draw) -> Variables:
    """(X b + c)^T D (X b + c) (83)."""
    n, m = d.sizes(4, 3)
    X, b, c, D = d.tensor(n, m), d.array(m), d.array(n), d.array(n, n)
    E = (X @ b + c) @ D @ (X @ b + c)
    return locals()


@expected(
    GROUP,
    printed={"x": "2 W (x − A s)"},
    s="-2 * A.T @ W @ (x - A @ s)",
    x="2 * W @ (x - A @ s)",
    A="-2 * W @ np.outer(x - A @ s, s)",
)
def weighted_residual(d: Draw) -> Variables:
    """(x - A s)^T W (x - A s), W symmetric (84, 87, 88)."""
    n, m = d.sizes(4, 3)
    x, A, s, W = d.tensor(n), d.tensor(n, m), d.tensor(m), d.symmetric(n)
    E = (x - A @ s) @ W @ (x - A @ s)
    return locals()


@expected(GROUP, printed={"x": "2 W (x − s)"}, x="2 * W @ (x - s)", s="-2 * W @ (x - s)")
def weighted_difference(d: Draw) -> Variables:
    """(x - s)^T W (x - s), W symmetric (85, 86)."""
    (n,) = d.sizes(4)
    x, s, W = d.tensor(n), d.tensor(n), d.symmetric(n)
    E = (x - s) @ W @ (x - s)
    return locals()


@expected(
    GROUP,
    X="np.outer(a, X @ X @ b) + np.outer(X.T @ a, X @ b) + np.outer(X.T @ X.T @ a, b)",
)
def power_form(d: Draw) -> Variables:
    """a^T X^3 b (91)."""
    (n,) = d.sizes(4)
    a, X, b = d.array(n), d.tensor(n, n), d.array(n)
    E = a @ X @ X @ X @ b
    return locals()


@expected(
    GROUP,
    X="X @ X @ np.outer(a, b) @ X.T + X.T @ X @ X @ np.outer(a, b)"
    " + X @ X @ np.outer(b, a) @ X.T + X.T @ X @ X @ np.outer(b, a)",
)
def gram_of_power_form(d: Draw) -> Variables:
    """a^T (X^2)^T X^2 b (92)."""
    (n,) = d.sizes(4)
    a, X, b = d.array(n), d.tensor(n, n), d.array(n)
    E = a @ (X @ X).T @ (X @ X) @ b
    return locals()


@expected(
    GROUP,
    x="2 * A.T @ A @ x / (x @ B.T @ B @ x)"
    " - 2 * (x @ A.T @ A @ x) * B.T @ B @ x / (x @ B.T @ B @ x) ** 2",
)
def quotient_of_lengths(d: Draw) -> Variables:
    """|A x|^2 / |B x|^2 (94)."""
    n, m, k = d.sizes(4, 3, 5)
    A, B, x = d.array(m, n), d.array(k, n), d.tensor(n)
    E = (x @ A.T @ A @ x) / (x @ B.T @ B @ x)
    return locals()


@expected(GROUP, x="(A + A.T) @ x + b")
def quadratic_function(d: Draw) -> Variables:
    """x^T A x + b^T x (96)."""
    (n,) = d.sizes(4)
    A, b, x = d.array(n, n), d.array(n), d.tensor(n)
    E = x @ A @ x + b @ x
    return locals()
