"""What a problem is, and how the corpus is gathered from the modules of this folder.

A problem is a generator. It builds a loss from Tensors, derives gradients by hand in NumPy, and
yields one case after the other: a title, the loss, the claims, and what the report should say.
"right", a kind, or several kinds separated by "|" of which the first is the one a teacher would
name and the others explain the numbers as well; a dict gives one per claim. "inherited" marks a
line that is right by itself but computed from a wrong one, "wrong" any verdict of wrong.

Nodes and constants are named by the problem's variables, as when a user calls `check`. Every
public generator of a module beside this one is a problem: there is no list to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import isgeneratorfunction
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from tinygrad_lite.graph.node import Node

Raw = tuple[str, Node, dict[Node, Any], "str | dict[Node, str]"]
Problem = Callable[[], Iterator[Raw]]


@dataclass(frozen=True)
class Case:
    """One derivation and what a good examiner says about each of its claims."""

    problem: str
    title: str
    loss: Node
    claims: dict[Node, Any]
    expected: dict[str, tuple[str, ...]]
    names: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.problem}: {self.title}"


def cases(problem: Problem) -> Iterator[Case]:
    """The cases of one problem."""
    generator = problem()
    for title, loss, claims, expected in generator:
        names = dict(generator.gi_frame.f_locals)  # type: ignore[attr-defined]
        for name, value in names.items():
            if isinstance(value, Node) and value.name is None:
                value.name = name
        if isinstance(expected, str):
            expected = dict.fromkeys(claims, expected)
        yield Case(
            problem.__name__,
            title,
            loss,
            claims,
            {str(node.name): tuple(text.split("|")) for node, text in expected.items()},
            names,
        )


def problems() -> list[Problem]:
    """Every problem of the corpus, module by module, as they are written."""
    names = [found.name for found in iter_modules([str(Path(__file__).parent)])]
    modules = [
        import_module(f"{__package__}.{n}") for n in names if f"{__package__}.{n}" != __name__
    ]
    return [
        f
        for module in modules
        for name, f in vars(module).items()
        if isgeneratorfunction(f) and not name.startswith("_")
    ]


def all_cases() -> Iterator[Case]:
    """The whole corpus. Cases are made on demand: a problem's graph lives as long as its cases."""
    for problem in problems():
        yield from cases(problem)
