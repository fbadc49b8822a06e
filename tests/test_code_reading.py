"""Derivations are read as people write them: caches, views, lists, names of several things."""
# ruff: noqa: RET504 (a derivation names what it returns)

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_code_lines import verdicts
from test_referee_lines import changed

import tinygrad_lite as tg
from tinygrad_lite.check.code.source import parsed
from tinygrad_lite.check.mend import mending


def affine() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    W, b = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=2))
    return ((x @ W + b - y) ** 2).sum(), locals()


def caches(x: Any, W: Any, b: Any, y: Any) -> Any:
    kept = [(x, W, b), (x @ W,)]
    dz = 2 * (kept[1][0] + b - y)
    dW = x.T @ dz
    db = dz.sum(0)
    return dW, db


def through_a_view(x: Any, W: Any, b: Any, y: Any) -> Any:
    p = x @ W + b
    flat = p.reshape(-1)
    flat -= y.reshape(-1)
    flat *= 2
    first, rest = p[:1], p[1:]
    rest *= 1.5
    first *= 1.5
    dW = x.T @ p / 1.5
    db = flat.reshape(4, 2).sum(axis=0) / 1.5
    return dW, db


def turned(x: Any, W: Any, b: Any, y: Any) -> Any:
    dz = x @ W + b - y
    rows = dz.T
    rows *= 2
    rows[0] += 1
    dz[:, 0] -= 1
    dW = x.T @ dz
    db = rows.sum(axis=1)
    return dW, db


def of_rows(x: Any, W: Any, b: Any, y: Any) -> Any:
    dW = np.zeros_like(W)
    db = np.zeros_like(b)
    for i in range(len(x)):
        row = 2 * (x[i] @ W + b - y[i])
        for j in range(W.shape[1]):
            column = dW[:, j]
            column += row[j] * x[i]
        db += row
    return dW, db


@pytest.mark.parametrize("backward", [caches, through_a_view, turned, of_rows])
def test_it_is_followed(backward: Any) -> None:
    E, names = affine()
    report = tg.check(E, backward, names=names)
    assert report.ok
    assert not any("cannot be followed" in note for note in report.notes)
    assert {"right"} == set(verdicts(report).values())


def test_a_slip_behind_a_view_is_mended() -> None:
    E, names = affine()

    def backward(x: Any, W: Any, b: Any, y: Any) -> Any:
        dz = x @ W + b - y
        flat = dz.reshape(-1)
        flat *= 2
        dW = x.T @ dz
        db = dz.mean(0)
        return dW, db

    (wrong,) = tg.check(E, backward, names=names).wrong
    assert (wrong.line, wrong.mended) == (6, "db = dz.sum(0)")


def test_parts_that_overlap_are_not_guessed_at() -> None:
    E, names = affine()

    def backward(x: Any, W: Any, b: Any, y: Any) -> Any:
        whole = 2 * (x @ W + b - y)
        some, more = whole.T[:, ::2], whole.T[:, :3]
        del whole
        some *= 2
        dW = x.T @ np.ones((4, 2)) * more.sum()
        return dW

    report = tg.check(E, backward, names=names)
    assert any("overlaps with another" in note for note in report.notes)


def layers() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(1)
    params = {}
    for i, (n, m) in enumerate([(3, 4), (4, 2)], start=1):
        params[f"W{i}"] = tg.Tensor(rng.normal(size=(n, m)))
        params[f"b{i}"] = tg.Tensor(rng.normal(size=m))
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    h = tg.relu(x @ params["W1"] + params["b1"])
    out = h @ params["W2"] + params["b2"]
    return ((out - y) ** 2).mean(), {"params": params, "x": x, "y": y, "out": out, "h": h}


def affine_backward(dout: Any, cache: Any) -> Any:
    x, W = cache
    return dout @ W.T, x.T @ dout, dout.sum(axis=0)


def one_after_the_other(params: Any, x: Any, y: Any, h: Any, out: Any) -> Any:
    inputs, grads = [x, h], {}
    dout = 2 * (out - y) / y.size
    for i in (2, 1):
        if i == 1:
            dout = dout * (h > 0)
        dout, dw, db = affine_backward(dout, (inputs[i - 1], params[f"W{i}"]))
        grads[f"W{i}"] = dw
        grads[f"b{i}"] = db
    return grads


def test_a_name_in_a_loop_is_what_its_keys_say() -> None:
    E, names = layers()
    report = tg.check(E, one_after_the_other, names=names)
    assert report.ok
    assert {8, 9} <= {f.line for f in report}


def heads() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(2)
    x, W = rng.normal(size=(4, 3)), tg.Tensor(rng.normal(size=(3, 6)))
    o = x @ W
    inv = (o**2).mean()
    return inv * 3 + o.sum(), locals()


def test_a_name_may_stand_for_something_else_where_what_follows_is_right() -> None:
    E, names = heads()

    def backward(x: Any, o: Any) -> Any:
        dinv = 2 * o / o.size
        do = (3 * dinv + 1).reshape(4, 2, 3)
        dW = x.T @ do.reshape(4, 6)
        return dW

    def slipped(x: Any, o: Any) -> Any:
        dinv = 2 * o / o.size
        do = (3 * dinv + 1).reshape(4, 2, 3)
        dW = -x.T @ do.reshape(4, 6)
        return dW

    report = tg.check(E, backward, names=names)
    assert report.ok
    assert verdicts(report)[4] == "right"
    assert not any(f.verdict == "wrong" for f in report)
    assert 4 in [f.line for f in tg.check(E, slipped, names=names).wrong]


def test_what_is_returned_is_judged_whatever_uses_it() -> None:
    E, names = affine()

    def backward(x: Any, W: Any, b: Any, y: Any) -> Any:
        db = x @ W + b - y
        dW = 2 * x.T @ db
        return dW, db

    assert [f.line for f in tg.check(E, backward, names=names).wrong] == [2]


def test_an_entry_that_only_has_a_nodes_name_is_no_gradient() -> None:
    E, names = affine()

    def backward(x: Any, W: Any, b: Any, y: Any) -> Any:
        row = {"W": 1.0, "b": 2.0}
        row["b"] = 2 * row["W"]
        dz = row["b"] * (x @ W + b - y)
        return {"W": x.T @ dz, "b": dz.sum(axis=1)}

    report = tg.check(E, backward, names=names)
    assert [(f.line, f.name) for f in report.wrong] == [(5, "b")]


def experts() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(3)
    x, y, pick = rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), np.array([0, 1, 1, 0])
    weights = [tg.Tensor(rng.normal(size=(3, 2))) for _ in range(2)]
    E = sum(((x[i] @ weights[int(pick[i])] - y[i]) ** 2).sum() for i in range(4))
    return E, {"x": x, "y": y, "pick": pick, "weights": weights}


def by_an_array(x: Any, y: Any, pick: Any, weights: Any) -> Any:
    nabla_w = [np.zeros(w.shape) for w in weights]
    for i in range(len(x)):
        e = pick[i]
        nabla_w[e] += 2 * np.outer(x[i], x[i] @ weights[e] - y[i])
    return nabla_w


def as_a_whole(x: Any, y: Any, pick: Any, weights: Any) -> Any:
    nabla_w = [np.zeros(w.shape) for w in weights]
    for i in range(len(x)):
        d = x[i] @ weights[pick[i]] - y[i]
        own = [np.outer(x[i], d) * (k == pick[i]) for k in range(2)]
        nabla_w = [a + b for a, b in zip(nabla_w, own)]  # noqa: B905
    nabla_w = [2 * a for a in nabla_w]
    return nabla_w


def one_is_left_out(x: Any, y: Any, pick: Any, weights: Any) -> Any:
    nabla_w = [np.zeros(w.shape) for w in weights]
    mine = pick == 1
    nabla_w[1] = 2 * x[mine].T @ (x[mine] @ weights[1] - y[mine])
    return nabla_w


def test_lists_of_gradients_are_judged_entry_by_entry() -> None:
    E, names = experts()
    for backward, line in ((by_an_array, 5), (as_a_whole, 7)):
        report = tg.check(E, backward, names=names)
        assert report.ok
        assert verdicts(report)[line] == "right"
    (wrong,) = tg.check(E, one_is_left_out, names=names).wrong
    assert (wrong.line, wrong.name) == (2, "nabla_w[0]")
    assert "yours is 0 everywhere" in wrong.explanation


def test_a_gradient_without_a_name_is_that_of_the_only_leaf() -> None:
    rng = np.random.default_rng(4)
    X, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), tg.Tensor(rng.normal(size=3), name="w")
    E = ((X @ w - y) ** 2).sum()

    def backward(X: Any, y: Any, w: Any) -> Any:
        grad = X.T @ (X @ w - y)
        return grad

    (wrong,) = tg.check(E, backward).wrong
    assert wrong.node is w
    assert wrong.mended in ("grad = 2 * X.T @ (X @ w - y)", "grad = X.T @ (2 * (X @ w - y))")


def test_what_is_masked_in_place_is_not_wrong_because_what_is_above_it_is() -> None:
    rng = np.random.default_rng(5)
    x, t = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    W1, W2 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=(4, 2)))
    h = tg.relu(x @ W1)
    p = h @ W2
    E = ((p - t) ** 2).sum()

    def backward(x: Any, h: Any, W2: Any, p: Any, t: Any) -> Any:
        dp = 2 * (p + t)
        dh = dp @ W2.T
        dh[h <= 0] = 0
        dW1 = x.T @ dh
        return dW1

    report = tg.check(E, backward)
    assert [f.line for f in report.wrong] == [2]
    assert verdicts(report)[4] == "follows"


SCRIPT = """\
A = [np.asarray(getattr(v, "data", v)) for v in kept]
nabla_w = [np.zeros(w.shape) for w in weights]
delta = 2 * (A[-1] - y)
nabla_w[-1] = A[-2].T @ delta
delta = delta @ weights[-1].data.T * 3
nabla_w[-2] = A[-3].T @ delta
for ix in range(5):
    pass
"""


def script() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(6)
    a = x = rng.normal(size=(5, 3))
    weights = [tg.Tensor(rng.normal(size=shape)) for shape in ((3, 4), (4, 2))]
    y, kept = rng.normal(size=(5, 2)), [x]
    for w in weights:
        a = a @ w
        kept.append(a)
    return ((a - y) ** 2).sum() / 5, {"np": np, "x": x, "y": y, "kept": kept, "weights": weights}


def test_a_script_keeps_gradients_in_lists_and_sees_no_later_names() -> None:
    E, names = script()
    exec(SCRIPT, names)
    report = tg.check(E, parsed("<script>", SCRIPT), names=names)
    wrong = {f.line: f for f in report.wrong}
    assert set(wrong) == {4, 5}  # delta in line 3 has no node
    assert wrong[4].mended == "nabla_w[-1] = A[-2].T @ delta / y.shape[0]"
    assert "ix" not in str(report)


def test_what_time_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    E, names = affine()

    def backward(x: Any, W: Any, b: Any, y: Any) -> Any:
        dW = np.cosh(x.T @ (x @ W)) + y.sum()
        return dW

    said = "not every edit was tried in the time for it"
    monkeypatch.setattr(mending, "TOTAL", 0.0)
    assert said in tg.check(E, backward, names=names).wrong[0].explanation


def windows(x: Any) -> Any:
    for i in range(len(x) - 1):
        yield i, x[i : i + 2]


def over_windows(x: Any, k: Any, g: Any) -> Any:
    dk = np.zeros_like(k)
    for i, window in windows(x):
        dk += g[i] * window
    return dk


def naturals() -> Any:
    k = 1
    while True:
        yield k
        k += 1


def over_naturals(k: Any) -> Any:
    dk = np.zeros(2)
    for i, n in zip(range(2), naturals(), strict=False):
        dk[i] = n * k[i]
    return dk


def test_a_generator_without_an_end_is_not_followed_to_it() -> None:
    k = tg.Tensor([0.5, 2.0])
    report = tg.check((k**2 * np.array([0.5, 1.0])).sum(), over_naturals)
    assert report.ok
    assert "the lines of over_naturals cannot be followed" in str(report)


def test_a_generator_is_followed() -> None:
    rng = np.random.default_rng(0)
    x, g, k = rng.normal(size=6), rng.normal(size=5), tg.Tensor(rng.normal(size=2))
    E = sum(g[i] * (window * k).sum() for i, window in windows(x))
    assert verdicts(tg.check(E, over_windows)) == {4: "right"}
    report = tg.check(E, changed(over_windows, "dk += g[i]", "dk = g[i]"))
    assert [(f.line, f.mended) for f in report.wrong] == [(4, "dk += g[i] * window")]
