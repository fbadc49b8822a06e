"""A node of the computation graph, and the topological order.

Two storage classes share one interface. `Scalar` holds a Python float and at most two inputs in
slots, because a graph of scalars is as fast as its nodes are small (one object per op: no tuple,
dict or closure beside it). `Array` holds an array and a tuple of inputs. `Value` and `Tensor` add
the operators.

A node keeps the raw operands that it was computed with, so that a recorded graph does not change
when a leaf's data is set afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .meta import NO_META, Meta
from .op import Op


class Borrowed:
    """In `_grad` of an op's result: an array that another gradient is too; copied when asked for,
    since users change gradients in place."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


class Node:
    """A value in the graph: a leaf (`op` is None), a constant leaf, or the result of an op.

    `inputs` holds nodes, and the raw numbers or arrays that are constants of the op; `operands`
    the raw values of all of them at the time of recording; `params` the op's settings.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # slots of the storage classes
        _data: Any
        _grad: Any
        op: Op | None
        _meta: Meta | None

    @property
    def inputs(self) -> tuple[Any, ...]:
        """What the op was given, in order: nodes, and numbers or arrays that are constants."""
        raise NotImplementedError

    @property
    def operands(self) -> tuple[Any, ...]:
        """The values of `inputs` when the node was recorded."""
        raise NotImplementedError

    @property
    def data(self) -> Any:
        """The value. A leaf's can be set to another of its shape; recorded graphs keep the old."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if self.op is not None:
            raise ValueError(
                f"what {self.op.name} computed cannot be set; set the leaves, and compute again"
            )
        if type(data) is type(self._data) is float:
            self._data = data
        elif data is self._data and not isinstance(data, float):
            self._data = data[...]  # a step in place: graphs hold the array itself, see errors
        else:
            self._data = self._convert(data, "data")

    @property
    def grad(self) -> Any:
        """The gradient of the last `backward()` (leaves accumulate), None until one reaches it."""
        grad = self._grad
        if type(grad) is Borrowed:
            grad = self._grad = grad.array.copy()
        return grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad = None if grad is None else self._convert(grad, "grad")

    def _convert(self, value: Any, what: str) -> Any:
        """`value` as this node's data or grad can hold it, or an error."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget the gradient: `grad` is None again."""
        self._grad = None

    def __reduce__(self) -> Any:
        """Leaves copy and pickle, with their gradient; a result would drag its graph along."""
        if self._meta is not None and self._meta.argument:
            raise TypeError(
                "a copy of a transform's argument would be cut from its derivative; use it as it "
                "is, or tg.identity(x), which records"
            )
        if self.op is not None:
            raise TypeError(
                f"a result of {self.op.name} cannot be copied or pickled: its graph would come "
                "along; .detach() first, or hand on .data, as to a plot (the gradient stops there)"
            )
        meta = Meta(name=self.name, scope=self.scope, constant=self.constant)
        data, grad = self._data, self._grad
        return _leaf, (type(self), data, grad, meta)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes; () for a number."""
        raise NotImplementedError

    @property
    def is_leaf(self) -> bool:
        """Whether the user made this node (True) or an op did."""
        return self.op is None

    @property
    def constant(self) -> bool:
        """Whether gradients stop here: the result of `detach()`, or of an op under `no_grad`."""
        return (self._meta or NO_META).constant

    @property
    def params(self) -> Mapping[str, Any]:
        """The op's settings, such as axis and keepdims."""
        return (self._meta or NO_META).params

    @property
    def scope(self) -> tuple[str, ...]:
        """The scopes that were open when the node was made, outermost first."""
        return (self._meta or NO_META).scope

    @property
    def name(self) -> str | None:
        """The name given with `name=` or set here, else None."""
        return (self._meta or NO_META).name

    @name.setter
    def name(self, name: str | None) -> None:
        self._meta = replace(self._meta or NO_META, name=name)  # type: ignore[misc]

    @property
    def line(self) -> str | None:
        """The source line of the op, recorded under `debug()`."""
        return (self._meta or NO_META).line

    def __pos__(self) -> Self:
        return self

    def parents(self) -> Iterator[Node]:
        """The inputs that are nodes, in order, with repetition."""
        return (x for x in self.inputs if isinstance(x, Node))


def raw(x: Any) -> Any:
    """The value that a node holds; anything else as it is."""
    return x._data if isinstance(x, Node) else x


class Scalar(Node):
    """Storage for a float. `_x` is the input, a node, `_y` the second, a node or a float (None
    if there is one input), `_a` and `_b` their values.

    Any other op (three inputs, settings, a number first) keeps tuples in `_x` and `_a`.
    """

    __slots__ = ("_a", "_b", "_data", "_grad", "_meta", "_x", "_y", "op")

    _x: Any
    _y: Any
    _a: Any
    _b: Any

    @property
    def inputs(self) -> tuple[Any, ...]:
        x, y = self._x, self._y
        if y is not None:
            return (x, y)
        return x if type(x) is tuple else () if x is None else (x,)

    @property
    def operands(self) -> tuple[Any, ...]:
        a, b = self._a, self._b
        if b is not None:
            return (a, b)
        return a if type(a) is tuple else () if a is None else (a,)

    @property
    def shape(self) -> tuple[int, ...]:
        """(): a number has no axes."""
        return ()


class Array(Node):
    """Storage for an array of any Array-API library."""

    __slots__ = ("__weakref__", "_data", "_grad", "_meta", "inputs", "op", "operands")

    inputs: tuple[Any, ...]
    operands: tuple[Any, ...]
    result: ClassVar[type[Array]]  # the class of an op's result: Tensor, which is defined above

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape  # type: ignore[no-any-return]


def fresh(like: Node | None, data: Any) -> Any:
    """A new leaf of the kind of `like` (None: an array's) that holds `data` itself."""
    return _leaf(type(like) if isinstance(like, Scalar) else Array.result, data)


def _leaf(kind: type[Node], data: Any, grad: Any = None, meta: Meta | None = None) -> Any:
    leaf: Any = object.__new__(kind)
    leaf._data, leaf._grad, leaf.op, leaf._meta = data, grad, None, meta
    if isinstance(leaf, Scalar):
        leaf._x = leaf._y = leaf._a = leaf._b = None
    else:
        leaf.inputs = leaf.operands = ()
    return leaf


def topological_order(*roots: Node) -> list[Node]:
    """All nodes that `roots` depend on (the roots too), each before its inputs.

    Kahn's algorithm: count the consumers of every node, then release a node once all its consumers
    are out. Nothing recurses, and a node used twice by one op is counted twice.
    """
    consumers: dict[Node, int] = {}
    stack: list[Node] = []
    for root in roots:
        if root not in consumers:
            consumers[root] = 0
            stack.append(root)
    while stack:
        for x in stack.pop().inputs:
            if isinstance(x, Node):
                if x in consumers:
                    consumers[x] += 1
                else:
                    consumers[x] = 1
                    stack.append(x)
    ready = [root for root in dict.fromkeys(roots) if consumers[root] == 0]
    order: list[Node] = []
    while ready:
        node = ready.pop()
        order.append(node)
        for x in node.inputs:
            if isinstance(x, Node):
                consumers[x] -= 1
                if not consumers[x]:
                    ready.append(x)
    return order
