"""Single claims that are code: lambdas, functions of one gradient, formulas as text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from ..claims import RAISED, in_shape
from .derivation import Data, Derivation, Edits, Known
from .forms import CannotRecord
from .formula import Formula
from .judged import Line
from .source import NoSource
from .trace import Trace
from .truth import Truth

COLUMNS = "right if vectors are columns"


@dataclass(eq=False)
class Coded:
    """One claim that is code: how it is run, the node whose gradient it should give, and what there
    is to be said of how it was read."""

    name: str
    node: Node
    trace: Callable[[Data | None, Edits | None], Trace]
    formula: Formula | None = None
    note: str = ""
    raised: Trace | None = None  # where it raised an error

    def line(self, trace: Trace, truth: Truth) -> Line | None:
        """The whole of it as a line that should be the gradient."""
        result = trace.result
        if result is None or result.instance is None:
            return None
        wanted = truth.gradient(self.node)
        return Line(trace, result, result.instance, self.node, wanted, {})

    def value(self, data: Data) -> Any:
        """What it gives on other data."""
        result = self.trace(data, None).result
        return np.nan if result is None else raw(result.value)


@dataclass(eq=False)
class Coder:
    """Runs claims that are code, and keeps what ran."""

    known: Known
    before: tuple[int, ...] = ()  # a Jacobian's first axes
    found: dict[Node, Coded] = field(default_factory=dict)

    def __call__(self, node: Node, name: str, code: Any) -> Any:
        """The numbers that a claim gives."""
        if isinstance(code, str):
            return self._formula(node, name, Formula(code, name, self.known))
        if not isinstance(code, FunctionType):
            told = f"check: the claim for {name} is a {type(code).__name__}"
            raise TypeError(f"{told}; pass an array, a plain function or text")
        derivation = Derivation(code, self.known)
        ran = derivation.python()
        self.found[node] = Coded(name, node, derivation.trace)
        if ran.error is not None:
            with suppress(NoSource, CannotRecord):
                self.found[node].raised = derivation.trace()
            if self.found[node].raised is None:
                told = f"{type(ran.error).__name__}: {ran.error}"
                raise ValueError(f"check: the claim for {name} raises {told}") from ran.error
            return RAISED
        return in_shape(raw(ran.result), self.before + node.shape)

    def _formula(self, node: Node, name: str, formula: Formula) -> Any:
        """The value of a formula, with vectors as columns where it is right only so."""
        shape = self.before + node.shape
        traces = {columns: formula.trace(columns=columns) for columns in (False, True)}
        readings = [
            (columns, in_shape(raw(trace.result.value), shape))
            for columns, trace in traces.items()
            if trace.result is not None
        ]
        fitting = (r for r in readings if np.shape(r[1]) == shape)
        columns, value = next(fitting, (readings or [(False, RAISED)])[0])
        self.found[node] = Coded(
            name,
            node,
            partial(formula.trace, columns=columns),
            formula,
            COLUMNS if columns else "",
            None if readings else traces[False],
        )
        return value
