"""Axes in formulas: repeated ones, identities within functions of matrices, graphs without axes."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg

rng = np.random.default_rng(3)


def tensor(*shape):
    return tg.Tensor(rng.normal(size=shape))


@pytest.mark.parametrize("square", [lambda b: tg.outer(b, b), lambda b: b[:, None] * b])
def test_an_array_that_meets_itself_has_two_axes(square):
    b = tensor(3)
    d = tg.derive((square(b) ** 2).sum(), b)
    assert d.formulas[0].text == "4 ‖b‖² b"


def test_an_identity_of_the_user_within_a_function_of_matrices():
    B, X, I_k = tensor(3, 3), tensor(3, 3), np.eye(3)
    d = tg.derive((X * tg.inv(B @ B.T + I_k)).sum(), B)
    assert d.formulas[0].text == "−(B Bᵀ + I)⁻¹ (X + Xᵀ) (B Bᵀ + I)⁻¹ B"
    assert d.facts == ("I_k = I",)
    S = tg.logabsdet(B @ B.T + I_k)
    assert tg.derive(S, B).formulas[0].text == "2 (B Bᵀ + I)⁻¹ B"


def test_a_product_that_starts_with_a_mask_can_be_subtracted():
    V, B, v = tensor(3, 3), tensor(3, 4), tensor(4)
    h1 = V @ V
    r3 = tg.max(h1, axis=1)
    E = (v * (-r3 @ B)).sum()
    d = tg.derive(E, V)
    np.testing.assert_allclose(d.evaluate(), tg.grad(E, V))


def test_in_a_large_graph_every_definition_is_short():
    W, h = tensor(3, 3), tensor(3)
    for _ in range(250):
        h = tg.tanh(W @ h)
    E = h.sum()
    d = tg.derive(E, W)
    assert max(len(w.numpy) for w in d.where) < 100
    np.testing.assert_allclose(d.evaluate(), tg.grad(E, W), rtol=1e-7)


def test_a_softmax_within_a_sum_is_seen():
    u, g = tensor(5), rng.normal(size=5)
    assert tg.derive(tg.softmax(u) @ g, u).formulas[0].text == "(g − gᵀ softmax(u)) ⊙ softmax(u)"
    X, Y = tensor(5, 3), rng.normal(size=(5, 3))
    d = tg.derive((tg.softmax(X, axis=1) * Y).sum(), X)
    assert "exp" not in d.numpy
    np.testing.assert_allclose(d.evaluate(), tg.grad(d.y, X))


def test_a_slope_stays_a_factor():
    m, k = tg.Value(0.3), tg.Value(0.4)
    assert tg.derive(tg.tanh(m * k) ** 2, m).formulas[0].text == "2 k tanh(m k) (1 − tanh(m k)²)"


def test_entries_of_containers_are_code():
    Ws, b = [tensor(3, 3) for _ in range(2)], {"k": tensor(3)}
    E = tg.tanh(Ws[1] @ (Ws[0] @ b["k"])).sum()
    d = tg.derive(E, Ws[0])
    expected = tg.grad(E, Ws[0])
    here = {"np": np, "Ws": Ws, "b": b}
    *lines, last = d.numpy.splitlines()
    assert "Ws[1]" in last
    assert "b['k']" in last
    exec("\n".join(lines), here)
    np.testing.assert_allclose(np.asarray(eval(last, here).data), expected)
    np.testing.assert_allclose(d.evaluate(), expected)
    np.testing.assert_allclose(d.function()(Ws=Ws, b=b), expected)


def test_what_the_steps_leave_out_is_told(monkeypatch):
    from tinygrad_lite.derive.steps import Finder

    W, x = tensor(3, 3), tensor(3)
    v = W @ x
    E = (v**2).sum()
    monkeypatch.setattr(Finder, "_pulls", lambda *_: False)
    assert "what v hands to W is left out of the steps" in tg.derive(E, W).text


def test_the_sum_of_all_entries_is_one_call():
    X = tensor(3, 4)
    d = tg.derive(X.sum() ** 2, X)
    assert d.numpy == "np.full(X.shape, 2 * np.sum(X))"
    np.testing.assert_allclose(d.evaluate(), np.full((3, 4), 2 * X.data.sum()))


def test_a_branch_on_data_is_told():
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    y = a * b if a > 0 else a + b
    d = tg.derive(y, b)
    assert d.formulas[0].text == "a"
    assert d.notes == ("holds for this branch: the code compared a while it ran",)


def test_a_loop_on_data_is_told():
    t = tg.Tensor(2.0, name="t")
    y = t * t
    while y > 0.3:
        y = y * 0.5
    assert tg.derive(y, t).notes == (
        "holds for this branch: the code compared a result, y while it ran",
    )


def test_a_mask_is_no_branch():
    x = tensor(4)
    E = tg.where(x > 0, x, 0.0).sum()
    assert not any("compared" in n for n in tg.derive(E, x).notes)


@pytest.mark.parametrize("index", [True, np.True_, (None, True)])
def test_a_place_that_is_true_or_false_is_left_to_the_execution(index):
    x = tg.Tensor(0.75)
    d = tg.derive(tg.sum(x[index] ** 2), x)
    np.testing.assert_allclose(d.evaluate(), 1.5)


def test_derivatives_that_are_0_have_their_shape():
    W, x, z = tensor(5, 4), tensor(4), tensor(3)
    v, c = W @ x, x.detach()
    d = tg.derive(v, W, z, c)
    assert [f.shape for f in d.formulas] == [(5, 5, 4), (5, 3), (5, 4)]
    assert [part.shape for part in d.evaluate()] == [(5, 5, 4), (5, 3), (5, 4)]
    assert "∂v[i]/∂z[j] = 0   (5, 3)" in str(d)
    assert tg.derive(v.sum(), z, z).evaluate().shape == (3, 3)


def test_other_sizes_are_tried_in_the_order_of_the_graph():
    """With the rows of A the shortest, A X B has a determinant at other sizes too."""
    A, X, B = (tg.Tensor(rng.normal(size=(4, 4)) + 3 * np.eye(4), name=name) for name in "AXB")
    found = {str(tg.derive(tg.det(A @ X @ B), X).checked) for _ in range(20)}
    assert len(found) == 1
    assert "2 sets of sizes" in found.pop()


def test_parts_of_arrays_hold_at_all_sizes():
    w = tg.Tensor([0.3, -1.2, 0.7, 2.0], name="w")
    derived = tg.derive(tg.sum((w[1:] - w[:-1]) ** 2) / 2, w)
    assert "shape=(n,)" in str(derived)
    assert "2 sets of sizes, value and shape" in str(derived)
    longer = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 0.0])
    found = eval(derived.numpy, {"tg": tg, "np": np, "w": longer})
    np.testing.assert_allclose(found, tg.grad(lambda w: tg.sum((w[1:] - w[:-1]) ** 2) / 2)(longer))
    M = tg.Tensor(np.arange(12.0).reshape(4, 3), name="M")
    c = np.arange(12.0)
    flat = tg.derive(tg.sum(c * tg.reshape(M, (12,))), M)
    assert flat.numpy == "np.reshape(c, (len(M), M.shape[1]))"
    assert "holds at these sizes" in str(flat)


def test_lengths_that_a_rule_made_are_not_those_of_what_is_read_next():
    found = set()
    for _ in range(10):
        A, W = tensor(5, 4), tensor(4, 5)
        E = tg.sum(W * (W - 2 * tg.sum(tg.sum(A, axis=0)[1:])))
        found.add(str(tg.derive(E, A).formulas[0]))
    assert found == {"∂E/∂A = 𝟏 put_at(−2 𝟏ᵀ W 𝟏 𝟏, 1:, shape=(n,))ᵀ"}


def test_a_move_that_another_undoes_is_not_written():
    M, v, S = tensor(4, 3), tensor(5), tensor(3, 3)
    flat = tg.reshape(M, (-1,))
    assert tg.derive(tg.sum(flat**3), M).numpy == "3 * M ** 2"
    assert tg.derive(tg.sum(tg.exp(tg.flip(M, axis=1))), M).numpy == "np.exp(M)"
    ring = tg.derive(tg.sum((v - tg.roll(v, 1)) ** 2) / 2, v)
    assert ring.numpy == "2 * v - np.roll(v, 1) - np.roll(v, -1)"
    assert tg.derive(tg.sum(tg.tril(S) ** 2), S).numpy == "2 * np.tril(S, k=0)"
    assert "tril(exp(tril(S)))" in str(tg.derive(tg.sum(tg.exp(tg.tril(S))), S))
    assert "flip(S, axis=0)" in str(tg.derive(tg.sum(tg.flip(S, axis=0) * tg.flip(S, axis=1)), S))


x = tg.Tensor([0.3, -1.2, 0.7, 2.0], name="x")
MOVED = {
    "(I[:-1] − I[1:])ᵀ (I[:-1] − I[1:])": (tg.sum((x[1:] - x[:-1]) ** 2) / 2, x, x),
    "6 I[[0, 2, 2]]ᵀ Diag(x[[0, 2, 2]]) I[[0, 2, 2]]": (tg.sum(x[[0, 2, 2]] ** 3), x, x),
    "2 I[::-1]": (tg.sum(tg.flip(x) * x), x, x),
    "roll(I, -1, axis=0) + roll(I, 1, axis=0)": (tg.sum(tg.roll(x, 1) * x), x, x),
    "3/2 Diag(x[1:]²) I[1:]": (x[1:] ** 3 / 2, x),
    "cumsum(I, axis=0)": (tg.cumulative_sum(x), x),
    "(I[1:]ᵀ I[4:7] + I[0:4])ᵀ": (tg.concat([x, x[1:]]), x),
}


@pytest.mark.parametrize("formula", MOVED)
def test_what_moves_entries_is_a_matrix(formula):
    derived = tg.derive(*MOVED[formula])
    assert derived.formulas[0].text == formula
    y, *_, by = MOVED[formula]
    expected = tg.jacobian(y, by) if len(MOVED[formula]) == 2 else second(formula)
    np.testing.assert_allclose(derived.evaluate(), expected)


def second(formula):
    return {
        "(I[:-1] − I[1:])ᵀ (I[:-1] − I[1:])": 2 * np.eye(4)
        - np.diag([1, 0, 0, 1])
        - np.eye(4, k=1)
        - np.eye(4, k=-1),
        "6 I[[0, 2, 2]]ᵀ Diag(x[[0, 2, 2]]) I[[0, 2, 2]]": 6 * np.diag([0.3, 0, 1.4, 0]),
        "2 I[::-1]": 2 * np.eye(4)[::-1],
        "roll(I, -1, axis=0) + roll(I, 1, axis=0)": np.roll(np.eye(4), 1, 0)
        + np.roll(np.eye(4), -1, 0),
    }[formula]


def test_a_part_of_a_matrix_leaves_its_other_axis_as_long():
    X, w = tensor(4, 3), tensor(3)
    assert "2 sets of sizes" in str(tg.derive(X[1:] @ w, w))


def test_names_are_read_by_python_in_a_normal_form():
    y = tg.Tensor([1.0, 2.0], name="yᵀ²")
    assert tg.derive(tg.sum(y**3), y).numpy == "3 * yT2 ** 2"


def test_arrays_of_three_axes_entry_by_entry_have_no_indices():
    U, V = tensor(4, 3, 2), tensor(4, 3, 2)
    squared = tg.derive(tg.sum((U - V) ** 2), U)
    assert squared.formulas[0].text == "2 (U − V)"
    assert "index notation" not in str(squared)
    M = tensor(12, 2)
    flat = tg.derive(tg.sum((tg.reshape(U, (12, 2)) - M) ** 2), U)
    assert flat.formulas[0].text == "2 (U − reshape(M, (4, 3, 2)))"
    b = tensor(2)
    assert tg.derive(tg.sum(tg.tanh(U + b)), U).formulas[0].text == "1 − tanh(Uᵢ + 𝟏 bᵀ)²"
    W = tensor(2, 5)
    rows = tg.derive(tg.sum(tg.tanh(U @ W) ** 2), U)
    assert rows.formulas[0].text == "2 (tanh(Uᵢ W) ⊙ (1 − tanh(Uᵢ W)²)) Wᵀ"


@pytest.mark.parametrize(
    "index", [np.s_[:, [0, 2]], np.s_[:, np.array([0, 2])], np.s_[:, np.array([1, 0, 1], bool)]]
)
def test_places_along_another_axis(index):
    X = tensor(4, 3)
    derived = tg.derive(tg.sum(X[index] ** 2), X)
    assert derived.formulas[0].text.startswith("put_at(2 X[:, ")
    taken = tg.derive(tg.sum(tg.take(X, np.array([0, 2]), axis=1) ** 2), X)
    assert "take(X, [0, 2], axis=1)" in taken.formulas[0].text
