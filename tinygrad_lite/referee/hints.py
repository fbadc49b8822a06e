"""What sets the trials in which a backward pass is wrong apart from those in which it is right, and
what `check` says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..check import check
from ..check.rounding import EPS
from ..check.shapes import readings
from .arrays import dtype_of, to_numpy
from .oracle import EXACT, Oracle, Trial, standing_for

TELLING = 4  # so many numbers are no coincidence
ROUNDED = 3.0  # in units of its precision: a claim that is told apart from another
Cause = tuple[str, str]  # the kind, and a sentence without its full stop


def explain(trials: list[Trial]) -> Cause:
    """The kind of the error in one input's gradient, and a sentence or two about it."""
    wrong = [t for t in trials if t.wrong]
    misshapen = [t for t in wrong if t.claim.shape != t.x.shape]
    if misshapen:
        return _shape(max(misshapen, key=lambda t: t.claim.size))
    seen = max(t.error for t in wrong)  # where that would not have shown, nothing is known
    right = [t for t in trials if not t.wrong and t.judged and t.caught < seen]
    shown = next(t for t in wrong if t.counts)
    simplest = min(wrong, key=_plainness)
    unused = next(_unused(simplest), None)
    kind, what = unused or _checked(simplest)
    when = "" if unused else _when(simplest, wrong, right)
    return kind, ". ".join(s for s in (when, what, _where(shown)) if s) + "."


def _plainness(trial: Trial) -> tuple[bool, bool, bool, int]:
    """What a trial is chosen by: few numbers, but so many that they are no coincidence."""
    size = trial.x.size
    return trial.elsewhere, size < TELLING, trial.probe.rows == 2, size  # a factor 2 may be any


def _shape(trial: Trial) -> Cause:
    told = f"backward gives shape {trial.claim.shape}; {trial.name} has shape {trial.x.shape}"
    known = ~np.isnan(trial.expected)
    for reading in readings(trial.claim, trial.x.shape):
        if known.any() and np.allclose(reading.value[known], trial.expected[known], rtol=1e-4):
            return reading.kind, f"{told}: {reading.text}."
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


def _when(first: Trial, wrong: list[Trial], right: list[Trial]) -> str:
    """In which circumstances it is wrong."""
    if right and not {t.dtype for t in wrong} & {t.dtype for t in right}:
        dtypes, others = (" and ".join(sorted({t.dtype for t in ts})) for ts in (wrong, right))
        return f"Wrong only in {dtypes}, right in {others}"
    if right and all(t.probe.rows == 1 for t in right) and all(t.probe.rows > 1 for t in wrong):
        return "Right with one row, wrong with several: look for a sum or a mean over the rows"
    if right and all(t.probe.rows > 1 for t in right) and all(t.probe.rows == 1 for t in wrong):
        return (
            "Right with several rows, wrong with one: a length may stand there as a number "
            "(redraw=False tries the inputs given alone)"
        )
    for sign, text in ((-1, "< 0"), (1, "> 0")):
        if _only_where([*wrong, *right], sign):
            return f"Wrong only where {first.name} {text}"
    if repeated := _repeated(first):
        return (
            f"Wrong only in the rows of {first.name} that {repeated} picks more than once: += adds "
            "one of them, np.add.at all"
        )
    if _right_when_uniform(first):
        return (
            "Right when the upstream gradient is all ones: look for where it is averaged, summed "
            "or left out"
        )
    if right and all(t.probe.own for t in right) and not any(t.probe.own for t in wrong):
        return "Right on the inputs given, wrong on others of their shape (redraw=False skips them)"
    return ""


def _only_where(trials: list[Trial], sign: int) -> bool:
    """Whether every wrong entry has x of that sign, and entries of the other sign are right."""
    if any(t.elsewhere for t in trials):
        return False
    mine = np.concatenate([t.x.ravel() * sign > 0 for t in trials])
    off = np.concatenate([t.off.ravel() for t in trials])
    fine = np.concatenate([~np.isnan(t.expected.ravel()) for t in trials]) & ~off
    good, other = int((fine & ~mine).sum()), int((fine & mine).sum())
    return not (off & ~mine).any() and good >= 3 and other <= good // 4


def _repeated(trial: Trial) -> str:
    """The input of whole numbers that picks some rows more than once, if just these are wrong."""
    if trial.elsewhere or not trial.x.ndim:
        return ""
    rows = np.flatnonzero(trial.off.reshape(len(trial.x), -1).any(axis=1))
    for name, given in zip(trial.function.names, trial.probe.templates, strict=True):
        if "int" not in dtype_of(given) or not np.size(given):
            continue
        picked, times = np.unique(to_numpy(given, name), return_counts=True)
        if set(rows) <= set(picked[times > 1]) and len(rows) < len(trial.x):
            return name
    return ""


def _right_when_uniform(trial: Trial) -> bool:
    """Whether the claim is right, and that can be told, for an upstream of ones."""
    ones = [np.ones_like(d) for d in trial.oracle.dys]
    if trial.elsewhere or all(d.size == 1 for d in ones):
        return False
    oracle = Oracle(trial.oracle.court, trial.probe, ones)
    claims, eps = trial.function.gradients(trial.probe.cast(trial.dtype), ones)
    claim = claims[trial.place]
    if claim is None:
        return False
    judged = oracle.judge(trial.place, claim, eps, trial.dtype)
    return not judged.wrong and judged.judged > 0 and judged.caught < 1e-2 * trial.error


# --- why it is wrong


def _unused(trial: Trial) -> Iterator[Cause]:
    """An upstream on which the claim does not depend."""
    dys = trial.oracle.dys
    for k in range(len(dys)):
        other = [d + (j == k) * (1 + np.abs(d)) for j, d in enumerate(dys)]
        moved = trial.function.gradients(trial.probe.cast(trial.dtype), other)[0][trial.place]
        same = moved is not None and trial.claim.any() and np.array_equal(moved, trial.claim)
        if same and (len(dys) == 1 or _depends(trial, k)):
            name = f"dy{k + 1}" if len(dys) > 1 else "dy"
            yield "missing-factor", f"{name}, the upstream gradient, is not used"


def _depends(trial: Trial, k: int) -> bool:
    """Whether the output k depends on the input."""
    x = trial.x + np.random.default_rng(0).normal(size=trial.x.shape)
    probes = (trial.probe, trial.probe.moved({trial.place: x}))
    before, after = (trial.oracle.court.outputs(p)[k] for p in probes)
    return not np.array_equal(before, after)


def _checked(trial: Trial) -> Cause:
    """What `check` says of it: on forward as it was recorded, or on a graph of its inputs that has
    the gradients that are known."""
    oracle, names = trial.oracle, _named(trial.oracle)
    graph = oracle.graph or standing_for(oracle, *names.values())
    if graph is None or trial.elsewhere or not np.isfinite(trial.claim).all():
        return "other", ""
    leaf, near = graph.leaves[trial.place], ROUNDED * max(EPS[trial.dtype], EXACT)
    try:
        claims: Any = {leaf: trial.claim}
        report = check(graph.root, claims, cotangent=graph.seed, names=names, rtol=near)
    except ValueError:  # forward does not depend on it
        return "other", ""
    finding = report[leaf]
    told = finding.kind != "other" or finding.where
    internal = oracle.graph is None and finding.where not in ("", trial.name)
    if finding.verdict != "wrong" or not told or internal:
        return "other", ""
    return finding.kind, finding.explanation.rstrip(".")


def _named(oracle: Oracle) -> dict[str, np.ndarray]:
    """What forward gives, and the upstream, by name."""
    found: dict[str, np.ndarray] = {}
    for stem, many in (("y", oracle.court.outputs(oracle.probe)), ("dy", oracle.dys)):
        for k, v in enumerate(many, start=1):
            found[f"{stem}{k}" if len(many) > 1 else stem] = np.asarray(v, dtype=float)
    return found
