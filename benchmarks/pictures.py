"""The README's pictures, of the README's own first example: `python -m benchmarks.pictures`.

Writes what `drawn` gives into `benchmarks/pictures/`, each picture in light and in dark; a test
compares.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import tinygrad_lite as tg

HERE = Path(__file__).parent
FOLDER = HERE / "pictures"


def example() -> dict[str, Any]:
    """What the README's first example has defined once it ran, in a folder of its own."""
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(folder)
        try:
            exec(compile(found[1], "README.md", "exec"), names)
        finally:
            os.chdir(before)
    return names


def drawn() -> dict[str, str]:
    """File name -> SVG: the example's graph, and what `check` says on it."""
    names = example()
    E, W, x, v, s, y = (names[name] for name in ("E", "W", "x", "v", "s", "y"))
    dv = (y - s.data) * s.data * (1 - s.data)
    report = tg.check(E, {s: y - s.data, v: dv, W: dv[:, None] * x.data})
    found = {}
    for theme in ("light", "dark"):
        options: dict[str, Any] = {"names": names, "theme": theme}
        found[f"graph-{theme}.svg"] = tg.draw(E, **options).svg
        found[f"checked-{theme}.svg"] = tg.draw(E, check=report, **options).svg
    return found


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, svg in drawn().items():
        (FOLDER / name).write_text(svg, encoding="utf-8")
        print(f"{name:20} {len(svg):7,} characters")
