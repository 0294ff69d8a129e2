"""Second names: `init.xavier_uniform`, from before 2018, a class that is Linear, a private list."""

from __future__ import annotations

from types import ModuleType

from ... import init, layers, utils
from ...optim.scheduler import LRScheduler
from ...recurrent import RNNBase


def without_underscore(module: ModuleType, names: str) -> ModuleType:
    """A module with these functions of another one, which have a name with an underscore there."""
    found = ModuleType("old", doc=__doc__)
    for name in names.split():
        setattr(found, name, getattr(module, f"{name}_"))
    found.__all__ = names.split()  # type: ignore[attr-defined]
    return found


init = without_underscore(
    init,
    "constant eye kaiming_normal kaiming_uniform normal orthogonal uniform xavier_normal "
    "xavier_uniform",
)
utils = without_underscore(utils, "clip_grad_norm")
linear = ModuleType("old", doc=__doc__)
vars(linear).update(
    NonDynamicallyQuantizableLinear=layers.Linear, __all__=["NonDynamicallyQuantizableLinear"]
)

schedulers = ModuleType("old", doc=__doc__)
vars(schedulers).update(_LRScheduler=LRScheduler, __all__=["_LRScheduler"])


def flat_weights_names(layer: RNNBase) -> list[str]:
    """`_flat_weights_names` of a recurrent layer: the names of its parameters, layer by layer."""
    return [name for name, _ in layer.named_parameters()]


def all_weights(layer: RNNBase) -> list[list[str]]:
    """`_all_weights` of a recurrent layer: the same, a list for each layer and direction."""
    names = flat_weights_names(layer)
    return [[name for name in names if name.endswith(suffix)] for suffix in layer.suffixes]
