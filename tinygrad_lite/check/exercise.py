"""Wrong derivations to be put right: the slips of the table made in the right formula."""

from __future__ import annotations

import ast
import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..derive import derive
from ..graph.files import write_whole
from ..graph.names import visible
from ..graph.node import Node
from ..graph.options import whole, writable
from .claims import asked
from .code.derivation import Known
from .code.formula import Formula
from .code.source import replaced
from .findings import Report
from .kinds import KINDS
from .mend.known import agrees
from .mend.rows import UNDOES, is_numeric
from .mend.slipped import edits
from .mend.written import FAILS
from .slips import LIKELY
from .verdict import check

FARTHEST_FETCHED = LIKELY  # what is rarer is no mistake to learn from


@dataclass(frozen=True)
class Exercise:
    """A wrong formula, the right one, and the kind of mistake that was made."""

    wrong: str
    right: str
    kind: str


@dataclass(frozen=True, repr=False)
class Exercises:
    """Exercises about one gradient. They print without answers; `answers` has them, `write` makes
    a notebook (.ipynb), a sheet to print (.html) or text, `grade` judges what somebody answered."""

    title: str
    items: tuple[Exercise, ...]
    grade_one: Callable[[str], Report]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Exercise:
        return self.items[index]

    def __str__(self) -> str:
        lines = (f"{k}  {item.wrong}" for k, item in enumerate(self.items, start=1))
        return "\n".join([self.title, *lines])

    __repr__ = __str__

    @property
    def answers(self) -> str:
        """What was wrong in each, and the right formula."""
        told = (f"{k}  {KINDS[item.kind]}" for k, item in enumerate(self.items, start=1))
        return "\n".join([f"right: {self.items[0].right}", *told])

    def grade(self, answers: Sequence[str]) -> list[Report]:
        """The report of `check` on each answer, a formula as text."""
        return [self.grade_one(answer) for answer in answers]

    def write(self, path: str | Path) -> Path:
        """Write them to a file, in the format that its ending names."""
        path = writable(path, FORMATS)
        write_whole(path, FORMATS[path.suffix.lower()](self))
        return path


def _sheet(exercises: Exercises) -> str:
    """Room to write below every formula; the answers are on a page of their own."""
    rows = "".join(
        f"<li><code>{html.escape(item.wrong)}</code><p>Right or wrong, and why:</p><hr><hr></li>"
        for item in exercises.items
    )
    return (
        f"<!doctype html><meta charset='utf-8'><title>Exercises</title>"
        f"<style>hr{{margin:2.5em 0 0}}pre{{page-break-before:always}}</style>"
        f"<p>{html.escape(exercises.title)}</p><ol>{rows}</ol>"
        f"<pre>{html.escape(exercises.answers)}</pre>"
    )


def _notebook(exercises: Exercises) -> str:
    """A cell for every formula, to be put right."""
    texts = [f"answer_{k} = {item.wrong!r}" for k, item in enumerate(exercises.items, start=1)]
    names = ", ".join(f"answer_{k}" for k in range(1, len(exercises) + 1))
    texts.append(f"exercises.grade([{names}])")
    cells = [_cell("markdown", exercises.title, "title")]
    cells += [_cell("code", text, f"cell-{k}") for k, text in enumerate(texts, start=1)]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _cell(kind: str, text: str, name: str) -> dict[str, Any]:
    run: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": text, "id": name, **run}


FORMATS: Mapping[str, Callable[[Exercises], str]] = {
    ".ipynb": _notebook,
    ".html": _sheet,
    ".txt": str,
}


def exercise(E: Node, x: Node, n: int = 5, *, seed: int = 0) -> Exercises:
    """`n` wrong formulas for dE/dx, each with one slip of the table made in the right one.

    Fewer where the formula leaves room for fewer. Raises `TypeError` for what is no node, and
    `ValueError` where the derivative has no formula in one line, or one in which no slip shows.
    """
    whole("exercise", "n", n, 1)
    for node in (E, x):
        if not isinstance(node, Node):
            told = f"exercise: a {type(node).__name__} is no Value or Tensor"
            raise TypeError(f"{told}; exercise(E, W) is about dE/dW")
    names = visible()
    about = asked(E, None, names)
    right = derive(E, x, names=names).numpy
    if "\n" in right:
        raise ValueError(
            "exercise: the derivative has no formula in one line; keep its parts named"
        )
    formula = Formula(right, "the gradient", Known(about.tape, names))
    trace = formula.trace()
    assert trace.result is not None
    instance, truth = trace.result.instance, np.asarray(trace.result.value, dtype=float)
    assert instance is not None
    places = (p for p in ast.walk(formula.body) if isinstance(p, ast.expr))
    recorded = (p for p in places if id(p) in instance.recorded)
    slipped = (edit for place in recorded for edit in edits(place, instance.value, "np"))
    found: dict[str, Exercise] = {}
    with np.errstate(all="ignore"):
        for edit in slipped:
            if edit.rank > FARTHEST_FETCHED or edit.kind == "other":
                continue
            code = replaced(formula.body, {edit.place: edit.new})
            try:
                value = instance.value(code)
            except FAILS:
                continue
            if is_numeric(value) and np.shape(value) == truth.shape and not agrees(value, truth):
                text = ast.unparse(ast.fix_missing_locations(code))
                found.setdefault(text, Exercise(text, right, UNDOES.get(edit.kind, edit.kind)))
    chosen = _spread([*found.values()], n, np.random.default_rng(seed))
    if not chosen:
        raise ValueError(f"exercise: no slip of the table changes {right!r}")
    of = about.tape.cotangent_of(about.tape.twin[x])
    title = f"{of} is not what stands there. What was done wrong, and what is right?"
    return Exercises(title, chosen, lambda answer: check(E, {x: answer}, names=names))


def _spread(every: list[Exercise], n: int, rng: np.random.Generator) -> tuple[Exercise, ...]:
    """Some of them, of as many kinds as there are."""
    order = [every[i] for i in rng.permutation(len(every))]
    turn = {id(e): [o for o in order if o.kind == e.kind].index(e) for e in order}
    return tuple(sorted(order, key=lambda e: turn[id(e)])[:n])
