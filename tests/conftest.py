"""What all tests share: tools that may be missing, and inputs that no op may write into."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

PROGRAMS = {"dot": ("dot",), "browser": ("chromium", "chromium-browser", "google-chrome")}
MARKED = {"dot": ("dot",), "browser": ("browser", "playwright"), "notebook": ("nbclient",)}


def needs(tool: str) -> Any:
    """The module `tool`, or the path of the program "dot" or "browser".

    A test whose tool is missing is skipped; where the environment has CI=true it fails, so that
    nothing goes unchecked there in silence.
    """
    if tool in PROGRAMS:
        found: Any = next(filter(None, map(shutil.which, PROGRAMS[tool])), None)
    else:
        try:
            found = importlib.import_module(tool)
        except ImportError:
            found = None
    if found is None:
        report = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        report(f"{tool} is not installed")
    return found


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
