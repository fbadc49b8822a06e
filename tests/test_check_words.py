"""What a report says, to people and to programs: summary, verdicts, zeros, digits, Jacobians."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.check import KINDS, WrongGradient
from tinygrad_lite.check.findings import Finding


class Layer:
    """E = 1/2 |sigma(W x) - y|^2, and its derivation as arrays."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.W = tg.Tensor(rng.normal(size=(5, 4)), name="W")
        self.x = tg.Tensor(rng.normal(size=4), name="x")
        self.v = self.W @ self.x
        self.s = tg.sigmoid(self.v)
        self.r = self.s - rng.normal(size=5)
        for name in "vsr":
            getattr(self, name).name = name
        self.E = 0.5 * (self.r**2).sum()
        self.E.name = "E"
        s = self.s.data
        self.ds = self.r.data
        self.dv = self.ds * s * (1 - s)
        self.dW = np.outer(self.dv, self.x.data)


@pytest.fixture
def net() -> Layer:
    return Layer()


def test_a_summary_comes_first_and_what_follows_is_not_called_wrong(net: Layer) -> None:
    report = tg.check(net.E, {net.r: net.ds, net.s: -net.ds, net.v: -net.dv, net.W: -net.dW})
    lines = str(report).splitlines()
    assert lines[0] == "1 mistake, at s; 2 lines follow from it; 1 right"
    assert [f.verdict for f in report] == ["right", "wrong", "follows", "follows"]
    assert "follows   from s; its own step is right" in str(report)
    assert report.wrong == (report["s"],)
    assert report.first is report[net.s]
    assert not report["v"]
    assert tg.check(net.E, {net.s: net.ds, net.v: net.dv}).summary == "2 right"
    assert not str(tg.check(net.E, {net.s: net.ds, net.v: net.dv})).startswith("2 right")


def test_many_mistakes_are_counted_and_some_are_named() -> None:
    def finding(name: str, verdict: str) -> Finding:
        return Finding(name=name, verdict=verdict)

    names = [finding(n, "wrong") for n in "abcdef"]
    follow = [finding("g", "follows"), finding("h", "unclear")]
    report = tg.Report((*names, *follow))
    said = "6 mistakes, at a, b, c, d and 2 more; 1 line follows from them; 1 too weak to tell"
    assert report.summary == said


def test_a_gradient_of_zero_is_said_to_be_zero() -> None:
    X = np.random.default_rng(1).normal(size=(8, 3))
    b = tg.Tensor(np.ones(4), name="b")
    h = X @ np.random.default_rng(2).normal(size=(3, 4)) + b
    E = (((h - h.mean(axis=0)) / tg.sqrt(h.var(axis=0) + 1e-5)) ** 3).sum()
    E.backward()
    for claim in (b.grad, np.zeros(4)):
        right = tg.check(E, {b: claim})[b]
        assert right
        assert right.error is not None
        assert right.error < 1e-10
        assert re.search(r"the gradient is 0 here: terms as large as [\d.]+ cancel", str(right))
    wrong = tg.check(E, {b: np.full(4, 0.1)})[b]
    assert not wrong
    assert "the gradient is 0 here" in wrong.explanation
    assert "yours is 0.1" in wrong.explanation


def test_a_claim_of_zeros_is_said_to_be_one(net: Layer) -> None:
    finding = tg.check(net.E, {net.v: np.zeros(5)})[net.v]
    assert finding.verdict == "wrong"
    assert finding.explanation.startswith("yours is 0 everywhere; the gradient is not: it is")


@pytest.mark.parametrize("turned", [False, True])
def test_a_jacobian_claimed_for_a_gradient(net: Layer, turned: bool) -> None:
    J = net.v.jacobian(net.W)
    J = np.moveaxis(J, 0, -1) if turned else J
    said = tg.check(net.E, {net.W: J})[net.W].explanation
    jacobian = "the Jacobian transposed" if turned else "the Jacobian"
    assert f"this is dv/dW, {jacobian}, not dE/dW; multiply it by dE/dv" in said
    J = np.diag(net.s.data * (1 - net.s.data))
    assert "this is ds/dv, the Jacobian, not dE/dv" in tg.check(net.E, {net.v: J})[0].explanation
    other = tg.check(net.E, {net.v: np.ones((5, 5))})[0]
    assert "Jacobian" not in other.explanation


def test_jacobians_can_be_claimed(net: Layer) -> None:
    D = np.diag(net.s.data * (1 - net.s.data))
    claims = {net.v: D, net.x: D @ net.W.data, net.W: net.s.jacobian(net.W)}
    report = tg.check(net.s, claims)
    assert report
    assert [f.shape for f in report] == [(5, 5), (5, 4), (5, 5, 4)]
    wrong = tg.check(net.s, {net.v: -D})[0]
    assert (wrong.verdict, wrong.kind) == ("wrong", "sign")
    off = D.copy()
    off[3, 1] = 1e-6
    finding = tg.check(net.s, {net.v: off})[0]
    assert (finding.verdict, finding.entry) == ("wrong", (3, 1))
    assert "yours is 1e-06, the Jacobian 0 at (3, 1)" in finding.explanation
    assert tg.check(net.s, {net.v: np.round(D, 3)}, digits=3)
    with pytest.raises(ValueError, match=r"or claim its Jacobian .* v, of shape \(5, 5\)"):
        tg.check(net.s, {net.v: net.s.data})


@pytest.mark.parametrize(
    ("digits", "typed"),
    [(3, lambda g: np.round(g, 3)), (3, lambda g: np.array([float(f"{v:.3g}") for v in g]))],
)
def test_numbers_typed_with_few_digits(net: Layer, digits: int, typed: Any) -> None:
    claim = typed(net.dv)
    refused = tg.check(net.E, {net.v: claim})[net.v]
    assert refused.verdict == "wrong"
    assert f"digits={digits} accepts it" in refused.explanation
    assert tg.check(net.E, {net.v: claim}, digits=digits)
    assert not tg.check(net.E, {net.v: claim * [1, 1, 1.02, 1, 1]}, digits=digits)
    assert not tg.check(net.E, {net.v: -claim}, digits=digits)
    assert tg.check(net.E, {net.v: net.dv + 0.01}, atol=0.02)
    with pytest.raises(ValueError, match="atol=-1"):
        tg.check(net.E, {net.v: claim}, atol=-1)


def test_no_internal_id_is_printed(net: Layer) -> None:
    claims: list[Any] = [2 * net.dv, net.ds, -net.dv, net.dv + 1, net.dv * net.s.data]
    for claim in claims:
        report = tg.check(net.E, {net.v: claim})
        shown = str(report) + report._repr_html_()
        assert not [kind for kind in KINDS if "-" in kind and kind in shown]
    alike = Finding(name="v", verdict="wrong", kind="sign", explanation="x", also=("transpose",))
    assert str(alike).endswith(f"x (or {KINDS['transpose']})")


def test_the_report_is_data_too(net: Layer) -> None:
    report = tg.check(net.E, {net.s: -net.ds, net.v: -net.dv})
    assert report.ok is False
    assert report[0] is report["s"] is report[net.s]
    told = json.loads(json.dumps(report.to_dict()))
    assert told["ok"] is False
    assert told["summary"] == "1 mistake, at s; 1 line follows from it"
    assert told["findings"][1]["verdict"] == "follows"
    assert told["findings"][1]["inherited"] == ["s"]
    assert told["findings"][0]["kind"] == "sign"
    infinite = Finding(name="x", verdict="wrong", error=np.inf)
    assert json.loads(json.dumps(infinite.to_dict()))["error"] == "inf"


def test_a_finding_prints_as_its_line(net: Layer) -> None:
    assert repr(tg.check(net.E, {net.v: net.dv})[0]).startswith("v (5,)   right   largest")


def test_the_error_starts_with_the_first_wrong_line(net: Layer) -> None:
    with pytest.raises(WrongGradient, match=r"^s \(5,\)   wrong ") as error:
        tg.check(net.E, {net.r: net.ds, net.s: -net.ds}).raise_if_wrong()
    frames = error.traceback
    assert frames[-1].frame.f_locals.get("__tracebackhide__")


def test_signs_stand_beside_the_colours(net: Layer) -> None:
    html = tg.check(net.E, {net.r: net.ds, net.s: -net.ds, net.v: -net.dv})._repr_html_()
    assert [html.count(sign) for sign in "✓✗↳"] == [1, 1, 1]
    assert "<b>" not in html
    assert "1 mistake, at s" in html


def test_what_rounding_hides_is_unclear() -> None:
    A = tg.Tensor(1 / (np.arange(8)[:, None] + np.arange(8) + 1.0), name="A")
    b, c = tg.Tensor(np.ones(8), name="b"), np.arange(1.0, 9.0)
    E = (tg.solve(A, b) * c).sum()
    right = np.linalg.inv(A.data).T @ c
    assert tg.check(E, {b: right})[b].verdict in ("right", "unclear")
    off = right * np.where(np.abs(right) == np.abs(right).max(), 1 + 1e-6, 1)
    finding = tg.check(E, {b: off})[b]
    assert finding.verdict == "unclear"
    assert finding.message().startswith("too weak to tell; rounding alone may do as much: only an")
    assert tg.check(E, {b: right + 0.1 * np.abs(right).max()})[b].verdict == "wrong"
    with pytest.raises(WrongGradient, match="too weak to tell"):
        tg.check(E, {b: off}).raise_if_wrong()
    assert tg.check(E, {b: off}, rtol=0.5)


def test_a_node_is_as_precise_as_what_its_gradient_is_made_of() -> None:
    """A branch of float32 beside a weight of float64 whose gradient flows through no float32."""
    z = tg.Tensor(np.linspace(-1, 1, 7, dtype=np.float32), name="z")
    w = tg.Tensor(np.linspace(1, 2, 7), name="w")
    E = ((tg.tanh(z * z) * w) ** 2).sum()
    E.backward()
    assert tg.check(E, {w: w.grad, z: z.grad})
    assert not tg.check(E, {w: w.grad * 1.0001})


def test_a_condition_that_is_no_jump() -> None:
    """1 / (a - b) of near numbers moves by all of itself when its inputs are rounded."""
    a = tg.Value(1.0 + 1e-9, name="a")
    E = 1 / (a - 1.0) ** 2
    E.backward()
    d = 1e-9
    assert tg.check(E, {a: -2 / d**3})[a].verdict != "wrong"
