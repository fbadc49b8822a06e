"""What a package shows of itself: its names, its version, and a word on names that it lacks."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np

from .reflexes import MODULES, advice


def present(package: str, *rooms: str) -> None:
    """Give a package its `__all__` (where it states none), `__dir__` and `__getattr__`.

    Public is every function, class, op and number that it holds, and the modules in `rooms`. The
    package states no `__all__` where its names come from star imports: type checkers follow those,
    but mypy takes `__all__ += ops.__all__` for the end of the list. Names of builtins (sum, max)
    are handed on and listed, but no star import may replace the builtin by them.
    """
    held = vars(sys.modules[package])
    handed_on = {name for name, value in held.items() if name in rooms or _is_public(name, value)}
    taken = handed_on & vars(builtins).keys()
    held.setdefault("__all__", sorted(handed_on - taken))
    made = {} if "." in package else {"__version__": version}  # when they are asked for
    shown = sorted({*held["__all__"], *taken, *made})

    def missing(name: str) -> Any:
        if name in made:
            return made[name]()
        for room in rooms:
            if name in held[room].__all__:
                line = f"tg.{room}.{name}"
                break
        else:
            line = MODULES.get(package, {}).get(name, "")
            if not line and made and callable(getattr(np, name, None)):
                line = f"np.{name}(...)  # NumPy's functions record"
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}{advice(line)}",
            name=name,
            obj=sys.modules[package],
        )

    held.update(__dir__=lambda: shown, __getattr__=missing)


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
