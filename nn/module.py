"""Module: a tree of parameters with a forward method.

First what a module is: its attributes are the tree, and a walk through the tree finds the
parameters. After that what PyTorch's modules offer besides: registering by name, modes and moving.
Hooks are in `nn.hooks`, saving is in `nn.state`, printing in `nn.printing`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from minigrad import Tensor, zeros
from minigrad.errors import as_device, shown
from minigrad.grad_mode import mode
from minigrad.hooks import RemovableHandle

from . import printing, state
from .arguments import check_flags, check_function
from .hooks import ModuleHooks, refuse_always_call
from .members import Buffers, Members, check_name, check_prefix, check_registration
from .parameter import Parameter
from .settings import check_setting
from .state import IncompatibleKeys, join_names


class Module:
    """A tree: its attributes that are Parameters and Modules are its parameters and children.

    A subclass makes them in `__init__` and computes with them in `forward`; calling the module
    calls `forward`.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter(2.0)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> from minigrad import tensor
    >>> Scale()(tensor(3.0)).item(), [name for name, _ in Scale().named_parameters()]
    (6.0, ['factor'])
    """

    training: bool = True
    _buffer_names: Mapping[str, bool] = {}  # of each buffer: whether state_dict holds it
    _hooks: ModuleHooks | None = None  # made with the first hook
    _fixed: ClassVar[frozenset[str]] = frozenset()  # settings that do not change once it is built

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        compute = self.forward if self._hooks is None else self._hooks.call
        observer = mode.observer
        if observer is None:
            return compute(*args, **kwargs)
        with observer.module_scope(self):
            output = compute(*args, **kwargs)
            observer.on_module(self, output)
            return output

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; a subclass defines it."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward method: define `def forward(self, ...)`"
        )

    # The attributes are the tree

    @property
    def _parameters(self) -> Members:
        members = vars(self).items()
        return Members(self, {n: value for n, value in members if isinstance(value, Parameter)})

    @property
    def _modules(self) -> Members:
        members = vars(self).items()
        return Members(self, {n: value for n, value in members if isinstance(value, Module)})

    @property
    def _buffers(self) -> Buffers:
        values = {name: vars(self).get(name) for name in self._buffer_names}
        found = {
            name: value
            for name, value in values.items()
            if isinstance(value, Tensor) and not isinstance(value, Parameter)
        }
        return Buffers(self, found)

    # Walking the tree: a name is the path of attributes, joined by dots

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Every module of the tree with its path, this one first; a shared one once, by default."""
        name = f"{type(self).__name__}.named_modules"
        check_flags(name, remove_duplicate=remove_duplicate)
        check_prefix(name, prefix)
        if memo is not None and not isinstance(memo, set):
            raise TypeError(f"{name}: expected a set of modules as memo, got {shown(memo)}")
        return self._walk(set() if memo is None else memo, prefix, remove_duplicate)

    def _walk(
        self, seen: set[Module], prefix: str, remove_duplicate: bool
    ) -> Iterator[tuple[str, Module]]:
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            yield from child.named_modules(seen, join_names(prefix, name), remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        check_flags(f"{type(self).__name__}.modules", remove_duplicate=remove_duplicate)
        named = self.named_modules(remove_duplicate=remove_duplicate)
        return (module for _, module in named)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter of the tree with its path; with recurse=False, of this module alone."""
        return self._named_members(
            "named_parameters", "_parameters", prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        check_flags(f"{type(self).__name__}.parameters", recurse=recurse)
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Every buffer of the tree with its path; with recurse=False, of this module alone."""
        return self._named_members("named_buffers", "_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        check_flags(f"{type(self).__name__}.buffers", recurse=recurse)
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_members(
        self, method: str, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        name = f"{type(self).__name__}.{method}"
        check_flags(name, recurse=recurse, remove_duplicate=remove_duplicate)
        check_prefix(name, prefix)
        return self._members_of_kind(kind, prefix, recurse, remove_duplicate)

    def _members_of_kind(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        modules: Iterable[tuple[str, Module]] = [(prefix, self)]
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        seen = set()
        for path, module in modules:
            for name, tensor in getattr(module, kind).items():
                if remove_duplicate and id(tensor) in seen:
                    continue
                seen.add(id(tensor))
                yield join_names(path, name), tensor

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one, a shared one once."""
        seen = set()
        for name, child in self._modules.items():
            if child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    # Assigning and registering

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign. Raises if that would silently take a parameter, a child or a buffer out of the
        tree, or give a setting of a layer a value that it cannot have.
        """
        if isinstance(value, Parameter | Module):
            check_name(type(self).__name__, name)
        if isinstance(value, Module):
            check_no_cycle(self, name, value)
        check_kind_is_kept(self, name, value)
        check_setting(self, name, value)
        if isinstance(value, Module) and isinstance(vars(self).get(name), Tensor):
            del vars(self)[name]  # it becomes the last child
        super().__setattr__(name, value)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Assign a parameter, or None, under a name that is still free.

        Raises KeyError if the name has a dot, is empty or is taken, TypeError if it is not a
        Parameter.
        """
        check_registration("register_parameter", self, name, param, Parameter)
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Let `tensor` move and (if `persistent`) be saved with the module, without being learned.

        Raises KeyError if the name has a dot, is empty or is taken, TypeError if it is not a
        Tensor.
        """
        check_registration("register_buffer", self, name, tensor, Tensor)
        check_flags(f"{type(self).__name__}.register_buffer", persistent=persistent)
        setattr(self, name, tensor)
        self._buffer_names = {**self._buffer_names, name: persistent}

    def add_module(self, name: str, module: Module | None) -> None:
        """Assign a child, or None, under a name that is still free.

        Raises KeyError if the name has a dot, is empty or is taken, TypeError if it is not a
        Module.
        """
        check_registration("add_module", self, name, module, Module)
        setattr(self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """PyTorch's other name of `add_module`."""
        check_registration("register_module", self, name, module, Module)
        setattr(self, name, module)

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path, "" for this one. Raises AttributeError if none is."""
        return self._at_path("get_submodule", target, Module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path. Raises AttributeError if none is."""
        return self._at_path("get_parameter", target, Parameter)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path. Raises AttributeError if none is."""
        return self._at_path("get_buffer", target, Tensor)

    def _at_path(self, name: str, target: Any, kind: type) -> Any:
        found: Any = self
        if not isinstance(target, str):
            owner = type(self).__name__
            got = shown(target)
            raise TypeError(f"{owner}.{name}: expected a path that is a str, got {got}")
        for part in target.split(".") if target else []:
            found = getattr(found, part, None)
        if not isinstance(found, kind):
            raise AttributeError(
                f"{type(self).__name__}.{name}: expected the path of a {kind.__name__}, "
                f"got {target!r}"
            )
        return found

    # Hooks: see nn.hooks

    def _module_hooks(self) -> ModuleHooks:
        if self._hooks is None:
            self._hooks = ModuleHooks(self)
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args) before forward; what it returns, if not None, are new args.

        prepend: before the other hooks. with_kwargs: hook(module, args, kwargs), which returns both
        or None.
        """
        name = f"{type(self).__name__}.register_forward_pre_hook"
        check_function(name, "hook", hook)
        check_flags(name, prepend=prepend, with_kwargs=with_kwargs)
        return self._module_hooks().register("before", hook, prepend, with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call hook(module, args, output) after forward; what it returns, if not None, replaces it.

        prepend: before the other hooks. with_kwargs: hook(module, args, kwargs, output). Raises
        NotImplementedError for always_call=True.
        """
        name = f"{type(self).__name__}.register_forward_hook"
        check_function(name, "hook", hook)
        check_flags(name, prepend=prepend, with_kwargs=with_kwargs, always_call=always_call)
        refuse_always_call(name, always_call)
        return self._module_hooks().register("after", hook, prepend, with_kwargs)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(module, grad_input, grad_output) when the gradients of the inputs are known.

        Both are tuples, None for what is not a tensor or has no gradient. What the hook returns, if
        not None, takes the place of grad_input.
        """
        name = f"{type(self).__name__}.register_full_backward_hook"
        check_function(name, "hook", hook)
        check_flags(name, prepend=prepend)
        return self._module_hooks().register("backward", hook, prepend)

    # Modes

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module of the tree, children before parents."""
        check_function(f"{type(self).__name__}.apply", "fn", fn)
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and its like on, or with mode=False off, in the whole tree."""
        if not isinstance(mode, bool):
            raise ValueError(
                f"{type(self).__name__}.train: expected True or False, got {shown(mode)}"
            )
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        check_flags(f"{type(self).__name__}.zero_grad", set_to_none=set_to_none)
        zero_gradients(self.parameters(), set_to_none)

    # Moving

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or cast in place: `to("cuda")`, `to(minigrad.float64)`, `to(device, dtype)`.

        Parameters and buffers stay the same objects, so an optimizer keeps its hold on them.
        Integer buffers keep their dtype. Raises TypeError for a dtype of integers.
        """
        dtype = zeros(()).to(*args, **kwargs).dtype
        if dtype.kind not in "fc":
            raise TypeError(
                f"{type(self).__name__}.to: expected a dtype of floats, got {dtype}; "
                "cast a single tensor with its own .to(...)"
            )
        for tensor in [*self.parameters(), *self.buffers()]:
            move_in_place(tensor, *args, **kwargs)
            if tensor.grad is not None:
                move_in_place(tensor.grad, *args, **kwargs)
        return self

    def float(self) -> Self:
        return self.to(np.dtype("float32"))

    def double(self) -> Self:
        return self.to(np.dtype("float64"))

    def cpu(self) -> Self:
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        return self.to("cuda" if device is None else as_device("cuda", device))

    # Saving

    def state_dict(
        self,
        *,
        destination: dict[str, Tensor] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Tensor]:
        """Every parameter and persistent buffer by its path, in `destination` or a new OrderedDict.

        The tensors share the module's memory; with keep_vars=True they are the parameters
        themselves.
        """
        found = OrderedDict() if destination is None else destination
        state.collect(self, found, prefix, keep_vars)
        return found

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values in by name: tensors of minigrad or PyTorch, or arrays.

        Raises RuntimeError, and changes nothing, if a shape differs, a dtype cannot be cast (floats
        to integers), or (if `strict`) keys are missing or unexpected. Returns both lists of keys.
        """
        return state.load(self, state_dict, strict, assign)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the attributes of a pickled module; a subclass may add to them, as in PyTorch."""
        vars(self).update(state)

    # Printing

    def extra_repr(self) -> str:
        """The text between the parentheses of the module's own line in its repr."""
        return ""

    def __repr__(self) -> str:
        return printing.as_text(self, printing.child_lines(self))

    def _repr_html_(self) -> str:
        return printing.as_html(self)


def check_kind_is_kept(module: Module, name: str, value: Any) -> None:
    """Raise if a Parameter, a Module or a buffer would be replaced by something that is none."""
    if value is None:
        return
    existing = vars(module).get(name)
    got = f"got a {type(value).__name__}"
    if isinstance(existing, Parameter) and not isinstance(value, Parameter):
        raise TypeError(
            f"{type(module).__name__}.{name}: expected a Parameter or None, {got}; assign "
            f"nn.Parameter(...), or {name}.copy_(...) under minigrad.no_grad()"
        )
    if isinstance(existing, Module) and not isinstance(value, Module | Parameter):
        raise TypeError(
            f"{type(module).__name__}.{name}: expected a Module or None, {got}; "
            "delete the attribute first"
        )
    if name in module._buffer_names and not isinstance(value, Tensor | Module):
        raise TypeError(
            f"{type(module).__name__}.{name}: expected a Tensor or None for a buffer, {got}; "
            "make one with minigrad.tensor(...)"
        )


def check_no_cycle(module: Module, name: str, child: Module) -> None:
    """Raise if `child` contains `module` itself: no walk through the tree would end."""
    if module in child.modules():
        raise ValueError(
            f"{type(module).__name__}.{name}: expected a child, got a {type(child).__name__} that "
            "contains this module; keep a parent in a list, [parent], which is no part of the tree"
        )


def move_in_place(tensor: Tensor, *args: Any, **kwargs: Any) -> None:
    """`tensor.to(...)` in the same object; one of integers changes only its device."""
    moved = tensor.detach().to(*args, **kwargs)
    if tensor.dtype.kind not in "fc":
        moved = tensor.detach().to(moved.device)
    if moved.array is not tensor.array:
        tensor.array = moved.array
        tensor.mark_changed()


def zero_gradients(params: Iterable[Tensor], set_to_none: bool) -> None:
    """Set each gradient to None, or to zeros."""
    for p in params:
        if p.grad is not None:
            p.grad = None if set_to_none else p.grad.zero_()
