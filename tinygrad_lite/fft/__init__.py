"""Fourier transforms by NumPy's names: `tg.fft.rfft(x)`."""

from ..functions.fourier import *
from ..graph.public import present

present(__name__)
