"""Arrays of NumPy, PyTorch, JAX or any library of the Array API, as NumPy's."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ..graph.backend import device_of, in_numpy, namespace
from ..graph.node import Node, raw


def dtype_of(x: Any) -> str:
    """The name of an array's dtype, as all libraries have it; "" of a number."""
    return str(getattr(x, "dtype", "")).rpartition(".")[2]


def is_differentiable(x: Any) -> bool:
    """Whether an input is a float or an array of floats; what is not is handed on as it is."""
    return isinstance(x, (float, Node)) or "float" in dtype_of(x)


def of_jax(x: Any) -> bool:
    """Whether it is an array of JAX's."""
    return type(x).__module__.startswith("jax")


def in_double(templates: Iterable[Any]) -> AbstractContextManager[Any]:
    """Where arrays like these may be of double precision, which JAX has only when it is told."""
    if not any(map(of_jax, templates)):
        return nullcontext()
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)  # type: ignore[no-any-return]
    from jax.experimental import enable_x64  # up to 0.7

    return enable_x64()  # type: ignore[no-any-return]


def to_numpy(x: Any, what: str) -> np.ndarray:
    """An array of any library, a number or a node, as a NumPy array of its own memory."""
    x = raw(x)
    try:  # a PyTorch tensor that requires a gradient is refused else
        array = np.array(in_numpy(x.detach() if hasattr(x, "detach") else x))
        if dtype_of(array) == "bfloat16":  # JAX's, which is no float to NumPy
            array = array.astype(np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"check_function: {what} is a {type(x).__name__}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"check_function: {what} is a {type(x).__name__}, not real numbers")
    return array


def like(template: Any, array: np.ndarray, dtype: str = "") -> Any:
    """`array` in the library, on the device and in the dtype of `template`, or in another `dtype`;
    plain where that is a node. `TypeError` where the library does not hold that dtype."""
    template = raw(template)
    if isinstance(template, float):
        return float(array)
    dtype = dtype or dtype_of(template)
    if isinstance(template, (np.ndarray, np.generic)):
        return np.array(array, dtype=dtype)  # bfloat16 too, where JAX has made it known
    if hasattr(template, "new_tensor"):  # PyTorch, whose tensors are no Array-API arrays
        import torch

        return torch.tensor(array, device=template.device).to(getattr(torch, dtype))
    xp = namespace(template)
    device = device_of(template)
    made = xp.asarray(array.copy(), dtype=getattr(xp, dtype, dtype), device=device)
    if dtype_of(made) != dtype:
        raise TypeError(f"check_function: this library holds no {dtype}")
    return made
