"""The code of a notebook as one text, and where its cells begin."""

from __future__ import annotations

import json
from pathlib import Path

NOT_PYTHON = ("%", "!", "?")


def code_of(path: Path) -> tuple[str, tuple[int, ...]]:
    """The code cells of a notebook one below the other, and the line on which each begins. Lines
    that are IPython's own are comments there, cells that are not Python left out.

    Raises `ValueError` for a file that is no notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is no notebook that can be read") from None
    lines: list[str] = []
    begins: list[int] = []
    for text in texts:
        begins.append(len(lines) + 1)
        foreign = text.startswith("%%") and not text.startswith(("%%time", "%%check", "%%capture"))
        for line in text.splitlines() or [""]:
            lines.append(f"# {line}" if foreign or line.lstrip().startswith(NOT_PYTHON) else line)
    return "\n".join(lines) + "\n", tuple(begins)
