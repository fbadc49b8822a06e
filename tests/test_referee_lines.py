"""check_function says which line of a backward is wrong, and how it should read."""

import inspect
import linecache
import textwrap
from zlib import crc32

import pytest
from referee_blind_cases import BLIND, MISSED
from referee_cases import CASES

from tinygrad_lite.referee import WrongGradient, check_function


def changed(function, right, wrong):
    """A function, or a class, with another fragment in its source."""
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(right) == 1, (function.__name__, right, text.count(right))
    return defined(text.replace(right, wrong), function)


def defined(text, function):
    """What a text defines where a function is defined, so that its source is found."""
    name = function.__name__
    path = f"<{name} {crc32(text.encode()):08x}>"
    linecache.cache[path] = (len(text), None, text.splitlines(True), path)
    names = dict(vars(inspect.getmodule(function)))
    exec(compile(text, path, "exec"), names)
    return names[name]


SLIPS = [(*case[:3], *slip) for case in (*CASES, *BLIND) for slip in case[3]]


def said(value):
    back, _, _, right, wrong = value
    return f"{back.__name__}: {wrong or 'without ' + right}"


def settings(inputs):
    """In one precision, which JAX has in single only, and not redrawn: it is a matter of time."""
    return {"dtypes": [str(inputs[0].dtype).rpartition(".")[2]], "redraw": False}


def report_on(function, backward, inputs):
    with pytest.raises(WrongGradient) as error:
        check_function(function, backward, inputs, **settings(inputs))
    return error.value.report


@pytest.mark.oracle
@pytest.mark.parametrize("case", [*CASES, *BLIND], ids=lambda case: case[0].__name__)
def test_right_ones_are_right(case):
    back, made, inputs, _ = case
    report = check_function(*made(back), inputs, **settings(inputs))
    assert report
    assert report.lines is None


@pytest.mark.oracle
@pytest.mark.parametrize("slip", SLIPS, ids=said)
def test_the_wrong_line_is_mended(slip):
    back, made, inputs, right, wrong = slip
    report = report_on(*made(changed(back, right, wrong)), inputs)
    if wrong in MISSED:
        assert all(f.mended is None for f in report.lines.wrong)
        return
    (line,) = report.lines.wrong
    assert line.first
    assert line.by == "edit"
    assert wrong in line.code or line.mended.startswith("grad_x += ")
    mended = [f for f in report if f.mended is not None]
    assert {f.verdict for f in report if f not in mended} <= {"right"}
    assert all(f.mended == line.mended for f in mended)
    assert f"mended, in line {line.line}:" in str(report)
    if not isinstance(back, type):
        again = defined(report.lines.fixed(), back)
        assert check_function(*made(again), inputs, **settings(inputs))
