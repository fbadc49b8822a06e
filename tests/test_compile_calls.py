"""Which NumPy calls a program makes, where another than eager's gives the same numbers sooner."""

from __future__ import annotations

import numpy as np
import pytest
from test_compile import all_same

import tinygrad_lite as tg
from tinygrad_lite.compile import build, trace
from tinygrad_lite.compile.standalone import Branch

A, B = np.random.default_rng(0).normal(size=(2, 3, 3))


def program_of(f, *arrays, own=True):
    """The program of f; not `own`, its outputs are fresh arrays."""
    recorded = trace(f, arrays)
    return build(recorded, kept=0 if own else len(recorded.outputs))


def joined(x, y):
    """Pieces that are computed, given, repeated, used elsewhere, joined themselves, and numbers."""
    tall, flat = np.tanh(x), (x @ y).reshape(-1)
    inner = np.concatenate([tall.reshape(-1), y[0]])
    total = (x * y).sum()
    row = np.concatenate([flat, flat * 2.0, inner, total.reshape(1), y[1], flat])
    return [row, np.concatenate([tall + 1.0, tall, x]), flat.sum() + tall.sum()]


@pytest.mark.parametrize("own", [True, False])
def test_pieces_of_a_joined_array(own):
    program = program_of(joined, A, B, own=own)
    for x, y in ((A, B), (B, A), (A - B, A)):
        first = program(x, y)
        assert all_same(first, joined(x, y))
        assert all_same(program(x, y), first)
    assert sum("concatenate(" in line for line in program.lines) == (0 if own else 2)


def test_pieces_are_written_where_they_belong():
    def f(x):
        return [
            np.concatenate([np.exp(x).reshape(-1), (x @ x).reshape(-1), x.sum().reshape(1)]) * 2.0
        ]

    program = program_of(lambda M: [np.concatenate([np.exp(M), M @ M]).sum()], A)
    assert not any("concatenate" in line for line in program.lines)
    assert all_same(program(B), [np.concatenate([np.exp(B), B @ B]).sum()])
    assert all_same(program_of(f, A)(B), f(B))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_matrix_products_are_those_of_eager(dtype):
    """By BLAS's own entry where it takes the operands as they lie, by matmul elsewhere."""
    rng = np.random.default_rng(1)
    wide = rng.normal(size=(40, 60)).astype(dtype)
    operands = [
        (wide, wide.T),
        (wide[:, :20], wide[:20]),
        (wide[0], wide.T),
        (wide, wide[1]),
        (wide[0], wide[1]),
        (wide[::2, ::3], wide[:20]),
        (np.stack([wide, wide]), wide.T),
        (wide[:0], wide.T),
    ]
    for a, b in operands:
        assert all_same(program_of(lambda a, b: [a @ b], a, b)(a, b), [a @ b])
    lines = program_of(lambda a, b: [(a @ b) * 2.0], wide, wide.T.copy()).lines
    assert lines[0].startswith("dot(")
    lines = program_of(lambda a, b: [(a @ b) * 2.0], *operands[5]).lines
    assert lines[0].startswith("matmul(")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_keep_their_dtype(dtype):
    """Python's take that of what they are computed with, NumPy's have their own."""

    def f(x):
        total = tg.Tensor(x).sum()
        powers = total**2, total**0.5, total**-1, total**3, 2.0**total
        others = np.maximum(x, 0), x > 0, x + 1e300
        return [x * 0.1, x + 0.7, x - 2, *others, *(y.data for y in powers)]

    x = np.linspace(0.1, 3.0, 7).astype(dtype)
    with np.errstate(all="ignore"):
        program = program_of(f, x)
        for given in (x, x + 1):
            assert all_same(program(given), f(given))

    @tg.compile
    def scaled(x, rate):
        return (x * rate + rate**2 > 0) * rate

    for rate in (0.5, 0.25):
        assert all_same([scaled(x, rate)], [(x * rate + rate**2 > 0) * rate])


def test_a_sum_and_a_product_know_no_order():
    program = program_of(lambda x, y: [(x * y) / (y * x + 1.0) - (y - x) * (x - y)], A, B)
    text = "\n".join(program.lines)
    assert (text.count("multiply("), text.count("subtract(")) == (2, 3)
    assert all_same(program(B, A), [(B * A) / (A * B + 1.0) - (A - B) * (B - A)])


def test_source_has_arrays_without_axes():
    program = program_of(lambda x: [np.maximum(x * 3.0, 0.5)], A)
    space = {}
    exec(program.source, space)
    made = [x for x in space.values() if isinstance(x, np.ndarray) and x.ndim == 0]
    assert sorted(map(float, made)) == [0.5, 3.0]
    assert all_same(space["program"](B), program(B))


def test_a_branch_leaves_no_buffer_behind():
    def f(x):
        return [np.concatenate([np.exp(x), -x if x.sum() > 0 else x]) * 1.0]

    program = program_of(f, np.ones(3))
    with pytest.raises(Branch):
        program(-np.ones(3))
    assert all_same(program(np.arange(3.0)), f(np.arange(3.0)))
