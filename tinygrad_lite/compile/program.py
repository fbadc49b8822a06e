"""A program made of a graph of Values: `program = tg.compile(loss)`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph.node import Scalar
from .lift.function import Lifted, NoMatrices, lift
from .lift.verify import difference
from .lift.walk import Scalars
from .program_arrays import Arrays
from .native import Native, NoNative
from .program_leaves import Leaves
from .program_scalars import Again

_LARGE = 1000  # numbers in a graph for which machine code is worth the wait
_STEP = 1e-6  # of the difference that a gradient is held against
_NEAR = 1e-4
_TRIES = 3


class Program:
    """A graph of Values as a program. Called, it computes the graph's value from what its leaves
    hold now, and sets their gradients (it does not add to them); `step(lr)` descends as well.

    The graph is the one that was recorded: branches that Python took, and plain numbers, are as
    they were. `X=rows` at a call sets the Values that the list X held when it was compiled.
    """

    def __init__(self, loss: Scalar) -> None:
        if loss.op is None:
            what = "a constant" if loss.constant else "a leaf"
            raise ValueError(f"compile: {loss!r} is {what}: nothing was computed")
        graph = Scalars(loss)
        if not graph.leaves:
            raise ValueError("compile: the result depends on no leaf")
        self.numbers = len(graph.kinds)
        self.lifted: Lifted | None = None
        self.why = ""
        self._lock = threading.RLock()
        self._run: Callable[[Any], tuple[Any, Any]]
        nodes: Sequence[Any] = graph.leaves
        try:
            lifted = lift(graph)
            found = difference(lifted, graph)
            if found is not None:
                raise NoMatrices(found)
            nodes = lifted.leaves
            arrays = Arrays(lifted, np.array([leaf._data for leaf in nodes]))
            self._run, self.lifted, self._executable = arrays.run, lifted, arrays.executable
        except NoMatrices as reason:
            self.why = str(reason)
            self._run = self._scalars(graph)
        self._leaves = Leaves(nodes)
        if self.lifted is not None:
            _hold_against_differences(self._run, self._leaves.values)

    def _scalars(self, graph: Scalars) -> Callable[[Any], tuple[Any, Any]]:
        """What runs a graph without matrices."""
        if self.numbers >= _LARGE:
            try:
                native = Native(graph)
                self.why += "; numba runs the graph as machine code"
                return native.run
            except NoNative as reason:
                self.why += f". {reason}"
        return Again(graph).run

    def __call__(self, **inputs: Any) -> float:
        with self._lock:
            leaves = self._leaves
            leaves.give_back()
            leaves.gather()
            value, gradient = self._run(leaves.values)
            for node, grad in zip(leaves.nodes, gradient.tolist(), strict=True):
                node._grad = grad
            return float(value)

    def step(self, lr: float, **inputs: Any) -> float:
        """The value, and every leaf less lr times its gradient. The Values are brought up to date
        when they are looked at: a loop of steps stays in one array."""
        with self._lock:
            leaves = self._leaves
            leaves.gather()
            value, gradient = self._run(leaves.values)
            found = float(value)
            np.copyto(leaves.gradient, gradient)
            np.subtract(leaves.values, gradient * lr, out=leaves.values)
            leaves.lend()
            return found


def _hold_against_differences(run: Callable[[Any], tuple[Any, Any]], at: Any) -> None:
    """The gradient on other leaves, against a difference of values in some direction."""
    rng = np.random.default_rng(0)
    for _ in range(_TRIES):
        direction = rng.normal(size=at.shape)
        p = at + 0.01 * rng.normal(size=at.shape)
        high, low = (float(run(p + h * direction)[0]) for h in (_STEP, -_STEP))
        slope = float(run(p)[1] @ direction)
        if not np.isfinite([high, low, slope]).all():
            return
        if abs((high - low) / (2 * _STEP) - slope) <= _NEAR * (1 + abs(slope) + abs(high)):
            return
    raise AssertionError("compile: the program's gradient is not its slope")
