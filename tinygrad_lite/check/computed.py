"""A loss given as the function that computes it, of what its parameters' names mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..graph.node import Node
from .code.derivation import watched


@dataclass(frozen=True, eq=False)
class Computed:
    """The loss that a function of the caller's nodes and arrays computes. `names` are the caller's
    variables, its arguments and, last, its own."""

    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    names: Mapping[str, Any]
    root: Node


def computed(function: Callable[..., Any], variables: Mapping[str, Any]) -> Computed:
    """Compute a loss of what the parameters' names mean; `ValueError` where one means nothing."""
    given = {}
    for p in inspect.signature(function).parameters.values():
        if p.name in variables:
            given[p.name] = variables[p.name]
        elif p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            who = f"check: {function.__name__} has a parameter {p.name!r}"
            raise ValueError(f"{who}, which is no name of the caller; pass it with names=")
    with watched(function) as own:
        root = function(**given)
    if not isinstance(root, Node):
        told = f"check: {function.__name__} returns a {type(root).__name__}"
        raise TypeError(f"{told}, not a Value or Tensor; a derivation goes second")
    names = {**variables, **given, **own}
    if root.name is None and all(value is not root for value in own.values()):
        names[function.__name__] = root
    return Computed(function, given, names, root)
