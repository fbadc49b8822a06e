"""The table of what a program is made of: one row, or more, per op and function of the package.

How a row is written is derived: `tg.name`, the method of that name, and every NumPy function that
runs it, with the settings by keyword and by position. A row adds what cannot be derived: operators,
the interval in which its inputs must lie, how its settings are drawn, which inputs fit together.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.protocols import ALIASES

from .program import LETTERS

OTHERS = {"np.diagonal", "np.trace", "np.identity"}  # NumPy means others by these
BIG = 1e4  # no entry of a program is larger
Interval = tuple[float, float]
EVERYWHERE: Interval = (-BIG, BIG)


class Chance:
    """What a program is drawn from: a seed's two streams."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.np = np.random.default_rng(seed)


class Pool(Protocol):
    """What a row sees of the program as it grows: the values so far (`usable` lists those that are
    not constants), and a way to add constants."""

    chance: Chance
    arrays: list[Any]
    usable: list[int]

    def pick(self) -> int: ...
    def constant(self, data: Any) -> int: ...


Settings = Callable[..., Mapping[str, Any] | None]  # (chance, *arrays); None where it does not fit


@dataclass(frozen=True)
class Row:
    """`covers` is the op or function, `theirs` what `reference` calls it.

    `inputs` lists the interval of each input; `choose` picks inputs that fit together. An
    `elementwise` row gives a Value for Values. `jumps` says that rounding may change the result.
    """

    covers: str
    theirs: str
    inputs: tuple[Interval, ...] = (EVERYWHERE,)
    spelled: tuple[str, ...] = ()
    derived: bool = True
    elementwise: bool = False
    jumps: bool = False
    settings: Settings | None = None
    choose: Callable[[Pool], tuple[int, ...] | None] | None = None
    weight: float = 1.0
    texts: dict[Any, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def written(self, kinds: tuple[str, ...], settings: tuple[str, ...]) -> tuple[str, ...]:
        """Every text for inputs of these kinds and settings of these names."""
        key = (kinds, settings)
        if key not in self.texts:
            texts = [t for t in self.spelled if _has_method(t, kinds[0])]
            if self.derived:
                texts += _derived(self.covers, kinds, settings)
            self.texts[key] = tuple(dict.fromkeys(texts))
        return self.texts[key]


TABLE: list[Row] = []


def row(covers: str, theirs: str | None = None, **rest: Any) -> None:
    TABLE.append(Row(covers, theirs or covers, **rest))


# --- settings that many rows draw


def an_axis(chance: Chance, ndim: int) -> int:
    return chance.r.randrange(-ndim, ndim)


def at_least(ndim: int) -> Any:
    return lambda chance, x: {} if x.ndim >= ndim else None


# --- texts


def _derived(name: str, kinds: tuple[str, ...], settings: tuple[str, ...]) -> list[str]:
    inputs = list(LETTERS[: len(kinds)])
    ours = getattr(tg, name)
    variable = hasattr(ours, "arity") and ours.arity is None
    joined = [f"[{', '.join(inputs)}]"] if variable else inputs
    texts = _calls(f"tg.{name}", ours, joined, settings)
    kind = {"Value": tg.Value, "Tensor": tg.Tensor}.get(kinds[0])
    for n in (name, *(n for n in ALIASES if ALIASES[n] == name)):
        if callable(getattr(kind, n, None)) and not variable:
            texts += _calls(f"a.{n}", getattr(kind, n), inputs, settings, skip=1)
    for path in _numpy_names(name):
        function = eval(path, {"np": np})
        if not set(kinds) <= {"constant", "number"}:
            texts += _calls(path, function, joined, settings)
    return texts


@cache
def _numpy_names(name: str) -> tuple[str, ...]:
    """NumPy's functions that run our `name`."""
    found = [f"np.{n}" for n in vars(np) if ALIASES.get(n, n) == name and callable(vars(np)[n])]
    found += [f"np.linalg.{name}"] if hasattr(np.linalg, name) else []
    return tuple(path for path in found if path not in OTHERS)


def _calls(
    path: str, function: Any, inputs: list[str], settings: tuple[str, ...], skip: int = 0
) -> list[str]:
    """`path(...)` with the settings by keyword and by position, as far as `function` takes them."""
    data = inputs[skip:]
    if not settings:
        return [f"{path}({', '.join(data)})"]
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return []
    texts = []
    keywords = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters) and path == "np.pad"
    if any_keyword or keywords.issuperset(settings):
        texts.append(f"{path}({', '.join([*data, *(f'{s}={s}' for s in settings)])})")
    places = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    follow = tuple(places[len(inputs) : len(inputs) + len(settings)])
    if getattr(function, "arity", 0) is None:  # its settings follow a list of inputs
        follow = tuple(function.defaults)
    if follow == settings:
        texts.append(f"{path}({', '.join([*data, *settings])})")
    return texts


def _has_method(text: str, kind: str) -> bool:
    """Whether a text that begins with a method or attribute of `a` holds for this kind of node."""
    if text.startswith("a["):
        return kind != "Value" and kind != "node"
    if not text.startswith("a."):
        return True
    name = text[2:].split("(")[0]
    return hasattr({"Value": tg.Value, "Tensor": tg.Tensor}.get(kind), name)
