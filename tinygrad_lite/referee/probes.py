"""The values that a hand-written backward pass is tried on."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..graph.node import raw
from ..graph.trees import leaves
from .arrays import dtype_of, is_differentiable, like, to_numpy
from .callables import Function, Written

SIZES = (1, 2, 3, 5, 8)
SHORT, LARGE = 4, 500  # axes at most so long stay; inputs of more entries are diagnosed on a part


@dataclass(frozen=True)
class Probe:
    """One set of inputs: float64 arrays where differentiable, anything else as it was given."""

    title: str
    templates: tuple[Any, ...]
    values: tuple[Any, ...]
    own: bool = False  # whether the user gave these values

    def cast(self, dtype: str) -> tuple[Any, ...]:
        """Fresh inputs for one call, in the user's library."""
        arrays = self.arrays
        return tuple(
            like(t, arrays[i], dtype) if i in arrays else copy.deepcopy(t)
            for i, t in enumerate(self.templates)
        )

    @property
    def arrays(self) -> dict[int, np.ndarray]:
        """The differentiable inputs, by their place."""
        return {i: v for i, v in enumerate(self.values) if isinstance(v, np.ndarray)}

    @property
    def large(self) -> bool:
        """Whether a mistake is sooner found on a part of the inputs."""
        return sum(v.size for v in self.arrays.values()) > LARGE

    @property
    def rows(self) -> int:
        """The length of the first axis of the first differentiable input, 1 without one."""
        return next((v.shape[0] for v in list(self.arrays.values())[:1] if v.ndim), 1)

    def moved(self, changes: Mapping[int, np.ndarray]) -> Probe:
        """The same inputs with some of the values changed."""
        values = (np.asarray(changes[i]) if i in changes else v for i, v in enumerate(self.values))
        return replace(self, values=tuple(values))

    def rounded(self, dtype: str) -> Probe | None:
        """The same numbers as `dtype` has them; None where it does not hold them."""
        cast = self.cast(dtype)
        values = {i: to_numpy(cast[i], "").astype(np.float64) for i in self.arrays}
        return self.moved(values) if all(np.isfinite(v).all() for v in values.values()) else None


def given_probes(
    written: Written, inputs: Any, outputs: int, rng: np.random.Generator
) -> tuple[Function, list[Probe]]:
    """The sets of inputs that the user's `inputs` stands for, and the function of them."""
    sets = {title: _set(one, written) for title, one in _sets(inputs, rng)}
    tree, keyword = next(iter(sets.values()))
    names = [
        n
        for head, part in tree.items()
        for n in _names("" if len(tree) == 1 and isinstance(part, dict) else head, part)
    ]
    function = Function(written, outputs, tree, tuple(names), keyword)
    numbers = written.backward is not None  # which a library does not differentiate by
    return function, [_probe(title, leaves(one), numbers) for title, (one, _) in sets.items()]


def _sets(inputs: Any, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    if callable(inputs):
        sized = len(inspect.signature(inputs).parameters) > 1
        for n in SIZES if sized else (1, 2, 3):
            title = f"inputs(rng, {n})" if sized else f"inputs(rng), time {n}"
            yield title, inputs(rng, n) if sized else inputs(rng)
    elif isinstance(inputs, list) and inputs and all(isinstance(s, (tuple, list)) for s in inputs):
        yield from ((f"input set {i}", one) for i, one in enumerate(inputs))
    else:
        yield "the inputs given", inputs


def _set(made: Any, written: Written) -> tuple[dict[str, Any], bool]:
    """A set of inputs by name, with the parameters of a module; and whether they were given so."""
    if isinstance(made, dict) and set(made) <= set(written.names):
        if not written.extra:
            return made, True
        made = tuple(made[name] for name in written.names if name in made)
    parts = made if isinstance(made, (tuple, list)) else (made,)
    known = dict(enumerate(written.names))
    return {known.get(i, f"input {i}"): x for i, x in enumerate(parts)} | written.extra, False


def _names(name: str, part: Any) -> Iterator[str]:
    """What the leaves of an input are called: by its name, and key or place within."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _names(f"{name}.{key}" if name else str(key), value)
    elif isinstance(part, (list, tuple)):
        for i, value in enumerate(part):
            yield from _names(f"{name}[{i}]", value)
    elif part is not None:
        yield name


def _probe(title: str, flat: Iterable[Any], numbers: bool) -> Probe:
    given = tuple(map(raw, flat))
    moving = [is_differentiable(x) and (numbers or not isinstance(x, float)) for x in given]
    values = tuple(
        to_numpy(x, f"input {i}").astype(np.float64) if moving[i] else None
        for i, x in enumerate(given)
    )
    made = Probe(title, given, values, own=True)
    if not made.arrays:
        raise TypeError("check_function: no input is a float or an array of floats")
    for i, v in made.arrays.items():
        if not np.isfinite(v).all():
            raise ValueError(f"check_function: input {i} of {title} holds a NaN or an infinity")
    return made


def size_of(v: np.ndarray) -> float:
    """The root of an array's mean square, 1 where that is 0."""
    return (float(np.sqrt(np.mean(v * v))) if v.size else 1.0) or 1.0


def variations(given: Probe, fixed: Iterable[int], rng: np.random.Generator) -> Iterator[Probe]:
    """Other inputs of the same kind: redrawn with mixed signs, larger, and with one row."""
    free = {i: v for i, v in given.arrays.items() if i not in set(fixed)}
    for title, factor in (("redrawn", 1.0), ("redrawn larger", 3.0)):
        changes = {i: rng.normal(size=v.shape) * size_of(v) * factor for i, v in free.items()}
        yield replace(given.moved(changes), title=title, own=False)
    n = given.rows
    shapes = [np.shape(t) for t in given.templates if hasattr(t, "shape")]
    if n > 1 and not any(n in shape[1:] for shape in shapes):  # which axis is the rows' is plain
        yield _cut(given, "the first row", lambda axis, k: 1 if axis == 0 and k == n else k)


def part_of(given: Probe) -> Probe:
    """A small part of large inputs, on which a mistake shows as well and is sooner explained: every
    long axis is cut, equal ones alike, multiples to multiples; labels are kept in range."""
    shapes = [np.shape(v) for v in (*given.templates, *given.arrays.values()) if np.shape(v)]
    short: dict[int, int] = {}
    for length in sorted({k for shape in shapes for k in shape if k > SHORT}):
        whole = next((k for k in short if length % k == 0 and length // k <= SHORT), 0)
        cut = length // whole * short[whole] if whole else SHORT + 1
        while not whole and cut in short.values():
            cut += 1
        short[length] = min(cut, length)
    return _cut(given, "a small part of them", lambda _, k: short.get(k, k), short)


def _cut(
    given: Probe,
    title: str,
    length: Callable[[int, int], int],
    ranges: Mapping[int, int] | None = None,
) -> Probe:
    """The same inputs with other lengths of axes; integers below one of the `ranges` stay below
    what it becomes."""

    def cut(x: Any) -> Any:
        if not np.shape(x) or not hasattr(x, "shape"):
            return x
        x = x[tuple(slice(length(axis, k)) for axis, k in enumerate(np.shape(x)))]
        if ranges and "int" in dtype_of(x) and 0 not in np.shape(x):
            top = next((k for k in sorted(ranges) if int(x.max()) < k), 0)
            x = x % ranges[top] if top else x
        return x

    return Probe(title, tuple(map(cut, given.templates)), tuple(map(cut, given.values)))
