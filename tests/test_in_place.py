"""What is written into after it was used: never a mixture of old and new."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg


def recorded():
    W, x = tg.Tensor(np.array([[2.0, 1.0]])), tg.Tensor(np.array([3.0, -1.0]))
    h = W @ x
    return W, x, (h**2).sum(), (h * W.sum()).sum()


USES = {
    "backward": lambda loss, W, x: loss.backward(),
    "recorded backward": lambda loss, W, x: loss.backward(record=True),
    "jacobian": lambda loss, W, x: loss.jacobian(x),
    "check": lambda loss, W, x: tg.check(loss, {x: np.zeros(2)}),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("leaf", ["W", "x"])
def test_a_step_in_place_is_noticed(use, leaf):
    W, x, _, loss = recorded()
    changed = W if leaf == "W" else x
    changed.data -= 0.5
    with pytest.raises(RuntimeError, match=f"{leaf} .* was changed in place"):
        USES[use](loss, W, x)
    assert W.grad is None
    assert x.grad is None


@pytest.mark.parametrize("record", [False, True])
def test_a_step_in_place_of_a_constant_is_noticed(record):
    c, x = tg.Tensor([2.0]).detach(), tg.Tensor([3.0])
    loss = (x * c).sum()
    c.data += 1
    with pytest.raises(RuntimeError, match=r"c .* was changed in place"):
        loss.backward(record=record)
    assert x.grad is None


def test_a_graph_made_after_the_step_is_right():
    W, x, first, _ = recorded()
    first.backward()
    W.data -= 0.1 * W.grad
    W.zero_grad()
    h = W @ x
    (h**2).sum().backward()
    np.testing.assert_allclose(W.grad, 2 * (W.data @ x.data)[:, None] * x.data)
    W.data -= 0.1 * W.grad
    assert tg.check((W * 2.0).sum(), {W: np.full((1, 2), 2.0)})


def test_data_set_to_a_new_array_leaves_recorded_graphs_alone():
    W, x, _, second = recorded()
    expected = [
        g.copy() for g in tg.grad(lambda W, x: ((W @ x) * W.sum()).sum(), (0, 1))(W.data, x.data)
    ]
    W.data = W.data - 0.5
    second.backward()
    np.testing.assert_allclose(W.grad, expected[0])
    np.testing.assert_allclose(x.grad, expected[1])


def test_a_step_in_place_still_writes_into_what_is_wrapped():
    W = tg.Tensor(np.ones(3))
    held = W.data
    W.data -= 0.5
    np.testing.assert_array_equal(held, 0.5)
    np.testing.assert_array_equal(W.data, 0.5)


INDICES = {
    "integers": (np.array([0, 1]), np.array([2, 3])),
    "a list": ([0, 1], [2, 3]),
    "a mask": (np.array([True, True, False, False]), np.array([False, False, True, True])),
}


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize(
    "pick", [lambda x, i: x[i], lambda x, i: x[(i,)], lambda x, i: tg.getitem(x, index=i)]
)
def test_an_index_that_is_used_again(name, pick):
    first, second = INDICES[name]
    index = first.copy()
    x = tg.Tensor(np.zeros(4))
    y = pick(x, index).sum()
    index[:] = second
    y.backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 0, 0])


def test_take_and_labels_and_conditions_that_are_used_again():
    i, x = np.array([0, 1]), tg.Tensor(np.zeros(4))
    y = tg.take(x, i).sum()
    i[:] = 3
    y.backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 0, 0])

    t, z = np.array([0, 1]), tg.Tensor(np.zeros((2, 4)))
    loss = tg.cross_entropy(z, t)
    t[:] = 3
    loss.backward()
    np.testing.assert_allclose(z.grad[:, :2], [[-0.375, 0.125], [0.125, -0.375]])

    m, x = np.array([True, False]), tg.Tensor(np.ones(2))
    y = tg.where(m, x, 0.0).sum()
    m[:] = [False, True]
    y.backward()
    np.testing.assert_array_equal(x.grad, [1, 0])


def test_gradients_are_arrays_of_their_own():
    x = tg.Tensor(np.ones(3))
    y = x + 1.0
    z = y + 2.0
    (z * z).sum().backward()
    before = [n.grad.copy() for n in (x, y, z)]
    z.grad /= 2
    y.grad /= 4
    x.grad /= 8
    for n, g, k in zip((x, y, z), before, (8, 4, 2), strict=True):
        np.testing.assert_array_equal(n.grad, g / k)
