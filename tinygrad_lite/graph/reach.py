"""What a function reaches beside its arguments, as a program made of it is told apart by it."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import Any


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
