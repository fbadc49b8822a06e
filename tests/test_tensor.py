"""`Tensor`: wrapping, gradients and who owns them, mutation, indexing, copies."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor

# --- wrapping


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1, 2], np.float64),
        (3, np.float64),
        (np.float32(3), np.float32),
        (np.arange(3), np.float64),
        (np.array([True, False]), np.float64),
        (np.ones(2, np.float32), np.float32),
        (np.ones(2, np.float16), np.float16),
        ([[1.0, 2.0]], np.float64),
        ([], np.float64),
        (np.ones((0, 3)), np.float64),
    ],
)
def test_wrapping(data, dtype):
    t = Tensor(data)
    assert t.dtype == dtype
    assert t.shape == np.shape(data)
    np.testing.assert_array_equal(t.data, data)
    assert (t.grad, t.op, t.inputs, t.is_leaf, t.constant) == (None, None, (), True, False)


def test_float32_stays_float32():
    t = Tensor(np.ones(3, np.float32))
    y = (2 * t + 1.5) ** 2 / 3
    assert y.dtype == np.float32
    y.sum().backward()
    assert t.grad.dtype == np.float32


def test_repr_and_format():
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(Tensor([1.0, 2.0], name="w")) == "Tensor([1., 2.], name='w')"
    assert f"{Tensor([1.0])}" == "Tensor([1.])"
    assert f"{Tensor([[1.25]]):.1f}" == "1.2"
    with pytest.raises(TypeError, match=r"takes one number, not shape \(2,\)"):
        f"{Tensor([1.0, 2.0]):.1f}"


def test_sequence_protocol():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(t) == 2
    first, second = t
    (first * 10 + second).sum().backward()
    np.testing.assert_array_equal(t.grad, [[10.0, 10.0], [1.0, 1.0]])
    assert 3.0 in t
    assert 5.0 not in t
    with pytest.raises(TypeError, match="0-d"):
        iter(Tensor(1.0))


def test_comparisons_and_hash():
    t, u = Tensor([1.0, 2.0]), Tensor([1.0, 3.0])
    np.testing.assert_array_equal(t == u.data, [True, False])
    np.testing.assert_array_equal(t == u, [True, False])
    np.testing.assert_array_equal(t != u, [False, True])
    assert t in [t]
    np.testing.assert_array_equal(t != 1, [False, True])
    np.testing.assert_array_equal(t < u, [False, True])
    np.testing.assert_array_equal(t <= 2, [True, True])
    assert len({t, u, t}) == 2
    with pytest.raises(ValueError, match="ambiguous"):
        bool(t == u)
    assert bool(Tensor([1.0]))


def test_a_mask_may_be_asked_of_two_nodes():
    """As of where the largest entry lies, which two nodes that are never one would call nowhere."""
    x = Tensor([[1.0, 4.0, 2.0], [5.0, 3.0, 5.0]])
    np.where(x == x.max(axis=1, keepdims=True), x, 0).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 1, 0], [1, 0, 1]])
    x.zero_grad()
    np.where(x != x.max(), x, 0).sum().backward()
    np.testing.assert_array_equal(x.grad, [[1, 1, 1], [0, 1, 0]])
    with pytest.raises(ValueError, match=r"equal: x \(2, 3\) and .*\(2,\) do not broadcast"):
        x == x.max(axis=1)  # noqa: B015


# --- gradients


def test_every_node_keeps_its_gradient():
    x = Tensor([1.0, 2.0])
    y = x * x
    z = y + x
    E = (z * z).sum()
    E.backward()
    np.testing.assert_array_equal(z.grad, 2 * z.data)
    np.testing.assert_array_equal(y.grad, z.grad)
    np.testing.assert_array_equal(x.grad, z.grad * (2 * x.data + 1))
    assert E.grad == 1.0


def test_grad_is_an_array_of_the_nodes_shape():
    """Zero-dimensional ones too: NumPy's arithmetic turns those into scalars."""
    s, x = Tensor(2.0), Tensor([1.0, 2.0])
    q = s * s
    r = q * q + q
    (r * x).sum().backward()
    first = s.grad.copy()
    (2 * s).backward()
    assert s.grad == first + 2.0
    for node in (s, x, q, r):
        assert type(node.grad) is np.ndarray
        assert node.grad.shape == node.shape
        assert node.grad.dtype == node.dtype
    assert first == 3 * (4 * 8 + 2 * 2)


def test_twice_backward_is_exactly_twice():
    rng = np.random.default_rng(1)
    W, x = Tensor(rng.normal(size=(3, 3))), Tensor(rng.normal(size=3))
    v = W @ x
    E = (tg.tanh(v) * v).sum()
    E.backward()
    once = W.grad.copy(), x.grad.copy(), v.grad.copy()
    E.backward()
    np.testing.assert_array_equal(W.grad, 2 * once[0])
    np.testing.assert_array_equal(x.grad, 2 * once[1])
    np.testing.assert_array_equal(v.grad, once[2])


def test_leaves_accumulate_over_losses():
    w = Tensor([1.0, 2.0])
    for k in (1.0, 10.0):
        (w * k).sum().backward()
    np.testing.assert_array_equal(w.grad, [11.0, 11.0])
    w.zero_grad()
    assert w.grad is None


def test_a_leaf_used_by_many_and_twice_by_one():
    x = Tensor([3.0])
    (x * x + x * x * x + x).sum().backward()
    assert x.grad == 2 * 3 + 3 * 9 + 1


def test_broadcasting_sums_back():
    a, b, c = Tensor(np.ones((4, 1, 3))), Tensor(np.ones((2, 1))), Tensor(2.0)
    (a * b * c).sum().backward()
    np.testing.assert_array_equal(a.grad, np.full((4, 1, 3), 4.0))
    np.testing.assert_array_equal(b.grad, np.full((2, 1), 24.0))
    assert c.grad == 24.0


GRAPHS = [
    lambda a, b: a + b,
    lambda a, b: (a + b) + a,
    lambda a, b: a - b,
    lambda a, b: a * 1 + b,
    lambda a, b: (a + 1).reshape(2, 3).T.reshape(6) + b,
    lambda a, b: tg.concat([a, b]),
    lambda a, b: tg.stack([a, b]),
    lambda a, b: tg.broadcast_to(a, (2, 6)) + b,
    lambda a, b: a[:] + b[::-1],
]


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("given", [True, False])
def test_leaf_gradients_alias_nothing(graph, given):
    """Users clip gradients in place. That must not reach any other array."""
    a, b = Tensor(np.arange(6.0)), Tensor(np.arange(6.0) + 1)
    mid = graph(a, b)
    out = mid if given else mid.sum()
    upstream = np.ones(mid.shape) if given else None
    out.backward(upstream)
    before = b.grad.copy()
    arrays = [b.grad, mid.grad, out.grad, a.data, b.data, mid.data]
    arrays += [] if upstream is None else [upstream]
    for other in arrays:
        assert not np.shares_memory(a.grad, other)
    a.grad *= 0.0  # raises where the array is read-only
    b.grad += 0.0
    np.testing.assert_array_equal(b.grad, before)


def test_a_rule_that_returns_an_operand_gives_it_not_away():
    @tg.primitive("half_square({0})")
    def half_square(xp, x):
        return 0.5 * xp.sum(x * x)

    half_square.pull(lambda xp, G, y, x: x)  # right where G is 1
    for x in (Tensor([1.0, 2.0]), Tensor([1.0, 2.0]) * 1):
        half_square(x).backward()
        np.testing.assert_array_equal(x.grad, x.data)
        assert not np.shares_memory(x.grad, x.data)


def test_a_leaf_as_the_loss():
    x = Tensor([1.0, 2.0])
    g = np.array([3.0, 4.0])
    x.backward(g)
    np.testing.assert_array_equal(x.grad, g)
    assert not np.shares_memory(x.grad, g)
    x.backward(g)
    np.testing.assert_array_equal(x.grad, 2 * g)


def test_a_gradient_can_be_set():
    x = Tensor([1.0, 2.0])
    x.grad = [1, 1]
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 5.0])


# --- constants


def test_plain_arrays_are_constants():
    x, c = Tensor([1.0, 2.0]), np.array([3.0, 4.0])
    y = x * c
    assert y.inputs[0] is x
    assert y.inputs[1] is c


def test_detach_stops_gradients_and_keeps_the_name():
    x = Tensor([1.0, 2.0], name="x")
    d = x.detach()
    assert d.constant
    assert d.name == "x"
    (x * d).sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0])
    assert d.grad is None
    assert (d * 2).constant


def test_no_grad_records_nothing():
    x = Tensor([1.0, 2.0])
    with tg.no_grad():
        y = x * x
        with tg.enable_grad():
            z = x * x
    assert y.op is None
    assert y.constant
    assert z.op is not None
    assert not (x * x).constant


def test_no_grad_decorates_a_function():
    @tg.no_grad()
    def predict(t):
        return t * 2

    t = Tensor([1.0])
    assert predict(t).constant
    assert not (t * 2).constant


def test_data_keeps_its_shape():
    """A graph recorded before, or a gradient, would be broadcast against the new shape."""
    t = Tensor(np.ones((3, 3)))
    (t * np.arange(9.0).reshape(3, 3)).sum().backward()
    with pytest.raises(
        ValueError, match=r"Tensor.data: shape \(3, 1\) for a Tensor of shape \(3, 3\); make"
    ):
        t.data = np.ones((3, 1))
    with pytest.raises(
        ValueError, match=r"Tensor.grad: shape \(3,\) for a Tensor of shape \(3, 3\)$"
    ):
        t.grad = np.ones(3)


def test_axes_are_given_one_by_one_or_together():
    t = Tensor(np.ones((2, 3, 4)))
    for make in (lambda *a: t.permute_dims(*a), lambda *a: t.transpose(*a)):
        assert [make(2, 0, 1).shape, make((2, 0, 1)).shape, make([2, 0, 1]).shape] == [
            (4, 2, 3)
        ] * 3


def test_no_grad_ends_with_an_exception():
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert (Tensor([1.0]) * 2).op is not None


# --- mutation


def test_setting_data_does_not_change_a_recorded_graph():
    w, x = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    E = (w * x * w).sum()
    w.data = np.array([100.0, 100.0])
    E.backward()
    np.testing.assert_array_equal(w.grad, [2 * 1 * 3.0, 2 * 2 * 4.0])
    np.testing.assert_array_equal(x.grad, [1.0, 4.0])


def test_training_loop_with_rebinding_and_in_place_steps():
    for step in (
        lambda p: setattr(p, "data", p.data - 0.1 * p.grad),
        lambda p: p.data.__isub__(0.1 * p.grad),
    ):
        w = Tensor([1.0, 2.0])
        for _ in range(100):
            w.zero_grad()
            ((w - 3.0) ** 2).sum().backward()
            step(w)
        np.testing.assert_allclose(w.data, [3.0, 3.0], rtol=1e-8)


# --- recorded gradients


def test_record_gives_gradients_as_nodes():
    x = Tensor([1.0, 2.0])
    y = (x**3).sum()
    y.backward(record=True)
    g = x.grad
    assert isinstance(g, Tensor)
    x.zero_grad()
    (g * g).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * 3 * x.data**2 * 6 * x.data)


# --- jacobians


def test_jacobian_of_an_intermediate(rng):
    W, x = Tensor(rng.normal(size=(3, 2))), Tensor(rng.normal(size=2))
    v = W @ x
    s = tg.tanh(v)
    np.testing.assert_allclose(s.jacobian(v), np.diag(1 - s.data**2))
    np.testing.assert_array_equal(v.jacobian(x), W.data)
    np.testing.assert_array_equal(v.jacobian(v), np.eye(3))
    assert W.grad is None
    scalar = tg.Value(2.0)
    np.testing.assert_array_equal((x * scalar).jacobian(scalar), x.data)
    np.testing.assert_array_equal((x * scalar).sum().jacobian(x), [2.0, 2.0])


# --- copies


def test_leaves_copy_and_pickle():
    x = Tensor([1.0, 2.0], name="x")
    (x * x).sum().backward()
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(twin.data, x.data)
        np.testing.assert_array_equal(twin.grad, x.grad)
        assert twin.name == "x"
        assert not np.shares_memory(twin.data, x.data)
    assert copy.copy(x).data is x.data
    assert pickle.loads(pickle.dumps(x.detach())).constant
    with pytest.raises(TypeError, match="a result of multiply cannot be copied"):
        copy.deepcopy(x * x)
