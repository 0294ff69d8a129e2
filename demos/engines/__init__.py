"""Another engine under the same experiments: PyTorch in the place of `minigrad` and `nn`.

`python -m demos --engine torch` runs every script as it is written. `install` lets `import
minigrad` and `import nn` give two modules of this folder, which hand on PyTorch's own functions and
layers. Forward, backward and optimizer are PyTorch's. Shared with minigrad are the random numbers:
data, the order of batches, masks of dropout, and initial values, which are copied from minigrad's
layers. So a run of either engine can be held against the same run of the other.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "DEMOS_ENGINE"  # in the environment, so that the worker processes of joblib see it
ENGINES = ("minigrad", "torch")
COMPOSED = {  # what PyTorch lacks: its operations are put together here, and its autograd runs
    "PeepholeLSTMCell": "PyTorch has no peepholes",
    "unroll": "PyTorch has no loop over a cell, with or without a mask for the state",
    "LockedDropout": "PyTorch's dropout draws a mask for each step",
    "GRUCell(reset_after=False)": "PyTorch's GRUCell resets the state after its product",
    "AdditiveAttention": "PyTorch's MultiheadAttention is another function",
    "AttentionPooling": "PyTorch has no attention with one learned query",
    "gates": "PyTorch's layers keep their gates to themselves",
    "run_layers": "PyTorch's layers keep the states of their lower layers to themselves",
}
NOT_RUN = {"s0": "it draws the graph of minigrad, which is what it is about"}  # scripts
UNSEEN = "tracemalloc sees none of PyTorch's memory"
NOT_RUN_YET = "five seeds take too long; the first losses agree"
NOT_MEASURED = {"lstm-memory": UNSEEN, "limited-resources": UNSEEN}  # rows of claims.toml


def chosen() -> str:
    """The engine of this process and of its workers."""
    return os.environ.get(VARIABLE, "minigrad")


def choose(engine: str) -> None:
    """Let this process and its workers run on an engine. Ends the program where PyTorch is missing.

    To be called before anything imports `minigrad`.
    """
    os.environ[VARIABLE] = engine
    install()


def install() -> None:
    """Put the chosen engine where `import minigrad` and `import nn` find it."""
    if chosen() == "minigrad":
        return
    try:
        from demos.engines import torch_minigrad, torch_nn
    except ModuleNotFoundError as error:
        sys.exit(f"--engine torch needs PyTorch (pip install torch): {error}.")
    sys.modules["minigrad"] = torch_minigrad
    sys.modules["minigrad.cells"] = torch_minigrad
    sys.modules["nn"] = torch_nn
    sys.modules["nn.optim"] = torch_nn.optim
    sys.modules["nn.optim.lr_scheduler"] = torch_nn.optim.lr_scheduler


def fingerprint() -> str:
    """What a run on PyTorch depends on besides the demos: its version."""
    import torch

    return f"torch {torch.__version__}"
