"""What is wrong with the definition of an op, said where it is defined."""

from __future__ import annotations

import inspect
from typing import Any


def refuse_template(op: Any, template: str) -> None:
    """Raise `ValueError` if a format string names an input or a setting that the op lacks."""
    settings = dict.fromkeys(op.defaults, "")
    try:
        template.format(*op.input_names, inputs="", **settings)
    except (IndexError, KeyError, ValueError):
        inputs = range(op.arity) if op.arity is not None else ("inputs",)
        known = ", ".join(f"{{{key}}}" for key in (*inputs, *settings))
        raise ValueError(
            f"{op.name}: {template!r} is not a format string of {known} (a brace is written twice)"
        ) from None


def refuse_signature(op: Any, index: int, rule: Any) -> None:
    """Raise `TypeError` if a rule cannot be called with the arguments that the sweep gives."""
    given = ["xp", "y"] if op.elementwise else ["xp", "G", "y"]
    given += op.input_names if op.arity is not None else ["index", "x0", "x1"]
    try:
        inspect.signature(rule).bind(*given, **op.defaults)
        if op.keeping:
            inspect.signature(rule).bind(*given, **op.defaults, kept=None)
    except ValueError:  # a builtin that tells no signature
        return
    except TypeError as error:
        settings = [f"{k}={k}" for k in op.defaults] + ["kept=None"] * bool(op.keeping)
        raise TypeError(
            f"{op.name}: the rule for input {op.input_name(index)} is called as "
            f"rule({', '.join(given + settings)}), which it does not take: {error}"
        ) from None
