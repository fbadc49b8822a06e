"""Public names of rooms that are loaded when one is first asked for: see `public.present`."""

from ..check import Finding as Finding
from ..check import Report as Report
from ..check import check as check
from ..check import exercise as exercise
from ..check.magic import load_ipython_extension as load_ipython_extension
from ..compile import compile as compile
from ..derive import Derivation as Derivation
from ..derive import derive as derive
from ..draw import draw as draw
from ..draw import play as play
from ..jit import jit as jit
from ..referee import check_function as check_function
