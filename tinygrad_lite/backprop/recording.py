"""What a rule gets as `xp` on nodes: the ops, and NumPy's other functions, which hand nodes back to
this package."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import Namespace


class _Recording:
    def __init__(self) -> None:
        vars(self).update((name, op) for name, op in vars(ops).items() if name[0] != "_")

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


RECORDING: Namespace = _Recording()
