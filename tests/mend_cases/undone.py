"""Whether a mend undoes the slip: what was mended is the same formula as what was right.

Two pieces of code are the same formula where they give the same on numbers that are drawn for every
name by itself: what holds only between the values of one graph, as s = sigmoid(v), does not count.
"""

from __future__ import annotations

import ast
import copy
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from .case import Case, Slip, _number, variant

Names = dict[str, Any]
HEAD = "head"  # what a loop runs over, or a branch asks, as an assignment
DRAWS = 3


def others(case: Case, slips: Sequence[Slip], report: Any) -> int:
    """How many of the edits that mend a derivation are another formula than the right one."""
    lines = {f.mended for f in report.wrong if f.by == "edit"}
    if case.form == "function":
        try:
            ast.parse(report.fixed())
        except SyntaxError:
            return len(lines)
        return min(sum(not same for same in _places(case, slips, report.fixed())), len(lines))
    tree: Any = ast.parse(textwrap.dedent(case.source)).body[-1].body[-1].value
    right = {
        key.value: ast.unparse(value) for key, value in zip(tree.keys, tree.values, strict=True)
    }
    known = {**vars(np), "np": np, **{n: _number(v) for n, v in case.draw()[1].items()}}
    found = [(right[f.name], f.mended) for f in report.wrong if f.by == "edit"]
    return sum(not _is_claim(b) or not _same(known, [_claim(a)], [_claim(b)]) for a, b in found)


def _is_claim(text: str) -> bool:
    try:
        _claim(text)
    except SyntaxError:
        return False
    return True


def _claim(text: str) -> ast.stmt:
    """A lambda's body, or a formula, given a name."""
    e: Any = ast.parse(text.strip(), mode="eval").body
    if isinstance(e, ast.Constant):
        e = ast.parse(e.value, mode="eval").body
    return _set("claim", e.body if isinstance(e, ast.Lambda) else e)


def _set(name: str, value: ast.expr) -> ast.stmt:
    return ast.fix_missing_locations(ast.Assign([ast.Name(name, ast.Store())], value, lineno=0))


def _places(case: Case, slips: Sequence[Slip], fixed: str) -> Iterator[bool]:
    """Of every place where a mended derivation differs from the right one: is it the same?"""
    wrong = {ast.dump(s) for f in _functions(_text(case, slips)).values() for s in f}
    right, frames = _functions(case.source), _frames(case)
    for name, lines in _functions(fixed).items():
        mine = right[name]
        matched = SequenceMatcher(None, [*map(ast.dump, mine)], [*map(ast.dump, lines)], False)
        for tag, a, b, c, d in matched.get_opcodes():
            if tag == "equal" or all(ast.dump(s) in wrong for s in lines[c:d]):
                continue  # as it was: not mended
            at = mine[min(a, len(mine) - 1)].lineno
            known = frames.get((name, at))
            yield known is not None and _same(known, mine[a:b], lines[c:d])


def _text(case: Case, slips: Sequence[Slip]) -> str:
    text = case.source
    for slip in slips:
        text = text.replace(slip.right, slip.wrong)
    return text


def _functions(text: str) -> dict[str, list[Any]]:
    """The simple statements of each function, and the heads of others."""
    return {
        f.name: list(_flat(f.body)) for f in ast.parse(text).body if isinstance(f, ast.FunctionDef)
    }


def _flat(body: Sequence[Any]) -> Iterator[Any]:
    for s in body:
        inner = [getattr(s, part, []) for part in ("body", "orelse")]
        if inner[0]:
            head = _set(HEAD, getattr(s, "iter", getattr(s, "test", ast.Constant(0))))
        elif isinstance(s, ast.Return) and s.value is not None:
            head = _set(HEAD, s.value)
        else:
            head = s
        head.lineno = s.lineno
        yield head
        for part in inner:
            yield from _flat(part)


def _frames(case: Case) -> dict[tuple[str, int], Names]:
    """The names in scope where each line of the right derivation first ran."""
    run, found = variant(case), {}

    def watch(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != run.__code__.co_filename:
            return None
        key = (frame.f_code.co_name, frame.f_lineno)
        if event == "line" and key not in found:
            found[key] = run.__globals__ | _copied(frame.f_locals)
        return watch

    numbers = {n: _number(v) for n, v in case.draw()[1].items()} | {"np": np, "xp": np}
    code = run.__code__
    before = sys.gettrace()
    sys.settrace(watch)
    try:
        run(**{n: numbers[n] for n in code.co_varnames[: code.co_argcount]})
    finally:
        sys.settrace(before)
    return found


def _same(known: Names, right: Sequence[ast.stmt], mended: Sequence[ast.stmt]) -> bool:
    """Whether two pieces of code give the same, whatever their names stand for."""
    rng = np.random.default_rng(0)
    used = {n.id for s in (*right, *mended) for n in ast.walk(s) if isinstance(n, ast.Name)}
    free = {n for n in used if type(known.get(n)) is int and _run(known | {n: known[n] + 1}, right)}
    for _ in range(DRAWS):
        drawn = known | {n: _drawn(known[n], rng) for n in sorted(used & known.keys())}
        drawn |= {n: known[n] + int(rng.integers(1, 5)) for n in free}
        wanted, found = _run(drawn, right), _run(drawn, mended)
        if wanted is None or found is None:
            return False
        if not all(
            n in found and _equal(v, found[n]) for n, v in wanted.items() if n in used or n == HEAD
        ):
            return False
    return True


def _run(names: Names, code: Sequence[ast.stmt]) -> Names | None:
    """The names after some statements, None where they do not run."""
    names = _copied(names)
    try:
        with np.errstate(all="ignore"):
            exec(compile(ast.Module([*code], []), "<lines>", "exec"), names)
    except Exception:
        return None
    return {n: v for n, v in names.items() if _is_data(v)}


def _copied(names: Mapping[str, Any]) -> Names:
    """The names, with data that can be changed and leaves these as they are."""
    return {**names, **copy.deepcopy({n: v for n, v in names.items() if _is_data(v)})}


def _is_data(v: Any) -> bool:
    return isinstance(v, (np.ndarray, np.generic, list, tuple, dict, int, float)) and v is not None


def _drawn(v: Any, rng: np.random.Generator) -> Any:
    """Other numbers of that shape; between 0 and 1, and of one sign, where all of them are."""
    if isinstance(v, (list, tuple)):
        return type(v)(_drawn(x, rng) for x in v)
    if isinstance(v, dict):
        return {key: _drawn(x, rng) for key, x in v.items()}
    if not isinstance(v, (np.ndarray, np.generic, float)):
        return v
    a = np.asarray(v)
    if a.dtype.kind == "b":
        return rng.random(a.shape) < 0.5
    if a.dtype.kind != "f":
        return v
    if a.size and a.any() and (a >= 0).all() and (a <= 1).all():
        new = rng.uniform(0.1, 0.9, a.shape)
    else:
        new = rng.uniform(0.5, 1.5, a.shape) * np.where(a == 0, rng.normal(size=a.shape), a)
    return float(new) if isinstance(v, float) else new


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple, range)) and isinstance(b, (list, tuple, range)):
        return len(a) == len(b) and all(map(_equal, a, b))
    try:
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    except (TypeError, ValueError):
        return a is b or bool(a == b)
    scale = np.max(np.abs(a), initial=0, where=np.isfinite(a)) or 1.0
    return a.shape == b.shape and np.allclose(a, b, 1e-9, 1e-9 * scale, equal_nan=True)
