"""The table of kinds, and of the ops that mistakes are stated for: what is named is in it."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lite as tg
from tinygrad_lite.check import KINDS, Finding
from tinygrad_lite.check.faults import Fault
from tinygrad_lite.check.search import Explanation


def test_every_kind_says_what_it_means() -> None:
    assert all(KINDS.values())
    assert len(set(KINDS.values())) == len(KINDS)


@pytest.mark.parametrize("row", [Fault, Explanation, Finding])
def test_a_kind_that_the_table_lacks_is_refused_where_it_is_made(row: Any) -> None:
    given = dict.fromkeys(inspect.signature(row).parameters, ())
    with pytest.raises(ValueError, match="no kind of mistake is called 'typo'; KINDS has tran"):
        row(**{**given, "kind": "typo"})


def test_every_kind_that_check_names_is_in_the_table() -> None:
    """A kind that is misspelt where it is rarely made would otherwise show in a user's report."""
    found: dict[str, str] = {}
    for path in Path(tg.check.__code__.co_filename).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            for part in ast.walk(the_kind(call) or ast.Pass()):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    found[part.value] = f"{path.name}:{part.lineno}"
    assert len(found) > len(KINDS) // 2
    assert {kind: at for kind, at in found.items() if kind not in KINDS} == {}


def the_kind(node: ast.AST) -> ast.AST | None:
    """Where the kind stands in a call that makes a record with one, or in a row: (kind, cost, ...).

    A row starts with a text and a number."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in KIND_AT:
        at = KIND_AT[ast.unparse(node.func).split(".")[-1]]
        return node.args[at] if len(node.args) > at else None
    if isinstance(node, ast.Tuple) and len(node.elts) > 2:
        kind, cost, *_ = node.elts
        number = isinstance(cost, ast.Constant) and isinstance(cost.value, float)
        return kind if number and isinstance(kind, ast.Constant) else None
    return None


# Which argument is the kind.
KIND_AT = {"Fault": 0, "Slip": 0, "Guess": 0, "Explanation": 0, "explained": 0}
KIND_AT |= {"Instead": 0, "guess": 2}


def test_every_op_that_check_names_is_in_the_registry():
    """Ops are named by string where faults are made; a renamed op would silently lose its own."""
    found = {}
    for path in Path(tg.check.__code__.co_filename).parent.glob("*.py"):
        for names, where in named_ops(ast.parse(path.read_text())):
            found.update(dict.fromkeys(names, f"{path.name}:{where}"))
    assert {"matmul", "multiply", "subtract", "sum", "negative"} <= found.keys()
    assert {name: at for name, at in found.items() if name not in tg.ops.registry} == {}


def named_ops(tree):
    """(strings, line) of what is compared with an op's name, looked up, or listed in capitals."""
    for node in ast.walk(tree):
        parts = []
        if isinstance(node, ast.Compare) and re.search(r"\b(op_)?name\b", ast.unparse(node.left)):
            parts = node.comparators
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("made_by", ".has")):
            parts = node.args
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "registry":
            parts = [node.slice]
        strings = {
            part.value
            for root in parts
            for part in ast.walk(root)
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        }
        if strings:
            yield strings, node.lineno
