"""RNN, LSTM and GRU over whole sequences: layers and directions, each one fused op of `minigrad.fast`.

T time, B batch, I input size, H hidden size, L layers, D directions (1 or 2); k blocks in a weight: 1 (RNN),
4 (LSTM: i, f, g, o), 3 (GRU: r, z, n). Parameters carry PyTorch's names: weight_ih_l0 (kH,I), weight_hh_l0 (kH,H),
bias_ih_l0 and bias_hh_l0 (kH,), then ..._l0_reverse, ..._l1 (whose input is D·H wide). All start as U(-1/√H, 1/√H).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minigrad import Tensor, byhand, cat, cells, errors, stack, where
from minigrad.cells import Lengths, States

from . import functional as F
from . import init
from .cells import Recurrent


class Run(NamedTuple):
    """What one layer did in one direction."""

    name: str  # "l0", "l0_reverse", "l1" ...
    x: Tensor  # (T,B,I), what it read
    start: States  # (B,H) each, the state it started from
    hs: Tensor  # (T,B,H), its output at each step
    last: States  # (B,H) each, the state at the end


class RNNBase(Recurrent):
    """What RNN, LSTM and GRU share.

    input_size, hidden_size: I and H. num_layers: each reads the outputs of the one below. bias: whether there are any.
    batch_first: input and output are (B,T,·) instead of (T,B,·). dropout: probability of dropping an output between
    layers, in training. bidirectional: a second run from the end to the start, its outputs beside the first's.

    layer(input, hx, lengths) -> output, h_n        (LSTM: hx is (h_0, c_0), and it returns output, (h_n, c_n))
    input   (T,B,I), or (T,I) without a batch, in the dtype of the parameters
    hx      (L·D,B,H), zeros by default, layer by layer, forward before backward
    lengths (B,), optional: row b ends after lengths[b] steps. Its outputs are 0 from there, its last state is that of
            its own last step, and its backward run starts there: it gets what it gets alone.
    output  (T,B,D·H), the last layer's state after each step;    h_n (L·D,B,H)
    """

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
    ):
        name = type(self).__name__
        if proj_size:
            raise NotImplementedError(
                f"{name}: proj_size is not supported; put a Linear after the layer"
            )
        if hidden_size < 1 or num_layers < 1 or not 0 <= dropout <= 1:
            raise ValueError(
                f"{name}: hidden_size {hidden_size} and num_layers {num_layers} must be 1 or more, "
                f"dropout {dropout} a probability"
            )
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout acts between layers, and num_layers=1 has no between",
                stacklevel=5,
            )
        self.input_size, self.hidden_size, self.num_layers, self.bias = (
            input_size,
            hidden_size,
            num_layers,
            bias,
        )
        self.batch_first, self.dropout, self.bidirectional = (
            batch_first,
            float(dropout),
            bidirectional,
        )
        ends = ("", "_reverse") if bidirectional else ("",)
        self.names = [
            f"l{layer}{end}" for layer in range(num_layers) for end in ends
        ]  # of the runs, in PyTorch's order
        for i, name in enumerate(self.names):
            self.add_weights(
                f"_{name}", input_size if i < len(ends) else hidden_size * len(ends), bias
            )
        self.reset_parameters()

    def flatten_parameters(self) -> None:
        """Nothing: cuDNN wants PyTorch's weights in one piece, and code written for it may call this."""

    def scan(
        self, x: Tensor, start: States, weights: list[Any], lengths: Lengths, reverse: bool
    ) -> States:
        """One layer in one direction: (hs, *last)."""
        raise NotImplementedError

    def runs(self, x: Tensor, hx: list[States], lengths: Lengths) -> Iterator[Run]:
        """Run after run over x (T,B,I), each from its state in `hx`."""
        outputs: list[Tensor] = []
        for start, name in zip(hx, self.names, strict=True):
            if len(outputs) == 1 + self.bidirectional:  # the layer below is complete
                x, outputs = F.dropout(cat(outputs, dim=-1), self.dropout, self.training), []
            hs, *last = self.scan(
                x, start, self.weights(f"_{name}"), lengths, name.endswith("reverse")
            )
            outputs.append(hs)
            yield Run(name, x, start, hs, tuple(last))

    def enter(self, input: Tensor, hx: Any, lengths: Any) -> tuple[Tensor, list[States], Lengths]:
        """Input as (T,B,I), a state for each run, and lengths as an array; refused where they do not fit."""
        name, batched, dtype = type(self).__name__, input.ndim == 3, self.weights("_l0")[0].dtype
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size or 0 in input.shape[:-1]:
            order = "batch, time" if self.batch_first else "time, batch"
            raise ValueError(
                f"{name}: input of shape {tuple(input.shape)} came; wanted is ({order}, {self.input_size})"
                f", or (time, {self.input_size}) without a batch, no size 0"
            )
        if input.dtype != dtype:
            raise TypeError(
                f"{name}: input is {input.dtype} and the parameters are {dtype}; embed integers first, and "
                f"cast floats: input.to(minigrad.{dtype}) or layer.double()"
            )
        x = input[:, None] if not batched else input.transpose(0, 1) if self.batch_first else input
        T, B = x.shape[:2]
        state = self.start(x, hx, len(self.names), *[B] * batched, self.hidden_size)
        start = list(zip(*[(s if batched else s[:, None]).unbind(0) for s in state], strict=True))
        if lengths is not None:
            lengths = np.array(lengths.tolist() if isinstance(lengths, Tensor) else lengths)
            if (
                lengths.shape != (B,)
                or lengths.dtype.kind != "i"
                or lengths.min() < 0
                or lengths.max() > T
            ):
                raise ValueError(
                    f"{name}: lengths {lengths.tolist()} came; wanted are {B} integers from 0 to {T}"
                )
        return x, start, lengths

    def forward(self, input: Tensor, hx: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        runs = list(self.runs(*self.enter(input, hx, lengths)))
        top = [run.hs for run in runs[-1 - self.bidirectional :]]
        output = cat(top, dim=-1) if self.bidirectional else top[0]  # (T,B,D·H)
        finals = [
            stack(parts) for parts in zip(*[run.last for run in runs], strict=True)
        ]  # (L·D,B,H) each
        if input.ndim == 2:
            output, finals = output[:, 0], [final[:, 0] for final in finals]
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, tuple(finals) if len(finals) > 1 else finals[0]

    def extra_repr(self) -> str:
        names = (
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        )
        changed = [
            f", {name}={getattr(self, name)}"
            for name, usual in names
            if getattr(self, name) != usual
        ]
        return f"{self.input_size}, {self.hidden_size}" + "".join(changed)


class RNN(RNNBase):
    """h_t = tanh(W x_t + b + U h_{t-1} + b), or relu: `cells.rnn_cell` over time. Arguments: see RNNBase.

    >>> from minigrad import ones
    >>> output, h_n = RNN(3, 4, num_layers=2, bidirectional=True)(ones(7, 5, 3))
    >>> tuple(output.shape), tuple(h_n.shape)
    ((7, 5, 8), (4, 5, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = cells.check_nonlinearity(nonlinearity)

    def scan(
        self, x: Tensor, start: States, weights: list[Any], lengths: Lengths, reverse: bool
    ) -> States:
        return byhand.rnn(
            x, *start, *weights, lengths=lengths, reverse=reverse, nonlinearity=self.nonlinearity
        )


class LSTM(RNNBase):
    """c_t = f c_{t-1} + i g, h_t = o tanh c_t: `cells.lstm_cell` over time. Arguments: see RNNBase.

    forget_bias: the sum of the two biases of every forget gate; 1 lets them start open (Jozefowicz et al. 2015).
    chrono: the longest dependency of the task, for `init.chrono_`, whose gates remember that long from the start.
    """

    blocks, states = 4, 2

    def __init__(
        self, *args: Any, forget_bias: float | None = None, chrono: int | None = None, **kwargs: Any
    ):
        super().__init__(*args, **kwargs)
        if forget_bias is not None and chrono is not None:
            raise ValueError(
                "LSTM: forget_bias and chrono both set the biases of the forget gates; give one of them"
            )
        if forget_bias is not None:
            init.forget_bias_(self, forget_bias)
        if chrono is not None:
            init.chrono_(self, chrono)

    def scan(
        self, x: Tensor, start: States, weights: list[Any], lengths: Lengths, reverse: bool
    ) -> States:
        return byhand.lstm(x, *start, *weights, lengths=lengths, reverse=reverse)


class GRU(RNNBase):
    """h_t = z h_{t-1} + (1 - z) n: `cells.gru_cell` over time; the lesson's z is this 1 - z. Arguments: see RNNBase.

    reset_after=True is PyTorch's GRU; reset_after=False resets the state before its product, as in Cho et al. 2014.
    chrono: the longest dependency of the task, for `init.chrono_`.
    """

    blocks = 3

    def __init__(
        self, *args: Any, reset_after: bool = True, chrono: int | None = None, **kwargs: Any
    ):
        super().__init__(*args, **kwargs)
        self.reset_after = reset_after
        if chrono is not None:
            init.chrono_(self, chrono)

    def scan(
        self, x: Tensor, start: States, weights: list[Any], lengths: Lengths, reverse: bool
    ) -> States:
        return byhand.gru(
            x, *start, *weights, lengths=lengths, reverse=reverse, reset_after=self.reset_after
        )

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")


def gates(
    layer: RNNBase, input: Tensor, hx: Any = None, lengths: Any = None
) -> dict[str, dict[str, Tensor]]:
    """The gates of a run of an LSTM (i, f, g, o) or GRU (r, z, n), each (T,B,H), for every layer and direction.

    Called as the layer is. The gates depend on x_t and h_{t-1} alone, so they are computed from the finished run, all
    steps at once; a run that nobody asks is not slowed. Where `lengths` ends a row its gates are 0. In training mode
    dropout between layers draws a new mask: call `layer.eval()` first.

    >>> from minigrad import ones
    >>> found = gates(LSTM(3, 4, bidirectional=True), ones(7, 5, 3))
    >>> list(found), list(found["l0"]), tuple(found["l0_reverse"]["f"].shape)
    (['l0', 'l0_reverse'], ['i', 'f', 'g', 'o'], (7, 5, 4))
    """
    if not isinstance(layer, LSTM | GRU):
        raise TypeError(f"gates: {layer!r} has none; give an LSTM or a GRU")
    x, start, lengths = layer.enter(input, hx, lengths)
    T, B = x.shape[:2]
    left = (np.full(B, T) if lengths is None else lengths)[:, None] - np.arange(T)[
        :, None, None
    ]  # (T,B,1), steps left
    alive, at_end = x.new(left > 0), x.new(left == 1)
    found = {}
    for run in layer.runs(x, start, lengths):
        first = run.start[0][None]
        if run.name.endswith("reverse"):
            before = where(
                at_end, first, cat([run.hs[1:], first])
            )  # (T,B,H), the h that each step started from
        else:
            before = cat([first, run.hs[:-1]])
        weights = layer.weights(f"_{run.name}")
        if isinstance(layer, LSTM):
            named = zip("ifgo", cells.lstm_gates(run.x, before, *weights), strict=True)
        else:
            named = zip(
                "rzn",
                cells.gru_gates(run.x, before, *weights, reset_after=layer.reset_after),
                strict=True,
            )
        found[run.name] = {name: where(alive, gate, 0.0) for name, gate in named}
    return found


errors.name_all(globals())
