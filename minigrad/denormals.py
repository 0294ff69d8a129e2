"""set_flush_denormal: whether the CPU takes denormal numbers for 0.

A gradient over hundreds of steps is soon that small, and computing with such numbers is slow.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from functools import cache

from minigrad import errors

# On Linux on x86-64 the register MXCSR is at the end of C's fenv_t.
SIZE = 32  # bytes of fenv_t
PLACE = 28  # of the register's first byte
TO_ZERO = 1 << 15 | 1 << 6  # results that small are 0, and so are arguments


def set_flush_denormal(mode: bool) -> bool:
    """Take floats below 10⁻³⁸ in magnitude (float32; 10⁻³⁰⁸ in float64) for 0, or no longer.

    A processor may take ten times as long for them, and they seldom matter: a gradient that small
    changes no parameter. It counts for all that the calling thread computes, with NumPy and with
    Python, and for threads that are started from it; not on a GPU. Returns whether it could be set,
    which it can on Linux on x86-64. Raises TypeError for another mode than True and False.

    >>> import minigrad as mg
    >>> can_be_set = mg.set_flush_denormal(True)
    >>> can_be_set == (mg.tensor(1e-30) * 1e-10 == 0).item() == mg.set_flush_denormal(False)
    True
    """
    errors.check_flag("set_flush_denormal", "mode", mode)
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    c, environment = process(), ctypes.create_string_buffer(SIZE)
    if c.fegetenv(environment) != 0:
        return False
    (register,) = struct.unpack_from("I", environment, PLACE)
    register = register | TO_ZERO if mode else register & ~TO_ZERO
    struct.pack_into("I", environment, PLACE, register)
    return bool(c.fesetenv(environment) == 0)


@cache
def process() -> ctypes.CDLL:
    """The running process, with the functions of C that it has."""
    return ctypes.CDLL(None)
