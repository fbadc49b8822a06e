"""Complex numbers as pairs of real arrays: what a Fourier transform of a node gives.

What is differentiated is real. So gradients are those of real numbers by real numbers, and no
convention about complex derivatives is needed. A `Complex` has the arithmetic of complex numbers,
also with nodes and plain complex arrays, absolute value, angle, exp and log, products, and what
moves or adds entries. All else raises `TypeError`: it is to be written with the two parts, as
tg.fft.Complex(tg.cos(t), tg.sin(t)) for exp(1j * t).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import reduce
from math import pi
from typing import Any, Never

import numpy as np

from .. import ops
from ..graph.node import Node
from ..ops.constants import Axis, shape_of
from .arrange import asarray
from .linalg import norm

# NumPy's functions that act on both parts alike.
_MOVES = "broadcast_to expand_dims flip moveaxis ravel reshape roll squeeze swapaxes take transpose"
_JOINS = "concatenate hstack pad repeat stack tile vstack"
_PARTS = "diag diagonal trace tril triu"
LINEAR = frozenset(f"{_MOVES} {_JOINS} {_PARTS} cumsum diff mean sum".split())
# Those that are linear in each of their arrays.
PRODUCTS = frozenset(["convolve", "cross", "dot", "einsum", "inner", "kron", "outer", "tensordot"])


def _parts(x: Any) -> tuple[Any, Any]:
    """The real part and the imaginary part of anything; None for one that is 0."""
    if isinstance(x, Complex):
        return x.real, x.imag
    if not isinstance(x, Node) and np.iscomplexobj(x):
        return np.real(x), np.imag(x)
    return x, None


def both(x: Any) -> tuple[Any, Any]:
    """The real part and the imaginary part of anything."""
    re, im = _parts(x)
    return re, ops.zeros_like(asarray(re)) if im is None else im


class Complex:
    """Complex numbers as two arrays of reals, `real` and `imag`: nodes, or plain constants."""

    def __init__(self, real: Any, imag: Any) -> None:
        self.real, self.imag = asarray(real), asarray(imag)
        if shape_of(self.real) != shape_of(self.imag):
            shapes = f"{shape_of(self.real)} and {shape_of(self.imag)}"
            raise ValueError(f"Complex: the parts differ in shape: {shapes}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return shape_of(self.real)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"Complex(\n{self.real!r},\n{self.imag!r})"

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Complex:
        return Complex(self.real[index], self.imag[index])

    def conj(self) -> Complex:
        """The complex conjugate."""
        return Complex(self.real, -self.imag)

    def _with(self, op: Callable[..., Any], other: Any) -> Complex:
        re, im = both(other)
        return Complex(op(self.real, re), op(self.imag, im))

    def __add__(self, other: Any) -> Complex:
        return self._with(ops.add, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Complex:
        return self._with(ops.subtract, other)

    def __rsub__(self, other: Any) -> Complex:
        return (-self)._with(ops.add, other)

    def __neg__(self) -> Complex:
        return Complex(-self.real, -self.imag)

    def __mul__(self, other: Any) -> Complex:
        return _product(ops.multiply, self, other)

    __rmul__ = __mul__

    def __matmul__(self, other: Any) -> Complex:
        return _product(ops.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Complex:
        return _product(ops.matmul, other, self)

    def __truediv__(self, other: Any) -> Complex:
        re, im = _parts(other)
        if im is None:
            return self._over(re)
        return _product(ops.multiply, self, Complex(re, -im))._over(re * re + im * im)

    def __rtruediv__(self, other: Any) -> Complex:
        size = self.real * self.real + self.imag * self.imag
        return _product(ops.multiply, other, self.conj())._over(size)

    def __pow__(self, exponent: Any) -> Complex:
        if isinstance(exponent, int) and exponent:
            power = reduce(Complex.__mul__, [self] * abs(exponent))
            return power if exponent > 0 else 1 / power
        return _product(ops.multiply, self.log(), exponent).exp()

    def __rpow__(self, base: Any) -> Complex:
        return Complex(*both(base)) ** self

    def _over(self, number: Any) -> Complex:
        return Complex(self.real / number, self.imag / number)

    def __abs__(self) -> Any:
        return ops.vector_norm(ops.stack([self.real, self.imag]), axis=0)

    def angle(self) -> Any:
        """The angle of each number, in radians."""
        return ops.atan2(self.imag, self.real)

    def exp(self) -> Complex:
        """e to the power of each number."""
        size = ops.exp(self.real)
        return Complex(size * ops.cos(self.imag), size * ops.sin(self.imag))

    def log(self) -> Complex:
        """The logarithm of each number, its imaginary part in (-pi, pi]."""
        return Complex(ops.log(abs(self)), self.angle())

    @property
    def T(self) -> Complex:
        """The transpose, not conjugated."""
        return Complex(self.real.T, self.imag.T)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Complex:
        """The sum over `axis`."""
        return Complex(*(ops.sum(x, axis, keepdims) for x in (self.real, self.imag)))

    def of_op(self, name: str, *inputs: Any, **settings: Any) -> Any:
        """What an op of this is, of a node and this too, such as weights * spectrum: NumPy's
        function of that name."""
        if name in _UFUNCS:
            return _UFUNCS[name](*inputs)
        function = getattr(np, name, None)
        if function is None or isinstance(function, np.ufunc):
            raise _unsupported(name)
        return self.__array_function__(function, (), inputs, settings)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Never:
        raise TypeError(
            "a plain array made of a Complex would lose the gradient; use z.real and z.imag, or "
            "z.real.data + 1j * z.imag.data, where the gradient stops"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        act = _UFUNCS.get(ufunc.__name__)
        if act is None or method != "__call__" or kwargs:
            raise _unsupported(ufunc.__name__)
        return act(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name in FUNCTIONS:
            return FUNCTIONS[name](*args, **kwargs)
        if name in PRODUCTS:
            return _product(function, *args, **kwargs)
        if name not in LINEAR or not _is_linear(function, args, kwargs):
            raise _unsupported(name)
        first, *rest = args
        several = isinstance(first, (list, tuple))
        parts = zip(*map(both, first if several else [first]), strict=True)
        return Complex(*(function(x if several else x[0], *rest, **kwargs) for x in parts))


def _product(f: Callable[..., Any], *factors: Any, **settings: Any) -> Complex:
    """f(*factors), which is linear in each: that of re + i im is that of re + i that of im."""
    for k, factor in enumerate(factors):
        re, im = _parts(factor)
        if im is not None:
            (a, b), (c, d) = (
                _parts(_product(f, *factors[:k], part, *factors[k + 1 :], **settings))
                for part in (re, im)
            )
            return Complex(a if d is None else a - d, c if b is None else b + c)
    return f(*factors, **settings)  # type: ignore[no-any-return]


def _is_linear(function: Any, args: Any, kwargs: Any) -> bool:
    """Whether a call adds nothing, which would go to both parts, and compares nothing."""
    if function.__name__ not in ("diff", "pad", "sum"):
        return True
    given = inspect.signature(function).bind(*args, **kwargs).arguments
    if {"prepend", "append", "initial", "kwargs"} & given.keys():  # the last are values of np.pad
        return False
    return given.get("mode") not in ("maximum", "median", "minimum")


def _where(condition: Any, x1: Any, x2: Any) -> Complex:
    (a, b), (c, d) = both(x1), both(x2)
    return Complex(ops.where(condition, a, c), ops.where(condition, b, d))


def _norm(z: Complex, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    vectors = isinstance(axis, int) or (axis is None and z.ndim == 1)
    if ord in (2, -2, "nuc") and not vectors:
        raise _unsupported(f"linalg.norm with ord={ord!r}")  # by singular values
    return norm(abs(z), ord, axis, keepdims)


# NumPy's functions of other kinds; `fourier` puts its own here.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "angle": lambda z, deg=False: z.angle() * (180 / pi if deg else 1),
    "imag": lambda z: z.imag,
    "ndim": lambda z: z.ndim,
    "norm": _norm,
    "real": lambda z: z.real,
    "shape": lambda z: z.shape,
    "vdot": lambda a, b: _product(ops.matmul, np.ravel(np.conj(a)), np.ravel(b)),
    "where": _where,
}

_UFUNCS: dict[str, Callable[..., Any]] = {
    "absolute": abs,
    "add": lambda a, b: a + b if isinstance(a, Complex) else b + a,
    "conjugate": Complex.conj,
    "divide": lambda a, b: a / b if isinstance(a, Complex) else b.__rtruediv__(a),
    "exp": Complex.exp,
    "log": Complex.log,
    "matmul": lambda a, b: _product(ops.matmul, a, b),
    "multiply": lambda a, b: _product(ops.multiply, a, b),
    "negative": Complex.__neg__,
    "power": lambda a, b: Complex(*both(a)) ** b,
    "sqrt": lambda z: z**0.5,
    "square": lambda z: z * z,
    "subtract": lambda a, b: a - b if isinstance(a, Complex) else b.__rsub__(a),
}
_UFUNCS |= {"abs": _UFUNCS["absolute"], "pow": _UFUNCS["power"]}  # as the ops are called


def _unsupported(name: str) -> TypeError:
    return TypeError(
        f"np.{name} of a Complex has no derivative here; write it with z.real and z.imag, which "
        "are real and have one"
    )
