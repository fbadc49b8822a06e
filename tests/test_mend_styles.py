"""The commonest slips in the commonest code, a net of two layers: each is mended, and truly."""

import pytest

import tinygrad_lite as tg
from tests.mend_cases import styles_two_layers as styles
from tests.mend_cases.case import variant
from tests.mend_cases.worlds import misleads

CASES = [styles.CLASS, styles.DICT, styles.LISTS, styles.PLAIN, styles.SAMPLE]
SLIPS = [(case, slip) for case in CASES for slip in case.slips]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_right_one_is_right(case):
    E, names = case.draw()
    assert tg.check(E, case.backward, names=names)


@pytest.mark.parametrize(
    ("case", "slip"), SLIPS, ids=lambda x: getattr(x, "wrong", "") or "left out"
)
def test_one_edit_mends_it(case, slip):
    E, names = case.draw()
    report = tg.check(E, variant(case, slip), names=names)
    assert [f.by for f in report.wrong] == ["edit"]
    assert not misleads(case, (slip,), report)
