"""The signs that trees are written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .names import latex_name, subscripts, superscript, unicode_name

_DIGITS = tuple("0123456789")  # 𝟏 is none


@dataclass(frozen=True)
class Style:
    """The signs of a notation."""

    name: Callable[[str], str]
    subscript: Callable[[str], str]
    power: Callable[[str, str], str]  # of something in brackets where it needs them
    root: Callable[[str], str]
    fraction: Callable[[str, str], str] | None  # None: written with a slash
    brackets: Callable[[str], str]
    length: Callable[[str], str]
    transpose: str
    entrywise: str
    ones: str
    minus: str
    identity: str
    delta: Callable[[str], str]
    sigma: str
    trace: str
    diagonal: str
    diagonal_of: str
    softmax: str
    mask: str
    word: Callable[[str], str]
    latex: bool
    dot: str

    def product(self, parts: Sequence[str]) -> str:
        """Factors side by side, with a dot before a number that would be read with its left."""
        found = "".join(parts[:1])
        for part in parts[1:]:
            found += (self.dot if part[:1] in _DIGITS else " ") + part
        return found


UNICODE = Style(
    name=unicode_name,
    subscript=subscripts,
    power=lambda base, e: base + superscript(e),
    root=lambda body: f"√({body})",
    fraction=None,
    brackets=lambda body: f"({body})",
    length=lambda body: f"‖{body}‖",
    transpose="ᵀ",
    entrywise=" ⊙ ",
    ones="𝟏",
    minus="−",
    identity="I",
    delta=lambda letters: "δ" + subscripts(letters),
    sigma="Σ",
    trace="tr",
    diagonal="Diag",
    diagonal_of="diag",
    softmax="softmax",
    mask="𝟏[{0}]",
    word=str,
    latex=False,
    dot=" · ",
)
LATEX = Style(
    name=latex_name,
    subscript=lambda letters: f"_{{{letters}}}",
    power=lambda base, e: f"{{{base}}}^{{{e}}}",
    root=lambda body: rf"\sqrt{{{body}}}",
    fraction=lambda up, down: rf"\frac{{{up}}}{{{down}}}",
    brackets=lambda body: rf"\left({body}\right)",
    length=lambda body: rf"\left\|{body}\right\|",
    transpose=r"^{\top}",
    entrywise=r" \odot ",
    ones=r"\mathbf{1}",
    minus="-",
    identity="I",
    delta=lambda letters: rf"\delta_{{{letters}}}",
    sigma=r"\sum",
    trace=r"\operatorname{tr}",
    diagonal=r"\operatorname{Diag}",
    diagonal_of=r"\operatorname{diag}",
    softmax=r"\operatorname{softmax}",
    mask=r"\mathbf{{1}}[{0}]",
    word=lambda text: rf"\text{{{text}}}".replace("_", r"\_"),
    latex=True,
    dot=r" \cdot ",
)

BRACKETS = replace(  # as code has it: W[j,k]
    UNICODE,
    subscript=lambda letters: f"[{','.join(letters)}]",
    delta=lambda letters: f"[{'='.join(letters)}]",
)
