"""A derivation as code beside the graph that it is about: what it is given, and how it is run."""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ...backprop.replay import questions, replay
from ...graph.backend import in_numpy, is_array
from ...graph.names import entries_in
from ...graph.node import Node, raw, topological_order
from ...graph.trees import map_tree
from ..tape import Tape
from .interpreter import run
from .objects import Field, lent
from .plain import held
from .trace import Trace

Edits = Mapping[ast.AST, Any]  # what stands at some places of the source
NUMPY = ("np", "xp", "numpy", "jnp")  # parameters that mean NumPy where nothing else is called so


@dataclass(frozen=True, eq=False)
class Data:
    """Other data for a graph: the node that stands for each of its nodes, the array or number (by
    the id of the one it stands for) of each constant, and of `copies` of these by their entries;
    and nodes `beside` the graph, once they are asked for."""

    twin: Mapping[Node, Node]
    constants: Mapping[int, Any] = field(default_factory=dict)
    copies: Mapping[Any, Any] = field(default_factory=dict)
    beside: dict[Node, Node] = field(default_factory=dict)


@dataclass(eq=False)
class Known:
    """What names mean: nodes of the graph, its constants, the caller's variables."""

    tape: Tape
    variables: Mapping[str, Any]

    @cached_property
    def nodes(self) -> dict[Node, str]:
        """The graph's nodes that have a name, and it."""
        names = self.tape.user_names
        return {node: names[id(node)] for node in self.tape.twin if id(node) in names}

    @cached_property
    def others(self) -> list[tuple[str, Node]]:
        """What nodes are called beside that."""
        every = [*self.variables.items(), *entries_in(self.variables)]
        return [(name, x) for name, x in every if isinstance(x, Node) and x in self.tape.twin]

    @cached_property
    def values(self) -> dict[str, Any]:
        """The nodes and the constant arrays of the graph, by name."""
        names = self.tape.user_names
        found: dict[str, Any] = {}
        for node in self.tape.twin:
            for x in (node, *node.inputs):
                if id(x) in names and not isinstance(x, (int, float)):
                    found.setdefault(names[id(x)], x)
        return found

    def value(self, name: str) -> Any:
        """What a name means; raises `KeyError`."""
        if name in self.values:
            return self.values[name]
        if name in self.variables:
            return self.variables[name]
        if name in NUMPY:
            return np
        raise KeyError(name)

    def close_to(self, name: str) -> list[str]:
        """Names that were perhaps meant."""
        every = {**self.values, **self.variables}
        alike = [n for n in every if n.lower() == name.lower()]
        return alike or difflib.get_close_matches(name, [*every], n=3, cutoff=0.5)


@dataclass(frozen=True, eq=False)
class Ran:
    """What Python itself made of a derivation: its names in the end, what it returned or raised,
    and the attributes of objects."""

    names: Mapping[str, Any]
    result: Any
    error: Exception | None
    fields: Mapping[Field, Any] = field(default_factory=dict)


@contextlib.contextmanager
def watched(function: Any) -> Iterator[dict[str, Any]]:
    """The local names of a function when it has returned; none of what is no function."""
    code = getattr(function, "__code__", None)
    names: dict[str, Any] = {}

    def watch(frame: Any, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            names.update(frame.f_locals)

    free = sys.getprofile() is None  # else somebody measures: only what is returned is known
    if free:
        sys.setprofile(watch)
    try:
        yield names
    finally:
        if free:
            sys.setprofile(None)


@dataclass(eq=False)
class Derivation:
    """A function of the user's, and the graph whose gradients it derives."""

    function: FunctionType | MethodType
    known: Known
    parameters: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = tuple(self._parameters())

    @property
    def name(self) -> str:
        """What the function is called."""
        return self.function.__name__

    def _parameters(self) -> Iterator[str]:
        for p in inspect.signature(self.function).parameters.values():
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                continue
            try:
                self.known.value(p.name)
            except KeyError:
                if p.default is p.empty:
                    raise ValueError(self._unknown(p.name)) from None
                continue
            yield p.name

    def _unknown(self, name: str) -> str:
        close = self.known.close_to(name)
        way_out = f"did you mean {' or '.join(close)}?" if close else "pass it with names="
        who = f"check: {self.function.__name__} has a parameter {name!r}"
        return f"{who}, which is no name of the graph or of the caller; {way_out}"

    def arguments(self, data: Data | None = None) -> dict[str, Any]:
        """The arrays and numbers that the parameters stand for, on other data where given."""
        return {
            name: map_tree(lambda v: number(v, data), self.known.value(name))
            for name in self.parameters
        }

    def python(self) -> Ran:
        """Run it as Python does, on copies."""
        arguments = self.arguments()
        nodes = self.known.tape.twin
        with watched(self.function) as names, lent(self.function, arguments, nodes) as fields:
            try:
                result = self._called(arguments)
                return Ran(names, result, None, fields())
            except Exception as error:
                return Ran(names, None, error)

    @np.errstate(all="ignore")
    def _called(self, arguments: dict[str, Any]) -> Any:
        signature = inspect.signature(self.function)
        first = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_ONLY]
        given = [arguments.pop(name) for name in first if name in arguments]
        return self.function(*given, **arguments)

    def trace(self, data: Data | None = None, edits: Edits | None = None) -> Trace:
        """Run it with a record of every part, on other data or with edits where given."""
        return run(self.function, self.arguments(data), reading(data), edits)


def stand_in(value: Any, data: Data | None) -> Any:
    """The node or the array that stands for one in other data; anything else as it is."""
    if data is None:
        return value
    if isinstance(value, Node):
        if value not in data.twin and value not in data.beside:
            data.beside[value] = _beside(value, data)
        return data.twin[value] if value in data.twin else data.beside[value]
    found = data.constants.get(id(value), value)
    if found is value and data.copies and (is_array(value) or type(value) is float):
        copied = _copied(value, data.copies)
        return value if copied is None else copied
    return found


def _copied(value: Any, copies: Mapping[Any, Any]) -> Any:
    """What stands for a copy, or for an array of such and of what is 0; a number for a number."""
    found = copies.get(entries_of(value))
    if found is not None:
        return float(found) if type(value) is float else found
    rows: list[Any] = []
    for row in in_numpy(value) if np.ndim(value) else ():
        rows.append(_copied(row, copies) if np.any(row) else row)
        if rows[-1] is None:
            return None
    return np.array(rows) if np.any(value) and rows else None


def entries_of(a: Any) -> Any:
    """What arrays have in common that have the same entries."""
    return np.shape(a), np.asarray(in_numpy(a), dtype=float).tobytes()


def _beside(node: Node, data: Data) -> Node:
    """A node that is none of the graph, but is computed from the same leaves, on other data; as it
    is where it cannot be computed again: from data that were set since, a running mean, say."""
    order = topological_order(node)
    leaves = {x: data.twin[x].data for x in order if x in data.twin}
    arrays = (x for n in order for x in n.inputs if is_array(x) and not isinstance(x, Node))
    copied = {id(x): stand_in(x, data) for x in arrays}  # of another run through the forward pass
    with contextlib.suppress(ValueError, RuntimeError):
        if leaves:
            constants = {**data.constants, **copied}
            asked = questions(order)
            return replay(node, leaves, constants=constants, wide=True, asked=asked)[node]
    return node


def plainly(value: Any, data: Data | None) -> Any:
    """What stands for something in other data, of a node the array or number that it holds."""
    used = stand_in(value, data)
    return held(value, raw(used)) if isinstance(value, Node) else used


def reading(data: Data | None) -> Callable[[Any], Any]:
    """What is read from outside, containers too, on other data where given."""
    return partial(map_tree, partial(plainly, data=data))


def number(value: Any, data: Data | None = None) -> Any:
    """The array or the number that something stands for, on other data where given: a copy."""
    used = plainly(value, data)
    copied = is_array(used) and not isinstance(value, Node)
    return np.array(in_numpy(used)) if copied else used
