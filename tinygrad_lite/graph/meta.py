"""What few nodes have beside their value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .op import NO_PARAMS, Op

Question = tuple[Op, tuple[Any, ...], Mapping[str, Any]]  # with its inputs and settings


@dataclass(slots=True)
class Meta:
    """What few nodes have: a name, a scope, an op's settings, the source line (in debug mode)."""

    name: str | None = None
    scope: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=lambda: NO_PARAMS)
    constant: bool = False
    argument: bool = False  # made by a transform, whose derivative is being taken
    mixed: bool = False  # whether the operands differ in dtype
    compared: bool = False  # as a number, on which Python may have branched
    asked: Mapping[int, Question] | None = None  # what masks are the answers of, by place
    kept: Any = None  # what the op's rules can use beside the operands
    line: str | None = None
    copies: tuple[Any, ...] | None = None


NO_META = Meta()
