"""Whether a mend misleads: right on the data that it was found on, and not on others.

The others are worlds in which the right derivation is right too: leaves drawn anew, then the
numbers that have names in the program moved, then its lengths.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .case import Case, Slip, gradients, loaded, variant

DOUBTS = (
    " is also ",
    "on these data alone",
    "by coincidence",
    "cannot be told",
    "still wrong",
    " put right",
    "other lengths",
)
SEEDS = (7, 8)
NEAR = 1e-7  # how nearly two gradients are equal, relative to the largest entry
SHORTEST = 3  # the least number that may be a length


def misleads(case: Case, slips: Sequence[Slip], report: Any) -> bool:
    """Whether what mends a derivation is wrong in another world, and no doubt was said."""
    mended = [f for f in report.wrong if f.by == "edit"]
    if not mended or any(doubt in f.explanation for f in mended for doubt in DOUBTS):
        return False
    return not all(
        is_right(world, fixed(world, slips, report), seed) for world, seed in worlds(case)
    )


def fixed(case: Case, slips: Sequence[Slip], report: Any) -> Callable[..., Any]:
    """The derivation with its mends, and what was not mended put right."""
    if case.form != "function":
        given = variant(case, *slips)
        wrong = {f.name: f.mended for f in report.wrong}
        found = {name: wrong.get(name, claim) for name, claim in given().items()}
        known = given.__globals__
        if case.form == "lambdas":
            found = {n: eval(c, dict(known)) if isinstance(c, str) else c for n, c in found.items()}
        else:
            found = {n: ast.literal_eval(c) if c[:1] in "'\"" else c for n, c in found.items()}
        return lambda: found
    text = report.fixed()
    if not all(f.by == "edit" for f in report.wrong):
        for slip in slips:
            if text.count(slip.wrong) == 1 and text.count(slip.right) == 0:
                text = text.replace(slip.wrong, slip.right)
    return loaded(case, text + "\n")


def is_right(case: Case, function: Callable[..., Any], seed: int = 0) -> bool:
    """Whether a derivation gives the gradients of a case's right one."""
    names = case.draw(seed)[1]
    try:
        with np.errstate(all="ignore"):
            found: Mapping[str, Any] = gradients(case, function, names)
    except Exception:
        return False
    right = gradients(case, case.backward, names)
    return all(_equal(found.get(name), value) for name, value in right.items())


def _equal(found: Any, truth: Any) -> bool:
    if found is None or np.size(found) != np.size(truth):
        return False
    a, b = (np.ravel(np.asarray(v, dtype=float)) for v in (found, truth))
    return bool(np.abs(a - b).max(initial=0) <= NEAR * max(np.abs(b).max(initial=0), 1e-3))


def worlds(case: Case) -> tuple[tuple[Case, int], ...]:
    """Cases with other data, numbers and lengths, and a seed for each."""
    other = (replace(case, build=build) for build in _builds(case.build))
    return (*((case, seed) for seed in SEEDS), *((c, SEEDS[0]) for c in other if _holds(c)))


def _holds(case: Case) -> bool:
    """Whether the right derivation is right there."""
    try:
        with np.errstate(all="ignore"):
            loss, names = case.draw(SEEDS[0])
            loss.backward()
            found = gradients(case, case.backward, names)
    except Exception:
        return False
    return all(_equal(value, names[name].grad) for name, value in found.items())


def _builds(build: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A program with its named numbers moved, all and one by one, and with one length more."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(build)))
    numbers = {id(c): c for c in _named(tree)}
    moved = [c for c in numbers.values() if type(c.value) is float and c.value not in (0.0, 1.0)]
    yield _built(build, tree, {id(c): _moved(c.value) for c in moved})
    whole = [c for c in numbers.values() if type(c.value) is int and c.value > 1]
    for c in (*moved, *whole):
        yield _built(build, tree, {id(c): _moved(c.value)})
    ints = [c for c in ast.walk(tree) if isinstance(c, ast.Constant) and type(c.value) is int]
    for length in sorted({c.value for c in ints if c.value >= SHORTEST}):
        yield _built(build, tree, {id(c): length + 1 for c in ints if c.value == length})


def _moved(value: float) -> float:
    """Another number near one: between 0 and 1 where it is, whole where it is."""
    if type(value) is int:
        return value + 1
    return value**1.13 if 0 < value < 1 else 1.17 * value


def _named(tree: ast.AST) -> Iterator[ast.Constant]:
    """The numbers that are given names."""
    for s in ast.walk(tree):
        if isinstance(s, ast.Assign):
            for e in s.value.elts if isinstance(s.value, ast.Tuple) else [s.value]:
                if isinstance(e, ast.Constant):
                    yield e


def _built(build: Callable[..., Any], tree: ast.Module, new: Mapping[int, Any]) -> Any:
    old = {id(c): c.value for c in ast.walk(tree) if isinstance(c, ast.Constant)}
    for c in ast.walk(tree):
        if id(c) in new:
            c.value = new[id(c)]
    code = compile(tree, f"<{build.__name__} elsewhere>", "exec")
    for c in ast.walk(tree):
        if id(c) in old:
            c.value = old[id(c)]
    names = dict(build.__globals__)
    exec(code, names)
    return names[build.__name__]
