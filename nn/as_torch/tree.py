"""PyTorch's tree of modules: which names each has, and how `import torch` comes to find them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import minigrad
import nn
from minigrad import hooks
from nn.optim import lr_scheduler

from .own import (
    accelerator,
    amp,
    autograd,
    backends,
    bag,
    benchmark,
    constraints,
    cuda,
    cuda_amp,
    data,
    distributed,
    distributions,
    dtypes,
    func,
    function,
    graph,
    inverses,
    lazy,
    legacy,
    linalg,
    multivariate,
    old,
    out,
    parallel,
    printing,
    random,
    serialization,
    tensor,
    tensorboard,
    transforms,
    words,
)
from .own.methods import MODULE_METHODS, OPTIMIZER_METHODS, TENSOR_METHODS

# The modules of PyTorch's, and the modules here whose public names each has: the first one counts.
# Those without any can be imported, as programs do that use them in one mode alone.
TREE: dict[str, list[ModuleType]] = {
    "torch": [words, dtypes, out, tensor, legacy, serialization, amp, old.matrices, minigrad],
    "torch.accelerator": [accelerator],
    "torch.amp": [amp],
    "torch.autograd": [autograd],
    "torch.autograd.function": [function],
    "torch.autograd.variable": [autograd],
    "torch.backends": [],
    "torch.backends.cuda": [backends.cuda],
    "torch.backends.cudnn": [backends.cudnn],
    "torch.backends.mps": [backends.mps],
    "torch.cuda": [cuda],
    "torch.cuda.amp": [cuda_amp],
    "torch.distributed": [distributed],
    "torch.distributions": [distributions, multivariate, transforms],
    "torch.distributions.bernoulli": [distributions],
    "torch.distributions.categorical": [distributions],
    "torch.distributions.constraints": [constraints],
    "torch.distributions.distribution": [distributions],
    "torch.distributions.independent": [distributions],
    "torch.distributions.kl": [distributions],
    "torch.distributions.multivariate_normal": [multivariate],
    "torch.distributions.normal": [distributions],
    "torch.distributions.transformed_distribution": [transforms],
    "torch.distributions.transforms": [transforms],
    "torch.distributions.uniform": [distributions],
    "torch.functional": [out, minigrad],
    "torch.func": [func, minigrad.func],
    "torch.linalg": [linalg, inverses],
    "torch.nn": [nn, bag, lazy, parallel],
    "torch.nn.functional": [nn.functional, bag],
    "torch.nn.init": [nn.init, old.init],
    "torch.nn.modules": [nn],
    "torch.nn.modules.activation": [nn.activation, nn.attention],
    "torch.nn.modules.batchnorm": [nn.convolution, lazy, old.batchnorm],
    "torch.nn.modules.container": [nn.container],
    "torch.nn.modules.conv": [nn.convolution, lazy, old.conv],
    "torch.nn.modules.dropout": [nn.layers],
    "torch.nn.modules.linear": [old.linear, nn.layers, lazy],
    "torch.nn.modules.loss": [nn.loss],
    "torch.nn.modules.module": [nn.module],
    "torch.nn.modules.normalization": [nn.layers],
    "torch.nn.modules.pooling": [nn.convolution, nn.adaptive],
    "torch.nn.modules.rnn": [nn.recurrent, nn.cells],
    "torch.nn.modules.sparse": [nn.layers, bag],
    "torch.nn.modules.transformer": [nn.transformer],
    "torch.nn.modules.upsampling": [nn.upsample],
    "torch.nn.parallel": [parallel],
    "torch.nn.parameter": [nn.parameter],
    "torch.nn.utils": [nn.utils, old.utils],
    "torch.nn.utils.clip_grad": [nn.utils, old.utils],
    "torch.nn.utils.rnn": [nn.utils.rnn],
    "torch.nn.utils.stateless": [nn.utils.stateless],
    "torch.onnx": [],
    "torch.optim": [nn.optim],
    "torch.optim.adam": [nn.optim.adam],
    "torch.optim.sgd": [nn.optim.sgd],
    "torch.optim.optimizer": [nn.optim.optimizer],
    "torch.optim.lr_scheduler": [lr_scheduler, old.schedulers],
    "torch.random": [random],
    "torch.serialization": [serialization],
    "torch.utils": [],
    "torch.utils.benchmark": [benchmark],
    "torch.utils.data": [nn.data, data],
    "torch.utils.data.dataloader": [nn.data],
    "torch.utils.data.dataset": [nn.data],
    "torch.utils.data.sampler": [nn.data],
    "torch.utils.hooks": [hooks],
    "torch.utils.tensorboard": [tensorboard],
}
# The modules of PyTorch's that are not here, and can be imported all the same, with any name and
# any module in them: many a program does so and uses none. What is used raises MissingName.
REFUSED = (
    "torch.ao",
    "torch.autograd.forward_ad",
    "torch.autograd.functional",
    "torch.autograd.profiler",
    "torch.distributed",
    "torch.fft",
    "torch.fx",
    "torch.hub",
    "torch.jit",
    "torch.multiprocessing",
    "torch.nn.parallel",
    "torch.nn.utils.parametrizations",
    "torch.nn.utils.parametrize",
    "torch.nn.utils.prune",
    "torch.onnx",
    "torch.profiler",
    "torch.quantization",
    "torch.sparse",
    "torch.special",
    "torch.testing",
    "torch.utils.checkpoint",
    "torch.utils.cpp_extension",
    "torch.utils.data.distributed",
    "torch.utils.model_zoo",
)
# Modules that PyTorch's modules import, from where editors import them into programs.
PASSED_ON = {"torch.functional.F": "torch.nn.functional"}
# Names of `torch` that programs mention in tables, and then do not use: refused at the use alone.
MENTIONED = ("torch.bfloat16", "torch.float16", "torch.half")
HERE = "nn.as_torch"
WITH_PYTORCH = ("torchvision", "torchtext", "torchaudio")  # packages compiled against PyTorch
LIST = "`python -m nn.as_torch --check program.py` lists all that a program needs"
WAYS_OUT = {
    "torch.amp": "leave it out, numbers are float32 here",
    "torch.bfloat16": "use torch.float32",
    "torch.cuda.amp": "leave it out, numbers are float32 here",
    "torch.distributed": "train in one process",
    "torch.float16": "use torch.float32",
    "torch.half": "use torch.float32",
    "torch.jit": "leave it out, nothing is compiled here",
    "torch.multiprocessing": "train in one process",
    "torch.nn.Module.register_backward_hook": "use register_full_backward_hook",
    "torch.nn.parallel": "train in one process",
    "torch.optim.SparseAdam": "use torch.optim.Adam, gradients are dense here",
    "torch.sparse": "use a dense matrix",
    "torch.sparse_coo_tensor": "use a dense matrix",
    "torch.Tensor.to_sparse": "leave it out, matrices are dense here",
    "torch.Tensor.reinforce": "use log_prob of torch.distributions.Categorical",
}


class MissingName(NotImplementedError, AttributeError):
    """A name of PyTorch's that is not here; hasattr says so, as with an older PyTorch."""


class MissingModule(NotImplementedError, ImportError):
    """A module of PyTorch's that is not here; `except ImportError` takes it."""


class RefusedName:
    """A name of `MENTIONED` or in a module of `REFUSED`: using it raises MissingName."""

    def __init__(self, path: str):
        self.path = path

    def refuse(self, *args: Any, **settings: Any) -> Any:
        """Raise MissingName."""
        raise MissingName(missing(self.path))

    __call__ = __mro_entries__ = __enter__ = __bool__ = __iter__ = __getitem__ = refuse

    def __exit__(self, *exception: object) -> None:
        """Nothing: no block is entered."""

    @property
    def dtype(self) -> Any:
        """What NumPy asks a dtype for. Raises NotImplementedError, which NumPy lets through."""
        raise NotImplementedError(missing(self.path))

    def __repr__(self) -> str:
        return self.path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{self.path} has no attribute {name!r}")
        return self.refuse()

    def __instancecheck__(self, instance: Any) -> bool:
        """False: there are none."""
        return False


def is_refused(path: str) -> bool:
    """Whether a module is one of `REFUSED`, or in one of them."""
    return f"{path}.".startswith(tuple([f"{name}." for name in REFUSED]))


class TorchModule(ModuleType):
    """A module of PyTorch's, with the names that are here. Raises MissingName for any other, if it
    is used if the module is one of `REFUSED`.
    """

    def __init__(self, name: str, sources: list[ModuleType]):
        super().__init__(name, doc=" ".join([source.__doc__ or "" for source in sources[:1]]))
        self.__path__: list[str] = []  # a package, as far as `import` is concerned
        for source in reversed(sources):
            vars(self).update(public_names(source))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        path = f"{self.__name__}.{name}"
        if path in MENTIONED or is_refused(self.__name__):
            return RefusedName(path)
        raise MissingName(missing(path))


def public_names(module: ModuleType) -> dict[str, Any]:
    """The names in __all__, or else the functions and classes of its package that it has."""
    package = module.__name__.partition(".")[0] + "."
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return {name: getattr(module, name) for name in listed}
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(package)
    }


def missing(path: str) -> str:
    """The message for a name of PyTorch's that is not here."""
    parts = path.split(".")
    if parts[0] in WITH_PYTORCH:
        return (
            f"{parts[0]} is not supported: it works with PyTorch itself alone; read the data with "
            "NumPy, in a torch.utils.data.Dataset"
        )
    above = [".".join(parts[:i]) for i in range(len(parts), 0, -1)]  # itself first
    way_out = ([WAYS_OUT[name] for name in above if name in WAYS_OUT] or [LIST])[0]
    return (
        f"{path} is not supported: minigrad is a small framework, and does not have it; {way_out}"
    )


def build() -> dict[str, TorchModule]:
    """The modules by their paths, each the attribute of the one above it."""
    modules = {}
    for path, sources in TREE.items():
        modules[path] = TorchModule(path, sources)
        parent, _, name = path.rpartition(".")
        if parent:
            setattr(modules[parent], name, modules[path])
    for path, place in PASSED_ON.items():
        parent, _, name = path.rpartition(".")
        setattr(modules[parent], name, modules[place])
    return modules


MODULES = build()
ROOT = MODULES["torch"]


class TorchFinder(MetaPathFinder, Loader):
    """Finds `torch` and the modules below it, also by the name of this package."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's place, or None where it is no concern of this finder.

        Raises MissingModule for a module or a name of PyTorch's that is not here.
        """
        is_in_package = fullname.startswith(f"{HERE}.")
        if is_in_package:
            file = PathFinder.find_spec(fullname, path)
            if file is not None:
                return file
        elif fullname in WITH_PYTORCH:
            refuse_installed(fullname)
            return None
        elif not f"{fullname}.".startswith("torch.") or has_pytorch():
            return None
        place = path_in_torch(fullname)
        if place not in MODULES:
            if not is_refused(place):
                raise MissingModule(missing(place))
            MODULES[place] = TorchModule(place, [])
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, which is there already."""
        return MODULES[path_in_torch(spec.name)]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the module is whole."""


def refuse_installed(package: str) -> None:
    """Raise MissingModule for a package that needs PyTorch; a stand-in of a program's is taken."""
    found = PathFinder.find_spec(package)
    origin = "" if found is None else str(found.origin)
    if not has_pytorch() and (found is None or "site-packages" in origin):
        raise MissingModule(missing(package))


def path_in_torch(fullname: str) -> str:
    """`torch.x.y`, of that and of `nn.as_torch.x.y`."""
    return "torch" + fullname.removeprefix("torch").removeprefix(HERE)


def has_pytorch() -> bool:
    """Whether PyTorch itself is imported."""
    return sys.modules.get("torch", ROOT) is not ROOT


def missing_method(path: str, names: frozenset[str]) -> Callable[[Any, str], Any]:
    """`__getattr__` of a class that has these methods in PyTorch: raises MissingName for them."""

    def get_attribute(instance: Any, name: str) -> Any:
        if name in vars(instance):  # a program that calls `__getattr__` itself
            return vars(instance)[name]
        if name in names:
            raise MissingName(missing(f"{path}.{name}"))
        raise AttributeError(f"{type(instance).__name__!r} object has no attribute {name!r}")

    return get_attribute


def install() -> None:
    """Let `import torch` find the modules here, unless PyTorch is imported already: it stays.

    From then on tensors, dtypes and their classes are printed as PyTorch's, and a missing method
    says so.
    """
    minigrad.Tensor.__module__ = "torch"  # by which tensorboardX and others tell a tensor
    nn.Parameter.__module__ = "torch.nn.parameter"
    minigrad.Tensor.__repr__ = printing.text_of  # type: ignore[method-assign, assignment]
    kinds: list[tuple[Any, str, frozenset[str]]] = [
        (minigrad.Tensor, "torch.Tensor", TENSOR_METHODS),
        (nn.Module, "torch.nn.Module", MODULE_METHODS),
        (nn.optim.Optimizer, "torch.optim.Optimizer", OPTIMIZER_METHODS),
    ]
    for kind, path, names in kinds:
        kind.__getattr__ = missing_method(path, names)
    minigrad.Tensor.grad_fn = property(graph.grad_fn)
    minigrad.Tensor.dtype = property(dtypes.of_tensor)  # type: ignore[assignment]
    nn.RNNBase._flat_weights_names = property(old.flat_weights_names)  # type: ignore[attr-defined]
    nn.RNNBase._all_weights = property(old.all_weights)  # type: ignore[attr-defined]
    for name, method in tensor.METHODS.items():
        setattr(minigrad.Tensor, name, method)
    if not any([isinstance(finder, TorchFinder) for finder in sys.meta_path]):
        sys.meta_path.insert(0, TorchFinder())
    if has_pytorch():
        warnings.warn(
            "nn.as_torch: PyTorch is imported already, so that `import torch` gives PyTorch; "
            "write `import nn.as_torch as torch`, or start a new process",
            stacklevel=3,
        )
