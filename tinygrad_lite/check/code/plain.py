"""A node that code reads from outside, as the array that it holds: `s` and `s.data` alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph.node import Node


class Held(np.ndarray):
    """The array of a node. What is computed from it is a plain array."""

    @property
    def data(self) -> Any:
        """The array, as of a node."""
        return self.view(np.ndarray)

    def detach(self) -> Any:
        """The array, as of a node."""
        return self.view(np.ndarray)

    def __array_wrap__(self, array: Any, *rest: Any) -> Any:
        return np.asarray(array)[()]


def held(value: Any) -> Any:
    """The array of a node; anything else as it is."""
    return np.array(value.data).view(Held) if isinstance(value, Node) else value
