"""A node as the array that it holds, in code that may say `s` or `s.data`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph.node import Node


class Held(np.ndarray):
    """The array of a node. What is computed from it has `data` too, as a node would."""

    @property
    def data(self) -> Any:
        """The array, as of a node."""
        return self.view(np.ndarray)

    def detach(self) -> Any:
        """The array, as of a node."""
        return self.view(np.ndarray)

    def __array_wrap__(self, array: Any, *rest: Any) -> Any:
        return array.view(Held) if array.ndim else array[()]


def held(value: Any) -> Any:
    """The array of a node; anything else as it is."""
    return np.array(value.data).view(Held) if isinstance(value, Node) else value
