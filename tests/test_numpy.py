"""NumPy's own functions on nodes: they record, they agree with NumPy, or they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value, functions, ops, protocols

rng = np.random.default_rng(0)
A = rng.uniform(0.1, 0.9, size=(3, 3))
B = rng.uniform(0.1, 0.9, size=(3, 3))
S = A @ A.T + np.eye(3)
T = rng.uniform(0.1, 0.9, size=(2, 3, 3))


def ufunc_calls(name):
    ufunc = getattr(np, name)
    if ufunc.nin == 1:
        return [lambda a, b, s, t: ufunc(a)]
    return [
        lambda a, b, s, t: ufunc(a, b),
        lambda a, b, s, t: ufunc(a, B),
        lambda a, b, s, t: ufunc(A, b),
    ]


UFUNCS = sorted(
    name
    for name in (ops.registry.keys() | protocols.ALIASES.keys()) - {"acosh", "arccosh"}
    if isinstance(getattr(np, name, None), np.ufunc)
)

NEWER = hasattr(np, "cumulative_sum")  # NumPy 2.1, and then clip has min and max

# NumPy's function -> calls of it with our nodes or plain arrays in place of a, b, s, t
CALLS = {
    **{name: ufunc_calls(name) for name in UFUNCS},
    "arccosh": [lambda a, b, s, t: np.arccosh(a + 1)],
    "add.reduce": [
        lambda a, b, s, t: np.add.reduce(a),
        lambda a, b, s, t: np.add.reduce(a, 1, keepdims=True),
        lambda a, b, s, t: np.multiply.reduce(t, axis=(0, 2)),
        lambda a, b, s, t: np.maximum.reduce(a, axis=None),
        lambda a, b, s, t: np.minimum.reduce(a),
    ],
    "sum": [
        lambda a, b, s, t: np.sum(a),
        lambda a, b, s, t: np.sum(a, 0),
        lambda a, b, s, t: np.sum(a=t, axis=(0, -1), keepdims=True),
        lambda a, b, s, t: np.sum(a, 0, None, None, True),
    ],
    "mean": [lambda a, b, s, t: np.mean(t, axis=1)],
    "max": [lambda a, b, s, t: np.max(t, 1), lambda a, b, s, t: np.amax(a)],
    "min": [lambda a, b, s, t: np.min(t, 1), lambda a, b, s, t: np.amin(a)],
    "prod": [lambda a, b, s, t: np.prod(t, axis=2)],
    "var": [lambda a, b, s, t: np.var(t, axis=1), lambda a, b, s, t: np.var(a, ddof=1)],
    "std": [lambda a, b, s, t: np.std(t, 0), lambda a, b, s, t: np.std(a, ddof=1, keepdims=True)],
    "cumsum": [lambda a, b, s, t: np.cumsum(a), lambda a, b, s, t: np.cumsum(t, axis=1)],
    "cumulative_sum": [lambda a, b, s, t: np.cumulative_sum(a[0])] if NEWER else [],
    "reshape": [lambda a, b, s, t: np.reshape(a, (1, 9)), lambda a, b, s, t: np.reshape(a, -1)],
    "ravel": [lambda a, b, s, t: np.ravel(t)],
    "transpose": [
        lambda a, b, s, t: np.transpose(t),
        lambda a, b, s, t: np.transpose(t, (1, 2, 0)),
    ],
    "permute_dims": [lambda a, b, s, t: np.permute_dims(t, (2, 0, 1))],
    "matrix_transpose": [
        lambda a, b, s, t: np.matrix_transpose(t),
        lambda a, b, s, t: np.linalg.matrix_transpose(t),
    ],
    "moveaxis": [lambda a, b, s, t: np.moveaxis(t, 0, -1)],
    "swapaxes": [lambda a, b, s, t: np.swapaxes(t, 0, 2)],
    "expand_dims": [lambda a, b, s, t: np.expand_dims(a, 1)],
    "squeeze": [lambda a, b, s, t: np.squeeze(a[:1]), lambda a, b, s, t: np.squeeze(a[:1], 0)],
    "broadcast_to": [lambda a, b, s, t: np.broadcast_to(a, (2, 3, 3))],
    "concatenate": [
        lambda a, b, s, t: np.concatenate([a, b]),
        lambda a, b, s, t: np.concatenate((a, B), axis=1),
    ],
    "stack": [lambda a, b, s, t: np.stack([a, b]), lambda a, b, s, t: np.stack([a, B], axis=-1)],
    "flip": [lambda a, b, s, t: np.flip(t), lambda a, b, s, t: np.flip(t, 1)],
    "roll": [lambda a, b, s, t: np.roll(a, 2, axis=1), lambda a, b, s, t: np.roll(a, 4)],
    "pad": [
        lambda a, b, s, t: np.pad(a, 1),
        lambda a, b, s, t: np.pad(a, ((1, 0), (0, 2))),
    ],
    "clip": [
        lambda a, b, s, t: np.clip(a, 0.3, 0.6),
        lambda a, b, s, t: np.clip(a, a_min=0.3, a_max=None),
        lambda a, b, s, t: np.clip(a, max=0.5) if NEWER else np.clip(a, None, 0.5),
    ],
    "round": [lambda a, b, s, t: np.round(a), lambda a, b, s, t: np.around(a)],
    "where": [
        lambda a, b, s, t: np.where(A > 0.5, a, b),
        lambda a, b, s, t: np.where(a > 0.5, a, 0.0),
    ],
    "take": [lambda a, b, s, t: np.take(a, np.array([0, 0, 2]), axis=1)],
    "take_along_axis": [
        lambda a, b, s, t: np.take_along_axis(a, np.argsort(a, axis=1), axis=1),
    ],
    "tril": [lambda a, b, s, t: np.tril(t), lambda a, b, s, t: np.tril(a, -1)],
    "triu": [lambda a, b, s, t: np.triu(t), lambda a, b, s, t: np.triu(a, k=1)],
    "diag": [lambda a, b, s, t: np.diag(a), lambda a, b, s, t: np.diag(a[0])],
    "diagonal": [
        lambda a, b, s, t: np.diagonal(a),
        lambda a, b, s, t: np.diagonal(t),
        lambda a, b, s, t: np.linalg.diagonal(t),
    ],
    "trace": [
        lambda a, b, s, t: np.trace(a),
        lambda a, b, s, t: np.trace(t),
        lambda a, b, s, t: np.linalg.trace(t),
    ],
    "dot": [lambda a, b, s, t: np.dot(a, b), lambda a, b, s, t: np.dot(A[0], b[0])],
    "outer": [
        lambda a, b, s, t: np.outer(a[0], b[1]),
        lambda a, b, s, t: np.linalg.outer(a[0], b[1]),
    ],
    "einsum": [lambda a, b, s, t: np.einsum("nij,jk->nki", t, a)],
    "inv": [lambda a, b, s, t: np.linalg.inv(s)],
    "det": [lambda a, b, s, t: np.linalg.det(s)],
    "slogdet": [lambda a, b, s, t: np.linalg.slogdet(s)[1]],
    "solve": [lambda a, b, s, t: np.linalg.solve(s, a), lambda a, b, s, t: np.linalg.solve(s, B)],
    "cholesky": [lambda a, b, s, t: np.linalg.cholesky(s)],
    # in test_functions_linalg.py:
    **{name: [] for name in ("cond", "eig", "eigh", "eigvals", "eigvalsh", "lstsq", "matrix_norm")},
    **{name: [] for name in ("matrix_power", "multi_dot", "pinv", "qr", "svd", "svdvals")},
    **{name: [] for name in ("tensorinv", "tensorsolve")},
    "norm": [
        lambda a, b, s, t: np.linalg.norm(a),
        lambda a, b, s, t: np.linalg.norm(a, axis=1, keepdims=True),
        lambda a, b, s, t: np.linalg.norm(a[0], 1),
    ],
    "vector_norm": [
        lambda a, b, s, t: np.linalg.vector_norm(t, axis=1),
        lambda a, b, s, t: np.linalg.vector_norm(a),
    ],
    "astype": [lambda a, b, s, t: np.astype(a, np.float32)],
    "copy": [lambda a, b, s, t: np.copy(a)],
}  # fmt: skip

FLAT = [pytest.param(c, id=f"{k}-{i}") for k, calls in CALLS.items() for i, c in enumerate(calls)]


@pytest.mark.parametrize("call", FLAT)
def test_numpy_functions_record_and_agree(call):
    nodes = [Tensor(a) for a in (A, B, S, T)]
    recorded = call(*nodes)
    expected = call(A, B, S, T)
    assert isinstance(recorded, Tensor)
    assert recorded.op is not None
    assert recorded.shape == np.shape(expected)
    assert recorded.dtype == expected.dtype
    np.testing.assert_allclose(recorded.data, expected, rtol=1e-12, atol=1e-15)


def test_every_numpy_name_that_maps_to_ours_is_in_the_table():
    """An equal name is taken to mean the same function: each must have been compared."""
    ours = set(ops.registry) | set(functions.__all__)
    for module in (np, np.linalg):
        for function in vars(module).values():
            name = getattr(function, "__name__", "")
            # the creation functions are not dispatched to us
            if not callable(function) or isinstance(function, type) or name == "identity":
                continue
            if name in {"asarray", "asanyarray"} or name in protocols.PLAIN:
                continue
            if protocols.ALIASES.get(name, name) in ours or f"np.{name}" in protocols.ADAPTERS:
                assert name in CALLS or protocols.ALIASES.get(name) in CALLS, name
    assert {"exp", "absolute", "arctan2", "matmul", "power"} <= CALLS.keys()


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
        (lambda t: np.sort(t), r"np\.sort has no derivative rule .* np\.sort\(t\.data\)"),
        (lambda t: np.fft.fft(t), r"np\.fft\.fft has no derivative"),
        (lambda t: np.linalg.svd(t, hermitian=True), r"svd: hermitian= is not supported"),
        (lambda t: np.copyto(np.ones((3, 3)), t), r"np\.copyto has no derivative"),
        (lambda t: np.sum(t, dtype=np.float32), r"np\.sum: dtype= is not supported"),
        (lambda t: np.sum(t, 0, np.float32), r"np\.sum: dtype= is not supported"),
        (lambda t: np.sum(t, where=A > 0.5), r"np\.sum: where= is not supported"),
        (lambda t: np.sum(t, initial=3.0), r"np\.sum: initial= is not supported"),
        (lambda t: np.sum(t, out=np.ones(())), r"np\.sum: out= is not supported"),
        (lambda t: np.exp(t, where=A > 0.5), r"np\.exp: where= is not supported"),
        (lambda t: np.exp(t, dtype=np.float32), r"np\.exp: dtype= is not supported"),
        (lambda t: np.exp(A, out=t), r"np\.exp: .*updated in place"),
        (lambda t: np.add(A, t, out=np.ones((3, 3))), r"np\.add: .*a = a \+ t"),
        (lambda t: np.reshape(t, (9,), order="F"), r"np\.reshape: order= is not supported"),
        (lambda t: np.maximum.accumulate(t), r"np\.maximum\.accumulate has no"),
        (lambda t: np.add.at(np.ones(3), [0], t), r"np\.add\.at has no"),
        (lambda t: np.add.reduce(t, where=A > 0.5), r"np\.add\.reduce: where= is not"),
        (lambda t: np.add.reduce(t, initial=1.0), r"np\.add\.reduce: initial= is not"),
        (lambda t: np.pad(t, 1, mode="edge"), r"np\.pad: mode= is not"),
        (lambda t: np.round(t, 2), r"np\.round: decimals= is not"),
        (lambda t: np.trace(t, 1), r"np\.trace: offset= is not"),
        (lambda t: np.fmod(t, 2.0), r"np\.fmod has no"),
        (lambda t: t // 0.1, r"//"),
    ],
)
def test_what_is_not_supported_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call(Tensor(A))
