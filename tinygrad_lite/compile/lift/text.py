"""A lifted graph as lines of matrix code, `h1 = relu(X @ W1.T + b1)`, and in sentences."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...graph.op import ATOM
from ...notation.code import filled
from ...notation.words import counted
from .blocks import Index
from .function import Lifted
from .names import Found, Names
from .operands import Operand, Part
from .steps import ENTRIES, MATMUL, EachStep, Product, Step, SumStep, Term

_WIDE = 64  # characters of an expression that may stand within another
_LONG = 50  # terms that are not written with signs between them


@dataclass(slots=True)
class Line:
    """`name = code`."""

    name: str
    code: str
    shape: tuple[int, ...]


class Meeting(NamedTuple):
    """A matrix product: the codes of it and of both matrices, how many rows of them meet, and the
    number of products in each sum; `times` in a batch."""

    codes: Sequence[str]
    rows: Sequence[int]
    terms: int
    times: int


@dataclass(slots=True)
class Text:
    """Lines of a lifted graph: `given`, what the leaves and constants are called, and `lines`.
    `parts` has the name and shape of leaves that stand side by side, `blocks` and `constants` the
    names of others."""

    given: list[Line] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    parts: dict[Part, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    blocks: dict[int, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    meetings: list[Meeting] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [
            (f"{line.name} = {line.code}", f"  # {line.shape}" if line.shape else "")
            for line in (*self.given, *self.lines)
        ]
        width = min(max((len(code) for code, _ in rows), default=0), 72)
        return "\n".join((code.ljust(width) + note).rstrip() for code, note in rows)

    def explained(self, numbers: int, operations: int) -> str:
        """What became of the scalars: a sentence for the whole, and one for each matrix product."""
        found = f"{numbers:,} numbers were computed one by one. They are "
        found += counted(operations, "array operation")
        if not self.meetings:
            return f"{found}, none of them a matrix product."
        products = counted(len(self.meetings), "matrix product")
        return "\n".join([f"{found}, with {products}:", *map(_sentence, self.meetings)])


def _sentence(met: Meeting) -> str:
    code, *names = met.codes
    sums = prod(met.rows) * met.times
    total = f"{counted(sums, 'sum')} of {counted(met.terms, 'product')}"
    if max(met.rows) == 1:
        return f"  {code}: {total}."
    one, other = (
        name if count == 1 else f"each of the {count} rows of {name}"
        for count, name in zip(met.rows, names, strict=True)
    )
    if met.rows[0] == 1:
        one, other = other, one
    times = f", {met.times} times" if met.times > 1 else ""
    return f"  {code}: {one} meets {other}{times}, {total}."


class Writer:
    """Writes a lifted graph with the user's names. `nodes` are the Values by register."""

    def __init__(self, lifted: Lifted, nodes: Any, names: Names, root: str | None) -> None:
        self._lifted, self._nodes, self._names = lifted, nodes, names
        self.text = Text()
        self._written: dict[int, ast.expr] = {}
        self._aliases: dict[Any, Found] = {}
        self._taken: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._uses: Counter[int] = Counter()
        self._named = {k: self._own_name(k) for k in range(1, len(lifted.blocks))}
        for step in lifted.steps:
            for operand in step.operands():
                self._uses.update(operand.sources)
            if isinstance(step, SumStep):  # the operands of a matrix product have names
                for part in step.parts:
                    if isinstance(part, Product) and part.how is not ENTRIES:
                        for operand in (part.right, part.left):
                            self._uses.update(operand.sources)
        last = lifted.steps[-1].block
        if self._named[last] is None:
            self._named[last] = root or "result"
        for step in lifted.steps:
            self._line(step)

    def _own_name(self, k: int) -> str | None:
        """What the user calls a block, if anything."""
        block = self._lifted.blocks[k]
        nodes = self._nodes[block.start : block.start + block.size].reshape(block.shape)
        found = None if None in nodes.ravel().tolist() else self._names.of_nodes(nodes)
        plain = found is not None and not found.turned and found.text.isidentifier()
        return found.text if found is not None and plain else None

    def _line(self, step: Step) -> None:
        made = self._sum(step) if isinstance(step, SumStep) else self._each(step)
        code, k, name = ast.unparse(made), step.block, self._named[step.block]
        if name is None and self._uses[k] == 1 and len(code) <= _WIDE:
            self._written[k] = made  # it stands where it is used
            return
        name = self._new("h" if step.shape else "v") if name is None else self._fresh(name)
        self._written[k] = ast.Name(name)
        self.text.blocks[k] = name
        self.text.lines.append(Line(name, code, step.shape))

    def _each(self, step: EachStep) -> ast.expr:
        op, given = step.kind.op, [self._operand(z) for z in step.given]
        settings = "".join([f", {k}={v!r}" for k, v in step.kind.params.items()])
        called = op.precedence == ATOM
        return filled(f"{op.name}({{inputs}}{settings})" if called else op.numpy, *given)

    def _sum(self, step: SumStep) -> ast.expr:
        terms = []
        for part in step.parts:
            if isinstance(part, Product):
                found = self._product(part)
            elif part.axis is not None:
                axis = "" if len(part.operand.shape) < 2 else f", axis={part.axis}"
                found = self._signed(self._total(part), part.signs)
                found = filled(f"sum({{0}}{axis})", found)
            else:
                found = self._operand(part.operand)
            terms.append((part.sign, found))
        return _added(terms)

    def _product(self, part: Product) -> ast.expr:
        right, left = self._operand(part.right), self._operand(part.left)
        if part.how is not MATMUL:
            pair = (right, left) if not part.right.sources else (left, right)
            made = self._signed(ast.BinOp(pair[0], ast.Mult(), pair[1]), part.signs)
            return made if part.how is ENTRIES else filled("sum({0}, -1)", made)
        axes = len(part.left.shape)
        made = ast.BinOp(right, ast.MatMult(), _turned(left, axes) if axes > 1 else left)
        names = [ast.unparse(z) for z in (made, right, left)]
        rows = [prod(z.shape[-2:-1]) for z in (part.right, part.left)]
        shape = part.right.shape
        self.text.meetings.append(Meeting(names, rows, shape[-1], prod(shape[:-2])))
        return self._signed(made, part.signs)

    def _signed(self, e: ast.expr, signs: Index | None) -> ast.expr:
        if signs is None:
            return e
        return ast.BinOp(e, ast.Mult(), ast.Name(self._alias("s", signs, "signs")))

    def _total(self, part: Term) -> ast.expr:
        """What is summed: of a whole block, whatever its shape."""
        z = part.operand
        whole = len(z.sources) == 1 and z.sources != (0,) and len(z.shape) == 1
        if whole and z.index is None and z.region is None:
            return self._written[z.sources[0]]
        return self._operand(z)

    # --- operands

    def _operand(self, operand: Operand) -> ast.expr:
        if not operand.sources:
            return self._constant(operand)
        if operand.sources == (0,) and not operand.mixed:
            return self._leaves(operand)
        if len(operand.sources) == 1 and not operand.mixed:
            return self._entries(operand)
        parts: list[ast.expr] = [ast.Name("constants")] * operand.mixed
        parts += [ast.Name("leaves") if k == 0 else self._written[k] for k in operand.sources]
        return filled(f"concat({{inputs}})[{self._index(operand)}]", *parts)

    def _entries(self, operand: Operand) -> ast.expr:
        """Of one block: all, or a region, transposed or in another shape, or some entries."""
        found = self._written[operand.sources[0]]
        shape = self._lifted.blocks[operand.sources[0]].shape
        if operand.index is not None:
            return filled(f"{{0}}[{self._index(operand)}]", found)
        if operand.region is not None:
            found = filled(f"{{0}}[{self._index(operand)}]", found)
            sizes = [len(range(*z.indices(n))) for z, n in zip(operand.region, shape, strict=True)]
            shape = tuple([n for n in sizes if n > 1])
        wanted = operand.stands
        if wanted == (*shape, 1):
            found = filled("{0}[:, None]", found)
        elif wanted != shape:
            found = filled(f"{{0}}.reshape({', '.join(map(str, wanted))})", found)
        return _turned(found, len(wanted)) if operand.turned else found

    def _index(self, operand: Operand) -> str:
        if operand.region is not None:
            shape = self._lifted.blocks[operand.sources[0]].shape
            return ", ".join(map(_slice, operand.region, shape))
        if operand.index is None:
            return ":"
        if operand.index.size == 1:
            return str(int(operand.index.flat[0]))
        return self._alias("index", operand.index, f"entries {operand.shape}")

    def _constant(self, operand: Operand) -> ast.expr:
        values = operand.constant
        if isinstance(values, float):
            return filled(f"{values:.12g}")
        found = self._names.of_constant(values)
        if found is None:
            found = Found(self._alias("c" if values.ndim < 2 else "C", values, "constants"))
        made = filled(found.text)
        made = _turned(made) if found.turned else made
        self.text.constants[ast.unparse(made)] = values
        return made

    def _leaves(self, operand: Operand) -> ast.expr:
        found = self._named_leaves(operand)
        if operand.part is not None:
            code = _turned(found) if operand.turned else found
            self.text.parts[operand.part] = ast.unparse(code), operand.stands
        return found

    def _named_leaves(self, operand: Operand) -> ast.expr:
        count = len(self._lifted.leaves)
        place: Any = np.arange(count)
        if operand.region is not None:
            place = place[operand.region[0]]
        elif operand.index is not None:
            place = place[operand.index]
        place = place.reshape(operand.stands)
        place = place.swapaxes(-1, -2) if operand.turned else place
        nodes = self._nodes[place.ravel()].reshape(place.shape)
        found = self._names.of_nodes(nodes)
        if found is None and place.size == count and place.ndim == 1:
            return ast.Name(self._alias("p", place, "all leaves", numbered=False))
        if found is None:
            own = [node.name for node in nodes.ravel().tolist()]
            about = f"{own[0]} .. {own[-1]}" if own[0] and own[-1] else "leaves"
            if place.size == 1 and own[0]:
                return ast.Name(own[0])
            letter = "W" if place.ndim > 1 else "w" if place.ndim else "v"
            return ast.Name(self._alias(letter, place, about))
        if not found.text.isidentifier():
            word = found.text.rpartition(".")[2].partition("[")[0]
            letter = word if word.isidentifier() and "." in found.text else "w"
            key = place.T if found.turned else place
            letter = letter.upper() if key.ndim > 1 and len(letter) == 1 else letter
            name = self._alias(letter, key, found.text)
        else:
            name = found.text
            self._taken.add(name)
        return _turned(ast.Name(name)) if found.turned else ast.Name(name)

    def _alias(self, letter: str, key: Any, about: str, numbered: bool = True) -> str:
        """A name for what has none, which is said once."""
        known = (letter, key.shape, key.tobytes())
        if known not in self._aliases:
            name = self._new(letter) if numbered else self._fresh(letter)
            self._aliases[known] = Found(name)
            self.text.given.append(Line(name, about, key.shape))
        return self._aliases[known].text

    def _new(self, letter: str) -> str:
        while True:
            self._counts[letter] += 1
            name = f"{letter}{self._counts[letter]}"
            if name not in self._taken | self._names.taken:
                return self._fresh(name)

    def _fresh(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _turned(e: ast.expr, axes: int = 2) -> ast.expr:
    """The transpose, of matrices in a stack each."""
    if isinstance(e, ast.Attribute):
        return e.value
    return ast.Attribute(e, "T" if axes == 2 else "mT")


def _negated(e: ast.expr) -> ast.expr:
    """-e, the sign in front of the first factor."""
    if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Mult, ast.MatMult)):
        return ast.BinOp(_negated(e.left), e.op, e.right)
    return ast.UnaryOp(ast.USub(), e)


def _added(terms: Sequence[tuple[int, ast.expr]]) -> ast.expr:
    signed = [e if sign > 0 else _negated(e) for sign, e in terms]
    if len(terms) > _LONG:  # Python's own printer recurses
        return filled("sum([{inputs}])", *signed)
    code = signed[0]
    for sign, e in terms[1:]:
        code = ast.BinOp(code, ast.Add() if sign > 0 else ast.Sub(), e)
    return code


def _slice(places: slice, length: int) -> str:
    start, stop, step = places.start, places.stop, places.step
    if stop == start + 1:
        return str(start)
    first = "" if not start else str(start)
    last = "" if stop + (step or 1) > length else str(stop)
    return f"{first}:{last}" + (f":{step}" if step else "")
