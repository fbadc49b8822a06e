"""What formulas are put to before they are shown."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .printer import Formula
from .terms import Symbol
from .verify import REDRAWS, Laboratory, Trial, agrees, run

SIZES = "at these sizes"
ZEROS = "where no entry is 0"
POLES = "where no denominator is 0"


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
        self.lines = [(w.code, compile(w.numpy, "<where>", "eval")) for w in where]
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


@dataclass
class Checks:
    """The trials, made once."""

    laboratory: Laboratory
    turned: bool

    @cached_property
    def trials(self) -> list[Trial]:
        """The recorded data, and redraws of it."""
        rng = np.random.default_rng(0)
        draws = (self.laboratory.redrawn(rng) for _ in range(REDRAWS))
        return [self.laboratory.recorded(), *(t for t in draws if t is not None)]

    @cached_property
    def _resized(self) -> Trial | None:
        return self.laboratory.resized(np.random.default_rng(1))

    @cached_property
    def _zeroed(self) -> Trial | None:
        return self.laboratory.redrawn(np.random.default_rng(2), zeros=True)

    def limits(
        self,
        formula: Formula,
        where: Sequence[Formula],
        k: int,
        *,
        poles: bool = False,
    ) -> frozenset[str] | None:
        """Where the formula for variable `k` does not hold; None if it is wrong at the recorded
        data or a redraw. With `poles`, it may be infinite at redraws, which is then a limit."""
        if not all(f.numpy for f in (formula, *where)):
            return None
        try:
            execute = Program(formula, where)
            first, *others = self.trials
            if not self._agrees(execute, first, k):
                return None
            if not all(self._agrees(execute, t, k, poles=poles) for t in others):
                return None
        except Exception:  # code that raises is no formula
            return None
        found = {POLES} if poles else set()
        for trial, words in ((self._resized, SIZES), (self._zeroed, ZEROS)):
            try:
                zeros = words == ZEROS
                held = trial is None or self._agrees(execute, trial, k, finite=zeros, poles=poles)
            except Exception:  # the code has a length in it
                held = False
            if not held or (trial is None and words == SIZES):
                found.add(words)
        return frozenset(found)

    def _agrees(
        self, execute: Program, trial: Trial, k: int, *, finite: bool = False, poles: bool = False
    ) -> bool:
        expected = np.asarray(trial.expected[k])
        expected = expected.T if self.turned else expected
        found = np.asarray(execute(trial.values), dtype=float)
        if poles and found.shape == expected.shape:
            expected = np.where(np.isfinite(found), expected, found)
        return agrees(found, expected, trial.noise, finite=finite)
