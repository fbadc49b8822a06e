"""The names that nodes have in pictures."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import count

import numpy as np

from ..backprop.replay import questions
from ..graph.names import name_all
from ..graph.node import Node, raw
from ..notation.mathematics import number_text
from ..notation.names import subscripts
from .measure import shorten


def within(scope: tuple[str, ...], names: Mapping[int, str], *nodes: Node) -> Mapping[int, str]:
    """The names of nodes and their inputs, without the scope that they are shown in."""
    if not scope:
        return names
    prefix = ".".join(scope) + "."
    shown = (x for node in nodes for x in (node, *node.inputs) if id(x) in names)
    return {id(x): names[id(x)].removeprefix(prefix) for x in shown}


def known_names(nodes: Sequence[Node]) -> dict[int, str]:
    """The names that nodes and the constants of their ops have: their own, or of variables."""
    inputs = [x for node in nodes for x in node.inputs]
    bases = (getattr(x, "base", None) for x in inputs)
    return name_all([*nodes, *inputs, *(a for a in bases if isinstance(a, np.ndarray))])


def complete_names(
    order: Sequence[Node], names: Mapping[int, str], shown: Container[Node] | None = None
) -> dict[int, str]:
    """`names`, and a short new one for every node (that is `shown`) and constant array without: t₁,
    t₂ for results, p₁ for leaves, c₁ for constants, 𝟏[z > 0] for masks of which that was asked."""
    known = {key: shorten(str(name), 24) or "?" for key, name in names.items()}
    taken = set(known.values())
    counts = {letter: count(1) for letter in "tpc"}
    asked = questions(list(order))

    def fresh(letter: str) -> str:
        found = (letter + subscripts(str(k)) for k in counts[letter])
        return next(name for name in found if name not in taken)

    for node in order:
        for x in (*node.inputs, node):
            if id(x) in known:
                continue
            if isinstance(x, Node):
                if shown is not None and x not in shown:
                    continue
                known[id(x)] = fresh("t" if x.op else "c" if x.constant else "p")
            elif getattr(x, "ndim", 0) and id(x) not in asked:
                known[id(x)] = fresh("c")
    for key, mask in asked.items():
        if key not in known:
            name = _question(mask, known)
            known[key] = name if name and name not in taken else fresh("c")
            taken.add(known[key])
    return known


def _question(mask: Node, known: Mapping[int, str]) -> str:
    """𝟏[z > 0]; "" where what it asks of has no name."""
    words = [
        number_text(float(x)) if not np.ndim(raw(x)) else known.get(id(x), "") for x in mask.inputs
    ]
    assert mask.op is not None
    return f"𝟏[{mask.op.text.format(*words)}]" if all(words) else ""
