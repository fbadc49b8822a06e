"""Index expressions as arrays of any number of axes, by einsum, and in index notation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count

from ..graph.reach import reached
from ..notation import tree
from ..notation.tree import Tree, signed
from .algebra import opened, total
from .matrices import Matrices, NoMatrix, in_sum, upstream
from .parts import factors
from .terms import ADD, ATOM, CALL, DELTA, MAP, MUL, NUM, SIZE, SUM, Expr, Ix


class Arrays(Matrices):
    """Trees for code only: what has no matrix form is an einsum."""

    def tree(self, e: Expr) -> Tree:
        if len(e.free) <= 2:
            with suppress(NoMatrix):
                return Matrices.tree(self, e)
        found: Tree = getattr(self, f"_{e.kind}")(e)
        return found

    def _atom(self, e: Expr) -> Tree:
        axes = tuple(i for i in e.ix if i.kind != "fixed")
        whole = Tree(tree.NAME, (), axes, self.name(e.head, e.ix))
        once = tuple(dict.fromkeys(axes))
        return whole if once == axes else Tree(tree.EINSUM, (whole,), once)

    def _call(self, e: Expr) -> Tree:
        bodies = tuple(self.bodies(e))
        whole = Tree(tree.APPLY, bodies, e.ix, self.applied(e.head))
        axes = tuple(dict.fromkeys(i for i in e.ix if i.kind != "fixed"))
        if axes == e.ix:
            return whole
        places = tuple(i.place if i.kind == "fixed" else i for i in e.ix)
        return Tree(tree.EINSUM, (Tree(tree.ENTRY, (whole,), places),), axes)

    def _multiply(self, e: Expr) -> Tree:
        parts = tuple(map(self.tree, e.args))
        axes = tuple(dict.fromkeys(i for t in parts for i in t.axes))
        return Tree(tree.PRODUCT, parts, axes, e.head)

    def _sum(self, e: Expr) -> Tree:
        names, body = opened(e)
        _, powers = factors(body)
        parts = []
        for b, x in powers:
            part = self.tree(b)
            parts.append(part if x == 1 else Tree(tree.PRODUCT, (part,), part.axes, (x,)))
        axes = tuple(dict.fromkeys(i for t in parts for i in t.axes if i not in names))
        return Tree(tree.EINSUM, tuple(parts), axes)


class Stacks(Matrices):
    """Trees for text: an array of three axes is a stack of matrices, X_k, whose index is held, or
    summed over."""

    def __init__(self, matrices: Matrices, unused: Iterator[str]) -> None:
        super().__init__(matrices.names, matrices.sizes)
        self.unused = unused

    def tree(self, e: Expr) -> Tree:
        if len(e.free - self.held.keys()) > 2:
            raise NoMatrix("an array of more than two axes")
        found: Tree = getattr(self, f"_{e.kind}")(e)
        return found

    def _atom(self, e: Expr) -> Tree:
        if self.held.keys().isdisjoint(e.ix):
            return super()._atom(e)
        axes = tuple(i for i in e.ix if i.kind != "fixed" and i not in self.held)
        if len(set(axes)) < len(axes):
            raise NoMatrix("a diagonal of matrices in a stack")
        return Tree(tree.NAME, (), axes, self.name(e.head, e.ix))

    def _delta(self, e: Expr) -> Tree:
        self._refuse_held(e)
        return super()._delta(e)

    def _call(self, e: Expr) -> Tree:
        self._refuse_held(e)
        return super()._call(e)

    def _refuse_held(self, e: Expr) -> None:
        if not self.held.keys().isdisjoint(e.ix):
            raise NoMatrix("a matrix of a stack that has no name")

    def _sum(self, e: Expr) -> Tree:
        with suppress(NoMatrix):
            return super()._sum(e)
        names, body = opened(e)
        for i in names:
            with suppress(NoMatrix):
                letter = next(self.unused)
                inner = self.at(i, letter, total([j for j in names if j is not i], body))
                return Tree(tree.SIGMA, (inner,), inner.axes, (letter,))
        raise NoMatrix("a sum over two stacks")

    def at(self, i: Ix, letter: str, e: Expr) -> Tree:
        """The tree of e, of which i is the index of a stack: the first axis of all that have it."""
        atoms = [x for x in reached([e], lambda x: x.args) if x.kind == ATOM and i in x.ix]
        if max((len(x.ix) for x in atoms), default=0) < 3 or any(i in x.ix[1:] for x in atoms):
            raise NoMatrix("no stack of matrices")
        self.held[i] = letter
        try:
            return self.tree(e)
        finally:
            del self.held[i]


def letters() -> Iterator[str]:
    """Letters for indices, as many as are wanted."""
    yield from "ijklmnpqrstuv"
    for k in count(1):
        yield f"i{k}"


class Entries:
    """Trees in index notation."""

    def __init__(self, matrices: Matrices, names: Mapping[Ix, str]) -> None:
        self.matrices = matrices
        self.names = dict(names)
        self.unused = (c for c in letters() if c not in names.values())

    def _at(self, ix: Sequence[Ix]) -> tuple[str | int, ...]:
        return tuple(i.place if i.kind == "fixed" else self.names[i] for i in ix)

    def tree(self, e: Expr) -> Tree:
        """The tree of an entry."""
        kind = e.kind
        if kind == NUM:
            return tree.number(e.head)
        if kind == SIZE:
            return Tree(tree.SIZE, value=self.matrices.sizes(e.head))
        if kind == ATOM:
            name = Tree(tree.NAME, value=tree.Name(*self.matrices.names(e.head)))
            return Tree(tree.ENTRY, (name,), self._at(e.ix))
        if kind == DELTA:
            return Tree(tree.ONE_AT, (), tuple(sorted(self._at(e.ix), key=str)))
        if kind == CALL:
            return self._call(e)
        if kind == SUM:
            names, body = opened(e)
            self.names |= {i: next(self.unused) for i in names}
            return Tree(tree.SIGMA, (self.tree(body),), (), tuple(self.names[i] for i in names))
        if kind == MAP:
            return Tree(
                tree.APPLY, tuple(map(self.tree, e.args)), (), self.matrices.applied(e.head)
            )
        pairs = list(zip(e.args, e.head, strict=True))
        if kind == ADD:
            pairs.sort(key=lambda p: (p[1] < 0, *in_sum(p[0]), p[0].uid))
        else:
            order = {DELTA: 0, SUM: 2}
            pairs.sort(key=lambda p: (order.get(p[0].kind, 1), bool(p[0].free), *upstream(p[0])))
        args = tuple(self.tree(x) for x, _ in pairs)
        made = tree.SUM if kind == ADD else tree.PRODUCT
        assert kind in (ADD, MUL)
        return signed(Tree(made, args, (), tuple(c for _, c in pairs)))

    def _call(self, e: Expr) -> Tree:
        axes = tuple(range(len(e.ix)))
        try:
            whole = self.matrices.written_op(e, self.matrices.bodies(e), axes)
        except NoMatrix:
            arrays = Arrays(self.matrices.names, self.matrices.sizes)
            bodies = (t if is_whole(t) else tree.ELLIPSIS for t in arrays.bodies(e))
            whole = Tree(tree.APPLY, tuple(bodies), axes, arrays.applied(e.head))
        return Tree(tree.ENTRY, (whole,), self._at(e.ix)) if e.ix else whole


def is_whole(t: Tree) -> bool:
    """Whether an array is written without an index: in matrix form, or entry by entry, when all
    that is in it has its axes or none."""
    if t.kind in (tree.EINSUM, tree.ENTRY):
        return False
    apart = t.kind == tree.APPLY and not t.value.op.elementwise
    alike = apart or len(t.axes) <= 2 or all(x.axes in (t.axes, ()) for x in t.args)
    return alike and all(map(is_whole, t.args))
