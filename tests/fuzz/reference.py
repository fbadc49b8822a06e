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

from . import reference_matrices
from .reference_matrices import tamed

Axis = int | tuple[int, ...] | None
HERE = globals()


@cache
def lookup(name: str) -> Callable[..., Tensor]:
    found = HERE.get(f"_{name}", vars(reference_matrices).get(f"_{name}"))
    return found if found is not None else getattr(torch, name)  # type: ignore[no-any-return]


def tensor(x: Any) -> Tensor:
    """A float64 tensor of an array of any dtype, strides and byte order, or of a number."""
    return torch.tensor(np.array(x, dtype=np.float64, order="C"))


def _over(x: Tensor, axis: Axis) -> tuple[int, ...]:
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(a % x.ndim for a in axes)


# --- entry by entry

_acos, _asin, _atan = torch.acos, torch.asin, torch.atan


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
    axes = _over(x, axis)
    return x.sum(axes, keepdim=keepdims) if axes else x * 1


def _mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = _over(x, axis)
    return x.mean(axes, keepdim=keepdims) if axes else x * 1


def _max(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = _over(x, axis)
    return _shared(x, x.detach().amax(axes, keepdim=True), axes, keepdims) if axes else x * 1


def _min(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = _over(x, axis)
    return _shared(x, x.detach().amin(axes, keepdim=True), axes, keepdims) if axes else x * 1


def _shared(x: Tensor, extreme: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """The mean of the entries that are extreme. (PyTorch's amax compares again in its derivative,
    with what it kept, which the fuzzer disturbs.)"""
    hit = x.detach() == extreme
    return torch.where(hit, x, 0.0).sum(axes, keepdim=keepdims) / hit.sum(axes, keepdim=keepdims)


def _prod(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    y = x * 1
    for a in sorted(_over(x, axis), reverse=True):
        y = y.prod(a, keepdim=keepdims)
    return y


def _logsumexp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = _over(x, axis)
    return torch.logsumexp(x, axes, keepdim=keepdims) if axes else x * 1


def _softmax(x: Tensor, axis: Axis = -1) -> Tensor:
    return torch.exp(_log_softmax(x, axis))


def _log_softmax(x: Tensor, axis: Axis = -1) -> Tensor:
    axes = _over(x, axis)
    return x - torch.logsumexp(x, axes, keepdim=True) if axes else x * 0


def _var(x: Tensor, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    n = math.prod(x.shape[a] for a in _over(x, axis))
    apart = x - _mean(x, axis, True)
    return _sum(apart * apart, axis, keepdims) / (n - correction)


def _std(x: Tensor, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Tensor:
    return _var(x, axis, correction, keepdims).sqrt()


def _vector_norm(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    return _sum(x * x, axis, keepdims).sqrt()


def _norm(x: Tensor, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    axes = _over(x, axis)
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


def _cumulative_sum(x: Tensor, axis: int | None = None) -> Tensor:
    return torch.cumsum(x, axis or 0)


# --- moving entries


def _astype(x: Tensor, dtype: Any) -> Tensor:
    return x * 1


def _reshape(x: Tensor, shape: Any) -> Tensor:
    return x.reshape(shape) * 1


def _flatten(x: Tensor) -> Tensor:
    return x.reshape(-1) * 1


def _transposed(x: Tensor) -> Tensor:
    return x.permute(tuple(range(x.ndim))[::-1])


def _matrix_transpose(x: Tensor) -> Tensor:
    return x.mT


def _permute_dims(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return x.permute(axes)


def _swapaxes(x: Tensor, axis1: int, axis2: int) -> Tensor:
    return x.transpose(axis1, axis2)


def _moveaxis(x: Tensor, source: Any, destination: Any) -> Tensor:
    return torch.movedim(x, source, destination)


def _squeeze(x: Tensor, axis: Axis = None) -> Tensor:
    return (x.squeeze() if axis is None else x.squeeze(_over(x, axis))) * 1


def _expand_dims(x: Tensor, axis: Axis = 0) -> Tensor:
    axes = axis if isinstance(axis, tuple) else (axis,)
    for a in sorted(a % (x.ndim + len(axes)) for a in axes):
        x = x.unsqueeze(a)
    return x * 1


def _broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x.expand(shape) * 1


def _flip(x: Tensor, axis: Axis = None) -> Tensor:
    return x.flip(_over(x, axis)) * 1


def _roll(x: Tensor, shift: Any, axis: Axis = None) -> Tensor:
    return torch.roll(x, shift, axis)


def _pad(x: Tensor, pad_width: Any, constant_values: float = 0.0) -> Tensor:
    pairs = np.broadcast_to(pad_width, (x.ndim, 2))
    return functional.pad(x, pairs[::-1].reshape(-1).tolist(), value=constant_values)


def _tril(x: Tensor, k: int = 0) -> Tensor:
    return torch.tril(x, k)


def _triu(x: Tensor, k: int = 0) -> Tensor:
    return torch.triu(x, k)


def _diag(x: Tensor, k: int = 0) -> Tensor:
    return torch.diag(x, k)


def _diagonal(x: Tensor, offset: int = 0) -> Tensor:
    return torch.diagonal(x, offset, -2, -1)


def _diagonal_of_leading_axes(x: Tensor) -> Tensor:
    return torch.diagonal(x)


def _trace(x: Tensor) -> Tensor:
    return torch.diagonal(x, 0, -2, -1).sum(-1)


def _trace_of_leading_axes(x: Tensor) -> Tensor:
    return torch.diagonal(x).sum(-1)


# --- parts and joins: NumPy's own indexing says where each entry comes from


def _getitem(x: Tensor, index: Any) -> Tensor:
    places = np.arange(x.numel()).reshape(tuple(x.shape))[index]
    picked = x.reshape(-1)[torch.as_tensor(np.array(places).reshape(-1))]
    return picked.reshape(np.shape(places))


def _put_at(x: Tensor, index: Any, shape: tuple[int, ...]) -> Tensor:
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    at = torch.as_tensor(np.array(places).reshape(-1))
    flat = torch.zeros(math.prod(shape), dtype=torch.float64)
    return flat.index_add(0, at, x.expand(np.shape(places)).reshape(-1)).reshape(shape)


def _take(x: Tensor, indices: Any, axis: int | None = None) -> Tensor:
    before = (slice(None),) * ((axis or 0) % x.ndim)
    return _getitem(x, (*before, np.asarray(indices).astype(int)))


def _take_along_axis(x: Tensor, indices: Any, axis: int = -1) -> Tensor:
    return torch.take_along_dim(x, torch.as_tensor(np.array(indices, dtype=np.int64)), axis)


def _concat(*arrays: Tensor, axis: int = 0) -> Tensor:
    return torch.cat(arrays, axis)


def _stack(*arrays: Tensor, axis: int = 0) -> Tensor:
    return torch.stack(arrays, axis)


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
