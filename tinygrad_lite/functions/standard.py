"""What the Array API standard names and no derivative needs: dtypes, constants, arrays of settings,
questions. They are NumPy's own, so an array that is made here is plain: a constant.

So `tg` is the namespace of a Tensor, `x.__array_namespace__()`, and code that is written for any
library of the standard is differentiated as it is.
"""

from numpy import all as all
from numpy import any as any
from numpy import arange as arange
from numpy import argsort as argsort
from numpy import bitwise_and as bitwise_and
from numpy import bitwise_invert as bitwise_invert
from numpy import bitwise_left_shift as bitwise_left_shift
from numpy import bitwise_or as bitwise_or
from numpy import bitwise_right_shift as bitwise_right_shift
from numpy import bitwise_xor as bitwise_xor
from numpy import bool as bool
from numpy import broadcast_shapes as broadcast_shapes
from numpy import can_cast as can_cast
from numpy import complex64 as complex64
from numpy import complex128 as complex128
from numpy import conj as conj
from numpy import count_nonzero as count_nonzero
from numpy import e as e
from numpy import empty as empty
from numpy import empty_like as empty_like
from numpy import eye as eye
from numpy import finfo as finfo
from numpy import float32 as float32
from numpy import float64 as float64
from numpy import from_dlpack as from_dlpack
from numpy import full as full
from numpy import iinfo as iinfo
from numpy import imag as imag
from numpy import inf as inf
from numpy import int8 as int8
from numpy import int16 as int16
from numpy import int32 as int32
from numpy import int64 as int64
from numpy import isdtype as isdtype
from numpy import isin as isin
from numpy import linspace as linspace
from numpy import logical_xor as logical_xor
from numpy import nan as nan
from numpy import newaxis as newaxis
from numpy import nextafter as nextafter
from numpy import nonzero as nonzero
from numpy import ones as ones
from numpy import pi as pi
from numpy import positive as positive
from numpy import real as real
from numpy import result_type as result_type
from numpy import searchsorted as searchsorted
from numpy import signbit as signbit
from numpy import uint8 as uint8
from numpy import uint16 as uint16
from numpy import uint32 as uint32
from numpy import uint64 as uint64
from numpy import unique_all as unique_all
from numpy import unique_counts as unique_counts
from numpy import unique_inverse as unique_inverse
from numpy import unique_values as unique_values
from numpy import zeros as zeros
