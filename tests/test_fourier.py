"""NumPy's Fourier transforms on nodes: spectra are pairs of real nodes."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor
from tinygrad_lite.testing import assert_gradients

F = np.fft
rng = np.random.default_rng(0)
X, A, T = rng.normal(size=5), rng.normal(size=(4, 5)), rng.normal(size=(2, 3, 4))
H = rng.normal(size=3) + 1j * rng.normal(size=3)
NORMS = [None, "backward", "ortho", "forward"]

# f(x) of a real array: complex or real
CALLS = [
    *[(lambda x, g=g: g(x), X) for g in (F.fft, F.ifft, F.rfft, F.ihfft, F.irfft, F.hfft)],
    *[(lambda x, g=g, n=n: g(x, n, 0), A) for g in (F.fft, F.rfft, F.irfft) for n in (2, 3, 6)],
    *[(lambda x, n=n: F.hfft(F.ihfft(x, norm=n), 5, norm=n), X) for n in NORMS],
    *[(lambda x, n=n: F.ifft(F.fft(x, norm=n), norm=n), X) for n in NORMS],
    *[(lambda x, n=n: F.irfft(F.rfft(x, norm=n), 5, norm=n), X) for n in NORMS],
    *[(lambda x, g=g: g(x), T) for g in (F.fft2, F.ifft2, F.fftn, F.ifftn, F.rfft2, F.rfftn)],
    *[(lambda x, g=g: g(x, (2, 3), (0, 2)), T) for g in (F.fftn, F.rfftn, F.irfftn, F.irfft2)],
    (F.irfftn, T),
    (lambda x: F.irfftn(F.rfftn(x)), T),
    (lambda x: F.irfft2(F.rfft2(x), (3, 5)), A),
    (F.fftshift, A),
    (lambda x: F.ifftshift(F.fft(x), axes=1), A),
    (lambda x: F.irfft(F.rfft(x) * H, 5), X),
    (lambda x: F.irfft(H * F.rfft(x, axis=1), 5), A),
    (lambda x: F.rfft(x) / H + 2 * F.rfft(x) - H, X),
    (lambda x: H / F.rfft(x), X),
    (lambda x: 1j - F.rfft(x) * F.rfft(x).conj(), X),
    (lambda x: np.abs(F.rfft(x)) ** 2, X),
    (lambda x: np.angle(F.rfft(x[1:])[1:2]), X),
    (lambda x: np.exp(-F.fft(x)), X),
    (lambda x: np.square(F.fft(x) - H[0]), X),
    (lambda x: (np.eye(5)[:2] * 1j) @ F.fft(x), X),
    (lambda x: F.fft(x) @ np.eye(5)[:, :2], A),
    (lambda x: F.irfft(x[:3] * F.rfft(x), 5), X),
    (lambda x: x[0] + F.rfft(x) - x[1] / F.rfft(x) - (x[2] - F.rfft(x)), X),
    (lambda x: np.multiply(x, F.fft(x)) + np.exp(x) * (H[0] * F.fft(x)), X),
    (lambda x: x @ F.fft(x, axis=0).T + (F.fft(x) @ x.T) * 2j, A),
    (lambda x: F.rfft(x) ** 3 + F.rfft(x) ** 0.5 - np.sqrt(np.log(F.rfft(x)[0])), X[:3] + 2),
    (lambda x: F.fft(x) ** -1, X),
    (lambda x: np.where(X > 0, F.fft(x), 0) + np.where(X > 0, x, F.fft(x)), X),
    (lambda x: np.dot(x, F.fft(x)) + np.vdot(F.fft(x), H[0] * F.fft(x)), X),
    (lambda x: np.einsum("ij,kj->ik", x, F.fft(x)) + np.trace(F.fft(x[:, :4])), A),
    (lambda x: np.linalg.norm(F.fft(x), axis=0) + np.linalg.norm(F.fft(x)), A),
    (lambda x: np.pad(F.fft(x), 1) + np.pad(F.fft(x), ((1, 1), (1, 1)), mode="wrap"), A),
    (lambda x: np.diff(np.sum(F.fft(x), axis=0, keepdims=True), axis=1), A),
    (lambda x: F.fft(x).sum(axis=0) + F.fft(x).sum(), A),
    (lambda x: np.sum(F.fft(x), axis=0) + np.concatenate([F.fft(x), A])[1], A),
]


def parts(y):
    """What there is to differentiate: real arrays."""
    return (np.real(y), np.imag(y)) if isinstance(y, tg.fft.Complex) or np.iscomplexobj(y) else (y,)


@pytest.mark.parametrize(("f", "x"), CALLS)
def test_values_are_numpys_and_derivatives_those_of_differences(f, x):
    for a, b in zip(parts(f(Tensor(x))), parts(f(x)), strict=True):
        np.testing.assert_allclose(a.data, b, rtol=1e-10, atol=1e-12)
        assert a.shape == b.shape
    assert_gradients(lambda t: parts(f(t)), x)


def test_a_number_times_a_spectrum():
    v, z = tg.Value(2.0), F.rfft(X)
    y = v * tg.fft.Complex(z.real, z.imag)
    np.testing.assert_allclose(y.imag.data, 2.0 * z.imag)
    y.real.sum().backward()
    assert v.grad == pytest.approx(z.real.sum())


def test_float32_stays():
    t = Tensor(X.astype(np.float32))
    y = F.irfft(F.rfft(t) * H.astype(np.complex64), 5)
    assert y.dtype == np.float32
    y.sum().backward()
    assert t.grad.dtype == np.float32


def test_a_spectral_loss_of_plain_numpy_code():
    """A filter by its frequency response, and the power of a signal (Parseval)."""
    target = rng.normal(size=5)

    def loss(x):
        return np.sum(np.abs(np.fft.fft(x - target)) ** 2) / 5

    np.testing.assert_allclose(tg.grad(loss)(X), 2 * (X - target), rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(loss)(X), 2 * np.eye(5), atol=1e-12)


def test_a_spectrum_of_zeros_has_gradient_zero():
    np.testing.assert_array_equal(tg.grad(lambda x: np.abs(F.rfft(x)).sum())(np.zeros(4)), 0)


def test_tg_fft_has_numpys_names():
    np.testing.assert_allclose(tg.fft.rfft(X).real, F.rfft(X).real)
    z = tg.fft.Complex(tg.cos(Tensor(X)), tg.sin(Tensor(X)))
    np.testing.assert_allclose(np.abs(z * np.exp(1j * X)).data, 1.0)
    assert (z.shape, z.ndim, len(z)) == ((5,), 1, 5)
    assert {*F.__all__} <= {*dir(tg.fft)}


@pytest.mark.parametrize(
    "f",
    [
        lambda xp, z: xp.abs(z),
        lambda xp, z: xp.exp(z) * xp.log(z),
        lambda xp, z: xp.sum(xp.square(z), axis=0),
        lambda xp, z: xp.reshape(xp.stack([z, z * 2], axis=1), (-1,)),
        lambda xp, z: xp.where(np.arange(3) > 1, z, 1j),
        lambda xp, z: xp.mean(2.0**z),
    ],
)
def test_ops_of_complex_numbers_are_numpys(f):
    z = F.rfft(X)
    found = f(tg, F.rfft(Tensor(X)))
    parts = [found.real, found.imag] if isinstance(found, tg.fft.Complex) else [found]
    expected = f(np, z)
    for part, of in zip(parts, (np.real, np.imag), strict=False):
        np.testing.assert_allclose(part.data, of(expected), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z: np.sin(z), r"np\.sin of a Complex .* z\.real and z\.imag"),
        (lambda z: np.linalg.norm(z[None], 2), r"norm with ord=2 of a Complex"),
        (lambda z: np.pad(z, 1, constant_values=2.0), r"np\.pad of a Complex"),
        (lambda z: np.pad(z, 1, "median"), r"np\.pad of a Complex"),
        (lambda z: np.diff(z, 1, -1, 1.0), r"np\.diff of a Complex"),
        (lambda z: np.sum(z, initial=1.0), r"np\.sum of a Complex"),
        (lambda z: np.sort(z), r"np\.sort of a Complex"),
        (lambda z: np.asarray(z), r"z\.real\.data \+ 1j"),
        (lambda z: tg.tanh(z), r"np\.tanh of a Complex"),
        (lambda z: F.rfft(z), "rfft.*: takes real entries; see fft"),
        (lambda z: F.fft(z, out=np.ones(3)), "out"),
        (lambda z: Tensor(X) // z, r"floor_divide of a Complex"),
    ],
)
def test_what_has_no_derivative_is_refused_with_the_way_out(call, message):
    with pytest.raises(TypeError, match=message):
        call(F.rfft(Tensor(X)))


def test_lengths_and_norms_are_checked():
    with pytest.raises(ValueError, match="0 entries"):
        F.fft(Tensor(X), 0)
    with pytest.raises(ValueError, match="unitary"):
        F.fft(Tensor(X), norm="unitary")
    with pytest.raises(ValueError, match="parts differ in shape"):
        tg.fft.Complex(X, A)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "ihfft", "fftn"])
def test_nothing_has_no_transform(name):
    with pytest.raises(
        ValueError, match=r"no Fourier transform of \(0,\) along \(0,\): no entries"
    ):
        getattr(tg.fft, name)(tg.Tensor(np.ones(0)))
