"""The lines of a backward that is wrong: judged and mended as those of a derivation are.

Where this engine has recorded forward, they are held against all that it knows; else what backward
returns, and what it is made of, against the gradients of the inputs, which differences give.
"""

from __future__ import annotations

import contextlib
import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ..check.claims import Allowance, Asked, asked, in_shape
from ..check.code.derivation import Data, Edits, Known
from ..check.code.expressions import same
from ..check.code.fixed import fixed
from ..check.code.forms import CannotRecord
from ..check.code.interpreter import run
from ..check.code.library import LIBRARY, Library, plain
from ..check.code.lines import Lines
from ..check.code.measure import Elsewhere
from ..check.code.pairs import Pairs
from ..check.code.report import LineReport
from ..check.code.source import NoSource
from ..check.code.trace import Trace
from ..check.findings import Finding
from ..check.mend.known import agrees
from ..check.mend.redraw import redraw
from ..graph.node import Node
from ..graph.trees import rebuild
from .arrays import in_double, to_numpy
from .callables import Call, Function
from .oracle import LARGEST, WIDE, Clock, Court, Graph, Oracle, Trial, standing_for
from .probes import Probe, variations

NEAR = 1e-6  # how nearly a value is such a gradient, relative to the largest entry
FRESH, TRIES = 3, 6  # other inputs on which a mend is confirmed, and how many are tried
SAMPLE = 4  # entries, beside a direction, in which what was mended is held against differences
SHARE = 0.5  # of the time for finding the cause that the lines may take besides


def lines_of(
    court: Court, trials: Sequence[Trial], told: Mapping[str, Finding]
) -> tuple[LineReport | None, str]:
    """What is to be said of the lines of backward, given what was found out about the inputs: None
    where they cannot be followed, and why; or where it is in none of them that it is wrong."""
    shown = _telling([t for t in trials if t.wrong])
    try:
        with _at_work(shown.probe):
            clock = Clock(SHARE * court.clock.seconds)
            function = replace(court.function, wide=WIDE)
            own = replace(court, function=function, largest={}, clock=clock)
            return _lines_on(own, shown.probe, shown.oracle.dys, told), ""
    except NoSource:
        return None, ""
    except Exception as error:  # the verdict stands, whatever becomes of its explanation
        reason = "" if isinstance(error, CannotRecord) else f"{type(error).__name__}: "
        return None, f"the lines of backward were not followed: {reason}{error}"


def with_line(finding: Finding, lines: LineReport) -> Finding:
    """What was found about an input, with the line that was mended and makes its gradient right."""
    own = [f for f in lines if f.node is not None and f.node.name == finding.name][-1:]
    felt = set(own or (lines.wrong if len(lines.wrong) == 1 else ()))  # a line may return several
    while more := {f for f in lines if any(f.name in g.inherited for g in felt)} - felt:
        felt |= more
    line = next((f for f in lines if f.mended is not None and f in felt), None)
    if finding.verdict != "wrong" or line is None:
        return finding
    return replace(
        finding, mended=line.mended, by=line.by, mended_at=line.mended_at or f"line {line.line}"
    )


def _telling(wrong: Sequence[Trial]) -> Trial:
    """The trial on whose inputs most is wrong, the user's own first where they are not large and
    tell entries apart."""
    many = {id(t.probe): sum(u.probe is t.probe for u in wrong) for t in wrong}

    def told(t: Trial) -> tuple[bool, int, int]:
        alike = sum(v.size > 1 and np.ptp(v) == 0 for v in t.probe.arrays.values())
        return _size(t.probe) > LARGEST, alike, -many[id(t.probe)]

    return min(wrong, key=told)


def _size(probe: Probe) -> int:
    return sum(v.size for v in probe.arrays.values())


@contextlib.contextmanager
def _at_work(probe: Probe) -> Iterator[None]:
    """What is run on NumPy's arrays runs on those of the inputs' library, in double precision."""
    template = next(probe.templates[i] for i in probe.arrays)
    kind = type(template).__module__.partition(".")[0]
    with contextlib.ExitStack() as stack:
        stack.enter_context(in_double([template]))
        found = None
        if kind == "torch":
            import torch

            found = Library(torch, lambda a: torch.as_tensor(_writeable(a)), _plain)
        elif hasattr(template, "__array_namespace__") and kind != "numpy":
            xp = template.__array_namespace__()
            found = Library(xp, lambda a: xp.asarray(np.array(a)), _plain)
        if found is not None:
            token = LIBRARY.set(found)
            stack.callback(LIBRARY.reset, token)
        yield


def _writeable(a: Any) -> Any:
    """An array that PyTorch takes as it is: what is written into it is written into this."""
    return a if a.flags.writeable and all(s >= 0 for s in a.strides) else np.array(a)


def _plain(x: Any) -> Any:
    if isinstance(x, np.ndarray) or not hasattr(x, "__dlpack__"):
        return x
    x = x.detach() if hasattr(x, "detach") else x
    return x.numpy() if hasattr(x, "numpy") else to_numpy(x, "a part of backward")


def _lines_on(
    court: Court, probe: Probe, dys: list[np.ndarray], told: Mapping[str, Finding]
) -> LineReport | None:
    try:
        exact = all(y.dtype == WIDE for y in court.outputs(probe))
    except Exception:  # forward takes no double precision
        exact = False
    made = _asked(court, probe, dys, told) if exact and not court.clock.past() else None
    if made is None:
        return None
    about, leaves, elsewhere = made
    backward = Backward(court.function, probe, dys, leaves)
    trace = backward.trace()
    if not backward.agrees(trace):
        return None
    known, own = Known(about.tape, {}).nodes, set(leaves.values())
    inputs = {node: name for node, name in known.items() if node in own}
    returned = backward.returned(trace)

    def judged(names: Mapping[Node, str], *, mends: bool) -> tuple[LineReport, bool, bool]:
        pairs = Pairs(names, "E")
        for leaf in trace.returns:
            if leaf is not None:
                pairs.forget(leaf)
        pairs.given |= returned
        lines = Lines(about, backward.trace, trace, pairs, Allowance(), elsewhere)
        findings = lines.findings(mends=mends)
        mending = partial(fixed, trace, lines.changes)
        wrong = [f for f in findings if f.verdict == "wrong"]
        sound = not lines.mends or _proved(court, backward, mending(), wrong)
        settings: Any = {"rule": about.tape.uses, "mending": mending, "called": trace.called}
        return LineReport(tuple(findings), **settings), sound, all(f.mended for f in wrong)

    # That forward has a name may be an accident: dz is that of what z is computed from. What
    # accuses fewer lines is read first.
    accused = [len(judged(names, mends=False)[0].wrong) for names in (known, inputs)]
    best: LineReport | None = None
    for i in sorted((i for i, n in enumerate(accused) if n), key=accused.__getitem__):
        report, sound, mended = judged((known, inputs)[i], mends=True)
        if sound and mended:
            return report
        if best is None and accused[1]:  # else only forward's names tell against it
            best = report if sound else judged((known, inputs)[i], mends=False)[0]
        if court.clock.past() or known == inputs:
            break
    return best


@dataclass(eq=False)
class Backward:
    """The user's own backward, to be run with a record of every part."""

    function: Function
    probe: Probe
    dys: list[np.ndarray]
    leaves: Mapping[int, Node]

    def trace(self, data: Data | None = None, edits: Edits | None = None) -> Trace:
        """Run it, on other data or with edits where given."""
        call = _plainly(self._call(data))
        arguments = inspect.signature(call.function).bind(*call.given, **call.named).arguments
        trace = run(call.function, plain(arguments), same, edits)
        result = None if trace.result is None else trace.result.value
        trace.returns = self._places(len(result) if isinstance(result, (tuple, list)) else 1)
        return trace

    def _call(self, data: Data | None = None) -> Call:
        """The call of the user's function; raises `NoSource` where there is none."""
        probe, dys = self.probe, self.dys
        if data is not None:
            there = {i: x for i, x in self.leaves.items() if x in data.twin}
            probe = probe.moved({i: data.twin[x].data for i, x in there.items()})
            dys = [data.constants.get(id(d), d) for d in dys]
        call = self.function.call(probe.cast(WIDE), dys)[2]
        if call is None or not isinstance(_plainly(call).function, FunctionType):
            raise NoSource("backward")
        return call

    def _places(self, count: int) -> tuple[Node | None, ...]:
        """The inputs whose gradients so many returned values are."""
        parts = list(rebuild(self.function.tree, range(len(self.probe.values))).values())
        moving = [p for p in parts if not isinstance(p, int) or p in self.leaves]
        chosen = parts if count == len(parts) else moving if count == len(moving) else []
        return tuple(self.leaves.get(p) if isinstance(p, int) else None for p in chosen)

    def returned(self, trace: Trace) -> dict[str, Node]:
        """The names that are returned, and the inputs whose gradients they are."""
        site: Any = None if trace.result is None else trace.result.site
        places = getattr(site, "elts", [site])
        if len(places) != len(trace.returns):
            return {}
        named = [(e.id, n) for e, n in zip(places, trace.returns, strict=True) if hasattr(e, "id")]
        times = Counter(name for name, _ in named)
        return {name: node for name, node in named if node is not None and times[name] == 1}

    def agrees(self, trace: Trace) -> bool:
        """Whether the recorded run gave what backward gives, or raised where that does."""
        flat = self.probe.cast(WIDE)
        if trace.error is not None or trace.result is None:
            return False
        found = self.function.flat(trace.result.value, flat)
        claims = self.function.gradients(self.probe.cast(WIDE), self.dys)[0]
        return all(
            (a is None) == (b is None)
            and (b is None or (np.shape(a) == b.shape and np.allclose(a, b, NEAR, equal_nan=True)))
            for a, b in zip(found, claims, strict=True)
        )

    def mended(self, text: str) -> Any:
        """The function that a text defines, in the names that the user's sees."""
        call = self._call()
        function, given, named = _plainly(call)
        names = dict(function.__globals__)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            with contextlib.suppress(ValueError):  # it is empty
                names[name] = cell.cell_contents
        exec(text, names)
        around, name = ["", *function.__qualname__.split(".")][-2:]
        owner = names.get(around)  # a method's class
        known = {**names, **vars(owner)} if isinstance(owner, type) else names
        found = known["mended" if name == "<lambda>" else name]
        first = len(given) - len(call.given)  # self, and what a partial function has
        own: Any = getattr(found, "__func__", found)
        return partial(own, *given[:first], **named)


def _plainly(call: Call) -> Call:
    """The call of the function that is behind a method, an object or a partial one."""
    function, given, named = call
    if isinstance(function, partial):
        inner = Call(function.func, (*function.args, *given), {**function.keywords, **named})
        return _plainly(inner)
    if not isinstance(function, (FunctionType, MethodType)):
        function = getattr(function, "__call__", function)  # noqa: B004
    if isinstance(function, MethodType):
        return Call(function.__func__, (function.__self__, *given), named)
    return Call(function, given, named)


def _asked(
    court: Court, probe: Probe, dys: list[np.ndarray], told: Mapping[str, Finding]
) -> tuple[Asked, Mapping[int, Node], Elsewhere | None] | None:
    """The graph that the lines are about, its leaf of each input, and what else is known where it
    only has the gradients of these."""
    oracle, function = Oracle(court, probe, dys), court.function
    if oracle.graph is not None:
        known = oracle.graph
        return asked(known.root, known.seed, known.names), known.leaves, None
    graph = standing_for(oracle, *court.outputs(probe))
    if graph is None:
        return None
    inputs = ((leaf, function.names[i]) for i, leaf in graph.leaves.items())
    found = {leaf: told[name] for leaf, name in inputs if name in told}
    about, fresh = asked(graph.root, None, {}), partial(_fresh, oracle, graph)
    return about, graph.leaves, Elsewhere(_equal, fresh, found)


def _equal(node: Node, value: Any, wanted: Any) -> bool:
    try:
        array = in_shape(np.asarray(value, dtype=float), np.shape(wanted))
    except (ValueError, TypeError):
        return False
    return agrees(array, wanted, tolerance=NEAR)


def _fresh(oracle: Oracle, graph: Graph) -> Iterable[list[Data]]:
    """Other inputs like these, with their gradients."""
    found: list[Data] = []
    for seed in range(TRIES):
        data = redraw(graph.root, np.random.default_rng(seed))
        there = {i: np.asarray(data.twin[x].data) for i, x in graph.leaves.items()}
        moved = Oracle(oracle.court, oracle.probe.moved(there), oracle.dys)
        ys = oracle.court.outputs(moved.probe)
        made = standing_for(moved, *ys) if len(found) < FRESH else None
        if made is not None:
            twin = {graph.leaves[i]: x for i, x in made.leaves.items()}
            found.append(Data(twin | {graph.root: made.root}, {}))
    return [found] if found else []


def _proved(court: Court, backward: Backward, text: str, wrong: Sequence[Finding]) -> bool:
    """Whether the mended function runs and, where all that is wrong was mended, the referee finds
    nothing wrong with it, on fresh inputs either."""
    function = replace(court.function, mended=backward.mended(text))
    court = replace(court, function=function, entries=SAMPLE)
    given = backward.probe
    for one in (given, *islice(variations(given, (), court.rng), 2)):
        try:
            oracle = Oracle(court, one, backward.dys)
            claims, eps = function.gradients(one.cast(WIDE), backward.dys)
        except Exception:
            if one is given:
                return False
            continue  # forward is not made for such inputs
        judged = (oracle.judge(i, g, eps, WIDE) for i in one.arrays if (g := claims[i]) is not None)
        if all(f.mended for f in wrong) and any(t.wrong for t in judged):
            return False
    return True
