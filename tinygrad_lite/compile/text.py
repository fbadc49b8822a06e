"""How constants and functions are written in a program's source."""

from __future__ import annotations

import base64
import builtins
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import standalone
from .recorder import Held

PLACES = (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft))
SHORT = 64  # entries of an array that are written as a list


class Writer:
    """Gives everything that a program uses a name, and the lines that define it.

    `scope` holds the names' values: what cannot be written as text (a function of the user's) is
    there all the same.
    """

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.imports: list[str] = []
        self.helpers: list[str] = []
        self.definitions: list[str] = []
        self.names: dict[int, str] = {}  # of held values, by their ids
        self._names: dict[Any, str] = {}
        self._kept: list[Any] = []
        self._counts: dict[str, int] = {}

    def module(self, program: str) -> str:
        """The whole text."""
        words = sorted(self.imports)
        lines = ["from __future__ import annotations", "", "import math", "", "import numpy as np"]
        lines += [f"from numpy import {', '.join(words)}"] if words else []
        return "\n".join([*lines, "", *self.helpers, *self.definitions, "", "", program])

    def new(self, letter: str) -> str:
        """A name that is not taken yet."""
        while True:
            count = self._counts[letter] = self._counts.get(letter, 0) + 1
            name = f"{letter}{count if len(letter) == 1 or count > 1 else ''}"
            if name not in self.scope:
                return name

    def define(self, letter: str, value: Any, text: str) -> str:
        """A name for a value that is made once, before the program runs."""
        name = self.new(letter)
        self.scope[name] = value
        self.definitions.append(f"{name} = {text}")
        return name

    def buffer(self, like: np.ndarray[Any, Any]) -> tuple[str, Any]:
        """A new array of that shape, dtype and layout, and its name."""
        axes = layout(like)
        shape, places = tuple(like.shape[a] for a in axes), tuple(map(axes.index, range(like.ndim)))
        text = f"{self.function(standalone.aligned)}({shape}, {literal(like.dtype)}){back(axes)}"
        made = standalone.aligned(shape, like.dtype).transpose(places)
        return self.define("b", made, text), made

    def text(self, x: Any) -> str:
        """An argument as text: a held value by its name, or a constant."""
        if isinstance(x, Held):
            return self.names[id(x)]
        if isinstance(x, (np.ndarray, np.generic)):
            key = id(x) if isinstance(x, np.ndarray) else (x.dtype, repr(x))
            name = self._names.get(key)
            if name is None:
                text = array(x) if isinstance(x, np.ndarray) else literal(x)
                name = self._names[key] = self.define("c", x, text)
                self._kept.append(x)
            return name
        if isinstance(x, (tuple, list)):
            inner = ", ".join(map(self.text, x))
            if isinstance(x, list):
                return f"[{inner}]"
            return f"({inner},)" if len(x) == 1 else f"({inner})"
        return literal(x)

    def function(self, call: Callable[..., Any]) -> str:
        """The name of a function."""
        owner = getattr(call, "__self__", None)  # a ufunc makes its methods anew each time
        key = (owner, call.__name__) if isinstance(owner, np.ufunc) else id(call)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._named(call)
            self._kept.append(call)
        return name

    def _named(self, call: Callable[..., Any]) -> str:
        owner, word = getattr(call, "__self__", None), str(getattr(call, "__name__", "function"))
        if isinstance(owner, np.ufunc):
            text = f"{self.function(owner)}.{word}"
            return self.define(text.replace(".", "_"), call, text)
        free = word not in self.scope and not hasattr(builtins, word)
        if getattr(np, word, None) is call and free:
            self.scope[word] = call
            self.imports.append(word)
            return word
        for place, module in PLACES:
            if getattr(module, word, None) is call:
                return f"{place}.{word}"
        if getattr(standalone, word, None) is call:
            self.helpers += [inspect.getsource(call), ""]
            self.scope[word] = call
            return word
        name = self.new(word if word.isidentifier() else "function")
        self.scope[name] = call
        home = getattr(call, "__module__", None) or "scipy.special"  # whose ufuncs state none
        self.helpers.append(f"from {home} import {word} as {name}")
        return name


def literal(x: Any) -> str:
    """A number, a dtype, a slice or a word as text."""
    if isinstance(x, float) and not isinstance(x, np.generic) and not math.isfinite(x):
        return "np.nan" if x != x else "np.inf" if x > 0 else "-np.inf"
    if isinstance(x, np.generic):
        return f"np.{x.dtype.name.replace('bool', 'bool_')}({literal(x.item())})"
    if isinstance(x, np.dtype):
        return f'np.dtype("{x.str}")'
    if isinstance(x, type):
        return f"np.{x.__name__}" if x.__module__ == "numpy" else x.__name__
    if x is Ellipsis:
        return "..."
    return repr(x)


def array(x: np.ndarray[Any, Any]) -> str:
    """An array as an expression that makes it, with its dtype and its layout."""
    axes = layout(x)
    turned = x.transpose(axes).copy(order="C")
    dtype = literal(x.dtype)
    if x.size and (x == x.flat[0]).all() and not np.signbit(np.real(x.flat[0])):
        text = f"np.full({turned.shape}, {literal(x.flat[0].item())}, {dtype})"
    elif x.size <= SHORT and np.isfinite(x).all():
        text = f"np.array({turned.tolist()}, {dtype}).reshape({turned.shape})"
    else:
        held = base64.b64encode(turned.tobytes()).decode()
        text = (
            f'np.frombuffer(__import__("base64").b64decode("{held}"), {dtype})'
            f".reshape({turned.shape})"
        )
    return text + back(axes)


def layout(x: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """The axes of x in the order in which they lie in memory, the closest last."""
    return tuple(sorted(range(x.ndim), key=lambda a: -abs(x.strides[a])))


def back(axes: tuple[int, ...]) -> str:
    """What puts axes that are in this order back."""
    if axes == tuple(range(len(axes))):
        return ""
    return f".transpose({tuple(axes.index(a) for a in range(len(axes)))})"
