"""`check`: hold hand-derived gradients against the chain rule; every claim gets its `Finding`."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ..graph.node import Node
from .claims import Allowance, Asked, Claim, asked, read
from .code.checking import check_lines
from .code.coded import Coded, Coder
from .code.derivation import Known
from .code.source import Source
from .code.truth import Truth
from .derived import as_text, explained
from .diagnosis import Diagnosis
from .findings import Finding, Report
from .mend import Mend, Mender, Trials, told
from .rounding import DRAWS, Rounding


def check(
    E: Node | Callable[..., Node],
    claims: Mapping[Node | str, Any] | Callable[..., Any] | Source,
    *,
    cotangent: Any = None,
    rtol: float | None = None,
    atol: float | None = None,
    digits: int | None = None,
    names: Mapping[str, Any] | None = None,
    pairs: Mapping[str, Node | str | None] | None = None,
    hints: int | None = None,
    explain: bool = False,
) -> Report:
    """Hold hand-derived gradients of E against the chain rule, and say which step is wrong.

    `claims` maps nodes, or their names, to what was derived for dE/d(node): an array, a number, a
    nested list, a lambda or a formula as text. Or it is a function whose lines are a derivation, or
    that only calls one, or a method: its parameters are names of the graph or of `names`, each line
    that assigns a gradient (`dW`, `grad_W`, `dE_dW`, `self.dW`, `W.grad`, a name in `pairs`, or
    whatever equals one) is judged, and a wrong one mended where a short edit makes it right on
    redrawn data too; objects whose attributes it sets are left as they are. A step may be a
    multiple of the gradient (dz = p - y) where what is computed from it takes the factor up (dW =
    X.T @ dz / m). E may be the function that computes the loss from nodes and arrays of the
    caller's, by their names: then it computes the loss again where mends are tried at other sizes.
    What is added to a leaf or taken from it is its gradient, times a rate, where no line gives
    that. The source of a file or a cell that has run, and left `names`, is a derivation too.

    A non-scalar E needs `cotangent`, the gradient of the loss with respect to it; without one the
    claims are Jacobians, of shape E.shape + node.shape. The tolerance comes from the
    coarsest dtype and the computation's own conditioning, as measured; where rounding alone may do
    as much as a mistake, the verdict is "unclear", never "right". Of a symmetric matrix, one
    triangle of which is read (cholesky, eigh), the gradient may lie there or be shared by both.
    `rtol` (of an entry), `atol` and `digits` (how many decimals, or significant digits, numbers
    were typed with) widen it. `names` holds the variables to take names from, in place of the
    caller's. No node's `.grad` is touched.

    With `explain` what is right says why: dE/dv = dE/ds ⊙ s ⊙ (1 − s). With `hints` the report
    gives help with the first wrong line and no more: 1 where it is, 2 the kind of mistake, 3 the
    step of the graph and its rule, 4 the line as it should read.

    Raises `ValueError` for a claim that names no node of the graph or a constant one, is ragged,
    not finite or no formula, and for a function without a line that can be judged; `TypeError` for
    a claim that is not numeric.
    """
    fresh = contextvars.Context()  # recording on and debugging off, whatever the caller switched

    def reported() -> Report:
        with np.errstate(all="ignore"):
            about = asked(E, cotangent, names)
            report = _judged(about, claims, Allowance(rtol, atol, digits), pairs)
            return explained(report, about.order[0], about.tape) if explain else report

    report = fresh.run(reported)
    if hints is None:
        return report
    report.hint(hints)  # which refuses a level that is none
    return replace(report, hints=hints)


def _judged(about: Asked, claims: Any, allowance: Allowance, pairs: Any) -> Report:
    notes: tuple[str, ...] = ()
    if isinstance(claims, (FunctionType, MethodType, Source)):
        derived = check_lines(about, claims, allowance, pairs)
        if isinstance(derived, Report):
            return derived
        claims, notes = derived.claims, derived.notes
    if not isinstance(claims, Mapping):
        told = f"check: claims is a {type(claims).__name__}; pass a function that derives them"
        raise TypeError(f"{told}, or a dict of nodes or names to gradients, as in {{W: dW}}")
    return _report_of(about, claims, allowance, notes)


def _report_of(about: Asked, claims: Mapping[Any, Any], allowance: Allowance, notes: Any) -> Report:
    tape, E = about.tape, about.order[0]
    known = Known(tape, about.variables)
    coder = Coder(known, E.shape if about.seed is not None else ())
    found = read(about, claims, coder)
    rounding = Rounding(tape, [claim.node for claim in found], draws=1)
    if not _settled(found, rounding, allowance):
        rounding.draw(DRAWS - 1)
        _settled(found, rounding, allowance)
    truth = Truth(tape, tape.twin, about.seed is not None)
    seen = (c for c in found if c.right and not c.blur.zero)
    right = [coder.found[c.user] for c in seen if c.user in coder.found]
    diagnosis = Diagnosis(tape, found)
    make = partial(Trials, truth=truth, others=right, computed=about.computed)
    diagnosis.redraw = cache(partial(_redrawn, found, coder, make))
    for claim in sorted(found, key=lambda c: tape.position[c.node]):
        diagnosis.judge(claim)
    findings = tuple(_told(c, diagnosis, coder.found.get(c.user), make) for c in found)
    failed = [coded for coded in coder.found.values() if coded.raised is not None]
    findings += tuple(_failed(coded, make) for coded in failed)
    formula = None if E.shape else lambda x: as_text(E, x, tape)
    return Report(findings, notes, formula=formula, rule=tape.uses)


def _settled(claims: Sequence[Claim], rounding: Rounding, allowance: Allowance) -> bool:
    """Judge the claims; whether what was drawn of rounding is enough for all of them."""
    for claim in claims:
        blur = rounding.blur(claim.node, claim.eps)
        claim.judge(rounding.tape.g[claim.node], blur, allowance)
    return all(claim.settled for claim in claims)


def _failed(coded: Coded, make: Callable[..., Trials]) -> Finding:
    """What is to be said of a claim that raised an error, mended where a short edit does."""
    trace = coded.raised
    assert trace is not None
    assert trace.failed is not None
    mend = Mender(make(coded.trace, trace)).mend_raised(coded, trace.failed, coded.node, {})
    wrong = Finding(
        name=coded.name, verdict="wrong", kind="other", shape=coded.node.shape, node=coded.node
    )
    return replace(told(wrong, mend), explanation=trace.raised, marked=_marked(coded, mend))


def _told(
    claim: Claim, diagnosis: Diagnosis, coded: Coded | None, make: Callable[..., Trials]
) -> Finding:
    """What is to be said of a claim and of its code, mended where it is wrong."""
    finding = diagnosis.found[claim]
    if coded is None or finding.verdict not in ("right", "wrong"):
        return diagnosis.explained(claim)
    if finding.verdict == "wrong":
        mend = Mender(make(coded.trace, coded.trace(None, None))).mend(coded)
        if mend is None or mend.kind == "other":  # then the numbers say what kind of mistake it is
            finding = diagnosis.explained(claim)
        return replace(told(finding, mend), marked=_marked(coded, mend))
    if claim.blur.zero:
        return replace(finding, verdict="unseen", explanation=coded.note)
    return replace(finding, explanation="; ".join(filter(None, (finding.explanation, coded.note))))


def _marked(coded: Coded, mend: Mend | None) -> tuple[str, ...]:
    """A formula that was claimed as text, with what is wrong underlined."""
    if mend is None or coded.formula is None:
        return ()
    return coded.formula.marked(e.place for e in mend.edits)


def _redrawn(
    claims: Sequence[Claim], coder: Coder, make: Callable[..., Trials]
) -> list[list[Diagnosis]]:
    """The same claims on other data, where all of them are code."""
    coded = [coder.found[c.user] for c in claims if c.user in coder.found]
    if len(coded) < len(claims):
        return []
    trials = make(coded[0].trace, coded[0].trace(None, None))
    return trials.redrawn(claims, lambda draw: [c.value(draw) for c in coded])
