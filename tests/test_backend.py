"""Where values come from: the namespace of a value, conversion, scatter, and PyTorch tensors."""

from __future__ import annotations

import inspect
import math
import sys

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import backend, floats, indexing


def test_namespaces(needs):
    strict = needs("array_api_strict")
    assert backend.namespace(1.0, 2, True) is floats
    assert backend.namespace(1.0, np.float32(2)) is np
    assert backend.namespace(np.ones(2), 3.0) is np
    assert backend.namespace(np.ones(2), strict.ones(2)) is strict
    with pytest.raises(TypeError, match="str is neither a number nor an array"):
        backend.namespace("x")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (1j, "complex"),
        (np.array([1j]), "complex"),
        (["a"], "not numeric"),
        ([None], "not numeric"),
        ("1", "not a number"),
        (None, "not a number"),
        (np.array([object()]), "not numeric"),
        (np.ma.masked_array([1.0], [True]), "masked"),
    ],
)
def test_data_that_is_not_real_and_numeric_is_refused(data, message):
    with pytest.raises(TypeError, match=message):
        tg.Tensor(data)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match="rows of the list differ in length"):
        tg.Tensor([[1.0], [2.0, 3.0]])


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.bool_])
def test_integers_become_float64(dtype):
    assert tg.Tensor(np.ones(2, dtype=dtype)).dtype == np.float64


def test_numbers():
    assert backend.to_float(np.float32(2), "x") == 2.0
    assert backend.to_float(10**400, "x") == math.inf
    assert backend.to_float(-(10**400), "x") == -math.inf


BASIC, FANCY = [1, slice(1, 3)], [[0, 0, 2], (slice(None, None, 2), None)]


@pytest.mark.parametrize(
    ("index", "add"),
    [*((i, True) for i in BASIC + FANCY), *((i, False) for i in BASIC)],  # ops put at basic ones
)
@pytest.mark.parametrize("library", ["numpy", "array_api_strict"])
def test_set_at_leaves_its_input_alone(library, index, add, needs):
    xp = needs(library)
    start = np.arange(4.0)
    expected = start.copy()
    entries = np.arange(1.0, 1 + start[index].size).reshape(start[index].shape)
    if add:
        np.add.at(expected, index, entries)
    else:
        expected[index] = entries
    x = xp.asarray(start.copy())
    y = indexing.set_at(xp, x, index, xp.asarray(entries), add=add)
    np.testing.assert_array_equal(np.asarray(y), expected)
    np.testing.assert_array_equal(np.asarray(x), start)


def test_anywhere():
    assert backend.anywhere(np.array([False, True]))
    assert not backend.anywhere(np.zeros((2, 0), dtype=bool))
    assert backend.anywhere(True)


OWN = {n for n, f in vars(floats).items() if f is getattr(math, n, None)} | {
    n for n, f in vars(floats).items() if n[0] != "_" and inspect.getmodule(f) is floats
}


@pytest.mark.parametrize("name", sorted(OWN))
def test_functions_over_floats_are_numpys(name):
    """The same names with the same meaning, so that a rule need not know what it runs on."""
    ours, numpys = getattr(floats, name), getattr(np, name, None)
    if name == "pi" or numpys is None:  # NumPy has no erf
        assert name in ("pi", "erf")
        return
    points = {
        "where": [(True, 1.0, 2.0), (False, 1.0, 2.0)],
        "full_like": [(2.0, 7.0)],
        "acosh": [(1.5,)],
    }
    one = [(0.5,), (0.9,)]
    two = [(0.5, 2.0), (2.0, 0.5), (0.5, 0.5)]
    pairs = {"atan2", "copysign", "divide", "hypot", "maximum", "minimum", "pow"}
    pairs |= {"logical_and", "logical_or"}
    for args in points.get(name, two if name in pairs else one):
        np.testing.assert_allclose(ours(*args), numpys(*args), rtol=1e-15)


@pytest.fixture
def torch(needs):
    needs("array_api_compat")
    return needs("torch")


@pytest.mark.oracle
def test_torch_tensors_as_data(torch):
    x = tg.Tensor(torch.arange(6.0).reshape(2, 3))
    W = tg.Tensor(torch.ones(4, 3))
    loss = tg.cross_entropy(tg.tanh(x @ W.T), [0, 3])
    loss.backward()
    assert isinstance(W.grad, torch.Tensor)
    assert W.grad.dtype == torch.float32
    assert (x.size, x.ndim, len(x)) == (6, 2, 2)
    twin = tg.Tensor(W.data.numpy())
    tg.cross_entropy(tg.tanh(x.data.numpy() @ twin.T), [0, 3]).backward()
    np.testing.assert_allclose(W.grad.numpy(), twin.grad, atol=1e-6)


@pytest.mark.oracle
def test_torch_second_order_and_composites(torch):
    x = torch.tensor([1.0, 2.0])
    H = tg.hessian(lambda x: tg.sum(x**3) + x.var() + tg.norm(x, 1))(x)
    np.testing.assert_allclose(H.numpy(), [[6.5, -0.5], [-0.5, 12.5]], atol=1e-5)


@pytest.mark.oracle
def test_torch_on_the_left_records_too(torch):
    x = tg.Tensor(torch.ones(3))
    y = torch.full((3,), 2.0) * x
    assert isinstance(y, tg.Tensor)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.oracle
def test_a_torch_leaf_that_was_written_into(torch):
    x = tg.Tensor(torch.ones(3))
    y = (x * x).sum()
    x.data -= 1.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_torch_errors_are_ours(torch):
    x = tg.Tensor(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"matmul: x \(2, 3\) @ x \(2, 3\) do not fit"):
        x @ x
    with pytest.raises(TypeError, match="gradients of its own"):
        tg.Tensor(torch.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match="Value: this torch array has gradients of its own"):
        tg.Value(torch.ones((), requires_grad=True))


@pytest.mark.oracle
def test_tensors_of_two_libraries_do_not_mix(torch):
    x, d = tg.Tensor(torch.ones(2, 3)), tg.Tensor(np.ones(3))
    for make in (lambda: x + d, lambda: d * x, lambda: tg.where(x > 0, x, d)):
        with pytest.raises(TypeError, match=r"x \(2, 3\).*of two libraries; convert"):
            make()
    with pytest.raises(TypeError, match=r"linear: x \(2, 3\) and .* of two libraries"):
        tg.nn.Linear(3, 2)(x)


def test_torch_without_array_api_compat_says_what_to_install(torch, monkeypatch):
    monkeypatch.setitem(sys.modules, "array_api_compat", None)
    with pytest.raises(TypeError, match=r"pip install 'tinygrad_lite\[backends\]'"):
        tg.Tensor(torch.ones(2))


@pytest.fixture
def jnp(needs):
    needs("jax").config.update("jax_enable_x64", True)
    return needs("jax.numpy")


@pytest.mark.oracle
def test_jax_errors_are_ours(jnp):
    x = tg.Tensor(jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"matmul: x \(2, 3\) @ x \(2, 3\) do not fit"):
        x @ x
    with pytest.raises(ValueError, match=r"x \(2, 3\) and .* do not broadcast: 2 against 3"):
        x + jnp.ones(2)


@pytest.mark.oracle
def test_an_entry_outside_of_a_jax_array_is_no_other_entry(jnp):
    """JAX itself would return the last one."""
    x = tg.Tensor(jnp.arange(4.0))
    for index in (4, -5, np.array([0, 4]), [0, 4], (0, 0)):
        with pytest.raises(IndexError, match="getitem: x"):
            x[index]
    y = x[jnp.array([0, 4, -1])]
    np.testing.assert_array_equal(y.data, [0, np.nan, 3])
    y[0].backward()
    assert x.grad.tolist() == [1, 0, 0, 0]


@pytest.mark.oracle
def test_a_negative_step_of_pytorch_says_flip(torch):
    with pytest.raises(ValueError, match=r"tg\.flip\(x\), not a negative step"):
        tg.Tensor(torch.ones(3))[::-1]


@pytest.mark.oracle
def test_jax_without_float64_computes_in_float32(needs, jnp):
    """And labels of another width warn of nothing."""
    config = needs("jax").config
    config.update("jax_enable_x64", False)
    try:
        x = tg.Tensor(jnp.arange(6).reshape(2, 3))
        loss = tg.cross_entropy(x, np.array([0, 2], np.uint8))
        loss.backward()
        assert x.dtype == loss.dtype == x.grad.dtype == np.float32
    finally:
        config.update("jax_enable_x64", True)
