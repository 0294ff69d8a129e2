"""`Tensor.grad_fn`: the graph as PyTorch shows it, from a value back to the leaves."""

from __future__ import annotations

from typing import Any

from minigrad import Tensor
from minigrad.graph import Node, as_they_were

from .printing import node_name


class Vertex:
    """A node of the graph as PyTorch has it: equal to another that shows the same node or leaf."""

    def __init__(self, shown: Node | Tensor):
        self.shown: Any = shown

    def name(self) -> str:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.shown is self.shown

    def __hash__(self) -> int:
        return hash(self.shown)

    def __repr__(self) -> str:
        name = self.name().removeprefix("torch::autograd::")
        return f"<{name} object at {id(self.shown):#x}>"


class GradFn(Vertex):
    """The node that made a value; `next_functions` are those that made its arguments.

    Ops are minigrad's: where PyTorch has one node for a function, there may be several here.
    """

    def name(self) -> str:
        return node_name(self.shown.op.__name__)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each argument its node, and which value of that it is; (None, 0) for a constant."""
        return tuple([edge_to(argument) for argument in as_they_were(self.shown)])


class AccumulateGrad(Vertex):
    """The end of the graph at a leaf, `variable`, where its gradient is added up."""

    next_functions: tuple[tuple[Any, int], ...] = ()

    variable = property(lambda self: self.shown)

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"


def edge_to(argument: Any) -> tuple[Any, int]:
    """An argument's node, and which value of that it is; (None, 0) for a constant."""
    if not isinstance(argument, Tensor) or not argument.requires_grad:
        return None, 0
    if argument.node is None:
        return AccumulateGrad(argument), 0
    return GradFn(argument.node), argument.index


def grad_fn(tensor: Tensor) -> GradFn | None:
    """`Tensor.grad_fn`: the node that made it, None for a leaf."""
    return None if tensor.is_leaf or tensor.node is None else GradFn(tensor.node)
