"""Trees written as mathematics: in Unicode or, by the same walk, in LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from string import Formatter
from typing import NamedTuple

from ..graph.op import ATOM as OP_ATOM
from ..graph.op import POWER as OP_POWER
from . import tree
from .settings import told
from .style import LATEX, UNICODE, Style
from .tree import Applied, Name, Number, Tree, decimal, turned

# How tightly what is written binds.
SUM, ENTRYWISE, CHAIN, POWER, ATOM = 1, 2, 3, 4, 5
_DIGITS = "₀₁₂₃₄₅₆₇₈₉"


class Written(NamedTuple):
    """What is written, and how tightly it binds."""

    body: str
    binds: int


def text(t: Tree) -> str:
    """The tree in Unicode."""
    return Mathematics(UNICODE).write(t).body


def latex(t: Tree) -> str:
    """The tree in LaTeX."""
    return Mathematics(LATEX).write(t).body


def number_text(c: Number) -> str:
    """A number as it is read: 2, 1/2, 0.01."""
    return f"{float(c):.6g}" if decimal(c) else str(c)


def _is_diagonal(t: Tree) -> bool:
    """Whether a matrix is one of a diagonal, or a multiple of one."""
    alone = t.kind in (tree.SUM, tree.PRODUCT) and sum(bool(x.axes) for x in t.args) == 1
    spread = t.kind in (tree.ONE_AT, tree.SPREAD) and len(t.axes) == 2
    return spread or (alone and any(map(_is_diagonal, t.args)))


class Mathematics:
    """The walk, in one style. `known` are names that are written as something else: an expression,
    or a number."""

    def __init__(self, style: Style, known: Mapping[str, Written] | None = None) -> None:
        self.style, self.known = style, known or {}

    def write(self, t: Tree) -> Written:
        """What a tree is written as."""
        found: Written = getattr(self, f"_{t.kind.replace(' ', '_')}")(t)
        return found

    def at(self, t: Tree, binds: int) -> str:
        """The same, in brackets where it binds less tightly."""
        return self._at(self.write(t), binds)

    def _at(self, found: Written, binds: int) -> str:
        return found.body if found.binds >= binds else self.style.brackets(found.body)

    def _function(self, name: str, body: str) -> Written:
        return Written(name + self.style.brackets(body), ATOM)

    # --- leaves

    def _number(self, t: Tree) -> Written:
        body, _, exponent = number_text(abs(t.value)).partition("e")
        if exponent:  # 1e-09 is 10⁻⁹
            ten = self.style.power("10", str(int(exponent)))
            body = ten if body == "1" else f"{body}{self.style.dot}{ten}"
        if self.style.fraction and "/" in body:
            body = self.style.fraction(*body.split("/"))
        if t.value < 0:
            return Written(self.style.minus + body, SUM)
        return Written(body, ENTRYWISE if "/" in body else ATOM)

    def _name(self, t: Tree) -> Written:
        name: Name = t.value
        places = [str(p) if isinstance(p, (int, str)) else ":" for p in name.places]
        while places and places[-1] == ":":
            places.pop()
        found = self.known.get(name.text) or Written(self.style.name(name.text), ATOM)
        if not places:
            return found
        body = self._at(found, ATOM)
        if self.style.latex:
            body = f"{{{body}}}"
        if not self.style.latex and (":" in places or body[-1] in _DIGITS):  # x₁[0] is not x₁₀
            return Written(f"{body}[{', '.join(places)}]", ATOM)
        return Written(body + self.style.subscript(",".join(places)), ATOM)

    def _size(self, t: Tree) -> Written:
        return Written(t.value.text, ATOM)

    def _ones(self, t: Tree) -> Written:
        return Written(self.style.ones, ATOM)

    def _one_at(self, t: Tree) -> Written:
        letters = [str(i) for i in t.axes if isinstance(i, (str, int))]
        if not letters and t.value[1] is not None:  # a unit vector
            return Written("e" + self.style.subscript(str(t.value[1])), ATOM)
        if not letters:
            return Written(self.style.identity, ATOM)
        return Written(self.style.delta("".join(letters)), ATOM)

    # --- sums and products

    def _sum(self, t: Tree, *, whole: bool = False) -> Written:
        """With `whole`, a number in a sum of matrices is written as a matrix, as it is beside a
        diagonal one: in I − 1 it could be read as the identity."""
        body = ""
        whole = whole or (len(t.axes) == 2 and any(map(_is_diagonal, t.args)))
        ones = " ".join([self.style.ones] * len(t.axes)) if whole else ""
        ones += self.style.transpose if len(t.axes) == 2 and whole else ""
        for c, x in zip(t.value, t.args, strict=True):
            sign = f"{self.style.minus}" if c < 0 else "+"
            if c == 1 and not body:  # a + b − c
                term = self._at(self._repeated(x, t.axes), SUM)
            else:
                term = self._scaled(abs(c), x, t.axes)
            if ones and not x.axes:
                divided = x.kind == tree.PRODUCT and any(e < 0 for e in x.value)
                if divided and not self.style.fraction:
                    term = self.style.brackets(term)
                term = ones if term == "1" else f"{term} {ones}"
            body += f" {sign} {term}" if body else term if c > 0 else sign + term
        several = len(t.args) > 1 or t.value[0] < 0
        return Written(body, SUM if several else ENTRYWISE)

    def _scaled(self, c: Number, x: Tree, axes: tree.Axes) -> str:
        if x.kind == tree.NUMBER and x.value == 1:
            return self.write(tree.number(c)).body
        found = self._repeated(x, axes)
        if c == 1:
            return self._at(found, ENTRYWISE)
        if x.kind == tree.PRODUCT and all(e < 0 for e in x.value):  # 3 / x, not 3 1 / x
            up, down = (c, 1) if decimal(c) else Fraction(c).as_integer_ratio()
            below = Tree(tree.PRODUCT, x.args, x.axes, tuple(-e for e in x.value))
            if down != 1:
                below = Tree(tree.SUM, (below,), x.axes, (down,))
            quotient = Tree(tree.PRODUCT, (tree.number(up), below), x.axes, (1, -1))
            return self._at(self._repeated(quotient, axes), ENTRYWISE)
        one = self.write(tree.number(c))
        binds = ENTRYWISE if x.kind in (tree.PRODUCT, tree.SIGMA) else CHAIN
        return f"{one.body} {self._at(found, binds)}"

    def _repeated(self, x: Tree, axes: tree.Axes) -> Written:
        """A vector, or a number, as the matrix that repeats it."""
        if len(x.axes) != 1 or len(axes) != 2:
            return self.write(x)
        if x.axes[0] == axes[0]:
            return Written(f"{self.at(x, CHAIN)} {self.style.ones}{self.style.transpose}", CHAIN)
        return Written(f"{self.style.ones} {' '.join(self._row(x))}", CHAIN)

    def _product(self, t: Tree) -> Written:
        numbers: list[tuple[Tree, Number]] = []
        vectors: list[tuple[Tree, Number]] = []
        rest: list[tuple[Tree, Number]] = []
        for e, x in zip(t.value, t.args, strict=True):
            narrow = len(x.axes) == 1 and len(t.axes) == 2
            (vectors if narrow else rest if x.axes and t.axes else numbers).append((x, e))
        ups = [self._powered(x, e) for x, e in numbers if e > 0]
        downs = [self._powered(x, -e) for x, e in numbers if e < 0]
        if numbers and rest and not vectors and all(e < 0 for _, e in rest):  # c / x
            return self._entrywise([*numbers, *rest])
        if vectors and not rest:  # a matrix made of vectors only
            found = self._ratio([], [], [self._repeated(x, t.axes) for x, e in vectors])
        else:
            found = self._entrywise(rest)
        if vectors and rest:
            found = self._between(vectors, found, t.axes)
        if not found.body:
            return self._ratio(ups, downs, [])
        if not ups and not downs:
            return found
        body = self.style.product([self._at(u, CHAIN) for u in ups])
        return self._ratio(ups, downs, [found]) if body or downs else found

    def _ratio(self, ups: list[Written], downs: list[Written], more: list[Written]) -> Written:
        chain = [*ups, *more]
        if len(chain) == 1:
            up = chain[0]
        else:
            binds = min((w.binds for w in more), default=CHAIN)
            loose = len(more) == 1 and binds == ENTRYWISE
            parts = [self._at(w, CHAIN) for w in ups]
            parts += [w.body if loose else self._at(w, CHAIN) for w in more]
            up = Written(self.style.product(parts) or "1", ENTRYWISE if loose else CHAIN)
        if not downs:
            return up
        if self.style.fraction:
            down = " ".join(self._at(w, CHAIN) for w in downs) if len(downs) > 1 else downs[0].body
            return Written(self.style.fraction(up.body, down), CHAIN)
        down = self.style.product([self._at(w, POWER) for w in downs])
        below_one = f"({down})" if len(downs) > 1 else down
        return Written(f"{self._at(up, ENTRYWISE)} / {below_one}", ENTRYWISE)

    def _entrywise(self, powers: Sequence[tuple[Tree, Number]]) -> Written:
        ups = [self._powered(x, e) for x, e in powers if e > 0]
        downs = [self._powered(x, -e) for x, e in powers if e < 0]
        arrays = any(x.axes for x, _ in powers)
        if not ups and not downs:
            return Written("", ATOM)

        def joined(parts: list[Written]) -> Written:
            if len(parts) == 1:
                return parts[0]
            bodies = [self._at(w, CHAIN) for w in parts]
            join = self.style.entrywise.join if arrays else self.style.product
            return Written(join(bodies), ENTRYWISE)

        up = joined(ups) if ups else Written("1", ATOM)
        if not downs:
            return up
        down = joined(downs)
        if self.style.fraction:
            return Written(self.style.fraction(up.body, down.body), CHAIN)
        slash = "⊘" if any(x.axes for x, e in powers if e > 0) else "/"
        return Written(f"{self._at(up, ENTRYWISE)} {slash} {self._at(down, POWER)}", ENTRYWISE)

    def _between(
        self, vectors: Sequence[tuple[Tree, Number]], matrix: Written, axes: tree.Axes
    ) -> Written:
        """Diag(u) A Diag(v) scales the rows of A by u and its columns by v."""
        body = self._at(matrix, CHAIN)
        for k, axis in enumerate(axes):
            own = [(x, e) for x, e in vectors if x.axes[0] == axis]
            if own:
                scale = self._function(self.style.diagonal, self._entrywise(own).body).body
                body = f"{body} {scale}" if k else f"{scale} {body}"
        return Written(body, CHAIN)

    def _powered(self, x: Tree, e: Number) -> Written:
        if e == 1:
            return self.write(x)
        if x.kind == tree.DOT and x.args[0] == x.args[1]:  # ‖x‖² ‖x‖ is ‖x‖³
            length = self.style.length(self.write(x.args[0]).body)
            if 2 * e == 1:
                return Written(length, ATOM)
            return Written(self.style.power(length, number_text(2 * e)), POWER)
        if e == Fraction(1, 2):
            return Written(self.style.root(self.write(x).body), ATOM)
        return Written(self.style.power(self.at(x, ATOM), number_text(e)), POWER)

    # --- matrices

    def _chain(self, t: Tree) -> list[str]:
        if t.kind == tree.MATMUL:
            return self._chain(t.args[0]) + self._chain(t.args[1])
        if t.kind == tree.OUTER:
            return self._chain(t.args[0]) + self._row(t.args[1])
        if t.kind == tree.SUM and any(not x.axes for x in t.args):  # 1 is no identity
            return [self._at(self._sum(t, whole=True), CHAIN)]
        return [self.at(t, CHAIN if t.kind != tree.NUMBER else ATOM)]

    def _row(self, t: Tree) -> list[str]:
        """A vector as a row, in factors: (A v)ᵀ is vᵀ Aᵀ."""
        if t.kind == tree.MATMUL and len(t.axes) == 1:
            return self._row(t.args[1]) + self._chain(turned(t.args[0]))
        if t.kind == tree.TOTAL and len(t.axes) == 1:  # (A 𝟏)ᵀ is 𝟏ᵀ Aᵀ
            (x,) = t.args
            columns = turned(x) if x.axes[1] == t.value else x
            return [self.style.ones + self.style.transpose, *self._chain(columns)]
        return [self._transposed(t)]

    def _transposed(self, t: Tree) -> str:
        if t.kind == tree.INVERSE:
            return self.style.power(
                self.at(t.args[0], ATOM), "-" + ("\\top" if self.style.latex else "ᵀ")
            )
        body = self.at(t, ATOM)
        return (f"{{{body}}}" if self.style.latex else body) + self.style.transpose

    def _matmul(self, t: Tree) -> Written:
        return Written(" ".join(self._chain(t)), CHAIN)

    _outer = _matmul

    def _dot(self, t: Tree) -> Written:
        a, b = t.args
        if a == b:
            return Written(self.style.power(self.style.length(self.write(a).body), "2"), POWER)
        if len(a.axes) == 2:
            product = self._chain(turned(a)) + self._chain(b)
            return self._function(self.style.trace, " ".join(product))
        return Written(" ".join(self._row(a) + self._chain(b)), CHAIN)

    def _total(self, t: Tree) -> Written:
        (x,) = t.args
        ones, row = self.style.ones, self.style.ones + self.style.transpose
        if len(x.axes) == 1:
            return Written(f"{row} {self.at(x, CHAIN)}", CHAIN)
        if x.axes[1] == t.value:
            return Written(f"{self.at(x, CHAIN)} {ones}", CHAIN)
        return Written(f"{self._transposed(x)} {ones}", CHAIN)

    def _trace(self, t: Tree) -> Written:
        return self._function(self.style.trace, self.write(t.args[0]).body)

    def _transpose(self, t: Tree) -> Written:
        return Written(self._transposed(t.args[0]), POWER)

    def _diagonal(self, t: Tree) -> Written:
        return self._function(self.style.diagonal_of, self.write(t.args[0]).body)

    def _spread(self, t: Tree) -> Written:
        return self._function(self.style.diagonal, self.write(t.args[0]).body)

    def _inverse(self, t: Tree) -> Written:
        return Written(self.style.power(self.at(t.args[0], ATOM), "-1"), POWER)

    def _softmax(self, t: Tree) -> Written:
        return self._function(self.style.softmax, self.write(t.args[0]).body)

    def _apply(self, t: Tree) -> Written:
        found = self._called(t)
        return Written(self.style.mask.format(found.body), ATOM) if t.mask else found

    def _called(self, t: Tree) -> Written:
        """An op of arguments; a question without the brackets that make it 0 or 1."""
        applied: Applied = t.value
        op = applied.op
        template = op.latex if self.style.latex else op.text
        function = op.precedence == OP_ATOM
        binds = SUM if function or applied.mask else CHAIN
        args = t.args
        if applied.layouts:  # arrays that are taken as wholes
            axes = [tuple(axis[0] for axis in of if axis) for of in applied.layouts]
            args = tuple(map(tree.repeated, args, axes))
        bodies = [
            self._called(x).body
            if k in op.untouched and x.kind == tree.APPLY and x.mask
            else self.at(x, binds)
            for k, x in enumerate(args)
        ]
        if function and template.startswith("{0}"):  # x[1:]
            bodies[0] = self.at(args[0], ATOM)
        settings = {key: told(value) for key, value in applied.settings}
        *_, last = places = ["0", *(name for _, name, _, _ in Formatter().parse(op.text) if name)]
        unusual = [
            key
            for key, value in applied.settings
            if key not in places and repr(value) != repr(op.defaults.get(key, ...))
        ]
        if function and unusual and template != "{0}":  # sum(x, axis=0)
            more = [f"{self.style.word(key)}={settings[key]}" for key in unusual]
            if last.isdigit() and bodies:
                bodies[int(last)] = ", ".join([bodies[int(last)], *more])
            elif last in settings:
                settings[last] = ", ".join([settings[last], *more])
            else:
                bodies[-1:] = [", ".join([*bodies[-1:], *more])]
        body = template.format(*bodies, inputs=", ".join(bodies), **settings)
        return Written(body, ATOM if function else POWER if op.precedence == OP_POWER else SUM)

    # --- index notation

    def _sigma(self, t: Tree) -> Written:
        letters = "".join(t.value)
        sign = self.style.sigma + self.style.subscript(letters)
        return Written(f"{sign} {self.at(t.args[0], ENTRYWISE)}", ENTRYWISE)

    def _entry(self, t: Tree) -> Written:
        (x,) = t.args
        letters = [str(i) for i in t.axes]
        joined = ("," if any(len(i) > 1 for i in letters) else "").join(letters)
        body = self.at(x, ATOM) if x.kind == tree.NAME else f"[{self.write(x).body}]"
        if self.style.latex:
            body = f"{{{body}}}"  # a name may have a subscript of its own
        return Written(body + (self.style.subscript(joined) if joined else ""), ATOM)
