"""The optimizers' steps on a GPU: two launches for all parameters, one that looks whether all
gradients are finite, and one that changes all parameters if they are. The formulas are those of
nn.optim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minigrad.fast.gpu.kernels import NOT_FINITE, Kernels, kernels_of
from minigrad.fast.gpu.source import Kernel
from minigrad.fast.optimizers import bias_corrected
from minigrad.faster import faster

SGD = Kernel("optimizers.cu", "sgd")
ADAM = Kernel("optimizers.cu", "adam")
RMSPROP = Kernel("optimizers.cu", "rmsprop")
ADAGRAD = Kernel("optimizers.cu", "adagrad")


@faster("check_finite", device="cuda")
def check_finite(xp, grads, *, name, numbers):
    """Have the GPU look. What it finds stops the optimizers, and is raised later."""
    kernels = kernels_of(xp)
    kernels.raise_faults()
    sentence = f"GPU: {name}: the gradient of parameter {{}} has NaN or infinities, "
    code = kernels.fault_code(FloatingPointError, sentence + "and no parameter was changed")
    rows: dict[Any, list[Any]] = {}
    for number, g in zip(numbers(), in_order(kernels, grads)):
        rows.setdefault(g.dtype, []).append((number, g, g))
    for same_dtype in rows.values():
        kernels.launch_for_each_parameter(NOT_FINITE, same_dtype, kernels.fault_arguments, code)


def in_order(kernels: Kernels, arrays: Sequence[Any]) -> Sequence[Any]:
    """The arrays as a kernel takes them: each itself, or a copy where it is not contiguous. All are
    None for a state that is not kept.
    """
    if arrays[0] is None:
        return arrays
    contiguous = kernels.cupy.ascontiguousarray
    return [contiguous(a) if a.ndim else a for a in arrays]


def update_all(
    xp: Any,
    kernel: Kernel,
    maximize: bool,
    arguments: Callable[[int], tuple[Any, ...]],
    steps: Sequence[int],
    params: Sequence[Any],
    grads: Sequence[Any],
    *states: Sequence[Any],
) -> None:
    """Launch a kernel for the parameters of each dtype and step t, with `arguments(t)`."""
    kernels = kernels_of(xp)
    columns = [params, grads, *states]
    used = [in_order(kernels, column) for column in columns]
    rows: dict[Any, list[Any]] = {}
    for number, (t, *arrays) in enumerate(zip(steps, *used)):
        rows.setdefault((arrays[0].dtype, t), []).append((number, *arrays))
    sign = -1.0 if maximize else 1.0
    for (_, t), group in rows.items():
        faults = [kernels.device_fault]
        kernels.launch_for_each_parameter(kernel, group, faults, sign, *arguments(t))
    del columns[1], used[1]  # the gradients, which are only read
    for column, copies in zip(columns, used):
        for array, copy in zip(column, copies):
            if copy is not array:
                array[...] = copy


@faster("sgd", device="cuda")
def sgd(xp, *columns, steps, maximize, lr, momentum, dampening, weight_decay, nesterov):
    """nn.optim.sgd.sgd."""

    def arguments(t: int) -> tuple[Any, ...]:
        gradient_share = 1.0 if t == 1 else 1.0 - dampening
        numbers = lr, momentum, gradient_share, weight_decay
        return *map(float, numbers), int(nesterov)

    update_all(xp, SGD, maximize, arguments, steps, *columns)


def without_amsgrad(*, amsgrad: bool, **settings: Any) -> bool:
    """Whether the kernel of Adam computes this; it keeps no maximum."""
    return not amsgrad


@faster("adam", device="cuda", when=without_amsgrad)
def adam(xp, params, grads, ms, vs, tops, *, steps, maximize, lr, betas, eps, **settings):
    """nn.optim.adam.adam. settings: weight_decay, and p_factor, by which p is multiplied before."""
    beta1, beta2 = betas
    weight_decay, p_factor = settings["weight_decay"], settings.get("p_factor", 1.0)

    def arguments(t: int) -> tuple[Any, ...]:
        lr_t, eps_t = bias_corrected(t, lr, betas, eps)
        numbers = lr_t, beta1, 1 - beta1, beta2, 1 - beta2, eps_t, weight_decay, p_factor
        return tuple(map(float, numbers))

    update_all(xp, ADAM, maximize, arguments, steps, params, grads, ms, vs)


@faster("adamw", device="cuda", when=without_amsgrad)
def adamw(xp, *columns, lr, weight_decay, **settings):
    """nn.optim.adam.adamw."""
    p_factor = 1 - lr * weight_decay
    adam(xp, *columns, lr=lr, weight_decay=0.0, p_factor=p_factor, **settings)


@faster("rmsprop", device="cuda")
def rmsprop(xp, *columns, steps, maximize, lr, alpha, eps, weight_decay, momentum, centered):
    """nn.optim.rmsprop.rmsprop."""

    def arguments(t: int) -> tuple[Any, ...]:
        numbers = lr, alpha, 1 - alpha, eps, weight_decay, momentum
        return *map(float, numbers), int(centered)

    update_all(xp, RMSPROP, maximize, arguments, steps, *columns)


@faster("adagrad", device="cuda")
def adagrad(xp, *columns, steps, maximize, lr, lr_decay, weight_decay, eps, **settings):
    """nn.optim.adagrad.adagrad."""

    def arguments(t: int) -> tuple[Any, ...]:
        lr_t = lr / (1 + (t - 1) * lr_decay)
        return float(lr_t), float(weight_decay), float(eps)

    update_all(xp, ADAGRAD, maximize, arguments, steps, *columns)
