"""What the package shows of itself: names, docstrings, its version; and who exports what."""

from __future__ import annotations

import ast
import builtins
import copy
import importlib
import inspect
import pickle
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import public
from tinygrad_lite.ops import registry

ROOMS = ["fft", "linalg", "nn", "optim", "plot", "special", "testing"]
BUILTINS = {"abs", "all", "any", "bool", "compile", "max", "min", "pow", "round", "sum"}
INTERNAL = {"limit", "undefined"}  # what rules are made of, and no user asks for


@pytest.mark.parametrize("name", sorted(registry.keys() - INTERNAL))
def test_every_op_is_exported(name):
    op = registry[name]
    assert getattr(tg, name, None) is op, f"put {name} into the __all__ of {op.__module__}"
    assert name in dir(tg)


@pytest.mark.parametrize("module", sorted({op.__module__ for op in registry.values()}))
def test_defining_modules_state_their_names(module):
    """A literal list, so that type checkers and editors need not run the module."""
    source = inspect.getsource(importlib.import_module(module))
    assigned = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and "__all__" in ast.unparse(node)
    ]
    assert len(assigned) == 1
    names = ast.literal_eval(assigned[0])
    assert not {*names} & vars(builtins).keys(), "a star import would replace the builtin"


def test_star_import_leaves_builtins_alone():
    space = {}
    exec("from tinygrad_lite import *", space)
    assert not (space.keys() - {"__builtins__"}) & vars(builtins).keys()
    assert space["tanh"] is tg.tanh
    assert space.keys() - {"__builtins__"} == {*tg.__all__}
    assert {name for name in dir(tg) if hasattr(builtins, name)} == BUILTINS
    assert tg.sum is registry["sum"]


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_dir_shows_public_names_only(room):
    module = getattr(tg, room) if room else tg
    shown = dir(module)
    extra = BUILTINS | {"__version__"} if not room else set()
    assert {*shown} == {*module.__all__} | extra
    modules = {name for name in shown if inspect.ismodule(getattr(module, name))}
    assert modules == ({*ROOMS} if not room else {"init"} & modules)
    for name in shown:
        assert not name.startswith("_") or name == "__version__"


def test_linalg():
    from tinygrad_lite.linalg import norm

    assert norm is tg.linalg.norm is tg.norm
    A = np.array([[4.0, 1.0], [1.0, 3.0]])
    sign, logarithm = tg.linalg.slogdet(tg.Tensor(A))
    assert sign.item() * np.exp(logarithm.item()) == pytest.approx(np.linalg.det(A))
    standard = {*np.linalg.__all__} & {*dir(tg)}
    assert standard <= {*dir(tg.linalg)}, "an op of np.linalg's name is missing in tg.linalg"


def test_version_is_the_installed_one():
    assert tg.__version__ == metadata.version("tinygrad_lite")


def test_version_where_nothing_is_installed(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert public.version() == "unknown"


def test_the_version_costs_nothing_at_import():
    code = "import sys, tinygrad_lite; print('importlib.metadata' in sys.modules)"
    assert printed(code) == "False"


def printed(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_rooms_are_loaded_when_a_name_of_theirs_is_asked_for():
    loaded = (
        "print(*(r for r in ('check', 'derive', 'draw') if f'tinygrad_lite.{r}' in sys.modules))"
    )
    assert printed(f"import sys, tinygrad_lite as tg; tg.tanh; {loaded}") == ""
    assert printed(f"import sys, tinygrad_lite as tg; tg.derive; {loaded}") == "check derive draw"


def test_a_module_that_was_imported_hides_no_function():
    code = "import tinygrad_lite.derive.step, tinygrad_lite.referee as r, tinygrad_lite as tg; "
    shown = "print(tg.derive.__name__, tg.check.__name__, tg.referee is r)"
    assert printed(code + shown) == "derive check True"


@pytest.mark.parametrize("kind", [tg.Value, tg.Tensor])
def test_every_method_says_what_it_does(kind):
    silent = [
        name
        for name in dir(kind)
        if not (name.startswith("_") or name == "op" or inspect.getdoc(getattr(kind, name)))
    ]
    assert not silent, f"{kind.__name__}: no docstring"


@pytest.mark.parametrize("name", sorted({*tg.__all__} - {*ROOMS}))
def test_every_public_name_says_what_it_is(name):
    assert (getattr(tg, name).__doc__ or "").strip()


@pytest.mark.parametrize("name", sorted(registry.keys() - INTERNAL))
def test_ops_pickle_and_copy_as_themselves(name):
    op = registry[name]
    assert pickle.loads(pickle.dumps(op)) is op
    assert copy.copy(op) is copy.deepcopy(op) is op


def test_methods_show_their_settings():
    assert str(inspect.signature(tg.Tensor.sum)) == "(self, axis=None, keepdims=False)"
    assert [*inspect.signature(tg.Tensor.var).parameters][1:4] == ["axis", "correction", "keepdims"]
    assert tg.Tensor.sum.__name__ == "sum"
