"""The stepper's steps: the texts it shows, and that its sums are the gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.draw.figures import summary
from tinygrad_lite.draw.steps import Steps, trace
from tinygrad_lite.draw.wording import complete_names
from tinygrad_lite.graph.node import topological_order


def steps_of(root, **named) -> Steps:
    order = topological_order(root)[::-1]
    return trace(root, complete_names(order, {id(node): name for name, node in named.items()}))


def shares(steps, op, to):
    """The shares that an op hands to an input, by their names."""
    found = [b for b in steps.backward if steps.names[id(b.node)] == op]
    return [s for b in found for s in b.shares if steps.names[id(s.node)] == to]


def gradients(steps):
    """Each node's gradient after its last arrival."""
    return {s.node: s.gradient for b in steps.backward for s in b.shares}


def demo():
    a, b = tg.Value(2.0), tg.Value(-3.0)
    n = a * b + b**3
    e = n.tanh() + a * n / (2 * b)
    return steps_of(e, a=a, b=b, n=n, e=e), a, b, n, e


def sigmoid_layer():
    rng = np.random.default_rng(0)
    W, x = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=4))
    y = rng.normal(size=5)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    return steps_of(E, W=W, x=x, y=y, v=v, s=s, E=E), E, (W, x, v, s)


def test_forward_goes_from_inputs_to_the_result():
    steps, *_ = demo()
    done = set()
    for step in steps.forward:
        assert all(x in done or x.op is None for x in step.node.parents())
        done.add(step.node)
    assert steps.forward[-1].node is steps.root
    first = steps.forward[0]
    assert (first.formula, first.numbers) == ("t₁ = a b", "2 · (−3) = −6")


def test_backward_visits_an_op_once_all_its_consumers_have_handed_on():
    steps, *_ = demo()
    waiting = {}
    for step in steps.forward:
        for x in step.node.parents():
            waiting[x] = waiting.get(x, 0) + 1
    for step in steps.backward:
        assert waiting.get(step.node, 0) == 0
        for share in step.shares:
            waiting[share.node] -= 1
            assert share.arrived == share.expected - waiting[share.node]


def test_the_texts_of_a_step():
    steps, *_ = demo()
    (share,) = shares(steps, "t₂", "b")
    assert share.rule == "∂t₂/∂b = 3 b²"
    assert share.rule_numbers == "3 · (−3)² = 27"
    assert share.pull == "3 (∂e/∂t₂) b²"
    assert share.pull_numbers == "(−0.333) · 27"
    assert share.value == "−9"
    assert share.adds == "3.67 − 9 → −5.33"
    assert (share.grad, share.arrived, share.expected) == ("−5.33", 2, 3)
    (first,) = shares(steps, "t₄", "n")
    assert first.adds == ""
    assert first.rule_numbers == "2"


def test_the_sums_are_what_backward_gives_to_the_last_bit():
    steps, *_, e = demo()
    e.backward()
    found = gradients(steps)
    assert len(found) == len(topological_order(e)) - 1
    for node, gradient in found.items():
        assert gradient == node.grad


def test_arrays_too():
    steps, E, nodes = sigmoid_layer()
    E.backward()
    found = gradients(steps)
    for node in nodes:
        assert np.array_equal(found[node], node.grad)
    (share,) = shares(steps, "s", "v")
    assert share.rule == "∂s/∂v = s ⊙ (1 − s)"
    assert share.value == summary(nodes[2].grad, norm=True).text
    assert steps.forward[0].shapes == "W (5, 4), x (4,) → v (5,)"


def test_matrix_pullbacks_are_written_as_on_paper():
    steps, *_ = sigmoid_layer()
    (to_W,) = shares(steps, "v", "W")
    (to_x,) = shares(steps, "v", "x")
    assert to_W.pull == "(∂E/∂v) xᵀ"
    assert to_x.pull == "Wᵀ (∂E/∂v)"
    A, B = tg.Tensor(np.ones((2, 3))), tg.Tensor(np.ones((3, 4)))
    C = A @ B
    S = C.sum()
    steps = steps_of(S, A=A, B=B, C=C, S=S)
    assert shares(steps, "C", "A")[0].pull == "(∂S/∂C) Bᵀ"
    assert shares(steps, "C", "B")[0].pull == "Aᵀ (∂S/∂C)"
    assert shares(steps, "S", "C")[0].pull == "(∂S/∂S) 𝟏 𝟏ᵀ"


def test_a_transposed_gradient_keeps_its_brackets():
    X, W, b = np.ones((5, 2)), tg.Tensor(np.ones((3, 2))), tg.Tensor(np.zeros(3))
    y = tg.linear(X, W, b)
    E = y.sum()
    (share,) = shares(steps_of(E, X=X, W=W, b=b, y=y, E=E), "y", "W")
    assert share.pull == "(∂E/∂y)ᵀ X"


def test_an_input_used_twice_by_one_op_gets_two_shares():
    x = tg.Value(3.0)
    y = x * x
    first, second = shares(steps_of(y, x=x, y=y), "y", "x")
    assert (first.grad, second.adds, second.grad) == ("3", "3 + 3 → 6", "6")


def test_large_arrays_add_up_by_norm():
    x = tg.Tensor(np.ones(100))
    E = (x * x).sum()
    adds = [s.adds for b in steps_of(E, x=x, E=E).backward for s in b.shares if s.adds]
    assert adds == ["norm 10 and norm 10, added entry by entry → norm 20"]


def test_a_sum_over_a_broadcast_axis_is_written():
    b = tg.Tensor(np.zeros(3))
    h = np.ones((5, 3)) + b
    E = h.sum()
    (share,) = shares(steps_of(E, b=b, h=h, E=E), "h", "b")
    assert share.pull == "(∂E/∂h)ᵀ 𝟏"
    assert share.grad == "[5, 5, 5]"


def test_grad_is_not_touched():
    _, a, _, n, e = demo()
    assert a.grad is n.grad is e.grad is None


def test_constants_get_no_share():
    x, k = tg.Value(2.0), tg.Value(5.0).detach()
    y = x * k
    steps = steps_of(y, x=x, k=k, y=y)
    assert [steps.names[id(s.node)] for b in steps.backward for s in b.shares] == ["x"]


def test_what_cannot_be_differentiated_still_goes_forward():
    k = tg.Value(5.0).detach()
    assert steps_of(k, k=k).backward == ()
    x = tg.Value(1.0)
    assert steps_of(x, x=x).forward == ()


def test_a_result_that_is_no_scalar_starts_from_ones():
    x = tg.Tensor(np.ones(3))
    y = 2 * x
    steps = steps_of(y, x=x, y=y)
    assert steps.seed == "∂y/∂y = ones (3,): the gradient of the sum of its entries"
    assert shares(steps, "y", "x")[0].grad == "[2, 2, 2]"


def test_an_array_written_into_after_its_use_is_refused_in_debug_mode():
    data = np.ones(3)
    with tg.debug():
        x = tg.Tensor(np.ones(3))
        y = (x * data).sum()
    data[0] = 5.0
    with pytest.raises(RuntimeError, match="was written into"):
        steps_of(y, x=x, y=y)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_odd_numbers_are_written(bad):
    x = tg.Value(bad)
    y = x * 2.0
    steps = steps_of(y, x=x, y=y)
    assert steps.forward[0].numbers.endswith({"nan": "NaN", "inf": "∞"}[str(bad)])


def test_a_chain_does_not_recurse():
    x = y = tg.Value(1.0)
    for _ in range(3000):
        y = y * 1.0
    assert len(steps_of(y, x=x, y=y).backward) == 3000


def test_a_rule_that_cannot_be_written_still_steps():
    @tg.elementwise("odd({0})")
    def odd(xp, x):
        """x**2, with a rule that takes numbers only."""
        return x * x

    odd.local(lambda xp, y, x: float(x) * 2.0)
    x = tg.Value(3.0)
    y = odd(x)
    (share,) = shares(steps_of(y, x=x, y=y), "y", "x")
    assert (share.rule, share.rule_numbers, share.grad) == ("", "6", "6")
    assert share.pull == "the rule of odd, given ∂y/∂y"


def test_overflow_and_infinities_are_shown_without_a_warning():
    x = tg.Tensor(np.array([1000.0, 0.0]))
    with np.errstate(all="ignore"):
        E = (tg.exp(x) * 0.0 + tg.log(x)).sum()
    last = [s.grad for b in steps_of(E, x=x, E=E).backward for s in b.shares][-1]
    assert last == "[0.001, ∞]"  # what is multiplied by 0 gets 0, not 0 times infinity
    assert "∞" in tg.draw(E, steps=True).svg
