"""What no name pairs: what is left over in the end, in functions that are called too, and lists and
dicts that stand for others."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
import pytest
from test_code_lines import verdicts
from test_referee_lines import changed, defined

import tinygrad_lite as tg
from tinygrad_lite.__main__ import main


def vectors() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(2)
    queryVector, keyVectors = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=(5, 3)))
    chosen = [1, 3, 1]
    scores = keyVectors @ queryVector
    return -tg.log(tg.sigmoid(scores[np.array(chosen)])).sum(), locals()


def attended(queryVector: Any, keyVectors: Any, chosen: Any) -> Any:
    rest = 1 / (1 + np.exp(keyVectors[chosen] @ queryVector))
    gradQuery = -rest @ keyVectors[chosen]
    gradKeyVecs = np.zeros(keyVectors.shape)
    for k, i in enumerate(chosen):
        gradKeyVecs[i] += -rest[k] * queryVector
    return gradQuery, gradKeyVecs


@pytest.mark.parametrize(
    ("was", "wrong", "line"),
    [("gradQuery = -rest", "gradQuery = rest", 3), ("[i] += -rest", "[i] = -rest", 6)],
)
def test_a_shortened_name_stands_for_the_leaf_that_nothing_else_does(
    was: str, wrong: str, line: int
) -> None:
    E, names = vectors()
    report = tg.check(E, attended, names=names)
    assert report.ok
    assert {3, 6} <= {f.line for f in report}
    (mistake,) = tg.check(E, changed(attended, was, wrong), names=names).wrong
    assert (mistake.line, mistake.by) == (line, "edit")


def unrelated(queryVector: Any, keyVectors: Any) -> Any:
    rest = 1 / (1 + np.exp(keyVectors[[1, 3, 1]] @ queryVector))
    dqueryVector = -rest @ keyVectors[[1, 3, 1]]
    keyVectors_mean = keyVectors - keyVectors.mean()
    return dqueryVector, keyVectors_mean


def test_what_does_not_read_like_a_gradient_is_none() -> None:
    E, names = vectors()
    assert tg.check(E, unrelated, names=names).ok


def to_the_input(x: Any, W: Any, h: Any, t: Any) -> Any:
    dh = 2 * (h - t) * (1 - h**2)
    return x.T @ dh


def test_the_gradient_of_what_an_activation_is_computed_from_may_have_its_name() -> None:
    rng = np.random.default_rng(0)
    x, t, W = rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), tg.Tensor(rng.normal(size=(3, 2)))
    h = tg.tanh(x @ W)
    E = ((h - t) ** 2).sum()
    assert tg.check(E, to_the_input).ok
    (mistake,) = tg.check(
        E, changed(to_the_input, "x.T @ dh", "x.T @ dh / 4"), names=locals()
    ).wrong
    assert mistake.line == 3


class Step:
    """Plain descent, which keeps no gradient."""

    def moved(self, w: Any, by: Any) -> Any:
        return w - 0.1 * by


class Layer:
    def __init__(self, weights: Any, bias: Any) -> None:
        self.weights, self.bias = weights, bias
        self.step = Step()

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.tanh(x @ self.weights + self.bias)

    def backward(self, y: Any, dy: Any) -> Any:
        dz = dy * (1 - y**2)
        weights = self.weights
        d_w = self.x.T @ dz
        d_bias = dz.sum(axis=0)
        self.weights = self.step.moved(self.weights, d_w)
        self.bias = self.step.moved(self.bias, d_bias)
        return dz @ weights.T


def stack(kind: type[Layer] = Layer) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    shapes = ((3, 4), (4, 2))
    leaves = [(tg.Tensor(rng.normal(size=s)), tg.Tensor(rng.normal(size=s[1]))) for s in shapes]
    first, second = (kind(*pair) for pair in leaves)
    t = rng.normal(size=(5, 2))
    h = first.forward(tg.Tensor(rng.normal(size=(5, 3))))
    y = second.forward(h)

    def by_hand() -> None:
        first.backward(h, second.backward(y, 2 * (y - t)))

    return ((y - t) ** 2).sum(), by_hand


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        ("(1 - y**2)", "(1 - y)"),
        ("self.x.T @ dz", "self.x.T @ dy"),
        ("dz.sum(axis=0)", "dz.mean(axis=0)"),
    ],
)
def test_names_in_a_method_that_is_called_stand_for_its_own_leaves(was: str, wrong: str) -> None:
    E, by_hand = stack()
    assert tg.check(E, by_hand).ok
    text = "\n\n".join(map(inspect.getsource, (Step, Layer)))
    assert text.count(was) == 1
    E, by_hand = stack(defined(text.replace(was, wrong), Layer))
    report = tg.check(E, by_hand)
    assert [f.line for f in report.wrong] == [2]
    assert report.wrong[0].mended_at == "Layer.backward"
    assert ast.unparse(ast.parse(was)) in ast.unparse(ast.parse(report.fixed()))


class Listed:
    """What is trained and its gradients in two lists, the gradients written into."""

    def __init__(self, *params: Any) -> None:
        self.params = list(params)
        self.grads = [np.zeros(p.shape) for p in params]

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout: Any) -> Any:
        W, _ = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ W.T


def listed(kind: type[Listed] = Listed) -> tuple[Any, Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    layer = kind(tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=4)))
    dout = rng.normal(size=(5, 4))
    E = (layer.forward(rng.normal(size=(5, 3))) * dout).sum()
    return E, layer.backward, {"dout": dout}


def test_a_list_of_gradients_stands_for_the_list_beside_it() -> None:
    E, backward, names = listed()
    report = tg.check(E, backward, names=names)
    assert report.ok
    assert {3, 4} <= {f.line for f in report}
    text = inspect.getsource(Listed).replace("self.x.T @ dout", "self.x.T @ dout * 2")
    E, backward, names = listed(defined(text, Listed))
    (mistake,) = tg.check(E, backward, names=names).wrong
    assert mistake.mended == "self.grads[0][...] = self.x.T @ dout"


class Cell:
    """One step in time, which keeps its share of the gradient."""

    def __init__(self, W: Any) -> None:
        self.params, self.grads = [W], [np.zeros(W.shape)]

    def forward(self, x: Any, h: Any) -> Any:
        self.before, self.h = h, np.tanh(x + h @ self.params[0])
        return self.h

    def backward(self, dh: Any) -> Any:
        dz = dh * (1 - self.h**2)
        self.grads[0][...] = self.before.T @ dz
        return dz @ self.params[0].T


class Chain:
    def __init__(self, W: Any) -> None:
        self.W, self.dW = W, np.zeros(W.shape)

    def forward(self, xs: Any) -> Any:
        self.cells, self.h = [], np.zeros((2, 3))
        for x in xs:
            self.cells.append(Cell(self.W))
            self.h = self.cells[-1].forward(x, self.h)
        return tg.stack([cell.h for cell in self.cells])

    def backward(self, dhs: Any) -> None:
        dh, total = 0, 0
        for t in reversed(range(len(dhs))):
            dh = self.cells[t].backward(dhs[t] + dh)
            total = total + self.cells[t].grads[0]
        self.dW, self.dh = total, dh


def chained(kind: type[Chain] = Chain) -> Any:
    rng = np.random.default_rng(0)
    chain = kind(tg.Tensor(rng.normal(size=(3, 3))))
    dhs = rng.normal(size=(4, 2, 3))
    E = (chain.forward(rng.normal(size=(4, 2, 3))) * dhs).sum()
    return tg.check(E, chain.backward, names={"dhs": dhs})


def test_a_share_of_a_sum_and_a_carry_are_no_claims() -> None:
    report = chained()
    assert report.ok
    assert verdicts(report) == {6: "right"}


def test_the_sum_of_the_shares_is_judged() -> None:
    text = "\n\n".join(map(inspect.getsource, (Cell, Chain)))
    report = chained(defined(text.replace("dhs[t] + dh)", "dhs[t])"), Chain))
    assert [f.line for f in report.wrong] == [6]


def handed_on(x: Any, W: Any, b: Any, y: Any) -> Any:
    dz = 2 * (x @ W + b - y)
    return both(x, dz, W)


def both(x: Any, dz: Any, W: Any) -> Any:
    dW = x.T @ dz
    db = dz.sum(axis=0)
    return dW, db


def test_what_a_called_function_returns_has_the_names_that_it_has_there() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    W, b = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=2))
    E = ((x @ W + b - y) ** 2).sum()
    assert tg.check(E, handed_on).ok
    text = "\n\n".join(map(inspect.getsource, (handed_on, both)))
    wrong = defined(text.replace("dz.sum(axis=0)", "dz.mean(axis=0)"), handed_on)
    (mistake,) = tg.check(E, wrong, names=locals()).wrong
    assert (mistake.line, mistake.mended_at) == (3, "both")


SCRIPT = """\
import numpy as np
import tinygrad_lite as tg
rng = np.random.default_rng(0)
P = {"W": tg.Tensor(rng.normal(size=(3, 2))), "b": tg.Tensor(rng.normal(size=2))}
x = rng.normal(size=(4, 3))
h = tg.tanh(x @ P["W"] + P["b"])
noise = rng.normal(size=h.shape)
loss = ((h - noise) ** 2).sum()
values = {k: p.data for k, p in P.items()}
dh = 2 * (h.data - noise) * (1 - h.data**2)
G = {}
G["W"], G["b"] = x.T @ dh, dh.sum(axis=0)
"""


@pytest.mark.parametrize("name", ["G", "changes"])
def test_a_dict_of_gradients_in_a_file_is_judged_by_its_keys(
    name: str, tmp_path: Any, capsys: Any
) -> None:
    path = tmp_path / "hw.py"
    path.write_text(SCRIPT.replace("G", name))
    assert main(["check", str(path)]) == 0
    path.write_text(SCRIPT.replace("G", name).replace("x.T @ dh", "x.T @ dh / 2"))
    assert main(["check", str(path)]) == 1
    assert "1 mistake, in line 12;" in capsys.readouterr().out


def in_a_dict(x: Any, W: Any, b: Any, t: Any) -> Any:
    grads = {"W": np.zeros_like(W), "b": np.zeros_like(b)}
    dz = 2 * (x @ W + b - t)
    grads["W"] += x.T @ dz
    grads["b"] += dz.sum(axis=1)[:2]
    return grads


def test_a_gradient_that_is_0_at_first_is_not_taken_for_a_bias_that_is_0() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    W, b = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(np.zeros(2))
    E = ((x @ W + b - t) ** 2).sum()
    assert [f.line for f in tg.check(E, in_a_dict).wrong] == [5]


def dense_pull(dy: Any, W: Any, x: Any) -> Any:
    dW = x.T @ dy
    return dW, dy @ W.T


def penalised(made: Any, weights: Any, inputs: Any, g: Any) -> Any:
    found = []
    for W, x in zip(weights[::-1], inputs[::-1], strict=True):
        dW, g = made(g, W, x)
        dW += 0.2 * W
        g = g * (1 - x**2)
        found.append(dW)
    return found


def deep() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(7)
    x, t = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    W, V = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=(4, 2)))
    h = tg.tanh(x @ W)
    y = h @ V
    E = 0.5 * ((y - t) ** 2).sum() + 0.1 * ((W**2).sum() + (V**2).sum())
    return E, {"weights": [W, V], "inputs": [x, h], "y": y, "t": t}


@pytest.mark.parametrize(
    ("was", "wrong", "where"),
    [
        ("", "", ""),
        ("dW += 0.2 * W", "dW += 0.2", "penalised"),
        ("dW = x.T @ dy", "dW = x.T @ dy / 5", "dense_pull"),
        ("dy @ W.T", "dy @ W.T * x", "dense_pull"),
    ],
)
def test_a_part_that_more_is_added_to_is_not_what_is_left_over(
    was: str, wrong: str, where: str
) -> None:
    """A helper finds what the data give, its caller adds what a penalty does, layer by layer."""
    E, names = deep()
    of = {"dense_pull": dense_pull, "penalised": penalised}
    used = {n: changed(f, was, wrong) if n == where else f for n, f in of.items()}

    def backward(weights: Any, inputs: Any, y: Any, t: Any) -> Any:
        return used["penalised"](used["dense_pull"], weights, inputs, y - t)

    wrongs = tg.check(E, backward, names=names).wrong
    assert len(wrongs) == bool(was)
    assert all(f.by == "edit" and where in f.mended_at for f in wrongs)


def unlike(x: Any, u: Any, v: Any, y: Any, t: Any) -> Any:
    d_first = x.T @ ((y - t) @ v.T)
    g_second = (x @ u).T @ (y - t)
    return d_first, g_second


@pytest.mark.parametrize(
    ("was", "wrong"), [("@ v.T)", "@ v.T) / 2"), ("(x @ u).T @ (y - t)", "(x @ u).T @ y")]
)
def test_a_result_is_that_of_the_only_leaf_it_can_be_of(was: str, wrong: str) -> None:
    """Its name is unlike the leaf's, its shape is that of no other."""
    rng = np.random.default_rng(5)
    x, t = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    u, v = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(3, 2)))
    y = x @ u @ v
    E = 0.5 * ((y - t) ** 2).sum()
    assert tg.check(E, unlike, names=locals()).ok
    (mistake,) = tg.check(E, changed(unlike, was, wrong), names=locals()).wrong
    assert mistake.by == "edit"


def in_lists(x: Any, w: Any, y: Any) -> Any:
    dx, dw = [], [0.0] * 3
    for i in range(2):
        row = []
        for j in range(3):
            dw[j] += 2 * y[i] * x[i][j]
            row.append(2 * y[i] * w[j])
        dx.append(row)
    return dx, dw


@pytest.mark.parametrize("wrong", ["2 * y[i] + w[j]", "y[i] * w[j]"])
def test_lists_of_lists_are_gradients_of_arrays(wrong: str) -> None:
    rng = np.random.default_rng(8)
    x, w = tg.Tensor(rng.normal(size=(2, 3))), tg.Tensor(rng.normal(size=3))
    y = x @ w
    E = (y**2).sum()
    assert tg.check(E, in_lists).ok
    assert not tg.check(E, changed(in_lists, "2 * y[i] * w[j]", wrong), names=locals()).ok
