"""What PyTorch says about a program, exactly or disturbed as by rounding."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode

from .grow import run_theirs
from .program import Leaf, Program, Step, is_moving
from .reference import tensor

STEEP = 1e8  # times the noise: a step that is moved by more of its largest number jumps


class Truth:
    """What PyTorch says about a program; `noise` disturbs every step by that much, relatively: its
    result, and by what the same in its inputs and on the way would do to the result. (Where terms
    cancel, rounding does that: a sum that is 0 up to rounding is moved off 0, as by no factor.)"""

    def __init__(
        self,
        program: Program,
        values: list[torch.Tensor] | None = None,
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.program = program
        self._values = values  # of the growing program; its graph serves once
        self.noise, self.draw = noise, np.random.default_rng(seed)

    def run(self) -> tuple[list[torch.Tensor], torch.Tensor]:
        values, self._values = self._values, None
        if values is None:
            kept = saved_tensors_hooks(lambda x: x, self._kept) if self.noise else nullcontext()
            with kept:
                values = self._computed()
        total = torch.zeros((), dtype=torch.float64)
        for i, weight in self.program.weights.items():
            total = total + (values[i] * tensor(weight)).sum()
        return values, total

    def _computed(self) -> list[torch.Tensor]:
        values: list[torch.Tensor] = []
        for entry in self.program.entries:
            if isinstance(entry, Leaf):
                values.append(tensor(entry.data).requires_grad_(is_moving(entry)))
            else:
                y = run_theirs(entry, values)
                values.append(self._disturbed(entry, y, values) if self.noise else y)
        return values

    def _kept(self, x: torch.Tensor) -> torch.Tensor:
        """What a derivative rule kept, disturbed: y (1 - y) loses digits where y is near 1."""
        return self._shaken(x.detach()) if x.is_floating_point() else x

    def _disturbed(self, step: Step, y: torch.Tensor, values: list[torch.Tensor]) -> torch.Tensor:
        """A step's result moved; its slopes, at its own inputs, stay: a tie of two entries of a
        leaf is no accident of rounding. What jumps (a step such as ceil) is not moved either."""
        inputs = {i: values[i].detach() for i in step.inputs}
        shaken = self._shaken_as_a_whole if "linalg" in step.text else self._shaken
        inputs |= {i: shaken(x) for i, x in inputs.items() if values[i].requires_grad}
        with _Within(self._shaken):
            moved = run_theirs(step, inputs) - y.detach()
        moved = moved * tensor(self.draw.choice([-1.0, 1.0], size=tuple(y.shape)))  # a square's too
        parts = [x.abs().max() for x in (y.detach(), *inputs.values()) if x.numel()]
        size = max(map(float, parts), default=0.0)
        return self._shaken(y + torch.where(moved.abs() <= STEEP * self.noise * size, moved, 0.0))

    def _shaken(self, y: torch.Tensor) -> torch.Tensor:
        return y * tensor(1 + self.noise * self.draw.standard_normal(tuple(y.shape)))

    def _shaken_as_a_whole(self, y: torch.Tensor) -> torch.Tensor:
        """An algorithm on matrices is backward stable in their norm: its 0s are 0 to rounding."""
        size = float(y.abs().max()) if y.numel() else 0.0
        return y + size * self.noise * tensor(self.draw.standard_normal(tuple(y.shape)))

    @cached_property
    def first(self) -> tuple[list[Any], list[Any]]:
        """Values and gradients of all entries; None where no gradient arrives."""
        values, loss = self.run()
        moving = [v for v in values if v.requires_grad]
        found: Any = [None] * len(moving)
        if loss.requires_grad:
            found = torch.autograd.grad(loss, moving, allow_unused=True)
        gradients = iter(found)
        return (
            [v.detach().numpy() for v in values],
            [_numpy(next(gradients)) if v.requires_grad else None for v in values],
        )

    @cached_property
    def vectors(self) -> list[Any]:
        draw = np.random.default_rng(self.program.seed)
        shapes = [np.shape(self.program.entries[i].data) for i in self.program.moving]  # type: ignore[union-attr]
        return [np.asarray(draw.normal(size=shape)) for shape in shapes]

    @cached_property
    def along(self) -> list[Any]:
        """The Hessian times `vectors`, for each leaf."""
        values, loss = self.run()
        leaves = [values[i] for i in self.program.moving]
        none = [np.zeros(tuple(x.shape)) for x in leaves]
        if not loss.requires_grad:
            return none
        first = torch.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
        dots = [
            (g * tensor(v)).sum()
            for g, v in zip(first, self.vectors, strict=True)
            if g is not None and g.requires_grad
        ]
        if not dots:
            return none
        total = torch.stack(dots).sum()
        found = torch.autograd.grad(total, leaves, allow_unused=True)
        return [z if g is None else g.numpy() for g, z in zip(found, none, strict=True)]


class _Within(TorchFunctionMode):
    """Every result of PyTorch on the way to that of a step is disturbed as well."""

    def __init__(self, shaken: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.shaken = shaken

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        y = function(*args, **(kwargs or {}))
        return self.shaken(y) if isinstance(y, torch.Tensor) and y.is_floating_point() else y


def _numpy(g: torch.Tensor | None) -> Any:
    return None if g is None else g.numpy()
