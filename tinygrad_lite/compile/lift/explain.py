"""What became of the scalars of a graph, in sentences."""

from __future__ import annotations

from math import prod

from .text import Meeting, Text


def explained(text: Text, numbers: int, operations: int) -> str:
    """One sentence for the whole, and one for each matrix product."""
    count = len(text.meetings)
    found = (
        f"{numbers:,} numbers were computed one by one. They are {operations} array operations, "
        f"with {count} matrix product{'s' * (count != 1)}:"
    )
    return "\n".join([found, *map(_sentence, text.meetings)])


def _sentence(met: Meeting) -> str:
    code, *names = met.codes
    sums = prod(met.rows) * met.times
    total = f"{sums:,} sum{'s' * (sums > 1)} of {met.terms} product{'s' * (met.terms > 1)}"
    if max(met.rows) == 1:
        return f"  {code}: {total}."
    one, other = (
        name if count == 1 else f"each of the {count} rows of {name}"
        for count, name in zip(met.rows, names, strict=True)
    )
    if met.rows[0] == 1:
        one, other = other, one
    times = f", {met.times} times" if met.times > 1 else ""
    return f"  {code}: {one} meets {other}{times}, {total}."
