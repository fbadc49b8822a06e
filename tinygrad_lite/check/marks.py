"""How the verdicts of `check` are marked, in words and in pictures."""

from __future__ import annotations

import html
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


def row(finding: Any) -> str:
    """The row of a finding in HTML."""
    mark = MARKS[finding.verdict]
    plain = '<span style="white-space:nowrap">{}</span>'
    code = '<code style="white-space:pre">{}</code>'
    if finding.code:
        head = plain.format(finding.place), code.format(html.escape(finding.code))
    else:
        head = code.format(html.escape(finding.name)), plain.format(finding.shape or "")
    text = html.escape(finding.message())
    if finding.marked:
        text += f"<pre>{html.escape(chr(10).join(finding.marked))}</pre>"
    if finding.mended is not None:
        text += f"<br>{finding.way_out} {code.format(html.escape(finding.mended))}"
    cells = (
        *head,
        f'<span style="white-space:nowrap;color:{mark.strokes[0]}">{mark.sign} '
        f"{finding.verdict}</span>",
        text,
    )
    return "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"


def across(text: str) -> str:
    """A row of words alone."""
    return f'<tr><td colspan="4" style="text-align:left">{text}</td></tr>'
