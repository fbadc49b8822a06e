"""Which buffer holds each result of a program, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .recorder import Held, Instruction
from .text import Writer


class Memory:
    """The buffers of the instructions `live`, which are used again when their last reader is done.

    `held` has the buffer, or the view of one, that holds a value, by its id as all else here has.
    What is in `kept` is never written into a buffer: the caller's own array, made at every call.
    """

    def __init__(self, writer: Writer, live: Sequence[Instruction], kept: set[int]) -> None:
        self.writer, self.names, self._kept = writer, writer.names, kept
        self.held: dict[int, Any] = {}
        self.size = 0  # of all buffers, in bytes
        self._whole: dict[int, Held] = {}  # in whose memory a value is
        self._starts: dict[int, int] = {}  # and where, if it is a piece of that
        self._last: dict[int, float] = {}  # when the memory that a value owns is read last
        self._free: dict[Any, list[tuple[str, Any]]] = {}
        for made in live:
            self._put_side_by_side(made)
        for when, made in enumerate(live):
            for x in made.inputs():
                self._last[id(self.owner(x))] = when
            if made.out is not None:
                self._last.setdefault(id(self.owner(made.out)), when)

    def stays(self, values: Iterable[Any]) -> None:
        """Never let what these are in be written over."""
        self._last |= {id(self.owner(x)): float("inf") for x in values if isinstance(x, Held)}

    def owner(self, x: Held) -> Held:
        """In whose memory x is."""
        whole = x if x.owner is None else x.owner
        return self._whole.get(id(whole), whole)

    def share(self, x: Held, other: Held) -> None:
        """Let x be in the memory of another value."""
        self._whole[id(x)] = self.owner(other)

    def takes(self, y: Held) -> bool:
        """Whether a result can be in a buffer."""
        value = y.outline
        array = isinstance(value, np.ndarray) and value.ndim and id(y) not in self._kept
        return bool(array) and np.empty_like(value).strides == value.strides

    def take(self, y: Held) -> str:
        """A buffer for a result: its place in a larger one, one that is free, or a new one."""
        value = y.outline
        if id(y) in self._starts:
            return self._piece(y)
        free = self._free.get((value.shape, value.dtype, value.strides))
        self.size += 0 if free else value.nbytes
        name, buffer = free.pop() if free else self.writer.buffer(value)
        self.names[id(y)], self.held[id(y)] = name, buffer
        return name

    def take_over(self, y: Held, x: Any, made: Instruction, when: int) -> bool:
        """Let a result be where x was, if that is all of a buffer which is read for the last time,
        as this argument; whether it is."""
        if not isinstance(x, Held) or id(x) not in self.held or id(y) in self._starts:
            return False
        owner = self.owner(x)
        whole = self.held[id(x)].size == self.held[id(owner)].size
        once = sum(self.owner(z) is owner for z in made.inputs()) == 1
        if not (whole and once and self._last[id(owner)] == when):
            return False
        self.held[id(y)], self.names[id(y)] = self.held[id(x)], self.names[id(x)]
        self._whole[id(y)] = owner
        self._last[id(owner)] = self._last[id(y)]
        return True

    def release_operands(self, made: Instruction, when: int) -> None:
        """Let an op on entries write over an operand that nobody reads again."""
        for x in (inputs := [*made.inputs()]):
            alone = all(y is x or self.owner(y) is not x for y in inputs)
            if alone and self.owner(x) is x and self._last.get(id(x)) == when:
                self._release(x)

    def release(self, made: Instruction, when: int) -> None:
        """Let others have the buffers that an instruction was the last to use."""
        for x in (*made.inputs(), *([] if made.out is None else [made.out])):
            if self._last[id(self.owner(x))] == when:
                self._release(self.owner(x))

    def _release(self, x: Held) -> None:
        buffer = self.held.pop(id(x), None) if x.made_by is not None else None
        if buffer is not None:
            key = (buffer.shape, buffer.dtype, buffer.strides)
            self._free.setdefault(key, []).append((self.names[id(x)], buffer))

    # --- arrays that are joined

    def _put_side_by_side(self, made: Instruction) -> None:
        """Let the pieces of a joined array be computed where they belong, as far as they can."""
        whole = made.out
        if whole is None or not is_joined(made) or not self.takes(whole):
            return
        for start, _, x in places(made):
            y = x if not isinstance(x, Held) or x.owner is None else x.owner
            if (
                isinstance(y, Held)
                and y.made_by is not None
                and not is_joined(y.made_by)
                and id(y) not in self._whole
                and self.takes(y)
                and y.outline.size == x.outline.size
                and y.outline.dtype == x.outline.dtype == whole.outline.dtype
                and all(z.outline.flags.c_contiguous for z in (x, y, whole))
            ):
                self._whole[id(y)], self._starts[id(y)] = whole, start

    def _piece(self, y: Held) -> str:
        whole, start, shape = self._whole[id(y)], self._starts[id(y)], y.outline.shape
        if id(whole) not in self.held:
            self.take(whole)
        rows = y.outline.size // (whole.outline.size // len(whole.outline))
        view = self.held[id(whole)][start : start + rows].reshape(shape)
        text = f"{self.names[id(whole)]}[{start}:{start + rows}].reshape({shape})"
        name = self.names[id(y)] = self.writer.define("b", view, text)
        self.held[id(y)] = view
        return name

    def stands(self, x: Any, start: int) -> bool:
        """Whether a piece that starts here was computed where it belongs."""
        y = x if not isinstance(x, Held) or x.owner is None else x.owner
        return self._starts.get(id(y)) == start and id(y) in self.held


def is_joined(made: Instruction) -> bool:
    """Whether it puts arrays side by side, along the first axis."""
    return made.call is np.concatenate and made.settings.get("axis", 0) == 0


def places(made: Instruction) -> Iterable[tuple[int, int, Any]]:
    """Where each piece of a joined array starts and stops, and the piece."""
    start = 0
    for x in made.args[0]:
        stop = start + len(x.outline if isinstance(x, Held) else x)
        yield start, stop, x
        start = stop
