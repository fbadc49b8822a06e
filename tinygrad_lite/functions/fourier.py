"""NumPy's Fourier transforms: `np.fft.rfft(t)` and, by the same names, `tg.fft.rfft(t)`.

What is differentiated is real. So a spectrum is a `Complex`, a pair of real nodes, `z.real` and
`z.imag`, and gradients are those of real numbers by real numbers: no convention about complex
derivatives is needed. It has the arithmetic of complex numbers, also with plain complex arrays,
absolute value, angle, and what moves or adds entries. All else raises `TypeError`: it is to be
written with the two parts, as tg.fft.Complex(tg.cos(t), tg.sin(t)) for exp(1j * t).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Never

import numpy as np

from .. import ops
from ..ops.constants import Axis, reduced_axes, shape_of
from .arrange import asarray

__all__ = [
    "Complex",
    "fft",
    "fft2",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]

# NumPy's functions that act on both parts alike.
_MOVES = "broadcast_to expand_dims flip moveaxis ravel reshape roll squeeze swapaxes take transpose"
_JOINS = "concatenate hstack pad repeat stack tile vstack"
LINEAR = frozenset(f"{_MOVES} {_JOINS} cumsum diff mean sum".split())


def _parts(x: Any) -> tuple[Any, Any]:
    """The real part and the imaginary part of anything; None for one that is 0."""
    if isinstance(x, Complex):
        return x.real, x.imag
    if np.iscomplexobj(x):
        return np.real(x), np.imag(x)
    return x, None


def _both(x: Any) -> tuple[Any, Any]:
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
        re, im = _both(other)
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
        if function.__module__ == "numpy.fft" and name in __all__:
            return globals()[name](*args, **kwargs)
        if name in ("real", "imag"):
            return getattr(args[0], name)
        if name == "angle":
            return args[0].angle() * (180 / np.pi if kwargs.get("deg") else 1)
        if name not in LINEAR:
            raise _unsupported(name)
        first, *rest = args
        several = isinstance(first, (list, tuple))
        parts = zip(*map(_both, first if several else [first]), strict=True)
        return Complex(*(function(x if several else x[0], *rest, **kwargs) for x in parts))


def _product(op: Callable[..., Any], a: Any, b: Any) -> Complex:
    (x, y), (u, v) = _parts(a), _parts(b)
    if y is None:
        return Complex(op(x, u), op(x, v))
    if v is None:
        return Complex(op(x, u), op(y, u))
    return Complex(op(x, u) - op(y, v), op(x, v) + op(y, u))


_UFUNCS: dict[str, Callable[..., Any]] = {
    "absolute": abs,
    "add": lambda a, b: a + b if isinstance(a, Complex) else b + a,
    "conjugate": Complex.conj,
    "divide": lambda a, b: a / b if isinstance(a, Complex) else b.__rtruediv__(a),
    "exp": Complex.exp,
    "matmul": lambda a, b: _product(ops.matmul, a, b),
    "multiply": lambda a, b: _product(ops.multiply, a, b),
    "negative": Complex.__neg__,
    "square": lambda z: z * z,
    "subtract": lambda a, b: a - b if isinstance(a, Complex) else b.__rsub__(a),
}


def _unsupported(name: str) -> TypeError:
    return TypeError(
        f"np.{name} of a Complex has no derivative here; write it with z.real and z.imag, which "
        "are real and have one"
    )


# --- transforms


def _real(x: Any, name: str) -> Any:
    if isinstance(x, Complex) or np.iscomplexobj(x):
        raise TypeError(f"{name}: takes real entries; see fft")
    return asarray(x)


def _fitted(x: Any, n: int, axis: int) -> Any:
    """The first n entries along an axis, with zeros behind where it has fewer."""
    length = shape_of(x)[axis]
    if n < 1:
        raise ValueError(f"a transform of {n} entries is not defined")
    if n > length:
        return ops.pad(x, [(0, n - length) if i == axis else (0, 0) for i in range(x.ndim)])
    return x if n == length else x[(slice(None),) * axis + (slice(n),)]


def _scale(n: int, norm: str | None, inverse: bool) -> float:
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError(f'norm={norm!r} is none of "backward", "ortho", "forward"')
    if norm == "ortho":
        return float(n**-0.5)
    return 1 / n if inverse is (norm != "forward") else 1.0


def _lengths(
    shape: tuple[int, ...], s: Sequence[int] | None, axes: Sequence[int] | None
) -> list[tuple[int, int | None]]:
    """(axis, the length asked for) of each axis of a transform."""
    if axes is None:
        axes = range(len(shape)) if s is None else range(len(shape) - len(s), len(shape))
    found = reduced_axes(shape, tuple(axes))
    return list(zip(found, [None] * len(found) if s is None else s, strict=True))


def _transform(
    a: Any, lengths: list[tuple[int, int | None]], norm: str | None, inverse: bool
) -> Complex:
    x = ops.stack(_both(a), axis=-1)
    for axis, n in lengths:
        if n is not None and n != -1:
            x = _fitted(x, n, axis)
    axes = tuple(axis for axis, _ in lengths)
    n = prod(shape_of(x)[axis] for axis in axes)
    if n == 0:
        raise ValueError(f"no Fourier transform of {shape_of(x)[:-1]} along {axes}: no entries")
    y = ops.dft(x, axes=axes, inverse=inverse)
    scale = _scale(n, norm, inverse)
    y = y if scale == 1 else y * scale
    return Complex(y[..., 0], y[..., 1])


def fftn(
    a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Any = None
) -> Complex:
    """Discrete Fourier transform along `axes` (all), of lengths `s`: entries are cut off or zeros
    put behind them. `norm` says which direction divides by the number of entries: the inverse
    ("backward"), this one ("forward"), each by its root ("ortho")."""
    return _transform(a, _lengths(shape_of(a), s, axes), norm, False)


def ifftn(
    a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Any = None
) -> Complex:
    """The inverse of `fftn`."""
    return _transform(a, _lengths(shape_of(a), s, axes), norm, True)


def rfftn(
    a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Any = None
) -> Complex:
    """The first half of `fftn` of real entries, along the last of the axes: the second half is its
    conjugate."""
    a = _real(a, "rfftn")
    lengths = _lengths(shape_of(a), s, axes)
    z = _transform(a, lengths, norm, False)
    last = lengths[-1][0]
    return z[(slice(None),) * last + (slice(z.shape[last] // 2 + 1),)]


def irfftn(
    a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Any = None
) -> Any:
    """The inverse of `rfftn`, real; the last length is even unless `s` says otherwise."""
    lengths = _lengths(shape_of(a), s, axes)
    *before, (last, n) = lengths
    z = _transform(a, before, norm, True) if before else Complex(*_both(a))
    n = 2 * (z.shape[last] - 1) if n is None or n == -1 else n
    z = Complex(*(_fitted(x, n // 2 + 1, last) for x in (z.real, z.imag)))
    places = np.minimum(np.arange(n), n - np.arange(n))  # then back, conjugated
    sign = np.where(np.arange(n) > n // 2, -1.0, 1.0).reshape(-1, *[1] * (z.ndim - last - 1))
    re, im = (ops.take(x, places, axis=last) for x in (z.real, z.imag))
    sign = sign.astype(getattr(im, "dtype", np.float64))
    return _transform(Complex(re, im * sign), [(last, None)], norm, True).real


def _along_one(transform: Callable[..., Any]) -> Callable[..., Any]:
    def along(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
        return transform(a, None if n is None else (n,), (axis,), norm)

    along.__doc__ = f"`{transform.__name__}` along one axis, of length n."
    return along


def _along_two(transform: Callable[..., Any]) -> Callable[..., Any]:
    def along(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
        return transform(a, s, axes, norm)

    along.__doc__ = f"`{transform.__name__}` along two axes."
    return along


fft, ifft, rfft, irfft = map(_along_one, (fftn, ifftn, rfftn, irfftn))
fft2, ifft2, rfft2, irfft2 = map(_along_two, (fftn, ifftn, rfftn, irfftn))

_SWAPPED = {None: "forward", "backward": "forward", "forward": "backward"}


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """The transform, real, of entries that are the first half of a signal whose second half is
    their conjugate."""
    return irfft(Complex(*_both(a)).conj(), n, axis, _SWAPPED.get(norm, norm))


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Complex:
    """The inverse of `hfft`."""
    z: Complex = rfft(a, n, axis, _SWAPPED.get(norm, norm))
    return z.conj()


def fftshift(x: Any, axes: Axis = None) -> Any:
    """x with the frequency 0 moved to the middle of each of the `axes`."""
    return _shifted(x, axes, 0)


def ifftshift(x: Any, axes: Axis = None) -> Any:
    """The inverse of `fftshift`."""
    return _shifted(x, axes, 1)


def _shifted(x: Any, axes: Axis, odd: int) -> Any:
    if isinstance(x, Complex):
        return Complex(_shifted(x.real, axes, odd), _shifted(x.imag, axes, odd))
    over = reduced_axes(shape_of(x), axes)
    shift = tuple((-1) ** odd * (shape_of(x)[a] // 2) for a in over)
    return ops.roll(x, shift=shift, axis=over)
