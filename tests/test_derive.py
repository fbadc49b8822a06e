"""`tg.derive`: the textbook's formulas, and what is said where there is none."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg

rng = np.random.default_rng(0)


def tensor(*shape):
    return tg.Tensor(rng.normal(size=shape))


def array(*shape):
    return rng.normal(size=shape)


def one_layer():
    W, x, y = tensor(5, 4), tensor(4), array(5)
    v = W @ x
    s = tg.sigmoid(v)
    return W, x, y, v, s, 0.5 * ((s - y) ** 2).sum()


def test_one_layer():
    W, x, y, _, s, E = one_layer()
    d = tg.derive(E, W, x)
    assert d[W].text == "((s − y) ⊙ s ⊙ (1 − s)) xᵀ"
    assert d[x].text == "Wᵀ ((s − y) ⊙ s ⊙ (1 − s))"
    assert d[W].numpy == "np.outer((s - y) * s * (1 - s), x)"
    assert d[W].index == "(sᵢ − yᵢ) sᵢ (1 − sᵢ) xⱼ"
    assert d[W].latex.endswith(r"{x}^{\top}")
    assert str(d.checked) == "checked: 4 draws, 2 sets of sizes, value and shape"
    given = d.function()(s=s, y=y, x=x, W=W)
    for found, again, variable in zip(d.evaluate(), given, (W, x), strict=True):
        np.testing.assert_allclose(found, tg.grad(E, variable))
        np.testing.assert_array_equal(found, again)


def test_two_layers_name_their_cotangents():
    W1, b1, W2, b2, x, y = tensor(5, 4), tensor(5), tensor(3, 5), tensor(3), tensor(4), array(3)
    z1 = W1 @ x + b1
    a1 = tg.sigmoid(z1)
    z2 = W2 @ a1 + b2
    y_hat = tg.sigmoid(z2)
    J = 0.5 * ((y - y_hat) ** 2).sum()
    d = tg.derive(J, W1, b1, W2, b2, x)
    assert [f.text for f in d.formulas] == ["δ_z₁ xᵀ", "δ_z₁", "δ_z₂ a₁ᵀ", "δ_z₂", "W₁ᵀ δ_z₁"]
    assert [str(w) for w in d.where] == [
        "δ_z₂ = (ŷ − y) ⊙ ŷ ⊙ (1 − ŷ)",
        "δ_z₁ = W₂ᵀ δ_z₂ ⊙ a₁ ⊙ (1 − a₁)",
    ]
    for found, variable in zip(d.evaluate(), (W1, b1, W2, b2, x), strict=True):
        np.testing.assert_allclose(found, tg.grad(J, variable))


def softmax_sum():
    Z, labels = tensor(6, 3), rng.integers(0, 3, size=6)
    Y = np.eye(3)[labels]
    P = tg.softmax(Z)
    return tg.derive(-(Y * tg.log(P)).sum(), Z)


def softmax_mean():
    X, W, y = array(6, 4), tensor(4, 3), rng.integers(0, 3, size=6)
    Z = X @ W
    return tg.derive(tg.cross_entropy(Z, y), W)


def rows_bias():
    W1, b1, W2, b2 = tensor(5, 4), tensor(5), tensor(3, 5), tensor(3)
    X, Y = array(7, 4), array(7, 3)
    A = tg.tanh(X @ W1.T + b1)
    P = A @ W2.T + b2
    return tg.derive(((P - Y) ** 2).sum(axis=1).mean(), b1)


def least_squares():
    X, w, y = array(7, 3), tensor(3), array(7)
    return tg.derive(((X @ w - y) ** 2).sum(), w)


def least_squares_expanded():
    X, w, y = array(7, 3), tensor(3), array(7)
    return tg.derive(w @ (X.T @ (X @ w)) - 2 * (y @ (X @ w)) + y @ y, w)


def ridge():
    X, w, y, lam = array(7, 3), tensor(3), array(7), tg.Tensor(0.1)
    return tg.derive(((X @ w - y) ** 2).sum() + lam * (w @ w), w)


def logistic():
    X, w, y = array(7, 3), tensor(3), np.array([0.0, 1, 1, 0, 1, 0, 0])
    p = tg.sigmoid(X @ w)
    return tg.derive(-(y * tg.log(p) + (1 - y) * tg.log(1 - p)).sum(), w)


def logistic_signs():
    X, w, y = array(7, 3), tensor(3), np.array([-1.0, 1, 1, -1, 1, -1, -1])
    return tg.derive(tg.softplus(-y * (X @ w)).sum(), w)


def trace():
    A, X, B = array(3, 4), tensor(4, 5), array(5, 3)
    return tg.derive(tg.trace(A @ X @ B), X)


def quadratic():
    A, x = tensor(4, 4), tensor(4)
    return tg.derive(x @ A @ x, x)


def quadratic_matrix():
    A, X = tensor(4, 4), tensor(4, 3)
    return tg.derive(tg.trace(X.T @ A @ X), X)


def log_det():
    X = tg.Tensor(np.eye(4) * 3 + array(4, 4) * 0.3)
    return tg.derive(tg.linalg.slogdet(X)[1], X)


def log_det_gram():
    X = tensor(6, 3)
    return tg.derive(tg.log(tg.linalg.det(X.T @ X)), X)


def inverse():
    X, a, b = tg.Tensor(np.eye(4) * 3 + array(4, 4) * 0.3), array(4), array(4)
    return tg.derive(a @ tg.linalg.solve(X, b), X)


def length():
    A, x, b = array(5, 4), tensor(4), array(5)
    return tg.derive(tg.linalg.norm(A @ x - b), x)


def layer_norm():
    x, gamma, beta, c = tensor(6), tensor(6), tensor(6), array(6)
    mu = x.mean()
    sigma = tg.sqrt(((x - mu) ** 2).mean() + 1e-5)
    xhat = (x - mu) / sigma
    y = gamma * xhat + beta
    return tg.derive((c * y).sum(), x)


def attention():
    Q, K, V, C = tensor(4, 3), tensor(5, 3), tensor(5, 2), array(4, 2)
    A = tg.softmax(Q @ K.T / 2, axis=-1)
    return tg.derive((C * (A @ V)).sum(), V)


def factorisation():
    U, V, M = tensor(5, 2), tensor(4, 2), array(5, 4)
    return tg.derive(0.5 * ((U @ V.T - M) ** 2).sum(), U)


def kinked():
    W, x, u = tensor(5, 4), array(4), array(5)
    h = tg.relu(W @ x)
    return tg.derive(0.5 * (u @ h - 1) ** 2, W)


TEXTBOOK = {
    softmax_sum: "P − Y",
    softmax_mean: "Xᵀ (softmax(Z) − Y) / N",
    rows_bias: "2 ((P − Y) W₂ ⊙ (1 − A²))ᵀ 𝟏 / N",
    least_squares: "2 Xᵀ (X w − y)",
    least_squares_expanded: "2 Xᵀ (X w − y)",
    ridge: "2 (Xᵀ (X w − y) + λ w)",
    logistic: "Xᵀ (p − y)",
    logistic_signs: "−Xᵀ (y ⊙ σ(−y ⊙ X w))",
    trace: "Aᵀ Bᵀ",
    quadratic: "(A + Aᵀ) x",
    quadratic_matrix: "(A + Aᵀ) X",
    log_det: "X⁻ᵀ",
    log_det_gram: "2 X (Xᵀ X)⁻¹",
    inverse: "−X⁻ᵀ a bᵀ X⁻ᵀ",
    length: "Aᵀ (A x − b) / ‖A x − b‖",
    layer_norm: "(γ ⊙ c − (xhatᵀ (γ ⊙ c) xhat + cᵀ γ) / n) / σ",
    attention: "Aᵀ C",
    factorisation: "(U Vᵀ − M) V",
    kinked: "(uᵀ h − 1) (u ⊙ 𝟏[W x > 0]) xᵀ",
}


@pytest.mark.parametrize("make", TEXTBOOK, ids=lambda f: f.__name__)
def test_textbook_form(make):
    d = make()
    (formula,) = d.formulas
    assert formula.text == TEXTBOOK[make]
    np.testing.assert_allclose(d.evaluate(), tg.grad(d.y, d.variables[0]), rtol=1e-9, atol=1e-12)
    assert d.checked.redraws == 3
    assert d.checked.sizes == 2


def test_a_fact_seen_in_the_data_is_told():
    assert "uses Y 𝟏 = 𝟏: holds for this data" in str(softmax_sum())
    assert not softmax_mean().facts  # of labels it is so by definition


def test_a_product_that_ties_three_factors_is_reduced_from_its_other_end():
    X, W = tensor(6, 4), tensor(4, 3)
    E = tg.exp(-((X @ W) ** 2)).sum()
    assert tg.derive(E, W).formulas[0].text == "−2 Xᵀ (X W ⊙ exp(−(X W)²))"


def test_the_inverse_of_a_symmetric_matrix_is_its_own_transpose():
    A, x = tensor(4, 6), tensor(4)
    E = x @ tg.linalg.inv(A @ A.T) @ x
    assert tg.derive(E, x).formulas[0].text == "2 (A Aᵀ)⁻¹ x"


def test_facts_can_be_declared():
    A, x = tensor(4, 4), tensor(4)
    A = tg.Tensor(A.data + A.data.T)
    assert tg.derive(x @ A @ x, A).formulas[0].text == "x xᵀ"
    d = tg.derive(x @ A @ x, x, facts=["A = A.T"])
    assert d.formulas[0].text == "2 A x"
    assert "uses A = Aᵀ" in str(d)
    B = tensor(4, 4)
    with pytest.raises(ValueError, match="B = Bᵀ does not hold"):
        tg.derive(x @ B @ x, x, facts=["B = B.T"])
    with pytest.raises(ValueError, match="is not of the form"):
        tg.derive(x @ B @ x, x, facts=["B > 0"])


def test_jacobians_explain_themselves():
    W, x, y, v, s, E = one_layer()  # noqa: RUF059 (formulas find the names here)
    said = str(tg.derive(v, W))
    assert "∂v[i]/∂W[j,k] = [i=j] x[k]   (5, 5, 4)" in said
    assert "80 of its 100 entries are 0" in said
    d = tg.derive(v, W)
    np.testing.assert_array_equal(d.evaluate(), v.jacobian(W))
    assert tg.derive(s, v).formulas[0].text == "Diag(s ⊙ (1 − s))"
    np.testing.assert_allclose(tg.derive(s, x).evaluate(), s.jacobian(x))


def test_hessians():
    W, x, y, v, s, E = one_layer()  # noqa: RUF059 (formulas find the names here)
    A = tensor(4, 4)
    q = x @ A @ x
    assert tg.derive(q, x, x).formulas[0].text == "A + Aᵀ"
    np.testing.assert_allclose(tg.derive(E, x, x).evaluate(), tg.hessian(E, x))


def test_scalars_need_no_other_program():
    p, x = tg.Value(0.3), tg.Value(1.5)
    s = tg.sigmoid(p * x)
    E = 0.5 * (s - 0.7) ** 2
    d = tg.derive(E, p)
    assert d.formulas[0].text == "(s − 0.7) s (1 − s) x"
    assert d.evaluate() == pytest.approx(tg.grad(E, p))


def test_options():
    W, x, y, v, s, E = one_layer()  # noqa: RUF059 (formulas find the names here)
    assert tg.derive(E, W, keep=["v"]).formulas[0].text == "δ_v xᵀ"
    assert "σ(v)" in tg.derive(E, W, inline=[s]).formulas[0].text
    turned = tg.derive(E, W, layout="numerator")
    np.testing.assert_allclose(turned.evaluate(), tg.grad(E, W).T)
    hurried = tg.derive(E, W, budget=0.0)
    assert any("ran out" in note for note in hurried.notes)
    np.testing.assert_allclose(hurried.evaluate(), tg.grad(E, W))


def test_a_variable_without_influence_has_the_derivative_0_and_a_reason():
    W, x, y, v, s, E = one_layer()  # noqa: RUF059 (formulas find the names here)
    z = tensor(3)
    d = tg.derive(E, W, z)
    assert str(d[z]) == "∂E/∂z = 0"
    assert "z is not in the graph of E" in str(d)
    assert d.differential == "dE = ((s − y) ⊙ s ⊙ (1 − s)) xᵀ : dW"


def test_refusals_name_the_way_out():
    W, x, y, v, s, E = one_layer()  # noqa: RUF059 (formulas find the names here)
    with pytest.raises(TypeError, match="a ndarray is a constant"):
        tg.derive(E, y)
    with pytest.raises(TypeError, match="derive\\(E, W\\) takes recorded nodes"):
        tg.derive(3.0, W)
    with pytest.raises(TypeError, match="the variables after the result"):
        tg.derive(E)


def test_names_that_are_missing_are_invented_and_said():
    d = tg.derive((tensor(3, 3) @ (x := tensor(3))).sum(), x)
    assert "p1 is a name for a leaf of shape (3, 3) without one" in d.notes


def test_ops_without_a_meaning_are_opaque_and_right():
    x, z, S = tensor(4), tensor(3), tensor(4, 4)
    for E in (
        (tg.concat([x, z]) ** 2).sum(),
        (x[1:3] ** 2).sum() + 3 * x[0],
        (x.reshape((2, 2)) @ tensor(2, 2)).sum(),
        tg.cumsum(x).sum(),
        tg.linalg.det(S * x),
    ):
        d = tg.derive(E, x)
        np.testing.assert_allclose(d.evaluate(), tg.grad(E, x), atol=1e-12)


def test_more_than_two_axes_have_index_notation_and_say_so():
    X, B = tensor(3, 2, 4), tensor(2, 4, 5)
    L = ((X.swapaxes(0, 1) @ B) ** 2).sum()
    d = tg.derive(L, B)
    assert not d.formulas[0].matrix
    assert "in index notation: an array of more than two axes" in str(d)
    assert d.formulas[0].text == "2 Σₗₘ Xₗᵢⱼ Xₗᵢₘ Bᵢₘₖ"
    np.testing.assert_allclose(d.evaluate(), tg.grad(L, B))


def test_a_users_op_is_printed_with_its_own_rule():
    @tg.elementwise("softsign({0})")
    def softsign(xp, x):
        """x / (1 + |x|)."""
        return x / (1 + xp.abs(x))

    softsign.local(lambda xp, y, x: (1 - xp.abs(y)) ** 2)
    v, x = tensor(5, 4), tensor(4)
    s = softsign(v @ x)
    d = tg.derive(s.sum(), x)
    assert d.formulas[0].text == "vᵀ (1 − |s|)²"
    np.testing.assert_allclose(d.evaluate(), tg.grad(d.y, x))


def test_a_rule_that_cannot_be_recorded_is_an_op_of_its_own():
    @tg.primitive("mix({0})")
    def mix(xp, x):
        """x with the running sums of it."""
        return x + np.cumsum(x)

    mix.pull(lambda xp, G, y, x: G + np.flip(np.cumsum(np.flip(np.asarray(G, dtype=float)))))
    x = tensor(4)
    d = tg.derive((mix(x) ** 2).sum(), x)
    assert d.formulas[0].text == "pull of mix"
    np.testing.assert_allclose(d.evaluate(), tg.grad(d.y, x))


def test_a_size_that_is_a_number_of_the_user_is_told():
    X, w = array(7, 3), tensor(3)
    loss = ((X @ w).reshape((7, 1)) * np.ones((7, 2))).sum()
    assert "holds at these sizes" in str(tg.derive(loss, w))


def test_poles_of_the_rules_are_told():
    x = tensor(4)
    assert "holds where no entry is 0" in str(tg.derive(tg.prod(x), x))


def test_thirty_two_layers_have_a_definition_each():
    Ws, a, y = [tensor(4, 4) for _ in range(32)], tensor(4), array(4)
    for W in Ws:
        a = tg.tanh(W @ a)
    E = 0.5 * ((a - y) ** 2).sum()
    d = tg.derive(E, Ws[0])
    np.testing.assert_allclose(d.evaluate(), tg.grad(E, Ws[0]), rtol=1e-9, atol=1e-15)
    assert len(d.where) > 10


def test_a_wrong_form_is_never_shown(monkeypatch):
    """A simplifier that errs is caught by the execution, and what the rules gave is shown."""
    from tinygrad_lite.derive.algebra import scaled
    from tinygrad_lite.derive.simplify import Simplifier

    W, x, y, v, s, E = one_layer()  # noqa: RUF059 (formulas find the names here)
    monkeypatch.setattr(Simplifier, "_search", lambda self, e: scaled(2, e))
    d = tg.derive(E, W)
    assert any("shorter forms failed the check" in note for note in d.notes)
    np.testing.assert_allclose(d.evaluate(), tg.grad(E, W))


def test_a_rule_that_errs_at_other_data_is_caught(monkeypatch):
    """Right at the recorded data, wrong elsewhere: the redraws find it."""
    from tinygrad_lite.derive.algebra import scaled
    from tinygrad_lite.derive.simplify import Simplifier

    x = tg.Tensor(np.ones(3))
    monkeypatch.setattr(Simplifier, "_search", lambda self, e: scaled(1, e.args[0]))
    E = (x * x * x).sum()
    d = tg.derive(E, x)
    assert any("shorter forms failed the check" in note for note in d.notes)
    assert d.formulas[0].text == "3 x²"


def test_the_factors_of_a_net_of_three_layers_are_found_in_time():
    X, W1, b1, W2 = array(6, 3), tensor(3, 4), tensor(4), tensor(4, 4)
    b2, W3, b3, y = tensor(4), tensor(4, 2), tensor(2), array(6, 2)
    z1 = X @ W1 + b1
    a1 = tg.tanh(z1)
    z2 = a1 @ W2 + b2
    a2 = tg.tanh(z2)
    d = tg.derive(((a2 @ W3 + b3 - y) ** 2).mean(), W1)
    assert str(d[W1]) == "∂f/∂W₁ = Xᵀ (δ_a₁ ⊙ (1 − a₁²))"
    assert not any("ran out" in note for note in d.notes)
