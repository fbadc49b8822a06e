"""Is a printed derivative right, and as short as the book's? Judged by running its NumPy text on
leaves and sizes that the derivation never saw, against `backward()`."""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite import Derivation, derive
from tinygrad_lite.graph.node import raw

from .case import Build, Case, Draw, Variables

TOLERANCE = 1e-8  # of the largest entry
ROUNDING = 1e-13  # of data whose entries are about 1
LIMITED = "at these sizes"  # what a derivation says where a length is in its formula
DRAWS = ((1, 0), (2, 0), (3, 1), (4, 2))  # (seed, grown): other numbers, then other sizes
SIZES = {"len", "np.eye", "np.ones"}


def softmax(z: Any, axis: int = -1) -> Any:
    """The one function that a printed formula may use beside NumPy's."""
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def values(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The raw arrays and numbers of a program's variables."""
    found = {k: raw(v) for k, v in variables.items()}
    return {k: v for k, v in found.items() if isinstance(v, (np.ndarray, float, int))}


def run(code: str, variables: Mapping[str, Any]) -> Any:
    """The value of NumPy text: of its last line, which is an expression or an assignment."""
    tree, last = taken_apart(code)
    space = {"np": np, "softmax": softmax, **variables}
    exec(compile(tree, "formula", "exec"), space)
    return eval(compile(ast.Expression(last.value), "formula", "eval"), space)


def taken_apart(code: str) -> tuple[ast.Module, Any]:
    """The lines before the last, and the last."""
    tree = ast.parse(code)
    last = tree.body.pop()
    assert isinstance(last, (ast.Expr, ast.Assign)), code
    return tree, last


def length(code: str) -> int:
    """How many names, numbers and operations a formula has. A transpose is one, and so is a size or
    an identity matrix, and σ(u), which NumPy writes out; added axes, which mathematics does not
    write, are none."""
    tree, last = taken_apart(code)
    return sum(_length(line.value) for line in (*tree.body, last))  # type: ignore[attr-defined]


def _length(node: ast.AST) -> int:
    text = ast.unparse(node)
    if isinstance(node, ast.Name):
        return int(node.id not in {"np", "softmax"})
    if isinstance(node, ast.Constant):
        return int(isinstance(node.value, (int, float)))
    if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
        name = ast.unparse(node.func)
        if name in SIZES:
            return 1
        method = 0 if name.startswith("np.") else _length(node.func)
        return 1 + method + sum(map(_length, node.args))
    if isinstance(node, ast.Subscript):
        if ".shape" in text.rpartition("[")[0][-7:]:
            return 1
        return _length(node.value) + ("None" not in text)
    if text.startswith("1 / (1 + np.exp(") and isinstance(node, ast.BinOp):
        u = node.right.right.args[0]  # type: ignore[attr-defined]
        negative = isinstance(u, ast.UnaryOp)
        return _length(u) if negative else 2 + _length(u)  # σ for the minus
    inside = sum(_length(child) for child in ast.iter_child_nodes(node))
    if isinstance(node, ast.Attribute):
        return inside + (node.attr in {"T", "mT"})
    return inside + isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare))


def disagreement(code: str, build: Build, by: str, draw: Draw) -> str:
    """What is wrong with NumPy text for ∂E/∂by in a program: "" if nothing."""
    variables = build(draw)
    x = variables[by]
    variables["E"].backward()
    wanted = np.zeros(x.shape) if x.grad is None else np.asarray(x.grad)
    where = f"draw {draw.seed} {'at other' if draw.grown else 'at these'} sizes"
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = np.asarray(run(code, values(variables)))
    except Exception as error:
        return f"{where}: {type(error).__name__}: {error}"
    if found.shape != wanted.shape:
        return f"{where}: shape {found.shape} for {wanted.shape}"
    off = _distance(found, wanted)
    return "" if off <= TOLERANCE else f"{where}: off by {off:.1e}"


def unknown(code: str, variables: Variables) -> set[str]:
    """The names in NumPy text that a program does not have."""
    names = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Name)]
    made = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    used = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    return used - made - {"np", "softmax", "len"} - variables.keys()


def agrees(found: Any, variables: Variables, by: str) -> bool:
    """Whether an array is the gradient of a program's loss."""
    x = variables[by]
    variables["E"].backward()
    wanted = np.zeros(x.shape) if x.grad is None else np.asarray(x.grad)
    return np.shape(found) == wanted.shape and _distance(found, wanted) <= TOLERANCE


def _distance(found: Any, wanted: Any) -> float:
    """The largest difference, as a part of the largest entry; nothing where it is what rounding
    leaves of a gradient that is 0."""
    off = float(np.max(np.abs(found - wanted), initial=0.0))
    size = float(np.max(np.abs(wanted), initial=0.0))
    return off / size if off > ROUNDING else 0.0


@dataclass(frozen=True)
class Verdict:
    """`wrong` is empty for a right formula; `ratio` is its length as a multiple of the book's."""

    case: Case
    formula: str
    numpy: str
    ratio: float
    seconds: float
    checked: str
    wrong: str

    @property
    def as_short(self) -> bool:
        """Whether it is right and no longer than the book's, or just that in print."""
        printed = self.case.printed and self.formula.endswith(f" = {self.case.printed}")
        return not self.wrong and (self.ratio <= 1 or bool(printed))


def judge(case: Case) -> Verdict:
    """Derive a case at its first draw and try the formula on the others."""
    start = time.perf_counter()
    try:
        variables = case.build(Draw(0))
        start = time.perf_counter()
        d = derived(variables, case.by)
        formula, numpy, checked = str(d[variables[case.by]]), d.numpy, str(d.checked)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return Verdict(case, "", "", np.inf, time.perf_counter() - start, "", message)
    seconds = time.perf_counter() - start
    if not numpy:
        return Verdict(case, formula, "", np.inf, seconds, checked, "no code")
    ratio = length(numpy) / length(case.textbook)
    wrong = next(
        filter(None, (disagreement(numpy, case.build, case.by, Draw(*to)) for to in DRAWS)), ""
    )
    return Verdict(case, formula, numpy, ratio, seconds, checked, wrong)


def derived(variables: Variables, by: str) -> Derivation:
    """∂E/∂by, derived in a place where the program's variables are what they are called."""
    space = {"derive": derive, **variables}
    return eval(f"derive(E, {by})", space)  # type: ignore[no-any-return]


def misprints(cases: list[Case]) -> list[str]:
    """The textbook's formulas held to the same: an error here is one of this file's."""
    found = []
    for case in cases:
        for to in DRAWS:
            try:
                off = disagreement(case.textbook, case.build, case.by, Draw(*to))
            except AttributeError as error:  # a function that the package does not have
                off = str(error)
            if off:
                found.append(f"{case.name} by {case.by}: {off}")
                break
    return found
