"""Formulas of derivatives, derived from the graph that ran: `tg.derive(E, W)`."""

from .derivation import Derivation, derive
from .records import Checked, Formula

__all__ = ["Checked", "Derivation", "Formula", "derive"]
