"""A lifted graph, its value and its gradient, as one list of NumPy calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from . import standalone
from .emit import build
from .lift.function import Lifted
from .recorder import Instruction
from .trace import Recorded, trace


class Arrays:
    """`run()`: the value, and the gradient of the leaves, which hold what `p` does then; in arrays
    of its own."""

    called = "NumPy"

    def __init__(self, lifted: Lifted, p: Any) -> None:
        self._lifted, self._p = lifted, p
        made = trace(self._both, [p])
        # A gradient is passed on linearly: a NaN anywhere is one at the end, where it is looked at.
        calls = [call for call in made.instructions if not _asks_for_nan(call)]
        self.executable = build(Recorded(calls, made.inputs, made.outputs), ["p"], held=[p])

    def _both(self, p: Any) -> list[Any]:
        """Value and gradient; each layer's weights are a leaf of their own, so that gradients are
        put side by side rather than added up as vectors of all leaves."""
        whole = Tensor(p)
        parts = {(a, b): Tensor(p[a:b]) for a, b in self._lifted.parts()}
        loss = self._lifted(whole, parts)
        loss.backward()
        pieces: list[Any] = []
        end = 0
        for (a, b), part in [*parts.items(), ((len(p), len(p)), None)]:
            if end < a:
                pieces.append(np.zeros(a - end))
            if part is not None:
                pieces.append(np.zeros(b - a) if part.grad is None else part.grad)
            end = b
        gradient = p.__array_namespace__().concat(pieces) if parts else None
        if whole.grad is not None:
            gradient = whole.grad if gradient is None else gradient + whole.grad
        return [loss, gradient]

    def run(self) -> tuple[Any, Any]:
        """The root's value and the leaves' gradient."""
        value, gradient = self.executable.run()
        if standalone.has_nan(gradient):  # 0 times infinity is 0 in a gradient: the careful way
            leaf = Tensor(self._p.copy())
            loss = self._lifted(leaf)
            loss.backward()
            return loss.data, leaf.grad
        return value, gradient


def _asks_for_nan(call: Instruction) -> bool:
    """Whether it is a guard that there is no NaN."""
    made_by = call.args[0].made_by if call.out is None else None
    return made_by is not None and made_by.call is standalone.has_nan
