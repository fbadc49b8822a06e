"""Composites: plain functions of primitives. They carry no derivative rules."""

from . import arrange, products, statistics
from .arrange import *
from .products import *
from .statistics import *

__all__ = []
__all__ += arrange.__all__
__all__ += products.__all__
__all__ += statistics.__all__
