"""What may have to stand in a place of the source: slips undone, and what only source has.

A row names the mistake (a kind of `KINDS`), how far-fetched it is, and what stands there instead,
as a formula that is run on stand-ins. The slips of operations are those of `..slips`: a transpose
is put right by transposing, a lost factor by the row that loses one in what was written.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..slips import FAR, FARTHEST, FIRST, LIKELY, NEAR, ODD, Slip
from .written import FAILS, Written

ANY, ARRAY, VECTOR, MATRIX = -1, 0, 1, 2  # what a form is of: a number too, arrays, of 1 axis, of 2


class Edit(NamedTuple):
    """Another expression, or statement, at a place of the source; `kind` is the mistake's."""

    place: Any
    new: Any
    kind: str
    rank: float


class Form(NamedTuple):
    """What people make of a value. `axes` is what it is made of."""

    kind: str
    rank: float
    how: Callable[[Any], Any]
    axes: int = ANY


SLOPE, POINT = "wrong-activation-derivative", "activation-derivative-at-wrong-point"
LOST, TWICE, SHAPE = "missing-factor", "extra-factor", "missing-broadcast-sum"

# What may be missing at any value, the likeliest first.
FORMS: tuple[Form, ...] = (
    Form("transpose", LIKELY, lambda x: x.T, MATRIX),
    Form("sign", FAR - NEAR, lambda x: -x),
    Form("shape", ODD, lambda x: x[:, None], VECTOR),
    Form(LOST, FAR, lambda x: x**2),
    Form("other", FAR, lambda x: 1 - x),
    Form(SLOPE, FAR, lambda x: x > 0),
    Form("other", FAR + NEAR, lambda x: np.abs(x)),
    Form(SLOPE, FARTHEST, lambda x: np.sign(x)),
    Form("other", FARTHEST, lambda x: 1 / x),
    Form("other", FARTHEST, lambda x: np.diag(x), VECTOR),
    Form(SLOPE, FARTHEST + NEAR, lambda x: x * (1 - x)),
    Form(SLOPE, FARTHEST + NEAR, lambda x: 1 - x**2),
    Form(SLOPE, FARTHEST + NEAR, lambda x: np.exp(x)),
    Form(SLOPE, FARTHEST + NEAR, lambda x: np.sqrt(x)),
    Form(SLOPE, FARTHEST + LIKELY, lambda x: np.log(x)),
)
# What a factor or a term may be made of a name by, beside these.
FUNCTIONS: tuple[Form, ...] = (
    Form("other", FAR, lambda x: 1 + x),
    Form(SLOPE, FARTHEST, lambda x: np.tanh(x)),
    Form(SLOPE, FARTHEST, lambda x: 1 - np.tanh(x) ** 2),
    Form(SLOPE, FARTHEST, lambda x: np.cos(x)),
    Form(SLOPE, FARTHEST, lambda x: np.sin(x)),
    Form(SLOPE, FARTHEST, lambda x: 1 / (1 + np.exp(-x))),
    Form(SHAPE, FARTHEST, lambda x: np.sum(x), ARRAY),
    Form(SHAPE, FARTHEST, lambda x: np.sum(x, axis=0), MATRIX),
    Form(SHAPE, FARTHEST, lambda x: np.sum(x, axis=1, keepdims=True), MATRIX),
    Form("other", FARTHEST, lambda x: np.mean(x, axis=1, keepdims=True), MATRIX),
    Form("other", FARTHEST, lambda x: np.linalg.inv(x), MATRIX),
    Form("other", FARTHEST, lambda x: np.outer(x, x), VECTOR),
)
# Beside the slips of rules: what only the source of a derivation has.
SOURCE: Mapping[str, tuple[Slip, ...]] = {
    "subtract": (
        Slip("sign", FIRST, lambda a, b: b - a, ""),
        Slip("other", FAR, lambda a, b: a * b, ""),
        Slip("other", FARTHEST, lambda a, b: a / b, ""),
    ),
    "multiply": (
        Slip("elementwise-vs-matmul", LIKELY, lambda a, b: np.outer(a, b), ""),
        Slip("elementwise-vs-matmul", LIKELY, lambda a, b: np.outer(b, a), ""),
        Slip("shape", LIKELY, lambda a, b: _vector(a)[:, None] * b, ""),
        Slip("shape", LIKELY, lambda a, b: a * _vector(b)[:, None], ""),
        Slip("other", FAR, lambda a, b: a + b, ""),
    ),
    "matmul": (
        Slip("transpose", LIKELY, lambda a, b: a.T @ b.T, ""),
        Slip("elementwise-vs-matmul", LIKELY, lambda a, b: np.outer(a, b), ""),
        Slip("elementwise-vs-matmul", LIKELY, lambda a, b: np.outer(b, a), ""),
    ),
    "outer": (
        Slip("elementwise-vs-matmul", LIKELY, lambda a, b: a * b, ""),
        Slip("elementwise-vs-matmul", LIKELY, lambda a, b: a @ b, ""),
    ),
    "add": (
        Slip("other", FAR, lambda a, b: a * b, ""),
        Slip("other", FARTHEST, lambda a, b: a / b, ""),
    ),
    "divide": (
        Slip("other", LIKELY, lambda a, b: a * b, ""),
        Slip("other", ODD, lambda a, b: 1 / b, ""),
    ),
    "pow": (
        Slip("other", FAR, lambda a, b: a * b, ""),
        Slip(LOST, FAR, lambda a, b: b * a ** (b - 1), ""),
    ),
    "sum": (Slip("mean-vs-sum", FIRST, lambda a: np.mean(a), ""),),
}
# What a slip of a rule is called where it undoes one: a factor that is to go is one too many.
UNDOES: Mapping[str, str] = {
    LOST: TWICE,
    TWICE: LOST,
    "missing-term": "double-count",
    "double-count": "missing-term",
}
# Functions that stand for one another.
PAIRS: tuple[tuple[str, str, str], ...] = (
    ("mean-vs-sum", "sum", "mean"),
    (SLOPE, "maximum", "minimum"),
    (SLOPE, "sign", "abs"),
    (SLOPE, "exp", "expm1"),
    (SLOPE, "log", "log1p"),
    ("other", "log", "log2"),
    ("other", "log", "log10"),
    ("other", "max", "min"),
    ("other", "argmax", "argmin"),
    ("other", "max", "sum"),
    ("other", "sum", "trace"),
    ("other", "zeros_like", "ones_like"),
    ("other", "zeros", "ones"),
    ("other", "tril", "triu"),
    ("other", "cumsum", "cumprod"),
)
ELEMENTARY = ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan")
AXIS, KEPT = ("axis", "dim"), ("keepdims", "keepdim")  # as NumPy and PyTorch call them
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "var", "std", "argmax", "argmin")


def _vector(x: Any) -> Any:
    if np.ndim(x) != 1:
        raise ValueError("no vector")
    return x


def stand_in(e: ast.expr, read: Callable[[ast.expr], Any], numpy: str) -> Written | None:
    """The stand-in of an expression, None for what is no array or number."""
    value = read(e)
    return Written(e, value, numpy) if is_numeric(value) else None


def is_numeric(v: Any) -> bool:
    """Whether it is a number or an array of numbers (truth values are read as 0 and 1)."""
    if isinstance(v, (bool, str)):
        return False
    return isinstance(v, (int, float)) or (
        isinstance(v, (np.ndarray, np.generic)) and v.dtype.kind in "fiub"
    )


def is_nothing(e: ast.expr) -> bool:
    """Whether it is 0, or an array of zeros."""
    called = getattr(e, "func", None)
    name = getattr(called, "attr", getattr(called, "id", ""))
    return name in ("zeros", "zeros_like") or getattr(e, "value", None) == 0


def is_symmetric(v: Any) -> bool:
    """Whether a matrix is its own transpose."""
    a = np.asarray(v)
    if a.dtype.kind != "f" or a.ndim != 2 or a.shape[0] != a.shape[1]:
        return False
    return bool(np.abs(a - a.T).max(initial=0) <= 1e-9 * np.abs(a).max(initial=0))


def formed(form: Form, x: Written) -> Written | None:
    """A form of a value; None where it cannot be made, or is one number everywhere: the sign of
    what is positive is 1 in disguise, and |x| of what is negative -x."""
    axes = np.ndim(x.value)
    if form.axes >= 0 and (axes != form.axes if form.axes else not axes):
        return None
    made = attempted(form.how, x)
    if made is None:
        return None
    value = np.asarray(made.value)
    if value.size > 1 and (value == value.flat[0]).all():
        return None
    if form.kind == "other" and any(np.array_equal(value, k * x.value) for k in (1, -1)):
        return None
    if form.kind == "transpose" and is_symmetric(x.value):
        return None
    return made


def attempted(how: Callable[..., Any], *operands: Any) -> Written | None:
    """A formula run on stand-ins, None where it does not fit their shapes."""
    try:
        made = how(*operands)
    except FAILS:
        return None
    return made if isinstance(made, Written) else None
