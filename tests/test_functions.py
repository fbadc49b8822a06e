"""Composites against NumPy, in value and gradient, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from test_rules import close, inner, slope

import tinygrad_lite as tg


def check(f, reference, *inputs):
    """f has the reference's value; its gradient agrees with differences of the reference."""
    rng = np.random.default_rng(0)
    leaves = [tg.Tensor(x) for x in inputs]
    y = f(*leaves)
    expected = reference(*inputs)
    assert y.shape == np.shape(expected)
    close(y.data, expected, rtol=1e-12)
    G = rng.normal(size=y.shape)
    y.backward(G)
    for i, x in enumerate(leaves):
        d = rng.normal(size=x.shape)
        alone = [d if j == i else None for j in range(len(leaves))]
        close(inner(x.grad, d), slope(lambda xs: inner(G, reference(*xs)), inputs, alone))


X = np.random.default_rng(1).normal(size=(3, 4))
CUBE = np.random.default_rng(2).normal(size=(2, 3, 4))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("name", ["var", "std"])
def test_var_and_std(name, axis, keepdims, correction):
    ours, numpys = getattr(tg, name), getattr(np, name)
    check(
        lambda x: ours(x, axis, correction, keepdims),
        lambda x: numpys(x, axis=axis, ddof=correction, keepdims=keepdims),
        X,
    )


def test_std_of_equal_entries_has_gradient_zero():
    x = tg.Tensor(np.ones(3))
    tg.std(x).backward()
    np.testing.assert_array_equal(x.grad, np.zeros(3))


@pytest.mark.parametrize(
    ("x", "ord", "axis"),
    [
        (X[0], None, None),
        (X[0], 1, None),
        (X[0], 2, None),
        (X[0], np.inf, None),
        (X[0], -np.inf, None),
        (X, None, None),
        (X, "fro", None),
        (X, 1, None),
        (X, np.inf, None),
        (X, 2, 0),
        (X, 1, -1),
        (X, np.inf, 1),
        (CUBE, 1, (1, 2)),
        (CUBE, np.inf, (0, 2)),
        (CUBE, "fro", (-1, 0)),
        (CUBE, None, None),
    ],
)
@pytest.mark.parametrize("keepdims", [False, True])
def test_norm(x, ord, axis, keepdims):
    def reference(x):
        return np.linalg.norm(x, ord, axis, keepdims)

    check(lambda x: tg.norm(x, ord, axis, keepdims), reference, x)


@pytest.mark.parametrize("ord", [None, 1, 2, np.inf])
def test_norm_of_zero_has_gradient_zero(ord):
    x = tg.Tensor(np.zeros(3))
    tg.norm(x, ord).backward()
    np.testing.assert_array_equal(x.grad, np.zeros(3))


@pytest.mark.parametrize(("x", "ord"), [(CUBE, 1), (CUBE, "fro"), (X[0], "fro"), (X[0], "nuc")])
def test_norms_that_are_not_there_are_refused(x, ord):
    with pytest.raises(ValueError, match=r"norm: ord=.* is not supported"):
        tg.norm(tg.Tensor(x), ord)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("iii->i", [(2, 2, 2)]),
        ("ij->ji", [(2, 3)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("i,j,k->kji", [(2,), (3,), (4,)]),
        ("ijk,k->ij", [(2, 3, 4), (4,)]),
        ("iij,jk->ki", [(2, 2, 3), (3, 4)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("ij,kl", [(2, 3), (4, 5)]),
        ("ba, bc", [(3, 2), (3, 4)]),
        ("i,i,i->i", [(3,), (3,), (3,)]),
        (",i->i", [(), (3,)]),
    ],
)
def test_einsum(subscripts, shapes, rng):
    inputs = [rng.normal(size=shape) for shape in shapes]
    check(lambda *xs: tg.einsum(subscripts, *xs), lambda *xs: np.einsum(subscripts, *xs), *inputs)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "message"),
    [
        ("ij,j", [(2, 3), (4,)], "'j' in 'ij,j' is 3 and 4 long"),
        ("ij", [(2, 3), (3,)], "is for 1 operands, got 2"),
        ("ij", [(2,)], "does not fit the shape"),
        ("i->j", [(2,)], "must name letters of"),
        ("i->ii", [(2,)], "each once"),
        ("i...j", [(2,)], "does not fit the shape"),
    ],
)
def test_einsum_refuses(subscripts, shapes, message):
    with pytest.raises(ValueError, match=message):
        tg.einsum(subscripts, *(tg.Tensor(np.ones(s)) for s in shapes))


@pytest.mark.parametrize(
    ("f", "reference", "x"),
    [
        (lambda x: tg.squeeze(x), np.squeeze, X[:, None, :1]),
        (lambda x: tg.squeeze(x, -2), lambda x: np.squeeze(x, -2), X[:, None]),
        (lambda x: tg.expand_dims(x), lambda x: np.expand_dims(x, 0), X),
        (lambda x: tg.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1)), X),
        (tg.flatten, np.ravel, CUBE),
        (tg.matrix_transpose, np.matrix_transpose, CUBE),
        (lambda x: tg.swapaxes(x, 0, -1), lambda x: np.swapaxes(x, 0, -1), CUBE),
        (lambda x: tg.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), CUBE),
        (lambda x: tg.moveaxis(x, (0, 2), (1, 0)), lambda x: np.moveaxis(x, (0, 2), (1, 0)), CUBE),
        (
            lambda x: tg.take_along_axis(x, [[0, 0], [3, 1], [2, 2]], 1),
            lambda x: np.take_along_axis(x, np.array([[0, 0], [3, 1], [2, 2]]), 1),
            X,
        ),
    ],
)
def test_arrangements(f, reference, x):
    check(f, reference, x)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: tg.squeeze(x, 0), r"axis 0 of shape \(3, 4\) is not of length 1"),
        (lambda x: tg.norm(x, axis=2), "axis 2 is out of bounds for 2 axes"),
        (lambda x: tg.squeeze(x, 5), "squeeze: axis 5 for 2 axes"),
        (lambda x: tg.expand_dims(x, (0, 0)), "names a place twice"),
        (lambda x: tg.swapaxes(x, 0, 2), "swapaxes: axis 2 for 2 axes"),
        (lambda x: tg.moveaxis(x, (0, 1), 0), "do not pair"),
        (lambda x: tg.take_along_axis(x, [0], 0), "must have the 2 axes of x"),
        (lambda x: tg.var(x, correction=12), "12 entries are too few for correction=12"),
        (lambda x: tg.std(x[:0]), "std: 0 entries are too few"),
        (
            lambda x: tg.dot(tg.expand_dims(x), x),
            r"tensordot: .* \[4\] and \[3\] differ",
        ),
    ],
)
def test_arrangements_refuse(f, message):
    with pytest.raises((ValueError, IndexError), match=message):
        f(tg.Tensor(X))


def test_einsum_wants_its_subscripts_first():
    with pytest.raises(TypeError, match="the subscripts come first"):
        tg.einsum(tg.Tensor(X), "ij")


def test_dot():
    check(tg.dot, np.dot, X[0], X[1])
    check(tg.dot, np.dot, X, X[1])
    check(tg.dot, np.dot, np.array(2.0), X)


def test_slogdet():
    A = tg.Tensor([[0.0, 2.0], [3.0, 1.0]])
    sign, logabsdet = tg.slogdet(A)
    np.testing.assert_allclose(sign.data * np.exp(logabsdet.data), -6.0)
    (sign + logabsdet).backward()
    np.testing.assert_allclose(A.grad, np.linalg.inv(A.data).T)


def test_asarray_joins_nodes():
    a, t = tg.Value(2.0), tg.Tensor([1.0, 2.0])
    grid = tg.asarray([[a, 1], [a * a, np.float32(3.0)]])
    np.testing.assert_array_equal(grid.data, [[2, 1], [4, 3]])
    (grid * np.array([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()
    assert a.grad == 1 + 100 * 4
    rows = tg.asarray([t, t * 2, [7.0, 8.0]])
    np.testing.assert_array_equal(rows.data, [[1, 2], [2, 4], [7, 8]])
    rows.sum().backward()
    np.testing.assert_array_equal(t.grad, [3, 3])


def test_asarray_of_plain_data_is_a_constant():
    assert type(tg.asarray([1, 2])) is np.ndarray
    t = tg.Tensor([1.0])
    assert tg.asarray(t) is t


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[tg.Value(1.0)], [1.0, 2.0]], r"differ in shape: \(1,\) and \(2,\)"),
        ([[tg.Value(1.0)], 2.0], r"differ in shape: \(\) and \(1,\)"),
        ([tg.Tensor([1.0, 2.0]), tg.Value(1.0)], r"differ in shape: \(\) and \(2,\)"),
    ],
)
def test_asarray_refuses_ragged_lists(data, message):
    with pytest.raises(ValueError, match=message):
        tg.asarray(data)


@pytest.mark.parametrize(
    "f",
    [tg.var, tg.std, tg.norm, lambda x: tg.norm(x, 1), lambda x: tg.einsum("ij,kj->ik", x, x)],
)
def test_float32_stays_float32(f):
    x = tg.Tensor(X.astype(np.float32))
    y = f(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_questions_about_values_are_plain():
    x = tg.Tensor([[1.0, np.nan], [np.inf, 0.0]])
    assert tg.isnan(x).tolist() == [[False, True], [False, False]]
    assert tg.isinf(x).tolist() == [[False, False], [True, False]]
    assert tg.isfinite(x).tolist() == [[True, False], [False, True]]
    t = tg.Tensor(X)
    assert t.argmax(1).tolist() == X.argmax(1).tolist()
    assert tg.argmin(t) == X.argmin()
    assert tg.isnan(tg.Value(np.nan))
    assert tg.argmax(tg.Value(3.0)) == 0
    assert tg.argmax([1.0, 3.0]) == 1


METHODS = [
    (lambda x: x.norm(), np.linalg.norm),
    (lambda x: x.std(0), lambda x: x.std(0)),
    (lambda x: x.cumsum(1), lambda x: x.cumsum(1)),
    (lambda x: x.clip(-0.5, 0.5), lambda x: x.clip(-0.5, 0.5)),
    (lambda x: x.transpose(), np.transpose),
    (lambda x: x.permute_dims(1, 0), np.transpose),
    (lambda x: x.flatten(), np.ravel),
    (lambda x: x.expand_dims(1).squeeze(), lambda x: x),
    (lambda x: x.swapaxes(0, 1), np.transpose),
    (lambda x: x.take([1, 1], 0), lambda x: x[[1, 1]]),
    (lambda x: x[:, :3].trace(), lambda x: np.trace(x[:, :3])),
    (lambda x: x.diagonal(1), lambda x: x.diagonal(1)),
    (lambda x: x.dot(x[0]), lambda x: x @ x[0]),
    (lambda x: x.max(0) - x.min(0) + x.prod(0), lambda x: x.max(0) - x.min(0) + x.prod(0)),
    (lambda x: x.softmax().log_softmax(0), None),
]


@pytest.mark.parametrize(("f", "reference"), METHODS)
def test_methods(f, reference):
    def softmaxes(x):
        p = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
        return p - np.log(np.exp(p).sum(0))

    check(f, reference or softmaxes, X)


def test_a_transformer_block_against_differences(rng):
    """Ops and composites together: attention, layer norm, gelu and cross-entropy over a batch."""
    labels = rng.integers(0, 4, (2, 3))

    def loss(x, Q, K, V, W, b):
        q, k, v = x @ Q, x @ K, x @ V
        attended = tg.softmax(q @ tg.matrix_transpose(k) / 2.0) @ v
        centred = attended - tg.mean(attended, -1, True)
        normed = centred / tg.sqrt(tg.var(attended, -1, keepdims=True) + 1e-5)
        return tg.cross_entropy(tg.linear(tg.gelu(normed + x), W, b), labels)

    shapes = [(2, 3, 4), (4, 4), (4, 4), (4, 4), (4, 4), (4,)]
    inputs = [rng.normal(size=s) for s in shapes]
    leaves = [tg.Tensor(x) for x in inputs]
    loss(*leaves).backward(record=True)
    V, U = ([rng.normal(size=s) for s in shapes] for _ in range(2))
    for i, x in enumerate(leaves):
        alone = [V[i] if j == i else None for j in range(len(leaves))]
        close(inner(x.grad.data, V[i]), slope(lambda xs: float(loss(*xs)), inputs, alone))
    along = sum((x.grad * v).sum() for x, v in zip(leaves, V, strict=True))

    def along_gradient(moved):
        grads = tg.grad(loss, tuple(range(len(moved))))(*moved)
        return sum(inner(g, v) for g, v in zip(grads, V, strict=True))

    for x in leaves:
        x.zero_grad()
    along.backward()
    hvp = sum(inner(x.grad, u) for x, u in zip(leaves, U, strict=True))
    close(hvp, slope(along_gradient, inputs, U), rtol=1e-6)


def test_an_average_with_weights_of_another_shape_says_its_axis():
    with pytest.raises(TypeError, match=r"weights \(3,\) for \(2, 3\) say no axis"):
        np.average(tg.Tensor(np.ones((2, 3))), weights=np.ones(3))
