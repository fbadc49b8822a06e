"""What sets the trials in which a backward pass is wrong apart from those in which it is right, and
what `check` says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..check import check
from ..check.rounding import EPS
from ..check.shapes import readings
from .arrays import dtype_of, to_numpy
from .oracle import Oracle, Trial

TELLING = 4  # so many numbers are no coincidence
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
    simplest = min(wrong, key=lambda t: (t.elsewhere, t.x.size < TELLING, t.x.size))
    unused = next(_unused(simplest), None)
    causes = (cause for look in _CAUSES for cause in look(wrong, simplest))
    kind, what = unused or next(causes, ("other", ""))
    when = "" if unused else _when(simplest, wrong, right)
    return kind, ". ".join(s for s in (when, what, _where(shown)) if s) + "."


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


# --- why it is wrong, the surest first


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


def _ratio(trial: Trial) -> np.ndarray:
    """By what the wrong entries of the claim differ; NaN elsewhere."""
    with np.errstate(all="ignore"):
        ratio = np.where(trial.off & ~trial.elsewhere, trial.claim / trial.expected, np.nan)
    return np.where(np.isfinite(ratio), ratio, np.nan)


def _near(trial: Trial) -> float:
    """How far apart two factors may be that are one, in the trial's dtype."""
    return 1e-3 + 20 * EPS[trial.dtype]


def _number(wrong: list[Trial], _: Trial) -> Iterator[Cause]:
    """By what the claim differs, when one number says it in all trials."""
    ratios = [(r[~np.isnan(r)], t) for t in wrong for r in (_ratio(t),)]
    rows = [t.probe.rows for t in wrong]
    telling = len(set(rows)) > 1 or rows[0] > 2
    for kind, power, times, text in (
        ("mean-vs-sum", -1, telling, "It is 1/n of the gradient, n the length of the first axis"),
        ("mean-vs-sum", 1, telling, "It is n times the gradient, n the length of the first axis"),
        ("sign", 0, -1, "It is -1 times the gradient: the sign is flipped"),
        ("missing-term", 0, 0, "It is 0 there"),
    ):
        wanted = [times * float(t.probe.rows) ** power for t in wrong]
        if all(
            r.size == t.off.sum() and np.allclose(r, c, rtol=_near(t), atol=1e-9)
            for (r, t), c in zip(ratios, wanted, strict=True)
        ):
            yield kind, text


def _checked(_: list[Trial], trial: Trial) -> Iterator[Cause]:
    """What `check` makes of it, when forward was recorded."""
    graph = trial.oracle.graph
    if graph is None or trial.elsewhere or not np.isfinite(trial.claim).all():
        return
    leaf = graph.leaves[trial.place]
    names = {f"dy{k + 1}": d for k, d in enumerate(trial.oracle.dys)}
    try:
        finding = check(graph.root, {leaf: trial.claim}, cotangent=graph.seed, names=names)[leaf]
    except ValueError:  # forward does not depend on it
        return
    if finding.verdict == "wrong" and (finding.kind != "other" or finding.where):
        yield finding.kind, finding.explanation.rstrip(".")


def _factor(_: list[Trial], trial: Trial) -> Iterator[Cause]:
    """One number, or an input, output or upstream, that is there besides or that is missing."""
    ratio = _ratio(trial)
    known = ~np.isnan(ratio)
    if known.sum() < max(trial.off.sum(), 2):  # one number has too many explanations
        return
    c = float(np.median(ratio[known]))
    if np.ptp(ratio[known]) <= _near(trial) * abs(c) < abs(c - 1):
        yield "constant-scale", f"It is {c:.4g} times the gradient"
    arrays = {trial.function.names[i]: v for i, v in trial.probe.arrays.items()}
    for stem, many in (("y", trial.oracle.court.outputs(trial.probe)), ("dy", trial.oracle.dys)):
        arrays |= {f"{stem}{k + 1}" if len(many) > 1 else stem: v for k, v in enumerate(many)}
    for name, v in arrays.items() if known.sum() >= TELLING else ():
        for value, kind, text in (
            (v, "extra-factor", f"There is a factor {name} too many"),
            (1 / np.where(v == 0, np.nan, v), "missing-factor", f"The factor {name} is left out"),
        ):
            try:
                value = np.broadcast_to(value, trial.x.shape)
            except ValueError:
                continue
            if np.allclose(ratio[known], value[known], rtol=1e-3):
                yield kind, text


_CAUSES: tuple[Callable[[list[Trial], Trial], Iterator[Cause]], ...] = (_number, _checked, _factor)
