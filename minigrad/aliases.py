"""PyTorch's other names: `multiply` is `mul`. What they refuse, they refuse by the first name."""

from minigrad.functional import atan2, clamp, movedim, vstack
from minigrad.ops import abs, div, ge, gt, le, lt, mul, ne, neg, sub, swapaxes, trunc

absolute = abs
arctan2 = atan2
clip = clamp
divide = true_divide = div
fix = trunc
greater = gt
greater_equal = ge
less = lt
less_equal = le
moveaxis = movedim
multiply = mul
negative = neg
not_equal = ne
row_stack = vstack
subtract = sub
swapdims = swapaxes
