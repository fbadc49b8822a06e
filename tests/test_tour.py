"""The tour as its user runs it, and that it fails when what it promises does not come true."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lite.__main__ import main
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.tour import digits, questions

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def examples(needs):
    needs("sklearn")
    needs("tqdm")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The whole tour, in a process of its own and an empty folder."""
    folder = tmp_path_factory.mktemp("tour")
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_lite", "tour"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done, folder


@pytest.mark.usefixtures("examples")
def test_the_tour_succeeds(ran):
    done, _ = ran
    assert done.returncode == 0, done.stdout + done.stderr
    accuracy = re.search(r"test accuracy ([\d.]+)% \(promised: at least 96%\)", done.stdout)
    assert float(accuracy[1]) >= 96
    assert done.stdout.count("WRONG") == 0


@pytest.mark.usefixtures("examples")
def test_the_tour_finds_the_published_errors(ran):
    output = ran[0].stdout
    assert re.search(r"y_hat \(2, 6\) +wrong .*sign", output)
    assert "W1 (4, 3) @ X (6, 3) do not fit" in output


@pytest.mark.usefixtures("examples")
def test_the_tour_writes_only_into_its_folder(ran):
    _, folder = ran
    assert [p.name for p in folder.iterdir()] == ["tinygrad_lite_tour"]
    files = sorted(p.name for p in (folder / "tinygrad_lite_tour").iterdir())
    assert files == ["adversarial.svg", "one_layer.svg", "two_layers.html", "two_layers.svg"]
    for name in (name for name in files if name.endswith(".svg")):
        ElementTree.parse(folder / "tinygrad_lite_tour" / name)


@pytest.mark.usefixtures("examples")
def test_quick_and_out(tmp_path, capsys):
    assert main(["tour", "--quick", "--out", str(tmp_path / "a" / "b")]) == 0
    assert "promised: at least 90%" in capsys.readouterr().out
    assert (tmp_path / "a" / "b" / "adversarial.svg").exists()


@pytest.mark.usefixtures("examples")
def test_a_network_that_does_not_learn_fails_the_tour(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(digits, "train", lambda *_, **__: digits.Network(np.random.default_rng(0)))
    assert main(["tour", "--quick", "--out", str(tmp_path)]) == 1
    assert "BELOW the promised 90%" in capsys.readouterr().out


def test_a_formula_that_is_off_is_called_wrong(capsys):
    x = Tensor([1.0, 2.0], name="x")
    (x * x).sum().backward()
    assert questions.table("E", [(x, "2 x", 2 * x.data)])
    assert not questions.table("E", [(x, "2 x", 2 * x.data + 1e-9)])
    assert capsys.readouterr().out.count("WRONG") == 1


def test_without_the_extra(monkeypatch, capsys, tmp_path):
    real = digits.import_module

    def missing(name, *args):
        if name == "tqdm":
            raise ModuleNotFoundError(name)
        return real(name, *args)

    monkeypatch.setattr(digits, "import_module", missing)
    monkeypatch.setitem(sys.modules, "sklearn", sys)
    assert main(["tour", "--out", str(tmp_path / "new")]) == 2
    captured = capsys.readouterr()
    assert captured.err == (
        "tinygrad-lite: the tour needs tqdm, of the extra [examples]: "
        "pip install scikit-learn tqdm\n"
    )
    assert not captured.out
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("examples")
def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["tour", "--out", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err


@pytest.mark.usefixtures("examples")
def test_output_into_a_pipe_that_closes(tmp_path):
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -u -m tinygrad_lite tour --quick | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.startswith("1. ")
    assert not done.stderr


def test_picture():
    images = [np.array([[0.0, 1.0], [0.5, 0.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])]
    text = digits.as_text(images, ["a", "b"])
    assert text.splitlines() == ["   a         b", "     @@      @@@@", "   =="]
    svg = digits.as_svg(images, ["a <", "b"])
    root = ElementTree.fromstring(svg)
    fills = [e.get("fill") for e in root if e.get("width") == str(digits.PIXEL)]
    assert fills[:4] == [
        "rgb(255,255,255)",
        "rgb(0,0,0)",
        "rgb(128,128,128)",
        "rgb(255,255,255)",
    ]
    assert [e.text for e in root if e.tag.endswith("text")] == ["a <", "b"]
    assert root.get("aria-label") == "a <; b"
