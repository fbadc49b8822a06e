"""Several steps in one op, for speed. Each states its expansion into other ops."""

from __future__ import annotations

from functools import lru_cache
from math import nan, prod
from typing import Any, Never

import numpy as np

from ..graph.backend import (
    add_up,
    anywhere,
    device_of,
    frozen,
    is_integral,
    is_numpy,
    largest,
    records,
)
from ..graph.op import SUM
from ..graph.primitive import primitive
from .constants import entries, one_hot, shape_of
from .linalg import matmul
from .reduce import log_softmax, mean, softmax
from .reduce import sum as total

__all__ = ["cross_entropy", "linear"]


@primitive(
    "{0} @ {1}.T + {2}",
    r"{0} {1}^\top + {2}",
    precedence=SUM,
    expansion=lambda x, W, b: matmul(x, W.T) + b,
)
def linear(xp: Any, x: Any, W: Any, b: Any) -> Any:
    """x W^T + b: an affine map, with one observation per row of x, W (outputs, inputs) and b
    (outputs,). dE/dx = G W, dE/dW = G^T x, dE/db = the sum of G over the observations."""
    if W.ndim != 2 or b.shape != W.shape[:1]:
        raise ValueError("W must have shape (outputs, inputs) and b (outputs,)")
    if not x.ndim or x.shape[-1] != W.shape[1]:
        raise ValueError(
            f"W takes {W.shape[1]} entries per row, x has {x.shape[-1] if x.ndim else 1}"
        )
    return xp.matmul(x, W.T) + b


def _rows(xp: Any, x: Any) -> Any:
    """x as a matrix whose rows are its last axis."""
    shape = shape_of(x)
    return x if len(shape) == 2 else xp.reshape(x, (prod(shape[:-1]), shape[-1]))


linear.pull(
    lambda xp, G, y, x, W, b: xp.matmul(G, W),
    lambda xp, G, y, x, W, b: xp.matmul(_rows(xp, G).T, _rows(xp, x)),
    lambda xp, G, y, x, W, b: G,
)


def _probabilities(logits: Any, labels: Any) -> Any:
    """Integer labels as rows with a single 1 in the dtype of the logits; others as they are."""
    if len(shape_of(labels)) == len(shape_of(logits)):
        return labels
    return one_hot(labels, logits)


def _reduced(losses: Any, reduction: str) -> Any:
    return losses if reduction == "none" else (mean if reduction == "mean" else total)(losses)


def _cross_entropy(logits: Any, labels: Any, *, reduction: str) -> Any:
    likelihood = _probabilities(logits, labels) * log_softmax(logits, axis=-1)
    return _reduced(-total(likelihood, axis=-1), reduction)


def _losses(xp: Any, logits: Any, labels: Any, *, reduction: str) -> tuple[Any, Any]:
    """The loss, and what its gradient is a multiple of: P - Y, or P beside labels that are
    probabilities."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError('reduction must be "mean", "sum" or "none"')
    rows, labels = tuple(logits.shape[:-1]), xp.asarray(labels, device=device_of(logits))
    if reduction == "mean" and not prod(rows):
        raise ValueError("the mean of no losses is not defined")
    shifted = logits - largest(xp, logits, -1, keepdims=True)
    P = xp.exp(shifted)
    sums = add_up(xp, P, -1, keepdims=True)
    P = P / sums
    if labels.shape == logits.shape:
        labels = xp.astype(labels, logits.dtype, copy=False)
        log_p = shifted - xp.log(sums)
        counted = xp.where(labels == 0, xp.zeros_like(log_p), log_p)  # 0 times log 0 is 0
        losses = -add_up(xp, labels * counted, -1)
    elif labels.shape != rows or not is_integral(labels):
        raise ValueError(f"labels must be integers of shape {rows} or of the logits' shape")
    else:
        picked, P = _at_labels(xp, shifted, P, labels)
        losses = xp.log(sums[..., 0]) - picked
    if reduction == "none":
        return losses, P
    return add_up(xp, losses) / (prod(rows) if reduction == "mean" else 1), P


def _at_labels(xp: Any, shifted: Any, P: Any, labels: Any) -> tuple[Any, Any]:
    """The entry of each row that its label names, and P less 1 there."""
    n = shifted.shape[-1]
    if is_numpy(xp):  # a negative label is a large one without its sign
        if labels.size and largest(np, labels.view(_unsigned(labels.dtype))) >= n:
            _refuse_labels(n)
        places = _starts(labels.size, n) + labels.reshape(-1).astype(np.intp, copy=False)
        if records(P):
            P = P.reshape(-1).at[places].add(-1.0).reshape(P.shape)
        else:
            P = np.ascontiguousarray(P)  # of transposed logits, else, the next line changes a copy
            P.reshape(-1)[places] -= 1
        return shifted.reshape(-1)[places].reshape(labels.shape), P
    wrong = (labels < 0) | (labels >= n)
    if anywhere(wrong, traced=False):
        _refuse_labels(n)
    at = xp.astype(labels, xp.arange(0).dtype, copy=False)[..., None]
    picked = xp.take_along_axis(shifted, at, axis=-1)[..., 0]
    P = P - one_hot.forward(xp, labels, P)
    if anywhere(wrong):  # traced: what cannot be refused is NaN
        picked = xp.where(wrong, nan, picked)
        P = xp.where(wrong[..., None], nan, P)
    return picked, P


@lru_cache(maxsize=16)
def _starts(rows: int, n: int) -> Any:
    """Where the rows of a matrix with n columns begin, entry by entry."""
    return frozen(np.arange(0, n * rows, n))


@lru_cache
def _unsigned(dtype: Any) -> Any:
    return np.dtype(dtype.str.replace("i", "u"))


def _refuse_labels(classes: int) -> Never:
    raise ValueError(f"labels must lie between 0 and {classes - 1}")


@primitive(
    "cross_entropy({0}, {1})",
    r"\operatorname{{crossentropy}}({0}, {1})",
    numpy="tg.cross_entropy({0}, {1}, reduction={reduction})",
    expansion=_cross_entropy,
    keeping=_losses,
    as_given=("labels",),
)
def cross_entropy(xp: Any, logits: Any, labels: Any, *, reduction: str = "mean") -> Any:
    """Softmax cross-entropy -log softmax(logits)[label] over the last axis, without overflow.

    `labels` are integers, one per row of the logits, or probabilities in the shape of the logits
    (then it is -sum(labels * log_softmax(logits))). `reduction` is "mean" over rows, "sum" or
    "none". The gradient for the logits is (P - Y) G, for N rows and their mean (P - Y) G / N.
    """
    return _losses(xp, logits, labels, reduction=reduction)[0]


def _per_row(G: Any, logits: Any, reduction: str) -> Any:
    """The gradient of each row's loss, ready to be multiplied with the rows."""
    if reduction == "none":
        return G[..., None]
    return (
        G / entries(logits, tuple(range(len(shape_of(logits)) - 1))) if reduction == "mean" else G
    )


def _logits_pull(
    xp: Any, G: Any, y: Any, logits: Any, labels: Any, *, reduction: str, kept: Any = None
) -> Any:
    scale = _per_row(G, logits, reduction)
    if len(shape_of(labels)) == len(shape_of(logits)):
        P = softmax(logits, axis=-1) if kept is None else kept
        return (P * xp.sum(labels, axis=-1, keepdims=True) - labels) * scale
    return (softmax(logits, axis=-1) - one_hot(labels, logits) if kept is None else kept) * scale


cross_entropy.pull(
    _logits_pull,
    lambda xp, G, y, logits, labels, *, reduction, kept=None: (
        -log_softmax(logits, axis=-1) * _per_row(G, logits, reduction)
    ),
)
