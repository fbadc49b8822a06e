"""Modules on `Tensor`. Observations are rows: x has shape (..., features)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import beside, is_numpy, namespace, to_array
from ..graph.node import raw
from ..tensor import Tensor
from . import init
from .init import Random
from .module import Module


class Linear(Module):
    """x W^T + b, for x of shape (..., nin): W is (nout, nin), drawn by `weights`, b is (nout,), 0.

    `dtype` is that of W, as drawn by default, and of b.
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
        dtype: Any = None,
    ) -> None:
        self.W = Tensor(np.asarray(weights(nin, nout, rng=rng), dtype=dtype))
        self.b = Tensor(np.zeros(nout, self.W.dtype)) if bias else None

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
    """In training, each entry is 0 with probability p, else divided by 1 - p; in use, x itself.

    Its random numbers pickle with it; they are no part of `state_dict()`.
    """

    def __init__(self, p: float = 0.5, *, rng: Random = None) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is a probability below 1, got {p}")
        self.p = float(p)
        self._rng = np.random.default_rng(rng)

    def forward(self, x: Any) -> Any:
        if not self.training or not self.p:
            return x
        kept = self._rng.random(x.shape) >= self.p
        return x * beside(to_array(raw(x), "Dropout"), kept / (1 - self.p))

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class _Norm(Module):
    """(x - mean) / sqrt(var + eps) * scale + shift, with `features` scales and shifts."""

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: Any = None) -> None:
        self.scale = Tensor(np.ones(features, dtype))
        self.shift = Tensor(np.zeros(features, dtype))
        self.eps = float(eps)

    def _refuse(self, x: Any, features: tuple[int, ...], wanted: str) -> None:
        """Raise `ValueError` where x would be broadcast to something else."""
        if features != self.scale.shape:
            raise ValueError(f"{self!r}: takes x of shape ({wanted}), got {tuple(x.shape)}")

    def _normalised(self, centred: Any, var: Any) -> Any:
        return centred / ops.sqrt(var + self.eps) * self.scale + self.shift

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scale.shape[0]})"


class LayerNorm(_Norm):
    """(x - mean) / sqrt(var + eps) * scale + shift, over the last axis of `features` entries.

    scale (features,) starts as 1, shift as 0, both of `dtype`. Raises `ValueError` for another last
    axis.
    """

    def forward(self, x: Any) -> Any:
        self._refuse(x, x.shape[-1:], "..., features")
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        return self._normalised(centred, ops.mean(ops.square(centred), axis=-1, keepdims=True))


class BatchNorm(_Norm):
    """Like `LayerNorm` over the observations (axis 0) of x (N, features).

    In training it uses the batch's mean and (biased) variance and moves the running ones towards
    the batch's mean and unbiased variance by `momentum`; in use it applies the running ones, which
    are saved with the parameters. Raises `ValueError` for one observation in training, and for
    another shape.
    """

    def __init__(
        self, features: int, *, eps: float = 1e-5, momentum: float = 0.1, dtype: Any = None
    ) -> None:
        super().__init__(features, eps=eps, dtype=dtype)
        self.momentum = float(momentum)
        self.running_mean = np.zeros(features, dtype)
        self.running_var = np.ones(features, dtype)

    def forward(self, x: Any) -> Any:
        self._refuse(x, x.shape[1 if self.training else -1 :], "N, features")
        if not self.training:
            mean, var = (self._here(a, raw(x)) for a in (self.running_mean, self.running_var))
            return self._normalised(x - mean, var)
        n = x.shape[0]
        if n < 2:
            raise ValueError("BatchNorm: training needs at least 2 observations")
        mean = ops.mean(x, axis=0)
        centred = x - mean
        var = ops.mean(ops.square(centred), axis=0)
        self.running_mean = self._moved(self.running_mean, raw(mean))
        self.running_var = self._moved(self.running_var, n / (n - 1) * raw(var))
        return self._normalised(centred, var)

    @staticmethod
    def _here(old: Any, x: Any) -> Any:
        """A running statistic in the library of x, to which the parameters were moved."""
        moved = is_numpy(namespace(old)) and not is_numpy(namespace(x))
        return beside(x, old) if moved else old

    def _moved(self, old: Any, new: Any) -> Any:
        """A running statistic after a batch, in its own dtype."""
        old = self._here(old, new)
        moved = (1 - self.momentum) * old + self.momentum * new
        return namespace(moved).asarray(moved, dtype=old.dtype)
