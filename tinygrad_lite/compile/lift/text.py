"""A lifted graph as lines of matrix code, `h1 = relu(X @ W1.T + b1)`, and in sentences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...graph.op import ATOM, PRODUCT, SUM, UNARY
from .function import Lifted
from .names import Found, Names
from .operands import Operand, Part
from .steps import ENTRIES, MATMUL, Product, Step, SumStep, Total

_WIDE = 64  # characters of an expression that may stand within another


class Written(NamedTuple):
    """Code, how tightly its outermost operation binds, and, of a transpose, what is transposed."""

    code: str
    binds: int = ATOM
    of: str = ""

    def within(self, binds: int) -> str:
        """In brackets where it binds less tightly."""
        return self.code if self.binds >= binds else f"({self.code})"

    def turned(self, axes: int) -> Written:
        """The transpose, of matrices in a stack each."""
        if self.of:
            return Written(self.of)
        code = self.within(ATOM)
        return Written(code + (".T" if axes == 2 else ".mT"), of=code)


@dataclass(slots=True)
class Line:
    """`name = code`."""

    name: str
    code: str
    shape: tuple[int, ...]


class Meeting(NamedTuple):
    """A matrix product: its code, the rows that meet, what they are called, and the number of
    products in each sum; `times` in a batch."""

    code: str
    rights: int
    right: str
    lefts: int
    left: str
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


class Writer:
    """Writes a lifted graph with the user's names. `nodes` are the Values by register."""

    def __init__(self, lifted: Lifted, nodes: Any, names: Names, root: str | None) -> None:
        self._lifted, self._nodes, self._names = lifted, nodes, names
        self.text = Text()
        self._written: dict[int, Written] = {}
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
        k, name = step.block, self._named[step.block]
        if name is None and self._uses[k] == 1 and len(made.code) <= _WIDE:
            self._written[k] = made  # it stands where it is used
            return
        name = self._new("h" if step.shape else "v") if name is None else self._fresh(name)
        self._written[k] = Written(name)
        self.text.blocks[k] = name
        self.text.lines.append(Line(name, made.code, step.shape))

    def _each(self, step: Any) -> Written:
        op = step.kind.op
        given = [self._operand(z) for z in step.given]
        if op.precedence == ATOM:
            settings = [f"{k}={v!r}" for k, v in step.kind.params.items()]
            return Written(f"{op.name}({', '.join([*(z.code for z in given), *settings])})")
        holes = [z.within(op.precedence + (i > 0)) for i, z in enumerate(given)]
        return Written(op.numpy.format(*holes), op.precedence)

    def _sum(self, step: SumStep) -> Written:
        code = ""
        for part in step.parts:
            if isinstance(part, Product):
                found = self._product(part)
            elif isinstance(part, Total):
                axis = "" if len(part.operand.shape) < 2 else f", axis={part.axis}"
                signs = "" if part.signs is None else " * signs"
                found = Written(f"sum({self._total(part).code}{signs}{axis})")
            else:
                found = self._operand(part.operand)
            if not code and part.sign < 0:
                code = f"-{found.within(PRODUCT)}"
            elif not code:
                code, binds = found.code, found.binds
            else:
                code += f" {'+' if part.sign > 0 else '-'} {found.within(PRODUCT)}"
        if len(step.parts) > 1:
            return Written(code, SUM)
        return Written(code, UNARY if step.parts[0].sign < 0 else binds)

    def _product(self, part: Product) -> Written:
        right, left = self._operand(part.right), self._operand(part.left)
        signs = "" if part.signs is None else " * signs"
        if part.how is not MATMUL:
            first, second = (right, left) if not part.right.sources else (left, right)
            code = f"{first.within(PRODUCT)} * {second.within(PRODUCT + 1)}{signs}"
            return Written(code, PRODUCT) if part.how is ENTRIES else Written(f"sum({code}, -1)")
        axes = len(part.left.shape)
        b = left.turned(axes) if axes > 1 else left
        code = f"{right.within(PRODUCT)} @ {b.within(ATOM)}"
        shapes = part.right.shape, part.left.shape
        rights, lefts = (prod(shape[-2:-1]) for shape in shapes)
        self.text.meetings.append(
            Meeting(code, rights, right.code, lefts, left.code, shapes[0][-1], prod(shapes[0][:-2]))
        )
        return Written(code + signs, PRODUCT)

    def _total(self, part: Total) -> Written:
        """What is summed: of a whole block, whatever its shape."""
        z = part.operand
        whole = len(z.sources) == 1 and z.sources != (0,) and len(z.shape) == 1
        if whole and z.index is None and z.region is None:
            return self._written[z.sources[0]]
        return self._operand(z)

    # --- operands

    def _operand(self, operand: Operand) -> Written:
        if not operand.sources:
            return self._constant(operand)
        if operand.sources == (0,) and not operand.mixed:
            return self._leaves(operand)
        if len(operand.sources) == 1 and not operand.mixed:
            return self._entries(operand)
        parts = ["constants"] * operand.mixed
        parts += ["leaves" if k == 0 else self._written[k].code for k in operand.sources]
        return Written(f"concat({', '.join(parts)})[{self._index(operand)}]")

    def _entries(self, operand: Operand) -> Written:
        """Of one block: all, or a region, transposed or in another shape, or some entries."""
        found = self._written[operand.sources[0]]
        shape = self._lifted.blocks[operand.sources[0]].shape
        if operand.index is not None:
            return Written(f"{found.within(ATOM)}[{self._index(operand)}]")
        if operand.region is not None:
            found = Written(f"{found.within(ATOM)}[{self._index(operand)}]")
            sizes = [len(range(*z.indices(n))) for z, n in zip(operand.region, shape, strict=True)]
            shape = tuple([n for n in sizes if n > 1])
        wanted = operand.stands
        if wanted == (*shape, 1):
            found = Written(f"{found.within(ATOM)}[:, None]")
        elif wanted != shape:
            found = Written(f"{found.within(ATOM)}.reshape({', '.join(map(str, wanted))})")
        return found.turned(len(wanted)) if operand.turned else found

    def _index(self, operand: Operand) -> str:
        if operand.region is not None:
            shape = self._lifted.blocks[operand.sources[0]].shape
            return ", ".join(map(_slice, operand.region, shape))
        if operand.index is None:
            return ":"
        if operand.index.size == 1:
            return str(int(operand.index.flat[0]))
        return self._alias("index", operand.index, f"entries {operand.shape}")

    def _constant(self, operand: Operand) -> Written:
        values = operand.constant
        if isinstance(values, float):
            short = f"{values:.12g}"
            return Written(short, UNARY if values < 0 else ATOM)
        found = self._names.of_constant(values)
        if found is not None:
            binds = UNARY if found.text.startswith("-") else ATOM
            made = Written(found.text, binds)
            made = made.turned(2) if found.turned else made
        else:
            made = Written(self._alias("c" if values.ndim < 2 else "C", values, "constants"))
        self.text.constants[made.code] = values
        return made

    def _leaves(self, operand: Operand) -> Written:
        found = self._named_leaves(operand)
        if operand.part is not None:
            code = found.turned(2).code if operand.turned else found.code
            self.text.parts[operand.part] = code, operand.stands
        return found

    def _named_leaves(self, operand: Operand) -> Written:
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
            return Written(self._alias("p", place, "all leaves", numbered=False))
        if found is None:
            own = [node.name for node in nodes.ravel().tolist()]
            about = f"{own[0]} .. {own[-1]}" if own[0] and own[-1] else "leaves"
            if place.size == 1 and own[0]:
                return Written(own[0])
            letter = "W" if place.ndim > 1 else "w" if place.ndim else "v"
            return Written(self._alias(letter, place, about))
        if not found.text.isidentifier():
            word = found.text.rpartition(".")[2].partition("[")[0]
            letter = word if word.isidentifier() and "." in found.text else "w"
            key = place.T if found.turned else place
            letter = letter.upper() if key.ndim > 1 and len(letter) == 1 else letter
            name = self._alias(letter, key, found.text)
        else:
            name = found.text
            self._taken.add(name)
        return Written(name).turned(2) if found.turned else Written(name)

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


def _slice(places: slice, length: int) -> str:
    start, stop, step = places.start, places.stop, places.step
    if stop == start + 1:
        return str(start)
    first = "" if not start else str(start)
    last = "" if stop + (step or 1) > length else str(stop)
    return f"{first}:{last}" + (f":{step}" if step else "")
