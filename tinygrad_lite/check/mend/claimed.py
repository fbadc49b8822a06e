"""What should be a gradient, and whether it is, in one run of what computes it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from ...graph.node import raw
from ..claims import in_shape
from ..code.derivation import Data
from ..code.judged import Line
from ..code.trace import Trace
from ..code.truth import Truth
from .known import TOLERANCE, agrees
from .written import FAILS

SINGLE = 1e-4  # how nearly single precision gives what it should, relative to the largest entry


class Claimed(Protocol):
    """What should be a gradient: a step of a derivation, or a claim that is code."""

    def line(self, trace: Trace, truth: Truth) -> Line | None:
        """It as it is in a run; None where that went another way."""


class Kept(Claimed, Protocol):
    """What has to stay right."""

    def end(self, trace: Trace, truth: Truth) -> Line | None:
        """What its name has in the end, where that is right by itself."""


class Running(Claimed, Protocol):
    """A claim that is run by itself."""

    @property
    def trace(self) -> Callable[[Data | None, Mapping[ast.AST, Any] | None], Trace]: ...


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
