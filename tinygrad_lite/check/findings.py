"""What a report is made of, `check`'s and the referee's: a verdict per gradient, in one wording."""

from __future__ import annotations

import html
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from ..graph.node import Node
from ..notation.words import counted, listed
from .hints import hint
from .kinds import KINDS, known
from .marks import MARKS, Said, across, row

WIDTH, LEAST = 100, 40  # columns of a line, and at least so many for the text in it
HEAD = 56  # columns of what a line starts with; where that is longer it stands alone
NAMED, OTHERS = 4, 2  # mistakes that the summary names, and other kinds that a line does

Line = tuple[str, str]  # what a line starts with, and the text beside it


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Finding:
    """What is to be said about one gradient.

    `verdict` is "right", "wrong", "follows" (wrong, but its own step is right: the error is that of
    the claims `inherited`), "unclear" (too weak to tell: rounding alone may do as much) or "unseen"
    (of code: the gradient is 0 on these data, whatever it says; nothing is held against it). Of a
    wrong one `kind` is one of `KINDS`, `explanation` says in a sentence or two what was done,
    `where` is the step of the graph ("" when it is not one step), `also` holds other kinds that
    explain the numbers equally well; `first` marks the first wrong line, walking backwards from the
    loss. `error` is the largest relative error and `entry` the index where it is (None when the
    shapes differ).

    Of `check` are `node`, `expected` and `claimed`. Of the referee are `caught`, by dtype the
    smallest error that would have been called wrong, `entries`, how many were judged, and `kinks`,
    how many were left out because the derivative jumps there.

    Of a line of code are `line`, its number (in `cell` of a notebook), and `code`, its text. Where
    it is wrong `mended` is the line as it should read, None if that was not found, and `by` says
    how it was: "edit" (a short change of the line) or "rule" (the engine's own formula, which is no
    diagnosis); `mended_at` says which where that is another line.
    Of a formula that was claimed as text, `marked` has it with what is wrong underlined.
    """

    name: str
    verdict: str
    kind: str = ""
    explanation: str = ""
    shape: tuple[int, ...] = ()
    error: float | None = None
    entry: tuple[int, ...] | None = None
    where: str = ""
    also: tuple[str, ...] = ()
    inherited: tuple[str, ...] = ()
    first: bool = False
    node: Node | None = None
    expected: Any = None
    claimed: Any = None
    caught: Mapping[str, float] = field(default_factory=dict)
    entries: int = 0
    kinks: int = 0
    line: int = 0
    cell: int = 0
    code: str = ""
    mended: str | None = None
    mended_at: str = ""
    marked: tuple[str, ...] = ()
    by: str = ""

    def __post_init__(self) -> None:
        for kind in (self.kind, *self.also):
            if kind:
                known(kind)

    def __bool__(self) -> bool:
        return self.verdict in ("right", "unseen")

    def __str__(self) -> str:
        return table([self])

    __repr__ = __str__

    @property
    def place(self) -> str:
        """The number of its line, in a notebook with that of the cell."""
        return f"[{self.cell}] {self.line}" if self.cell else str(self.line)

    @property
    def head(self) -> str:
        """What the report's line starts with: the line of code, or the name and the shape."""
        if self.code:
            return f"{self.place:>3}  {' '.join(self.code.split())}"
        return f"{self.name} {self.shape}" if self.shape else self.name

    @property
    def way_out(self) -> str:
        """What stands before the mended line."""
        where = f", in {self.mended_at}" if self.mended_at else ""
        return f"{_MENDED[self.by]}{where}:"

    @property
    def told(self) -> str:
        """The verdict, of a line of code with its sign."""
        return f"{MARKS[self.verdict].sign} {self.verdict}" if self.code else self.verdict

    def message(self) -> str:
        """What the report's line says after the verdict."""
        return "; ".join(part for part in _WORDS[self.verdict](self) if part)

    def to_dict(self) -> dict[str, Any]:
        """What can be said as JSON, without the arrays."""
        arrays = ("node", "expected", "claimed")
        told = {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name not in arrays}
        return told | {"message": self.message()}


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """The findings, in order. Truthy when every gradient is right. The referee adds `notes`, what
    was `tried`, the `reference` that it was held against, and the report on the `lines` of a
    backward that is wrong, where they can be followed. With `hints` no more is printed of what is
    wrong than `hint` says up to that level. `formula` derives what a wrong
    gradient should have been, in the graph's names; `rule` says which steps of the graph make it,
    and what each of them hands on."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    tried: str = ""
    reference: str = ""
    formula: Callable[[Node], str] | None = None
    rule: Callable[[Node], str] | None = None
    lines: Report | None = None
    hints: int | None = None

    def __bool__(self) -> bool:
        return all(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, key: int | str | Node) -> Finding:
        if isinstance(key, int):
            return self.findings[key]
        for finding in reversed(self.findings):  # of several lines, what the name holds in the end
            if key is finding.node or (isinstance(key, str) and key == finding.name):
                return finding
        names = ", ".join(f.name for f in self.findings)
        raise KeyError(f"no claim was made for {key!r}; the claims are {names}")

    @property
    def ok(self) -> bool:
        """Whether every gradient is right."""
        return bool(self)

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """The findings that are wrong, without those that only follow from them."""
        return tuple(f for f in self.findings if f.verdict == "wrong")

    @property
    def first(self) -> Finding | None:
        """The first wrong line, walking backwards from the loss; None when none is wrong."""
        return next((f for f in self.findings if f.first), next(iter(self.wrong), None))

    @property
    def worst(self) -> Finding:
        """The first wrong line; without one the first that is not right, or else the first."""
        unclear = (f for f in self.findings if not f)
        return next(unclear, self.findings[0]) if self.first is None else self.first

    @property
    def summary(self) -> str:
        """How many mistakes there are, and where, in one line."""
        count = Counter(f.verdict for f in self.findings)
        said = self._counted(count)
        return "; ".join(said[verdict] for verdict in _WORDS if count[verdict])

    def _counted(self, count: Mapping[str, int]) -> dict[str, str]:
        """What the summary says of each verdict."""
        at, n = [f.name for f in self.wrong], count["follows"]
        names = listed(at if len(at) <= NAMED else [*at[:NAMED], f"{len(at) - NAMED} more"])
        these = "it" if len(at) == 1 else "them"
        return {
            "wrong": f"{counted(len(at), 'mistake')}, at {names}",
            "follows": f"{counted(n, 'line')} follow{'s' * (n == 1)} from {these}",
            "unclear": f"{count['unclear']} too weak to tell",
            "unseen": f"{count['unseen']} not observable",
            "right": f"{count['right']} right",
        }

    @property
    def _above(self) -> list[Line]:
        return [("", self.summary)] if len(self) > 1 and not self else []

    @cached_property
    def derived(self) -> tuple[str, ...]:
        """What the wrong gradients should have been, as formulas derived from the graph; of many
        the first."""
        nodes = [f.node for f in self.wrong if f.node is not None][:NAMED]
        return tuple(filter(None, map(self.formula, nodes))) if self.formula else ()

    @property
    def _below(self) -> list[Line]:
        tried = [("tried: ", f"{self.tried}; reference: {self.reference}")] if self.tried else []
        right = [("derived: ", text) for text in self.derived]
        return [*right, *(("note: ", note) for note in self.notes), *tried]

    def __str__(self) -> str:
        if self._hinted:
            return "\n".join(self._hinted)
        lines = f"\n\nin the lines of backward: {self.lines}" if self.lines is not None else ""
        return table(self.findings, self._above, self._below) + lines

    __repr__ = __str__

    def hint(self, level: int = 1) -> str:
        """Help with the first wrong line, a little more at each level: 1 where it is, 2 the kind of
        mistake, 3 the step of the graph and its rule, 4 the line as it should read; "" where
        nothing is wrong."""
        return hint(self if self.lines is None else self.lines, level)

    @property
    def _hinted(self) -> Sequence[str]:
        """What is printed in the place of the table, if so."""
        if self.hints is None or self.first is None:
            return ()
        told = dict.fromkeys(self.hint(level) for level in range(1, self.hints + 1))
        return self.summary, *filter(None, told)

    def _repr_html_(self) -> str:
        if self._hinted:
            return "<br>".join(map(html.escape, self._hinted))
        above, below = ([html.escape(a + b) for a, b in x] for x in (self._above, self._below))
        rows = [*map(across, above), *map(row, self.findings), *map(across, below)]
        lines = "" if self.lines is None else self.lines._repr_html_()
        return f"<table><tbody>{''.join(rows)}</tbody></table>{lines}"

    def to_dict(self) -> dict[str, Any]:
        """The report as data that JSON can hold."""
        return {
            "ok": self.ok,
            "summary": self.summary,
            "findings": [f.to_dict() for f in self.findings],
            **{name: _plain(getattr(self, name)) for name in ("notes", "tried", "reference")},
            **({} if self.lines is None else {"lines": self.lines.to_dict()}),
        }

    def marks(self) -> dict[Node, Said]:
        """For pictures: what is said of every node."""
        found = {}
        for f in self.findings:
            if f.node is not None:
                mark = "first" if f is self.first else f.verdict
                words = replace(f, first=False).message()
                line = f.code or "\n".join(f.marked)
                found[f.node] = Said(mark, words, f.claimed, line, f.mended or "")
        return found

    def raise_if_wrong(self) -> None:
        """Raise `WrongGradient`, an `AssertionError`, unless every gradient is right; what was too
        weak to tell is not."""
        __tracebackhide__ = True
        if not self:
            raise WrongGradient(self)


class WrongGradient(AssertionError):
    """A gradient is wrong, or could not be judged; `report` says which, where and why."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"{report.worst}\n\n{report}" if len(report) > 1 else str(report))
        self.report = report


# --- the words


def _right(f: Finding) -> Iterator[str]:
    if f.entries:
        yield f"{f.entries} entries"
    if not f.code:
        yield f"largest relative error {f.error or 0.0:.0e}"
    if f.caught:
        yield f"an error of {_limits(f)} would have been caught"
    if f.kinks:
        yield f"{f.kinks} at a kink, where any slope between is right"
    yield f.explanation


def _wrong(f: Finding) -> Iterator[str]:
    parts = ["[the first wrong line]" * f.first, f.explanation]
    also = [KINDS[kind] for kind in f.also if kind != "other"]
    if also:
        parts.append(f"(or {', or '.join(also[:OTHERS])})")
    yield " ".join(part for part in parts if part)


def _follows(f: Finding) -> Iterator[str]:
    yield f"from {listed(f.inherited)}"
    yield "its own step is right"


def _unclear(f: Finding) -> Iterator[str]:
    yield "too weak to tell"
    if f.caught:
        yield f"rounding alone may do as much: only an error of {_limits(f)} would show"
    yield f.explanation


def _unseen(f: Finding) -> Iterator[str]:
    what = f"line {f.line}" if f.line else "the formula"
    yield f"the gradient is 0 here whatever {what} says: not observable on these data"
    yield f.explanation


_WORDS = {
    "wrong": _wrong,
    "follows": _follows,
    "unclear": _unclear,
    "unseen": _unseen,
    "right": _right,
}  # as the summary counts them


def _limits(f: Finding) -> str:
    return " or ".join(f"{e:.0e}" + f" ({t})" * bool(t) for t, e in f.caught.items())


def table(
    findings: Iterable[Finding], above: Iterable[Line] = (), below: Iterable[Line] = ()
) -> str:
    """A line per finding, its verdict below that of the others; long ones are wrapped."""
    heads = {f: f.head for f in findings}
    width = max((n for n in map(len, heads.values()) if n <= HEAD), default=HEAD)
    room = max((len(f.told) for f in heads), default=0)
    lines: list[Line] = []
    for f, head in heads.items():
        if len(head) > width:
            lines.append((head, ""))
            head = ""
        start = f"{head:<{width}}   {f.told:<{room}}   "
        lines.append((start, f.message()))
        lines += [(" " * len(start) + marked, "") for marked in f.marked]
        if f.mended is not None:
            lines.append((" " * len(start), f"{f.way_out}  {' '.join(f.mended.split())}"))
    return "\n".join(map(_filled, [*above, *lines, *below]))


_MENDED = {"edit": "mended", "rule": "the rule"}


def _filled(line: Line) -> str:
    start, text = line
    return (
        textwrap.fill(
            text,
            width=max(WIDTH, len(start) + LEAST),
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )
        or start.rstrip()
    )


def _plain(value: Any) -> Any:
    """A field as JSON can hold it: an infinite number as text."""
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
