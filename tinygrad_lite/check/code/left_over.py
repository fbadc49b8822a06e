"""Which leaf that no name stands for what is left over in the end is the gradient of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from ...graph.node import Node
from .judged import Equal, Judged
from .pairs import GENERIC, OWN, Pairs, fits, wanted_names
from .plain import names_of
from .steps import RETURNED
from .trace import Trace
from .truth import Truth

LIKE = 0.6  # how alike two names are at least, of 1, that mean the same
PART = 0.9  # where one is the beginning or the end of the other: w of weights, W2 of G_W2
SURE = 2.0  # it is the gradient
TOTALS = (*GENERIC, "mean", "sum", "total", "avg", "average", "acc")  # in what gradients are called


def left_over(
    rows: Sequence[Judged],
    order: Sequence[Node],
    pairs: Pairs,
    truth: Truth,
    trace: Trace,
    equal: Equal,
) -> Iterator[tuple[list[Judged], Node]]:
    """The steps of what has the shape of a leaf that nothing stands for, and the leaf: of which
    they are the gradient in the end, or else whose name is likest, or which is the only one that a
    result can be of. Names in a function that is called count where the leaf is one of its own, and
    it is called once."""
    taken = {row.node for row in rows}
    open_ = {node: None for node in order if node.op is None and node not in taken}
    ends = _ends(rows, pairs, trace) if open_ else []
    likely: list[tuple[float, Node, list[Judged]]] = []
    for node in open_:
        every = _last([turn for turn in ends if _fits(turn, node)], trace)
        hit = [turn for turn in every if equal(node, turn[-1].step.value, truth.gradient(node))]
        likely += [(SURE, node, turn) for turn in hit[-1:]]
        calls = Counter(turn[-1].step.name for turn in every if turn[-1].step.inside is not None)
        for turn in every if not hit else ():
            if calls[turn[-1].step.name] < 2:
                likely.append((_likeness(turn[-1], node, pairs), node, turn))
    for how, node, turn in sorted(likely, key=lambda x: -x[0]):
        if how >= LIKE and turn in ends and node in open_:
            del open_[node]
            ends.remove(turn)
            yield turn, node
    yield from _alone(_unused(ends, rows, pairs, trace), [*open_], pairs)


def _ends(rows: Sequence[Judged], pairs: Pairs, trace: Trace) -> list[list[Judged]]:
    """The steps of each name that stands for nothing; in a function that is called, where it may be
    another's in each turn of a loop, those of one that are computed from each other."""
    found: dict[tuple[str, Any], list[Judged]] = {}
    for row in rows:
        own = getattr(row.step.record.value, "node", None)  # another name for it
        if row.node is own is None and pairs.given.get(row.step.name, row) is not None:
            key = (row.step.name, row.index) if row.step.name == RETURNED else row.step.of
            known = found.get(key, []) if row.step.inside is not None else []
            if known and known[-1].step.record not in trace.above(row.step.record):
                found[row.step.name, (key, row.index)] = found.pop(key)
            found.setdefault(key, []).append(row)
    return list(found.values())


def _fits(turn: list[Judged], node: Node) -> bool:
    """Whether a value has the shape of a node, but for axes of length 1."""
    return fits(np.shape(turn[-1].step.value), node.shape)


def _last(ends: list[list[Judged]], trace: Trace) -> list[list[Judged]]:
    """Those of some results from which no other is computed, where one is made inside a call."""
    if all(turn[-1].step.inside is None for turn in ends):
        return ends
    above = {id(turn): trace.above(turn[-1].step.record) for turn in ends}
    return [
        turn
        for turn in ends
        if turn[-1].step.inside is None
        or all(turn is x or turn[-1].step.record not in above[id(x)] for x in ends)
    ]


def _unused(
    ends: list[list[Judged]], rows: Sequence[Judged], pairs: Pairs, trace: Trace
) -> list[list[Judged]]:
    """The results that read like gradients and from which no other of them, and no gradient that is
    known, is computed."""
    found = [turn for turn in ends if pairs.reads_like_one(turn[-1].step.name)]
    known = [turn[-1] for turn in found] + [row for row in rows if found and row.node is not None]
    records = {row.step.record for row in known}
    used = {x for record in records for x in trace.above(record) if x is not record}
    return [turn for turn in found if turn[-1].step.record not in used]


def _alone(
    ends: list[list[Judged]], open_: list[Node], pairs: Pairs
) -> Iterator[tuple[list[Judged], Node]]:
    """Some results and the leaves that they must be of: the only one of that shape, or the only one
    whose name theirs ends with."""

    def ending(turn: list[Judged], node: Node) -> bool:
        name = pairs.names.get(node, "")
        return bool(name) and turn[-1].step.name.endswith(name)

    for turn in ends:
        inside = turn[-1].step.inside is not None  # where what has no name here may have one
        known = [node for node in open_ if inside or node in pairs.names]
        nodes = [node for node in known if _fits(turn, node)]
        rivals = [other for other in ends if nodes and _fits(other, nodes[0])]
        if len(nodes) > 1 or len(rivals) > 1:
            nodes = [node for node in nodes if ending(turn, node)]
            rivals = [other for other in rivals if nodes and ending(other, nodes[0])]
        if len(nodes) == len(rivals) == 1:
            yield turn, nodes[0]


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
    same = step.inside is None and _same_words(step.name, pairs.names.get(node, ""))
    return max(likest, PART * same)


def _same_words(name: str, of: str) -> bool:
    """Whether a name that says that it is a gradient has the words of another beside that, some
    abbreviated, and is an entry in the same place: mean_grad_w_q[0] of query_weights[0]."""
    (stem, _, place), (known, _, at) = (x.rpartition(".")[2].partition("[") for x in (name, of))
    words, due = ({*x.lower().split("_")} - {""} for x in (stem, known))
    rest = words.difference(OWN, TOTALS)
    if not due or place != at or words.isdisjoint(GENERIC) or len(rest) != len(due):
        return False
    return all(w.startswith(short) for short, w in zip(sorted(rest), sorted(due), strict=True))
