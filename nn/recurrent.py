"""RNN, LSTM and GRU over whole sequences: layers and directions, each one op of `minigrad.byhand`.

T time, B batch, I input size, H hidden size, L layers, D directions (1 or 2); k gates: 1 (RNN),
4 (LSTM: i, f, g, o), 3 (GRU: r, z, n). Parameters carry PyTorch's names: weight_ih_l0 (kH,I),
weight_hh_l0 (kH,H), bias_ih_l0 and bias_hh_l0 (kH,), then ..._l0_reverse, ..._l1 (whose input is
D·H wide). All start as U(-1/√H, 1/√H).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad import Tensor, byhand, stack
from minigrad.cells import States, check_nonlinearity
from minigrad.errors import shown

from . import functional as F
from . import init
from .arguments import (
    as_finite,
    as_lengths,
    as_probability,
    check_same_dtype,
    check_sizes,
    check_tensor,
    place,
    refuse_unsupported,
)
from .cells import Recurrent
from .checked import checked
from .parameter import Parameter
from .printing import changed_settings
from .utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


class LayerRun(NamedTuple):
    """What one layer did in one direction."""

    name: str  # "l0", "l0_reverse", "l1" ...
    x: Tensor  # (T,B,I), its input
    initial_state: States  # (B,H) each
    output: Tensor  # (T,B,D·H), the layer's at each step, in all its directions
    final_state: States  # (B,H) each

    @property
    def hs(self) -> Tensor:
        """(T,B,H), the output of this direction."""
        H = self.final_state[0].shape[-1]
        if self.output.shape[-1] == H:
            return self.output
        is_reverse = self.name.endswith("_reverse")
        return self.output[..., H:] if is_reverse else self.output[..., :H]


class RNNBase(Recurrent):
    """What RNN, LSTM and GRU share.

    input_size, hidden_size: I and H. num_layers: each reads the outputs of the one below. bias:
    whether there are biases. batch_first: input and output are (B,T,·) instead of (T,B,·). dropout:
    probability of dropping an output between layers, in training. bidirectional: a second run from
    the end to the start, its outputs concatenated to the first's. device, dtype: of the parameters.

    layer(input, hx, lengths) -> output, h_n    (LSTM: hx is (h_0, c_0); returns output, (h_n, c_n))
    input   (T,B,I), or (T,I) without a batch, in the dtype of the parameters; or a PackedSequence
            of `nn.utils.rnn`, for which the output is one too
    hx      (L·D,B,H), zeros by default, layer by layer, forward before backward
    lengths (B,), optional: row b ends after lengths[b] steps. Its outputs are 0 from there, its
            last state is that of its own last step, and its backward run starts there: a padded
            row gives the same result as unpadded.
    output  (T,B,D·H), the last layer's state after each step;    h_n (L·D,B,H)

    Raises ValueError if a shape, a size or the lengths do not fit, TypeError for another dtype.
    """

    op: ClassVar[Callable[..., States]]  # one layer in one direction: byhand.rnn, lstm or gru
    _fixed = frozenset(
        "input_size hidden_size num_layers bias bidirectional directions suffixes".split()
    )

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        device: Any,
        dtype: Any,
    ):
        name = type(self).__name__
        check_sizes(name, 0, input_size=input_size)
        check_sizes(name, 1, hidden_size=hidden_size, num_layers=num_layers)
        as_probability(name, "dropout", dropout)
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout acts only between layers, and there is one layer", stacklevel=5
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.directions = ("", "_reverse") if bidirectional else ("",)
        self.suffixes = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * len(self.directions)
            for direction in self.directions:
                suffix = f"_l{layer}{direction}"
                self.suffixes.append(suffix)
                self.add_weights(suffix, width, bias)
        self.reset_parameters()
        place(self, device, dtype)

    def forward(self, input: Any, hx: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        if isinstance(input, PackedSequence):
            return self.forward_packed(input, hx, lengths)
        runs = self.run_layers(input, hx, lengths)
        output = runs[-1].output  # (T,B,D·H)
        final_states = zip(*[run.final_state for run in runs], strict=True)
        state = [stack_states(parts) for parts in final_states]  # h_n, or h_n and c_n, (L·D,B,H)
        if input.ndim == 2:
            output = output[:, 0]
            state = [part[:, 0] for part in state]
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, state[0] if len(state) == 1 else tuple(state)

    def forward_packed(
        self, input: PackedSequence, hx: Any, lengths: Any
    ) -> tuple[PackedSequence, Any]:
        """The layer over packed sequences; the states are in the order of the batch."""
        if lengths is not None:
            raise ValueError(
                f"{type(self).__name__}: expected lengths=None for a PackedSequence, which has its "
                f"own, got {shown(lengths)}"
            )
        padded, ends = pad_packed_sequence(input, self.batch_first)  # (T,B,I), (B,)
        output, state = self.forward(padded, hx, ends)
        is_sorted = input.sorted_indices is None
        packed = pack_padded_sequence(output, ends, self.batch_first, enforce_sorted=is_sorted)
        return input._replace(data=packed.data), state

    def run_layers(self, input: Tensor, hx: Any = None, lengths: Any = None) -> list[LayerRun]:
        """Run each layer in each direction; called as the layer is. Time comes first in all."""
        lengths = self.check_input(input, hx, lengths)
        x = to_time_first(input, self.batch_first)  # (T,B,I)
        states = self.initial_states(x, hx, input.ndim == 3)
        D = len(self.directions)
        runs: list[LayerRun] = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(runs[-1].output, self.dropout, self.training)
            own = slice(layer * D, (layer + 1) * D)  # the runs of this layer
            suffixes, starts = self.suffixes[own], states[own]
            output, ends = self.run_layer(x, suffixes, starts, lengths)
            for suffix, start, end in zip(suffixes, starts, ends, strict=True):
                runs.append(LayerRun(suffix.removeprefix("_"), x, start, output, end))
        return runs

    def run_layer(
        self, x: Tensor, suffixes: list[str], starts: list[States], lengths: Any
    ) -> tuple[Tensor, list[States]]:
        """One layer in its directions: its output (T,B,D·H), and the last states of each."""
        arguments = [
            (*start, *self.weights(suffix)) for suffix, start in zip(suffixes, starts, strict=True)
        ]
        settings = {"lengths": lengths, **self.settings()}
        if self.bidirectional:
            output, *ends = byhand.both_directions(self.op, x, *arguments, **settings)
            return output, ends
        output, *end = self.op(x, *arguments[0], **settings)
        return output, [tuple(end)]

    def settings(self) -> dict[str, Any]:
        """The settings of `op` that are the layer's own."""
        return {}

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each run."""
        return [[w for w in self.weights(s) if w is not None] for s in self.suffixes]

    def initial_states(self, x: Tensor, hx: Any, has_batch: bool) -> list[States]:
        """The state that each run starts from, of tensors (B,H)."""
        B = x.shape[1]
        runs = len(self.suffixes)
        if hx is None:
            zero = self.initial_state(x, None, (B, self.hidden_size))
            return [zero] * runs
        state = self.initial_state(x, hx, (runs, B, self.hidden_size))  # (L·D,B,H) each
        if not has_batch:
            state = tuple([part[:, None] for part in state])
        parts_by_run = [part.unbind(0) for part in state]  # of h, and of c: (B,H) for each run
        return list(zip(*parts_by_run, strict=True))

    def check_input(self, input: Tensor, hx: Any, lengths: Any) -> np.ndarray[Any, Any] | None:
        """Check the arguments of a call; the lengths as an array."""
        name = type(self).__name__
        check_tensor(name, "input", input)
        shape = tuple(input.shape)
        order = "batch, time" if self.batch_first else "time, batch"
        if len(shape) not in (2, 3) or shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: expected input ({order}, {self.input_size}), got {shape}; "
                f"without a batch it is (time, {self.input_size})"
            )
        time_dim = 1 if self.batch_first and len(shape) == 3 else 0
        T = shape[time_dim]
        if T == 0:
            raise ValueError(f"{name}: expected input of at least one time step, got {shape}")
        check_same_dtype(name, "input", input, self.weights(self.suffixes[0])[0])
        runs, H = len(self.suffixes), self.hidden_size
        if len(shape) == 2:
            self.check_state(hx, (runs, H), input.dtype)
            return as_lengths(name, lengths, T, 1)
        B = shape[1 - time_dim]
        self.check_state(hx, (runs, B, H), input.dtype)
        reading = f"input {shape} is ({order}, size) with batch_first={self.batch_first}"
        return as_lengths(name, lengths, T, B, reading)

    def flatten_parameters(self) -> None:
        """Do nothing: PyTorch's is for cuDNN, and programs call it."""

    def extra_repr(self) -> str:
        changed = changed_settings(
            self, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False
        )
        return f"{self.input_size}, {self.hidden_size}{changed}"


def to_time_first(x: Tensor, batch_first: bool) -> Tensor:
    """(T,B,I), from that, from (B,T,I) with `batch_first`, or from (T,I) without a batch."""
    if x.ndim == 2:
        return x[:, None]
    return x.transpose(0, 1) if batch_first else x


def stack_states(parts: Sequence[Tensor]) -> Tensor:
    """The last states of all runs, (L·D,B,H); no view, so that `detach_` takes them."""
    if len(parts) > 1:
        return stack(parts)
    state = parts[0].unsqueeze(0)
    state.base = None  # nothing else shows this memory
    return state


class RNN(RNNBase):
    """h_t = tanh(w_ih x_t + b_ih + w_hh h_{t-1} + b_hh): `minigrad.cells.rnn_cell` over time.

    nonlinearity: "tanh" or "relu". The other arguments, shapes and errors: see RNNBase.

    >>> from minigrad import ones
    >>> output, h_n = RNN(3, 4, num_layers=2, bidirectional=True)(ones(7, 5, 3))
    >>> tuple(output.shape), tuple(h_n.shape)
    ((7, 5, 8), (4, 5, 4))
    """

    op = staticmethod(byhand.rnn)

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        shared = (num_layers, bias, batch_first, dropout, bidirectional, device, dtype)
        super().__init__(input_size, hidden_size, *shared)
        check_nonlinearity("RNN", nonlinearity)
        self.nonlinearity = nonlinearity

    def settings(self) -> dict[str, Any]:
        return {"nonlinearity": self.nonlinearity}


class LSTM(RNNBase):
    """c_t = f c_{t-1} + i g,  h_t = o tanh c_t: `minigrad.cells.lstm_cell` over time.

    proj_size: only 0 is supported. forget_bias: the sum of the two biases of every forget gate; 1
    lets them start open (Jozefowicz et al. 2015). chrono: the longest dependency of the task, for
    `init.chrono_`, whose gates remember that long from the start. The other arguments, shapes and
    errors: see RNNBase.

    >>> from minigrad import ones
    >>> output, (h_n, c_n) = LSTM(3, 4)(ones(7, 5, 3))
    >>> tuple(output.shape), tuple(c_n.shape)
    ((7, 5, 4), (1, 5, 4))
    """

    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")
    op = staticmethod(byhand.lstm)

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        forget_bias: float | None = None,
        chrono: int | None = None,
    ):
        refuse_unsupported("LSTM", "put a Linear after the layer", proj_size=proj_size)
        if forget_bias is not None and chrono is not None:
            raise ValueError(
                "LSTM: forget_bias and chrono both set the biases of the forget gates; "
                "give one of them"
            )
        shared = (num_layers, bias, batch_first, dropout, bidirectional, device, dtype)
        super().__init__(input_size, hidden_size, *shared)
        if forget_bias is not None:
            as_finite("LSTM", "forget_bias", forget_bias)
            init.forget_bias_(self, forget_bias)
        if chrono is not None:
            init.check_longest("LSTM", "chrono", chrono)
            init.chrono_(self, chrono)


class GRU(RNNBase):
    """h_t = z h_{t-1} + (1 - z) n: `minigrad.cells.gru_cell` over time.

    The z of the lesson is 1 - z here. reset_after=True is PyTorch's GRU; reset_after=False resets
    the state before its product, as in Cho et al. 2014. chrono: the longest dependency of the task,
    for `init.chrono_`. The other arguments, shapes and errors: see RNNBase.

    >>> from minigrad import ones
    >>> output, h_n = GRU(3, 4, batch_first=True)(ones(5, 7, 3))
    >>> tuple(output.shape), tuple(h_n.shape)
    ((5, 7, 4), (1, 5, 4))
    """

    gate_names = ("r", "z", "n")
    op = staticmethod(byhand.gru)

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        reset_after: bool = True,
        chrono: int | None = None,
    ):
        shared = (num_layers, bias, batch_first, dropout, bidirectional, device, dtype)
        super().__init__(input_size, hidden_size, *shared)
        self.reset_after = reset_after
        if chrono is not None:
            init.check_longest("GRU", "chrono", chrono)
            init.chrono_(self, chrono)

    def settings(self) -> dict[str, Any]:
        return {"reset_after": self.reset_after}

    def extra_repr(self) -> str:
        return super().extra_repr() + changed_settings(self, reset_after=True)
