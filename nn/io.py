"""Files: tensors, and whole checkpoints, as safetensors, which PyTorch and others read."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from minigrad import Tensor, from_numpy

from .module import as_array, dotted


def save(obj: Any, path: str | PathLike[str]) -> None:
    """Write a state_dict, or any nesting of dicts, lists and tuples with tensors, arrays, numbers and strings.

    Each tensor gets as its key the way to it, joined by dots: a state_dict keeps its own keys, and
    `save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, path)` is a checkpoint.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> save({"weights": [np.ones(2)], "epoch": 3}, path)
    >>> load(path)["weights"][0].tolist(), load(path)["epoch"]
    ([1.0, 1.0], 3)
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    skeleton = json.dumps(pack(obj, "", arrays))
    save_file(arrays, path, metadata={"minigrad": skeleton})


def load(path: str | PathLike[str]) -> Any:
    """What `save` wrote, tensors on the CPU; a file of another origin as a dict of tensors."""
    with safe_open(path, framework="numpy") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys()}
        skeleton = (file.metadata() or {}).get("minigrad")
    return unpack(json.loads(skeleton), arrays) if skeleton else {key: from_numpy(a) for key, a in arrays.items()}


def pack(obj: Any, path: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """`obj` in words that JSON has, [kind, content] for what it lacks; its arrays go into `arrays`."""
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, dict):
        return ["dict", [[pack(k, path, arrays), pack(v, dotted(path, str(k)), arrays)] for k, v in obj.items()]]
    if isinstance(obj, list | tuple):
        return [type(obj).__name__, [pack(v, dotted(path, str(i)), arrays) for i, v in enumerate(obj)]]
    if isinstance(obj, Tensor | np.ndarray | np.generic):
        if path in arrays:
            raise ValueError(f"save: two tensors would have the key {path!r}; rename one")
        arrays[path] = np.asarray(as_array(obj), order="C")
        return ["tensor", path]
    raise TypeError(f"save: {path or 'the object'} is a {type(obj).__name__}; it can save dicts, lists, tuples, "
                    "tensors, arrays, numbers and strings")  # fmt: skip


def unpack(node: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if not isinstance(node, list):
        return node
    kind, content = node
    if kind == "tensor":
        return from_numpy(arrays[content])
    if kind == "dict":
        return {unpack(k, arrays): unpack(v, arrays) for k, v in content}
    items = [unpack(item, arrays) for item in content]
    return items if kind == "list" else tuple(items)
