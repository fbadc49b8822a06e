"""Index expressions: what one entry of an array is, in entries of others.

A matrix product is a sum of products of entries, a transpose an order of indices, the identity a
delta: in this form there is nothing to know about matrices. Expressions are interned: equal ones
are one object, also up to the names of bound indices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import count
from typing import Any

from ..graph.clock import spend
from ..graph.node import raw
from ..graph.op import Op

Number = int | Fraction | float
NUM, SIZE, ATOM, DELTA = "number", "size", "atom", "delta"
ADD, MUL, SUM, MAP, CALL = "add", "multiply", "sum", "map", "call"
EXPRESSION = 35  # microseconds of a new one, and of what is done with it


@dataclass(eq=False, slots=True)
class Size:
    """A class of axes that are equally long whatever the sizes are; joined while a graph is read.

    `number` is the length in the graph that ran; `repeated` says that an axis of length 1 was
    broadcast, so that its length is 1 at any size.
    """

    number: int
    repeated: bool = False
    _parent: Size | None = None

    def root(self) -> Size:
        """What stands for the class."""
        size = self
        while size._parent is not None:
            size = size._parent
        return size

    def join(self, other: Size) -> None:
        """From now on the two are one class."""
        a, b = self.root(), other.root()
        if a is not b:
            b._parent = a
            a.repeated = a.repeated or b.repeated


NOWHERE = Size(0)  # of an index that is not free


@dataclass(eq=False, slots=True)
class Ix:
    """An index: free (it has a `size`), bound by a sum, fixed to a place, or the axis of a body."""

    kind: str
    place: int
    size: Size = NOWHERE


@cache
def fixed(place: int) -> Ix:
    """The index that is `place`."""
    return Ix("fixed", place)


ONLY = Ix("fixed", 0, Size(1))  # along an axis that has length 1 at all sizes


@cache
def bound(level: int) -> Ix:
    """The index bound by a sum at a nesting height."""
    return Ix("bound", level)


@cache
def slot(axis: int) -> Ix:
    """The axis of an array that an op takes as a whole, or of a pattern."""
    return Ix("slot", axis)


@dataclass(eq=False)
class Symbol:
    """What an atom stands for: an array with a name. `axes` are the places, in the user's array, of
    those that an atom is indexed by (axes of length 1 are left out); `depth` is larger downstream.

    `symmetric` and `sums` are facts; those in `observed`
    were seen in the data only, and are told when used. An `invented` name is not the user's; a
    `mask` holds truths.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    depth: int = 0
    source: Any = None  # the node of the twin, or the constant array
    sizes: tuple[Size, ...] = ()
    symmetric: bool = False
    identity: bool = False
    sums: dict[int, int] = field(default_factory=dict)  # axis -> 0 or 1, what it sums to
    observed: dict[int, str] = field(default_factory=dict)  # by axis, -1 for symmetry
    cotangent: bool = False
    invented: bool = False
    mask: bool = False

    @property
    def data(self) -> Any:
        """Its value in the graph that ran."""
        return raw(self.source)


@dataclass(frozen=True)
class Head:
    """An op with its settings. `layout`: of each array that it takes as a whole, the sizes of the
    axes (None: of length 1)."""

    op: Op
    key: tuple[Any, ...]  # what tells settings apart
    params: Mapping[str, Any] = field(compare=False)
    layout: tuple[tuple[Size | None, ...], ...] = ()


@dataclass(eq=False, init=False, repr=False, slots=True)
class Expr:
    """An interned expression: `kind`, `head` (a number, a symbol, coefficients, exponents, sizes,
    an op), `args`, `ix` (its indices; of a sum those bound). `free` are its free indices."""

    kind: str
    head: Any
    args: tuple[Expr, ...]
    ix: tuple[Ix, ...]
    uid: int
    free: frozenset[Ix]
    level: int
    rank: int
    cost: float | None
    skeleton: int | None

    @property
    def op(self) -> Op | None:
        """The op of a map or call."""
        return self.head.op if self.kind in (MAP, CALL) else None


@dataclass
class Table:
    """The expressions of one derivation, and what was found out about them."""

    nodes: dict[Any, Expr] = field(default_factory=dict)
    renamed: dict[Any, Expr] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    facts: dict[str, None] = field(default_factory=dict)
    _tokens: list[Token[Any]] = field(default_factory=list)

    def __enter__(self) -> Table:
        self._tokens.append(_table.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _table.reset(self._tokens.pop())


_table: ContextVar[Table] = ContextVar("tinygrad_lite_terms")
table = _table.get


def index(size: Size) -> Ix:
    """A new free index."""
    return Ix("free", next(table().numbers), size)


def intern(
    kind: str, head: Any = None, args: tuple[Expr, ...] = (), ix: tuple[Ix, ...] = ()
) -> Expr:
    """The one expression of these parts, which are in canonical order."""
    t = table()
    key = (kind, head, tuple([x.uid for x in args]), ix)
    found = t.nodes.get(key)
    if found is None:
        spend(EXPRESSION)
        found = t.nodes[key] = Expr()
        found.kind, found.head, found.args, found.ix = kind, head, args, ix
        found.uid = len(t.nodes)
        found.cost = found.skeleton = None
        free = {i for i in ix if i.kind != "fixed"} if kind != SUM else set()
        level = max([x.level for x in args], default=0)
        if kind == CALL:  # the arrays that it takes have no indices but their own slots
            level = 0
        else:
            free = free.union(*[x.free for x in args])
        if kind == SUM:
            free -= set(ix)
            level = max(level, ix[-1].place)
        found.free, found.level = frozenset(free), level
        rank = head.depth if kind == ATOM else 0
        found.rank = max([rank, *(x.rank for x in args)])
    return found
