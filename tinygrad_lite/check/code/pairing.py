"""Which node's gradient each step of a derivation stands for: by name, in turn, by value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from ...graph.names import is_own
from ...graph.node import Node, raw
from .judged import Equal, Judged, sums_of
from .left_over import left_over
from .pairs import Pairs
from .scope import Closure
from .slopes import is_slope
from .trace import Record, Trace
from .truth import Truth
from .turns import adds_to_entries, counted, is_empty, is_part, is_turned, until, values_of

Turns = list[list[Judged]]
DEEP = 3  # operations, one above the other, that nodes made alike have in common
MANY = 10  # turns of a loop whose values are asked what they are


class Pairing:
    """Gives steps their nodes. `guessing` says that a name that is no node's may stand for what its
    values, or what it is computed from, say."""

    def __init__(
        self, trace: Trace, truth: Truth, pairs: Pairs, equal: Equal, guessing: bool = False
    ) -> None:
        self.trace, self.truth, self.pairs, self.equal = trace, truth, pairs, equal
        self.guessing = guessing

    def paired(self, rows: list[Judged]) -> list[list[Judged]]:
        """The steps that build one gradient up, each time it is built, given their node."""
        inner = [row for row in rows if row.step.inside is not None]
        updates = [row for row in rows if row.step.update is not None]
        rows[:] = [r for r in rows if r.step.inside is None and r.step.update is None]
        self._learn_from_attributes(rows)
        self._learn_from_keys(rows)
        groups: dict[tuple[str, Any], list[Judged]] = {}
        for row in rows:
            groups.setdefault((row.step.name, row.step.key), []).append(row)
        values = self._values(rows)
        chosen = {
            names: self._nodes(*names, group) if names[0] not in values else ([], [group])
            for names, group in groups.items()
        }
        self._only_totals(chosen)
        taken = {node for nodes, _ in chosen.values() for node in nodes}
        found: list[list[Judged]] = []
        for (name, key), (nodes, turns) in chosen.items():
            if not nodes and key is None:
                loose = self.pairs.loosely(name, np.shape(turns[-1][-1].step.value))
                nodes = [] if loose is None or loose in taken else [loose]
            if nodes:
                found += self._matched(turns, nodes)
        stood = {row.node: turn for turn in found for row in turn}
        for row in updates:  # of what no name is the gradient, or only turned round
            node = None if row.step.update is None else row.step.update[0]
            turn = stood.get(node, [])
            if turn and is_turned(turn[-1].step, row.step):
                found.remove(turn)
                for named in turn:
                    named.node = None
            elif turn and not self._says_more(row, turn[-1].step.value):
                continue
            if node is not None and node in self.truth.of:
                found += self._matched([[row]], [node])
        rows += [*updates, *inner]
        for turn, node in left_over(
            rows, self._order, self.pairs, self.truth, self.trace, self.equal
        ):
            found += self._matched([turn], [node])
        if self.guessing:  # but what a name is said not to mean
            known = {row.step.record: row.node for turn in found for row in turn}
            for turns in [t for (_, key), (_, t) in chosen.items() if key is None]:
                if turns[0][0].step.name in self.pairs.given:
                    continue
                if all(row.node is None for turn in turns for row in turn):
                    nodes = self._nameless(turns) if len(turns) > 1 else []
                    more = self._matched(turns, nodes) if nodes else self._inner(turns, known)
                    found += more
        return found

    def _says_more(self, row: Judged, named: Any) -> bool:
        """Whether an update tells what a named gradient does not: it goes the other way, or takes
        up a factor that is missing in that, as in W -= (lr / m) * dW."""
        assert row.step.update is not None
        node, scale = row.step.update
        g, taken = self.truth.gradient(node), np.asarray(row.step.value) / scale
        if self.equal(node, named, g):
            return self.equal(node, -taken, g)
        return counted(np.asarray(named), taken) not in (None, 1)

    def _values(self, rows: list[Judged]) -> set[str]:
        """The dicts whose entries are what their keys name, and no gradients of that."""
        held: dict[str, list[bool]] = {}
        for row in rows:
            node = None if row.step.key is None else self.pairs.named(row.step.key)
            if node is not None and np.any(row.step.value):
                same = np.array_equal(raw(node), row.step.value)
                held.setdefault(row.step.name, []).append(same)
        return {name for name, same in held.items() if all(same)}

    def _only_totals(self, chosen: dict[tuple[str, Any], tuple[list[Node], Turns]]) -> None:
        """Of attributes that stand for one node let those stand for none from which another is
        computed: they are the parts that it adds up from, of each step in time, say."""
        of: dict[Node, list[tuple[str, Any]]] = {}
        for names, (nodes, _) in chosen.items():
            for node in nodes[:1]:
                of.setdefault(node, []).append(names)
        for every in of.values():
            ends = {names: chosen[names][1][-1][-1].step for names in every}
            for step in ends.values():
                above = self.trace.above(step.record)
                parts = [n for n, x in ends.items() if x is not step and x.record in above]
                for names in parts if len(parts) > 1 else ():
                    if ends[names].attribute:
                        chosen[names] = [], chosen[names][1]

    def _nameless(self, turns: list[list[Judged]]) -> list[Node]:
        """What a name in a loop stands for by its values: those nodes made alike of which it is the
        gradient most often, of several the farthest from the loss."""
        values = [turn[-1].step.value for turn in turns]
        best: tuple[int, list[Node]] = (0, [])
        for node in self._order:
            if any(self.equal(node, v, self.truth.gradient(node)) for v in values[:MANY]):
                alike = self._alike(node)
                pairs = zip(alike, values, strict=False)
                hits = sum(self.equal(n, v, self.truth.gradient(n)) for n, v in pairs)
                best = max((hits, alike), best, key=lambda f: f[0])
        return best[1]

    def _inner(
        self, turns: list[list[Judged]], known: dict[Record, Node | None]
    ) -> Iterator[list[Judged]]:
        """The steps of a name for what the node was computed from whose gradient they use: of
        draw = (1 - h**2) * dh what h is the tanh of."""
        for turn in turns:
            instance = turn[0].step.instance
            read = {n.id for n in ast.walk(instance.statement) if isinstance(n, ast.Name)}
            used = [known[r] for name, r in instance.names.items() if name in read and r in known]
            node = used[0] if len(used) == 1 else None
            shape = np.shape(turn[-1].step.value)
            inputs = [] if node is None else [x for x in node.inputs if isinstance(x, Node)]
            fitting = [x for x in inputs if x.shape == shape and x in self.truth.of]
            if len(fitting) == 1 and fitting[0] not in self.pairs.names:
                for row in turn:
                    row.node, row.last = fitting[0], row is turn[-1]
                yield turn

    def _alike(self, node: Node | None) -> list[Node]:
        """The nodes that are made as one is: by the same operations, in its shape."""

        def made(x: Node) -> Any:
            return x.op, x.shape, [p.op if isinstance(p, Node) else None for p in x.inputs]

        if node is None or node.op is None:
            return []
        return [x for x in self._order if made(x) == made(node) and _agree(x, node, DEEP)]

    def _nodes(
        self, name: str, key: Any, group: list[Judged]
    ) -> tuple[list[Node], list[list[Judged]]]:
        """The nodes that a name or a key stands for one after the other, and its steps for each."""
        if key is None:
            nodes, turns = self._in_turn(name, group)
            ends = [turn[-1].step for turn in turns]
            if nodes and name not in self.trace.handed_back and not ends[-1].returned:
                family = {*nodes, *self._alike(nodes[0])}
                if is_slope((end.record for end in ends), family, self.trace, self.truth):
                    self.pairs.given[name] = None
                    return [], turns
            return nodes, turns
        step = group[-1].step
        node = self._of_attribute(group[0])
        if node is None:
            node = self.pairs.named(key)
            kept = step.returned or self.pairs.reads_like_one(name) or isinstance(key, Node)
            if node is not None and not kept and np.shape(step.value) != node.shape:
                node = None  # neuron["output"], say, is no gradient
        return ([] if node is None else [node]), [group]

    def _of_attribute(self, row: Judged) -> Node | None:
        """What a step is the gradient of by whose attribute it sets."""
        if row.step.attribute is None:
            return None
        of = row.step.attribute[0]
        set_ = {n: r.value for (key, n), r in self.trace.fields.items() if key == id(of)}
        own = {} if isinstance(of, Node) else vars(of)
        kept = {n: x for n, x in own.items() if isinstance(x, Node)}  # updated since, perhaps
        inside = {**own, **set_, **kept}
        shape = np.shape(row.step.value)
        of_step = row.step.attribute, row.step.key, shape
        node = self.pairs.attribute(*of_step, inside, self.truth.of)
        if node is None and row.step.key is None:  # of an object made for the gradients
            holder, _, name = row.step.name.rpartition(".")
            named = self.pairs.named(name)
            meant = holder == type(of).__name__ or self.pairs.reads_like_one(holder)
            if named is not None and meant and named.shape == shape:
                held = np.array_equal(raw(named), row.step.value)  # a parameter, kept
                node = None if held else named
        return node

    def _learn_from_attributes(self, rows: list[Judged]) -> None:
        """The attributes of an object stand for the gradients of its others."""
        for row in rows:
            node = self._of_attribute(row) if row.step.key is None else None
            if node is not None:
                self.pairs.given.setdefault(row.step.name, node)

    def _learn_from_keys(self, rows: list[Judged]) -> None:
        """A name whose value a dict holds under a key stands for what the key names; what a key
        holds is judged once, unless the name says something else."""
        named: dict[int, str] = {}
        meant: dict[str, dict[Node, list[Judged]]] = {}
        for row in rows:
            value, key = id(row.step.record.value), row.step.key
            name = named.get(value)
            node = None if key is None else self.pairs.named(key)
            own = self.pairs.node(name or "")
            if node is not None and name is not None and (own is None or own is node):
                meant.setdefault(name, {}).setdefault(node, []).append(row)
            if value not in named or (key is None and self.pairs.node(row.step.name) is not None):
                named[value] = row.step.name if key is None else ""
        for name, nodes in meant.items():
            if name in self.pairs.given and self.pairs.given[name] is None:
                continue
            if name and len(nodes) > 1:  # one after the other: of each its key tells
                self.pairs.given.setdefault(name, None)
                continue
            for node, held in nodes.items():  # judged where it has that name
                if name:
                    self.pairs.learn(name, node)
                rows[:] = [row for row in rows if row not in held]

    def _in_turn(self, name: str, group: list[Judged]) -> tuple[list[Node], list[list[Judged]]]:
        """The same for a name: one node, or one for each turn of a loop."""
        turns: list[list[Judged]] = []
        for row in group:
            if not turns or not row.step.builds or self._steps_back(name, row, group):
                turns.append([])
            turns[-1].append(row)
        node = self.pairs.node(name, turns[-1][-1].step.value)
        if node is not None and self.truth.of[node] is self.truth.tape.root:
            of_loss = np.shape(turns[-1][-1].step.value) != node.shape  # with respect to another
            node = None if of_loss else node
        if node is not None:
            turns = until(turns, node.shape)
        if node is not None and len(turns[-1]) > 1 and group[-1].step.returned:
            before = turns[-1][-2].step.value
            if self.equal(node, before, self.truth.gradient(node)):
                turns[-1].pop()  # `return -dW`, a direction of descent, is no claim
        if node is not None and node.op is not None and name not in self.trace.handed_back:
            self._cut(turns[-1], node)
        if node is not None and self._is_carry(name, group, node):
            self.pairs.given[name] = None
            return [], turns
        if len(turns) == 1:
            return ([] if node is None else [node]), turns
        if node is not None and all(is_part(turn[-1].step.value, node) for turn in turns):
            return [], turns  # its gradient row by row: of one sample at a time
        loop = len({id(turn[-1].step.instance.statement) for turn in turns}) < len(turns)
        if loop and (node is not None or name not in self.pairs.given):
            family = self.pairs.family(name, self._alike(node), self._order)
            if len(family) > 1:
                return family, [turn for turn in turns if not is_empty(turn[-1])]
        turns = self._overwritten(turns, node)
        return ([] if node is None else [node]), turns

    def _cut(self, turn: list[Judged], node: Node) -> None:
        """Leave out the steps in which more is added to entries of what is the gradient of an
        intermediate result: what comes back to it from steps in time that are computed later."""
        last = len(turn)
        while last and adds_to_entries(turn[last - 1].step.line.statement):
            last -= 1
        if 0 < last < len(turn):
            before, end = turn[last - 1].step.value, turn[-1].step.value
            right = [self.equal(node, v, self.truth.gradient(node)) for v in (before, end)]
            if right == [True, False]:
                del turn[last:]

    def _steps_back(self, name: str, row: Judged, group: list[Judged]) -> bool:
        """Whether a step in a loop hands a name to a function of the user's that gives what it is
        in the next turn, as in dh, dc = cell.backward(dh, dc, cache)."""
        statement = row.step.instance.statement
        call = getattr(statement, "value", None)
        if not isinstance(statement, ast.Assign) or not isinstance(call, ast.Call):
            return False
        called = row.step.instance.recorded.get(id(call.func))
        function = None if called is None else getattr(called.value, "__func__", called.value)
        own = isinstance(function, FunctionType) and is_own(function)
        given = any(isinstance(x, ast.Name) and x.id == name for x in call.args)
        often = sum(r.step.instance.statement is statement for r in group) > 1
        return (own or isinstance(function, Closure)) and given and often

    def _is_carry(self, name: str, group: list[Judged], node: Node) -> bool:
        """Whether a name, 0 at first, hands a part of a gradient on to the next turn of a loop,
        where the rest is added, and is nowhere the whole of it."""
        first, last = group[0].step, group[-1].step.instance.statement
        every = [n for n in ast.walk(self.trace.definition) if isinstance(n, (ast.For, ast.While))]
        loop = next((n for n in reversed(every) if last in ast.walk(n)), None)
        if loop is None or np.any(first.value) or first.instance.statement in ast.walk(loop):
            return False
        if node.op is None or name in self.trace.handed_back:
            return False
        uses = [n.ctx for n in ast.walk(loop) if isinstance(n, ast.Name) and n.id == name]
        stores = sum(isinstance(ctx, ast.Store) for ctx in uses)
        if not 0 < stores < len(uses) or any(row.step.adds for row in group):
            return False
        family = [node, *self._alike(node)]
        values = [(x, row.step.value) for x in family for row in group]
        return not any(self.equal(x, v, self.truth.gradient(x)) for x, v in values)

    def _overwritten(self, turns: list[list[Judged]], node: Node | None) -> list[list[Judged]]:
        """The turns of a name that stands for one node: those that one overwrites, though they are
        parts of the gradient, go before it; others are of something else."""
        if node is None or self.equal(node, turns[-1][-1].step.value, self.truth.gradient(node)):
            return turns if node is None else turns[-1:]
        sums = sums_of(len(self.truth.parts(node)), ())[1:]
        held: list[Judged] = []
        for turn in turns[:-1]:
            for row in turn:
                row.node = node
                for row.parts in sums:
                    if self.equal(node, row.step.value, row.wanted(self.truth)):
                        row.last = False
                        held.append(row)
                        break
                else:
                    row.node = row.parts = None
        return [[*held, *turns[-1]]]

    @cached_property
    def _open(self) -> set[str]:
        """The names that would have been built up after the line that raised an error: further
        down, or in another turn of its loop."""
        failed: Any = None if self.trace.failed is None else self.trace.failed.statement
        nodes: list[Any] = [] if failed is None else [*ast.walk(self.trace.definition)]
        loops = [n for n in nodes if isinstance(n, (ast.For, ast.While))]
        first = min((n.lineno for n in loops if failed in ast.walk(n)), default=0)
        first = first or getattr(failed, "lineno", 0)
        later = [n for n in nodes if isinstance(n, ast.stmt) and n.lineno >= first]
        targets = [n.target for n in later if isinstance(n, ast.AugAssign)]
        entries = (t for n in later if isinstance(n, ast.Assign) for t in n.targets)
        targets += [t for t in entries if isinstance(t, ast.Subscript)]
        return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}

    @property
    def _order(self) -> list[Node]:
        """The user's nodes, those next to the loss first."""
        tape = self.truth.tape
        known = [n for n, twin in self.truth.of.items() if twin in tape.g]
        return sorted(known, key=lambda n: tape.position[self.truth.of[n]])

    def _matched(self, turns: list[list[Judged]], nodes: list[Node]) -> Iterator[list[Judged]]:
        """Give every turn its node: one that it is right for, or else the next."""
        at, open_ = 0, len(turns) > len(nodes) + 1 > 2  # which turn is whose cannot be told
        for turn in turns if len(nodes) > 1 else turns[-1:]:
            right = (
                i
                for value in values_of(turn)
                for i in range(at, len(nodes))
                if self.equal(nodes[i], value, self.truth.gradient(nodes[i]))
            )
            i = next(right, None if open_ else at) if len(nodes) > 1 else 0
            if i is None:
                continue
            if i >= len(nodes):
                return
            at = i + 1
            for row in turn:
                row.node, row.last = nodes[i], row is turn[-1] and row.step.name not in self._open
            yield turn

    def by_value(self, value: Any) -> Node | None:
        array = np.asarray(value)
        if array.size < 2 or array.dtype.kind != "f" or np.ptp(array) == 0:
            return None
        nodes = (n for n in self._order if not self.truth.jacobians)
        return next((n for n in nodes if self.equal(n, value, self.truth.gradient(n))), None)


def _agree(a: Any, b: Any, deep: int) -> bool:
    """Whether two nodes are made by the same operations, so deep; what no operation made may be the
    first of what one did, as of a state."""
    ops = [x.op if isinstance(x, Node) else None for x in (a, b)]
    if None in ops or not deep:
        return None in ops or ops[0] is ops[1]
    pairs = zip(a.inputs, b.inputs, strict=False)
    return ops[0] is ops[1] and all(_agree(*pair, deep - 1) for pair in pairs)
