"""The numbers that have names in a derivation, found again in the graph, and others for them.

A number of the graph is one with a name where it is the same, or made of it as people do: 2 h,
h squared. Which of them are can be ambiguous, as 0.5 may be h or a half: then what is right in the
derivation has to tell, and where that cannot either, each is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product
from typing import Any

import numpy as np

from ...graph.node import Node, topological_order
from ..code.expressions import same
from ..code.plain import HeldNumber

Number = Any  # a Python or a NumPy number
How = Callable[[Number], Number]
MADE: tuple[How, ...] = (
    same,
    lambda v: v**2,
    lambda v: 2 * v,
    lambda v: v / 2,
    lambda v: 1 / v,
    lambda v: 1 - v,
    lambda v: 2 - v,
    lambda v: -v,
    lambda v: 2 / v,
    lambda v: 1 / v**2,
    lambda v: v**2 / 2,
    lambda v: v**0.5,
    lambda v: 1 + v,
    lambda v: v - 1,
    lambda v: 1 / (2 * v),
)
COMMON = (0.5, 0.25, 1.5, 0.75, 0.125)  # and whole ones: they may stand for themselves
MOST = 12  # ways in which the graph's numbers may be made of one with a name
DIGITS = 6  # behind the point of a number that people write
EXACT = 1e-12  # how nearly a number is made of another
WIDTH = 0.1  # of the factors' logarithms


def is_number(x: Any) -> bool:
    """Whether it is a number alone, no truth value and no node's."""
    numbers = (int, float, np.integer, np.floating)
    return isinstance(x, numbers) and not isinstance(x, (bool, HeldNumber))


def others(root: Node, named: Mapping[str, Any]) -> Iterator[tuple[str, dict[int, Number]]]:
    """For each of the `named` numbers that is found in the graph, another for it and for what the
    graph may have made of it, by id: in every way in which it may have been made."""
    rng = np.random.default_rng(0)
    order = topological_order(root)
    lengths = {n for node in order for n in node.shape}
    every = {id(x): x for node in order for x in (*node.inputs, *node.params.values())}
    graph = {key: x for key, x in every.items() if is_number(x)}
    numbers = {id(v): (n, v) for n, v in named.items() if is_number(v) and abs(v) not in (0, 1)}
    for own, (name, v) in numbers.items():
        if type(v) is int and v in lengths:
            continue
        new = _other(v, rng)
        made = {key: _hows(v, x) for key, x in graph.items() if key == own or key not in numbers}
        made = {key: hows if _is_common(graph[key]) else hows[:1] for key, hows in made.items()}
        ways = [
            [(key, how) for how in hows] + [None] * _is_by_itself(graph[key], hows[0])
            for key, hows in made.items()
            if hows
        ]
        for way in islice(product(*ways), MOST if ways else 0):
            yield name, {own: new, **{key: how(new) for key, how in filter(None, way)}}


def _is_by_itself(x: Number, how: How) -> bool:
    """Whether a number may stand for itself: one that people write, -0.1 and not 0.9 - 1."""
    return _is_common(x) or bool(how is not same and x == round(x, DIGITS))


def _is_common(x: Number) -> bool:
    return x in COMMON or float(x).is_integer()


def _hows(v: Number, x: Number) -> list[How]:
    """How a number may be made of one with a name; a float makes no whole number."""
    found = []
    for how in MADE:
        try:
            made = how(v)
        except ArithmeticError:
            continue
        if (isinstance(made, int) or isinstance(x, float)) and not isinstance(made, complex):
            found += [how] * bool(abs(made - x) <= EXACT * abs(x))
    return found


def _other(v: Number, rng: np.random.Generator) -> Number:
    """Another number near one: whole where it is, of its sign, within 1 where it is."""
    if float(v).is_integer():
        return type(v)(v + np.sign(v))
    factor = float(np.exp(rng.normal(0, WIDTH)))
    return float(np.sign(v) * abs(v) ** factor if abs(v) < 1 else v * factor)
