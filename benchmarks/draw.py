"""The gallery of pictures, looked at in a browser: `python -m benchmarks.draw` prints a table.

Of each graph: boxes, pixels, the smallest text in a notebook's cell of 900 pixels (wider pictures
scroll), texts outside of their box or on each other, boxes on boxes, labels on
something, arrows across labels and through boxes, pairs of forward arrows that cross (and in dot's
own picture of the same boxes, where dot is installed), nodes with a name of the user's that have a
box, and seconds of processor time from the graph to the SVG. With `--save DIR` the pictures are
written too. With `--edit` a number is changed on the page of 1,100 boxes instead: milliseconds of
its script, and until the browser has painted, medians of 15.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.draw import Drawing
from tinygrad_lite.draw.routes import along
from tinygrad_lite.graph.node import topological_order

from .gallery import GALLERY

CELL = 900  # pixels
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

SCALE = "() => document.images[0].getBoundingClientRect().width / document.images[0].naturalWidth"
LOOK = """() => {
  const rect = (e) => e.getBoundingClientRect();
  const on = (a, b, by) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > by &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > by;
  const inside = (x, y, r) =>
    x > r.left + 1 && x < r.right - 1 && y > r.top + 1 && y < r.bottom - 1;
  const boxes = [...document.querySelectorAll('g.box')].map((g) => {
    const frames = g.querySelectorAll(':scope > .frame');
    return { id: g.dataset.id, g, r: rect(frames[frames.length - 1]) };
  });
  const found = { text: Infinity, texts: 0, boxes: 0, arrows: 0, labels: 0, crossed: 0 };
  for (const t of document.querySelectorAll('text')) {
    found.text = Math.min(found.text, parseFloat(getComputedStyle(t).fontSize));
  }
  for (const { g, r } of boxes) {
    const texts = [...g.querySelectorAll('text')].map(rect);
    texts.forEach((t, k) => {
      const out = t.left < r.left - 1 || t.right > r.right + 1 || t.bottom > r.bottom + 1;
      if (out || texts.slice(k + 1).some((u) => on(t, u, 2.5))) found.texts += 1;
    });
  }
  boxes.forEach((a, k) => boxes.slice(k + 1).forEach((b) => { found.boxes += on(a.r, b.r, 1); }));
  const labels = [...document.querySelectorAll('.local')].map(rect);
  labels.forEach((t, k) => {
    const hit = labels.slice(k + 1).some((u) => on(t, u, 2)) || boxes.some((b) => on(b.r, t, 2));
    found.labels += hit;
  });
  const texts = [...document.querySelectorAll('.local')].map((element) => (
    { element, r: rect(element) }));
  const svg = rect(document.querySelector('svg'));
  for (const link of document.querySelectorAll('.link')) {
    const others = boxes.filter((b) => b.id !== link.dataset.from && b.id !== link.dataset.to);
    const told = texts.filter((t) => !link.contains(t.element));
    for (const path of link.querySelectorAll('path')) {
      const length = path.getTotalLength();
      let through = false, over = false;
      for (let at = 0; at < length && !through; at += 3) {
        const p = path.getPointAtLength(at), x = p.x + svg.left, y = p.y + svg.top;
        through = others.some(({ r }) => inside(x, y, r));
        over ||= told.some(({ r }) => inside(x, y, r));
      }
      found.crossed += over;
      found.arrows += through;
    }
  }
  return found;
}"""


EDIT = """async () => {
  const seconds = [];
  for (let k = 0; k < 15; k += 1) {
    await new Promise((done) => setTimeout(done, 1000)); // the last edit is painted everywhere
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const slide = document.getElementById("slide"), start = performance.now();
    slide.value = 1 + k / 10;
    slide.dispatchEvent(new Event("input", { bubbles: true }));
    const script = performance.now() - start;
    const frame = new MessageChannel(); // its messages come after the frame's own work
    seconds.push([script, await new Promise((done) => requestAnimationFrame(() => {
      frame.port1.onmessage = () => done(performance.now() - start);
      frame.port2.postMessage(0);
    }))]);
  }
  return seconds;
}"""


def edits(page: Any) -> None:
    """Prints how long an edit takes."""
    x = tg.Value(1.0, name="x")
    y = x
    for _ in range(1100):
        y = y * 1.5
    page.set_content(tg.draw(y).html)
    page.locator("#views button").last.click()
    page.keyboard.press("a")
    page.keyboard.press("End")
    page.locator(".box.leaf").first.click()
    script, painted = np.median(page.evaluate(EDIT), axis=0)
    print(f"{page.locator('.box').count():,} boxes, an edit: script {script:.1f} ms, "
          f"painted {painted:.1f} ms")  # fmt: skip


def crossings(arrows: list[np.ndarray[Any, Any]]) -> int:
    """How many pairs of arrows, given as the points of cubic segments, cross."""
    t = np.linspace(0, 1, 9)
    lines = [
        np.concatenate([along(points[k : k + 4], t) for k in range(0, len(points) - 1, 3)])
        for points in arrows
    ]

    def sides(p: Any, q: Any) -> Any:
        """On which side of each piece of p each point of q lies."""
        d, e = np.diff(p, axis=0)[:, None], q[None] - p[:-1, None]
        return np.sign(d[..., 0] * e[..., 1] - d[..., 1] * e[..., 0])

    total = 0
    for p, q in itertools.combinations(lines, 2):
        one, other = sides(p, q), sides(q, p).T
        total += bool(np.any((one[:, 1:] * one[:, :-1] < 0) & (other[1:] * other[:-1] < 0)))
    return total


def dots(drawing: Drawing) -> str:
    """The crossings in Graphviz's picture of the same boxes; a dash where dot is not installed."""
    if shutil.which("dot") is None:
        return "-"
    options = {"input": drawing.source, "capture_output": True, "text": True, "check": True}
    told = subprocess.run(["dot", "-Tplain"], **options).stdout  # type: ignore[call-overload]
    arrows = []
    for line in told.splitlines():
        if line.startswith("edge "):
            _, _, _, n, *rest = line.split()
            arrows.append(np.array(rest[: 2 * int(n)], dtype=float).reshape(-1, 2))
    return str(crossings(arrows))


def named(drawing: Drawing) -> tuple[int, int]:
    """How many nodes with a name of the user's have a box, or a place in one, of equal ones."""
    scene = drawing.scene
    boxes = ((*box.nodes[-1:], *box.copies, *(box.out if box.panes else ())) for box in scene.boxes)
    shown = {id(node) for nodes in boxes for node in nodes}
    nodes = [node for node in topological_order(*scene.roots) if id(node) in scene.names]
    return sum(id(node) in shown for node in nodes), len(nodes)


def measured(drawing: Drawing, page: Any) -> dict[str, float]:
    """What the browser finds."""
    page.set_content(f'<div style="width:{CELL}px">{drawing._repr_html_()}</div>')
    page.wait_for_function("() => document.images[0].complete")
    scale = page.evaluate(SCALE)
    page.set_content(f'<body style="margin:0">{drawing.svg}</body>')
    found: dict[str, float] = page.evaluate(LOOK)
    return found | {"text": found["text"] * scale}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--edit", action="store_true")
    parser.add_argument("only", nargs="*")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": CELL + 40, "height": 1000})
        if options.edit:
            edits(page)
            return
        print(
            f"{'graph':24} {'boxes':>5} {'pixels':>11} {'text':>5} {'texts':>5} {'boxes':>5} "
            f"{'labels':>6} {'crossed':>7} {'arrows':>6} {'cross':>5} {'dot':>4} {'named':>9} "
            f"{'seconds':>7}"
        )
        for name, make in GALLERY.items():
            if options.only and name not in options.only:
                continue
            draw = make()
            start = time.process_time()
            drawing = draw()
            svg = drawing.svg
            seconds = time.process_time() - start
            found = measured(drawing, page)
            shown, of = named(drawing)
            scene = drawing.scene
            cross = crossings([np.array(e.points) for e in scene.edges])
            size = f"{scene.width:.0f} x {scene.height:.0f}"
            print(
                f"{name:24} {len(scene.boxes):5} {size:>11} {found['text']:5.1f} "
                f"{found['texts']:5.0f} {found['boxes']:5.0f} {found['labels']:6.0f} "
                f"{found['crossed']:7.0f} {found['arrows']:6.0f} {cross:5} {dots(drawing):>4} "
                f"{f'{shown} of {of}':>9} "
                f"{seconds:7.2f}",
                flush=True,
            )
            if options.save:
                options.save.mkdir(exist_ok=True)
                (options.save / f"{name.replace(' ', '_')}.svg").write_text(svg, encoding="utf-8")
        browser.close()


if __name__ == "__main__":
    main()
