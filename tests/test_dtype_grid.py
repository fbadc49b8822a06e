"""Every op of several operands, on every pair of dtypes and shapes.

"Operands come to the result's dtype before forward and rules run": so an op of mixed operands has
the value and the first and second derivatives of the same op of operands that were all converted to
the result's dtype first. An op of one operand has, in every floating dtype, the derivatives that it
has in float64, to that dtype's precision.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from domains import DOMAINS

import tinygrad_lite as tg
from tinygrad_lite.ops import registry

FLOATS = ("float64", "float32", "float16")
OTHERS = (*FLOATS, "int8", "int16", "int32", "int64", "uint8", "bool", "int", "float")
NUMBERS = {"int": int, "float": float}  # Python's own
PAIRS = [(moving, other) for moving in FLOATS for other in OTHERS]
Shape = tuple[int, ...]
TINY = 1e-6  # what is smaller is compared as if it were this large
LAPACK = {  # it has no float16
    *("cholesky", "det", "eig_rows", "eigh_rows", "eigvalsh", "inv", "logabsdet"),
    *("pinv", "qr_rows", "signdet", "solve", "svd_rows", "svdvals"),
}


@dataclass(frozen=True)
class Mixed:
    """How an op takes two operands, their shapes, and how large whole numbers are drawn."""

    shapes: tuple[tuple[Shape, Shape], ...]
    call: Callable[[Any, Any, Any], Any] = lambda op, a, b: op(a, b)
    whole: tuple[int, int] = (1, 6)
    diagonal: int = 0  # added to the first operand's diagonal, so that it is a regular matrix


def plain(x: Any) -> Any:
    return x.data if isinstance(x, tg.Tensor) else x


def mask(a: Any, b: Any) -> Any:
    shape = np.broadcast_shapes(*(np.shape(plain(x)) for x in (a, b)))
    return np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2 == 0


EACH = (((), ()), ((0,), (0,)), ((1,), (1,)), ((2, 3), (3,)), ((), (3,)), ((2, 1), (1, 3)))
ALIKE = (((0,), (0,)), ((1,), (1,)), ((2, 3), (2, 3)))
VECTORS = (((0,), (0,)), ((1,), (1,)), ((3,), (2,)))
PRODUCTS = (((0, 3), (3,)), ((1, 1), (1, 1)), ((3,), (3,)), ((2, 2, 3), (3, 2)))
SYSTEMS = (((1, 1), (1,)), ((3, 3), (3,)), ((3, 3), (3, 2)))
ROWS = (((1, 1), (1, 1)), ((3,), (3,)), ((2, 3), (2, 3)))
AFFINE = (((1, 1), (1, 1)), ((0, 3), (2, 3)), ((4, 3), (2, 3)))

GRID: dict[str, Mixed] = {
    **{name: Mixed(EACH) for name in ("add", "subtract", "maximum", "minimum", "logaddexp")},
    **{
        name: Mixed(EACH, whole=(1, 120))
        for name in ("multiply", "divide", "atan2", "xlog1py", "xlogy")
    },
    **{name: Mixed(EACH) for name in ("copysign", "hypot")},
    **{name: Mixed(EACH) for name in ("floor_divide", "remainder")},
    "pow": Mixed(EACH, whole=(0, 5)),
    "where": Mixed(EACH, lambda op, a, b: op(mask(a, b), a, b)),
    "matmul": Mixed(PRODUCTS, whole=(1, 50)),
    "outer": Mixed(VECTORS, whole=(1, 120)),
    "solve": Mixed(SYSTEMS, diagonal=20),
    "linear": Mixed(AFFINE, lambda op, x, W: op(x, W, np.ones(W.shape[0], np.float16))),
    "cross_entropy": Mixed(ROWS, whole=(0, 2)),
    "concat": Mixed(ALIKE, lambda op, a, b: op([a, b])),
    "stack": Mixed(ALIKE, lambda op, a, b: op([a, b])),
}


def test_every_op_of_several_operands_has_a_row():
    several = {name for name, op in registry.items() if op.arity is None or op.arity > 1}
    assert set(GRID) == several


def draw(rng: np.random.Generator, kind: str, shape: Shape, low: int, high: int) -> Any:
    """Numbers that every dtype holds exactly: eighths as floats, whole ones otherwise."""
    if kind in NUMBERS:
        return NUMBERS[kind](rng.integers(low, high))
    if kind in FLOATS:
        return np.asarray(rng.integers(4, 24, shape) / 8).astype(kind)
    if kind == "bool":
        return np.asarray(rng.random(shape) < 0.6)
    return np.asarray(rng.integers(low, high, shape), dtype=kind)


def cases(name: str, moving: str, other: str) -> Iterator[tuple[list[Any], tuple[bool, bool]]]:
    """Both operands, and which of them are differentiated: each place, and both where both can."""
    mixed, rng = GRID[name], np.random.default_rng(zlib.crc32(f"{name} {moving} {other}".encode()))
    if other in NUMBERS and not registry[name].elementwise:
        return
    for shapes in mixed.shapes:
        for place in (0, 1):
            kinds = (moving, other) if place == 0 else (other, moving)
            operands = [draw(rng, k, s, *mixed.whole) for k, s in zip(kinds, shapes, strict=True)]
            if mixed.diagonal:
                regular = mixed.diagonal * np.eye(operands[0].shape[-1])
                regular = regular if kinds[0] == "bool" else operands[0] + regular
                operands[0] = regular.astype(kinds[0])
            yield operands, (place == 0, place == 1)
            if other in FLOATS and place == 0:
                yield operands, (True, True)


def derivatives(mixed: Mixed, op: Any, operands: list[Any], moves: tuple[bool, bool]) -> list[Any]:
    """The value, the gradients and, along fixed directions, the gradients of those."""
    leaves = [tg.Tensor(x) if move else x for x, move in zip(operands, moves, strict=True)]
    nodes = [x for x in leaves if isinstance(x, tg.Tensor)]
    rng = np.random.default_rng(7)
    y = mixed.call(op, *leaves)
    weight = (rng.integers(-8, 9, y.shape) / 8).astype(y.dtype)
    (y * weight).sum().backward(record=True)
    first = [x.grad for x in nodes]
    along: Any = 0.0
    for x, g in zip(nodes, first, strict=True):
        along = along + (g * (rng.integers(-8, 9, x.shape) / 8).astype(x.dtype)).sum()
        x.zero_grad()
    if isinstance(along, tg.Tensor) and not along.constant:
        along.backward()
    second = [np.zeros(x.shape, x.dtype) if x.grad is None else x.grad for x in nodes]
    return [y.data, *map(plain, first), *second]


def agree(found: Any, wanted: Any, narrow: Any, units: int, floor: float = TINY) -> bool:
    """Equal to so many units of the dtype `narrow`, relative to the largest entry, or to `floor` or
    the smallest normal number where they are larger; NaN and infinity where the other is."""
    if found.shape != wanted.shape:
        return False
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    floor, precision = max(floor, np.finfo(narrow).tiny), units * np.finfo(narrow).eps
    size = np.max(np.abs(b), initial=floor, where=np.isfinite(b))
    return bool(np.allclose(a, b, rtol=precision, atol=precision * size, equal_nan=True))


def mistakes(name: str, moving: str, other: str) -> list[str]:
    """What is wrong in a cell of the grid."""
    mixed, op, wrong = GRID[name], registry[name], []
    for operands, moves in cases(name, moving, other):
        if name in LAPACK and np.result_type(*operands) == np.float16:
            continue
        with np.errstate(all="ignore"):
            try:
                found = derivatives(mixed, op, operands, moves)
            except TypeError as error:
                wrong.append(f"{operands}, {moves}: {error}")
                continue
            dtype = found[0].dtype
            converted = [np.asarray(x).astype(dtype) for x in operands]
            wanted = derivatives(mixed, op, converted, moves)
        nodes = [x.dtype for x, move in zip(operands, moves, strict=True) if move]
        for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
            what = ["value", *["gradient"] * len(nodes), *["second derivative"] * len(nodes)][i]
            expected = [dtype, *nodes, *nodes][i]
            narrow = max(dtype, expected, key=lambda d: np.finfo(d).eps)
            if a.dtype != expected:
                wrong.append(f"{what} of {operands} is {a.dtype}, not {expected}")
            elif not agree(a, b, narrow, 8):
                wrong.append(f"{what} of {operands}, {moves} is {a}, not {b}")
    return wrong


@pytest.mark.parametrize("name", sorted(GRID))
def test_mixed_operands_have_the_derivatives_of_converted_ones(name):
    wrong = {
        (name, moving, other): found[0]
        for moving, other in PAIRS
        if (found := mistakes(name, moving, other))
    }
    assert wrong == {}


UNARY = sorted(name for name, op in registry.items() if op.arity == 1)
COARSE = 40  # how many units in the last place a rule may lose in a narrow dtype


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", UNARY)
def test_one_operand_keeps_its_dtype_and_its_derivatives(name, dtype):
    """The gradient in a narrow dtype is that of float64 at the same point, to its precision."""
    if name in LAPACK and dtype == "float16":
        with pytest.raises(TypeError, match="float16"):
            registry[name](tg.Tensor(np.eye(2, dtype=dtype)))
        return
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    wrong = []
    for case in DOMAINS[name].cases:
        if name == "astype":
            continue  # whose result has the dtype that is asked for
        (x,) = (x.astype(dtype) for x in DOMAINS[name].inputs(case, rng))
        mixed = Mixed((), lambda op, a, b, case=case: op(a, **case.settings))
        with np.errstate(all="ignore"):
            found = derivatives(mixed, registry[name], [x, None], (True, False))
            wanted = derivatives(mixed, registry[name], [x.astype(np.float64), None], (True, False))
        for a, b in zip(found, wanted, strict=True):
            if a.dtype != dtype or not agree(a, b, dtype, COARSE, floor=1):
                wrong.append(f"{case} of {x}: {a} ({a.dtype}), not {b}")
    assert wrong == []


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "bool"])
@pytest.mark.parametrize("name", sorted(name for name in GRID if registry[name].elementwise))
def test_a_scalar_beside_whole_numbers_is_differentiated_in_floats(name, kind):
    """A Value's number has no dtype of its own: the rules still run in that of the result."""
    mixed, rng = GRID[name], np.random.default_rng(zlib.crc32(f"{name} {kind}".encode()))
    for shape in ((0,), (1,), (2, 3)):
        whole = draw(rng, kind, shape, *mixed.whole)
        for place in (0, 1):
            found = []
            for array in (whole, whole.astype(np.float64)):
                v = tg.Value(0.625)
                with np.errstate(all="ignore"):  # False divides, too
                    y = mixed.call(registry[name], *((v, array) if place == 0 else (array, v)))
                    if isinstance(y, tg.Tensor) and not y.constant:
                        (y * 0.375).sum().backward()
                found += [plain(y), np.asarray(0.0 if v.grad is None else v.grad)]
            assert agree(found[0], found[2], np.float64, 8)
            assert agree(found[1], found[3], np.float64, 8)


def test_a_truth_is_computed_with_as_a_number():
    """NumPy's own functions of a bool are in float16."""
    found = tg.grad(lambda x: tg.sum(tg.xlog1py(x, True)))(np.ones(2))
    np.testing.assert_array_equal(found, np.log1p(np.ones(2)))
