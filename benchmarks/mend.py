"""How many wrong derivations given as code are mended, and how quickly.

    python -m benchmarks.mend [corpus | blind | fresh | stranger | passing | later | square | shelf
        | unusual | masked | styles] [--show] [--only NAME] [--every N]

A derivation counts as mended where every wrong line of it is, by an edit that is right on fresh
data, and as named where every wrong line is mended or has a kind of mistake. An edit undoes the
slip where the mended line has the tokens of the right one, brackets and their order aside, or where
it is the same formula: equal on numbers drawn for each name by itself. A mend misleads where it is
wrong on data, numbers or lengths drawn anew and no doubt was said. `--show` prints what is not
undone. Right derivations are checked as well: none may be called wrong.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
import tokenize
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import tinygrad_lite as tg
from tests.mend_cases.case import Case, Slip, variant
from tests.mend_cases.undone import others
from tests.mend_cases.worlds import misleads

CASES = Path(__file__).parent.parent / "tests" / "mend_cases"


def cases(kind: str) -> Iterator[Case]:
    """The cases of the corpus, or of the set that was written before anybody looked."""
    seen = set()
    for path in sorted(CASES.glob(f"{kind}*.py")):
        for value in vars(import_module(f"tests.mend_cases.{path.stem}")).values():
            if isinstance(value, Case) and id(value) not in seen:
                seen.add(id(value))
                yield value


def claims(case: Case, *slips: Slip) -> Any:
    """What is handed to `check`: the function, or the dict that it returns."""
    function = variant(case, *slips)
    return function if case.form == "function" else function()


def report(case: Case, *slips: Slip) -> tuple[Any, float]:
    """The report on a derivation, and the seconds of computing that it took."""
    loss, names = case.draw()
    given = claims(case, *slips)
    pairs = {name: node or None for name, node in case.pairs.items()}
    start = time.process_time()
    found = tg.check(loss, given, names=names, pairs=pairs)
    return found, time.process_time() - start


def tokens(line: str) -> Counter[str]:
    """What a line is made of, whatever the order and the brackets."""
    read = tokenize.generate_tokens(io.StringIO(line.strip()).readline)
    kept = (t.string for t in read if t.type in (tokenize.NAME, tokenize.NUMBER, tokenize.OP))
    return Counter(t for t in kept if t not in "()=,")


def undoes(case: Case, mended: str) -> bool:
    """Whether a mended line is one of the right derivation's."""
    lines = [tokens(line) for line in case.source.splitlines() if _is_whole(line)]
    return all(_is_whole(part) and tokens(part) in lines for part in mended.split("; "))


def _is_whole(line: str) -> bool:
    try:
        tokens(line)
    except tokenize.TokenError:
        return False
    return bool(line.strip())


def measure(kind: str, only: str, every: int, show: bool) -> None:
    """Print the figures of a set."""
    count: Counter[str] = Counter()
    seconds: list[tuple[float, str]] = []
    number = 0
    for case in cases(kind):
        if only not in case.name:
            continue
        count["right"] += 1
        told: object
        try:
            told, _ = report(case)
        except Exception as error:  # as bad as an alarm
            told = error
        if isinstance(told, Exception) or not told:
            count["false alarms"] += 1
            print(f"FALSE ALARM {case.name}\n{told}")
        for slips in case.wrongs():
            number += 1
            if number % every:
                continue
            title = (
                f"{case.name}: {' & '.join(s.wrong.strip() or 'a line left out' for s in slips)}"
            )
            count["wrong"] += 1
            try:
                found, took = report(case, *slips)
            except Exception as error:  # counted among those that are not mended
                print(f"CRASH {title}: {type(error).__name__}: {error}")
                continue
            seconds.append((took, title))
            wrong = found.wrong
            mended = bool(wrong) and all(f.by == "edit" for f in wrong)
            named = bool(wrong) and all(f.by == "edit" or f.kind != "other" for f in wrong)
            count["missed"] += not wrong
            count["mended"] += mended
            count["named"] += named
            lines = dict.fromkeys(f.mended for f in wrong if f.by == "edit")
            count["edits"] += len(lines)
            undone = [line for line in lines if undoes(case, line)]
            count["tokens"] += len(undone)
            other = min(others(case, slips, found), len(lines) - len(undone))
            count["undone"] += len(lines) - other
            misled = misleads(case, slips, found)
            count["misleading"] += misled
            if show and (not mended or other or misled):
                how = "MENDED OTHERWISE" if mended else "NOT MENDED"
                print("MISLEADING" if misled else how, title)
                print("   right:", " & ".join(s.right.strip() for s in slips))
                for f in wrong:
                    print(f"   {f.line}: {f.code.strip()}\n    ->  {f.mended}")
                    print(f"   [{f.kind}] {f.message()}")
    _summary(kind, count, seconds)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / max(whole, 1):.0%})"


def _summary(kind: str, count: Counter[str], seconds: list[tuple[float, str]]) -> None:
    print(f"{kind}: {count['right']} right derivations, {count['false alarms']} false alarms")
    print(f"wrong derivations mended {_share(count['mended'], count['wrong'])}")
    print(f"mended or named {_share(count['named'], count['wrong'])}, missed {count['missed']}")
    print(f"misleading, with no doubt said: {count['misleading']}")
    same = f"edits that undo the slip {_share(count['undone'], count['edits'])}"
    print(f"{same}, in the same tokens {_share(count['tokens'], count['edits'])}")
    slowest = max(seconds, default=(0.0, ""))
    median = statistics.median(s for s, _ in seconds) if seconds else 0.0
    print(f"seconds of computing: median {median:.2f}, worst {slowest[0]:.1f} ({slowest[1]})")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "kind",
        nargs="?",
        default="corpus",
        choices=sorted({path.stem.partition("_")[0] for path in CASES.glob("[a-z]*_*.py")}),
    )
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--every", type=int, default=1, help="one wrong derivation in so many")
    parser.add_argument("--show", action="store_true", help="print what was not undone")
    given = parser.parse_args()
    measure(given.kind, given.only, given.every, given.show)


if __name__ == "__main__":
    main()
