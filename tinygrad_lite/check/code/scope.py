"""The names that a piece of code sees while it is recorded, and functions that it defines."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .objects import Fields
from .source import Definition, Source
from .trace import Instance, Record


@dataclass(eq=False, repr=False)
class Scope:
    """The names of one call, seen through to those around it; `fields` are the attributes that all
    calls see, `later` the names that a script gives values itself, `yielded` what a generator has
    given so far; `number` counts the calls, `instance` is what runs now."""

    source: Source
    globals: Mapping[str, Any]
    fields: Fields
    parent: Scope | None = None
    names: dict[str, Record] = field(default_factory=dict)
    nonlocals: set[str] = field(default_factory=set)
    global_: set[str] = field(default_factory=set)
    assigned: frozenset[str] = frozenset()  # what its function gives a value somewhere
    outermost: bool = False
    later: frozenset[str] = frozenset()
    yielded: list[Record] = field(default_factory=list)
    number: int = 0
    instance: Instance = field(init=False)

    def __post_init__(self) -> None:
        self.begin(self.source.tree)

    def find(self, name: str) -> Record | None:
        """The record that a name stands for, None where it is not local."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            if name in scope.assigned - scope.nonlocals - scope.global_:
                raise UnboundLocalError(f"local variable {name!r} is used before it has a value")
            scope = scope.parent
        return self._of_module.get(name)

    @property
    def _of_module(self) -> dict[str, Record]:
        """What functions have given global names."""
        return self.fields.globals.setdefault(id(self.globals), {})

    def bind(self, name: str, record: Record) -> None:
        """Give a name its record."""
        if name in self.global_:
            self._of_module[name] = record
            return
        scope = self
        while name in scope.nonlocals and scope.parent is not None:
            scope = scope.parent
        scope.names[name] = record

    def outside(self, name: str) -> Any:
        """The value of a name that is not local."""
        if name in self.globals:
            return self.globals[name]
        if not hasattr(builtins, name):
            raise NameError(f"name {name!r} is not defined")
        return getattr(builtins, name)

    def seen(self, name: str) -> Any:
        """The same, as the derivation reads it; it does not see what it will only be."""
        if name in self.later:
            raise NameError(f"name {name!r} has no value yet")
        return self.fields.plain(self.outside(name))

    def flat(self) -> dict[str, Record]:
        """Every local name in sight."""
        around = self._of_module if self.parent is None else self.parent.flat()
        return {**around, **self.names}

    def begin(self, statement: ast.AST) -> Instance:
        """Note that a statement begins."""
        self.instance = Instance(self.source, statement, self.flat(), self.seen, *self.fields.now)
        return self.instance


def _own(definition: Definition) -> Iterator[ast.AST]:
    """The parts of a function, but not of what is defined in it."""
    inner: tuple[type[ast.AST], ...] = (ast.FunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp)
    inner += (ast.SetComp, ast.DictComp, ast.GeneratorExp)
    stack: list[ast.AST] = list(definition.body) if isinstance(definition.body, list) else []
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, inner):
            stack += ast.iter_child_nodes(node)


@lru_cache(maxsize=256)
def local_names(definition: Definition) -> frozenset[str]:
    """The names that a function gives values."""
    names = (n for n in _own(definition) if isinstance(n, ast.Name))
    return frozenset(n.id for n in names if isinstance(n.ctx, ast.Store))


@lru_cache(maxsize=256)
def yields(definition: Definition) -> bool:
    """Whether a function is a generator."""
    return any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in _own(definition))


@lru_cache(maxsize=32)
def looped_names(tree: ast.AST) -> frozenset[str]:
    """The names that loops give values in a file."""
    targets = (n.target for n in ast.walk(tree) if isinstance(n, (ast.For, ast.comprehension)))
    return frozenset(n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))


@dataclass(eq=False, repr=False)
class Closure:
    """A function of the derivation, to be recorded when it is called; called by a library it runs
    on a record of its own, with `call`."""

    definition: Definition
    scope: Scope  # where it was defined
    defaults: Mapping[str, Record]
    call: Callable[..., Any]

    def __call__(self, *values: Any, **named: Any) -> Any:
        return self.call(self, values, named)

    def bound(
        self, given: list[Record], named: dict[str, Record], pack: Callable[..., Record]
    ) -> dict[str, Record]:
        """Parameter by parameter, what a call hands in."""
        a = self.definition.args
        positional = [p.arg for p in (*a.posonlyargs, *a.args)]
        found = {**self.defaults, **dict(zip(positional, given, strict=False))}
        rest = given[len(positional) :]
        if a.vararg is not None:
            found[a.vararg.arg] = pack(lambda *values: values, rest)
        accepted = {*positional, *(p.arg for p in a.kwonlyargs)}
        more = [name for name in named if name not in accepted]
        if a.kwarg is not None:
            gathered = lambda *values: dict(zip(more, values, strict=True))  # noqa: E731
            found[a.kwarg.arg] = pack(gathered, [named[name] for name in more])
        return {**found, **{name: r for name, r in named.items() if name in accepted}}
