"""A clock that counts what is computed: a search that it ends finds the same on every machine.

Whoever computes much says how long that takes about, `spend`; `spent` is read before and after, as
`time.thread_time` would be. The microseconds are about those of a core of 2023.
"""

from __future__ import annotations

import threading
from typing import Any

PER_ENTRY = 0.005  # microseconds for each entry of an array


class _Clock(threading.local):
    microseconds = 0.0


_clock = _Clock()


def spend(microseconds: float, made: Any = None) -> None:
    """Count an operation, and the entries of the array that it `made`."""
    size = getattr(made, "size", 1)
    entries = size if isinstance(size, int) else 1
    _clock.microseconds += microseconds + PER_ENTRY * entries


def spent() -> float:
    """The seconds that this thread was busy, by its own account."""
    return _clock.microseconds / 1e6
