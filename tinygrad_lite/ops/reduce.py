"""Reductions and running sums over `axis`: None (all), an integer or a tuple of integers.

`keepdims` keeps the reduced axes with length 1.
"""

from __future__ import annotations

from typing import Any

from ..graph.backend import add_up, extreme, largest, repeat, running_sum
from ..graph.op import FORWARD
from ..graph.primitive import primitive
from .comparison import indicator
from .constants import Axis, entries, entries_of, reduced_axes, shape_of
from .guards import times

__all__ = [
    "cumulative_sum",
    "log_softmax",
    "logsumexp",
    "mean",
    "prod",
    "softmax",
]


def spread(xp: Any, r: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Bring back the axes that a reduction took, so that r broadcasts against x."""
    shape = shape_of(x)
    if keepdims or not shape:
        return r
    if axis is None:
        return xp.reshape(r, (1,) * len(shape))
    if isinstance(axis, int):
        a = axis % len(shape)
        return xp.reshape(r, (*shape[:a], 1, *shape[a + 1 :]))
    taken = reduced_axes(shape, axis)
    return xp.reshape(r, tuple(1 if i in taken else n for i, n in enumerate(shape)))


@primitive(
    "sum({0})",
    r"\sum {0}",
    numpy="np.sum({0}, axis={axis}, keepdims={keepdims})",
    meaning=FORWARD,
)
def sum(xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over `axis`; 0 for no entries. The gradient is repeated along it."""
    return add_up(xp, x, axis, keepdims=keepdims)


sum.pull(
    lambda xp, G, y, x, *, axis, keepdims: repeat(xp, spread(xp, G, x, axis, keepdims), shape_of(x))
)


@primitive(
    "mean({0})",
    r"\operatorname{{mean}}({0})",
    numpy="np.mean({0}, axis={axis}, keepdims={keepdims})",
    meaning=lambda xp, x, *, axis, keepdims: xp.sum(x, axis, keepdims) / xp.entries(x, axis),
)
def mean(xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Arithmetic mean over `axis`, of N entries each. The gradient is G / N, repeated along it.

    Raises `ValueError` for no entries.
    """
    n = entries_of(x.shape, axis)
    if not n:
        raise ValueError("the mean of no entries is not defined")
    return add_up(xp, x, axis, keepdims=keepdims) / n


mean.pull(
    lambda xp, G, y, x, *, axis, keepdims: repeat(
        xp, spread(xp, G, x, axis, keepdims) / entries(x, axis), shape_of(x)
    )
)


def share_extreme(xp: Any, G: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """G in equal parts to the entries of x that equal the extreme y; NaN where y is NaN."""
    y, G = spread(xp, y, x, axis, keepdims), spread(xp, G, x, axis, keepdims)
    hit = indicator(x == y, y)
    return times(xp, G, hit / xp.sum(hit, axis=axis, keepdims=True))


@primitive("max({0})", r"\max({0})", numpy="np.max({0}, axis={axis}, keepdims={keepdims})")
def max(xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest entry along `axis`; NaN if there is one. Ties share the gradient equally; it is
    NaN where the result is. Raises `ValueError` for no entries."""
    return largest(xp, x, axis, keepdims=keepdims)


max.pull(lambda xp, G, y, x, *, axis, keepdims: share_extreme(xp, G, y, x, axis, keepdims))


@primitive("min({0})", r"\min({0})", numpy="np.min({0}, axis={axis}, keepdims={keepdims})")
def min(xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest entry along `axis`; NaN if there is one. Ties share the gradient equally; it is
    NaN where the result is. Raises `ValueError` for no entries."""
    return xp.min(x, axis=axis, keepdims=keepdims)


min.pull(lambda xp, G, y, x, *, axis, keepdims: share_extreme(xp, G, y, x, axis, keepdims))


@primitive("prod({0})", r"\prod {0}", numpy="np.prod({0}, axis={axis}, keepdims={keepdims})")
def prod(xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Product over `axis`; 1 for no entries. The gradient of an entry is G times the product of the
    others: y / x, or, where that would be 0 / 0 or lose digits (y is 0, tiny or infinite), the
    product of those before and of those after it."""
    return xp.prod(x, axis=axis, keepdims=keepdims)


def _prod_pull(xp: Any, G: Any, y: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    spread_G = spread(xp, G, x, axis, keepdims)
    taken = shape_of(x) and reduced_axes(shape_of(x), axis)
    if not taken:
        return spread_G
    if extreme(y):
        return spread_G * _product_of_others(xp, x, taken)
    return spread_G * spread(xp, y, x, axis, keepdims) / x


def _product_of_others(xp: Any, x: Any, taken: tuple[int, ...]) -> Any:
    """For every entry the product of those before and of those after it along the axes `taken`."""
    shape = shape_of(x)
    order = (*(i for i in range(len(shape)) if i not in taken), *taken)
    lengths = tuple(shape[i] for i in order)
    rows = xp.reshape(
        xp.permute_dims(x, order), (*lengths[: -len(taken)], entries_of(shape, taken))
    )
    after = xp.flip(_products_before(xp, xp.flip(rows, axis=-1)), axis=-1)
    others = xp.reshape(_products_before(xp, rows) * after, lengths)
    return xp.permute_dims(others, tuple(sorted(range(len(order)), key=lambda i: order[i])))


def _products_before(xp: Any, rows: Any) -> Any:
    """For every entry of each row the product of the entries before it, by doubling."""
    n, reach = shape_of(rows)[-1], 1
    before = xp.concat([xp.ones_like(rows[..., :1]), rows[..., :-1]], axis=-1)
    while reach < n:
        ones = xp.ones_like(before[..., :reach])
        before = before * xp.concat([ones, before[..., :-reach]], axis=-1)
        reach *= 2
    return before


prod.pull(_prod_pull)


@primitive("cumsum({0})", r"\operatorname{{cumsum}}({0})", numpy="np.cumsum({0}, axis={axis})")
def cumulative_sum(xp: Any, x: Any, *, axis: int | None = None) -> Any:
    """Running sum along `axis` (which a vector need not name): y_i = x_0 + ... + x_i.
    The gradient is the running sum of G from the other end."""
    if axis is None and x.ndim != 1:
        raise ValueError(f"axis is needed for {x.ndim} axes")
    return running_sum(xp, x, 0 if axis is None else axis)


def _cumulative_sum_pull(xp: Any, G: Any, y: Any, x: Any, *, axis: int | None) -> Any:
    axis = 0 if axis is None else axis
    return xp.flip(running_sum(xp, xp.flip(G, axis=axis), axis), axis=axis)


cumulative_sum.pull(_cumulative_sum_pull)


# --- exponentials that are summed: the largest is taken out first, so that nothing overflows


@primitive(
    "logsumexp({0})",
    r"\operatorname{{logsumexp}}({0})",
    numpy="np.log(np.sum(np.exp({0}), axis={axis}, keepdims={keepdims}))",
    meaning=lambda xp, x, *, axis, keepdims: xp.log(xp.sum(xp.exp(x), axis, keepdims)),
)
def logsumexp(xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over `axis`, without overflow. The gradient is G * exp(x - y), which is
    softmax(x); NaN where y is infinite. Raises `ValueError` for no entries."""
    top = largest(xp, x, axis, keepdims=True)
    top = xp.where(xp.isinf(top), xp.zeros_like(top), top)
    y = xp.log(add_up(xp, xp.exp(x - top), axis, keepdims=True)) + top
    return y if keepdims else xp.squeeze(y, axis=reduced_axes(x.shape, axis))


logsumexp.pull(
    lambda xp, G, y, x, *, axis, keepdims: times(
        xp, spread(xp, G, x, axis, keepdims), xp.exp(x - spread(xp, y, x, axis, keepdims))
    )
)


@primitive(
    "softmax({0})",
    r"\operatorname{{softmax}}({0})",
    numpy="np.exp({0}) / np.sum(np.exp({0}), axis={axis}, keepdims=True)",
    meaning=lambda xp, x, *, axis: xp.exp(x) / xp.sum(xp.exp(x), axis, True),
)
def softmax(xp: Any, x: Any, *, axis: Axis = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`, without overflow.
    The gradient is y * (G - sum(G * y)): the matrix Diag(y) - y y^T times G."""
    e = xp.exp(x - largest(xp, x, axis, keepdims=True))
    return e / add_up(xp, e, axis, keepdims=True)


softmax.pull(lambda xp, G, y, x, *, axis: y * (G - xp.sum(G * y, axis=axis, keepdims=True)))


@primitive(
    "log_softmax({0})",
    r"\operatorname{{logsoftmax}}({0})",
    numpy="{0} - np.log(np.sum(np.exp({0}), axis={axis}, keepdims=True))",
    meaning=lambda xp, x, *, axis: x - xp.log(xp.sum(xp.exp(x), axis, True)),
)
def log_softmax(xp: Any, x: Any, *, axis: Axis = -1) -> Any:
    """log(softmax(x)) along `axis`, without overflow. The gradient is G - exp(y) * sum(G)."""
    shifted = x - largest(xp, x, axis, keepdims=True)
    return shifted - xp.log(add_up(xp, xp.exp(shifted), axis, keepdims=True))


log_softmax.pull(lambda xp, G, y, x, *, axis: G - xp.exp(y) * xp.sum(G, axis=axis, keepdims=True))
