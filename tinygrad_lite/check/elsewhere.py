"""Another gradient than the one asked for: another node's, of a part of a derivative, of another
function than the graph's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backprop.flow import sweep
from ..graph.node import Node, fresh
from ..graph.op import Op
from ..notation.write import write
from ..ops import registry
from .arrays import BIG, times, worth
from .faults import SMALL
from .scales import Scales
from .search import Explanation, Guess, Search
from .slips import FARTHEST, LIKELY, ODD
from .tape import Tape, Vector, carried, op_of

COINCIDENCE = 3  # entries of a claim below which a foreign array says nothing
FEW = 60  # nodes up to which other functions than the graph's are tried
INSTEAD = {"add": "subtract", "subtract": "add", "multiply": "divide", "divide": "multiply"}


def other_gradients(search: Search, scales: Scales) -> Iterator[Guess]:
    """Another node's cotangent in the place of a node's."""
    for x, y in _alike(search):
        kind, text = _stands_for(search, x, y)
        yield search.guess(x, search.g[y], kind, ODD, text)


def products(search: Search, scales: Scales) -> Iterator[Guess]:
    """Another node's cotangent, or ones, times a factor in the place of a node's cotangent."""
    for x, y in _alike(search):
        yield from _product(search, x, search.g[y], search.tape.cotangent_of(y))
    for x in search.open if worth(search) else ():
        if COINCIDENCE <= x.data.size <= BIG:
            yield from _product(search, x, np.ones(x.shape), "1")


def _product(search: Search, x: Node, base: Vector, name: str) -> Iterator[Guess]:
    for guess in times(search, x, base, ""):
        words = f"{name}, but {guess.words()}, stands where {search.tape.cotangent_of(x)} belongs"
        yield search.guess(x, guess.delta + search.g[x], "other", FARTHEST, words)


def _alike(search: Search) -> Iterator[tuple[Node, Node]]:
    """Nodes of one shape that have names: of their cotangents one may be the other's."""
    if worth(search) and search.value.size >= COINCIDENCE:
        named = [y for y in search.region if search.tape.is_named(y)]
        for x in search.open:
            if COINCIDENCE <= x.data.size <= BIG and search.tape.is_named(x):
                yield from ((x, y) for y in named if y is not x and y.shape == x.shape)


def _stands_for(search: Search, x: Node, y: Node) -> tuple[str, str]:
    up, due = (search.tape.cotangent_of(n) for n in (y, x))
    if x is search.target:
        text = f"yours is {up}, the gradient with respect to {search.tape.label(y)}"
    else:
        text = f"{up} stands where {due} belongs"
    above = search.tape.position[y] < search.tape.position[x]
    return ("missing-factor" if above else "extra-factor"), text


def answers(search: Search, scales: Scales) -> Iterator[Guess]:
    """The claim is the gradient of another node, times a small number, summed or reshaped."""
    if search.value.size < 2:
        return
    tape, x = search.tape, search.target
    for y, g in tape.g.items():
        if y is x or y in search.inside or not tape.is_named(y):
            continue
        told = f"{tape.cotangent_of(y)}, the gradient with respect to {tape.label(y)}"
        for v, how in _fitted(g, x.shape):
            for k, scale in ((1, ""), (-1, "-1 x "), (2, "2 x "), (0.5, "1/2 x ")):
                cost = LIKELY if k == 1 else ODD
                yield search.guess(x, k * v, "other", cost, f"yours is {scale}{told}{how}")


def _fitted(g: Vector, shape: tuple[int, ...]) -> Iterator[tuple[Vector, str]]:
    if g.shape == shape:
        yield g, ""
    if g.T.shape == shape and g.ndim > 1:
        yield g.T, ", transposed"
    for axis in range(g.ndim):
        summed = g.sum(axis=axis)
        if summed.shape == shape:
            yield summed, f", summed over axis {axis}"


def diagonals(search: Search, scales: Scales) -> Iterator[Guess]:
    """Of the Jacobian of a function of several steps, such as a normalisation, the diagonal."""
    for x, y in _alike(search):
        if y.data.size > SMALL or search.tape.position[y] > search.tape.position[x]:
            continue

        def handed(g: Vector, x: Node = x, y: Node = y) -> Vector:
            found = carried([(y, g)], search.region, search.inside, search.blocked)
            return found.get(x, np.zeros(x.shape))

        units = np.eye(y.data.size).reshape(-1, *y.shape)
        diagonal = np.reshape([np.sum(handed(e) * e) for e in units], y.shape)
        value = search.g[x] - handed(search.g[y]) + diagonal * search.g[y]
        of, by = search.tape.label(y), search.tape.label(x)
        text = f"only the diagonal of the derivative of {of} with respect to {by} is used"
        yield search.guess(x, value, "missing-term", LIKELY, text)


def other_functions(search: Search, scales: Scales) -> Iterator[Explanation]:
    """The gradient of a graph in which one step is another: x / y for x * y, a step left out."""
    tape = search.tape
    if search.blocked or len(tape.order) > FEW or search.value.size < COINCIDENCE:
        return
    for n in search.region:
        op = n.op
        if op is None:
            continue
        other = registry.get(INSTEAD.get(op.name, "identity"))
        same = len(n.inputs) > 1 or np.shape(n.operands[0]) == n.shape
        if other is None or not same or len(n.inputs) != other.arity:
            continue
        found = _of_another(tape, n, other, search.target)
        if found is not None and search.explains(found[1]):
            text = f"yours is right for {found[0]} in place of {tape.step(n)}"
            yield search.explained("other", ODD, text, n)


def _of_another(tape: Tape, n: Node, op: Op, target: Node) -> tuple[str, Vector] | None:
    """What a step is called with another op, and the gradient of the target then."""
    made: dict[Node, Node] = {}
    names = dict(tape.names)
    try:
        for old in reversed(tape.order):
            inputs = [made[x] if isinstance(x, Node) else x for x in old.inputs]
            params = {} if old is n else old.params
            new = (
                fresh(old, old.data)
                if old.op is None
                else (op if old is n else op_of(old))(*inputs, **params)
            )
            made[old] = new
            if id(old) in names and old is not n:
                names[id(new)] = names[id(old)]
        found = sweep(made[tape.root], tape.seed).get(made[target])
    except (ValueError, TypeError, np.linalg.LinAlgError):
        return None
    return (write(made[n], names, depth=2), found) if found is not None else None
