"""Expressions with their derivatives as textbooks print them: the examination of `tg.derive`."""

from . import cookbook, cookbook_traces, expressions
from .case import Case, Draw, cases
from .grown import Grown, grow
from .judge import LIMITED, Verdict, agrees, derived, disagreement, judge, misprints, unknown

__all__ = [
    "LIMITED",
    "Case",
    "Draw",
    "Grown",
    "Verdict",
    "agrees",
    "cases",
    "cookbook",
    "cookbook_traces",
    "derived",
    "disagreement",
    "expressions",
    "grow",
    "judge",
    "misprints",
    "unknown",
]
