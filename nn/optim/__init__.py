"""Optimizers, with PyTorch's names, defaults and numbers.

`SGD(params, lr=0.1, momentum=0.9)`: params is an iterable of parameters, or of groups `{"params":
[...], "lr": 0.01}` whose settings override the common ones. Each method is one function, its
definition: the lines of its paper, from a parameter p, its gradient g (its negative with
maximize=True), its state and the step t (from 1) to their next values. `minigrad.fast` has versions
that write them in place; without it the definition runs.

>>> import minigrad as mg, nn
>>> w = nn.Parameter([1.0])
>>> optimizer = SGD([w], lr=0.5)
>>> for _ in range(2):
...     optimizer.zero_grad()
...     (w * w).sum().backward()
...     optimizer.step()
>>> w.item()
0.0
"""

from . import lr_scheduler
from .adadelta import Adadelta, Adamax
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .asgd import ASGD
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "AdamW",
    "ASGD",
    "LBFGS",
    "lr_scheduler",
    "Optimizer",
    "RMSprop",
    "SGD",
]
