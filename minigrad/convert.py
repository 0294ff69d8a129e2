"""How a tensor becomes something else: another dtype or device, an array, a number, a copy."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import arguments, array, errors, graph, ops
from minigrad.graph import TensorBase, tensor_of

EXACT = np.dtype(object)  # of exact numbers, see minigrad.prove
OF_THE_ENGINE = {"array", "version", *TensorBase.__annotations__}  # attributes of a tensor


item_of: Any = tuple.__getitem__  # looked up once, for shapes are read often


class Size(tuple[int, ...]):
    """A shape, printed as PyTorch's is; its slices, sums and multiples are shapes, too."""

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        found = item_of(self, index)
        return Size(found) if type(index) is slice else found

    def __add__(self, others: Any) -> Size:
        return Size(tuple.__add__(self, others))

    def __radd__(self, others: Any) -> Size:
        return Size(others + tuple(self))

    def __mul__(self, times: Any) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return int(np.prod(self, dtype=int))


def laid_out(x: Any, memory_format: Any) -> Any:
    """x as it is, or with its memory in the order of its elements."""
    return x.contiguous() if memory_format is array.contiguous_format else x


def to_dtype(word: str, dtype: Any) -> Any:
    """The method `word`: self in this dtype."""

    def method(self: Any, memory_format: Any = None) -> Any:
        arguments.refuse_keywords(word, memory_format=memory_format)
        return laid_out(self.converted(word, (), dtype, None), memory_format)

    method.__name__ = method.__qualname__ = word
    method.__doc__ = f"self as {dtype}; itself where it is."
    return method


class Conversions(TensorBase):
    """The part of Tensor that turns it into other forms."""

    # A function that gives what Jupyter shows of a tensor, as HTML, or None for its text.
    # minigrad.inspect offers one.
    html_page: Callable[[Any], str | None] | None = None
    copies_grad = True  # whether deepcopy takes .grad along; not that of a Parameter, as in PyTorch

    def _repr_html_(self) -> str | None:
        html_page = Conversions.html_page
        return None if html_page is None else html_page(self)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers, NumPy's."""
        return self.array.dtype

    @property
    def device(self) -> array.device:
        """Where the numbers are."""
        return array.device_of(self.array)

    @property
    def is_cuda(self) -> Any:
        """Whether the numbers are on a GPU."""
        return self.device.type == "cuda"

    def to(
        self,
        *target: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: Any = False,
        copy: Any = False,
        memory_format: Any = None,
        other: Any = None,
    ) -> Any:
        """self in another dtype, on another device, or as another tensor is.

        Itself where nothing changes, except with copy=True. non_blocking has no effect: what comes
        later waits for the data by itself. Raises TypeError if a target is none of the three.
        """
        arguments.refuse_keywords("to", memory_format=memory_format)
        switches = [t for t in target[1:] if isinstance(t, bool_)]  # non_blocking, copy
        places = [*target[:1], *[t for t in target[1:] if not isinstance(t, bool_)]]
        errors.check_flag("to", "non_blocking", non_blocking)
        errors.check_flag("to", "copy", copy)
        if places and dtype is not None and not is_device(places[0]):
            raise TypeError(
                f"to: expected a dtype once, got {places[0]!r:.60} and dtype={dtype!r:.60}"
            )
        x = self.converted("to", places if other is None else [*places, other], dtype, device)
        is_wanted = switches[1] if len(switches) > 1 else copy
        return laid_out(ops.clone(x) if is_wanted and x is self else x, memory_format)

    def converted(self, name: str, targets: Any, dtype: Any, device: Any) -> Any:
        """self as the targets say, for the method `name`; itself where nothing changes."""
        for t in targets:
            if isinstance(t, TensorBase):
                dtype = t.array.dtype
                device = array.device_of(t.array)
            elif is_device(t):
                device = t
            else:
                dtype = t
        x: Any = self
        if dtype is not None:
            if dtype is not EXACT:
                wanted = "a dtype, a tensor or a device ('cpu', 'cuda')" if targets else "a dtype"
                dtype = arguments.as_dtype(name, dtype, wanted)
            x = self if self.dtype == dtype else ops.astype(self, dtype=dtype)
        if device is None:
            return x
        device = errors.as_device(name, device)
        return x if x.device.type == device.type else ops.move(x, device=str(device))

    def type(self, dtype: Any = None, non_blocking: Any = False) -> Any:
        """self in another dtype, also by one of PyTorch's names of classes: "torch.LongTensor".

        Without one, the name of the class that self would be of in PyTorch.
        """
        errors.check_flag("type", "non_blocking", non_blocking)
        if dtype is None:
            module = "torch.cuda" if self.device.type == "cuda" else "torch"
            return f"{module}.{CLASSES.get(self.dtype.name, self.dtype.name)}"
        if isinstance(dtype, str) and dtype.endswith("Tensor"):
            *place, name = dtype.split(".")
            known = {word: dtype_name for dtype_name, word in CLASSES.items()}
            if name not in known:
                raise NotImplementedError(f"type: {dtype} is not supported; use {list(known)}")
            return self.to(known[name], "cuda" if "cuda" in place else self.device)
        if not isinstance(dtype, (TensorBase, np.ndarray)):
            dtype = getattr(dtype, "dtype", dtype)
        return self.converted("type", (), dtype, None)

    def type_as(self, other: Any) -> Any:
        """self in the dtype and on the device of another tensor."""
        if not isinstance(other, TensorBase):
            raise TypeError(f"type_as: expected a tensor, got a {type_(other).__name__}")
        return self.to(other)

    def cpu(self, memory_format: Any = None) -> Any:
        """self on the CPU; no copy if it is there already."""
        arguments.refuse_keywords("cpu", memory_format=memory_format)
        return laid_out(self.converted("cpu", ("cpu",), None, None), memory_format)

    def cuda(self, device: Any = None, non_blocking: Any = False, memory_format: Any = None) -> Any:
        """self on a GPU; no copy if it is there already. non_blocking has no effect."""
        errors.check_flag("cuda", "non_blocking", non_blocking)
        arguments.refuse_keywords("cuda", memory_format=memory_format)
        moved = self.converted("cuda", (), None, "cuda" if device is None else device)
        return laid_out(moved, memory_format)

    float = to_dtype("float", array.float32)
    double = to_dtype("double", array.float64)
    long = to_dtype("long", array.int64)
    int = to_dtype("int", array.int32)
    bool = to_dtype("bool", array.bool_)
    byte = to_dtype("byte", array.uint8)

    def half(self, memory_format: Any = None) -> Any:
        """Not supported: minigrad has no float16. Raises NotImplementedError."""
        raise NotImplementedError("half: float16 is not supported; use .float()")

    def element_size(self) -> Any:
        """The number of bytes of one element."""
        return self.dtype.itemsize

    def is_floating_point(self) -> Any:
        """Whether the elements are floats."""
        return self.dtype.kind == "f"

    # Numbers and arrays

    def beside(self, values: Any) -> Any:
        """A host array as a tensor on this one's device, in its own dtype."""
        return tensor_of(array.to_device(np.asarray(values), self.device))

    def numpy(self, *, force: Any = False) -> np.ndarray[Any, Any]:
        """The NumPy array of a CPU tensor that requires no gradient, without a copy.

        force: of any other tensor, too, detached and on the CPU.
        """
        errors.check_flag("numpy", "force", force)
        if force:
            return array.to_numpy(self.array)
        if self.requires_grad:
            raise RuntimeError(
                "numpy: this tensor requires a gradient, which NumPy cannot carry; "
                "call .detach().numpy()"
            )
        if self.device.type != "cpu":
            raise TypeError(f"numpy: this tensor is on {self.device}; call .cpu().numpy()")
        return self.array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise RuntimeError(
                "__dlpack__: this tensor requires a gradient, which would be lost; "
                "hand over .detach()"
            )
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def item(self) -> Any:
        """The one number that this tensor holds, as Python's own."""
        if self.array.size != 1:
            raise ValueError(
                f"item: a tensor of shape {tuple(self.shape)} is not one number; "
                "index it, or use .tolist()"
            )
        return array.to_numpy(self.array).item()

    def tolist(self) -> Any:
        """The numbers as nested lists; of a 0-d tensor the number."""
        return array.to_numpy(self.array).tolist()

    def __bool__(self) -> Any:
        if self.array.size != 1:
            raise ValueError(
                f"bool: a tensor of shape {tuple(self.shape)} is neither true nor false; "
                "say .any() or .all()"
            )
        return array.to_numpy(self.array).item() != 0

    def __float__(self) -> Any:
        return real_number("float", self.item()) * 1.0

    def __complex__(self) -> Any:
        return complex(self.item())

    def __int__(self) -> Any:
        number = real_number("int", self.item())
        if not math.isfinite(number):
            raise ValueError(f"int: expected a finite number, got {number}")
        return int_(number)

    def __index__(self) -> Any:
        if self.dtype.kind not in "iub" or self.array.size != 1:
            raise TypeError(
                "index: only one integer can be an index, "
                f"and this is {self.dtype}{tuple(self.shape)}"
            )
        return int_(self.item())

    def __repr__(self) -> str:
        text = np.array2string(array.to_numpy(self.array), separator=", ", prefix="tensor(")
        parts = [text]
        if self.dtype not in (array.get_default_dtype(), array.int64, array.bool_):
            parts.append(f"dtype={self.dtype}")
        if self.device.type != "cpu":
            parts.append(f"device='{self.device}'")
        if self.requires_grad and self.node is not None:
            parts.append(f"grad_fn=<{self.node.op.__name__}>")
        elif self.requires_grad:
            parts.append("requires_grad=True")
        return f"tensor({', '.join(parts)})"

    def __format__(self, spec: str) -> str:
        is_plain = type_(self) is graph.tensor_class  # a Parameter prints as a whole
        is_number = not self.shape and (spec or is_plain)
        return format(self.item() if is_number else str(self), spec)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        """A leaf with memory of its own, also of a view, and the attributes that a user gave it."""
        if self.requires_grad and self.node is not None:
            raise RuntimeError(
                "deepcopy: this tensor has a graph behind it; copy .detach() of it, or a leaf"
            )
        t = memo[id(self)] = type_(self).__new__(type_(self))
        vars(t).update(copy.deepcopy(attributes_of_users(self), memo))
        TensorBase.__init__(t, self.array.copy())
        t.wants_grad = self.wants_grad
        if self.copies_grad:
            t.grad = copy.deepcopy(self.grad, memo)
        return t

    def __copy__(self) -> Any:
        """Another tensor over the same memory: a change of one is a change of both."""
        t = type_(self).__new__(type_(self))
        t.__dict__.update(self.__dict__, base=self.root())
        return t

    def __reduce__(self) -> Any:
        """A leaf with the attributes that a user gave it, without .grad, as in PyTorch."""
        kind = None if type_(self) is graph.tensor_class else type_(self)
        users = attributes_of_users(self)
        return _rebuild, (kind, array.to_numpy(self.array), self.requires_grad), users or None


def attributes_of_users(t: TensorBase) -> dict[str, Any]:
    """The attributes of a tensor that are not the engine's."""
    return {key: value for key, value in vars(t).items() if key not in OF_THE_ENGINE}


CLASSES = {  # PyTorch's names of the classes of tensors
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "int64": "LongTensor",
    "int32": "IntTensor",
    "uint8": "ByteTensor",
    "bool": "BoolTensor",
}
bool_, int_, type_ = bool, int, type  # the class above has methods of these names


def wanting_grad(name: str, t: Any, requires_grad: Any) -> Any:
    """A new tensor, with a gradient to be asked for where `requires_grad` says so; None: it does
    not. Raises TypeError for another value than a bool.
    """
    if requires_grad is None or requires_grad is False:
        return t
    errors.check_flag(name, "requires_grad", requires_grad)
    return t.requires_grad_()


def real_number(name: str, number: Any) -> Any:
    """`number`, for the function `name`. Raises TypeError if it is complex."""
    if isinstance(number, complex):
        raise TypeError(f"{name}: expected a real number, got {number}; use complex(...)")
    return number


def is_device(target: Any) -> bool:
    """Whether `target` is a device, the name of one or the number of a GPU."""
    if isinstance(target, array.device) or type(target) is int:
        return True
    return isinstance(target, str) and target.partition(":")[0] in array.DEVICES


def _rebuild(kind: Any, data: Any, requires_grad: bool) -> Any:
    """The tensor that was pickled; no kind is the class Tensor. data: its array, or a tensor whose
    memory it is to have.

    Raises TypeError where `nn.as_torch` named its class and PyTorch has that name now.
    """
    kind = graph.tensor_class if kind is None else kind
    if not issubclass(kind, TensorBase):
        raise TypeError(
            "pickle: expected a class of minigrad's, got one of PyTorch's; "
            "write `import nn.as_torch` before a tensor is loaded that was pickled under it"
        )
    t = kind.__new__(kind)
    if isinstance(data, TensorBase):
        t.array, t.version = data.array, data.version
    else:
        TensorBase.__init__(t, data)
    t.requires_grad = requires_grad
    return t
