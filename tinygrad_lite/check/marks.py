"""How the verdicts of `check` are marked, in words and in pictures."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """How a verdict of `check` is marked: a sign, a colour in the light theme and in the dark."""

    sign: str
    strokes: tuple[str, str]


MARKS = {
    "first": Mark("✗", ("#b3261e", "#ff8a80")),
    "wrong": Mark("✗", ("#b3261e", "#ff8a80")),
    "unclear": Mark("?", ("#8a5a00", "#f0b230")),
    "follows": Mark("↳", ("#6a717b", "#98a1ac")),
    "right": Mark("✓", ("#1a7f37", "#57c785")),
}  # the worst first
