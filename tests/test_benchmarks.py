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


def test_the_memory_of_programs_is_printed(needs):
    needs("sklearn")
    out = printed("memory.py", "--entries", "100000")
    affine, plain = (float(x) for x in re.findall(r"compiled \d+ MB \((\d\.\d+) x\)", out))
    assert affine <= 0.25
    assert plain <= 0.55
    assert len(re.findall(r"^W4, batch \d+: first call", out, re.MULTILINE)) == 2


@pytest.mark.oracle
def test_the_peers_take_turns(needs):
    """They compute the same numbers, or the driver would raise."""
    for tool in ("sklearn", "micrograd", "mygrad", "autograd"):
        needs(tool)
    workloads = ("demo", "digits-tanh-float64", "digits-relu-float32", "small-tangle")
    out = printed("peers.py", "--repeats", "0.001", *workloads)
    assert len(re.findall(r"^### ", out, re.MULTILINE)) == len(workloads)
    for engine, count in (("tinygrad_lite, as written", 3), ("C by hand", 3), ("autograd", 3)):
        found = re.search(rf"^\| {engine} \|(.*)\|.*\|$", out, re.MULTILINE)
        assert len(re.findall(r"[\d.]+ x", found[1])) == count, engine
    assert "no workload ['painting']; there are demo" in run("peers.py", "painting").stderr


def test_engines_that_disagree_are_refused(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import peers

    workload = peers.WORKLOADS["demo"]
    peers.refuse_disagreement(workload, {workload.references[0]: 1.0, "other": 1.0 + 1e-8})
    with pytest.raises(AssertionError, match="other computes"):
        peers.refuse_disagreement(workload, {workload.references[0]: 1.0, "other": 1.001})


def test_what_grows_is_measured(needs, tmp_path):
    needs("sklearn")
    out = printed("growth.py", "--nodes", "4", "--entries", "3", "--prepared", "3")
    for n in ("1,000", "10,000"):
        assert re.search(rf"^\| {n} \| [\d.e+]+ \| ", out, re.MULTILINE)
    found = re.search(r"A chain holds (\d+) bytes per node, .*; the collector finds (\d+) ", out)
    assert int(found[1]) <= 130
    assert int(found[2]) == 0


def test_the_benchmark_of_programs_runs():
    out = printed("compiled.py", "--rounds", "1", "--nodes", "1000")
    assert len(re.findall(r"^\| .*(?:ops|chain).* \| \w+ \| \d+ \|", out, re.MULTILINE)) == 4


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


def test_the_readmes_pictures_are_those_of_its_example(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.pictures import FOLDER, drawn

    found = drawn()
    assert {path.name for path in FOLDER.iterdir()} == set(found)
    for name, svg in found.items():
        written = (FOLDER / name).read_text(encoding="utf-8")
        assert written == svg, f"{name}: python -m benchmarks.pictures writes it anew"
        assert f"benchmarks/pictures/{name}" in (ROOT / "README.md").read_text(encoding="utf-8")
