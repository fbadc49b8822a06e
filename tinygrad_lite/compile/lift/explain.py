"""What became of the scalars of a graph, in sentences."""

from __future__ import annotations

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
    sums = met.rights * met.lefts * met.times
    total = f"{sums:,} sum{'s' * (sums > 1)} of {met.terms} product{'s' * (met.terms > 1)}"
    if met.rights == met.lefts == 1:
        return f"  {met.code}: {total}."
    if 1 in (met.rights, met.lefts):
        many, name, one = (
            (met.rights, met.right, met.left)
            if met.lefts == 1
            else (met.lefts, met.left, met.right)
        )
        return f"  {met.code}: {many} rows of {name} meet {one}, which makes {total}."
    batch = f", {met.times} times" if met.times > 1 else ""
    return (
        f"  {met.code}: {met.rights} rows of {met.right} meet {met.lefts} rows of {met.left}, each "
        f"of the one each of the other{batch}, which makes {total}."
    )
