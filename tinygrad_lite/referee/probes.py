"""The values that a hand-written backward pass is tried on, in whatever library it is written."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.node import Node, raw

SIZES = (1, 2, 3, 5, 8)


def to_numpy(x: Any, what: str) -> np.ndarray:
    """An array of any library, a number or a node, as a NumPy array of its own memory."""
    if isinstance(x, Node):
        x = x.data
    if hasattr(x, "detach"):  # a PyTorch tensor, which DLPack refuses while it requires a gradient
        x = x.detach().cpu()
    try:
        if not isinstance(x, (np.ndarray, np.generic)) and hasattr(x, "__dlpack__"):
            return np.array(np.from_dlpack(x))
        array = np.array(x)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise TypeError(f"check_function: {what} is a {type(x).__name__}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"check_function: {what} is a {type(x).__name__}, not real numbers")
    return array


def like(template: Any, array: np.ndarray) -> Any:
    """`array` in the library, and on the device, of `template`; plain where that is a node."""
    template = raw(template)
    if isinstance(template, float):
        return float(array)
    if isinstance(template, (np.ndarray, np.generic)):
        return array.copy()
    if hasattr(template, "new_tensor"):  # PyTorch, whose tensors are no Array-API arrays
        import torch

        return torch.tensor(array, device=template.device)
    xp = template.__array_namespace__()
    return xp.asarray(array.copy())


def is_differentiable(x: Any) -> bool:
    """Whether an input is a float or an array of floats; what is not is handed on as it is."""
    if isinstance(x, (bool, int, str, bytes)) or x is None:
        return False
    if isinstance(x, (float, Node)):
        return True
    return "float" in str(getattr(x, "dtype", ""))


@dataclass(frozen=True)
class Probe:
    """One set of inputs: float64 arrays where differentiable, anything else as it was given."""

    title: str
    templates: tuple[Any, ...]
    values: tuple[Any, ...]
    own: bool = False  # whether the user gave these values

    def cast(self, dtype: str) -> tuple[Any, ...]:
        """Fresh inputs for one call, in the user's library."""
        return tuple(
            like(t, v.astype(dtype)) if d else copy.deepcopy(t)
            for t, v, d in zip(self.templates, self.values, self.floats, strict=True)
        )

    @property
    def floats(self) -> tuple[bool, ...]:
        """Which inputs are differentiable."""
        return tuple(isinstance(v, np.ndarray) for v in self.values)

    @property
    def rows(self) -> int:
        """The length of the first axis of the first differentiable input, 1 without one."""
        first = next(v for v in self.values if isinstance(v, np.ndarray))
        return first.shape[0] if first.ndim else 1

    def moved(self, changes: dict[int, np.ndarray], title: str) -> Probe:
        """The same inputs with some of the values changed."""
        values = tuple(
            np.asarray(changes[i]) if i in changes else v for i, v in enumerate(self.values)
        )
        return Probe(title, self.templates, values)


def probe(templates: Any, title: str) -> Probe:
    """A probe from a set of inputs as the user gave it."""
    if not isinstance(templates, (tuple, list)):
        templates = (templates,)
    given = tuple(x.data if isinstance(x, Node) else x for x in templates)
    values = tuple(
        to_numpy(x, f"input {i}").astype(np.float64) if is_differentiable(x) else _Constant
        for i, x in enumerate(given)
    )
    made = Probe(title, given, values, own=True)
    if not any(made.floats):
        raise TypeError("check_function: no input is a float or an array of floats")
    for i, v in enumerate(values):
        if isinstance(v, np.ndarray) and not np.isfinite(v).all():
            raise ValueError(f"check_function: input {i} of {title} holds a NaN or an infinity")
    return made


def size_of(v: np.ndarray) -> float:
    """The root of an array's mean square, 1 where that is 0."""
    return (float(np.sqrt(np.mean(v * v))) if v.size else 1.0) or 1.0


class _Constant:
    """Stands for an input that is not differentiable."""


def given_probes(inputs: Any, rng: np.random.Generator) -> Iterator[Probe]:
    """The sets of inputs that the user's `inputs` stands for."""
    if callable(inputs):
        sized = len(inspect.signature(inputs).parameters) > 1
        for n in SIZES:
            made = inputs(rng, n) if sized else inputs(rng)
            yield probe(made, f"inputs(rng, {n})" if sized else "inputs(rng)")
        return
    if isinstance(inputs, list) and inputs and all(isinstance(s, (tuple, list)) for s in inputs):
        for i, one in enumerate(inputs):
            yield probe(one, f"input set {i}")
        return
    yield probe(inputs, "the inputs given")


def variations(given: Probe, fixed: Sequence[int], rng: np.random.Generator) -> Iterator[Probe]:
    """Other inputs of the same kind: redrawn with mixed signs, larger, and with one row."""
    free = [i for i, d in enumerate(given.floats) if d and i not in fixed]
    for title, factor in (("redrawn", 1.0), ("redrawn larger", 3.0)):
        values = {i: given.values[i] for i in free}
        changes = {i: rng.normal(size=v.shape) * size_of(v) * factor for i, v in values.items()}
        yield given.moved(changes, title)
    rows = _one_row(given)
    if rows is not None:
        yield rows


def _one_row(given: Probe) -> Probe | None:
    """The first row only of all inputs that share the first axis, where that is unambiguous."""
    first = next(v for v in given.values if isinstance(v, np.ndarray))
    shapes = [np.shape(t) for t in given.templates if hasattr(t, "shape")]
    n = first.shape[0] if first.ndim else 0
    if n < 2 or any(n in shape[1:] for shape in shapes):
        return None
    shared = [bool(np.shape(t)) and np.shape(t)[0] == n for t in given.templates]
    templates = tuple(t[:1, ...] if s else t for t, s in zip(given.templates, shared, strict=True))
    values = tuple(
        v[:1] if s and isinstance(v, np.ndarray) else v
        for v, s in zip(given.values, shared, strict=True)
    )
    return Probe("the first row", templates, values)


@dataclass
class Function:
    """The user's forward and backward, called as they are written; NumPy arrays come back.

    `wide` is the precision in which the reference is computed.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    outputs: int
    names: tuple[str, ...]
    wide: str = "float64"

    def value(self, arguments: tuple[Any, ...]) -> tuple[list[np.ndarray], Any, list[Any]]:
        """The outputs as NumPy, the cache (`NO_CACHE` when there is none), the raw outputs."""
        for x in filter(is_differentiable, arguments) if self.backward is None else ():
            if not hasattr(x, "requires_grad_"):
                raise TypeError("check_function: backward=None needs PyTorch tensors")
            x.requires_grad_(True)
        result = self.forward(*arguments)
        if isinstance(result, (tuple, list)):
            raw, rest = list(result[: self.outputs]), result[self.outputs :]
            cache = NO_CACHE if not rest else rest[0] if len(rest) == 1 else tuple(rest)
        else:
            raw, cache = [result], NO_CACHE
        if len(raw) < self.outputs:
            raise ValueError(f"check_function: forward gives {len(raw)} of {self.outputs} outputs")
        return [to_numpy(y, "the result of forward") for y in raw], cache, raw

    def gradients(
        self, arguments: tuple[Any, ...], upstream: list[np.ndarray]
    ) -> list[np.ndarray | None]:
        """What backward gives for every input, in the precision of `arguments`."""
        values, cache, ys = self.value(arguments)
        dys = [like(r, d.astype(y.dtype)) for r, d, y in zip(ys, upstream, values, strict=True)]
        if self.backward is None:
            return _torch_gradients(ys, arguments, dys)
        found = self.backward(*dys, *arguments) if cache is NO_CACHE else self.backward(*dys, cache)
        if isinstance(found, dict):
            found = [found.get(name, found.get(f"d{name}")) for name in self.names]
        elif not isinstance(found, (tuple, list)):
            found = [found]
        count = len(arguments)
        if len(found) != count:
            wanted = sum(map(is_differentiable, arguments))
            if len(found) != wanted:
                raise ValueError(
                    f"check_function: backward gives {len(found)} gradients for the {count} inputs "
                    f"{', '.join(self.names)}; return one for each, None for a constant"
                )
            rest = iter(found)
            found = [next(rest) if is_differentiable(x) else None for x in arguments]
        return [
            None if g is None else to_numpy(g, f"the gradient of {name}")
            for name, g in zip(self.names, found, strict=True)
        ]


NO_CACHE = object()


def _torch_gradients(raw: list[Any], arguments: tuple[Any, ...], dys: list[Any]) -> list[Any]:
    import torch

    wanted = [x for x in arguments if is_differentiable(x)]
    found = iter(torch.autograd.grad(raw, wanted, dys, allow_unused=True))
    gradients = [next(found) if is_differentiable(x) else None for x in arguments]
    return [None if g is None else to_numpy(g, "a gradient") for g in gradients]
