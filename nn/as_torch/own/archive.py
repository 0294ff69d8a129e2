"""Files that PyTorch's `torch.save` wrote: zip archives of a pickle and of the tensors' memory.

The names of PyTorch's functions and classes in it are taken for those here: tensors are made over
the memory again, and modules of what they hold.
"""

from __future__ import annotations

import importlib
import inspect
import pickle
import zipfile
from functools import partial
from typing import Any, ClassVar

import numpy as np

from minigrad import Tensor, device
from minigrad.convert import Size

from ...module import Module
from ...optim.optimizer import Optimizer
from ...optim.scheduler import LRScheduler
from ...parameter import Parameter
from . import dtypes, pickled

STORAGES = {
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "IntStorage": "int32",
    "LongStorage": "int64",
}
# What a module of PyTorch's has among its attributes besides its own
MEMBERS = ("_parameters", "_buffers", "_modules")
OF_PYTORCH = (*MEMBERS, "_non_persistent_buffers_set", "_is_full_backward_hook")


def rebuilt_tensor(
    storage: Tensor,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool = False,
    backward_hooks: Any = None,
    metadata: Any = None,
    *,
    place: Any = None,
) -> Tensor:
    """The tensor over a storage, which starts at `offset` and has these strides, in elements."""
    t = pickled.part_of(storage, offset, size, stride)
    t = t if place is None else t.to(place)
    t.requires_grad = requires_grad
    return t


def rebuilt_parameter(
    data: Tensor, requires_grad: bool, backward_hooks: Any = None, state: Any = None
) -> Parameter:
    """The parameter over a tensor; `state` are the attributes that a user gave it."""
    param = Parameter(data, requires_grad)
    vars(param).update(state or {})
    return param


# What may be named in a file that is not trusted, beside dtypes and storages
SAFE: dict[str, Any] = {
    **pickled.SAFE_EVERYWHERE,
    "torch.Size": Size,
    "torch.device": device,
    "torch._utils._rebuild_parameter": rebuilt_parameter,
    "torch._utils._rebuild_parameter_with_state": rebuilt_parameter,
}
SAFE.update({f"torch.{name}": np.dtype(word) for name, word in STORAGES.items()})
SAFE.update({f"torch.{name}": dtypes.named(name) for name in dtypes.NAMES})
REBUILD = "torch._utils._rebuild_tensor_v2"
# Modules that have other names here, those of Python 2, whose names PyTorch writes, among them
MOVED = {"__builtin__": "builtins", "torch._C._nn": "torch.nn.functional"}


class Unpickler(pickled.Unpickler):
    """Reads the pickle of an archive."""

    def __init__(self, archive: zipfile.ZipFile, name: str, place: Any, added: Any):
        self.folder = folder_of(archive)
        super().__init__(archive.read(f"{self.folder}data.pkl"), name, [], place)
        self.archive = archive
        self.added = added
        self.storages: dict[str, Tensor] = {}

    def persistent_load(self, pid: Any) -> Tensor:
        """A storage as a vector; the same for the same key."""
        _, dtype, key, _, count = pid
        if key not in self.storages:
            content = self.archive.read(f"{self.folder}data/{key}")
            flat = np.frombuffer(bytearray(content), dtype, count)
            self.storages[key] = Tensor(flat)
        return self.storages[key]

    def find_class(self, module: str, name: str) -> Any:
        """A function or class, of those here where PyTorch's is named.

        Raises UnpicklingError for one that is not known to be safe in a file that is not trusted.
        """
        module = MOVED.get(module, module)
        path = f"{module}.{name}"
        if path == REBUILD:
            return partial(rebuilt_tensor, place=self.place)
        if path in SAFE:
            return SAFE[path]
        is_pytorchs = f"{module}.".startswith("torch.")
        if is_pytorchs and name.endswith("Storage"):
            raise NotImplementedError(
                f"torch.load: {self.name} has tensors of a {path}, a dtype that is not supported; "
                "convert them in PyTorch, with .float() or .long(), and save them again"
            )
        if self.added is not None and not is_pytorchs and path not in self.added:
            raise pickled.is_not_known(self.name, module, name)
        if not is_pytorchs:
            return super().find_class(module, name)
        found = here(module, name)
        if self.added is not None and found not in self.added.values():
            raise pickled.is_not_known(self.name, module, name)
        return found

    def load_build(self) -> None:
        """Give an object its attributes; a module of PyTorch's those that it has here."""
        *_, target, state = self.stack  # type: ignore[attr-defined]
        pickled.check_is_object(self.name, target)
        if isinstance(target, Optimizer | LRScheduler):
            raise NotImplementedError(
                f"torch.load: {self.name} holds a whole {type(target).__name__} of PyTorch's, "
                "which is not supported; save its state_dict() there"
            )
        if isinstance(target, Module) and isinstance(state, dict) and "_parameters" in state:
            self.stack.pop()  # type: ignore[attr-defined]
            restore(self.name, target, state)
        else:
            super().load_build()  # type: ignore[misc]

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: load_build,
    }


def here(module: str, name: str) -> Any:
    """What has the place of a function or class of PyTorch's. Raises MissingName for none."""
    if module.startswith("torch.nn.modules."):
        layers = importlib.import_module("nn.as_torch.nn")  # which has those of all its modules
        if hasattr(layers, name):
            return getattr(layers, name)
    return getattr(importlib.import_module(f"nn.as_torch{module.removeprefix('torch')}"), name)


def restore(name: str, module: Module, state: dict[str, Any]) -> None:
    """Give a module what PyTorch's has. Raises NotImplementedError for hooks, and as a layer's
    constructor does for a setting that is not supported.
    """
    hooks = [key for key in state if key.startswith("_") and "_hooks" in key]
    if any([state[key] for key in hooks]):
        raise NotImplementedError(
            f"torch.load: {name} has hooks of a {type(module).__name__}, which are not supported "
            "in a file of PyTorch's; remove them there, and register them here"
        )
    settings = settings_of(module, state)
    if settings is not None:
        vars(module).update(vars(type(module)(**settings)))
    else:
        left_out = {*OF_PYTORCH, *hooks}
        vars(module).update({key: value for key, value in state.items() if key not in left_out})
    for kind in MEMBERS:
        vars(module).update(state[kind])
    not_saved = state["_non_persistent_buffers_set"]
    module._buffer_names = {buffer: buffer not in not_saved for buffer in state["_buffers"]}
    module.training = state["training"]


def settings_of(module: Module, state: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a layer's constructor, from the attributes of PyTorch's.

    None for a user's module, and for one that does not keep what it was made with.
    """
    if not type(module).__module__.startswith("nn."):
        return None
    found = {**state["_buffers"], **state}
    for key in ("bias", "in_proj_bias"):
        if key in state["_parameters"]:
            found["bias"] = state["_parameters"][key] is not None
    if found.get("kdim") == found.get("vdim") == found.get("embed_dim"):
        found = {key: value for key, value in found.items() if key not in ("kdim", "vdim")}
    settings = {}
    for key, parameter in inspect.signature(type(module)).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            return None
        if key in found:
            settings[key] = found[key]
        elif parameter.default is parameter.empty:
            return None
    return settings


def load(path: Any, name: str, place: Any, added: Any) -> Any:
    """The object in an archive. Raises ValueError for one that is damaged or no such archive.

    name: of the file, for messages. place: the device of its tensors, None for the CPU. added:
    what a program says may be named beside `SAFE`; None if the file is trusted.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            reader = Unpickler(archive, name, place, added)
            return reader.load() if added is None else pickled.loaded_safely(reader)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"torch.load: {name} is damaged, or no file of PyTorch's: {error}"
        ) from error


def folder_of(archive: zipfile.ZipFile) -> str:
    """The folder of an archive that holds everything. Raises BadZipFile for another archive, or one
    of a machine with the other order of bytes.
    """
    names = archive.namelist()
    folders = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
    if len(folders) != 1 or f"{folders[0]}constants.pkl" in names:
        raise zipfile.BadZipFile("it was not written by torch.save")
    order = f"{folders[0]}byteorder"
    if order in names and archive.read(order) != b"little":
        raise zipfile.BadZipFile("its numbers are big-endian")
    return folders[0]
