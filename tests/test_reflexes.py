"""Habits from elsewhere: each is refused with a line that works, and the line does work."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.optimize

import tinygrad_lite as tg
from tinygrad_lite.graph import reflexes


@pytest.fixture
def space():
    """The names that the lines use."""
    t, v = tg.Tensor([[0.5, 1.0, 2.0], [1.5, -1.0, 0.25]]), tg.Value(2.0)
    return {
        "np": np,
        "tg": tg,
        "t": t,
        "v": v * v,
        "E": (t * v).sum(),
        "data": np.ones((2, 3)),
        "scipy": scipy,
        "model": tg.nn.Linear(2, 2),
        "optimizer": tg.optim.SGD(tg.nn.Linear(2, 2).parameters()),
        "epoch": 20,
        "indices": np.array([0, 1]),
        "labels": np.ones((2, 3)),
    }


ROWS = [
    *(("Tensor", name, line) for name, line in reflexes.NODES.items()),
    *(("Module", name, line) for name, line in reflexes.PARTS.items()),
    *(("keyword", name, line) for name, line in reflexes.KEYWORDS.items()),
    *(
        (module, name, line)
        for module, lines in reflexes.MODULES.items()
        for name, line in lines.items()
    ),
]


@pytest.mark.parametrize(("where", "name", "line"), ROWS, ids=lambda x: x)
def test_the_line_works(where, name, line, space, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = space["model"]
    np.savez("model.npz", **model.state_dict())
    (model(np.ones((1, 2))) ** 2).sum().backward()
    if "take_along_axis" in line:
        space["indices"] = np.array([[0], [1]])
    exec(line, space)


def test_no_hint_hides_a_name_that_is_there():
    for kind in (tg.Tensor, tg.Value):
        assert not reflexes.NODES.keys() & {*dir(kind), *dir(kind(1.0))}
        for name in reflexes.NODES:
            assert name not in vars(kind)
            assert not hasattr(kind, name)
    model = tg.nn.Linear(3, 4)
    for held in (model, tg.nn.Sequential(model), tg.optim.SGD(model.parameters())):
        assert not any(hasattr(held, name) for name in reflexes.PARTS)
    for module, lines in reflexes.MODULES.items():
        held = {"nn": tg.nn, "optim": tg.optim}.get(module.rpartition(".")[2], tg)
        assert not lines.keys() & {*dir(held)}


def test_what_reads_all_that_is_listed_reads_a_node():
    for node in (tg.Value(1.0), T):
        assert {"data", "backward"} <= dict(inspect.getmembers(node)).keys()


def test_renamed_keywords_lead_to_keywords():
    taken = set()
    for function in [tg.Value, *vars(tg.Tensor).values(), tg.Tensor.backward, tg.Tensor.clip]:
        if callable(function):
            taken |= inspect.signature(function).parameters.keys()
    assert {*reflexes.RENAMED.values()} <= taken
    assert not reflexes.RENAMED.keys() & taken - {"p"}


T, V = tg.Tensor([[1.0, 2.0]]), tg.Value(1.0)


@pytest.mark.parametrize(
    ("habit", "kind", "message"),
    [
        (lambda: T.view(2, 1), AttributeError, "'Tensor' .* 'view'; write t.reshape"),
        (lambda: T.t(), AttributeError, "'t'; write t.T"),
        (lambda: T.numpy(), AttributeError, "write t.data  # plain: the gradient stops there"),
        (lambda: V.requires_grad, AttributeError, "'Value' .* 'requires_grad'; write not t.const"),
        (lambda: setattr(T, "requires_grad", True), AttributeError, "'requires_grad'; write not"),
        (lambda: T.unheard_of, AttributeError, "no attribute 'unheard_of'$"),
        (lambda: T.sum(dim=0), TypeError, "sum: no keyword dim=; write axis="),
        (lambda: tg.sum(T, dim=0), TypeError, "sum: .*'dim' .*; write axis="),
        (lambda: T.var(dim=0), TypeError, "var: no keyword dim=; write axis="),
        (lambda: T.mean(0, keepdim=True), TypeError, "mean: .*write keepdims="),
        (lambda: V.backward(retain_graph=True), TypeError, "backward: .*retain_graph=; write E"),
        (lambda: tg.Tensor([1], requires_grad=True), TypeError, "Tensor: .*requires_grad=; write"),
        (lambda: tg.Tensor([1], dtype=np.float32), TypeError, r"dtype=; write tg.Tensor\(np.as"),
        (lambda: tg.Value(1, label="a"), TypeError, "Value: no keyword label=; write name="),
        (lambda: tg.Value(1, nonsense="a"), TypeError, "Value: no keyword nonsense=$"),
        (lambda: tg.rand((2, 3)), AttributeError, r"'rand'; write tg.Tensor\(np.random"),
        (lambda: tg.MLP(2, [1]), AttributeError, "'tinygrad_lite' .* 'MLP'; write tg.nn.MLP"),
        (lambda: tg.SGD, AttributeError, "write tg.optim.SGD"),
        (lambda: tg.nn.ReLU(), AttributeError, "tinygrad_lite.nn.*'ReLU'; write tg.nn.Sequential"),
        (lambda: tg.nn.Unheard, AttributeError, "no attribute 'Unheard'$"),
        (lambda: tg.tensor([1.0]), AttributeError, r"'tensor'; write tg.Tensor\(\[1.0, 2.0\]\)"),
        (lambda: tg.save(T), AttributeError, r"write np.savez\('model.npz', \*\*model.state"),
        (lambda: tg.optim.RMSprop([T]), AttributeError, r"'RMSprop'; write tg.optim.Adam"),
        (lambda: tg.nn.Linear(3, 4).weight, AttributeError, "'Linear' .* 'weight'; write model.W"),
        (lambda: tg.nn.Linear(3, 4).unheard, AttributeError, "no attribute 'unheard'$"),
        (lambda: tg.optim.SGD([T]).param_groups, AttributeError, "'SGD' .*; write optimizer.lr"),
        (lambda: tg.optim.SGD(T), TypeError, r"SGD: parameters is one node; pass a list, \[t\]"),
        (lambda: tg.optim.SGD([{"params": [T]}]), TypeError, "a dict, .*an optimiser of its own"),
        (lambda: len(tg.Tensor(1.0)), TypeError, "a Tensor without axes; t.size counts"),
        (lambda: tg.unheard_of, AttributeError, "no attribute 'unheard_of'$"),
    ],
)
def test_habits_are_met_with_the_line_that_works(habit, kind, message):
    with pytest.raises(kind, match=message):
        habit()


def test_no_message_recommends_data_without_a_word_on_the_gradient():
    for _, name, line in ROWS:
        if ".data" in line and "=" not in line.partition("  #")[0]:
            assert "gradient stops" in line or name == "device", line


# --- the lecture on micrograd


def trace(root):
    """The walk over the graph that the lecture draws."""
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def test_the_lectures_walk_over_the_graph():
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0)
    e = (a * b + a).tanh()
    e.backward()
    nodes, edges = trace(e)
    assert len(nodes) == 5
    assert (a, e) not in edges
    assert sorted(f"{n._op}|{n.label}|{n.grad:.1f}" for n in nodes if n._op or n.label)[0] == (
        f"add||{1 - e.data**2:.1f}"
    )
    assert (a._op, a.label, b.label, a._prev) == ("", "a", "", set())
    with pytest.raises(AttributeError, match=r"write v\.name = 'L'"):
        e.label = "L"


def test_an_unused_parameter_has_no_gradient():
    """micrograd's is 0; here None tells a parameter that the loss does not reach from one whose
    gradient is 0, and why_no_grad says which link is missing."""
    p, q = tg.Value(1.0, name="p"), tg.Value(2.0, name="q")
    loss = q * q
    loss.backward()
    assert p.grad is None
    assert "p is not in the graph of loss" in loss.why_no_grad(p)
