"""A lifted graph, its value and its gradient, as one list of NumPy calls."""

from __future__ import annotations

from contextlib import suppress
from contextvars import Context
from typing import Any

import numpy as np

from ..tensor import Tensor
from . import standalone
from .emit import Executable, build
from .lift.function import Lifted
from .recorder import Instruction
from .trace import Recorded, trace

_MANY = 16  # branches, such as those of powers at 0, that are recorded


class Arrays:
    """`run()`: the value, and the gradient of the leaves, which hold what `p` does then; in arrays
    of its own."""

    called = "NumPy"

    def __init__(self, lifted: Lifted, p: Any) -> None:
        self._lifted, self._p = lifted, p
        self._branches = [self._recorded()]

    @property
    def executable(self) -> Executable:
        """The program that ran last: there is one for every branch that rules take."""
        return self._branches[0]

    def _recorded(self) -> Executable:
        made = Context().run(trace, self._both, [self._p])  # whatever the user turned off
        # A NaN in a derivative is one in the value or, as gradients are passed on linearly, in the
        # gradient, where it is looked for: once, and not at every op.
        calls = [call for call in made.instructions if not _asks_for_nan(call)]
        return build(Recorded(calls, made.inputs, made.outputs), ["p"], held=True)

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
        """The root's value and the leaves' gradient; within `np.errstate(all="ignore")`."""
        try:
            value, gradient = self._branches[0].bare()
        except standalone.Branch:
            value, gradient = self._elsewhere()
        total = np.dot(gradient, gradient)  # squares never cancel
        return (value, gradient) if value == value and total == total else self._carefully()

    def _elsewhere(self) -> Any:
        """Where the numbers lead another way than the last ones did."""
        for i, program in enumerate(self._branches):
            with suppress(standalone.Branch):
                found = program.bare()
                self._branches.insert(0, self._branches.pop(i))
                return found
        if len(self._branches) == _MANY:
            return self._carefully()
        self._branches.insert(0, self._recorded())
        return self._branches[0].bare()

    def _carefully(self) -> tuple[Any, Any]:
        """As eager code computes it: there, 0 times infinity is 0 in a gradient."""
        quiet = np.errstate(all="ignore")
        loss, gradient = Context().run(quiet(self._both), self._p.copy())
        return loss.data, gradient


def _asks_for_nan(call: Instruction) -> bool:
    """Whether it is a guard that there is no NaN."""
    made_by = call.args[0].made_by if call.out is None else None
    return made_by is not None and made_by.call is standalone.has_nan
