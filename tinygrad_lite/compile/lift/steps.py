"""How each block is computed, as ops of this engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ... import ops
from ...ops.constants import shape_of
from .blocks import FEW, Each, Index, Products, Shape, Sum
from .operands import Finder, Operand, Values, shaped, thin
from .walk import Kind

MATMUL, ROWS, ENTRIES = "matmul", "rows", "entries"  # how a product of two operands is summed


@dataclass(slots=True)
class Product:
    """`sign` times right times left: as matrices, as rows that are summed, or entry by entry."""

    how: str
    sign: int
    right: Operand
    left: Operand
    signs: Index | None = None  # of the entries of left, where they differ

    def run(self, values: Values) -> Any:
        """The product."""
        turned = self.how is MATMUL and len(self.left.shape) > 1
        a, b = values.get(self.right), values.get(self.left, turned)
        if self.signs is not None:
            b = b * (self.signs.swapaxes(-1, -2) if turned else self.signs)
        if self.how is MATMUL:
            return ops.matmul(a, b)
        y = a * b
        return ops.sum(y, axis=-1) if self.how is ROWS else y


@dataclass(slots=True)
class Term:
    """`sign` times an operand, or its sum along an `axis`; with `signs`, that of its last axis."""

    sign: int
    operand: Operand
    axis: int | None = None
    signs: Index | None = None

    def run(self, values: Values) -> Any:
        """The operand, or the sum."""
        a = values.get(self.operand)
        if self.signs is not None:
            return ops.matmul(a, self.signs)
        return a if self.axis is None else ops.sum(a, axis=self.axis)


@dataclass(slots=True)
class SumStep:
    """Parts added up, those with a plus first."""

    block: int
    shape: Shape
    parts: list[Product | Term]

    def run(self, values: Values) -> Any:
        """The values of the block."""
        y = None
        for part in self.parts:
            z = part.run(values)
            if y is None:
                y = z if part.sign > 0 else -z
                continue
            y = y + z if part.sign > 0 else y - z
        return _filled(y, self.shape)

    def operands(self) -> Iterator[Operand]:
        """What it is computed from."""
        for part in self.parts:
            if isinstance(part, Product):
                yield part.right
                yield part.left
            else:
                yield part.operand


@dataclass(slots=True)
class EachStep:
    """One op of operands that broadcast."""

    block: int
    shape: Shape
    kind: Kind
    given: list[Operand]

    def run(self, values: Values) -> Any:
        """The values of the block."""
        y = self.kind.op(*map(values.get, self.given), **self.kind.params)
        return _filled(y, self.shape)

    def operands(self) -> Iterator[Operand]:
        """What it is computed from."""
        yield from self.given


Step = SumStep | EachStep


def _filled(y: Any, shape: Shape) -> Any:
    if prod(shape_of(y)) == prod(shape):
        return shaped(y, shape)
    return ops.broadcast_to(y, shape=shape)


def steps(made: list[Sum | Each], finder: Finder) -> list[Step]:
    """How the blocks are computed, in order."""
    return [_each(step, finder) if isinstance(step, Each) else _sum(step, finder) for step in made]


def _each(step: Each, finder: Finder) -> EachStep:
    given = [finder.find(thin(index)) for index in step.operands]
    return EachStep(step.block, finder.blocks[step.block].shape, step.kind, given)


def _sum(step: Sum, finder: Finder) -> SumStep:
    shape = finder.blocks[step.block].shape
    parts: list[Product | Term] = []
    if step.products is not None:
        parts += _products(step.products, finder)
    if step.signs:
        parts += _rest(step, finder)
    parts.sort(key=lambda part: part.sign < 0)
    return SumStep(step.block, shape, parts)


def _rest(step: Sum, finder: Finder) -> Iterator[Term]:
    """The terms that are no products, by where they live."""
    count = len(step.signs)
    homes = finder.home(step.rest).reshape(-1, count)
    if (homes == homes[:1]).all():
        apart = _together(homes[0].tolist())
    else:
        apart = [[k] for k in range(count)] if count <= FEW else [[*range(count)]]
    for columns in apart:
        terms, signs = step.rest[..., columns], [step.signs[k] for k in columns]
        alike = len(set(signs)) == 1
        axis = finder.axis(terms) if len(columns) > 2 and alike else None
        if axis is not None:
            block = finder.whole(int(finder.home(terms).flat[0]))
            yield Term(signs[0], block, axis)
        elif len(columns) <= FEW:
            for k, sign in enumerate(signs):
                yield Term(sign, finder.find(thin(terms[..., k])))
        elif alike:
            yield Term(signs[0], finder.find(terms), -1)
        else:
            yield Term(1, finder.find(terms), -1, np.array(signs, float))


def _together(keys: list[Any]) -> list[list[int]]:
    """The places of equal keys."""
    return [[k for k, known in enumerate(keys) if known == key] for key in dict.fromkeys(keys)]


def _products(products: Products, finder: Finder) -> Iterator[Product]:
    """Parts by where the factors live: X @ U.T + h @ W.T."""
    right, left, signs = products.right, products.left, products.signs
    count = right.shape[-1]
    if not products.matmul and count <= FEW:
        for k in range(count):
            a, b, s = (thin(z[..., k]) for z in (right, left, signs))
            yield _product(ENTRIES, a, b, s, finder)
        return
    homes = [finder.home(z).reshape(-1, count) for z in (right, left)]
    apart = [*homes] if all((home == home[:1]).all() for home in homes) else []
    apart.append(signs.reshape(-1, count))
    apart = [keys[0] for keys in apart if (keys == keys[:1]).all()]
    for columns in _together(list(map(tuple, np.reshape(apart, (-1, count)).T.tolist()))):
        a, b, s = (z[..., columns] for z in (right, left, signs))
        how = MATMUL if products.matmul else ROWS
        if products.matmul and a.ndim == 2:
            a, b, s = (z[0] if len(z) == 1 else z for z in (a, b, s))
            if len(columns) == 1 and min(a.ndim, b.ndim) == 1:  # of numbers and one number
                how, a, b, s = ENTRIES, thin(a[..., 0]), thin(b[..., 0]), thin(s[..., 0])
        yield _product(how, a, b, s, finder)


def _product(how: str, right: Index, left: Index, signs: Index, finder: Finder) -> Product:
    a, b = finder.find(right), finder.find(left)
    if (signs == signs.flat[0]).all():
        return Product(how, int(signs.flat[0]), a, b)
    return Product(how, 1, a, b, signs.astype(float))
