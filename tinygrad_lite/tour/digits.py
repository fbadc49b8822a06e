"""Handwritten digits: a network of primitive ops learns to read them, and is fooled by dJ/dX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from .. import ops
from ..graph.context import no_grad
from ..graph.files import write_whole
from ..optim.optimizers import SGD
from ..tensor import Tensor

HIDDEN = 128
BATCH = 32
LEARNING_RATE = 0.1  # falls to 0 over the epochs; like the other settings, chosen without the test
NOISE = 0.2  # added to the pixels in training: the network should not trust single pixels
STEPS = np.arange(1, 31) / 100  # sizes of the adversarial step that are tried, of a pixel's range
SHADES = " .:-=+*#%@"
PIXEL, GAP, CAPTION = 24, 32, 36  # of an image as SVG


def need_examples() -> None:
    """Raise `ModuleNotFoundError` with the pip command where scikit-learn or tqdm is missing."""
    for module, package in (("sklearn", "scikit-learn"), ("tqdm", "tqdm")):
        try:
            import_module(module)
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"the tour needs {package}, of the extra [examples]: pip install scikit-learn tqdm"
            ) from None


@dataclass(frozen=True)
class Digits:
    """Images as rows of 64 pixels from 0 (paper) to 1 (ink), and their labels, in two parts."""

    train: Any
    test: Any
    train_labels: Any
    test_labels: Any


def load() -> Digits:
    """scikit-learn's 1,797 digits of 8 x 8 pixels; a quarter of each class is the test part."""
    images, labels = import_module("sklearn.datasets").load_digits(return_X_y=True)
    split = import_module("sklearn.model_selection").train_test_split
    parts = split(images / 16, labels, test_size=0.25, stratify=labels, random_state=0)
    return Digits(*parts)


class Network:
    """scores = relu(X W1 + b1) W2 + b2: ten per image, the highest is the network's reading."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.W1 = Tensor(rng.normal(0, np.sqrt(2 / 64), (64, HIDDEN)), name="W1")
        self.b1 = Tensor(np.zeros(HIDDEN), name="b1")
        self.W2 = Tensor(rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 10)), name="W2")
        self.b2 = Tensor(np.zeros(10), name="b2")
        self.parameters = [self.W1, self.b1, self.W2, self.b2]

    def scores(self, X: Any) -> Any:
        hidden = ops.relu(ops.matmul(X, self.W1) + self.b1)
        return hidden @ self.W2 + self.b2

    def read(self, X: Any) -> Any:
        """The digit with the highest score, for each row."""
        with no_grad():
            return self.scores(X).data.argmax(axis=1)


def train(digits: Digits, *, epochs: int) -> Network:
    """A network after `epochs` passes over the training images."""
    rng = np.random.default_rng(0)
    network = Network(rng)
    optimizer = SGD(network.parameters, momentum=0.9)
    tqdm = import_module("tqdm").tqdm
    bar = tqdm(range(epochs), "   training", unit="epoch", ncols=88, disable=None)
    for epoch in bar:
        optimizer.lr = LEARNING_RATE * (1 - epoch / epochs)
        order = rng.permutation(len(digits.train))
        total = 0.0
        for rows in np.array_split(order, len(order) // BATCH):
            noisy = digits.train[rows] + rng.normal(0, NOISE, (len(rows), 64))
            loss = ops.cross_entropy(network.scores(noisy), digits.train_labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        if (epoch + 1) % max(1, epochs // 6) == 0:
            bar.write(
                f"   epoch {epoch + 1:3}   loss {total / len(order):.4f}   "
                f"test accuracy {accuracy(network, digits.test, digits.test_labels):.1%}"
            )
    return network


def accuracy(network: Network, images: Any, labels: Any) -> float:
    """The share of images read correctly."""
    return float((network.read(images) == labels).mean())


def input_gradient(network: Network, images: Any, labels: Any) -> Any:
    """dJ/dX of the cross-entropy: for every pixel, what a little more ink does to the loss."""
    X = Tensor(images, name="X")
    ops.cross_entropy(network.scores(X), labels).backward()
    return X.grad


def step_along(images: Any, direction: Any, size: float) -> Any:
    """Each pixel moved by `size` in the direction's sign, kept between paper and ink."""
    return np.clip(images + size * np.sign(direction), 0, 1)


def tour(folder: Path, *, quick: bool) -> bool:
    """Train, show the accuracy, fool the network; whether the accuracy is as promised."""
    promised, epochs = (0.90, 6) if quick else (0.96, 60)
    digits = load()
    print("\n3. A network of primitive ops reads handwritten digits")
    print(f"   scores = relu(X W1 + b1) W2 + b2 with {HIDDEN} hidden units")
    print(f"   {len(digits.train)} training images, {len(digits.test)} test images\n")
    network = train(digits, epochs=epochs)
    reached = accuracy(network, digits.test, digits.test_labels)
    kept = reached >= promised
    promise = (
        f" (promised: at least {promised:.0%})" if kept else f": BELOW the promised {promised:.0%}"
    )
    print(f"   test accuracy {reached:.1%}{promise}")
    return fool(network, digits, folder) and kept


def fool(network: Network, digits: Digits, folder: Path) -> bool:
    """Find the smallest step along sign(dJ/dX) that changes the reading of a test image."""
    print("\n4. The derivative with respect to X, for its own sake: an adversarial digit\n")
    gradient = input_gradient(network, digits.test, digits.test_labels)
    correct = network.read(digits.test) == digits.test_labels
    for size in STEPS:
        readings = network.read(step_along(digits.test, gradient, size))
        fooled = np.flatnonzero(correct & (readings != digits.test_labels))
        if size >= 0.1 and len(fooled):
            break
    else:
        print("   no step up to 30 % of a pixel's range changes a reading")
        return False
    which = int(fooled[0])
    before, label = digits.test[which], digits.test_labels[which]
    for size in STEPS:
        after = step_along(before, gradient[which], size)
        reading = network.read(after[None])[0]
        if reading != label:
            break
    images = [before.reshape(8, 8), after.reshape(8, 8)]
    captions = (f"read as {label}", f"read as {reading}")
    print(as_text(images, captions))
    path = folder / "adversarial.svg"
    write_whole(path, as_svg(images, captions))
    print(f"\n   X + {size} sign(dJ/dX): no pixel moved by more than {size:.0%} of its range,")
    print(f"   {abs(after - before).mean():.1%} on average. Picture: {path}")
    noise = np.random.default_rng(0).normal(size=gradient.shape)
    along, random = (
        accuracy(network, step_along(digits.test, direction, size), digits.test_labels)
        for direction in (gradient, noise)
    )
    print(f"   Test accuracy after that step: {along:.1%}; with random signs: {random:.1%}.")
    return True


def as_text(images: Sequence[Any], captions: Sequence[str]) -> str:
    """Images of values in [0, 1] side by side, two characters per pixel, captions above."""
    width = 2 * len(images[0][0])
    lines = ["   " + "      ".join(caption.ljust(width) for caption in captions).rstrip()]
    for rows in zip(*images, strict=True):
        cells = ("".join(2 * SHADES[round(v * (len(SHADES) - 1))] for v in row) for row in rows)
        lines.append("   " + "      ".join(cells).rstrip())
    return "\n".join(lines)


def as_svg(images: Sequence[Any], captions: Sequence[str]) -> str:
    """The same as SVG: 0 is white, 1 is black."""
    height, width = PIXEL * len(images[0]), PIXEL * len(images[0][0])
    total = GAP + (width + GAP) * len(images)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height + CAPTION + GAP}" '
        f'shape-rendering="crispEdges" role="img" aria-label="{escape("; ".join(captions))}">',
        f'<rect width="{total}" height="{height + CAPTION + GAP}" fill="#c3d3e6"/>',
    ]
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left = GAP + i * (width + GAP)
        parts.append(
            f'<text x="{left + width / 2}" y="{CAPTION - 10}" text-anchor="middle" '
            f'font-family="sans-serif" font-size="20" fill="#111">{escape(caption)}</text>'
        )
        for y, row in enumerate(image):
            for x, value in enumerate(row):
                grey = round(255 * (1 - float(value)))
                parts.append(
                    f'<rect x="{left + PIXEL * x}" y="{CAPTION + PIXEL * y}" width="{PIXEL}" '
                    f'height="{PIXEL}" fill="rgb({grey},{grey},{grey})"/>'
                )
    return "\n".join([*parts, "</svg>", ""])
