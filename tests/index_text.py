"""Index notation evaluated as a reader would: entry by entry, from what is printed."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

SUBSCRIPTS = dict(zip("ᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥ", "ijklmnoprstuv", strict=True))
POWERS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
FUNCTIONS = {
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "σ": lambda x: 1 / (1 + math.exp(-x)),
    "√": math.sqrt,
}
Entry = Callable[[Mapping[str, int]], float]


class Reader:
    """Parses one formula. `arrays` are by their names in print."""

    def __init__(self, text: str, arrays: Mapping[str, Any]) -> None:
        self.text, self.at = text, 0
        self.arrays = {unicodedata.normalize("NFC", k): np.asarray(v) for k, v in arrays.items()}
        self.text = unicodedata.normalize("NFC", text)
        self.lengths: dict[str, int] = {}

    def value(self, indices: str, shape: tuple[int, ...]) -> Any:
        """The array whose entry at `indices` the text is."""
        entry = self.sum()
        assert self.at == len(self.text), self.text[self.at :]
        found = np.empty(shape)
        for place in np.ndindex(*shape):
            running = [i for i, n in zip(place, shape, strict=True) if n != 1 or len(indices) > 1]
            found[place] = entry(dict(zip(indices, running, strict=False)))
        return found

    def peek(self, *signs: str) -> bool:
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1
        return any(self.text.startswith(s, self.at) for s in signs)

    def take(self, sign: str) -> None:
        assert self.peek(sign), (sign, self.text[self.at :])
        self.at += len(sign)

    def sum(self) -> Entry:
        terms: list[tuple[int, Entry]] = []
        while not terms or self.peek("+", "−"):
            sign = 1
            if self.peek("+", "−"):
                sign = 1 if self.text[self.at] == "+" else -1
                self.at += 1
            terms.append((sign, self.product()))
        return lambda at: sum(sign * term(at) for sign, term in terms)

    def product(self) -> Entry:
        factors: list[tuple[int, Entry]] = [(1, self.power())]
        while self.at < len(self.text) and not self.peek("+", "−", ")", "]", ">"):
            divides = self.peek("/")
            self.at += divides
            factors.append((-1 if divides else 1, self.power()))
        return lambda at: math.prod(f(at) ** e for e, f in factors)

    def power(self) -> Entry:
        base, digits = self.atom(), ""
        while self.text[self.at : self.at + 1] in POWERS and self.at < len(self.text):
            digits += POWERS[self.text[self.at]]
            self.at += 1
        return (lambda at: base(at) ** int(digits)) if digits else base

    def letters(self) -> str:
        found = ""
        while self.text[self.at : self.at + 1] in SUBSCRIPTS and self.at < len(self.text):
            found += SUBSCRIPTS[self.text[self.at]]
            self.at += 1
        return found

    def atom(self) -> Entry:
        self.peek("")
        if self.peek("Σ"):
            self.take("Σ")
            over, body = self.letters(), self.product()
            return lambda at: self._total(over, body, dict(at))
        if self.peek("𝟏["):
            self.take("𝟏[")
            left = self.sum()
            self.take(">")
            right = self.sum()
            self.take("]")
            return lambda at: float(left(at) > right(at))
        if self.peek("("):
            self.take("(")
            inner = self.sum()
            self.take(")")
            return inner
        for name, function in FUNCTIONS.items():
            if self.peek(f"{name}("):
                self.at += len(name)
                inner = self.atom()
                return lambda at, f=function, x=inner: f(x(at))
        names = [n for n in self.arrays if self.text.startswith(n, self.at)]
        if names:
            name = max(names, key=len)
            self.at += len(name)
            return self._entry(self.arrays[name], self.letters())
        end = self.at
        while self.text[end : end + 1].isdigit() or self.text[end : end + 1] == ".":
            end += 1
        number = float(self.text[self.at : end])
        self.at = end
        return lambda at: number

    def _entry(self, array: Any, letters: str) -> Entry:
        axes = [k for k, n in enumerate(array.shape) if n != 1 or array.ndim <= len(letters)]
        for letter, axis in zip(letters, axes, strict=True):
            self.lengths[letter] = array.shape[axis]
        flat = array.reshape([array.shape[k] for k in axes])
        return lambda at: float(flat[tuple(at[i] for i in letters)])

    def _total(self, over: str, body: Entry, at: dict[str, int]) -> float:
        sizes = [self.lengths[i] for i in over]
        return sum(
            body({**at, **dict(zip(over, place, strict=True))}) for place in np.ndindex(*sizes)
        )
