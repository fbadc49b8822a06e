"""A program for two engines: leaves, steps over earlier entries, and a weighted sum of some."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

import tinygrad_lite as tg

LETTERS = "abcd"  # what a step's text calls its inputs
SPACE = {"tg": tg, "np": np, "math": math}


@dataclass(frozen=True)
class Leaf:
    """An array or Python number, wrapped as `kind`: "Value", "Tensor" or "constant" (as it is)."""

    data: Any
    kind: str

    def wrapped(self) -> Any:
        if self.kind == "constant":
            return self.data
        return tg.Value(float(self.data)) if self.kind == "Value" else tg.Tensor(self.data)


@dataclass(frozen=True)
class Step:
    """`text`, an expression of a, b, c, d (the inputs) and of the settings, is run on our engine;
    `theirs` names the function of `reference` that does the same on PyTorch's tensors."""

    text: str
    theirs: str
    inputs: tuple[int, ...]
    settings: Mapping[str, Any]


Entry = Leaf | Step


@cache
def _compiled(text: str) -> CodeType:
    return compile(text, text, "eval")


def run_step(step: Step, values: Sequence[Any]) -> Any:
    given = {name: values[i] for name, i in zip(LETTERS, step.inputs, strict=False)}
    return eval(_compiled(step.text), SPACE, given | dict(step.settings))


@dataclass(frozen=True)
class Program:
    """`weights` says which entries are added up in the end, each entry times its weight."""

    seed: int
    entries: tuple[Entry, ...]
    weights: Mapping[int, Any]

    @property
    def moving(self) -> list[int]:
        """The leaves that are differentiated."""
        return [i for i, e in enumerate(self.entries) if isinstance(e, Leaf) and is_moving(e)]

    @property
    def single(self) -> bool:
        """Whether part of it runs in float32."""
        return any(isinstance(e, Leaf) and is_single(e.data) for e in self.entries)

    def leaves(self) -> list[Any]:
        """Fresh nodes of ours, one for each leaf in `moving`."""
        return [self.entries[i].wrapped() for i in self.moving]  # type: ignore[union-attr]

    def run(self, leaves: Sequence[Any]) -> tuple[list[Any], Any]:
        """All our nodes, and the weighted sum."""
        given = iter(leaves)
        values: list[Any] = []
        for entry in self.entries:
            if isinstance(entry, Step):
                values.append(run_step(entry, values))
            else:
                values.append(next(given) if is_moving(entry) else entry.data)
        total = 0.0
        for i, weight in self.weights.items():
            total = total + weighted(values[i], weight)
        return values, total

    def needed(self) -> Program:
        """Without the entries that the sum does not depend on."""
        need = set(self.weights)
        for i in range(len(self.entries) - 1, -1, -1):
            entry = self.entries[i]
            if i in need and isinstance(entry, Step):
                need.update(entry.inputs)
        return self.reordered(sorted(need))

    def reordered(self, order: Sequence[int]) -> Program:
        """The entries `order` in that order, with every mention of them renumbered."""
        place = {old: new for new, old in enumerate(order)}
        entries = [
            replace(e, inputs=tuple(place[i] for i in e.inputs)) if isinstance(e, Step) else e
            for e in (self.entries[i] for i in order)
        ]
        return Program(self.seed, tuple(entries), {place[i]: w for i, w in self.weights.items()})

    def source(self) -> str:
        """The program as a script that prints every gradient."""
        lines = ["import math", "import numpy as np", "import tinygrad_lite as tg", ""]
        for i, entry in enumerate(self.entries):
            lines.append(
                f"v{i} = {_of_step(entry) if isinstance(entry, Step) else _of_leaf(entry)}"
            )
        terms = [f"tg.sum(v{i} * {literal(w)})" for i, w in self.weights.items()]
        lines += [f"loss = {' + '.join(terms)}", "loss.backward()"]
        return "\n".join([*lines, *(f"print('v{i}', v{i}.grad)" for i in self.moving)])


def is_moving(leaf: Leaf) -> bool:
    return leaf.kind != "constant"


def is_single(data: Any) -> bool:
    return getattr(data, "dtype", None) == np.float32


def weighted(x: Any, weight: Any) -> Any:
    """The sum of x times its weight, a Value or float where x is one."""
    if isinstance(x, (tg.Value, float, int)):
        return x * float(weight)
    return tg.sum(x * weight)


# --- as text


def literal(x: Any) -> str:
    """An expression that gives x."""
    if isinstance(x, np.ndarray):
        shaped = "" if x.size else f".reshape({x.shape})"
        return f"np.array({x.tolist()!r}, dtype=np.{x.dtype}){shaped}"
    if isinstance(x, type):
        return x.__name__ if x.__module__ == "builtins" else f"np.{x.__name__}"
    if isinstance(x, (tuple, list)):
        inner = ", ".join(map(literal, x))
        if isinstance(x, list):
            return f"[{inner}]"
        return f"({inner},)" if len(x) == 1 else f"({inner})"
    text = repr(x)
    return text if isinstance(x, np.generic) or text not in ("inf", "-inf", "nan") else f"np.{text}"


def _of_leaf(leaf: Leaf) -> str:
    text = literal(leaf.data)
    return text if leaf.kind == "constant" else f"tg.{leaf.kind}({text})"


class _Filled(ast.NodeTransformer):
    """Names replaced by the expressions they stand for."""

    def __init__(self, words: Iterable[tuple[str, str]]) -> None:
        self.words = {name: ast.parse(text, mode="eval").body for name, text in words}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.words.get(node.id, node)


def _of_step(step: Step) -> str:
    words = [(name, f"v{i}") for name, i in zip(LETTERS, step.inputs, strict=False)]
    words += [(name, _index(value)) for name, value in step.settings.items()]
    return ast.unparse(_Filled(words).visit(ast.parse(step.text, mode="eval")))


def _index(value: Any) -> str:
    if isinstance(value, tuple) and any(isinstance(v, slice) or v is ... for v in value):
        return f"({', '.join(map(_index, value))},)"
    return "..." if value is ... else literal(value)
