"""The formats of a picture: what is written, what each needs, what is refused."""

import importlib
import re
import struct
import subprocess
from importlib.metadata import metadata
from xml.etree import ElementTree

import graphviz
import pytest

import tinygrad_lite as tg
from tinygrad_lite.__main__ import main
from tinygrad_lite.draw import drawing as drawing_module
from tinygrad_lite.draw.drawing import FORMATS, Format
from tinygrad_lite.graph.options import either


@pytest.fixture(params=FORMATS)
def ending(request, needs):
    """Each format whose tools are here."""
    if "dot" in FORMATS[request.param].needs:
        needs("dot")
    return request.param


def scalars():
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    e = (a * b + a**2).tanh()
    e.name = "e"
    e.backward()
    return e


def test_saves_in_every_format_of_the_table(ending, tmp_path):
    path = tg.draw(scalars()).save(tmp_path / f"g{ending.upper()}")
    content = FORMATS[ending].write(tg.draw(scalars()).scene, "light")
    if isinstance(content, bytes):
        assert path.read_bytes()[:8] == content[:8] != b""
        return
    text = path.read_text(encoding="utf-8")
    assert "tanh" in text
    assert "tanh" in content
    assert not re.search(r"(src|href|url)\s*[=(]\s*.?http", text)


@pytest.mark.parametrize(("ending", "magic"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
@pytest.mark.parametrize("theme", ["auto", "dark"])
def test_the_svg_is_converted(ending, magic, theme, tmp_path, needs):
    needs("cairosvg")
    for name in ("a", 'q" <b> \\N & \n 😀', "</TABLE>"):
        node = tg.Value(1.0, name=name).tanh()
        node.backward()
        drawing = tg.draw(node, theme=theme)
        assert drawing.save(tmp_path / f"g{ending}").read_bytes().startswith(magic)


def test_a_png_has_two_pixels_for_one_of_the_svg(tmp_path, needs):
    needs("cairosvg")
    drawing = tg.draw(scalars())
    data = drawing.save(tmp_path / "g.png").read_bytes()
    root = ElementTree.fromstring(drawing.svg)
    wide, high = struct.unpack(">II", data[16:24])
    assert (wide, high) == pytest.approx(
        [2 * float(root.get(side)) for side in ("width", "height")], abs=2
    )


@pytest.mark.dot
def test_dot_paints_the_digraph():
    for name in ("a", 'q" <b> \\N & \n 😀', "</TABLE>"):
        digraph = tg.draw(tg.Value(1.0, name=name).tanh()).digraph
        assert digraph.pipe(format="png").startswith(b"\x89PNG")


def test_what_a_format_needs_is_an_extra_of_ours(ending):
    needed = FORMATS[ending].needs
    extras = re.findall(r"tinygrad_lite\[(\w+)\]", needed)
    assert set(extras) <= set(metadata("tinygrad_lite").get_all("Provides-Extra"))
    assert extras or not needed


@pytest.mark.parametrize("error", [ImportError, OSError("no library called cairo-2 was found")])
def test_png_without_cairo_is_one_sentence(error, tmp_path, monkeypatch):
    drawing = tg.draw(scalars())

    def missing(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", missing)
    free = either([ending for ending, form in FORMATS.items() if not form.needs], "and")
    with pytest.raises(
        RuntimeError, match=rf"^save: a \.png file needs .*cairo.*; {free} need noth"
    ):
        drawing.save(tmp_path / "g.png")
    assert not (tmp_path / "g.png").exists()


def test_a_row_makes_a_format(tmp_path, monkeypatch):
    def write(scene, theme):
        return f"{theme}: {scene.alt}"

    monkeypatch.setitem(FORMATS, ".new", Format(write))
    drawing = tg.draw(scalars(), theme="dark")
    assert drawing.save(tmp_path / "g.new").read_text() == f"dark: {drawing.alt}"
    with pytest.raises(ValueError, match=r"\.pdf or \.new$"):
        drawing.save(tmp_path / "g.jpg")


def test_a_format_without_its_package_names_the_extra(tmp_path, monkeypatch):
    def write(scene, theme):
        return importlib.import_module("a_painter_that_is_not_there")

    row = Format(write, needs="the package painter: pip install 'tinygrad_lite[viz]'")
    monkeypatch.setitem(FORMATS, ".gif", row)
    with pytest.raises(
        RuntimeError, match=r"\.gif file needs .*pip install 'tinygrad_lite\[viz\]'"
    ):
        tg.draw(scalars()).save(tmp_path / "g.gif")


def test_the_help_of_the_command_line_names_every_format(ending, capsys):
    with pytest.raises(SystemExit):
        main(["draw", "--help"])
    assert ending in capsys.readouterr().out


def test_saving_refuses_what_it_cannot_do(tmp_path):
    drawing = tg.draw(scalars())
    with pytest.raises(ValueError, match=f"'g.jpg' should end in {re.escape(either(FORMATS))}$"):
        drawing.save(tmp_path / "g.jpg")
    with pytest.raises(ValueError, match="should end in"):
        drawing.save(tmp_path / "picture")
    with pytest.raises(FileNotFoundError, match=r"the folder '.*nowhere' does not exist"):
        drawing.save(tmp_path / "nowhere" / "g.svg")


def test_digraph_is_the_graphviz_packages():
    drawing = tg.draw(scalars())
    assert isinstance(drawing.digraph, graphviz.Digraph)
    assert drawing.source == drawing.digraph.source
    assert "e = tanh(t₃)" in drawing.source


@pytest.mark.dot
def test_dot_source_parses_whatever_the_names():
    for name in ('"', "\\", "\\N", "<b>", "</TABLE>>", "\n", "a]b", "😀", "--"):
        with tg.scope(name):
            node = tg.Value(1.0, name=name).tanh()
        source = tg.draw(node).source
        done = subprocess.run(["dot", "-Tplain"], input=source.encode(),
                              capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.decode().count("\nnode ") == 2
        assert b"rror" not in done.stderr


def test_show_opens_a_browser(monkeypatch):
    opened = []
    monkeypatch.setattr(drawing_module.webbrowser, "open", opened.append)
    tg.draw(scalars()).show()
    (url,) = opened
    assert url.startswith("file:///")
    assert url.endswith(".html")
