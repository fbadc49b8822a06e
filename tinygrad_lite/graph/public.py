"""What a package shows of itself: its public names, and which version it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version
from types import ModuleType


def names_of(package: str) -> Callable[[], list[str]]:
    """A package's `__dir__`: the names it hands on, without the modules that they come from."""

    def listed() -> list[str]:
        held = vars(sys.modules[package])
        return sorted(
            name
            for name, value in held.items()
            if name in held["__all__"]
            or name.startswith("__")
            or not (name.startswith("_") or isinstance(value, ModuleType))
        )

    return listed


def version() -> str:
    """The version that the installed metadata states; "unknown" where nothing is installed."""
    try:
        return _version("tinygrad_lite")
    except PackageNotFoundError:
        return "unknown"
