"""Rows of reductions, and of what brings entries into other shapes and orders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .rows import Chance, an_axis, at_least, row

# --- axes


def some_axes(chance: Chance, ndim: int) -> Any:
    """None, an integer or a tuple."""
    r = chance.r
    if ndim == 0 or r.random() < 0.3:
        return None
    if r.random() < 0.6:
        return an_axis(chance, ndim)
    taken = r.sample(range(ndim), r.randint(0 if r.random() < 0.1 else 1, ndim))
    return tuple(a - ndim * (r.random() < 0.3) for a in taken)


def over(x: Any, axis: Any) -> tuple[int, ...]:
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(a % x.ndim for a in axes)


def entries(x: Any, axis: Any) -> int:
    return math.prod(x.shape[a] for a in over(x, axis))


# --- reductions


def reduction(chance: Chance, x: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if chance.r.random() < 0.85:
        settings["axis"] = some_axes(chance, x.ndim)
    if chance.r.random() < 0.4:
        settings["keepdims"] = chance.r.random() < 0.8
    return settings


def of_entries(chance: Chance, x: Any) -> dict[str, Any] | None:
    """A reduction that has no value for no entries."""
    return reduction(chance, x) if x.size else None


def spread_out(chance: Chance, x: Any) -> dict[str, Any] | None:
    """For var: enough entries for the correction."""
    settings = reduction(chance, x)
    if chance.r.random() < 0.4:
        settings = {"axis": settings.get("axis"), "correction": 1, **settings}
    axis = settings.get("axis")
    return settings if x.size and entries(x, axis) > settings.get("correction", 0) else None


def far_from_equal(chance: Chance, x: Any) -> dict[str, Any] | None:
    settings = spread_out(chance, x)
    if settings is None or entries(x, axis := settings.get("axis")) < 2:
        return None
    return settings if np.min(np.var(x, axis=over(x, axis))) > 1e-3 else None


def far_from_zero(chance: Chance, x: Any) -> dict[str, Any] | None:
    settings = of_entries(chance, x)
    if settings is None:
        return None
    lengths = np.sum(x * x, axis=over(x, settings.get("axis")))
    return settings if np.min(lengths) > 1e-3 else None


row("sum", settings=reduction, weight=2)
row(
    "sum",
    spelled=("np.add.reduce(a, axis=axis)",),
    derived=False,
    settings=lambda c, x: None if not x.ndim else {"axis": an_axis(c, x.ndim)},
)
row("mean", settings=of_entries, weight=2)
row("max", settings=of_entries)
row("min", settings=of_entries)
row("prod", settings=reduction)
row("logsumexp", settings=of_entries)
row("var", settings=spread_out)
row("std", settings=far_from_equal)
row("vector_norm", settings=far_from_zero)


def order(chance: Chance, x: Any) -> dict[str, Any] | None:
    settings = far_from_zero(chance, x)
    if settings is None:
        return None
    axis = settings.get("axis")
    n = len(over(x, axis))
    orders = {1: [None, 1, 2, 3, np.inf, -np.inf], 2: [None, 1, -1, "fro", np.inf, -np.inf]}.get(
        n, [None]
    )
    if n > 2 and axis is not None:
        return None  # NumPy takes one axis or two
    return {"ord": chance.r.choice(orders), **settings}


row("norm", settings=order)


def along(chance: Chance, x: Any) -> dict[str, Any] | None:
    return {"axis": an_axis(chance, x.ndim)} if x.ndim and x.size else None


def along_some(chance: Chance, x: Any) -> dict[str, Any] | None:
    return {"axis": some_axes(chance, x.ndim)} if x.ndim and x.size else None


row("softmax", settings=along)
row("softmax", settings=along_some, spelled=("tg.softmax(a, axis)",), derived=False)
row("log_softmax", settings=along)
row(
    "cumulative_sum",
    spelled=("tg.cumsum(a, axis=axis)", "np.cumsum(a, axis)", "a.cumsum(axis)"),
    settings=lambda c, x: {"axis": an_axis(c, x.ndim)} if x.ndim else None,
)
for name, running in (("cumsum", "running_sum"), ("cumprod", "running_product")):
    row(
        name,
        running,
        inputs=((-5.0, 5.0),),
        settings=lambda c, x: {"axis": c.r.choice([None, an_axis(c, x.ndim)])} if x.ndim else None,
    )
row("cumulative_prod", "running_product", inputs=((-5.0, 5.0),), settings=along)
row(
    "diff",
    settings=lambda c, x: (
        {"n": c.r.choice([0, 1, 2]), "axis": an_axis(c, x.ndim)} if x.ndim and x.size else None
    ),
)
row("sort", settings=along, jumps=True)
row(
    "sort",
    spelled=("tg.sort(a, descending=descending)",),
    derived=False,
    settings=lambda c, x: {"descending": True} if x.ndim else None,
    jumps=True,
)
for name in ("argmax", "argmin"):
    row(
        name,
        spelled=(f"tg.sum(a) * tg.{name}(a, axis)", f"np.{name}(a, axis=axis) * a.sum()"),
        derived=False,
        jumps=True,
        settings=lambda c, x: {"axis": an_axis(c, x.ndim)} if x.ndim and x.size else None,
    )


# --- other shapes and orders


def another_shape(chance: Chance, x: Any) -> dict[str, Any]:
    r, rest, shape = chance.r, x.size, []
    if not rest:
        return {"shape": (0, r.choice([1, 3]))}
    while rest > 1:
        shape.append(r.choice([q for q in range(2, rest + 1) if rest % q == 0]))
        rest //= shape[-1]
    shape += [1] * r.choice([0, 0, 1])
    r.shuffle(shape)
    if shape and r.random() < 0.3:
        shape[r.randrange(len(shape))] = -1
    return {"shape": tuple(shape)}


def an_order(chance: Chance, x: Any) -> dict[str, Any]:
    axes = list(range(x.ndim))
    chance.r.shuffle(axes)
    return {"axes": tuple(a - x.ndim * (chance.r.random() < 0.3) for a in axes)}


def two_axes(*names: str) -> Any:
    def settings(chance: Chance, x: Any) -> dict[str, Any] | None:
        return {n: an_axis(chance, x.ndim) for n in names} if x.ndim else None

    return settings


def wider(chance: Chance, x: Any) -> dict[str, Any]:
    r = chance.r
    shape = tuple(r.choice([1, 2, 3]) if n == 1 and r.random() < 0.7 else n for n in x.shape)
    return {"shape": tuple(r.choice([1, 2]) for _ in range(r.choice([0, 0, 1]))) + shape}


def a_shift(chance: Chance, x: Any) -> dict[str, Any]:
    r = chance.r
    if not x.ndim or r.random() < 0.3:
        return {"shift": r.randint(-3, 3)}
    if x.ndim < 2 or r.random() < 0.6:
        return {"shift": r.randint(-3, 3), "axis": an_axis(chance, x.ndim)}
    axis = tuple(r.sample(range(x.ndim), 2))
    return {"shift": (r.randint(-3, 3), r.randint(-3, 3)), "axis": axis}


def margins(chance: Chance, x: Any) -> dict[str, Any] | None:
    r = chance.r
    pairs = tuple((r.randint(0, 2), r.randint(0, 2)) for _ in range(x.ndim))
    width = r.choice([1, pairs, pairs, pairs[0]]) if x.ndim else 1
    value = {"constant_values": 1.5} if r.random() < 0.4 else {}
    return {"pad_width": width, **value} if x.ndim else None


def a_diagonal(name: str) -> Any:
    def settings(chance: Chance, x: Any) -> dict[str, Any] | None:
        if x.ndim < 2 or not (x.shape[-1] and x.shape[-2]):
            return None
        at = chance.r.randint(1 - min(x.shape[-2], 3), min(x.shape[-1], 3) - 1)
        return {name: at} if chance.r.random() < 0.8 else {}

    return settings


def of_a_vector_or_matrix(chance: Chance, x: Any) -> dict[str, Any] | None:
    if x.ndim not in (1, 2) or not x.size:
        return None
    low, high = (-2, 2) if x.ndim == 1 else (1 - x.shape[0], x.shape[1] - 1)
    return {"k": chance.r.randint(low, high)}


def gone(chance: Chance, x: Any) -> dict[str, Any]:
    ones = tuple(i for i, n in enumerate(x.shape) if n == 1)
    some = chance.r.choice([ones[:1], ones, ones[0]]) if ones else None
    return {"axis": some} if some is not None and chance.r.random() < 0.5 else {}


def a_place(chance: Chance, x: Any) -> dict[str, Any]:
    n = x.ndim
    if chance.r.random() < 0.2:
        return {"axis": (0, -1)}
    return {"axis": chance.r.randint(-n - 1, n)}


ONE_BY_ONE = ("a.reshape(shape)", "a.reshape(*shape)")
row("reshape", spelled=ONE_BY_ONE, settings=another_shape)
row("permute_dims", spelled=("np.transpose(a, axes)", "a.transpose(*axes)"), settings=an_order)
row(
    "permute_dims",
    "transposed",
    spelled=("a.T", "np.transpose(a)", "a.transpose()"),
    derived=False,
)
row("matrix_transpose", spelled=("a.mT",), settings=at_least(2))
row("swapaxes", settings=two_axes("axis1", "axis2"))
row(
    "repeat",
    settings=lambda c, x: {"repeats": 2, "axis": an_axis(c, x.ndim)} if x.ndim else None,
)
row(
    "tile",
    settings=lambda c, x: {"repetitions": c.r.choice([(2,), (2, 1)])},
    spelled=("tg.tile(a, repetitions)", "np.tile(a, repetitions)"),
    derived=False,
)
row(
    "unstack",
    "slice",
    spelled=("tg.unstack(a, axis=axis)[at]",),
    derived=False,
    settings=lambda c, x: {"axis": an_axis(c, x.ndim), "at": -1} if x.ndim and x.size else None,
)
row("moveaxis", settings=two_axes("source", "destination"))
row("squeeze", settings=gone)
row("expand_dims", settings=a_place)
row("flatten", spelled=("a.ravel()",))
row("broadcast_to", settings=wider)
row("flip", settings=lambda c, x: {"axis": some_axes(c, x.ndim)})
row("roll", settings=a_shift)
row("pad", settings=margins)
row("tril", settings=a_diagonal("k"))
row("triu", settings=a_diagonal("k"))
row("diagonal", settings=a_diagonal("offset"))
row(
    "diagonal",
    "diagonal_of_leading_axes",
    spelled=("np.diagonal(a)",),
    derived=False,
    settings=at_least(2),
    weight=0.5,
)
row("diag", settings=of_a_vector_or_matrix)
row("trace", settings=at_least(2))
row(
    "trace",
    "trace_of_leading_axes",
    spelled=("np.trace(a)",),
    derived=False,
    settings=at_least(2),
    weight=0.5,
)
row("astype", settings=lambda c, x: {"dtype": c.r.choice([np.float64, float])})
