"""Modules on `Tensor`. Observations are rows: x has shape (..., features)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import namespace
from ..graph.node import raw
from ..tensor import Tensor
from . import init
from .init import Random
from .module import Module


class Linear(Module):
    """x W^T + b, for x of shape (..., nin): W is (nout, nin), drawn by `weights`, b is (nout,), 0.

    Raises `ValueError`, with the shapes, where x does not have `nin` entries in its last axis.
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        *,
        bias: bool = True,
        weights: Callable[..., Any] = init.glorot,
        rng: Random = None,
    ) -> None:
        self.W = Tensor(weights(nin, nout, rng=rng))
        self.b = Tensor(np.zeros(nout)) if bias else None

    def forward(self, x: Any) -> Any:
        return ops.matmul(x, self.W.T) if self.b is None else ops.linear(x, self.W, self.b)

    def __repr__(self) -> str:
        nout, nin = self.W.shape
        return f"Linear({nin}, {nout}{'' if self.b is not None else ', bias=False'})"


class Sequential(Module):
    """Modules and plain functions (such as tg.tanh) one after the other."""

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(
                    f"Sequential: layer {i} is a {type(layer).__name__}, neither a Module nor a "
                    "function"
                )
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self) -> str:
        shown = (getattr(layer, "__name__", None) or repr(layer) for layer in self.layers)
        return f"Sequential({', '.join(shown)})"


class Dropout(Module):
    """In training, each entry is 0 with probability p, else divided by 1 - p; in use, x itself."""

    def __init__(self, p: float = 0.5, *, rng: Random = None) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is a probability below 1, got {p}")
        self.p = p
        self._rng = np.random.default_rng(rng)

    def forward(self, x: Any) -> Any:
        if not self.training or not self.p:
            return x
        kept = self._rng.random(x.shape) >= self.p
        data = raw(x)
        return x * namespace(data).asarray(kept / (1 - self.p), dtype=data.dtype)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) * scale + shift, over the last axis of `features` entries."""

    def __init__(self, features: int, *, eps: float = 1e-5) -> None:
        self.scale = Tensor(np.ones(features))
        self.shift = Tensor(np.zeros(features))
        self.eps = eps

    def forward(self, x: Any) -> Any:
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        var = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        return centred / ops.sqrt(var + self.eps) * self.scale + self.shift

    def __repr__(self) -> str:
        return f"LayerNorm({self.scale.shape[0]})"


class BatchNorm(Module):
    """Like `LayerNorm` over the observations (axis 0) of x (N, features).

    In training it uses the batch's mean and (biased) variance and moves the running ones towards
    the batch's mean and unbiased variance by `momentum`; in use it applies the running ones.
    """

    def __init__(self, features: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.scale = Tensor(np.ones(features))
        self.shift = Tensor(np.zeros(features))
        self.eps = eps
        self.momentum = momentum
        self.running_mean = np.zeros(features)
        self.running_var = np.ones(features)

    def forward(self, x: Any) -> Any:
        if self.training:
            n = x.shape[0]
            if n < 2:
                raise ValueError("BatchNorm: training needs at least 2 observations")
            mean = ops.mean(x, axis=0)
            centred = x - mean
            var = ops.mean(ops.square(centred), axis=0)
            old = 1 - self.momentum
            self.running_mean = old * self.running_mean + self.momentum * raw(mean)
            self.running_var = old * self.running_var + self.momentum * n / (n - 1) * raw(var)
        else:
            centred, var = x - self.running_mean, self.running_var
        return centred / ops.sqrt(var + self.eps) * self.scale + self.shift

    def __repr__(self) -> str:
        return f"BatchNorm({self.scale.shape[0]})"
