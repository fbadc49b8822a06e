"""The derivation as a teacher writes it: a line per named step with its differential, and below it
what it makes of dE, with the law that was used; in Unicode, and in LaTeX by the same walk."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..graph.backend import in_numpy
from ..graph.node import Node
from ..notation import tree
from ..notation.mathematics import CHAIN, ENTRYWISE, Mathematics, Written
from ..notation.style import UNICODE, Style
from ..notation.tree import Tree
from .laws import latex, laws
from .printer import Formula, derivative
from .steps import Line, Part


class Row(NamedTuple):
    """One line: what is defined, its shape, what follows, and why."""

    left: str
    shape: str
    right: str
    why: str = ""


@dataclass(frozen=True)
class Teacher:
    """Writes the lines of a derivation in one style; with `gradients`, the numbers too."""

    lines: Sequence[Line]
    style: Style
    gradients: Mapping[Node, Any] | None = None

    def rows(self) -> list[Row]:
        """All rows, from the result down."""
        uses: Counter[Node] = Counter(part.x for line in self.lines for part in line.parts)
        named = {line.node for line in self.lines if line.value is not None}
        once = {x for x in named if uses[x] == 1}
        found: list[Row] = []
        live: set[Node] = {line.node for line in self.lines[:1]}
        for k, line in enumerate(self.lines):
            if line.value is not None:
                found.append(self._cotangent(line, uses[line.node]))
            found.append(self._header(line, k == 0))
            found += self._numbers(line)
            if k and not self.lines[0].definition.shape:
                found += self._substituted(line, live == {line.node}, once)
            live |= {part.x for part in line.parts}
            live.discard(line.node)
        return found

    # --- the rows of a line

    def _cotangent(self, line: Line, uses: int) -> Row:
        """δ_v = ... = ∂E/∂v, where it has a name of its own."""
        assert line.value is not None
        name = self.style.name(f"δ_{line.name}")
        right = f"{self._equal(name, line.value)} = {self.partial(line.name)}"
        parts = f"the parts of its {uses} uses add up" if uses > 1 else ""
        return Row("", "", right, self._words(parts))

    def _header(self, line: Line, first: bool) -> Row:
        left = self._equal(self.style.name(line.name), line.definition)
        shape = str(line.definition.shape)
        name = self._d(line.name)
        if first and not line.definition.shape:
            terms = [self.product(p.pulled, self._d(p.name), p.pulled.shape) for p in line.parts]
        elif all(p.differential.tree is not None or not p.held for p in line.parts):
            terms = [self.term(p.differential) if p.held else self._words("…") for p in line.parts]
        else:
            alike = len({p.differential.subscript for p in line.parts}) == 1
            shown = line.parts[0].differential
            name = self._entry(name, shown.subscript if alike else shown.indices)
            trees = (p.differential.shown if alike else p.differential.entry for p in line.parts)
            entries = [Mathematics(self.style).write(t).body for t in trees]
            terms = [
                e if p.held else self._words("…") for e, p in zip(entries, line.parts, strict=True)
            ]
        return Row(left, shape, f"{name} = {self.joined(terms)}")

    def _numbers(self, line: Line) -> list[Row]:
        if self.gradients is None:
            return []
        rows = [Row("", "", f"{self.style.name(line.name)} = {_numbers(line.node.data)}")]
        if line.node in self.gradients and line is not self.lines[0]:
            g = _numbers(self.gradients[line.node])
            rows.append(Row("", "", f"{self.partial(line.name)} = {g}"))
        return rows

    def _substituted(self, line: Line, whole: bool, once: Collection[Node]) -> list[Row]:
        """dE = a : dy with the line's differential in the place of dy, and each dx alone."""
        shape = line.definition.shape
        a = line.cotangent
        if a.tree == tree.number(0):
            return []
        shown = (x for p in line.parts for x in (p.differential, p.pulled, a))
        if any(x.tree is None for x in shown) or not all(p.held for p in line.parts):
            return [self._by_entries(p) for p in line.parts]
        d_y = self._d(line.name)
        given = self._d(self.lines[0].name) if whole else self.product(a, d_y, shape)
        before = [self.product(a, p.differential, shape) for p in line.parts]
        after = [self._alone(p, once) for p in line.parts]
        between = ",   " if self.style is UNICODE else r",\quad "
        why = between.join(dict.fromkeys(law for p in line.parts for law in self._laws(p)))
        if before == [given] or before == after:
            before = []
        right = [self.joined(terms) for terms in (before, after) if terms]
        if len(line.parts) == 1:
            return [Row("", "", " = ".join([given, *right]), why)]
        rows = [Row("", "", f"{given} = {right[0]}", why if len(right) == 1 else "")]
        indent = " " * len(given) if self.style is UNICODE else ""
        rows += [Row("", "", f"{indent} = {text}", why) for text in right[1:]]
        return rows

    def _by_entries(self, part: Part) -> Row:
        """What ∂E/∂x gets, where the step itself has no matrix form."""
        name = self._entry(self.partial(part.name), part.pulled.subscript)
        body = self._body(part.pulled)
        gets = f"{name} {self._words(' gets ' if self.style is not UNICODE else 'gets')} {body}"
        return Row("", "", gets, ",   ".join(self._laws(part)))

    def _alone(self, part: Part, once: Collection[Node]) -> str:
        """P : dx, by the name of ∂E/∂x where this is all of it."""
        moved = self._d(part.name)
        if part.x in once:
            name = self.style.name(f"δ_{part.name}")
            return f"{name} : {moved}" if part.pulled.shape else f"{name} {moved}"
        return self.product(part.pulled, moved, part.pulled.shape)

    def _laws(self, part: Part) -> list[str]:
        if not part.held:
            return []
        t = part.differential.tree
        found = laws(t, f"d:{part.name}", part.differential.axes) if t is not None else []
        return found if self.style is UNICODE else [*map(latex, found)]

    # --- pieces

    def _d(self, name: str) -> str:
        return self.style.name(f"d:{name}")

    def partial(self, name: str) -> str:
        """∂E/∂name."""
        return derivative(self.lines[0].name, name)[self.style is not UNICODE]

    def _body(self, shown: Formula) -> str:
        return Mathematics(self.style).write(shown.shown).body

    def _equal(self, name: str, shown: Formula) -> str:
        """name = body, with indices where there is no matrix form."""
        name = self._entry(name, shown.subscript)
        return f"{name} = {self._body(shown)}"

    def product(self, a: Formula, b: Formula | str, shape: tuple[int, ...]) -> str:
        """a : b, of numbers their product; a minus stands before it."""
        t, c = _unsigned(a)
        if t.kind == tree.NUMBER and not t.value:
            return "0"
        left = self._bracketed(t, a)
        if isinstance(b, Formula):
            t, d = _unsigned(b)
            b, c = self._bracketed(t, b), c * d
        times = f"{left} {b}" if left != "1" else b
        body = f"{left} : {b}" if shape else times
        return self.style.minus + body if c < 0 else body

    def term(self, shown: Formula) -> str:
        """One of several that are added up."""
        t, sign = _unsigned(shown)
        body = self._full(t, shown).body
        return self.style.minus + body if sign < 0 else body

    def _full(self, t: Tree, shown: Formula) -> Written:
        """A tree of what is shown, repeated along the axes that it lacks."""
        axes = shown.axes if shown.tree is not None else ()
        return Mathematics(self.style).write(tree.repeated(t, axes))

    def _bracketed(self, t: Tree, shown: Formula) -> str:
        found = self._full(t, shown)
        multiple = t.kind == tree.SUM and len(t.args) == 1 and t.args[0].kind != tree.PRODUCT
        loose = found.binds < CHAIN and not (multiple and found.binds == ENTRYWISE)
        return self.style.brackets(found.body) if loose else found.body

    def _entry(self, name: str, letters: str) -> str:
        if not letters:
            return name
        base = name if self.style is UNICODE else f"{{{name}}}"
        return base + self.style.subscript(letters)

    def _words(self, text: str) -> str:
        return text if self.style is UNICODE or not text else rf"\text{{{text}}}"

    def joined(self, terms: Sequence[str]) -> str:
        """Terms added up; one that begins with a minus is subtracted."""
        minus = self.style.minus
        text = terms[0]
        for term in terms[1:]:
            text += f" {minus} {term[1:]}" if term.startswith(minus) else f" + {term}"
        return text


def _numbers(data: Any) -> str:
    text = np.array2string(in_numpy(data), precision=4, threshold=40, edgeitems=2)
    return " ".join(text.split())


def _unsigned(shown: Formula) -> tuple[Tree, int]:
    """What is shown without its sign, and the sign."""
    t = shown.tree or shown.entry
    if t.kind == tree.NUMBER and t.value < 0:
        return tree.number(-t.value), -1
    if t.kind == tree.SUM and all(c < 0 for c in t.value):
        value = tuple(-c for c in t.value)
        single = len(value) == 1 and value[0] == 1 and t.args[0].axes == t.axes
        return t.args[0] if single else replace(t, value=value), -1
    return t, 1


def text_of(rows: Sequence[Row]) -> list[str]:
    """The rows as lines, in columns."""
    left, shape = (max((width(row[k]) for row in rows), default=0) for k in (0, 1))
    right = max((width(row.right) for row in rows if row.why), default=0)
    columns = [(row, (left, shape, right)) for row in rows]
    return [
        "   ".join([*map(_filled, row[:3], places), row.why]).rstrip() for row, places in columns
    ]


def latex_of(rows: Sequence[Row]) -> str:
    """The rows as an `aligned` environment."""
    return aligned([("& " + " && ".join(row)).rstrip("& ") for row in rows])


def aligned(lines: Sequence[str]) -> str:
    """Lines of LaTeX as an environment."""
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def width(text: str) -> int:
    """How many places text takes: a hat stands above a letter."""
    return sum(not unicodedata.combining(c) for c in text)


def _filled(text: str, to: int) -> str:
    return text + " " * (to - width(text))
