"""What `tg.derive` prints, beside what textbooks print.

    python -m benchmarks.derive                    the expressions that one knows by heart
    python -m benchmarks.derive --cookbook         chapter 2 of The Matrix Cookbook
    python -m benchmarks.derive --random N [--seed S]   N programs grown from seeds

Every formula is run as NumPy on leaves and sizes that the derivation never saw, against
`backward()`. Prints each formula, its length as a multiple of the textbook's, the time, and whether
it is right. Exit status 1 if any is wrong.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Sequence

import numpy as np

from .derive_cases import (
    LIMITED,
    Case,
    Draw,
    Grown,
    Verdict,
    agrees,
    cases,
    cookbook,
    derived,
    disagreement,
    expressions,
    grow,
    judge,
    misprints,
    unknown,
)

WIDTH = 100
REDRAWS = ((1, 0), (2, 0), (3, 1), (4, 2))  # of a grown program: (seed, grown)


def table(group: list[Case], *, only: str, numpy: bool) -> bool:
    """Print a line per case; whether none is wrong."""
    for line in misprints(group):
        print(f"in the table itself: {line}")
    verdicts = []
    print(f"{'length':>6} {'ms':>6}  formula")
    for case in group:
        if only not in case.name:
            continue
        verdict = judge(case)
        verdicts.append(verdict)
        print(_row(verdict), flush=True)
        if numpy or verdict.ratio > 1:
            print(f"{'':15}{verdict.numpy or '-'}\n{'':15}{case.textbook}  (the book)")
    short, right = sum(v.as_short for v in verdicts), sum(not v.wrong for v in verdicts)
    seconds = [v.seconds for v in verdicts]
    print(
        f"\n{right} of {len(verdicts)} right, {short} ({short / len(verdicts):.0%}) in the book's "
        f"form or one as short; {statistics.median(seconds) * 1e3:.0f} ms median, "
        f"{max(seconds) * 1e3:.0f} ms at most"
    )
    return right == len(verdicts)


def _row(verdict: Verdict) -> str:
    ms = verdict.seconds * 1e3
    line = f"{verdict.ratio:6.2f} {ms:6.0f}  {verdict.case.name}: {verdict.formula}"
    return f"{line}\n{'':15}WRONG {verdict.wrong}" if verdict.wrong else line


def at_random(n: int, first: int) -> bool:
    """Judge `n` grown programs; whether none is wrong."""
    seconds: list[tuple[float, int]] = []
    wrong, failed, indexed, compared, limited = [], [], 0, 0, 0
    for seed in range(first, first + n):
        program = grow(seed)
        variables = program.build(Draw(seed))
        start = time.perf_counter()
        try:
            d = derived(variables, program.by)
            formula = d[variables[program.by]]
            code = d.numpy
        except Exception as error:
            failed.append(f"{seed}: {type(error).__name__}: {error}")
            continue
        seconds.append((time.perf_counter() - start, seed))
        indexed += not formula.matrix
        if not code:
            failed.append(f"{seed}: no code: {formula}")
            continue
        if unknown(code, variables):  # arrays without names: at hand at the recorded data only
            said = "" if agrees(d.evaluate(), variables, program.by) else "at the recorded data"
        else:
            here = LIMITED in str(d.checked)
            limited += here
            said = differs(program, code, REDRAWS[:2] if here else REDRAWS)
        compared += said is not None
        if said:
            wrong.append(f"seed {seed}: {said}\n{program.source}\n# by {program.by}\n{code}")
    for text in wrong:
        print(f"--- WRONG {text}")
    for text in failed:
        print(f"--- not printed {text}")
    seconds.sort()
    print(f"{n} programs, {compared} formulas compared, {len(wrong)} wrong")
    print(f"not printed            {len(failed)} ({len(failed) / n:.1%})")
    print(f"said at these sizes    {limited} ({limited / n:.1%})")
    print(f"in index notation      {indexed} ({indexed / n:.1%})")
    if seconds:
        middle, (most, slowest) = seconds[len(seconds) // 2][0], seconds[-1]
        print(f"time                   {middle * 1e3:.0f} ms median, {most:.2f} s (seed {slowest})")
    return not wrong


def differs(program: Grown, code: str, draws: Sequence[tuple[int, int]]) -> str | None:
    """What is wrong with the formula of a grown program: "" nothing, None if nothing compares,
    since the truth is not finite."""
    found = None
    for to in draws:
        variables = program.build(Draw(*to))
        variables["E"].backward()
        grad = variables[program.by].grad
        if grad is not None and not np.isfinite(grad).all():
            continue
        found = disagreement(code, program.build, program.by, Draw(*to))
        if found:
            return found
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cookbook", action="store_true", help="The Matrix Cookbook, chapter 2")
    parser.add_argument("--random", metavar="N", type=int, help="grown programs")
    parser.add_argument("--seed", type=int, default=0, help="of the first grown program")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--numpy", action="store_true", help="print the NumPy text of all")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.random:
        with np.errstate(all="ignore"):
            return 0 if at_random(args.random, args.seed) else 1
    group = cookbook.GROUP if args.cookbook else expressions.GROUP
    return 0 if table(cases(group), only=args.only, numpy=args.numpy) else 1


if __name__ == "__main__":
    sys.exit(main())
