"""Functions recorded on arrays that record, and run as programs: equal to eager, bit for bit."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from domains import samples

import tinygrad_lite as tg
from tinygrad_lite.compile import build, trace
from tinygrad_lite.compile.arrays import recorder
from tinygrad_lite.compile.standalone import Branch
from tinygrad_lite.ops import registry

OPS = sorted(registry)
QUIET = pytest.mark.filterwarnings("ignore")


def same(actual, expected):
    """Equal bit for bit, dtype and shape included."""
    a, b = np.asarray(actual), np.asarray(expected)
    return (a.dtype, a.shape) == (b.dtype, b.shape) and np.array_equal(
        a, b, equal_nan=a.dtype.kind == "f"
    )


def all_same(actual, expected):
    return all(map(same, actual, expected)) and len(actual) == len(expected)


def in_dtype(arrays, dtype):
    return [x.astype(dtype) if x.dtype.kind == "f" else x for x in arrays]


def gradients(op, case):
    """The function of an op's inputs and a cotangent that gives the result and all gradients."""

    def f(*given):
        *inputs, cotangent = given
        nodes = [tg.Tensor(x) if x.dtype.kind == "f" else x for x in inputs]
        y = op(*nodes, **case.settings)
        y.backward(cotangent)
        leaves = [x for x in nodes if isinstance(x, tg.Tensor)]
        return [y, *(np.zeros(x.shape, x.dtype) if x.grad is None else x.grad for x in leaves)]

    return f


def plain(results):
    return [getattr(y, "data", y) if isinstance(y, tg.Tensor) else y for y in results]


@QUIET
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OPS)
def test_every_op_is_equal_bit_for_bit(name, dtype):
    """Forward and gradients, on the data that it was recorded with, on other data, and again."""
    op, rng = registry[name], np.random.default_rng(zlib.crc32(name.encode()))
    for dom, case in samples(name):
        first, second = (in_dtype(dom.inputs(case, rng), dtype) for _ in range(2))
        y = np.asarray(op(*first, **case.settings))
        G = rng.normal(size=y.shape).astype(y.dtype)
        f = gradients(op, case)
        program = build(trace(f, [*first, G]))
        for inputs in (first, second, first):
            assert all_same(program(*inputs, G), plain(f(*inputs, G)))


@QUIET
@pytest.mark.oracle
def test_random_functions(needs):
    """`python -m tests.fuzz.compiled --graphs 1000` is the long run."""
    needs("torch")
    from tests.fuzz import compiled

    with np.errstate(all="ignore"):
        found = compiled.run(50_000, 40)
    assert not found[compiled.WRONG]
    assert found[compiled.EQUAL] >= 0.95 * found.total()


def test_a_program_runs_by_itself():
    def f(x, labels):
        W = tg.Tensor(x)
        E = tg.cross_entropy(tg.erf(W) @ np.arange(6.0).reshape(2, 3), labels)
        E.backward()
        return [E, W.grad, np.full((2, 0), -0.0), x.T, np.array([np.nan, 1e300])]

    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(100, 2)), rng.integers(0, 3, 100)
    program = build(trace(f, [x, labels]), ["x", "labels"])
    space = {}
    exec(program.source, space)
    assert "tinygrad_lite" not in program.source
    assert all_same(space["program"](x, labels), program(x, labels))
    assert all_same(program(x, labels), plain(f(x, labels)))
    with pytest.raises(space["Branch"]):
        space["program"](x, labels + 5)


def test_constants_are_written_with_layout_and_dtype():
    rng = np.random.default_rng(0)
    constants = [
        rng.normal(size=(3, 4)).T,
        rng.normal(size=(9, 20)).astype(np.float32).T,
        np.array([True, False, True]),
        np.float32(0.1),
        np.array([np.inf, -0.0, np.nan]),
        np.zeros((0, 3)),
        np.full((2, 2), -0.0),
    ]
    space = {}
    exec(build(trace(lambda x: constants, [np.zeros(2)])).source, space)
    results = space["program"](np.zeros(2))
    assert all_same(results, constants)
    assert [y.strides for y in results if y.size] == [c.strides for c in constants if c.size]
    signs = [
        [np.signbit(y).tolist() for y in ys if y.dtype.kind == "f"] for ys in (results, constants)
    ]
    assert signs[0] == signs[1]


def test_buffers_are_used_again():
    def f(x):
        for _ in range(50):
            x = np.tanh(x) * 2
        return [x]

    x = np.linspace(-1, 1, 1000)
    program = build(trace(f, [x]))
    assert program.size == x.nbytes
    assert same(program(x)[0], f(x)[0])


def test_what_nothing_needs_is_dropped_and_equal_calls_are_one():
    program = build(trace(lambda x: [np.exp(x) + np.exp(x), np.sin(x)][:1], [np.ones(3)]))
    assert [line.partition("(")[0] for line in program.lines] == ["exp", "add"]


def test_views_keep_their_memory():
    """A buffer is not used again while a view of it is read."""

    def f(x):
        y = x + 1
        z = y.T[1:]
        w = np.exp(x) * np.sin(x) - np.cos(x)
        return [z * 2 + w.T[1:], z]

    x = np.random.default_rng(0).normal(size=(4, 4))
    program = build(trace(f, [x]))
    assert all_same(program(x), f(x))
    assert all_same(program(x + 1), f(x + 1))


def test_scatter_works_in_place_only_where_nobody_reads_the_old():
    def kept(x):
        y = x * 2
        z = y.at[1:].add(x[1:]) if hasattr(y, "at") else y + np.where(np.arange(4) > 0, x, 0)
        return [y, z]

    def overlapping(x):
        t = tg.Tensor(x * 1.0)
        y = t[1:] * t[:-1] + t[np.array([0, 0, 2])]
        y.backward(np.ones(3))
        return [y, t.grad]

    def chained(x):
        """The last reader sees what was written into, and a view of it."""
        y = (x * 2).at[1:].add(1.0) if hasattr(x, "at") else x * 2 + (np.arange(4) > 0)
        z = y * y[::-1]
        return [z + np.exp(x) - np.sin(x) * np.cos(x), np.tanh(z)]

    def from_itself(x):
        y, places = x * 2, np.array([1, 2, 3])
        if hasattr(y, "at"):
            return [y.at[places].add(y[:-1])]
        out = y.copy()
        np.add.at(out, places, y[:-1])
        return [out]

    x = np.arange(4.0) + 0.1
    for f in (kept, overlapping, chained, from_itself):
        program = build(trace(f, [x]))
        assert all_same(program(x), plain(f(x)))
        assert all_same(program(-x), plain(f(-x)))


def test_a_branch_is_a_guard():
    program = build(trace(lambda x: [x * 2 if x.sum() > 0 else x * 3], [np.ones(3)]))
    assert program(np.ones(3) * 4)[0].tolist() == [8.0] * 3
    with pytest.raises(Branch):
        program(-np.ones(3))


def test_a_slope_that_is_infinite_where_nothing_flows_in():
    """The engine asks for NaN in each product of a slope; a program asks as well."""

    def f(x, mask):
        t = tg.Tensor(x)
        (tg.sqrt(t) * mask).sum().backward()
        return [t.grad]

    x, ones, mask = np.array([0.0, 1.0]), np.ones(2), np.array([0.0, 1.0])
    program = build(trace(f, [x + 1, ones]))
    assert same(program(x + 1, mask)[0], f(x + 1, mask)[0])
    with pytest.raises(Branch):
        program(x, mask)
    program = build(trace(f, [x, mask]))
    assert program(x, mask)[0].tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda x: f"{x.sum().item():.3f}", "a number taken out"),
        (lambda x: f"{x.sum():.3f}", "a number taken out"),
        (lambda x: str(x[0, 0]), "a number taken out"),
        (lambda x: float(x[0, 0]), "a number taken out"),
        (lambda x: int(x.sum()), "a number taken out"),
        (lambda x: [0, 1, 2][x.astype(int)[0, 0]], "a number taken out"),
        (lambda x: x.tolist(), "a number taken out"),
        (lambda x: np.asarray(x), "in a list, by np.asarray"),
        (lambda x: np.eye(3)[x.astype(int)], "as an index"),
        (lambda x: np.array([x[0], x[1]]), "in a list, by np.asarray"),
        (lambda x: np.add(x, 1, out=np.ones((2, 2))), "not written into"),
        (lambda x: np.add.at(np.ones((2, 2)), 0, x), "not written into"),
        (lambda x: np.copyto(np.ones((2, 2)), x), "not written into"),
        (lambda x: x.sort(), "not written into"),
        (lambda x: x[x > 0], "shape of the result"),
        (lambda x: np.nonzero(x), "shape of the result"),
        (lambda x: np.where(x), "shape of the result"),
        (lambda x: np.unique(x), "shape of the result"),
    ],
)
def test_what_would_freeze_a_number_is_refused(use, words):
    with pytest.raises(TypeError, match=f"compile: .*{words}"):
        trace(lambda x: [use(x)], [np.ones((2, 2))])


def test_a_plain_array_takes_no_recorded_entries():
    def f(x):
        out = np.zeros(2)
        out[:] = x
        return [out]

    with pytest.raises(TypeError, match="NumPy was handed an array"):
        trace(f, [np.ones(2)])


def test_an_array_that_is_kept_is_refused_afterwards():
    kept = []
    made = recorder()
    kept.append(made.input(np.ones(2)))
    made.closed = True
    with pytest.raises(TypeError, match="kept after"):
        kept[0] + 1
