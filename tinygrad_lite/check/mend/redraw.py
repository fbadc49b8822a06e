"""Fresh data for a recorded graph that keeps what the data are, and the gradients there.

Factors near 1 instead of fresh normal numbers: labels stay labels, rows that sum to one still do,
and signs, symmetry and definiteness are kept, so that no derivation that uses such a fact turns
wrong. What holds of the recorded numbers alone, by coincidence, does not hold of these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...backprop.flow import sweep
from ...backprop.replay import questions, replay
from ...graph.backend import in_numpy, is_array
from ...graph.node import Node, topological_order
from ..code.derivation import Data, entries_of

Vector = Any  # a float64 NumPy array

WIDTHS = (0.003, 0.0003)  # of the factors' logarithms: so near that hardly a mask changes
FAR = (0.5, 0.1)  # so far that masks change
SPREAD = 0.01  # of entries that were all 0
EXACT = 1e-9  # how nearly a fact must hold to be one
DIGITS, FEW = 6, 1  # behind the point of a number that people write, of one that was computed


def ladder(
    root: Node,
    holds: Callable[[Data], bool],
    count: int = 3,
    seed: Any = None,
    widths: Sequence[float] = WIDTHS,
) -> Iterator[list[Data]]:
    """Fresh data on which what is right stays right, as `holds` tells, all of them first. Constants
    may be computed from others, and leaves that start out as 0 be written as 0: then these are
    held."""
    leaves, arrays = _given(root)
    alike = [id(x) for x, a in leaves.items() if np.size(a) and _is_start(a)]
    for held in dict.fromkeys(((), tuple(alike), tuple(arrays), (*alike, *arrays))):
        rng = np.random.default_rng(len(held))
        try:
            found = [redraw(root, rng, seed, held, widths) for _ in range(count)]
        except ValueError:
            continue
        if all(map(holds, found)):
            yield found


def redraw(
    root: Node,
    rng: np.random.Generator,
    seed: Any = None,
    held: Collection[int] = (),
    widths: Sequence[float] = WIDTHS,
    numbers: Mapping[int, Any] | None = None,
) -> Data:
    """The graph of `root` on fresh data; nodes and arrays whose ids are `held` keep theirs, and so
    do those of which one is a multiple of another, or its complement: y and 1 - y. `numbers` are
    others for some of its numbers, by id.

    Raises `ValueError` where no data near the recorded ones give a finite loss and gradients.
    """
    leaves, arrays = _given(root)
    held = {*held, *_related({**{id(x): a for x, a in leaves.items()}, **arrays})}
    others, asked = numbers or {}, questions(topological_order(root))

    def settings(node: Node, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: others.get(id(value), value) for name, value in params.items()}

    for width in widths:
        draw = partial(near, rng, width)
        data = {x: draw(a, free=True) for x, a in leaves.items() if id(x) not in held}
        free = {key: a for key, a in arrays.items() if key not in held}
        bases = {id(a.base): a.base for a in free.values() if _is_view(a)}
        new = {key: draw(a, free=False) for key, a in bases.items()}
        for key, a in free.items():
            new[key] = _same_view(a, new[id(a.base)]) if _is_view(a) else draw(a, free=False)
        try:
            known = {**new, **others}
            twin = replay(root, data, constants=known, wide=True, settings=settings, asked=asked)
            y = twin[root]
            with np.errstate(all="ignore"):
                above = np.ones(y.shape) if seed is None else np.asarray(seed, dtype=float)
                found = sweep(y, above)
        except Exception:  # a matrix is singular there, an op of the user's refuses them
            continue
        if all(np.isfinite(v).all() for v in (y.data, *found.values())):
            recorded = {id(old.data): made.data for old, made in twin.items()}
            masks = {key: twin[node].data for key, node in asked.items()}
            return Data(twin, {**recorded, **known, **masks}, _copies(twin))
    raise ValueError("check: no data near the recorded ones give finite gradients")


def _copies(twin: Mapping[Node, Node]) -> dict[Any, Any]:
    """What stands for what was computed where that was copied, as into an array of all steps; of
    what a formula may have as well, a number of few digits, nothing."""
    found: dict[Any, Any] = {}
    for node, other in twin.items():
        old, new = in_numpy(node.data), in_numpy(other.data)
        digits = DIGITS if node.op is None else FEW
        if old.dtype.kind == "f" and np.any(old != np.round(old, digits)):
            key = entries_of(old)
            found[key] = new if np.array_equal(found.get(key, new), new) else None
    return {key: a for key, a in found.items() if a is not None}


def with_numbers(root: Node, numbers: Mapping[int, Any], seed: Any = None) -> Data:
    """The same graph with others for some of its numbers, by id; raises as `redraw`."""
    leaves, arrays = _given(root)
    held = [*map(id, leaves), *arrays]
    return redraw(root, np.random.default_rng(0), seed, held, (0.0,), numbers)


def _given(root: Node) -> tuple[dict[Node, Any], dict[int, Any]]:
    """The leaves with the data that they had, and the arrays that are constants of ops, by id."""
    leaves: dict[Node, Any] = {}
    arrays: dict[int, Any] = {}
    for node in topological_order(root):
        for x, a in zip(node.inputs, node.operands, strict=True):
            if isinstance(x, Node):
                if x.op is None:
                    leaves[x] = in_numpy(a)
            elif is_array(x) and not isinstance(x, np.generic):  # a number in a formula
                arrays[id(x)] = in_numpy(x)
    return leaves, arrays


def _alike(a: Vector) -> bool:
    """Whether all entries are one number."""
    return bool((a == a.flat[0]).all())


def _is_start(a: Vector) -> bool:
    """Whether a leaf is as it began: one number everywhere, or 0 or 1."""
    return _alike(a) and (a.size > 1 or a.flat[0] in (0, 1))


def _is_view(a: Any) -> bool:
    """Whether an array is part of another, whose other parts may be constants too."""
    base = getattr(a, "base", None)
    return isinstance(base, np.ndarray) and base.flags.c_contiguous and base.dtype == a.dtype


def _same_view(a: Vector, new: Vector) -> Vector:
    """The part of `new` that `a` is of its base."""
    offset = a.__array_interface__["data"][0] - a.base.__array_interface__["data"][0]
    buffer: Any = np.ascontiguousarray(new)
    return np.ndarray(a.shape, a.dtype, buffer, offset, a.strides)


def _related(arrays: Mapping[int, Any]) -> Iterator[int]:
    """Those with the entries, up to an affine map, of another."""
    sorts: dict[int, list[tuple[int, Vector]]] = {}
    for key, a in arrays.items():
        v = np.sort(np.ravel(a).astype(float))
        if v.size > 2 and np.isfinite(v).all() and v[0] < v[-1]:
            u = (v - v[0]) / (v[-1] - v[0])
            for other, w in sorts.setdefault(v.size, []):
                if np.allclose(u, w, 0, EXACT) or np.allclose(1 - u[::-1], w, 0, EXACT):
                    yield key
                    yield other
            sorts[v.size].append((key, u))


def near(rng: np.random.Generator, width: float, x: Any, *, free: bool) -> Vector:
    """Data like x. Whole numbers are labels and masks, unless they are those of a `free` leaf
    that starts out as one number, or that are more than 0 and 1."""
    a = np.asarray(x)
    if a.dtype.kind not in "f" or not a.size or not np.isfinite(a).all():
        return a
    alike = _alike(a)
    if (a == np.round(a)).all() and not (free and (alike or set(np.unique(a)) - {-1.0, 0.0, 1.0})):
        return a
    if not a.any():
        return rng.normal(0, SPREAD, a.shape)
    square = a.ndim > 1 and a.shape[-1] == a.shape[-2]
    if square and np.allclose(np.swapaxes(a, -1, -2) @ a, np.eye(a.shape[-1]), atol=EXACT):
        return a  # a rotation
    if square and np.allclose(a, np.swapaxes(a, -1, -2), rtol=EXACT, atol=0):
        u = np.exp(rng.normal(0, width, a.shape[-1]))
        R = rng.normal(0, width, a.shape[-2:])
        return a * (np.outer(u, u) + R @ R.T)  # definite times definite, by entries, is definite
    factors = np.exp(rng.normal(0, width, a.shape))
    bounded = not alike and np.abs(a).max() <= 1  # stays in [-1, 1]
    new = np.sign(a) * np.abs(a) ** factors if bounded else a * factors
    return next(_restored(a, new), new)


def _restored(a: Vector, new: Vector) -> Iterator[Vector]:
    """What was 1 or 0 along an axis, made so again."""
    for axis in range(a.ndim)[::-1]:
        if a.shape[axis] > 1:
            for measure, value, restore in FACTS:
                if np.allclose(measure(a, axis), value, rtol=0, atol=EXACT):
                    yield restore(new, axis)


def _total(a: Vector, axis: int) -> Vector:
    return a.sum(axis=axis, keepdims=True)


def _length(a: Vector, axis: int) -> Vector:
    return np.linalg.norm(a, axis=axis, keepdims=True)


# What may be true along an axis: how it is measured, its value, and how it is made true again.
FACTS: tuple[tuple[Callable[..., Vector], float, Callable[..., Vector]], ...] = (
    (_total, 1.0, lambda a, axis: a / _total(a, axis)),
    (_total, 0.0, lambda a, axis: a - a.mean(axis=axis, keepdims=True)),
    (_length, 1.0, lambda a, axis: a / _length(a, axis)),
)
