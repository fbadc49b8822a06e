"""How the verdicts of `check` are marked, in words and in pictures."""

from __future__ import annotations

from typing import Any, NamedTuple


class Mark(NamedTuple):
    """How a verdict of `check` is marked: a badge, a colour in the light theme and in the dark."""

    badge: str
    strokes: tuple[str, str]

    @property
    def sign(self) -> str:
        return self.badge[0]


MARKS = {
    "first": Mark("✗ first wrong", ("#b3261e", "#ff8a80")),
    "wrong": Mark("✗ wrong", ("#b3261e", "#ff8a80")),
    "unclear": Mark("? unclear", ("#8a5a00", "#f0b230")),
    "follows": Mark("↳ follows", ("#6a717b", "#98a1ac")),
    "unseen": Mark("○ unseen", ("#6a717b", "#98a1ac")),
    "right": Mark("✓ right", ("#1a7f37", "#57c785")),
}  # the worst first


class Said(NamedTuple):
    """What `check` says of a node: one of `MARKS`, and in words; what was claimed, the line that
    did, and as it should read, if they are known."""

    mark: str
    words: str
    claim: Any = None
    line: str = ""
    mended: str = ""
