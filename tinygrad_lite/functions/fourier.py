"""NumPy's Fourier transforms: `np.fft.rfft(t)` and, by the same names, `tg.fft.rfft(t)`.

What is differentiated is real: a spectrum is a `Complex`, a pair of real nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from .. import ops
from ..ops.constants import Axis, reduced_axes, shape_of
from .arrange import asarray, part
from .complex import FUNCTIONS, Complex, both

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

Numbers = Sequence[int] | None


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
    return part(x, axis, None, n)


def _scale(n: int, norm: str | None, inverse: bool) -> float:
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError(f'norm={norm!r} is none of "backward", "ortho", "forward"')
    if norm == "ortho":
        return float(n**-0.5)
    return 1 / n if inverse is (norm != "forward") else 1.0


def _lengths(shape: tuple[int, ...], s: Numbers, axes: Numbers) -> list[tuple[int, int | None]]:
    """(axis, the length asked for) of each axis of a transform."""
    if axes is None:
        axes = range(len(shape)) if s is None else range(len(shape) - len(s), len(shape))
    found = reduced_axes(shape, tuple(axes))
    return list(zip(found, [None] * len(found) if s is None else s, strict=True))


def _transform(
    a: Any, lengths: list[tuple[int, int | None]], norm: str | None, inverse: bool
) -> Complex:
    x = ops.stack(both(a), axis=-1)
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


def fftn(a: Any, s: Numbers = None, axes: Numbers = None, norm: Any = None) -> Complex:
    """Discrete Fourier transform along `axes` (all), of lengths `s`: entries are cut off or zeros
    put behind them. `norm` says which direction divides by the number of entries: the inverse
    ("backward"), this one ("forward"), each by its root ("ortho")."""
    return _transform(a, _lengths(shape_of(a), s, axes), norm, False)


def ifftn(a: Any, s: Numbers = None, axes: Numbers = None, norm: Any = None) -> Complex:
    """The inverse of `fftn`."""
    return _transform(a, _lengths(shape_of(a), s, axes), norm, True)


def rfftn(a: Any, s: Numbers = None, axes: Numbers = None, norm: Any = None) -> Complex:
    """The first half of `fftn` of real entries, along the last of the axes: the second half is its
    conjugate."""
    a = _real(a, "rfftn")
    lengths = _lengths(shape_of(a), s, axes)
    z = _transform(a, lengths, norm, False)
    last = lengths[-1][0]
    half: Complex = part(z, last, None, z.shape[last] // 2 + 1)
    return half


def irfftn(a: Any, s: Numbers = None, axes: Numbers = None, norm: Any = None) -> Any:
    """The inverse of `rfftn`, real; the last length is even unless `s` says otherwise."""
    lengths = _lengths(shape_of(a), s, axes)
    *before, (last, n) = lengths
    z = _transform(a, before, norm, True) if before else Complex(*both(a))
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
    return irfft(Complex(*both(a)).conj(), n, axis, _SWAPPED.get(norm, norm))


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


FUNCTIONS.update({name: globals()[name] for name in __all__ if name != "Complex"})
