"""The steps of a name from one value that is new to the next."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...graph.node import Node
from .judged import NEAR, Judged
from .steps import Step
from .truth import Vector


def is_empty(row: Judged) -> bool:
    """Whether a name only holds zeros that nothing uses, before it is given another value."""
    return not row.step.record.users and not row.final and not np.any(row.step.value)


def values_of(turn: list[Judged]) -> Iterator[Any]:
    """The values that a name had, the last first, up to one to which something was added."""
    for row in reversed(turn):
        yield row.step.value
        if row.step.adds:
            return


def adds_to_entries(statement: ast.AST) -> bool:
    """Whether a line is x[i] += ..."""
    return isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Subscript)


def until(turns: list[list[Judged]], shape: Any) -> list[list[Judged]]:
    """The turns of a name up to its last values of a shape: then it is something else's."""
    fits = [[np.shape(row.step.value) == shape for row in turn] for turn in turns]
    kept = [
        turn[: len(turn) - fit[::-1].index(True)]
        for turn, fit in zip(turns, fits, strict=True)
        if any(fit)
    ]
    return kept or turns


def is_part(value: Any, node: Node) -> bool:
    """Whether a value has fewer axes than a node, each of them one of the node's, in order."""
    axes = iter(node.shape)
    return np.ndim(value) < len(node.shape) and all(n in axes for n in np.shape(value))


def is_turned(step: Step, update: Step) -> bool:
    """Whether a parameter is updated by the transpose of what a step gives."""
    assert update.update is not None
    a, b = np.asarray(step.value), np.asarray(update.value) / update.update[1]
    return a.T.shape == b.shape and not np.array_equal(a, b) and np.allclose(a.T, b, NEAR, 0)


def counted(a: Vector, b: Vector, also: Iterable[float] = ()) -> float | None:
    """The c of b = c a where it is whole, or one over a whole number, or `also` of these."""
    a, b = np.ravel(a), np.ravel(b)
    with np.errstate(all="ignore"):
        c = float(b @ b / (b @ a)) if a.shape == b.shape else np.nan
    if not np.isfinite(c) or not c or np.abs(c * a - b).max() > NEAR * np.abs(b).max():
        return None
    exact = float(round(c)) if abs(c) > 1 else 1 / round(1 / c)
    exact = next((n for n in also if abs(n - c) <= NEAR * n), exact)
    return exact if abs(exact - c) <= NEAR * abs(c) else None
