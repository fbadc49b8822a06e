"""SVG from a scene that is laid out: one file, no script, nothing fetched."""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Iterator, Sequence

from ..check.marks import MARKS
from .colours import LOOKS, shade, style
from .layout import label_size
from .measure import CAPTION, ENTRY, FONT, TITLE, width
from .panes import BARS, SHADES, Pane
from .scene import HEAD, LINE, MARK, PAD, Box, Cluster, Edge, Point, Scene

_NOTE = 20.0  # pixels of a line of the legend
_ROOM = 420.0  # pixels across for the legend of a small picture
_WORDS = {"leaf": "parameter", "constant": "constant", "op": "line", "output": "output",
          "group": "folded", "stub": "drawn elsewhere"}  # fmt: skip
_ARROW = 7.0
_RAIL = "residual stream"
# Compiled when first used: that takes milliseconds.
_NOT_XML = "[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def render(scene: Scene, theme: str = "auto", font: str = FONT) -> str:
    """The SVG document. `theme` is "light", "dark" or "auto" (as the reader's system is set)."""
    body, w, h = content(scene)
    root = f"tgl-{theme}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{root}" width="{_n(w)}" height="{_n(h)}" '
        f'viewBox="0 0 {_n(w)} {_n(h)}" role="graphics-document document" '
        f'aria-roledescription="computation graph" aria-label="{xml(scene.alt)}">'
        f"<title>{xml(scene.alt)}</title><style>{base_style('.' + root, font)}"
        f"{style(theme, '.' + root)}</style>"
        f'<rect class="page" width="100%" height="100%"/>{body}</svg>'
    )


def content(scene: Scene, *, live: bool = False) -> tuple[str, float, float]:
    """All that is drawn, with the legend, and how wide and high it is; `live` for a script that
    fills the boxes, which are buttons and do not say what they hold."""
    w, h = scene.width, scene.height
    edges = sorted(scene.edges, key=lambda e: bool(e.text))  # no arrow across what is written
    rims = (_rect("cluster", _at(c.x, c.y), c.width, c.height, ' rx="10"') for c in scene.clusters)
    parts = [*rims, *map(_edge, edges), *map(_label, scene.clusters)]
    body = "".join([*parts, *(_box(box, live) for box in scene.boxes)])
    room = max(w, _ROOM) - 2 * PAD
    x = PAD
    for sample, left, kind, word in _legend(scene):
        item, wide = sample + _text(kind, left, 0, word), left + width(word, CAPTION)
        x, h = (PAD, h + _NOTE) if x + wide > room else (x, h)
        body += f'<g class="key" transform="translate({_n(x)} {_n(h)})">{item}</g>'
        x += wide + 22
        w = max(w, x - 22 + PAD)
    h += _NOTE
    for line in textwrap.wrap(scene.note, int(room / width("m", CAPTION))):
        body += _text("note", PAD, h + 4, line)
        h += LINE
    return body, w, h


def _legend(scene: Scene) -> Iterator[tuple[str, float, str, str]]:
    """What the picture's marks mean, as far as they are in it: a sample, how wide it is, the style
    class of the words and these."""
    kinds = {box.kind for box in scene.boxes}
    frame = _rect("frame", _at(0, -9), 16, 11, ' rx="3"')
    for kind, word in _WORDS.items():
        if kind in kinds:
            yield f'<g class="{kind}">{frame}</g>', 22, "note", word
    if any(edge.back for edge in scene.edges):
        line = '<path class="back" d="M22 -4H6"/><polygon class="tip" points="0,-4 7,-7 7,-1"/>'
        yield line, 28, "symbol", "gradient; δ is that of the line it leaves"
    if any(edge.rail for edge in scene.edges):
        yield '<g class="rail"><path class="edge" d="M0 -4H22"/></g>', 28, "note", _RAIL
    if any(pane.top for box in scene.boxes for pane in box.panes):
        levels = range(-SHADES, SHADES + 1)
        bar = (_rect(shade(level), _at(14 + 4 * k, -9), 4, 10) for k, level in enumerate(levels))
        sample = _text("note", 0, 0, "−") + "".join(bar)
        yield sample, 18 + 4 * len(levels), "note", "+, each array to its own largest entry"


def base_style(root: str, font: str = FONT) -> str:
    """Fonts: what both themes share."""
    return (
        f"{root} text{{font-family:{font};font-size:{CAPTION:g}px}}"
        f"{root} .title{{font-size:{TITLE:g}px}}{root} .name,{root} .badge{{font-weight:bold}}"
        f"{root} .entry{{font-size:{ENTRY:g}px;text-anchor:middle}}"
    )


def xml(text: str) -> str:
    """`text` escaped for XML content and attributes, without what XML cannot hold."""
    return html.escape(re.sub(_NOT_XML, "", text))


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def _rect(kind: str, place: str, w: float, h: float, radius: str = "") -> str:
    return f'<rect class="{kind}"{place} width="{_n(w)}" height="{_n(h)}"{radius}/>'


def _at(x: float, y: float) -> str:
    return f' x="{_n(x)}" y="{_n(y)}"'


def _text(kind: str, x: float, y: float, text: str, more: str = "") -> str:
    return f'<text class="{kind}"{_at(x, y)}{more}>{_spaced(text)}</text>'


def _spaced(text: str) -> str:
    """Escaped, with spaces that no renderer joins, and ones that fonts of one width have."""
    joined = xml(text).replace("  ", "\u00a0\u00a0")
    return joined.replace("𝟏", '<tspan font-weight="bold">1</tspan>')


def _label(c: Cluster) -> str:
    """What a frame is called, on a ground of its own."""
    ground = _rect("ground", _at(c.x + 6, c.y + 4), width(c.label, CAPTION) + 8, 15)
    name = _text("label", c.x + 10, c.y + 15, c.label)
    return f'<g class="scope{" turns" * (c.times > 1)}">{ground}{name}</g>'


def _edge(edge: Edge) -> str:
    """An arrow, that of the gradient against it, and what flows back there."""
    words = f"{edge.count:,} edges" if edge.count > 1 else edge.text
    if edge.rail:
        words = f"{_RAIL}: the gradient goes this way as it is"
    told = f"<title>{xml(words)}</title>" if words else ""
    bundle = ""
    if edge.count > 1:  # the more edges of the graph, the thicker
        bundle = f' style="stroke-width:{1.4 + 0.6 * math.log10(edge.count):.1f}"'
    styles = " ".join(filter(None, ("link", edge.mark, "rail" * edge.rail)))
    head = f'<g class="{styles}" data-from="{edge.source}" data-to="{edge.target}">'
    parts = [head, told, _shaft("edge", "head", edge.points, bundle)]
    if edge.back:
        parts.append(_shaft("back", "tip", edge.back))
    if edge.text and edge.label_at is not None:
        x, y = edge.label_at
        w, h = label_size(edge)
        parts.append(_rect("page", _at(x - w / 2, y - h / 2), w, h, ' rx="7"'))
        if edge.back:
            parts.append(_rect("pill", _at(x - w / 2, y - h / 2), w, h, ' rx="7"'))
        if "𝟏" in edge.text:  # CairoSVG centres what is bold in a text by itself
            parts.append(_text("local", x - w / 2 + 4, y + 4, edge.text))
        else:
            parts.append(_text("local", x, y + 4, edge.text, ' text-anchor="middle"'))
    return "".join([*parts, "</g>"])


def _shaft(line: str, head: str, points: Sequence[Point], more: str = "") -> str:
    shaft, tip = _arrow(points)
    pieces = (shaft[k : k + 4] for k in range(0, len(shaft) - 1, 3))
    curves = (" ".join(f"{_n(x)} {_n(y)}" for x, y in p[1:]) for p in pieces if len(set(p)) > 1)
    x0, y0 = shaft[0]
    path = f"M{_n(x0)} {_n(y0)}C{' '.join(curves)}"
    corners = " ".join(f"{_n(x)},{_n(y)}" for x, y in tip)
    return f'<path class="{line}" d="{path}"{more}/><polygon class="{head}" points="{corners}"/>'


def _arrow(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """The shaft, and the triangle at its end."""
    end = points[-1]
    before = next((p for p in reversed(points) if math.dist(p, end) > 1), points[0])
    length = math.dist(before, end) or 1.0
    ux, uy = (end[0] - before[0]) / length, (end[1] - before[1]) / length
    neck = (end[0] - ux * _ARROW, end[1] - uy * _ARROW)
    half = _ARROW * 0.42
    wings = [(neck[0] - uy * half, neck[1] + ux * half), (neck[0] + uy * half, neck[1] - ux * half)]
    return [*points[:-1], neck], [end, *wings]


def _box(box: Box, live: bool) -> str:
    words = xml(box.tooltip)
    role = f'role="graphics-symbol" aria-label="{words}"'
    tip = f"<title>{words}</title>"
    if live:
        role, tip = 'role="button" tabindex="0"', ""
    return (
        f'<g class="{" ".join(filter(None, ("box", box.kind, box.mark)))}" data-id="{box.id}" '
        f'{role} transform="translate({_n(box.x)} {_n(box.y)})">{tip}'
        f"{_face(box)}{''.join(map(_pane, box.panes))}</g>"
    )


def _face(box: Box) -> str:
    """A box without its panes: its frame, or one behind the other, its title, what stands below."""
    size = box.width, box.height, f' rx="{LOOKS[box.kind].radius}"'
    behind = box.kind == "group" or len(box.copies) > 1
    first = box.height - 8 - LINE * len(box.lines)
    notes = (_text("note", PAD, first + LINE * (k + 1) - 3, x) for k, x in enumerate(box.lines))
    back = _rect("frame", _at(4, 4), *size) if behind else ""
    return f"{back}{_rect('frame', '', *size)}{_title(box)}{''.join(notes)}"


def _title(box: Box) -> str:
    """Name and formula on the left; shape and what `check` says on the right."""
    y, right = HEAD - 7.0, box.width - PAD
    (first, *more), n = box.rows, len(box.name)
    text = f'<tspan class="name">{_spaced(first[:n])}</tspan>{_spaced(first[n:])}'
    text = f'<text class="title"{_at(PAD, y)}>{text}</text>'
    text += "".join(_text("title", PAD, y + LINE * k, row) for k, row in enumerate(more, 1))
    if box.mark:
        text += _text("badge", right, y, MARKS[box.mark].badge, ' text-anchor="end"')
        right -= MARK
    return text + (box.shape and _text("shape", right, y, box.shape, ' text-anchor="end"'))


def _pane(pane: Pane) -> str:
    """An array's cells under the symbol of what it is."""
    w, h = pane.cell
    per = pane.rows * pane.columns
    cells = []
    for k, level in enumerate(pane.levels):
        x, y = pane.slabs[k // per]
        x, y = x + k % pane.columns * w, y + k % per // pane.columns * h
        cells.append(_rect(f"cell {shade(level)}", _at(x, y), w, h))
        if pane.texts:
            cells.append(_text("entry", x + w / 2, y + h / 2 + 3.7, pane.texts[k]))
    rims = [_rect("rim", _at(x, y), pane.columns * w, pane.rows * h) for x, y in pane.slabs]
    pairs = zip(pane.slabs, pane.captions, strict=False)
    rims += [_text("note", x, y - 3, caption) for (x, y), caption in pairs]
    for k, high in enumerate(pane.bars):
        cells.append(_rect("bar", _at(k * w, pane.foot + BARS - 2 * high), w, 2 * high))
    symbol = "symbol" if pane.role == "gradient" else "label"
    note = _text("note", 0, pane.height - 3, pane.note) if pane.note else ""
    return (
        f'<g class="pane {pane.role}" aria-hidden="true" '
        f'transform="translate({_n(pane.x)} {_n(pane.y)})">{_text(symbol, 0, -4, pane.label)}'
        f"{''.join(cells + rims)}{note}</g>"
    )
