"""SVG: well-formed whatever the names, readable in both themes, every text inside its box."""

import re
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from pictures import contrast

import tinygrad_lite as tg
from benchmarks.draw import LOOK
from benchmarks.gallery import GALLERY
from tinygrad_lite.check.marks import MARKS
from tinygrad_lite.draw.colours import DARK, LIGHT, LOOKS
from tinygrad_lite.draw.measure import columns
from tinygrad_lite.draw.panes import SHADES

SVG = "{http://www.w3.org/2000/svg}"
NASTY = (
    "quotes \" and ' both",
    "<script>alert(1)</script>",
    "</script></style></title></svg>",
    "two\nlines\tand a tab",
    "😀👩‍🔬 学习率",
    r"back\slash \n \L {0} %s",
    "& &amp; ]]> <!-- -->",
    "control \x00\x07\x1b\ud800 characters",
    "a|b{c}[d]",
    "",
    "  ",
    "x" * 200,
)


def nasty_graph(name):
    with tg.scope(name):
        a = tg.Value(2.0, name=name)
        b = a.tanh()
    b.name = name
    c = b * 2.0
    c.backward()
    return c


class _Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = Counter()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found[tag] += 1
        self.found.update(name for name, _ in attrs)


def tags_of(html):
    """The elements and attributes of a page as a browser finds them, counted."""
    return _Tags(html).found


def texts(svg):
    return ["".join(t.itertext()) for t in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", NASTY)
def test_names_cannot_inject(name):
    drawing = tg.draw(nasty_graph(name))
    tree = ElementTree.fromstring(drawing.svg)
    tags = {element.tag.removeprefix(SVG) for element in tree.iter()}
    assert tags == {"svg", "title", "style", "rect", "g", "path", "polygon", "text", "tspan"}
    assert not [key for e in tree.iter() for key in e.attrib if key.startswith("on")]
    assert len(list(tree.iter(f"{SVG}style"))) == 1
    assert tags_of(drawing.html) == tags_of(tg.draw(nasty_graph("h" * round(columns(name)))).html)


def test_a_harmless_name_arrives_as_it_is():
    assert any("a<b & c" in text for text in texts(tg.draw(nasty_graph("a<b & c")).svg))


def test_numbers_have_three_digits_and_true_minus_signs():
    a = tg.Value(-0.123456, name="a")
    b = a * 1e-9
    b.backward()
    found = texts(tg.draw(b).svg)
    assert "−0.123" in found
    assert "−1.23e−10" in found
    assert not [text for text in found if "-" in text]


def test_gradients_are_a_dash_before_backward_and_zero_after():
    a = tg.Value(3.0, name="a")
    b = a * 0.0
    assert texts(tg.draw(b).svg).count("—") == 2
    b.backward()
    assert "—" not in texts(tg.draw(b).svg)
    assert "0" in texts(tg.draw(b).svg)


def test_nan_and_infinity_are_shown_plainly():
    t = tg.Tensor(np.array([np.nan, np.inf, -np.inf, 1.0]), name="t")
    many = tg.Tensor(np.where(np.arange(20) < 3, np.nan, 1.5), name="many")
    none = tg.Tensor(np.full(9, np.nan), name="none")
    found = texts(tg.draw([t * 1.0, many * 1.0, none * 1.0]).svg)
    assert {"NaN", "∞", "−∞", "1"} <= set(found)
    assert found.count("1.5") == 2 * 17
    assert found.count("NaN") == 2 * (1 + 3 + 9)
    scalar = tg.Value(float("inf"), name="x")
    assert {"∞", "NaN"} <= set(texts(tg.draw(scalar - scalar).svg))


def test_empty_and_zero_dimensional_arrays():
    found = texts(tg.draw([tg.Tensor(np.zeros((0, 3))), tg.Tensor(np.array(2.5))]).svg)
    assert "empty" in found
    assert "2.5" in found


def test_kinds_differ_in_more_than_colour():
    W = tg.Tensor(np.ones((2, 2)), name="W")
    with tg.scope("layer"):
        E = (tg.sigmoid(W @ np.ones(2)) ** 2).sum()
    svg = tg.draw(E, depth=0).svg + tg.draw(E, steps=True).svg
    style = {
        kind: re.search(rf"\.{kind} \.frame{{fill:[^;]*;stroke:[^;]*;([^}}]*)}}", svg).group(1)
        for kind in ("leaf", "constant", "op", "output", "group")
    }
    assert len(set(style.values())) == 5
    assert "dasharray" in style["constant"]
    corners = {
        kind: re.search(rf'class="box {kind}".*?rx="(\d)"', svg, re.DOTALL).group(1)
        for kind in ("leaf", "op", "output")
    }
    assert corners == {"leaf": "2", "op": "8", "output": "8"}


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_contrast_is_at_least_seven(theme):
    fills = [colour for name, colour in theme.items() if name.endswith("-fill")]
    shades = [colour for name, colour in theme.items() if re.fullmatch(r"[np]\d+", name)]
    assert len(shades) == 2 * SHADES + 1
    worst = {
        (theme[text], ground): contrast(theme[text], ground)
        for text, grounds in (("text", shades), ("muted", ()))
        for ground in (theme["page"], theme["ground"], *fills, *grounds)
    }
    assert {pair: ratio for pair, ratio in worst.items() if ratio < 7} == {}
    frames = {name: contrast(theme[name], theme["page"]) for name in (*LOOKS, *MARKS)}
    assert {kind: ratio for kind, ratio in frames.items() if ratio < 3} == {}


def test_contrast_is_wcags():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_themes():
    E = nasty_graph("a")
    light, dark, auto = (tg.draw(E, theme=theme).svg for theme in ("light", "dark", "auto"))
    pages = [re.findall(r"\.page\{fill:(#\w+)", svg) for svg in (light, dark, auto)]
    assert pages == [
        [LIGHT["page"]],
        [DARK["page"]],
        [LIGHT["page"], DARK["page"]],
    ]
    assert auto.index("prefers-color-scheme:dark") < auto.index(DARK["page"])


@pytest.fixture(scope="module")
def page():
    from conftest import needs

    sync = needs("playwright.sync_api")
    program = needs("browser")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@pytest.mark.browser
def test_every_text_is_inside_its_box_in_a_browser(page, tmp_path, rng):
    W = tg.Tensor(rng.normal(size=(5, 4)), name="W")
    small = tg.Tensor(rng.normal(size=6) * 1e-7, name="a_rather_long_name")
    E = (tg.softplus(W @ rng.normal(size=(4, 9))).sum() * (small**2).sum()).sum()
    E.backward()
    drawings = [tg.draw(E), tg.draw(E, steps=True)]
    drawings += [tg.draw(nasty_graph(name)) for name in NASTY]
    for font in (None, "DejaVu Sans Mono", "Liberation Mono"):
        for drawing in drawings:
            svg = drawing.svg
            if font is not None:
                svg = re.sub(r"font-family:[^;]*;", f"font-family:'{font}',monospace;", svg)
            page.set_content(f'<body style="margin:0">{svg}</body>')
            assert page.locator("g.box").count() == len(drawing.scene.boxes)
            assert faults(page) == {}


def faults(page):
    """What lies on something else, as the gallery measures it, and text that is too small."""
    found = page.evaluate(LOOK)
    assert found.pop("text") >= 10
    return {what: n for what, n in found.items() if n}


@pytest.mark.browser
@pytest.mark.parametrize("name", [name for name in GALLERY if "00" not in name])
def test_the_gallery_has_no_faults(page, name):
    drawing = GALLERY[name]()()
    page.set_content(f'<body style="margin:0">{drawing.svg}</body>')
    assert faults(page) == {}


@pytest.mark.browser
def test_the_check_in_the_browser_sees_faults(page):
    drawing = GALLERY["question 2"]()()
    (v,) = (box for box in drawing.scene.boxes if box.name == "v")
    moved = re.sub(rf'(?s)(data-id="{v.id}".*?translate\()[\d. ]+', r"\g<1>300 10", drawing.svg)
    for svg, what in (
        (moved, "boxes"),
        (drawing.svg.replace(">value<", ">value that is far too long for its box now<"), "texts"),
        (
            re.sub(r'(class="local" x=")[\d.]+(" y=")[\d.]+', r"\g<1>200\g<2>300", drawing.svg),
            "labels",
        ),
        (re.sub(r'(class="edge" d="M)[\d. ]+', r"\g<1>200 20", drawing.svg), "arrows"),
    ):
        page.set_content(f'<body style="margin:0">{svg}</body>')
        assert what in faults(page)
