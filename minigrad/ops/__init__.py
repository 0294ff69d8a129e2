"""The rules. Each stands with its derivative; everything else in minigrad is composed of them."""

from minigrad.ops.elementwise import *  # noqa: F403
from minigrad.ops.indexing import *  # noqa: F403
from minigrad.ops.linalg import *  # noqa: F403
from minigrad.ops.reduction import *  # noqa: F403
from minigrad.ops.shape import *  # noqa: F403
