"""`torch.save` and `torch.load`: tensors, state dicts and plain containers, never code.

A file is safetensors, which `safetensors.torch.load_file` reads in PyTorch; the nesting of dicts
and lists is JSON in its metadata (see `nn.io`). Nothing is pickled: a file cannot execute anything.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from minigrad import Tensor, device

from ... import io
from ...module import Module

__all__ = ["add_safe_globals", "load", "safe_globals", "save"]

File = str | PathLike[str] | IO[bytes]
ARRAY = "numpy.ndarray"  # the key under which an array of NumPy's is saved
PICKLES = (b"PK", b"\x80")  # how the files of PyTorch's `torch.save` start: a zip, a bare pickle


def save(
    obj: Any,
    f: File,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors, arrays, numbers and strings, in any nesting of dicts, lists and tuples.

    f: a path, or a file opened for writing bytes. The other arguments are about pickle, and have no
    effect. Raises NotImplementedError for a module or another object of a class, TypeError for
    what is no such value; the tensors come back without requires_grad.
    """
    refuse_objects(obj)
    obj = marked(obj)
    if isinstance(f, str | PathLike):
        io.save(obj, f)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "saved")
        io.save(obj, path)
        f.write(path.read_bytes())


def refuse_objects(obj: Any) -> None:
    """Raise NotImplementedError where a module, or another object, is to be saved as a whole."""
    if isinstance(obj, Module):
        raise NotImplementedError(
            f"torch.save: a whole {type(obj).__name__} is not supported, since that would pickle "
            "its code; save model.state_dict(), and load it into a new model with "
            "model.load_state_dict(torch.load(path))"
        )
    if isinstance(obj, dict):
        obj = list(obj.values())
    if isinstance(obj, list | tuple):
        for part in obj:
            refuse_objects(part)
    elif hasattr(obj, "__dict__") and not isinstance(obj, Tensor | np.ndarray | np.generic | str):
        raise NotImplementedError(
            f"torch.save: a {type(obj).__name__} is not supported, since that would pickle its "
            "code; save what it holds, as dicts and lists of tensors, numbers and strings"
        )


def marked(obj: Any) -> Any:
    """The same nesting, with each array of NumPy's marked, so that it comes back as one."""
    if isinstance(obj, np.ndarray):
        return {ARRAY: obj}
    if type(obj) in (dict, OrderedDict):
        return {key: marked(value) for key, value in obj.items()}
    if type(obj) in (list, tuple):
        return type(obj)([marked(part) for part in obj])
    return obj


def unmarked(obj: Any) -> Any:
    """The inverse of `marked`."""
    if isinstance(obj, dict):
        if obj.keys() == {ARRAY}:
            return obj[ARRAY].numpy()
        return {key: unmarked(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return type(obj)([unmarked(part) for part in obj])
    return obj


def load(
    f: File,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What `save` wrote, or a safetensors file of another origin as a dict of tensors.

    map_location: "cuda" or that device for tensors on the GPU; everything else means the CPU.
    The other arguments are about pickle, and have no effect. Raises NotImplementedError for a file
    that PyTorch pickled, ValueError for one that is damaged, OSError where it cannot be read.
    """
    if isinstance(f, str | PathLike):
        obj = load_path(Path(f))
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "loaded")
            path.write_bytes(f.read())
            obj = load_path(path)
    obj = unmarked(obj)
    is_place = isinstance(map_location, str | device)
    return moved(obj, device(map_location)) if is_place else obj


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Nothing: no file that is read here names classes."""


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """`add_safe_globals` for a `with` block."""
    yield


def load_path(path: Path) -> Any:
    """`io.load`, with a sentence about files that PyTorch pickled."""
    if path.is_file():
        with open(path, "rb") as file:
            start = file.read(2)
        if start.startswith(PICKLES):
            raise NotImplementedError(
                f"torch.load: {str(path)!r} is a pickle, which could execute anything and is not "
                "read here; write it anew where PyTorch is: "
                "safetensors.torch.save_file(torch.load(path), 'new.safetensors')"
            )
    return io.load(path)


def moved(obj: Any, place: device) -> Any:
    """The same nesting with its tensors on this device."""
    if isinstance(obj, Tensor):
        return obj.to(place)
    if isinstance(obj, dict):
        return {key: moved(value, place) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return type(obj)([moved(value, place) for value in obj])
    return obj
