"""`check_function`: the referee for a backward pass that was written by hand."""

from __future__ import annotations

import copy
import html
import inspect
import textwrap
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import differences
from ..check.compare import MARGIN, tolerance
from ..check.tape import Tape
from ..tensor import Tensor
from .hints import Graph, Trial, explain
from .probes import Function, Probe, given_probes, is_differentiable, variations

ROUNDINGS = 3  # draws from which the conditioning is measured
NUDGE = 1e-6  # the relative size of those draws


@dataclass(frozen=True)
class FunctionFinding:
    """What is to be said about the gradient of one input.

    `verdict`, `kind` and `explanation` are as in `Finding`. `error` is the largest error, relative
    to the largest entry of the gradient; `caught` maps each dtype to the smallest such error that
    would have been called wrong. `kinks` counts entries left out because the derivative jumps there
    (a claim between the slopes from both sides is accepted), `entries` those that were judged.
    """

    name: str
    verdict: str
    kind: str
    explanation: str
    error: float
    caught: dict[str, float]
    entries: int
    kinks: int

    def __bool__(self) -> bool:
        return self.verdict == "right"

    def message(self) -> str:
        """What the report's line says after the verdict."""
        if not self:
            return self.explanation
        caught = " or ".join(f"{e:.0e} ({dtype})" for dtype, e in self.caught.items())
        kinks = f"; {self.kinks} at a kink, where any slope between is right" if self.kinks else ""
        return (
            f"{self.entries} entries, largest relative error {self.error:.0e}; an error of "
            f"{caught} would have been caught{kinks}"
        )


@dataclass(frozen=True)
class FunctionReport:
    """The findings, one per input. Truthy when every gradient is right."""

    findings: tuple[FunctionFinding, ...]
    reference: str
    tried: str
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return all(self.findings)

    def __getitem__(self, name: str) -> FunctionFinding:
        return next(f for f in self.findings if f.name == name)

    def __str__(self) -> str:
        width = max(len(f.name) for f in self.findings)
        rows = [(f"{f.name:<{width}}   {f.verdict:<5}   ", f.message()) for f in self.findings]
        rows += [("note: ", note) for note in self.notes]
        rows.append(("tried: ", f"{self.tried}; reference: {self.reference}"))
        return "\n".join(
            textwrap.fill(text, 100, initial_indent=start, subsequent_indent=" " * len(start))
            for start, text in rows
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def raise_if_wrong(self) -> None:
        """Raise `WrongGradient`, an `AssertionError`, unless every gradient is right."""
        if not self:
            raise WrongGradient(self)


class WrongGradient(AssertionError):
    """A backward pass is wrong; `report` says which gradient, where and, if it can be told, why."""

    def __init__(self, report: FunctionReport) -> None:
        super().__init__(f"the backward pass is wrong\n{report}")
        self.report = report


def check_function(
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None,
    inputs: Any,
    *,
    outputs: int = 1,
    dtypes: Sequence[str] = ("float64", "float32"),
    redraw: bool = True,
    entries: int = 40,
    seed: int = 0,
) -> FunctionReport:
    """Referee a hand-written backward pass; raise `WrongGradient` with the report if it is wrong.

    `forward(*inputs)` returns y and `backward(dy, *inputs)` the gradients, one per input in order
    (or a dict by name), None for a constant. Or, as in cs231n, `forward` returns (y, cache) and
    `backward(dy, cache)` takes it up. With several `outputs` they come first, y1, y2, and
    backward(dy1, dy2, ...) takes one upstream for each. Arrays are of NumPy, PyTorch or any library
    that speaks DLPack and the Array API; with `backward=None`, PyTorch's own backward is refereed,
    as of `forward=MyFunction.apply`. Integer arrays, flags and other objects are passed as they
    are.

    `inputs` is one set of inputs (a tuple), a list of sets, or a function of a NumPy generator, and
    if it takes two arguments of a size, that makes one. Sets that were given as data are also tried
    redrawn, with mixed signs, and with their first row alone (`redraw=False`: only as given); to
    stay inside a domain, such as positive numbers, pass a function.

    The upstream is random and not uniform. The reference is computed in float64: by this engine
    when `forward` runs on Tensors and differences agree with it, else by extrapolated differences
    of `forward` with an error estimate, in at most `entries` entries of an input and one random
    direction. Bounds come from each dtype and the conditioning. Kinks are found and left out. A
    forward that takes no float64 is tried in the first of `dtypes`, if that is another.
    """
    for what, f in (("forward", forward), ("backward", backward)):
        if not callable(f) and (f is not None or what == "forward"):
            raise TypeError(f"check_function: {what} is a {type(f).__name__}, not a function")
    rng = np.random.default_rng(seed)
    function = Function(forward, backward, outputs, _names(forward, inputs, rng))
    referee = _Referee(function, tuple(dtypes), entries, rng)
    given = list(given_probes(inputs, np.random.default_rng(seed)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for probe in given:
            referee.judge(probe)
        if redraw and not callable(inputs):
            for probe in given:
                for other in variations(probe, sorted(referee.constants), rng):
                    referee.judge(other)
    report = referee.report()
    report.raise_if_wrong()
    return report


def _names(forward: Callable[..., Any], inputs: Any, rng: np.random.Generator) -> tuple[str, ...]:
    first = next(given_probes(inputs, np.random.default_rng(0)))
    count = len(first.values)
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL][:count]
    return (*names, *(f"input {i}" for i in range(len(names), count)))


@dataclass
class _Referee:
    """Judges probe after probe and gathers the trials."""

    function: Function
    dtypes: tuple[str, ...]
    entries: int
    rng: np.random.Generator
    trials: list[Trial] = field(default_factory=list)
    constants: set[int] = field(default_factory=set)
    references: set[str] = field(default_factory=set)
    titles: list[str] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)

    def judge(self, probe: Probe) -> None:
        """Compare backward with the reference on one set of inputs, in every dtype."""
        try:
            ys = self._values(probe)
        except Exception:
            if probe.own:
                raise
            return  # forward is not made for inputs of that shape
        if not all(np.isfinite(y).all() for y in ys):
            if probe.own:
                raise ValueError(f"check_function: forward is not finite on {probe.title}")
            return
        again = self.function.value(probe.cast(self.function.wide))[0]
        if not all(np.array_equal(a, b) for a, b in zip(ys, again, strict=True)):
            raise ValueError(
                "check_function: forward gives another result on the same inputs (dropout?); fix "
                "the seed inside it"
            )
        upstream = [np.asarray(self.rng.normal(size=y.shape)) for y in ys]
        self.titles.append(probe.title)
        self._notice_writing(probe, upstream)
        for dtype in self.dtypes:
            rounded = probe.moved(
                {
                    i: v.astype(dtype).astype(np.float64)
                    for i, v in enumerate(probe.values)
                    if probe.floats[i]
                },
                probe.title,
            )
            if all(np.isfinite(v).all() for v in rounded.values if isinstance(v, np.ndarray)):
                dys = [d.astype(dtype).astype(np.float64) for d in upstream]
                self._compare(rounded, dys, dtype)
            else:
                self.notes[f"{probe.title}: not tried in {dtype}, which cannot hold them"] = None

    def _values(self, probe: Probe) -> list[np.ndarray]:
        """The outputs in float64, or in the first of `dtypes` if forward takes no float64."""
        try:
            return self.function.value(probe.cast(self.function.wide))[0]
        except Exception:
            if self.dtypes[0] == self.function.wide or "float64" in self.dtypes:
                raise
            self.function.wide = self.dtypes[0]
            return self.function.value(probe.cast(self.function.wide))[0]

    def _compare(self, probe: Probe, dys: list[np.ndarray], dtype: str) -> None:
        oracle = _Oracle(self.function, probe, dys, self.entries, self.rng)
        claims = self.function.gradients(probe.cast(dtype), dys)
        eps = max(
            float(np.finfo(c.dtype).eps) if c.dtype.kind == "f" else 0.0
            for c in [np.empty(0, dtype), *(c for c in claims if c is not None)]
        )
        self.references.add(oracle.kind)
        for i, claim in enumerate(claims):
            if not probe.floats[i]:
                continue
            if claim is None:
                self.constants.add(i)
                continue
            trial = oracle.judge(i, claim, eps, dtype)
            trial.probe, trial.dys, trial.name = probe, dys, self.function.names[i]
            self.trials.append(trial)

    def _notice_writing(self, probe: Probe, dys: list[np.ndarray]) -> None:
        """Note when forward or backward write into what they were given."""
        arguments = probe.cast(self.function.wide)
        self.function.gradients(arguments, dys)
        for name, x, v in zip(self.function.names, arguments, probe.values, strict=True):
            if not isinstance(x, np.ndarray) or not is_differentiable(x):
                continue
            if not np.array_equal(x, v.astype(x.dtype)):
                self.notes[f"{name} is written into: the caller's array changes"] = None

    def report(self) -> FunctionReport:
        """The findings over all trials."""
        if not self.trials:
            raise ValueError("check_function: backward gives None for every input")
        findings = []
        for name in dict.fromkeys(t.name for t in self.trials):
            mine = [t for t in self.trials if t.name == name]
            wrong = any(t.wrong for t in mine)
            if not wrong and not any(t.judged or t.kinks for t in mine):
                raise ValueError(f"check_function: {name} has no entry that could be judged")
            kind, explanation = explain(mine, self.function) if wrong else ("", "")
            caught: dict[str, float] = {}
            for t in mine:
                caught[t.dtype] = max(caught.get(t.dtype, 0.0), t.caught)
            findings.append(
                FunctionFinding(
                    name,
                    "wrong" if wrong else "right",
                    kind,
                    explanation,
                    max(t.error for t in mine),
                    caught,
                    sum(t.judged for t in mine),
                    sum(t.kinks for t in mine),
                )
            )
        return FunctionReport(
            tuple(findings),
            " and ".join(sorted(self.references)),
            ", ".join(dict.fromkeys(self.titles)),
            tuple(self.notes),
        )


class _Oracle:
    """The gradients of sum(dy * forward) on one probe, in float64."""

    def __init__(
        self,
        function: Function,
        probe: Probe,
        dys: list[np.ndarray],
        entries: int,
        rng: np.random.Generator,
    ) -> None:
        self.function, self.probe, self.dys = function, probe, dys
        self.entries, self.rng = entries, rng
        self.graph = record(function, probe, dys)
        self.exact: list[Any] | None = None
        if self.graph is not None:
            E, leaves = self.graph
            tape = Tape(E, names={})
            twins = [None if x is None else tape.twin.get(x) for x in leaves]
            self.exact = [
                tape.g[t] if t in tape.g else np.zeros(np.shape(v))
                for t, v in zip(twins, probe.values, strict=True)
            ]
            if all(map(self._agrees, range(len(leaves)))):
                spread = tape.rounding([t for t in twins if t is not None and t in tape.g])
                self.spread = [0.0 if t is None else spread.get(t, 0.0) for t in twins]
            else:
                self.exact = self.graph = None
        self.kind = "differences" if self.exact is None else "this engine"

    def along(self, i: int, direction: np.ndarray, *, first: float) -> differences.Slope:
        """The derivative along a direction of input i, by differences."""
        x = self.probe.values[i]

        def phi(t: float) -> float:
            moved = self.probe.moved({i: x + t * direction}, "")
            ys = self.function.value(moved.cast(self.function.wide))[0]
            self.precision = max(
                float(np.finfo(y.dtype).eps) if y.dtype.kind == "f" else 0.0 for y in ys
            )
            return float(sum(np.sum(d * y) for d, y in zip(self.dys, ys, strict=True)))

        phi(0.0)
        size = float(np.sqrt(np.mean(x * x))) if x.size else 1.0
        scale = (size or 1.0) / max(1.0, float(np.linalg.norm(direction)))
        return differences.slope(phi, scale, first=first, eps=self.precision)

    def _agrees(self, i: int) -> bool:
        """Whether differences along a random direction confirm the engine for input i."""
        assert self.exact is not None
        if not self.probe.floats[i]:
            return True
        direction = np.asarray(self.rng.normal(size=self.probe.values[i].shape))
        slope = self.along(i, direction, first=differences.FIRST_STEP)
        terms = self.exact[i] * direction
        slack = 1e-9 * float(np.abs(terms).sum())
        return not slope.known or slope.distance(float(terms.sum())) <= slack

    def entry(self, i: int, index: tuple[int, ...], *, first: float) -> differences.Slope:
        """The derivative with respect to one entry, by differences."""
        direction = np.zeros(self.probe.values[i].shape)
        direction[index] = 1.0
        return self.along(i, direction, first=first)

    def _estimated_spread(self, i: int, claim: np.ndarray) -> np.ndarray:
        """How far each entry moves when all data moves, per unit of relative change, from backward
        itself; no more than 1000 times the gradient, so that a restless one cannot excuse itself.
        """
        calm = self.function.gradients(self.probe.cast(self.function.wide), self.dys)[i]
        spread = np.full(claim.shape, 0.1 * float(np.max(np.abs(claim), initial=0.0)))
        for _ in range(ROUNDINGS):
            nudged = {
                k: v * (1 + NUDGE * self.rng.normal(size=v.shape))
                for k, v in enumerate(self.probe.values)
                if self.probe.floats[k]
            }
            dys = [d * (1 + NUDGE * self.rng.normal(size=d.shape)) for d in self.dys]
            arguments = self.probe.moved(nudged, "").cast(self.function.wide)
            moved = self.function.gradients(arguments, dys)[i]
            if calm is not None and moved is not None:
                change = np.abs(moved - calm) / NUDGE
                spread = np.maximum(spread, np.where(np.isfinite(change), change, 0.0))
        return np.asarray(np.minimum(spread, 1000 * np.max(np.abs(claim), initial=0.0)))

    def judge(self, i: int, claim: np.ndarray, eps: float, dtype: str) -> Trial:
        """Hold one claimed gradient against the reference."""
        x = self.probe.values[i]
        trial = Trial(dtype=dtype, claim=claim.astype(np.float64), x=x)
        if claim.shape != x.shape:
            trial.expected = self.exact[i] if self.exact is not None else None
            trial.wrong = True
            return trial
        if self.exact is not None:
            trial.graph = self.graph
            self._against_engine(i, trial, eps)
        else:
            self._against_differences(i, trial, self._estimated_spread(i, claim), eps)
        return trial

    def _against_engine(self, i: int, trial: Trial, eps: float) -> None:
        assert self.exact is not None
        expected = self.exact[i]
        trial.expected = expected
        bound = tolerance(self.spread[i] + np.abs(expected), eps, None, expected)
        off = ~(np.abs(trial.claim - expected) <= bound)
        for index in map(tuple, np.argwhere(off)[:200]):
            slope = self.entry(i, index, first=differences.FIRST_STEP)
            if not slope.known or slope.distance(float(trial.claim[index])) <= bound[index]:
                off[index] = False
                trial.kinks += 1
                trial.excused.add(index)
        trial.settle(off, np.abs(trial.claim - expected), bound)

    def _against_differences(self, i: int, trial: Trial, spread: np.ndarray, eps: float) -> None:
        claim, shape = trial.claim, trial.claim.shape
        everywhere = list(np.ndindex(*shape))
        chosen = everywhere
        if len(everywhere) > self.entries:
            picks = self.rng.choice(len(everywhere), size=self.entries, replace=False)
            chosen = [everywhere[k] for k in picks]
        expected = np.full(shape, np.nan)
        bound, distance = np.zeros(shape), np.zeros(shape)
        off = np.zeros(shape, dtype=bool)
        for index in chosen:
            slope = self.entry(i, index, first=differences.FIRST_STEP)
            slack = MARGIN * eps * (abs(slope.value) + spread[index])
            if slope.known and not slope.distance(float(claim[index])) <= slack:
                slope = self.entry(i, index, first=0.3 * differences.FIRST_STEP)  # cry wolf twice
            if not slope.known or not slope.smooth:
                trial.kinks += 1
                trial.excused.add(index)
            if not slope.known:
                continue
            expected[index], bound[index] = slope.value, slack + slope.error
            distance[index] = slope.distance(float(claim[index]))
            off[index] = not distance[index] <= slack
        trial.expected = expected
        trial.settle(off, distance, bound)
        if len(chosen) < len(everywhere) and not off.any():
            direction = np.asarray(self.rng.normal(size=shape))
            slope = self.along(i, direction, first=0.1 * differences.FIRST_STEP)
            allowed = MARGIN * eps * float(np.sum(np.abs(direction) * (np.abs(claim) + spread)))
            if slope.known and slope.smooth:
                claimed = float(np.sum(claim * direction))
                trial.wrong = trial.elsewhere = not slope.distance(claimed) <= allowed


def record(function: Function, probe: Probe, dys: list[np.ndarray]) -> Graph | None:
    """sum(dy * forward) recorded by this engine, and its leaves (None for a constant input); None
    when `forward` does not run on Tensors."""
    leaves = [
        Tensor(v, name=name) if d else None
        for v, d, name in zip(probe.values, probe.floats, function.names, strict=True)
    ]
    arguments = [
        t if x is None else x for x, t in zip(leaves, copy.deepcopy(probe.templates), strict=True)
    ]
    try:
        result = function.forward(*arguments)
        ys = list(result)[: function.outputs] if isinstance(result, (tuple, list)) else [result]
        if len(ys) != len(dys) or any(y.shape != d.shape for y, d in zip(ys, dys, strict=True)):
            return None
        E = sum((y * d).sum() for y, d in zip(ys, dys, strict=True))
    except Exception:  # whatever forward does that a Tensor does not
        return None
    return (E, leaves) if isinstance(E, Tensor) and E.op is not None else None
