"""Optimisers: they move parameters (Values or Tensors) against their gradients.

`step()` uses each parameter's `grad` and passes over those that have none; it sets `data` to a new
array of the parameter's own dtype, so graphs recorded before keep their values. Settings are
attributes and may change between steps (`optimizer.lr = ...`); they are checked where they are set.

    np.savez("optimizer.npz", **optimizer.state_dict())
    optimizer.load_state_dict(np.load("optimizer.npz"))  # goes on exactly where it was
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from ..graph.backend import namespace, to_float
from ..graph.node import Node, raw
from ..graph.state import copied, fit, like


class _Setting:
    """A setting, checked and made plain where it is set: a NumPy float would make float32
    parameters float64. It is read from the optimiser itself, at no cost to a step."""

    def __init__(
        self,
        demand: str,
        holds: Callable[[Any], bool],
        plain: Callable[[Any, str], Any] = to_float,
    ) -> None:
        self.demand, self.holds, self.plain = demand, holds, plain

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, optimizer: Any, value: Any) -> None:
        kind = type(optimizer).__name__
        plain = self.plain(value, f"{kind}.{self.name}")
        if not self.holds(plain):
            raise ValueError(f"{kind}: {self.name} must {self.demand}, got {value}")
        vars(optimizer)[self.name] = plain


def _not_negative() -> Any:
    return _Setting("not be negative", lambda value: value >= 0)


def _each_float(values: Any, what: str) -> tuple[float, ...]:
    return tuple(to_float(value, what) for value in values)


def _steps(value: Any, old: Any, what: str) -> int:
    return int(value)


class Optimizer:
    """What all share. Raises `ValueError` for no parameters, `TypeError` for what is not a leaf.

    A subclass states its settings, writes `_moved`, and names in `_kept` what it keeps of each
    parameter between steps, with how that is loaded.
    """

    lr: float = _not_negative()
    weight_decay: float = _not_negative()
    _kept: ClassVar[Mapping[str, Callable[[Any, Any, str], Any]]] = {}

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
        self.lr = lr
        self.weight_decay = weight_decay
        self._state: list[dict[str, Any]] = [{} for _ in self.parameters]

    def zero_grad(self) -> None:
        """Forget the gradient of every parameter."""
        for p in self.parameters:
            p.zero_grad()

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for p, state in zip(self.parameters, self._state, strict=True):
            if p.grad is not None:
                x, g = p.data, raw(p.grad)
                if getattr(g, "dtype", None) != getattr(x, "dtype", None):
                    g = like(g, x, "grad")
                p.data = self._moved(x, g, state)

    def _moved(self, x: Any, g: Any, state: dict[str, Any]) -> Any:
        """The parameter x after a step along gradient g; `state`, empty at first, is kept."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Plain arrays by name: the settings, and what is kept of parameter i as `i.velocity`."""
        settings = {name: np.asarray(getattr(self, name)) for name in self._settings()}
        kept = {
            f"{i}.{name}": copied(value)
            for i, state in enumerate(self._state)
            for name, value in state.items()
        }
        return settings | kept

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the settings and what is kept of each parameter, in the parameter's own dtype.

        Raises `ValueError` where a name is missing or unknown, or a shape or a setting is wrong.
        """
        kind = type(self).__name__
        begun = [
            i for i in range(len(self.parameters)) if any(f"{i}.{k}" in state for k in self._kept)
        ]
        fit(
            kind, [*self._settings(), *(f"{i}.{name}" for i in begun for name in self._kept)], state
        )
        kept: list[dict[str, Any]] = [{} for _ in self.parameters]
        for i in begun:
            for name, load in self._kept.items():
                key = f"{i}.{name}"
                kept[i][name] = load(state[key], self.parameters[i].data, f"{kind}: {key}")
        for name in self._settings():
            setattr(self, name, np.asarray(state[name]).tolist())
        self._state = kept

    @classmethod
    def _settings(cls) -> list[str]:
        held = {name: s for kind in cls.__mro__ for name, s in vars(kind).items()}
        return [name for name, setting in held.items() if isinstance(setting, _Setting)]


class SGD(Optimizer):
    """Gradient descent: x - lr * d, with d = g + weight_decay * x.

    With momentum m, a velocity v = m v + d (d at the first step) takes d's place; with `nesterov`
    d + m v does (Sutskever et al., 2013, in the form that PyTorch uses).
    """

    momentum: float = _not_negative()
    nesterov: Any = _Setting("be a bool", lambda value: True, lambda value, what: bool(value))
    _kept: ClassVar = {"velocity": like}

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
        self.momentum = momentum
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        self.nesterov = nesterov

    def _moved(self, x: Any, g: Any, state: dict[str, Any]) -> Any:
        d = g + self.weight_decay * x if self.weight_decay else g
        if self.momentum:
            v = self.momentum * state["velocity"] + d if state else 1.0 * d  # not the user's array
            state["velocity"] = v
            d = d + self.momentum * v if self.nesterov else v
        return x - self.lr * d


class Adam(Optimizer):
    """x - lr * m / (sqrt(v) + eps): m, v are running means of g and g**2 with weights `betas`,
    divided by 1 - beta**t at step t (Kingma and Ba, 2015). `weight_decay` adds to g."""

    betas: Any = _Setting(
        "be in [0, 1), two of them",
        lambda betas: len(betas) == 2 and all(0 <= beta < 1 for beta in betas),
        _each_float,
    )
    eps: Any = _Setting("be above 0", lambda eps: eps > 0)
    _kept: ClassVar = {"m": like, "v": like, "steps": _steps}

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
        self.betas = betas
        self.eps = eps

    def _moved(self, x: Any, g: Any, state: dict[str, Any]) -> Any:
        return self._adapted(x, g + self.weight_decay * x if self.weight_decay else g, state)

    def _adapted(self, x: Any, g: Any, state: dict[str, Any]) -> Any:
        (b1, b2), t = self.betas, state.get("steps", 0) + 1
        m = b1 * state.get("m", 0.0) + (1 - b1) * g
        v = b2 * state.get("v", 0.0) + (1 - b2) * (g * g)
        state.update(m=m, v=v, steps=t)
        root = namespace(v).sqrt(v / (1 - b2**t))
        return x - self.lr * (m / (1 - b1**t)) / (root + self.eps)


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

    def _moved(self, x: Any, g: Any, state: dict[str, Any]) -> Any:
        return self._adapted(x * (1 - self.lr * self.weight_decay), g, state)
