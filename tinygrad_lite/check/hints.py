"""Help with a wrong line, more at each level: where it is, its kind, the rule, the answer."""

from __future__ import annotations

from typing import Any

from .kinds import KINDS


def _where(report: Any, f: Any) -> str:
    return f"Look at line {f.line}: {f.code}" if f.line else f"Look at the gradient of {f.name}."


def _what(report: Any, f: Any) -> str:
    if f.kind in ("", "other"):
        return "It is none of the mistakes that are common."
    return f"The mistake is of this kind: {KINDS[f.kind]}."


def _rule(report: Any, f: Any) -> str:
    rule = report.rule(f.node) if report.rule and f.node is not None else ""
    return rule or (f"Look at the step {f.where}." if f.where else _what(report, f))


def _answer(report: Any, f: Any) -> str:
    if f.mended is not None:
        return f"It should read: {f.mended}"
    right = report.formula(f.node) if report.formula and f.node is not None else ""
    return f"It should be: {right}" if right else f.message()


HINTS = (_where, _what, _rule, _answer)


def hint(report: Any, level: int) -> str:
    """The help of one level; "" where nothing is wrong."""
    if level not in range(1, len(HINTS) + 1):
        raise ValueError(f"hint: level {level!r}; there are 1 to {len(HINTS)}")
    return HINTS[level - 1](report, report.first) if report.first is not None else ""
