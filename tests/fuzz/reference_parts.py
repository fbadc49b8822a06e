"""What the fuzzer's rows of decompositions, digamma and dft compute, in terms of PyTorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def tamed(A: Tensor, shift: Any) -> Tensor:
    """A regular matrix made of any square one."""
    return torch.tanh(A) + torch.tensor(shift)


def symmetric(A: Tensor, shift: Any) -> Tensor:
    return torch.tanh(A) + torch.tanh(A).mT + torch.tensor(shift)


def _digamma(x: Tensor) -> Tensor:
    """By its recurrence and Stirling's series: the derivative of PyTorch's has 10 digits."""
    z = x + 10
    series = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760]
    far = sum(c / z ** (2 * k + 2) for k, c in enumerate(series))
    return torch.log(z) - 0.5 / z - far - sum(1 / (x + k) for k in range(10))


def _dft(x: Tensor, axes: tuple[int, ...], inverse: bool) -> Tensor:
    z = torch.complex(x[..., 0], x[..., 1])
    if inverse:
        return torch.view_as_real(torch.fft.ifftn(z, dim=axes, norm="forward"))
    return torch.view_as_real(torch.fft.fftn(z, dim=axes))


def _eigvalsh(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.eigvalsh(symmetric(A, shift))


def _eigh(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.eigh(symmetric(A, shift))[1] ** 2


def _eigh_rows(A: Tensor, shift: Any) -> Tensor:
    w, V = torch.linalg.eigh(symmetric(A, shift))
    return torch.cat([w[..., None], V.mT], -1) ** 2


def _eigvals(A: Tensor, shift: Any) -> Tensor:
    return (_eigvalsh(A, shift) ** 3).sum(-1)


def _eig(A: Tensor, shift: Any) -> Tensor:
    return (_eigh(A, shift) ** 2).sum(-1)


def _eig_rows(A: Tensor, shift: Any) -> Tensor:
    return (_eigh_rows(A, shift) ** 2).sum(-2)


def _qr(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.qr(tamed(A, shift))[1] ** 2


def _qr_rows(A: Tensor, shift: Any) -> Tensor:
    Q, R = torch.linalg.qr(tamed(A, shift))
    return torch.cat([Q.mT, R], -1) ** 2


def _svd(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.svd(tamed(A, shift))[0] ** 2


def _svd_rows(A: Tensor, shift: Any) -> Tensor:
    U, s, Vh = torch.linalg.svd(tamed(A, shift))
    return torch.cat([U.mT, s[..., None], Vh], -1) ** 2


def _svdvals(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.svdvals(tamed(A, shift))


def _cond(A: Tensor, shift: Any) -> Tensor:
    s = _svdvals(A, shift)
    return s[..., 0] / s[..., -1]


def _lstsq(A: Tensor, shift: Any) -> Tensor:
    column = tamed(A, shift)[..., :1]
    return column.mT @ torch.tensor(shift) / (column * column).sum()


def _matrix_norm(A: Tensor, shift: Any) -> Tensor:
    return _svdvals(A, shift).sum(-1)


def _matrix_power(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.matrix_power(torch.linalg.inv(tamed(A, shift)), 2)


def _multi_dot(A: Tensor, shift: Any) -> Tensor:
    return tamed(A, shift) @ torch.tensor(shift) @ tamed(A, shift)


def _tensorsolve(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.solve(tamed(A, shift), torch.tensor(shift[0]))
