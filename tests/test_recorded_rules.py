"""A rule that is recorded can be read: masks, sizes, ones and one-hot labels say what they are."""

from __future__ import annotations

import numpy as np
import pytest
from domains import samples

import tinygrad_lite as tg
from tinygrad_lite.backprop.chain import contribution, is_constant
from tinygrad_lite.backprop.flow import sweep
from tinygrad_lite.backprop.replay import replay
from tinygrad_lite.graph.context import recording_rules
from tinygrad_lite.graph.node import Node, fresh, topological_order
from tinygrad_lite.ops import registry


def recorded(y, index):
    """What y hands to an input, as a graph of its inputs and of a cotangent G."""
    G = fresh(y, np.ones_like(y.data))
    with recording_rules():
        return G, contribution(y, index, G, record=True)


def arrays_within(c, allowed):
    """The plain arrays that a graph holds, beside those that its rule was given."""
    known = {id(a) for a in allowed}
    return [
        (node.op.name, x)
        for node in topological_order(c)
        for x in node.inputs
        if not isinstance(x, (Node, int, float)) and np.ndim(x) and id(x) not in known
        if node.op.name != "limit"  # which knows where the leaves' move changes nothing
    ]


@pytest.mark.parametrize("name", sorted(registry))
def test_a_recorded_rule_holds_no_array_of_unknown_origin(name):
    op = registry[name]
    rng = np.random.default_rng(0)
    for domain, case in samples(name):
        inputs = domain.inputs(case, rng)
        leaves = [tg.Tensor(x) if x.dtype.kind == "f" else x for x in inputs]
        y = op(*leaves, **case.settings)
        for index, x in enumerate(leaves):
            if not isinstance(x, Node) or (op.elementwise and is_constant(op, index)):
                continue
            G, c = recorded(y, index)
            nodes = topological_order(c)
            found = arrays_within(c, y.inputs)
            if name == "pow" and not isinstance(leaves[1], Node):
                found = [a for _, a in found if not np.isin(a, [leaves[1], leaves[1] - 1]).all()]
            assert not found, f"{name} {case}"
            for node in nodes:  # a leaf of it is an input, y itself or G
                assert node.op is not None or any(node is n for n in (G, *leaves)), (name, node)


def origins(c):
    return [node.op.name for node in topological_order(c) if node.op is not None and node.op.plain]


A, B = np.array([[-1.0, 2.0], [3.0, -4.0]]), np.array([[0.5, 2.0], [1.0, -5.0]])
MASKED = {
    "relu": (lambda x: tg.relu(x), {"greater"}),
    "leaky_relu": (lambda x: tg.leaky_relu(x), {"greater", "less_equal"}),
    "elu": (lambda x: tg.elu(x), {"greater", "ones_like"}),
    "maximum": (lambda x: tg.maximum(x, B), {"greater"}),
    "minimum": (lambda x: tg.minimum(x, B), {"less"}),
    "max": (lambda x: tg.max(x, axis=1), {"equal"}),
    "min": (lambda x: tg.min(x), {"equal"}),
    "clip": (lambda x: tg.clip(x, -2.0, 2.5), {"equal"}),
    "mean": (lambda x: tg.mean(x, axis=0), {"_entries"}),
    "trace": (lambda x: tg.trace(x), {"eye"}),
    "cross_entropy": (lambda x: tg.cross_entropy(x, np.array([0, 1])), {"one_hot", "_entries"}),
}


@pytest.mark.parametrize("name", MASKED)
def test_masks_and_sizes_keep_their_origin(name):
    f, expected = MASKED[name]
    _, c = recorded(f(tg.Tensor(A)), 0)
    assert expected <= set(origins(c))
    for node in topological_order(c):
        if node.op is not None and node.op.plain:
            assert node.constant


def test_relu_is_written_as_its_mask():
    x = tg.Tensor(A)
    _, c = recorded(tg.relu(x), 0)
    mask = next(n for n in topological_order(c) if n.op is not None and n.op.name == "greater")
    assert mask.inputs[0] is x
    assert mask.inputs[1] == 0
    assert mask.data.dtype == bool


def test_a_size_is_the_size_of_what_it_says():
    x = tg.Tensor(np.ones((3, 7)))
    _, c = recorded(x.mean(axis=1), 0)
    size = next(n for n in topological_order(c) if n.op is not None and n.op.name == "_entries")
    assert size.inputs == (x,)
    assert size.params == {"axis": 1}
    assert size.data == 7
    variance = tg.var(x)
    assert not any(
        7 in np.ravel(a) or 21 in np.ravel(a)
        for n in topological_order(variance)
        for a in n.operands
    ), "the size is no number of the graph"


def test_labels_of_a_fused_loss_written_out_are_one_hot_labels():
    labels = np.array([2, 0])
    loss = tg.cross_entropy(tg.Tensor(np.zeros((2, 3))), labels)
    twin = replay(loss, wide=True)[loss]
    one_hot = next(n for n in topological_order(twin) if n.op and n.op.name == "one_hot")
    assert one_hot.constant
    np.testing.assert_array_equal(one_hot.inputs[0], labels)
    np.testing.assert_array_equal(one_hot.data, np.eye(3)[labels])


def test_outside_of_rules_comparisons_and_fills_are_plain():
    x = tg.Tensor(A)
    for y in (x > 0, x <= B, x == 1.0, tg.greater(x, 0), tg.ones_like(x), tg.isnan(x)):
        assert type(y) is np.ndarray
    assert tg.greater(tg.Value(1.0), 0) == np.True_
    assert ~tg.greater(tg.Value(1.0), 0) == np.False_


def test_the_recording_sweep_can_be_seeded_with_a_node():
    x = tg.Tensor(A)
    y = tg.mean(tg.relu(x), axis=0)
    G = fresh(y, np.array([1.0, 10.0]))
    found = sweep(y, G, record=True)[x]
    np.testing.assert_array_equal(found.data, (A > 0) * [0.5, 5.0])
    found.sum().backward()
    np.testing.assert_array_equal(G.grad, (A > 0).sum(axis=0) / 2)
    seed = tg.Tensor(np.array([1.0, 10.0]))
    y.backward(seed, record=True)
    x.grad.sum().backward()
    np.testing.assert_array_equal(seed.grad, (A > 0).sum(axis=0) / 2)
