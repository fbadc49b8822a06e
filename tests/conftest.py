"""What all tests share: tools that may be missing, and inputs that no op may write into."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAMS = {
    "dot": ("dot",),
    "git": ("git",),
    "browser": ("chromium", "chromium-browser", "google-chrome"),
}
MARKED = {
    "dot": ("dot",),
    "browser": ("browser", "playwright"),
    "notebook": ("nbclient",),
    "install": ("mypy",),
    "katex": ("katex",),
}


def needs(tool: str) -> Any:
    """The module `tool`, or the path of the program "dot", "git" or "browser"; of Node, which
    finds a package of its own, for "katex", and the script of "axe-core".

    A test whose tool is missing is skipped; where the environment has CI=true it fails, so that
    nothing goes unchecked there in silence.
    """
    if tool == "katex":
        found: Any = _node("require('katex')")[0]
    elif tool == "axe-core":
        found = _node("console.log(require.resolve('axe-core/axe.min.js'))")[1]
    elif tool in PROGRAMS:
        found = next(filter(None, map(shutil.which, PROGRAMS[tool])), None)
    else:
        try:
            found = importlib.import_module(tool)
        except (ImportError, OSError):  # cairosvg: without the library cairo
            found = None
    if found is None:
        report = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        report(f"{tool} is not installed")
    return found


def _node(script: str) -> tuple[str | None, str | None]:
    """Node, and what a script prints there; nothing where either is missing."""
    node = shutil.which("node")
    if node is None:
        return None, None
    asked = subprocess.run([node, "-e", script], capture_output=True, text=True)
    return (None, None) if asked.returncode else (node, asked.stdout.strip())


@pytest.fixture(name="needs")
def _needs() -> Callable[[str], Any]:
    return needs


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark, tools in MARKED.items():
        if item.get_closest_marker(mark):
            for tool in tools:
                needs(tool)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def offline() -> Iterator[Any]:
    """A browser context without a network; by module, since a second one may not run beside it."""
    path = needs("browser")
    sync_api = needs("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        context.set_default_timeout(5000)
        yield context
        browser.close()


@pytest.fixture
def visit(offline: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """`visit(root)` opens a graph's page; a request, an error or a console message fails."""
    from tinygrad_lite.draw import play

    pages: list[Any] = []
    wrong: list[str] = []

    def visit(root: Any, *, dark: bool = False, size: Any = (1280, 720), html: Any = None) -> Any:
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(play(root).html if html is None else html, encoding="utf-8")
        page = offline.new_page()
        pages.append(page)
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        page.on("request", lambda r: r.url == path.as_uri() or wrong.append(f"asks for {r.url}"))
        page.on("console", lambda m: wrong.append(f"console: {m.text}"))
        page.on("pageerror", lambda e: wrong.append(f"error: {e}"))
        page.on("dialog", lambda d: (wrong.append(f"dialog: {d.message}"), d.dismiss()))
        page.goto(path.as_uri())
        if page.locator("#model").count():
            page.locator("#panel > *").first.wait_for(state="attached")  # its model is unpacked
        return page

    yield visit
    for page in pages:
        page.close()
    assert wrong == []
