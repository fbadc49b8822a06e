"""`tg.jit`: a whole step (forward, backward, update) as one program of JAX's compiler, XLA."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Any, Never

import numpy as np

from .compile.function import Compiled
from .compile.recorder import NUMBERS
from .compile.run import Run
from .compile.signature import Unusual, signature
from .compile.variant import Variant
from .graph.backend import is_array
from .graph.context import Context, current_context
from .graph.node import Array, Scalar
from .graph.trees import leaves
from .optim import Optimizer


def jit(f: Any, *, static_argnames: Collection[str] = (), donate: bool = False) -> Any:
    """f compiled by XLA: traced once for each combination of shapes, dtypes and settings.

        @tg.jit
        def step(X, y):
            loss = tg.cross_entropy(model(X), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

    The Tensors, modules and optimisers that f is given or refers to are its state: data, gradients
    and arrays go into the program, and are set, as JAX arrays, to what f makes of them. Arrays and
    numbers among the arguments are data. Whatever else f is given or refers to, and the arguments
    that `static_argnames` names, belongs to the program: another value makes another one. A result
    is a constant: gradients are taken inside. float64 stays float64. With `donate` XLA may reuse
    the memory of what f replaces.

    Raises `ImportError` without JAX, `TypeError` for a `Value`, for a node whose graph would be
    cut, and where f draws random numbers, which would be the same in every call.
    """
    return _Jitted(f, frozenset(static_argnames), donate)


def _outline(x: Any) -> Any:
    """What is the same in all arrays and numbers that a program takes in one place."""
    if type(x) in NUMBERS:
        return (), np.dtype(type(x)).name
    return (tuple(x.shape), str(x.dtype)) if is_array(x) and x.dtype != object else None


class _Run(Run):
    """A run on what `stand_ins` gives for each array: the array itself, or what traces it."""

    called = "tg.jit"
    hands_on = False
    outline = staticmethod(_outline)

    def __init__(self, stand_in: Callable[[Any], Any], *called: Any) -> None:
        super().__init__(*called)
        self._stand_in = stand_in
        for x in self.state.reached(Scalar):
            _refuse(x)
        # A rate, and how many steps an optimiser has made, are numbers to compute with.
        for optimizer in self.state.reached(Optimizer):
            own = [(vars(optimizer), "lr"), *((d, k) for d in optimizer._state for k in d)]
            self._moving = {*self._moving, *((id(holder), key) for holder, key in own)}

    def stand_in(self, array: Any) -> Any:
        return self._stand_in(array)

    def is_array(self, x: Any) -> bool:
        return is_array(x) and x.dtype != object


@dataclass(frozen=True)
class _Executable:
    """What XLA made of a function; `source` is what it was given."""

    run: Callable[..., Any]
    source: Any
    copied: list[bool]


class _Jitted(Compiled):
    """A function of which XLA makes a program for each combination of shapes and settings."""

    called = "tg.jit"

    def __init__(self, f: Any, static: frozenset[str], donate: bool) -> None:
        try:
            import jax.extend.core
        except ImportError:
            raise ImportError(
                "tg.jit compiles with JAX: pip install 'tinygrad_lite[jit]'"
            ) from None
        if not callable(f):
            raise TypeError(f"tg.jit: takes a function, as in tg.jit(step); got {f!r:.60}")
        super().__init__(f)
        self._jax, self._static, self._donate = jax, static, donate
        self._signature = inspect.signature(f)
        if unknown := static - self._signature.parameters.keys():
            raise ValueError(f"tg.jit: no argument is called {', '.join(sorted(unknown))}")

    def _key(self, args: Any, kwargs: Any, given: list[Any]) -> Any:
        context = current_context() or Context()
        if context.debug:
            raise ValueError(
                "tg.jit: debug() looks at values; call f.__wrapped__, the plain function"
            )
        bound = self._signature.bind(*args, **kwargs).arguments
        static = {k: v for k, v in bound.items() if k in self._static}
        for name, value in static.items():
            if not isinstance(value, Hashable):
                raise TypeError(
                    f"tg.jit: the static argument {name} is a {type(value).__name__}, "
                    "which has no hash"
                )
        moving = {k: v for k, v in bound.items() if k not in static}
        for x in leaves(moving):
            _refuse(x)
        try:
            key = signature(moving, given, NUMBERS, _outline)
        except Unusual:
            self._unusual(args, kwargs)
        wide = self._jax.config.jax_enable_x64
        return key, (*static.items(),), context.recording, wide

    @property
    def _numbers(self) -> tuple[type, ...]:
        return ()  # none is tried as a setting

    def _unusual(self, args: Any, kwargs: Any) -> Never:
        raise TypeError("tg.jit: an argument of a transform has its derivative inside only")

    def _made(self, args: Any, kwargs: Any) -> Variant:
        """The program of the function, which is traced on stand-ins for all arrays."""
        jax, made, bound = self._jax, list[_Run](), self._signature.bind(*args, **kwargs)
        arguments = bound.arguments
        moving = {k: v for k, v in arguments.items() if k not in self._static}

        def run(stand_in: Callable[[Any], Any]) -> _Run:
            called = self._function, (), moving, NUMBERS, self._changing, self._growing
            return _Run(stand_in, *called)

        def call(**moved: Any) -> Any:
            bound.arguments = {**arguments, **moved}
            return self._function(*bound.args, **bound.kwargs)

        arrays: list[Any] = []

        def itself(x: Any) -> Any:
            arrays.append(x)
            return x

        first = run(itself)
        first.look()
        for x in arrays:
            if is_array(x) and not isinstance(x, (np.ndarray, np.generic, jax.Array)):
                library = type(x).__module__.partition(".")[0]
                raise TypeError(
                    f"tg.jit: XLA computes with JAX's and NumPy's arrays, and an array of shape "
                    f"{tuple(x.shape)} is {library}'s; convert it, as in jax.numpy.from_dlpack(x), "
                    "or call f without tg.jit"
                )
        if not jax.config.jax_enable_x64 and any(
            getattr(x, "dtype", None) == np.float64 for x in arrays
        ):
            raise TypeError(
                "tg.jit: JAX makes float64 arrays float32 unless it is told; once, at the start: "
                'jax.config.update("jax_enable_x64", True)'
            )

        def traced(*tracers: Any) -> list[Any]:
            rest = iter(tracers)
            made.append(run(lambda _: next(rest)))
            made[-1].run(call)
            return made[-1].outputs

        try:
            program = jax.make_jaxpr(traced)(*arrays)
        except jax.errors.JAXTypeError as error:
            error.add_note(
                "tg.jit: f asks for the entries of an array, which it has none of while it is "
                "compiled; compute that outside, or choose with tg.where"
            )
            raise
        replaced = (made[-1].overwritten if self._donate else {}).keys()
        given_up = [i for i, s in enumerate(made[-1].sources) if replaced >= {*s.marks}]
        compiled = jax.jit(jax.extend.core.jaxpr_as_fun(program), donate_argnums=given_up)
        executable = _Executable(compiled, program, [False] * len(made[-1].outputs))
        return Variant(made[-1], executable)


def _refuse(x: Any) -> None:
    """Raise `TypeError` for a node that no program takes."""
    if isinstance(x, Scalar):
        raise TypeError("tg.jit: a Value is a Python number; use Tensor, of any shape, or ()")
    if isinstance(x, Array) and x.op is not None:
        raise TypeError(
            f"tg.jit: an argument is the result of {x.op.name}, whose graph would be cut; "
            "compute it inside, or pass .detach()"
        )
