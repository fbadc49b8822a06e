"""What rows that move entries compute, in terms of PyTorch; see `reference`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Axis = int | tuple[int, ...] | None


def over(x: Tensor, axis: Axis) -> tuple[int, ...]:
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(a % x.ndim for a in axes)


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
    return (x.squeeze() if axis is None else x.squeeze(over(x, axis))) * 1


def _expand_dims(x: Tensor, axis: Axis = 0) -> Tensor:
    axes = axis if isinstance(axis, tuple) else (axis,)
    for a in sorted(a % (x.ndim + len(axes)) for a in axes):
        x = x.unsqueeze(a)
    return x * 1


def _broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x.expand(shape) * 1


def _flip(x: Tensor, axis: Axis = None) -> Tensor:
    return x.flip(over(x, axis)) * 1


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


def _repeat(x: Tensor, repeats: Any, axis: int | None = None) -> Tensor:
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    return torch.repeat_interleave(x, torch.as_tensor(repeats), axis)


def _tile(x: Tensor, repetitions: Any) -> Tensor:
    return torch.tile(x, repetitions)


def _slice(x: Tensor, axis: int = 0, at: int = 0) -> Tensor:
    return torch.unbind(x, axis)[at] * 1


def _grid(x: Tensor, y: Tensor, indexing: str = "xy") -> Tensor:
    grids = torch.meshgrid(x.reshape(-1), y.reshape(-1), indexing=indexing)
    return grids[0] * grids[1]
