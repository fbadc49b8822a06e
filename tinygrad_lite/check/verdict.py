"""`check`: hold hand-derived gradients against the chain rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph.node import Node
from .claims import read
from .diagnose import diagnose
from .report import Report
from .tape import in_fresh_context


def check(
    E: Node,
    claims: Mapping[Node | str, Any],
    *,
    cotangent: Any = None,
    rtol: float | None = None,
    names: Mapping[str, Any] | None = None,
) -> Report:
    """Hold hand-derived gradients of E against the chain rule, and say which step is wrong.

    `claims` maps nodes, or their names, to what was derived for dE/d(node): an array, a number or a
    nested list. A non-scalar E needs `cotangent`, the gradient of the loss with respect to it. The
    tolerance comes from the dtype and the computation's own conditioning; `rtol` widens it, for
    numbers typed with few digits. `names` holds the variables to take names from, in place of the
    caller's. No node's `.grad` is touched.

    Raises `ValueError` for a claim that names no node of the graph or a constant one, is ragged or
    not finite, `TypeError` for one that is not numeric.
    """
    return in_fresh_context(_check, E, claims, cotangent, rtol, names)  # type: ignore[no-any-return]


def _check(
    E: Node,
    claims: Mapping[Node | str, Any],
    cotangent: Any,
    rtol: float | None,
    names: Mapping[str, Any] | None,
) -> Report:
    with np.errstate(all="ignore"):
        tape, found = read(E, claims, cotangent, names)
        spread = tape.rounding(claim.node for claim in found)
        for claim in found:
            claim.judge(tape.g[claim.node], spread[claim.node], rtol)
        return Report(diagnose(tape, found))
