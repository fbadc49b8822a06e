"""The graph as `check` reads it: every form of operand, and how far rounding moves a gradient."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from domains import samples

import tinygrad_lite as tg
from tinygrad_lite.backprop.chain import contribution
from tinygrad_lite.backprop.flow import flow
from tinygrad_lite.check.search import _sort
from tinygrad_lite.graph.node import topological_order
from tinygrad_lite.ops import registry


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("name", sorted(registry))
def test_a_wrong_claim_beside_any_op_is_wrong(name: str) -> None:
    """Stacks, no axes, no entries, settings of every form: a verdict, not an error of its own."""
    rng = np.random.default_rng(0)
    for domain, case in samples(name):
        inputs = [tg.Tensor(a) if a.dtype.kind == "f" else a for a in domain.inputs(case, rng)]
        y = registry[name](*inputs, **case.settings)
        E = tg.sum(y * rng.normal(size=y.shape) * tg.isfinite(y))
        E.backward()
        claims = {
            x: x.grad + rng.normal(size=x.shape)
            for x in inputs
            if isinstance(x, tg.Tensor) and x.grad is not None and x.grad.size
        }
        assert not claims or not any(f.verdict == "right" for f in tg.check(E, claims)), case


X = np.array([[0.3, -0.4], [0.9, 0.5]])
STACK = np.arange(18.0).reshape(2, 3, 3) / 9 + 3 * np.eye(3)


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (lambda x: tg.sigmoid(x * tg.isfinite(x.data)), X),
        (lambda x: tg.where(x.data > 0, tg.sigmoid(x), x), X),
        (lambda x: tg.tanh(x ** np.array([2, 3], np.uint8) - np.array([3, 200], np.uint8)), X),
        (lambda x: np.arctanh(True - x * 0.5), np.array(0.6)),
        (lambda x: tg.softplus(x + 1) + tg.sigmoid(x * True), np.array(0.6)),
        (lambda x: tg.softmax(x, axis=(0, 1)), X),
        (lambda x: tg.log_softmax(x, axis=(1, 0)), X),
        (tg.logabsdet, STACK),
        (tg.det, STACK),
        (lambda x: tg.solve(x, np.ones((2, 3, 2))), STACK),
        (lambda x: x + tg.sum(tg.exp(tg.Tensor(np.zeros((3, 0))))), X),
        (lambda x: tg.tanh(x) + tg.sum(none := x[x.data > 9]) + tg.sum(2 * none) + tg.sum(none), X),
    ],
)
def test_numbers_masks_and_stacks_are_read(make: Any, data: Any) -> None:
    x = tg.Tensor(data, name="x")
    y = make(x)
    E = tg.sum(y * np.linspace(1, 2, y.data.size).reshape(y.shape))
    E.backward()
    assert tg.check(E, {x: x.grad})
    report = tg.check(E, {x: x.grad * (1 + x.data)})
    assert report["x"].verdict == "wrong"


def test_a_named_mask_is_read_as_numbers() -> None:
    x, mask = tg.Tensor(X), X > 0
    report = tg.check(tg.sum(tg.where(mask, tg.sigmoid(x), x)), {x: np.ones((2, 2))})
    assert report["x"].verdict == "wrong"
    assert mask.dtype == bool


def test_the_diagonal_alone_of_a_softmax_over_several_axes() -> None:
    x, C = tg.Tensor(X, name="x"), np.array([[1.0, 2.0], [3.0, 5.0]])
    y = tg.softmax(x, axis=(0, 1))
    report = tg.check(tg.sum(y * C), {x: C * y.data * (1 - y.data)})
    assert "only the diagonal of softmax's derivative" in report["x"].explanation


@pytest.mark.parametrize("margin", [5.0, 13.0, 20.0, 30.0])
def test_a_saturated_softmax_is_no_false_alarm(margin: float) -> None:
    """1 - p keeps few digits where p is near 1: within a rule, which no operand shows."""
    x = tg.Tensor([margin + 0.137, 1.34, -0.358], name="x")
    p = np.exp(x.data) / np.exp(x.data).sum()
    right = p - np.array([1.0, 0.0, 0.0])
    for E in (tg.cross_entropy(x, np.array(0)), -tg.log_softmax(x)[0]):
        assert tg.check(E, {x: right})
        assert not tg.check(E, {x: right * [1, 1 + 1e-6, 1]})


def test_masks_within_a_rule_are_no_numbers_to_round() -> None:
    A = tg.Tensor(np.array([[1.0, 2.0, 3.0], [0.5, 1.0, 2.0], [0.3, 0.2, 1e-4]]))
    E = tg.sum(tg.diagonal(A) ** 2)
    right = np.diag(2 * np.diag(A.data))
    assert tg.check(E, {A: right})
    assert not tg.check(E, {A: right + np.diag([0, 0, 1e-9])})


@pytest.mark.parametrize("seed", range(8))
def test_rounding_is_measured_where_large_numbers_cancel(seed: int) -> None:
    """In whatever data: a step of the measure that looks like a jump would be left out."""
    x = tg.Tensor(1e6 + np.random.default_rng(seed).normal(size=12))
    v, E = x.data, tg.mean((x - tg.mean(x)) ** 2)
    assert tg.check(E, {x: 2 * v / 12 - 2 * v.mean() / 12})


@pytest.mark.parametrize("node", [tg.Value(0.0), tg.Tensor(0.0)])
def test_a_kink_without_axes(node: Any) -> None:
    E = tg.relu(node) * 2
    assert tg.check(E, {node: 2.0})
    assert not tg.check(E, {node: 2.5})


def test_a_factor_close_to_1_is_not_printed_as_1() -> None:
    x = tg.Tensor([0.3, -0.4, 0.9], name="x")
    E = tg.sum(tg.tanh(x) ** 2)
    E.backward()
    assert "yours is (1 + 1e-11) x" in tg.check(E, {x: x.grad * (1 + 1e-11)})["x"].explanation


def test_a_gradient_is_as_precise_as_what_it_flows_through() -> None:
    x = tg.Value(0.3)  # a Python float, beside an array of float32
    X = np.linspace(-1, 1, 50, dtype=np.float32)
    E = (tg.tanh(x * X) * X).sum()
    E.backward()
    assert tg.check(E, {x: x.grad})
    assert not tg.check(E, {x: x.grad * 1.001})
    own = tg.check(tg.tanh(x), {x: (1 - np.tanh(0.3) ** 2) * (1 + 1e-9)})
    assert not own, "a graph of float64 is judged as before"


@pytest.mark.parametrize(
    "slip", [lambda g, c, n: g, lambda g, c, n: -c, lambda g, c, n: g * n.data]
)
def test_steps_of_a_long_graph_that_are_alike_are_tried_at_once(slip, monkeypatch):
    """What is found so is what is found step by step."""
    x = tg.Value(0.3, name="x")
    y = wrong = x
    for k in range(300):
        y = tg.tanh(y * (1.1 + 0.1 * (k % 2))) + x * 0.1
        wrong = y.inputs[0] if k == 290 else wrong

    def step(node, index, g):
        c = contribution(node, index, g)
        return slip(g, c, node) if node is wrong else c

    claim = flow(topological_order(y), {y: 1.0}, step)[x]
    found = str(tg.check(y, {x: claim}))
    assert "no simple mistake" not in found
    search = importlib.import_module("tinygrad_lite.check.search")
    assert len(topological_order(y)) > search.LARGE
    monkeypatch.setattr(search.Search, "_may_explain", lambda self, alike: [True] * len(alike))
    assert str(tg.check(y, {x: claim})) == found


def test_a_square_and_a_product_of_equal_numbers_are_steps_of_two_sorts() -> None:
    a, b = tg.Value(2.0), tg.Value(2.0)
    assert _sort(a * b, 0) == _sort(b * a, 0)
    assert _sort(a * b, 0) != _sort(a * a, 0)
