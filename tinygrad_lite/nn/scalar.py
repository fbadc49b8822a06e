"""micrograd's neurons on `Value`: the same interface, behaviour and random numbers."""

from __future__ import annotations

import random
from typing import Any

from ..graph.node import Node
from ..value import Value
from .module import Module


class Neuron(Module):
    """relu(w . x + b), or w . x + b without `nonlin`. Weights are uniform on [-1, 1), b is 0.

    `x` is a sequence of `nin` Values or numbers. Raises `ValueError` for another length.
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def forward(self, x: Any) -> Any:
        w = self.w
        if len(x) != len(w):
            raise ValueError(f"{self!r}: got {len(x)} inputs, not {len(w)}")
        act = sum([wi * xi for wi, xi in zip(w, x, strict=True)], self.b)
        return act.relu() if self.nonlin else act

    def parameters(self) -> list[Any]:
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """`nout` neurons with the same `nin` inputs. Returns a list, or a single Value."""

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def forward(self, x: Any) -> Any:
        if isinstance(x, Node) and not x.shape:
            x = [x]
        elif hasattr(x, "tolist") and x.ndim == 1:
            x = x.tolist()  # Python floats are several times faster than NumPy's
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Any]:
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """Layers of `nouts` neurons on `nin` inputs: ReLU, except the last, which is linear."""

    def __init__(self, nin: int, nouts: list[int]) -> None:
        sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(len(nouts))]

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"
