"""The same mistake at every step of one sort, at every use of one array, or shifted in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from ..backprop.chain import contribution
from ..graph.node import Node, raw
from .faults import Fault, looking, scaled
from .rules import computed, is_number
from .search import Explanation, Search
from .shadows import Shadow
from .slips import FAR, ODD
from .tape import Vector, op_name

Edge = tuple[Node, int]


def alike(search: Search) -> Iterator[Explanation]:
    """Faults that give the claim when they are made at every step of a sort, at every product with
    one operand, or at every use of one array."""
    groups: dict[object, dict[Edge, Fault]] = {}
    for n, i, fault, nth in _made(search):
        called = (op_name(n), i, fault.text, nth)
        others = (x for j, x in enumerate(n.inputs) if j != i and isinstance(x, Node))
        made_by = tuple(map(op_name, n.inputs))
        numbers = tuple(float(raw(x)) for x in n.inputs if is_number(x))
        for scope in (*others, n.inputs[i], made_by, numbers, None):
            groups.setdefault((called, scope), {})[n, i] = fault
    tried: set[object] = set()
    for (called, scope), group in groups.items():  # type: ignore[misc]
        members = (called, frozenset(group))
        if len(group) < 2 or members in tried:
            continue
        tried.add(members)
        if made_explain(search, group):
            (n, i), fault = next(iter(group.items()))
            uses = (
                f"every use of {search.tape.label(scope)}"
                if isinstance(scope, Node)
                else "every step of this sort"
            )
            text = f"{fault.words(search.tape, n, i)}, and so at {uses}"
            yield search.explained(fault.kind, ODD + fault.cost, text, n)


def _made(search: Search) -> Iterator[tuple[Node, int, Fault, int]]:
    """Every fault at every step, and which it is of those of the step that are called the same."""
    for n, i, _ in search.steps:
        alike: Counter[object] = Counter()
        rule = search.tape.rule(n, i)
        misread = search.catalogue(n, i, rule) if rule else ()
        for fault in (*search.catalogue(n, i), *misread, *scaled(search.tape, n, i)):
            alike[fault.text] += 1
            yield n, i, fault, alike[fault.text]


def made_explain(search: Search, made: Mapping[Edge, Fault]) -> bool:
    """Whether faults at some steps give the claim; not where one hands on another shape."""
    if not search.catalogue.spend(2 * len(search.region)):
        return False
    # What a function written out in several steps, y of x, is to hand to x in one comes with the
    # last edge into x, which is below y.
    beside: dict[Edge, list[Shadow]] = {}
    for s in search.catalogue.shadows:
        if (s.node, 0) in made and {s.x, s.y} <= search.inside:
            beside.setdefault(search.tape.consumers[s.x][-1], []).append(s)
    passed: dict[Node, Vector] = {}

    def handed(node: Node, index: int, g: Vector) -> Vector:
        if (node, index) not in made:
            return contribution(node, index, g)
        c = search.apply(node, index, made[node, index], g)
        if c is None or c.shape != np.shape(node.operands[index]):
            raise ValueError("it hands on another shape than its input's")
        return c

    def step(node: Node, index: int, g: Vector) -> Vector:
        passed[node], c = g, handed(node, index, g)
        for s in beside.get((node, index), ()):
            c = c + handed(s.node, 0, passed[s.y]) - contribution(s.node, 0, passed[s.y])
        return c

    found = computed(lambda: search.swept(step)[search.target])
    return found is not None and search.explains(found)


def in_sequence(search: Search) -> Iterator[Explanation]:
    """Steps of one sort that look at their neighbour's value, as with h[t] for h[t - 1]."""
    groups: dict[object, list[Edge]] = {}
    for n, i, _ in search.edges:
        shapes = tuple(map(np.shape, n.operands))
        groups.setdefault((op_name(n), i, shapes), []).append((n, i))
    for group in groups.values():
        rule = search.tape.rule(*group[0]) if len(group) > 1 else None
        for place in rule.places if rule else ():
            shifts = _shifted(search, group, place)
            if kind := next((kind for kind, made in shifts if made_explain(search, made)), ""):
                at = (n if place is None else n.inputs[place] for n, _ in group)
                names = [search.tape.label_of(x) for x in at]
                text = f"{' and '.join(names)} stand in each other's place"
                if kind == "off-by-index":
                    text = (
                        f"the value of the neighbouring step stands where {names[0]} and the like"
                    )
                    text += " belong"
                yield search.explained(kind, FAR, text, group[0][0])


def _shifted(
    search: Search, group: list[Edge], place: int | None
) -> Iterator[tuple[str, Mapping[Edge, Fault]]]:
    """Faults that look at the neighbour's value, at the end at one of the same shape; of two steps
    that may be to exchange them."""
    values = [n.data if place is None else n.operands[place] for n, _ in group]
    shape = np.shape(values[0])
    order = search.tape.order[: search.tape.position[group[0][0]] + 1]
    later = [n.data for n in order if n.shape == shape]
    known = [v for _, v in search.tape.named_along(shape) if np.shape(v) == shape]
    ends = [[v, *values[:-1]] for v in later]
    starts = [[*values[1:], v] for v in (values[-1], *known)]
    for moved in (*ends, *starts):
        swapped = len(group) == 2 and np.array_equal(moved, values[::-1])
        looked = zip(group, moved, strict=True)
        made = {at: Fault("other", FAR, looking(*at, place, v), "") for at, v in looked}
        yield ("wrong-order" if swapped else "off-by-index"), made
