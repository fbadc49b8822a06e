"""Functions from functions to their derivatives. They nest to any order.

Of a recorded node they give the derivative itself: `grad(E, W)` beside `grad(f)(W)`.

Each wraps the function's argument in a fresh node. That is what keeps nested derivatives apart: an
inner derivative is taken along paths that end at its own fresh node and at no other, so a value
that belongs to an outer derivative is a constant for the inner one, whatever it is called.

Arguments may be arrays, numbers, and lists, tuples or dicts of them, nested; gradients come in the
same structure (lists are structure, not arrays: wrap matrices with np.array). Inside the function
arrays are Tensors and numbers Values. Results are plain arrays and floats: a parameter that the
function closes over is a constant. They are nodes, so that they can be differentiated in turn, if
an argument is a node, if an outer transform differentiates by what the function closes over, or
with `record=True`. Under `no_grad` derivatives are still computed, and plain.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod
from typing import Any, overload

from . import ops
from .backprop import jacobians
from .graph import errors
from .graph.context import current_context, enable_grad
from .graph.meta import NO_META
from .graph.names import user_frame
from .graph.node import Array, Node, Scalar, raw, topological_order
from .graph.trees import Tree, leaves, map_tree, rebuild
from .tensor import Tensor
from .value import Value

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


# --- what is differentiated, and by what


def _recording() -> bool:
    context = current_context()
    return context is None or context.recording


class _Call:
    """`y`, and the nodes to differentiate it by: `nodes`, which are the leaves of `trees`.

    `fresh` says whether they were made for this call of a function, or are the user's. `record`
    says whether derivatives are to be nodes in any case.
    """

    def __init__(
        self, what: str, y: Any, trees: list[Tree], *, single: bool, fresh: bool, record: bool
    ) -> None:
        self.what, self.y, self.trees, self.single, self.fresh = what, y, trees, single, fresh
        self.nodes = leaves(trees)
        self.outside = _recording()
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
    ) -> _Call:
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
    ) -> _Call:
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


def _plain(y: Tree, record: bool) -> Tree:
    return y if record else map_tree(lambda v: raw(v), y)


def _transformed(
    what: str, f: Any, argnums: Any, derive: Callable[[_Call], Any], record: bool
) -> Any:
    """`derive` of a recorded node at once; of a function, the function that calls it and does."""
    if isinstance(f, Node):
        return derive(_Call.of_node(what, f, [argnums], single=True, record=record))
    _refuse_positions(what, f, argnums)

    def derivative(*args: Any, **kwargs: Any) -> Any:
        return derive(_Call.of_function(what, f, argnums, args, kwargs, record))

    derivative.is_derivative = True  # type: ignore[attr-defined]
    return derivative


def _depth() -> int:
    """How many frames of the package lie below the user's."""
    frame, user, depth = sys._getframe(1), user_frame(), 0
    while frame is not user and frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth - 1


def _refuse_positions(what: str, f: Any, argnums: Any) -> None:
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


def _gradient(call: _Call, *, record: bool = False) -> list[Any]:
    """The gradient of the scalar y by every node of the call."""
    y = call.scalar()
    if not isinstance(y, Node):
        return [ops.zeros_like(x) for x in call.nodes]
    with enable_grad():
        return jacobians.pull(y, call.nodes, ops.ones_like(y), record=record)


def _jacobian(call: _Call, v: Any) -> Tree:
    """dv/dx for every node x of the call, in the arguments' structure."""
    if not isinstance(v, Node):
        v = Tensor(v)
    with enable_grad():
        return call.result(jacobians.jacobians(v, call.nodes, record=call.records(v)))


# --- the transforms


@overload
def value_and_grad(
    f: Function, argnums: Argnums = 0, *, has_aux: bool = False, record: bool = False
) -> Function: ...
@overload
def value_and_grad(f: Node, argnums: Tree, *, record: bool = False) -> tuple[Any, Any]: ...
def value_and_grad(f: Any, argnums: Any = 0, *, has_aux: bool = False, record: bool = False) -> Any:
    """g(*args) = (f(*args), the gradient of f with respect to argument `argnums`).

    f must return a scalar (one entry). For a tuple of positions the gradient is a tuple. With
    `has_aux`, f returns (scalar, anything) and g((scalar, anything), gradient).
    Of a recorded node: value_and_grad(E, W) = (E's value, dE/dW), see `grad`.
    """
    return _transformed(
        "value_and_grad", f, argnums, lambda call: _value_and_gradient(call, has_aux), record
    )


def _value_and_gradient(call: _Call, has_aux: bool) -> tuple[Any, Any]:
    aux = None
    if has_aux:
        if not isinstance(call.y, tuple) or len(call.y) != 2:
            raise TypeError(f"{call.what}: with has_aux the function must return (scalar, aux)")
        call.y, aux = call.y
    record = isinstance(call.y, Node) and call.records(call.y)
    gradient = call.result(_gradient(call, record=record))
    call.close()
    value = _plain(call.y, record)
    return ((value, _plain(aux, record)) if has_aux else value), gradient


@overload
def grad(
    f: Function, argnums: Argnums = 0, *, has_aux: bool = False, record: bool = False
) -> Function: ...
@overload
def grad(f: Node, argnums: Tree, *, record: bool = False) -> Any: ...
def grad(f: Any, argnums: Any = 0, *, has_aux: bool = False, record: bool = False) -> Any:
    """g(*args) = the gradient of the scalar function f with respect to argument `argnums`.

    For a tuple of positions a tuple. With `has_aux`, f returns (scalar, anything) and g (gradient,
    anything).

    Of a recorded node, grad(E, W) = dE/dW, and grad(E, (W, b)) a tuple (any list, tuple or dict of
    nodes): plain arrays, and no `.grad` changes. Raises `ValueError` where E does not depend on W,
    with the reason.
    """

    def derive(call: _Call) -> Any:
        value, gradient = _value_and_gradient(call, has_aux)
        return (gradient, value[1]) if has_aux else gradient

    return _transformed("grad", f, argnums, derive, record)


def vjp(f: Function | Node, *args: Any, record: bool = False) -> tuple[Any, Function]:
    """(y, pullback): y = f(*args), and pullback(G) = the tuple of G . dy/dx for every argument.

    G has y's structure and shapes. The pullback can be called any number of times. Of a recorded
    node, vjp(y, W, b) pulls back to the nodes W and b.
    """
    call = _called("vjp", f, args, record)
    y = call.y
    record = any(isinstance(v, Node) and call.records(v) for v in leaves(y))

    def pullback(cotangent: Tree) -> tuple[Any, ...]:
        outside = _recording()
        total = [ops.zeros_like(x) for x in call.nodes]

        def add(v: Any, g: Any) -> None:
            if isinstance(v, Node):
                g, also = _vector("vjp", v, g, outside)
                pulled = jacobians.pull(v, call.nodes, g, record=record or also)
                total[:] = map(ops.add, total, pulled)

        with enable_grad():
            map_tree(add, y, cotangent)
        return call.result(total)  # type: ignore[no-any-return]

    value = _plain(y, record)
    call.close()
    return value, pullback


def _called(what: str, f: Any, args: tuple[Any, ...], record: bool) -> _Call:
    """The function f called on `args`, or the node f; differentiated by all of `args`."""
    if isinstance(f, Node):
        return _Call.of_node(what, f, list(args), single=False, record=record)
    return _Call.of_function(what, f, tuple(range(len(args))), args, {}, record)


def jvp(
    f: Function | Node, primals: Iterable[Any], tangents: Iterable[Any], *, record: bool = False
) -> tuple[Any, Any]:
    """(y, dy): y = f(*primals), and dy = dy/dx . tangents, how y changes along the tangents.

    Exact, from the same rules as the gradient: the sweep is linear in its cotangent, and is swept
    once more. Of a recorded node, jvp(y, (W, b), (dW, db)) moves the nodes W and b.
    """
    call = _called("jvp", f, tuple(primals), record)
    directions: list[Any] = []
    map_tree(
        lambda x, t: directions.append(_vector("jvp", x, t, call.outside)),
        tuple(call.trees),
        tuple(tangents),
    )
    record = any(isinstance(v, Node) and call.records(v) for v in leaves(call.y))
    record = record or any(also for _, also in directions)
    vectors = [t for t, _ in directions]

    def along(v: Any) -> Any:
        if not isinstance(v, Node):
            return ops.zeros_like(v)
        return jacobians.push(v, call.nodes, vectors, record=record)

    dy = map_tree(along, call.y)
    call.close()
    return _plain(call.y, record), dy


def _vector(what: str, x: Node, value: Any, outside: bool) -> tuple[Any, bool]:
    """A cotangent or tangent, checked against x; and whether it is a node to record for."""
    data = raw(value)
    if isinstance(x, Scalar):
        data = Value(data).data
    else:
        data = ops.astype(Tensor(data).data, dtype=x.data.dtype)
        if data.shape != x.shape:
            raise ValueError(f"{what}: a vector of shape {data.shape} for one of shape {x.shape}")
    if isinstance(value, Node) and not value.constant and outside:
        return value, True
    return data, False


@overload
def jacobian(f: Function, argnums: Argnums = 0, *, record: bool = False) -> Function: ...
@overload
def jacobian(f: Node, argnums: Tree, *, record: bool = False) -> Any: ...
def jacobian(f: Any, argnums: Any = 0, *, record: bool = False) -> Any:
    """g(*args) = df/dx of shape y.shape + x.shape, entry [i, j] = d y[i] / d x[j].

    Where f returns a list, tuple or dict, so does g, with the argument's structure at each place.
    One sweep per entry of y. Of a recorded node, jacobian(v, W) = dv/dW, and of several nodes as
    in `grad`.
    """

    def derive(call: _Call) -> Any:
        derivatives = map_tree(lambda v: _jacobian(call, v), call.y)
        call.close()
        return derivatives

    return _transformed("jacobian", f, argnums, derive, record)


@overload
def hessian(f: Function, argnums: Argnums = 0, *, record: bool = False) -> Function: ...
@overload
def hessian(f: Node, argnums: Tree, *, record: bool = False) -> Any: ...
def hessian(f: Any, argnums: Any = 0, *, record: bool = False) -> Any:
    """g(*args) = the second derivatives of a scalar function, of shape x.shape + x.shape.

    Of several arguments: h[i][j] = d(df/dx_i)/dx_j. Of a recorded node, hessian(E, W) = d2E/dW2,
    and of several nodes as in `grad`.
    """

    def derive(call: _Call) -> Any:
        rows = [_jacobian(call, g) for g in _gradient(call, record=True)]
        call.close()
        return call.result(rows)

    return _transformed("hessian", f, argnums, derive, record)


def hvp(f: Any, argnums: Any = 0, *, record: bool = False) -> Function:
    """g(*args, v) = the Hessian of the scalar function f times v, without forming the Hessian.

    v has the structure of argument `argnums`. Costs about two gradients. Of a recorded node,
    hvp(E, W) is the function of v alone, and of several nodes as in `grad`.
    """
    if isinstance(f, Node):
        recorded = _Call.of_node("hvp", f, [argnums], single=True, record=record)
        return lambda v: _hessian_times(recorded, v)
    _refuse_positions("hvp", f, argnums)

    def g(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 2:
            raise TypeError("hvp: takes the function's arguments and then v, the vector")
        *args_, v = args
        call = _Call.of_function("hvp", f, argnums, tuple(args_), kwargs, record)
        return _hessian_times(call, v)

    return g


def _hessian_times(call: _Call, vector: Tree) -> Tree:
    total: list[Any] = [ops.zeros_like(x) for x in call.nodes]

    def add(x: Node, d: Any, t: Any) -> None:
        v, also = _vector("hvp", x, t, call.outside)
        if isinstance(d, Node):
            pulled = jacobians.pull(d, call.nodes, v, record=also or call.records(d))
            total[:] = map(ops.add, total, pulled)

    gradient = _gradient(call, record=True)
    with enable_grad():
        map_tree(add, call.result(call.nodes), call.result(gradient), vector)
    call.close()
    return call.result(total)
