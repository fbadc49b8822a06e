"""Which axes of a recorded graph have one length, whatever that is.

Two axes of equal length may be one, as those over which a product sums, or be so by chance. Every
op is run again with one axis longer: alone, with another, with its counterparts in all operands.
The first of these that it takes tells which are tied, and which axes of the result are longer.
What it takes in no way, or makes something else of, as a part of a slice, keeps its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from ...graph.backend import in_numpy, is_array
from ...graph.node import Node, topological_order
from ...graph.trees import leaves, rebuild

Slot = tuple[int, int]  # an array or a node, by id, and one of its axes
Slots = list[Slot | None]  # of every axis; None where it keeps its length
Longer = Mapping[Slot, int]  # by how much the axes of a class are longer
_FILL = np.random.default_rng(7).uniform(0.2, 0.9, 1009)
LARGEST = 50_000  # entries of what is run again


@dataclass(frozen=True)
class View:
    """An array that is a part of another: where it begins, and which axes of that it has."""

    base: Any
    start: tuple[int, ...]
    axes: tuple[int | None, ...]  # of the base, one per axis; None for an axis of length 1

    def of(self, base: Any) -> Any:
        """The same part of another array."""
        whole = [j for j in range(base.ndim) if j in self.axes]
        at: Any = tuple(slice(None) if j in whole else k for j, k in enumerate(self.start))
        made = base[at].transpose([whole.index(j) for j in self.axes if j is not None])
        return made[tuple(None if j is None else slice(None) for j in self.axes)]


class Lengths:
    """The classes of the axes of a graph's leaves, constants and nodes; `arrays` has the leaves and
    constants by id, `views` those that are parts of others, `settings` the numbers of an op's
    settings that are lengths, by node and place."""

    def __init__(self, root: Node) -> None:
        self.arrays: dict[int, Any] = {}
        self.views: dict[int, View] = {}
        self.number: dict[Slot, int] = {}
        self.settings: dict[Node, list[tuple[int, Slot]]] = {}
        self._slots: dict[int, Slots] = {}
        self._above: dict[Slot, Slot] = {}
        self._held: set[Slot] = set()
        for node in reversed(topological_order(root)):
            if node.op is None:
                self._slots[id(node)] = self._new(node, node.shape)
            elif node.op.elementwise:
                self._slots[id(node)] = self._aligned(node)
            else:
                self._slots[id(node)] = self._run(node)

    # --- classes

    def root(self, slot: Slot) -> Slot:
        """What stands for a class."""
        while slot in self._above:
            slot = self._above[slot]
        return slot

    def slots(self, x: Any) -> Slots:
        """The classes of the axes of a node, or of an array."""
        if id(x) not in self._slots:
            a = in_numpy(x)
            view = _view(a)
            if view is None:
                self._slots[id(x)] = self._new(x, a.shape)
            else:
                base = self.slots(view.base)
                self.views[id(x)], self.arrays[id(x)] = view, x
                self._hold(s for j, s in enumerate(base) if j not in view.axes)
                self._slots[id(x)] = [None if j is None else base[j] for j in view.axes]
        return [None if s is None or self.is_held(s) else self.root(s) for s in self._slots[id(x)]]

    def is_held(self, slot: Slot) -> bool:
        """Whether a class keeps its length."""
        return self.root(slot) in self._held

    @property
    def free(self) -> list[Slot]:
        """The classes that may have another length."""
        every = dict.fromkeys(self.root(s) for s in self.number)
        return [s for s in every if s not in self._held]

    def shape(self, x: Any, longer: Longer) -> tuple[int, ...]:
        """The shape of a node or an array where some classes are longer."""
        pairs = zip(np.shape(in_numpy(x)), self.slots(x), strict=True)
        return tuple(n if s is None else n + longer.get(s, 0) for n, s in pairs)

    def _new(self, x: Any, shape: tuple[int, ...]) -> Slots:
        self.arrays[id(x)] = x
        slots: Slots = [(id(x), k) if n > 1 else None for k, n in enumerate(shape)]
        self.number |= {s: n for s, n in zip(slots, shape, strict=True) if s is not None}
        base = None if isinstance(x, Node) else getattr(x, "base", None)
        if isinstance(base, np.ndarray) and base.size != x.size:
            self._hold(slots)  # a part of another in some other way
        return slots

    def _join(self, slots: Sequence[Slot | None]) -> Slot | None:
        roots = list(dict.fromkeys(self.root(s) for s in slots if s is not None))
        for other in roots[1:]:
            self._above[other] = roots[0]
            if other in self._held:
                self._held.add(roots[0])
        return roots[0] if roots else None

    def _hold(self, slots: Any) -> None:
        self._held |= {self.root(s) for s in slots if s is not None}

    # --- ops

    def _aligned(self, node: Node) -> Slots:
        """Entry by entry: axes are tied from the last on."""
        operands = [x for x in node.inputs if isinstance(x, Node) or is_array(x)]
        shapes, found = [np.shape(in_numpy(x)) for x in operands], list[Slot | None]()
        for k in range(-len(node.shape), 0):
            pairs = zip(operands, shapes, strict=True)
            tied = [self.slots(x)[k] for x, shape in pairs if -k <= len(shape) and shape[k] > 1]
            found.append(self._join(tied))
            if None in tied:  # it keeps its length
                self._hold(tied)
        return found

    def _run(self, node: Node) -> Slots:
        params = leaves(dict(node.params))
        used = [x for x in (*node.inputs, *params) if isinstance(x, Node) or is_array(x)]
        self._hold(_picked(node, self))
        self._tie_counting(node)
        found: Slots = [None] * len(node.shape)
        units = list(dict.fromkeys(chain(*map(self.slots, used))))
        done: set[Slot | None] = {None}
        if sum(np.size(in_numpy(x)) for x in used) > LARGEST:
            self._hold(units)
            return found
        for unit in units:
            if unit in done or unit is None:
                continue
            for group in self._groups(unit, used):
                axes = self._taken(node, group)
                if axes is not None:
                    one = self._join(group)
                    done |= {*group}
                    found = [one if k in axes else s for k, s in enumerate(found)]
                    break
            else:
                self._hold([unit])
        return [s if s is None else self.root(s) for s in found]

    def _groups(self, unit: Slot, used: Sequence[Any]) -> Iterator[list[Slot]]:
        """What may have to be longer with a class: nothing, one more, the same axis of all."""
        yield [unit]
        every = [self.slots(x) for x in used]
        alike = [s for s in dict.fromkeys(chain(*every)) if s is not None and s != unit]
        alike = [s for s in alike if self.number[s] == self.number[unit]]
        for other in alike:
            yield [unit, other]
        for k in {k - len(s) for s in every for k in range(len(s)) if s[k] == unit}:
            same = [s[k] for s in every if -k <= len(s)]
            yield list(dict.fromkeys([unit, *(s for s in same if s is not None)]))
        yield [unit, *alike]

    def _taken(self, node: Node, group: Sequence[Slot]) -> set[int] | None:
        """Which axes of the result are longer where those of a group are; None where the op does
        not take that, or the result is of another length than they."""
        longer, n = dict.fromkeys(group, 1), self.number[group[0]]
        flat = leaves(dict(node.params))
        lengths = [k for k, v in enumerate(flat) if type(v) is int and v == n]
        for place in (None, *lengths):
            try:
                given = [v + 1 if k == place else v for k, v in enumerate(flat)]
                made = self._ran(node, longer, given)
            except Exception:  # a user's op may raise anything
                continue
            if made.ndim != len(node.shape):
                continue
            axes = {
                k for k, (a, b) in enumerate(zip(made.shape, node.shape, strict=True)) if a != b
            }
            if any(made.shape[k] != n + 1 for k in axes):
                return None
            if place is not None:
                if not _moves(made, axes):
                    continue
                self.settings.setdefault(node, []).append((place, group[0]))
            return axes
        return None

    def _ran(self, node: Node, longer: Longer, params: Sequence[Any]) -> Any:
        """What an op makes of operands that are longer, and count along the longer axis."""

        def filled(x: Any) -> Any:
            if not isinstance(x, Node) and not is_array(x):
                return x
            shape, a, slots = self.shape(x, longer), in_numpy(x), self.slots(x)
            if np.asarray(a).dtype.kind != "f":
                return lengthened(a, shape)
            at = next((k for k, s in enumerate(slots) if s in longer), None)
            fill = np.resize(_FILL, shape)
            return fill if at is None else fill + _counted(shape, at)

        given = rebuild(dict(node.params), [filled(v) for v in params])
        assert node.op is not None
        with np.errstate(all="ignore"):
            return np.asarray(node.op(*map(filled, node.inputs), **given))

    def _tie_counting(self, node: Node) -> None:
        """An index that counts the entries of an axis has its length: x[arange(n), y]."""
        index = node.params.get("index")
        for k, part in enumerate(index if isinstance(index, tuple) else ()):
            slots = self.slots(node.inputs[0])
            if is_array(part) and _counts(part) and k < len(slots):
                (own,) = self.slots(part)
                if len(part) == np.shape(in_numpy(node.inputs[0]))[k]:
                    self._join([own, slots[k]])


def _picked(node: Node, known: Lengths) -> list[Slot | None]:
    """The axes of which an op takes some entries by their numbers."""
    index = node.params.get("index", ())
    found, axes = [], known.slots(node.inputs[0]) if node.inputs else []
    parts = [p for p in (index if isinstance(index, tuple) else (index,)) if p is not None]
    if Ellipsis in [p for p in parts if not is_array(p)]:
        return [*axes] if "index" in node.params else []
    for part, slot in zip(parts, axes, strict=False):
        whole = is_array(part) or part == slice(None)
        found += [] if whole else [slot]
    return found


def _counted(shape: Sequence[int], axis: int) -> Any:
    """The number of each entry along an axis."""
    return np.arange(shape[axis]).reshape([-1 if k == axis else 1 for k in range(len(shape))])


def _moves(made: Any, axes: set[int]) -> bool:
    """Whether what counted along an axis does along that of the result, as what is put in another
    shape does only where the axis stays one."""
    return len(axes) == 1 and np.array_equal(
        np.floor(made), np.broadcast_to(_counted(made.shape, *axes), made.shape)
    )


def _counts(a: Any) -> bool:
    """Whether it is 0, 1, 2 and so on."""
    v = np.asarray(a)
    return v.ndim == 1 and v.dtype.kind in "iu" and np.array_equal(v, np.arange(v.size))


def _view(a: Any) -> View | None:
    """What part of another array it is, where it has whole axes of that."""
    base = getattr(a, "base", None)
    if not isinstance(base, np.ndarray) or not base.flags.c_contiguous or base.dtype != a.dtype:
        return None
    offset = a.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if not 0 <= offset < base.nbytes:
        return None
    start = tuple(map(int, np.unravel_index(offset // base.itemsize, base.shape)))
    axes: list[int | None] = []
    for n, stride in zip(a.shape, a.strides, strict=True):
        at = (j for j in range(base.ndim) if (base.shape[j], base.strides[j]) == (n, stride))
        j = next((j for j in at if not start[j] and j not in axes), None)
        if n > 1 and j is None:
            return None
        axes.append(j if n > 1 else None)
    return View(base, start, tuple(axes))


def lengthened(x: Any, shape: Sequence[int]) -> Any:
    """An array with its first entries again along axes that are longer; of rows that pick one, none
    more, and what counts counts on."""
    a = np.asarray(in_numpy(x))
    if _counts(a):
        return np.arange(shape[0])
    if a.ndim == 2 and np.array_equal(a, np.eye(*a.shape)) and shape[0] == shape[1]:
        return np.eye(shape[0], dtype=a.dtype)
    for axis in range(a.ndim)[::-1]:
        if (more := shape[axis] - a.shape[axis]) > 0:
            again = a.take(range(more), axis, mode="wrap")
            last = axis == a.ndim - 1
            picks = last and np.array_equal(a, a != 0) and (a.sum(axis=axis) == 1).all()
            a = np.concatenate([a, 0 * again if picks else again], axis=axis)
    return a
