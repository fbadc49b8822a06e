"""`compile`: what can be run as a NumPy program, and which program that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from ..graph.node import Node, Scalar
from .function import Compiled
from .program import ScalarProgram


@overload
def compile(f: Scalar) -> ScalarProgram: ...
@overload
def compile(f: Callable[..., Any]) -> Compiled: ...
def compile(f: Any) -> Any:
    """A function as one that is recorded when it is first called, backward() and the steps of
    optimisers in it included, and run as a list of NumPy calls that allocates nothing twice; or a
    graph of Values as a `ScalarProgram`, in which sums of products are matrix products.

    Arguments are NumPy arrays, Tensors, numbers, nested lists, tuples and dicts of them, and
    settings, which are compared; so is what f reaches by its closure, by globals and in objects:
    arrays and Tensors found there are read at every call. Another shape, dtype or setting, and
    another branch taken on the numbers, is recorded as a program of its own; a number is a setting
    only where it must be, as an axis. Results are the caller's own arrays; Tensors among them that
    were computed are constants. What f sets is set at every call; what it does beside (printing,
    say) is not repeated. For arguments that are differentiated outside, or of another library, f
    runs as it is.

    Raises `TypeError` for what would be frozen: numbers taken out of arrays, random numbers, arrays
    that f reaches in no way that can be seen.
    """
    if isinstance(f, Scalar):
        return ScalarProgram(f)
    if isinstance(f, Node):
        raise TypeError(
            "compile: takes the function that computes a Tensor, as in tg.compile(step), or a Value"
        )
    if not callable(f):
        raise TypeError(
            f"compile: takes a function, as in tg.compile(step), or a Value; got {f!r:.60}"
        )
    return Compiled(f)
