"""Colours, from the Okabe-Ito palette (told apart by all), tinted so that text on them stands at
7:1 or more (tested) in both themes. Shape and line style say the same as colour does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..check.marks import MARKS
from .panes import SHADES

BLUE, SKY, GREEN, ORANGE = "#0072b2", "#56b4e9", "#009e73", "#e69f00"
GREY = "#808080"


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
    "leaf": Look(GREEN, 0.0, ("#00694f", "#4fd1a5"), 2.2, 2),
    "constant": Look(GREY, 0.0, ("#6a717b", "#98a1ac"), 1, 2, dashed=True),
    "op": Look(SKY, 0.0, ("#59626d", "#a4aeb9"), 1.2, 8),
    "output": Look(ORANGE, 0.0, ("#14171b", "#f1f4f7"), 3.2, 8),
    "group": Look(SKY, 0.6, ("#59626d", "#a4aeb9"), 1.4, 4),
    "stub": Look(GREY, 0.3, ("#59626d", "#a4aeb9"), 1, 9),
}


MARKED = 4.0  # pixels of a marked box's frame
_TINT = (0.14, 0.22)  # of a hue in the page's colour, light and dark
_ROLES = {  # what else has a colour, light and dark
    "page": ("#ffffff", "#12151a"),
    "text": ("#14171b", "#f1f4f7"),
    "muted": ("#41474f", "#ccd3db"),
    "edge": ("#5c646e", "#9aa4b0"),
    "cluster": ("#a2a9b3", "#596370"),
    "undefined": ("#b9bec5", "#565e68"),
    "grid": ("#e3e7eb", "#2b323c"),
    "control": ("#7b8490", "#7d8894"),
    "gradient": ("#8a2a6b", "#ee9fd2"),
    "raised": ("#f7f8fa", "#1a1f26"),
    "accent": (BLUE, "#5cb8ec"),
}
_SCALE = (("#74bbe8", "#ffffff", "#f3ab33"), ("#10517f", "#1b2027", "#744700"))  # below 0, 0, above

# The colours of roles; frames by kind and mark, fills as "leaf-fill"; shades.
Theme = Mapping[str, str]


def mix(a: str, b: str, share: float) -> str:
    """The colour `share` of the way from a to b."""
    pairs = ((int(a[k : k + 2], 16), int(b[k : k + 2], 16)) for k in (1, 3, 5))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)


def _theme(k: int) -> Theme:
    found = {role: pair[k] for role, pair in _ROLES.items()}
    page = found["page"]
    for kind, look in LOOKS.items():
        found[kind] = look.strokes[k]
        found[f"{kind}-fill"] = mix(page, look.hue, _TINT[k] * look.share)
    found |= {name: mark.strokes[k] for name, mark in MARKS.items()}
    found["ground"] = mix(page, found["cluster"], 0.08)
    found["pill"] = mix(page, found["gradient"], 0.08)
    low, zero, high = _SCALE[k]
    for s in range(-SHADES, SHADES + 1):
        found[shade(s)] = mix(zero, high if s > 0 else low, abs(s) / SHADES)
    return found


def shade(level: int | None) -> str:
    """The style class of a level from -12 to 12 of a pane."""
    return "undefined" if level is None else f"{'n' if level < 0 else 'p'}{abs(level)}"


LIGHT, DARK = _theme(0), _theme(1)
THEMES = {"auto": LIGHT, "light": LIGHT, "dark": DARK}  # "auto" where the reader's is not known
NAMED = {name: f"var(--{name})" for name in LIGHT}  # in a page, which knows them by name


def style(theme: str, root: str) -> str:
    """The style sheet of a picture whose outermost element matches the selector `root`. With theme
    "auto" the reader's system decides between light and dark."""
    dark = f"@media(prefers-color-scheme:dark){{{rules(DARK, root)}}}" if theme == "auto" else ""
    return rules(THEMES[theme], root) + dark


def rules(theme: Theme, root: str) -> str:
    """The style sheet of one theme."""
    found = {
        ".page": f"fill:{theme['page']}",
        "text": f"fill:{theme['text']}",
        ".label,.shape,.note": f"fill:{theme['muted']}",
        ".edge": f"fill:none;stroke:{theme['edge']};stroke-width:1.4",
        ".head": f"fill:{theme['edge']}",
        ".rail .edge": f"stroke:{theme['text']};stroke-width:3.4",
        ".rail .head": f"fill:{theme['text']}",
        ".back": f"fill:none;stroke:{theme['gradient']};stroke-width:1.8;stroke-dasharray:6 4",
        ".tip,.symbol,.local": f"fill:{theme['gradient']}",
        ".pill": f"fill:{theme['pill']};stroke:{theme['gradient']}",
        ".cell": f"stroke:{theme['grid']};stroke-width:1",
        ".value .rim": f"fill:none;stroke:{theme['control']}",
        ".gradient .rim": f"fill:none;stroke:{theme['gradient']}",
        ".value .bar": f"fill:{theme['control']};stroke:{theme['page']}",
        ".gradient .bar": f"fill:{theme['gradient']};stroke:{theme['page']}",
        ".cluster": f"fill:{theme['ground']};stroke:{theme['cluster']}",
        ".ground": f"fill:{theme['ground']}",
        ".undefined": f"fill:{theme['undefined']}",
    }
    for kind, look in LOOKS.items():
        dashes = ";stroke-dasharray:4 3" if look.dashed else ""
        found[f".{kind} .frame"] = (
            f"fill:{theme[f'{kind}-fill']};stroke:{theme[kind]};stroke-width:{look.width}{dashes}"
        )
    for name in MARKS:
        found[f".{name} .frame"] = f"stroke:{theme[name]};stroke-width:{MARKED}"
        found[f".{name} .back,.{name} .pill"] = f"stroke:{theme[name]}"
        found[f".{name} .tip,.{name} .local,.{name} .badge"] = f"fill:{theme[name]}"
    for level in range(-SHADES, SHADES + 1):
        found[f".{shade(level)}"] = f"fill:{theme[shade(level)]}"
    return "".join(
        ",".join(f"{root} {part}" for part in selector.split(",")) + f"{{{body}}}"
        for selector, body in found.items()
    )
