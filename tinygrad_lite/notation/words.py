"""Numbers and names within sentences."""

from __future__ import annotations

from collections.abc import Iterable


def counted(n: int, what: str, several: str = "") -> str:
    """`1 line`, `2 lines`; `2 leaves`."""
    return f"{n:,} {what if n == 1 else several or what + 's'}"


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = names or [""]
    return f"{', '.join(first)} and {last}" if first else last
