"""The page's arithmetic, run by its own script: all ops, forward and backward, to 1e-12."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest
from domains import samples
from pictures import chain

import tinygrad_lite as tg
from tinygrad_lite.draw.live import ENTRYWISE, doubles, program, value_of
from tinygrad_lite.ops import registry

pytestmark = pytest.mark.browser

# What a page says that it cannot compute: decompositions, special functions, other rounding.
FIXED = {
    *("cholesky", "pinv", "qr_rows", "dft"),
    *("eigh_rows", "eigvalsh", "eig_rows", "svd_rows", "svdvals"),
    *("gammaln", "digamma", "erfc", "erfinv", "erfcx", "log_ndtr", "ndtri"),
    *("copysign", "round", "floor_divide", "remainder"),
}
RUN = """(cases) => cases.map(([given, expected]) => {
  load(given);
  const same = compute();
  let worst = 0;
  for (const [place, data] of expected) doubles(data).forEach((x, i) => {
    const y = live.values[place][i];
    if (x === y || (x !== x && y !== y)) return;
    worst = Math.max(worst, Math.abs(x - y) / Math.max(1, Math.abs(x)) || 9);
  });
  return [same, worst];
})"""


def script():
    functions = ",".join(f"{name}:(a,b,c)=>{code}" for name, code in ENTRYWISE.items())
    text = (resources.files("tinygrad_lite.draw") / "live.js").read_text(encoding="utf-8")
    given = "Object.assign(window, {live, load, compute, doubles, reach});"
    return f"const functions = {{ {functions} }};\n{text}\n{given}"


def case(root):
    """A graph's program, and what its places hold."""
    made, given, numbers = program(root)
    expected = [[numbers[id(a)], doubles([value_of(a)])] for a in made.arrays()]
    return made, [given, expected]


@pytest.fixture(scope="module")
def page(offline):
    page = offline.new_page()
    page.goto("about:blank")
    page.add_script_tag(content=script())
    yield page
    page.close()


def graphs(name):
    op, rng = registry[name], np.random.default_rng(0)
    for domain, case_ in samples(name):
        inputs = domain.inputs(case_, rng)
        leaves = [tg.Tensor(x) if x.dtype.kind == "f" else x for x in inputs]
        y = op(*leaves, **case_.settings)
        weights = np.cos(np.arange(y.data.size)).reshape(y.shape)
        yield case_, tg.sum(y * weights) if y.shape else y * 1.5


@pytest.mark.parametrize("name", sorted(registry))
def test_the_script_computes_what_the_ops_do(page, name):
    cases = []
    for case_, root in graphs(name):
        made, found = case(root)
        if made.why:
            assert name in FIXED, f"{name} {case_}: {made.why}"
            assert made.why.startswith(("a page cannot compute", "a page has no")), made.why
        else:
            cases.append(found)
    if name not in FIXED:
        assert cases
    for same, worst in page.evaluate(RUN, json.loads(json.dumps(cases))):
        assert same
        assert worst < 1e-12


def test_a_user_s_op_computes_too(page):
    @tg.elementwise("softsign({0})")
    def softsign(xp, x):
        """x / (1 + |x|)."""
        return x / (1 + xp.abs(x))

    softsign.local(lambda xp, y, x: 1 / (1 + xp.abs(x)) ** 2)
    made, found = case(softsign(tg.Tensor([-1.0, 2.0])).sum())
    assert not made.why
    ((same, worst),) = page.evaluate(RUN, [found])
    assert same
    assert worst < 1e-12


def test_an_op_on_numpy_alone_is_fixed_and_says_so():
    @tg.elementwise("numpy({0})")
    def odd(xp, x):
        """|x| by NumPy's own."""
        return np.asarray([abs(float(v)) for v in np.asarray(x)])

    odd.local(lambda xp, y, x: xp.sign(x))
    made, given, _ = program(odd(tg.Tensor([-1.0, 2.0])).sum())
    assert made.why == "an op computes with NumPy alone"
    assert given["steps"] == []


def test_other_numbers_take_the_same_way_or_say_so(page):
    """What Python decided by looking at numbers is asked again."""
    x = tg.Tensor([3.0])
    _, (given, *_) = case(tg.norm(x) * 1.0)
    found = page.evaluate(
        """([given, numbers]) => { load(given);
            return numbers.map((x) => { live.values[0][0] = x; return compute(); }); }""",
        [given, [3.0, -2.0, 0.0]],
    )
    assert found == [True, True, False]


def test_a_mask_follows_what_it_was_asked_of(page):
    z = tg.Tensor([3.0])
    y = tg.where(tg.abs(z) <= 2, z**2, 0.0) * 1.0
    made, told, numbers = program(y)
    found = page.evaluate(
        """([given, [z, y], numbers]) => { load(given); return numbers.map((x) => {
            live.values[z][0] = x; compute(); return live.values[y][0]; }); }""",
        [told, [numbers[id(made.value[node])] for node in (z, y)], [1.5, 3.5, -2.0]],
    )
    assert found == [2.25, 0.0, 4.0]


def test_a_thousand_steps_are_quick(page):
    _, (given, *_) = case(chain(1000))
    spent = page.evaluate(
        """(given) => { load(given); compute(); const t = performance.now();
            for (let k = 0; k < 20; k += 1) compute();
            return (performance.now() - t) / 20; }""",
        given,
    )
    assert spent < 20


def test_a_page_says_that_it_has_no_complex_numbers():
    x = tg.Tensor(np.arange(8.0))
    run, _, _ = program((np.abs(np.fft.rfft(x)) ** 2).sum())
    assert run.why == "a page has no complex numbers, which multiply gives"
