"""The arrays of a graph while the user's own code runs: what it writes into is put back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...graph.node import Node, raw


class Untouched:
    """Keeps copies of the arrays of some nodes and of the constants beside them."""

    def __init__(self, nodes: Iterable[Node], names: Mapping[int, str]) -> None:
        kept: dict[int, tuple[str, Any, Any]] = {}
        for node in nodes:
            for x in (node, *node.inputs):
                array = raw(x)
                if isinstance(array, np.ndarray) and array.flags.writeable:
                    name = names.get(id(x), "an array")
                    kept.setdefault(id(array), (name, array, array.copy()))
        self._kept = kept

    def put_back(self) -> list[str]:
        """The names of those that were changed, which are what they were again."""
        found: dict[str, None] = {}
        for name, array, copy in self._kept.values():
            if array.tobytes() != copy.tobytes():
                np.copyto(array, copy)
                found[name] = None
        return list(found)
