import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_lite as tg
from tinygrad_lite.__main__ import CannotRun, find_loss, main, run_file

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """
import numpy as np
import tinygrad_lite as tg
W = tg.Tensor(np.ones((5, 4)))
b = tg.Tensor(np.zeros(5), name="bias")
E = (W @ np.ones(4) + b).sum()
"""


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return write


def test_run_file_gives_the_variables_and_names_the_nodes(script):
    namespace = run_file(script(SCRIPT))
    assert namespace["W"].name == "W"
    assert namespace["b"].name == "bias"
    assert find_loss(namespace, "mine.py") is namespace["E"]


def test_run_file_runs_as_python_would(script, tmp_path):
    (tmp_path / "neighbour.py").write_text("number = 3")
    path = script("import neighbour\nif __name__ == '__main__': ran = neighbour.number")
    before = list(sys.path)
    assert run_file(path)["ran"] == 3
    assert sys.path == before


def test_run_file_of_a_missing_file(tmp_path):
    with pytest.raises(CannotRun, match=r"nowhere\.py: no such file"):
        run_file(tmp_path / "nowhere.py")


def test_run_file_shows_where_the_file_raised(script):
    with pytest.raises(CannotRun) as caught:
        run_file(script("def f():\n    return 1 / 0\nf()\n"))
    message = str(caught.value)
    assert "ZeroDivisionError" in message
    assert "return 1 / 0" in message
    assert "runpy" not in message


def test_run_file_shows_a_syntax_error(script):
    with pytest.raises(CannotRun, match="SyntaxError"):
        run_file(script("W = = 3\n"))


def test_run_file_that_exits(script):
    with pytest.raises(CannotRun, match=r"stopped by exit\(3\)"):
        run_file(script("import sys; sys.exit(3)"))


def test_find_loss_says_what_it_looked_for():
    with pytest.raises(
        CannotRun, match=r"defines no loss: no Value or Tensor called loss, E, J, L, cost, .* or C "
    ):
        find_loss({"F": 3.0}, "mine.py")
    with pytest.raises(CannotRun, match=r"; E is a plain number: make the parameters Tensors, as"):
        find_loss({"E": 3.0}, "mine.py")
    cost = tg.Tensor([1.0, 2.0]).sum()
    assert find_loss({"E": tg.Tensor([1.0]), "cost": cost}, "mine.py") is cost  # an embedding, say
    with pytest.raises(CannotRun, match="err is a float, not a Value or Tensor"):
        find_loss({"err": 3.0}, "mine.py", "err")
    with pytest.raises(CannotRun, match=r"no Value or Tensor called err$"):
        find_loss({}, "mine.py", "err")


def test_find_loss_prefers_loss():
    a, b = tg.Value(1.0), tg.Value(2.0)
    assert find_loss({"E": a, "loss": b}, "mine.py") is b
    assert find_loss({"E": a, "loss": 3.0}, "mine.py") is a
    assert find_loss({"E": a, "loss": b, "J": a}, "mine.py", "J") is a


def test_main_without_a_command_shows_the_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "usage: tinygrad-lite" in capsys.readouterr().err


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_lite", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "shows its work" in done.stdout


CHECKED = """
import numpy as np
import tinygrad_lite as tg
rng = np.random.default_rng(0)
W, x = tg.Tensor(rng.normal(size=(5, 4))), rng.normal(size=4)
y = rng.normal(size=5)
s = tg.sigmoid(W @ x)
E = 0.5 * ((s - y) ** 2).sum()
o = s.data
g = (o - y) * o * (1 - o)
"""


def test_check_of_right_claims(script, capsys):
    path = script(CHECKED + "claims = {W: np.outer(g, x), 's': o - y}")
    assert main(["check", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["W", "s"]
    assert all("right" in line for line in lines)


def test_check_of_a_wrong_claim_prints_why_and_exits_with_1(script, capsys):
    path = script(CHECKED + "claims = {W: -np.outer(g, x)}")
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert "W (5, 4)   wrong" in out
    assert "s − y" in out  # constants have their names too


def test_check_as_json_and_of_typed_digits(script, capsys):
    path = script(CHECKED + "claims = {W: np.round(np.outer(g, x), 3)}")
    assert main(["check", "--json", str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["findings"][0]["name"]) == (False, "W")
    assert main(["check", "--digits", "3", str(path)]) == 0


def test_check_takes_the_name_of_the_loss(script, capsys):
    path = script(CHECKED + "mine = 2 * E\nclaims = {W: 2 * np.outer(g, x)}")
    assert main(["check", str(path), "--loss", "mine"]) == 0
    assert main(["check", str(path)]) == 1
    capsys.readouterr()


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("", "gives a gradient: it assigns nothing like dW, grad_W or dE_dW"),
        ("claims = [1]", "claims is a list; pass a function"),
        ("claims = {}", "no claims; pass what you derived"),
        ("claims = {'V': 1.0}", "no node is called 'V'"),
        ("claims = {W: 'text'}", "'text' is no name of the graph"),
        ("claims = {W: np.full((5, 4), np.nan)}", "NaN"),
        ("claims = {W: np.full((5, 4), np.inf)}", "infinite"),
        ("del E", "defines no loss"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_check_that_cannot_run_says_why_and_exits_with_2(script, capsys, end, says):
    path = script(CHECKED + end)
    assert main(["check", str(path)]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.startswith("tinygrad-lite: ")


def test_a_terminal_without_greek_letters(script):
    path = script(
        "import tinygrad_lite as tg\nx = tg.Value(1.0)\nE = tg.sigmoid(x)\nclaims = {x: 1}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_lite", "check", str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 1
    assert not done.stderr
    assert "\\u03c3" in done.stdout


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"tinygrad-lite {tg.__version__}\n"


def test_draw_replaces_its_own_page_and_no_other_file(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path, page = script(SCRIPT), tmp_path / "mine.html"
    assert main(["draw", str(path)]) == 0
    page.write_bytes(page.read_bytes() + b"<!-- the first -->")
    assert main(["draw", str(path)]) == 0
    assert b"<!-- the first -->" not in page.read_bytes()
    page.write_text("a notebook's export")
    assert main(["draw", str(path)]) == 2
    assert "mine.html is there, and is no picture of ours" in capsys.readouterr().err
    assert page.read_text() == "a notebook's export"
    assert main(["draw", str(path), "-o", str(page)]) == 0
    assert main(["draw", str(path), "-o", "mine-graph.html"]) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_line_and_status_2(tmp_path):
    file = tmp_path / "e.py"
    file.write_text("import tinygrad_lite as tg\nx = tg.Value(2.0)\nE = x * x\nclaims = {x: 4.0}\n")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tinygrad_lite", "check", str(file)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("tinygrad-lite: ")
    assert done.stderr.count("\n") == 1


def test_an_interrupt_is_one_line_and_status_130(tmp_path, capsys):
    file = tmp_path / "e.py"
    file.write_text("raise KeyboardInterrupt\n")
    assert main(["check", str(file)]) == 130
    assert capsys.readouterr().err == "tinygrad-lite: interrupted\n"


DERIVED = """
import numpy as np
import tinygrad_lite as tg
W, x = tg.Tensor(np.ones((3, 2))), tg.Tensor(np.ones(2))
y = np.zeros(3)
s = tg.tanh(W @ x)
loss = ((s - y) ** 2).sum()
"""


def test_derive_prints_the_derivation(script, capsys):
    assert main(["derive", str(script(DERIVED)), "-w", "W"]) == 0
    out = capsys.readouterr().out
    assert "∂loss/∂W = 2 ((s − y) ⊙ (1 − s²)) xᵀ   (3, 2)" in out
    assert "dloss = 2 (s − y) : ds" in out
    assert "checked: 4 draws" in out
    assert "∂loss/∂x" not in out


def test_derive_of_every_input_and_of_a_step(script, capsys):
    assert main(["derive", str(script(DERIVED))]) == 0
    out = capsys.readouterr().out
    assert "∂loss/∂W = " in out
    assert "∂loss/∂x = " in out
    assert main(["derive", str(script(DERIVED)), "-w", "s", "--latex"]) == 0
    assert r"\frac{\partial \mathrm{loss}}{\partial s} = 2 \left(s - y\right)" in (
        capsys.readouterr().out
    )


def test_derive_that_cannot_run(script, capsys):
    assert main(["derive", str(script(DERIVED)), "-w", "V"]) == 2
    assert "no Value or Tensor called V" in capsys.readouterr().err
    assert main(["derive", str(script("import tinygrad_lite as tg; E = tg.Tensor(1.0)"))]) == 2
    assert "depends on no named input" in capsys.readouterr().err
