"""Which parameters a module finds, and which it refuses: it passes none over."""

import collections
import functools
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn


def leaf():
    return tg.Tensor(np.ones(2))


def objects(*entries):
    array = np.empty((1, len(entries)), dtype=object)
    for i, entry in enumerate(entries):
        array[0, i] = entry
    return array


class Holder(nn.Module):
    """A module with one attribute."""

    def __init__(self, a):
        self.a = a

    def forward(self, x):
        return x


@dataclass
class Weights:
    W: tg.Tensor = field(default_factory=leaf)
    rest: list = field(default_factory=lambda: [leaf()])


class Slotted(nn.Module):
    __slots__ = ("W",)

    def __init__(self):
        self.W = leaf()


class OfTheClass(nn.Module):
    W = leaf()


Pair = collections.namedtuple("Pair", "left right")


class Plain:
    def __init__(self):
        self.W = leaf()


FOUND = {
    "list": (lambda: [leaf(), 1.0, [leaf()]], ["a.0", "a.2.0"]),
    "tuple": (lambda: (leaf(), None), ["a.0"]),
    "namedtuple": (lambda: Pair(leaf(), leaf()), ["a.0", "a.1"]),
    "dict": (lambda: {"x": leaf(), 3: leaf()}, ["a.x", "a.3"]),
    "deque": (lambda: collections.deque([leaf()]), ["a.0"]),
    "UserList": (lambda: collections.UserList([leaf()]), ["a.0"]),
    "UserDict": (lambda: collections.UserDict(x=leaf()), ["a.x"]),
    "ChainMap": (lambda: collections.ChainMap({"x": leaf()}), ["a.x"]),
    "mappingproxy": (lambda: MappingProxyType({"x": leaf()}), ["a.x"]),
    "view": (lambda: {"x": leaf()}.values(), ["a.0"]),
    "dataclass": (Weights, ["a.W", "a.rest.0"]),
    "namespace": (lambda: SimpleNamespace(W=leaf()), ["a.W"]),
    "object array": (
        lambda: objects(leaf(), nn.LayerNorm(2)),
        ["a.0.0", "a.0.1.scale", "a.0.1.shift"],
    ),
    "slot": (Slotted, ["a.W"]),
    "class attribute": (OfTheClass, ["a.W"]),
    "Value": (lambda: tg.Value(1.0), ["a"]),
    "constant": (lambda: leaf().detach(), []),
    "plain data": (lambda: ["text", {1, 2}, np.ones(3), range(10**12), print, np.exp], []),
}


@pytest.mark.parametrize("kind", FOUND)
def test_found_where_it_has_a_name(kind):
    make, paths = FOUND[kind]
    model = Holder(make())
    assert [path for path, _ in model.named_parameters()] == paths
    assert all(isinstance(p, (tg.Value, tg.Tensor)) for p in model.parameters())


def closes_over(W):
    return lambda x: x * W


def keyword_only(W):
    def scaled(x, *, w=W):
        return x * w

    return scaled


class Private:
    """An object of no known kind, with all that it holds out of sight."""

    __slots__ = ("_W",)

    def __init__(self, W):
        self._W = [W]


HIDDEN = {
    "set": (lambda W: {W}, "a is a set that holds a Tensor without a name"),
    "key of a dict": (lambda W: {W: 1.0}, "a is a dict that holds a Tensor"),
    "frozenset in a list": (lambda W: [frozenset({W})], "a.0 is a frozenset that holds a Tensor"),
    "module in a set": (lambda W: {Holder(W)}, "a is a set that holds a Holder"),
    "items of a dict": (lambda W: {1: [W]}.items(), "a is a dict_items that holds a Tensor"),
    "plain object": (
        lambda W: SimpleNamespace(block=type("Block", (), {"W": W})()),
        "a.block is a Block that holds a Tensor without a name; keep it in a Module",
    ),
    "private object": (Private, "a is a Private that holds a Tensor"),
    "closure": (closes_over, "a is a function that holds a Tensor"),
    "default": (lambda W: lambda x, w=W: x * w, "a is a function that holds a Tensor"),
    "keyword": (keyword_only, "a is a function that holds a Tensor"),
    "partial": (lambda W: functools.partial(tg.add, W), "a is a partial that holds a Tensor"),
    "keyword of a partial": (lambda W: functools.partial(tg.add, y=W), "a is a partial that holds"),
    "method of a module": (lambda W: Holder(W).forward, "a is a method that holds a Holder"),
    "iterator": (lambda W: iter([W]), "a is a list_iterator that holds a Tensor"),
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_refused_where_it_has_none(kind):
    hide, message = HIDDEN[kind]
    model = Holder(hide(leaf()))
    for ask in (model.parameters, model.state_dict, model.zero_grad, model.eval):
        with pytest.raises(TypeError) as caught:
            ask()
        assert str(caught.value).startswith(f"Holder: {message}")
    model._a = model.__dict__.pop("a")  # the way out that the message states
    assert model.parameters() == []


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_hides_but_has_a_name_elsewhere_is_found_there(kind):
    hide, _ = HIDDEN[kind]
    W = leaf()
    model = Holder(W)
    hidden = hide(W)
    model.also = hidden
    if "module" in kind:
        model.module = next(iter(hidden)) if isinstance(hidden, set) else hidden.__self__
    assert [path for path, _ in model.named_parameters()] == ["a"]


def test_an_optimiser_refers_to_parameters_and_names_none():
    model = Holder(tg.optim.SGD([leaf()]))
    with pytest.raises(TypeError, match="a is a SGD that holds a Tensor without a name"):
        model.parameters()
    (model.W,) = model.a.parameters
    assert [path for path, _ in model.named_parameters()] == ["W"]


def test_a_name_that_a_function_has_not_met_yet():
    def calls_later(x):
        return later(x)

    assert Holder(calls_later).parameters() == []
    later = leaf()
    with pytest.raises(TypeError, match="a is a function"):
        Holder(calls_later).parameters()


def test_a_lambda_between_layers_hides_nothing():
    model = nn.Sequential(nn.Linear(2, 2), lambda x: 2 * x, closes_over(0.5))
    assert len(model.parameters()) == 2


# --- results in a parameter's place


@pytest.mark.parametrize("put", [lambda W: W, lambda W: [W], lambda W: {"x": (W,)}])
def test_a_parameter_scaled_at_the_start_is_refused(put):
    model = Holder(put(leaf() * 0.1))
    for _ in range(2):
        with pytest.raises(TypeError, match="is the result of multiply, not a leaf"):
            model.parameters()
        model(1.0)  # a call does not hide it


def test_the_line_of_the_message_works():
    model = Holder(leaf() * 0.1)
    with pytest.raises(TypeError, match=r"self\.a = tg\.Tensor\(self\.a\.data\)"):
        model.parameters()
    model.a = tg.Tensor(model.a.data)
    assert [p.data.tolist() for p in model.parameters()] == [[0.1, 0.1]]


def test_a_parameter_made_of_another_is_refused_after_a_call_too():
    model = Holder(leaf())
    model.b = model.a * leaf()
    model(1.0)
    with pytest.raises(TypeError, match="b is the result of multiply"):
        model.parameters()


def test_a_parameter_replaced_after_a_call_is_refused():
    layer = nn.Linear(2, 2, rng=0)
    layer(np.ones(2))
    layer.W = 0.5 * layer.W
    with pytest.raises(TypeError, match="W is the result of multiply"):
        layer.parameters()


def test_what_forward_keeps_is_passed_over():
    class Keeps(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2, rng=0)
            self.losses = []

        def forward(self, x):
            self.h = tg.tanh(self.layer(x))
            self.losses.append(self.h.sum())
            return self.losses[-1]

    model = Keeps()
    model(tg.Tensor(np.ones(2)))
    assert [path for path, _ in model.named_parameters()] == ["layer.W", "layer.b"]


# --- parameters() of one's own


def test_own_parameters_of_a_part_need_an_attribute():
    class Own(nn.Module):
        def __init__(self):
            self._k = tg.Value(2.0)

        def parameters(self):
            return [self._k]

    assert len(Own().parameters()) == 1
    with pytest.raises(
        TypeError, match=r"a\.parameters\(\) has a Value that no attribute leads to"
    ):
        Holder(Own()).parameters()


def test_more_than_a_neuron_is_searched():
    model = nn.MLP(2, [2, 1])
    before = model.parameters()
    assert before == [p for _, p in model.named_parameters()]
    model.layers[0].gain = tg.Value(1.0)
    assert len(model.layers[0].parameters()) == 7
    model.gain = tg.Value(1.0)
    assert len(model.parameters()) == len(before) + 2


def test_deep_models_do_not_recurse():
    model = Holder(leaf())
    for _ in range(5000):
        model = Holder([model])
    assert len(model.parameters()) == 1
    assert len(model.modules()) == 5001
