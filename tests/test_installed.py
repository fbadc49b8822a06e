"""The package as it is installed: what is in it, and what a user's type checker sees of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value

pytestmark = pytest.mark.install
ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["linalg", "nn", "optim", "plot", "testing"]
ARRAYS = {"data", "grad", "dtype", "device"}  # their type is the library's


def run(*command, **options):
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )


def pip(*arguments):
    done = run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)
    if done.returncode:
        report = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        report(f"pip {arguments[0]} failed: {done.stderr[-2000:]}")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout, as it looks after some use."""
    copy = tmp_path_factory.mktemp("checkout")
    files = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard")
    names = files.stdout.split("\n")
    if files.returncode:  # no checkout, but what is there of one
        shown = (top for top in ROOT.iterdir() if not top.name.startswith("."))
        names = [str(path) for top in shown for path in (top, *top.rglob("*"))]
    for source in (ROOT / name for name in names if name):
        if source.is_file():
            target = copy / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    for folder in ("tinygrad_lite_tour", "build", "my_notes"):
        (copy / folder).mkdir(exist_ok=True)
        (copy / folder / "left.py").write_text("")
    return copy


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "-q", "--no-deps", "-w", folder, checkout)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def sdist(checkout, tmp_path_factory):
    """The members of the source distribution, which its own backend writes."""
    folder = tmp_path_factory.mktemp("sdist")
    tool = tmp_path_factory.mktemp("backend")
    pip("install", "-q", "--target", tool, "hatchling>=1.27")
    code = f"import hatchling.build as b; print(b.build_sdist({str(folder)!r}))"
    done = run(sys.executable, "-c", code, cwd=checkout, env={**os.environ, "PYTHONPATH": tool})
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def tracked():
    files = run("git", "-C", ROOT, "ls-files")
    if files.returncode:
        pytest.skip("not a checkout")
    return {name for name in files.stdout.split("\n") if name and (ROOT / name).is_file()}


def test_a_wheel_holds_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"tinygrad_lite"}
    ours = {name for name in names if name.startswith("tinygrad_lite/")}
    assert ours == {name for name in tracked() if name.startswith("tinygrad_lite/")}


def test_an_sdist_holds_all_that_is_tracked(sdist):
    assert sdist - {"PKG-INFO"} == tracked()


@pytest.fixture(scope="module", params=["wheel", "editable"])
def python(request, wheel, checkout, tmp_path_factory):
    """A fresh environment with the package; NumPy comes from this one."""
    folder = tmp_path_factory.mktemp("environment")
    assert run(sys.executable, "-m", "venv", "--without-pip", folder).returncode == 0
    found = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    what = [wheel] if request.param == "wheel" else ["-e", checkout]
    pip("--python", found, "install", "-q", "--no-deps", *what)
    site = next(folder.rglob("site-packages"))
    (site / "numpy.pth").write_text(str(Path(np.__file__).parent.parent))
    return found


PROGRAM = """
from typing import assert_type
import numpy as np
import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value
from tinygrad_lite import Tensor, Value, tanh
from tinygrad_lite.linalg import norm

v, t, array = Value(2.0), Tensor([1.0]), np.ones(1)
assert_type(v + 1, Value)
assert_type(2.0 - v, Value)
assert_type(np.float64(2.0) / v, Value)
assert_type(v**2, Value)
assert_type(-abs(v), Value)
assert_type(v * v, Value)
assert_type(v * t, Tensor)
assert_type(t * v, Tensor)
assert_type(v * array, Tensor)
assert_type(array * v, Tensor)
assert_type(array @ t, Tensor)
assert_type(t @ array, Tensor)
assert_type(1 - t, Tensor)
assert_type(t[0], Tensor)
assert_type(v.tanh().relu().clip(min=0.0), Value)
assert_type(t.sum(axis=0, keepdims=True).T, Tensor)
assert_type(t.var(correction=1), Tensor)
assert_type(t.detach(), Tensor)
assert_type(v.item(), float)
assert_type(tanh(t), Tensor)
assert_type(tg.sum(t), Tensor)
assert_type(tg.__version__, str)
total = sum([v, v], start=Value(0.0))
assert_type(total, Value)
norm(t)
tg.grad(lambda x: (x * x).sum())(array)
tg.grad(v * v, v) + 1.0
"""

MISTAKES = ["tg.randn", "t.view", "Tensor(1.0, dtype=float)", "v.backward(retain_graph=True)"]


def test_a_users_type_checker_sees_every_name(python, tmp_path):
    names = [f"tg.{name}" for name in dir(tg)]
    names += [f"tg.{room}.{name}" for room in ROOMS for name in dir(getattr(tg, room))]
    for holder, kind in [("v", Value), ("t", Tensor)]:
        names += [
            f"{holder}.{name}"
            for name in dir(kind)
            if not name.startswith("_") and name not in ARRAYS
        ]
    lines = [*PROGRAM.split("\n"), *MISTAKES, *(f"reveal_type({name})" for name in names)]
    (tmp_path / "user.py").write_text("\n".join(lines))
    options = ["--strict", "--no-error-summary", "--hide-error-codes"]
    options += ["--python-executable", python, "--cache-dir", tmp_path / "cache"]
    done = run(sys.executable, "-m", "mypy", *options, "user.py", cwd=tmp_path)
    errors = [line for line in done.stdout.split("\n") if ": error:" in line]
    first = len(PROGRAM.split("\n")) + 1
    found = {int(line.split(":")[1]) for line in errors}
    assert found == {*range(first, first + len(MISTAKES))}, "\n".join(errors)
    unknown = [line for line in done.stdout.split("\n") if line.endswith('type is "Any"')]
    start = first + len(MISTAKES)
    assert not [names[int(line.split(":")[1]) - start] for line in unknown]
    assert done.stdout.count("Revealed type") == len(names)


def test_it_runs_without_extras(python):
    code = "import tinygrad_lite as tg; v = tg.Value(3.0); print(tg.grad(v * v, v), tg.__version__)"
    path = Path(python).parent.parent  # NumPy's folder may hold Graphviz's package as well
    done = run(python, "-c", code, cwd=path)
    assert done.stdout.split() == ["6.0", tg.__version__], done.stderr
