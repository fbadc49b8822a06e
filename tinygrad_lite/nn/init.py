"""Random starting weights of shape (nout, nin), as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

Random = np.random.Generator | int | None


def glorot(nin: int, nout: int, *, rng: Random = None) -> Any:
    """Normal with variance 2 / (nin + nout), for tanh and sigmoid (Glorot and Bengio, 2010)."""
    return np.random.default_rng(rng).normal(0.0, np.sqrt(2 / (nin + nout)), (nout, nin))


def he(nin: int, nout: int, *, rng: Random = None) -> Any:
    """Normal with variance 2 / nin, for ReLU (He et al., 2015)."""
    return np.random.default_rng(rng).normal(0.0, np.sqrt(2 / nin), (nout, nin))
