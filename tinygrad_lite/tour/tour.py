"""All parts of the tour, one after the other."""

from __future__ import annotations

import time
from pathlib import Path

from . import digits, questions


def run(out: str | Path = "tinygrad_lite_tour", *, quick: bool = False) -> bool:
    """Print the tour and write its pictures into the folder `out`, which is made if needed.

    Returns whether all it promises came true: every gradient equal to its hand-derived formula, and
    96 % of the test digits read correctly. `quick` trains for a few seconds less and promises 90 %.
    Raises `ModuleNotFoundError` where scikit-learn or tqdm is missing.
    """
    digits.need_examples()
    started = time.perf_counter()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    right = questions.vector_by_matrix(folder)
    right &= questions.gradient_of_the_input(folder)
    right &= digits.tour(folder, quick=quick)
    print(f"\n{time.perf_counter() - started:.0f} s. Files are in {folder}/")
    return right
