"""Derivations are run as Python runs them, with a record of every part."""

from __future__ import annotations

import ast
import copy
from typing import Any

import numpy as np
import pytest

from tinygrad_lite.check.code.interpreter import run
from tinygrad_lite.check.code.source import Change, Source, source_of
from tinygrad_lite.check.mend.edited import Mend, compatible
from tinygrad_lite.check.mend.rows import Edit
from tinygrad_lite.check.mend.written import shown, standing

OUTSIDE = np.arange(3.0)


def scaled(g: Any, s: Any, *more: Any, by: float = 1.0, **named: Any) -> Any:
    def inner(k: float) -> Any:
        nonlocal count
        count += 1
        return g * s * (1 - s) * k

    count = 0
    inner(2)
    return inner(by) * count + sum(more) + named.get("shift", 0)


def added(store: Any, key: str, value: Any) -> None:
    store[key] += value


def arithmetic(x: Any, W: Any, s: Any, y: Any) -> Any:
    ds = s - y
    dv = -ds * s * (1 - s) ** 2 // 1 % 3
    dW = np.outer(dv, x)
    hot = (dv > 0) & (dv < 5) | ~(ds != 0)
    first, (second, *rest) = 1, (2, 3, 4)
    label = f"{ds.size:>4} {first!r}" if x.size else ""
    return locals()


def calls(x: Any, W: Any, s: Any, y: Any) -> Any:
    more = {"shift": 1}
    dv = scaled(s - y, s, *[1, 2], by=3.0, **more)
    times = lambda u, *, m=2: u * m  # noqa: E731
    k = times(x, m=3) + times(x)
    mapped = list(map(lambda v: v + OUTSIDE[1], x))  # noqa: C417
    axes = np.apply_along_axis(lambda row: row[::-1], 0, W)
    return locals()


def in_place(x: Any, W: Any, s: Any, y: Any) -> Any:
    total = np.zeros((5, 4))
    alias = total
    total += np.outer(s, x)
    np.add.at(total, [0, 0], 1.0)
    total[1:3, 0] -= 2
    np.fill_diagonal(total, 7)
    grads: dict[str, Any] = {"W": total.copy()}
    added(grads, "W", x)
    grads["b"] = s
    ordered = [3.0, 1.0]
    ordered.append(x[0])
    ordered.sort()
    b, c = s * 1, y * 1
    for g in [b, c]:
        g *= 2
    return locals()


def flow(x: Any, W: Any, s: Any, y: Any) -> Any:
    out: list[Any] = []
    for i in range(5):
        if i == 1:
            continue
        if i == 4:
            break
        out.append(i * x)
    else:
        out = []
    n = 0
    while True:
        n += 1
        if n > 3:
            break
    pairs = [(i, p + q) for i, (p, q) in enumerate(zip(out, out, strict=True)) if i]
    table = {k: v + 1 for k, v in zip("ab", [1, 2], strict=True)}
    with np.errstate(divide="ignore"):
        low = np.log(np.zeros(2))
    either = (x.size > 3 and "more") or "less"
    if (half := n // 2) > 1:
        del n
    return locals()


def arguments() -> dict[str, Any]:
    n = np.random.default_rng(0).normal
    return {"x": n(size=4), "W": n(size=(5, 4)), "s": abs(n(size=5)), "y": n(size=5)}


@pytest.mark.parametrize("function", [arithmetic, calls, in_place, flow])
def test_every_name_has_the_value_that_python_gives_it(function: Any) -> None:
    given = arguments()
    wanted = function(**copy.deepcopy(given))
    trace = run(function, given)
    assert trace.names.keys() == wanted.keys()
    for name, record in trace.names.items():
        if not callable(record.value):
            assert repr(record.value) == repr(wanted[name]), name
    for name, value in arguments().items():
        np.testing.assert_array_equal(given[name], value)


def outer(x: Any, s: Any, y: Any) -> Any:
    ds = s - y
    dv = scaled(ds, s)
    return np.outer(dv, x)


def test_a_record_knows_its_place_and_can_have_another_value() -> None:
    given = {k: v for k, v in arguments().items() if k != "W"}
    trace = run(outer, given)
    assert trace.result is not None
    product = trace.result.operands[0] if trace.result.site is None else trace.result
    assert product.site is not None
    assert trace.source.of(product.site) == "np.outer(dv, x)"
    changed = {**given, "y": given["y"] + 1, "x": np.ones(4)}
    changes = {trace.arguments[name]: changed[name] for name in ("x", "y")}
    np.testing.assert_array_equal(trace.again(changes, trace.result), outer(**changed))
    dv = trace.names["dv"]
    np.testing.assert_array_equal(
        trace.again({dv: np.ones(5)}, trace.result), np.outer(np.ones(5), given["x"])
    )
    instance = product.instance
    assert instance is not None
    assert isinstance(product.site, ast.Call)
    turned = ast.Call(product.site.func, product.site.args[::-1], [])
    np.testing.assert_array_equal(instance.value(turned), np.outer(given["x"], dv.value))
    new = instance.value(turned, {trace.names["dv"]: np.ones(5)})
    assert new.shape == (4, 5)
    assert set(instance.names) == {"x", "s", "y", "ds", "dv"}


def bracketed(a: Any, b: Any, c: Any) -> Any:
    first = (a - b) * c
    second = a * b
    return first, second, [lambda q: q + 1, lambda q: q + 2]


def test_a_place_is_replaced_as_it_would_be_typed() -> None:
    source, definition = source_of(bracketed)
    assert isinstance(definition, ast.FunctionDef)
    first, second = (s.value for s in definition.body[:2] if isinstance(s, ast.Assign))
    assert isinstance(first, ast.BinOp)
    assert isinstance(second, ast.BinOp)
    text = source.replaced(
        [Change(first.left, "c"), Change(second.left, "a + c"), Change(second.right, "c.T")]
    )
    assert "    first = c * c\n    second = (a + c) * c.T\n" in text
    turned = source.replaced([Change(first.left, "b - a")])
    assert "    first = (b - a) * c\n" in turned


def test_lines_stand_before_one_that_changes_too() -> None:
    source, definition = source_of(bracketed)
    assert isinstance(definition, ast.FunctionDef)
    one, two = definition.body[:2]
    assert isinstance(one, ast.Assign)
    assert isinstance(two, ast.Assign)
    assert isinstance(two.value, ast.BinOp)
    changes = [
        Change(two, "a *= 2", before=True),
        Change(two.value.right, "b + c"),
        Change(two, "b = -b", before=True),
        Change(one.value, "a - b"),
    ]
    lines = "    first = a - b\n    b = -b\n    a *= 2\n    second = a * (b + c)\n    return"
    assert lines in source.replaced(changes)
    assert lines in source.replaced([*changes[:3], Change(one, "first = a - b")])


def second_line() -> tuple[Source, ast.Assign]:
    source, definition = source_of(bracketed)
    assert isinstance(definition, ast.FunctionDef)
    two = definition.body[1]
    assert isinstance(two, ast.Assign)
    return source, two


def test_what_stands_at_one_place_cannot_be_two_things() -> None:
    source, two = second_line()
    assert isinstance(two.value, ast.BinOp)

    def mend(place: ast.AST, new: Any) -> Mend:
        return Mend((Edit(place, new, "other", 0.0),), source, "", "")

    b, c = (ast.Name(name, ast.Load()) for name in "bc")
    left = mend(two.value.left, c)
    assert compatible(left, mend(two.value.left, c))  # they say the same
    assert compatible(left, mend(two.value.right, b))
    assert compatible(left, mend(two, [ast.parse("a *= 2").body[0], two]))
    assert not compatible(left, mend(two.value.left, b))
    assert not compatible(left, mend(two.value, b))
    assert not compatible(mend(two.value, b), left)


def test_what_stands_at_places_is_what_the_text_says() -> None:
    source, two = second_line()
    assert isinstance(two.value, ast.BinOp)
    lines = [ast.parse(text).body[0] for text in ("a *= 2", "b = -b")]
    edits = [Edit(two, [line, two], "other", 0.0) for line in lines]
    edits.append(Edit(two.value.right, ast.Name("c", ast.Load()), "other", 0.0))
    text = source.replaced(Change(e.place, shown(e.new), isinstance(e.new, list)) for e in edits)
    assert "    b = -b\n    a *= 2\n    second = a * c\n" in text
    trace = run(bracketed, {"a": 2.0, "b": 3.0, "c": 5.0}, edits=standing(edits))
    assert trace.names["second"].value == 20.0
    assert trace.names["b"].value == -3.0


def test_lambdas_on_one_line_are_told_compatible() -> None:
    both = bracketed(1, 2, 3)[2]
    assert [source_of(f)[0].of(source_of(f)[1]) for f in both] == [
        "lambda q: q + 1",
        "lambda q: q + 2",
    ]
