"""How a tensor becomes something else: another dtype or device, an array, a number, a copy."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import arguments, array, errors, ops
from minigrad.graph import TensorBase

PARTS_OF_A_TUPLE = (list, tuple, slice, type(...), type(None), np.ndarray, TensorBase)

EXACT = np.dtype(object)  # of exact numbers, see minigrad.prove
PLAIN_PARTS = {int, slice, type(None), type(...)}


class Size(tuple[int, ...]):
    """A shape; it prints as PyTorch's does."""

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return int(np.prod(self, dtype=int))


def is_plain_index(index: Any) -> bool:
    """Whether an index is made of numbers, slices, None and `...`: NumPy reads it as PyTorch does,
    and nothing in it can be written to later.
    """
    parts = index if isinstance(index, tuple) else (index,)
    return PLAIN_PARTS.issuperset(map(type, parts))


def copied_index(index: Any) -> Any:
    """An index with copies of its arrays.

    The gradient needs the index as it is now, whatever is written to those arrays later.
    """
    if isinstance(index, list) and any([isinstance(i, PARTS_OF_A_TUPLE) for i in index]):
        warnings.warn(
            "getitem: a list of lists is taken as a tuple of them, as in PyTorch: x[[[0, 1]]] is "
            "x[[0, 1]]; write a tuple, or make a tensor of the indices",
            stacklevel=3,
        )
        index = tuple(index)
    if isinstance(index, tuple):
        parts = [list(part) if isinstance(part, tuple) else part for part in index]
        return tuple([copied_part(part) for part in parts])
    return copied_part(index)


def copied_part(part: Any) -> Any:
    """One part of an index: a copy of its array, or the integer that it is."""
    raw = part.array if isinstance(part, TensorBase) else part
    if isinstance(raw, (np.ndarray, np.integer)) and is_one_integer(raw):
        return int(raw)  # so that it picks a view, as in PyTorch
    if isinstance(part, TensorBase):
        return as_mask(part.array.copy())
    if isinstance(part, (list, range, np.ndarray)):
        return index_array(part)
    return part


def index_array(index: Any) -> Any:
    """A list, a range or an array as the index array that it stands for; [] picks nothing."""
    try:
        values = np.array(index)
    except ValueError:
        raise IndexError(
            f"getitem: expected lists of equal length as an index, got {index}"
        ) from None
    if not values.size and not isinstance(index, np.ndarray):
        return values.astype(int)
    return as_mask(values)


def as_mask(values: Any) -> Any:
    """An index array; one of bytes is a mask, as in PyTorch."""
    if values.dtype.name != "uint8":
        return values
    warnings.warn(
        "getitem: an index of uint8 is taken as a mask, as in PyTorch; use .bool()", stacklevel=4
    )
    return values != 0


def has_arrays(index: Any) -> bool:
    """Whether there is an array with dimensions among the parts of a copied index."""
    parts = index if isinstance(index, tuple) else (index,)
    return any([getattr(part, "ndim", 0) > 0 for part in parts])


def without_empty_ellipsis(index: Any, ndim: int) -> Any:
    """A copied index without a `...` that stands for no dimension; NumPy would let it part arrays.

    Only where there are arrays: x[0, ...] is a view, and x[0] of a row none.
    """
    if not isinstance(index, tuple) or not has_arrays(index):
        return index
    if sum(map(errors.width_of, index)) < ndim:
        return index
    return tuple([part for part in index if part is not Ellipsis])


def is_one_integer(part: Any) -> bool:
    """Whether a part of a copied index is one integer: Python's, NumPy's, or a 0-d array."""
    if isinstance(part, (bool, np.bool_)):
        return False
    if isinstance(part, (int, np.integer)):
        return True
    return getattr(part, "ndim", 1) == 0 and part.dtype.kind in "iu"


def integers_first(index: Any) -> tuple[tuple[Any, ...], Any]:
    """The integers of a copied index, each at its place, and what is left to index with after them.

    PyTorch picks by integers before it picks by arrays. NumPy takes an integer for an array as
    well, and where a slice is between it and another, puts their dimension first: x[0, :, [1, 2]].
    """
    if not isinstance(index, tuple) or not has_arrays(index):
        return (), index
    integers: list[Any] = []
    others = []
    for part in index:
        if is_one_integer(part):
            integers.append(part)
            continue
        others.append(part)
        if part is Ellipsis:
            integers.append(part)
        else:
            integers += [slice(None)] * errors.width_of(part)
    if len(others) == len(index):
        return (), index
    return tuple(integers), tuple(others)


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
        later waits for the data by itself. Raises TypeError where a target is none of the three.
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
                wanted = "a dtype, a tensor or a device" if targets else "a dtype"
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
        """self on the CPU; itself where it is there."""
        arguments.refuse_keywords("cpu", memory_format=memory_format)
        return laid_out(self.converted("cpu", ("cpu",), None, None), memory_format)

    def cuda(self, device: Any = None, non_blocking: Any = False, memory_format: Any = None) -> Any:
        """self on a GPU; itself where it is there. non_blocking has no effect."""
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
        """Refused: there is no float16 here. Raises NotImplementedError."""
        raise NotImplementedError("half: float16 is not supported; use .float()")

    def element_size(self) -> Any:
        """The number of bytes of one element."""
        return self.dtype.itemsize

    def is_floating_point(self) -> Any:
        """Whether the elements are floats."""
        return self.dtype.kind == "f"

    # Others like it

    def beside(self, values: Any) -> Any:
        """A host array as a tensor on this one's device, in its own dtype."""
        return TensorBase.tensor_class(array.to_device(np.asarray(values), self.device))

    @errors.speaks_for_itself
    def new(self, *data: Any) -> Any:
        """A tensor of this one's dtype, on its device: of some sizes, or of a list or an array.

        `x.new(2, 3)` is (2, 3), and 0 where PyTorch leaves the numbers open; `x.new([2, 3])` is
        (2,) with these numbers.
        """
        if len(data) == 1 and isinstance(data[0], Size):
            data = tuple(data[0])
        if all([isinstance(n, (int_, np.integer)) for n in data]):
            return self.new_full(data or (0,), 0)
        if len(data) != 1:
            raise TypeError(f"new: expected sizes, or one list or array, got {data}")
        return self.new_tensor(data[0])

    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
        **keywords: Any,
    ) -> Any:
        """`fill_value` everywhere, by default in this one's dtype and on its device."""
        arguments.refuse_keywords("new_full", **keywords)
        sizes = arguments.as_sizes("new_full", (size,))
        if any([n < 0 for n in sizes]):
            raise ValueError(f"new_full: expected sizes of 0 or more, got {sizes}")
        wanted = self.dtype if dtype is None else arguments.as_dtype("new_full", dtype)
        as_value = arguments.as_number if wanted.kind == "c" else arguments.as_real
        number = as_value("new_full", "fill_value", fill_value)
        target = self.device if device is None else errors.as_device("new_full", device)
        t = TensorBase.tensor_class(array.to_device(np.full(sizes, number, wanted), target))
        return wanting_grad("new_full", t, requires_grad)

    @errors.speaks_for_itself
    def new_zeros(self, *size: Any, **settings: Any) -> Any:
        """0 everywhere: `x.new_zeros(2, 3)`; dtype and device are this one's by default."""
        sizes = arguments.given_size("new_zeros", size, settings)
        return self.new_full(arguments.as_sizes("new_zeros", sizes), 0, **settings)

    @errors.speaks_for_itself
    def new_ones(self, *size: Any, **settings: Any) -> Any:
        """1 everywhere: `x.new_ones(2, 3)`; dtype and device are this one's by default."""
        sizes = arguments.given_size("new_ones", size, settings)
        return self.new_full(arguments.as_sizes("new_ones", sizes), 1, **settings)

    @errors.speaks_for_itself
    def new_empty(self, *size: Any, **settings: Any) -> Any:
        """0 everywhere, where PyTorch leaves the numbers open."""
        sizes = arguments.given_size("new_empty", size, settings)
        return self.new_full(arguments.as_sizes("new_empty", sizes), 0, **settings)

    def new_tensor(
        self,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
        **keywords: Any,
    ) -> Any:
        """A copy of `data` as a tensor of this one's dtype, on its device."""
        arguments.refuse_keywords("new_tensor", **keywords)
        values = data.array if isinstance(data, TensorBase) else data
        array.refuse_masked("new_tensor", values)
        wanted = self.dtype if dtype is None else arguments.as_dtype("new_tensor", dtype)
        try:
            values = np.array(array.to_numpy(values) if hasattr(values, "dtype") else values)
            has_none = values.dtype.kind == "O" and None in values.ravel().tolist()
            if has_none or values.dtype.kind not in "fibucO":
                raise TypeError  # NumPy would read words as numbers, and None as NaN
            is_cut = values.dtype.kind == "c" and wanted.kind != "c"
            values = values if is_cut else values.astype(wanted)
        except (ValueError, TypeError):
            got = "None" if data is None else f"a {type(data).__name__} of others"
            raise TypeError(f"new_tensor: expected numbers, got {got}") from None
        if is_cut:
            raise TypeError(f"new_tensor: expected real numbers for {wanted}, got complex ones")
        target = self.device if device is None else errors.as_device("new_tensor", device)
        t = TensorBase.tensor_class(array.to_device(values, target))
        return wanting_grad("new_tensor", t, requires_grad)

    def numpy(self, *, force: Any = False) -> np.ndarray[Any, Any]:
        """The array itself, sharing its memory; for a CPU tensor that requires no gradient.

        force: any other, too, without its gradient and from its device.
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
        return self.item() * 1.0

    def __int__(self) -> Any:
        if self.array.size != 1:
            return self.item()  # which refuses
        if not np.isfinite(array.to_numpy(self.array)).all():
            raise ValueError(f"int: expected a finite number, got {self.item()}")
        return array.to_numpy(self.array).astype(np.int64).item()

    def __index__(self) -> Any:
        if self.dtype.kind not in "ib" or self.array.size != 1:
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
        if self.node is not None and self.requires_grad:
            parts.append(f"grad_fn=<{self.node.op.__name__}>")
        elif self.requires_grad:
            parts.append("requires_grad=True")
        return f"tensor({', '.join(parts)})"

    def __format__(self, spec: str) -> str:
        is_plain = type_(self) is TensorBase.tensor_class  # a Parameter prints as a whole
        is_number = not self.shape and (spec or is_plain)
        return format(self.item() if is_number else str(self), spec)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        if self.node is not None:
            raise RuntimeError(
                "deepcopy: this tensor has a graph behind it; copy .detach() of it, or a leaf"
            )
        t = memo[id(self)] = type_(self).__new__(type_(self))
        t.__dict__.update(self.__dict__, array=self.array.copy(), version=[0, None], leaf_grad=None)
        t.__dict__.pop("leaf_hooks", None)
        if self.copies_grad:
            t.grad = copy.deepcopy(self.grad, memo)
        return t

    def __copy__(self) -> Any:
        """Another name for the same memory: a change of one is a change of both."""
        t = type_(self).__new__(type_(self))
        t.__dict__.update(self.__dict__)
        return t

    def __reduce__(self) -> Any:
        if self.node is not None:
            raise RuntimeError(
                "pickle: this tensor has a graph behind it; pickle .detach() of it, or a state_dict"
            )
        return _rebuild, (type_(self), array.to_numpy(self.array), self.requires_grad)


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


def is_device(target: Any) -> bool:
    """Whether `target` is a device or the name of one."""
    if isinstance(target, array.device):
        return True
    return isinstance(target, str) and target.partition(":")[0] in array.DEVICES


def _rebuild(kind: Any, data: Any, requires_grad: bool) -> Any:
    """The tensor that was pickled."""
    t = kind.__new__(kind)
    TensorBase.__init__(t, data)
    t.requires_grad = requires_grad
    return t
