"""Derivations as code: run as Python runs them, with a record of every sub-expression."""

from .forms import CannotRecord
from .interpreter import run, run_statements
from .source import NoSource, Source, source_of
from .trace import Assignment, Instance, Record, Trace

__all__ = [
    "Assignment",
    "CannotRecord",
    "Instance",
    "NoSource",
    "Record",
    "Source",
    "Trace",
    "run",
    "run_statements",
    "source_of",
]
