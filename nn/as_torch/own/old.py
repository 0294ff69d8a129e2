"""Second names: `init.xavier_uniform`, from before 2018, and private ones that programs use."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from minigrad import Tensor

from ... import attention, convolution, init, utils
from ...optim.scheduler import LRScheduler
from ...recurrent import RNNBase
from . import inverses


def holding(**names: Any) -> ModuleType:
    """A module with these names."""
    found = ModuleType("old", doc=__doc__)
    vars(found).update(names, __all__=list(names))
    return found


def without_underscore(module: ModuleType, names: str) -> dict[str, Any]:
    """These functions of a module, which have a name with an underscore there."""
    return {name: getattr(module, f"{name}_") for name in names.split()}


def fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """`_calculate_fan_in_and_fan_out`, by which many a layer finds the bound of its bias."""
    return fans("_calculate_fan_in_and_fan_out", tensor)


matrices = holding(det=inverses.det, inverse=inverses.inverse)
fans = init.fans
init = holding(
    **without_underscore(
        init,
        "constant eye kaiming_normal kaiming_uniform normal orthogonal uniform xavier_normal "
        "xavier_uniform",
    ),
    _calculate_fan_in_and_fan_out=fan_in_and_fan_out,
)
utils = holding(**without_underscore(utils, "clip_grad_norm"))
linear = holding(NonDynamicallyQuantizableLinear=attention.NonDynamicallyQuantizableLinear)
batchnorm = holding(_BatchNorm=convolution.BatchNorm1d)
conv = holding(_ConvNd=convolution.Convolution)
schedulers = holding(_LRScheduler=LRScheduler)


def flat_weights_names(layer: RNNBase) -> list[str]:
    """`_flat_weights_names` of a recurrent layer: the names of its parameters, layer by layer."""
    return [name for name, _ in layer.named_parameters()]


def all_weights(layer: RNNBase) -> list[list[str]]:
    """`_all_weights` of a recurrent layer: the same, a list for each layer and direction."""
    names = flat_weights_names(layer)
    return [[name for name in names if name.endswith(suffix)] for suffix in layer.suffixes]
