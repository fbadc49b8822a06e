"""What a transform differentiates, and by what: the call of a function, or a recorded node."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from .. import ops
from ..graph import errors
from ..graph.context import current_context, enable_grad
from ..graph.meta import NO_META
from ..graph.names import user_frame
from ..graph.node import Array, Node, Scalar, raw, topological_order
from ..graph.trees import Tree, leaves, map_tree, rebuild
from ..tensor import Tensor
from ..value import Value

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


def recording() -> bool:
    """Whether ops record here: not under `no_grad`."""
    context = current_context()
    return context is None or context.recording


class Call:
    """`y`, and the nodes to differentiate it by: `nodes`, which are the leaves of `trees`.

    `fresh` says whether they were made for this call of a function, or are the user's. `record`
    says whether derivatives are to be nodes in any case.
    """

    def __init__(
        self, what: str, y: Any, trees: list[Tree], *, single: bool, fresh: bool, record: bool
    ) -> None:
        self.what, self.y, self.trees, self.single, self.fresh = what, y, trees, single, fresh
        self.nodes = leaves(trees)
        self.outside = recording()
        linked = fresh and any(x.op is not None for x in self.nodes)  # an argument was a node
        self.record = self.outside and (record or linked)

    @classmethod
    def of_function(
        cls,
        what: str,
        f: Function,
        argnums: Argnums,
        args: tuple[Any, ...],
        kwargs: Any,
        record: bool = False,
    ) -> Call:
        """f called on fresh nodes at the positions `argnums`."""
        positions = [argnums] if isinstance(argnums, int) else list(argnums)
        for i in positions:
            if not -len(args) <= i < len(args):
                raise ValueError(
                    f"{what}: argnums={argnums}, but the function was called with {len(args)} "
                    "positional arguments (keyword arguments are not differentiated)"
                )
        with enable_grad():
            trees = [map_tree(lambda x: _fresh(what, x), args[i]) for i in positions]
            given = list(args)
            for i, tree in zip(positions, trees, strict=True):
                given[i] = tree
            y = f(*given, **kwargs)
        call = cls(what, y, trees, single=isinstance(argnums, int), fresh=True, record=record)
        if not getattr(f, "is_derivative", False):  # that of a linear function is a constant
            call.warn_if_cut()
        return call

    @classmethod
    def of_node(
        cls, what: str, y: Node, trees: list[Tree], *, single: bool, record: bool = False
    ) -> Call:
        """A node that is recorded already, by nodes that it depends on."""
        reached = set(topological_order(y))
        for x in leaves(trees):
            if not isinstance(x, Node):
                raise TypeError(
                    f"{what}: a recorded {type(y).__name__} is differentiated by nodes, as in "
                    f"tg.{what}(E, W) or tg.{what}(E, (W, b)); got {x!r:.60}"
                )
            if x.constant or x not in reached:
                raise ValueError(f"{what}: {errors.why_unreached(y, x)}")
        return cls(what, y, trees, single=single, fresh=False, record=record)

    def scalar(self) -> Any:
        """y, after checking that it is a node or number of one entry."""
        y = self.y
        if isinstance(y, Scalar) or (isinstance(y, Array) and prod(y.shape) == 1):
            return y
        if y is None:
            raise TypeError(f"{self.what}: the function returned None; is its return missing?")
        if isinstance(y, (list, tuple, dict)):
            raise TypeError(
                f"{self.what}: the function returned a {type(y).__name__}, not a scalar; "
                "to return more beside it use has_aux=True"
            )
        value = y.data if isinstance(y, Node) else Tensor(y).data
        if prod(value.shape) != 1:
            raise ValueError(
                f"{self.what} needs a scalar result; this one has shape {tuple(value.shape)}. "
                "Reduce it, as in .sum(), or use jacobian"
            )
        return y

    def records(self, y: Node) -> bool:
        """Whether derivatives of y are to be nodes: as `record` says, or because an outer transform
        differentiates by something that y depends on."""
        own = set(self.nodes)
        return self.record or (
            self.outside
            and self.fresh
            and any(
                node._meta is not None and node._meta.argument and node not in own
                for node in topological_order(y)
            )
        )

    def warn_if_cut(self) -> None:
        """Warn if nothing that the function returned depends on any argument."""
        results = leaves(self.y)
        reached = set(topological_order(*(v for v in results if isinstance(v, Node))))
        if not results or not self.nodes or not reached.isdisjoint(self.nodes):
            return
        v = results[0]
        why = (
            errors.why_unreached(v, self.nodes[0])
            if isinstance(v, Node)
            else f"the function returned a plain {type(v).__name__}: the graph was left on the way "
            "(by .data, .item() or a NumPy array made of a node)"
        )
        warnings.warn(
            f"{self.what}: the result does not depend on what it is differentiated by, so the "
            f"derivative is 0; {why}",
            stacklevel=2 + _depth(),
        )

    def close(self) -> None:
        """End the call. Fresh leaves held plain data: constants for every outer derivative."""
        for x in self.nodes:
            if self.fresh:
                assert x._meta is not None
                x._meta = replace(x._meta, argument=False, constant=x.op is None)

    def result(self, derivatives: list[Any]) -> Any:
        """Derivatives in the arguments' structure; a tuple of them for a tuple of positions."""
        trees = tuple(rebuild(self.trees, derivatives))
        return trees[0] if self.single else trees


def _fresh(what: str, x: Any) -> Node:
    """A new node with x's value that is linked to x, if x is a node, by an identity op."""
    try:
        if isinstance(x, Node) and not x.constant:
            fresh = ops.identity(x)
        else:
            x = raw(x)
            fresh = Value(x) if isinstance(x, (bool, int, float)) else Tensor(x)
    except TypeError as error:
        raise TypeError(
            f"{what}: cannot differentiate with respect to {x!r:.60}: {error}"
        ) from None
    fresh._meta = replace(fresh._meta or NO_META, argument=True)
    return fresh  # type: ignore[no-any-return]


def transformed(
    what: str, f: Any, argnums: Any, derive: Callable[[Call], Any], record: bool
) -> Any:
    """`derive` of a recorded node at once; of a function, the function that calls it and does."""
    if isinstance(f, Node):
        return derive(Call.of_node(what, f, [argnums], single=True, record=record))
    refuse_positions(what, f, argnums)

    def derivative(*args: Any, **kwargs: Any) -> Any:
        return derive(Call.of_function(what, f, argnums, args, kwargs, record))

    derivative.is_derivative = True  # type: ignore[attr-defined]
    return derivative


def _depth() -> int:
    """How many frames of the package lie below the user's."""
    frame, user, depth = sys._getframe(1), user_frame(), 0
    while frame is not user and frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth - 1


def refuse_positions(what: str, f: Any, argnums: Any) -> None:
    """Raise `TypeError` unless f is a function and argnums are positions of its arguments."""
    if not callable(f):
        raise TypeError(
            f"{what}: takes a function, as in tg.{what}(f)(x), or a recorded Value or Tensor, as "
            f"in tg.{what}(E, W); got a {type(f).__name__}"
        )
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(i, int) for i in positions):
        raise TypeError(
            f"{what}: argnums holds positions of f's arguments, such as 0 or (0, 1); to "
            f"differentiate f at a point write tg.{what}(f)(x)"
        )


def called(what: str, f: Any, args: tuple[Any, ...], record: bool) -> Call:
    """The function f called on `args`, or the node f; differentiated by all of `args`."""
    if isinstance(f, Node):
        return Call.of_node(what, f, list(args), single=False, record=record)
    return Call.of_function(what, f, tuple(range(len(args))), args, {}, record)
