"""`torch.autograd.Function`: an op whose forward and backward are written by the user."""

from __future__ import annotations

from typing import Any

from minigrad import Tensor, no_grad, zeros_like
from minigrad.autograd import differentiable, tensor_xp
from minigrad.errors import shown
from minigrad.grad_mode import mode
from minigrad.graph import tensor_of


class Context:
    """What forward keeps for backward: `save_for_backward`, and any attribute."""

    def __init__(self, needs_input_grad: tuple[bool, ...]):
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Any, ...] = ()
        self.without_gradient: tuple[Any, ...] = ()
        self.materialize_grads = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep these tensors as `saved_tensors`."""
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that these outputs have no gradient."""
        self.without_gradient = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros, and not None, for an output that nothing used."""
        self.materialize_grads = value


class Function:
    """A subclass has the static methods forward(ctx, *args) and backward(ctx, *gradients).

    `apply(*args)` calls forward, without recording; backward returns a gradient for each argument,
    None where there is none. `setup_context(ctx, inputs, output)` is called after a forward without
    ctx. Raises NotImplementedError if a second derivative is asked for.
    """

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """The value; a subclass defines it."""
        raise NotImplementedError("Function has no forward: define `def forward(ctx, ...)`")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient of each argument; a subclass defines it."""
        raise NotImplementedError("Function has no backward: define `def backward(ctx, ...)`")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """The value of forward, whose gradient is that of backward."""
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        ctx = Context(tuple([i in places for i in range(len(args))]))
        with no_grad():
            output = cls.run_forward(ctx, args)
        if not places or not mode.grad_enabled:
            return output
        outputs = output if isinstance(output, tuple) else (output,)
        has_gradient = [isinstance(y, Tensor) and is_learned(y, ctx) for y in outputs]
        recorded = [y for y, is_recorded in zip(outputs, has_gradient) if is_recorded]
        if not recorded:
            return output
        op = differentiable(cls.rule(ctx, places, outputs, has_gradient))
        values = iter(op(*[args[i] for i in places]))
        found = [next(values) if on else y for y, on in zip(outputs, has_gradient)]
        return tuple(found) if isinstance(output, tuple) else found[0]

    @classmethod
    def run_forward(cls, ctx: Context, args: tuple[Any, ...]) -> Any:
        """Call forward, in the form that the subclass has."""
        if "setup_context" not in vars(cls):
            return cls.forward(ctx, *args)
        output = cls.forward(*args)
        cls.setup_context(ctx, args, output)  # type: ignore[attr-defined]
        return output

    @classmethod
    def rule(cls, ctx: Context, places: list[int], outputs: Any, has_gradient: list[bool]) -> Any:
        """The rule of one call: the values that forward gave, and backward as the pullback."""
        recorded = [y for y, on in zip(outputs, has_gradient) if on]

        def pullback(gs: Any, needs: Any) -> Any:
            arrived = iter(gs)
            given: list[Any] = []
            for y, on in zip(outputs, has_gradient):
                g = next(arrived) if on else None
                if g is not None:
                    given.append(tensor_of(g))
                elif ctx.materialize_grads and isinstance(y, Tensor):
                    given.append(zeros_like(y))
                else:
                    given.append(None)
            grads = cls.backward(ctx, *given)
            grads = grads if isinstance(grads, tuple) else (grads,)
            count = len(ctx.needs_input_grad)
            if len(grads) < count:
                raise RuntimeError(
                    f"{cls.__name__}.backward: expected {count} gradients, one for each argument "
                    f"of forward, got {len(grads)}"
                )
            return [raw_gradient(cls.__name__, grads[place]) for place in places]

        def rule(xp, *arrays):  # type: ignore[no-untyped-def]
            """What forward computed,    the gradient that backward returns."""
            if xp is tensor_xp:
                raise NotImplementedError(
                    f"{cls.__name__}: a second derivative through a torch.autograd.Function is not "
                    "supported; compute it with differentiable functions"
                )
            return tuple([y.array for y in recorded]), pullback

        rule.__name__ = cls.__name__
        return rule


def is_learned(y: Tensor, ctx: Context) -> bool:
    """Whether an output has a gradient."""
    is_marked = any([y is other for other in ctx.without_gradient])
    return y.dtype.kind == "f" and not is_marked


def raw_gradient(name: str, g: Any) -> Any:
    """A gradient as an array. Raises TypeError if it is neither a tensor nor None."""
    if g is not None and not isinstance(g, Tensor):
        raise TypeError(f"{name}.backward: expected tensors or None, got {shown(g)}")
    return None if g is None else g.array
