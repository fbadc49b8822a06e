"""The same mistake made at every step of one sort, or at every use of one array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from .. import ops
from ..backprop.chain import contribution, fit
from ..graph.node import Node
from .faults import Fault, with_other
from .search import Explanation, Search
from .shadows import Shadow
from .tape import Vector, op_name, terms_of

BILINEAR = (ops.matmul, ops.multiply)
ALIKE = 0.3  # what it costs to suppose the same mistake at many steps
LOOP = 0.2  # the same in a loop over samples or time, where it is one line of code

Edge = tuple[Node, int]
Replacement = Callable[[Vector], "Vector | None"]


def resweep(search: Search, replaced: Mapping[Edge, Replacement]) -> Vector | None:
    """The claimed node's gradient with some steps replaced; None where one has another shape."""
    # What a function written out in several steps, y of x, is to hand to x in one comes with the
    # last edge into x, which is below y.
    beside: dict[Edge, list[Shadow]] = {}
    for shadow in search.catalogue.shadows:
        if (shadow.node, 0) in replaced and {shadow.x, shadow.y} <= search.inside:
            beside.setdefault(search.tape.consumers[shadow.x][-1], []).append(shadow)
    passed: dict[Node, Vector] = {}

    def handed(node: Node, index: int, g: Vector) -> Vector:
        if (node, index) not in replaced:
            return contribution(node, index, g)
        c = replaced[node, index](g)
        if c is None or c.shape != np.shape(node.operands[index]):
            raise _MisfitError
        return c

    def step(node: Node, index: int, g: Vector) -> Vector:
        passed[node] = g
        c = handed(node, index, g)
        for shadow in beside.get((node, index), ()):
            of_y = passed[shadow.y]
            c = c + handed(shadow.node, 0, of_y) - contribution(shadow.node, 0, of_y)
        return c

    try:
        return search.swept(step)[search.target]
    except _MisfitError:
        return None


class _MisfitError(Exception):
    """A replaced step hands on another shape than its input's."""


def everywhere(search: Search) -> Iterator[Explanation]:
    """Faults that, made at every step of a sort, give the claim."""
    groups: dict[object, list[tuple[Node, int, Fault]]] = {}
    alike: Counter[object] = Counter()  # faults of a step that are called the same
    made = [(n, i, fault) for n, i, _ in search.edges for fault in search.catalogue(n, i)]
    made += [(guess.node, guess.which, guess.fault) for guess in search.written_out]
    for n, i, fault in made:
        called = (i, fault.text, fault.named)
        alike[n, called] += 1
        groups.setdefault((op_name(n), called, alike[n, called]), []).append((n, i, fault))
    for group in groups.values():
        if len(group) > 1 and _explains(
            search, {(n, i): _fault(search, n, i, f) for n, i, f in group}
        ):
            n, i, fault = group[0]
            text = f"{fault.words(search.tape, n, i)}, and so at every step of this sort"
            yield search.explained(fault.kind, ALIKE + fault.cost, text, n)


def _fault(search: Search, n: Node, i: int, fault: Fault) -> Replacement:
    return lambda g: search.apply(n, i, fault, g)


def _scaled(n: Node, i: int, k: float) -> Replacement:
    return lambda g: k * contribution(n, i, g)


def _explains(search: Search, replaced: dict[Edge, Replacement]) -> bool:
    if not search.catalogue.spend(2 * len(search.region)):
        return False
    predicted = resweep(search, replaced)
    return predicted is not None and search.matches(predicted)


def shared(search: Search) -> Iterator[Explanation]:
    """A scalar mistake at every step that uses the same weight, or is the same sort of mean."""
    tape = search.tape
    groups: dict[object, list[Edge]] = {}
    for n, i, x in search.edges:
        name = op_name(n)
        if name in ("sum", "mean", "max", "square", "pow"):
            groups.setdefault((name, np.shape(n.operands[0])), []).append((n, i))
        if len(tape.consumers[x]) > 2:  # a loop over the data
            groups.setdefault((name, i, x, "from"), []).append((n, i))
        for j, other in enumerate(n.inputs):
            if j != i and isinstance(other, Node) and len(tape.consumers.get(other, ())) > 1:
                groups.setdefault((name, i, other), []).append((n, i))
    for group in groups.values():
        if len(group) < 2:
            continue
        n = group[0][0]
        options = [(0.0, "missing-term", "is left out"), (-1.0, "sign", "has the wrong sign")]
        if op_name(n) in ("sum", "mean"):
            terms = terms_of(n)
            k, other = (1 / terms, "mean") if op_name(n) == "sum" else (float(terms), "sum")
            words = f"is taken as a {other}, off by exactly {terms}"
            options.append((k, "mean-vs-sum", words))
        if len({n.inputs[i] for n, i in group}) == 1:
            words = f"counts for one of {len(group)} only"
            options.append((1 / len(group), "mean-vs-sum", words))
        for k, kind, words in options:
            if _explains(search, {(m, i): _scaled(m, i, k) for m, i in group}):
                text = f"every path through steps such as {tape.step(n)} {words}"
                yield search.explained(kind, ALIKE, text, n)


def in_a_loop(search: Search) -> Iterator[Explanation]:
    """A parameter used once per sample: only one sample counted, or no sample's own number."""
    edges = search.tape.consumers[search.target]
    if len(edges) < 3:
        return
    name = search.tape.label(search.target)
    for n, i in (edges[0], edges[-1]):
        if search.matches(search.parts[n, i]):
            text = (
                f"only one of the {len(edges)} paths from {name} is counted; its gradient adds up"
            )
            yield search.explained("missing-term", LOOP, f"{text} over all of them (+=)", n)
    numbers = all(
        op_name(n) == "multiply" and np.ndim(n.operands[1 - i]) == 0 and n.operands[1 - i]
        for n, i in edges
    )
    if numbers and _explains(search, {(n, i): lambda g: g for n, i in edges}):
        text = f"what {name} is multiplied by is left out, and so at every step of this sort"
        yield search.explained("missing-factor", LOOP, text, edges[0][0])


def in_sequence(search: Search) -> Iterator[Explanation]:
    """A weight used at every step of a sequence, with the neighbour's state in its gradient."""
    tape = search.tape
    groups: dict[tuple[str, int], list[Edge]] = {}
    for n, i in search.tape.consumers[search.target]:
        if op_name(n) in ("matmul", "multiply"):
            groups.setdefault((op_name(n), i), []).append((n, i))
    for (_, i), group in groups.items():
        states = [n.operands[1 - i] for n, _ in group]
        if len(group) < 2 or len({np.shape(s) for s in states}) > 1:
            continue
        last = [  # the state that the last step makes
            n.data
            for n in tape.order
            if n.shape == np.shape(states[0]) and tape.position[n] < tape.position[group[0][0]]
        ]
        shifted = [[s, *states[:-1]] for s in last]
        shifted += [[*states[1:], s] for s in (states[-1], 0 * states[-1])]
        shifted += [[0 * states[0], *states[:-1]]]
        for values in shifted:
            steps = zip(group, values, strict=True)
            if _explains(search, {(n, j): _with_state(n, j, v) for (n, j), v in steps}):
                name = tape.label(search.target)
                text = f"the state of the neighbouring step stands in every product with {name}"
                yield search.explained("off-by-index", LOOP, text, group[0][0])
                break


def _with_state(n: Node, index: int, state: Vector) -> Replacement:
    return lambda g: with_other(n, index, g, state)


def overwritten(search: Search) -> Iterator[Explanation]:
    """Overlapping slices of one array whose gradients replace each other instead of adding up."""
    for x in search.region:
        edges = [(n, i) for n, i in search.tape.consumers[x] if op_name(n) == "getitem"]
        if len(edges) < 2 or x in search.blocked:
            continue
        rest = search.g[x] - sum(search.parts[n, i] for n, i in edges)
        for order in (edges, edges[::-1]):
            c = np.zeros(x.shape)
            for n, _ in order:
                c[n.params["index"]] = search.g[n]
            if search.matches(search.carry([(x, rest + c - search.g[x])])):
                text = f"the gradients of overlapping parts of {search.tape.label(x)} overwrite"
                yield search.explained("missing-term", 0.1, f"{text} each other; they add up", x)
                return


def updated_weights(search: Search) -> Iterator[Explanation]:
    """A leaf that takes part in products on the way and had been moved down its own gradient.

    The length of the step is free, so that a claim of one or two entries says nothing.
    """
    tape = search.tape
    if search.value.size < 3:
        return
    for W in tape.order:
        if W.op is not None or W not in tape.g or W is search.target:
            continue
        steps = [
            (n, x, fit(with_other(n, i, search.g[n], factor), x, n.op, i))
            for n, i, x in search.edges
            if n.op in BILINEAR and (factor := _moved(n, i, W, tape.g[W])) is not None
        ]
        sites = [(x, delta) for _, x, delta in steps]
        moved = search.carry(sites) - search.expected
        size = float(np.sum(moved * moved))
        if not size > 0:
            continue
        step = -float(np.sum(moved * (search.value - search.expected))) / size
        if 0 < step <= 100 and search.matches(search.expected - step * moved):
            name = tape.label(W)
            text = (
                f"{name} had been updated already: {name} - {step:.3g} {tape.cotangent_name(W)} "
                f"stands where {name} belongs; use the weights of the forward pass"
            )
            scaled = [(x, -step * delta) for x, delta in sites]
            yield search.explained("other", 0.3, text, steps[0][0], scaled)


def _moved(node: Node, index: int, W: Node, gradient: Vector) -> Vector | None:
    """How the other factor of a product moves with W: when it is W, or W transposed."""
    other = node.inputs[1 - index]
    if other is W:
        return gradient
    if isinstance(other, Node) and other.op is ops.permute_dims and other.inputs[0] is W:
        return np.transpose(gradient, other.params["axes"])
    return None
