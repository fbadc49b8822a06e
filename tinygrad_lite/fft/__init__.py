"""Fourier transforms by NumPy's names: `tg.fft.rfft(x)`."""

from numpy.fft import fftfreq as fftfreq
from numpy.fft import rfftfreq as rfftfreq

from ..functions.fourier import *
from ..graph.public import present

present(__name__)
