"""PyTorch's modules over minigrad and nn, so that a PyTorch program runs unchanged.

    python -m nn.as_torch program.py [arguments]   runs it: `import torch` gives what is here
    python -m nn.as_torch --check program.py       lists what it needs, and what of it is missing
    import nn.as_torch                             in a notebook: from now on `import torch` does
    import nn.as_torch as torch                    in place of `import torch`

`tree` is the table: each module of PyTorch's, and where its names come from. What belongs to the
framework is in minigrad and nn; the other files here hold what only a PyTorch program asks for.
A PyTorch that is imported already stays. A missing name raises a NotImplementedError that names it.

>>> import nn.as_torch as torch
>>> torch.nn.Linear(3, 2)(torch.Tensor([[1, 2, 3]])).shape
torch.Size([1, 2])
"""

from typing import Any

from .tree import ROOT, install

install()


def __getattr__(name: str) -> Any:
    """A name of torch, for `import nn.as_torch as torch`."""
    return getattr(ROOT, name)


def __dir__() -> list[str]:
    return dir(ROOT)
