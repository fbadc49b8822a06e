"""Plots of models, Jacobians, gradients and training runs, with matplotlib (the extra `[plot]`).

Every function draws into `ax` or into a new figure, returns the Axes, and never shows a window.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from ..backprop.flow import sweep
from ..graph.backend import namespace, on_floats
from ..graph.context import no_grad
from ..graph.names import name_all
from ..graph.node import Node, Scalar, raw, topological_order
from ..graph.op import Op

# Okabe and Ito's palette, safe for colour-blind readers; markers and dashes repeat the message.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":")
ROWS = 24  # the most bars in one picture of gradient flow; more are grouped by name


def _matplotlib(module: str = "pyplot") -> Any:
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ImportError:
        raise ImportError("tg.plot needs matplotlib: pip install 'tinygrad_lite[plot]'") from None


def _axes(ax: Any, size: tuple[float, float]) -> Any:
    """`ax`, or the Axes of a new figure that no global list keeps alive."""
    if ax is not None:
        return ax
    plt = _matplotlib()
    return plt.subplots(figsize=size, layout="constrained")[1]


def _values(y: Any, what: str) -> np.ndarray[Any, Any]:
    """The numbers of a node, an array, or a list of them, as one NumPy array."""
    if isinstance(y, Node):
        y = y.data
    if isinstance(y, (list, tuple)):
        y = [_values(item, what) for item in y]
    try:
        return np.asarray(y, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what}: expected numbers, got {type(y).__name__} ({error})") from None


# --- decision boundary


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
    points, labels = _values(X, "X"), np.asarray(raw(y))
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
    across, up = np.meshgrid(
        np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    )
    scores = _scores(model, np.column_stack([across.ravel(), up.ravel()]), each)
    ax = _axes(ax, (5.2, 4.2))
    if scores.ndim == 1:
        if len(classes) > 2:
            raise ValueError(
                f"decision_boundary: {len(classes)} classes, but one score per point; the model "
                "should return one score per class"
            )
        _score_field(ax, across, up, scores.reshape(across.shape), threshold)
    else:
        if len(classes) > scores.shape[1]:
            raise ValueError(
                f"decision_boundary: {len(classes)} classes, but {scores.shape[1]} scores per point"
            )
        for k in range(scores.shape[1]):
            lead = scores[:, k] - np.delete(scores, k, axis=1).max(axis=1)
            _region(ax, across, up, lead.reshape(across.shape), COLOURS[k % len(COLOURS)])
    for k, label in enumerate(classes):
        chosen = points[labels == label]
        ax.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=26,
            c=COLOURS[k % len(COLOURS)],
            marker=MARKERS[k % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            label=str(label),
            zorder=3,
        )
    ax.legend(title="class", loc="best", framealpha=0.9)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="x₁", ylabel="x₂")
    return ax


def _score_field(ax: Any, across: Any, up: Any, field: Any, threshold: float) -> None:
    """One score per point: its side of the threshold by hue, its distance from it by depth."""
    distance = field - threshold
    bound = float(np.nanmax(np.abs(distance))) if np.isfinite(distance).any() else 0.0
    bound = bound if isfinite(bound) and bound > 0 else 1.0
    blend = _matplotlib("colors").LinearSegmentedColormap.from_list(
        "two classes", [COLOURS[0], "#ffffff", COLOURS[1]]
    )
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
        each = any(isinstance(p, Scalar) for p in _parameters(model).values())
    with no_grad():
        raw = [model([float(a), float(b)]) for a, b in points] if each else model(points)
    scores = _values(raw, "decision_boundary: the model's output")
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.ndim not in (1, 2) or len(scores) != len(points):
        hint = "" if each else "; a model that takes one point at a time needs each=True"
        raise ValueError(
            f"decision_boundary: the model gave shape {scores.shape} for {len(points)} points{hint}"
        )
    return scores


# --- Jacobian


def jacobian(y: Any, x: Any = None, *, ax: Any = None) -> Any:
    """A heat map of the Jacobian dy/dx of node y by node x, or of a matrix; 0 is white.

    A Jacobian of shape (*y.shape, *x.shape) is laid out with one row per entry of y and one column
    per entry of x. The title gives the share of exact zeros; entries that are not finite are grey
    and counted. Small matrices have their numbers printed. Raises `ValueError` on other arrays.
    """
    label = "Jacobian"
    if x is not None:
        if not (isinstance(y, Node) and isinstance(x, Node)):
            raise TypeError("plot.jacobian(y, x) takes two nodes; for an array, pass it alone")
        names = name_all([y, x])
        label = f"∂{names.get(id(y), 'y')}/∂{names.get(id(x), 'x')}"
        rows = int(np.prod(y.shape, dtype=int))
        matrix = _values(y.jacobian(x), label).reshape(rows, -1)  # type: ignore[attr-defined]
    else:
        matrix = _values(y, "plot.jacobian")
        if matrix.ndim != 2:
            raise ValueError(
                f"plot.jacobian: an array must be a matrix, got shape {matrix.shape}; pass the "
                "nodes, plot.jacobian(y, x), or reshape it to (entries of y, entries of x)"
            )
    if not matrix.size:
        raise ValueError(f"plot.jacobian: nothing to draw, shape {matrix.shape}")
    finite = np.isfinite(matrix)
    bound = float(np.abs(matrix[finite]).max()) if finite.any() else 0.0
    bound = bound or 1.0
    ax = _axes(ax, (5.2, 4.2))
    colours = _matplotlib().get_cmap("PuOr").with_extremes(bad="#9a9a9a")
    shown = np.ma.masked_invalid(matrix)
    image = ax.imshow(shown, cmap=colours, vmin=-bound, vmax=bound, aspect="auto")
    zeros = float(np.mean(matrix == 0))
    title = f"{label}   {matrix.shape[0]} × {matrix.shape[1]}, {100 * zeros:.3g} % zeros"
    if not finite.all():
        title += f", {np.sum(~finite)} not finite"
    ax.set(title=title, xlabel="entry of the input", ylabel="entry of the output")
    for axis, count in ((ax.xaxis, matrix.shape[1]), (ax.yaxis, matrix.shape[0])):
        axis.set_major_locator(_matplotlib("ticker").MaxNLocator(integer=True))
        if count <= 12:
            axis.set_ticks(range(count))
    if matrix.size <= 144 and max(matrix.shape) <= 16:
        for (i, j), entry in np.ndenumerate(matrix):
            dark = abs(entry) > 0.6 * bound
            ax.text(
                j,
                i,
                f"{entry:.2g}".replace("-", "−"),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "#888888" if entry == 0 else "black",
            )
    ax.figure.colorbar(image, ax=ax)
    return ax


# --- gradient flow


@dataclass
class _Row:
    """One bar: the root sum of squares of the gradients of all that share a label."""

    label: str
    squares: float = 0.0
    reached: bool = False
    notes: list[str] = field(default_factory=list)

    def add(self, grad: Any) -> None:
        if grad is not None:
            self.reached = True
            self.squares += float(np.sum(_values(grad, self.label) ** 2))


def gradient_flow(source: Any, *, ax: Any = None, saturated: float = 0.01) -> Any:
    """The norms of the gradients, layer by layer in forward order, on a logarithmic axis.

    `source` is a module, a list or dict of parameters (their `.grad` is shown), or a loss: its
    gradients are then computed afresh, without touching `.grad`, and activations are shown too,
    with the share of *dead* units (local derivative 0 for every sample) and of *saturated* ones
    (below `saturated` for every sample, and not dead). A unit is an entry along the last of two
    or more axes; among scalars, the nodes of one scope. A gradient that is 0, or that
    `backward()` never reached, is said so.
    Raises `ValueError` when there is nothing to show.
    """
    if isinstance(source, Node) and source.op is not None:
        rows = _loss_rows(source, saturated)
    else:
        parameters = _parameters(source)
        groups = _grouped(parameters)
        by_group = {group: _Row(group) for group in groups.values()}
        for name, parameter in parameters.items():
            by_group[groups[name]].add(parameter.grad)
        rows = list(by_group.values())
    if not rows:
        raise ValueError(
            "gradient_flow: no parameters; pass a module, a list of nodes, or the loss"
        )
    norms = np.sqrt([row.squares for row in rows])
    positive = norms[np.isfinite(norms) & (norms > 0)]
    floor = 10.0 ** (np.floor(np.log10(positive.min())) - 1) if positive.size else 0.1
    top = 10.0 ** np.ceil(np.log10(positive.max()) + 0.01) if positive.size else 1.0
    ax = _axes(ax, (6.4, 0.8 + 0.3 * len(rows)))
    places = np.arange(len(rows))
    widths = np.where(np.isfinite(norms) & (norms > 0), norms, floor)
    hatches = ["//" if row.notes else "" for row in rows]
    colours = [COLOURS[1] if row.notes else COLOURS[0] for row in rows]
    ax.barh(places, widths, left=0, color=colours, hatch=hatches, edgecolor="white", height=0.7)
    ax.set_xscale("log")
    ax.set_xlim(floor, top * 10 ** (0.45 * np.log10(top / floor)))
    for place, row, norm, width in zip(places, rows, norms, widths, strict=True):
        if not row.reached:
            said = "no gradient: backward() did not reach it"
        elif not isfinite(norm):
            said = f"{norm}"
        else:
            said = f"{norm:.3g}" if norm else "0: no signal arrives"
        said = ", ".join([said, *row.notes])
        ax.annotate(
            said, (width, place), (4, 0), textcoords="offset points", va="center", fontsize=8
        )
    ax.set_yticks(places, [row.label for row in rows])
    ax.invert_yaxis()
    ax.set(xlabel="norm of the gradient", title="Gradient flow")
    return ax


def _parameters(source: Any) -> dict[str, Node]:
    """name -> parameter, of a module, a mapping, a node, or an iterable of nodes."""
    if isinstance(source, Node):
        source = [source]
    if isinstance(source, Mapping):
        named: Iterable[tuple[Any, Any]] = source.items()
    elif hasattr(source, "named_parameters"):
        found = source.named_parameters()
        named = found.items() if isinstance(found, Mapping) else found
    else:
        nodes = source.parameters() if hasattr(source, "parameters") else source
        if not isinstance(nodes, Iterable):
            return {}
        nodes = list(nodes)
        names = name_all(nodes)
        named = [(names.get(id(p), f"parameter {i}"), p) for i, p in enumerate(nodes)]
    return {str(name): p for name, p in named if isinstance(p, Node)}


def _grouped(names: Iterable[str]) -> dict[str, str]:
    """name -> its group; dotted names are cut short until at most ROWS groups are left."""
    parts = {name: name.split(".") for name in names}
    depth = max(map(len, parts.values()), default=1)
    groups = dict(zip(parts, parts, strict=True))
    while depth > 1 and len(set(groups.values())) > ROWS:
        depth -= 1
        groups = {name: ".".join(part[:depth]) for name, part in parts.items()}
    return groups


def _loss_rows(loss: Node, saturated: float) -> list[_Row]:
    """Rows for the leaves and the activations of a loss, in forward order."""
    if loss.shape and int(np.prod(loss.shape)) != 1:
        raise ValueError(f"gradient_flow: the loss must be a scalar, got shape {loss.shape}")
    ones = 1.0 if isinstance(loss, Scalar) else namespace(loss.data).ones_like(loss.data)
    cotangents = sweep(loss, ones)
    order = topological_order(loss)[::-1]
    names = name_all(order)
    found: list[tuple[int, str, str, Node]] = []  # rank, name or scope, activation, node
    rank: dict[Node, int] = {}
    passed = set()
    for node in order:
        if node.op is None:
            continue
        at = rank[node] = 1 + max(rank.get(x, 0) for x in node.parents())
        for x in dict.fromkeys(node.parents()):
            if x.op is None and x in cotangents and x not in passed:
                passed.add(x)
                place = names.get(id(x)) or ".".join(node.scope[:1]) or "leaves"
                found.append((at, place, "", x))
        several = len(node.shape) > 1 or (not node.shape and node.scope)
        if several and node in cotangents and _saturates(node.op, node.params):
            scope = node.scope if node.shape else node.scope[:-1]  # a scalar's own is its unit
            name = names.get(id(node))
            found.append((at, name or ".".join(scope), "" if name else node.op.name, node))
    found.sort(key=lambda item: item[0])
    groups = _grouped(place for _, place, _, _ in found)
    rows: dict[str, _Row] = {}
    slopes: dict[str, dict[Any, list[np.ndarray[Any, Any]]]] = {}
    for _, place, activation, node in found:
        label = ".".join(filter(None, (groups[place], activation)))
        rows.setdefault(label, _Row(label)).add(cotangents[node])
        if node.op is not None:
            unit = id(node) if node.shape else node.scope
            slopes.setdefault(label, {}).setdefault(unit, []).append(_slope(node))
    for label, units in slopes.items():
        largest = np.concatenate([_units(slope) for slope in units.values()])
        rows[label].notes = _verdict(largest, saturated)
    return list(rows.values())


def _slope(node: Node) -> np.ndarray[Any, Any]:
    """The local derivative of a unary elementwise op at the values it was computed with."""
    assert node.op is not None
    rule, y, (x,) = node.op.rules[0], node.data, node.operands
    if isinstance(node, Scalar):
        return np.asarray(on_floats(rule, y, x, **node.params))
    slope: np.ndarray[Any, Any] = _values(rule(namespace(y), y, x, **node.params), node.op.name)
    return slope


def _units(slopes: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The largest |slope| of each unit: over samples, which are all axes but the last."""
    table = np.abs(np.stack([np.atleast_1d(s) for s in slopes]))
    largest: np.ndarray[Any, Any] = table.reshape(-1, table.shape[-1]).max(axis=0)
    return largest


def _verdict(largest: np.ndarray[Any, Any], saturated: float) -> list[str]:
    dead = int(np.sum(largest == 0))
    flat = int(np.sum((largest > 0) & (largest < saturated)))
    counts = ((dead, "dead"), (flat, "saturated"))
    return [f"{n} of {largest.size} {word}" for n, word in counts if n]


def _saturates(op: Op, params: Mapping[str, Any]) -> bool:
    """Whether an op is one whose derivative vanishes far out (relu, tanh, sigmoid, gelu ...).

    Asked of its own rule, so that a user's activation counts too: unary, elementwise, the slope
    bounded and next to 0 on at least one side.
    """
    if not op.elementwise or op.arity != 1 or not callable(op.rules[0]):
        return False
    slopes = []
    for x in (-50.0, 50.0):
        y = on_floats(op.forward, x, **params)
        slopes.append(abs(float(on_floats(op.rules[0], y, x, **params))))
    return min(slopes) < 1e-3 and max(slopes) < 10.0


# --- history


def history(
    values: Any, *, ax: Any = None, log: bool = False, xlabel: str = "step", ylabel: str = "loss"
) -> Any:
    """Curves over a training run: a sequence of numbers, or a dict name -> sequence.

    A list of dicts, one per step, works too; a name missing at a step leaves a gap. Each curve is
    labelled at its end. Raises `ValueError` when there is nothing to draw.
    """
    curves = _curves(values, ylabel)
    ax = _axes(ax, (6.0, 3.6))
    for k, (name, curve) in enumerate(curves.items()):
        steps = np.arange(len(curve))
        seen = np.isfinite(curve)
        colour, dash = COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]
        marker = MARKERS[k % len(MARKERS)] if seen.sum() == 1 else None
        ax.plot(steps, curve, dash, label=name, color=colour, marker=marker, linewidth=1.6)
        if seen.any():
            last = int(np.flatnonzero(seen)[-1])
            ax.annotate(
                f"{name} {curve[last]:.3g}" if len(curves) > 1 else f"{curve[last]:.3g}",
                (last, curve[last]),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
                color=colour,
                annotation_clip=False,
            )
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
    curves = {str(name): _values(list(column), str(name)) for name, column in columns.items()}
    if not curves or all(curve.size == 0 for curve in curves.values()):
        raise ValueError("history: nothing to draw; pass numbers, one per step")
    for name, curve in curves.items():
        if curve.ndim != 1:
            raise ValueError(f"history: {name} must be one number per step, got {curve.shape}")
    return curves
