"""This checkout against another commit of the repository, in one run.

    python benchmarks/compare.py REV [--rounds 9] [workload ...]

Each round measures each workload on both sides, in two fresh processes one after the other; the
order of workloads and of sides is drawn anew each round. A line is one reading: its median at REV,
its median here, and the median of the rounds' ratios, here by REV, with their quartiles. Below 1
is faster, or smaller; a commit against itself reads 0.98 to 1.02 on a machine that is in use. Both
sides run this checkout's `workloads.py`: it uses public names only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import timing
import workloads

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(workloads.__file__)
NAMES = tuple(workloads.WORKLOADS)
Readings = dict[str, float]


def git(*args: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"compare: git {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def sides(rev: str) -> Iterator[tuple[Path, Path]]:
    """REV's files and this checkout, at paths of one length, which counts where layout does."""
    commit = git("rev-parse", "--verify", f"{rev}^{{commit}}")
    with tempfile.TemporaryDirectory() as folder:
        before, here = Path(folder) / "then", Path(folder) / "here"
        here.symlink_to(ROOT, target_is_directory=True)
        git("worktree", "add", "--detach", str(before), commit)
        try:
            yield before, here
        finally:
            git("worktree", "remove", "--force", str(before))


def measure(root: Path, workload: str, *, seed: int, repeats: int | None) -> Readings:
    """The readings of one workload on the package in `root`, from a new process."""
    times = [] if repeats is None else ["--repeats", str(repeats)]
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "0"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an import is timed as users have it: compiled
    done = subprocess.run(
        [sys.executable, str(SCRIPT), workload, "--seed", str(seed), *times],
        capture_output=True,
        text=True,
        env=env,
    )
    if done.returncode:
        sys.exit(f"compare: {workload} fails on {root}:\n{done.stderr}")
    found = json.loads(done.stdout)
    if not Path(found["package"]).resolve().is_relative_to(root.resolve()):
        sys.exit(f"compare: {workload} ran {found['package']}, not the package in {root}")
    return dict(found["readings"])


def rounds(
    before: Path, here: Path, names: Sequence[str], count: int, repeats: int | None
) -> dict[str, list[tuple[Readings, Readings]]]:
    """For each workload, the readings (before, here) of each round."""
    rng = random.Random(0)
    pairs: dict[str, list[tuple[Readings, Readings]]] = {name: [] for name in names}
    for root in (before, here):  # untimed: the first import of a new folder compiles it
        measure(root, "import", seed=0, repeats=1)
    for turn in range(count):
        for name in rng.sample(names, len(names)):
            found = {
                root: measure(root, name, seed=turn, repeats=repeats)
                for root in rng.sample((before, here), 2)
            }
            pairs[name].append((found[before], found[here]))
            if sys.stderr.isatty():
                print(f"\r\033[Kround {turn + 1} of {count}: {name}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return pairs


def lines(pairs: Sequence[tuple[Readings, Readings]]) -> Iterator[str]:
    """One line per reading: both medians, the median ratio and its quartiles."""
    for reading in pairs[0][1]:
        then = [before[reading] for before, _ in pairs]
        now = [here[reading] for _, here in pairs]
        ratios = [b / a for a, b in zip(then, now, strict=True)]
        low, middle, high = quartiles(ratios)
        yield (
            f"  {reading:<52} {statistics.median(then):>9.4g} {statistics.median(now):>9.4g} "
            f"{middle:>8.3f}  {low:.3f} - {high:.3f}"
        )


def quartiles(numbers: Sequence[float]) -> tuple[float, float, float]:
    if len(numbers) == 1:
        return numbers[0], numbers[0], numbers[0]
    low, middle, high = statistics.quantiles(numbers, n=4, method="inclusive")
    return low, middle, high


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rev", help="the commit to compare with")
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--repeats", type=int, help="readings per process, instead of each's own")
    args = parser.parse_args()
    unknown = set(args.workloads) - set(NAMES)
    if unknown:
        parser.error(f"no workload {sorted(unknown)}; there are {', '.join(NAMES)}")
    names = args.workloads or NAMES
    with sides(args.rev) as (before, here):
        pairs = rounds(before, here, names, args.rounds, args.repeats)
    print(f"{timing.machine()}; {args.rounds} rounds")
    print(f"\n  {'':<52} {args.rev[:9]:>9} {'here':>9}    ratio  quartiles")
    for name, found in pairs.items():
        print(name)
        for line in lines(found):
            print(line)


if __name__ == "__main__":
    main()
