"""What every row of the fuzzer's table computes, in terms of PyTorch, on float64 tensors.

`lookup(name)` is the function here, or in `torch`, that has the row's name. Settings come by
keyword, with the names that they have in our ops.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from . import reference_moves, reference_parts
from .reference_moves import Axis, over
from .reference_parts import tamed

HERE = globals()


@cache
def lookup(name: str) -> Callable[..., Tensor]:
    here = {**vars(reference_moves), **vars(reference_parts), **HERE}
    found = here.get(f"_{name}")
    return found if found is not None else getattr(torch, name)  # type: ignore[no-any-return]


def tensor(x: Any) -> Tensor:
    """A float64 tensor of an array of any dtype, strides and byte order, or of a number."""
    return torch.tensor(np.array(x, dtype=np.float64, order="C"))


# --- entry by entry

_acos, _asin, _atan = torch.acos, torch.asin, torch.atan
_gammaln, _erfcx, _log_ndtr = torch.lgamma, torch.special.erfcx, torch.special.log_ndtr
_ndtri, _xlog1py = torch.special.ndtri, torch.special.xlog1py


def _identity(x: Tensor) -> Tensor:
    return x * 1


def _detached(x: Tensor) -> Tensor:
    return x.detach()


def _softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(x, torch.zeros_like(x))


def _leaky_relu(x: Tensor, slope: float = 0.01) -> Tensor:
    return functional.leaky_relu(x, slope)


def _elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    return functional.elu(x, alpha)


_silu, _gelu = functional.silu, functional.gelu


def _square(x: Tensor) -> Tensor:
    return x * x


def _power(x: Tensor, exponent: float) -> Tensor:
    return x**exponent


def _exponential(x: Tensor, base: float) -> Tensor:
    return torch.pow(base, x)


def _reciprocal_of(x: Tensor, top: float) -> Tensor:
    return top / x


def _affine(x: Tensor, factor: float, shift: float) -> Tensor:
    return x * factor + shift


def _where_above(x: Tensor, y: Tensor, bound: float) -> Tensor:
    return torch.where(x > bound, x, y)


def _where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return torch.where(condition != 0, x, y)


def _maximum(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(x > y, x, torch.where(x < y, y, (x + y) / 2))


def _minimum(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(x < y, x, torch.where(x > y, y, (x + y) / 2))


# --- reductions


def _sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = over(x, axis)
    return x.sum(axes, keepdim=keepdims) if axes else x * 1


def _mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = over(x, axis)
    return x.mean(axes, keepdim=keepdims) if axes else x * 1


def _max(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = over(x, axis)
    return _shared(x, x.detach().amax(axes, keepdim=True), axes, keepdims) if axes else x * 1


def _min(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = over(x, axis)
    return _shared(x, x.detach().amin(axes, keepdim=True), axes, keepdims) if axes else x * 1


def _shared(x: Tensor, extreme: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The mean of the entries that are extreme. (PyTorch's amax compares again in its derivative,
    with what it kept, which the fuzzer disturbs.)"""
    hit = x.detach() == extreme
    return torch.where(hit, x, 0.0).sum(axes, keepdim=keepdims) / hit.sum(axes, keepdim=keepdims)


def _prod(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    y = x * 1
    for a in sorted(over(x, axis), reverse=True):
        y = y.prod(a, keepdim=keepdims)
    return y


def _logsumexp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = over(x, axis)
    return torch.logsumexp(x, axes, keepdim=keepdims) if axes else x * 1


def _softmax(x: Tensor, axis: Axis = -1) -> Tensor:
    return torch.exp(_log_softmax(x, axis))


def _log_softmax(x: Tensor, axis: Axis = -1) -> Tensor:
    axes = over(x, axis)
    return x - torch.logsumexp(x, axes, keepdim=True) if axes else x * 0


def _var(x: Tensor, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    n = math.prod(x.shape[a] for a in over(x, axis))
    apart = x - _mean(x, axis, True)
    return _sum(apart * apart, axis, keepdims) / (n - correction)


def _std(x: Tensor, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    return _var(x, axis, correction, keepdims).sqrt()


def _vector_norm(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    return _sum(x * x, axis, keepdims).sqrt()


def _norm(x: Tensor, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = over(x, axis)
    if ord in (None, "fro", 2):
        return _vector_norm(x, axis, keepdims)
    if len(axes) == 1:
        if ord == 3:
            return _sum(x.abs() ** 3, axes, keepdims) ** (1 / 3)
        reduce = {1: _sum, math.inf: _max, -math.inf: _min}[ord]
        return reduce(x.abs(), axes, keepdims)
    inner, outer = axes if abs(ord) == 1 else axes[::-1]
    y = (_max if ord > 0 else _min)(_sum(x.abs(), inner, True), outer, True)
    return y if keepdims else y.squeeze(axes)


def _cbrt(x: Tensor) -> Tensor:
    return x ** (1 / 3)


def _cumulative_sum(x: Tensor, axis: int | None = None) -> Tensor:
    return torch.cumsum(x, axis or 0)


def _running_product(x: Tensor, axis: int | None = None) -> Tensor:
    """Entry by entry: PyTorch's own derivative divides."""
    if axis is None:
        x, axis = x.reshape(-1), 0
    parts = [x.narrow(axis, 0, i + 1).prod(axis) for i in range(x.shape[axis])]
    return torch.stack(parts, axis) if parts else x * 1


def _running_sum(x: Tensor, axis: int | None = None) -> Tensor:
    return torch.cumsum(x.reshape(-1), 0) if axis is None else torch.cumsum(x, axis)


def _diff(x: Tensor, n: int = 1, axis: int = -1) -> Tensor:
    return torch.diff(x, n, axis)


def _sort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    return torch.sort(x, dim=axis, descending=descending, stable=True)[0]


def _remainder(x: Tensor, y: Tensor) -> Tensor:
    return x - torch.floor(x.detach() / y.detach()) * y


def _floor_divide(x: Tensor, y: Tensor) -> Tensor:
    return torch.floor(x.detach() / y.detach()) + 0 * x * y


def _copysign(x: Tensor, y: Tensor) -> Tensor:
    ones = torch.ones_like(y)  # torch.where of two numbers would be of float32
    return x.abs() * torch.where(torch.signbit(y), -ones, ones) + 0 * y


def _tensordot(x: Tensor, y: Tensor, axes: Any = 2) -> Tensor:
    return torch.tensordot(x, y, axes)


def _vecdot(x: Tensor, y: Tensor, axis: int = -1) -> Tensor:
    return (x * y).sum(axis)


# --- products and matrices


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() if a.ndim == b.ndim == 1 else torch.matmul(a, b)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return a * b if not (a.ndim and b.ndim) else _matmul(a, b)


def _einsum(*arrays: Tensor, subscripts: str) -> Tensor:
    left, arrow, right = subscripts.partition("->")
    if not arrow:
        right = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    return torch.einsum(f"{left}->{right}", *arrays)


def _linear(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return x @ W.T + b


def _inv(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.inv(tamed(A, shift))


def _det(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.det(tamed(A, shift))


def _logabsdet(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.slogdet(tamed(A, shift))[1]


def _signdet(A: Tensor, shift: Any) -> Tensor:
    return torch.linalg.slogdet(tamed(A, shift))[0].detach() + 0 * A.sum()


def _cholesky(A: Tensor, shift: Any) -> Tensor:
    B = torch.tanh(A)
    return torch.linalg.cholesky(B @ B.mT + tensor(shift))


def _solve(A: Tensor, b: Tensor, shift: Any) -> Tensor:
    A = tamed(A, shift)
    return _matmul(torch.linalg.inv(A), b)  # the rule of NumPy 2: one axis is one vector


def _cross_entropy(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    log_p = logits - torch.logsumexp(logits, -1, keepdim=True)
    if labels.ndim < logits.ndim:
        losses = -torch.take_along_dim(log_p, labels.long()[..., None], -1)[..., 0]
    else:
        losses = -(labels * log_p).sum(-1)
    return losses if reduction == "none" else getattr(losses, reduction)()


# --- questions, whose answers are constants


def _argmax(x: Tensor, axis: int | None = None) -> Tensor:
    return x.sum() * torch.as_tensor(np.argmax(x.detach().numpy(), axis=axis)).double()


def _argmin(x: Tensor, axis: int | None = None) -> Tensor:
    return x.sum() * torch.as_tensor(np.argmin(x.detach().numpy(), axis=axis)).double()
