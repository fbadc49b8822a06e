"""Losses: plain functions of Tensors, each the mean over the observations.

`cross_entropy`, of softmax, is an op of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import records
from ..graph.node import raw


def mse(prediction: Any, target: Any) -> Any:
    """Mean squared error: the mean of (prediction - target)**2 over all entries.

    Raises `ValueError` where the shapes differ: they would broadcast to something else.
    """
    target = _fitting("mse", prediction=prediction, target=target)
    return ops.mean(ops.square(ops.subtract(prediction, target)))


def binary_cross_entropy_with_logits(logits: Any, target: Any) -> Any:
    """Mean of -t log s - (1 - t) log(1 - s), s = sigmoid(logits), target t in [0, 1].

    Computed as softplus(logits) - t * logits, which is finite for every finite logit. Raises
    `ValueError` where the shapes differ.
    """
    target = _fitting("binary_cross_entropy_with_logits", logits=logits, target=target)
    return ops.mean(ops.softplus(logits) - ops.multiply(target, logits))


def hinge(score: Any, label: Any) -> Any:
    """Mean of max(0, 1 - label * score), label -1 or 1.

    Raises `ValueError` where the shapes differ.
    """
    label = _fitting("hinge", score=score, label=label)
    return ops.mean(ops.relu(1 - ops.multiply(label, score)))


def _fitting(loss: str, **inputs: Any) -> Any:
    """The second input, or an error where it has another shape than the first. Whole numbers come
    to the first's dtype: beside int64 labels float32 would become float64."""
    shapes = {name: tuple(np.shape(raw(x))) for name, x in inputs.items()}
    if len(set(shapes.values())) > 1:
        shown = " and ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{loss}: {shown} must have the same shape")
    x, target = inputs.values()
    data, given = raw(x), raw(target)
    numpys = isinstance(data, (np.ndarray, np.generic)) or records(data)
    if numpys and not hasattr(given, "dtype"):
        given = np.asarray(given)
    whole = numpys and getattr(given.dtype, "kind", "f") in "iub"
    return given.astype(data.dtype) if whole else target
