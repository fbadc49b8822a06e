"""Composites: plain functions of primitives. They carry no derivative rules."""

from ..graph.public import present
from .arrange import *
from .linalg import *
from .products import *
from .statistics import *

present(__name__)
