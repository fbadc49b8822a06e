"""Whether `check` says nothing false of gradients that nobody made a mistake in, or one tiny one.

    python -m tests.fuzz.verdicts [--graphs N] [--seed K]

Of every random graph (arrays, scalars, float32 beside float64, ill conditioned) the engine's own
gradients and those of another order of computation may not be called wrong, one that is off in one
entry may not be called right, and nothing may raise, with warnings as errors too.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_lite as tg

OFF_BY = 1e-6  # of the largest entry, in float64
Case = tuple[Any, dict[Any, list[Any]], bool]  # the loss, right gradients, whether all is float64


def random_program(seed: int, mode: str) -> Case | None:
    """A program of the fuzzer, with PyTorch's gradients as those of another order."""
    from .grow import grow
    from .truth import Truth

    program, values = grow(seed, mode)
    theirs = Truth(program, values).first[1]
    leaves = program.leaves()
    loss = program.run(leaves)[1]
    if not hasattr(loss, "backward") or loss.constant:
        return None
    loss.backward()
    right = {
        x: [x.grad, theirs[i]]
        for i, x in zip(program.moving, leaves, strict=True)
        if theirs[i] is not None and x.grad is not None and np.size(x.grad)
    }
    return (loss, right, not program.single) if right else None


def ill_conditioned(seed: int) -> Case:
    """A formula whose condition is anything up to 1e14, and the gradients written by hand."""
    rng, r = np.random.default_rng(seed), random.Random(seed)
    n, size = r.randint(2, 8), 10 ** r.uniform(1, 14)
    Q, P = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    M = Q @ np.diag(np.geomspace(1, 1 / size, n)) @ P * 10 ** r.uniform(-3, 3)
    v, c = rng.normal(size=n), rng.normal(size=n)
    right: dict[Any, list[Any]]
    kind = r.choice(["solve", "constant", "inv", "logabsdet", "det", "variance", "chain", "norm"])
    if kind == "solve":
        A, b = tg.Tensor(M), tg.Tensor(v)
        E = (tg.solve(A, b) * c).sum()
        db = np.linalg.inv(M).T @ c
        right = {b: [db], A: [-np.outer(db, np.linalg.inv(M) @ v)]}
    elif kind == "constant":
        b = tg.Tensor(v)
        E = (tg.solve(M, b) ** 2).sum()
        right = {b: [2 * np.linalg.inv(M).T @ (np.linalg.inv(M) @ v)]}
    elif kind == "inv":
        A = tg.Tensor(M)
        E = c @ (tg.inv(A) @ v)
        right = {A: [-np.outer(np.linalg.solve(M.T, c), np.linalg.solve(M, v))]}
    elif kind == "logabsdet":
        A = tg.Tensor(M)
        E = tg.logabsdet(A)
        U, s, V = np.linalg.svd(M)
        right = {A: [(U / s) @ V]}
    elif kind == "det":
        A = tg.Tensor(M)
        E = tg.det(A) * 3
        right = {A: [3 * np.linalg.det(M) * np.linalg.inv(M).T]}
    elif kind == "variance":
        x = tg.Tensor(v + size ** r.uniform(0, 0.5))
        E, d = tg.mean((x - tg.mean(x)) ** 2), x.data
        right = {x: [2 * d / n - 2 * d.mean() / n, 2 * (d - d.sum() / n) / n]}
    elif kind == "chain":
        x = tg.Value(1 / size)
        E = (1 - tg.cos(x)) / x**2
        s = x.data
        right = {x: [np.sin(s) / s**2 - 2 * (1 - np.cos(s)) / s**3]}
    else:
        single = tg.Tensor(np.float32(v * size ** r.uniform(0, 0.3)))
        w = tg.Tensor(c)
        z = tg.tanh(single / tg.norm(single)).astype(np.float32) * w
        E = (z * z).sum()
        t = np.tanh(single.data / np.sqrt((single.data**2).sum()))
        right = {w: [2 * t * t * c], z: [2 * t * c]}
    E.backward()
    for node, known in right.items():
        known.insert(0, node.grad)
    return E, right, kind != "norm"


def complaints(case: Case, seed: int) -> Iterator[str]:
    """What `check` says wrongly about a graph."""
    E, right, double = case
    for which in range(max(map(len, right.values()))):
        claims = {x: known[min(which, len(known) - 1)] for x, known in right.items()}
        for f in verdicts(E, claims):
            if f.verdict not in ("right", "unclear"):
                yield f"{'the own' if which == 0 else 'another'} gradient is called wrong: {f}"
    if double:
        x = random.Random(seed).choice(list(right))
        off = np.array(right[x][0], dtype=np.float64)
        step = OFF_BY * np.abs(off).max()
        off.flat[np.random.default_rng(seed).integers(off.size)] += step
        if step:
            for f in verdicts(E, {x: off}):
                if f.verdict == "right" and not f.explanation:
                    yield f"one entry off by {OFF_BY} is called right: {f}"
    for x, known in right.items():  # a wrong one raises nothing either
        verdicts(E, {x: np.asarray(known[0]) + np.random.default_rng(seed).normal(size=x.shape)})


def verdicts(E: Any, claims: dict[Any, Any]) -> Any:
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        return tg.check(E, claims)


MODES = ("array", "array", "scalar", "float32", "ill")


def run(first: int, graphs: int, *, show: bool = False) -> tuple[Counter[str], list[str]]:
    """How many graphs of each sort were judged, and the complaints, each with its seed."""
    counted: Counter[str] = Counter()
    found: list[str] = []
    for seed in range(first, first + graphs):
        mode = MODES[seed % len(MODES)]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case = ill_conditioned(seed) if mode == "ill" else random_program(seed, mode)
        if case is None or not all(np.isfinite(g).all() for gs in case[1].values() for g in gs):
            continue
        counted[mode] += 1
        try:
            said = list(complaints(case, seed))
        except Exception as error:
            said = [f"raises {type(error).__name__}: {error}"]
        for text in said:
            found.append(f"seed {seed} ({mode}): {text}")
            if show:
                print(found[-1], flush=True)
    return counted, found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.verdicts")
    parser.add_argument("--graphs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="graph i is made from seed K + i alone")
    given = parser.parse_args()
    start = time.monotonic()
    counted, found = run(given.seed, given.graphs, show=True)
    kinds = ", ".join(f"{n} {mode}" for mode, n in counted.items())
    print(
        f"{counted.total()} graphs ({kinds}), {len(found)} false, {time.monotonic() - start:.0f} s"
    )
    sys.exit(int(bool(found)))


if __name__ == "__main__":
    main()
