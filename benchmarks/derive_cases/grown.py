"""Programs of matrices and vectors, grown from a seed, as source text in which lengths are names:
each runs at any sizes."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_lite as tg

from .case import Draw, Variables

USUAL = {"n": 4, "m": 3, "k": 5}
Shape = tuple[str, ...]  # of "n", "m", "k" and "1"

ANY = (
    *("tg.sigmoid({0})", "tg.tanh({0})", "tg.relu({0})", "{0} ** 2", "-{0}", "2 * {0}", "{0} / 3"),
    *("tg.exp({0} / 4)", "tg.log(1 + {0} ** 2)", "tg.sqrt({0} * {0} + 1)", "tg.abs({0})"),
    *("tg.sin({0})", "tg.softplus({0})", "1 / (1 + {0} ** 2)", "1 - {0}", "{0} * tg.sigmoid({0})"),
    *("tg.maximum({0}, 0.5)", "tg.clip({0}, -1, 1)", "tg.leaky_relu({0})"),
)
PAIR = ("{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} * {1}", "{0} / (1 + {1} ** 2)", "{0} - 2 * {1}")
BY_AXIS = ("{0}.sum(axis=%d)", "{0}.mean(axis=%d)", "tg.logsumexp({0}, axis=%d)")
AWAY = {  # what takes an axis away, by how many there are: (text, the axis that goes)
    1: (("{0}.sum()", 0), ("{0}.mean()", 0), ("tg.norm({0})", 0), ("tg.logsumexp({0})", 0)),
    2: (
        *((text % axis, axis) for text in BY_AXIS for axis in (0, 1)),
        *(("tg.norm({0}, axis=1)", 1), ("tg.max({0}, axis=1)", 1)),
    ),
}
KEPT = ("{0}.sum(axis=%d, keepdims=True)", "{0}.mean(axis=%d, keepdims=True)")
SQUARE = ("tg.trace({0})", "tg.logabsdet({0} @ {0}.T + {I})", "tg.diagonal({0})")
ALONE = ("tg.inv({0} @ {0}.T + {I})", "tg.solve({0} @ {0}.T + {I}, {0})")
CUT = ("{0}[1:].sum()", "{0}[0].sum()", "tg.flip({0}).sum()", "tg.concat([{0}, {0}]).sum()")


@dataclass(frozen=True)
class Entry:
    text: str
    shape: Shape
    named: bool


class Growing:
    """A program while it grows: `lines` make the leaves and the named results."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.lines: list[str] = []
        self.entries: list[Entry] = []
        self.leaves: list[str] = []
        self.plain: set[str] = set()  # what NumPy computes, outside of the graph
        self.units: set[str] = set()

    def leaf(self, shape: Shape) -> Entry:
        pool = {0: "a c t", 1: "x y b w u v", 2: "W X A B V U"}[len(shape)].split()
        free = [name for name in pool if name not in self.leaves] or [f"L{len(self.leaves)}"]
        name = self.r.choice(free)
        # A number that is no tensor would be printed as it is.
        tensor = not shape or not self.leaves or self.r.random() < 0.75
        kind = "tensor" if tensor else "array"
        self.lines.append(f"{name} = d.{kind}({', '.join(shape)})")
        self.leaves.append(name)
        self.plain |= set() if tensor else {name}
        entry = Entry(name, shape, True)
        self.entries.append(entry)
        return entry

    def pick(self, *fits: Any) -> Entry | None:
        """An entry of a shape that fits, the later ones more often."""
        found = [e for e in self.entries if all(fit(e.shape) for fit in fits)]
        if not found:
            return None
        return self.r.choice(found[-3:] if self.r.random() < 0.6 else found)

    def of(self, shape: Shape) -> Entry:
        """An entry of this shape, or a new leaf."""
        known = self.pick(lambda s: s == shape)
        return known if known is not None and self.r.random() < 0.7 else self.leaf(shape)

    def unit(self, n: str) -> str:
        if n not in self.units:
            self.units.add(n)
            self.lines.append(f"I_{n} = np.eye({n})")
        return f"I_{n}"

    def keep(self, text: str, shape: Shape) -> None:
        """A result, as a variable of its own or as part of a longer expression."""
        words = set(re.findall(r"\w+", text))
        plain = words.isdisjoint({e.text for e in self.entries if e.named} - self.plain)
        if plain and not shape:
            return  # its number would be printed as it is
        if self.r.random() < 0.55 or len(text) > 60:
            name = f"{'zhqrs'[len(self.lines) % 5]}{len(self.lines)}"
            self.lines.append(f"{name} = {text}")
            self.plain |= {name} if plain else set()
            self.entries.append(Entry(name, shape, True))
        else:
            self.entries.append(Entry(f"({text})", shape, False))

    def step(self) -> None:
        self.r.choices(
            (self.unary, self.pair, self.product, self.reduction, self.broadcast, self.rare),
            (5, 4, 5, 3, 3, 1),
        )[0]()

    def unary(self) -> None:
        e = self.pick(lambda s: s != ()) or self.pick()
        assert e is not None
        if len(e.shape) == 2 and self.r.random() < 0.25:
            axis = self.r.choice((0, 1))
            self.keep(f"tg.softmax({e.text}, axis={axis})", e.shape)
        elif len(e.shape) == 2 and self.r.random() < 0.2:
            self.keep(f"{e.text}.T", e.shape[::-1])
        elif len(e.shape) == 1 and self.r.random() < 0.15:
            self.keep(f"tg.softmax({e.text})", e.shape)
        else:
            self.keep(self.r.choice(ANY).format(e.text), e.shape)

    def pair(self) -> None:
        e = self.pick()
        assert e is not None
        other = self.of(e.shape)
        both = [e.text, other.text]
        self.r.shuffle(both)
        self.keep(self.r.choice(PAIR).format(*both), e.shape)

    def product(self) -> None:
        e = self.pick(lambda s: s != () and "1" not in s)
        if e is None:
            return
        other = self.r.choice([("n",), ("m",), ("k",), ()])
        if len(e.shape) == 1 and self.r.random() < 0.3:
            beside = self.of((self.r.choice("nmk"),))
            self.keep(f"tg.outer({e.text}, {beside.text})", e.shape + beside.shape)
        elif self.r.random() < 0.5:
            right = self.of((e.shape[-1], *other))
            self.keep(f"{e.text} @ {right.text}", e.shape[:-1] + other)
        else:
            left = self.of((*other, e.shape[0]))
            self.keep(f"{left.text} @ {e.text}", other + e.shape[1:])

    def reduction(self) -> None:
        e = self.pick(lambda s: s != ())
        if e is None:
            return
        if len(e.shape) == 2 and self.r.random() < 0.3:
            axis = self.r.choice((0, 1))
            shape = ("1", e.shape[1]) if axis == 0 else (e.shape[0], "1")
            self.keep(self.r.choice(KEPT).format(e.text).replace("%d", str(axis)), shape)
            return
        text, axis = self.r.choice(AWAY[len(e.shape)])
        self.keep(text.format(e.text), e.shape[:axis] + e.shape[axis + 1 :])

    def broadcast(self) -> None:
        e = self.pick(lambda s: len(s) == 2)
        if e is None:
            return
        rows, columns = e.shape
        shape = self.r.choice([(columns,), (rows, "1"), ("1", columns), ()])
        if "1" in e.shape:
            return
        other = self.of(shape)
        self.keep(self.r.choice(PAIR).format(e.text, other.text), e.shape)

    def rare(self) -> None:
        e = self.pick(lambda s: s != () and "1" not in s)
        if e is None:
            return
        if len(e.shape) == 2 and e.shape[0] == e.shape[1]:
            text = self.r.choice(SQUARE + ALONE)
            shape = () if text in SQUARE[:2] else e.shape[:1] if text in SQUARE else e.shape
            self.keep(text.format(e.text, I=self.unit(e.shape[0])), shape)
        elif len(e.shape) == 1 and self.r.random() < 0.5:
            self.keep(f"tg.diag({e.text})", e.shape * 2)
        else:
            self.keep(self.r.choice(CUT).format(e.text), ())

    def finish(self) -> None:
        last = self.entries[-1]
        text = last.text
        if last.shape:
            ends = ["({0} ** 2).sum()", "{0}.sum()", "{0}.mean()", "0.5 * ({0} ** 2).mean()"]
            text = self.r.choice(ends).format(text)
            if self.r.random() < 0.4 and "1" not in last.shape:
                beside = self.leaf(last.shape)
                text = f"({beside.text} * {last.text}).sum()"
        named = [e for e in self.entries if e.named and e.shape == () and e is not last]
        if named and self.r.random() < 0.3:
            text += f" + {self.r.choice(named).text}"
        self.lines.append(f"E = {text}")


@dataclass(frozen=True)
class Grown:
    """A program and a variable that its loss E depends on."""

    source: str
    by: str

    def build(self, draw: Draw) -> Variables:
        """Run the program: its variables."""
        space: dict[str, Any] = dict(zip(USUAL, draw.sizes(*USUAL.values()), strict=True))
        exec(self.source, {"tg": tg, "np": np, "d": draw}, space)
        return space


def grow(seed: int) -> Grown:
    """The program of a seed, and a leaf (seldom a result) on which its loss depends."""
    growing = Growing(seed)
    growing.leaf(tuple(growing.r.choice("nmk") for _ in range(growing.r.choice((1, 2, 2)))))
    for _ in range(growing.r.randint(3, 12)):
        growing.step()
    growing.finish()
    source = "\n".join(growing.lines)
    program = Grown(source, "")
    variables = program.build(Draw(seed))
    E = variables["E"]
    if not isinstance(E, tg.Tensor) or E.op is None:
        return grow(seed + 1_000_003)
    E.backward()
    moved = [k for k, v in variables.items() if isinstance(v, tg.Tensor) and v.grad is not None]
    leaves = [k for k in moved if variables[k].op is None]
    by = growing.r.choice(leaves if growing.r.random() < 0.85 else moved)
    return Grown(source, by) if by != "E" else Grown(source, leaves[0])
