"""`check_function`: the referee for a backward pass that was written by hand."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..check.findings import Finding, Report
from .hints import Trial, explain
from .oracle import Oracle
from .probes import Function, Probe, given_probes, is_differentiable, variations


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
) -> Report:
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
            told = "check_function: forward gives another result on the same inputs (dropout?)"
            raise ValueError(f"{told}; fix the seed inside it")
        upstream = [np.asarray(self.rng.normal(size=y.shape)) for y in ys]
        self.titles.append(probe.title)
        self._notice_writing(probe, upstream)
        for dtype in self.dtypes:
            floats = (i for i, d in enumerate(probe.floats) if d)
            coarse = {i: probe.values[i].astype(dtype).astype(np.float64) for i in floats}
            rounded = probe.moved(coarse, probe.title)
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
        oracle = Oracle(self.function, probe, dys, self.entries, self.rng)
        claims = self.function.gradients(probe.cast(dtype), dys)
        eps = max(
            float(np.finfo(c.dtype).eps) if c.dtype.kind == "f" else 0.0
            for c in [np.empty(0, dtype), *(c for c in claims if c is not None)]
        )
        self.references.add(oracle.kind)
        for i, claim in enumerate(claims):
            if claim is None and probe.floats[i]:
                self.constants.add(i)
            elif claim is not None and probe.floats[i]:
                self.trials.append(oracle.judge(i, claim, eps, dtype))

    def _notice_writing(self, probe: Probe, dys: list[np.ndarray]) -> None:
        """Note when forward or backward write into what they were given."""
        arguments = probe.cast(self.function.wide)
        self.function.gradients(arguments, dys)
        for name, x, v in zip(self.function.names, arguments, probe.values, strict=True):
            if not isinstance(x, np.ndarray) or not is_differentiable(x):
                continue
            if not np.array_equal(x, v.astype(x.dtype)):
                self.notes[f"{name} is written into: the caller's array changes"] = None

    def report(self) -> Report:
        """The findings over all trials."""
        if not self.trials:
            raise ValueError("check_function: backward gives None for every input")
        findings = []
        for name in dict.fromkeys(t.name for t in self.trials):
            mine = [t for t in self.trials if t.name == name]
            wrong = any(t.wrong for t in mine)
            if not wrong and not any(t.judged or t.kinked for t in mine):
                raise ValueError(f"check_function: {name} has no entry that could be judged")
            kind, explanation = explain(mine, self.function) if wrong else ("", "")
            caught: dict[str, float] = {}
            for t in mine:
                caught[t.dtype] = max(caught.get(t.dtype, 0.0), t.caught)
            finding = Finding(
                name=name,
                verdict="wrong" if wrong else "right",
                kind=kind,
                explanation=explanation,
                error=max(t.error for t in mine),
                caught=caught,
                entries=sum(t.judged for t in mine),
                kinks=sum(len(t.kinked) for t in mine),
            )
            findings.append(finding)
        return Report(
            tuple(findings),
            tuple(self.notes),
            ", ".join(dict.fromkeys(self.titles)),
            " and ".join(sorted(self.references)),
        )
