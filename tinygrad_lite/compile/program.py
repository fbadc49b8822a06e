"""A program made of a graph of Values: `program = tg.compile(loss)`."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from ..graph.names import visible
from ..graph.node import Scalar
from .lift.function import Lifted, NoMatrices, lift
from .lift.verify import difference
from .lift.names import Names
from .lift.text import Writer
from .lift.walk import CONSTANT, Scalars
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
        self.why = ""
        self._lock = threading.RLock()
        lifted = self._lifted(graph)
        self.text = None
        if lifted is not None:
            scope = visible()
            nodes = np.full(lifted.blocks[-1].start + lifted.blocks[-1].size, None, object)
            kept = lifted.registers >= 0
            every = np.array([node for node, i in graph.places.items() if i < CONSTANT], object)
            nodes[lifted.registers[kept]] = every[kept]
            named = Names(scope, {id(node): node for node in every[kept].tolist()})
            root = next((name for name, value in scope.items() if value is loss), None)
            self.text = Writer(lifted, nodes, named, root).text
        self._leaves = Leaves(graph.leaves if lifted is None else lifted.leaves)
        p = self._leaves.values
        self.engine: Arrays | Native | Again
        if lifted is not None:
            self.engine = Arrays(lifted, p)
            _hold_against_differences(self.engine, p)
        else:
            self.engine = self._scalars(graph, p)

    def _lifted(self, graph: Scalars) -> Lifted | None:
        """The graph as a function of arrays, where it is one."""
        try:
            lifted = lift(graph)
        except NoMatrices as reason:
            self.why = str(reason)
            return None
        self.why = difference(lifted, graph) or ""
        return None if self.why else lifted

    def _scalars(self, graph: Scalars, p: Any) -> Native | Again:
        """What runs a graph without matrices."""
        if self.numbers >= _LARGE:
            try:
                return Native(graph, p)
            except NoNative as reason:
                self.why += f". {reason}"
        return Again(graph, p)

    def __str__(self) -> str:
        return str(self.text) if self.text is not None else self.why

    def __call__(self, **inputs: Any) -> float:
        with self._lock:
            leaves = self._leaves
            leaves.give_back()
            leaves.gather()
            value, gradient = self.engine.run()
            for node, grad in zip(leaves.nodes, gradient.tolist(), strict=True):
                node._grad = grad
            return float(value)

    def step(self, lr: float, **inputs: Any) -> float:
        """The value, and every leaf less lr times its gradient. The Values are brought up to date
        when they are looked at: a loop of steps stays in one array."""
        with self._lock:
            leaves = self._leaves
            leaves.gather()
            value, gradient = self.engine.run()
            found = float(value)
            np.copyto(leaves.gradient, gradient)
            np.subtract(leaves.values, gradient * lr, out=leaves.values)
            leaves.lend()
            return found


def _hold_against_differences(engine: Arrays, p: Any) -> None:
    """The gradient on other leaves, against a difference of values in some direction."""
    rng = np.random.default_rng(0)
    at = p.copy()
    try:
        for _ in range(_TRIES):
            direction = rng.normal(size=at.shape)
            other = at + 0.01 * rng.normal(size=at.shape)
            values = []
            for h in (_STEP, -_STEP, 0.0):
                p[:] = other + h * direction
                value, gradient = engine.run()
                values.append(float(value))
            high, low, middle = values
            slope = float(gradient @ direction)
            if not np.isfinite([high, low, slope]).all():
                return
            if abs((high - low) / (2 * _STEP) - slope) <= _NEAR * (1 + abs(slope) + abs(middle)):
                return
    finally:
        p[:] = at
    raise AssertionError("compile: the program's gradient is not its slope")
