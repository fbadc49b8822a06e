"""Formulas of derivatives, derived from the graph that ran: `tg.derive(E, W)`."""

from .checks import Checked
from .derivation import Derivation
from .deriving import derive
from .printer import Formula

__all__ = ["Checked", "Derivation", "Formula", "derive"]
