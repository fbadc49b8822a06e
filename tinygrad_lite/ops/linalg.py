"""Products and decompositions of matrices. Pullbacks as in M. Giles, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation" (2008)."""

from __future__ import annotations

from typing import Any

from ..primitive import PRODUCT, primitive

__all__ = ["matmul"]


@primitive("{0} @ {1}", "{0} {1}", precedence=PRODUCT)
def matmul(xp: Any, A: Any, B: Any) -> Any:
    """Matrix product A @ B, in all of NumPy's ranks: vectors, matrices, stacks that broadcast.

    dE/dA = G B^T, dE/dB = A^T G.
    """
    return A @ B


def _matmul_left(xp: Any, G: Any, y: Any, A: Any, B: Any) -> Any:
    if B.ndim == 1:
        return G[..., None] * B
    if A.ndim == 1:
        return xp.matmul(B, G[..., None])[..., 0]
    return xp.matmul(G, B.mT)


def _matmul_right(xp: Any, G: Any, y: Any, A: Any, B: Any) -> Any:
    if A.ndim == 1:
        return A[..., None] * G[..., None, :] if B.ndim > 1 else A * G
    if B.ndim == 1:
        return xp.matmul(G[..., None, :], A)[..., 0, :]
    return xp.matmul(A.mT, G)


matmul.pull(_matmul_left, _matmul_right)
