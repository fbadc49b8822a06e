"""`check_function`: the referee for a backward pass that was written by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..check.claims import Allowance
from ..check.findings import Finding, Report
from ..check.rounding import EPS
from .arrays import dtype_of, in_double, is_differentiable
from .callables import understood
from .grain import grain
from .hints import explain
from .lines import lines_of, with_line
from .oracle import WEAK, Clock, Court, Oracle, Trial
from .probes import Probe, given_probes, part_of, variations

WATCHED: ContextVar[list[Report] | None] = ContextVar("reports of a test session", default=None)


def check_function(
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None = None,
    inputs: Any = (),
    *,
    outputs: int = 1,
    dtypes: Sequence[str] | None = None,
    redraw: bool = True,
    entries: int = 40,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    seconds: float = 10.0,
) -> Report:
    """Referee a hand-written backward pass; raise `WrongGradient` with the report if it is wrong,
    or if nothing could be told of it.

    `forward(*inputs)` returns y and `backward(dy, *inputs)` the gradients, one per input in order
    (or a dict by name), None for a constant. Or, as in cs231n, `forward` returns (y, cache) and
    `backward(dy, cache)` takes it up. With several `outputs` they come first, y1, y2, and
    backward(dy1, dy2, ...) takes one upstream for each. Arrays are of NumPy, PyTorch or any library
    that speaks DLPack and the Array API. With `backward=None` it is the library's own: of a
    `torch.autograd.Function` class, of a PyTorch module (its parameters too), of a `jax.custom_vjp`
    function. Integer arrays, flags and other objects are passed as they are.

    `inputs` is one set of inputs (a tuple, or a dict by name; an input may be a list or dict of
    arrays), a list of sets, or a function of a NumPy generator, and if it takes two arguments of a
    size, that makes one. Sets that were given as data are also tried redrawn, with mixed signs, and
    with their first row alone, large ones cut small (`redraw=False`: only as given); to stay inside
    a domain, such as positive numbers, pass a function.

    The upstream is random and not uniform. The reference is computed in float64: by this engine
    when `forward` runs on Tensors and differences agree with it, by PyTorch's or JAX's own gradient
    of what forward does where they do with that, else by extrapolated differences of `forward` with
    an error estimate, in at most `entries` entries of an input and one random direction (of large
    inputs that first, then entries for a while). Bounds come from each of `dtypes` (float64,
    float32 and the inputs' own) and the conditioning; `rtol` and `atol` widen them. Kinks are found
    and left out. After `seconds` only what the verdict needs is computed.

    Of a backward that is wrong the report has the `lines`, as that of `check` on a derivation: what
    is wrong first, and how it should read, where a short edit makes all gradients right on fresh
    inputs too. That goes for static methods of a `torch.autograd.Function` and a custom_vjp's bwd.
    """
    __tracebackhide__ = True
    written = understood(forward, backward)
    rng = np.random.default_rng(seed)
    function, given = given_probes(written, inputs, outputs, np.random.default_rng(seed))
    referee = _Referee(Court(function, Allowance(rtol, atol), entries, rng, Clock(seconds)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        referee.choose(dtypes, given[0])
        for one in given:
            referee.judge(one)
        for one in given if not callable(inputs) else ():
            referee.vary(one, counts=redraw)
        report = referee.report()
    if (watched := WATCHED.get()) is not None:
        watched.append(report)
    report.raise_if_wrong()
    return report


@dataclass
class _Referee:
    """Judges probe after probe and gathers the trials."""

    court: Court
    dtypes: list[str] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    constants: set[int] = field(default_factory=set)
    references: set[str] = field(default_factory=set)
    titles: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def choose(self, dtypes: Sequence[str] | None, given: Probe) -> None:
        """Which dtypes are tried, and in which the reference is computed: those that were asked
        for; by default those that forward takes, but all that the inputs have."""
        own = [dtype_of(x) or "float64" for x in given.templates if is_differentiable(x)]
        for dtype in dict.fromkeys(dtypes or ("float64", "float32", *own)):
            try:
                self.court.function.value(given.cast(dtype))
            except Exception as error:
                if dtypes or dtype in own:
                    raise
                told = f"{type(error).__name__}: {error}".split("\n")[0]
                self.notes[f"not tried in {dtype}: {told}"] = None
            else:
                self.dtypes.append(dtype)
        try:
            with in_double(given.templates):
                self.court.function.value(given.cast("float64"))
        except Exception:
            self.court.function.wide = min(self.dtypes, key=EPS.__getitem__)
            return
        backward = "float64" in self.dtypes
        found = grain(self.court.function, given, backward=backward, rng=np.random.default_rng(0))
        if found:
            told = f"forward or backward is precise to {found:.0e} only, in float64 too"
            self.notes[f"{told}: computed in a narrower dtype inside"] = None
            self.court.function.grain = found

    def judge(self, probe: Probe, counts: bool = True) -> bool:
        """Compare backward with the reference on one set of inputs, in every dtype; whether forward
        is made for such inputs."""
        self.court.clock.tell(f"forward and backward on {probe.title}")
        try:
            ys = self.court.outputs(probe)
        except Exception:
            if probe.own:
                raise
            return False
        if not all(np.isfinite(y).all() for y in ys):
            if probe.own:
                raise ValueError(f"check_function: forward is not finite on {probe.title}")
            return False
        if not all(map(np.array_equal, ys, self.court.outputs(probe))):
            told = "check_function: forward gives another result on the same inputs (dropout?)"
            raise ValueError(f"{told}; fix the seed inside it")
        # A few bits, which every dtype holds, and never 0.
        dys = [(np.floor(16 * self.court.rng.normal(size=y.shape)) + 0.5) / 16 for y in ys]
        found: list[Trial] = []
        for alike, dtypes in self._rounded(probe):
            oracle = Oracle(self.court, alike, dys)
            for dtype in dtypes:
                found += self._compare(oracle, dtype, counts)
            self.references |= {oracle.kind} if counts else set()
        if counts:
            self.titles[probe.title] = None
            self._notice_writing(probe, dys)
        self.trials += found
        return True

    def _rounded(self, probe: Probe) -> Iterator[tuple[Probe, list[str]]]:
        """The inputs as the dtypes have them: the same for all if the coarsest holds them and
        forward is finite there, so that one reference serves."""
        known = {dtype: probe.rounded(dtype) for dtype in self.dtypes}
        held = {dtype: numbers for dtype, numbers in known.items() if numbers is not None}
        for dtype in known.keys() - held.keys():
            self.notes[f"{probe.title}: not tried in {dtype}, which cannot hold them"] = None
        coarsest = max(self.dtypes, key=EPS.__getitem__)
        shared = held.get(coarsest)
        if shared is not None and all(np.isfinite(y).all() for y in self.court.outputs(shared)):
            yield shared, list(held)
        else:
            yield from ((numbers, [dtype]) for dtype, numbers in held.items())

    def _compare(self, oracle: Oracle, dtype: str, counts: bool) -> Iterator[Trial]:
        claims, eps = self.court.function.gradients(oracle.probe.cast(dtype), oracle.dys)
        eps = max(eps, self.court.function.grain)
        for i in oracle.probe.arrays:
            claim = claims[i]
            if claim is None:
                self.constants.add(i)
            else:
                trial = oracle.judge(i, claim, eps, dtype)
                trial.counts = counts
                yield trial

    def vary(self, given: Probe, counts: bool) -> None:
        """Judge other inputs of the same kind. Of large ones a small part, redrawn, says as much;
        if only those given are to be tried, it serves to explain what is wrong."""
        base, large = given, given.large
        if large and (counts or any(t.wrong for t in self.trials)):
            part = part_of(given)
            try:
                base = part if self.judge(part, counts) else given
            except Exception:  # backward is not made for inputs of that shape
                base = given
        for other in variations(base, self.constants, self.court.rng) if counts else ():
            if base is given and large and self.court.clock.past():
                self.notes[f"{other.title}: not tried, for want of time (seconds=)"] = None
            else:
                self.judge(other)

    def _notice_writing(self, probe: Probe, dys: list[np.ndarray]) -> None:
        """Note when forward or backward write into what they were given."""
        arguments = probe.cast(min(self.dtypes, key=EPS.__getitem__))
        self.court.function.gradients(arguments, dys)
        for i, v in probe.arrays.items():
            x = arguments[i]
            if isinstance(x, np.ndarray) and not np.array_equal(x, v.astype(x.dtype)):
                told = f"{self.court.function.names[i]} is written into: the caller's array changes"
                self.notes[told] = None

    def report(self) -> Report:
        """The findings over all trials."""
        if not self.trials:
            raise ValueError("check_function: backward gives None for every input")
        names = dict.fromkeys(t.name for t in self.trials if t.counts)
        findings = [self._finding([t for t in self.trials if t.name == name]) for name in names]
        reference = " and ".join(sorted(self.references))
        lines = None
        if any(f.verdict == "wrong" for f in findings):
            lines, why = lines_of(self.court, self.trials, {f.name: f for f in findings})
            self.notes |= {why: None} if why else {}
            findings = [f if lines is None else with_line(f, lines) for f in findings]
        tried = ", ".join(self.titles)
        return Report(tuple(findings), tuple(self.notes), tried, reference, lines=lines)

    def _finding(self, trials: list[Trial]) -> Finding:
        counted = [t for t in trials if t.counts]
        wrong = any(t.wrong for t in counted)
        if not wrong and not any(t.x.size for t in counted):
            raise ValueError(f"check_function: {counted[0].name} has no entry that could be judged")
        caught: dict[str, float] = {}
        for t in counted:
            caught[t.dtype] = min(caught.get(t.dtype, np.inf), t.caught)
        strong = {dtype: e for dtype, e in caught.items() if e <= WEAK}
        doubtful = sum(
            len(t.unsettled) for t in counted if t.oracle.exact is not None or not t.judged
        )
        kind, told = explain(trials) if wrong else ("", "")
        if not wrong and doubtful:
            told = f"{doubtful} entries may be off, where differences of forward do not settle"
        elif not wrong and strong and len(strong) < len(caught):
            told = f"too weak to tell in {' and '.join(d for d in caught if d not in strong)}"
        return Finding(
            name=counted[0].name,
            verdict="wrong" if wrong else "right" if strong and not doubtful else "unclear",
            kind=kind,
            explanation=told,
            error=max(t.error for t in counted),
            caught=strong or caught,
            entries=sum(t.judged for t in counted),
            kinks=sum(len(t.kinked) for t in counted),
        )
