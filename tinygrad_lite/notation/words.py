"""Numbers and names within sentences."""

from __future__ import annotations

from collections.abc import Iterable


def counted(n: int, what: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = names or [""]
    return f"{', '.join(first)} and {last}" if first else last
