"""How wide a text is, so that boxes are sized before anything is drawn.

Text is set in the reader's monospaced font. Those in use advance between 0.55 and 0.602 em per
character; the table below takes the widest, and more for what comes from a fallback font, so that
no label leaves its box whatever font is found.
"""

from __future__ import annotations

import itertools
import unicodedata

FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
TITLE, CAPTION, ENTRY = 13.5, 11.0, 10.5  # font sizes in pixels
ADVANCE = 0.605
LONGEST = 44  # characters in a row; a longer text is cut with an ellipsis


def columns(text: str) -> float:
    """The width of `text` in characters of the font."""
    total = 0.0
    for c in text:
        code = ord(c)
        if code < 0x2190:
            total += 0.0 if unicodedata.combining(c) else 1.0
        elif code >= 0x1F000 or unicodedata.east_asian_width(c) in "WF":
            total += 2.5
        elif not unicodedata.combining(c) and unicodedata.category(c) not in ("Mn", "Cf"):
            total += 1.7 if code > 0x22FF else 1.4
    return total


def width(text: str, size: float) -> float:
    """The width of `text` in pixels at a font size."""
    return columns(text) * ADVANCE * size


def shorten(text: str, limit: int = LONGEST) -> str:
    """`text` on one line, without control characters, at most `limit` characters long."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    clean = " ".join(clean.split())
    if columns(clean) <= limit:
        return clean
    lengths = itertools.accumulate(map(columns, clean), initial=1.0)  # with the ellipsis
    kept = sum(length <= limit for length in lengths) - 1
    return clean[:kept].rstrip() + "…"
