"""Rows of parts of arrays, of what joins and multiplies them, and of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .rows import Chance, Pool, an_axis, row

# --- parts


def positions(chance: Chance, length: int, shape: Any) -> Any:
    at = chance.np.integers(-length, length, size=shape)
    return chance.r.choice([at, at.tolist(), at.astype(np.int32), at.astype(np.int8)])


def a_part(chance: Chance, length: int, size: int) -> Any:
    """What stands for one axis in an index."""
    r, y = chance.r, chance.r.random()
    if length == 0 or y > 0.85:
        return slice(None)
    if y < 0.25:
        q = r.randrange(-length, length)
        return r.choice([q, q, np.int64(q)])
    if y < 0.6:
        low, high = r.randrange(-length, length), r.randrange(-length, length + 1)
        return slice(r.choice([None, low]), r.choice([None, high]), r.choice([1, 1, 2, -1, -2]))
    return positions(chance, length, r.choice([(size,), (size,), (2, size), (1,)]))


def an_index(chance: Chance, x: Any) -> dict[str, Any] | None:
    r, n, y = chance.r, x.ndim, chance.r.random()
    if y < 0.1 and n:
        shape = x.shape if r.random() < 0.5 else x.shape[:1]
        index: Any = chance.np.random(shape) < 0.6
        index = index.tolist() if r.random() < 0.3 and index.size else index
    elif y < 0.17:
        index = r.choice([..., None, (..., None), (), (None, ...), True, np.True_])
    else:
        size, parts = r.choice([1, 2, 3]), []
        for length in x.shape[: r.randint(min(1, n), n)]:
            parts.append(a_part(chance, length, size))
            parts += [None] if r.random() < 0.08 else []
        parts += [...] if r.random() < 0.15 else []
        index = parts[0] if len(parts) == 1 and r.random() < 0.5 else tuple(parts)
    try:
        np.empty(x.shape)[index]
    except IndexError:
        return None
    return {"index": index}


def picks(chance: Chance, x: Any) -> dict[str, Any] | None:
    if not (x.ndim and x.size):
        return None
    axis = an_axis(chance, x.ndim)
    shape = chance.r.choice([(), (2,), (3,), (2, 2)])
    if x.shape[axis] > 1 and chance.r.random() < 0.05:  # NumPy's take reads booleans as 0 and 1
        return {"indices": chance.np.random(shape or 1) < 0.5, "axis": axis}
    return {"indices": positions(chance, x.shape[axis], shape), "axis": axis}


def picks_along(chance: Chance, x: Any) -> dict[str, Any] | None:
    if not (x.ndim and x.size):
        return None
    axis, shape = an_axis(chance, x.ndim), list(x.shape)
    shape[axis] = chance.r.choice([1, 2, 3])
    return {"indices": chance.np.integers(0, x.shape[axis], size=shape), "axis": axis}


def places(chance: Chance, x: Any) -> dict[str, Any] | None:
    if not x.ndim:
        return None
    shape = tuple(n + chance.r.randint(0, 2) for n in x.shape)
    first: Any = slice(0, x.shape[0])
    if chance.r.random() < 0.5 and shape[0]:
        first = chance.np.integers(0, shape[0], size=x.shape[0])
    return {"index": (first, *(slice(0, n) for n in x.shape[1:])), "shape": shape}


row("getitem", spelled=("a[index]", "a[index]"), settings=an_index, weight=4)
row("take", settings=picks)
row("take_along_axis", settings=picks_along)
row("put_at", settings=places)


# --- joins


def of_one_shape(pool: Pool) -> tuple[int, ...]:
    r, first = pool.chance.r, pool.pick()
    shape = pool.arrays[first].shape
    same = [i for i, x in enumerate(pool.arrays) if x.shape == shape]
    chosen = [first, *(r.choice(same) for _ in range(r.choice([0, 1, 1, 2, 3])))]
    if r.random() < 0.15 and len(chosen) < 4:
        chosen.append(pool.constant(pool.chance.np.normal(size=shape)))
    r.shuffle(chosen)
    return tuple(chosen)


def of_one_shape_pair(pool: Pool) -> tuple[int, ...] | None:
    found = of_one_shape(pool)
    return (found[0], found[-1]) if np.abs(pool.arrays[found[0]]).max(initial=0) < 90 else None


def a_join(chance: Chance, x: Any, *others: Any) -> dict[str, Any] | None:
    return {"axis": an_axis(chance, x.ndim)} if x.ndim else None


def a_new_axis(chance: Chance, x: Any, *others: Any) -> dict[str, Any]:
    return {"axis": chance.r.randint(-x.ndim - 1, x.ndim)}


row("concat", choose=of_one_shape, settings=a_join, weight=2)
row("stack", choose=of_one_shape, settings=a_new_axis, weight=2)


def a_spectrum(chance: Chance, x: Any) -> dict[str, Any] | None:
    if x.ndim < 2 or x.shape[-1] < 2 or not x.size:
        return None
    axes = tuple(chance.r.sample(range(x.ndim - 1), chance.r.randint(1, x.ndim - 1)))
    return {"axes": axes, "inverse": chance.r.random() < 0.5}


DFT = "tg.dft(a[..., :2], axes=axes, inverse=inverse)"
row("dft", spelled=(DFT,), derived=False, settings=a_spectrum)


# --- products


def that_multiply(pool: Pool) -> tuple[int, ...] | None:
    r, pairs = pool.chance.r, []
    for i, x in enumerate(pool.arrays):
        for j, y in enumerate(pool.arrays):
            if x.ndim and y.ndim and x.shape[-1] == y.shape[-2 if y.ndim > 1 else -1]:
                pairs.append((i, j))
    if pairs and r.random() < 0.9:
        return r.choice(pairs)
    i = pool.pick()
    x = pool.arrays[i]
    if not x.ndim:
        return None
    shape = r.choice([(x.shape[-1],), (x.shape[-1], 2)])
    return i, pool.constant(pool.chance.np.normal(size=shape) * 0.5)


def of_two_axes(chance: Chance, x: Any, y: Any) -> dict[str, Any] | None:
    return {} if x.ndim <= 2 and y.ndim <= 2 else None


def two_vectors(pool: Pool) -> tuple[int, ...] | None:
    vectors = [i for i, x in enumerate(pool.arrays) if x.ndim == 1]
    r = pool.chance.r
    return (r.choice(vectors), r.choice(vectors)) if vectors else None


def letters(chance: Chance, *arrays: Any) -> dict[str, Any] | None:
    """Subscripts that fit these shapes."""
    r, lengths, terms = chance.r, dict[str, int](), []
    for x in arrays:
        term = ""
        for n in x.shape:
            fits = [c for c in "ijklm" if lengths.get(c, n) == n]
            if not fits:
                return None
            known = [c for c in fits if c in lengths]
            c = r.choice(known if known and r.random() < 0.6 else fits)
            lengths[c] = n
            term += c
        terms.append(term)
    text, used = ",".join(terms), sorted(lengths)
    kept = [c for c in used if r.random() < 0.5]
    r.shuffle(kept)
    return {"subscripts": f"{text}->{''.join(kept)}" if r.random() < 0.85 else text}


def an_affine_map(pool: Pool) -> tuple[int, ...] | None:
    chance, i = pool.chance, pool.pick()
    x = pool.arrays[i]
    if not x.ndim or not x.shape[-1]:
        return None
    m, n = chance.r.choice([1, 2, 3]), x.shape[-1]
    rows = [j for j, W in enumerate(pool.arrays) if W.ndim == 2 and W.shape[1] == n]
    if rows and chance.r.random() < 0.7:
        j = chance.r.choice(rows)
        m = pool.arrays[j].shape[0]
    else:
        j = pool.constant(chance.np.normal(size=(m, n)) * 0.5)
    vectors = [k for k, b in enumerate(pool.arrays) if b.shape == (m,)]
    bias = chance.r.choice(vectors) if vectors else pool.constant(chance.np.normal(size=m))
    return i, j, bias


row("matmul", spelled=("a @ b",), inputs=((-90, 90),) * 2, choose=that_multiply, weight=6)
row("dot", choose=that_multiply, settings=of_two_axes)
row("outer", choose=two_vectors)
row(
    "meshgrid",
    "grid",
    choose=two_vectors,
    inputs=((-90, 90),) * 2,
    spelled=tuple(f"np.multiply(*{xp}.meshgrid(a, b, indexing=indexing))" for xp in ("tg", "np")),
    derived=False,
    settings=lambda c, x, y: {"indexing": c.r.choice(["xy", "ij"])},
)
PAIRED = ("tg.tensordot(a, b, axes=axes)", "np.tensordot(a, b, axes)")
row(
    "tensordot",
    choose=that_multiply,
    spelled=PAIRED,
    derived=False,
    settings=lambda c, x, y: {"axes": ([-1], [-2])} if x.ndim and y.ndim > 1 else None,
)
row(
    "vecdot",
    choose=of_one_shape_pair,
    settings=lambda c, x, y: {"axis": an_axis(c, x.ndim)} if x.ndim else None,
)
row(
    "broadcast_arrays",
    "multiply",
    inputs=((-90, 90),) * 2,
    spelled=tuple(f"np.multiply(*{xp}.broadcast_arrays(a, b))" for xp in ("tg", "np")),
    derived=False,
)
for n in (1, 2, 3):
    text = f"einsum(subscripts, {', '.join('abc'[:n])})"
    row(
        "einsum",
        choose=lambda pool, n=n: tuple(pool.pick() for _ in range(n)),
        spelled=(f"tg.{text}", f"np.{text}"),
        derived=False,
        settings=letters,
    )
row("linear", inputs=((-90, 90),) * 3, choose=an_affine_map)


# --- losses, and arrays that are not differentiated


def with_labels(pool: Pool) -> tuple[int, ...] | None:
    chance, i = pool.chance, pool.pick()
    x = pool.arrays[i]
    if not (x.ndim and x.size):
        return None
    if chance.r.random() < 0.4:
        return i, pool.constant(chance.np.random(x.shape))
    labels = chance.np.integers(0, x.shape[-1], size=x.shape[:-1])
    return i, pool.constant(np.asarray(labels, dtype=chance.r.choice([np.int64, np.uint8])))


def with_a_list(pool: Pool) -> tuple[int, ...] | None:
    i = pool.pick()
    shape = pool.arrays[i].shape
    if not pool.arrays[i].size:
        return None  # a list of no entries has lost its shape
    return (i, pool.constant(pool.chance.np.normal(size=shape))) if shape else None


def with_condition(pool: Pool) -> tuple[int, ...]:
    i, j = pool.pick(), pool.pick()
    condition = pool.chance.np.random(pool.arrays[i].shape) < 0.5
    return pool.constant(condition), i, j


row(
    "cross_entropy",
    choose=with_labels,
    settings=lambda c, *xs: c.r.choice(
        [{}, {"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"}]
    ),
    weight=2,
)
row("where", choose=with_condition)
row("isfinite", "identity", spelled=("a * tg.isfinite(a)", "np.isfinite(a) * a"), derived=False)
row("isinf", "identity", spelled=("a * ~tg.isinf(a)",), derived=False)
row("isnan", "identity", spelled=("a * ~tg.isnan(a)",), derived=False)
row("asarray", "identity", spelled=("tg.asarray(a)",), derived=False)
row("add", spelled=("a + b.tolist()", "b.tolist() + a"), derived=False, choose=with_a_list)
row("multiply", spelled=("np.multiply(a, b.tolist())",), derived=False, choose=with_a_list)
row(
    "stack",
    spelled=("tg.stack(list(a))", "tg.stack([r for r in a])"),
    theirs="identity",
    derived=False,
    settings=lambda c, x: {} if x.ndim and len(x) else None,
    weight=0.5,
)
row(
    "asarray",
    "stack",
    spelled=("tg.asarray([a, b])",),
    derived=False,
    settings=lambda c, x, y: {"axis": 0} if x.shape == y.shape else None,
    inputs=((-90, 90),) * 2,
)
for name, factor, shift in (("ones_like", 1, 1), ("zeros_like", 1, 0)):
    row(
        name,
        "affine",
        spelled=(f"a + tg.{name}(a)",),
        derived=False,
        settings=lambda c, x, f=factor, s=shift: {"factor": f, "shift": s},
        weight=0.3,
    )
row(
    "full_like",
    "affine",
    spelled=("factor * a + tg.full_like(a, shift)",),
    derived=False,
    settings=lambda c, x: {"factor": 2, "shift": 0.5},
    weight=0.3,
)
