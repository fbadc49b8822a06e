"""Derivations that keep gradients in attributes: layers as classes, `w.grad = ...`."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from test_code_lines import verdicts
from test_referee_lines import changed, defined

import tinygrad_lite as tg


class Dense:
    def __init__(self, W: Any, b: Any) -> None:
        self.W, self.b = W, b

    def forward(self, x: Any) -> Any:
        self.x = x
        self.out = x @ self.W + self.b
        return self.out

    def backward(self, dout: Any) -> None:
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        self.dx = np.dot(dout, self.W.T)


class Relu:
    def forward(self, x: Any) -> Any:
        self.x = x
        return tg.relu(x)

    def backward(self, dout: Any) -> Any:
        self.dx = dout.copy()
        self.dx[self.x <= 0] = 0
        return self.dx


class Net:
    """Two layers; the gradients of what is trained are kept in the layers, and in a dict."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.params = {
            "W1": tg.Tensor(rng.normal(size=(3, 4))),
            "b1": tg.Tensor(rng.normal(size=4)),
            "W2": tg.Tensor(rng.normal(size=(4, 3))),
            "b2": tg.Tensor(rng.normal(size=3)),
        }
        self.first = Dense(self.params["W1"], self.params["b1"])
        self.second = Dense(self.params["W2"], self.params["b2"])
        self.relu = Relu()
        self.grads: dict[str, Any] = {}
        self.t = rng.normal(size=(6, 3))

    def loss(self, x: Any) -> Any:
        self.y = self.second.forward(self.relu.forward(self.first.forward(x)))
        return ((self.y - self.t) ** 2).mean()

    def gradient(self) -> Any:
        dout = 2 * (self.y - self.t) / self.t.size
        self.second.backward(dout)
        dh = self.relu.backward(self.second.dx)
        self.first.backward(dh)
        self.grads["W1"], self.grads["b1"] = self.first.dW, self.first.db
        self.grads["W2"], self.grads["b2"] = self.second.dW, self.second.db
        return self.grads


def trained(made: type[Net] = Net) -> tuple[Net, Any]:
    net = made()
    return net, net.loss(np.random.default_rng(1).normal(size=(6, 3)))


def test_a_method_is_judged_and_no_object_is_changed() -> None:
    net, E = trained()
    before = {k: dict(vars(x)) for k, x in vars(net).items() if isinstance(x, (Dense, Relu))}
    report = tg.check(E, net.gradient)
    assert report.ok
    assert set(verdicts(report).values()) == {"right"}
    assert {2, 3, 4, 5} <= {f.line for f in report}
    assert net.grads == {}
    now = {k: dict(vars(x)) for k, x in vars(net).items() if isinstance(x, (Dense, Relu))}
    assert all(now[k].keys() == before[k].keys() for k in before)
    assert all(now[k][name] is x for k in before for name, x in before[k].items())


@pytest.mark.parametrize(
    ("right", "wrong", "line", "at", "mended"),
    [
        ("np.dot(self.x.T, dout)", "np.dot(self.x.T, dout) / 2", 3, "Dense.backward", "self.dW"),
        ("np.sum(dout", "np.mean(dout", 3, "Dense.backward", "self.db = np.sum(dout, axis=0)"),
        ("self.x <= 0", "self.x > 0", 4, "Relu.backward", "self.dx[self.x <= 0] = 0"),
        ("self.first.backward(dh)", "self.first.backward(self.second.dx)", 5, "", "self.first"),
        ('"b1"] = self.first.dW', '"b1"] = self.first.dW * 2', 6, "", 'self.grads["W1"]'),
    ],
)
def test_a_slip_is_found_where_it_is(
    right: str, wrong: str, line: int, at: str, mended: str
) -> None:
    text = "\n\n".join(map(inspect.getsource, (Dense, Relu, Net)))
    assert text.count(right) == 1
    net, E = trained(defined(text.replace(right, wrong), Net))
    report = tg.check(E, net.gradient)
    first = next(f for f in report if f.first)
    assert first.line == line
    assert (first.mended_at, first.by) == (at, "edit")
    assert first.mended is not None
    assert first.mended.startswith(mended)


def micrograd() -> tuple[Any, dict[str, Any]]:
    x1, x2, w1, w2, b = (tg.Value(v) for v in (2.0, 0.5, -3.0, 1.0, 6.88))
    x1w1, x2w2 = x1 * w1, x2 * w2
    n = x1w1 + x2w2 + b
    o = tg.tanh(n)
    return o, locals()


def by_hand(x1: Any, x2: Any, w1: Any, w2: Any, x1w1: Any, x2w2: Any, n: Any, o: Any) -> None:
    o.grad = 1.0
    n.grad = 1 - o.data**2
    x1w1.grad = n.grad
    x2w2.grad = n.grad
    x2.grad = w2.data * x2w2.grad
    w2.grad = x2.data * x2w2.grad
    x1.grad = w1.data * x1w1.grad
    w1.grad = x1.data * x1w1.grad


def test_a_node_takes_its_gradient_by_hand() -> None:
    o, names = micrograd()
    report = tg.check(o, by_hand, names=names)
    assert report.ok
    assert len(report.findings) == 8
    assert names["x1"].grad is None


def test_one_of_them_is_wrong() -> None:
    o, names = micrograd()
    slip = changed(by_hand, "x1.grad = w1.data", "x1.grad = x1.data")
    (wrong,) = tg.check(o, slip, names=names).wrong
    assert (wrong.line, wrong.mended) == (8, "x1.grad = w1.data * x1w1.grad")


def test_globals_are_read_as_they_are_and_left_alone() -> None:
    x, w = tg.Tensor(np.arange(3.0), name="x"), tg.Tensor(np.full(3, 2.0), name="w")
    E = (x * w**2).sum()

    def by_hand() -> None:
        x.grad = w.data
        w.grad = 2 * w * x

    report = tg.check(E, by_hand)
    assert [f.line for f in report.wrong] == [2]
    assert (x.grad, w.grad) == (None, None)


def mse_grad(inp: Any, target: Any) -> None:
    inp.g = 2.0 * (inp - target) / inp.size


def lin_grad(inp: Any, out: Any, w: Any, b: Any) -> None:
    inp.g = out.g @ w.T
    w.g = inp.T @ out.g
    b.g = out.g.sum(0)


def relu_grad(inp: Any, out: Any) -> None:
    inp.g = (inp > 0) * out.g


def backward(X: Any, l1: Any, l2: Any, out: Any, W1: Any, b1: Any, W2: Any, b2: Any, t: Any) -> Any:
    mse_grad(out, t)
    lin_grad(l2, out, W2, b2)
    relu_grad(l1, l2)
    lin_grad(X, l1, W1, b1)


def test_functions_set_the_attributes_of_arrays() -> None:
    rng = np.random.default_rng(3)
    X, t = tg.Tensor(rng.normal(size=(6, 2))), rng.normal(size=(6, 1))
    W1, b1 = tg.Tensor(rng.normal(size=(2, 5))), tg.Tensor(rng.normal(size=5))
    W2, b2 = tg.Tensor(rng.normal(size=(5, 1))), tg.Tensor(rng.normal(size=1))
    l1 = X @ W1 + b1
    l2 = tg.relu(l1)
    out = l2 @ W2 + b2
    E = ((out - t) ** 2).mean()
    report = tg.check(E, backward)
    assert report.ok
    assert [f.line for f in report] == [2, 3, 4, 5]


def test_what_sets_attributes_unseen_is_refused() -> None:
    net, E = trained()

    def setting() -> None:
        setattr(net.first, "dW", net.first.x.T)  # noqa: B010

    def frozen() -> None:
        object.__setattr__(net.first, "dW", net.first.x.T)

    for backward in (setting, frozen):
        with pytest.raises(ValueError, match=r"setattr\w*, which may set attributes"):
            tg.check(E, backward)
        assert "dW" not in vars(net.first)


def test_the_lines_of_a_method_that_is_only_called_are_the_derivations() -> None:
    net, E = trained()
    report = tg.check(E, lambda: net.gradient())
    assert report.ok
    assert {2, 3, 4, 5} <= {f.line for f in report}
    text = "\n\n".join(map(inspect.getsource, (Dense, Relu, Net)))
    wrong, E = trained(defined(text.replace("2 * (self.y - self.t)", "(self.y - self.t)"), Net))

    def backward() -> Any:
        return wrong.gradient()

    (mistake,) = tg.check(E, backward).wrong
    assert (mistake.line, mistake.by) == (2, "edit")


class Halves:
    """A method that calls itself for each half of what it is given."""

    def __init__(self, w: Any) -> None:
        self.w, self.dw = w, np.zeros(w.shape)

    def down(self, xs: Any, g: Any) -> None:
        if len(xs) == 1:
            self.dw += g[0] * xs[0]
        else:
            half = len(xs) // 2
            self.down(xs[:half], g[:half])
            self.down(xs[half:], g[half:])


def test_a_method_that_calls_itself_is_judged_by_what_it_leaves() -> None:
    rng = np.random.default_rng(0)
    xs, w = rng.normal(size=(4, 3)), tg.Tensor(rng.normal(size=3))
    y = xs @ w
    E = 0.5 * (y**2).sum()
    halves = Halves(w)
    assert tg.check(E, lambda: halves.down(xs, y), names=locals()).ok
    halves = changed(Halves, "g[0] * xs[0]", "g[0] * xs[0] * 2")(w)
    (mistake,) = tg.check(E, lambda: halves.down(xs, y), names=locals()).wrong
    assert mistake.by == "edit"


class Stage:
    """A layer that keeps parameters, results and gradients in dicts of its own."""

    def __init__(self, w: Any) -> None:
        self.params: dict[str, Any] = {"w": w}
        self.kept: dict[str, Any] = {}
        self.found: dict[str, Any] = {}

    def forward(self, x: Any) -> Any:
        self.kept["x"] = x
        return x @ self.params["w"]

    def backward(self, given: Any) -> Any:
        self.found["dw"] = self.kept["x"].T @ given
        return given @ self.params["w"].T


@pytest.mark.parametrize(("was", "wrong"), [('x"].T @ given', 'x"].T @ (2 * given)')])
def test_a_dict_of_gradients_is_paired_with_that_of_parameters(was: str, wrong: str) -> None:
    rng = np.random.default_rng(4)
    for made, right in ((Stage, True), (changed(Stage, was, wrong), False)):
        stages = [made(tg.Tensor(rng.normal(size=(3, 3)))) for _ in range(2)]
        miss = stages[1].forward(stages[0].forward(rng.normal(size=(5, 3))))
        E = 0.5 * (miss**2).sum()

        def back(stages: Any = stages, miss: Any = miss) -> None:
            stages[0].backward(stages[1].backward(miss))

        assert tg.check(E, back).ok is right


def by_columns(x: Any, y: Any, w: Any) -> Any:
    found = []
    for _ in w:
        found.append(sum([(w.dot(x[i]) - y[i]) for i in range(len(x))]) / len(x))
    return {"w": np.array(found)}


def test_an_edit_around_a_comprehension_is_one_that_only_a_run_tells() -> None:
    rng = np.random.default_rng(4)
    x, y, w = rng.normal(size=(5, 3)), rng.normal(size=5), tg.Tensor(rng.normal(size=3))
    E = 0.5 * ((x @ w - y) ** 2).sum() / 5
    assert not tg.check(E, by_columns, names=locals()).ok


def lists_of_heads(x: Any, miss: Any, q_bars: Any, k_bars: Any) -> Any:
    mean_grad_w_q, mean_grad_w_k = [], []
    for q, k in zip(q_bars, k_bars, strict=True):
        to_q, to_k = x.T @ (miss * k), x.T @ (miss * q)
        mean_grad_w_q.append(to_q / len(x))
        mean_grad_w_k.append(to_k / len(x))
    return mean_grad_w_q, mean_grad_w_k


def test_lists_are_of_those_whose_words_they_abbreviate() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(5, 3))
    w_query = [tg.Tensor(rng.normal(size=(3, 2))) for _ in range(2)]
    w_key = [tg.Tensor(rng.normal(size=(3, 2))) for _ in range(2)]
    q_bars, k_bars = [x @ w for w in w_query], [x @ w for w in w_key]
    out = q_bars[0] * k_bars[0] + q_bars[1] * k_bars[1]
    miss = out - rng.normal(size=(5, 2))
    E = 0.5 * (miss**2).sum() / 5
    assert tg.check(E, lists_of_heads, names=locals()).ok
    (mistake,) = tg.check(
        E, changed(lists_of_heads, "(miss * k)", "(miss * q)"), names=locals()
    ).wrong
    assert mistake.by == "edit"
