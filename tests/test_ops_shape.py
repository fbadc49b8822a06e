"""Moving entries: repeated indices, every kind of index, joining, padding, errors."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg


def test_an_entry_picked_twice_receives_both_gradients():
    x = tg.Tensor([1.0, 2.0, 3.0])
    (x[[0, 0, 2]] * np.array([10.0, 20.0, 30.0])).sum().backward()
    np.testing.assert_array_equal(x.grad, [30.0, 0.0, 30.0])


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        slice(1, None),
        slice(None, None, -1),
        ...,
        None,
        (0, slice(None)),
        (..., 1),
        (None, 0, ..., None),
        ([0, 1], [2, 2]),
        (slice(None), [2, 0]),
        np.array([[0, 1], [1, 0]]),
        np.array([True, False]),
        (np.array([[True, False, True], [False, True, False]])),
        (0, np.array([True, False, True])),
        np.int64(1),
    ],
    ids=str,
)
def test_every_kind_of_index(index):
    data = np.arange(6.0).reshape(2, 3)
    x = tg.Tensor(data)
    y = x[index]
    np.testing.assert_array_equal(y.data, data[index])
    G = np.arange(1.0, 1 + y.size).reshape(y.shape)
    y.backward(G)
    expected = np.zeros((2, 3))
    np.add.at(expected, index, G)
    np.testing.assert_array_equal(x.grad, expected)


def test_a_view_is_not_shared_with_the_gradient():
    x = tg.Tensor(np.ones((2, 2)))
    x.T.sum().backward()
    x.grad[0, 0] = 7.0
    assert x.grad[1, 1] == 1.0


def test_lists_are_joined_with_their_gradients():
    a, b = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0])
    c = tg.concat([a, b, np.array([9.0])], axis=0)
    np.testing.assert_array_equal(c.data, [1, 2, 3, 9])
    (c * np.array([1.0, 2.0, 3.0, 4.0])).sum().backward()
    np.testing.assert_array_equal(a.grad, [1, 2])
    np.testing.assert_array_equal(b.grad, [3])


def test_the_same_tensor_twice_in_a_list():
    a = tg.Tensor([1.0, 2.0])
    (tg.stack([a, a], axis=1) * np.array([[1.0, 10.0], [2.0, 20.0]])).sum().backward()
    np.testing.assert_array_equal(a.grad, [11, 22])


def test_values_and_numbers_are_stacked_into_a_tensor():
    a, b = tg.Value(2.0), tg.Value(3.0)
    t = tg.stack([a, 1.0, b * b])
    assert isinstance(t, tg.Tensor)
    (t * np.array([1.0, 2.0, 3.0])).sum().backward()
    assert (a.grad, b.grad) == (1.0, 18.0)


def test_pad_constant_and_gradient_of_the_inside_only():
    x = tg.Tensor([[1.0, 2.0]])
    y = tg.pad(x, ((1, 0), (0, 2)), 5.0)
    np.testing.assert_array_equal(y.data, [[5, 5, 5, 5], [1, 2, 5, 5]])
    y.backward(np.arange(8.0).reshape(2, 4))
    np.testing.assert_array_equal(x.grad, [[4, 5]])


def test_a_diagonal_matrix_of_infinities_has_zeros_beside_it():
    np.testing.assert_array_equal(
        tg.diag(np.array([np.inf, 2.0])), np.array([[np.inf, 0.0], [0.0, 2.0]])
    )


def test_moves_keep_float32_and_do_not_copy_their_input():
    x = tg.Tensor(np.ones((2, 3), dtype=np.float32))
    for y in (x.T, x.reshape(6), x[0], tg.flip(x), tg.broadcast_to(x, (4, 2, 3))):
        assert y.dtype == np.float32
        assert np.shares_memory(y.data, x.data)


ERRORS = [
    (lambda x: tg.reshape(x, (4, 4)), ValueError, r"reshape: x \(2, 3\)"),
    (lambda x: tg.permute_dims(x, (0, 0)), ValueError, r"permute_dims: x \(2, 3\)"),
    (lambda x: tg.broadcast_to(x, (2, 4)), ValueError, r"broadcast_to: x \(2, 3\)"),
    (lambda x: x[5], IndexError, r"getitem: x \(2, 3\).*out of bounds"),
    (lambda x: tg.take(x, [7], axis=0), IndexError, r"take: x \(2, 3\).*out of bounds"),
    (lambda x: tg.take(x, [0]), ValueError, "take.*axis is needed for 2 axes"),
    (lambda x: tg.concat([x, np.ones((2, 2))], axis=0), ValueError, r"concat: x \(2, 3\)"),
    (lambda x: tg.concat([x, x], axis=None), ValueError, "axis must be an integer"),
    (lambda x: tg.concat([]), TypeError, "concat: needs at least one input"),
    (lambda x: tg.stack([x, 1.0]), ValueError, r"stack: x \(2, 3\), 1.0"),
    (lambda x: tg.pad(x, -1), ValueError, "pad.*cannot be negative"),
    (lambda x: tg.pad(x, ((1, 1),) * 3), ValueError, r"pad: x \(2, 3\).*or 2 pairs"),
    (lambda x: tg.pad(x, 1.5), ValueError, "pad.*must be an integer"),
    (lambda x: tg.roll(x, 1.5), TypeError, r"roll: x \(2, 3\)"),
    (lambda x: tg.tril(x[0]), ValueError, "tril.*takes matrices, not 1 axes"),
    (lambda x: tg.triu(x[0]), ValueError, "triu.*takes matrices, not 1 axes"),
    (lambda x: tg.diag(tg.Tensor(np.ones((2, 2, 2)))), ValueError, "diag.*vector or a matrix"),
    (lambda x: tg.flip(x, axis=4), IndexError, r"flip: x \(2, 3\)"),
    (lambda x: tg.astype(x, np.int64), TypeError, r"astype: x \(2, 3\).*only floating dtypes"),
    (lambda x: x.astype("bool"), TypeError, "only floating dtypes"),
    (lambda x: tg.concat([x, x], 0, 1), TypeError, "concat: 2 settings given, it takes 1"),
    (lambda x: tg.reshape(x), TypeError, "reshape: the setting shape is missing"),
]


@pytest.mark.parametrize(("f", "kind", "message"), ERRORS)
def test_errors_name_the_op_and_the_input(f, kind, message):
    with pytest.raises(kind, match=message):
        f(tg.Tensor(np.ones((2, 3)), name="x"))
