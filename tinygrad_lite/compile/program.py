"""A program made of a graph of Values: `program = tg.compile(loss)`."""

from __future__ import annotations

import gc
import threading
from contextvars import Context
from typing import Any

import numpy as np

from ..differences import slope
from ..graph.backend import to_float
from ..graph.names import visible
from ..graph.node import Scalar
from ..tensor import Tensor
from .lift.function import Lifted, NoMatrices, lift
from .lift.names import Names
from .lift.text import Text, Writer
from .lift.verify import difference
from .lift.walk import CONSTANT, Scalars
from .native import Native, NoNative, installed
from .program_arrays import Arrays
from .program_leaves import Leaves
from .program_scalars import Again

_DISORDER = 0.25  # of the numbers in a graph are looked up, or there is some pattern
_LARGE = 2000  # numbers in a graph for which machine code is worth the wait
_NEAR, _SCALE = 0.01, 0.01  # how far off gradients are tried, and over what differences are taken
_SAME = 1e-7  # what two programs, or a gradient and a difference, may be apart
_TRIES = 3
_quiet = np.errstate(all="ignore")  # as Python's floats


class ScalarProgram:
    """A graph of Values as a program. Called, it computes the graph's value from what its leaves
    hold now, and sets their gradients (it does not add to them); `step(lr)` descends as well.
    `program(X=rows)` first sets the Values that the list or Value X held when it was compiled.

    The program is the graph that was recorded: branches that Python took and plain numbers, random
    ones too, are as they were, and so are its leaves, whatever the lists they were in hold by then.

    `print` shows it as matrix code, `explain()` says what became of the scalars, `tg.draw(program)`
    draws it; `source` is a module that NumPy alone runs. Where few numbers are computed alike there
    are no matrices: then numba runs the graph, if it is installed and the graph is large, else
    Python does, node by node, in place.
    """

    def __init__(self, loss: Scalar) -> None:
        if loss.op is None:
            what = "a constant" if loss.constant else "a leaf"
            raise ValueError(f"compile: {loss!r} is {what}: nothing was computed from Values")
        self._lock = threading.RLock()
        self._why = ""
        self._text: Text | None = None
        collects = gc.isenabled()
        gc.disable()  # which would walk the graph several times, and find nothing
        try:
            self._make(loss)
        finally:
            if collects:
                gc.enable()

    def _make(self, loss: Scalar) -> None:
        graph, scope = Scalars(loss), visible()
        self._numbers = len(graph.kinds) - len(graph.leaves)
        self._engine: Arrays | Native | Again
        self._lifted = self._arrays(graph)
        if self._lifted is None:
            self._leaves = Leaves(graph.leaves)
            self._engine = self._scalars(graph, self._leaves.values)
            names = Names(scope, {id(leaf): leaf for leaf in graph.leaves})
        else:
            names = self._write(self._lifted, graph, scope, loss)
        self._inputs = names.lists(self._leaves.nodes)

    def _arrays(self, graph: Scalars) -> Lifted | None:
        """The graph as a function of arrays, run and confirmed; else None, and `_why`."""
        try:
            lifted = lift(graph)
            numbers = len(graph.kinds)
            if lifted.picked > _DISORDER * numbers and numbers >= _LARGE and installed():
                self._why = f"{lifted.picked:,} entries of arrays would be looked up one by one"
                return None
            self._why = difference(lifted, graph) or ""
            if self._why:
                return None
            self._leaves = Leaves(lifted.leaves)
            self._engine = Arrays(lifted, self._leaves.values)
            if _follows_differences(self._engine, self._leaves.values):
                return lifted
            self._why = "its gradient is not seen in differences of values"
        except NoMatrices as reason:
            self._why = str(reason)
        except Exception as error:  # of an op, or a rule, that was written for floats
            self._why = f"some op does not take arrays: {error}"
        return None

    @_quiet
    def _scalars(self, graph: Scalars, p: Any) -> Native | Again:
        """What runs a graph without matrices."""
        again = Again(graph, p)
        if len(graph.kinds) < _LARGE:
            return again
        try:
            native = Native(graph, p)
        except NoNative as reason:
            self._why += f"\n{reason}"
            return again
        found, wanted = (np.append(g, value) for value, g in (native.run(), again.run()))
        size = np.max(np.abs(wanted), where=np.isfinite(wanted), initial=0.0)
        if np.allclose(found, wanted, rtol=_SAME, atol=_SAME * size, equal_nan=True):
            return native
        self._why += "\nnumba computes other numbers"
        return again

    def _write(self, lifted: Lifted, graph: Scalars, scope: Any, loss: Scalar) -> Names:
        nodes = np.full(lifted.blocks[-1].start + lifted.blocks[-1].size, None, object)
        for node, i in graph.places.items():
            if i < CONSTANT and (k := lifted.registers[i]) >= 0 and nodes[k] is None:
                nodes[k] = node
        names = Names(scope, {id(node): node for node in nodes.tolist()})
        root = next((name for name, value in scope.items() if value is loss), "result")
        self._text = Writer(lifted, nodes, names, root).text
        return names

    @_quiet
    def __call__(self, **inputs: Any) -> float:
        with self._lock:
            leaves = self._leaves
            leaves.give_back()
            self._set(inputs)
            leaves.gather()
            value, gradient = self._engine.run()
            for node, grad in zip(leaves.nodes, gradient.tolist(), strict=True):
                node._grad = grad
            return float(value)

    @_quiet
    def step(self, lr: float, **inputs: Any) -> float:
        """One step of gradient descent: the value before it, and every leaf less lr times its
        gradient. The Values are brought up to date when they are looked at, so that a loop of steps
        stays within one array."""
        lr = to_float(lr, "step")
        with self._lock:
            leaves = self._leaves
            if inputs:
                leaves.give_back()
                self._set(inputs)
            leaves.gather()
            value, leaves.gradient = self._engine.run()
            np.subtract(leaves.values, np.multiply(leaves.gradient, lr), leaves.values)
            leaves.lend()
            return float(value)

    def _set(self, inputs: dict[str, Any]) -> None:
        """Put other numbers into the Values of lists of the user's."""
        for name, given in inputs.items():
            if name not in self._inputs:
                known = ", ".join(self._inputs) or "none"
                raise ValueError(
                    f"compile: no list or Value {name} of leaves was seen (seen: {known}); plain "
                    f"numbers are constants of the program, so make {name} of Values to replace it"
                )
            shape, nodes = self._inputs[name]
            numbers = np.asarray(given, dtype=float)
            if numbers.shape != shape:
                raise ValueError(f"compile: {name} has shape {shape}; got {numbers.shape}")
            for node, number in zip(nodes, numbers.ravel().tolist(), strict=True):
                node.data = number

    @property
    def source(self) -> str:
        """A module that NumPy alone runs: `program()` gives the value and the gradient at `p`."""
        if isinstance(self._engine, Arrays):
            return self._engine.executable.source
        raise ValueError(f"compile: there is no NumPy code without matrices: {self._why}")

    def graph(self) -> Tensor:
        """The program as a graph of Tensors, recorded with what the leaves hold now."""
        if self._lifted is None or self._text is None:
            raise ValueError(f"compile: there are no matrices to record: {self._why}")
        self._leaves.give_back()
        self._leaves.gather()
        p = self._leaves.values.copy()
        parts = {
            (a, b): Tensor(p[a:b].reshape(shape), name=name)
            for (a, b), (name, shape) in self._text.parts.items()
        }
        made: Tensor = Context().run(self._lifted, Tensor(p, name="p"), parts, self._text.blocks)
        return made

    @property
    def constants(self) -> dict[str, Any]:
        """The arrays of plain numbers in the program, by the name that it gives them."""
        return {} if self._text is None else dict(self._text.constants)

    def __str__(self) -> str:
        return self.explain() if self._text is None else str(self._text)

    def __repr__(self) -> str:
        return f"<program of {self._numbers:,} numbers, run by {self._engine.called}>"

    def explain(self) -> str:
        """What became of the scalars, in sentences."""
        if self._lifted is not None and self._text is not None:
            return self._text.explained(self._numbers, len(self._lifted.steps))
        return f"There is no pattern: {self._why}\n{self._engine.called} runs the graph."


@_quiet
def _follows_differences(engine: Arrays, p: Any) -> bool:
    """Whether the gradient on other leaves is the slope of values in some direction."""
    rng, at = np.random.default_rng(0), p.copy()

    def value(h: float) -> float:
        p[:] = other + h * direction
        return float(engine.run()[0])

    for _ in range(_TRIES):
        direction, other = rng.normal(size=(2, *at.shape))
        other = at + _NEAR * other
        found = slope(value, _SCALE)
        p[:] = other
        claim = float(engine.run()[1] @ direction)
        p[:] = at
        if not found.distance(claim) > _SAME * (1 + abs(claim)):
            return True  # or there is no telling
    return False
