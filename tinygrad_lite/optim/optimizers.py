"""Optimisers: they move parameters (Values or Tensors) against their gradients.

`step()` uses each parameter's `grad` and passes over those that have none; it sets `data` to a new
array of the parameter's own dtype, so graphs recorded before keep their values. Settings are
attributes and may change between steps (`optimizer.lr = ...`); they are checked where they are set.

    np.savez("optimizer.npz", **optimizer.state_dict())
    optimizer.load_state_dict(np.load("optimizer.npz"))  # goes on exactly where it was
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Never

import numpy as np

from ..graph.backend import namespace, to_float
from ..graph.node import Node, raw
from ..graph.reflexes import missing
from ..graph.state import copied, fit, like

# setting -> (how it is made plain, what holds of it, the same in words). A NumPy float that is not
# made plain would make float32 parameters float64.
_RULES: dict[str, tuple[Callable[[Any, str], Any], Callable[[Any], bool], str]] = {
    "lr": (to_float, lambda lr: lr >= 0, "not be negative"),
    "weight_decay": (to_float, lambda decay: decay >= 0, "not be negative"),
    "momentum": (to_float, lambda momentum: momentum >= 0, "not be negative"),
    "eps": (to_float, lambda eps: eps > 0, "be above 0"),
    "betas": (
        lambda betas, what: tuple(to_float(beta, what) for beta in betas),
        lambda betas: len(betas) == 2 and all(0 <= beta < 1 for beta in betas),
        "be in [0, 1), two of them",
    ),
}


@dataclass(eq=False, repr=False)
class Optimizer:
    """What all share. Raises `ValueError` for no parameters, `TypeError` for what is not a leaf.

    A subclass states its settings as fields, writes `_moved`, and names in `_kept` what it keeps of
    each parameter between steps.
    """

    parameters: Iterable[Any]
    lr: float = 0.01
    _: KW_ONLY
    weight_decay: float = 0.0
    _kept: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if isinstance(self.parameters, Node):
            raise TypeError(f"{type(self).__name__}: parameters is one node; pass a list, [t]")
        self.parameters = list({id(p): p for p in self.parameters}.values())  # each moves once
        kind = type(self).__name__
        if not self.parameters:
            raise ValueError(f"{kind}: no parameters to optimise")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Node):
                groups = "; give each group an optimiser of its own" if type(p) is dict else ""
                what = f"a {type(p).__name__}, not a Value or Tensor{groups}"
            elif p.op is not None:
                what = f"the result of {p.op.name}, not a leaf"
            elif p.constant:
                what = "a constant"
            else:
                continue
            raise TypeError(f"{kind}: parameter {getattr(p, 'name', None) or i} is {what}")
        self._state: list[dict[str, Any]] = [{} for _ in self.parameters]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _RULES:
            plain, holds, demand = _RULES[name]
            kind, given = type(self).__name__, value
            value = plain(given, f"{kind}.{name}")
            if not holds(value):
                raise ValueError(f"{kind}: {name} must {demand}, got {given}")
        super().__setattr__(name, value)

    if not TYPE_CHECKING:  # which reports an unknown attribute

        def __getattr__(self, name: str) -> Never:
            raise missing(self, name)

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
                p.data = self._moved(*self._decayed(x, g), state)

    def _decayed(self, x: Any, g: Any) -> tuple[Any, Any]:
        """The parameter and the gradient, to which the weight decay adds that of a penalty."""
        return x, g + self.weight_decay * x if self.weight_decay else g

    def _moved(self, x: Any, g: Any, state: dict[str, Any]) -> Any:
        """The parameter x after a step along gradient g; `state`, empty at first, is kept."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Plain arrays by name: the settings, and what is kept of parameter i as `i.velocity`."""
        kept = enumerate(self._state)
        return {name: np.asarray(getattr(self, name)) for name in self._settings()} | {
            f"{i}.{name}": copied(value) for i, state in kept for name, value in state.items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the settings and what is kept of each parameter, in the parameter's own dtype.

        Raises `ValueError` where a name is missing or unknown, or a shape or a setting is wrong.
        """
        kind, settings = type(self).__name__, self._settings()
        begun = {i for i, _, name in (key.partition(".") for key in state) if name in self._kept}
        keys = {
            f"{i}.{name}": (i, name, p.data)
            for i, p in enumerate(self.parameters)
            for name in self._kept
            if str(i) in begun
        }
        fit(kind, [*settings, *keys], state)
        kept: list[dict[str, Any]] = [{} for _ in self._state]
        for key, (i, name, old) in keys.items():
            new = state[key]
            kept[i][name] = int(new) if name == "steps" else like(new, old, f"{kind}: {key}")
        for name in settings:
            setattr(self, name, np.asarray(state[name]).tolist())
        self._state = kept

    def _settings(self) -> list[str]:
        return [field.name for field in fields(self) if field.name != "parameters"]


@dataclass(eq=False, repr=False)
class SGD(Optimizer):
    """Gradient descent: x - lr * d, with d = g + weight_decay * x.

    With momentum m, a velocity v = m v + d (d at the first step) takes d's place; with `nesterov`
    d + m v does (Sutskever et al., 2013, in the form that PyTorch uses).
    """

    _: KW_ONLY
    momentum: float = 0.0
    nesterov: bool = False
    _kept = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise ValueError("SGD: nesterov needs a momentum above 0")

    def _moved(self, x: Any, d: Any, state: dict[str, Any]) -> Any:
        if self.momentum:
            v = self.momentum * state["velocity"] + d if state else 1.0 * d  # not the user's array
            state["velocity"] = v
            d = d + self.momentum * v if self.nesterov else v
        return x - self.lr * d


@dataclass(eq=False, repr=False)
class Adam(Optimizer):
    """x - lr * m / (sqrt(v) + eps): m, v are running means of g and g**2 with weights `betas`,
    divided by 1 - beta**t at step t (Kingma and Ba, 2015). `weight_decay` adds to g."""

    lr: float = 1e-3
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    _kept = ("m", "v", "steps")

    def _moved(self, x: Any, g: Any, state: dict[str, Any]) -> Any:
        (b1, b2), t = self.betas, state.get("steps", 0) + 1
        m = b1 * state.get("m", 0.0) + (1 - b1) * g
        v = b2 * state.get("v", 0.0) + (1 - b2) * (g * g)
        state.update(m=m, v=v, steps=t)
        root = namespace(v).sqrt(v / (1 - b2**t))
        return x - self.lr * (m / (1 - b1**t)) / (root + self.eps)


@dataclass(eq=False, repr=False)
class AdamW(Adam):
    """Adam with the weight decay taken apart from the gradient: x (1 - lr * weight_decay) first
    (Loshchilov and Hutter, 2019)."""

    _: KW_ONLY
    weight_decay: float = 0.01

    def _decayed(self, x: Any, g: Any) -> tuple[Any, Any]:
        return x * (1 - self.lr * self.weight_decay), g
