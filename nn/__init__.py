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
    GLU,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    SELU,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softsign,
    Tanh,
)
from .adaptive import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
)
from .attention import AdditiveAttention, AttentionPooling, MultiheadAttention
from .cells import GRUCell, LSTMCell, PeepholeLSTMCell, RNNCell, unroll
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .convolution import (
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    Dropout1d,
    Dropout2d,
    MaxPool1d,
    MaxPool2d,
)
from .gates import gates
from .layers import (
    Bilinear,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    GroupNorm,
    LayerNorm,
    Linear,
    LockedDropout,
    RMSNorm,
    Unflatten,
)
from .loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineSimilarity,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MarginRankingLoss,
    MSELoss,
    NLLLoss,
    PairwiseDistance,
    SmoothL1Loss,
)
from .module import Module
from .parameter import Parameter
from .recurrent import GRU, LSTM, RNN, RNNBase
from .upsample import Upsample
from .transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdditiveAttention",
    "AttentionPooling",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "Bilinear",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "data",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "ELU",
    "Embedding",
    "Flatten",
    "functional",
    "gates",
    "GELU",
    "GLU",
    "GRU",
    "GRUCell",
    "GroupNorm",
    "Hardtanh",
    "HuberLoss",
    "Identity",
    "init",
    "io",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LockedDropout",
    "LogSigmoid",
    "LogSoftmax",
    "LSTM",
    "LSTMCell",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MSELoss",
    "MultiheadAttention",
    "NLLLoss",
    "optim",
    "PairwiseDistance",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "PeepholeLSTMCell",
    "PReLU",
    "ReLU",
    "ReLU6",
    "RMSNorm",
    "RNN",
    "RNNBase",
    "RNNCell",
    "SELU",
    "Sequential",
    "Sigmoid",
    "SiLU",
    "SmoothL1Loss",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unflatten",
    "Upsample",
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
