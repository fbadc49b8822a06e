"""Other lengths for the axes of a loss, so that no axis or number is taken for another.

Axes that no operation ties get different lengths. A number of the graph that is a length, as the N
of a mean, moves with it: in every way in which it may be one.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, combinations, count, islice, product
from math import isqrt, prod
from typing import Any

import numpy as np

from ... import ops
from ...backprop.flow import sweep
from ...backprop.replay import questions, replay
from ...graph.backend import is_array
from ...graph.node import Node, raw, topological_order
from ...graph.trees import leaves, map_tree, rebuild
from ..code.derivation import Data, entries_of
from ..computed import Computed
from .lengths import Lengths, Slot, lengthened
from .numbers import is_number
from .redraw import near

WIDTH = 0.1  # of the factors' logarithms
MOST = 12  # ways in which the numbers may be lengths
FACTORS, PRODUCTS = 3, 500  # lengths of which a number may be the product, and how many of these
HALF = 0.5  # that of a square
LEAST, SINGLY = 2, 6  # what may stand for itself, and how many of these are looked at one by one
DECIMALS = 2  # of a number that people choose
EXACT = 1e-9  # how nearly a number is a length
HOWS: tuple[Callable[[float], float], ...] = (
    *(lambda n: n, lambda n: 1 / n),
    *(lambda n: n - 1, lambda n: 2 * n, lambda n: n**0.5, lambda n: 0.5 / n, lambda n: n**-0.5),
)
PLAIN = 2  # of these are lengths themselves
Lengthened = Mapping[Slot, int]
Kept = tuple[Container[float], Container[float]]
Number = tuple[Any, ...]  # a number, and where it is if there may be others like it


def resized(
    root: Node, made: Computed | None, named: Mapping[str, Any], written: Kept
) -> Iterator[Iterator[Callable[[], Data]]]:
    """The graph of a loss with axes longer, of data that are what the recorded ones are: in the
    likeliest ways in which its numbers, and whole ones of the `named`, may be lengths, then in all
    of them, those too in which what a name may tie has several lengths, then in those in which some
    are none. What a function computes tells by itself. Lengths and numbers that are `written` so
    stay. What is not made for that raises when it is drawn."""
    lengths, literals = written
    known = Lengths(root)
    whole = [v for v in named.values() if type(v) is int and v > 1]
    free = [s for s in known.free if known.number[s] not in lengths]
    numbers = _numbers(root, literals) if made is None else {}
    asked = questions(topological_order(root))

    def draw(longer: Lengthened, new: Mapping[Number, float]) -> Data:
        data, moved = _arrays(known, longer), dict[Any, Any]()
        copies = _copies(known, data)
        for x, at in numbers.items():
            for node, i in at if x in new else ():
                moved[node, i] = moved[id(node.inputs[i])] = type(node.inputs[i])(new[x])
        moved |= {id(v): int(new.get((v,), v)) for v in whole}
        if made is None:
            twin = _replayed(root, known, longer, {**data, **moved}, asked)
        else:
            twin = _computed(made, known, longer, data)
        with np.errstate(all="ignore"):
            found = sweep(twin[root], np.ones(twin[root].shape))
        if not all(np.isfinite(v).all() for v in (twin[root].data, *found.values())):
            raise ValueError("the gradients are not finite there")
        held = {id(old.data): new.data for old, new in twin.items()}
        masks = {key: twin[node].data for key, node in asked.items() if node in twin}
        return Data(twin, {**held, **data, **moved, **masks}, copies)

    def ways(longer: Lengthened) -> Iterator[Iterator[Callable[[], Data]]]:
        made_of = _made_of(known, longer)
        every = {x: made_of(x[0], at[0][0]) for x, at in numbers.items()}
        every |= {(v,): made_of(v, None) for v in whole if (v,) not in every}
        found = {x: _ordered(x[0], new, numbers.get(x, [])) for x, new in every.items() if new}
        likely = [new if x[0] in new and new[0] == x[0] else new[:1] for x, new in found.items()]
        all_of = [new if x[0] in new else [*new, x[0]] for x, new in found.items()]
        for some in (likely, found.values(), all_of) if longer else ():
            drawn = islice(product(*some), MOST)
            yield (partial(draw, longer, dict(zip(found, way, strict=True))) for way in drawn)

    tied, apart = (_longer_by(known, free, names) for names in (whole, ()))
    first, *rest = ways(tied) if tied else [iter(())]
    yield first
    for found in rest[:1]:
        yield chain(found, *([*ways(apart)][1:2] if apart != tied else ()))
    yield from rest[1:]


def _longer_by(known: Lengths, free: Sequence[Slot], whole: Sequence[int]) -> Lengthened:
    """By how much classes are longer: each has a prime number of its own, so that none is made of
    others, but one where a name has the number of several, which may all be called by it."""
    taken, found = set(known.number.values()), dict[Slot, int]()
    for slot in free:
        n = known.number[slot]
        alike = [k for s, k in found.items() if known.number[s] == n and whole.count(n) == 1]
        primes = (
            m for m in count(n + 1) if m not in taken and all(m % k for k in range(2, isqrt(m) + 1))
        )
        found[slot] = alike[0] if alike else next(primes) - n
        taken.add(n + found[slot])
    return found


def _arrays(known: Lengths, longer: Lengthened) -> dict[int, Any]:
    """The leaves and constants that are longer, by id."""
    rng = np.random.default_rng(0)
    found: dict[int, Any] = {}
    for key, x in known.arrays.items():
        if key not in known.views:
            a = lengthened(raw(x), known.shape(x, longer))
            found[key] = near(rng, WIDTH, a, free=isinstance(x, Node))
    for key, view in known.views.items():
        found[key] = view.of(found[id(view.base)])
    return found


def _copies(known: Lengths, data: Mapping[int, Any]) -> dict[Any, Any]:
    """What stands for an array with the entries of one of the graph, where that is one."""
    found: dict[Any, Any] = {}
    for key, x in known.arrays.items():
        entries = entries_of(raw(x))
        found[entries] = None if entries in found else data[key]
    return {entries: new for entries, new in found.items() if new is not None}


def _numbers(root: Node, written: Container[float]) -> dict[Number, list[tuple[Node, int]]]:
    """The numbers by which something is multiplied or divided, and those added that are no whole
    ones, where they are: those that formulas have, as 2, one by one, others by what they are; but
    what is written so, and the half of a square, which is no 1 / 2 of two rows and no 2 / 4 of
    four."""
    found: dict[Number, list[tuple[Node, int]]] = {}
    for node in topological_order(root):
        factor = _divides(node) or node.op is ops.multiply
        term = node.op in (ops.add, ops.subtract)
        for i, x in enumerate(node.inputs):
            used = factor or (term and is_number(x) and not float(x).is_integer())
            if used and is_number(x) and x > 0 and x != HALF and x not in written:
                own = x <= LEAST and len(found) < SINGLY
                found.setdefault((x, id(node), i) if own else (x,), []).append((node, i))
    return found


def _ordered(n: float, new: list[float], at: Sequence[tuple[Node, int]]) -> list[float]:
    """What a number may be, the likeliest first: a 2 by which something is multiplied is itself, or
    by which a square is divided, and a 0.1 where nothing was summed; by a larger one it may be, as
    by a 2 by which something is."""
    factor = n > 1 and bool(at) and not any(_divides(node) for node, _ in at)
    if n == LEAST and (factor or any(_halves_square(node) for node, _ in at)):
        return [n, *new]
    if _is_chosen(n, at):
        return [n, *new]
    return [*new, n] if factor or n <= LEAST else new


def _is_chosen(n: float, at: Sequence[tuple[Node, int]]) -> bool:
    return n < 1 and n == round(n, DECIMALS) and all(_over(node) is node for node, _ in at)


def chosen(root: Node) -> set[float]:
    """The numbers of a loss that are hardly lengths: short ones, where nothing was summed."""
    return {x[0] for x, at in _numbers(root, ()).items() if _is_chosen(x[0], at)}


def _halves_square(node: Node) -> bool:
    """Whether a node is a square that is divided, or a sum of such."""
    above = [node.inputs[0]] if _divides(node) else []
    while above:
        x = above.pop()
        name = getattr(getattr(x, "op", None), "name", "")
        again = len(x.inputs) == 2 and x.inputs[0] is x.inputs[1] if name else False
        if again or name == "square" or (name == "pow" and x.operands[1] == LEAST):
            return True
        above += x.parents() if name in ("sum", "mean", "add") else ()
    return False


def _divides(node: Node) -> bool:
    return node.op is ops.divide


def _over(node: Node) -> Node:
    """The last array before a node that has more entries, of which it may be a mean."""
    above = [node]
    while above:
        x = max(above, key=lambda n: prod(n.shape))
        if prod(x.shape) > prod(node.shape):
            return x
        above = list(x.parents())
    return node


def _made_of(known: Lengths, longer: Lengthened) -> Callable[[float, Node | None], list[float]]:
    """What a number of a node, or a name's, is that is made of lengths, first of those that are
    summed over; nothing of a name's that is a length which stays."""

    def pair(slot: Slot) -> tuple[int, int]:
        return known.number[slot], longer.get(slot, 0)

    lengths = dict.fromkeys(pair(s) for s in map(known.root, known.number))

    def made_of(n: float, node: Node | None) -> list[float]:
        if node is None and {more for k, more in lengths if k == n} == {0}:
            return []
        factor = n > 1 and node is not None and not _divides(node)
        of = [] if node is None else known.slots(_over(node))
        kept = [] if node is None else known.slots(node)
        summed = [pair(s) for s in of if s is not None and s not in kept]
        found = dict.fromkeys(
            how(prod(k + more for k, more in some))
            for hows, pairs in product(
                (HOWS[:PLAIN], () if factor else HOWS[PLAIN:]), (summed, lengths)
            )
            for how in hows
            for some in islice(_products(pairs), PRODUCTS)
            if abs(how(prod(k for k, _ in some)) - n) <= EXACT * n and any(m for _, m in some)
        )
        return [m for m in found if isinstance(n, float) or m == int(m)]

    return made_of


def _products(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], ...]]:
    return chain(*(combinations(pairs, k) for k in range(1, FACTORS + 1)))


def _replayed(
    root: Node,
    known: Lengths,
    longer: Lengthened,
    data: Mapping[Any, Any],
    asked: Mapping[int, Node],
) -> dict[Node, Node]:
    """The graph on that data."""

    def settings(node: Node, params: Mapping[str, Any]) -> Mapping[str, Any]:
        flat = [data.get(id(v), v) if is_array(v) else v for v in leaves(dict(params))]
        for k, slot in known.settings.get(node, ()):
            flat[k] += longer.get(known.root(slot), 0)
        new: Mapping[str, Any] = rebuild(dict(params), flat)
        return new

    nodes = {x: data[id(x)] for x in topological_order(root) if x.op is None}
    at = {key: v for key, v in data.items() if isinstance(key, tuple)}
    arrays = {key: v for key, v in data.items() if is_array(v)}
    return replay(
        root, nodes, constants={**arrays, **at}, wide=True, settings=settings, asked=asked
    )


def _computed(
    made: Computed, known: Lengths, longer: Lengthened, data: dict[int, Any]
) -> dict[Node, Node]:
    """What a function computes on that data; `ValueError` where that is something else."""

    def lengthy(x: Any) -> Any:
        if not is_array(raw(x)):
            return x
        if id(x) not in data:
            data[id(x)] = lengthened(raw(x), [_longer(n, known, longer) for n in raw(x).shape])
        leaf: Any = type(x)
        return leaf(data[id(x)], name=x.name) if isinstance(x, Node) else data[id(x)]

    given = {name: map_tree(lengthy, value) for name, value in made.arguments.items()}
    root = contextvars.Context().run(np.errstate(all="ignore")(made.function), **given)
    old, new = topological_order(made.root), topological_order(root)
    if [node.op for node in old] != [node.op for node in new]:
        raise ValueError("it computes something else for other lengths")
    for one, other in zip(old, new, strict=True):
        data |= {id(x): a for x, a in zip(one.inputs, other.inputs, strict=True) if is_array(x)}
    return dict(zip(old, new, strict=True))


def _longer(n: int, known: Lengths, longer: Lengthened) -> int:
    """The length of an axis that the graph does not have, if it can be only one."""
    found = {k + longer.get(known.root(s), 0) for s, k in known.number.items() if k == n} or {n}
    if len(found) > 1:
        raise ValueError("which axis it has cannot be told")
    return found.pop()
