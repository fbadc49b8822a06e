"""Are the derivatives of an op or a function right, to any order?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import differences
from ..graph.backend import in_numpy
from ..graph.node import Node, raw
from ..tensor import Tensor
from ..transforms import grad, jvp
from ..value import Value

Function = Callable[..., Any]
Point = tuple[Any, ...]  # numbers and arrays

SLACK = 1e-9  # what rounding may do, relative to the largest entry
SHOWN = 10  # complaints


def assert_gradients(
    f: Function, inputs: Any, *, order: int = 2, entries: int = 30, seed: int = 0
) -> None:
    """Raise `AssertionError` unless the derivatives of `f(*inputs)` are right up to `order`.

    Per order: the gradient of sum(c * f), c random, by the reverse sweep, against extrapolated
    differences of f in at most `entries` entries of each input, and against forward mode along a
    random direction. f takes and returns nodes, one or a tuple; `inputs` is an array or a number,
    or a tuple of them, and is made float64. At a kink any slope between those from both sides is
    right; where there is none, as at a jump, nothing is asked.
    """
    if order < 1:
        raise ValueError(f"assert_gradients: order is {order}, not 1 or more")
    point = tuple(
        float(x) if isinstance(x, (int, float)) else np.array(in_numpy(x), dtype=np.float64)
        for x in _several(inputs)
    )
    rng = np.random.default_rng(seed)
    for degree in range(1, order + 1):
        f = _assert_first(f, point, degree, entries, rng)


def _several(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _nodes(point: Point) -> tuple[Node, ...]:
    return tuple(Value(x) if isinstance(x, float) else Tensor(x) for x in point)


def _assert_first(
    f: Function, point: Point, degree: int, entries: int, rng: np.random.Generator
) -> Function:
    """Check the first derivatives of f at the point and return its gradient, as a function."""
    shapes = [np.shape(raw(y)) for y in _several(f(*_nodes(point)))]
    weights = [rng.uniform(0.5, 1.5, shape) for shape in shapes]
    weights = [c * rng.choice((-1.0, 1.0), np.shape(c)) for c in weights]

    def scalar(*x: Any) -> Any:
        total: Any = 0.0
        for c, y in zip(weights, _several(f(*x)), strict=True):
            total = total + (float(c) * y if np.shape(c) == () else (c * y).sum())
        return total

    gradient = grad(scalar, tuple(range(len(point))))
    with warnings.catch_warnings():  # a derivative may be constant
        warnings.simplefilter("ignore", UserWarning)
        found = [in_numpy(g) for g in gradient(*point)]
    complaints = [
        *_against_forward(f, point, weights, found, rng),
        *_against_differences(scalar, point, found, entries, rng),
    ]
    if complaints:
        which = "gradient" if degree == 1 else f"derivatives of order {degree}"
        more = [f"and {len(complaints) - SHOWN} more"] * (len(complaints) > SHOWN)
        raise AssertionError("\n  ".join([f"the {which} is wrong:", *complaints[:SHOWN], *more]))
    return gradient


def _against_forward(
    f: Function, point: Point, weights: list[Any], found: list[Any], rng: np.random.Generator
) -> Iterator[str]:
    """Forward mode along a random direction against the reverse sweep."""
    direction = tuple(
        float(rng.normal()) if isinstance(x, float) else rng.normal(size=x.shape) for x in point
    )
    _, pushed = jvp(f, point, direction)
    parts = [c * raw(d) for c, d in zip(weights, _several(pushed), strict=True)]
    terms = [g * d for g, d in zip(found, direction, strict=True)]
    forward, reverse = (float(sum(np.sum(a) for a in each)) for each in (parts, terms))
    size = sum(float(np.sum(np.abs(a))) for a in (*terms, *parts))
    if not np.isfinite(size):
        yield "it is not finite"
    elif not abs(forward - reverse) <= SLACK * size:
        yield f"along a random direction forward mode gives {forward:.10g}, reverse {reverse:.10g}"


def _against_differences(
    scalar: Function, point: Point, found: list[Any], entries: int, rng: np.random.Generator
) -> Iterator[str]:
    """Differences in single entries against the reverse sweep."""
    for i, (x, claim) in enumerate(zip(point, found, strict=True)):
        size = float(np.max(np.abs(claim), initial=0.0))
        places = list(np.ndindex(*np.shape(x)))
        if len(places) > entries:
            places = [places[k] for k in rng.choice(len(places), size=entries, replace=False)]
        for index in places:

            def phi(t: float, i: int = i, index: tuple[int, ...] = index) -> float:
                moved = np.array(point[i])
                moved[index] += t
                value = float(moved) if isinstance(point[i], float) else moved
                return float(raw(scalar(*_nodes((*point[:i], value, *point[i + 1 :])))))

            scale = float(np.sqrt(np.mean(np.square(x)))) or 1.0
            slope = differences.slope(phi, scale)
            if slope.known and not slope.distance(float(claim[index])) <= SLACK * size:
                at = f"[{', '.join(map(str, index))}]" if index else ""
                yield (
                    f"input {i}{at}: {claim[index]:.10g}, by differences {slope.value:.10g} "
                    f"(within {slope.error:.0e})"
                )
