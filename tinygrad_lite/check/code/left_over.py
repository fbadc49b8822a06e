"""Which leaf that no name stands for what is left over in the end is the gradient of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from ...graph.node import Node
from .judged import Equal, Judged
from .pairs import GENERIC, Pairs, wanted_names
from .plain import names_of
from .steps import RETURNED
from .truth import Truth

LIKE = 0.6  # how alike two names are at least, of 1, that mean the same
PART = 0.9  # where one is the beginning or the end of the other: w of weights, W2 of G_W2
SURE = 2.0  # it is the gradient


def left_over(
    rows: Sequence[Judged], order: Sequence[Node], pairs: Pairs, truth: Truth, equal: Equal
) -> Iterator[tuple[list[Judged], Node]]:
    """The steps of what has the shape of a leaf that nothing stands for, and the leaf: of which
    they are the gradient in the end, or else whose name is likest. Names in a function that is
    called count where the leaf is one of its own, and it is called once."""
    taken = {row.node for row in rows}
    open_ = {node for node in order if node.op is None and node not in taken}
    ends: dict[tuple[str, Any], list[Judged]] = {}
    for row in rows if open_ else ():
        if row.node is None and pairs.given.get(row.step.name, row) is not None:
            nameless = (row.step.name, row.index) if row.step.name == RETURNED else None
            ends.setdefault(nameless or row.step.of, []).append(row)
    likely: list[tuple[float, Node, tuple[str, Any]]] = []
    for node in [node for node in order if node in open_]:
        last = {of: turn[-1].step for of, turn in ends.items()}
        every = [of for of, step in last.items() if np.shape(step.value) == node.shape]
        hit = [of for of in every if equal(node, last[of].value, truth.gradient(node))]
        likely += [(SURE, node, of) for of in hit[-1:]]
        calls = Counter(of[0] for of in every if last[of].inside is not None)
        for of in every if not hit else ():
            if last[of].inside is None or calls[of[0]] == 1:
                likely.append((_likeness(ends[of][-1], node, pairs), node, of))
    for how, node, of in sorted(likely, key=lambda x: -x[0]):
        if how >= LIKE and of in ends and node in open_:
            open_.remove(node)
            yield ends.pop(of), node


def _likeness(row: Judged, node: Node, pairs: Pairs) -> float:
    """How alike a step's name and a leaf's are, from 0 to 1."""
    step = row.step
    names = [pairs.names.get(node, "")]
    if step.inside is not None:
        names = names_of(node, {n: r.value for n, r in step.inside.flat().items()})
    stems = {n.rpartition(".")[2].rpartition("[")[2].strip("']").lower() for n in names} - {""}
    generic = step.inside is None and step.name.rpartition(".")[2] in (*GENERIC, RETURNED)
    likest = LIKE * generic
    for of in map(str.lower, wanted_names(step.name, pairs.loss)):
        for stem in stems:
            part = of != stem and (stem.startswith(of) or stem.endswith(of))
            likest = max(likest, SequenceMatcher(None, of, stem).ratio(), PART * part)
    return likest
