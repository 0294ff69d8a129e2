"""The rules. Each comes with its derivative; everything else in minigrad is composed of them."""

from minigrad.ops.elementwise import *
from minigrad.ops.indexing import *
from minigrad.ops.linalg import linear, matmul
from minigrad.ops.reduction import *
from minigrad.ops.rounding import *
from minigrad.ops.shape import *
