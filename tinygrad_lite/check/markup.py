"""A report's rows as HTML."""

from __future__ import annotations

import html
from typing import Any

from .marks import MARKS


def row(finding: Any) -> str:
    """The row of a finding."""
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
