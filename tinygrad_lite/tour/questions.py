"""The two questions' networks: every gradient beside the formula derived by hand."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np

from .. import ops
from ..check import check
from ..derive import derive
from ..draw import draw
from ..tensor import Tensor

TOLERANCE = 1e-12

Row = tuple[Any, str, Any]  # node, formula, the formula's value


def vector_by_matrix(folder: Path) -> bool:
    """E = 1/2 |sigmoid(W x) - y|^2 with W 5 x 4."""
    print('1. "The derivative of a vector with respect to a matrix: isn\'t that impossible?"')
    print("   v = W x,  s = sigmoid(v),  E = 1/2 |s - y|^2;  W is 5 x 4\n")
    rng = np.random.default_rng(0)
    W = Tensor(rng.normal(size=(5, 4)), name="W")
    x = Tensor(rng.normal(size=4), name="x")
    y = Tensor(rng.normal(size=5), name="y").detach()
    v = W @ x
    s = ops.sigmoid(v)
    r = s - y
    E = 0.5 * (r**2).sum()
    v.name, s.name, r.name, E.name = "v", "s", "r", "E"
    E.backward()
    delta = (s.data - y.data) * s.data * (1 - s.data)
    rows: list[Row] = [
        (s, "s - y", s.data - y.data),
        (v, "delta = (s - y) * s * (1 - s)", delta),
        (W, "delta x^T", np.outer(delta, x.data)),
        (x, "W^T delta", W.data.T @ delta),
    ]
    right = table("E", rows)
    print("\n   The derivation of dE/dW, from the graph that ran:\n")
    derivation = derive(E, W)
    print(indent(derivation.text, "   "))
    print(f"\n   Or with S = Diag(s):  {derivation.diagonals().formulas[0]}")
    S, T = s.jacobian(v), v.jacobian(W)
    product = np.einsum("i,ij,jkl->kl", s.grad, S, T)
    difference = float(np.max(np.abs(product - W.grad)))
    right &= difference <= TOLERANCE
    print(f"\n   Not impossible: ds/dv is a diagonal matrix {S.shape}, dv/dW an array {T.shape} of")
    zeros = (T == 0).sum()
    print(f"   {T.size} entries, {zeros} of them 0. dE/ds . ds/dv . dv/dW differs from dE/dW")
    print(f"   by {_shown(difference)}. But nobody needs to build them, and backward() does not.")
    print(f"   Picture: {draw(E, direction='down').save(folder / 'one_layer.svg')}")
    return right


def gradient_of_the_input(folder: Path) -> bool:
    """Two sigmoid layers with biases, columns as observations, and the published sign error."""
    print('\n2. "Why do we need the derivative with respect to X? Isn\'t W enough?"')
    print("   z1 = W1 X + b1,  a1 = sigmoid(z1),  z2 = W2 a1 + b2,  y_hat = sigmoid(z2)")
    print("   J = 1/2 |y - y_hat|^2;  6 observations are the columns of X\n")
    rng = np.random.default_rng(1)
    sizes = {"X": (3, 6), "W1": (4, 3), "b1": (4, 1), "W2": (2, 4), "b2": (2, 1)}
    X, W1, b1, W2, b2 = (Tensor(rng.normal(size=n), name=name) for name, n in sizes.items())
    y = Tensor(rng.uniform(size=(2, 6)), name="y").detach()
    z1 = W1 @ X + b1
    a1 = ops.sigmoid(z1)
    z2 = W2 @ a1 + b2
    y_hat = ops.sigmoid(z2)
    J = 0.5 * ((y - y_hat) ** 2).sum()
    z1.name, a1.name, z2.name, y_hat.name, J.name = "z1", "a1", "z2", "y_hat", "J"
    J.backward()
    p, a = y_hat.data, a1.data
    delta2 = (p - y.data) * p * (1 - p)
    delta1 = (W2.data.T @ delta2) * a * (1 - a)
    rows: list[Row] = [
        (y_hat, "y_hat - y", p - y.data),
        (z2, "delta2 = (y_hat - y) * y_hat * (1 - y_hat)", delta2),
        (W2, "delta2 a1^T", delta2 @ a.T),
        (b2, "delta2, summed over observations", delta2.sum(1, keepdims=True)),
        (a1, "W2^T delta2", W2.data.T @ delta2),
        (z1, "delta1 = W2^T delta2 * a1 * (1 - a1)", delta1),
        (W1, "delta1 X^T", delta1 @ X.data.T),
        (b1, "delta1, summed over observations", delta1.sum(1, keepdims=True)),
        (X, "W1^T delta1", W1.data.T @ delta1),
    ]
    right = table("J", rows)
    print("\n   The derivation, from the graph that ran:\n")
    print(indent(derive(J, W2, b2, W1, b1, X).text, "   "))
    picture = draw(J, direction="down")
    print(f"\n   Picture: {picture.save(folder / 'two_layers.svg')}")
    print(f"   Step through it: {picture.save(folder / 'two_layers.html')}")
    print("\n   dJ/dW1 passes through dJ/da1: the gradient with respect to the input of layer 2.")
    print("   That is the derivative with respect to X, for the layer at hand.")
    print("\n   A published answer writes dJ/dy_hat = y - y_hat. What check says to it:")
    published = y.data - p
    report = check(J, {y_hat: published, W2: (published * p * (1 - p)) @ a.T})
    print(indent(str(report), "   "))
    right &= not report and report[y_hat].kind == "sign"
    print("\n   It also has X with one row per observation. That does not fit W1 X:")
    try:
        W1 @ Tensor(X.data.T, name="X")
    except ValueError as error:
        print(f"   ValueError: {error}")
        return right
    return False


def table(loss: str, rows: list[Row]) -> bool:
    """Print each gradient's shape, formula and distance from it; whether all agree."""
    lines = [("gradient", "shape", "derived by hand", "largest difference")]
    right = True
    for node, formula, value in rows:
        difference = float(np.max(np.abs(node.grad - value)))
        agrees = difference <= TOLERANCE
        right &= agrees
        shown = _shown(difference) + ("" if agrees else "  WRONG")
        lines.append((f"d{loss}/d{node.name}", str(node.shape), formula, shown))
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(("   " + "  ".join(cells)).rstrip())
    return right


def _shown(difference: float) -> str:
    return f"{difference:.0e}" if difference else "0"
