"""Claims of the wrong shape: what was done, and how to get the node's shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..graph.node import Node
from .elementwise_faults import summed_axes
from .explain import ONE, RARITY, TWO, explain
from .scales import Scales
from .search import Explanation, Search
from .tape import Vector


def explain_shape(search: Search, scales: Scales) -> list[Explanation]:
    """The explanations of a claim that does not have its node's shape."""
    found = [*_steps(search), *_rearranged(search, scales)]
    return [e for e in found if e.kind]


def _said(search: Search) -> str:
    name = search.tape.label(search.target)
    return f"yours has shape {search.value.shape}; {name} is {search.target.shape}"


def _steps(search: Search) -> Iterator[Explanation]:
    """A fault of the last step whose result has the claim's shape."""
    tape = search.tape
    target = search.target
    for n, i in search.edges_into(target):
        if len(search.edges_into(target)) > 1:
            return
        for n_, i_, fault, c in search.in_other_shapes():
            if n_ is n and i_ == i and search.matches(c):
                text = f"{_said(search)}: {fault.words(tape, n, i)}"
                cost = ONE + 0.1 + fault.cost + RARITY[fault.kind]
                yield Explanation(fault.kind, cost, text, tape.step(n))
        yield from _unsummed(search, n, i)


def _unsummed(search: Search, n: Node, i: int) -> Iterator[Explanation]:
    op = n.op
    assert op is not None
    target, tape = search.target, search.tape
    if not op.elementwise:
        return
    rule = op.rules[i]
    local = rule(np, n.data, *n.operands, **n.params) if callable(rule) else rule
    full = np.broadcast_to(search.g[n] * local, n.shape)
    if full.shape == target.shape:
        return
    axes = summed_axes(full.shape, target.shape)
    words = " and ".join(str(a) for a in axes)
    name = tape.label(target)
    for squeezed in (full, np.squeeze(full)):
        if search.matches(squeezed):
            text = f"{_said(search)}: sum over axis {words}, along which {name} was broadcast"
            yield Explanation("missing-broadcast-sum", ONE, text, tape.step(n))
            return
    for axis in range(full.ndim):
        for keep in (False, True):
            if search.matches(full.sum(axis=axis, keepdims=keep)) and (axis,) != axes:
                text = f"{_said(search)}: you summed over axis {axis}; sum over axis {words}"
                yield Explanation("wrong-axis", ONE, text, tape.step(n))
                return
            if search.matches(full.mean(axis=axis, keepdims=keep)) and (axis,) != axes:
                text = f"{_said(search)}: you averaged over axis {axis}; sum over axis {words}"
                yield Explanation("wrong-axis", ONE + 0.5, text, tape.step(n))
                return


def _rearranged(search: Search, scales: Scales) -> Iterator[Explanation]:
    """The claim transposed, flattened, squeezed or summed, if that is right or explicable."""
    for kind, cost, value, text in _readings(search.value, search.target.shape):
        again = Search(search.tape, search.catalogue, search.claim, search.blocked, value)
        if again.matches(again.expected):
            yield Explanation(kind, ONE + cost + RARITY[kind], f"{_said(search)}: {text}")
            return
        if search.target.data.size == 1:
            continue  # one number has too many explanations
        for e in explain(again, scales)[:4]:
            kinds = (e.kind, *e.other_kinds)
            whole = f"{_said(search)}: {text}; besides, {e.text}"
            yield Explanation(
                kind if kind != "shape" else e.kind,
                TWO + cost + e.cost,
                whole,
                e.where,
                [],
                kinds if kind != "shape" else (*e.other_kinds, "shape"),
            )


def _readings(value: Vector, shape: tuple[int, ...]) -> Iterator[tuple[str, float, Vector, str]]:
    """(kind, cost, the claim in the node's shape, what is to be done)."""
    if value.ndim == 2 and value.T.shape == shape:
        yield (
            "transpose",
            0.0,
            value.T,
            "it is the transpose (numerator layout?); a gradient has its variable's own layout",
        )
    if value.size == int(np.prod(shape)):
        yield (
            "shape",
            0.3,
            value.reshape(shape),
            f"the same entries, to be reshaped to {shape}",
        )
    extra = value.ndim - len(shape)
    if extra >= 0 and value.size > int(np.prod(shape)):
        axes = summed_axes(value.shape, shape)
        summed = value.sum(axis=axes) if axes else value
        if summed.size == int(np.prod(shape)):
            words = " and ".join(str(a) for a in axes)
            yield (
                "missing-broadcast-sum",
                0.1,
                summed.reshape(shape),
                f"sum over axis {words}",
            )
    if value.ndim == 2 and len(shape) == 1:
        for axis in (0, 1):
            if value.shape[1 - axis] == shape[0]:
                yield (
                    "missing-broadcast-sum",
                    0.1,
                    value.sum(axis=axis),
                    f"sum over axis {axis}",
                )
