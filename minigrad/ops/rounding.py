"""Rules that round, and the division that leaves a remainder. A rounded number has the slope 0."""

from __future__ import annotations

from minigrad.autograd import op


@op
def floor(xp, x):
    """y = the largest integer that is not above x,    dy/dx = 0."""
    return rounded(xp, xp.floor, x), (lambda g: xp.zeros_like(g),)


@op
def ceil(xp, x):
    """y = the smallest integer that is not below x,    dy/dx = 0."""
    return rounded(xp, xp.ceil, x), (lambda g: xp.zeros_like(g),)


@op
def trunc(xp, x):
    """y = x without its fraction,    dy/dx = 0."""
    return rounded(xp, xp.trunc, x), (lambda g: xp.zeros_like(g),)


@op
def rint(xp, x):
    """y = the integer nearest to x, the even one of two,    dy/dx = 0."""
    return rounded(xp, xp.rint, x), (lambda g: xp.zeros_like(g),)


def rounded(xp, function, x):
    """function(x); integers are their own."""
    return xp.clone(x) if x.dtype.kind in "iub" else function(x)


@op
def floor_divide(xp, a, b):
    """y = a / b, rounded down,    dy/da = dy/db = 0."""
    return a // b, (lambda g: xp.zeros_like(g), lambda g: xp.zeros_like(g))


@op
def remainder(xp, a, b):
    """y = a - b ⌊a/b⌋, of the sign of b,    dy/da = 1,  dy/db = -⌊a/b⌋."""
    return a % b, (lambda g: g, lambda g: -g * (a // b))


@op
def fmod(xp, a, b):
    """y = a - b trunc(a/b), of the sign of a,    dy/da = 1,  dy/db = -trunc(a/b)."""
    return xp.fmod(a, b), (lambda g: g, lambda g: -g * xp.trunc(a / b))
