"""Arrays of NumPy, PyTorch, JAX or any library that speaks DLPack and the Array API, as NumPy's."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

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
    if hasattr(x, "detach"):  # a PyTorch tensor, which DLPack refuses while it requires a gradient
        x = x.detach().cpu()
    try:
        if dtype_of(x) == "bfloat16":  # NumPy has none
            x = x.float() if hasattr(x, "float") else np.asarray(x).astype(np.float32)
        if not isinstance(x, (np.ndarray, np.generic)) and hasattr(x, "__dlpack__"):
            return np.array(np.from_dlpack(x))
        array = np.array(x)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
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
    xp = template.__array_namespace__()
    made = xp.asarray(array.copy(), dtype=getattr(xp, dtype, dtype))
    if dtype_of(made) != dtype:
        raise TypeError(f"check_function: this library holds no {dtype}")
    return made
