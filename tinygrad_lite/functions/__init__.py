"""Composites: plain functions of primitives. They carry no derivative rules."""

from ..graph.public import present
from .applied import *
from .arrange import *
from .conversion import *
from .entrywise import *
from .linalg import *
from .moves import *
from .products import *
from .sequences import *
from .statistics import *

present(__name__)
