"""Neural networks over minigrad, with PyTorch's names, arguments, shapes and state_dict keys.

>>> import minigrad as mg, nn
>>> model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
>>> model
Sequential(
  (0): Linear(in_features=3, out_features=8, bias=True)
  (1): Tanh()
  (2): Linear(in_features=8, out_features=2, bias=True)
)
>>> loss = nn.CrossEntropyLoss()(model(mg.randn(5, 3)), mg.tensor([0, 1, 1, 0, 1]))
>>> loss.backward()
>>> nn.optim.Adam(model.parameters(), lr=0.01).step()
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from . import data, functional, init, optim, utils
from .activation import (
    ELU,
    GELU,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .attention import AdditiveAttention, AttentionPooling, MultiheadAttention
from .cells import GRUCell, LSTMCell, PeepholeLSTMCell, RNNCell, unroll
from .container import ModuleList, Sequential
from .layers import Dropout, Embedding, Identity, LayerNorm, Linear, LockedDropout
from .loss import BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, L1Loss, MSELoss, NLLLoss
from .module import Module, Parameter
from .recurrent import GRU, LSTM, RNN, gates

__all__ = [
    "AdditiveAttention",
    "AttentionPooling",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "data",
    "Dropout",
    "ELU",
    "Embedding",
    "functional",
    "gates",
    "GELU",
    "GRU",
    "GRUCell",
    "HuberLoss",
    "Identity",
    "init",
    "io",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LockedDropout",
    "LogSigmoid",
    "LogSoftmax",
    "LSTM",
    "LSTMCell",
    "Module",
    "ModuleList",
    "MSELoss",
    "MultiheadAttention",
    "NLLLoss",
    "optim",
    "Parameter",
    "PeepholeLSTMCell",
    "ReLU",
    "RNN",
    "RNNCell",
    "Sequential",
    "Sigmoid",
    "SiLU",
    "Softmax",
    "Softplus",
    "Tanh",
    "unroll",
    "utils",
]

if find_spec("minigrad.inspect"):
    from minigrad.inspect import skip_frames_of, summary

    skip_frames_of(__name__)
    __all__ += ["summary"]


def __getattr__(name: str) -> Any:
    """Import `nn.io` when it is first used: it needs more of Python's library than all the rest."""
    if name == "io":
        return import_module("nn.io")
    raise AttributeError(f"module 'nn' has no attribute {name!r}")
