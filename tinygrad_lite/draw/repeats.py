"""Steps that are repeated, as a loop unrolls them: the same ops over and over, each time on what
came out before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph.node import Node
from .scopes import Path, after_inputs, common_scope

_FEWEST = 3  # repetitions
_LONGEST = 2000  # ops in one
_SHARE = 0.5  # of all ops: the repetitions are more
_LARGE = 20_000  # nodes: of so many only one order is tried


@dataclass(frozen=True)
class Repeats:
    """`same` are the nodes of all but the last repetition -> those of the last, and `copies` of
    these all, first to last. `turn` says in which repetition an op is, `carried` are the nodes that
    the next one uses, `scopes` those of all nodes, with the frame of the last repetition."""

    scopes: Mapping[Node, Path]
    times: int = 0
    frame: Path = ()
    same: Mapping[Node, Node] = field(default_factory=dict)
    copies: Mapping[Node, tuple[Node, ...]] = field(default_factory=dict)
    turn: Mapping[Node, int] = field(default_factory=dict)
    carried: frozenset[Node] = frozenset()

    def steps(self) -> list[dict[int, Any]]:
        """Of each repetition what stands where the last has a node or an array, by its id; nothing
        if several things stand for one."""
        found: list[dict[int, Any]] = [{} for _ in range(self.times)]
        for last, nodes in self.copies.items():
            for step, node in zip(found, nodes, strict=True):
                pairs = [(last, node), *zip(last.inputs, node.inputs, strict=True)]
                for x, other in pairs:
                    if hasattr(x, "shape") and step.setdefault(id(x), other) is not other:
                        return []
        return found

    def before(self, x: Node, node: Node) -> bool:
        """Whether a node in a repetition uses x of an earlier one."""
        return x in self.turn and node in self.turn and self.turn[x] != self.turn[node]


def execution(nodes: Sequence[Node], *, given: bool = False) -> list[Node]:
    """The nodes (consumers first) in an order in which code computes them: of an op's inputs what
    took most steps first, so that a loop's steps follow each other, or as they are `given`, as in a
    loop that adds up or collects something."""
    inputs = {node: list(node.parents()) for node in nodes}
    depth: dict[Node, int] = {}
    for node in reversed(nodes):
        depth[node] = 1 + max([depth[x] for x in inputs[node]], default=0)
    for xs in inputs.values() if not given else ():  # of equally deep ones the first is first
        xs.sort(key=depth.__getitem__, reverse=True)
    return after_inputs(inputs)


def repeats(nodes: Sequence[Node], order: Sequence[Node], scopes: Mapping[Node, Path]) -> Repeats:
    """The repetition that most of the nodes (consumers first), which are executed in that or
    another `order`, are part of, if there is one."""
    best = Repeats(scopes)
    for given in (False, True) if len(nodes) < _LARGE else (False,):
        tried = execution(nodes, given=True) if given else order
        ops = [node for node in tried if node.op is not None]
        kinds = _kinds(ops)
        for fewest in (_FEWEST, _FEWEST - 1):  # without one before them that is in another order
            start, period, times = _found(kinds, fewest)
            turns = [ops[start + j * period : start + (j + 1) * period] for j in range(times)]
            found = _repeats(turns, ops, tried, scopes) if times else None
            if found is not None:
                best = max(best, found, key=lambda each: len(each.turn))
                break
    return best


def _repeats(
    turns: list[list[Node]], ops: list[Node], order: Sequence[Node], scopes: Mapping[Node, Path]
) -> Repeats | None:
    """What is repeated in these equal `turns`; None if each is not made of the one before."""
    times, period = len(turns), len(turns[0])
    turn = {node: k for k, nodes in enumerate(turns) for node in nodes}
    steps = {turn[x] for n in turn for x in n.parents() if x in turn and turn[x] == turn[n] - 1}
    after: set[Node] = set()  # what the last one makes of what came out before
    for node in turns[-1]:
        if any(x in after or turn.get(x, times) < times - 1 for x in node.parents()):
            after.add(node)
    if len(steps) < times - 1 or len(after) <= period / 2:
        return None
    if first := _first(turns, turn):
        turns.insert(0, first)
        times += 1
    if times < _FEWEST:
        return None
    copies = {nodes[-1]: nodes for nodes in zip(*turns, strict=True)}
    turn = {node: k for k, nodes in enumerate(turns) for node in nodes}
    used = {x for n in turn for x in n.parents() if x in turn and turn[x] < turn[n]}
    if len(turn) <= _SHARE * len(ops):
        return None
    outside = {x for node in order if node not in turn for x in node.parents()}
    for nodes in list(copies.values()):  # leaves that each repetition has its own of
        for xs in zip(*(n.inputs for n in nodes), strict=True):
            own = len(set(map(id, xs))) == len(nodes) and all(isinstance(x, Node) for x in xs)
            if own and not any(x.op or x in outside for x in xs):
                copies.setdefault(xs[-1], xs)
    same = {x: node for node, nodes in copies.items() for x in nodes[:-1]}
    shared = scopes[turns[-1][0]]
    for node in copies:
        shared = common_scope(shared, scopes[node])
    frame = (*shared, f"the last of {times:,} equal steps")
    framed = {x: (*frame, *scopes[x][len(shared) :]) for x in copies}
    carried = frozenset(same.get(x, x) for x in used)
    return Repeats({**scopes, **framed}, times, frame, same, copies, turn, carried)


def _first(turns: Sequence[Sequence[Node]], turn: Mapping[Node, int]) -> list[Node]:
    """The repetition before the first of `turns`, if there is one whose ops are in another order:
    found from what it hands on, input by input."""
    place = {node: k for k, node in enumerate(turns[0])}
    found: dict[int, Node] = {}
    pairs = [
        (x, y)
        for node, after in zip(turns[0], turns[1], strict=True)
        for x, y in zip(node.inputs, after.inputs, strict=True)
        if isinstance(y, Node) and y in place and not (isinstance(x, Node) and x in place)
    ]
    while pairs:
        x, y = pairs.pop()
        if not isinstance(x, Node) or x.op is not y.op or x.shape != y.shape:
            return []
        if found.setdefault(place[y], x) is not x:
            return []
        given = zip(x.inputs, y.inputs, strict=True)
        pairs += [(a, b) for a, b in given if isinstance(b, Node) and b in place]
    return [found[k] for k in range(len(place))] if len(found) == len(place) else []


def _kinds(ops: Sequence[Node]) -> np.ndarray[Any, Any]:
    """A number for what an op is: its function, settings, the shapes of its inputs, and its scope,
    with blocks.0 and blocks.1 alike."""
    found: dict[Any, int] = {}
    kinds = []
    for node in ops:
        inputs = tuple([x.shape if isinstance(x, Node) else None for x in node.inputs])
        settings = repr(dict(node.params)) if node.params else ""
        scope = tuple(part.rstrip("0123456789") for part in node.scope)
        kinds.append(found.setdefault((node.op, settings, inputs, scope), len(found)))
    return np.asarray(kinds)


def _found(kinds: np.ndarray[Any, Any], fewest: int) -> tuple[int, int, int]:
    """Start, period and number of the repetitions that are most ops in all, the shortest of these;
    the last of them ends as late as it can."""
    best = (0, 1, 0)
    for period in range(1, min(len(kinds) // fewest, _LONGEST) + 1):
        if best[1] * best[2] >= len(kinds) - period:
            break
        equal = np.concatenate([[False], kinds[period:] == kinds[:-period], [False]])
        edges = np.flatnonzero(equal[1:] != equal[:-1])
        lengths = edges[1::2] - edges[::2]
        if not len(lengths):
            continue
        longest = int(lengths.argmax())
        times = int(lengths[longest]) // period + 1
        if times >= fewest and times * period > best[1] * best[2]:
            end = int(edges[1::2][longest]) + period
            best = (end - times * period, period, times)
    return best
