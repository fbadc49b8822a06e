"""What options and paths are refused, each in one line that names what would do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any


def either(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def one_of(caller: str, **options: tuple[Any, Collection[Any]]) -> None:
    """Raise `ValueError` unless every option's value is among those it can have."""
    for option, (value, allowed) in options.items():
        if value not in allowed:
            choices = " or ".join(repr(a) for a in allowed if a is not None)
            raise ValueError(f"{caller}: {option}={value!r}; it can be {choices}")


def whole(caller: str, option: str, value: Any, least: int) -> None:
    """Raise `ValueError` unless the option is a whole number, not smaller than `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{caller}: {option}={value!r}; it must be a whole number from {least} on")


def writable(path: str | Path, endings: Collection[str]) -> Path:
    """The path of a file to write, in a folder that exists and with one of the endings."""
    path = Path(path)
    if path.suffix.lower() not in endings:
        raise ValueError(f"save: {path.name!r} should end in {either(endings)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {str(path.parent)!r} does not exist")
    return path
