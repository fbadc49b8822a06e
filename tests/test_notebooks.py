"""Every notebook runs from top to bottom, and its committed outputs are those of such a run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def printed(cell):
    """The text of a cell's outputs, without what differs from machine to machine: the last digits
    of rounding errors, percentages reached by training, addresses, times."""
    text = "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.get("outputs", ())
    )
    text = re.sub(r"\b\d(\.\d+)?(e-(0[5-9]|1\d)|e\+00)\b|\b0\.0\b", "tiny", text)
    text = re.sub(r"\b[\d.]+%", "some %", text)
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    return re.sub(r"[\d.]+ (ms|s|us|µs)\b", "some time", text)


@pytest.mark.notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebook_runs(path, tmp_path, monkeypatch, needs):
    nbformat, nbclient = needs("nbformat"), needs("nbclient")
    for package in ("ipykernel", "matplotlib", "sklearn"):
        needs(package)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    committed = nbformat.read(path, as_version=4)
    ran = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        ran, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    for old, new in zip(committed.cells, ran.cells, strict=True):
        if old.cell_type == "code":
            assert printed(old) == printed(new), f"outputs are stale: {old.source}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebook_is_committed_clean(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 1_000_000, "outputs too large to commit"
    assert '"output_type": "error"' not in text
    assert '"execution_count": null' not in text, "a cell was not run"


def test_there_are_notebooks():
    assert NOTEBOOKS
