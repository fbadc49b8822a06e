"""The transforms: each calls its function once, and reads the derivative off what was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, overload

from .. import ops
from ..backprop import jacobians
from ..graph.context import enable_grad
from ..graph.node import Node, Scalar, raw
from ..graph.trees import Tree, leaves, map_tree
from ..tensor import Tensor
from ..value import Value
from .calls import Argnums, Call, Function, called, recording, refuse_positions, transformed


def _gradient(call: Call, *, record: bool = False) -> list[Any]:
    """The gradient of the scalar y by every node of the call."""
    y = call.scalar()
    if not isinstance(y, Node):
        return [ops.zeros_like(x) for x in call.nodes]
    with enable_grad():
        return jacobians.pull(y, call.nodes, ops.ones_like(y), record=record)


def _jacobian(call: Call, v: Any) -> Tree:
    """dv/dx for every node x of the call, in the arguments' structure."""
    if not isinstance(v, Node):
        v = Tensor(v)
    with enable_grad():
        return call.result(jacobians.jacobians(v, call.nodes, record=call.records(v)))


def _plain(y: Tree, record: bool) -> Tree:
    return y if record else map_tree(lambda v: raw(v), y)


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
    return transformed(
        "value_and_grad", f, argnums, lambda call: _value_and_gradient(call, has_aux), record
    )


def _value_and_gradient(call: Call, has_aux: bool) -> tuple[Any, Any]:
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

    def derive(call: Call) -> Any:
        value, gradient = _value_and_gradient(call, has_aux)
        return (gradient, value[1]) if has_aux else gradient

    return transformed("grad", f, argnums, derive, record)


def vjp(f: Function | Node, *args: Any, record: bool = False) -> tuple[Any, Function]:
    """(y, pullback): y = f(*args), and pullback(G) = the tuple of G . dy/dx for every argument.

    G has y's structure and shapes. The pullback can be called any number of times. Of a recorded
    node, vjp(y, W, b) pulls back to the nodes W and b.
    """
    call = called("vjp", f, args, record)
    y = call.y
    record = any(isinstance(v, Node) and call.records(v) for v in leaves(y))

    def pullback(cotangent: Tree) -> tuple[Any, ...]:
        outside = recording()
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


def jvp(
    f: Function | Node, primals: Iterable[Any], tangents: Iterable[Any], *, record: bool = False
) -> tuple[Any, Any]:
    """(y, dy): y = f(*primals), and dy = dy/dx . tangents, how y changes along the tangents.

    Exact, from the same rules as the gradient: the sweep is linear in its cotangent, and is swept
    once more. Of a recorded node, jvp(y, (W, b), (dW, db)) moves the nodes W and b.
    """
    call = called("jvp", f, tuple(primals), record)
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

    def derive(call: Call) -> Any:
        derivatives = map_tree(lambda v: _jacobian(call, v), call.y)
        call.close()
        return derivatives

    return transformed("jacobian", f, argnums, derive, record)


@overload
def hessian(f: Function, argnums: Argnums = 0, *, record: bool = False) -> Function: ...
@overload
def hessian(f: Node, argnums: Tree, *, record: bool = False) -> Any: ...
def hessian(f: Any, argnums: Any = 0, *, record: bool = False) -> Any:
    """g(*args) = the second derivatives of a scalar function, of shape x.shape + x.shape.

    Of several arguments: h[i][j] = d(df/dx_i)/dx_j. Of a recorded node, hessian(E, W) = d2E/dW2,
    and of several nodes as in `grad`.
    """

    def derive(call: Call) -> Any:
        rows = [_jacobian(call, g) for g in _gradient(call, record=True)]
        call.close()
        return call.result(rows)

    return transformed("hessian", f, argnums, derive, record)


def hvp(f: Any, argnums: Any = 0, *, record: bool = False) -> Function:
    """g(*args, v) = the Hessian of the scalar function f times v, without forming the Hessian.

    v has the structure of argument `argnums`. Costs about two gradients. Of a recorded node,
    hvp(E, W) is the function of v alone, and of several nodes as in `grad`.
    """
    if isinstance(f, Node):
        recorded = Call.of_node("hvp", f, [argnums], single=True, record=record)
        return lambda v: _hessian_times(recorded, v)
    refuse_positions("hvp", f, argnums)

    def g(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 2:
            raise TypeError("hvp: takes the function's arguments and then v, the vector")
        *args_, v = args
        call = Call.of_function("hvp", f, argnums, tuple(args_), kwargs, record)
        return _hessian_times(call, v)

    return g


def _hessian_times(call: Call, vector: Tree) -> Tree:
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
