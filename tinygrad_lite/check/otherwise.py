"""The gradient of another loss: one in which something is computed otherwise, forwards too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..backprop.flow import flow
from ..graph.context import recording_rules
from ..graph.node import Node, fresh, raw, topological_order
from ..graph.op import Op
from .faults import Fault, looking
from .rules import computed, is_number
from .search import MANY, ONE, Explanation, Search
from .slips import FAR, ODD, OTHER, Instead, moved, turned
from .systematic import Edge, made_explain
from .tape import Vector, is_sum, op_name, op_of, terms_of

COSTLY = 5  # steps that recording a node again is worth
ENTRIES = 1_000  # entries of a node that are worth one more
FEW = 4  # uses of one number that are changed one by one
MOST = 200_000  # entries that it may be of
REDUCTIONS: dict[Op, str] = {
    ops.max: "maximum",
    ops.min: "minimum",
    ops.mean: "mean",
    ops.sum: "sum",
}
RATES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)  # what people step with

Again = Callable[..., Node]


class Other(NamedTuple):
    """What is done otherwise, and the words for it: nodes computed anew by something else, or
    (`made`) mistakes in the gradient alone."""

    kind: str
    text: str
    step: Node
    changed: Mapping[Node, Again]
    made: Mapping[Edge, Fault] = {}
    cost: float = FAR

    def explains(self, search: Search) -> bool:
        """Whether the claim is what comes of it."""
        if self.made:
            return made_explain(search, self.made)
        cost = sum(COSTLY + n.data.size // ENTRIES for n in search.tape.order)
        if not self.changed or not search.catalogue.spend(cost):
            return False
        found = computed(_gradient, search, self.changed)  # a matrix may be singular there
        return found is not None and search.explains(found)


def other_losses(search: Search) -> Iterator[Explanation]:
    """The gradient of another loss, the simplest first; then an operation left out in it alone."""
    tape = search.tape
    if len(tape.order) > MANY or sum(n.data.size for n in tape.order) > MOST:
        return
    others = (_numbers, _arrays, _ops, _steps) if search.value.size > 1 else ()
    for find in (_left_out, _left_out_below, *others):
        found = [
            Explanation(other.kind, ONE + other.cost, other.text, _where(search, other.step))
            for other in find(search)
            if other.explains(search)
        ]
        yield from found
        if found:
            return


def _gradient(search: Search, changed: Mapping[Node, Again]) -> Vector:
    made: dict[Node, Node] = {}
    for n in reversed(search.tape.order):
        inputs = [made[x] if isinstance(x, Node) else x for x in n.inputs]
        if n not in changed and all(x is new for x, new in zip(n.inputs, inputs, strict=True)):
            made[n] = n
            continue
        again: Again = changed.get(n) or partial(op_of(n), **n.params)
        with recording_rules() if n.op is not None and n.op.plain else nullcontext():
            made[n] = again(*inputs)
    seeds = {made[n]: g for n, g in search.blocked.items() if n in search.inside}
    fixed, order = {*seeds}, topological_order(made[search.tape.root])
    seeds[order[0]] = search.g[search.tape.root]
    return flow(order, seeds, within={*order}, fixed=fixed)[made[search.target]]


def _where(search: Search, step: Node) -> str:
    return "" if step.op is None else search.tape.step(step)


def _left_out(search: Search) -> Iterator[Other]:
    """An operation left out: one of its operands is handed on as it is."""
    sorts: dict[tuple[Any, ...], list[tuple[Node, Again, str]]] = {}
    for n, j, told in _operands(search):
        kind, kept = "missing-term" if is_sum(n) else "missing-factor", partial(_operand, j)
        yield Other(kind, f"{told}, in its value too", n, {n: kept}, cost=ODD)
        made_by = tuple(map(op_name, n.inputs))
        sorts.setdefault((kind, n.op, j, made_by), []).append((n, kept, told))
    for (kind, *_), group in sorts.items():
        for some, every in ((group, ""), (group[::2], " other"), (group[1::2], " other")):
            if len(some) > 1:
                n, _, told = some[0]
                text = f"{told}, in its value too, and so at every{every} step of this sort"
                yield Other(kind, text, n, {m: kept for m, kept, _ in some})


def _left_out_below(search: Search) -> Iterator[Other]:
    """The same in the gradient alone: rules look at the operand, not at the result."""
    for n, j, told in _operands(search):
        kind, a = "missing-term" if is_sum(n) else "missing-factor", n.operands[j]
        made: dict[Edge, Fault] = {}
        for i, x in enumerate(n.operands):
            share = np.full(np.shape(x), float(i == j))
            made[n, i] = Fault("other", FAR, partial(np.multiply, share), "")
        for m, place in search.tape.consumers[n]:
            looked = partial(looking, place=place, value=np.asarray(a, dtype=float))
            made |= {(m, i): Fault("other", FAR, looked(m, i), "") for i in range(len(m.inputs))}
        yield Other(kind, f"{told}, in the gradient alone", n, {}, made, ODD)


def _operands(search: Search) -> Iterator[tuple[Node, int, str]]:
    """What may stand for the result of a step: its operands of that shape, and the words for it."""
    tape = search.tape
    for n in (n for n in tape.order if n.op is not None):
        values = [j for j in range(len(n.inputs)) if n.op and j not in n.op.untouched]
        for j in values if len(values) < 3 else ():
            if np.shape(n.operands[j]) != n.shape:
                continue
            told = f"{tape.label_of(n.inputs[j])} stands for {tape.label(n)}"
            for k in values if len(n.inputs) == len(values) else ():
                if k != j:
                    told = f"{tape.label_of(n.inputs[k])} is left out of {tape.label(n)}"
            yield n, j, told


def _operand(j: int, *inputs: Any) -> Node:
    x = inputs[j]
    return x if isinstance(x, Node) else leaf(np.asarray(x, dtype=float))


def leaf(data: Vector) -> Node:
    """A new leaf that holds an array."""
    made: Node = fresh(None, data)
    return made


def _numbers(search: Search) -> Iterator[Other]:
    """Another number, wherever the graph has it for the same, or at one step alone."""
    tape = search.tape
    uses: dict[float, dict[Edge, None]] = {}
    for n in tape.order:
        for i, x in enumerate(n.inputs):
            if is_number(x) and n.op and i not in n.op.untouched:
                uses.setdefault(float(raw(x)), {})[n, i] = None
    for c, every in uses.items():
        alone = [[use] for use in every] if 1 < len(every) <= FEW else []
        for k, steps in ((k, steps) for k in _instead_of(c) for steps in ([*every], *alone)):
            changed = {n: partial(_with, n, {i: k}) for n, i in steps}
            text = f"{k:.6g} stands for {c:.6g}, in the value too"
            if len(steps) > 1:
                text += ", and so wherever it stands"
            yield Other("constant-scale", text, steps[0][0], changed)
    counts: dict[int, list[Node]] = {}
    for n in tape.made_by("mean"):
        counts.setdefault(terms_of(n), []).append(n)
    for terms, nodes in counts.items():
        text = f"perhaps it is divided by {terms - 1}, not {terms}, in the value too"
        for some in (nodes, *([n] for n in nodes)) if terms > 1 else ():
            changed = {n: partial(_times, n, terms / (terms - 1)) for n in some}
            yield Other("constant-scale", text, some[0], changed)


def _instead_of(c: float) -> list[float]:
    """The numbers that may stand for one: double, half, its complement, a neighbour."""
    found = [2 * c, c / 2, c * c]
    if 0 < c < 1:
        found.append(1 - c)
    if c == round(c) and abs(c) > 2:
        found += [c - 1, c + 1]
    return [k for k in dict.fromkeys(found) if k != c]


def _with(n: Node, values: Mapping[int, Any], *inputs: Any, **settings: Any) -> Node:
    """A step with other constants or settings."""
    given = [values.get(i, x) for i, x in enumerate(inputs)]
    made: Node = op_of(n)(*given, **{**n.params, **settings})
    return made


def _times(n: Node, k: float, *inputs: Any) -> Node:
    made: Node = ops.multiply(_with(n, {}, *inputs), k)
    return made


def _arrays(search: Search) -> Iterator[Other]:
    """A constant array or an index with its entries in other places, wherever it stands."""
    tape = search.tape
    uses: dict[int, list[Edge]] = {}
    for n in tape.order:
        for i, x in enumerate(n.inputs):
            if not isinstance(x, Node) and np.ndim(x):
                uses.setdefault(id(x), []).append((n, i))
    for steps in uses.values():
        n, i = steps[0]
        a, name = n.operands[i], tape.label_of(n.inputs[i])
        places = [*moved(a)]
        if np.ndim(a) == 2 and a.shape[0] == a.shape[1]:
            places.append(Instead("transpose", ODD, turned(a), "transposed"))
        for m in places:
            changed = {n: partial(_with, n, {i: m.value}) for n, i in steps}
            yield Other(m.kind, f"{name} is {m.text}, in the value too", n, changed)
    for n in tape.made_by("getitem"):
        index = n.params["index"] if isinstance(n.params["index"], tuple) else ()
        for k, at in enumerate(index):
            for by in (1, -1) if np.ndim(at) == 1 else ():
                other = (*index[:k], np.roll(at, by), *index[k + 1 :])
                text = f"the index along axis {k} is shifted by one"
                yield Other("off-by-index", text, n, {n: partial(_with, n, {}, index=other)})


def _ops(search: Search) -> Iterator[Other]:
    """A maximum for a minimum or a mean, the branches of a choice exchanged."""
    for n in search.tape.order:
        if n.op is ops.where:
            text, turn = "the two branches are exchanged", lambda c, a, b: ops.where(c, b, a)
            yield Other("wrong-order", text, n, {n: turn})
        for op, name in REDUCTIONS.items() if n.op in REDUCTIONS and terms_of(n) > 1 else ():
            if op is not n.op and {n.op, op} != {ops.mean, ops.sum}:  # that is a factor
                text = f"the {name} stands for the {REDUCTIONS[op_of(n)]}"
                yield Other(OTHER, text, n, {n: partial(op, **n.params)})


def _steps(search: Search) -> Iterator[Other]:
    """The gradient at other parameters: after a step along it, or before the one that was made."""
    tape = search.tape
    leaves = [x for x in tape.g if x.op is None and x.data.size > 1]
    for x in leaves if search.value.size > 2 else ():
        ways = [(-1, tape.g[x], "after a step of descent", f"− {{}} {tape.cotangent_of(x)}")]
        if x is search.target:
            ways.append((1, search.value, "before the last step", "+ {} times yours"))
        for (sign, g, when, moved_by), rate in product(ways, RATES):
            at = f"{tape.label(x)} {moved_by.replace('{}', f'{rate:g}')}"
            changed = {x: lambda move=sign * rate * g, x=x: leaf(x.data + move)}
            yield Other("other", f"perhaps yours is that {when}: at {at}", x, changed)
