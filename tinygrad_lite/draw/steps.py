"""Backpropagation taken apart: every step forward and backward, written with the user's names.
Found by running the chain rule again on the recorded graph, edge by edge; no `.grad` is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backprop.chain import contribution
from ..backprop.flow import checked, flow, in_debug
from ..derive.step import local_text, pullback_text, write
from ..graph.backend import namespace
from ..graph.node import Node, Scalar, topological_order
from ..notation.mathematics import ATOM, SUM, Written
from .figures import MINUS, number, shape_text, summary
from .measure import shorten
from .wording import within

Names = Mapping[int, str]
LONG = 160  # characters in one line of the panel


@dataclass(frozen=True, slots=True)
class Forward:
    """One op computes its result: `formula` is `s = σ(v)`, `numbers` `σ(0.5) = 0.622` (scalars)."""

    node: Node
    formula: str
    numbers: str
    shapes: str


@dataclass(frozen=True, slots=True)
class Share:
    """What one op hands to one input, `name`, and how it adds up there: `symbol` is ∂E/∂name.

    `rule` is the local derivative `∂s/∂v = s * (1 - s)` (elementwise ops), `rule_numbers` the same
    with numbers; `pull` the chain rule `(∂E/∂s) * s * (1 - s)`, `value` its result. `adds` is
    `−0.0988 + 0.358 → 0.259` from the second arrival on. `grad` is the gradient of the input so
    far; `arrived` of `expected` contributions are in. `gradient` is that as a number or array.
    """

    node: Node
    name: str
    symbol: str
    rule: str
    rule_numbers: str
    pull: str
    pull_numbers: str
    value: str
    adds: str
    grad: str
    arrived: int
    expected: int
    gradient: Any


@dataclass(frozen=True, slots=True)
class Backward:
    """One op hands its gradient on: `arrives` is `symbol`, ∂E/∂(its result), complete by now."""

    node: Node
    symbol: str
    arrives: str
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps of one graph; names inside a scope are written without it.

    The backward pass starts from `one`, the gradient of the root with respect to itself, which
    `seed` says in words; with no op to differentiate it is empty.
    """

    root: Node
    names: Names
    forward: tuple[Forward, ...]
    backward: tuple[Backward, ...]
    one: Any
    seed: str


def trace(root: Node, names: Names) -> Steps:
    """The steps of everything that `root` depends on. `names` names every node (see
    `complete_names`). A root that is not scalar starts from ones: the gradient of its sum."""
    order = topological_order(root)
    forward = tuple(_forward(node, names) for node in reversed(order) if node.op is not None)
    seed = f"∂{names[id(root)]}/∂{names[id(root)]} = "
    if root.shape:
        seed += f"ones {shape_text(root.shape)}: the gradient of the sum of its entries"
    else:
        seed += "1: the result changes exactly as itself"
    one = namespace(root.data).ones_like(root.data)
    with np.errstate(all="ignore"):  # an overflow is shown, and was warned of when it was recorded
        backward = () if root.op is None else tuple(_sweep(root, one, order, names))
    return Steps(root, names, forward, backward, one, seed)


def _forward(node: Node, names: Names) -> Forward:
    names = within(node.scope, names, node)
    formula = shorten(f"{names[id(node)]} = {write(node, names)}", LONG)
    numbers = shapes = ""
    if isinstance(node, Scalar):
        numbers = f"{write(node, _numbers(node), numbers=True)} = {number(node.data)}"
    else:
        known = {
            names.get(id(x), "constant"): np.shape(a)
            for x, a in zip(node.inputs, node.operands, strict=True)
        }
        given = ", ".join(f"{name} {shape_text(shape)}" for name, shape in known.items() if shape)
        shapes = f"{given or 'scalars'} → {names[id(node)]} {shape_text(node.shape)}"
    return Forward(node, formula, shorten(numbers, LONG), shapes)


def _numbers(node: Node) -> dict[int, Written]:
    """Like names, with the value in the name's place, for a scalar op and its inputs."""
    pairs = zip(node.inputs, node.operands, strict=True)  # the values at the time of recording
    values = {id(x): _number(a) for x, a in pairs if isinstance(x, Node)}
    return values | {id(node): _number(node.data)}


def _number(value: float) -> Written:
    text = number(value)
    return Written(text, SUM if text.startswith(MINUS) else ATOM)


def _bracketed(value: float) -> str:
    text = number(value)
    return f"({text})" if text.startswith(MINUS) else text


def _sweep(root: Node, seed: Any, order: list[Node], names: Names) -> Iterator[Backward]:
    expected = flow(order, {root: 0}, lambda *_: 1)
    shares: dict[Node, list[Share]] = {node: [] for node in order}
    last: dict[Node, Share] = {}  # that arrived at a node
    handed = checked if in_debug(root) else contribution
    start = f"∂{names[id(root)]}/∂"  # of every symbol

    def step(node: Node, index: int, g: Any) -> Any:
        x = node.inputs[index]
        c = handed(node, index, g)
        last[x] = _share(node, index, start, names, g, c, last.get(x), expected[x])
        shares[node].append(last[x])
        return c

    found = flow(order, {root: seed}, step)
    for node in order:
        if node.op is not None and node in found:
            symbol = start + within(node.scope, names, node)[id(node)]
            arrives = summary(found[node], norm=True).text
            yield Backward(node, symbol, arrives, tuple(shares[node]))


def _share(
    node: Node, index: int, start: str, names: Names, g: Any, c: Any, before: Share | None, due: int
) -> Share:
    x = node.inputs[index]
    names = within(node.scope, names, node)
    name, upstream = names[id(x)], start + names[id(node)]
    rule = rule_numbers = pull_numbers = local = ""
    if node.op and node.op.elementwise:
        local = local_text(node, index, names)
    if local:
        rule = f"∂{names[id(node)]}/∂{name} = {local}"
    if isinstance(node, Scalar):
        slope = contribution(node, index, 1.0)
        rule_numbers = _evaluated(node, index, local, number(slope))
        pull_numbers = f"{_bracketed(g)} · {_bracketed(slope)}"
    pull = pullback_text(node, index, names, cotangent=upstream)
    pull = pull or f"the rule of {node.op and node.op.name}, given {upstream}"
    after = c if before is None else before.gradient + c
    value, total = summary(c, norm=True).text, summary(after, norm=True).text
    return Share(
        node=x,
        name=name,
        symbol=start + name,
        rule=shorten(rule, LONG),
        rule_numbers=shorten(rule_numbers, LONG),
        pull=shorten(pull, LONG),
        pull_numbers=pull_numbers,
        value=value,
        adds=_sum(before.grad, value, total) if before else "",
        grad=total,
        arrived=before.arrived + 1 if before else 1,
        expected=due,
        gradient=after,
    )


def _evaluated(node: Node, index: int, local: str, slope: str) -> str:
    """`3 * (−3)**2 = 27`, or only `27`, or nothing where the rule itself is that number."""
    if local == slope:
        return ""
    text = local_text(node, index, _numbers(node), numbers=True)
    return slope if text in ("", slope) else f"{text} = {slope}"


def _sum(first: str, second: str, total: str) -> str:
    """`0.4 − 0.1 → 0.3`; of arrays too large to print, the norms."""
    if first.startswith("norm"):
        return f"{first} and {second}, added entry by entry → {total}"
    if second.startswith("−"):
        return f"{first} − {second[1:]} → {total}"
    return f"{first} + {second} → {total}"
