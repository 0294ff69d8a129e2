"""Files: tensors, and whole checkpoints, as safetensors, which PyTorch and others read. Nothing in them is executed.

A file is whole or absent. It carries a checksum of all that it holds, and what is loaded changes everything or nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save as serialize

from minigrad import Tensor, errors, from_numpy
from minigrad.random import generator

from .module import as_array, join_names

Arrays = dict[str, np.ndarray[Any, Any]]
OWN = re.compile(r"[0-9a-f]{64}\[")  # a checksum and the nesting it stands before
ABANDONED = 3600  # seconds after which nobody is still writing a draft


def save(obj: Any, path: str | PathLike[str]) -> None:
    """Write a state_dict, or any nesting of dicts, lists and tuples with tensors, arrays, numbers and strings.

    Each tensor gets as its key the way to it, joined by dots: a state_dict keeps its own keys. The nesting is kept as
    JSON in the file's metadata. Raises OSError where the file cannot be written; one of its name stays whole.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "some.safetensors")
    >>> save({"weights": [np.ones(2)], "epoch": 3}, path)
    >>> load(path)["weights"][0].tolist(), load(path)["epoch"]
    ([1.0, 1.0], 3)
    """
    arrays: Arrays = {}
    skeleton = json.dumps(pack(obj, "", arrays))
    write(path, serialize(arrays, metadata={"minigrad": checksum(skeleton, arrays) + skeleton}))


def load(path: str | PathLike[str]) -> Any:
    """What `save` wrote, tensors on the CPU; a file of another origin as a dict of tensors.

    Raises ValueError where the file is damaged, cut off or no safetensors file, OSError where it cannot be read.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}
            metadata = file.metadata() or {}
        with open(
            path, "rb"
        ) as header:  # safetensors itself takes the last of two keys that are the same
            json.loads(
                header.read(int.from_bytes(header.read(8), "little")), object_pairs_hook=unique
            )
        found = (
            text for key, text in metadata.items() if key == "minigrad" or OWN.match(text)
        )  # whatever its name is now
        own = next(found, None)
        if own is None:
            return {key: from_numpy(array) for key, array in arrays.items()}
        if own[:64] != checksum(own[64:], arrays):
            raise ValueError(
                "its contents do not match its checksum, so some of it has changed since it was written"
            )
        tree = unpack(json.loads(own[64:]), arrays)
        if arrays:
            raise ValueError(f"it does not say what these tensors of it are: {', '.join(arrays)}")
        return tree
    except OSError as error:
        raise type(error)(f"load: {os.fspath(path)!r} cannot be read: {error}") from error
    except (
        Exception,
        RecursionError,
    ) as error:  # safetensors has an error of its own, and NumPy lacks some dtypes
        raise ValueError(
            f"load: {os.fspath(path)!r} is damaged, or no file of tensors: {error}"
        ) from error


def checksum(skeleton: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(skeleton.encode())
    for key, array in sorted(arrays.items()):
        digest.update(f"\0{key}\0{array.dtype.name}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def unique(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} comes twice")
        found[key] = value
    return found


def pack(obj: Any, path: str, arrays: Arrays) -> Any:
    """`obj` in words that JSON has, [kind, content] for what it lacks; its arrays go into `arrays`."""
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, dict):
        return [
            "dict",
            [
                [pack(k, path, arrays), pack(v, join_names(path, str(k)), arrays)]
                for k, v in obj.items()
            ],
        ]
    if isinstance(obj, list | tuple):
        return [
            type(obj).__name__,
            [pack(v, join_names(path, str(i)), arrays) for i, v in enumerate(obj)],
        ]
    if (
        isinstance(obj, Tensor | np.ndarray | np.generic)
        and (array := as_array(obj)).dtype.kind in "fiub"
    ):
        if path in arrays:
            raise ValueError(f"save: two tensors would have the key {path!r}; rename one")
        arrays[path] = np.asarray(array, order="C")
        return ["tensor", path]
    kind = f"{type(obj).__name__} of {obj.dtype}" if hasattr(obj, "dtype") else type(obj).__name__
    raise TypeError(
        f"save: {path or 'the object'} is a {kind}; it can save dicts, lists, tuples, "
        "tensors, arrays, numbers and strings"
    )


def unpack(node: Any, arrays: Arrays) -> Any:
    """What `pack` was given; each array is taken out of `arrays`."""
    if not isinstance(node, list):
        return node
    kind, content = node
    if kind == "tensor" and content in arrays:
        return from_numpy(arrays.pop(content))
    if kind == "dict":
        return unique([(unpack(k, arrays), unpack(v, arrays)) for k, v in content])
    if kind not in ("list", "tuple"):
        raise ValueError(
            f"{kind!r} of {content!r} is nothing that it can hold, or holds twice"[:200]
        )
    items = [unpack(item, arrays) for item in content]
    return items if kind == "list" else tuple(items)


def write(path: str | PathLike[str], content: bytes) -> None:
    """Write a whole file or nothing: a draft beside it is written and synced first, and then takes its name.

    So a full disk, a Ctrl-C and a kill leave the file of that name as it was, and of two processes that write it at a
    time one wins. The draft of a process that was killed goes when somebody writes there an hour later.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.draft")
    with suppress(OSError):  # another process may be faster, or another user own it
        for old in path.parent.glob(f".*.{'[0-9a-f]' * 32}.draft"):
            if time.time() - old.stat().st_mtime > ABANDONED:
                old.unlink()
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        if hasattr(os, "O_DIRECTORY"):  # on Windows a folder cannot be synced
            folder = os.open(path.parent, os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        why = f"{str(path)!r} could not be written: {error.strerror}; a file that stood there before is still whole"
        raise type(error)(error.errno, why) from error
    finally:
        draft.unlink(missing_ok=True)


# Checkpoints


class Randomness:
    """This thread's random numbers, as a part of a checkpoint."""

    def state_dict(self) -> Any:
        return generator().bit_generator.state

    def load_state_dict(self, state: Any) -> None:
        generator().bit_generator.state = state


def save_checkpoint(
    path: str | PathLike[str],
    *,
    step: int = 0,
    rng: bool = True,
    keep: int | None = None,
    **parts: Any,
) -> Path:
    """Write all that a training needs to go on as if it had never stopped; returns the path of the file.

    parts: model=, optimizer=, scheduler=, loader=: what has a state_dict is saved by that; any other name and value
    that `save` can write come back from `load_checkpoint`. rng: also minigrad's random numbers, so that dropout and
    shuffling go on. keep: the number of the step goes into the name, "model.safetensors" becomes
    "model-000000120.safetensors", and of these the `keep` last ones stay. Without it one file is replaced.
    """
    path, states = Path(path), {"rng": Randomness()} if rng else {}
    states = {
        name: p.state_dict() if hasattr(p, "state_dict") else p
        for name, p in {**parts, **states}.items()
    }
    if keep is not None:
        if keep < 1 or step < 0:
            raise ValueError(
                f"save_checkpoint: keep={keep} and step={step} came; give keep 1 or more, step 0 or more"
            )
        if (others := numbered(path)) and others[-1][0] > step:
            raise ValueError(
                f"save_checkpoint: {str(others[-1][1])!r} is there already, and step {step} lies before it: "
                "another training writes there, or went further; give another name, or remove it"
            )
    file = path if keep is None else path.with_name(f"{path.stem}-{step:09d}{path.suffix}")
    save({"step": step, **states}, file)
    for _, old in numbered(path)[:-keep] if keep else ():
        old.unlink(missing_ok=True)
    return file


def numbered(path: Path) -> list[tuple[int, Path]]:
    """The checkpoints that `keep` named after `path`, with their steps, the last step last."""
    name = re.compile(re.escape(path.stem) + r"-(\d{9,})" + re.escape(path.suffix))
    found = (
        [(name.fullmatch(file.name), file) for file in path.parent.iterdir()]
        if path.parent.is_dir()
        else []
    )
    return sorted((int(match[1]), file) for match, file in found if match)


def load_checkpoint(path: str | PathLike[str], *, rng: bool = True, **parts: Any) -> dict[str, Any]:
    """Bring `parts` (model=, optimizer=, ...) to where `save_checkpoint` found them; returns all else it was given.

    path: the file, or the name without a number, of which the last step is taken. rng: also minigrad's random numbers.
    Returns a dict of "step" and of what was saved and not named here. Raises FileNotFoundError where there is none,
    ValueError where the file is damaged or does not fit: then nothing is changed.

    >>> import nn, tempfile
    >>> path = Path(tempfile.mkdtemp(), "model.safetensors")
    >>> save_checkpoint(path, model=nn.Linear(2, 3), step=7, best=0.5).name
    'model.safetensors'
    >>> load_checkpoint(path, model=nn.Linear(2, 3))
    {'step': 7, 'best': 0.5}
    """
    file, tree = newest(Path(path))
    targets = {
        name: p
        for name, p in {**parts, **({"rng": Randomness()} if rng else {})}.items()
        if p is not None
    }
    before: list[tuple[Any, Any]] = []
    try:
        if missing := sorted({"step", *targets}.difference(tree if isinstance(tree, dict) else ())):
            raise ValueError(f"it holds no {', '.join(missing)}")
        for name, part in targets.items():
            before.append((part, deepcopy(part.state_dict())))
            same_dtypes(before[-1][1], tree[name])
            part.load_state_dict(tree[name])
    except BaseException as error:
        for part, state in before:
            part.load_state_dict(state)
        if not isinstance(error, Exception):
            raise
        raise ValueError(
            f"load_checkpoint: {str(file)!r} does not fit, and nothing is changed: {error}"
        ) from error
    return {name: value for name, value in tree.items() if name not in targets}


def newest(path: Path) -> tuple[Path, Any]:
    """The checkpoint of that name, or of the last step, and what it holds."""
    while True:
        found = ([path] if path.exists() else []) + [file for _, file in numbered(path)]
        if not found:
            raise FileNotFoundError(
                f"load_checkpoint: there is no {str(path)!r}, with or without the number of a step"
            )
        if len(found) > 1 and found[0] == path:
            raise ValueError(
                f"load_checkpoint: {str(path)!r} and {found[-1].name!r} are both there; move one away"
            )
        try:
            return found[-1], load(found[-1])
        except FileNotFoundError:
            continue  # it was the oldest of those kept, and a training that goes on has just removed it


def same_dtypes(old: Any, new: Any) -> None:
    for name, tensor in old.items():
        if (
            isinstance(tensor, Tensor)
            and name in new
            and (came := getattr(new[name], "dtype", None)) != tensor.dtype
        ):
            raise ValueError(f"{name} is {came} where {tensor.dtype} is wanted")


errors.name_all(globals(), helpers="checksum unique pack unpack write numbered newest same_dtypes")
