"""What a report says by and by: hints, reasons, what is not observable, and lines that raise."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.test_code_script import LINES, LOSS, START, Shell
from tinygrad_lite.__main__ import main


@pytest.fixture
def network(rng):
    """The names of E = 1/2 |sigmoid(W x) - y|^2."""
    W, x = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=4))
    y = rng.normal(size=5)
    v = W @ x
    s = tg.sigmoid(v)
    return {"W": W, "x": x, "y": y, "v": v, "s": s, "E": 0.5 * ((s - y) ** 2).sum()}


def right(x, s, y):
    ds = s - y
    dv = ds * s * (1 - s)
    dW = np.outer(dv, x)
    return dv, dW


def wrong(x, s, y):
    ds = s - y
    dv = ds * s * (1 + s)
    dW = np.outer(dv, x)
    return dv, dW


# --- hints


HINTS = (
    "Look at line 3: dv = ds * s * (1 + s)",
    "The mistake is of this kind: the sign",
    "v is used in s = σ(v), which hands it",
    "It should read: dv = ds * s * (1 - s)",
)


@pytest.mark.parametrize("level", range(1, 5))
def test_hints_go_up_to_a_level_and_no_further(level, network):
    report = tg.check(network["E"], wrong, names=network, hints=level)
    for text in (str(report), report._repr_html_()):
        assert text.startswith("1 mistake, in line 3; 1 line that follows; 1 line right")
        assert all((hint in text) == (k < level) for k, hint in enumerate(HINTS))
    assert not report


def test_where_nothing_is_wrong_the_report_is_whole(network):
    report = tg.check(network["E"], right, names=network, hints=1)
    assert str(report).count("✓ right") == 3


@pytest.mark.parametrize(
    "claim", ["np.outer((s - y) * s * (1 + s), x)", lambda s, y, x: np.outer((s - y) * s, x)]
)
def test_hints_for_single_claims(claim, network):
    report = tg.check(network["E"], {"W": claim}, names=network, hints=1)
    assert str(report).splitlines()[1:] == ["Look at the gradient of W."]


@pytest.mark.parametrize("level", [0, 5, "1"])
def test_a_level_that_is_none_is_refused(level, network):
    with pytest.raises(ValueError, match="there are 1 to 4"):
        tg.check(network["E"], wrong, names=network, hints=level)


# --- reasons


def test_a_right_line_says_why(network):
    report = tg.check(network["E"], right, names=network, explain=True)
    assert [f.explanation for f in report] == [
        "dE/ds = s − y",
        "dE/dv = dE/ds ⊙ s ⊙ (1 − s)",
        "dE/dW = dE/dv xᵀ",
    ]
    report = tg.check(network["E"], wrong, names=network, explain=True)
    assert ["=" in f.message() for f in report] == [True, False, False]


def test_right_claims_say_why(network):
    claims = {"W": "np.outer((s - y) * s * (1 - s), x)", "v": lambda s, y: (s - y) * s * (1 - s)}
    report = tg.check(network["E"], claims, names=network, explain=True)
    assert [f.explanation.split(" = ")[0] for f in report] == ["dE/dW", "dE/dv"]


def test_paths_add_up_in_a_reason(rng):
    a = tg.Tensor(rng.normal(size=3))
    b = tg.tanh(a)
    c, d = b * 2, tg.exp(b)
    E = (c * d).sum()
    names = {"a": a, "b": b, "c": c, "d": d, "E": E}
    report = tg.check(E, {"b": 2 * d.data + c.data * d.data}, names=names, explain=True)
    assert report[0].explanation == "dE/db = dE/dd ⊙ d + 2 dE/dc"


def test_the_command_and_the_cell_take_them_too(tmp_path, capsys):
    path = tmp_path / "hw.py"
    path.write_text(START + LOSS + LINES)
    assert main(["check", str(path), "--hints", "1"]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Look at line 12: dz = dout @ W2.data.T * (1 - h.data)"
    ]
    assert main(["check", str(path), "--explain"]) == 1
    assert "dloss/dW2 = " in capsys.readouterr().out
    shell = Shell(user_ns={})
    tg.load_ipython_extension(shell)
    exec(START + LOSS, shell.user_ns)
    assert str(shell.magic("loss --hints 1", LINES)).count("\n") == 1
    assert "dloss/dW2 = " in str(shell.magic("loss --explain", LINES))
    for line in ("loss --hints", "loss --hint 1 2", "loss more"):
        with pytest.raises(ValueError, match="%%check"):
            shell.magic(line, LINES)


# --- a gradient that is 0


@pytest.fixture
def centred(rng):
    """A bias that is subtracted again: its gradient is 0, up to rounding."""
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W, b = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=2))
    z = x @ W + b
    c = z - z.mean(axis=0)
    return {"x": x, "y": y, "W": W, "b": b, "z": z, "c": c, "E": (c**2 * y).sum()}


def biased(x, c, y):
    dc = 2 * c * y
    dz = dc - dc.mean(axis=0)
    db = 3 * dz.sum(axis=0)
    dW = x.T @ (2 * dz)
    return db, dW


def test_what_is_0_whatever_a_line_says_is_unseen(centred):
    report = tg.check(centred["E"], biased, names=centred)
    assert [f.verdict for f in report] == ["right", "right", "unseen", "wrong"]
    assert "the gradient is 0 here whatever line 4 says: not observable" in report[2].message()
    assert report.summary == "1 mistake, in line 5; 1 not observable; 2 lines right"
    assert report[3].mended.strip() == "dW = x.T @ dz"


def test_what_is_unseen_is_no_error_and_of_numbers_it_is_right(centred):
    db = lambda c, y: (2 * c * y - (2 * c * y).mean(axis=0)).sum(axis=0)  # noqa: E731
    report = tg.check(centred["E"], {"b": db}, names=centred)
    assert report[0].verdict == "unseen"
    assert report
    assert tg.check(centred["E"], {"b": np.zeros(2)}, names=centred)[0].verdict == "right"
    off = tg.check(centred["E"], {"b": lambda c, y: (2 * c * y).sum(axis=0)}, names=centred)
    assert off[0].verdict == "wrong"


# --- claims and lines that raise


@pytest.mark.parametrize(
    ("claim", "mended"),
    [
        ("2 * Z @ X.T", "X.T @ (2 * Z)"),
        (lambda Z, X: 2 * Z @ X.T, "lambda Z, X: X.T @ (2 * Z)"),
    ],
)
def test_a_claim_that_raises_is_mended(claim, mended, rng):
    X, V = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=(4, 2)))
    Z = X @ V
    names = {"X": X, "V": V, "Z": Z}
    report = tg.check((Z**2).sum(), {"V": claim, "X": "2 * Z @ V.T"}, names=names)
    assert [f.verdict for f in report] == ["right", "wrong"]
    assert report["V"].explanation.startswith("raises ValueError: matmul")
    assert (report["V"].mended, report["V"].by) == (mended, "edit")
    if isinstance(claim, str):
        assert report["V"].marked == (claim, "^" * len(claim))


def multiplied(a, b):
    return a @ b


def test_a_line_that_raises_in_a_function_that_it_calls_shows_that_line(network):
    def backward(x, s, y):
        dv = (s - y) * s * (1 - s)
        dW = multiplied(dv, x)
        return dv, dW

    report = tg.check(network["E"], backward, names=network)
    assert "of the file: return a @ b" in report["dW"].explanation
    assert "raises ValueError: matmul" in report["dW"].explanation


def test_several_entries_of_one_dict_are_mended_each_by_itself(network):
    def backward(x, s, y):
        dv = (s - y) * s * (1 - s)
        return {"x": dv @ W, "W": -np.outer(dv, x)}

    W = network["W"].data
    report = tg.check(network["E"], backward, names=network)
    (line,) = report.wrong
    assert "np.outer(dv, x)}" in line.mended
    assert "-np" not in line.mended


# --- sums that are built up


def test_a_wrong_partial_sum_and_a_wrong_last_line_of_that_name_are_both_mended(rng):
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W = tg.Tensor(rng.normal(size=(3, 2)))
    h = tg.tanh(x @ W)
    o = h * h.sum() + tg.exp(h)

    def backward(x, h, y):
        do = y
        dh = do * h.sum() * 2
        dh += (do * h).sum()
        dh += do * np.exp(-h)
        dW = x.T @ (dh * (1 - h**2))
        return do, dW

    report = tg.check((o * y).sum(), backward, names={"x": x, "y": y, "W": W, "h": h, "o": o})
    verdicts = {f.line: f.verdict for f in report}
    assert verdicts[2] == "right"
    assert verdicts[6] == "follows"
    assert "wrong" in (verdicts[3], verdicts[5])
    fixed = report.fixed()
    assert "dh = do * h.sum()\n" in fixed
    assert "do * np.exp(h)" in fixed


def test_operands_that_do_not_fit_are_called_what_the_user_calls_them() -> None:
    W, x = tg.Tensor(np.ones((2, 3)), name="W"), np.ones((3, 4))
    z = W @ x
    E = (z * z).sum()

    def product(z, x):
        dz = 2 * z
        return {"W": dz @ x}

    def difference(z, x):
        dz = 2 * z + 0 * x.T
        return dz @ x.T

    names = {"z": z, "x": x}
    said = tg.check(E, product, names=names).first.explanation
    assert "matmul: dz (2, 4) @ x (3, 4) do not fit: 4 columns against 3 rows" in said
    said = tg.check(E, difference, names=names)["dz"].explanation
    assert "add: 2 * z (2, 4) and 0 * x.T (4, 3) do not broadcast: 2 against 4 on axis -2" in said


def test_a_kind_says_nothing_of_entries_that_it_does_not_know() -> None:
    W = tg.Tensor(np.arange(6.0).reshape(2, 3), name="W")
    x = np.arange(12.0).reshape(3, 4)

    def turned(x):
        return {"W": x.T}

    report = tg.check((W @ x).sum(), turned, names={"x": x})
    assert "of this kind: its shape is not the node's" in report.hint(2)
