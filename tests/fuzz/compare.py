"""A program on both engines. The first difference raises `Mismatch`."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

import tinygrad_lite as tg

from .program import Program, weighted
from .truth import Truth

Nodes = list[Any]
ROUNDING = 1e-9  # relative to the largest entry, for values and gradients in float64
SINGLE = 3e-4  # the same where a part is float32
SECOND = 1e-7  # for second derivatives
SMALL, SMALL_SINGLE = 1e-3, 1e-2  # what is smaller is compared as if it were this large
CLAIM_OFF_BY = 1e-6
JUMP = 1e-6  # a change by so much of the largest entry is a jump, no rounding
DRAWS, JUMPING = 3, 24  # draws of the noise, and more that look for jumps alone


class Mismatch(AssertionError):
    """The two engines differ, or ours breaks one of its own promises."""


def plain(x: Any) -> Any:
    """A node's data, in float64."""
    return np.asarray(x.data if isinstance(x, (tg.Value, tg.Tensor)) else x, dtype=np.float64)


def differ(ours: Any, theirs: Any, rtol: float, scale: float = 0.0) -> str:
    """Where two arrays differ by more than rtol of the largest entry; "" if nowhere."""
    a, b = plain(ours), np.asarray(theirs)
    if a.shape != b.shape:
        return f"shape {a.shape} against {b.shape}"
    if not a.size:
        return ""
    off, size = np.abs(a - b), np.abs(b)
    floor = SMALL_SINGLE if rtol >= SINGLE else SMALL
    bad = ~(off <= rtol * (size + size.max() + scale + floor)) & ~np.isnan(b)
    if not bad.any():
        return ""
    at = np.unravel_index(np.argmax(np.where(bad, np.nan_to_num(off, nan=np.inf), -1)), a.shape)
    return f"{a[at]!r} against {b[at]!r} at {tuple(map(int, at))}"


def require(what: str, ours: Any, theirs: Any, rtol: float, scale: float = 0.0) -> None:
    said = differ(ours, theirs, rtol, scale)
    if said:
        raise Mismatch(f"{what}: {said}")


def is_node(x: Any) -> bool:
    return isinstance(x, (tg.Value, tg.Tensor))


# --- the comparisons


CONTEXTS: tuple[Callable[[], Any], ...] = (  # that must change nothing
    *[nullcontext] * 5,
    tg.debug,
    tg.enable_grad,
    lambda: tg.scope("layer"),
)


def sweeps(program: Program, truth: Truth) -> None:
    """Values, and gradients of all nodes after the leaves were rebound."""
    values, gradients = truth.first
    rtol = SINGLE if program.single else ROUNDING
    leaves = program.leaves()
    with CONTEXTS[program.seed % len(CONTEXTS)]():
        nodes, loss = program.run(leaves)
    for i, (a, b) in enumerate(zip(nodes, values, strict=True)):
        require(f"value of v{i}", a, b, rtol)
    reached = any(_is_reached(gradients[i]) for i in program.moving)
    if not is_node(loss) or loss.constant:
        if reached:
            raise Mismatch("the loss is a constant, the reference's is not")
        return
    for x in leaves:
        x.data = x.data + 1.0
    loss.backward()
    _compare_gradients(nodes, gradients, rtol)


def twice(program: Program, truth: Truth) -> None:
    """A second backward gives leaves exactly twice the gradient, and the others the same again."""
    leaves = program.leaves()
    nodes, loss = program.run(leaves)
    if not is_node(loss) or loss.constant:
        return
    loss.backward()
    inner = [a for a in nodes if is_node(a) and not a.is_leaf]
    once = [(x, None if x.grad is None else np.array(x.grad)) for x in leaves + inner]
    loss.backward()
    for x, g in once:
        wanted = g if g is None or not x.is_leaf else 2 * g
        if g is None or np.array_equal(x.grad, wanted, equal_nan=True):
            continue
        i = next(i for i, a in enumerate(nodes) if a is x)
        if not differ(x.grad, wanted, 1e-13):
            raise Mismatch(f"a second backward of v{i} is twice the first to rounding only")
        raise Mismatch(f"a second backward of v{i} gives {x.grad!r:.60}, not {wanted!r:.60}")


def _is_reached(g: Any) -> bool:
    return g is not None and bool(np.any(g != 0))


def _compare_gradients(nodes: Nodes, gradients: list[Any], rtol: float) -> None:
    met: dict[int, int] = {}
    for a in nodes:
        met[id(a)] = met.get(id(a), 0) + 1  # a step such as +a gives the node itself
    for i, (a, b) in enumerate(zip(nodes, gradients, strict=True)):
        if not is_node(a) or (met[id(a)] > 1 and not a.is_leaf):
            continue
        if met[id(a)] > 1 and i != next(j for j, x in enumerate(nodes) if x is a):
            continue
        g = a.grad
        if b is None or g is None:
            if _is_reached(b) or (g is not None and not a.constant and np.any(plain(g) != 0)):
                raise Mismatch(f"gradient of v{i}: {g!r:.60} against {b!r:.60}")
            continue
        if isinstance(a, tg.Tensor) and g.dtype != a.dtype:
            raise Mismatch(f"gradient of v{i} has dtype {g.dtype}, its node {a.dtype}")
        require(f"gradient of v{i}", g, b, rtol)


def recorded(program: Program, truth: Truth) -> None:
    """The Hessian times a vector, by `backward(record=True)` and once more backward."""
    leaves = program.leaves()
    _, loss = program.run(leaves)
    if not is_node(loss) or loss.constant or program.single:
        return
    loss.backward(record=True)
    total = 0.0
    for x, v in zip(leaves, truth.vectors, strict=True):
        if x.grad is not None:
            total = total + weighted(x.grad, v)
    for x in leaves:
        x.zero_grad()
    if is_node(total) and not total.constant:
        total.backward()
    for i, x, h in zip(program.moving, leaves, truth.along, strict=True):
        require(f"record=True, Hessian times vector for v{i}", _or_zero(x), h, SECOND)


def _or_zero(x: Any) -> Any:
    return np.zeros(np.shape(x.data)) if x.grad is None else x.grad


def transforms(program: Program, truth: Truth) -> None:
    """grad, jvp, vjp, hvp and grad of grad."""
    gradients = truth.first[1]
    rtol = SINGLE if program.single else ROUNDING
    leaves: Any = [program.entries[i] for i in program.moving]
    given = [leaf.data for leaf in leaves]
    vectors = [
        float(v) if leaf.kind == "Value" else v
        for v, leaf in zip(truth.vectors, leaves, strict=True)
    ]
    expected = [
        np.zeros(np.shape(x)) if gradients[i] is None else gradients[i]
        for i, x in zip(program.moving, given, strict=True)
    ]

    def f(xs: Any) -> Any:
        return program.run(xs)[1]

    first = tg.grad(f)(given)
    _, pullback = tg.vjp(f, given)
    for what, found in (("grad", first), ("vjp", pullback(1.0)[0])):
        for i, a, b in zip(program.moving, found, expected, strict=True):
            require(f"tg.{what} for v{i}", a, b, rtol)
    terms = [b * v for b, v in zip(expected, vectors, strict=True)]
    slope, size = sum(np.sum(t) for t in terms), sum(np.sum(np.abs(t)) for t in terms)
    require("tg.jvp", tg.jvp(f, (given,), (vectors,))[1], slope, 100 * rtol, float(size))
    if program.single:
        return

    def dots(xs: Any) -> Any:
        return sum(map(weighted, tg.grad(f)(xs), vectors))

    for what, second in (
        ("hvp", tg.hvp(f)(given, vectors)),
        ("grad of tg.grad", tg.grad(dots)(given)),
    ):
        for i, a, b in zip(program.moving, second, truth.along, strict=True):
            require(f"tg.{what} for v{i}", a, b, SECOND)


def checks(program: Program, truth: Truth) -> None:
    """`check` calls the reference's gradients right, and those with one entry off wrong."""
    gradients = truth.first[1]
    leaves = program.leaves()
    _, loss = program.run(leaves)
    if not is_node(loss) or loss.constant or program.single:
        return
    claims = {
        x: gradients[i]
        for i, x in zip(program.moving, leaves, strict=True)
        if gradients[i] is not None and gradients[i].size
    }
    if not claims:
        return
    report = tg.check(loss, claims)
    for i, x in zip(program.moving, leaves, strict=True):
        if x in claims and not report[x]:
            off = np.abs(report[x].expected - claims[x])
            if (off > _blur(program, i, 1e-14)).any():  # else it is exact as far as rounding goes
                raise Mismatch(f"check calls an exact gradient wrong: {report[x].message()}")
    x = random.Random(program.seed).choice(list(claims))
    off = np.array(claims[x], dtype=np.float64)
    step = CLAIM_OFF_BY * np.abs(off).max()
    off.flat[np.random.default_rng(program.seed).integers(off.size)] += step
    i = next(i for i, leaf in zip(program.moving, leaves, strict=True) if leaf is x)
    if any(f and not f.explanation for f in tg.check(loss, {x: off})) and _shows(program, i, step):
        raise Mismatch(f"check calls a gradient right that is off by {CLAIM_OFF_BY} in one entry")


def _shows(program: Program, i: int, step: float) -> bool:
    """Whether a step in the gradient of entry i is more than what rounding may do to it, there or
    where the largest gradient of the graph flows."""
    sizes = [np.abs(g).max() for g in Truth(program).first[1] if g is not None and g.size]
    if step < 1e-14 * max(sizes):
        return False
    return bool(_blur(program, i, 1e-13).max() < step)


def _blur(program: Program, i: int, noise: float) -> Any:
    """How far apart noise brings the reference's gradients of entry i."""
    gradients = [Truth(program, noise=noise, seed=seed).first[1][i] for seed in range(4)]
    return np.ptp(gradients, axis=0)


Comparison = Callable[[Program, Truth], None]
SOMETIMES: tuple[tuple[Comparison, ...], ...] = (
    *[()] * 16,
    *[(recorded,)] * 6,
    *[(transforms,)] * 6,
    (checks,),
)


def chosen(seed: int) -> tuple[Comparison, ...]:
    """Which comparisons the program of this seed goes through."""
    return (sweeps, *random.Random(seed ^ 0x5EED).choice(SOMETIMES), twice)


def failure(program: Program, comparisons: tuple[Comparison, ...], truth: Truth) -> str:
    """What the first failing comparison says; "" if none fails."""
    for comparison in comparisons:
        try:
            comparison(program, truth)
        except Mismatch as error:
            return str(error)
        except Exception as error:  # on a program that the reference runs
            return f"{comparison.__name__}: {type(error).__name__}: {error}".split("\n")[0]
    return ""


SECOND_ORDER: frozenset[Comparison] = frozenset((recorded, transforms))


def is_steady(program: Program, comparisons: tuple[Comparison, ...]) -> bool:
    """Whether the reference stays where it is when every step is disturbed by rounding, in what
    the comparisons look at.

    Where it does not, the point is ill conditioned or on a kink, and a difference says nothing.
    A kink is met by chance: of two entries equal up to rounding, a draw moves the other one ahead
    every second time. So there are more draws, in which only what jumps counts.
    """
    noise, loose = (3e-7, SINGLE) if program.single else (1e-14, 1e-10)
    second = not program.single and not SECOND_ORDER.isdisjoint(comparisons)
    base = Truth(program)
    try:
        for seed in range(DRAWS + JUMPING):
            moved = Truth(program, noise=noise, seed=seed)
            limit = loose if seed < DRAWS else max(loose, JUMP)
            for before, after in zip(base.first, moved.first, strict=True):
                for a, b in zip(before, after, strict=True):
                    if (a is None) is not (b is None) or (a is not None and differ(b, a, limit)):
                        return False
            wide = max(1e-8, limit)
            if second and any(map(differ, moved.along, base.along, [wide] * len(base.along))):
                return False
    except RuntimeError:
        return False
    return True
