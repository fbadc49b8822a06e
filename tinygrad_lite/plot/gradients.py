"""The norms of gradients, layer by layer, and the units that pass none on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..backprop.activation import is_activation
from ..backprop.chain import slope
from ..backprop.flow import sweep
from ..graph.backend import namespace
from ..graph.names import name_all
from ..graph.node import Node, topological_order
from .canvas import COLOURS, axes, beside, numbered, numbers, parameters_of

ROWS = 24  # the most bars in one picture; more are grouped by name


Rows = dict[str, list[Any]]  # one bar each: the gradients (None: not reached) that share a label


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
    rows: Rows = {}
    notes: dict[str, list[str]] = {}
    if isinstance(source, Node) and source.op is not None:
        rows, notes = _loss_rows(source, saturated)
    else:
        named = parameters_of(source)
        groups = _grouped(named)
        for name, parameter in named.items():
            rows.setdefault(groups[name], []).append(parameter.grad)
    if not rows:
        raise ValueError(
            "gradient_flow: no parameters; pass a module, a list of nodes, or the loss"
        )
    found = {label: [g for g in grads if g is not None] for label, grads in rows.items()}
    squares = [[np.sum(numbers(g, label) ** 2) for g in grads] for label, grads in found.items()]
    norms = np.sqrt([sum(parts, 0.0) for parts in squares])
    shown = np.isfinite(norms) & (norms > 0)
    positive = norms[shown]
    floor = 10.0 ** (np.floor(np.log10(positive.min())) - 1) if positive.size else 0.1
    top = 10.0 ** np.ceil(np.log10(positive.max()) + 0.01) if positive.size else 1.0
    ax = axes(ax, (6.4, 0.8 + 0.3 * len(rows)))
    places = np.arange(len(rows))
    widths = np.where(shown, norms, floor)
    hatches = ["//" if notes.get(label) else "" for label in rows]
    colours = [COLOURS[bool(notes.get(label))] for label in rows]
    ax.barh(places, widths, left=0, color=colours, hatch=hatches, edgecolor="white", height=0.7)
    ax.set_xscale("log")
    ax.set_xlim(floor, top * 10 ** (0.45 * np.log10(top / floor)))
    for place, label, norm, width in zip(places, rows, norms, widths, strict=True):
        said = f"{norm:.3g}" if norm else "0: no signal arrives"
        if not found[label]:
            said = "no gradient: backward() did not reach it"
        beside(ax, ", ".join([said, *notes.get(label, ())]), (width, place), 4, fontsize=8)
    ax.set_yticks(places, list(rows))
    ax.invert_yaxis()
    ax.set(xlabel="norm of the gradient", title="Gradient flow")
    return ax


def _grouped(names: Iterable[str]) -> dict[str, str]:
    """name -> its group; dotted names are cut short until at most ROWS groups are left."""
    parts = {name: name.split(".") for name in names}
    depth = max(map(len, parts.values()), default=1)
    groups = {name: name for name in parts}
    while depth > 1 and len(set(groups.values())) > ROWS:
        depth -= 1
        groups = {name: ".".join(part[:depth]) for name, part in parts.items()}
    return groups


def _loss_rows(loss: Node, saturated: float) -> tuple[Rows, dict[str, list[str]]]:
    """Rows for the leaves and the activations of a loss, in forward order, and notes on these."""
    if loss.shape and int(np.prod(loss.shape)) != 1:
        raise ValueError(f"gradient_flow: the loss must be a scalar, got shape {loss.shape}")
    cotangents = sweep(loss, namespace(loss.data).ones_like(loss.data))
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
        if several and node in cotangents and is_activation(node.op, node.params):
            scope = node.scope if node.shape else node.scope[:-1]  # a scalar's own is its unit
            name = names.get(id(node))
            found.append((at, name or ".".join(scope), "" if name else node.op.name, node))
    found.sort(key=lambda item: item[0])
    leaves = [k for k, (*_, node) in enumerate(found) if node.op is None and node.shape]
    for k, place in zip(leaves, numbered([found[k][1] for k in leaves]), strict=True):
        found[k] = (found[k][0], place, "", found[k][3])  # two modules each have a W
    groups = _grouped(place for _, place, _, _ in found)
    rows: Rows = {}
    inside: dict[str, dict[Any, list[np.ndarray[Any, Any]]]] = {}  # label, unit: slopes
    for _, place, activation, node in found:
        label = ".".join(filter(None, (groups[place], activation)))
        rows.setdefault(label, []).append(cotangents[node])
        if node.op is not None:
            unit = id(node) if node.shape else node.scope
            inside.setdefault(label, {}).setdefault(unit, []).append(numbers(slope(node, 0), label))
    return rows, {key: _verdict(units.values(), saturated) for key, units in inside.items()}


def _verdict(units: Iterable[Sequence[np.ndarray[Any, Any]]], saturated: float) -> list[str]:
    """How many units are dead and how many saturated, by the largest |slope| of each: over samples,
    which are all axes but the last."""
    tables = [np.abs(np.stack([np.atleast_1d(s) for s in slopes])) for slopes in units]
    largest = np.concatenate([table.reshape(-1, table.shape[-1]).max(axis=0) for table in tables])
    flat = (largest > 0) & (largest < saturated)
    counts = ((np.sum(largest == 0), "dead"), (np.sum(flat), "saturated"))
    return [f"{n} of {largest.size} {word}" for n, word in counts if n]
