"""Derivations in files, notebooks and cells: the lines are found by the names that they assign."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.__main__ import main

START = """\
import numpy as np
import tinygrad_lite as tg
rng = np.random.default_rng(0)
X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
W1, W2 = tg.Tensor(rng.normal(size=(3, 5))), tg.Tensor(rng.normal(size=(5, 1)))
"""
LOSS = """\
z = X @ W1
h = tg.tanh(z)
loss = ((h @ W2 - y) ** 2).mean()
"""
LINES = """\
n = len(X)
dout = 2 * (h.data @ W2.data - y) / n
dW2 = h.data.T @ dout
dz = dout @ W2.data.T * (1 - h.data)
dW1 = X.T @ dz
"""
COUNTED = "with open('runs', 'a') as runs:\n    runs.write('x')\n"


def test_a_files_lines_are_judged_and_it_runs_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hw.py"
    path.write_text(START + LOSS + LINES + COUNTED)
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("1 mistake, in line 12; 1 line that follows; 2 lines right\n")
    assert "mended:" in out
    assert (tmp_path / "runs").read_text() == "x"
    path.write_text(START + LOSS + LINES.replace("(1 - h.data)", "(1 - h.data**2)"))
    assert main(["check", str(path)]) == 0


def test_of_a_training_loop_the_last_turn_is_judged(tmp_path, capsys):
    step = "for p, g in ((W1, dW1), (W2, dW2)):\n    p.data = p.data - 0.1 * g\n"
    body = "".join(f"    {line}\n" for line in (LOSS + LINES + step).splitlines())
    path = tmp_path / "train.py"
    path.write_text(f"{START}for turn in range(3):\n{body}")
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("1 mistake, in line 13; 1 line that follows; 2 lines right\n")


def test_a_notebooks_cells_are_judged(tmp_path, capsys):
    sources = [START, "%matplotlib inline\n" + LOSS, "%%bash\nls", LINES]
    cells = [{"cell_type": "code", "source": s.splitlines(keepends=True)} for s in sources]
    path = tmp_path / "hw.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": []}, *cells]}))
    assert main(["check", "--json", str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["summary"].startswith("1 mistake, in line 4 of cell 4;")
    assert [(f["cell"], f["line"]) for f in told["findings"]] == [(4, k) for k in (2, 3, 4, 5)]
    path.write_text("no notebook")
    assert main(["check", str(path)]) == 2


class Shell(SimpleNamespace):
    """As much of IPython as the magic asks for."""

    def register_magic_function(self, function: Any, kind: str, name: str) -> None:
        assert (kind, name) == ("cell", "check")
        self.magic = function

    def run_cell(self, cell: str, store_history: bool) -> Any:
        assert not store_history
        exec(cell, self.user_ns)
        return SimpleNamespace(success=True)


def test_a_cell_is_run_and_printed_back_with_verdicts():
    shell = Shell(user_ns={})
    tg.load_ipython_extension(shell)
    exec(START + LOSS, shell.user_ns)
    report = shell.magic("loss", LINES)
    assert [f.verdict for f in report] == ["right", "right", "wrong", "follows"]
    assert [f.line for f in report] == [2, 3, 4, 5]
    assert report.fixed().startswith("n = len(X)\n")
    assert "(1 - h.data)" not in report.fixed()
    with pytest.raises(ValueError, match="write %%check E"):
        shell.magic("losss", LINES)


def test_a_node_that_is_in_no_graph_of_the_loss_has_data(tmp_path, capsys):
    start = START + "W, x = tg.Tensor(rng.normal(size=(2, 3))), tg.Tensor(rng.normal(size=3))\n"
    path = tmp_path / "beside.py"
    path.write_text(
        f"{start}E = ((W @ x) ** 2).sum()\nq = W @ x\ndW = np.outer(2 * q.data, x.data)\n"
    )
    assert main(["check", str(path)]) == 0
    path.write_text(path.read_text().replace("2 *", "3 *"))
    assert main(["check", str(path)]) == 1
    assert "np.outer(2 * q.data, x.data)" in capsys.readouterr().out


def test_a_function_may_say_data_of_what_it_is_given():
    rng = np.random.default_rng(0)
    W, x = tg.Tensor(rng.normal(size=(2, 3))), tg.Tensor(rng.normal(size=3))
    E = ((W @ x) ** 2).sum()

    def backward(W, x):
        dq = 2 * W.data @ x.data
        return {"W": np.outer(dq.data, x.data)}

    assert tg.check(E, backward)


def test_updates_at_the_end_of_a_file_are_judged_on_what_they_were(tmp_path, capsys):
    lines = "step_size = 0.1\ndelta = 2 * (h @ W2 - y) / len(y)\n"
    below = "below = delta @ W2.T * (1 - h**2)\n"
    updates = "W2 += -step_size * h.T @ delta\nW1 += -step_size * X.T @ below\n"
    path = tmp_path / "trains.py"
    path.write_text(START + LOSS + lines + below + updates)
    assert main(["check", str(path)]) == 0
    told = capsys.readouterr().out
    assert "W2 += -step_size * h.T @ delta" in told
    assert "a step of descent" in " ".join(told.split())
    path.write_text(START + LOSS + lines + below + updates.replace("X.T @ below", "-X.T @ below"))
    assert main(["check", str(path)]) == 1
    first, second = updates.splitlines()
    path.write_text(START + LOSS + lines + f"{first}\n{below}{second}\n")  # W2 is another by then
    assert main(["check", str(path)]) == 1
