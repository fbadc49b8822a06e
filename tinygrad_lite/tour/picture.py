"""Small grey images side by side, as text and as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

SHADES = " .:-=+*#%@"
PIXEL = 24
GAP = 32
CAPTION = 36


def as_text(images: Sequence[Any], captions: Sequence[str]) -> str:
    """Images of values in [0, 1], two characters per pixel, captions above."""
    width = 2 * len(images[0][0])
    lines = ["   " + "      ".join(caption.ljust(width) for caption in captions).rstrip()]
    for rows in zip(*images, strict=True):
        cells = ("".join(2 * SHADES[round(v * (len(SHADES) - 1))] for v in row) for row in rows)
        lines.append("   " + "      ".join(cells).rstrip())
    return "\n".join(lines)


def as_svg(images: Sequence[Any], captions: Sequence[str]) -> str:
    """The same as SVG: 0 is white, 1 is black."""
    height, width = (PIXEL * len(images[0]), PIXEL * len(images[0][0]))
    total = GAP + (width + GAP) * len(images)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height + CAPTION + GAP}" '
        f'shape-rendering="crispEdges" role="img" aria-label="{escape("; ".join(captions))}">',
        f'<rect width="{total}" height="{height + CAPTION + GAP}" fill="#c3d3e6"/>',
    ]
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left = GAP + i * (width + GAP)
        parts.append(
            f'<text x="{left + width / 2}" y="{CAPTION - 10}" text-anchor="middle" '
            f'font-family="sans-serif" font-size="20" fill="#111">{escape(caption)}</text>'
        )
        for y, row in enumerate(image):
            for x, value in enumerate(row):
                grey = round(255 * (1 - float(value)))
                parts.append(
                    f'<rect x="{left + PIXEL * x}" y="{CAPTION + PIXEL * y}" width="{PIXEL}" '
                    f'height="{PIXEL}" fill="rgb({grey},{grey},{grey})"/>'
                )
    return "\n".join([*parts, "</svg>", ""])
