"""Formulas executed: their code, what it may use, and when two values agree."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from .. import ops
from ..ops.reduce import softmax
from .printer import Formula
from .terms import Symbol

_TOLERANCE = 1e-8  # of the largest entry


@dataclass(frozen=True)
class Checked:
    """What was executed: at the recorded data, at `redraws` of all leaves, at `sizes` sets of
    sizes; `where` says what it does not hold for, or "" for nothing that was found."""

    redraws: int
    sizes: int
    where: str = ""

    def __str__(self) -> str:
        sets = f"{self.sizes} set{'s' if self.sizes != 1 else ''} of sizes"
        limits = f"; {self.where}" if self.where else ""
        return f"checked: {1 + self.redraws} draws, {sets}, value and shape{limits}"


class Program:
    """The code of a formula with its definitions, to be run on data."""

    def __init__(self, formula: Formula, where: Sequence[Formula]) -> None:
        printer = formula.printer
        lines = [f"{w.code} = {w.numpy}" for w in where]
        self.lines = compile("\n".join(lines), "<where>", "exec")
        self.last = compile(formula.numpy, "<formula>", "eval")
        self.codes = dict(printer.codes)
        self.callables = printer.callables

    def __call__(self, values: Mapping[Symbol, Any]) -> Any:
        names: dict[str, Any] = {}
        for s, code in self.codes.items():
            if s in values:
                _bind(names, code, values[s])
        return run(self.lines, self.last, {**self.callables, **names})


def _bind(names: dict[str, Any], code: str, value: Any) -> None:
    """Make the name, or the entry of a container, the value."""
    root, _, place = code.partition("[")
    if place:
        names.setdefault(root, {})[ast.literal_eval(place[:-1])] = value
    else:
        names[code] = value


def environment() -> dict[str, Any]:
    """What code may use beside the user's names."""
    return {"np": np, "math": math, "tg": ops, "softmax": softmax}


def run(lines: str | CodeType, last: str | CodeType, names: Mapping[str, Any]) -> Any:
    """Assignments, then the value of an expression."""
    values = {**environment(), **names}
    with np.errstate(all="ignore"):
        exec(lines, values)
        return eval(last, values)


def agrees(found: Any, expected: Any, noise: float = 0.0, *, finite: bool = False) -> bool:
    """Whether an array has the value and the shape that it should. With `finite`, where the
    expected value is."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected)
    if found.shape != expected.shape:
        return False
    if finite:
        kept = np.isfinite(expected)
        found, expected = found[kept], expected[kept]
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)
    tolerance = max(_TOLERANCE * scale, noise)
    return bool(np.allclose(found, expected, rtol=0, atol=tolerance, equal_nan=True))
