"""Nodes: what they keep, the contexts they are made in, and the topological order."""

from __future__ import annotations

import random

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value
from tinygrad_lite.graph.node import topological_order


def test_a_result_keeps_op_inputs_operands_and_settings():
    x = Tensor([[1.0, 2.0]], name="x")
    y = tg.sum(x, axis=1, keepdims=True)
    assert y.op is tg.sum
    assert y.inputs == (x,)
    assert y.operands[0] is x.data
    assert y.params == {"axis": 1, "keepdims": True}
    assert (y.is_leaf, y.constant, y.name, y.shape) == (False, False, None, (1, 1))
    assert list(y.parents()) == [x]


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_constants_among_the_inputs(kind):
    x = kind(3.0)
    y = 2.0 / x
    assert y.op is tg.divide
    assert y.inputs[0] == 2.0
    assert not isinstance(y.inputs[0], kind)
    assert y.inputs[1] is x
    assert [float(a) for a in y.operands] == [2.0, 3.0]
    assert list(y.parents()) == [x]


def test_three_inputs_on_a_value():
    a, b = Value(1.0), Value(2.0)
    y = tg.where(True, a, b)
    assert y.inputs[1:] == (a, b)
    y.backward()
    assert (a.grad, b.grad) == (1.0, 0.0)


def test_names_can_be_set():
    y = Value(2.0) * 3
    assert y.name is None
    y.name = "y"
    assert y.name == "y"
    assert "name='y'" in repr(y)


# --- contexts


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_scopes_nest(kind):
    x = kind(1.0)
    with tg.scope("net"):
        a = x * 2
        with tg.scope("layer"):
            b = a * 2
        c = b * 2
    d = c * 2
    assert [n.scope for n in (x, a, b, c, d)] == [(), ("net",), ("net", "layer"), ("net",), ()]


def test_contexts_combine_and_end_with_exceptions():
    x = Value(1.0)
    with tg.scope("s"), tg.no_grad():
        a = x * 2
        with tg.enable_grad(), tg.debug():
            b = x * 2
    assert a.constant
    assert not b.constant
    assert b.scope == ("s",)
    assert b.line.endswith("b = x * 2")
    with pytest.raises(KeyError), tg.scope("s"):
        raise KeyError
    assert (x * 2).scope == ()
    assert (x * 2).line is None


def test_a_context_can_be_entered_again_inside_itself():
    x, s = Value(1.0), tg.scope("s")
    with s:
        with s:
            assert (x * 2).scope == ("s", "s")
        assert (x * 2).scope == ("s",)
    assert (x * 2).scope == ()


# --- the order


def random_graph(seed, n=60):
    chance = random.Random(seed)
    nodes = [Value(float(i)) for i in range(3)]
    for _ in range(n):
        a, b = chance.choice(nodes), chance.choice(nodes)
        nodes.append(chance.choice([lambda: a + b, lambda: a * 0.5, lambda: a - b])())  # noqa: B023
    return nodes


@pytest.mark.parametrize("seed", range(10))
def test_consumers_come_before_their_inputs(seed):
    nodes = random_graph(seed)
    roots = nodes[-3:]
    order = topological_order(*roots)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    for node in order:
        for x in node.parents():
            assert place[node] < place[x]
    reached, stack = set(), list(roots)
    while stack:
        node = stack.pop()
        if node not in reached:
            reached.add(node)
            stack.extend(node.parents())
    assert reached == set(order)


def test_order_of_one_leaf_and_of_repeated_roots():
    x = Value(1.0)
    y = x * x
    assert topological_order(x) == [x]
    assert topological_order(y, y, x) == [y, x]


def test_an_order_of_depth_does_not_recurse():
    y = Tensor(np.ones(1))
    for _ in range(20_000):
        y = -y
    assert len(topological_order(y)) == 20_001
