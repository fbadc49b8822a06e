"""The gradient itself, altered: parts of it left 0, its entries moved, cut off or made symmetric, a
part of the parameter added. The entries of the claim tell that; no step of the graph does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .search import ONE, Explanation, Search
from .slips import FAR, ODD, Instead, moved, turned
from .tape import Vector

FEW = 3  # entries of a claim, or right ones in it, from which on they tell something
LONGEST = 20_000_000  # entries that putting rows in order may compare
ROUND = 1e-9  # how near a number is to one of few digits that is meant


def altered(search: Search) -> Iterator[Explanation]:
    """What was done to the gradient as a whole."""
    if search.value.size < FEW or search.value.shape != search.expected.shape:
        return
    for find in (_lost, _turned, _symmetric, _centred, _moved, _reordered, _cut, _added):
        found = [m for m in find(search) if search.explains(m.value)]
        at = search.tape.label(search.target)
        yield from (Explanation(m.kind, ONE + m.cost, m.text, at) for m in found)
        if found:
            return


def _lost(search: Search) -> Iterator[Instead]:
    """Right where it is not 0."""
    claimed, g = search.value, search.expected
    lost = (claimed == 0) & (np.abs(g) > search.tolerance)
    value = np.where(lost, 0.0, g)
    if lost.any() and np.count_nonzero(claimed) >= FEW and search.matches(value):
        yield Instead("missing-term", ODD, value, f"yours is 0 {_where(lost)}")


def _turned(search: Search) -> Iterator[Instead]:
    """Right but for the sign of some entries."""
    claimed, g = search.value, search.expected
    turned_ = (claimed * g < 0) & (np.abs(g) > search.tolerance)
    value = np.where(turned_, -g, g)
    if turned_.any() and search.matches(value):
        yield Instead("sign", ODD, value, f"the sign is flipped {_where(turned_)}")


def _where(mask: Vector) -> str:
    """Which entries of an array are meant; elsewhere it is right."""
    rest = "; elsewhere it is right"
    if mask.ndim == 2 and mask.shape[0] == mask.shape[1]:
        i, j = np.indices(mask.shape)
        for side, there in (("off", i != j), ("above", i < j), ("below", i > j)):
            if np.array_equal(mask, there):
                return f"{side} the diagonal{rest}"
    for axis in range(mask.ndim) if mask.ndim > 1 else ():
        full = np.moveaxis(mask, axis, 0).reshape(mask.shape[axis], -1)
        if np.array_equal(full.any(axis=1), full.all(axis=1)):
            word = ("row", "column")[axis] if mask.ndim == 2 else f"axis {axis}, at"
            return f"in {word} {_listed(np.flatnonzero(full.any(axis=1)).tolist())}{rest}"
    at = _listed([tuple(map(int, k)) for k in np.argwhere(mask)[: FEW + 1]])
    return f"at {at}: {int(mask.sum())} of {mask.size} entries{rest}"


def _listed(places: Sequence[Any]) -> str:
    more = " and more" if len(places) > FEW else ""
    return " and ".join(map(str, places[:FEW])) + more


def _symmetric(search: Search) -> Iterator[Instead]:
    """As of a symmetric matrix, whose entries (i, j) and (j, i) move together."""
    g = search.expected
    if g.ndim != 2 or g.shape[0] != g.shape[1]:
        return
    both, diagonal = g + turned(g), np.diag(np.diag(g))
    said = "as of a symmetric matrix, which this need not be"
    added = "gradient and its transpose added"
    for kind, value, what in (
        ("double-count", both - diagonal, f"{added}, the diagonal once"),
        ("double-count", both, added),
        ("transpose", both / 2, "mean of the gradient and its transpose"),
    ):
        yield Instead(kind, ODD, value, f"yours is the {what}, {said}")


def _centred(search: Search) -> Iterator[Instead]:
    """As through a value with its mean taken off."""
    g = search.expected
    for axis in range(g.ndim):
        text = f"yours is the gradient less its mean along axis {axis}, as of a value that is "
        text += "centred along it"
        yield Instead("other", ODD, g - np.mean(g, axis=axis, keepdims=True), text)


def _moved(search: Search) -> Iterator[Instead]:
    """Its entries shifted or turned round."""
    for m in moved(search.expected) if _are_its_entries(search) else ():
        yield m._replace(text=f"yours is the gradient {m.text}")


def _reordered(search: Search) -> Iterator[Instead]:
    """Its rows, or columns, in another order."""
    claimed, g = search.value, search.expected
    for axis, n in enumerate(g.shape) if _are_its_entries(search) else ():
        if n * g.size > LONGEST:
            continue
        mine, right = (np.moveaxis(a, axis, 0).reshape(n, -1) for a in (claimed, g))
        place = [int(np.argmin(np.abs(right - row).max(axis=1))) for row in mine]
        if sorted(place) == [*range(n)]:
            k = next((k for k, p in enumerate(place) if p != k), 0)
            text = f"yours is the gradient in another order along axis {axis}: at {k} stands what "
            text += f"belongs at {place[k]}"
            yield Instead("wrong-order", ODD, np.take(g, place, axis), text)


def _are_its_entries(search: Search) -> bool:
    """Whether the claim has the entries of the gradient, in whatever order."""
    mine, right = (np.sort(a, axis=None) for a in (search.value, search.expected))
    return bool((np.abs(mine - right) <= np.max(search.tolerance)).all())


def _cut(search: Search) -> Iterator[Instead]:
    """Clipped, as optimisers do it."""
    claimed, g = search.value, search.expected
    most = np.abs(claimed).max()
    cut = np.abs(g) > most + search.tolerance
    said = "what belongs to the step, not to the gradient"
    if (cut.sum() > 1 or _is_round(most)) and cut.any() and not cut.all():
        text = f"yours is the gradient with its entries cut off at ±{most:.6g}, {said}"
        yield Instead("other", ODD, np.clip(g, -most, most), text)
    length = float(np.linalg.norm(claimed))
    if _is_round(length) and (size := np.linalg.norm(g)):
        text = f"yours is the gradient scaled to the length {length:.3g}, {said}"
        yield Instead("constant-scale", ODD, g * (length / size), text)


def _added(search: Search) -> Iterator[Instead]:
    """So much of the parameter itself, or of its sign, besides."""
    x, name = search.target.data, search.tape.label(search.target)
    for v, of in ((x, name), (np.sign(x), f"sign({name})")):
        weight = float(np.sum(v * v))
        k = float(np.sum(v * (search.value - search.expected))) / (weight or 1.0)
        if k and _is_round(k) and np.ptp(v):  # else it is one number more
            text = f"{k:.3g} {of} stands there besides: a weight decay, which this loss has not"
            yield Instead("other", FAR, search.expected + k * v, text)


def _is_round(k: float) -> bool:
    """Whether a number was typed: of few digits."""
    return abs(k - float(f"{k:.2g}")) <= ROUND * abs(k)
