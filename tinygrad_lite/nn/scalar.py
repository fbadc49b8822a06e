"""micrograd's neurons on `Value`: the same interface, behaviour and random numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any, ClassVar

from .. import ops
from ..graph.node import Node
from ..value import Value
from .module import Module

Activation = Callable[[Any], Any]


class Neuron(Module):
    """activation(w . x + b), or w . x + b without `nonlin`. Weights are uniform on [-1, 1), b is 0.

    `x` is a sequence of `nin` Values or numbers. Raises `ValueError` for another length.
    """

    def __init__(self, nin: int, nonlin: bool = True, *, activation: Activation = ops.relu) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin
        self.activation = activation

    def forward(self, x: Any) -> Any:
        w = self.w
        if len(x) != len(w):
            raise ValueError(f"{self!r}: got {len(x)} inputs, not {len(w)}")
        act = sum([wi * xi for wi, xi in zip(w, x, strict=True)], self.b)
        return self.activation(act) if self.nonlin else act

    def parameters(self) -> list[Any]:
        return super().parameters() if vars(self).keys() - _OWN else [*self.w, self.b]

    def __repr__(self) -> str:
        name = _name(self.activation).capitalize() if self.nonlin else "Linear"
        return f"{'ReLU' if name == 'Relu' else name}Neuron({len(self.w)})"


class _Listed(Module):
    """Parts in a list. Like `Neuron` it lists its parameters without a search, in a hundredth of
    the time: a step of micrograd's demo, which asks for them three times, is 1.04 x as fast. What
    has more attributes is searched."""

    _list: ClassVar[str]

    def parameters(self) -> list[Any]:
        if vars(self).keys() - _OWN:
            return super().parameters()
        return [p for part in getattr(self, self._list) for p in part.parameters()]

    def __repr__(self) -> str:
        return f"{type(self).__name__} of [{', '.join(map(str, getattr(self, self._list)))}]"


class Layer(_Listed):
    """`nout` neurons with the same `nin` inputs. Returns a list, or a single Value.

    Raises `ValueError` for more than one observation; `Linear` takes arrays.
    """

    _list = "neurons"

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def forward(self, x: Any) -> Any:
        _refuse_arrays(x, [self])
        if isinstance(x, Node) and not x.shape:
            x = [x]
        elif hasattr(x, "tolist") and x.ndim == 1:
            x = x.tolist()  # Python floats are several times faster than NumPy's
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out


class MLP(_Listed):
    """Layers of `nouts` neurons on `nin` inputs, with `activation` (such as tg.tanh) after each,
    except the last, which is linear.

    One observation at a time, a sequence of Values or numbers; raises `ValueError` for an array of
    several, with the line that takes it.
    """

    _list = "layers"

    def __init__(self, nin: int, nouts: list[int], *, activation: Activation = ops.relu) -> None:
        self.layers = [
            Layer(m, n, nonlin=i < len(nouts), activation=activation)
            for i, (m, n) in enumerate(pairwise([nin, *nouts]), 1)
        ]

    def forward(self, x: Any) -> Any:
        _refuse_arrays(x, self.layers)
        for layer in self.layers:
            x = layer(x)
        return x


_OWN = {"w", "b", "nonlin", "activation", Layer._list, MLP._list, "training"}


def _name(function: Activation) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _refuse_arrays(x: Any, layers: list[Layer]) -> None:
    """Raise `ValueError` for an array of several observations."""
    if getattr(x, "ndim", 1) < 2:
        return
    parts = []
    for layer in layers:
        neuron = layer.neurons[0]
        parts.append(f"tg.nn.Linear({len(neuron.w)}, {len(layer.neurons)})")
        parts += [f"tg.{_name(neuron.activation)}"] * neuron.nonlin
    raise ValueError(
        f"neurons of scalars take one observation, a sequence of {len(layers[0].neurons[0].w)} "
        f"numbers or Values; x is a {type(x).__name__} {tuple(x.shape)}. For arrays: "
        f"tg.nn.Sequential({', '.join(parts)})"
    )
