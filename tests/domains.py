"""The domain table: one line per op, with the inputs and settings that its rules are tested on.

`tests/test_rules.py` runs over it and fails when an op of the registry has no line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from draws import (
    Draw,
    Shape,
    apart,
    definite,
    diagonalisable,
    integers,
    mask,
    of_full_rank,
    real,
    regular,
    singular,
    spread_out,
    with_zeros,
)


@dataclass(frozen=True)
class Case:
    """One shape per input, the op's settings, and the libraries that cannot do this."""

    shapes: tuple[Shape, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    beyond: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.shapes} {self.settings or ''}"


@dataclass(frozen=True)
class Domain:
    """How to draw each input (the last draw serves all further inputs), and the cases."""

    draws: tuple[Draw, ...]
    cases: tuple[Case, ...]

    def inputs(self, case: Case, rng: np.random.Generator) -> list[np.ndarray]:
        """Read-only inputs for one case."""
        arrays = []
        for i, shape in enumerate(case.shapes):
            array = np.asarray(self.draws[min(i, len(self.draws) - 1)](rng, shape))
            array.setflags(write=False)
            arrays.append(array)
        return arrays


# --- cases


STRICT, TORCH = ("array_api_strict",), ("array_api_compat.torch",)
CUPY = ("array_api_compat.cupy",)


def on(*shapes: Shape, beyond: tuple[str, ...] = (), **settings: Any) -> Case:
    return Case(shapes, settings, beyond)


UNARY = (on(()), on((1,)), on((0,)), on((4,)), on((2, 3)))
BINARY = (
    on((), ()),
    on((4,), (4,)),
    on((2, 3), (3,)),
    on((2, 1), (1, 3)),
    on((), (4,)),
    on((1,), (2, 3)),
    on((3,), ()),
    on((0, 3), (3,)),
    on((1, 1), (1,)),
)
TERNARY = (on((4,), (4,), (4,)), on((2, 3), (3,), ()), on((1,), (2, 1), (1, 3)), on((), (), ()))
REDUCED = (
    on(()),
    on((1,)),
    on((4,)),
    on((2, 3)),
    on((2, 3), axis=0),
    on((2, 3), axis=-1, keepdims=True),
    on((2, 3, 2), axis=(0, 2)),
    on((2, 3, 2), axis=(-1, 0), keepdims=True),
    on((0, 3), axis=1),
    on((2, 3, 2), axis=1),
    on((4,), keepdims=True),
    on((2, 3), axis=()),
)
EMPTY = (on((0,)), on((0, 3)), on((0, 3), axis=0))
ALONG = (on((1,)), on((4,)), on((2, 3)), on((2, 3), axis=0), on((2, 3, 2), axis=1), on((0, 3)))
TRIANGLES = (on((3, 3)), on((2, 3), k=1), on((3, 2), k=-1), on((2, 3, 3)), on((0, 0)))
SQUARE = (on((1, 1)), on((3, 3)), on((2, 3, 3)), on((2, 2)))
PRODUCTS = (
    on((3,), (3,)),
    on((2, 3), (3,)),
    on((2,), (2, 3)),
    on((2, 3), (3, 4)),
    on((1, 1), (1, 1)),
    on((5, 2, 3), (3,)),
    on((3,), (5, 3, 2)),
    on((5, 2, 3), (3, 4)),
    on((2, 3), (5, 3, 4)),
    on((5, 2, 3), (5, 3, 4)),
    on((5, 1, 2, 3), (4, 3, 2)),
    on((0, 3), (3, 2)),
    on((2, 0), (0, 3)),
)
EMPTY_SQUARE = (on((0, 0)), on((2, 0, 0)))
TALL = (on((3, 3)), on((4, 2)), on((2, 4, 3)), on((3, 0)))
WIDE = (*TALL, on((2, 4)), on((2, 2, 3)), on((0, 3)))
LENGTHS = tuple(
    on(s, ord=p, **rest)
    for p in (1, 3, 2.5, 0.5, -1, np.inf, -np.inf, 0)
    for s, rest in [((4,), {}), ((2, 3), {"axis": 1}), ((2, 3), {"axis": 0, "keepdims": True})]
)
SPECTRA = (
    on((5, 2), axes=(0,)),
    on((2, 3, 2), axes=(1,), inverse=True),
    on((2, 4, 2), axes=(0, 1)),
    on((0, 3, 2), axes=(1,)),
)
SYSTEMS = (
    on((3, 3), (3,)),
    on((3, 3), (3, 2)),
    on((2, 3, 3), (2, 3, 1)),
    on((2, 3, 3), (3, 2), beyond=CUPY),
)
ROWS = tuple(
    on(s, s[:-1], reduction=r) for s in [(4, 3), (3,), (2, 2, 3)] for r in ("mean", "none")
)

rows, columns = np.array([0, 2, 0]), np.array([1, 1, 1])
INDICES = (
    on((4,), index=1),
    on((4,), index=slice(None, None, -2), beyond=TORCH),
    on((2, 3), index=(..., None, 0)),
    on((4, 3), index=(slice(1, 3), 2)),
    on((), index=()),
    on((), index=None),
    on((3, 2), index=(rows, columns), beyond=STRICT),
    on((4,), index=rows, beyond=STRICT),
    on((3, 2), index=rows, beyond=STRICT),
    on((3, 2), index=(slice(None), columns), beyond=STRICT),
    on((3,), index=np.array([True, False, True]), beyond=STRICT),
    on((3,), index=slice(0, 0)),
    on((2, 3), index=np.eye(2, 3) == 1, beyond=STRICT),
    on((3, 2), index=[0, 0], beyond=STRICT),
)
PLACES = (
    on((2,), index=slice(1, 3), shape=(4,)),
    on((), index=(0, 1), shape=(2, 2)),
    on((3,), index=rows, shape=(3,), beyond=STRICT),
    on((3,), index=(rows, columns), shape=(3, 2), beyond=STRICT),
)

DTYPES = tuple(on(s, dtype=np.float64) for s in [(), (4,), (2, 3)])
BROADCASTS = (
    on((), shape=(2, 3)),
    on((3,), shape=(2, 3)),
    on((2, 1), shape=(2, 3)),
    on((1,), shape=(0,)),
)
BOUNDS = (
    on((), min=-1.0, max=2.0),
    on((2, 3), min=-1.0, max=2.0),
    on((4,), min=-1.0),
    on((4,), max=2.0),
)
JOINS = (
    on((2,), (3,)),
    on((2, 3), (1, 3), (0, 3)),
    on((2, 3), (2, 1), axis=-1),
    on((4,)),
)
RUNS = (on((4,)), on((1,)), on((0,)), on((2, 3), axis=0), on((2, 3), axis=-1))
DIAGONAL = (
    on((3,)),
    on((3,), k=1),
    on((2,), k=-2),
    on((3, 3)),
    on((2, 3), k=1),
    on((3, 2), k=-1),
    on((0,)),
)
DIAGONALS = (on((3, 3)), on((2, 3, 4), offset=1), on((4, 2), offset=-2), on((2, 0, 3)))
FLIPS = (on(()), on((4,)), on((2, 3)), on((2, 3), axis=0), on((2, 3, 2), axis=(0, -1)), on((0,)))
AFFINE = (
    on((2, 3), (4, 3), (4,)),
    on((3,), (4, 3), (4,)),
    on((5, 2, 3), (4, 3), (4,)),
    on((0, 3), (4, 3), (4,)),
)
PADS = (
    on((2, 3), pad_width=1),
    on((2, 3), pad_width=((1, 0), (0, 2))),
    on((3,), pad_width=(1, 2), constant_values=7.0),
    on((), pad_width=1),
)
ORDERS = (
    on((2, 3), axes=(1, 0)),
    on((2, 3, 4), axes=(2, 0, 1)),
    on((2, 3, 4), axes=(-1, 0, 1)),
    on((), axes=()),
)
SHAPES = (
    on((2, 3), shape=(3, 2)),
    on((2, 3), shape=-1),
    on((), shape=(1, 1)),
    on((1,), shape=()),
    on((0, 3), shape=(3, 0)),
)
ROLLS = (
    on((4,), shift=1),
    on((2, 3), shift=-2),
    on((2, 3), shift=4, axis=1),
    on((2, 3), shift=(1, -1), axis=(0, 1)),
)
STACKS = (
    on((), ()),
    on((3,), (3,), (3,)),
    on((2, 3), (2, 3), axis=1),
    on((2, 3), (2, 3), axis=-1),
    on((0,)),
)
TAKES = (
    on((4,), indices=rows),
    on((3, 2), indices=rows, axis=0),
    on((2, 3), indices=rows, axis=-1),
)
TRACES = (on((3, 3)), on((2, 3)), on((4, 2, 2)), on((0, 0)))
OUTERS = (on((2,), (3,)), on((1,), (1,)), on((0,), (3,)))
SOFT = (on((4, 3), (4, 3)), on((3,), (3,), reduction="sum"), on((2, 3), (2, 3), reduction="none"))


def domain(*draws: Draw, cases: tuple[Case, ...] = UNARY) -> Domain:
    return Domain(draws, cases)


ANY = real(-2, 2)
KINK = real(-3, 3, away=(0.0,))
STEPS = real(-2.9, 2.9, away=tuple(np.arange(-6, 7) / 2))
POSITIVE = real(0.3, 3)

# --- the table

DOMAINS: dict[str, Domain] = {
    "abs": domain(KINK),
    "acos": domain(real(-0.8, 0.8)),
    "acosh": domain(real(1.3, 4)),
    "add": domain(ANY, cases=BINARY),
    "asin": domain(real(-0.8, 0.8)),
    "asinh": domain(real(-3, 3)),
    "astype": domain(ANY, cases=DTYPES),
    "atan": domain(real(-3, 3)),
    "atan2": domain(real(-2, 2, away=(0,), gap=0.3), cases=BINARY),
    "atanh": domain(real(-0.8, 0.8)),
    "broadcast_to": domain(ANY, cases=BROADCASTS),
    "cbrt": domain(KINK),
    "ceil": domain(STEPS),
    "cholesky": domain(definite, cases=(*SQUARE, on((2, 2), upper=True))),
    "clip": domain(real(-3, 3, away=(-1, 2)), cases=BOUNDS),
    "concat": domain(ANY, cases=JOINS),
    "copysign": domain(KINK, real(-2, 2, away=(0,)), cases=BINARY),
    "cos": domain(real(-4, 4)),
    "cosh": domain(ANY),
    "cross_entropy": domain(ANY, integers(0, 3), cases=ROWS),
    "cumulative_sum": domain(ANY, cases=RUNS),
    "det": domain(regular, cases=SQUARE),
    "dft": domain(ANY, cases=SPECTRA),
    "diag": domain(ANY, cases=DIAGONAL),
    "diagonal": domain(ANY, cases=DIAGONALS),
    "divide": domain(real(-2, 2, away=(0,), gap=0.3), cases=BINARY),
    "eig_rows": domain(diagonalisable, cases=(*SQUARE, *EMPTY_SQUARE)),
    "eigh_rows": domain(spread_out, cases=(*SQUARE, *EMPTY_SQUARE, on((2, 2), UPLO="U"))),
    "eigvalsh": domain(spread_out, cases=(*SQUARE, *EMPTY_SQUARE, on((2, 2), UPLO="U"))),
    "digamma": domain(POSITIVE, cases=(*UNARY, on((4,), order=1), on((2, 3), order=2))),
    "erfc": domain(ANY),
    "erfcx": domain(ANY),
    "erfinv": domain(real(-0.9, 0.9)),
    "gammaln": domain(real(-3, 3, away=(-3, -2, -1, 0), gap=0.3)),
    "log_ndtr": domain(real(-6, 3)),
    "ndtri": domain(real(0.1, 0.9)),
    "xlog1py": domain(ANY, POSITIVE, cases=BINARY),
    "xlogy": domain(ANY, POSITIVE, cases=BINARY),
    "elu": domain(KINK, cases=(*UNARY, on((4,), alpha=0.5))),
    "erf": domain(ANY),
    "exp": domain(ANY),
    "expm1": domain(ANY),
    "flip": domain(ANY, cases=FLIPS),
    "floor": domain(STEPS),
    "floor_divide": domain(real(0.3, 0.9), real(1.1, 2), cases=BINARY),
    "gelu": domain(real(-3, 3)),
    "getitem": domain(ANY, cases=INDICES),
    "hypot": domain(real(-2, 2, away=(0,)), cases=BINARY),
    "identity": domain(ANY),
    "inv": domain(regular, cases=SQUARE),
    "leaky_relu": domain(KINK, cases=(*UNARY, on((4,), slope=0.3))),
    "linear": domain(ANY, cases=AFFINE),
    "log": domain(POSITIVE),
    "log10": domain(POSITIVE),
    "log1p": domain(real(-0.6, 3)),
    "log2": domain(POSITIVE),
    "log_softmax": domain(ANY, cases=ALONG),
    "logabsdet": domain(regular, cases=SQUARE),
    "logaddexp": domain(ANY, cases=BINARY),
    "logsumexp": domain(ANY, cases=REDUCED),
    "matmul": domain(ANY, cases=PRODUCTS),
    "max": domain(apart(), cases=REDUCED),
    "maximum": domain(apart(), apart(0.5), cases=BINARY),
    "mean": domain(ANY, cases=REDUCED),
    "min": domain(apart(), cases=REDUCED),
    "minimum": domain(apart(), apart(0.5), cases=BINARY),
    "multiply": domain(ANY, cases=BINARY),
    "negative": domain(ANY),
    "outer": domain(ANY, cases=OUTERS),
    "pad": domain(ANY, cases=PADS),
    "permute_dims": domain(ANY, cases=ORDERS),
    "pinv": domain(of_full_rank, cases=WIDE),
    "pow": domain(real(0.4, 2.5), ANY, cases=BINARY),
    "prod": domain(real(0.4, 2), cases=(*REDUCED, *EMPTY)),
    "put_at": domain(ANY, cases=PLACES),
    "qr_rows": domain(of_full_rank, cases=TALL),
    "relu": domain(KINK),
    "remainder": domain(real(0.3, 0.9), real(1.1, 2), cases=BINARY),
    "reshape": domain(ANY, cases=SHAPES),
    "roll": domain(ANY, cases=ROLLS),
    "round": domain(STEPS),
    "sigmoid": domain(real(-4, 4)),
    "sign": domain(KINK),
    "signdet": domain(regular, cases=SQUARE),
    "silu": domain(real(-4, 4)),
    "sin": domain(real(-4, 4)),
    "sinh": domain(ANY),
    "softmax": domain(ANY, cases=ALONG),
    "softplus": domain(real(-4, 4)),
    "solve": domain(regular, ANY, cases=SYSTEMS),
    "sqrt": domain(POSITIVE),
    "square": domain(ANY),
    "stack": domain(ANY, cases=STACKS),
    "subtract": domain(ANY, cases=BINARY),
    "sum": domain(ANY, cases=(*REDUCED, *EMPTY)),
    "svd_rows": domain(of_full_rank, cases=WIDE),
    "svdvals": domain(of_full_rank, cases=WIDE),
    "take": domain(ANY, cases=TAKES),
    "tan": domain(real(-1.2, 1.2)),
    "tanh": domain(real(-3, 3)),
    "trace": domain(ANY, cases=TRACES),
    "tril": domain(ANY, cases=TRIANGLES),
    "triu": domain(ANY, cases=TRIANGLES),
    "trunc": domain(STEPS),
    "vector_norm": domain(real(0.3, 2), cases=(*REDUCED, on((0,)))),
    "where": domain(mask, ANY, cases=TERNARY),
}

# Further inputs of ops in the table above: where a rule branches on its data.
MORE: list[tuple[str, Domain]] = [
    (
        "pow",
        domain(
            real(-2, -0.5),
            integers(-3, 4),
            cases=tuple(replace(c, beyond=STRICT) for c in BINARY),
        ),
    ),
    ("remainder", domain(real(-0.56, -0.54), real(0.21, 0.23), cases=(on((), ()), on((), (4,))))),
    ("pow", domain(real(0.4, 2.5), with_zeros, cases=BINARY)),
    ("xlog1py", domain(with_zeros, POSITIVE, cases=BINARY)),
    ("xlogy", domain(with_zeros, POSITIVE, cases=BINARY)),
    ("prod", domain(with_zeros, cases=REDUCED)),
    ("det", domain(singular, cases=SQUARE)),
    ("cross_entropy", domain(ANY, real(0.1, 1), cases=SOFT)),
    ("vector_norm", domain(real(-2, 2, away=(0,)), cases=REDUCED)),
    ("vector_norm", domain(apart(0.3), cases=LENGTHS)),
]


def samples(name: str, rounds: int = 1) -> Iterator[tuple[Domain, Case]]:
    """Every (domain, case) to test an op on, `rounds` times over."""
    for dom in [DOMAINS[name], *(more for op, more in MORE if op == name)]:
        for case in dom.cases * rounds:
            yield dom, case
