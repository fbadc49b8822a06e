"""What a package shows of itself: its names, its version, and a word on names that it lacks."""

from __future__ import annotations

import builtins
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from .reflexes import MODULES, advice


class Package(ModuleType):
    """A package in which an imported module hides no function of its name: draw/ is not `draw`."""

    def __setattr__(self, name: str, value: Any) -> None:
        if value is not sys.modules.get(f"{self.__name__}.{name}"):  # as an import sets it
            super().__setattr__(name, value)


def present(package: str, *rooms: str, late: str = "") -> None:
    """Give a package its `__all__` (where it states none), `__dir__` and `__getattr__`.

    Public is every function, class, op and number that it holds, and the modules in `rooms`; also
    what the module `late` holds, which is imported when a name is asked for that is not there. The
    package states no `__all__` where its names come from star imports: type checkers follow those,
    but mypy takes `__all__ += ops.__all__` for the end of the list. Names of builtins (sum, max)
    are handed on and listed, but no star import may replace the builtin by them.
    """
    module = sys.modules[package]
    held = vars(module)
    made = {} if "." in package else {"__version__": version}  # when they are asked for

    def public() -> set[str]:
        return {name for name, value in held.items() if name in rooms or _is_public(name, value)}

    def completed() -> None:
        if late:
            loaded = vars(import_module(f"{package}.{late}"))
            held.update({k: v for k, v in loaded.items() if _is_public(k, v)})
        held.setdefault("__all__", sorted(public() - vars(builtins).keys()))

    def shown() -> list[str]:
        completed()
        return sorted({*held["__all__"], *(public() & vars(builtins).keys()), *made})

    def missing(name: str) -> Any:
        if name in made:
            return made[name]()
        habit = MODULES.get(package, {}).get(name, "")
        if late and (name == "__all__" or not name.startswith("_")):
            completed()
            if name in held:
                return held[name]
            inside = sys.modules.get(f"{package}.{name}")
            if inside is not None and not habit:
                return inside
        for room in rooms:
            if name in held[room].__all__:
                line = f"tg.{room}.{name}"
                break
        else:
            line = habit
            if not line and made and callable(getattr(np, name, None)):
                line = f"np.{name}(...)  # NumPy's functions record"
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}{advice(line)}",
            name=name,
            obj=module,
        )

    held.update(__dir__=shown, __getattr__=missing)
    if late:
        for name in MODULES[package].keys() & held.keys():
            del held[name]  # tg.tensor([1.0]) is a habit, and no call of the module tensor
        module.__class__ = Package
    else:
        completed()


def _is_public(name: str, value: Any) -> bool:
    shown = callable(value) or isinstance(value, float)  # pi
    return shown and value is not present and not name.startswith("_")


def version() -> str:
    """The version that the installed metadata states; "unknown" where nothing is installed."""
    from importlib import metadata  # takes as long as a fifth of NumPy, and few ask

    try:
        return metadata.version("tinygrad_lite")
    except metadata.PackageNotFoundError:
        return "unknown"
