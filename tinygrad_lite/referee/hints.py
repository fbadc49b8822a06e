"""What sets the trials in which a backward pass is wrong apart from those in which it is right, and
what `check` says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..check import check
from ..check.rounding import EPS
from ..graph.backend import broadcast_axes
from .arrays import dtype_of, to_numpy
from .callables import Function
from .oracle import Oracle, Trial

TELLING = 4  # so many numbers are no coincidence
Cause = tuple[str, str]  # the kind, and a sentence without its full stop


def explain(trials: list[Trial], function: Function) -> Cause:
    """The kind of the error in one input's gradient, and a sentence or two about it."""
    wrong = [t for t in trials if t.wrong]
    seen = max(t.error for t in wrong)  # where that would not have shown, nothing is known
    right = [t for t in trials if not t.wrong and t.judged and t.caught < seen]
    shown = next(t for t in wrong if t.counts)
    for trial in wrong:
        if trial.claim.shape != trial.x.shape:
            return _shape(trial)
    simplest = min(wrong, key=lambda t: (t.elsewhere, t.x.size < TELLING, t.x.size))
    unused = next(_unused(wrong, simplest, function), None)
    causes = (cause for look in _CAUSES for cause in look(wrong, simplest, function))
    kind, what = unused or next(causes, ("other", ""))
    when = "" if unused else _when(simplest, wrong, right, function)
    return kind, ". ".join(s for s in (when, what, _where(shown)) if s) + "."


def _shape(trial: Trial) -> Cause:
    claim, wanted = trial.claim.shape, trial.x.shape
    told = f"backward gives shape {claim}; {trial.name} has shape {wanted}"
    if claim == wanted[::-1]:
        known = np.isnan(trial.expected) | np.isclose(trial.claim.T, trial.expected, rtol=1e-4)
        return ("transpose", f"{told}: it is transposed.") if known.all() else ("shape", f"{told}.")
    axes = broadcast_axes(claim, wanted) if len(claim) >= len(wanted) else ()
    if axes and trial.claim.sum(axis=axes).size == trial.x.size:
        over = f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"
        why = f"forward repeats it, so the gradient is to be summed over {over}"
        return "missing-broadcast-sum", f"{told}: {why}."
    return "shape", f"{told}."


def _where(trial: Trial) -> str:
    if trial.elsewhere:
        return f"On {_title(trial)}, an entry outside the sample: a random direction disagrees"
    gap = np.where(trial.off, np.abs(trial.claim - trial.expected), -1.0)
    gap = np.where(np.isnan(gap), np.inf, gap)
    index = tuple(int(k) for k in np.unravel_index(int(np.argmax(gap)), gap.shape))
    at = f"[{', '.join(map(str, index))}]" if index else ""
    return (
        f"On {_title(trial)}, d{trial.name}{at} is {trial.claim[index]:.6g} and should be "
        f"{trial.expected[index]:.6g} ({int(trial.off.sum())} of {trial.judged} entries differ)"
    )


def _title(trial: Trial) -> str:
    return trial.probe.title + ("" if trial.dtype == "float64" else f" in {trial.dtype}")


# --- when it is wrong


def _when(first: Trial, wrong: list[Trial], right: list[Trial], function: Function) -> str:
    """In which circumstances it is wrong."""
    if right and not {t.dtype for t in wrong} & {t.dtype for t in right}:
        dtypes = " and ".join(sorted({t.dtype for t in wrong}))
        others = " and ".join(sorted({t.dtype for t in right}))
        return f"Wrong only in {dtypes}, right in {others}"
    if right and all(t.probe.rows == 1 for t in right) and all(t.probe.rows > 1 for t in wrong):
        return "Right with one row, wrong with several: look for a sum or a mean over the rows"
    for sign, text in ((-1, "< 0"), (1, "> 0")):
        if _only_where(wrong, right, sign):
            return f"Wrong only where {first.name} {text}"
    if repeated := _repeated(first, function):
        return (
            f"Wrong only in the rows of {first.name} that {repeated} picks more than once: += adds "
            "one of them, np.add.at all"
        )
    if _right_when_uniform(first, function):
        return (
            "Right when the upstream gradient is all ones: look for where it is averaged, summed "
            "or left out"
        )
    if right and all(t.probe.own for t in right) and not any(t.probe.own for t in wrong):
        return "Right on the inputs given, wrong on others of their shape (redraw=False skips them)"
    return ""


def _only_where(wrong: list[Trial], right: list[Trial], sign: int) -> bool:
    """Whether every wrong entry has x of that sign, and entries of the other sign are right."""
    bad = good = other = 0
    for t in (*wrong, *right):
        if t.elsewhere:
            return False
        mine = t.x * sign > 0
        known = ~np.isnan(t.expected)
        bad += int((t.off & ~mine).sum())
        good += int((known & ~t.off & ~mine).sum())
        other += int((known & ~t.off & mine).sum())
    return bad == 0 and good >= 3 and other <= good // 4


def _repeated(trial: Trial, function: Function) -> str:
    """The input of whole numbers that picks some rows more than once, if just these are wrong."""
    if trial.elsewhere or not trial.x.ndim:
        return ""
    rows = np.flatnonzero(trial.off.reshape(len(trial.x), -1).any(axis=1))
    for name, given in zip(function.names, trial.probe.templates, strict=True):
        if "int" not in dtype_of(given) or not np.size(given):
            continue
        picked, times = np.unique(to_numpy(given, name), return_counts=True)
        if set(rows) <= set(picked[times > 1]) and len(rows) < len(trial.x):
            return name
    return ""


def _right_when_uniform(trial: Trial, function: Function) -> bool:
    """Whether the claim is right, and that can be told, for an upstream of ones."""
    given = trial.oracle
    ones = [np.ones_like(d) for d in given.dys]
    if trial.elsewhere or all(d.size == 1 for d in ones):
        return False
    i = function.names.index(trial.name)
    claims, eps = function.gradients(trial.probe.cast(trial.dtype), ones)
    claim = claims[i]
    if claim is None:
        return False
    judged = Oracle(given.court, trial.probe, ones).judge(i, claim, eps, trial.dtype)
    return not judged.wrong and judged.judged > 0 and judged.caught < 1e-2 * trial.error


# --- why it is wrong, the surest first


def _unused(_: list[Trial], trial: Trial, function: Function) -> Iterator[Cause]:
    """An upstream on which the claim does not depend."""
    i, dys = function.names.index(trial.name), trial.oracle.dys
    for k in range(len(dys)):
        other = [d + (j == k) * (1 + np.abs(d)) for j, d in enumerate(dys)]
        moved = function.gradients(trial.probe.cast(trial.dtype), other)[0][i]
        same = moved is not None and trial.claim.any() and np.array_equal(moved, trial.claim)
        if same and (len(dys) == 1 or _depends(trial, i, k, function)):
            name = f"dy{k + 1}" if len(dys) > 1 else "dy"
            yield "missing-factor", f"{name}, the upstream gradient, is not used"


def _depends(trial: Trial, i: int, k: int, function: Function) -> bool:
    """Whether the output k depends on the input i."""
    x = trial.x + np.random.default_rng(0).normal(size=trial.x.shape)
    probes = (trial.probe, trial.probe.moved({i: x}))
    before, after = (function.value(p.cast(function.wide))[0][k] for p in probes)
    return not np.array_equal(before, after)


def _ratio(wrong: list[Trial], *_: Any) -> Iterator[Cause]:
    """By what the claim differs, when one number says it."""
    if any(t.elsewhere for t in wrong):
        return
    with np.errstate(all="ignore"):
        found = [(t.claim / t.expected)[t.off] for t in wrong]
    ratios = [r[np.isfinite(r)] for r in found]
    if not all(
        r.size and np.ptp(r) <= _near(t) * abs(r[0]) for r, t in zip(ratios, wrong, strict=True)
    ):
        return
    each, rows = [float(r[0]) for r in ratios], [t.probe.rows for t in wrong]
    if len(set(rows)) > 1 or (rows[0] > 1 and max(rows) > 2):
        for power, times in ((-1, "1/n of"), (1, "n times")):
            if all(abs(c / n**power - 1) < 1e-2 for c, n in zip(each, rows, strict=True)):
                n = "n the length of the first axis"
                yield "mean-vs-sum", f"It is {times} the gradient, {n}"
    c = each[0]
    if max(each) - min(each) > max(map(_near, wrong)) * abs(c):
        return
    if abs(c + 1) < 1e-3:
        yield "sign", "It is -1 times the gradient: the sign is flipped"
    elif abs(c) < 1e-9:
        yield "missing-term", "It is 0 there"


def _near(trial: Trial) -> float:
    """How far apart two factors may be that are one, in the trial's dtype."""
    return 1e-3 + 20 * EPS[trial.dtype]


def _checked(_: list[Trial], trial: Trial, function: Function) -> Iterator[Cause]:
    """What `check` makes of it, when forward was recorded."""
    graph = trial.oracle.graph
    if graph is None or trial.elsewhere or not np.isfinite(trial.claim).all():
        return
    leaf = graph.leaves[function.names.index(trial.name)]
    names = {f"dy{k + 1}": d for k, d in enumerate(trial.oracle.dys)}
    try:
        finding = check(graph.root, {leaf: trial.claim}, cotangent=graph.seed, names=names)[leaf]
    except ValueError:  # forward does not depend on it
        return
    if finding.verdict == "wrong" and (finding.kind != "other" or finding.where):
        yield finding.kind, finding.explanation.rstrip(".")


def _factor(wrong: list[Trial], trial: Trial, function: Function) -> Iterator[Cause]:
    """One number, or an input, output or upstream, that is there besides or that is missing."""
    if trial.elsewhere:
        return
    with np.errstate(all="ignore"):
        ratio = np.where(trial.off, trial.claim / trial.expected, np.nan)
    known = np.isfinite(ratio)
    if not known.any():
        return
    c = float(ratio[known][0])
    if np.ptp(ratio[known]) <= _near(trial) * abs(c):
        c = float(np.median(ratio[known]))
        yield "constant-scale", f"It is {c:.4g} times the gradient"
        return
    ys = function.value(trial.probe.cast(function.wide))[0]
    arrays = {function.names[i]: v for i, v in trial.probe.arrays.items()}
    for stem, many in (("y", ys), ("dy", trial.oracle.dys)):
        arrays |= {f"{stem}{k + 1}" if len(many) > 1 else stem: v for k, v in enumerate(many)}
    for name, v in arrays.items():
        if known.sum() < TELLING or v.ndim > trial.x.ndim or not _fits(v.shape, trial.x.shape):
            continue
        for value, kind, text in (
            (v, "extra-factor", f"There is a factor {name} too many"),
            (1 / np.where(v == 0, np.nan, v), "missing-factor", f"The factor {name} is left out"),
        ):
            value = np.broadcast_to(value, trial.x.shape)
            if np.allclose(ratio[known], value[known], rtol=1e-3):
                yield kind, text


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, wanted) == wanted
    except ValueError:
        return False


_Look = Callable[[list[Trial], Trial, Function], Iterator[Cause]]
_CAUSES: tuple[_Look, ...] = (_ratio, _checked, _factor)
