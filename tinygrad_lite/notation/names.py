"""How names are written: in Unicode, in LaTeX, as identifiers."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import chain, count
from unicodedata import normalize

_WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda lam mu nu xi rho sigma tau phi chi "
    "psi omega Gamma Delta Theta Lambda Sigma Phi Psi Omega"
)
_GREEK = dict(zip(_WORDS.split(), "αβγδεζηθκλλμνξρστφχψωΓΔΘΛΣΦΨΩ", strict=True))
_ASCII = {letter: name for name, letter in _GREEK.items() if name != "lam"}
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_ABOVE = str.maketrans("0123456789-/", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟ")
_INDEX = dict(zip("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_PARTS = re.compile(r"([A-Za-z]+?|[α-ωΑ-Ω])_?(\d*)(_hat)?")


@lru_cache(maxsize=1024)
def unicode_name(name: str) -> str:
    """`mu` is μ, `W1` is W₁, `y_hat` is ŷ, `delta_z1` is δ_z₁, `d:x` (a differential) dx."""
    if name.startswith("d:"):
        return "d" + unicode_name(name[2:])
    if name.startswith(("delta_", "δ_")):
        return "δ_" + unicode_name(name.partition("_")[2])
    match = _PARTS.fullmatch(name)
    if match is None:
        return name
    base, digits, hat = match.groups()
    base = _GREEK.get(base, base)
    accent = "\u0302" if hat and len(base) == 1 else hat or ""
    return normalize("NFC", base + accent) + digits.translate(_BELOW)


@lru_cache(maxsize=1024)
def latex_name(name: str) -> str:
    """`y_hat` is \\hat{y}, `W1` is W_1, `dlogits` upright."""
    if name.startswith("d:"):
        return r"\mathrm{d}" + latex_name(name[2:])
    if name.startswith(("delta_", "δ_")):
        return r"\delta_{" + latex_name(name.partition("_")[2]) + "}"
    match = _PARTS.fullmatch(name)
    if match is None:
        return r"\mathrm{" + name.replace("\\", "").replace("_", r"\_") + "}"
    base, digits, hat = match.groups()
    base = _ASCII.get(base, base)
    if base in _GREEK:
        base = "\\" + {"lam": "lambda"}.get(base, base)
    elif len(base) > 1:
        base = rf"\mathrm{{{base}}}"
    if hat:
        base = rf"\hat{{{base}}}"
    return f"{base}_{{{digits}}}" if digits else base


def identifier(name: str) -> str:
    """A name that code can use: `layers.0.weight` is layers_0_weight, δ_v is delta_v."""
    found = normalize("NFKC", "".join(_ASCII.get(c, c) for c in name))  # as Python reads it
    found = re.sub(r"\W", "_", found)
    return found if found.isidentifier() else f"_{found}"


def unused(name: str, taken: Collection[str]) -> str:
    """The name, or if it is taken the first of name_2, name_3, ... that is not."""
    return next(n for n in chain([name], (f"{name}_{k}" for k in count(2))) if n not in taken)


def superscript(text: str) -> str:
    """Digits above the line."""
    return text.translate(_ABOVE)


def subscripts(letters: str) -> str:
    """Indices below the line: `ᵢⱼ`, or `_ij` where Unicode lacks one."""
    if all(c in _INDEX or c.isdigit() for c in letters):
        return "".join(_INDEX.get(c, c) for c in letters).translate(_BELOW)
    return f"_{letters}"
