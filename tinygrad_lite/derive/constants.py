"""The constant arrays of a graph: which have names, and which are made of such."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import sqrt
from typing import Any

import numpy as np

from ..graph.backend import in_numpy, is_array
from ..graph.meta import Meta
from ..graph.node import Array, Node, fresh, raw, topological_order
from ..notation.mathematics import number_text
from ..notation.settings import told
from ..notation.views import part_of
from ..ops.elementwise import pow as power
from .masks import is_telling

_PLAIN = {0, 1, 2, 0.5}  # numbers that are made of nothing
_SHORT = 4  # signs of a number that people write, such as 0.25
_FEW = 3  # numbers that are told
_OF_LENGTHS: Sequence[Callable[[int], float]] = (  # what people make of an axis' length
    lambda n: n,
    lambda n: n - 1,
    lambda n: 2 * n,
    lambda n: n / 2,
    lambda n: n * n,
    sqrt,
)

# What people compute in place of an argument. Each is run on arrays, and on paper.
_MADE: Mapping[str, Callable[[Any], Any]] = {
    "{0}": lambda a: a,
    "{0}ᵀ": lambda a: a.T,
    "−{0}": lambda a: -a,
    "1 − {0}": lambda a: 1 - a,
    "2 {0} − 1": lambda a: 2 * a - 1,
    "{0}²": lambda a: a * a,
}


@dataclass(frozen=True)
class Made:
    """An array that is made of another, the twin `base`."""

    of: Callable[[Any], Any]
    base: Any


class Constants:
    """The constants of ops, by the id of the user's array: `twins`, constant leaves in float64
    (labels and masks as they are), with `names` by the id of the twin, and `keys` back.

    By the id of the twin, too: `derived`, those that are an expression of another, such as 1 - y or
    y[:, None], and `masks`, which hold truths. Masks that are `asked` are none.
    """

    def __init__(
        self,
        order: Sequence[Node],
        names: Mapping[int, str],
        arrays: Mapping[str, Any],
        asked: Mapping[int, Node],
    ) -> None:
        self.arrays = arrays
        self.twins: dict[int, Any] = {}
        self.names: dict[int, str] = {}
        self.keys: dict[int, int] = {}
        self.derived: dict[int, Made] = {}
        self.notes: dict[str, None] = {}
        self.masks: set[int] = set()
        unnamed: dict[int, Any] = {}
        for node in dict.fromkeys([*order, *topological_order(*asked.values())]):
            for k, (x, a) in enumerate(zip(node.inputs, node.operands, strict=True)):
                if isinstance(x, Node) or not is_array(x) or id(x) in asked or id(x) in self.twins:
                    continue
                untouched = node.op is not None and k in node.op.untouched
                self._put(id(x), in_numpy(a), untouched, names.get(id(x)))
                if id(x) not in names and np.ndim(x):
                    unnamed[id(x)] = x
        for key, x in unnamed.items():
            if not self._is_part(key, x):
                self._equals(key, in_numpy(x))

    def _put(self, key: int, data: Any, untouched: bool, name: str | None) -> None:
        kept = data.dtype.kind in "iub" and untouched
        twin = data if kept else fresh(None, np.asarray(data, dtype=np.float64))
        if isinstance(twin, Array):
            twin._meta = Meta(name=name, constant=True)
        self.twins[key], self.keys[id(twin)] = twin, key
        if data.dtype == bool:
            self.masks.add(id(twin))
        if name is not None:
            self.names[id(twin)] = name

    def _is_part(self, key: int, x: Any) -> bool:
        """Whether an unnamed array is a view of one with a name: Y[:, None], X[1:].T, X.ravel()."""
        for name, base in self.arrays.items():
            code = part_of(x, base, "a")
            if not code and _is_reshaped(x, base):
                code = f"a.reshape({(-1,) if x.ndim == 1 else x.shape})"
            if code:
                self._derive(key, eval(f"lambda a: {code}"), name)
                return True
        return False

    def _equals(self, key: int, data: Any) -> None:
        """An unnamed array that equals 1 - y, say, is that."""
        mask = data.dtype == bool
        if (data == data.flat[:1]).all() or (mask and not is_telling(data)):
            return
        known = {name: in_numpy(a) for name, a in self.arrays.items()}
        for text, made in _MADE.items():
            for name, a in known.items():
                if (a.dtype == bool) == mask and _same(made, a, data):
                    self._derive(key, made, name)
                    said = f"an array without a name is read as {text.format(name)}"
                    self.notes[f"{said}, which it equals"] = None
                    return

    def _derive(self, key: int, made: Callable[[Any], Any], name: str) -> None:
        base, twin = self.arrays[name], self.twins[key]
        if id(base) not in self.twins:
            data = in_numpy(base)
            self._put(id(base), data, data.dtype == bool, name)
        if self.twins[id(base)] is not twin:
            self.derived[id(twin)] = Made(made, self.twins[id(base)])

    def redrawn(self, values: Mapping[int, Any]) -> dict[int, Any]:
        """All constants by the user's id, given those of the named."""
        found = {key: raw(t) for key, t in self.twins.items()} | dict(values)
        for key, made in self.derived.items():
            new = made.of(found[self.keys[id(made.base)]])
            found[self.keys[key]] = np.asarray(new, dtype=found[self.keys[key]].dtype)
        return found


def fixed_numbers(order: Sequence[Node], lengths: Mapping[int, str]) -> dict[str, None]:
    """What is to be said of the numbers of a graph: which may have been made of a length (such as
    that of an array in `lengths`) or of data. A formula holds for them as they are."""
    made = {f(n): (n, name) for n, name in lengths.items() for f in _OF_LENGTHS}
    made |= {1 / c: of for c, of in made.items() if len(repr(1 / c)) > _SHORT}
    found: dict[str, None] = {}
    for node in order:
        for setting in node.params.values():
            places = setting if isinstance(setting, tuple) else (setting,)
            if any(isinstance(x, np.ndarray) and x.ndim and x.dtype.kind in "iu" for x in places):
                said = f"the places {told(setting)} do not follow data that they were made of"
                found[said] = None
        exponent = 1 if node.op is power else None
        for k, x in enumerate(node.inputs):
            if isinstance(x, Node) or np.ndim(x) or k == exponent or abs(x) in _PLAIN:
                continue
            n, name = made.get(abs(float(x)), (0, ""))
            if n or isinstance(x, (np.ndarray, np.floating)):
                of = f"the length {n} of {name}" if n else "data that it was made of"
                found[f"{number_text(float(x))} is a number here: it does not follow {of}"] = None
    return dict.fromkeys(islice(found, _FEW))


def _is_reshaped(a: Any, base: Any) -> bool:
    """Whether two arrays are the same entries in the same order."""
    both = [x for x in (a, base) if isinstance(x, np.ndarray) and x.flags.c_contiguous]
    return len({(x.ctypes.data, x.size, x.dtype) for x in both}) == 1 < len(both)


def _same(made: Callable[[Any], Any], array: Any, wanted: Any) -> bool:
    if array.dtype.kind not in "fiub" or sorted(array.shape) != sorted(wanted.shape):
        return False
    found = made(np.asarray(array, dtype=np.float64))
    return bool(found.shape == wanted.shape and (found == wanted).all())
