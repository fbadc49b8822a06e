"""Colours, from the Okabe-Ito palette (told apart by all), tinted so that text on them stands at
7:1 or more (tested) in both themes. Shape and line style say the same as colour does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..check.marks import MARKS

BLUE, SKY, GREEN, ORANGE = "#0072b2", "#56b4e9", "#009e73", "#e69f00"
VERMILLION, PURPLE, GREY = "#d55e00", "#cc79a7", "#808080"
STEPS = 4  # of a shade on either side of zero


class Look(NamedTuple):
    """How a kind of box looks: its fill's hue and how much of it, its frame's colour in the light
    theme and in the dark one and width in pixels, its corners' radius, and whether it is dashed."""

    hue: str
    share: float
    strokes: tuple[str, str]
    width: float
    radius: int
    dashed: bool = False


LOOKS = {
    "leaf": Look(GREEN, 1.0, ("#00785a", "#2fc79c"), 2.2, 0),
    "constant": Look(GREY, 0.6, ("#6a717b", "#98a1ac"), 1, 0, dashed=True),
    "op": Look(SKY, 1.0, ("#2f84b8", "#5cb8ec"), 1.2, 8),
    "output": Look(ORANGE, 1.15, ("#a86f00", "#f0b230"), 3.2, 8),
    "group": Look(PURPLE, 1.2, ("#a04d7d", "#dc94bb"), 1.4, 4),
}


MARKED = 4.0  # pixels of a marked box's frame
_TINT = (0.14, 0.22)  # of a hue in the page's colour, light and dark
_ROLES = {  # what else has a colour, light and dark
    "page": ("#ffffff", "#12151a"),
    "text": ("#14171b", "#f1f4f7"),
    "muted": ("#41474f", "#ccd3db"),
    "edge": ("#5c646e", "#9aa4b0"),
    "cluster": ("#a2a9b3", "#596370"),
    "undefined": ("#000000", "#ffffff"),
    "raised": ("#f7f8fa", "#1a1f26"),
    "accent": (BLUE, "#5cb8ec"),
    "warm": ("#c25100", "#f0a13c"),
}
_SCALES = {  # light and dark: [below zero,] zero, above
    "s": ((SKY, "#ffffff", "#f0ab1f"), ("#0b4c78", "#20252c", "#6b4200")),
    "p": (("#ffffff", "#dc9cc0"), ("#20252c", "#6b3558")),
    "h": ((BLUE, "#f4f4f2", VERMILLION), ("#4aa8e0", "#2a3038", "#f0863c")),
}


@dataclass(frozen=True)
class Theme:
    """The colours of one theme: of roles; of each kind of box; and of numbers by style class, s for
    scalars' gradients, p for norms (both are backgrounds of text), h for entries in heat maps."""

    name: str
    roles: Mapping[str, str]
    fill: Mapping[str, str]
    stroke: Mapping[str, str]
    shades: Mapping[str, str]


def mix(a: str, b: str, share: float) -> str:
    """The colour `share` of the way from a to b."""
    pairs = ((int(a[k : k + 2], 16), int(b[k : k + 2], 16)) for k in (1, 3, 5))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)


def _theme(name: str, k: int) -> Theme:
    roles = {role: pair[k] for role, pair in _ROLES.items()}
    tint, page = _TINT[k], roles["page"]
    fill = {kind: mix(page, look.hue, tint * look.share) for kind, look in LOOKS.items()}
    stroke = {kind: look.strokes[k] for kind, look in LOOKS.items()}
    stroke |= {name: mark.strokes[k] for name, mark in MARKS.items()}
    shades: dict[str, str] = {}
    for letter, ends in _SCALES.items():
        *low, zero, high = ends[k]
        below = [mix(zero, low[0], s / STEPS) for s in range(STEPS, 0, -1)] if low else []
        colours = below + [mix(zero, high, s / STEPS) for s in range(STEPS + 1)]
        shades |= {f"{letter}{i}": colour for i, colour in enumerate(colours)}
    return Theme(name, roles, fill, stroke, shades)


LIGHT, DARK = _theme("light", 0), _theme("dark", 1)
THEMES = {"auto": LIGHT, "light": LIGHT, "dark": DARK}  # "auto" where the reader's is not known


def shade(level: float | None, letter: str) -> str:
    """The style class of a level from -1 to 1 (of norms from 0 to 1) on one of the scales."""
    if level is None:
        return "undefined"
    return f"{letter}{round(level * STEPS) + (0 if letter == 'p' else STEPS)}"


def style(theme: str, root: str) -> str:
    """The style sheet of a picture whose outermost element matches the selector `root`. With theme
    "auto" the reader's system decides between light and dark."""
    dark = f"@media(prefers-color-scheme:dark){{{_rules(DARK, root)}}}" if theme == "auto" else ""
    return _rules(THEMES[theme], root) + dark


def _rules(theme: Theme, root: str) -> str:
    role = theme.roles
    page, cluster = role["page"], role["cluster"]
    rules = {
        ".page": f"fill:{page}",
        "text": f"fill:{role['text']}",
        ".label,.shape,.note": f"fill:{role['muted']}",
        ".edge": f"fill:none;stroke:{role['edge']};stroke-width:1.3",
        ".head": f"fill:{role['edge']}",
        ".cluster": f"fill:{mix(page, cluster, 0.08)};stroke:{cluster}",
        ".undefined": f"fill:{role['undefined']}",
    }
    for kind, look in LOOKS.items():
        dashes = ";stroke-dasharray:4 3" if look.dashed else ""
        rules[f".{kind} .frame"] = (
            f"fill:{theme.fill[kind]};stroke:{theme.stroke[kind]};stroke-width:{look.width}{dashes}"
        )
    for name in MARKS:
        stroke = f"stroke:{theme.stroke[name]}"
        rules[f".{name} .frame"] = f"{stroke};stroke-width:{MARKED}"
    rules |= {f".{name}": f"fill:{colour}" for name, colour in theme.shades.items()}
    return "".join(
        ",".join(f"{root} {part}" for part in selector.split(",")) + f"{{{body}}}"
        for selector, body in rules.items()
    )
