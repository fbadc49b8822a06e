"""What becomes a node, and what a plain array."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import is_array, namespace
from ..graph.errors import holds_nodes
from ..graph.node import Node
from . import arrange

__all__ = ["asarray"]


def asarray(x: Any, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """A node as it is, nested lists that hold nodes joined into one `Tensor`, other data as a plain
    array, a constant; in the `dtype`, if given, which must be floating for nodes.

    A node is never written into, so it needs no `copy`, and stays on its `device`. Raises
    `ValueError` where the shapes in a list differ.
    """
    if isinstance(x, Node) or (isinstance(x, (list, tuple)) and holds_nodes(x)):
        y = arrange.asarray(x)
        return y if dtype is None or y.dtype == dtype else ops.astype(y, dtype=dtype)
    plain = (namespace(x) if is_array(x) else np).asarray(x, dtype=dtype, copy=copy)
    return plain if dtype is not None or plain.dtype.kind in "iub" else arrange.asarray(x)
