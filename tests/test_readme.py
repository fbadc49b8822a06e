"""The README's code runs and prints what it says; its commands are what `.ci/run` runs."""

import contextlib
import io
import linecache
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```\n(?:^```text\n(.*?)^```\n)?", README, re.M | re.S)


def readme_outputs():
    """What each block prints, run one after the other in one namespace."""
    namespace = {"__name__": "__main__"}
    for k, (code, _) in enumerate(BLOCKS):
        printed, name = io.StringIO(), f"<block {k}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        with contextlib.redirect_stdout(printed):
            exec(compile(code, name, "exec"), namespace)
        yield printed.getvalue()


def test_code_prints_what_the_readme_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == README.count("```python\n") > 0
    for (code, expected), actual in zip(BLOCKS, readme_outputs(), strict=True):
        assert without_rounding(expected) == without_rounding(actual), code


def without_rounding(text):
    """Errors of the order of 1e-16 differ from machine to machine."""
    return re.sub(r"error \d?(e-1[5-9]|e\+00)", "error tiny", text)


def test_figures_are_those_that_were_measured():
    """Every row of a table under "Speed" stands in what the benchmark wrote."""
    speed = README[README.index("<!-- performance: begin -->") :]
    shown = re.findall(r"^\|.*\|$", speed, re.M)
    measured = (ROOT / "benchmarks" / "results.md").read_text(encoding="utf-8").splitlines()
    assert len(shown) > 20
    assert set(shown) <= set(measured)


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


@pytest.mark.parametrize(
    ("name", "end"),
    [("tour", ".venv/bin/tinygrad-lite tour"), ("tests", ".venv/bin/python -m pytest")],
)
def test_ci_runs_the_readme_commands(name, end):
    command = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run"), "--print", name],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"<!-- command: {name} -->\n```sh\n{command}```\n" in README
    assert len(command.splitlines()) == 1
    assert command.startswith("python3 -m venv .venv && ")
    assert command.endswith(f" && {end}\n")


def test_ci_run_is_executable():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
