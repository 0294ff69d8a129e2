"""The laws as a tool: is this op right? For an op of your own, or another library's function.

`check_op(op, samples)` runs all laws, `test_op = cases(op, samples)` makes a test of pytest for
each. `strategies` draws shapes, layouts in memory, dtypes and ties with Hypothesis, which is
imported only there. Nothing else imports this package.
"""

from __future__ import annotations

from minigrad.testing.adapters import from_autograd, from_torch, from_vjp
from minigrad.testing.broken import LawBroken, LawsBroken, NotApplicable, assert_close
from minigrad.testing.checking import LAWS, Report, cases, check_op
from minigrad.testing.samples import Sample, drawn

__all__ = [
    "LAWS",
    "LawBroken",
    "LawsBroken",
    "NotApplicable",
    "Report",
    "Sample",
    "assert_close",
    "cases",
    "check_op",
    "drawn",
    "from_autograd",
    "from_torch",
    "from_vjp",
]
