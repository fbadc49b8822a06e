"""A short run of the fuzzer, and the promises of its table, its conditioning and its minimiser.

    python -m tests.fuzz --seconds 600

is the long one. Graph i of a run is made from seed K + i alone.
"""

from __future__ import annotations

import inspect
import sys

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.fuzz import derivations, rows_arrays, rows_elementwise, rows_matrices, rows_parts
from tests.fuzz.program import Leaf, Program, Step, run_step
from tests.fuzz.rows import TABLE, Row
from tinygrad_lite import functions, ops
from tinygrad_lite.ops import registry

TABLES = (rows_elementwise, rows_arrays, rows_parts, rows_matrices)  # importing them fills TABLE
COVERED = {row.covers for row in TABLE}
QUIET = pytest.mark.filterwarnings("ignore")  # a random program may divide by 0 where it is cut
METHODS_ELSEWHERE = {"backward", "detach", "item", "jacobian", "why_no_grad", "zero_grad"}
METHODS_ELSEWHERE |= {"to_device", "argsort", "nonzero", "tolist"}  # plain


def test_every_op_and_function_has_a_row():
    """The table cannot fall behind the registry."""
    public = {*registry, *functions.__all__, *ops.__all__}
    named = {getattr(getattr(tg, name), "name", name) for name in public}  # cumsum has another
    assert named == COVERED


def spelled_methods(kind):
    """What programs call on a node of this kind."""
    texts = [t for row in TABLE for names in settings_of(row) for t in row.written(kind, names)]
    return {t[2:].split("(")[0] for t in texts if t.startswith("a.")}


def settings_of(row):
    ours = getattr(tg, row.covers)
    names = list(inspect.signature(ours).parameters)
    return [(), *[(n,) for n in names]]


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_every_method_is_spelled(kind):
    cls = getattr(tg, kind)
    methods = {n for n, f in vars(cls).items() if not n.startswith("_") and callable(f)}
    missing = methods - METHODS_ELSEWHERE - spelled_methods((kind,)) - spelled_methods((kind,) * 2)
    missing -= {n for n in missing if isinstance(getattr(np, n, None), np.ufunc)}  # NumPy calls it
    assert missing <= {"reshape", "permute_dims", "transpose", "cumsum", "argmax", "argmin"}


def oracle():
    """The half of the fuzzer that needs PyTorch."""
    from tests.fuzz import compare, grow, minimise, run

    return compare, grow, minimise, run


@pytest.mark.oracle
@QUIET
@pytest.mark.parametrize("mode", ["all", "array", "scalar", "float32"])
def test_random_programs_agree_with_torch(mode, needs):
    needs("torch")
    run = oracle()[-1]
    with np.errstate(all="ignore"):
        outcome = run.run(20_000, 100, mode)
    assert outcome.failures == [], "\n\n".join(map(str, outcome.failures))
    assert outcome.unsteady <= 0.05 * outcome.graphs


@pytest.mark.oracle
@QUIET
def test_every_row_can_be_taken(needs):
    """A row whose inputs never fit, or whose reference raises, would cover nothing."""
    needs("torch")
    grow = oracle()[1]
    for row in TABLE:
        assert any(taken(grow, row, seed) for seed in range(60)), row


def taken(grow, row: Row, seed: int) -> bool:
    growing = grow.Growing(seed, "array")
    for _ in range(5):
        growing.leaf()
    return growing.take(row)


@pytest.mark.oracle
def test_a_program_comes_from_its_seed_alone(needs):
    needs("torch")
    grow = oracle()[1].grow
    assert grow(123)[0].source() == grow(123)[0].source()
    assert grow(123)[0].source() != grow(124)[0].source()


@pytest.mark.oracle
@QUIET
@pytest.mark.parametrize("seed", range(5, 13))
def test_a_printed_program_runs_and_gives_the_same_gradients(seed, needs):
    needs("torch")
    program = oracle()[1].grow(seed)[0]
    given: dict = {"print": lambda *words: None}
    leaves = program.leaves()
    total = program.run(leaves)[1]
    if total.constant:
        return
    exec(program.source(), given)
    total.backward()
    for i, x in zip(program.moving, leaves, strict=True):
        np.testing.assert_array_equal(given[f"v{i}"].grad, x.grad)


TIE = np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])  # equal sums, but for rounding


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("data", "names", "steady"),
    [
        ([1.0, 1.0], ["max"], True),
        (0.0, ["relu"], True),
        (2.0, ["ceil"], True),
        (TIE, ["sum", "max"], False),
        ([0.1, 0.2, -0.3], ["sum", "relu"], False),
        ([1.0, -1.0], ["sum", "relu"], False),
        (3.0, ["exp", "log", "ceil"], False),
    ],
)
def test_kinks_met_by_rounding_are_told_from_those_of_the_data(data, names, steady, needs):
    """A convention (ties of a leaf, relu'(0), ceil of a whole number) stays compared."""
    needs("torch")
    compare = oracle()[0]
    along = {"sum": {"axis": -1}, "max": {"axis": -1}}
    steps = [Step("", name, (i,), along.get(name, {})) for i, name in enumerate(names)]
    program = Program(0, (Leaf(np.array(data), "Tensor"), *steps), {len(steps): np.array(1.0)})
    assert compare.is_steady(program, (compare.sweeps,)) is steady


@pytest.fixture
def wrong_tanh(monkeypatch):
    """tanh with a derivative that is off by a millionth."""
    monkeypatch.setattr(registry["tanh"], "rules", (lambda xp, y, x: (1 - y * y) * (1 + 1e-6),))


@pytest.mark.oracle
@QUIET
@pytest.mark.usefixtures("wrong_tanh")
def test_a_wrong_rule_is_found_and_minimised(needs):
    needs("torch")
    run = oracle()[-1]
    with np.errstate(all="ignore"):
        outcome = run.run(0, 200, "scalar")
    assert outcome.failures
    for failure in outcome.failures:
        steps = [e.text for e in failure.small.entries if isinstance(e, Step)]
        assert len(steps) == 1
        assert "tanh" in steps[0]


def test_steps_run_with_inputs_and_settings_of_any_kind():
    step = Step("np.sum(a, axis=axis) + b", "", (0, 1), {"axis": 0})
    assert run_step(step, [np.array([1.0, 2.0]), 4]) == 7
    program = Program(
        0, (Leaf(np.array([1.0, 2.0]), "Tensor"), Leaf(4, "constant"), step), {2: np.array(2.0)}
    )
    assert "v2 = np.sum(v0, axis=0) + v1" in program.source()
    (x,) = program.leaves()
    program.run([x])[1].backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2.0])


@pytest.mark.oracle
def test_the_command_counts(needs, monkeypatch, capsys):
    needs("torch")
    from tests.fuzz.__main__ import main

    monkeypatch.setattr(sys, "argv", ["fuzz", "--graphs", "20", "--seed", "20000"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert capsys.readouterr().out.splitlines()[-1].startswith("20 graphs, ")


def test_random_changes_of_derivations_are_found_and_no_mend_is_wrong():
    """`python -m tests.fuzz.derivations --count 150` is the longer run."""
    found = derivations.run(12, seed=5)
    assert not any(found[how] for how in derivations.BAD)
    assert found["mended"] >= 5


def test_the_fuzzer_of_derivations_can_fail(monkeypatch):
    monkeypatch.setattr(derivations, "is_right", lambda case, function, seed=0: seed == 7)
    assert derivations.run(6, seed=5)["mended and still wrong"]
