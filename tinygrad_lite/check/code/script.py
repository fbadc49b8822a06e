"""The derivation in a file or a cell that has run: the lines that assign gradients, and what they
use, are recorded and judged."""

from __future__ import annotations

import ast
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from ...graph.trees import leaves
from .derivation import Data, Edits, Known, Ran, reading
from .interpreter import run_statements
from .pairs import Pairs
from .source import Source
from .steps import may_be_gradient
from .trace import Trace


@dataclass(eq=False)
class Script:
    """The derivation in a file or a cell that has run and left its `names` behind."""

    source: Source
    known: Known
    pairs: Pairs
    parameters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return self.source.path

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """What it is made of."""
        variables, graph = self.before, self.known.tape.twin
        names = {name for name, value in variables.items() if _holds(value, graph)}
        data = {name for name, x in self.known.values.items() if variables.get(name) is x}
        updated = {name for name, x in variables.items() if x is not self.known.variables[name]}
        names -= updated
        return derivation_in(self.source, variables, names, self.pairs, data - names, updated)

    @cached_property
    def before(self) -> Mapping[str, Any]:
        """The variables, of the graph's that were updated since (W -= lr * dW) what they were."""
        graph, found = self.known.tape.twin, dict(self.known.variables)
        for name, value in self.known.variables.items():
            first = value
            while isinstance(first, Node) and getattr(first.op, "name", "") in ("add", "subtract"):
                first = first.inputs[0]
            leaf = isinstance(first, Node) and first.op is None and first in graph
            if leaf and value not in graph:
                found[name] = first
        return found

    def python(self) -> Ran:
        """The names as they were left."""
        made = {name for statement in self.statements for name in assigned(statement)}
        return Ran({n: v for n, v in self.known.variables.items() if n in made}, None, None)

    def trace(self, data: Data | None = None, edits: Edits | None = None) -> Trace:
        """Run it with a record of every part: on the data that the graph was recorded with,
        whatever they are now, or on other, with edits where given."""
        on = Data(self.known.tape.twin) if data is None else data
        return run_statements(self.source, self.statements, self.before, reading(on), edits)


COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)


def _holds(value: Any, graph: Container[Any]) -> bool:
    """Whether it is a node of the graph, or a container with one."""
    return any(isinstance(x, Node) and x in graph for x in leaves(value))


def derivation_in(
    source: Source,
    names: Mapping[str, Any],
    nodes: Collection[str],
    pairs: Pairs,
    data: Container[str] = (),
    updated: Collection[str] = (),
) -> list[ast.stmt]:
    """The statements that a derivation is made of, given what the names are in the end, and which
    are, or hold, `nodes` of the graph, are its `data` or were `updated` since: those that assign
    gradients or update and, before them, those that compute what these use from the graph.

    What builds the graph, and what uses no part of it, is not among them and is not run again.
    """
    statements = list(_flat(source.tree.body, nodes))
    every = {name for statement in statements for name in assigned(statement)}
    claimed = {name for name in every if _is_gradient(name, names, pairs)}
    claimed |= {*_dicts(every, names, pairs, claimed), *updated}
    wanted: set[str] = set()
    chosen: list[ast.stmt] = []
    for statement in reversed(statements):
        made = set(assigned(statement))
        if any(name in nodes for name in made) or (made and all(name in data for name in made)):
            continue
        if any(name in made and not _reads(statement, name) for name in updated):
            continue  # where it is made
        gradients = made & claimed
        if gradients or made & wanted or _changes(statement, wanted, names, nodes):
            chosen.append(statement)
            wanted |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    return list(_about(reversed(chosen), {*nodes, *updated}))


def _flat(body: Iterable[ast.stmt], nodes: Container[str]) -> Iterator[ast.stmt]:
    """The statements of a file; of a loop that builds the graph, as training does, those of its
    last turn."""
    for statement in body:
        if isinstance(statement, COMPOUND) and any(n in nodes for n in assigned(statement)):
            yield from _flat(statement.body, nodes)
        elif not isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            yield statement


def assigned(statement: ast.AST) -> Iterator[str]:
    """The names that a statement assigns, or sets entries or attributes of."""
    for node in ast.walk(statement):
        targets: list[Any] = []
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.For)):
            targets.append(node.target)
        while targets:
            target = targets.pop()
            base = _base(target)
            targets += getattr(target, "elts", ())
            if isinstance(base, ast.Name):
                yield base.id


def _base(target: Any) -> Any:
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        target = target.value
    return target


def _is_gradient(name: str, names: Mapping[str, Any], pairs: Pairs) -> bool:
    value: Any = raw(names.get(name))
    if isinstance(value, list) and not may_be_gradient(value):
        every = {f"{name}[{k}]": v for k, v in enumerate(value)}
        return any(_is_gradient(entry, every, pairs) for entry in every)
    if not may_be_gradient(value):
        return False
    return pairs.node(name, value) is not None or pairs.loosely(name, np.shape(value)) is not None


def _dicts(
    every: Iterable[str], names: Mapping[str, Any], pairs: Pairs, claimed: Iterable[str]
) -> list[str]:
    """The dicts whose entries are gradients by their keys: those that are called so, or else, where
    no name stands for a leaf, any that holds no node's own value."""
    found = [
        name
        for name in every
        if isinstance(names.get(name), dict)
        for node, value in [(pairs.named(k), raw(x)) for k, x in names[name].items()]
        if node is not None and np.shape(value) == node.shape
    ]
    called = [name for name in found if pairs.reads_like_one(name.lower())]
    stand = (pairs.node(name) for name in claimed)
    if called or any(node is not None and node.op is None for node in stand):
        return called
    return [n for n in found if not any(raw(pairs.named(k)) is raw(x) for k, x in names[n].items())]


def _changes(
    statement: ast.stmt, wanted: Container[str], names: Mapping[str, Any], nodes: Container[str]
) -> bool:
    """Whether a call changes a wanted array in place: np.add.at(dC, ix, demb), rows.append(dx)."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    on = [_base(call.func)]
    if isinstance(on[0], ast.Name) and names.get(on[0].id) is np:
        on = [_base(x) for x in call.args[:1]]
    return any(isinstance(x, ast.Name) and x.id in wanted and x.id not in nodes for x in on)


def _reads(statement: ast.stmt, name: str) -> bool:
    """Whether a statement reads a name."""
    names = (n for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id == name)
    loads = any(isinstance(n.ctx, ast.Load) for n in names)
    return loads or isinstance(statement, ast.AugAssign)


def _about(statements: Iterable[ast.stmt], nodes: Container[str]) -> Iterator[ast.stmt]:
    """Those that use the graph, a name that one of these assigns, or start such a name."""
    kept = list(statements)
    made: set[str] = set()
    of_graph: list[bool] = []
    for statement in kept:
        read = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        of_graph.append(any(name in nodes or name in made for name in read))
        if of_graph[-1]:
            made |= set(assigned(statement))
    for statement, mine in zip(kept, of_graph, strict=True):
        if mine or set(assigned(statement)) & made:
            yield statement
