"""Functions from functions to their derivatives. They nest to any order.

Each wraps its argument in a fresh node. That is what keeps nested derivatives apart: an inner
derivative is taken along paths that end at its own fresh node and at no other, so a value that
belongs to an outer derivative is a constant for the inner one, whatever it is called.

Arguments may be arrays, numbers, and lists, tuples or dicts of them, nested; gradients come in the
same structure (lists are structure, not arrays: wrap matrices with np.array). Inside the function
arrays are Tensors and numbers Values. Results are plain arrays and floats; where the function
depends on other nodes (a node given as the argument, or a variable around it) they are nodes, so
that they can be differentiated in turn. Under `no_grad` derivatives are still computed, and plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import prod
from typing import Any

from . import ops
from .backprop import jacobians
from .graph.context import current_context, enable_grad
from .graph.meta import Meta
from .graph.node import Array, Node, Scalar, raw, topological_order
from .tensor import Tensor
from .value import Value

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]
Tree = Any  # a leaf (array, number, node), or a list, tuple or dict of trees


# --- trees


def _map(f: Function, tree: Tree, *others: Tree) -> Tree:
    """f of every leaf (and of the leaves at its place in trees of the same structure)."""
    if isinstance(tree, dict):
        _same(tree, others, lambda t: isinstance(t, dict) and t.keys() == tree.keys())
        return {k: _map(f, v, *(t[k] for t in others)) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        _same(tree, others, lambda t: isinstance(t, (list, tuple)) and len(t) == len(tree))
        items = [_map(f, *parts) for parts in zip(tree, *others, strict=True)]
        if isinstance(tree, tuple):
            return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
        return items
    return None if tree is None else f(tree, *others)


def _same(tree: Tree, others: tuple[Tree, ...], fits: Function) -> None:
    for other in others:
        if not fits(other):
            raise ValueError(f"the structures differ: {_outline(tree)} against {_outline(other)}")


def _outline(tree: Tree) -> str:
    if isinstance(tree, dict):
        return f"dict with keys {sorted(map(str, tree))}"
    if isinstance(tree, (list, tuple)):
        return f"{type(tree).__name__} of {len(tree)}"
    return type(tree).__name__


def _leaves(tree: Tree) -> list[Any]:
    found: list[Any] = []
    _map(found.append, tree)
    return found


def _rebuild(tree: Tree, leaves: Iterable[Any]) -> Tree:
    """`tree` with its leaves replaced, in order."""
    source: Iterator[Any] = iter(leaves)
    return _map(lambda _: next(source), tree)


# --- one call of the function on fresh nodes


def _recording() -> bool:
    context = current_context()
    return context is None or context.recording


class _Call:
    """f called on fresh nodes: `trees` and `nodes` are those, `y` the result.

    `record` says whether derivatives are nodes, because y depends on something outside.
    """

    def __init__(
        self, what: str, f: Function, argnums: Argnums, args: tuple[Any, ...], kwargs: Any
    ) -> None:
        self.outside = _recording()
        self.what = what
        self.single = isinstance(argnums, int)
        self.positions = [argnums] if isinstance(argnums, int) else list(argnums)
        for i in self.positions:
            if not -len(args) <= i < len(args):
                raise ValueError(
                    f"{what}: argnums={argnums}, but the function was called with {len(args)} "
                    "positional arguments (keyword arguments are not differentiated)"
                )
        with enable_grad():
            self.trees = [_map(lambda x: _fresh(what, x), args[i]) for i in self.positions]
            given = list(args)
            for i, tree in zip(self.positions, self.trees, strict=True):
                given[i] = tree
            self.y = f(*given, **kwargs)
        self.nodes = _leaves(self.trees)

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
                f"{self.what} needs a function with a scalar result; this one returned shape "
                f"{tuple(value.shape)}. Reduce it, as in .sum(), or use jacobian"
            )
        return y

    def records(self, y: Node) -> bool:
        """Whether derivatives of y are to be nodes: it depends on a leaf other than the fresh."""
        own = set(self.nodes)
        return self.outside and any(
            node.op is None and not node.constant and node not in own
            for node in topological_order(y)
        )

    def close(self) -> None:
        """The fresh leaves held plain data: make them constants for every outer derivative."""
        for x in self.nodes:
            if x.op is None:
                x._meta = Meta(constant=True)

    def result(self, leaves: list[Any]) -> Any:
        """Derivatives in the arguments' structure; a tuple of them for a tuple of positions."""
        trees = tuple(_rebuild(self.trees, leaves))
        return trees[0] if self.single else trees


def _fresh(what: str, x: Any) -> Node:
    """A new node with x's value that is linked to x, if x is a node, by an identity op."""
    if isinstance(x, Node):
        if not x.constant:
            return ops.identity(x)  # type: ignore[no-any-return]
        x = x.data
    if isinstance(x, (bool, int, float)):
        return Value(x)
    try:
        return Tensor(x)
    except TypeError as error:
        raise TypeError(
            f"{what}: cannot differentiate with respect to {x!r:.60}: {error}"
        ) from None


def _plain(y: Tree, record: bool) -> Tree:
    return y if record else _map(lambda v: raw(v), y)


# --- the transforms


def value_and_grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """g(*args) = (f(*args), the gradient of f with respect to argument `argnums`).

    f must return a scalar (one entry). For a tuple of positions the gradient is a tuple. With
    `has_aux`, f returns (scalar, anything) and g((scalar, anything), gradient).
    """
    return _value_and_grad("grad", f, argnums, has_aux)


def _value_and_grad(what: str, f: Function, argnums: Argnums, has_aux: bool) -> Function:
    def g(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = _Call(what, f, argnums, args, kwargs)
        aux = None
        if has_aux:
            if not isinstance(call.y, tuple) or len(call.y) != 2:
                raise TypeError(f"{what}: with has_aux the function must return (scalar, aux)")
            call.y, aux = call.y
        y = call.scalar()
        if not isinstance(y, Node):
            gradients, record = [ops.zeros_like(x) for x in call.nodes], False
        else:
            record = call.records(y)
            with enable_grad():
                gradients = jacobians.pull(y, call.nodes, ops.ones_like(y), record=record)
        call.close()
        value = _plain(y, record)
        return ((value, _plain(aux, record)) if has_aux else value), call.result(gradients)

    return g


def grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """g(*args) = the gradient of the scalar function f with respect to argument `argnums`.

    For a tuple of positions a tuple. With `has_aux`, f returns (scalar, anything) and g (gradient,
    anything).
    """
    both = _value_and_grad("grad", f, argnums, has_aux)

    def g(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return g


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    """(y, pullback): y = f(*args), and pullback(G) = the tuple of G . dy/dx for every argument.

    G has y's structure and shapes. The pullback can be called any number of times.
    """
    call = _Call("vjp", f, tuple(range(len(args))), args, {})
    y = call.y
    record = any(isinstance(v, Node) and call.records(v) for v in _leaves(y))

    def pullback(cotangent: Tree) -> tuple[Any, ...]:
        outside = _recording()
        total = [ops.zeros_like(x) for x in call.nodes]

        def add(v: Any, g: Any) -> None:
            if isinstance(v, Node):
                g, also = _vector("vjp", v, g, outside)
                pulled = jacobians.pull(v, call.nodes, g, record=record or also)
                total[:] = map(ops.add, total, pulled)

        with enable_grad():
            _map(add, y, cotangent)
        return call.result(total)  # type: ignore[no-any-return]

    value = _plain(y, record)
    call.close()
    return value, pullback


def jvp(f: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """(y, dy): y = f(*primals), and dy = dy/dx . tangents, how y changes along the tangents.

    Exact, from the same rules as the gradient: the sweep is linear in its cotangent, and is swept
    once more.
    """
    primals, tangents = tuple(primals), tuple(tangents)
    call = _Call("jvp", f, tuple(range(len(primals))), primals, {})
    directions: list[Any] = []
    _map(
        lambda x, t: directions.append(_vector("jvp", x, t, call.outside)),
        tuple(call.trees),
        tangents,
    )
    record = any(isinstance(v, Node) and call.records(v) for v in _leaves(call.y))
    record = record or any(also for _, also in directions)
    vectors = [t for t, _ in directions]

    def along(v: Any) -> Any:
        if not isinstance(v, Node):
            return ops.zeros_like(v)
        return jacobians.push(v, call.nodes, vectors, record=record)

    dy = _map(along, call.y)
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


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """g(*args) = df/dx of shape y.shape + x.shape, entry [i, j] = d y[i] / d x[j].

    Where f returns a list, tuple or dict, so does g, with the argument's structure at each place.
    One sweep per entry of y.
    """

    def g(*args: Any, **kwargs: Any) -> Any:
        call = _Call("jacobian", f, argnums, args, kwargs)

        def of(v: Any) -> Any:
            if not isinstance(v, Node):
                v = Tensor(v)
            with enable_grad():
                found = jacobians.jacobians(v, call.nodes, record=call.records(v))
            return call.result(found)

        derivatives = _map(of, call.y)
        call.close()
        return derivatives

    return g


def hessian(f: Function, argnums: int = 0) -> Function:
    """g(*args) = the second derivatives of a scalar function, of shape x.shape + x.shape."""
    return jacobian(_value_and_grad_only("hessian", f, argnums), argnums)


def _value_and_grad_only(what: str, f: Function, argnums: Argnums) -> Function:
    both = _value_and_grad(what, f, argnums, False)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def hvp(f: Function, argnums: int = 0) -> Function:
    """g(*args, v) = the Hessian of the scalar function f times v, without forming the Hessian.

    v has the structure of argument `argnums`. Costs about two gradients.
    """

    def g(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 2:
            raise TypeError("hvp: takes the function's arguments and then v, the vector")
        *args_, v = args
        along = _value_and_grad_only("hvp", f, argnums)
        call = _Call("hvp", along, argnums, tuple(args_), kwargs)
        total: list[Any] = [ops.zeros_like(x) for x in call.nodes]

        def add(x: Node, d: Any, t: Any) -> None:
            vector, also = _vector("hvp", x, t, call.outside)
            if isinstance(d, Node):
                pulled = jacobians.pull(d, call.nodes, vector, record=also or call.records(d))
                total[:] = map(ops.add, total, pulled)

        with enable_grad():
            _map(add, call.trees[0], call.y, v)
        call.close()
        return call.result(total)

    return g
