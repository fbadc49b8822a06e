"""Expressions with their derivatives as textbooks print them: the examination of `tg.derive`."""

from . import cookbook, cookbook_traces, expressions
from .case import Case, Draw, cases
from .grown import Grown, grow
from .judge import Verdict, derived, disagreement, judge, misprints

__all__ = [
    "Case",
    "Draw",
    "Grown",
    "Verdict",
    "cases",
    "cookbook",
    "cookbook_traces",
    "derived",
    "disagreement",
    "expressions",
    "grow",
    "judge",
    "misprints",
]
