"""Trees written as NumPy code. Python's own printer places the brackets."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from . import tree
from .settings import setting
from .tree import Applied, Name, Number, Tree

Axis = Hashable | None


class Piece(NamedTuple):
    """Code, and the axes of the array that it gives: None is one of length 1."""

    code: ast.expr
    axes: tuple[Axis, ...]


_NESTED = 50  # terms that are written with signs between them


class NoCode(Exception):
    """A tree holds what has no code."""


def code(t: Tree, wanted: Sequence[Axis], shape_code: Callable[[], str]) -> str:
    """The tree as code for an array with the axes `wanted`, whose shape `shape_code()` is code for;
    `NoCode` if it has none."""
    return ast.unparse(_filling(t, wanted, shape_code))


def _filling(t: Tree, wanted: Sequence[Axis], shape_code: Callable[[], str]) -> ast.expr:
    """Code for an array with all of the axes `wanted`."""
    found = _piece(t)
    bare = t.kind == tree.NUMBER and wanted
    if not bare and set(t.axes) >= {i for i in wanted if i is not None}:
        return _as(found, wanted)
    shape = shape_code()
    if t.kind == tree.NUMBER and t.value in (0, 1):
        return filled(f"np.{'ones' if t.value else 'zeros'}({shape})")
    if not t.axes:
        return filled(f"np.full({shape}, {{0}})", found.code)
    axes = tuple(i if i in t.axes else None for i in wanted)
    return filled(f"{{0}} * np.ones({shape})", _as(found, axes, exact=False))


def filled(template: str, *holes: ast.expr) -> ast.expr:
    """Code with expressions in the places {0}, {1}, ..."""
    names = [f"_hole{k}_" for k in range(len(holes))]
    try:
        parsed = _parsed(template.format(*names, inputs=", ".join(names)))
    except (SyntaxError, IndexError, KeyError):
        raise NoCode(template) from None
    found: ast.expr = _Fill(dict(zip(names, holes, strict=True))).visit(parsed)
    return found


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class _Fill(ast.NodeTransformer):
    """Puts expressions in the place of holes, and leaves out settings that are off."""

    def __init__(self, holes: dict[str, ast.expr]) -> None:
        self.holes = holes

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.keywords = [
            k
            for k in node.keywords
            if not isinstance(k.value, ast.Constant)
            or not (k.value.value is None or k.value.value is False)
        ]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.holes.get(node.id, node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        x = node.operand
        if (
            isinstance(x, ast.UnaryOp)
            and isinstance(x.op, ast.USub)
            and isinstance(node.op, ast.USub)
        ):
            return x.operand  # --a is a
        return node


def _number(c: Number) -> ast.expr:
    if isinstance(c, Fraction) and c.denominator != 1 and not tree.decimal(c):
        return ast.BinOp(_number(c.numerator), ast.Div(), ast.Constant(c.denominator))
    value = c if isinstance(c, int) else float(c)
    if value != value or abs(value) == float("inf"):
        name = filled("np.nan" if value != value else "np.inf")
        return name if not value < 0 else ast.UnaryOp(ast.USub(), name)
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _as(piece: Piece, wanted: Sequence[Axis], *, exact: bool = True) -> ast.expr:
    """The same array with its axes in another order, axes of length 1 added or taken away. If not
    `exact`, leading ones may be missing: NumPy adds them where arrays meet."""
    found, axes = piece
    wanted = tuple(wanted)
    if axes == wanted:
        return found
    if len(axes) == 2 and axes[::-1] == wanted:
        return _turned(found)
    own = [i for i in axes if i is not None]
    if len(own) < len(axes):
        places = ", ".join("0" if i is None else ":" for i in axes)
        found = filled(f"{{0}}[{places}]", found)
    order = [i for i in wanted if i is not None]
    if own != order:
        if sorted(map(id, own)) != sorted(map(id, order)):
            raise NoCode("an axis is missing")
        turn = f"{{0}}.transpose({', '.join(str(own.index(i)) for i in order)})"
        found = _turned(found) if len(own) == 2 else filled(turn, found)
    places_ = ["None" if i is None else ":" for i in wanted]
    while not exact and places_ and places_[0] == "None":
        places_.pop(0)
    return filled(f"{{0}}[{', '.join(places_)}]", found) if "None" in places_ else found


def _turned(found: ast.expr) -> ast.expr:
    """The transpose of a matrix."""
    if isinstance(found, ast.Attribute) and found.attr == "T":
        return found.value
    return filled("{0}.T", found)


def _piece(t: Tree) -> Piece:
    found: Piece = _WRITERS[t.kind](t)
    return found


def _name(t: Tree) -> Piece:
    name: Name = t.value
    return _at(_parsed(name.code), name.places)


def _at(found: ast.expr, places: Sequence[Axis]) -> Piece:
    """Some entries of an array: `places` has integers where it is at a place."""
    if any(isinstance(p, int) for p in places):
        keys = ", ".join(str(p) if isinstance(p, int) else ":" for p in places)
        found = filled(f"{{0}}[{keys}]", found)
    return Piece(found, tuple(p for p in places if not isinstance(p, int)))


def _one_at(t: Tree) -> Piece:
    size: tree.Size = t.value[0]
    if len(t.axes) == 2:
        return Piece(filled(f"np.eye({size.code})"), t.axes)
    return Piece(filled(f"(np.arange({size.code}) == {t.value[1]})"), t.axes)


def _common(pieces: Sequence[Piece], axes: tree.Axes) -> tuple[list[ast.expr], tuple[Axis, ...]]:
    """Pieces brought to axes along which NumPy lines them up, as they are where that does."""
    shapes = {p.axes for p in pieces if p.axes}
    if len(axes) == 1:
        wanted: tuple[Axis, ...] = shapes.pop() if len(shapes) == 1 else (*axes, None)
    else:
        wanted = tuple(axes)
    found = []
    for p in pieces:
        own = tuple(i if i in p.axes else None for i in wanted)
        fits = len(p.axes) <= len(wanted) and not any(i is not None for i in p.axes)
        found.append(p.code if fits else _as(p, own, exact=False))
    return found, wanted


def _sum(t: Tree) -> Piece:
    codes, axes = _common([_floats(x) for x in t.args], t.axes)
    scaled = [_scaled(abs(c), part, x) for c, x, part in zip(t.value, t.args, codes, strict=True)]
    if len(scaled) > _NESTED:  # Python's parser does not nest deeper
        parts = zip(t.value, scaled, t.args, strict=True)
        signed = [part if c > 0 else _negated(part, x) for c, part, x in parts]
        return Piece(filled("sum([{inputs}])", *signed), axes)
    found = scaled[0] if t.value[0] > 0 else _negated(scaled[0], t.args[0])
    for c, term in zip(t.value[1:], scaled[1:], strict=True):
        found = ast.BinOp(found, ast.Add() if c > 0 else ast.Sub(), term)
    return Piece(found, axes)


def _negated(e: ast.expr, t: Tree) -> ast.expr:
    """-e, the sign in front of the first factor, -a * b, unless that is a mask."""
    product = isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Mult, ast.Div, ast.MatMult))
    if isinstance(e, ast.BinOp) and product and not _masked(t):
        return ast.BinOp(_negated(e.left, t), e.op, e.right)
    return ast.UnaryOp(ast.USub(), e)


def _masked(t: Tree) -> bool:
    """Whether the code of a product starts with a mask."""
    if t.kind == tree.PRODUCT:
        return _masked(next((x for e, x in zip(t.value, t.args, strict=True) if e > 0), t.args[0]))
    return t.mask


def _floats(t: Tree) -> Piece:
    """A piece whose masks are numbers: booleans have no sum."""
    found = _piece(t)
    if t.mask:  # of numbers it may be Python's own
        array = t.axes or (t.kind == tree.NAME and t.value.places)
        template = "{0}.astype(float)" if array else "float({0})"
        return Piece(filled(template, found.code), found.axes)
    return found


def _scaled(c: Number, part: ast.expr, x: Tree) -> ast.expr:
    if c == 1:
        return part
    if x.kind == tree.NUMBER and x.value == 1:
        return _number(c)
    if isinstance(c, Fraction) and c.denominator != 1 and not tree.decimal(c):
        up = part if c.numerator == 1 else _times(ast.Constant(c.numerator), part)
        return ast.BinOp(up, ast.Div(), ast.Constant(c.denominator))
    return _times(_number(c), part)


def _times(a: ast.expr, b: ast.expr) -> ast.expr:
    """a * b, without brackets around a product b; of 1 / b a / b."""
    if isinstance(b, ast.Constant) and b.value == 1:
        return a
    if isinstance(b, ast.BinOp) and isinstance(b.op, (ast.Mult, ast.Div)):
        return ast.BinOp(_times(a, b.left), b.op, b.right)
    return ast.BinOp(a, ast.Mult(), b)


def _product(t: Tree) -> Piece:
    lone = len(t.args) == 1
    pieces = [_floats(x) if lone else _piece(x) for x in t.args]
    if not lone and all(x.mask for x in t.args):
        pieces[0] = _floats(t.args[0])
    codes, axes = _common(pieces, t.axes)
    found: ast.expr | None = None
    downs = []
    for e, x, part in zip(t.value, t.args, codes, strict=True):
        if e > 0:
            factor = _powered(part, e, x)
            found = factor if found is None else ast.BinOp(found, ast.Mult(), factor)
        else:
            downs.append(_powered(part, -e, x))
    found = found or ast.Constant(1)
    for down in downs:
        found = ast.BinOp(found, ast.Div(), down)
    return Piece(found, axes)


def _powered(part: ast.expr, e: Number, x: Tree) -> ast.expr:
    if e == 1:
        return part
    if x.kind == tree.DOT and x.args[0] == x.args[1] and 2 * e % 2 == 1:
        norm = filled("np.linalg.norm({0})", _piece(x.args[0]).code)
        return norm if 2 * e == 1 else ast.BinOp(norm, ast.Pow(), _number(int(2 * e)))
    if e == Fraction(1, 2):
        return filled("np.sqrt({0})", part)
    return ast.BinOp(part, ast.Pow(), _number(e))


def _matmul(t: Tree) -> Piece:
    a, b = t.args
    left, right = _floats(a), _floats(b)
    if len(a.axes) == 1:  # a row times a matrix
        return Piece(ast.BinOp(_as(left, a.axes), ast.MatMult(), _as(right, b.axes)), t.axes)
    if len(b.axes) == 1:
        wanted = right.axes if right.axes in (b.axes, (*b.axes, None)) else (*b.axes, None)
        code_ = ast.BinOp(_as(left, a.axes), ast.MatMult(), _as(right, wanted))
        return Piece(code_, (*t.axes, *wanted[1:]))
    return Piece(ast.BinOp(_as(left, a.axes), ast.MatMult(), _as(right, b.axes)), t.axes)


def _outer(t: Tree) -> Piece:
    left, right = map(_floats, t.args)
    if len(left.axes) == len(right.axes) == 1:
        return Piece(filled("np.outer({0}, {1})", left.code, right.code), t.axes)
    column = _as(left, (t.axes[0], None))
    return Piece(ast.BinOp(column, ast.MatMult(), _as(right, (None, t.axes[1]))), t.axes)


def _dot(t: Tree) -> Piece:
    left, right = map(_floats, t.args)
    if t.args[0] == t.args[1] and len(left.axes) != 1:
        return Piece(filled("np.sum({0}**2)", left.code), ())
    if len(left.axes) == len(right.axes) == 1:
        return Piece(ast.BinOp(left.code, ast.MatMult(), right.code), ())
    axes = t.args[0].axes
    codes, _ = _common([left, right], axes)
    return Piece(filled("np.sum({0} * {1})", *codes), ())


def _total(t: Tree) -> Piece:
    found = _piece(t.args[0])
    if len(found.axes) == 1 or len(t.args[0].axes) == 1:
        if t.args[0].kind == tree.TOTAL:  # of rows' sums: of all entries
            whole = _piece(t.args[0].args[0])
            found = whole if len(whole.axes) == 2 else found
        return Piece(filled("np.sum({0})", found.code), ())
    axis = found.axes.index(t.value)
    summed = filled(f"np.sum({{0}}, axis={axis})", found.code)
    return Piece(summed, tuple(i for i in found.axes if i != t.value))


def _of_array(template: str) -> Callable[[Tree], Piece]:
    """What writes a call of one array, its axes in their order."""

    def write(t: Tree) -> Piece:
        (x,) = t.args
        return Piece(filled(template, _as(_piece(x), x.axes)), t.axes)

    return write


def _softmax(t: Tree) -> Piece:
    found = _piece(t.args[0])
    return Piece(
        filled(f"softmax({{0}}, axis={found.axes.index(t.value)})", found.code), found.axes
    )


def _einsum(t: Tree) -> Piece:
    pieces = [_floats(x) for x in t.args]
    letters: dict[Axis, str] = {}
    for axes in (*(p.axes for p in pieces), t.axes):
        for i in axes:
            letters.setdefault(i, "ijklmnopqrstuvwxyzabcdefgh"[len(letters)])
    operands = ["".join(letters[i] for i in p.axes) for p in pieces]
    subscripts = f"{','.join(operands)}->{''.join(letters[i] for i in t.axes)}"
    return Piece(
        filled(f"np.einsum({subscripts!r}, {{inputs}})", *(p.code for p in pieces)), t.axes
    )


def _apply(t: Tree) -> Piece:
    applied: Applied = t.value
    call = _with(applied.numpy, dict(applied.settings))
    if applied.op.elementwise:
        codes, axes = _common([_piece(x) for x in t.args], t.axes)
        return Piece(filled(call, *codes), axes)
    codes = []
    for x, layout in zip(t.args, applied.layouts, strict=True):
        wanted = tuple(None if axis is None else axis[0] for axis in layout)
        sizes = "".join("1, " if axis is None else f"{axis[1].code}, " for axis in layout)
        codes.append(_filling(x, wanted, lambda sizes=sizes: f"({sizes})"))  # type: ignore[misc]
    return Piece(filled(call, *codes), applied.places or t.axes)


def _with(template: str, settings: Mapping[str, Any]) -> str:
    """An op's template with its settings filled in."""
    texts = {key: setting(value) for key, value in settings.items()}
    try:
        holes = [f"{{{k}}}" for k in range(32)]
        return template.format(*holes, inputs="{inputs}", **texts)
    except (IndexError, KeyError, ValueError):
        raise NoCode(template) from None


def op_code(op: Any, inputs: Sequence[str], settings: Mapping[str, Any]) -> str:
    """An op's own NumPy notation, of inputs that are code."""
    return ast.unparse(filled(_with(op.numpy, settings), *map(_parsed, inputs)))


_WRITERS: dict[str, Any] = {
    tree.NUMBER: lambda t: Piece(_number(t.value), ()),
    tree.NAME: _name,
    tree.SIZE: lambda t: Piece(_parsed(t.value.code), ()),
    tree.ONE_AT: _one_at,
    tree.SUM: _sum,
    tree.PRODUCT: _product,
    tree.MATMUL: _matmul,
    tree.OUTER: _outer,
    tree.DOT: _dot,
    tree.TOTAL: _total,
    tree.TRACE: _of_array("np.trace({0})"),
    tree.TRANSPOSE: lambda t: Piece(_turned(_as(_piece(t.args[0]), t.args[0].axes)), t.axes),
    tree.DIAGONAL: lambda t: Piece(filled("np.diag({0})", _piece(t.args[0]).code), t.axes),
    tree.SPREAD: _of_array("np.diag({0})"),
    tree.INVERSE: _of_array("np.linalg.inv({0})"),
    tree.APPLY: _apply,
    tree.SOFTMAX: _softmax,
    tree.EINSUM: _einsum,
    tree.ENTRY: lambda t: _at(_piece(t.args[0]).code, t.axes),
}
