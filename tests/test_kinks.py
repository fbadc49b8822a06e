"""What every op gives where its derivative jumps, is infinite or does not exist, as it states.

`KINKS` has the stated convention of every op that has such points; the others are in `SMOOTH`. Each
is tested in every floating dtype, and, entry by entry, on Values too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, log, nan, pi
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.ops import registry

DTYPES = ("float64", "float32", "float16")


@dataclass(frozen=True)
class Kink:
    """At the inputs `at` the gradients `first`, and, where it is stated, the gradient `second` of
    their sum."""

    at: tuple[Any, ...]
    first: tuple[Any, ...]
    second: tuple[Any, ...] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.at} {self.settings or ''}"


def kink(*at: Any, first: Any, second: Any = None, **settings: Any) -> Kink:
    """A kink of inputs `at`; of one input the gradients need no tuple."""
    return Kink(at, *(_tuple(g, len(at)) for g in (first, second)), settings)  # type: ignore[arg-type]


def _tuple(g: Any, n: int) -> Any:
    return (g,) if n == 1 and g is not None else g


def flat(*points: float, second: Any = 0.0, **settings: Any) -> tuple[Kink, ...]:
    """Points at which the derivative is 0, and so is the second."""
    return tuple(kink(x, first=0.0, second=second, **settings) for x in points)


EXTREME = (
    kink([2.0, 2.0, 1.0], first=[0.5, 0.5, 0.0], second=[0.0] * 3),
    kink([[3.0, 3.0], [3.0, 1.0]], first=[[0.5, 0.5], [1.0, 0.0]], axis=1),
    kink([1.0, nan], first=[nan, nan]),
    kink([inf, 1.0, inf], first=[0.5, 0.0, 0.5]),
)
TIE = (
    kink(2.0, 2.0, first=(0.5, 0.5), second=(0.0, 0.0)),
    kink(0.0, -0.0, first=(0.5, 0.5)),
    kink(inf, inf, first=(0.5, 0.5)),
    kink(nan, 1.0, first=(nan, nan)),
)


def mirrored(kinks: tuple[Kink, ...]) -> tuple[Kink, ...]:
    """The kinks of -f(-x)."""
    return tuple(
        Kink(tuple(np.negative(x) for x in k.at), k.first, None, k.settings) for k in kinks
    )


KINKS: dict[str, tuple[Kink, ...]] = {
    "abs": (*flat(0.0, -0.0), kink(nan, first=nan), kink(-inf, first=-1.0)),
    "acos": (kink(1.0, first=-inf), kink(-1.0, first=-inf), kink(2.0, first=nan)),
    "acosh": (kink(1.0, first=inf), kink(0.5, first=nan)),
    "asin": (kink(1.0, first=inf), kink(-1.0, first=inf), kink(2.0, first=nan)),
    "atan2": (kink(0.0, 0.0, first=(nan, nan)), kink(0.0, -1.0, first=(-1.0, 0.0))),
    "atanh": (kink(1.0, first=inf), kink(-1.0, first=inf)),
    "cbrt": (kink(0.0, first=inf), kink(-8.0, first=1 / 12)),
    "ceil": flat(0.0, 1.0, 1.5, -2.0),
    "clip": (
        kink(-1.0, first=1.0, second=0.0, min=-1.0, max=2.0),
        kink(2.0, first=1.0, second=0.0, min=-1.0, max=2.0),
        kink(2.5, first=0.0, second=0.0, min=-1.0, max=2.0),
        kink(nan, first=nan, min=-1.0),
        kink(1.0, first=1.0, min=1.0, max=1.0),
    ),
    "copysign": (
        kink(0.0, -2.0, first=(0.0, 0.0)),
        kink(3.0, -0.0, first=(-1.0, 0.0), second=(0.0, 0.0)),
    ),
    "cross_entropy": (
        kink([0.0, 0.0], [1.0, 0.0], first=([-0.5, 0.5], [log(2), log(2)])),
        kink([1000.0, 0.0], [0.0, 1.0], first=([1.0, -1.0], [0.0, 1000.0])),
    ),
    "det": (
        kink([[1.0, 2.0], [2.0, 4.0]], first=[[4.0, -2.0], [-2.0, 1.0]]),
        kink(
            [[0.0, 0.0], [0.0, 0.0]],
            first=[[0.0, 0.0], [0.0, 0.0]],
            second=[[1.0, -1.0], [-1.0, 1.0]],
        ),
    ),
    "divide": (
        kink(1.0, 0.0, first=(inf, -inf)),
        kink(1.0, -0.0, first=(-inf, -inf)),
        kink(1.0, inf, first=(0.0, 0.0)),
    ),
    "elu": (
        kink(0.0, first=1.0),
        kink(0.0, first=0.5, alpha=0.5),
        kink(-1000.0, first=0.0),
    ),
    "exp": (kink(-inf, first=0.0, second=0.0),),
    "floor": flat(0.0, 1.0, 1.5, -2.0),
    "floor_divide": (kink(4.0, 2.0, first=(0.0, 0.0), second=(0.0, 0.0)),),
    "hypot": (
        kink(0.0, 0.0, first=(0.0, 0.0), second=(nan, nan)),
        kink(0.0, 2.0, first=(0.0, 1.0), second=(0.5, 0.0)),
        kink(inf, 1.0, first=(nan, 0.0)),
    ),
    "leaky_relu": (
        kink(0.0, first=0.01, second=0.0),
        kink(0.0, first=0.25, slope=0.25),
        kink(nan, first=nan),
    ),
    "gammaln": (kink(0.0, first=-inf), kink(-1.0, first=nan), kink(inf, first=inf)),
    "digamma": (kink(0.0, first=inf),),
    "erfinv": (kink(1.0, first=inf), kink(-1.0, first=inf), kink(2.0, first=nan)),
    "log_ndtr": (kink(1000.0, first=0.0), kink(-30.0, first=30.033259667433672)),
    "ndtri": (kink(0.0, first=inf), kink(1.0, first=inf), kink(-1.0, first=nan)),
    "xlog1py": (
        kink(0.0, 1.0, first=(np.log(2.0), 0.0)),
        kink(0.0, -1.0, first=(-inf, 0.0)),
        kink(1.0, -1.0, first=(-inf, inf)),
        kink(1.0, 1e-20, first=(1e-20, 1.0)),
    ),
    "xlogy": (
        kink(0.0, 2.0, first=(np.log(2.0), 0.0)),
        kink(0.0, 0.0, first=(-inf, 0.0)),
        kink(1.0, 0.0, first=(-inf, inf)),
    ),
    "log": (kink(0.0, first=inf), kink(inf, first=0.0)),
    "log10": (kink(0.0, first=inf),),
    "log1p": (kink(-1.0, first=inf),),
    "log2": (kink(0.0, first=inf),),
    "log_softmax": (kink([1000.0, 0.0], first=[-1.0, 1.0]),),
    "logabsdet": (),  # a singular matrix is refused, see below
    "logaddexp": (
        kink(2.0, 2.0, first=(0.5, 0.5)),
        kink(-inf, 0.0, first=(0.0, 1.0)),
        kink(1000.0, -1000.0, first=(1.0, 0.0)),
        kink(inf, 0.0, first=(1.0, 0.0)),
        kink(inf, inf, first=(nan, nan)),
    ),
    "logsumexp": (
        kink([-inf, 0.0], first=[0.0, 1.0]),
        kink([-inf, -inf], first=[nan, nan]),
        kink([1000.0, 0.0], first=[1.0, 0.0]),
    ),
    "max": EXTREME,
    "maximum": TIE,
    "min": mirrored(EXTREME),
    "minimum": mirrored(TIE),
    "pow": (
        kink(0.0, 0.0, first=(0.0, 0.0)),
        kink(nan, 0.0, first=(0.0, nan)),
        kink(0.0, 1.0, first=(1.0, 0.0)),
        kink(0.0, 2.0, first=(0.0, 0.0)),
        kink(0.0, 0.5, first=(inf, 0.0)),
        kink(2.0, 0.0, first=(0.0, log(2))),
        kink(-1.0, 2.0, first=(-2.0, nan)),
        kink(-1.0, 0.5, first=(nan, nan)),
    ),
    "prod": (
        kink([0.0, 2.0, 3.0], first=[6.0, 0.0, 0.0], second=[5.0, 3.0, 2.0]),
        kink([0.0, 0.0, 3.0], first=[0.0, 0.0, 0.0], second=[3.0, 3.0, 0.0]),
        kink([-0.0, 2.0], first=[2.0, 0.0]),
    ),
    "relu": (*flat(0.0, -0.0), kink(nan, first=nan), kink(inf, first=1.0)),
    "remainder": (
        kink(4.0, 2.0, first=(1.0, -2.0), second=(0.0, 0.0)),
        kink(-1.0, 0.0, first=(1.0, inf)),
    ),
    "round": flat(0.0, 0.5, 1.5, -2.5),
    "sigmoid": (*flat(1000.0, -1000.0), kink(0.0, first=0.25, second=0.0)),
    "sign": flat(0.0, -0.0, 3.0),
    "signdet": (kink([[1.0, 2.0], [2.0, 4.0]], first=[[0.0, 0.0], [0.0, 0.0]]),),
    "silu": (kink(1000.0, first=1.0), kink(-1000.0, first=0.0)),
    "softmax": (
        kink([1000.0, 0.0], first=[0.0, 0.0]),
        kink([-inf, 0.0], first=[0.0, 0.0]),
    ),
    "softplus": (kink(1000.0, first=1.0), kink(-1000.0, first=0.0)),
    "solve": (),  # a singular matrix is refused, see below
    "inv": (),
    "cholesky": (),
    **dict.fromkeys(("eig_rows", "eigh_rows", "pinv", "qr_rows", "svd_rows"), ()),
    "eigvalsh": (kink([[2.0, 0.0], [0.0, 2.0]], first=[[1.0, 0.0], [0.0, 1.0]]),),
    "svdvals": (kink([[0.0, 0.0], [0.0, 0.0]], first=[[0.0, 0.0], [0.0, 0.0]]),),
    "sqrt": (kink(0.0, first=inf), kink(-1.0, first=nan), kink(inf, first=0.0)),
    "tan": (kink(pi / 4, first=2.0),),
    "trunc": flat(0.0, 1.0, 1.5, -2.0),
    "vector_norm": (
        kink([0.0, 0.0], first=[0.0, 0.0]),
        kink([[0.0, 0.0], [3.0, 4.0]], first=[[0.0, 0.0], [0.6, 0.8]], axis=1),
    ),
    "where": (),  # none for the condition, see below
}

SMOOTH = {
    *("add", "asinh", "astype", "atan", "broadcast_to", "concat", "cos", "cosh"),
    *("cumulative_sum", "dft", "diag", "diagonal", "erf", "erfc", "erfcx", "expm1"),
    *("flip", "gelu", "getitem", "identity", "linear", "matmul", "mean", "multiply"),
    *("negative", "outer", "pad", "permute_dims", "put_at", "reshape", "roll", "sin"),
    *("sinh", "square", "stack", "subtract", "sum", "take", "tanh", "trace", "tril"),
    "triu",
}
LAPACK = {"det", "eigvalsh", "signdet", "svdvals"}  # which has no float16
CASES = [
    pytest.param(name, k, dtype, id=f"{name} {k} {dtype}")
    for name, kinks in KINKS.items()
    for k in kinks
    for dtype in DTYPES
    if name not in LAPACK or dtype != "float16"
]


def test_every_op_states_its_kinks():
    assert set(KINKS) | SMOOTH == set(registry)
    assert not set(KINKS) & SMOOTH


def plain(g: Any) -> Any:
    return g.data if isinstance(g, (tg.Tensor, tg.Value)) else g


def gradients(name: str, k: Kink, leaves: list[Any]) -> tuple[list[Any], list[Any]]:
    """The first, and the second, of the sum of the result."""
    y = registry[name](*leaves, **k.settings)
    total = y if isinstance(y, tg.Value) else tg.sum(y)
    total.backward(record=True)
    first, along = [x.grad for x in leaves], 0.0
    for x, g in zip(leaves, first, strict=True):
        along = along + (g if isinstance(x, tg.Value) else tg.sum(g))
        x.zero_grad()
    if isinstance(along, (tg.Value, tg.Tensor)) and not along.constant:
        along.backward()
    second = [np.zeros(x.shape) if x.grad is None else x.grad for x in leaves]
    return [plain(g) for g in first], second


def fits(found: list[Any], stated: tuple[Any, ...] | None, eps: float) -> bool:
    if stated is None:
        return True
    pairs = zip(found, stated, strict=True)
    return all(
        np.allclose(np.asarray(a, np.float64), b, rtol=4 * eps, atol=4 * eps, equal_nan=True)
        for a, b in pairs
    )


def verdict(name: str, k: Kink, leaves: list[Any], eps: float) -> str:
    with np.errstate(all="ignore"):
        first, second = gradients(name, k, leaves)
    if fits(first, k.first, eps) and fits(second, k.second, eps):
        return ""
    return f"{first}, {second}; stated: {k.first}, {k.second}"


@pytest.mark.parametrize(("name", "k", "dtype"), CASES)
def test_a_kink_has_its_stated_derivative(name, k, dtype):
    eps = float(np.finfo(dtype).eps)
    leaves = [tg.Tensor(np.array(x, dtype=dtype)) for x in k.at]
    said = verdict(name, k, leaves, eps)
    assert all(x.dtype == dtype for x in leaves)
    if registry[name].elementwise and not said:
        spread = [tg.Tensor(np.full((2, 2), x, dtype=dtype)) for x in k.at]
        wide = Kink(
            k.at,
            tuple(np.full((2, 2), g) for g in k.first),
            k.second and tuple(np.full((2, 2), g) for g in k.second),
            k.settings,
        )
        said = verdict(name, wide, spread, eps)
        said = said or verdict(
            name, k, [tg.Value(float(np.dtype(dtype).type(x))) for x in k.at], eps
        )
    assert not said


# --- what has no derivative is refused, or is NaN


@pytest.mark.parametrize("name", ["inv", "logabsdet", "cholesky", "solve"])
def test_a_singular_matrix_is_refused(name):
    A = tg.Tensor([[1.0, 2.0], [2.0, 4.0]])
    op = registry[name]
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"[Ss]ingular|definite"):
        (op(A, np.ones(2)) if name == "solve" else op(A)).sum().backward()


def test_a_condition_has_no_gradient():
    condition, x = tg.Tensor([1.0, 0.0]), tg.Tensor([1.0, 2.0])
    tg.where(condition, x, 0.0).sum().backward()
    np.testing.assert_array_equal(condition.grad, [0.0, 0.0])
    np.testing.assert_array_equal(x.grad, [1.0, 0.0])


NO_SECOND = {  # at these points no second derivative exists
    "vector_norm": (lambda x: tg.vector_norm(x), [0.0, 0.0]),
    "norm": (lambda x: tg.norm(x), [0.0, 0.0]),
    "norm along an axis": (lambda x: tg.norm(x, axis=1).sum(), [[0.0, 0.0], [1.0, 2.0]]),
    "std": (lambda x: tg.std(x), [1.0, 1.0, 1.0]),
    "a kernel of a distance": (lambda x: tg.exp(-tg.norm(x)), [0.0, 0.0]),
    "sqrt": (lambda x: tg.sqrt(x).sum(), [0.0, 1.0]),
    "sqrt of a square": (lambda x: tg.sqrt(tg.sum(x * x)), [0.0, 0.0]),
    "power": (lambda x: (x**1.5).sum(), [0.0, 1.0]),
}


@pytest.mark.parametrize("name", NO_SECOND)
def test_a_second_derivative_that_does_not_exist_is_no_plausible_number(name):
    """Its limit, NaN or an error."""
    f, at = NO_SECOND[name]
    x = np.array(at)
    v = np.arange(1.0, 1 + x.size).reshape(x.shape)
    try:
        with np.errstate(all="ignore"):
            found: Any = np.asarray(tg.hvp(f)(x, v))
        bad = bool(np.isfinite(found.flat[0]))
    except (ValueError, ArithmeticError):
        return
    assert not bad, found


# --- a zero cotangent contributes zero


def touched(name: str, k: Kink, kind: str, *, record: bool) -> bool:
    """Whether a gradient other than 0 comes from a cotangent of 0."""
    leaves = [getattr(tg, kind)(x) for x in k.at]
    try:
        with np.errstate(all="ignore"):
            y = registry[name](*leaves, **k.settings)
        y.backward(0.0 if kind == "Value" else np.zeros(y.shape), record=record)
    except AttributeError:
        return True
    return any(np.any(np.asarray(plain(x.grad)) != 0) for x in leaves)


def test_a_zero_cotangent_contributes_zero():
    """Whatever the local derivative, at every kink where it is infinite or NaN; without a warning
    of NumPy's, which would be an error here."""
    steep = [
        (n, k)
        for n, ks in KINKS.items()
        for k in ks
        if not np.isfinite(np.hstack([np.ravel(g) for g in k.first])).all()
    ]
    bad = [
        f"{name} {k} {kind}, record={record}"
        for name, k in steep
        for kind in ("Tensor", "Value")[: 1 + registry[name].elementwise]
        for record in (False, True)
        if touched(name, k, kind, record=record)
    ]
    assert len(steep) > 20
    assert not bad


def test_a_zero_gradient_beside_an_undefined_slope_has_its_own_derivative():
    # The root's slope at 0 is infinite and not used; at 1 the gradient is 0, its derivative 1/2.
    def f(z):
        return tg.sum((tg.where(np.array([False, True]), tg.sqrt(z), 0.0) - 1) ** 2)

    assert tg.hessian(f)(np.array([0.0, 1.0])).tolist() == [[0.0, 0.0], [0.0, 0.5]]
