"""The benchmarks run: every engine computes the same loss (they check it), and each prints rows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def printed(script, *args):
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / script, *args],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout


@pytest.mark.oracle
def test_the_array_benchmark_runs(needs):
    for tool in ("sklearn", "mygrad", "autograd"):
        needs(tool)
    out = printed("tensor.py", "--repeats", "1")
    assert out.count("NumPy by hand") == 6  # three batch sizes, two activations
    assert len(re.findall(r"tinygrad_lite, primitive ops +\d+ us", out)) == 6


@pytest.mark.oracle
def test_the_scalar_benchmark_runs(needs):
    for tool in ("sklearn", "micrograd"):
        needs(tool)
    out = printed("scalar.py", "--repeats", "1", "--nodes", "1000")
    assert len(re.findall(r"tinygrad_lite\.nn\S* .* ms", out)) == 2
    per_node = re.search(r"tinygrad_lite +bytes/node: (\d+) .*; the collector finds (\d+)", out)
    assert int(per_node[1]) <= 150
    assert int(per_node[2]) == 0
