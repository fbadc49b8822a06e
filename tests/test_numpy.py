"""NumPy's own functions on nodes: they record, they agree with NumPy, or they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value

rng = np.random.default_rng(0)
A = rng.uniform(0.1, 0.9, size=(3, 3))
B = rng.uniform(0.1, 0.9, size=(3, 3))
S = A @ A.T + np.eye(3)
T = rng.uniform(0.1, 0.9, size=(2, 3, 3))


CALLS = [
    lambda a, b, s, t: np.add.reduce(a),
    lambda a, b, s, t: np.add.reduce(a, 1, keepdims=True),
    lambda a, b, s, t: np.multiply.reduce(t, axis=(0, 2)),
    lambda a, b, s, t: np.maximum.reduce(a, axis=None),
    lambda a, b, s, t: np.minimum.reduce(a),
    lambda a, b, s, t: np.logaddexp.reduce(a),
    lambda a, b, s, t: np.add.reduce(a, where=A > 0.5, initial=1.0),
    lambda a, b, s, t: np.add.accumulate(a),
    lambda a, b, s, t: np.multiply.accumulate(t, axis=2),
    lambda a, b, s, t: np.maximum.accumulate(t, axis=1),
    lambda a, b, s, t: np.logaddexp.accumulate(a),
    lambda a, b, s, t: np.subtract.outer(a, B[0]),
    lambda a, b, s, t: np.hypot.outer(A[0], b),
    lambda a, b, s, t: np.sum(a, 0, None, None, True),
    lambda a, b, s, t: np.sum(a=t, axis=(0, -1), keepdims=True),
    lambda a, b, s, t: np.sum(a, dtype=np.float32),
    lambda a, b, s, t: np.sum(a, 0, np.float32, out=None),
    lambda a, b, s, t: np.mean(a, dtype=np.float64, out=None),
    lambda a, b, s, t: np.sum(a, where=A > 0.5),
    lambda a, b, s, t: np.prod(a, axis=1, where=A > 0.5, initial=3.0),
    lambda a, b, s, t: np.max(a, where=A > 0.5, initial=0.6),
    lambda a, b, s, t: np.exp(a, dtype=np.float32, out=None),
    lambda a, b, s, t: np.stack([a, b], dtype=np.float32, casting="same_kind"),
    lambda a, b, s, t: np.sort(a, kind="stable"),
    lambda a, b, s, t: np.add(a, [[1, 2, 3]]),
    lambda a, b, s, t: np.maximum([0.5, 0.2, 0.7], b),
    lambda a, b, s, t: np.dot([1, 2, 3], b),
    lambda a, b, s, t: np.linalg.vecdot(t, b, axis=-1),
    lambda a, b, s, t: np.transpose(a[0], 0),
    lambda a, b, s, t: np.moveaxis(t, [0, 1], [1, 0]),
    lambda a, b, s, t: np.clip(a, a_min=0.3, a_max=None),
    lambda a, b, s, t: np.einsum("nij,jk->nki", t, a, optimize="greedy"),
    lambda a, b, s, t: a % 0.3 + 0.7 % a + a // 0.3 + 2 // a + divmod(a, 0.3)[1] + divmod(1, a)[0],
]


@pytest.mark.parametrize("call", CALLS)
def test_numpy_functions_record_and_agree(call):
    """Forms of a call; the functions by themselves are in test_numpy_calls."""
    nodes = [Tensor(a) for a in (A, B, S, T)]
    recorded = call(*nodes)
    expected = call(A, B, S, T)
    assert isinstance(recorded, Tensor)
    assert recorded.op is not None
    assert recorded.shape == np.shape(expected)
    assert recorded.dtype == expected.dtype
    np.testing.assert_allclose(recorded.data, expected, rtol=1e-6)


def test_gradients_flow():
    W = Tensor(A)
    (np.exp(W) + np.linalg.norm(W)).sum().backward()
    np.testing.assert_allclose(W.grad, np.exp(A) + 9 * A / np.linalg.norm(A), rtol=1e-12)
    W.zero_grad()
    (np.ones((2, 3)) @ W).sum().backward()
    np.testing.assert_array_equal(W.grad, np.full((3, 3), 2.0))
    W.zero_grad()
    u = Tensor(B)
    np.where(A > 0.5, W, np.concatenate([u, W])[:3]).sum().backward()
    np.testing.assert_array_equal(W.grad, A > 0.5)
    np.testing.assert_array_equal(u.grad, A <= 0.5)


def test_transforms_see_numpy_functions():
    f = tg.grad(lambda x: np.sum(np.tanh(x) ** 2))
    np.testing.assert_allclose(f(A), 2 * np.tanh(A) * (1 - np.tanh(A) ** 2), rtol=1e-12)


def test_ufuncs_on_a_value():
    v = Value(0.5)
    for y in (np.exp(v), np.float64(2.0) * v, np.int32(2) * v, np.power(v, 2), np.maximum(v, 0.0)):
        assert isinstance(y, Value)
    y = np.tanh(v) * np.float64(3.0)
    y.backward()
    assert v.grad == pytest.approx(3 * (1 - np.tanh(0.5) ** 2))
    assert isinstance(np.multiply(np.ones(3), v), Tensor)
    assert isinstance(np.stack([v, v]), Tensor)
    assert isinstance(np.where(True, v, 0.0), Value)


def test_a_node_to_fill_an_array_with_is_refused():
    """full_like's answer is plain, so the gradient of what it is filled with would be lost."""
    for fill in (Value(2.0), Tensor(2.0)):
        with pytest.raises(TypeError, match="full_like: a node would lose its gradient; use tg"):
            np.full_like(Tensor([1.0, 2.0]), fill_value=fill)


def test_an_object_array_of_values_keeps_its_nodes():
    a, b = Value(2.0), Value(3.0)
    total = (np.array([a, b]) * np.array([10.0, 100.0])).sum()
    total.backward()
    assert (a.grad, b.grad) == (10.0, 100.0)


OPERATORS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a**b,
    lambda a, b: a % b,
]


@pytest.mark.parametrize("operator", OPERATORS)
def test_pandas_on_either_side_is_data(operator, needs):
    pandas = needs("pandas")
    for held, t in [(pandas.DataFrame(A), Tensor(B)), (pandas.Series(A[0]), Tensor(B[0]))]:
        for scalar in (t, Tensor(2.0), Value(2.0)):
            array = held.to_numpy()
            for y, expected in [
                (operator(held, scalar), operator(array, scalar)),
                (operator(scalar, held), operator(scalar, array)),
            ]:
                assert isinstance(y, Tensor)
                np.testing.assert_array_equal(y.data, expected.data)


def test_what_converts_its_right_operand_names_the_way_out(needs):
    sparse = needs("scipy.sparse")
    for call in (lambda m, t: m @ t, lambda m, t: m.dot(t), lambda m, t: t @ m, lambda m, t: m + t):
        with pytest.raises(TypeError, match=r"toarray\(\)"):
            call(sparse.csr_array(A), Tensor(B))
    frame = needs("pandas").DataFrame(A)
    with pytest.raises(TypeError, match=r"frame\.to_numpy\(\) @ t"):
        frame @ Tensor(B)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.isnan(t),
        lambda t: np.greater(t, 0.5),
        lambda t: t > 0.5,
        lambda t: np.argmax(t, axis=1),
        lambda t: np.argsort(t),
        lambda t: np.nonzero(t),
        lambda t: np.shape(t),
        lambda t: np.ndim(t),
        lambda t: np.size(t),
        lambda t: np.allclose(t, A),
        lambda t: np.array_equal(t, A),
        lambda t: np.any(np.isfinite(t)),
        lambda t: np.zeros_like(t),
        lambda t: np.full_like(t, 7.0),
        lambda t: np.searchsorted(np.sort(A[0]), t[0]),
        lambda t: np.array2string(t),
    ],
)
def test_questions_without_a_gradient_get_plain_answers(call):
    recorded, expected = call(Tensor(A)), call(A)
    assert type(recorded) is type(expected)
    np.testing.assert_array_equal(recorded, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: np.spacing(t), r"np\.spacing has no derivative rule .*spacing\(t\.data\)"),
        (lambda t: np.histogram(t), r"np\.histogram: .* what is counted \(a\); .*weights"),
        (lambda t: np.mean(t, where=[True] * 7), r"where: booleans \(7,\) do not broadcast to"),
        (lambda t: np.bincount(t[0]), r"np\.bincount: .* what is counted \(x\); take t\.data"),
        (lambda t: np.bincount([0, 1], weights=t[0]), r"bincount: weights \(3,\) for data \(2,\)"),
        (lambda t: np.histogram([1.0, 2], weights=t[0]), r"weights \(3,\) for data \(2,\)"),
        (lambda t: np.histogram2d([1.0], [1.0], weights=t[0]), r"\(3,\) for data \(1,\)"),
        (
            lambda t: np.save("t.npy", t),
            r"np\.save stores plain arrays; write np\.save\(file",
        ),
        (lambda t: np.sum(t, dtype=int), r"only floating dtypes"),
        (lambda t: np.max(t, where=A > 0.5), r"np\.max: where= takes initial="),
        (lambda t: np.pad(t, 1, mode="reflect", reflect_type="odd"), r"np\.pad: mode='reflect'"),
        (lambda t: np.quantile(A, t[0], method="lower"), r"np\.quantile: q has no gradient"),
        (lambda t: np.put(t, 0, 1.0), r"np\.put writes into an array.*tg\.where"),
        (lambda t: np.linalg.svd(t, hermitian=True), r"svd: hermitian= is not supported"),
        (lambda t: np.copyto(np.ones((3, 3)), t), r"np\.copyto writes"),
        (lambda t: np.sum(t, out=np.ones(())), r"np\.sum: out= is not supported"),
        (lambda t: np.exp(t, where=A > 0.5), r"np\.exp: where= is not supported"),
        (lambda t: np.exp(A, out=t), r"np\.exp: .*updated in place"),
        (lambda t: np.add(A, t, out=np.ones((3, 3))), r"np\.add: .*a = a \+ t"),
        (lambda t: np.subtract.accumulate(t), r"np\.subtract\.accumulate has no"),
        (lambda t: np.add.at(np.ones(3), [0], t), r"np\.add\.at writes.*tg\.put_at"),
    ],
)
def test_what_is_not_supported_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(Tensor(A))
