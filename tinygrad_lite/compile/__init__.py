"""A function recorded once, as the list of the NumPy calls that it makes, and run from it."""

from .emit import Executable as Executable
from .emit import build as build
from .function import compile as compile
from .trace import Recorded as Recorded
from .trace import trace as trace
