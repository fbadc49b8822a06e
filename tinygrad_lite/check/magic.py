"""`%load_ext tinygrad_lite`, and then `%%check E` above a derivation in a notebook's cell."""

from __future__ import annotations

import argparse
from typing import Any

from ..graph.node import Node
from .code.source import parsed
from .findings import Report
from .verdict import check

CELL = "this cell"


def load_ipython_extension(shell: Any) -> None:
    """Add `%%check E` to a notebook: it runs the cell, and prints its lines back with a verdict
    for each that assigns a gradient of E (dW = ..., grad_W = ..., dE_dW = ...). `--explain` and
    `--hints N` after E are those of `check`."""

    def check_cell(line: str, cell: str) -> Report | None:
        """%%check E [--hints N] [--explain]: is every gradient right that this cell assigns?"""
        parser = argparse.ArgumentParser(prog="%%check", add_help=False, exit_on_error=False)
        parser.add_argument("loss", nargs="?", default="")
        parser.add_argument("--hints", type=int)
        parser.add_argument("--explain", action="store_true")
        try:
            asked, rest = parser.parse_known_args(line.split())
        except argparse.ArgumentError as error:
            raise ValueError(f"%%check: {error}") from None
        if rest:
            raise ValueError(
                f"%%check: {' '.join(rest)} says nothing; there are --hints, --explain"
            )
        return _checked(shell, asked, cell)

    shell.register_magic_function(check_cell, "cell", "check")


def _checked(shell: Any, asked: argparse.Namespace, cell: str) -> Report | None:
    name = asked.loss
    root = shell.user_ns.get(name)
    if not isinstance(root, Node):
        what = f"{name!r} is a {type(root).__name__}" if name in shell.user_ns else "say which loss"
        raise ValueError(f"%%check: {what}; write %%check E, where E is a Value or Tensor")
    if not shell.run_cell(cell, store_history=False).success:
        return None  # the error is shown
    public = {n: v for n, v in shell.user_ns.items() if not n.startswith("_")}
    derived = parsed(CELL, cell)
    return check(root, derived, names=public, hints=asked.hints, explain=asked.explain)
