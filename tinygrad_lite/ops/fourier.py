"""The discrete Fourier transform, as a linear map of real arrays."""

from __future__ import annotations

from typing import Any

from ..graph.primitive import primitive

__all__ = ["dft"]


@primitive(
    "dft({0})",
    r"\operatorname{{dft}}({0})",
    numpy="tg.dft({0}, axes={axes}, inverse={inverse})",
)
def dft(xp: Any, x: Any, *, axes: tuple[int, ...], inverse: bool = False) -> Any:
    """Discrete Fourier transform along `axes` (from 0 up) of complex numbers, the real and the
    imaginary parts of which lie along the last axis of x and of the result. No direction divides by
    the number of entries, so the gradient is the transform of G in the other one."""
    z = x[..., 0] + 1j * x[..., 1]
    if 0 not in z.shape:
        z = (xp.fft.ifftn if inverse else xp.fft.fftn)(
            z, axes=axes, norm="forward" if inverse else "backward"
        )
    return xp.astype(xp.stack([xp.real(z), xp.imag(z)], axis=-1), x.dtype, copy=False)


dft.pull(lambda xp, G, y, x, *, axes, inverse: dft(G, axes=axes, inverse=not inverse))
