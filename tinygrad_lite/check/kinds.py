"""The kinds of mistakes, the commonest first: of equal numbers from two kinds, the commoner."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "transpose": "a factor or the result stands transposed, or a transpose is left out",
    "missing-factor": "a factor of the chain rule is left out",
    "sign": "the sign of the whole or of a term is flipped",
    "wrong-activation-derivative": "another function's derivative stands at an activation",
    "missing-term": "a path or a term that adds to the gradient is left out",
    "constant-scale": "a constant factor, such as the 2 of a square, is off",
    "missing-activation-derivative": "the derivative of an activation is left out",
    "mean-vs-sum": "a mean stands where a sum belongs, or a sum for a mean: off by exactly N",
    "extra-factor": "there is a factor too many",
    "missing-broadcast-sum": "what was broadcast is not summed over those axes",
    "activation-derivative-at-wrong-point": "a derivative is taken at the output, not the input",
    "double-count": "a path is counted twice",
    "wrong-axis": "a sum or a mean is over another axis",
    "elementwise-vs-matmul": "an elementwise product stands for a matrix product, or the reverse",
    "wrong-order": "the factors of a product, or the entries, are in another order",
    "off-by-index": "entries are those of a neighbour: an index is off by one",
    "shape": "its shape is not the node's",
    "other": "no mistake that is common explains the numbers",
}

RARER = 0.002  # what every place further down the table costs
RARITY = {kind: RARER * place for place, kind in enumerate(KINDS)}


def known(kind: str) -> str:
    """The kind itself; `ValueError` for one that the table does not have."""
    if kind not in KINDS:
        raise ValueError(f"no kind of mistake is called {kind!r}; KINDS has {', '.join(KINDS)}")
    return kind
