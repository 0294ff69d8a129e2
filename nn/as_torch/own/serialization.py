"""`torch.save` and `torch.load`: tensors, state dicts, plain values and whole objects.

A file is safetensors, which `safetensors.torch.load_file` reads in PyTorch; the nesting of dicts
and lists is JSON in its metadata (see `nn.io`). What JSON lacks and programs do save, such as the
namespace of a program's arguments, is saved as what it holds: `KINDS` says how. Such a file cannot
execute anything. What holds a module, or another object of a class, is pickled (see `pickled`), and
read only where a program says `weights_only=False`, as in PyTorch.
"""

from __future__ import annotations

import os
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
from minigrad.convert import Size, attributes_of_users

from ... import io
from ...parameter import Parameter
from . import archive, dtypes, pickled

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

File = str | PathLike[str] | IO[bytes]
ZIP = b"PK"  # how a file of PyTorch's `torch.save` starts
PICKLE = b"\x80"  # and one of PyTorch before 1.6

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
    "torch.Size": (Size, list, Size),
    "torch.device": (device, str, device),
    "torch.dtype": (dtypes.dtype, lambda own: own.name, lambda name: dtypes.of(np.dtype(name))),
    "types.SimpleNamespace": (SimpleNamespace, vars, lambda names: SimpleNamespace(**names)),
}
ARRAY = "numpy.ndarray"
DICT = "builtins.dict"  # one that looks like a marked value
GRAD = "torch.Tensor.requires_grad"
PARAMETER = "torch.nn.Parameter"
WAYS_BACK: dict[str, Callable[[Any], Any]] = {
    ARRAY: Tensor.numpy,
    DICT: dict,
    GRAD: Tensor.requires_grad_,
    PARAMETER: lambda parts: Parameter(*parts),
}
WAYS_BACK.update({name: way_back for name, (_, _, way_back) in KINDS.items()})
WHOLE = "torch.save: pickled"  # the one key of a dict that is a whole object
TRUE = ("1", "y", "yes", "true")
PLAIN = (type(None), bool, int, float, str, np.generic)
added_globals: list[Any] = []  # what a program says may be named in a file


class NotPlain(Exception):
    """Some value is of no kind that a tree in JSON could hold."""


def save(
    obj: Any,
    f: File,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors, arrays, numbers and strings, in any nesting of dicts, lists and tuples, or any
    object that Python can pickle, such as a whole module or an optimizer.

    The nesting may hold namespaces, sets, paths, devices and dtypes, too. What holds other objects
    is pickled as a whole: `load` needs weights_only=False for it, and the program their classes.
    f: a path, or a file opened for writing bytes. The other arguments have no effect. Raises
    PicklingError, AttributeError or TypeError for what cannot be pickled, such as a lambda.
    """
    try:
        content = marked(obj)
    except (NotPlain, RecursionError):
        content = {WHOLE: pickled.dump(obj)}
    if isinstance(f, str | PathLike):
        io.save(content, f)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "saved")
        io.save(content, path)
        f.write(path.read_bytes())


def marked(obj: Any) -> Any:
    """The same nesting with what JSON lacks as what it holds, see `KINDS`. Raises NotPlain."""
    if type(obj) in (dict, OrderedDict):
        plain = {plain_key(key): marked(value) for key, value in obj.items()}
        return {DICT: [list(pair) for pair in plain.items()]} if is_mark(plain) else plain
    if type(obj) in (list, tuple):
        return type(obj)([marked(part) for part in obj])
    if type(obj) in (Tensor, Parameter, np.ndarray):
        return marked_tensor(obj)
    for name, (kind, contents, _) in KINDS.items():
        if isinstance(obj, kind):
            return {name: marked(contents(obj))}
    if not isinstance(obj, PLAIN):
        raise NotPlain
    return obj


def plain_key(key: Any) -> Any:
    """The key of a dict, which is a plain value or several. Raises NotPlain."""
    if type(key) is tuple:
        return tuple([plain_key(part) for part in key])
    if not isinstance(key, PLAIN):
        raise NotPlain
    return key


def marked_tensor(x: Any) -> Any:
    """A tensor or array, with what it is besides its numbers. Raises NotPlain where safetensors has
    no such numbers, or a user gave it attributes.
    """
    if not pickled.is_storable(x.dtype):
        raise NotPlain
    if isinstance(x, np.ndarray):
        return {ARRAY: x}
    if attributes_of_users(x):
        raise NotPlain
    if isinstance(x, Parameter):
        return {PARAMETER: [x.detach(), x.requires_grad]}
    return {GRAD: x.detach()} if x.requires_grad else x


def is_mark(obj: dict[Any, Any]) -> bool:
    """Whether `marked` could have made this dict of another kind."""
    return len(obj) == 1 and next(iter(obj)) in (*WAYS_BACK, WHOLE)


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
    """What `save` wrote, here or in PyTorch, or a safetensors file of another origin as a dict of
    tensors.

    map_location: "cuda" or that device for tensors on the GPU; everything else means the CPU.
    weights_only: whether the file is not trusted, by default so: of a file with whole objects, code
    that it names would be run. mmap and others have no effect. Raises UnpicklingError for whole
    objects in a file that is not trusted, AttributeError or ImportError where the program lacks
    their classes, NotImplementedError for a file of PyTorch's with something that is not here,
    ValueError for one that is damaged, OSError if it cannot be read.
    """
    added = known_globals() if only_weights(weights_only, pickle_module) else None
    is_place = isinstance(map_location, str | device)
    place = device(map_location) if is_place else None
    if isinstance(f, str | PathLike):
        return load_path(Path(f), repr(str(f)), place, added)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "loaded")
        path.write_bytes(f.read())
        return load_path(path, "the file", place, added)


def only_weights(weights_only: bool | None, pickle_module: Any) -> bool:
    """Whether a file is not trusted, by PyTorch's rule: what is said, then the environment, then
    yes where no module for pickles is given.
    """
    if weights_only is None:
        if os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in TRUE:
            return False
        return pickle_module is None
    if weights_only and pickle_module is not None:
        raise RuntimeError(
            "torch.load: expected no pickle_module with weights_only=True, got one; leave it out"
        )
    return bool(weights_only)


def known_globals() -> dict[str, Any]:
    """What a program says may be named in a file, by the names that a file has for it."""
    found = {}
    for entry in added_globals:
        if isinstance(entry, tuple):
            value, name = entry
        else:
            value, name = entry, f"{entry.__module__}.{entry.__qualname__}"
        found[name] = value
    return found


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let `load` run these classes and functions where a file names them, also with
    weights_only=True. One that a file names otherwise is a tuple of it and that name.
    """
    added_globals.extend([entry for entry in safe_globals if entry not in added_globals])


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` was given."""
    return list(added_globals)


def clear_safe_globals() -> None:
    """Forget what `add_safe_globals` was given."""
    added_globals.clear()


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """`add_safe_globals` for a `with` block."""
    before = get_safe_globals()
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        added_globals[:] = before


def load_path(path: Path, name: str, place: device | None, added: Any) -> Any:
    """`load` of a path, with the name that messages have for it.

    added: what may be named in the file beside what is safe; None if it is trusted.
    """
    if path.is_file():
        with open(path, "rb") as file:
            start = file.read(9)
        if start.startswith(ZIP) and start[8:] != b"{":
            return archive.load(path, name, place, added)
        # a safetensors file starts with 8 bytes of a number, which may be a pickle's first ones
        if start.startswith(PICKLE) and start[8:] != b"{":
            raise NotImplementedError(
                f"torch.load: {name} is a bare pickle, as PyTorch wrote before version 1.6, which "
                "is not supported; load it in PyTorch, and save it there again"
            )
    obj = io.load(path)
    if isinstance(obj, dict) and list(obj) == [WHOLE]:
        return pickled.load(obj[WHOLE], name, place, added)
    obj = unmarked(obj)
    return obj if place is None else moved(obj, place)


def moved(obj: Any, place: device) -> Any:
    """The same nesting with its tensors on this device."""
    if isinstance(obj, Tensor):
        return obj.to(place)
    if isinstance(obj, dict):
        return {key: moved(value, place) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return type(obj)([moved(value, place) for value in obj])
    return obj
