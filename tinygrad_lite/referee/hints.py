"""What sets the trials in which a backward pass is wrong apart from those in which it is right."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..check import check
from ..graph.backend import broadcast_axes
from ..tensor import Tensor
from .probes import Function, Probe

Graph = tuple[Tensor, list[Tensor | None]]


@dataclass
class Trial:
    """One input's gradient on one probe in one dtype: the claim, the reference, and where they
    differ. `expected` is NaN where it was not computed."""

    name: str
    dtype: str
    claim: np.ndarray
    x: np.ndarray
    probe: Probe
    dys: list[np.ndarray]
    graph: Graph | None
    expected: np.ndarray
    wrong: bool = False
    elsewhere: bool = False
    error: float = 0.0
    caught: float = 0.0
    judged: int = 0
    kinked: set[tuple[int, ...]] = field(default_factory=set)

    def settle(self, off: np.ndarray, distance: np.ndarray, bound: np.ndarray) -> None:
        """Take in which entries are off, by how much, and the bounds they were held to."""
        known = ~np.isnan(self.expected)
        for index in self.kinked:
            known[index] = False
        size = float(np.max(np.abs(self.expected[known]), initial=0.0)) or 1.0
        self.off, self.wrong, self.judged = off, bool(off.any()), int(known.sum())
        self.error = float(np.max(distance[known], initial=0.0)) / size
        self.caught = float(np.max(bound[known], initial=0.0)) / size


def explain(trials: list[Trial], function: Function) -> tuple[str, str]:
    """The kind of the error in one input's gradient, and a sentence or two about it."""
    wrong = [t for t in trials if t.wrong]
    right = [t for t in trials if not t.wrong]
    for trial in wrong:
        if trial.claim.shape != trial.x.shape:
            return _shape(trial)
    first = wrong[0]
    kind, what = _what(wrong)
    if kind in ("other", "constant-scale"):
        kind, what = _diagnosis(first, function) or (kind, what)
    when = _when(first, wrong, right, function)
    return kind, ". ".join(s for s in (when, what, _where(first)) if s) + "."


def _shape(trial: Trial) -> tuple[str, str]:
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


def _right_when_uniform(trial: Trial, function: Function) -> bool:
    given = trial.probe
    ones = [np.ones_like(d) for d in trial.dys]
    if trial.elsewhere or all(d.size == 1 for d in ones):
        return False
    index = tuple(np.argwhere(trial.off)[0])
    i = function.names.index(trial.name)
    claim = function.gradients(given.cast(trial.dtype), ones)[i]
    if claim is None:
        return False
    step = 1e-5 if function.wide == "float64" else 1e-2
    sides = []
    for t in (step, -step):
        x = given.values[i].copy()
        x[index] += t
        ys = function.value(given.moved({i: x}, "").cast(function.wide))[0]
        sides.append(sum(float(np.sum(y)) for y in ys))
    slope, claimed = (sides[0] - sides[1]) / (2 * step), float(claim[index])
    return abs(slope - claimed) <= 100 * step * max(abs(slope), abs(claimed))


def _diagnosis(trial: Trial, function: Function) -> tuple[str, str] | None:
    """What `check` makes of it, when forward was recorded."""
    if trial.graph is None or trial.elsewhere or not np.isfinite(trial.claim).all():
        return None
    E, leaves = trial.graph
    leaf = leaves[function.names.index(trial.name)]
    if leaf is None:
        return None
    try:
        finding = check(E, {leaf: trial.claim})[leaf]
    except ValueError:  # forward does not depend on it
        return None
    if finding or finding.kind == "other":
        return None
    return finding.kind, finding.explanation.rstrip(".")


def _what(wrong: list[Trial]) -> tuple[str, str]:
    """By what the claim differs, when one number says it."""
    if any(t.elsewhere for t in wrong):
        return "other", ""
    with np.errstate(all="ignore"):
        found = [(t.claim / t.expected)[t.off] for t in wrong]
    ratios = [r[np.isfinite(r)] for r in found]
    if not all(r.size and np.ptp(r) <= 1e-3 * abs(r[0]) for r in ratios):
        return "other", ""
    each, rows = [float(r[0]) for r in ratios], [t.probe.rows for t in wrong]
    if len(set(rows)) > 1 or (rows[0] > 1 and max(rows) > 2):
        for power, times in ((-1, "1/n of"), (1, "n times")):
            if all(abs(c / n**power - 1) < 1e-2 for c, n in zip(each, rows, strict=True)):
                n = "n the length of the first axis"
                return "mean-vs-sum", f"It is {times} the gradient, {n}"
    c = each[0]
    if max(each) - min(each) > 1e-3 * abs(c):
        return "other", ""
    if abs(c + 1) < 1e-3:
        return "sign", "It is -1 times the gradient: the sign is flipped"
    if abs(c) < 1e-9:
        return "missing-term", "It is 0 there"
    return "constant-scale", f"It is {c:.4g} times the gradient"
