"""Files: tensors, and whole checkpoints, as safetensors, which PyTorch and others read. Nothing in
them is executed.

A file is whole or absent. It carries a checksum of all that it holds, and what is loaded changes
everything or nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import deserialize
from safetensors.numpy import save as serialize

from minigrad import Tensor, from_numpy
from minigrad.errors import shown
from minigrad.files import write
from minigrad.random import generator, generator_at

from .arguments import check_flags, check_integers
from .state import as_array

Arrays = dict[str, np.ndarray[Any, Any]]
CHECKSUM_AND_TREE = re.compile(r"[0-9a-f]{64}\[")  # how the entry of `save` in the metadata starts
DTYPES = {"BOOL": np.dtype(np.bool_)}  # of safetensors, by its names for them
for size in (1, 2, 4, 8):
    DTYPES[f"I{8 * size}"] = np.dtype(f"<i{size}")
    DTYPES[f"U{8 * size}"] = np.dtype(f"<u{size}")
for size in (2, 4, 8):
    DTYPES[f"F{8 * size}"] = np.dtype(f"<f{size}")
MOST_LEVELS = 100  # of a nesting; far below what Python's own stack allows


def save(obj: Any, path: str | PathLike[str]) -> None:
    """Write a state_dict, or any nesting of dicts, lists and tuples.

    It may hold tensors, arrays, numbers and strings. The key of a tensor is its path in the
    nesting, joined by dots: a state_dict keeps its own keys. The nesting itself is a JSON tree in
    the file's metadata. A number of NumPy's comes back as one of Python's, a named tuple, a shape
    or another subclass as a plain tuple, list or dict. Raises TypeError for anything else in it,
    ValueError if two tensors have one key or the nesting is deeper than 100 levels, OSError if the
    file cannot be written; one of that name stays whole.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "some.safetensors")
    >>> save({"weights": [np.ones(2)], "epoch": 3}, path)
    >>> load(path)["weights"][0].tolist(), load(path)["epoch"]
    ([1.0, 1.0], 3)
    """
    save_as("save", obj, as_path("save", path))


def save_as(name: str, obj: Any, path: Path) -> None:
    """As `save`, in the name of the function that was called."""
    arrays: Arrays = {}
    tree = json.dumps(pack(name, obj, "", arrays))
    metadata = {"minigrad": checksum(tree, arrays) + tree}
    write(path, serialize(arrays, metadata=metadata))


def load(path: str | PathLike[str]) -> Any:
    """What `save` wrote, tensors on the CPU; a file of another origin as a dict of tensors.

    Raises ValueError if the file is damaged, cut off or no safetensors file, OSError if it cannot
    be read, MemoryError if it does not fit: for a moment it is in memory twice.
    """
    path = as_path("load", path)
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise type(error)(f"load: {str(path)!r} cannot be read: {error}") from error
    except MemoryError as error:
        raise MemoryError(f"load: {str(path)!r} does not fit into memory") from error
    except Exception as error:  # safetensors has an error class of its own
        raise ValueError(
            f"load: {str(path)!r} is damaged, or no file of tensors: {error}"
        ) from error


def read(content: bytes) -> Any:
    """What a file holds, with whatever errors a damaged one brings about.

    content: all of the file, read once. A map of it would end the process where another one cuts
    the file off meanwhile.
    """
    header = header_of(content)
    arrays: Arrays = {}
    for key, tensor in deserialize(content):
        if tensor["dtype"] not in DTYPES:
            raise ValueError(f"{key} is of dtype {tensor['dtype']}, which NumPy has not")
        flat = np.frombuffer(tensor["data"], DTYPES[tensor["dtype"]])
        arrays[key] = flat.reshape(tensor["shape"])
    entry = entry_of_save(header)
    if entry is None:
        return {key: from_numpy(arrays[key]) for key in sorted(arrays)}
    saved_checksum, tree = entry[:64], entry[64:]
    if saved_checksum != checksum(tree, arrays):
        raise ValueError("its checksum does not match, so it has changed since it was written")
    obj = unpack(json.loads(tree), arrays)
    if arrays:
        raise ValueError(f"its tree does not name these tensors: {', '.join(arrays)}")
    return obj


def header_of(content: bytes) -> dict[str, Any]:
    """The header at the start of a file, of which the first 8 bytes are the size.

    Raises ValueError if it has a key twice; safetensors would take the last one.
    """
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size], object_pairs_hook=dict_of_unique_keys)


def entry_of_save(header: dict[str, Any]) -> str | None:
    """What `save` wrote into the metadata: a checksum and a tree. The key may have been renamed."""
    for key, text in header.get("__metadata__", {}).items():
        if key == "minigrad" or CHECKSUM_AND_TREE.match(text):
            return text
    return None


def checksum(tree: str, arrays: Arrays) -> str:
    """SHA-256 of a tree in JSON and of the names, dtypes, shapes and contents of its arrays."""
    digest = hashlib.sha256(tree.encode())
    for key, array in sorted(arrays.items()):
        digest.update(f"\0{key}\0{array.dtype.name}\0{array.shape}\0".encode())
        little_endian = array.dtype.newbyteorder("<")
        digest.update(np.ascontiguousarray(array, little_endian).data)
    return digest.hexdigest()


def dict_of_unique_keys(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A dict of pairs; raises ValueError where a key is repeated."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is repeated")
        found[key] = value
    return found


def pack(name: str, obj: Any, path: str, arrays: Arrays, level: int = 0) -> Any:
    """`obj` as JSON, [kind, content] for what JSON lacks; its arrays go into `arrays`."""
    if level > MOST_LEVELS:
        raise ValueError(
            f"{name}: expected at most {MOST_LEVELS} levels, got more at {path[:40]!r}...; "
            "does something hold itself?"
        )
    if isinstance(obj, np.generic) and obj.dtype.kind in "fiub":
        obj = obj.item()
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, dict):
        pairs = []
        for key, value in obj.items():
            packed_value = pack(name, value, join_path(path, key), arrays, level + 1)
            pairs.append([pack(name, key, path, arrays, level + 1), packed_value])
        return ["dict", pairs]
    if isinstance(obj, list | tuple):
        items = []
        for i, item in enumerate(obj):
            items.append(pack(name, item, join_path(path, i), arrays, level + 1))
        return ["list" if isinstance(obj, list) else "tuple", items]
    if isinstance(obj, Tensor | np.ndarray) and obj.dtype.kind in "fiub":
        if path == "__metadata__":
            raise ValueError(
                f"{name}: expected another key than '__metadata__', which safetensors keeps for "
                "itself; rename it"
            )
        if path in arrays:
            raise ValueError(
                f"{name}: expected a key for each tensor, got {path!r} twice; rename one"
            )
        arrays[path] = np.asarray(as_array(obj), order="C")
        return ["tensor", path]
    raise TypeError(
        f"{name}: expected dicts, lists, tuples, tensors, arrays, numbers or strings, "
        f"got {shown(obj)} as {path or 'the object'}"
    )


def join_path(path: str, key: Any) -> str:
    """The path of an item inside the nesting."""
    return f"{path}.{key}" if path else str(key)


def unpack(node: Any, arrays: Arrays) -> Any:
    """The inverse of `pack`; each array is taken out of `arrays`."""
    if not isinstance(node, list):
        return node
    kind, content = node
    if kind == "tensor" and content in arrays:
        return from_numpy(arrays.pop(content))
    if kind == "dict":
        pairs = [(unpack(key, arrays), unpack(value, arrays)) for key, value in content]
        return dict_of_unique_keys(pairs)
    if kind not in ("list", "tuple"):
        raise ValueError(f"its tree holds {kind!r} of {content!r}, unknown or repeated"[:200])
    items = [unpack(item, arrays) for item in content]
    return items if kind == "list" else tuple(items)


def as_path(name: str, path: Any) -> Path:
    """Raise TypeError if a path is none."""
    if not isinstance(path, str | PathLike):
        raise TypeError(f"{name}: expected a path, got {shown(path)}")
    return Path(path)


# Checkpoints


class Randomness:
    """This thread's random numbers, as a part of a checkpoint."""

    def state_dict(self) -> Any:
        """The state of minigrad's random generator."""
        return generator().bit_generator.state

    def load_state_dict(self, state: Any) -> None:
        """Set the state of minigrad's random generator; ValueError where that is none."""
        generator().bit_generator.state = generator_at(state).bit_generator.state


def save_checkpoint(
    path: str | PathLike[str],
    *,
    step: int = 0,
    rng: bool = True,
    keep: int | None = None,
    **parts: Any,
) -> Path:
    """Save what a training run needs to resume as if it had not stopped; returns the path.

    parts: model=, optimizer=, scheduler=, loader=: what has a state_dict is saved through it; any
    other value that `save` can write is returned by `load_checkpoint`. rng: also minigrad's random
    numbers, so that dropout and shuffling go on. keep: put the number of the step into the name, so
    that "model.safetensors" becomes "model-000000120.safetensors", and keep the last `keep` files;
    a file that is not a checkpoint is never removed. Without it one file is replaced. Raises
    ValueError if a later step was saved with `keep`, or a step is not a count, OSError if the file
    cannot be written.
    """
    path = as_path("save_checkpoint", path)
    check_integers("save_checkpoint", 0, step=step)
    check_flags("save_checkpoint", rng=rng)
    file = path
    if keep is not None:
        check_keep(path, keep, step)
        file = path.with_name(f"{path.stem}-{step:09d}{path.suffix}")
    if rng:
        parts["rng"] = Randomness()
    states = {"step": step}
    for name, part in parts.items():
        has_state = hasattr(part, "state_dict") and not isinstance(part, type)
        states[name] = part.state_dict() if has_state else part
    save_as("save_checkpoint", states, file)
    if keep is not None:
        own = [old for _, old in checkpoints_of(path) if is_checkpoint(old)]
        for old in own[:-keep]:
            old.unlink(missing_ok=True)
    return file


def is_checkpoint(file: Path) -> bool:
    """Whether `save` wrote a file, by its header."""
    with suppress(OSError, ValueError, AttributeError, TypeError), open(file, "rb") as opened:
        start = opened.read(8)
        size = min(int.from_bytes(start, "little"), file.stat().st_size)
        return entry_of_save(header_of(start + opened.read(size))) is not None
    return False


def check_keep(path: Path, keep: int, step: int) -> None:
    """Raise if `keep` or `step` is out of range, or if a later step is there already."""
    check_integers("save_checkpoint", 1, keep=keep)
    existing = checkpoints_of(path)
    if not existing:
        return
    last_step, last_file = existing[-1]
    if last_step > step:
        raise ValueError(
            f"save_checkpoint: expected a step after {last_step}, whose file {str(last_file)!r} "
            f"exists, got {step}: another training writes there, or went further; "
            "give another name, or remove it"
        )


def checkpoints_of(path: Path) -> list[tuple[int, Path]]:
    """The steps and files that `keep` named after `path`, the last step last."""
    if not path.parent.is_dir():
        return []
    name = re.compile(re.escape(path.stem) + r"-(\d{9,})" + re.escape(path.suffix))
    found = []
    for file in path.parent.iterdir():
        match = name.fullmatch(file.name)
        if match and not file.is_dir():
            found.append((int(match[1]), file))
    return sorted(found)


def load_checkpoint(path: str | PathLike[str], *, rng: bool = True, **parts: Any) -> dict[str, Any]:
    """Bring `parts` (model=, optimizer=, ...) to where `save_checkpoint` found them.

    path: the file, or its name without the number, for the last step. rng: also
    minigrad's random numbers. Returns a dict of "step" and of what was saved and not named here.
    Raises FileNotFoundError if there is none, ValueError if the file is damaged or does not fit:
    then nothing is changed.

    >>> import nn, tempfile
    >>> path = Path(tempfile.mkdtemp(), "model.safetensors")
    >>> save_checkpoint(path, model=nn.Linear(2, 3), step=7, best=0.5).name
    'model.safetensors'
    >>> load_checkpoint(path, model=nn.Linear(2, 3))
    {'step': 7, 'best': 0.5}
    """
    path = as_path("load_checkpoint", path)
    check_flags("load_checkpoint", rng=rng)
    targets = {name: part for name, part in parts.items() if part is not None}
    for name, part in targets.items():
        if not hasattr(part, "load_state_dict") or isinstance(part, type):
            raise TypeError(
                f"load_checkpoint: expected {name} to be a module, an optimizer or another object "
                f"with a state_dict, got {shown(part)}; leave it out to have it returned"
            )
    file, states = load_last(path)
    if rng:
        targets["rng"] = Randomness()
    states_before: list[tuple[Any, Any]] = []
    try:
        check_holds(states, ["step", *targets])
        check_integers("step", 0, step=states["step"])
        for name, part in targets.items():
            take_state = getattr(part, "snapshot", part.state_dict)
            state_before = deepcopy(take_state())
            states_before.append((part, state_before))
            check_same_dtypes(state_before, states[name])
            part.load_state_dict(states[name])
    except BaseException as error:  # a Ctrl-C, too
        for part, state_before in states_before:
            part.load_state_dict(state_before)
        if not isinstance(error, Exception):
            raise
        raise ValueError(
            f"load_checkpoint: {str(file)!r} does not fit, and nothing is changed: {error}"
        ) from error
    return {name: value for name, value in states.items() if name not in targets}


def load_last(path: Path) -> tuple[Path, Any]:
    """The checkpoint of that name, or of its last step, and what it holds."""
    while True:
        numbered = [file for _, file in checkpoints_of(path)]
        exists = path.exists()
        if exists and numbered:
            raise ValueError(
                f"load_checkpoint: expected one checkpoint, got {str(path)!r} and "
                f"{numbered[-1].name!r}; move one away"
            )
        if not exists and not numbered:
            raise FileNotFoundError(
                f"load_checkpoint: expected a file {str(path)!r}, with or without the number of a "
                "step, got none"
            )
        file = numbered[-1] if numbered else path
        try:
            return file, load(file)
        except FileNotFoundError:
            continue  # it was the oldest one kept, and a running training has just removed it


def check_holds(states: Any, names: Iterable[str]) -> None:
    """Raise ValueError if a checkpoint lacks one of these parts."""
    present = states if isinstance(states, dict) else {}
    missing = sorted([name for name in names if name not in present])
    if missing:
        raise ValueError(f"it holds no {', '.join(missing)}")


def check_same_dtypes(own: Any, saved: Any) -> None:
    """Raise ValueError if a saved tensor has another dtype than the one it replaces."""
    for name, tensor in own.items():
        if not isinstance(tensor, Tensor) or name not in saved:
            continue
        dtype = getattr(saved[name], "dtype", None)
        if dtype != tensor.dtype:
            raise ValueError(f"expected {name} of {tensor.dtype}, got {dtype}")
