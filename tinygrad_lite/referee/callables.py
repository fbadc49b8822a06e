"""The user's forward and backward, in whatever form they are written, called on NumPy's numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..check.rounding import precision
from ..graph.reach import reached
from ..graph.trees import leaves, map_tree, rebuild
from .arrays import is_differentiable, like, of_jax, to_numpy

NO_CACHE = object()


@dataclass(frozen=True)
class Written:
    """forward and backward as functions, what the inputs are called, and `extra` inputs that follow
    the user's, by name: a module's parameters. `body` is forward as its library differentiates it
    where that is not told how."""

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    names: tuple[str, ...]
    extra: dict[str, Any] = field(default_factory=dict)
    body: Callable[..., Any] | None = None


def understood(forward: Any, backward: Any) -> Written:
    """What was given as forward and backward; a `TypeError` for what is neither a function, nor a
    `torch.autograd.Function`, nor a module."""
    owner = forward if isinstance(forward, type) else getattr(forward, "__self__", None)
    if isinstance(owner, type) and hasattr(owner, "apply") and hasattr(owner, "forward"):
        first = [_Context()] if "ctx" in inspect.signature(owner.forward).parameters else []
        body = partial(owner.forward, *first)
        return Written(owner.apply, backward, _parameters(owner.forward), body=body)
    if hasattr(forward, "named_parameters"):
        return _module(forward)
    for what, f in (("forward", forward), ("backward", backward)):
        if not callable(f) and (f is not None or what == "forward"):
            raise TypeError(f"check_function: {what} is a {type(f).__name__}, not a function")
    body = getattr(forward, "fun", forward) if hasattr(forward, "defvjp") else forward
    return Written(forward, backward, _parameters(forward), body=body)


class _Context:
    """A ctx that keeps nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *values, **settings: None


def _parameters(function: Any) -> tuple[str, ...]:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    plain = (p.name for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
    return tuple(name for name in plain if name != "ctx")


def _module(module: Any) -> Written:
    """A PyTorch module as a function of its inputs and its parameters."""
    import torch

    known = {name: p.detach() for name, p in module.named_parameters()}
    states = {name: b for name, b in module.named_buffers() if b.is_floating_point()}

    def forward(*arguments: Any) -> Any:
        split = len(arguments) - len(known)
        dtype = next((a.dtype for a in arguments if is_differentiable(a)), None)
        state = {name: b.detach().clone().to(dtype) for name, b in states.items()}
        state |= dict(zip(known, arguments[split:], strict=True))
        return torch.func.functional_call(module, state, arguments[:split])

    return Written(forward, None, _parameters(module.forward), known)


class Call(NamedTuple):
    """The user's own function of backward, and what it is called with."""

    function: Any
    given: tuple[Any, ...]
    named: dict[str, Any]


@dataclass
class Function:
    """forward and backward on flat lists of inputs; NumPy arrays come back.

    `tree` is the structure in which the user gives them, by name, as a `keyword` or in order;
    `names` are those of all inputs. `wide` is the precision in which the
    reference is computed; `mended` is what is called in the place of the user's backward.
    """

    written: Written
    outputs: int
    tree: dict[str, Any]
    names: tuple[str, ...]
    keyword: bool
    wide: str = "float64"
    grain: float = 0.0  # the relative precision that forward and backward have, at best
    mended: Callable[..., Any] | None = None
    told: bool = True  # or rules that the user has told the library are none of its own

    def result(self, flat: Sequence[Any]) -> Any:
        """What forward gives for the inputs, as it gives it."""
        parts, named = self._given(flat)
        return self.written.forward(*parts, **named)

    def _given(self, flat: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs in order, and by keyword."""
        built = rebuild(self.tree, flat)
        return ((), built) if self.keyword else (tuple(built.values()), {})

    def value(self, flat: Sequence[Any]) -> tuple[list[np.ndarray], Any, list[Any]]:
        """The outputs as NumPy, the cache (`NO_CACHE` when there is none), the raw outputs."""
        for x in filter(is_differentiable, flat) if self.written.backward is None else ():
            if hasattr(x, "requires_grad_"):
                x.requires_grad_(True)
            elif not of_jax(x) and not isinstance(x, float):
                told = "check_function: backward=None needs PyTorch tensors or JAX arrays"
                raise TypeError(told)
        result = self.result(flat)
        if isinstance(result, (tuple, list)):
            raw, rest = list(result[: self.outputs]), result[self.outputs :]
            cache = NO_CACHE if not rest else rest[0] if len(rest) == 1 else tuple(rest)
        else:
            raw, cache = [result], NO_CACHE
        if len(raw) < self.outputs:
            raise ValueError(f"check_function: forward gives {len(raw)} of {self.outputs} outputs")
        return [to_numpy(y, "the result of forward") for y in raw], cache, raw

    def gradients(
        self, flat: Sequence[Any], upstream: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray | None], float]:
        """What backward gives for every input; and the coarsest precision that rounds on the way:
        NumPy's results may be wider than what they are computed of."""
        ys, dys, call = self.call(flat, upstream)
        if call is None or (self.written.backward is None and self.mended is None):
            found = self._own(flat, ys, dys)
        else:
            found = self.flat((self.mended or call.function)(*call.given, **call.named), flat)
        arrays = [
            None if g is None else to_numpy(g, f"the gradient of {name}").astype(np.float64)
            for g, name in zip(found, self.names, strict=True)
        ]
        given = filter(is_differentiable, flat)
        return arrays, max(precision(g) for g in (*given, *found) if g is not None)

    def call(
        self, flat: Sequence[Any], upstream: Sequence[np.ndarray]
    ) -> tuple[list[Any], list[Any], Call | None]:
        """The outputs, the upstream as such, and the call of the user's own backward: None where
        the library's autograd has none of the user's."""
        _, cache, ys = self.value(flat)
        dys = [like(y, d) for y, d in zip(ys, upstream, strict=True)]
        forward: Any = self.written.forward
        backward = self.written.backward
        parts, named = self._given(flat)
        if backward is not None:
            if cache is not NO_CACHE:
                return ys, dys, Call(backward, (*dys, cache), {})
            return ys, dys, Call(backward, (*dys, *parts), named)
        context: Any = getattr(ys[0], "grad_fn", None)  # of a torch.autograd.Function its ctx
        if context is not None and hasattr(context, "_forward_cls"):
            return ys, dys, Call(type(context)._forward_cls.backward, (context, *dys), {})
        if hasattr(forward, "bwd") and hasattr(forward, "fwd"):  # a jax.custom_vjp
            kept = forward.fwd(*parts, **named)[1]
            fixed = [parts[i] for i in forward.nondiff_argnums]
            above = dys[0] if self.outputs == 1 else tuple(dys)
            return ys, dys, Call(forward.bwd, (*fixed, kept, above), {})
        return ys, dys, None

    def by_library(self) -> Function | None:
        """The same with the gradients that the library itself has of what forward does; None where
        it has none."""
        body = self.written.body
        if body is None:
            return None
        written = replace(self.written, forward=body, backward=None)
        return replace(self, written=written, told=False)

    def _own(self, flat: Sequence[Any], ys: list[Any], dys: list[Any]) -> list[Any]:
        """What the library's own backward gives."""
        at = [i for i, x in enumerate(flat) if is_differentiable(x) and not isinstance(x, float)]
        if of_jax(flat[at[0]]):
            import jax

            def outputs(*moving: Any) -> list[Any]:
                known = dict(zip(at, moving, strict=True))
                y = self.result([known.get(i, x) for i, x in enumerate(flat)])
                return list(y[: self.outputs]) if isinstance(y, (tuple, list)) else [y]

            if not self.told:
                here = [flat[i] for i in at]
                jax.jvp(outputs, here, here)  # which a jax.custom_vjp refuses
            found = jax.vjp(outputs, *(flat[i] for i in at))[1](dys)
        else:
            import torch

            if not self.told and _custom(ys):
                raise TypeError("check_function: forward has a torch.autograd.Function in it")
            found = torch.autograd.grad(ys, [flat[i] for i in at], dys, allow_unused=True)
        known = dict(zip(at, found, strict=True))
        return [known.get(i) for i in range(len(flat))]

    def flat(self, found: Any, flat: Sequence[Any]) -> list[Any]:
        """The gradients in the order of the inputs, None for a constant."""
        parts = list(rebuild(self.tree, flat).values())
        if isinstance(found, dict) and not (len(parts) == 1 and isinstance(parts[0], dict)):
            found = [found.get(name, found.get(f"d{name}")) for name in self.tree]
        elif not isinstance(found, (tuple, list)):
            found = [found]
        moving = [any(map(is_differentiable, leaves(part))) for part in parts]
        if len(found) != len(parts):
            if len(found) != sum(moving):
                raise ValueError(
                    f"check_function: backward gives {len(found)} gradients for the {len(parts)} "
                    f"inputs {', '.join(self.tree)}; return one for each, None for a constant"
                )
            rest = iter(found)
            found = [next(rest) if m else None for m in moving]
        flattened: list[Any] = []
        for part, g in zip(parts, found, strict=True):
            gradients = [] if g is None else [g]
            map_tree(lambda _, *d: flattened.append(d[0] if d else None), part, *gradients)
        return flattened


def _custom(ys: list[Any]) -> bool:
    """Whether a torch.autograd.Function of the user's made any of the outputs."""
    steps = reached(
        (y.grad_fn for y in ys), lambda step: [s for s, _ in getattr(step, "next_functions", ())]
    )
    return any(hasattr(step, "_forward_cls") for step in steps)
