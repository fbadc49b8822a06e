"""`check` says nothing false: what it must not name, and ops that no line of it names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_check_explain import named

import tinygrad_lite as tg
from benchmarks.check_cases import all_cases
from benchmarks.check_cases.scans import distances, softsign_layer

NOTHING = ("no simple mistake", "no mistake")


def test_a_claim_that_is_random_at_every_entry_is_not_explained() -> None:
    rng = np.random.default_rng(11)
    seen: set[tuple[str, str]] = set()
    for case in all_cases():
        for node in case.claims:
            key = case.problem, str(node.name)
            if key in seen or np.size(node.data) < 3 or len(seen) == 120:
                continue
            seen.add(key)
            finding = tg.check(case.loss, {node: rng.normal(size=np.shape(node.data))})[0]
            assert finding.explanation.startswith(NOTHING), f"{case.name}: {finding}"
    assert len(seen) == 120


def network() -> tuple[Any, ...]:
    n = np.random.default_rng(3).normal
    x, t = n(size=(6, 3)), n(size=(6, 2))
    W = tg.Tensor(n(size=(3, 2)), name="W")
    z = x @ W
    s = tg.sigmoid(z)
    E = ((s - t) ** 2).mean() + 0.05 * (W**2).sum()
    named(z=z, s=s, E=E)
    E.backward()
    return E, W, z, s, x, t


def test_the_function_itself_is_named_before_the_derivative_of_another() -> None:
    E, _, z, s, _, _ = network()
    finding = tg.check(E, {z: s.grad * s.data})[z]
    assert "itself stands where" in finding.explanation or "factor" in finding.explanation
    assert "derivative of exp" not in finding.explanation


def test_a_term_of_a_sum_is_named_by_the_term() -> None:
    E, W, _, _, _, _ = network()
    finding = tg.check(E, {W: W.grad - 0.2 * W.data})[W]
    assert finding.kind == "sign"
    assert "sum(W" in finding.explanation


def test_a_size_of_no_sum_is_said_with_doubt() -> None:
    """4 is the number of columns of a matrix that only stands beside the sum."""
    n = np.random.default_rng(5).normal
    v = tg.Tensor(n(size=7), name="v")
    A = tg.Tensor(n(size=(4, 4, 7)), name="A")
    E = tg.exp(A[0, 0] * v)[0] * 1.0
    named(E=E)
    E.backward()
    finding = tg.check(E, {v: 4 * v.grad})[v]
    assert "off by exactly" not in finding.explanation


@pytest.mark.parametrize("factor", [7 / 6, 6 / 5])
def test_n_for_n_less_one_is_not_read_into_a_factor(factor: float) -> None:
    E, W, *_ = network()
    assert "exchanged" not in tg.check(E, {W: factor * W.grad})[W].explanation


def test_a_global_sign_has_no_place_where_several_are_possible() -> None:
    n = np.random.default_rng(6).normal
    x = tg.Tensor(n(size=4), name="x")
    E = ((n(size=4) - (-tg.tanh(x))) ** 2).sum()
    E.backward()
    finding = tg.check(E, {x: -x.grad})[x]
    assert (finding.kind, finding.where) == ("sign", "")


def test_two_mistakes_are_told_with_perhaps() -> None:
    E, W, _, s, x, _ = network()
    slope = 1 - s.data * s.data  # tanh', and the sign
    data = x.T @ (s.grad * slope)
    finding = tg.check(E, {W: -(data + 0.1 * W.data)})[W]
    assert finding.explanation.startswith("perhaps")


def test_what_changes_nothing_is_no_explanation() -> None:
    """A factor b that is all ones is not missing, and no step length makes a claim right."""
    n = np.random.default_rng(8).normal
    a, b = tg.Tensor(n(size=5), name="a"), tg.Tensor(np.ones(5), name="b")
    E = (a * b).sum() * 1.0
    E.backward()
    finding = tg.check(E, {a: a.grad + np.array([0.0, 0.1, 0.3, -0.2, 0.7])})[a]
    assert finding.explanation.startswith(NOTHING), finding


def test_a_recurrent_weight_that_is_not_transposed_is_named_once_for_both_weights() -> None:
    rng = np.random.default_rng(9)
    xs, t = rng.normal(size=(6, 3)), rng.normal(size=3)
    Wxh, Whh = tg.Tensor(rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=(3, 3)) / 2)
    h: Any = tg.Tensor(np.zeros(3))
    hs = [h.data]
    for x in xs:
        h = tg.tanh(Wxh @ x + Whh @ h)
        hs.append(h.data)
    E = ((h - t) ** 2).sum()
    named(Wxh=Wxh, Whh=Whh, E=E)
    dh, dWx, dWh = 2 * (hs[-1] - t), np.zeros((3, 3)), np.zeros((3, 3))
    for k in range(6, 0, -1):
        dz = dh * (1 - hs[k] ** 2)
        dWx += np.outer(dz, xs[k - 1])
        dWh += np.outer(dz, hs[k - 1])
        dh = Whh.data @ dz
    for W, claim in ((Wxh, dWx), (Whh, dWh)):
        finding = tg.check(E, {W: claim})[W]
        assert finding.kind == "transpose"
        assert "every use of Whh" in finding.explanation


def test_a_users_own_op_is_diagnosed_as_well_as_ours() -> None:
    from benchmarks.check_cases import cases

    for problem in (distances, softsign_layer):
        for case in cases(problem):
            finding = tg.check(case.loss, case.claims)[0]
            assert (finding.kind or "right") in case.expected[finding.name], case.name


def test_what_a_users_op_adds_up_is_called_a_term() -> None:
    @tg.elementwise("{0} + 2 {1}")
    def blend(xp: Any, a: Any, b: Any) -> Any:
        return a + 2 * b

    blend.local(1.0, 2.0)
    x = tg.Tensor([0.3, -0.7, 1.1])
    s, c = tg.sin(x), np.array([0.4, 1.3, -0.6])
    y = blend(s, tg.cos(x))
    E = (c * y).sum()
    named(x=x, s=s, y=y, E=E)
    finding = tg.check(E, {x: c * np.cos(x.data)})[x]
    assert finding.kind == "missing-term"
    assert "the term cos(x) of y is left out" in finding.explanation


def test_the_claim_is_another_nodes_gradient() -> None:
    n = np.random.default_rng(10).normal
    x, t = n(size=(6, 3)), n(size=(6, 3))
    A, B = tg.Tensor(n(size=(3, 3))), tg.Tensor(n(size=(3, 3)))
    E = ((tg.tanh(x @ A) @ B - t) ** 2).mean()
    named(A=A, B=B, E=E)
    E.backward()
    assert "yours is dE/dB" in tg.check(E, {A: B.grad})[A].explanation
    assert "yours is -1 x dE/dB" in tg.check(E, {A: -B.grad})[A].explanation


def test_a_temperature_on_the_wrong_side_is_no_mean_over_what_a_product_sums_over() -> None:
    """0.25 is 1/4, the columns of a, and 0.5 squared: they do not add up to a mean here."""
    n = np.random.default_rng(6).normal
    a, b = tg.Tensor(n(size=(5, 4))), tg.Tensor(n(size=(5, 4)))
    S = (a @ b.T) / 0.5
    L = -tg.log(tg.diagonal(tg.softmax(S, axis=1))).mean()
    named(a=a, b=b, S=S, L=L)
    L.backward()
    finding = tg.check(L, {a: a.grad / 4})[a]
    assert finding.kind == "constant-scale"
    assert "on the wrong side of the fraction" in finding.explanation


def test_a_slope_whose_terms_cancel_in_single_precision_is_right() -> None:
    """gelu'(-4) is 1 + erf(...), 1e-5, and a product as small."""
    x = tg.Tensor(np.linspace(-4.5, -3, 40, dtype=np.float32), name="x")
    E = tg.gelu(x).sum()
    E.backward()
    assert tg.check(E, {x: x.grad})[0].verdict in ("right", "unclear")
    assert tg.check(E, {x: x.grad * np.float32(1.01)})[0].verdict != "right"


def test_the_report_on_the_logits_of_a_single_row_can_be_printed() -> None:
    z = tg.Tensor(np.array([0.3, -1.2, 0.4]), name="z")
    E = tg.cross_entropy(z, 1)
    assert "softmax(z)" in str(tg.check(E, {z: np.array([0.5, 0.2, 0.1])}))


def test_the_gradient_of_a_symmetric_matrix_may_be_symmetric() -> None:
    """cholesky and eigvalsh read a triangle, and hand the gradient there; on paper it is shared."""
    n = np.random.default_rng(12).normal
    y, A = n(size=3), n(size=(3, 3))
    K = tg.Tensor(A @ A.T + np.eye(3), name="K")
    L = tg.cholesky(K)
    E = tg.log(tg.diagonal(L)).sum() + 0.5 * (tg.linalg.solve(L, y) ** 2).sum()
    w = tg.linalg.eigvalsh(K)
    F = tg.log(w).sum() + (K * A).sum()
    named(L=L, w=w, E=E, F=F)
    inverse = np.linalg.inv(K.data)
    a = inverse @ y
    right = tg.check(E, {K: 0.5 * (inverse - np.outer(a, a))})[K]
    assert right.verdict == "right"
    assert "symmetric" in right.explanation
    assert tg.check(F, {K: inverse + (A + A.T) / 2})
    assert tg.check(F, {K: inverse + A}).wrong  # of a matrix that is not read as symmetric
    assert tg.check(E, {K: 0.5 * (inverse + np.outer(a, a))})[K].kind == "sign"
    masked = (tg.tril(K) * A).sum()
    assert tg.check(masked, {K: (A + A.T) / 2}).wrong


def test_a_part_of_a_quotient_is_named_by_what_it_is_of() -> None:
    """All of w's gradient comes through E: what its divisor gets is a part of it."""
    n = np.random.default_rng(13).normal
    S, m, w = n(size=(4, 4)), n(size=4), tg.Tensor(n(size=4), name="w")
    S = S @ S.T + np.eye(4)
    sd = tg.sqrt(w @ S @ w)
    E = -(w @ m) / sd
    named(sd=sd, E=E)
    v, Sw = sd.data, S @ w.data
    finding = tg.check(E, {w: -m / v - (w.data @ m) * Sw / v**3})[w]
    assert finding.explanation.startswith("the sign of what E hands to sd is flipped")


def test_a_number_that_may_be_lost_at_several_steps_has_no_certain_place() -> None:
    n = np.random.default_rng(14).normal
    x, u = tg.Tensor(n(size=5), name="x"), tg.Tensor(n(size=5), name="u")
    z = (x * u) ** 2
    E = (tg.exp(-z) ** 2).sum()
    named(z=z, E=E)
    E.backward()
    explanation = tg.check(E, {x: x.grad / 2})[x].explanation
    assert explanation.startswith("yours is 0.5 x the gradient: the factor 2 is left out at  ")
    assert " or z = (x ⊙ u)²" in explanation
    again = tg.check(E, {z: z.grad / 2})[z].explanation
    assert again.endswith("the factor 2 is left out at  exp(−z)²")


def test_a_number_of_few_digits_may_be_a_factor_by_chance() -> None:
    """4 for nu + 1 = 5 makes 0.8, which s is, too."""
    n = np.random.default_rng(15).normal
    X, y, s = n(size=(7, 2)), n(size=7), tg.Tensor(0.8, name="s")
    w = tg.Tensor(n(size=2), name="w")
    E = (2.5 * tg.log(1 + (y - X @ w) ** 2 / (4 * s**2))).sum()
    named(E=E)
    E.backward()
    assert ": perhaps there is a factor s too many" in tg.check(E, {w: 0.8 * w.grad})[w].explanation


def test_the_upstream_gradient_is_told_from_a_variable_called_g() -> None:
    n = np.random.default_rng(16).normal
    G, B, X = (tg.Tensor(n(size=(3, 3)), name=name) for name in "GBX")
    E = (((G @ B.T) - X) ** 2).sum()
    named(E=E)
    E.backward()
    assert ", where G is dE/d(Bᵀ)" in tg.check(E, {B: B.grad.T})[B].explanation


def test_sums_over_another_axis_are_found_in_any_quotient() -> None:
    """No normaliser of this sort has a name: what is summed over is read off the graph."""
    n = np.random.default_rng(17).normal
    x, C = tg.Tensor(n(size=(4, 5)), name="x"), n(size=(4, 5))
    power = tg.sqrt((x**4).mean(axis=1, keepdims=True))
    y = x / power
    E = (C * y).sum()
    named(power=power, y=y, E=E)
    p, X = power.data, x.data
    for axis, told in ((0, "axis 0, not 1"), ((0, 1), "axis 0 and 1, not 1")):
        wrong = C / p - 2 * X**3 * (C * X).mean(axis=axis, keepdims=True) / p**3
        finding = tg.check(E, {x: wrong / 1.0})[x]
        assert finding.kind == "wrong-axis"
        assert finding.explanation.startswith(
            f"what comes back through power is summed over {told}"
        )
    right = C / p - 2 * X**3 * (C * X).mean(axis=1, keepdims=True) / p**3
    assert tg.check(E, {x: right})


def test_a_factor_left_out_of_a_quadratic_form_alone_is_named() -> None:
    n = np.random.default_rng(18).normal
    S, w = n(size=(4, 4)), tg.Tensor(n(size=4), name="w")
    S = S @ S.T
    q = w @ S @ w
    E = tg.log(q)
    named(q=q, E=E)
    finding = tg.check(E, {w: 2 * w.data / q.data})[w]
    assert finding.kind == "missing-factor"
    assert "S is left out of Sᵀ w, in the gradient alone" in finding.explanation


def test_a_derivative_at_minus_its_argument_is_named() -> None:
    n = np.random.default_rng(19).normal
    z, y = tg.Tensor(n(size=6), name="z"), np.array([1.0, -1, 1, 1, -1, -1])
    E = tg.softplus(-y * z).sum()
    named(E=E)
    finding = tg.check(E, {z: -y / (1 + np.exp(-y * z.data))})[z]
    assert finding.kind == "sign"
    assert "is taken at minus its argument" in finding.explanation


def test_a_number_that_is_multiplied_for_divided_is_named() -> None:
    n = np.random.default_rng(20).normal
    W, sigma = tg.Tensor(n(size=(4, 3)), name="W"), tg.Tensor(1.2345, name="sigma")
    V = W / sigma
    F = (V**3).sum()
    named(V=V, F=F)
    F.backward()
    assert "sigma" in tg.check(F, {W: W.grad * 1.2345})[W].explanation


@pytest.mark.parametrize("hidden", [-1e9, -1e20, -np.inf])
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_mask_hides_no_error(hidden: float, by_hand: bool) -> None:
    """What a causal mask adds is so large that a step of its size is no step of the others, and
    an infinity must not make all seem uncertain."""
    n = np.random.default_rng(5).normal
    Q, K, V = (tg.Tensor(n(size=(4, 3)), name=name) for name in "QKV")
    S = Q @ K.T / np.sqrt(3) + np.where(np.triu(np.ones((4, 4)), 1) == 1, hidden, 0.0)
    e = np.exp(S - np.max(S, axis=1, keepdims=True))
    A = e / e.sum(axis=1, keepdims=True) if by_hand else tg.softmax(S, axis=1)
    E = ((A @ V) ** 2).sum()
    E.backward()
    assert tg.check(E, {Q: Q.grad, V: V.grad}).ok
    assert not tg.check(E, {Q: Q.grad + 1e-4}).ok
    (finding,) = tg.check(E, {Q: np.sqrt(3) * Q.grad})
    assert finding.verdict == "wrong"
    assert "0.57735 is left out" in finding.explanation


@pytest.mark.parametrize("ridge", [1e-6, 1e-10])
@pytest.mark.parametrize("factor", ["cholesky", "slogdet"])
def test_where_a_matrix_would_be_singular_a_wrong_claim_is_still_found(
    ridge: float, factor: str
) -> None:
    A = tg.Tensor(np.ones((3, 3)), name="A")
    K = A @ A.T + ridge * np.eye(3)
    E = tg.linalg.cholesky(K).sum() if factor == "cholesky" else tg.linalg.slogdet(K)[1]
    g = np.asarray(tg.grad(E, [A])[0])
    off = g.copy()
    off[0, 1] += 0.1 * np.abs(g).max()
    for claimed in (off, 1.37 * g, g.T * 2 + 1):
        assert tg.check(E, {A: claimed})["A"].verdict == "wrong"


def test_a_length_that_is_the_square_of_a_number_is_named_with_a_doubt() -> None:
    """A temperature of 1/2 on the wrong side, of four rows."""
    n = np.random.default_rng(4).normal
    u = tg.Tensor(n(size=(4, 3)), name="u")
    v = n(size=(5, 3))
    E = tg.sum(tg.logsumexp(u @ v.T / 0.5, axis=1))
    E.backward()
    assert "may be a coincidence" in tg.check(E, {u: u.grad / 4})[0].explanation


def test_a_mean_over_one_of_its_axes_is_told_before_one_over_another() -> None:
    x = tg.Tensor(np.random.default_rng(5).normal(size=(2, 3, 2, 4)), name="x")
    E = tg.sum(tg.mean(x, axis=(2, 3)) ** 2)
    E.backward()
    assert "over axis 2 only, not 2 and 3" in tg.check(E, {x: x.grad * 4})[0].explanation
