"""How likely the names of a derivation are to be meant at a line of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache

TURNS = 0.3  # a name that a loop binds
UNREAD = 0.2  # how much likelier an argument is that no line reads
LOOPS = (ast.For, ast.While)


@lru_cache(maxsize=64)
def turning(tree: ast.AST) -> Mapping[str, float]:
    """The names that loops bind, which change from turn to turn, the arguments that no line reads,
    and what a loop hands on to its next turn, which does not read it."""
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    given = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    targets = (n.target for n in ast.walk(tree) if isinstance(n, (ast.For, ast.comprehension)))
    bound = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    unread = {*(given - read), *_dropped(tree)}
    return {**dict.fromkeys(bound, TURNS), **dict.fromkeys(unread, -UNREAD)}


def _dropped(tree: ast.AST) -> Iterator[str]:
    """The names that have a value before a loop and are given another in each turn, but are not
    read there."""
    before: set[str] = set()
    body = getattr(tree, "body", None)
    for s in body if isinstance(body, list) else ():
        inside = [n for n in ast.walk(s) if isinstance(n, ast.Name)]
        if isinstance(s, (ast.For, ast.While)):
            sums = {n.target for n in ast.walk(s) if isinstance(n, ast.AugAssign)}
            read = {n.id for n in inside if isinstance(n.ctx, ast.Load) or n in sums}
            yield from {n.id for n in inside} & before - read
        before |= {n.id for n in inside if isinstance(n.ctx, ast.Store)}


@lru_cache(maxsize=512)
def left_over(tree: ast.AST, statement: ast.AST) -> Mapping[str, bool]:
    """The names that only loops give a value which had ended when a statement runs: they hold what
    the last turn left. Whether each is one that a loop runs over."""
    places: dict[str, list[ast.AST]] = {}
    ended, runs_over = set[ast.AST](), set[str]()
    for n in ast.walk(tree):
        if isinstance(n, LOOPS):
            inside = set(ast.walk(n))
            if statement not in inside:
                ended |= inside
                target = getattr(n, "target", None)
                found = ast.walk(target) if target is not None else ()
                runs_over |= {x.id for x in found if isinstance(x, ast.Name)}
        elif isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
            places.setdefault(n.id, []).append(n)
        elif isinstance(n, ast.arg):
            places.setdefault(n.arg, []).append(n)
    return {name: name in runs_over for name, at in places.items() if ended.issuperset(at)}
