"""The regions in which a model predicts each class."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np

from ..graph.context import no_grad
from ..graph.node import Scalar, raw
from .canvas import COLOURS, MARKERS, axes, matplotlib, numbers, parameters_of

_POINTS = {"s": 26, "edgecolors": "white", "linewidths": 0.6, "zorder": 3}


def decision_boundary(
    model: Callable[[Any], Any],
    X: Any,
    y: Any,
    *,
    ax: Any = None,
    threshold: float = 0.0,
    each: bool | None = None,
    resolution: int = 80,
) -> Any:
    """The regions in which `model` predicts each class, with the points X (n, 2) and labels y (n,).

    `model` maps points (m, 2) to scores (m,) or (m, 1), of which the second class has those above
    `threshold` (0.5 for probabilities), or to (m, classes), of which the largest wins. With `each`,
    it takes one point, a list of two numbers, as a model of `Value`s does; by default that is seen
    from its parameters. Nothing is recorded. Raises `ValueError` when shapes do not fit.
    """
    points, labels = numbers(X, "X"), np.asarray(raw(y))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"decision_boundary: X must have shape (n, 2), got {points.shape}")
    if labels.shape != (len(points),):
        raise ValueError(
            f"decision_boundary: y must hold one label per point, shape ({len(points)},), "
            f"got {labels.shape}"
        )
    classes = np.unique(labels)
    margin = 0.12 * np.maximum(np.ptp(points, axis=0), 1e-12)
    (left, bottom), (right, top) = points.min(axis=0) - margin, points.max(axis=0) + margin
    sides = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    across, up = np.meshgrid(*sides)
    scores = _scores(model, np.column_stack([across.ravel(), up.ravel()]), each)
    ax = axes(ax, (5.2, 4.2))
    count = 2 if scores.ndim == 1 else scores.shape[1]
    if len(classes) > count:
        given = "one score per point; the model should return one score per class"
        if scores.ndim > 1:
            given = f"{count} scores per point"
        raise ValueError(f"decision_boundary: {len(classes)} classes, but {given}")
    if scores.ndim == 1:
        _score_field(ax, across, up, scores.reshape(across.shape), threshold)
    else:
        for k in range(count):
            lead = scores[:, k] - np.delete(scores, k, axis=1).max(axis=1)
            _region(ax, across, up, lead.reshape(across.shape), COLOURS[k % len(COLOURS)])
    for k, label in enumerate(classes):
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        x, height = points[labels == label].T
        ax.scatter(x, height, c=colour, marker=marker, label=str(label), **_POINTS)
    ax.legend(title="class", loc="best", framealpha=0.9)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="x₁", ylabel="x₂")
    return ax


def _score_field(ax: Any, across: Any, up: Any, field: Any, threshold: float) -> None:
    """One score per point: its side of the threshold by hue, its distance from it by depth."""
    distance = field - threshold
    bound = float(np.nanmax(np.abs(distance))) if np.isfinite(distance).any() else 0.0
    bound = bound if isfinite(bound) and bound > 0 else 1.0
    colours = [COLOURS[0], "#ffffff", COLOURS[1]]
    blend = matplotlib("colors").LinearSegmentedColormap.from_list("two classes", colours)
    levels = np.linspace(-bound, bound, 13)
    ax.contourf(across, up, distance, levels=levels, cmap=blend, alpha=0.45, extend="both")
    if distance.min() < 0 < distance.max():
        ax.contour(across, up, distance, levels=[0.0], colors="k", linewidths=1.4)


def _region(ax: Any, across: Any, up: Any, lead: Any, colour: str) -> None:
    """Where one class is ahead of all others, and the line where another draws level."""
    top = float(lead.max())
    if top > 0:
        ax.contourf(across, up, lead, levels=[0.0, top], colors=[colour], alpha=0.25)
    if lead.min() < 0 < top:
        ax.contour(across, up, lead, levels=[0.0], colors="k", linewidths=1)


def _scores(model: Any, points: Any, each: bool | None) -> np.ndarray[Any, Any]:
    """The model's scores, (m,) or (m, classes)."""
    if each is None:
        each = any(isinstance(p, Scalar) for p in parameters_of(model).values())
    with no_grad():
        raw = [model([float(a), float(b)]) for a, b in points] if each else model(points)
    scores = numbers(raw, "decision_boundary: the model's output")
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.ndim not in (1, 2) or len(scores) != len(points):
        hint = "" if each else "; a model that takes one point at a time needs each=True"
        raise ValueError(
            f"decision_boundary: the model gave shape {scores.shape} for {len(points)} points{hint}"
        )
    return scores
