"""Softmax and cross-entropy over few classes on a GPU: two launches, and one on the way back. It
must equal `minigrad.byhand.softmax_cross_entropy`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.softmax_cross_entropy import check_loss_arguments, softmax_cross_entropy
from minigrad.fast.gpu.kernels import kernels_of
from minigrad.fast.gpu.products import FUNCTIONS
from minigrad.fast.gpu.source import BY_BLOCKS, Kernel
from minigrad.faster import faster

LOSSES = Kernel("cross_entropy.cu", "losses_of_rows", BY_BLOCKS)
TOTAL = Kernel("cross_entropy.cu", "total_of_losses", BY_BLOCKS)
BACK = Kernel("cross_entropy.cu", "losses_back", BY_BLOCKS)
FEW = 64  # classes that one thread goes through


def has_few_classes(logits: Array, targets: Array, **settings: Any) -> bool:
    """Whether there are kernels for these logits."""
    return logits.dtype.char in FUNCTIONS and 0 < logits.shape[1] <= FEW


@faster(softmax_cross_entropy, device="cuda", when=has_few_classes)
def cross_entropy_on_gpu(
    xp: XP, logits: Array, targets: Array, *, ignore_index: int = -100, reduction: str = "none"
) -> RuleResult:
    """The kernels of cross_entropy.cu."""
    check_loss_arguments("softmax_cross_entropy", targets, reduction)
    run = CrossEntropy(xp, logits, targets, ignore_index)
    return run.forward(reduction), (run.backward, None)


class CrossEntropy:
    """One run over the rows of logits (N,V)."""

    def __init__(self, xp: XP, logits: Array, targets: Array, ignore_index: int):
        self.kernels = kernels_of(xp)
        self.empty = self.kernels.cupy.empty
        self.contiguous = self.kernels.cupy.ascontiguousarray
        self.logits = self.contiguous(logits)
        self.targets = self.contiguous(targets, np.int64)
        self.ignore_index = ignore_index
        self.dtype = logits.dtype
        self.N, self.V = logits.shape

    def forward(self, reduction: str) -> Array:
        """The losses (N,), or their sum or mean."""
        losses = self.empty(self.N, self.dtype)
        self.softmax = self.empty((self.N, self.V), self.dtype)
        self.weight = None  # of a row in the result
        code = self.kernels.code_of_range("targets", f"classes 0 to {self.V - 1}")
        arguments = losses, self.softmax, self.logits, self.targets, self.V, self.ignore_index
        faults = *self.kernels.fault_arguments, code
        self.kernels.launch(LOSSES, self.dtype, self.N, *arguments, *faults)
        del self.logits  # the way back does without them
        if reduction == "none":
            return losses
        loss = self.empty((), self.dtype)
        self.weight = self.empty((), self.dtype)
        total = loss, self.weight, losses, self.targets, self.ignore_index
        self.kernels.launch_sum(TOTAL, self.dtype, 1, self.N, *total, int(reduction == "mean"))
        return loss

    def backward(self, g: Array) -> Array:
        """The gradient of the logits."""
        dlogits = self.empty((self.N, self.V), self.dtype)
        g = self.contiguous(g, self.dtype)
        arguments = self.softmax, self.targets, g, self.weight, self.V, self.ignore_index
        self.kernels.launch(BACK, self.dtype, self.N * self.V, dlogits, *arguments)
        return dlogits
