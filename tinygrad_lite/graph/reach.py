"""What is reached from something: by a function beside its arguments, or along edges of a graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, MutableMapping
from types import CodeType
from typing import Any, TypeVar

T = TypeVar("T", bound=Hashable)


class Same:
    """An object in a key: equal to itself alone."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.held is other.held

    def __hash__(self) -> int:
        return id(self.held)


def names_in(code: CodeType) -> Iterator[str]:
    """The names in a function's code and in that of the functions in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def reached(starts: Iterable[T], ahead: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """What is reached from `starts`, them too, each once and in no particular order; `ahead(x)` is
    where x leads to."""
    seen: set[T] = set()
    stack = [*starts]
    while stack:
        x = stack.pop()
        if x not in seen:
            seen.add(x)
            yield x
            stack += ahead(x)


def filled(root: Any, known: MutableMapping[Any, Any], made: Callable[[Any], Any]) -> Any:
    """known[root], after all that it is made of and is not known yet: made(node) of each node, of
    which `known` has the inputs then."""
    stack = [root]
    while stack:
        node = stack[-1]
        missing = [] if node in known else [x for x in node.parents() if x not in known]
        if missing:
            stack += missing
            continue
        if node not in known:
            known[node] = made(node)
        stack.pop()
    return known[root]
