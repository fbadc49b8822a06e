"""The array libraries of the tests, and where their arrays can lie on this computer."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

LIBRARIES = [
    "array_api_strict",  # refuses whatever is not in the Array API standard
    pytest.param("array_api_compat.torch", marks=pytest.mark.oracle),
    pytest.param("jax.numpy", marks=pytest.mark.oracle),
]
if importlib.util.find_spec("cupy"):  # only for computers with a GPU, which others cannot ask for
    LIBRARIES.append("array_api_compat.cupy")


def devices(xp: Any) -> list[Any]:
    """A device of each kind that the library knows here; where there are several, one at least is
    not the one that arrays are made on when nobody says where."""
    if xp.__name__ == "array_api_strict":
        return [xp.Device("CPU_DEVICE"), xp.Device("device1")]
    if xp.__name__ == "array_api_compat.torch":
        import torch

        return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    return [None]


def placed(xp: Any, x: Any, device: Any = None) -> Any:
    """x as an array of the library, on the device."""
    return xp.asarray(np.array(x), device=device)
