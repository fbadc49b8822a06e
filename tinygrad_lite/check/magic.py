"""`%load_ext tinygrad_lite`, and then `%%check E` above a derivation in a notebook's cell."""

from __future__ import annotations

from typing import Any

from ..graph.node import Node
from .code.source import parsed
from .findings import Report
from .verdict import check_text

CELL = "this cell"


def load_ipython_extension(shell: Any) -> None:
    """Add `%%check E` to a notebook: it runs the cell, and prints its lines back with a verdict
    for each that assigns a gradient of E (dW = ..., grad_W = ..., dE_dW = ...)."""

    def check_cell(line: str, cell: str) -> Report | None:
        """%%check E: is every gradient right that this cell assigns?"""
        return _checked(shell, line.strip(), cell)

    shell.register_magic_function(check_cell, "cell", "check")


def _checked(shell: Any, name: str, cell: str) -> Report | None:
    root = shell.user_ns.get(name)
    if not isinstance(root, Node):
        what = f"{name!r} is a {type(root).__name__}" if name in shell.user_ns else "say which loss"
        raise ValueError(f"%%check: {what}; write %%check E, where E is a Value or Tensor")
    if not shell.run_cell(cell, store_history=False).success:
        return None  # the error is shown
    public = {n: v for n, v in shell.user_ns.items() if not n.startswith("_")}
    return check_text(root, parsed(CELL, cell), public)
