"""Many programs, one after the other; what failed, minimised, and how many were left out."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from .compare import chosen, failure, is_steady
from .grow import grow
from .minimise import minimise
from .program import Program, Step
from .truth import Truth


@dataclass
class Failure:
    """The program as it was grown is `grow(seed, mode)`; `small` fails as well."""

    seed: int
    said: str
    small: Program

    def kind(self) -> str:
        """Failures of one kind have the same steps and say the same."""
        steps = sorted({e.text.split("(")[0] for e in self.small.entries if isinstance(e, Step)})
        return f"{', '.join(steps)}: {self.said.split(':')[0].rstrip('0123456789')}"

    def __str__(self) -> str:
        return f"# seed {self.seed}: {self.said}\n{self.small.source()}"


@dataclass
class Outcome:
    """`unsteady` counts the graphs whose difference says nothing, as the reference moves too."""

    graphs: int = 0
    nodes: int = 0
    unsteady: int = 0
    failures: list[Failure] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        share = self.unsteady / max(self.graphs, 1)
        return (
            f"{self.graphs} graphs, {self.nodes} nodes, {sum(self.kinds.values())} mismatches, "
            f"{self.unsteady} ill conditioned ({share:.2%})"
        )


def run(
    first_seed: int,
    graphs: int,
    mode: str = "all",
    seconds: float = float("inf"),
    show: bool = False,
) -> Outcome:
    """The graphs of the seeds first_seed, first_seed + 1, ...; with `show` each new kind of failure
    is printed as it is found."""
    outcome, start = Outcome(), time.monotonic()
    said_at = start
    for seed in range(first_seed, first_seed + graphs):
        now = time.monotonic()
        if now - start > seconds:
            break
        if show and now - said_at > 30:
            print(f"  {outcome}, {now - start:.0f} s", file=sys.stderr, flush=True)
            said_at = now
        failed = _one(seed, mode, outcome)
        if failed is not None:
            outcome.kinds[failed.kind()] += 1
            if outcome.kinds[failed.kind()] == 1:
                outcome.failures.append(failed)
                if show:
                    print(f"{failed}\n", flush=True)
    return outcome


def _one(seed: int, mode: str, outcome: Outcome) -> Failure | None:
    program, values = grow(seed, mode)
    outcome.graphs += 1
    outcome.nodes += len(program.entries)
    comparisons = chosen(seed)
    said = failure(program, comparisons, Truth(program, values))
    if not said:
        return None
    if not is_steady(program, comparisons):
        outcome.unsteady += 1
        return None
    small = minimise(program, comparisons, said)
    return Failure(seed, failure(small, comparisons, Truth(small)) or said, small)
