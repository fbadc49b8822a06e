"""`check`: the report, what it refuses, and that it neither cries wolf nor lets an error pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.check import WrongGradient
from tinygrad_lite.graph.node import raw, topological_order


class Layer:
    """E = 1/2 |sigma(W x) - y|^2, with its derivation."""

    def __init__(self, dtype: Any = np.float64) -> None:
        rng = np.random.default_rng(0)
        self.W = tg.Tensor(rng.normal(size=(5, 4)).astype(dtype), name="W")
        self.x = tg.Tensor(rng.normal(size=4).astype(dtype), name="x")
        self.y = rng.normal(size=5).astype(dtype)
        self.v = self.W @ self.x
        self.s = tg.sigmoid(self.v)
        self.v.name, self.s.name = "v", "s"
        self.E = 0.5 * ((self.s - self.y) ** 2).sum()
        s = self.s.data
        self.dv = (s - self.y) * s * (1 - s)
        self.dW = np.outer(self.dv, self.x.data)


@pytest.fixture
def layer() -> Layer:
    return Layer()


def test_a_right_claim_prints_as_in_the_readme(layer: Layer) -> None:
    report = tg.check(layer.E, {layer.W: layer.dW})
    assert report
    assert str(report).startswith("W (5, 4)   right   largest relative error ")
    assert report[layer.W].error < 1e-14
    assert report.first is None


def test_a_wrong_claim_names_the_step(layer: Layer) -> None:
    report = tg.check(layer.E, {layer.W: -layer.dW})
    assert not report
    text = "yours is -1 x the gradient: the sign is flipped at s − layer.y derived: ∂layer.E/∂W"
    assert " ".join(str(report).split()).startswith(f"W (5, 4) wrong {text}")
    finding = report["W"]
    assert (finding.verdict, finding.kind) == ("wrong", "sign")
    assert finding.error == pytest.approx(2.0, rel=1)
    assert finding.entry is not None
    np.testing.assert_allclose(finding.expected, layer.dW)
    np.testing.assert_array_equal(finding.claimed, -layer.dW)


def test_names_come_from_the_callers_variables() -> None:
    a, b = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 5.0])
    y = a * b
    E = y.sum()
    report = tg.check(E, {"a": b.data, y: [1, 1]})
    assert report
    assert [f.name for f in report] == ["a", "y"]


def test_raise_if_wrong_carries_the_report(layer: Layer) -> None:
    tg.check(layer.E, {layer.W: layer.dW}).raise_if_wrong()
    wrong = tg.check(layer.E, {layer.W: -layer.dW})
    with pytest.raises(WrongGradient, match="the sign is flipped") as error:
        wrong.raise_if_wrong()
    assert error.value.report is wrong
    assert isinstance(error.value, AssertionError)


def test_the_html_escapes_names(layer: Layer) -> None:
    layer.W.name = "<W&>"
    html = tg.check(layer.E, {layer.W: -layer.dW})._repr_html_()
    assert "&lt;W&amp;&gt;" in html
    assert "<W&>" not in html
    assert "wrong" in html


def test_the_table_is_aligned(layer: Layer) -> None:
    lines = str(tg.check(layer.E, {layer.W: layer.dW, "v": layer.dv})).splitlines()
    assert lines[0].index("right") == lines[1].index("right")


def test_a_long_line_goes_on_below_its_own_text(layer: Layer) -> None:
    claim = layer.dW * np.arange(1.0, 21.0).reshape(5, 4)
    lines = str(tg.check(layer.E, {layer.W: claim})).splitlines()[:-1]  # the last is derived
    assert len(lines) > 1
    assert all(len(line) <= 100 for line in lines)
    start = lines[0].index("wrong") + len("wrong   ")
    assert all(line[:start].isspace() and not line[start].isspace() for line in lines[1:])


def test_no_gradient_is_touched(layer: Layer) -> None:
    layer.E.backward()
    before = layer.W.grad.copy()
    tg.check(layer.E, {layer.W: -layer.dW})
    np.testing.assert_array_equal(layer.W.grad, before)
    fresh = Layer()
    tg.check(fresh.E, {fresh.W: -fresh.dW})
    assert fresh.W.grad is None
    assert fresh.s.grad is None


def test_a_claim_counts_for_the_values_that_were_recorded(layer: Layer) -> None:
    layer.W.data = layer.W.data * 2
    assert tg.check(layer.E, {layer.W: layer.dW})


def test_a_cotangent_stands_for_the_loss(layer: Layer) -> None:
    g = np.arange(5.0)
    s = layer.s.data
    claim = np.outer(g * s * (1 - s), layer.x.data)
    assert tg.check(layer.s, {layer.W: claim}, cotangent=g)
    with pytest.raises(ValueError, match="cotangent="):
        tg.check(layer.s, {layer.W: claim})
    with pytest.raises(ValueError, match=r"cotangent has shape \(4,\)"):
        tg.check(layer.s, {layer.W: claim}, cotangent=np.ones(4))


def test_scalars_and_nested_lists() -> None:
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    e = a * b + b**3
    assert tg.check(e, {a: -3, b: 2 + 27.0})
    x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert tg.check((x * x).sum(), {x: [[2, 4], [6, 8]]})


@pytest.mark.parametrize(
    ("claims", "error", "message"),
    [
        ({}, ValueError, "no claims"),
        ({"w": 1.0}, ValueError, "did you mean W"),
        ({"qqqq": 1.0}, ValueError, "the names in the graph are"),
        ({tg.Tensor([1.0], name="q"): 1.0}, ValueError, r"q \(1,\) is not in the graph of E"),
        ({tg.Tensor([1.0], name="k").detach(): 1.0}, ValueError, "is a constant"),
        ({"W": "text"}, ValueError, "the claim for W: 'text' is no name of the graph"),
        ({"W": [[1, 2], [3]]}, ValueError, "the claim for W is ragged"),
        ({"W": [["a", "b"]]}, TypeError, "holds something that is not a number"),
        ({"W": None}, TypeError, "None; has backward"),
        ({"W": np.full((5, 4), np.nan)}, ValueError, r"NaN at \(0, 0\) \(20 of 20 entries\)"),
        ({"W": [[np.inf] * 4] * 5}, ValueError, r"infinite at \(0, 0\) \(20 of 20 entries\)"),
        ({"W": np.ones((5, 4), dtype=complex)}, TypeError, "complex"),
        ({3: 1.0}, TypeError, "a claim's key is of type int"),
        ([1.0], TypeError, "claims is a list"),
    ],
)
def test_what_cannot_be_read_is_refused(
    layer: Layer, claims: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tg.check(layer.E, claims)


def test_a_plain_array_is_a_constant_and_the_way_out_is_named() -> None:
    x, target = tg.Tensor([1.0, 2.0]), np.array([0.5, 0.5])
    E = ((x - target) ** 2).sum()
    with pytest.raises(ValueError, match=r"target = tg.Tensor\(target\)"):
        tg.check(E, {"target": [0.0, 0.0]})


def test_a_name_that_two_nodes_share_is_refused() -> None:
    a, b = tg.Tensor([1.0, 2.0], name="W"), tg.Tensor([3.0], name="W")
    E = (a * b).sum()
    with pytest.raises(ValueError, match=r"2 nodes are called 'W'.*name="):
        tg.check(E, {"W": [1.0, 1.0]})
    assert tg.check(E, {a: [3.0, 3.0]})


def test_one_claim_twice_is_refused(layer: Layer) -> None:
    with pytest.raises(ValueError, match="claimed twice"):
        tg.check(layer.E, {layer.W: layer.dW, "W": layer.dW})


def test_a_gradient_that_is_not_finite_itself_is_named() -> None:
    x = tg.Tensor([0.0, 1.0], name="x")
    with pytest.raises(ValueError, match="gradient of E with respect to x is not finite"):
        tg.check(tg.sqrt(x).sum(), {x: [0.0, 0.5]})


def test_a_leaf_or_constant_has_nothing_to_check() -> None:
    x = tg.Tensor([1.0])
    with pytest.raises(ValueError, match="computed from nothing"):
        tg.check(x, {x: [1.0]})
    with pytest.raises(TypeError, match="E is a float"):
        tg.check(1.0, {x: [1.0]})  # type: ignore[arg-type]


def test_a_report_shows_itself_and_its_findings(layer: Layer) -> None:
    report = tg.check(layer.E, {layer.x: layer.W.data.T @ layer.dv, layer.W: -layer.dW})
    assert (report.ok, report[0].name, report[1] is report["W"]) == (False, "x", True)
    assert repr(report[1]) == str(report[1])
    assert "array(" not in repr(report)
    with pytest.raises(IndexError):
        report[2]


def test_a_report_has_no_entry_for_what_was_not_claimed(layer: Layer) -> None:
    report = tg.check(layer.E, {layer.W: layer.dW})
    with pytest.raises(KeyError, match="the claims are W"):
        report["x"]
    with pytest.raises(KeyError):
        report[layer.x]


# --- rounding


@pytest.mark.parametrize("off", [1e-4, 1e-7, 1e-10])
def test_a_small_error_is_an_error_in_float64(layer: Layer, off: float) -> None:
    claim = layer.dW.copy()
    claim[2, 1] *= 1 + off
    finding = tg.check(layer.E, {layer.W: claim})["W"]
    assert not finding
    assert finding.entry == (2, 1)
    assert finding.error == pytest.approx(off, rel=1e-3)


def test_a_right_float32_claim_is_right() -> None:
    layer = Layer(np.float32)
    assert layer.dW.dtype == np.float32
    assert tg.check(layer.E, {layer.W: layer.dW, layer.v: layer.dv})
    wrong = layer.dW.copy()
    wrong[0, 0] *= 1.001
    assert not tg.check(layer.E, {layer.W: wrong})


def test_a_float32_claim_for_a_float64_graph_is_right(layer: Layer) -> None:
    assert tg.check(layer.E, {layer.W: layer.dW.astype(np.float32)})


def test_a_gradient_that_is_zero_but_for_rounding() -> None:
    """The bias in front of a normalisation: its gradient is a sum that cancels."""
    rng = np.random.default_rng(1)
    x, b = rng.normal(size=(32, 6)), tg.Tensor(rng.normal(size=6), name="b")
    z = x + b
    E = (tg.tanh((z - z.mean(axis=0)) / 0.7) * rng.normal(size=(32, 6))).sum()
    assert tg.check(E, {b: np.zeros(6)})
    assert not tg.check(E, {b: np.full(6, 1e-9)})


def test_digits_typed_by_hand_need_a_tolerance(layer: Layer) -> None:
    typed = np.array([float(f"{v:.3g}") for v in layer.dv])
    finding = tg.check(layer.E, {"v": typed})["v"]
    assert not finding
    assert "rounded to a few digits" in finding.explanation
    assert tg.check(layer.E, {"v": typed}, rtol=1e-2)
    assert tg.check(layer.E, {"v": typed}, atol=1e-3)
    assert tg.check(layer.E, {"v": typed}, digits=3)
    assert not tg.check(layer.E, {"v": typed * [1, 1, 1, 1.02, 1]}, digits=3)


def test_an_error_in_the_smallest_entry_is_seen() -> None:
    w = tg.Tensor([1.0, 1.0, 1.0], name="w")
    units = np.array([1e-8, 1.0, 1e8])
    E = (w * w * units).sum()
    assert tg.check(E, {w: 2 * units})
    assert not tg.check(E, {w: 2 * units * np.array([1.001, 1, 1])})


def test_it_works_under_no_grad_and_debug(layer: Layer) -> None:
    with tg.no_grad():
        assert tg.check(layer.E, {layer.W: layer.dW})
    with tg.debug():
        assert not tg.check(layer.E, {layer.W: -layer.dW})


def test_a_maximum_on_the_way_neither_hides_nor_makes_errors() -> None:
    """Moved at random no entry equals the maximum; and a tie's jump is not bad conditioning."""
    x = tg.Tensor([[1.0, 3.0, 3.0], [0.5, 0.2, -1.0]], name="x")
    E = (tg.tanh(x - 0.5 * tg.max(x, axis=1, keepdims=True)) * np.arange(6.0).reshape(2, 3)).sum()
    E.backward()
    assert tg.check(E, {x: x.grad * (1 + 1e-14)})
    assert not tg.check(E, {x: x.grad * (1 + 1e-7 * np.arange(6.0).reshape(2, 3))})


# --- kinks


def test_either_side_of_a_kink_is_right_and_says_so() -> None:
    x = tg.Tensor([-1.0, 0.0, 2.0], name="x")
    E = (tg.relu(x) * np.array([1.0, 3.0, 5.0])).sum()
    for slope in (0.0, 0.25, 1.0):
        assert tg.check(E, {x: [0.0, 3.0 * slope, 5.0]})
    note = tg.check(E, {x: [0.0, 3.0, 5.0]})["x"].explanation
    assert "one-sided derivative at the kink of  relu(x)" in note
    assert tg.check(E, {x: [0.0, 0.0, 5.0]})["x"].explanation == ""
    for wrong in (-0.5, 1.5):
        assert not tg.check(E, {x: [0.0, 3.0 * wrong, 5.0]})
    assert not tg.check(E, {x: [0.0, 3.0, 4.0]})


def test_a_tie_may_go_to_one_side_but_not_to_both() -> None:
    a, b = tg.Tensor([1.0, 2.0], name="a"), tg.Tensor([1.0, 3.0], name="b")
    E = tg.maximum(a, b).sum()
    assert tg.check(E, {a: [1.0, 0.0]})
    assert tg.check(E, {a: [0.0, 0.0]})
    c = tg.Tensor([2.0, 2.0, 1.0], name="c")
    top = tg.max(c)
    assert tg.check(top, {c: [1.0, 0.0, 0.0]})
    assert tg.check(top, {c: [0.0, 1.0, 0.0]})
    assert not tg.check(top, {c: [1.0, 1.0, 0.0]})


def test_a_kink_below_other_steps() -> None:
    rng = np.random.default_rng(2)
    W, X = tg.Tensor(np.zeros((3, 2)), name="W"), rng.normal(size=(2, 5))
    V = rng.normal(size=(1, 3))
    E = (V @ tg.relu(W @ X)).sum()
    assert tg.check(E, {W: V.T @ np.ones((1, 5)) @ X.T})
    assert tg.check(E, {W: np.zeros((3, 2))})
    assert not tg.check(E, {W: 2 * V.T @ np.ones((1, 5)) @ X.T})


def test_a_recorded_gradient_is_checked_and_its_masks_are_constants() -> None:
    x, w = tg.Tensor([0.5, -1.0, 2.0], name="x"), np.array([1.0, 2.0, 3.0])
    E = (tg.grad(lambda x: (tg.relu(x) ** 3).sum())(x) * w).sum()
    right = 6 * np.maximum(x.data, 0) * w
    assert tg.check(E, {x: right})
    assert tg.check(E, {x: -right})[x].kind == "sign"
    masks = [n for n in topological_order(E) if n.constant and n.op is not None]
    assert masks
    for mask in masks:
        with pytest.raises(ValueError, match="is a constant"):
            tg.check(E, {mask: np.ones(3)})


# --- a user's own ops


@pytest.mark.parametrize("pull", [lambda G: np.asarray(G)[::-1], lambda G: raw(G)[::-1].copy()])
def test_mistakes_above_an_op_whose_rule_cannot_be_recorded_are_found(pull: Any) -> None:
    """Its result moves as its rule says, entry by entry; a step above it is found all the same."""

    @tg.primitive("reversed({0})")
    def reversed_(xp: Any, x: Any) -> Any:
        return x[::-1]

    reversed_.pull(lambda xp, G, y, x: pull(G))
    x = tg.Tensor([0.3, -1.2, 2.0], name="x")
    s = tg.tanh(reversed_(x))
    E = (s * np.array([1.0, 2.0, 5.0])).sum()
    claim = np.array([1.0, 2.0, 5.0])[::-1]
    finding = tg.check(E, {x: claim})[x]
    assert finding.kind == "missing-activation-derivative"


def test_a_users_activation_counts_as_one() -> None:
    @tg.elementwise("bell({0})")
    def bell(xp: Any, x: Any) -> Any:
        return xp.exp(-x * x)

    bell.local(lambda xp, y, x: -2 * x * y)
    x = tg.Tensor([0.3, -1.2, 2.0], name="x")
    w = np.array([1.0, 2.0, 5.0])
    finding = tg.check((bell(x) * w).sum(), {x: w})[x]
    assert finding.kind == "missing-activation-derivative"
    assert "the activation's derivative is missing" in finding.explanation


@pytest.mark.parametrize(
    "corner",
    [
        lambda x: tg.maximum(x, 0.0),
        lambda x: tg.clip(x, -1, 1),
        lambda x: tg.where(np.array([True, False, True]), x, 0.0),
        lambda x: x * (x.data > 0),
    ],
)
def test_a_relu_written_out_counts_as_an_activation(corner: Any) -> None:
    x, w = tg.Tensor([0.3, -1.2, 2.0], name="x"), np.array([1.0, 2.0, 5.0])
    b = tg.Tensor([1.0, 1.0, 1.0], name="b")
    finding = tg.check((corner(x * b) * w).sum(), {b: w * x.data})[b]
    assert finding.kind == "missing-activation-derivative"
    assert "the activation's derivative is missing" in finding.explanation


def test_a_saturated_float32_sigmoid_is_no_false_alarm() -> None:
    """s (1 - s) keeps few digits where s is nearly 1; whoever computes it so is right."""
    rng = np.random.default_rng(3)
    z = tg.Tensor(rng.uniform(14.5, 15.5, size=6).astype(np.float32), name="z")
    E = (tg.sigmoid(z) * rng.normal(size=6).astype(np.float32)).sum()
    s = 1 / (1 + np.exp(-z.data))
    weights = tg.check(E, {z: s})["z"].expected / (lambda e: e / (1 + e) ** 2)(
        np.exp(-z.data.astype(float))
    )
    finding = tg.check(E, {z: weights.astype(np.float32) * s * (1 - s)})["z"]
    assert finding.verdict == "unclear"  # off by 20 %, as rounding alone may be


def test_a_claim_outside_the_graph_is_named_as_the_caller_names_it():
    x = tg.Tensor([1.0, 2.0])
    elsewhere = tg.Tensor([3.0, 4.0])
    E = (x * x).sum()
    with pytest.raises(ValueError, match=r"elsewhere \(2,\) is not in the graph"):
        tg.check(E, {elsewhere: [1.0, 2.0]})
