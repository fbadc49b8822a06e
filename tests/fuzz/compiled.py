"""Random functions of Tensors as programs, beside what they give when they simply run.

    python -m tests.fuzz.compiled --graphs 1000

A function's program is made on its own leaves, and runs on them and on others.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.compile import build, trace
from tinygrad_lite.compile.standalone import Branch

from .grow import grow
from .program import Leaf, Program

EQUAL, CLOSE, OTHER, REFUSED, WRONG = (
    "equal",
    "within rounding",
    "another branch",
    "refused",
    "WRONG",
)
SHAKEN = 1e-3  # by how much the leaves of the second run differ
ROUNDING = {"float64": 1e-9, "float32": 1e-4}


def gradients(program: Program) -> Callable[..., list[Any]]:
    """The function of the leaves that gives the weighted sum and the leaves' gradients."""

    def f(*arrays: Any) -> list[Any]:
        leaves = [tg.Tensor(a) for a in arrays]
        total = program.run(leaves)[1] + sum(0.0 * tg.sum(x) for x in leaves)
        total.backward()
        return [total.data, *(x.grad for x in leaves)]

    return f


def outcomes(seed: int, mode: str) -> list[str]:
    """How the program of this seed did on its leaves and on others; none for one of Values."""
    program = grow(seed, mode)[0]
    entries = [program.entries[i] for i in program.moving]
    if not entries or any(not isinstance(e, Leaf) or e.kind == "Value" for e in entries):
        return []
    given = [np.array(e.data) for e in entries if isinstance(e, Leaf)]
    given = [x if x.dtype.kind == "f" else x.astype(float) for x in given]
    rng = np.random.default_rng(seed)
    others = [np.asarray(x * (1 + SHAKEN * rng.normal(size=x.shape)), x.dtype) for x in given]
    f = gradients(program)
    try:
        made = build(trace(f, given))
    except TypeError as error:
        return [REFUSED if str(error).startswith("compile: ") else WRONG]
    return [_outcome(f, made, arrays) for arrays in (given, others)]


def _outcome(f: Callable[..., Any], made: Any, arrays: list[Any]) -> str:
    expected = f(*arrays)
    try:
        actual = made(*arrays)
    except Branch:
        return OTHER
    pairs = [*zip(map(np.asarray, actual), map(np.asarray, expected), strict=True)]
    if any(a.dtype != b.dtype or a.shape != b.shape for a, b in pairs):
        return WRONG
    if all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
        return EQUAL
    limits = [ROUNDING[str(a.dtype)] for a, _ in pairs]
    near = (
        np.allclose(a, b, rtol=x, atol=x, equal_nan=True)
        for (a, b), x in zip(pairs, limits, strict=True)
    )
    return CLOSE if all(near) else WRONG


def run(seed: int, graphs: int, *, show: bool = False) -> Counter[str]:
    """How many programs did what, of as many seeds from this one on as hold arrays alone."""
    found: Counter[str] = Counter()
    tried = 0
    while tried < graphs:
        made = outcomes(seed, "array" if seed % 4 else "float32")
        tried += bool(made)
        found.update(made)
        if WRONG in made and show:
            print(f"seed {seed}: {made}")
        seed += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.compiled")
    parser.add_argument("--graphs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = run(given.seed, given.graphs, show=True)
    print(f"{given.graphs} functions, each on two sets of leaves: {dict(found)}")
    sys.exit(bool(found[WRONG]))


if __name__ == "__main__":
    main()
