"""The README's step on many devices, and the benchmark, each in a process with its own devices."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.oracle


@pytest.fixture
def on_devices(needs):
    """Runs Python with so many devices, threads of the CPU, and returns what it prints."""
    for tool in ("jax", "sklearn"):
        needs(tool)

    def run(count: int, *args: str) -> str:
        flags = f"--xla_force_host_platform_device_count={count}"
        done = subprocess.run(
            [sys.executable, *args],
            capture_output=True,
            text=True,
            timeout=300,
            env={
                **os.environ,
                "XLA_FLAGS": flags,
                # XLA has a thread for each device, and on a loaded machine all of them wait in an
                # all-reduce for the last, whose work then finds no thread: more than there are.
                "PJRT_NPROC": str(2 * count),
                "PYTHONPATH": str(ROOT),
            },
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_readmes_step_computes_the_same_on_eight_devices(on_devices):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```py\n(.*?)^```\n", readme, re.M | re.S)
    shown = 'print(len(jax.devices()), "devices,", len(X.sharding.device_set), "with rows")\n'
    outputs = {count: on_devices(count, "-c", code + shown) for count in (1, 8)}
    assert outputs[1].splitlines()[1] == "1 devices, 1 with rows"
    assert outputs[8].splitlines()[1] == "8 devices, 8 with rows"
    losses = [re.fullmatch(r"loss (0\.\d{6})", out.splitlines()[0])[1] for out in outputs.values()]
    assert losses[0] == losses[1]


def test_eight_devices_train_the_same_parameters(on_devices):
    out = on_devices(
        8, str(ROOT / "benchmarks" / "devices.py"), "--steps", "20", "--repeats", "1", "--batches",
        "256", "--devices", "1", "8"
    )  # fmt: skip
    found = re.search(r"20 steps on 8 devices and on 1: parameters differ by (\S+)", out)
    assert float(found[1]) < 1e-12
    assert re.search(r"batch +256, a step by devices +1: \d+ us +8: \d+ us", out)
