"""Is this hand-derived gradient right, and if not, which step is wrong and why?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..node import Node
from .claims import Claim, read
from .compare import compare
from .diagnose import diagnose
from .report import KINDS as KINDS
from .report import Finding as Finding
from .report import Report as Report
from .tape import Tape, in_fresh_context


def check(
    E: Node,
    claims: Mapping[Node | str, Any],
    *,
    cotangent: Any = None,
    rtol: float | None = None,
) -> Report:
    """Hold hand-derived gradients of E against the chain rule, and say which step is wrong.

    `claims` maps nodes, or their names, to what was derived for dE/d(node): an array, a number or a
    nested list. A non-scalar E needs `cotangent`, the gradient of the loss with respect to it. The
    tolerance comes from the dtype and the computation's own conditioning; `rtol` widens it, for
    numbers typed with few digits. No node's `.grad` is touched.

    Raises `ValueError` for a claim that names no node of the graph or a constant one, holds a NaN
    or is ragged, `TypeError` for one that is not numeric.
    """
    tape, found = read(E, claims, cotangent)
    return in_fresh_context(_check, tape, found, rtol)  # type: ignore[no-any-return]


def _check(tape: Tape, claims: list[Claim], rtol: float | None) -> Report:
    with np.errstate(all="ignore"):
        return _judge(tape, claims, rtol)


def _judge(tape: Tape, claims: list[Claim], rtol: float | None) -> Report:
    spread = tape.rounding(claim.node for claim in claims)
    for claim in claims:
        claim.judge(tape.g[claim.node], spread[claim.node], rtol)
        if claim.fits:
            claim.compared = compare(claim.value, claim.expected, claim.tolerance)
    return Report(diagnose(tape, claims))
