"""Formulas are executed, and compared with `backward()`, before anybody sees them."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any

import numpy as np

from .. import ops
from ..backprop.flow import sweep
from ..backprop.jacobians import jacobians, pull
from ..backprop.replay import replay
from ..graph.backend import in_numpy
from ..graph.node import Node, fresh
from .constants import Constants
from .printer import ENVIRONMENT, Formula
from .terms import Size, Symbol

SIZES = "at these sizes"
ZEROS = "where no entry is 0"
POLES = "where no denominator is 0"
REDRAWS = 3
_TOLERANCE = 1e-8  # of the largest entry
_TRIES = 8
_ROUNDING = 1e-13  # of the largest cotangent
_ZEROS = 0.3  # the share of entries set to 0, where a formula might divide by them


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
        draws = f"{1 + self.redraws} draw{'s' * bool(self.redraws)}"
        return f"checked: {draws}, {sets}, value and shape{limits}"


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


def run(lines: str | CodeType, last: str | CodeType, names: Mapping[str, Any]) -> Any:
    """Assignments, then the value of an expression."""
    values = {**ENVIRONMENT, **names}
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


@dataclass(frozen=True)
class Trial:
    """Data, and the derivatives that the engine gives there, in the order of the variables; what is
    below `noise` may be rounding: a sum of larger numbers that is truly 0."""

    values: Mapping[Symbol, Any]
    expected: Sequence[Any]
    noise: float


@dataclass
class Checks:
    """Trials of y's derivatives, on other data and at other sizes, made once.

    `symbols` are the arrays that formulas may use; `source` the user's node of each, or a
    constant's id. `order` is 1 for gradients and Jacobians, 2 for Hessians; of `turned` ones the
    formula is of the transpose; `asked` the comparisons that masks are.
    """

    y: Node
    variables: Sequence[Node]
    symbols: Sequence[Symbol]
    source: Mapping[Symbol, Any]
    constants: Constants
    axes: Callable[[Node], Sequence[Size | None]]  # of a node's result
    order: int = 1
    held: frozenset[Symbol] = frozenset()  # facts about these are used, so redraws keep to them
    turned: bool = False
    asked: Mapping[int, Node] = field(default_factory=dict)

    @cached_property
    def trials(self) -> list[Trial]:
        """The recorded data, and redraws of it."""
        rng = np.random.default_rng(0)
        draws = (self._searched(rng) for _ in range(REDRAWS))
        return [self._trial({}, None), *(t for t in draws if t is not None)]

    @cached_property
    def _resized(self) -> Trial | None:
        """All axes of other lengths, no two the same and none 1; None where the graph does not
        run at them."""
        roots = dict.fromkeys(size.root() for s in self.symbols for size in s.sizes)
        ranked = sorted(roots, key=lambda size: size.number)
        shifts = (
            {size: k + shift for k, size in enumerate(ranked)}
            for shift in range(3, 4 + len(ranked))
        )
        new = next(n for n in shifts if all(k != size.number for size, k in n.items()))
        return self._searched(np.random.default_rng(1), new)

    @cached_property
    def _zeroed(self) -> Trial | None:
        return self._searched(np.random.default_rng(2), zeros=True)

    def limits(
        self, formula: Formula, where: Sequence[Formula], k: int, *, poles: bool = False
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

    def gives(self, formula: Formula, more: Mapping[Symbol, Any], expected: Any) -> bool:
        """Whether a formula in terms of `more` is what is expected at the recorded data."""
        found = self.value(formula, more)
        return found is not None and agrees(found, expected)

    def value(self, formula: Formula, more: Mapping[Symbol, Any]) -> Any:
        """What the code of a formula in terms of `more` gives there; None if it cannot be run."""
        try:
            return Program(formula, ())({**self.trials[0].values, **more})
        except Exception:  # code that raises is no formula
            return None

    def _agrees(
        self, execute: Program, trial: Trial, k: int, *, finite: bool = False, poles: bool = False
    ) -> bool:
        expected = np.asarray(trial.expected[k])
        expected = expected.T if self.turned else expected
        found = np.asarray(execute(trial.values), dtype=float)
        if poles and found.shape == expected.shape:
            expected = np.where(np.isfinite(found), expected, found)
        return agrees(found, expected, trial.noise, finite=finite)

    def _searched(
        self,
        rng: np.random.Generator,
        sizes: Mapping[Size, int] | None = None,
        *,
        zeros: bool = False,
    ) -> Trial | None:
        for k in range(_TRIES):
            try:
                definite = k >= _TRIES // 2  # what has a Cholesky factor, say, may need to have one
                trial = self._trial(self._drawn(rng, sizes, zeros, definite), sizes)
            except Exception:  # an op of the user's may refuse other data, with whatever error
                continue
            finite = [np.isfinite(g).all() for g in trial.expected]
            if zeros or all(finite):
                return trial
        return None

    def _drawn(
        self,
        rng: np.random.Generator,
        sizes: Mapping[Size, int] | None,
        zeros: bool,
        definite: bool,
    ) -> dict[Symbol, Any]:
        """Data for every leaf and constant."""
        data = {}
        for s in self.symbols:
            x = self.source[s]
            if not isinstance(x, Node) or x.op is None:
                data[s] = _drawn(s, rng, sizes, s in self.held)
                if definite and _is_definite(s.data) and len(data[s]) == len(data[s].T):
                    data[s] = data[s] @ data[s].T + np.eye(len(data[s]))
                if zeros and data[s].dtype.kind == "f" and not (s in self.held or s.identity):
                    data[s] = np.where(rng.random(data[s].shape) < _ZEROS, 0.0, data[s])
        return data

    def _trial(self, data: Mapping[Symbol, Any], sizes: Mapping[Size, int] | None) -> Trial:
        nodes, given = {}, {}
        for s, value in data.items():
            x = self.source[s]
            if isinstance(x, Node):
                nodes[x] = value
            else:
                given[x] = value
        constants = self.constants.redrawn(given)
        settings = None if sizes is None else self._settings(sizes)
        twin = replay(
            self.y, nodes, constants=constants, wide=True, settings=settings, asked=self.asked
        )
        for x in self.variables:
            if x not in twin:
                twin[x] = fresh(None, in_numpy(nodes.get(x, x)).astype(float))
        values = {}
        for s in self.symbols:
            x = self.source[s]
            values[s] = twin[x].data if isinstance(x, Node) else constants[x]
        with np.errstate(all="ignore"):
            expected, noise = self._derivatives(twin[self.y], [twin[x] for x in self.variables])
        return Trial(values, expected, noise)

    def _derivatives(self, y: Node, xs: Sequence[Node]) -> tuple[Sequence[Any], float]:
        if self.order == 2:
            (g,) = pull(y, xs[:1], ops.ones_like(y), record=True)
            shape = xs[0].shape * 2
            return (jacobians(g, xs[:1]) if isinstance(g, Node) else [np.zeros(shape)]), _ROUNDING
        if math.prod(y.shape) != 1:
            return jacobians(y, xs), _ROUNDING
        found = sweep(y, np.ones(y.shape), toward=xs)
        sizes = (np.abs(g[np.isfinite(g)]) for g in map(np.asarray, found.values()))
        largest = max(float(np.max(size, initial=0.0)) for size in sizes)
        gradients = [np.asarray(found[x]) if x in found else np.zeros(x.shape) for x in xs]
        return gradients, _ROUNDING * largest

    def _settings(
        self, sizes: Mapping[Size, int]
    ) -> Callable[[Node, Mapping[str, Any]], Mapping[str, Any]]:
        def changed(node: Node, params: Mapping[str, Any]) -> Mapping[str, Any]:
            axes, shape = self.axes(node), params.get("shape")
            if not isinstance(shape, (tuple, list)) or len(shape) != len(axes):
                return params
            known = (1 if a is None else sizes.get(a.root(), a.number) for a in axes)
            new = tuple(n if n == -1 else k for n, k in zip(shape, known, strict=True))
            return {**params, "shape": new}

        return changed


def _is_definite(a: Any) -> bool:
    """Whether it is a symmetric matrix with positive eigenvalues."""
    a = np.asarray(a)
    square = a.ndim == 2 and len(a) == len(a.T) > 0 and a.dtype.kind == "f"
    return bool(square and np.array_equal(a, a.T) and np.linalg.eigvalsh(a)[0] > 0)


def _drawn(
    s: Symbol, rng: np.random.Generator, sizes: Mapping[Size, int] | None, held: bool
) -> Any:
    """Data of the same kind: labels stay labels, what is positive stays positive."""
    old = np.asarray(s.data)
    shape = list(old.shape)
    if sizes is not None:
        for axis, size in zip(s.axes, s.sizes, strict=True):
            shape[axis] = sizes.get(size.root(), size.number)
    if old.dtype.kind == "b":
        return rng.random(shape) < 0.5
    if old.dtype.kind in "iu":
        return rng.integers(0, int(old.max(initial=0)) + 1, size=shape)
    if s.identity:
        return np.eye(*shape)
    found = _values(old, shape, rng)
    if held and s.sums:
        (axis, *_) = s.sums
        found = np.abs(found) + 0.1
        return found / found.sum(axis=axis, keepdims=True)
    return (found + found.T) / 2 if held and s.symmetric else found


def _values(old: Any, shape: Sequence[int], rng: np.random.Generator) -> Any:
    kinds = set(np.unique(old)) if old.size < 10_000 else {0.5}
    if kinds <= {0.0, 1.0} or kinds <= {-1.0, 1.0}:
        return rng.choice(sorted(kinds | {1.0}), size=shape)
    low, high = float(old.min()), float(old.max())
    if low > 0:
        top = 0.95 if high < 1 else 2 * high
        return rng.uniform(min(0.05, low) if high < 1 else low / 2, top, size=shape)
    scale = float(np.sqrt(np.mean(old * old))) or 1.0
    return rng.normal(size=shape) * scale
