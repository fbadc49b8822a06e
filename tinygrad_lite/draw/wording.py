"""Ops and rules as they are written in pictures: the user's names, and maths as by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from ..graph.names import name_all
from ..graph.node import Node
from .figures import MINUS
from .measure import shorten

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SIGN = re.compile(r"(?<![^\s(])-|(?<=\de)-(?=\d)")  # a minus, not a hyphen within a name
_ONE = r"([^\s()]+|\([^()]*\))"  # a name, or something in brackets
_SHAPE = r"\([\d, ]*\)"
_PAPER = (  # how transposing, indexing and broadcasting are written by hand
    (r"permute_dims\((∂[^,()]+), \(1, 0\)\)", r"(\1)ᵀ"),
    (rf"permute_dims\({_ONE}, \(1, 0\)\)", r"\1ᵀ"),
    (rf"^{_ONE}\[\.\.\., None\] \* {_ONE}$", r"\1 \2ᵀ"),
    (rf"^\({_ONE}\[\.\.\., None, :\] @ {_ONE}\)\[\.\.\., 0, :\]$", r"\2ᵀ \1"),
    (rf"reshape\((∂[^(),]+), {_SHAPE}\) / ", r"(\1) / "),
    (
        rf"^broadcast_to\((?:reshape\()?([^(),]+|\([^()]*\) / \d+)(?:, {_SHAPE}\))?, ({_SHAPE})\)$",
        r"\1 repeated to \2",
    ),
    (rf"^reshape\((sum\([^()]*\)), {_SHAPE}\)$", r"\1"),
)


def written(write: Callable[..., str], *args: Any, **options: Any) -> str:
    """An op or a rule as on paper, where `(∂E/∂v)[..., None] * x` is (∂E/∂v) xᵀ, and so on for
    vectors and repetition; or nothing: a user's rule may compute on numbers only."""
    try:
        text = _SIGN.sub(MINUS, write(*args, **options))
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return ""
    for code, paper in _PAPER:
        text = re.sub(code, paper, text)
    return text


def within(scope: tuple[str, ...], names: Mapping[int, str], node: Node) -> Mapping[int, str]:
    """The names of a node and its inputs, without the scope that they are shown in."""
    if not scope:
        return names
    prefix = ".".join(scope) + "."
    shown = (x for x in (node, *node.inputs) if id(x) in names)
    return {id(x): names[id(x)].removeprefix(prefix) for x in shown}


def known_names(nodes: Sequence[Node]) -> dict[int, str]:
    """The names that nodes and the constants of their ops have: their own, or of variables."""
    return name_all([*nodes, *(x for node in nodes for x in node.inputs)])


def complete_names(order: Sequence[Node], names: Mapping[int, str]) -> dict[int, str]:
    """`names`, and a short new one for every node and constant array without: t₁, t₂ for results,
    p₁ for leaves, c₁ for constants."""
    known = {key: shorten(str(name), 24) or "?" for key, name in names.items()}
    taken = set(known.values())
    counts = {letter: count(1) for letter in "tpc"}

    def fresh(letter: str) -> str:
        found = (letter + str(k).translate(_SUBSCRIPTS) for k in counts[letter])
        return next(name for name in found if name not in taken)

    for node in order:
        for x in (*node.inputs, node):
            if id(x) in known:
                continue
            if isinstance(x, Node):
                known[id(x)] = fresh("t" if x.op else "c" if x.constant else "p")
            elif getattr(x, "ndim", 0):
                known[id(x)] = fresh("c")
    return known
