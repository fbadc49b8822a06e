"""What `tg.check` says of hand-derived gradients that people might have written.

    python -m benchmarks.check_confusion [--misses] [--problem NAME] [--module NAME ...]
    python -m benchmarks.check_confusion --derivations

Prints the confusion table (expected kind by reported kind), the share of errors detected and of
right claims called right, how often the reported kind is the one a teacher would name, the time
per case, and the time of a long derivation. `--misses` prints the reports that differ;
`--module scans architectures sciences` are the derivations that were written before `check` had
seen them. `--derivations` hands it the numbers that the derivations of tests/mend_cases give, and
counts the lines that are named: found wrong with a cause.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.mend_cases import Case as Derivation
from tests.mend_cases import blind, corpus, gradients, variant
from tests.mend_cases.corpus_makemore import MAKEMORE
from tinygrad_lite.check import KINDS, Finding, check
from tinygrad_lite.check.claims import in_shape

from .check_cases import Case, cases, problems

SAID_RIGHT, INHERITED = "right", "inherited"
UNNAMED = ("no simple mistake", "wrong here as well: no simple mistake")


def reported(finding: Finding) -> str:
    """The verdict in one word: right, inherited or the kind."""
    if finding:
        return SAID_RIGHT
    return INHERITED if finding.inherited and not finding.first else finding.kind


@dataclass
class Tally:
    """The counts over the corpus, one per claim."""

    table: Counter[tuple[str, str]] = field(default_factory=Counter)
    preferred: int = 0
    accepted: int = 0
    undecided: int = 0
    misled: list[tuple[Case, Finding]] = field(default_factory=list)
    seconds: list[tuple[float, str]] = field(default_factory=list)

    def add(self, case: Case, *, show: bool = False) -> None:
        """Check one case and count every claim of it."""
        start = time.process_time()
        report = check(case.loss, case.claims, names=case.names)
        self.seconds.append((time.process_time() - start, case.name))
        for finding in report:
            expected = case.expected[str(finding.node.name)]
            said = reported(finding)
            self.table[expected[0], said] += 1
            if said == expected[0]:
                self.preferred += expected[0] not in (SAID_RIGHT,)
            elif said in expected:
                self.accepted += 1
            elif said == "other" and expected[0] not in (SAID_RIGHT, INHERITED):
                self.undecided += 1
            else:
                self.misled.append((case, finding))
            if show and said != expected[0]:
                print(f"--- {case.name}: expected {' | '.join(expected)}, got {said}")
                print(finding)

    @property
    def wrong(self) -> int:
        """How many claims are wrong."""
        return sum(n for (kind, _), n in self.table.items() if kind != SAID_RIGHT)

    @property
    def right(self) -> int:
        """How many claims are right."""
        return sum(n for (kind, _), n in self.table.items() if kind == SAID_RIGHT)

    @property
    def missed(self) -> int:
        """Wrong claims that were called right."""
        return sum(n for (kind, said), n in self.table.items() if SAID_RIGHT == said != kind)

    @property
    def false_alarms(self) -> int:
        """Right claims that were called wrong."""
        return self.right - self.table[SAID_RIGHT, SAID_RIGHT]


def run(*, show: bool = False, only: str = "", modules: Sequence[str] = ()) -> Tally:
    """Check the whole corpus, or of some modules the problems whose name contains `only`."""
    tally = Tally()
    for problem in problems():
        module = problem.__module__.rpartition(".")[2]
        if only in problem.__name__ and (not modules or module in modules):
            for case in cases(problem):
                tally.add(case, show=show)
    return tally


def derivations(title: str, cases: Iterable[Derivation]) -> None:
    """Print what `check` says of the numbers that derivations as code give."""
    count: Counter[str] = Counter()
    for case in cases:
        for slips in ((), *case.wrongs()):
            loss, names = case.draw()
            values = gradients(case, variant(case, *slips), names)
            claims = {name: in_shape(v, names[name].shape) for name, v in values.items()}
            report = check(loss, claims, names=names)
            count["alarms"] += not (slips or report)
            count["found"] += bool(slips and report.wrong)
            count["made"] += bool(slips)
            count["lines"] += len(report.wrong)
            count["named"] += sum(not f.explanation.startswith(UNNAMED) for f in report.wrong)
    print(f"{title}: {count['found']} of {count['made']} found, {count['alarms']} false alarms")
    print(f"    {count['named']} of {count['lines']} wrong lines named")


def print_table(tally: Tally) -> None:
    """The confusion table, without empty rows and columns."""
    order = [SAID_RIGHT, *KINDS, INHERITED]
    rows = [k for k in order if any(key[0] == k for key in tally.table)]
    columns = [k for k in order if any(key[1] == k for key in tally.table)]
    width = max(map(len, rows))
    print("expected (rows) against reported (columns)")
    for i, column in enumerate(columns):
        print(" " * (width + 1) + "    ." * i + f"    {column}")
    for row in rows:
        cells = "".join(f"{tally.table[row, c] or '.':>5}" for c in columns)
        print(f"{row:>{width}} {cells}")


def main() -> None:
    """Print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--misses", action="store_true", help="print the reports that differ")
    parser.add_argument("--problem", default="", help="only problems whose name contains this")
    parser.add_argument("--module", nargs="*", default=(), help="only these of check_cases")
    parser.add_argument("--derivations", action="store_true", help="numbers of tests/mend_cases")
    args = parser.parse_args()
    if args.derivations:
        derivations("corpus", corpus())
        derivations("blind", blind())
        return
    tally = run(show=args.misses, only=args.problem, modules=args.module)
    print_table(tally)
    wrong, right = tally.wrong, tally.right
    seconds = sorted(tally.seconds)
    good = tally.preferred + tally.accepted
    print(f"\n{len(seconds)} cases, {wrong + right} claims")
    print(f"errors detected        {wrong - tally.missed} of {wrong}")
    print(f"right claims right     {right - tally.false_alarms} of {right}")
    if wrong:
        print(
            f"the expected kind      {tally.preferred} of {wrong} ({tally.preferred / wrong:.1%})"
        )
        print(f"or one as good         {good} of {wrong} ({good / wrong:.1%})")
        print(f"`other` for a kind     {tally.undecided}")
    print(f"a wrong explanation    {len(tally.misled)}")
    for case, finding in tally.misled:
        expected = "|".join(case.expected[str(finding.node.name)])
        print(f"    {case.name} [{finding.name}]: {expected} was called {reported(finding)}")
    middle, (slowest, name) = seconds[len(seconds) // 2][0], seconds[-1]
    print(f"time per case          {middle * 1e3:.0f} ms median, {slowest * 1e3:.0f} ms ({name})")
    if not (args.problem or args.module):
        loss, names = MAKEMORE.draw()
        claims = gradients(MAKEMORE, variant(MAKEMORE, MAKEMORE.slips[0]), names)
        start = time.perf_counter()
        check(loss, claims, names=names)
        seconds_taken = time.perf_counter() - start
        print(f"a derivation of {len(claims)} lines, wrong in one: {seconds_taken:.2f} s")


if __name__ == "__main__":
    main()
