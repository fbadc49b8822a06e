"""What lines hand on, in words: over all ops, and the wrong answers beside the right one."""

from __future__ import annotations

import numpy as np
import pytest
from domains import samples
from draws import UP_TO_SIGN
from pictures import question

import tinygrad_lite as tg
from tinygrad_lite.backprop.flow import sweep
from tinygrad_lite.derive.line import line_of
from tinygrad_lite.draw.steps import Budget, derivation, handed_on, heading
from tinygrad_lite.graph.node import Node, raw, topological_order
from tinygrad_lite.ops import registry


def of(root, name):
    return next(n for n in topological_order(root) if n.name == name)


def known(root):
    names = {id(n): n.name for n in topological_order(root) if n.name}
    E = names[id(root)]
    return names, {n: f"∂{E}/∂{n.name}" for n in topological_order(root) if n.name}


def asked(root, name, inside, **options):
    names, symbols = known(root)
    node = of(root, name)
    found = handed_on(line_of(node, inside, **options), names, symbols[node], Budget())
    return {names[id(x)]: answers for x, answers in found.items()}


def test_a_line_of_several_ops_is_one_formula():
    E = question()
    inside = {n for n in topological_order(E) if n.op is not None and n.name in (None, "E")}
    (answers,) = asked(E, "E", inside, one=True).values()
    assert answers[0].formula == "s − y"
    assert answers[0].words == ""


def test_a_line_of_arrays_of_three_axes_is_read():
    rng = np.random.default_rng(0)
    P, V = (tg.Tensor(rng.normal(size=(2, 3, k)), name=name) for k, name in ((3, "P"), (4, "V")))
    out = tg.einsum("bij,bjd->bid", P, V)
    E = (out**2).sum()
    out.name, E.name = "out", "E"
    ops = {n for n in topological_order(E) if n.op is not None and n is not out}
    inside = {n for n in ops if out in {*topological_order(n)}}
    (answers,) = asked(E, "E", inside, one=True).values()
    assert answers[0].formula == "2 out"
    answers = asked(E, "out", {*(ops - inside), out})["V"]
    assert answers[0].formula == "Σₗ (∂E/∂out)ᵢₗₖ Pᵢₗⱼ at ijk"


def test_wrong_answers_are_told_in_check_s_words():
    E = question()
    found = asked(E, "s", {of(E, "s")})["v"]
    assert found[0].formula == "(∂E/∂s) ⊙ s ⊙ (1 − s)"
    assert {a.formula: a.words for a in found[1:]}["∂E/∂s"] == (
        "Yours is the gradient without σ'(v): the activation's derivative is missing."
    )
    found = asked(E, "v", {of(E, "v")})["W"]
    assert found[0].formula == "(∂E/∂v) xᵀ"
    assert {a.formula: a.words for a in found[1:]}["x (∂E/∂v)ᵀ"] == (
        "The gradient with respect to W is transposed; that is of shape (3, 2), not (2, 3)."
    )


def test_wrong_answers_differ_from_the_right_one_and_each_other():
    E = question()
    for name in ("s", "v"):
        for answers in asked(E, name, {of(E, name)}).values():
            assert len({a.formula for a in answers}) == len(answers) == 4
            assert all(a.words for a in answers[1:])


COMPARED = {"max", "min"}  # with their result, which is here a third of the line's, rounded


@pytest.mark.parametrize("name", sorted(set(registry) - set(UP_TO_SIGN) - COMPARED))
def test_what_a_line_hands_on_is_what_its_formula_gives(name):
    """The op between two others without a name, at numbers that the formula was not read at."""
    op, rng = registry[name], np.random.default_rng(3)
    read = 0
    for domain, case in samples(name):
        drawn = [domain.inputs(case, rng) for _ in range(2)]
        if any(a.size == 0 or (a.dtype.kind != "f" and not a.ndim) for a in drawn[0]):
            continue
        leaves, y = between(op, drawn[0], case)
        others, z = between(op, drawn[1], case)
        line = line_of(y, {n for n in topological_order(y) if n.op is not None})
        assert line is not None
        G = rng.normal(size=y.shape)
        expected = sweep(z, G)
        twins = dict(zip(map(id, leaves), others, strict=True))
        values = {f"x{k}": np.asarray(raw(twins[id(x)])) for k, x in enumerate(line.inputs)}
        for x, other in zip(leaves, others, strict=True):
            handed = line.handed(x) if isinstance(x, Node) else None
            form = None if handed is None else line.form(x, handed)
            if form is not None and other in expected:
                got = np.squeeze(form.value(values | {"y": z.data, "G": G}))
                wanted = np.squeeze(expected[other])
                np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-10, err_msg=str(case))
                read += 1
    assert read or not op.elementwise or name in ("where", "astype"), "no formula could be read"


def between(op, inputs, case):
    """The op on minus its inputs, three times; and the leaves, minus those."""
    leaves = [tg.Tensor(-x) if x.dtype.kind == "f" else x for x in inputs]
    given = [-x if isinstance(x, Node) else x for x in leaves]
    return leaves, op(*given, **case.settings) * 3.0


def test_the_heading_is_the_whole_formula_if_that_is_short():
    E = question()
    names, _ = known(E)
    assert heading(E, names) == "E = 1/2 ‖σ(W x) − y‖²"
    for _ in range(40):
        E = tg.sin(E) + E
    assert heading(E, {**names, id(E): "F"}).startswith("F")
    assert len(heading(E, {**names, id(E): "F"})) < 70


def test_the_derivation_is_told_by_line():
    E = question()
    names, _ = known(E)
    rows = derivation(E, names)
    assert [node.name for node, *_ in rows] == ["E", "s", "s", "s", "v", "v", "v"]
    assert rows[0][1:] == ("E = 1/2 ‖s − y‖²", "dE = (s − y) : ds", "")
