"""Formulas of derivatives, derived from the graph that ran: `tg.derive(E, W)`."""

from .derivation import Derivation
from .deriving import derive
from .printer import Formula
from .verify import Checked

__all__ = ["Checked", "Derivation", "Formula", "derive"]
