"""Whole objects in files of `torch.save`: modules, optimizers and whatever else Python pickles.

A pickle names the classes of the objects, and reading it runs their code: `load` does so where it
is told to trust the file, and otherwise knows the names in `SAFE`, and those that a program added.
The memory of the tensors is beside the pickle, in arrays. Tensors that share memory share it again.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import Counter, OrderedDict
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from minigrad import Tensor, device
from minigrad.convert import Size, _rebuild
from minigrad.graph import TensorBase

from ... import parameter
from . import dtypes

Objects = dict[str, Any]

# What may be named in a file that is not trusted: nothing of it runs code of the file.
SAFE_EVERYWHERE: Objects = {
    "builtins.bytearray": bytearray,
    "builtins.complex": complex,
    "builtins.set": set,
    "collections.Counter": Counter,
    "collections.OrderedDict": OrderedDict,
    "torch.nn.parameter.Parameter": parameter.Parameter,
}
SAFE: Objects = {
    **SAFE_EVERYWHERE,
    "builtins.frozenset": frozenset,
    "minigrad.array.device": device,
    "minigrad.convert.Size": Size,
    "minigrad.convert._rebuild": _rebuild,
    "nn.as_torch.own.dtypes.named": dtypes.named,
}


class Memory:
    """The array of a tensor, to be kept beside the pickle."""

    def __init__(self, array: np.ndarray[Any, Any]):
        self.array = array


class Pickler(pickle.Pickler):
    """Pickles with the memory of tensors left out, in `arrays`."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file, protocol=4)
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.owners: dict[int, tuple[int, Any]] = {}  # by id: the number, and what has that id

    def reducer_override(self, obj: Any) -> Any:
        """As `Tensor.__reduce__`, with `Memory` for the array; anything else as Python does."""
        if not isinstance(obj, TensorBase):
            return NotImplemented
        reduced: Any = obj.__reduce_ex__(4)  # a subclass may have its own
        make, arguments, *rest = reduced
        if make is not _rebuild or not is_storable(obj.array.dtype):
            return reduced
        kind, array, requires_grad = arguments
        return (make, (kind, Memory(array), requires_grad), *rest)

    def persistent_id(self, obj: Any) -> Any:
        """Where the array of a `Memory` is: the number of its owner, its offset, its shape and its
        strides, in elements.
        """
        if not isinstance(obj, Memory):
            return None
        array = obj.array
        owner = owner_of(array)
        if not is_one_block(owner) or owner.dtype != array.dtype:
            owner = array = np.ascontiguousarray(array)
        if id(owner) not in self.owners:
            self.owners[id(owner)] = (len(self.arrays), owner)
            self.arrays.append(owner.ravel(order="K"))
        number, _ = self.owners[id(owner)]
        offset = array.ctypes.data - owner.ctypes.data if array.size else 0
        strides = [step // array.itemsize for step in array.strides]
        return number, offset // array.itemsize, array.shape, tuple(strides)


def is_storable(dtype: np.dtype[Any]) -> bool:
    """Whether safetensors has this dtype."""
    return dtype.kind in "fiub" and dtype.itemsize <= 8


def owner_of(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array whose memory this one is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def is_one_block(array: np.ndarray[Any, Any]) -> bool:
    """Whether the memory of an array is its elements, without gaps, each once."""
    return bool(array.flags.c_contiguous or array.flags.f_contiguous)


def dump(obj: Any) -> Objects:
    """The pickle of an object, and the arrays beside it, for `io.save`.

    Raises what Python's pickle does, PicklingError, AttributeError or TypeError, where a part is of
    no class that could be found again, such as a lambda or an open file.
    """
    file = io.BytesIO()
    pickler = Pickler(file)
    try:
        pickler.dump(obj)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise type(error)(
            f"torch.save: a {type(obj).__name__} is saved with all that it holds, and a part of it "
            f"cannot be pickled: {error}; save its state_dict(), or define what it holds, "
            "functions too, at the top of a module"
        ) from error
    return {"pickle": np.frombuffer(file.getvalue(), np.uint8), "arrays": pickler.arrays}


class Unpickler(pickle._Unpickler):  # Python's own, of which BUILD can be changed
    """Reads what a `Pickler` wrote."""

    def __init__(self, content: bytes, name: str, arrays: list[Tensor], place: Any):
        super().__init__(io.BytesIO(content))
        self.name = name
        self.arrays = arrays
        self.place = place

    def persistent_load(self, pid: Any) -> Tensor:
        """A tensor over the memory that was left out, for `_rebuild`."""
        number, offset, shape, strides = pid
        t = part_of(self.arrays[number], offset, shape, strides)
        return t if self.place is None else t.to(self.place)

    def find_class(self, module: str, name: str) -> Any:
        """A class or function by its name. Raises AttributeError or ImportError for none."""
        try:
            return super().find_class(module, name)
        except (AttributeError, ImportError) as error:
            raise type(error)(
                f"torch.load: {self.name} needs {module}.{name}, which cannot be found: {error}; "
                "define or import it as the program did that saved the file"
            ) from error


def part_of(owner: Tensor, offset: int, shape: Any, strides: Any) -> Tensor:
    """A tensor over the memory of a vector, with an offset and strides in elements."""
    flat = owner.array
    size = flat.itemsize
    buffer = flat if flat.size else None
    steps = [step * size for step in strides]
    part = Tensor(np.ndarray(shape, flat.dtype, buffer, offset * size, steps))
    part.version = owner.version  # a change of the one is a change of the other
    return part


def is_not_known(file: str, module: str, name: str) -> Exception:
    """The error about a name in a file that is not trusted."""
    return pickle.UnpicklingError(
        f"torch.load: {file} holds whole objects: reading it would run code that it names, such as "
        f"{module}.{name}; if you trust it, pass weights_only=False, or say what may be run: "
        f"torch.serialization.add_safe_globals([{name}])"
    )


def check_is_object(file: str, target: Any) -> None:
    """Raise UnpicklingError for a class or a function, which would be changed."""
    if isinstance(target, type | FunctionType):
        raise pickle.UnpicklingError(f"torch.load: {file} would change a class")


class SafeUnpickler(Unpickler):
    """Reads the same of a file that is not trusted, with the names that are known to be safe."""

    def __init__(self, *arguments: Any, added: Objects):
        super().__init__(*arguments)
        self.known = {**SAFE, **added}

    def find_class(self, module: str, name: str) -> Any:
        """One of the objects that are known. Raises UnpicklingError for any other."""
        path = f"{module}.{name}"
        if path not in self.known:
            raise is_not_known(self.name, module, name)
        return self.known[path]

    def load_build(self) -> None:
        """Give an object its attributes. Raises UnpicklingError for a class or a function."""
        check_is_object(self.name, self.stack[-2])  # type: ignore[attr-defined]
        super().load_build()  # type: ignore[misc]

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: load_build,
    }


def load(saved: Objects, name: str, place: Any, added: Objects | None) -> Any:
    """The object that `dump` was given.

    name: of the file, for messages. place: the device of its tensors, None for the CPU. added:
    what a program says may be named beside `SAFE`; None if the file is trusted.
    """
    content = saved["pickle"].numpy().tobytes()
    arguments = (content, name, saved["arrays"], place)
    if added is None:
        return Unpickler(*arguments).load()
    return loaded_safely(SafeUnpickler(*arguments, added=added))


def loaded_safely(reader: Unpickler) -> Any:
    """The object of a file that is not trusted. Raises ValueError for one that is damaged."""
    try:
        return reader.load()
    except (pickle.UnpicklingError, NotImplementedError, zipfile.BadZipFile):
        raise
    except Exception as error:  # a pickle that `dump` did not write can bring about any
        raise ValueError(f"torch.load: {reader.name} could not be read: {error}") from error
