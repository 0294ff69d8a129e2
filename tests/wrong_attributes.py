"""Every settable public attribute becomes each wrong thing, or is deleted, and is then used.

The owners are the tensors, modules, optimizers, schedulers and the loader of tests/wrong_calls.py,
made of source over the names of a world, so that PyTorch can be asked the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from wrong_calls import LINES, WRONG, World, made, public_names, world

import minigrad as mg
import nn

Use = Callable[[Any, World], Any]  # of the owner, in a world


class Attribute(NamedTuple):
    """An attribute, or a setting of an optimizer's group, and what is done after a change of it."""

    owner: str  # in a message
    source: str  # what makes the owner
    word: str
    use: Use
    is_setting: bool = False  # of own.param_groups[0]

    def __str__(self) -> str:
        return f"{self.owner}[{self.word!r}]" if self.is_setting else f"{self.owner}.{self.word}"


def slope(own: Any, w: World) -> Any:
    """The gradient of own after a way back from 2 own, or that where there is none to be had."""
    y = own * 2.0
    if not own.requires_grad:
        return y
    y.sum().backward()
    return own.grad


def parts(own: Any, w: World) -> Any:
    """All that the module of this world has."""
    found = [own.train(), list(own.parameters()), list(own.buffers())]
    found += [own.part(w["x"])] if callable(own.part) else []
    return [*found, own.state_dict()]


def steps(own: Any, w: World) -> Any:
    """The parameter after three steps of an optimizer."""
    for _ in range(3):
        own.step(w["closure"])
    return w["param"]


def rates(own: Any, w: World) -> Any:
    """The lr of three steps of a scheduler."""
    found = []
    for _ in range(3):
        own.optimizer.step()
        own.step()
        found.append(float(own.optimizer.param_groups[0]["lr"]))
    return found


def rates_of_a_plateau(own: Any, w: World) -> Any:
    """The lr of three steps of a scheduler that looks at a metric."""
    found = []
    for metric in (0.5, 0.6, 0.7):
        own.step(metric)
        found.append(float(own.optimizer.param_groups[0]["lr"]))
    return found


def batches(own: Any, w: World) -> Any:
    return [list(own), len(own)]


def called(arguments: str) -> Use:
    """What a layer gives for these arguments."""
    return lambda own, w: made(f"own({arguments})")(w)


def attributes() -> Iterator[Attribute]:
    """All of them."""
    for tensor in ("leaf", "x", "param"):
        for word in ("grad", "data", "requires_grad"):
            yield Attribute(tensor, tensor, word, slope)
    for word in ("weight", "mean", "part", "training"):
        yield Attribute("module", "module", word, parts)
    for name in public_names():
        owner, _, word = name.rpartition(".")
        if name.startswith("nn.") and name.endswith("()"):
            kind = name[3:-2]
            yield from attributes_of(kind, f"nn.{kind}({LINES[name[:-2]]})", called(LINES[name]))
        elif owner == "optim" and word != "Optimizer":
            source = f"optim.{word}({LINES[name]})"
            for key in made(source)(world()).param_groups[0]:
                yield Attribute(word, source, key, steps, is_setting=True)
            yield Attribute(word, source, "param_groups", steps)
        elif owner == "sched":
            use = rates_of_a_plateau if word == "ReduceLROnPlateau" else rates
            yield from attributes_of(word, f"sched.{word}({LINES[name]})", use)
    source = "data.DataLoader([1.5, 2.5, 3.5], batch_size=2)"
    yield from attributes_of("DataLoader", source, batches)


def attributes_of(owner: str, source: str, use: Use) -> Iterator[Attribute]:
    """The public attributes of what `source` makes, that are no functions."""
    own = made(source)(world())
    words = [word for word in vars(own) if not word.startswith("_")]
    for word in [*words, *(["training"] if isinstance(own, nn.Module) else [])]:
        yield Attribute(owner, source, word, use)


def changes() -> list[str]:
    """In words: what is done to an attribute."""
    return [*WRONG, "deleted"]


def result_of(attribute: Attribute, label: str, w: World) -> Any:
    """What comes of the use after a change: a list of arrays, numbers and words."""
    own = made(attribute.source)(w)
    make_alike(own, w)
    w["own"] = own
    target = own.param_groups[0] if attribute.is_setting else own
    if label == "deleted" and attribute.is_setting:
        del target[attribute.word]
    elif label == "deleted":
        delattr(target, attribute.word)
    elif attribute.is_setting:
        target[attribute.word] = WRONG[label](w)
    else:
        setattr(target, attribute.word, WRONG[label](w))
    return flat(attribute.use(own, w))


def make_alike(own: Any, w: World) -> None:
    """The same numbers in the parameters of a module in each world."""
    if not hasattr(own, "named_parameters"):
        return
    with w["mg"].no_grad():
        for _, p in sorted(own.named_parameters()):
            count = int(np.prod(tuple(p.shape)))
            numbers = np.linspace(-0.5, 0.5, count).reshape(tuple(p.shape))
            p.copy_(w["mg"].tensor(numbers.astype(np.float32)))


def flat(value: Any) -> list[Any]:
    """What a result consists of, tensors as arrays."""
    if isinstance(value, dict):
        return flat([(str(key), value[key]) for key in value])
    if isinstance(value, (list, tuple)):
        return [part for item in value for part in flat(item)]
    if hasattr(value, "detach"):
        return [np.asarray(value.detach().cpu().numpy())]
    return [value if isinstance(value, (bool, int, float, str)) else type(value).__name__]


def is_same(a: Any, b: Any) -> bool:
    """Whether two results are the same, to the accuracy of float32."""
    if len(a) != len(b):
        return False
    for ours, theirs in zip(a, b, strict=True):
        if isinstance(ours, str) or isinstance(theirs, str):
            continue  # names of objects
        if np.shape(ours) != np.shape(theirs):
            return False
        if not np.allclose(ours, theirs, rtol=1e-4, atol=1e-5, equal_nan=True):
            return False
    return True


def torch_world() -> World:
    """A fresh world of PyTorch."""
    import torch

    return World(
        {
            "mg": torch,
            "nn": torch.nn,
            "F": torch.nn.functional,
            "optim": torch.optim,
            "sched": torch.optim.lr_scheduler,
            "data": torch.utils.data,
            "rnn": torch.nn.utils.rnn,
        }
    )


def is_known_to_torch(attribute: Attribute) -> bool:
    """Whether PyTorch has this attribute, and uses its owner in the same way."""
    w = torch_world()
    try:
        own = made(attribute.source)(w)
    except (AttributeError, TypeError, NotImplementedError):
        return False
    if attribute.is_setting:
        return attribute.word in own.param_groups[0]
    return hasattr(own, attribute.word)


def default_state() -> None:
    """What a wrong assignment may have left behind."""
    mg.set_default_dtype(mg.float32)
    mg.set_grad_enabled(True)
