"""Every call of the table of NumPy's functions: value, derivatives of both orders and both modes.

The table is the one that the benchmark counts; a function that NumPy has and the table lacks fails.
"""

from __future__ import annotations

import re
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from test_rules import close, inner, slope

import tinygrad_lite as tg
from benchmarks.coverage import ENGINES, evaluate, exists, functions, inputs, main, page
from benchmarks.numpy_calls import CALLS, WITHOUT

ROOT = Path(__file__).resolve().parent.parent
# A plain array made of a node would lose its gradient, and complex ones have none here.
REFUSED = {"array", "asarray"}
FLAT = [
    pytest.param(call, id=call)
    for name, calls in CALLS.items()
    if exists(name) and name not in REFUSED
    for call in calls
]
# What NumPy warns of: NaN and empty data, and names of its own that will go.
QUIET = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")


def test_every_function_of_numpy_is_in_the_table():
    without = [name for names in WITHOUT.values() for name in names.split()]
    assert sorted(set(functions()) - CALLS.keys() - {*without}) == []
    assert not CALLS.keys() & {*without}


@QUIET
def test_the_page_says_what_they_do():
    written = (ROOT / "notebooks" / "numpy_functions.md").read_text(encoding="utf-8")
    if f"with NumPy {np.__version__}.\n" not in written:
        pytest.skip("the page is of another NumPy")
    assert "\n".join(page()) + "\n" == written


@pytest.mark.oracle
def test_more_functions_differentiate_than_in_the_peers(needs, monkeypatch, capsys):
    for tool in ("autograd", "mygrad"):
        needs(tool)
    monkeypatch.setattr(sys, "argv", ["coverage"])
    main()
    printed = capsys.readouterr().out
    plain = dict(re.findall(r"^  (\w+) +(\d+),", printed, re.MULTILINE))
    ours, autograds, mygrads = (int(plain[name]) for name in ENGINES)
    assert ours >= 215
    assert ours > autograds > mygrads > 0


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_says_what_to_do(name):
    for call in CALLS[name]:
        with pytest.raises(TypeError, match="where the gradient stops"):
            evaluate(call, {name: tg.Tensor(x) for name, x in inputs(call).items()})


def seeded(call):
    return np.random.default_rng(zlib.crc32(call.encode()))


def directions(arrays, rng):
    """None moves where the input is NaN."""
    return [np.where(np.isnan(x), 0.0, rng.normal(size=x.shape)) for x in arrays.values()]


def given(call, arrays, values):
    return evaluate(call, dict(zip(arrays, values, strict=True)))


def gradients(call, arrays, values, G):
    leaves = [tg.Tensor(x) for x in values]
    given(call, arrays, leaves).backward(G)
    return [np.zeros(x.shape) if x.grad is None else x.grad for x in leaves]


def along(gradient, direction):
    """Their inner product where the direction moves: the gradient of NaN may be NaN."""
    return inner(np.where(direction == 0, 0.0, gradient), direction)


@QUIET
@pytest.mark.parametrize("call", FLAT)
def test_value_and_gradient(call):
    arrays, rng = inputs(call), seeded(call)
    values = list(arrays.values())
    expected = evaluate(call, arrays)
    recorded = given(call, arrays, [tg.Tensor(x) for x in values])
    assert isinstance(recorded, tg.Tensor)
    assert (recorded.shape, recorded.dtype) == (np.shape(expected), np.asarray(expected).dtype)
    close(recorded.data, expected, rtol=1e-12, atol=1e-14)
    G, moves = rng.normal(size=recorded.shape), directions(arrays, rng)
    found = gradients(call, arrays, values, G)
    for i, (gradient, d) in enumerate(zip(found, moves, strict=True)):
        alone = [d if j == i else None for j in range(len(values))]
        wanted = slope(lambda moved: inner(G, given(call, arrays, moved)), values, alone)
        close(along(gradient, d), wanted)


@QUIET
@pytest.mark.parametrize("call", FLAT)
def test_second_order_and_forward_mode(call):
    arrays, rng = inputs(call), seeded(call)
    values = list(arrays.values())
    G = rng.normal(size=np.shape(evaluate(call, arrays)))
    V, moves = directions(arrays, rng), directions(arrays, rng)

    def pulled(xs, g):
        return sum(along(h, v) for h, v in zip(gradients(call, arrays, xs, g), V, strict=True))

    tangent = tg.jvp(lambda *xs: given(call, arrays, xs), tuple(values), tuple(V))[1]
    close(inner(G, tangent), pulled(values, G), rtol=1e-10, atol=1e-11)
    leaves = [tg.Tensor(x) for x in values]
    (given(call, arrays, leaves) * G).sum().backward(record=True)
    held = [
        (tg.where(v == 0, 0.0, x.grad) * v).sum()
        for x, v in zip(leaves, V, strict=True)
        if isinstance(x.grad, tg.Tensor)
    ]
    expected = slope(lambda moved: pulled(moved, G), values, moves)
    for x in leaves:
        x.zero_grad()
    if held and not (total := sum(held[1:], held[0])).is_leaf:
        total.backward()
    found = sum(along(x.grad, d) for x, d in zip(leaves, moves, strict=True) if x.grad is not None)
    close(found, expected, rtol=1e-6, atol=1e-7)


@QUIET
@pytest.mark.parametrize("call", FLAT)
def test_float32(call):
    arrays = {name: x.astype(np.float32) for name, x in inputs(call).items()}
    expected = np.asarray(evaluate(call, arrays))
    leaves = {name: tg.Tensor(x) for name, x in arrays.items()}
    y = evaluate(call, leaves)
    assert y.dtype in (np.float32, expected.dtype)  # NumPy widens some results
    close(y.data, expected, rtol=1e-4, atol=1e-5)
    y.backward(np.ones(y.shape, y.dtype))
    assert {x.grad.dtype for x in leaves.values() if x.grad is not None} <= {np.dtype(np.float32)}


# What JAX lacks, does not differentiate, or (of a symmetric matrix) hands to both triangles.
NOT_IN_JAX = {"fix", "lib.stride_tricks.sliding_window_view", "real_if_close", "row_stack"}
NOT_IN_JAX |= {"compress", "ix_", "unique", "unique_values", "permute_dims", "linalg.cholesky"}
NOT_IN_JAX |= {"linalg.eig", "linalg.eigh", "linalg.eigvalsh"}
PLAINEST = [CALLS[name][0] for name in CALLS if exists(name) and name not in REFUSED | NOT_IN_JAX]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", PLAINEST)
def test_against_jax(call, needs):
    """Where the entry is NaN, the gradient is a convention."""
    jax = needs("jax")
    jax.config.update("jax_enable_x64", True)
    library, arrays, rng = needs("jax.numpy"), inputs(call), seeded(call)
    values = list(arrays.values())
    G = rng.normal(size=np.shape(evaluate(call, arrays)))

    def loss(xs):
        return library.sum(G * evaluate(call, dict(zip(arrays, xs, strict=True)), library))

    for x, ours, theirs in zip(
        values, gradients(call, arrays, values, G), jax.grad(loss)(values), strict=True
    ):
        held = ~np.isnan(x)
        close(ours[held], np.asarray(theirs)[held], rtol=1e-9, atol=1e-10)


def strided(x):
    """The same entries, none next to the other in memory."""
    return np.repeat(x[..., None], 2, axis=-1)[..., 0].T.copy().T if x.ndim else x


@QUIET
@pytest.mark.parametrize("call", FLAT)
@pytest.mark.parametrize("change", [strided, lambda x: x[:1], lambda x: x[:0]])
def test_other_shapes(call, change):
    """Transposed in memory, of length 1, empty: NumPy's value or a refusal, no other number."""
    arrays = {name: change(x) if x.ndim else x for name, x in inputs(call).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = evaluate(call, arrays)
        except Exception:
            return  # so may we
    leaves = {name: tg.Tensor(x) for name, x in arrays.items()}
    try:
        y = evaluate(call, leaves)
    except (ValueError, TypeError, IndexError):
        assert change is not strided
        return
    if not isinstance(y, tg.Tensor):  # it depends on no entry
        assert change is not strided
        np.testing.assert_array_equal(y, expected)
        return
    close(y.data, expected, rtol=1e-12)
    y.backward(np.ones(y.shape))
    for x in leaves.values():
        assert x.grad is None or x.grad.shape == x.shape
