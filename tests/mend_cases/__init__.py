"""Derivations as code, right and wrong: what lines and repairs are examined on.

`corpus_*` are programs of the corpus of `check`; `blind_*` were written before the repair was
tried on any of them, half of them of architectures that the corpus lacks; `fresh_*`, `stranger_*`,
`passing_*` and `later_*` are of other hands and subjects, each written after the set before it was
mended, and so are `shelf_*`, of which the lines stand as in textbooks, `unusual_*`, in unusual
writing, and `masked_*`, of losses with corners; in `square_*` axes have equal lengths by chance.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from .case import KINDS_OF_SLIPS, Case, Slip, gradients, variant

__all__ = [
    "KINDS_OF_SLIPS",
    "Case",
    "Slip",
    "blind",
    "corpus",
    "fresh",
    "gradients",
    "later",
    "masked",
    "passing",
    "shelf",
    "square",
    "stranger",
    "unusual",
    "variant",
]


def _cases(prefix: str) -> list[Case]:
    """Every case of the modules whose name starts like that, as they are written."""
    names = [found.name for found in iter_modules([str(Path(__file__).parent)])]
    modules = [import_module(f"{__name__}.{n}") for n in names if n.startswith(prefix)]
    return [found for m in modules for found in vars(m).values() if isinstance(found, Case)]


def corpus() -> list[Case]:
    """Programs taken from the corpus of claims."""
    return _cases("corpus")


def blind() -> list[Case]:
    """Programs written before looking at what the repair does."""
    return _cases("blind")


def fresh() -> list[Case]:
    """Programs written after that repair was mended, before it was tried on any of them."""
    return _cases("fresh")


def stranger() -> list[Case]:
    """Programs of other subjects and other hands, written before the repair was tried on them."""
    return _cases("stranger")


def passing() -> list[Case]:
    """Programs that are measured and not mended for: what the next hand meets."""
    return _cases("passing")


def later() -> list[Case]:
    """Programs of loops and rows, written before the repair was tried on any of them."""
    return _cases("later")


def shelf() -> list[Case]:
    """Programs as from a shelf of textbooks, written before the repair was tried on them."""
    return _cases("shelf")


def square() -> list[Case]:
    """Programs of which axes that are not the same have equal lengths."""
    return _cases("square")


def masked() -> list[Case]:
    """Losses whose corners are written by masks."""
    return _cases("masked")


def unusual() -> list[Case]:
    """Programs in unusual writing, written before the repair was tried on them."""
    return _cases("unusual")
