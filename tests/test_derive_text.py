"""The derivation as a teacher writes it: every line of it is right, and reads as it should."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from benchmarks.derive_cases import Draw, cases, cookbook, derived, expressions
from benchmarks.derive_cases.judge import values
from tests.index_text import Reader
from tests.latex import errors
from tinygrad_lite.notation.names import unicode_name

CASES = [*cases(expressions.GROUP), *cases(cookbook.GROUP)]
KNOWN = [case for case in CASES if "⊗" not in case.name]


def one_layer():
    rng = np.random.default_rng(0)
    W, x, y = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=4)), rng.normal(size=5)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    return tg.derive(E, W), tg.derive(s, v), tg.derive(v, W), E, W


def two_layers():
    rng = np.random.default_rng(1)
    sizes = {"X": (3, 6), "W1": (4, 3), "b1": (4, 1), "W2": (2, 4), "b2": (2, 1)}
    X, W1, b1, W2, b2 = (tg.Tensor(rng.normal(size=n), name=name) for name, n in sizes.items())
    y = rng.uniform(size=(2, 6))
    z1 = W1 @ X + b1
    a1 = tg.sigmoid(z1)
    z2 = W2 @ a1 + b2
    y_hat = tg.sigmoid(z2)
    J = 0.5 * ((y - y_hat) ** 2).sum()
    return tg.derive(J, W1, b1, W2, b2, X)


QUESTION = """\
E = 1/2 ‖s − y‖²   ()     dE = (s − y) : ds
s = σ(v)           (5,)   ds = s ⊙ (1 − s) ⊙ dv
                          dE = (s − y) : (s ⊙ (1 − s) ⊙ dv) = δ_v : dv   a : (b ⊙ c) = (a ⊙ b) : c
                          δ_v = (s − y) ⊙ s ⊙ (1 − s) = ∂E/∂v
v = W x            (5,)   dv = dW x
                          dE = δ_v : dW x = δ_v xᵀ : dW                  a : B c = a cᵀ : B
∂E/∂W = ((s − y) ⊙ s ⊙ (1 − s)) xᵀ   (5, 4)      ∂E/∂Wᵢⱼ = (sᵢ − yᵢ) sᵢ (1 − sᵢ) xⱼ
np.outer((s - y) * s * (1 - s), x)
checked: 4 draws, 2 sets of sizes, value and shape      ∂vₖ/∂Wᵢⱼ = """


def test_a_vector_by_a_matrix():
    text = one_layer()[0].text
    assert text.startswith(QUESTION)
    assert text.endswith("(5, 5, 4)")


def test_the_same_with_diagonal_matrices():
    d, by_v, *_ = one_layer()
    again = d.diagonals()
    assert str(again.formulas[0]) == "∂E/∂W = (S − S²) (s − y) xᵀ"
    assert "ds = (S − S²) dv" in again.text
    assert "where S = Diag(s)" in str(again)
    np.testing.assert_allclose(again.evaluate(), d.evaluate())
    assert by_v.diagonals().formulas[0].text == "S − S²"


def test_the_two_layers_of_the_other_question():
    text = two_layers().text
    for line in (
        "dJ = (ŷ − y) : dŷ",
        "δ_z₂ = (ŷ − y) ⊙ ŷ ⊙ (1 − ŷ) = ∂J/∂z₂",
        "dz₂ = dW₂ a₁ + W₂ da₁ + db₂ 𝟏ᵀ",
        "dJ = δ_z₂ : dW₂ a₁ + δ_z₂ : W₂ da₁ + δ_z₂ : db₂ 𝟏ᵀ",
        "= δ_z₂ a₁ᵀ : dW₂ + W₂ᵀ δ_z₂ : da₁ + δ_z₂ 𝟏 : db₂",
        "A : B C = A Cᵀ : B,   A : B C = Bᵀ A : C,   A : b 𝟏ᵀ = A 𝟏 : b",
        "δ_z₁ = W₂ᵀ δ_z₂ ⊙ a₁ ⊙ (1 − a₁) = ∂J/∂z₁",
        "∂J/∂W₁ = δ_z₁ Xᵀ",
        "∂J/∂X = W₁ᵀ δ_z₁",
    ):
        assert line in text.replace("y\u0302", "ŷ"), line


def test_a_jacobian_explains_itself():
    *_, by_W, _, _ = one_layer()
    said = str(by_W)
    assert "∂v[i]/∂W[j,k] = " in said
    assert "[i=j]" in said or "[j=i]" in said
    assert "x[k]" in said
    assert "(5, 5, 4)" in said
    assert "80 of its 100 entries are 0" in said
    assert "never builds it: of δ_v = ∂E/∂v it makes δ_v xᵀ   (5, 4)" in said


def test_numbers_beside_the_steps():
    d, *_, E, _ = one_layer()
    text = d.steps(values=True)
    assert f"E = {float(E.data):.4f}" in text
    assert "∂E/∂v = [" in text
    assert str(d.steps) == d.steps()
    assert [step.name for step in d.steps] == ["E", "s", "v"]


def test_the_differential_of_everything():
    d, *_, by_W, _, _ = one_layer()
    assert d.differential == "dE = ((s − y) ⊙ s ⊙ (1 − s)) xᵀ : dW"
    assert by_W.differential == "dv = dW x"


def test_the_steps_of_a_jacobian():
    rng = np.random.default_rng(0)
    W, x = tg.Tensor(rng.normal(size=(5, 4))), rng.normal(size=4)
    v = W @ x
    s = tg.sigmoid(v)
    d = tg.derive(s, W)
    assert d.differential == "ds = s ⊙ (1 − s) ⊙ dW x"
    assert "dv = dW x" in d.text
    assert all(part.held for step in d.steps for part in step.parts)


def test_a_step_that_is_known_by_its_pullback_only():
    rng = np.random.default_rng(3)
    table, W = tg.Tensor(rng.normal(size=(6, 3))), rng.normal(size=(3, 2))
    h = table[[0, 2, 5]]
    L = (h @ W).sum()
    text = tg.derive(L, table).text
    assert "dh = dtable[[0, 2, 5]]" in text
    assert "𝟏 𝟏ᵀ Wᵀ : dtable[[0, 2, 5]] = put_at(" in text
    assert "A : f(B) = f*(A) : B, f* the adjoint of f" in text
    assert "∂hₖₗ/∂tableᵢⱼ = δⱼₗ [I[[0, 2, 5]]]ₖᵢ" in text


def test_a_step_of_which_only_the_pullback_is_known():
    rng = np.random.default_rng(3)
    table, W = tg.Tensor(rng.normal(size=(6, 3))), rng.normal(size=(3, 2))
    h = tg.tanh(table[[0, 2, 5]])
    L = (h @ W).sum()
    text = tg.derive(L, table).text
    assert "dh = (1 − h²) ⊙ I[[0, 2, 5]] dtable" in text
    h = tg.tanh(tg.roll(table, 2))  # in row-major order
    L = (h @ W).sum()
    text = tg.derive(L, table).text
    assert "dh = …" in text
    assert "∂L/∂table gets roll(" in text


def test_of_what_nothing_depends_on():
    x, y = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0])
    L = (x**2).sum()
    text = tg.derive(L, y).text
    assert text.startswith("∂L/∂y = 0")
    assert "y is not in the graph of L" in text
    assert "" not in text.splitlines()


def test_a_result_used_twice_collects_its_parts():
    rng = np.random.default_rng(2)
    x, A = tg.Tensor(rng.normal(size=3)), rng.normal(size=(3, 3))
    h = tg.tanh(A @ x)
    E = (h * h * tg.exp(h)).sum() + h @ A @ h
    text = tg.derive(E, x).text
    assert text.count("δ_h = ") == 1
    u, v = tg.exp(h), h * h
    E = u @ v
    assert "the parts of its 2 uses add up" in tg.derive(E, x).text


def test_a_result_without_a_name_is_one_name_throughout():
    rng = np.random.default_rng(2)
    X, w, y = rng.normal(size=(7, 3)), tg.Tensor(rng.normal(size=3)), rng.normal(size=7)
    d = tg.derive(((X @ w - y) ** 2).sum(), w)
    assert d.text.startswith("f = ‖X w − y‖²   ()   df = 2 Xᵀ (X w − y) : dw\n∂f/∂w = ")


def test_steps_that_are_used_twice_are_looked_at_once():
    x = tg.Tensor(np.full(3, 0.9))

    def squared(a):
        for _ in range(40):
            a = a * a
        return a

    E = squared(x).sum()
    assert tg.derive(E, x).text.startswith("E = ")


@pytest.mark.parametrize("case", KNOWN, ids=lambda c: f"{c.name} {c.by}")
def test_every_step_was_executed(case):
    d = derived(case.build(Draw(0)), case.by)
    assert all(part.held for step in d.steps for part in step.parts)
    assert len(d.text.splitlines()) >= 3


@pytest.mark.katex
def test_all_latex_compiles(needs):
    formulas = []
    for case in KNOWN:
        d = derived(case.build(Draw(0)), case.by)
        formulas += [d.latex, d.latex_text, *(f.latex for f in (*d.formulas, *d.where))]
    d = two_layers()
    formulas += [d.latex, d.latex_text, *(one.latex_text for one in one_layer()[:3])]
    assert errors(needs("katex"), formulas) == {}
    assert errors(needs("katex"), [r"\frac{1"]) != {}


READABLE = [case for case in cases(expressions.GROUP) if "det" not in case.name]


@pytest.mark.parametrize("case", READABLE, ids=lambda c: f"{c.name} {c.by}")
def test_index_notation_says_the_gradient(case):
    """Read as it is printed, without the engine: every entry, at the recorded data."""
    variables = case.build(Draw(0))
    d = derived(variables, case.by)
    arrays = {unicode_name(k): v for k, v in values(variables).items()}
    sizes = {text: eval(code, values(variables)) for text, code in d._work.printer.sizes().items()}
    for w in d.where:
        arrays[w.name] = Reader(w.index, arrays | sizes).value(w.indices, w.shape)
    (f,) = d.formulas
    if "[" not in f.index.replace("𝟏[", ""):  # an entry of a matrix, as in [X⁻¹]ᵢⱼ
        found = Reader(f.index, arrays | sizes).value(f.indices, f.shape)
        variables["E"].backward()
        np.testing.assert_allclose(found, variables[case.by].grad, rtol=1e-9, atol=1e-12)


def test_a_matrix_made_of_a_vector_is_moved_by_its_law():
    rng = np.random.default_rng(4)
    v, A = tg.Tensor(rng.normal(size=3)), rng.normal(size=(3, 3))
    D = np.diag(v)
    E = (A * D).sum()
    d = tg.derive(E, v)
    assert "dE = A : Diag(dv) = diag(A) : dv   A : Diag(b) = diag(A) : b" in d.text
    law = r"A : \operatorname{Diag}(b) = \operatorname{diag}(A) : b"
    assert law in d.latex_text


def test_numbers_that_were_made_of_lengths_or_data_are_told():
    rng = np.random.default_rng(0)
    X, w, y = rng.normal(size=(7, 3)), tg.Tensor(rng.normal(size=3)), rng.normal(size=7)
    text = tg.derive(((X @ w - y) ** 2).sum() / (2 * 7), w).text
    assert "14 is a number here: it does not follow the length 7 of" in text
    text = tg.derive((X @ w) @ y / (y @ y), w).text
    assert "is a number here: it does not follow data that it was made of" in text
    text = tg.derive(((X @ w - y) ** 2).mean() + 0.25 * (w**2).sum(), w).text
    assert "is a number here" not in text
    text = tg.derive(tg.sort(w) @ X[0], w).text
    assert "do not follow data that they were made of" in text


def test_parts_of_arrays_are_written_as_such():
    x, phi = np.random.default_rng(0).normal(size=9), tg.Tensor([0.5, -0.2])
    r = x[2:] - phi[0] * x[1:-1] - phi[1] * x[:-2]
    L = 0.5 * (r**2).sum()
    L.backward()
    d = tg.derive(L, phi)
    assert "x[1:-1]" in d.numpy
    assert "x[:-2]" in d.formulas[0].text
    assert "2 sets of sizes" in str(d)
    np.testing.assert_allclose(d.function()(x=x, phi=phi, r=r), phi.grad)


def test_code_with_lengths_and_masks_is_a_function():
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(6, 3)), tg.Tensor(rng.normal(size=3))
    L = tg.maximum(X @ w, 0.1).mean()
    L.backward()
    np.testing.assert_allclose(tg.derive(L, w).function()(X=X, w=w), w.grad)
    a = tg.Value(-4.0)
    e = (a * 2 + 1).relu() + (a + 5).relu()
    e.backward()
    assert tg.derive(e, a).function()(a=-4.0) == a.grad


def test_what_did_not_pass_the_check_has_no_formula(monkeypatch):
    from tinygrad_lite.derive.verify import Checks

    monkeypatch.setattr(Checks, "limits", lambda *_, **__: None)
    x = tg.Tensor([1.0, -2.0, 0.5, 3.0])
    d = tg.derive((x**3).sum(), x, x)
    assert str(d).splitlines()[0].startswith("∂²f/∂x² = …")
    assert "checked" not in d.text
    with pytest.raises(ValueError, match=r"has no code; tg.hessian\(f\)\(x\) gives its numbers"):
        d.evaluate()
    with pytest.raises(ValueError, match="has no code"):
        d.function()


def test_a_number_in_a_sum_with_a_diagonal_matrix_is_a_matrix():
    a = tg.Tensor(np.random.default_rng(0).normal(size=4))
    E = tg.exp(a).sum() - tg.exp(a.sum())
    assert str(tg.derive(E, a, a)).startswith("∂²E/∂a² = Diag(exp(a)) − exp(𝟏ᵀ a) 𝟏 𝟏ᵀ")
    E = tg.prod(a) ** 2
    repeated = "2 prod(a)² ((2 / a) 𝟏ᵀ − Diag(1 / a)) Diag(1 / a)"
    assert str(tg.derive(E, a, a)).startswith(f"∂²E/∂a² = {repeated}")


def test_an_identity_in_a_norm_and_a_trace():
    A = tg.Tensor(np.random.default_rng(0).normal(size=(4, 4)))
    E = ((A.T @ A - np.eye(4)) ** 2).sum()
    assert "E = ‖Aᵀ A − I‖²" in tg.derive(E, A).text
    s = tg.Tensor(0.5)
    E = tg.logabsdet(A + s * np.eye(4))
    assert str(tg.derive(E, s)).startswith("∂E/∂s = tr((s I + A)⁻¹)")
    assert str(tg.derive(tg.trace(A @ A @ A), A)).startswith("∂f/∂A = 3 (A A)ᵀ")


def test_the_gradient_of_a_diagonal():
    S = tg.Tensor(np.random.default_rng(0).normal(size=(4, 4)))
    E = -tg.log_softmax(S, axis=1).diagonal().mean()
    assert str(tg.derive(E, S)).startswith("∂E/∂S = (softmax(S) − I) / N")


def test_latex_keeps_the_settings_of_an_op():
    k = tg.Tensor([1.5, 2.0])
    assert r"\psi(k, \text{order}=1)" in tg.derive(tg.special.gammaln(k).sum(), k, k).latex.replace(
        r"\left", ""
    ).replace(r"\right", "")


def test_a_name_of_a_cotangent_of_three_axes_has_its_index_once():
    rng = np.random.default_rng(0)
    A, B = tg.Tensor(rng.normal(size=(2, 3, 4))), rng.normal(size=(2, 4, 3))
    S = A @ B
    text = tg.derive((tg.softmax(S) * rng.normal(size=(2, 3, 3))).sum(), A).text
    assert "δ_Sᵢ = " in text
    assert "δ_Sᵢᵢ" not in text


def test_a_column_that_an_op_cuts_out_is_a_vector():
    q = tg.Tensor(np.random.default_rng(0).normal(size=(4, 3)) + 3)
    Z = q[:, :2] / q[:, 2:]
    E = (Z**2).sum()
    E.backward()
    d = tg.derive(E, q)
    assert "Z = Diag(1 / q[:, 2:]) q[:, :2]" in d.text
    assert d[q].matrix
    np.testing.assert_allclose(d.function()(q=q, Z=Z), q.grad)


def test_a_contraction_of_all_axes():
    rng = np.random.default_rng(0)
    A, B = tg.Tensor(rng.normal(size=(4, 3))), rng.normal(size=(3, 4))
    E = tg.einsum("ij,ji->", A, B)
    assert str(tg.derive(E, A)).startswith("∂E/∂A = Bᵀ")


def test_the_length_of_a_repeated_number_cancels():
    b, y = tg.Tensor(0.5), np.random.default_rng(0).normal(size=6)
    f = b + tg.exp(-y)
    E = ((f - y) ** 2).mean()
    assert str(tg.derive(E, b, b)).startswith("∂²E/∂b² = 2\n")


def test_a_matrix_that_has_to_be_positive_definite_is_redrawn_so():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(3, 3))
    S = tg.Tensor(A @ A.T + 3 * np.eye(3))
    L = tg.cholesky(S)
    E = 2 * tg.log(L.diagonal()).sum()
    d = tg.derive(E, S)
    assert d.text.splitlines()[-1].startswith("checked: 4 draws, 2 sets of sizes")
    assert "L⁻ᵀ" in str(d)
    assert "(Lᵀ)" not in str(d)
