"""Derivations as code: every line gets its verdict, however the names are written."""

# ruff: noqa: RET504 (a derivation names what it returns)

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.mend_cases import corpus, variant
from tinygrad_lite.check.code.pairs import Pairs

MAKEMORE = next(case for case in corpus() if case.name.startswith("makemore"))


def graph() -> tuple[Any, dict[str, Any]]:
    n = np.random.default_rng(0).normal
    W, x, y = tg.Tensor(n(size=(5, 4))), tg.Tensor(n(size=4)), n(size=5)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    return E, {"W": W, "x": x, "y": y, "v": v, "s": s, "E": E}


def verdicts(report: Any) -> dict[int, str]:
    return {finding.line: finding.verdict for finding in report}


def right(x: Any, s: Any, y: Any) -> Any:
    ds = s - y
    slope = s * (1 - s)
    d_v = ds * slope
    grad_W = np.outer(d_v, x)
    return grad_W


def flipped(x: Any, s: Any, y: Any) -> Any:
    ds = y - s
    dv = ds * s * (1 - s)
    dW = np.outer(x, dv)
    return dW


def raising(W: Any, s: Any, y: Any) -> Any:
    dv = (s - y) * s * (1 - s)
    dx = W @ dv
    return dx


def parts(x: Any, W: Any) -> Any:
    dW = np.zeros_like(W)
    dW += 2 * W
    dW += np.outer(np.ones(5), x)
    return dW


def overwritten(x: Any, W: Any) -> Any:
    dW = 2 * W
    dW = np.outer(np.ones(5), x)
    return dW


def masked(h: Any, R: Any, X: Any) -> Any:
    dh = R.copy()
    dh[h <= 0] = 0
    dW = X.T @ dh
    return dW


def masked_wrongly(h: Any, R: Any, X: Any) -> Any:
    dh = R.copy()
    dh[h >= 0] = 0
    dW = X.T @ dh
    return dW


def test_every_line_is_judged_and_what_follows_is_no_mistake() -> None:
    E, names = graph()
    report = tg.check(E, right, names=names)
    assert report
    assert verdicts(report) == {2: "right", 4: "right", 5: "right"}
    assert report.unjudged == ((3, "slope", ""),)
    report = tg.check(E, flipped, names=names)
    assert verdicts(report) == {2: "wrong", 3: "follows", 4: "wrong"}
    assert report.summary == "2 mistakes, in lines 2 and 4; 1 line that follows"
    assert [f.mended for f in report] == ["ds = s - y", None, "dW = np.outer(dv, x)"]
    assert report.first is report[0]
    assert "    dW = np.outer(dv, x)\n" in report.fixed()
    space: dict[str, Any] = {"np": np, "Any": Any}
    exec(report.fixed(), space)
    mended = space["flipped"](names["x"].data, names["s"].data, names["y"])
    E.backward()
    np.testing.assert_allclose(mended, names["W"].grad)
    told = json.loads(json.dumps(report.to_dict()))
    assert [f["line"] for f in told["findings"]] == [2, 3, 4]
    assert "✗ wrong" in report._repr_html_()
    assert "dW = np.outer(dv, x)" in report._repr_html_()


def handing_on(x: Any, s: Any, y: Any) -> Any:
    """It only calls another."""
    return flipped(x, s, y=y)


@pytest.mark.parametrize("backward", [handing_on, lambda x, s, y: handing_on(x, s, y)])
def test_the_lines_of_a_function_that_only_calls_another_are_those_of_the_other(
    backward: Any,
) -> None:
    E, names = graph()
    report = tg.check(E, backward, names=names)
    assert verdicts(report) == {2: "wrong", 3: "follows", 4: "wrong"}
    assert report.summary == "2 mistakes, in lines 2 and 4 of flipped; 1 line that follows"
    assert report.unjudged == ()
    space: dict[str, Any] = {"np": np, "Any": Any}
    exec(report.fixed(), space)
    last = space["handing_on" if backward is handing_on else "mended"]
    E.backward()
    mended = last(names["x"].data, names["s"].data, names["y"])
    np.testing.assert_allclose(mended, names["W"].grad)


def test_a_line_that_raises_is_told_beside_those_before_it() -> None:
    E, names = graph()
    report = tg.check(E, raising, names=names)
    assert verdicts(report) == {2: "right", 3: "wrong"}
    assert report[1].explanation.startswith("raises ValueError: matmul")
    assert report[1].mended == "dx = dv @ W"
    assert "dx = dv @ W" in report.fixed()
    assert report.notes == ("what comes after line 3 did not run and was not judged",)


def test_a_sum_is_judged_by_its_parts() -> None:
    n = np.random.default_rng(1).normal
    W, x = tg.Tensor(n(size=(5, 4)), name="W"), n(size=4)
    E = (W @ x).sum() + (W * W).sum()
    names = {"W": W, "x": x}
    assert verdicts(tg.check(E, parts, names=names)) == {3: "right", 4: "right"}
    report = tg.check(E, overwritten, names=names)
    assert verdicts(report) == {2: "right", 3: "wrong"}
    assert report[1].mended == "dW += np.outer(np.ones(5), x)"


def test_a_name_may_move_on_to_what_its_node_was_computed_from() -> None:
    n = np.random.default_rng(2).normal
    X, R, W = n(size=(6, 3)), n(size=(6, 4)), tg.Tensor(n(size=(3, 4)))
    h = tg.relu(X @ W)
    E = (h * R).sum()
    names = {"X": X, "R": R, "W": W, "h": h}
    assert verdicts(tg.check(E, masked, names=names)) == {2: "right", 3: "right", 4: "right"}
    report = tg.check(E, masked_wrongly, names=names)
    assert verdicts(report) == {2: "right", 3: "wrong", 4: "follows"}


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("dW", "W"),
        ("d_W", "W"),
        ("grad_W", "W"),
        ("W_grad", "W"),
        ("dE_dW", "W"),
        ("dloss_dW", "W"),
        ("delta_z1", "z1"),
        ("db1", "b1"),
        ("W_diff", "W"),
        ("dlogits", "logits"),
        ("data", None),
        ("grads", None),
        ("dQ", None),
    ],
)
def test_names_pair_as_people_write_them(name: str, of: str | None) -> None:
    nodes = {n: tg.Tensor(np.zeros(2), name=n) for n in ("W", "z1", "b1", "logits")}
    pairs = Pairs({node: n for n, node in nodes.items()}, "E")
    assert pairs.node(name) is (nodes[of] if of else None)


def test_pairs_and_keys_say_what_a_name_stands_for() -> None:
    E, names = graph()

    def keyed(x: Any, s: Any, y: Any) -> Any:
        g = (y - s) * s * (1 - s)
        return {"v": g, "W": np.outer(g, x)}

    report = tg.check(E, keyed, names=names)
    assert verdicts(report) == {2: "wrong", 3: "follows"}

    def said(s: Any, y: Any) -> Any:
        mine = (s - y) * s * (1 - s)
        ds = s * y  # something else of that name
        return mine, ds

    assert not tg.check(E, said, names=names)
    report = tg.check(E, said, names=names, pairs={"mine": "v", "ds": None})
    assert verdicts(report) == {2: "right"}


def test_lambdas_text_and_jacobians_are_claims() -> None:
    E, names = graph()
    W, v, s = names["W"], names["v"], names["s"]
    claims = {W: lambda x, s, y: np.outer((s - y) * s * (1 - s), x), v: lambda s, y: (y - s) * s}
    report = tg.check(E, claims, names=names)
    assert [f.verdict for f in report] == ["right", "wrong"]
    report = tg.check(E, {W: "((s - y) * s * (1 - s)) @ x.T"}, names=names)
    assert report
    assert "vectors are columns" in str(report)
    told = str(tg.check(E, {v: "(s - y) * s * (1 - y)"}, names=names)).splitlines()
    at = next(i for i, line in enumerate(told) if line.endswith("(s - y) * s * (1 - y)"))
    assert told[at + 1].index("^") == told[at].rindex("y)")
    assert tg.check(s, {v: lambda s: np.diag(s * (1 - s))}, names=names)
    assert not tg.check(s, {v: "diag(s * s)"}, names=names)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(s - q) * s", "'q' is no name of the graph or of the caller"),
        ("s ^ 2", "^ is no power in Python; write **"),
        ("s ⊙ s", "write * for ⊙"),
        ("__import__('os')", "'__import__' is no name"),
        ("s.data", "'data' is nothing that a formula may use"),
        ("[t for t in s]", "names, arithmetic and known functions only"),
        ("s +", "invalid syntax"),
    ],
)
def test_what_is_no_formula_is_underlined(text: str, says: str) -> None:
    E, names = graph()
    with pytest.raises(ValueError) as caught:
        tg.check(E, {"v": text}, names=names)
    assert says in str(caught.value)


def test_what_cannot_be_followed_is_judged_by_its_numbers() -> None:
    E, names = graph()
    space: dict[str, Any] = {}
    exec("def hidden(s, y):\n    dv = (s - y) * s * (1 - s)", space)
    report = tg.check(E, space["hidden"], names=names)
    assert report
    assert "the source of hidden cannot be found" in str(report)
    exec("def silent(s, y):\n    q = s", space)
    with pytest.raises(ValueError, match="pass the numbers"):
        tg.check(E, space["silent"], names=names)


def test_functions_that_go_wrong_are_told() -> None:
    E, names = graph()
    s, before = names["s"], names["s"].data.copy()

    def unknown(s: Any, w: Any) -> Any:
        return s

    def close(s: Any, y: Any) -> Any:
        dvv = s * y
        return dvv

    def noisy(s: Any, y: Any) -> Any:
        dv = (s - y) * np.random.default_rng().normal()
        return dv

    def writing(y: Any) -> Any:
        s.data[:] = 0
        dv = s.data - y
        return dv

    with pytest.raises(ValueError, match=r"has a parameter 'w', .* did you mean W"):
        tg.check(E, unknown, names=names)
    with pytest.raises(ValueError, match="no node is called vv; did you mean v"):
        tg.check(E, close, names=names)
    assert "other numbers each time" in str(tg.check(E, noisy, names=names))
    assert "'s.data[:] = 0' changes s in place" in str(tg.check(E, writing, names=names))
    np.testing.assert_array_equal(s.data, before)


def test_a_gradient_of_a_shape_with_another_axis_is_right_with_a_note() -> None:
    n = np.random.default_rng(3).normal
    X, b = n(size=(6, 3)), tg.Tensor(n(size=(1, 3)))
    E = ((X + b) ** 2).sum()

    def flat(X: Any, b: Any) -> Any:
        db = 2 * (X + b).sum(0)
        return db

    report = tg.check(E, flat, names={"X": X, "b": b})
    assert report
    assert "its shape is (3,), the node's (1, 3)" in str(report)


@pytest.mark.parametrize("slips", [(3,), (3, 10), (7, 8, 15)])
def test_the_errors_in_makemores_26_lines_are_named_and_mended(slips: tuple[int, ...]) -> None:
    E, names = MAKEMORE.draw(0)
    made = [MAKEMORE.slips[i] for i in slips]
    pairs = {name: node or None for name, node in MAKEMORE.pairs.items()}
    report = tg.check(E, variant(MAKEMORE, *made), names=names, pairs=pairs)
    assert len(report.wrong) == len(slips)
    for slip, finding in zip(made, report.wrong, strict=True):
        assert slip.wrong in finding.code
        assert finding.by == "edit"


def test_nodes_that_are_closed_over_are_their_arrays() -> None:
    E, names = graph()
    x, s, y = names["x"], names["s"], names["y"]

    def closed() -> Any:
        ds = y - s
        dv = ds * s.data * (1 - s)
        grads = {"v": dv}
        grads["W"] = np.outer(dv, x)
        return grads

    report = tg.check(E, closed, names=names)
    assert verdicts(report) == {2: "wrong", 3: "follows", 5: "follows"}
    assert report[0].mended == "ds = s - y"


def test_a_pair_that_names_nothing_is_refused():
    E, names = graph()
    with pytest.raises(ValueError, match=r"pairs\['dQ'\] is 'nope'; the graph's names are"):
        tg.check(E, lambda x: x, names=names, pairs={"dQ": "nope"})


def test_of_several_lines_a_report_has_the_last_for_a_node():
    E, names = graph()

    def backward(x, s, y):
        dW = np.outer(y - s, x)
        dW = np.outer((s - y) * s * (1 - s), x)
        return dW

    report = tg.check(E, backward, names=names)
    assert report[names["W"]].line == 3
