"""`torch.save` and `torch.load`: tensors, state dicts and plain values, never code.

A file is safetensors, which `safetensors.torch.load_file` reads in PyTorch; the nesting of dicts
and lists is JSON in its metadata (see `nn.io`). Nothing is pickled: a file cannot execute anything.
What JSON lacks and programs do save, such as the namespace of a program's arguments, is saved as
what it holds: `KINDS` says how.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

from minigrad import Tensor, device

from ... import io
from ...module import Module
from . import dtypes

__all__ = ["add_safe_globals", "load", "safe_globals", "save"]

File = str | PathLike[str] | IO[bytes]
PICKLES = (b"PK", b"\x80")  # how the files of PyTorch's `torch.save` start: a zip, a bare pickle

# A value of one of these kinds is saved as a dict of one item: the kind, and what the value holds.
# For each: its type, what a value holds, and the way back.
KINDS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "argparse.Namespace": (Namespace, vars, lambda names: Namespace(**names)),
    "builtins.bytes": (bytes, bytes.hex, bytes.fromhex),
    "builtins.complex": (complex, lambda z: [z.real, z.imag], lambda parts: complex(*parts)),
    "builtins.frozenset": (frozenset, list, frozenset),
    "builtins.set": (set, list, set),
    "collections.Counter": (Counter, dict, Counter),
    "collections.deque": (deque, lambda q: [list(q), q.maxlen], lambda parts: deque(*parts)),
    "pathlib.Path": (PurePath, str, Path),
    "torch.device": (device, str, device),
    "torch.dtype": (dtypes.dtype, lambda own: own.name, lambda name: dtypes.of(np.dtype(name))),
    "types.SimpleNamespace": (SimpleNamespace, vars, lambda names: SimpleNamespace(**names)),
}
ARRAY = "numpy.ndarray"
DICT = "builtins.dict"  # one that looks like a marked value
WAYS_BACK: dict[str, Callable[[Any], Any]] = {ARRAY: Tensor.numpy, DICT: dict}
WAYS_BACK.update({name: way_back for name, (_, _, way_back) in KINDS.items()})


def save(
    obj: Any,
    f: File,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors, arrays, numbers and strings, in any nesting of dicts, lists and tuples.

    It may hold namespaces, sets, paths, devices and dtypes, too. f: a path, or a file opened for
    writing bytes. The other arguments are about pickle, and have no effect. Raises
    NotImplementedError for a module or another object of a class, TypeError for what is no such
    value; the tensors come back without requires_grad.
    """
    obj = marked(obj)
    if isinstance(f, str | PathLike):
        io.save(obj, f)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "saved")
        io.save(obj, path)
        f.write(path.read_bytes())


def marked(obj: Any) -> Any:
    """The same nesting with what JSON lacks as what it holds, see `KINDS`."""
    if type(obj) in (dict, OrderedDict):
        plain = {key: marked(value) for key, value in obj.items()}
        return {DICT: [list(pair) for pair in plain.items()]} if is_mark(plain) else plain
    if type(obj) in (list, tuple):
        return type(obj)([marked(part) for part in obj])
    if isinstance(obj, np.ndarray):
        return {ARRAY: obj}
    for name, (kind, contents, _) in KINDS.items():
        if isinstance(obj, kind):
            return {name: marked(contents(obj))}
    refuse_object(obj)
    return obj


def is_mark(obj: dict[Any, Any]) -> bool:
    """Whether `marked` could have made this dict of another kind."""
    return len(obj) == 1 and next(iter(obj)) in WAYS_BACK


def refuse_object(obj: Any) -> None:
    """Raise NotImplementedError for a module, or another object of a class."""
    if isinstance(obj, Module):
        raise NotImplementedError(
            f"torch.save: a whole {type(obj).__name__} is not supported, since that would pickle "
            "its code; save model.state_dict(), and load it into a new model with "
            "model.load_state_dict(torch.load(path))"
        )
    plain = (Tensor, np.generic, str, dict, list, tuple)
    if hasattr(obj, "__dict__") and not isinstance(obj, plain):
        raise NotImplementedError(
            f"torch.save: a {type(obj).__name__} is not supported, since that would pickle its "
            "code; save what it holds, as dicts and lists of tensors, numbers and strings"
        )


def unmarked(obj: Any) -> Any:
    """The inverse of `marked`."""
    if isinstance(obj, list | tuple):
        return type(obj)([unmarked(part) for part in obj])
    if not isinstance(obj, dict):
        return obj
    if not is_mark(obj):
        return {key: unmarked(value) for key, value in obj.items()}
    ((name, contents),) = obj.items()
    return WAYS_BACK[name](unmarked(contents))


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

    map_location: "cuda" or that device for tensors on the GPU; everything else means the CPU. The
    other arguments are about pickle, and have no effect. Raises NotImplementedError for a file that
    PyTorch pickled, ValueError for one that is damaged, OSError if it cannot be read.
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
            start = file.read(9)
        # a safetensors file starts with 8 bytes of a number, which may be a pickle's first ones
        if start.startswith(PICKLES) and start[8:] != b"{":
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
