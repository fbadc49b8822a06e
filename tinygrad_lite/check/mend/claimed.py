"""What should be a gradient, and whether it is, in one run of what computes it."""

from __future__ import annotations

import numpy as np

from ...graph.node import raw
from ..claims import in_shape
from ..code.coded import Coded
from ..code.judged import Entry, Judged, Line
from ..code.trace import Trace
from ..code.truth import Truth
from .known import TOLERANCE, agrees
from .written import FAILS

# A step of a derivation, entries that it set, or a claim that is code.
Claimed = Judged | Entry | Coded
SINGLE = 1e-4  # how nearly single precision gives what it should, relative to the largest entry


def is_right(claimed: Claimed, trace: Trace, truth: Truth) -> bool:
    """Whether something is what it should be."""
    at = claimed.line(trace, truth)
    return at is not None and at.record is not None and line_is_right(at)


def line_is_right(at: Line) -> bool:
    """Whether a line gives what it should once what is wrong above it is put right."""
    assert at.record is not None
    try:
        value = raw(at.trace.again(at.before, at.record) if at.before else at.record.value)
    except FAILS:
        return False
    tolerance = SINGLE if getattr(value, "dtype", None) == np.float32 else TOLERANCE
    return agrees(
        value, in_shape(np.asarray(at.wanted, float), np.shape(value)), tolerance=tolerance
    )
