"""The benchmarks run: every engine computes the same loss (they check it), and each prints rows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(script, *args, root=ROOT):
    return subprocess.run(
        [sys.executable, root / "benchmarks" / script, *args],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def printed(script, *args, root=ROOT):
    done = run(script, *args, root=root)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.oracle
def test_the_array_benchmark_runs(needs):
    for tool in ("sklearn", "mygrad", "autograd"):
        needs(tool)
    out = printed("tensor.py", "--repeats", "1")
    tables = len(re.findall(r"^digits, ", out, re.MULTILINE))
    assert tables > 0
    for engine in ("NumPy by hand", "primitive ops", "as written", "fused ops"):
        assert len(re.findall(rf"{engine} +\d+ us", out)) == tables


@pytest.mark.oracle
def test_the_scalar_benchmark_runs(needs):
    for tool in ("sklearn", "micrograd"):
        needs(tool)
    out = printed("scalar.py", "--repeats", "1", "--nodes", "1000")
    for engine in ("its code on our Value", "tinygrad_lite.nn", "tinygrad_lite.nn, coll. off"):
        assert re.search(rf"{re.escape(engine)} +\d+\.\d ms", out)
    per_node = re.search(r"tinygrad_lite +bytes/node: (\d+) .*; the collector finds (\d+)", out)
    assert int(per_node[1]) <= 150
    assert int(per_node[2]) == 0


@pytest.mark.oracle
def test_the_benchmark_of_programs_runs(needs):
    for tool in ("sklearn", "micrograd"):
        needs(tool)
    out = printed("compiled.py", "--rounds", "1", "--calls", "2", "--nodes", "1000")
    for name in ("hand, in place", "program.step", r"program\(\)"):
        assert re.search(rf"^\| {name} \| \d+\.\d \|", out, re.MULTILINE)
    assert len(re.findall(r"^\| .*(?:ops|chain)", out, re.MULTILINE)) == 4


@pytest.fixture
def repository(needs, tmp_path):
    """A repository of its own, whose checkout imports slower than its only commit."""
    git = needs("git")
    for folder in ("tinygrad_lite", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for command in ("init -q", "add .", "-c user.name=t -c user.email=t commit -qm before"):
        subprocess.run([git, "-C", tmp_path, *command.split()], check=True)
    with open(tmp_path / "tinygrad_lite" / "__init__.py", "a", encoding="utf-8") as package:
        package.write("\nimport time\n\ntime.sleep(0.5)\n")
    return tmp_path


def test_a_checkout_is_compared_with_a_commit(repository, needs):
    for tool in ("sklearn", "micrograd"):
        needs(tool)
    out = printed("compare.py", "HEAD", "--rounds", "1", "--repeats", "1", root=repository)
    ratios = dict(re.findall(r"^  (\S.*?) +[\d.e+]+ +[\d.e+]+ +([\d.]+)  ", out, re.MULTILINE))
    assert float(ratios["import after NumPy: ms"]) > 1.5
    assert float(ratios["memory, chain of 10,000: after backward, bytes/node"]) == 1
    for start in ("chain", "wide", "demo step", "tanh", "relu", "MLP 3-8-1", "an MLP's", "MLP of"):
        assert any(reading.startswith(start) for reading in ratios), out
    left = subprocess.run(
        ["git", "-C", repository, "worktree", "list"], capture_output=True, text=True
    ).stdout
    assert len(left.splitlines()) == 1, left


def test_what_cannot_be_compared_is_named(repository, needs):
    assert (
        "no workload ['painting']; there are scalars"
        in run("compare.py", "HEAD", "painting", root=repository).stderr
    )
    assert "rev-parse" in run("compare.py", "no-such-commit", root=repository).stderr
