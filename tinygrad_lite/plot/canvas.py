"""What all plots are drawn with: the palette, and Axes that nothing keeps alive."""

from __future__ import annotations

import importlib
from typing import Any

# Okabe and Ito's palette, safe for colour-blind readers; markers and dashes repeat the message.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":")


def matplotlib(module: str = "pyplot") -> Any:
    """A module of matplotlib, or an `ImportError` that names the extra."""
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ImportError:
        raise ImportError("tg.plot needs matplotlib: pip install 'tinygrad_lite[plot]'") from None


def axes(ax: Any, size: tuple[float, float]) -> Any:
    """`ax`, or the Axes of a new figure that no global list keeps alive."""
    if ax is not None:
        return ax
    plt = matplotlib()
    return plt.subplots(figsize=size, layout="constrained")[1]
