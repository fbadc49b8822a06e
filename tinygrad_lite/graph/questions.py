"""What masks are: the comparisons of nodes that plain arrays are the answers of.

A comparison gives a plain array, which holds no graph. A node that takes it as an operand keeps the
question (`Meta.asked`), so that `derive` can write 𝟏[z > 0]; until then the latest few are known
here, each as long as its answer lives.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .meta import Meta, Question
from .op import NO_PARAMS, Op

_LATEST = 8
_latest: dict[int, tuple[weakref.KeyedRef[int, Any], Question]] = {}


def _forget(gone: weakref.KeyedRef[int, Any]) -> None:
    _latest.pop(gone.key, None)


def asked(
    answer: Any, op: Op, inputs: tuple[Any, ...], params: Mapping[str, Any] = NO_PARAMS
) -> Any:
    """The answer; if it is an array, it is known from now on what was asked."""
    if type(answer) is np.ndarray:
        key = id(answer)
        _latest[key] = weakref.KeyedRef(answer, _forget, key), (op, inputs, params)
        for old in [*_latest][:-_LATEST]:
            _latest.pop(old, None)
    return answer


def latest() -> list[tuple[Any, Question]]:
    """The latest answers that live, and what was asked."""
    return [(answer, q) for ref, q in [*_latest.values()] if (answer := ref()) is not None]


def answered(inputs: tuple[Any, ...], meta: Meta | None) -> Meta | None:
    """`meta`, with what is known of the masks among the inputs of a node."""
    if not _latest:
        return meta
    found: dict[int, Question] = {}
    for k, x in enumerate(inputs):
        known = _latest.get(id(x))
        if known is not None and known[0]() is x:
            found[k] = known[1]
    if not found:
        return meta
    return Meta(asked=found) if meta is None else replace(meta, asked=found)
