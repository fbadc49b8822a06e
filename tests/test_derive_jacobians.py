"""Jacobians of ops that move, mask and repeat entries, and what the chain rule makes of them."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg

rng = np.random.default_rng(8)


def tensor(*shape, name="X"):
    return tg.Tensor(rng.normal(size=shape), name=name)


def derivation(f, x):
    Y = f(x)
    Y.name = "Y"
    return tg.derive(Y, x)


@pytest.mark.parametrize(
    ("f", "shape", "handed"),
    [
        (lambda X: X.reshape((6, 2)), (3, 4), "reshape(δ_Y, (m, p))"),
        (lambda X: tg.pad(X, pad_width=1), (2, 3), "δ_Y[1:3, 1:4]"),
        (lambda X: tg.tril(X, k=1), (4, 4), "tril(δ_Y, k=1)"),
        (lambda X: tg.roll(X, 1, axis=1), (2, 5), "roll(δ_Y, -1, axis=1)"),
        (lambda X: X @ X, (3, 3), "δ_Y Xᵀ + Xᵀ δ_Y"),
    ],
)
def test_what_the_chain_rule_makes_of_a_cotangent_was_executed(f, shape, handed):
    said = f"of δ_Y = ∂E/∂Y it makes {handed}   {shape}"
    assert said in str(derivation(f, tensor(*shape)))


def test_what_has_no_formula_is_handed_none(monkeypatch):
    from tinygrad_lite.derive.verify import Checks

    monkeypatch.setattr(Checks, "gives", lambda *_: False)
    assert "it makes" not in str(derivation(tg.triu, tensor(3, 3)))


def user_op():
    @tg.primitive("checkered({0})", numpy="checkered({0})", meaning="ij->ij")
    def checkered(xp, x):
        rows, columns = xp.arange(x.shape[-2]), xp.arange(x.shape[-1])
        return xp.where((rows[:, None] + columns) % 2 == 0, x, 0.0)

    checkered.pull(lambda xp, G, y, x: checkered(G))
    return checkered


@pytest.mark.parametrize(
    ("f", "shape", "entry"),
    [
        (tg.tril, (3, 3), "δᵢₖ δⱼₗ [tril(𝟏 𝟏ᵀ)]ₖₗ"),
        (user_op(), (3, 4), "δᵢₖ δⱼₗ [checkered(𝟏 𝟏ᵀ)]ₖₗ"),
        (lambda X: tg.flip(X, axis=1), (2, 4), "δᵢₖ [I[::-1]]ⱼₗ"),
        (lambda X: tg.roll(X, (1, -1), axis=(0, 1)), (2, 3), "[roll(I, 1, axis=0)]ᵢₖ [roll(I, -1"),
        (lambda X: X[1:, :2], (3, 4), "[I[1:]]ᵢₖ [I[:2]]ⱼₗ"),
        (lambda X: X[[2, 0], [1, 1]], (3, 4), "[I[[2, 0]]]ᵢⱼ [I[[1, 1]]]ᵢₖ"),
        (lambda X: tg.pad(X, pad_width=((0, 0), (1, 2))), (2, 3), "δᵢₖ [I[1:4]]ₗⱼ"),
        (lambda X: tg.concat([X, 2 * X], axis=1), (2, 3), "δᵢₖ ([I[0:3]]ₗⱼ + 2 [I[3:6]]ₗⱼ)"),
        (lambda X: tg.diagonal(X, offset=1), (3, 3), "[I[0:2]]ᵢⱼ [I[1:3]]ᵢₖ"),
        (lambda X: tg.cumulative_sum(X, axis=1), (2, 3), "δᵢₖ [cumsum(I, axis=0)]ⱼₗ"),
        (lambda X: X.reshape((6, 2)), (3, 4), "reshape(I, (6, 2, 3, 4))"),
        (lambda X: X.reshape((4, 3)).reshape((2, 6)), (3, 4), "reshape(I, (2, 6, 3, 4))"),
        (lambda X: tg.linalg.eigvalsh(X @ X.T + np.eye(3)), (3, 3), "Σ"),
    ],
)
def test_the_jacobian_of_what_moves_or_masks_entries(f, shape, entry):
    x = tensor(*shape)
    d = derivation(f, x)
    assert entry in d.formulas[0].text
    np.testing.assert_allclose(d.evaluate(), d.y.jacobian(x), atol=1e-9)


def test_the_matrix_with_a_vector_on_another_diagonal():
    d = derivation(lambda x: tg.diag(x, k=-1), tensor(4))
    assert d.formulas[0].text == "[I[1:5]]ₖᵢ [I[0:4]]ₖⱼ"


def test_what_was_reshaped_twice_is_the_identity_in_a_hessian():
    X = tensor(2, 3)
    d = tg.derive((X.reshape(-1) ** 2).sum(), X, X)
    assert d.formulas[0].text == "2 δᵢₖ δⱼₗ"


def test_an_op_of_one_entry_is_not_taken_for_a_move():
    a = tensor(1, 1, name="a")
    b = a + 1.0
    d = tg.derive((tg.inv(b) ** 2).sum(), a, a)
    np.testing.assert_allclose(d.evaluate(), tg.hessian(lambda a: (1 / (a + 1) ** 2).sum())(a.data))


@pytest.mark.parametrize(
    ("loss", "text", "code"),
    [
        (lambda s: s**1.5, "3 ‖r‖ r", "3 * np.linalg.norm(r) * r"),
        (lambda s: s**-0.5, "−r / ‖r‖³", "-r / np.linalg.norm(r) ** 3"),
        (lambda s: s**2.5, "5 ‖r‖³ r", "5 * np.linalg.norm(r) ** 3 * r"),
        (lambda s: s**3, "6 ‖r‖⁴ r", "6 * (r @ r) ** 2 * r"),
    ],
)
def test_a_norm_has_a_power(loss, text, code):
    r = tensor(5, name="r")
    d = tg.derive(loss((r**2).sum()), r)
    assert d.formulas[0].text == text
    assert d.numpy == code


def test_a_quotient_beside_a_diagonal_matrix_has_brackets():
    x = tensor(6, name="x")
    d = derivation(lambda x: x - 2 * x.mean() / 3, x)
    assert d.formulas[0].text == "I − (2 / (3 n)) 𝟏 𝟏ᵀ"
    assert r"\left(" not in d.formulas[0].latex


def test_a_length_below_is_factored_out():
    x = tensor(6, name="x")
    d = tg.derive((x.mean() - 3) ** 2, x)
    assert d.numpy == "np.full(x.shape, 2 * (np.sum(x) / len(x) - 3) / len(x))"


def test_a_cotangent_that_is_zero_up_to_rounding_is_right():
    x = tensor(6, name="x")
    m = x.mean()
    E = ((x - m) ** 2).mean()
    d = tg.derive(E, x)
    assert "left out" not in d.text
    assert "0 = 0" not in d.text
    assert "dm = 𝟏ᵀ dx / n" in d.text
