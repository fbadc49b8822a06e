"""Curves over a training run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .canvas import COLOURS, DASHES, MARKERS, axes, beside, numbers


def history(
    values: Any, *, ax: Any = None, log: bool = False, xlabel: str = "step", ylabel: str = "loss"
) -> Any:
    """Curves over a training run: a sequence of numbers, or a dict name -> sequence.

    A list of dicts, one per step, works too; a name missing at a step leaves a gap. Each curve is
    labelled at its end. Raises `ValueError` when there is nothing to draw.
    """
    curves = _curves(values, ylabel)
    ax = axes(ax, (6.0, 3.6))
    for k, (name, curve) in enumerate(curves.items()):
        steps = np.arange(len(curve))
        seen = np.isfinite(curve)
        colour, dash = COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]
        marker = MARKERS[k % len(MARKERS)] if seen.sum() == 1 else None
        ax.plot(steps, curve, dash, label=name, color=colour, marker=marker, linewidth=1.6)
        if seen.any():
            last = int(np.flatnonzero(seen)[-1])
            text = f"{name} {curve[last]:.3g}" if len(curves) > 1 else f"{curve[last]:.3g}"
            style = {"fontsize": 9, "color": colour, "annotation_clip": False}
            beside(ax, text, (last, curve[last]), 5, **style)
    if log:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel if len(curves) == 1 else "")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _curves(values: Any, ylabel: str) -> dict[str, np.ndarray[Any, Any]]:
    columns = values
    if not isinstance(values, Mapping):
        steps = list(values)
        columns = {ylabel: steps}
        if steps and all(isinstance(step, Mapping) for step in steps):
            names = dict.fromkeys(name for step in steps for name in step)
            columns = {name: [step.get(name, float("nan")) for step in steps] for name in names}
    curves = {str(name): numbers(list(column), str(name)) for name, column in columns.items()}
    if not curves or all(curve.size == 0 for curve in curves.values()):
        raise ValueError("history: nothing to draw; pass numbers, one per step")
    for name, curve in curves.items():
        if curve.ndim != 1:
            raise ValueError(f"history: {name} must be one number per step, got {curve.shape}")
    return curves
