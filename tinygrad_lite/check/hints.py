"""Help with a wrong line, more at each level: where it is, its kind, the rule, the answer."""

from __future__ import annotations

from typing import Any

from .kinds import KINDS


def _where(report: Any, f: Any) -> str:
    return f"Look at line {f.line}: {f.code}" if f.line else f"Look at the gradient of {f.name}."


def _what(report: Any, f: Any) -> str:
    return f"The mistake is of this kind: {KINDS[f.kind]}." if f.kind else "It is a mistake."


def _rule(report: Any, f: Any) -> str:
    rule = report.rule(f.node) if report.rule and f.node is not None else ""
    return rule or (f"Look at the step {f.where}." if f.where else _what(report, f))


def _answer(report: Any, f: Any) -> str:
    if f.mended is not None:
        return f"It should read: {f.mended}"
    right = report.formula(f.node) if report.formula and f.node is not None else ""
    return f"It should be: {right}" if right else f.message()


HINTS = (_where, _what, _rule, _answer)
