"""Colours, from the Okabe-Ito palette (told apart by all), tinted so that text on them stands at
7:1 or more (tested) in both themes. Shape and line style say the same as colour does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BLUE, SKY, GREEN, ORANGE = "#0072b2", "#56b4e9", "#009e73", "#e69f00"
VERMILLION, PURPLE = "#d55e00", "#cc79a7"
STEPS = 4  # of a gradient's colour on either side of zero


@dataclass(frozen=True)
class Theme:
    """The colours of one theme. `scale` and `norms` are text backgrounds, `heat` has no text."""

    name: str
    page: str
    text: str
    muted: str
    edge: str
    cluster: str
    fill: Mapping[str, str]
    stroke: Mapping[str, str]
    scale: tuple[str, ...]
    norms: tuple[str, ...]
    heat: tuple[str, ...]
    undefined: str


def mix(a: str, b: str, share: float) -> str:
    """The colour `share` of the way from a to b."""
    pairs = zip(_channels(a), _channels(b), strict=True)
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _diverging(low: str, middle: str, high: str) -> tuple[str, ...]:
    steps = [k / STEPS for k in range(1, STEPS + 1)]
    left = [mix(middle, low, s) for s in reversed(steps)]
    return (*left, middle, *(mix(middle, high, s) for s in steps))


def _sequential(low: str, high: str) -> tuple[str, ...]:
    return tuple(mix(low, high, k / STEPS) for k in range(STEPS + 1))


def _kinds(page: str, share: float) -> dict[str, str]:
    return {
        "leaf": mix(page, GREEN, share),
        "constant": mix(page, "#808080", share * 0.6),
        "op": mix(page, SKY, share),
        "output": mix(page, ORANGE, share * 1.15),
        "group": mix(page, PURPLE, share * 1.2),
    }


LIGHT = Theme(
    name="light",
    page="#ffffff",
    text="#14171b",
    muted="#41474f",
    edge="#5c646e",
    cluster="#a2a9b3",
    fill=_kinds("#ffffff", 0.14),
    stroke={
        "leaf": "#00785a",
        "constant": "#6a717b",
        "op": "#2f84b8",
        "output": "#a86f00",
        "group": "#a04d7d",
    },
    scale=_diverging(SKY, "#ffffff", "#f0ab1f"),
    norms=_sequential("#ffffff", "#dc9cc0"),
    heat=_diverging(BLUE, "#f4f4f2", VERMILLION),
    undefined="#000000",
)
DARK = Theme(
    name="dark",
    page="#12151a",
    text="#f1f4f7",
    muted="#ccd3db",
    edge="#9aa4b0",
    cluster="#596370",
    fill=_kinds("#12151a", 0.22),
    stroke={
        "leaf": "#2fc79c",
        "constant": "#98a1ac",
        "op": "#5cb8ec",
        "output": "#f0b230",
        "group": "#dc94bb",
    },
    scale=_diverging("#0b4c78", "#20252c", "#6b4200"),
    norms=_sequential("#20252c", "#6b3558"),
    heat=_diverging("#4aa8e0", "#2a3038", "#f0863c"),
    undefined="#ffffff",
)


def step(level: float) -> int:
    """The nearest step of a colour scale: from -STEPS to STEPS."""
    return round(level * STEPS)


def style(theme: str, root: str) -> str:
    """The style sheet of a picture whose outermost element matches the selector `root`.

    With theme "auto" the reader's system decides between light and dark.
    """
    if theme == "auto":
        dark = _rules(DARK, root)
        return f"{_rules(LIGHT, root)}@media(prefers-color-scheme:dark){{{dark}}}"
    return _rules(DARK if theme == "dark" else LIGHT, root)


def _rules(theme: Theme, root: str) -> str:
    rules = {
        ".page": f"fill:{theme.page}",
        "text": f"fill:{theme.text}",
        ".label,.shape,.note": f"fill:{theme.muted}",
        ".edge": f"fill:none;stroke:{theme.edge};stroke-width:1.3",
        ".head": f"fill:{theme.edge}",
        ".local": f"stroke:{theme.page};stroke-width:4;stroke-linejoin:round;paint-order:stroke",
        ".cluster": f"fill:{mix(theme.page, theme.cluster, 0.08)};stroke:{theme.cluster}",
        ".undefined": f"fill:{theme.undefined}",
    }
    widths = {"leaf": 2.2, "constant": 1, "op": 1.2, "output": 3.2, "group": 1.4}
    for kind, fill in theme.fill.items():
        dashes = ";stroke-dasharray:4 3" if kind == "constant" else ""
        rules[f".{kind} .frame"] = (
            f"fill:{fill};stroke:{theme.stroke[kind]};stroke-width:{widths[kind]}{dashes}"
        )
    for k, colour in enumerate(theme.scale):
        rules[f".s{k}"] = f"fill:{colour}"
    for k, colour in enumerate(theme.norms):
        rules[f".p{k}"] = f"fill:{colour}"
    for k, colour in enumerate(theme.heat):
        rules[f".h{k}"] = f"fill:{colour}"
    return "".join(
        ",".join(f"{root} {part}" for part in selector.split(",")) + f"{{{body}}}"
        for selector, body in rules.items()
    )
