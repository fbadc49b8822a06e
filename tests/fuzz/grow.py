"""A program from a seed: leaves, then steps that keep every value tame, then what is added up."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

from . import rows_arrays, rows_elementwise, rows_matrices, rows_parts
from .program import Entry, Leaf, Program, Step, is_moving
from .reference import lookup, tensor
from .rows import BIG, EVERYWHERE, TABLE, Chance, Interval, Row

MODES = ("array", "scalar", "float32")
OFTEN = ("array",) * 6 + ("scalar",) * 2 + ("float32",)  # of "all"
LARGEST, MOST_AXES = 400, 5
TABLES = (rows_elementwise, rows_arrays, rows_parts, rows_matrices)  # importing them fills TABLE

NARROW = (np.uint8, np.int8, np.int16, np.int32, np.int64, np.float32)


@cache
def _rows(mode: str) -> tuple[list[Row], list[float]]:
    rows = [r for r in TABLE if mode != "scalar" or r.elementwise]
    rows = [r for r in rows if mode != "float32" or not r.jumps]
    total = np.cumsum([r.weight for r in rows])
    return rows, total.tolist()


class Growing:
    """A program while it grows. `values` are PyTorch's, `arrays` the same as NumPy arrays."""

    def __init__(self, seed: int, mode: str) -> None:
        self.chance = Chance(seed)
        self.r = self.chance.r
        self.mode = self.r.choice(OFTEN) if mode == "all" else mode
        self.entries: list[Entry] = []
        self.values: list[torch.Tensor] = []
        self.arrays: list[Any] = []
        self.kinds: list[str] = []
        self.usable: list[int] = []  # all but the constants, which serve one step each

    # --- entries

    def leaf(self) -> None:
        r, draw = self.r, self.chance.np
        if self.mode == "scalar" or r.random() < 0.12:
            self._keep(Leaf(float(draw.normal() * r.choice([0.5, 1, 2])), "Value"))
            return
        ndim = r.choice([0, 1, 1, 2, 2, 2, 3])
        lengths = [0, 1, 2, 3, 4] if r.random() < 0.03 else [1, 2, 2, 3, 3, 4]
        x = draw.normal(size=[r.choice(lengths) for _ in range(ndim)]) * r.choice([0.5, 1, 1, 2])
        x = np.asarray(x)
        if self.mode == "float32" and r.random() < 0.8:
            x = x.astype(np.float32)
        elif r.random() < 0.1:
            x = np.asarray(np.round(x))  # ties
        if ndim >= 2 and r.random() < 0.15:
            x = x[::-1].T if r.random() < 0.5 else np.asfortranarray(x)  # strides of other kinds
        self._keep(Leaf(x, "Tensor"))

    def _keep(self, leaf: Leaf) -> int:
        value = tensor(leaf.data).requires_grad_(is_moving(leaf))
        return self._append(leaf, value, leaf.kind)

    def _append(self, entry: Entry, value: torch.Tensor, kind: str) -> int:
        self.entries.append(entry)
        self.values.append(value)
        self.arrays.append(value.detach().numpy())
        self.kinds.append(kind)
        if kind != "constant":
            self.usable.append(len(self.entries) - 1)
        return len(self.entries) - 1

    def pick(self) -> int:
        """An entry, the later ones more often."""
        recent = self.usable[-4:] if self.r.random() < 0.5 else self.usable
        return self.r.choice(recent)

    def constant(self, data: Any) -> int:
        return self._keep(Leaf(data, "constant"))

    # --- steps

    def step(self) -> None:
        rows, total = _rows(self.mode)
        self.take(self.r.choices(rows, cum_weights=total)[0])

    def take(self, row: Row) -> bool:
        """Append a step of this row if inputs fit it and its value is tame."""
        inputs = row.choose(self) if row.choose else self._inputs(row)
        if inputs is None or not any(self.kinds[i] != "constant" for i in inputs):
            return False
        for i, bounds in zip(inputs, row.inputs, strict=False):
            if not within(self.arrays[i], bounds):
                return False
        arrays = [self.arrays[i] for i in inputs]
        settings = row.settings(self.chance, *arrays) if row.settings else {}
        if settings is None or (row.covers == "pow" and _at_exponent_0(arrays)):
            return False
        kinds = tuple(self._kind(i) for i in inputs)
        texts = row.written(kinds, tuple(settings))
        if not texts:
            return False
        step = Step(self.r.choice(texts), row.theirs, inputs, settings)
        try:
            value = run_theirs(step, self.values)
        except (RuntimeError, IndexError, TypeError, ValueError):
            return False  # shapes that do not fit
        if not _is_tame(value):
            return False
        self._append(step, value, _kind_of_result(row, kinds))
        return True

    def _kind(self, i: int) -> str:
        entry = self.entries[i]
        if self.kinds[i] == "constant" and isinstance(entry, Leaf) and not np.ndim(entry.data):
            return "number" if not isinstance(entry.data, np.ndarray) else "constant"
        return self.kinds[i]

    def _inputs(self, row: Row) -> tuple[int, ...]:
        inputs = [self.pick() for _ in row.inputs]
        if len(inputs) == 2 and row.elementwise:
            if self.r.random() < 0.1:
                inputs[1] = inputs[0]
            elif self.r.random() < 0.25:
                at = self.r.randrange(2)
                beside = self.arrays[inputs[1 - at]].shape
                inputs[at] = self.constant(self._operand(row.inputs[at], beside))
        return tuple(inputs)

    def _operand(self, bounds: Interval, beside: tuple[int, ...]) -> Any:
        """A constant within bounds, of a shape that broadcasts and of any dtype or number type."""
        r, draw = self.r, self.chance.np
        shapes = [(), ()] if self.mode == "scalar" else [beside, beside[-1:], (), (1,)]
        x = np.asarray(draw.normal(size=r.choice(shapes)) * 2)
        low, high = max(bounds[0], -4.0), min(bounds[1], 4.0)
        x = np.clip(x, low + 0.01, high - 0.01)
        if r.random() < 0.4:
            whole = np.clip(np.round(x), math.ceil(low), math.floor(high))
            narrow = r.choice(NARROW)
            if narrow is np.uint8:
                whole = np.abs(whole)
            x = whole.astype(narrow)
        if not x.ndim and (self.mode == "scalar" or r.random() < 0.7):
            return r.choice([x.item(), x.item(), x[()]])
        return x


def within(x: Any, bounds: Interval) -> bool:
    return bounds is EVERYWHERE or bool(np.all((x > bounds[0]) & (x < bounds[1])))


def _kind_of_result(row: Row, kinds: tuple[str, ...]) -> str:
    """What our step gives; "node" where it may be a Value or a Tensor of no axes."""
    if not all(k in ("Value", "node", "number") for k in kinds):
        return "Tensor"
    return "Value" if row.elementwise and "node" not in kinds else "node"


def _at_exponent_0(arrays: list[Any]) -> bool:
    """Where PyTorch drops d2y/dx1 dx2 = 1 / x1."""
    return len(arrays) == 2 and bool((arrays[1] == 0).any())


def _is_tame(y: Any) -> bool:
    if not isinstance(y, torch.Tensor) or y.numel() > LARGEST or y.ndim > MOST_AXES:
        return False
    return bool((np.abs(y.detach().numpy()) < BIG).all())  # NaN is not


def run_theirs(step: Step, values: Any) -> torch.Tensor:
    function: Callable[..., torch.Tensor] = lookup(step.theirs)
    return function(*[values[i] for i in step.inputs], **step.settings)


def grow(seed: int, mode: str = "all") -> tuple[Program, list[torch.Tensor]]:
    """The program of this seed, and PyTorch's value of each of its entries."""
    growing = Growing(seed, mode)
    r = growing.r
    for _ in range(r.randint(1, 5)):
        growing.leaf()
    steps = 5 + int(36 * r.random() ** 1.5)
    for _ in range(4 * steps):
        if len(growing.usable) > steps:
            break
        growing.step()
    usable = growing.usable
    chosen = {usable[-1]} | {r.choice(usable) for _ in range(r.randint(0, 3))}
    weights = {i: growing.chance.np.normal(size=growing.arrays[i].shape) for i in sorted(chosen)}
    return Program(seed, tuple(growing.entries), weights), growing.values
