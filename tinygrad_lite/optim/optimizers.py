"""Optimisers: they move parameters (Values or Tensors) against their gradients.

`step()` uses each parameter's `grad` and passes over those that have none; it sets `data` to a new
array, so graphs recorded before keep their values. Settings are attributes and may change between
steps (`optimizer.lr = ...`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..graph.backend import namespace
from ..graph.node import Node, raw


class Optimizer:
    """What all share. Raises `ValueError` for no parameters, `TypeError` for what is not a leaf."""

    def __init__(self, parameters: Iterable[Any], *, lr: float, weight_decay: float) -> None:
        self.parameters = list({id(p): p for p in parameters}.values())  # a shared one moves once
        kind = type(self).__name__
        if not self.parameters:
            raise ValueError(f"{kind}: no parameters to optimise")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Node):
                what = f"a {type(p).__name__}, not a Value or Tensor"
            elif p.op is not None:
                what = f"the result of {p.op.name}, not a leaf"
            elif p.constant:
                what = "a constant"
            else:
                continue
            raise TypeError(f"{kind}: parameter {getattr(p, 'name', None) or i} is {what}")
        self.lr = _not_negative(kind, "lr", lr)
        self.weight_decay = _not_negative(kind, "weight_decay", weight_decay)
        self._state: list[Any] = [None] * len(self.parameters)

    def zero_grad(self) -> None:
        """Forget the gradient of every parameter."""
        for p in self.parameters:
            p.zero_grad()

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for i, p in enumerate(self.parameters):
            g = p.grad
            if g is not None:
                g = raw(g)
                p.data, self._state[i] = self._moved(p.data, g, self._state[i])

    def _moved(self, x: Any, g: Any, state: Any) -> tuple[Any, Any]:
        """The parameter x after a step along gradient g, and its state, which starts as None."""
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent: x - lr * d, with d = g + weight_decay * x.

    With momentum m, a velocity v = m v + d (d at the first step) takes d's place; with `nesterov`
    d + m v does (Sutskever et al., 2013, in the form that PyTorch uses).
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        self.momentum = _not_negative("SGD", "momentum", momentum)
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        self.nesterov = nesterov

    def _moved(self, x: Any, g: Any, state: Any) -> tuple[Any, Any]:
        d = g + self.weight_decay * x if self.weight_decay else g
        if self.momentum:
            state = d if state is None else self.momentum * state + d
            d = d + self.momentum * state if self.nesterov else state
        return x - self.lr * d, state


class Adam(Optimizer):
    """x - lr * m / (sqrt(v) + eps): m, v are running means of g and g**2 with weights `betas`,
    divided by 1 - beta**t at step t (Kingma and Ba, 2015). `weight_decay` adds to g."""

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        for beta in betas:
            if not 0 <= beta < 1:
                raise ValueError(f"{type(self).__name__}: betas must be in [0, 1), got {betas}")
        self.betas = betas
        if not eps > 0:
            raise ValueError(f"{type(self).__name__}: eps must be above 0, got {eps}")
        self.eps = eps

    def _moved(self, x: Any, g: Any, state: Any) -> tuple[Any, Any]:
        return self._adapted(x, g + self.weight_decay * x if self.weight_decay else g, state)

    def _adapted(self, x: Any, g: Any, state: Any) -> tuple[Any, Any]:
        m, v, t = state or (0.0, 0.0, 0)
        (b1, b2), t = self.betas, t + 1
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (g * g)
        root = namespace(v).sqrt(v / (1 - b2**t))
        return x - self.lr * (m / (1 - b1**t)) / (root + self.eps), (m, v, t)


class AdamW(Adam):
    """Adam with the weight decay taken apart from the gradient: x (1 - lr * weight_decay) first
    (Loshchilov and Hutter, 2019)."""

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def _moved(self, x: Any, g: Any, state: Any) -> tuple[Any, Any]:
        return self._adapted(x * (1 - self.lr * self.weight_decay), g, state)


def _not_negative(optimizer: str, setting: str, value: float) -> float:
    if not value >= 0:
        raise ValueError(f"{optimizer}: {setting} must not be negative, got {value}")
    return value
