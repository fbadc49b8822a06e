"""Attributes that a derivation sets, as in `self.dW = ...` or `w.grad = ...`: while it is recorded
they are kept here, and no object is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import CodeType, FunctionType, MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ...graph.names import inside_of, is_own
from ...graph.node import Node
from ...graph.trees import leaves, map_tree
from .plain import attribute_name, held, is_object, owner
from .trace import Record

Field = tuple[int, str]  # the id of whose attribute it is, and its name
NONE: Mapping[Any, Any] = MappingProxyType({})


class Fields:
    """The record of each attribute of the objects that were met. `constant` records a value that
    nothing computed, `plain` is what it is read as."""

    def __init__(self, constant: Callable[[Any], Record], plain: Callable[[Any], Any]) -> None:
        self.constant, self.plain = constant, plain
        self.records: dict[Field, Record] = {}
        self.globals: dict[int, dict[str, Record]] = {}  # that functions gave values, by module
        self.called: dict[Field, str] = {}  # what those that were set are called
        self.owners: dict[int, Any] = {}

    def owner(self, value: Any) -> Any:
        """Whose attributes those of a value are, or None; its numbers are known from now on."""
        of = owner(value)
        if of is not None and id(of) not in self.owners:
            self.owners[id(of)] = of
            for name, x in _attributes(of).items():
                if isinstance(x, (Node, np.ndarray, int, float)):
                    self.records[id(of), name] = self.constant(x)
        return of

    @property
    def now(self) -> tuple[Mapping[Field, Record], Mapping[Field, str]]:
        """The records as they are, and what those that were set are called."""
        return (dict(self.records), self.called) if self.records else (NONE, NONE)

    def find(self, value: Any, name: str) -> Record | None:
        """The record of an attribute of a value; None where that is no plain attribute."""
        of = self.owner(value)
        if of is None:
            return None
        known, name = _attributes(of), attribute_name(of, name)
        if (id(of), name) not in self.records and name in known:
            self.records[id(of), name] = self.constant(known[name])
        return self.records.get((id(of), name))


def _attributes(of: Any) -> Mapping[str, Any]:
    return NONE if isinstance(of, Node) else vars(of)


class Read(NamedTuple):
    """A name that code reads from outside, its value, and how it is given another."""

    name: str
    value: Any
    give: Callable[[Any], None]


def read_by(function: Any) -> Iterator[Read]:
    """What a function's code, and that of the user's functions that it names, reads by name."""
    functions, seen = [function], set()
    while functions:
        of = functions.pop()
        if is_object(getattr(of, "__self__", None)):
            yield Read("self", of.__self__, lambda value: None)
        of = getattr(of, "__func__", of)
        if of in seen:
            continue
        seen.add(of)
        found = []
        for name, cell in zip(of.__code__.co_freevars, of.__closure__ or (), strict=True):
            with suppress(ValueError):  # it is empty
                found.append(
                    Read(name, cell.cell_contents, partial(setattr, cell, "cell_contents"))
                )
        known = of.__globals__
        names = set(_names_in(of.__code__)) & known.keys()
        found += [Read(name, known[name], partial(known.__setitem__, name)) for name in names]
        functions += [x.value for x in found if isinstance(x.value, FunctionType)]
        functions = [f for f in functions if is_own(getattr(f, "__func__", f))]
        yield from found


def _may_change(x: Any) -> bool:
    return isinstance(x, (Node, np.ndarray))


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names_in(inner)


@contextmanager
def lent(
    function: Any, arguments: Mapping[str, Any], nodes: Iterable[Node]
) -> Iterator[Callable[[], dict[Field, Any]]]:
    """While a function runs as Python runs it, what it reads has arrays for nodes: names, and the
    attributes of objects. Arrays are copies, lists and dicts too. What is set there, or as the
    `grad` of nodes, is taken back. Gives a function that tells what the attributes are."""
    read = list(read_by(function))
    copies: dict[int, Any] = {}
    known = {**{x.name: x.value for x in read}, **arguments}
    every = (*known.values(), *(value for _, value in inside_of(known)))
    owners = {id(x): x for x in every if not isinstance(x, Node) and owner(x) is not None}
    kept = [(x, dict(vars(x))) for x in owners.values() if is_object(x)]
    grads = [(node, node.grad) for node in nodes]

    def own(x: Any) -> Any:
        if isinstance(x, Node):
            return copies.setdefault(id(x), held(x, x.data))
        return copies.setdefault(id(x), x.copy()) if isinstance(x, np.ndarray) else x

    def fields() -> dict[Field, Any]:
        now = [*owners.values(), *(x for x in copies.values() if owner(x) is not None)]
        return {(id(owner(x)), name): value for x in now for name, value in vars(x).items()}

    changing = [
        x for x in read if type(x.value) in (list, dict) or any(map(_may_change, leaves(x.value)))
    ]
    try:
        for x, before in kept:
            vars(x).update(map_tree(own, before))
        for x in changing:
            x.give(map_tree(own, x.value))
        yield fields
    finally:
        for x in changing:
            x.give(x.value)
        for x, before in kept:
            vars(x).clear()
            vars(x).update(before)
        for node, grad in grads:
            node.grad = grad
