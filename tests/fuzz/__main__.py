"""The command: the last line is "N graphs, ...", the exit status 1 when one does not match."""

from __future__ import annotations

import argparse
import sys
import time
import warnings

import numpy as np
import torch

import tests.fuzz as about

from .grow import MODES
from .run import run


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=(about.__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=60, help="stop after so long (60)")
    parser.add_argument("--graphs", type=int, default=10**9, help="stop after so many")
    parser.add_argument("--seed", type=int, default=0, help="graph i is made from seed K + i alone")
    parser.add_argument("--mode", default="all", choices=["all", *MODES])
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = time.monotonic()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        outcome = run(given.seed, given.graphs, given.mode, given.seconds, show=True)
    for kind, times in outcome.kinds.most_common():
        print(f"  {times:5d} x {kind}")
    took = time.monotonic() - start
    print(f"  seeds {given.seed} to {given.seed + outcome.graphs - 1}, {took:.0f} s")
    print(outcome)
    sys.exit(int(bool(outcome.kinds)))


if __name__ == "__main__":
    main()
