"""Right derivations of tests/mend_cases with one random change, handed to `tg.check`.

    python -m tests.fuzz.derivations --count 150 --seed 1 [--changes 2]

Of a change that alters a gradient some line has to be called wrong, of one that alters none no line
may be; where every wrong line is mended, the mended source is run, on the data that it was mended
on and on others, and has to give the right gradients, or else a doubt was said. Nothing may raise.
"""

from __future__ import annotations

import argparse
import ast
import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tests.mend_cases import blind, corpus, fresh, passing, stranger
from tests.mend_cases.case import Case, loaded
from tests.mend_cases.worlds import DOUBTS, is_right

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
BAD = ("raised", "missed", "false alarm", "mended and still wrong", "mended for these data alone")


def changes(tree: ast.Module, rng: random.Random) -> Iterator[Callable[[], Any]]:
    """What may be changed in the last function of a module, in place."""
    function = tree.body[-1]
    names = sorted({n.id for n in ast.walk(function) if isinstance(n, ast.Name)})
    for parent in ast.walk(function):
        for name, value in ast.iter_fields(parent):
            for at, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.expr):
                    for new in _others(node, names, rng):
                        yield lambda p=parent, f=name, i=at, new=new: _put(p, f, i, new)


def _put(parent: ast.AST, name: str, at: int | None, new: ast.AST) -> None:
    if at is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[at] = new


def _others(e: ast.expr, names: list[str], rng: random.Random) -> Iterator[ast.expr]:
    """What may stand in the place of an expression."""
    if isinstance(e, ast.BinOp):
        yield ast.BinOp(e.left, rng.choice(OPERATORS)(), e.right)
        yield ast.BinOp(e.right, e.op, e.left)
        yield rng.choice((e.left, e.right))
    elif isinstance(e, ast.Attribute) and e.attr == "T":
        yield e.value
    elif isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
        yield e.operand
    elif isinstance(e, ast.Constant) and type(e.value) in (int, float):
        yield ast.Constant(rng.choice((e.value + 1, e.value - 1, 2 * e.value, -e.value)))
    elif isinstance(e, ast.Name) and isinstance(e.ctx, ast.Load):
        yield ast.Name(rng.choice(names), ast.Load())


def changed(case: Case, rng: random.Random, times: int = 1) -> str:
    """The source of a case with so many random changes, one after the other."""
    tree = ast.parse(case.source)
    for _ in range(times):
        rng.choice([*changes(tree, rng)])()
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def outcome(case: Case, text: str) -> str:
    """What `tg.check` makes of a changed derivation."""
    function = loaded(case, text)
    harmless = is_right(case, function)
    loss, names = case.draw()
    pairs = {name: node or None for name, node in case.pairs.items()}
    try:
        report = tg.check(loss, function, names=names, pairs=pairs)
    except Exception:
        return "raised"
    if harmless:
        return "right" if report else "false alarm"
    if report:
        return "missed"
    if not all(f.by == "edit" for f in report.wrong):
        named = all(f.by == "edit" or f.kind != "other" for f in report.wrong)
        return "named" if named else "found"
    mended = loaded(case, report.fixed() + "\n")
    doubted = any(doubt in f.explanation for f in report.wrong for doubt in DOUBTS)
    doubted = doubted or any("was not judged" in note for note in report.notes)
    if doubted and not (is_right(case, mended) and is_right(case, mended, seed=7)):
        return "mended with a doubt"
    if not is_right(case, mended):
        return "mended and still wrong"
    return "mended" if is_right(case, mended, seed=7) else "mended for these data alone"


def run(count: int, seed: int, *, times: int = 1, show: bool = False) -> Counter[str]:
    """How so many changed derivations fared."""
    rng = random.Random(seed)
    every = (case for cases in (corpus, blind, fresh, stranger, passing) for case in cases())
    cases = [case for case in every if case.form == "function"]
    found: Counter[str] = Counter()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(count):
            case = rng.choice(cases)
            text = changed(case, rng, times)
            how = outcome(case, text)
            found[how] += 1
            if show and how in BAD:
                print(f"--- {case.name}: {how}\n{text}")
    return found


def main() -> None:
    """Read the arguments, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--changes", type=int, default=1, help="made at once in a derivation")
    given = parser.parse_args()
    found = run(given.count, given.seed, times=given.changes, show=True)
    print(", ".join(f"{how} {n}" for how, n in found.most_common()))
    raise SystemExit(any(found[how] for how in BAD))


if __name__ == "__main__":
    main()
