"""A derivation judged again as it is with its mends: what is right then follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...graph.node import Node
from ..mend.claimed import is_right
from ..mend.edited import Mend
from ..mend.mending import Mender
from ..mend.written import FAILS, standing
from .forms import CannotRecord
from .judge import Judge
from .judged import FOLLOWS, RIGHT, UNSEEN, WRONG, Equal
from .pairs import Pairs

TRIED = 4  # mends that are tried alone


@dataclass(frozen=True, eq=False)
class Settled:
    """Tells whether all is right with some mends, and on other data too. `given` is what names
    were known to stand for before anything was judged, `claimed` of what the gradients were."""

    mender: Mender
    pairs: Pairs
    given: Mapping[str, Node | None]
    equal: Equal
    claimed: set[Node]

    def of(self, mends: Sequence[Mend]) -> list[Mend] | None:
        """The one of some mends with which all is right, or else all of them; None where some of
        it is wrong."""
        alone = ([mend] for mend in mends[:TRIED])
        return next(filter(self._is_right, [*alone, *[list(mends)] * (len(mends) > 1)]), None)

    def _is_right(self, mends: Sequence[Mend]) -> bool:
        mender = self.mender
        trace = mender.with_mends(mends)
        if trace.error is not None:
            return False
        pairs = self.pairs.copy()
        pairs.given = dict(self.given)
        rows = Judge(trace, mender.truth, pairs, self.equal).run()
        ends = [row for row in rows if row.node is not None and row.last and row.final]
        if any(row.verdict in (WRONG, FOLLOWS) for row in rows):
            return False
        if not self.claimed <= {row.node for row in ends if row.verdict in (RIGHT, UNSEEN)}:
            return False
        edits = standing([edit for mend in mends for edit in mend.edits])
        worlds = mender.trials.rungs[0][:1] if mender.trials.rungs else []
        try:
            runs = [(mender.run(draw, edits), truth) for draw, truth in worlds]
        except (*FAILS, CannotRecord):  # as where a loop no longer ends
            return False
        return all(is_right(row, *world) for world in runs for row in ends)
