"""A function that derives gradients by hand, checked line by line."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from ...notation.words import listed
from ..claims import Allowance, Asked
from .derivation import Derivation, Known, Ran
from .fixed import fixed
from .forms import CannotRecord
from .lines import Lines
from .pairs import Pairs
from .plain import owner
from .report import LineReport
from .script import Script
from .source import NoSource, Source
from .steps import may_be_gradient
from .trace import Trace
from .untouched import Untouched

Followed = Derivation | Script
ROUGH = 1e-6  # of the largest entry: float32 in another order of summation


@dataclass(frozen=True)
class Numbers:
    """What a function that cannot be followed claims in the end, and why it cannot."""

    claims: Mapping[Node, Any]
    notes: tuple[str, ...]


def check_lines(
    about: Asked,
    derivation: FunctionType | MethodType | Source,
    allowance: Allowance,
    pairs: Mapping[str, Node | str | None] | None,
) -> LineReport | Numbers:
    """The report about the lines of a function, or of a script that has run."""
    known = Known(about.tape, about.variables)
    found = paired(known, pairs)
    if isinstance(derivation, Source):
        return report_on(about, Script(derivation, known, found), found, allowance)
    return report_on(about, Derivation(derivation, known), found, allowance)


def paired(known: Known, given: Mapping[str, Node | str | None] | None = None) -> Pairs:
    """What names stand for, by convention or as given."""
    tape = known.tape
    root = next(user for user, twin in tape.twin.items() if twin is tape.root)
    found = Pairs(known.nodes, tape.user_names.get(id(root), "E"), known.others)
    for name, node in (given or {}).items():
        of = node if isinstance(node, Node) and node in tape.twin else found.named(node)
        if of is None and not (node is None or node == ""):
            every = ", ".join(sorted(set(found.names.values()))) or "none"
            raise ValueError(f"check: pairs[{name!r}] is {node!r}; the graph's names are {every}")
        found.given[name] = of
    return found


def report_on(
    about: Asked, derivation: Followed, pairs: Pairs, allowance: Allowance
) -> LineReport | Numbers:
    """The report about a derivation's lines; where they cannot be followed, its numbers."""
    kept = Untouched(about.order, about.tape.user_names)
    ran = derivation.python()
    changed = kept.put_back()
    told = f"{derivation.name} writes into {listed(changed)} of the graph; that was undone"
    notes = [told] if changed else []
    try:
        trace = derivation.trace()
        if not _agree(trace, ran):
            if _alike(ran, derivation.python()):
                raise CannotRecord("something that changes in place")
            notes.append("it gives other numbers each time; judged as it ran once")
    except (NoSource, CannotRecord) as reason:
        return _by_numbers(derivation.name, pairs, ran, reason, notes)
    finally:
        kept.put_back()
    notes += [*_in_place(derivation, trace), *_not_run(trace)]
    lines = Lines(about, derivation.trace, trace, pairs, allowance)
    with uncollected():
        findings = lines.findings()
    if not findings:
        raise ValueError(_nothing(derivation.name, pairs, lines.unjudged))
    return LineReport(
        tuple(findings),
        notes=tuple(notes),
        rule=about.tape.uses,
        unjudged=lines.unjudged,
        mending=lambda: fixed(trace, lines.changes),
        called=trace.called,
    )


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's collector, which would walk all records again and again: a quarter of the
    time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _agree(trace: Trace, ran: Ran) -> bool:
    """Whether the recorded run gave what Python gives."""
    if trace.error is not None or ran.error is not None:
        return type(trace.error) is type(ran.error)
    inside = {} if trace.around else trace.names  # another function's
    recorded = {name: record.value for name, record in inside.items()}
    result = None if trace.result is None else trace.result.value
    fields = {of: record.value for of, record in trace.fields.items()}
    return _alike(Ran(recorded, result, None, fields), ran)


def _alike(a: Ran, b: Ran) -> bool:
    pairs = [(a.names[name], x) for name, x in b.names.items() if name in a.names]
    pairs += [(a.fields[of], x) for of, x in b.fields.items() if of in a.fields]
    return _equal(a.result, b.result) and all(_equal(*pair) for pair in pairs)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        a, b = ({_key(k): x for k, x in d.items()} for d in (a, b))
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    a, b = raw(a), raw(b)
    if not (may_be_gradient(a) and may_be_gradient(b)):
        return True
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    size = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    return a.shape == b.shape and np.allclose(a, b, ROUGH, ROUGH * size, equal_nan=True)


def _key(key: Any) -> Any:
    """The same for what is held for the same node."""
    of = owner(key)
    return key if of is None else id(of)


def _by_numbers(
    who: str, pairs: Pairs, ran: Ran, reason: Exception, notes: Sequence[str]
) -> Numbers:
    """What the names stand for in the end, and the entries of what was returned."""
    if isinstance(reason, NoSource):
        told = f"the source of {who} cannot be found"
    else:
        told = f"the lines of {who} cannot be followed ({reason})"
    if ran.error is not None:
        error = f"{type(ran.error).__name__}: {ran.error}"
        raise ValueError(f"check: {who} raises {error}") from ran.error
    found = {
        pairs.node(name, value): value
        for name, value in ran.names.items()
        if may_be_gradient(value)
    }
    if isinstance(ran.result, dict):
        found |= {pairs.named(key): value for key, value in ran.result.items()}
    claims = {node: raw(value) for node, value in found.items() if node is not None}
    if not claims:
        way_out = "pass the numbers, as in {W: dW}, or return them as a dict"
        raise ValueError(f"check: {told}, and nothing that it returns has a node's name; {way_out}")
    return Numbers(claims, (*notes, f"{told}: only what it gives in the end was judged"))


def _in_place(derivation: Followed, trace: Trace) -> Iterator[str]:
    """What is to be said of parameters and nodes that are not what they were."""
    for a in trace.assigned:
        if a.writes:
            yield _changes(trace, a.statement, a.name.removesuffix(".data"))
    for name in derivation.parameters:
        now, first = trace.names.get(name), trace.arguments[name]
        if now is None or now is first or not isinstance(first.value, np.ndarray):
            continue
        where = next((a for a in trace.assigned if a.name == name and a.outermost), None)
        if where is not None and getattr(where.statement, "targets", None) is None:
            yield _changes(trace, where.statement, name)


def _changes(trace: Trace, line: ast.AST, name: str) -> str:
    source = trace.source.of(line).splitlines()[0]
    return f"{source!r} changes {name} in place; the lines after it use what it is then"


def _not_run(trace: Trace) -> Iterator[str]:
    """What is to be said of lines that an error leaves out."""
    at: Any = None if trace.failed is None else trace.failed.statement
    every = (n for n in ast.walk(trace.definition) if isinstance(n, ast.stmt))
    if at is not None and any(n.lineno > at.end_lineno for n in every):
        yield f"what comes after line {trace.number(at)} did not run and was not judged"


def _nothing(who: str, pairs: Pairs, unjudged: tuple[tuple[int, str, str], ...]) -> str:
    """The error where no line is judged."""
    names = list(dict.fromkeys(name for _, name, _ in unjudged))
    told = f"check: no line of {who} gives a gradient"
    if not names:
        return f"{told}: it assigns nothing like dW, grad_W or dE_dW for a node W"
    nodes = ", ".join(sorted(set(pairs.names.values()))) or "none"
    close = [f"{name}: {hint}" for _, name, hint in unjudged if hint]
    hints = f"; {'; '.join(close)}" if close else ""
    stand = f"{', '.join(names)} stand{'s' * (len(names) == 1)}"
    return f"{told}: {stand} for none of the nodes {nodes}{hints}; say pairs="
