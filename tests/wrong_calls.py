"""Every public callable, a call of it that works, and the wrong things that its arguments become.

The callables are found by walking the public namespaces (`public_names`); one without a working
call fails the test. A call is a line of source over the names of `world()`, so that PyTorch can be
asked the same: its arguments first, after a colon the callables that take them.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import strict_device  # noqa: F401  (device="strict")

import minigrad as mg
import nn

# Functions and classes of modules without an __all__ that only the library itself calls
INSIDE = re.compile(
    "check|refuse|not_supported|normalize_padding|normalized_sizes|reduced|target_weights|"
    "class_dim|attend|changed_in_place|limit_norms|softmax_dim|reduction_of|bounded_log|"
    "masked_softmax|kaiming_std|fill|fans|set_gate|gate_names|suffixes|as_|is_|read$|header_of|"
    "entry_of|dict_of|pack$|unpack$|join_path|Randomness|load_last|packed_places|"
    "lengths_of|PackedParts|invert_perm|LRScheduler$|Call$|call$|Primal|leaf_of|depends_on|"
    "detached|scalar_and|with_settings|vjp_of|MOST|named_jacobian|evaluate|inner|finite_diff|complex_step|gradient_of|forget_generator|"
    "drawn_inside|generator_at|source_of|dropout_mask|draw_on_host|generator$"
)
BASES = {"LRScheduler"}  # of which only subclasses are made
INSIDE_CLASSES = {
    "Tensor": (  # what the engine's own modules call
        "T assign values_to_hold html_page as_before become beside catch_up "
        "check_update holds_at as_value_at is_recorded_with is_writable root "
        "record_assignment record_change record_as_row "
        "without_extra_dims converted reshape_in_place source_of_floats update write"
    ),
    "Optimizer": (
        "check_arrays check_group check_held_settings check_part initial_value load_state "
        "numbers_of parameters snapshot state_arrays state_names update update_each update_params "
        "unsupported_settings "
        "advance choose_direction flat_gradient move remember_change search write"
    ),
    "LRScheduler": (
        "get_lr next_lr take_new_groups is_better reduce_lr not_saved last_lrs factor factors "
        "height begin take_back load_numbers needs_metric go_to restart rates momenta between "
        "schedulers"
    ),
    "DataLoader": "batches_of_numbers batches_of_stream begin_epoch collated make_batch "
    "refuse_foreign_order sizes",
    "Module": "forward extra_repr held training",
}
OPERATORS = (
    "add sub mul truediv floordiv mod pow matmul and or xor radd rsub rmul rtruediv rpow rmatmul "
    "iadd isub imul itruediv getitem setitem contains round divmod"
)


def own(module: Any) -> list[str]:
    """The public names of a module: its __all__, or what it defines and does not keep inside."""
    if hasattr(module, "__all__"):
        names = [name for name in module.__all__ if name not in BASES]
        return [name for name in names if callable(getattr(module, name))]
    home = f"{module.__name__}."
    found = []
    for name, value in vars(module).items():
        is_own = f"{getattr(value, '__module__', '')}.".startswith(home)
        is_public = name[0] != "_" and not INSIDE.match(name)
        if is_own and is_public and callable(value) and not takes_a_name(value):
            found.append(name)
    return found


def takes_a_name(function: Any) -> bool:
    """Whether a function is told in whose name to refuse: then only the library calls it."""
    try:
        return next(iter(inspect.signature(function).parameters), "") == "name"
    except ValueError:
        return False


def methods_of(kind: type, inside: str) -> list[str]:
    """The public methods of a class, without those that only the library calls."""
    apart = inside.split()
    names = [name for name in dir(kind) if name[0] != "_" and name not in apart]
    return [name for name in names if callable(getattr(kind, name))]


RESULTS = (
    "check.vjp testing.LawBroken testing.LawsBroken testing.NotApplicable testing.Report "
    "testing.Sample testing.from_torch cuda.library"
)
FUNCTIONS = {  # how a call of this table names a module, and its name
    "mg": "minigrad",
    "func": "minigrad.func",
    "check": "minigrad.check",
    "testing": "minigrad.testing",
    "random": "minigrad.random",
    "cuda": "minigrad.cuda",
    "F": "nn.functional",
    "init": "nn.init",
    "data": "nn.data",
    "io": "nn.io",
    "utils": "nn.utils",
    "rnn": "nn.utils.rnn",
    "optim": "nn.optim",
    "sched": "nn.optim.lr_scheduler",
    "nn": "nn",
}


def public_names() -> list[str]:
    """Every public function, class, method and module's call, as a call of this table names it."""
    found = []
    for short, module in FUNCTIONS.items():
        found += [f"{short}.{name}" for name in own(importlib.import_module(module))]
    for result in RESULTS.split():  # which only the library makes
        found.remove(result)
    if find_spec("autograd") is None:  # the extra bench has it
        found.remove("testing.from_autograd")
    layers = [name for name in own(nn) if is_kind(name, nn.Module) and name != "RNNBase"]
    found += [f"nn.{name}()" for name in layers if has_forward(getattr(nn, name))]
    found += [f"x.{name}" for name in methods_of(mg.Tensor, INSIDE_CLASSES["Tensor"])]
    found += [f"x.__{name}__" for name in OPERATORS.split()]
    found += [f"module.{name}" for name in methods_of(nn.Module, INSIDE_CLASSES["Module"])]
    for held in ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"):
        kind = getattr(nn, held)
        names = set(methods_of(kind, INSIDE_CLASSES["Module"])) - set(dir(nn.Module))
        names |= {f"__{n}__" for n in ("getitem", "setitem", "delitem", "add", "iadd")} & set(
            dir(kind)
        )
        found += [f"{held}.{name}" for name in sorted(names)]
    for name in own(nn.optim):
        methods = methods_of(getattr(nn.optim, name), INSIDE_CLASSES["Optimizer"])
        found += [f"{name}.{method}" for method in methods if name != "Optimizer"]
    for name in own(nn.optim.lr_scheduler):
        methods = methods_of(getattr(nn.optim.lr_scheduler, name), INSIDE_CLASSES["LRScheduler"])
        found += [f"{name}.{method}" for method in methods]
    for name in methods_of(nn.data.DataLoader, INSIDE_CLASSES["DataLoader"]):
        found.append(f"DataLoader.{name}")
    found += [f"Generator.{name}" for name in methods_of(mg.Generator, "")]
    return found


def is_kind(name: str, kind: type) -> bool:
    """Whether a name of nn is a class of this kind."""
    value = getattr(nn, name)
    return isinstance(value, type) and issubclass(value, kind)


def has_forward(kind: Any) -> bool:
    """Whether a class of modules computes something."""
    return kind.forward is not nn.Module.forward


# Working calls: "arguments: callables". A method x.add takes what mg.add takes after its first
# argument, and add_ what add takes, unless they have a line of their own. An op of one array, which
# needs no setting, takes x.

CALLS = """
x: mg.rsqrt mg.square mg.reciprocal mg.round mg.frac mg.isfinite mg.isinf mg.isnan mg.all mg.any
x: mg.logical_not mg.ones_like mg.zeros_like mg.rand_like mg.randn_like mg.t mg.nonzero mg.unique
x: mg.sgn
x: mg.mean mg.prod mg.amin mg.argmax mg.argmin mg.max mg.min mg.median mg.std mg.var mg.std_mean
x: mg.var_mean mg.norm mg.argsort mg.sort mg.squeeze mg.flatten mg.bernoulli mg.tril mg.triu
x: mg.empty_like mg.diag mg.from_dlpack mg.exp2 mg.positive mg.ravel
x, 0: mg.cummax mg.cummin mg.cumprod mg.logcumsumexp
ids: mg.bitwise_not mg.bincount
x, 0: mg.cumsum mg.softmax mg.log_softmax mg.logsumexp mg.unsqueeze mg.unbind mg.flip mg.roll
x, y: mg.add mg.sub mg.mul mg.div mg.pow mg.atan2 mg.maximum mg.minimum mg.eq mg.ne mg.lt mg.le
x, y: mg.gt mg.ge mg.fmod mg.remainder mg.floor_divide mg.isclose mg.allclose mg.equal
x, y: mg.logaddexp mg.logaddexp2
x, y: mg.logical_and mg.logical_or mg.logical_xor mg.broadcast_tensors
x, 0.5: mg.clamp mg.clamp_min mg.clamp_max
ids, ids: mg.bitwise_and mg.bitwise_or mg.bitwise_xor
x, square: mg.matmul mg.mm
x, square, 1: mg.tensordot
x, v: mg.mv
v, v: mg.dot mg.outer mg.ger mg.meshgrid
x, x, y: mg.addcmul mg.addcdiv
x, y, 0.5: mg.lerp
pair, x, square: mg.addmm
ids * 1.0, x, v: mg.addmv
batch, batch, batch: mg.baddbmm
batch, batch: mg.bmm
mask, x, y: mg.where
[x, y]: mg.cat mg.concat mg.concatenate mg.stack
[x, y]: mg.hstack mg.vstack mg.dstack
"ij,jk->ik", x, square: mg.einsum
x, 2: mg.tensor_split mg.chunk mg.split mg.repeat_interleave mg.topk
x, 3: mg.hsplit
x, 2: mg.vsplit
batch, 3: mg.dsplit
x, 0, (2, 1): mg.unflatten
x: mg.atleast_1d mg.atleast_2d mg.atleast_3d
x, 0, 1: mg.transpose mg.swapaxes mg.movedim mg.select
x, 0, 0, 1: mg.narrow
x, (1, 0): mg.permute
x, (3, 2): mg.reshape
x, (2, 2, 3): mg.broadcast_to
x, (1, 2): mg.tile
x, 0, places: mg.gather
x, 0, ids: mg.index_select
x, 0, ids, y: mg.index_add mg.index_copy
x, 0, ids, 0.5: mg.index_fill
x, places, 0: mg.take_along_dim
x, 0, places, y: mg.scatter mg.scatter_add
x, mask, 0.5: mg.masked_fill
x, mask: mg.masked_select
x, 2, True: mg.multinomial
x, ids: mg.embedding
x, square, v: mg.linear F.linear
2, 3: mg.zeros mg.ones mg.empty mg.rand mg.randn mg.eye
(2, 3), 0.5: mg.full
x, 0.5: mg.full_like
0, 4, 1: mg.arange
0.0, 1.0, 5: mg.linspace
0, 4, (2, 3): mg.randint
x, 0, 4: mg.randint_like
4: mg.randperm
0.0, 1.0, (2, 3): mg.normal
[[1.0, 2.0]]: mg.tensor mg.as_tensor
numbers: mg.from_numpy mg.Tensor
"cpu": mg.device mg.Generator random.Generator
mg.float32: mg.set_default_dtype
3: mg.manual_seed random.manual_seed
True: mg.set_grad_enabled
False: mg.set_flush_denormal
: mg.get_default_dtype mg.is_grad_enabled mg.cuda_is_available mg.detect_anomaly
: mg.no_grad mg.enable_grad
scalar, leaf: mg.grad
lambda t: t.exp().sum(), [[0.1, 0.2]]: mg.gradcheck check.gradcheck
leaf.sum(): mg.explain
lambda xp, t: (t * 2, (lambda g: g * 2,)): mg.op

mask, y: x.where
: x.contiguous x.detach x.detach_ x.dim x.element_size x.half x.is_contiguous x.item x.mark_changed
: x.is_floating_point x.ndimension x.nelement x.numel x.numpy x.requires_grad_ x.retain_grad x.size
: x.tolist x.zero_ x.byte x.bool x.double x.float x.int x.long x.cpu x.cuda x.type x.normal_
: x.uniform_ x.bernoulli_ x.backward
y: x.copy_ x.expand_as x.reshape_as x.view_as x.type_as x.__contains__
0.5: x.fill_
2, 2, 3: x.expand
lambda g: g: x.register_hook
2, 3: x.new x.new_empty x.new_ones x.new_zeros x.repeat
[2.0, 3.0]: x.new_tensor
(2, 3), 0.5: x.new_full
mg.float64: x.to
3, 2: x.view x.reshape
0, 2, 1: x.unfold
y: x.__add__ x.__sub__ x.__mul__ x.__truediv__ x.__floordiv__ x.__mod__ x.__pow__ x.__radd__
y: x.__rsub__ x.__rmul__ x.__rtruediv__ x.__rpow__ x.__iadd__ x.__isub__ x.__imul__ x.__itruediv__
y: x.__divmod__
square: x.__matmul__
square[:2, :2]: x.__rmatmul__
mask: x.__and__ x.__or__ x.__xor__
0: x.__getitem__ x.__round__
0, 0.5: x.__setitem__

lambda t: t.sum(): func.value_and_grad func.grad func.hessian
lambda t: t.exp(): func.jacobian func.vmap
lambda t: t.exp(), x: func.vjp func.linearize
lambda t: t.sum(), (x,), (y,): func.jvp func.hvp
x, y, 9.0: testing.assert_close
mg.tanh, [[[0.5, 0.2]]]: testing.check_op
mg.tanh: testing.cases
(2, 3): testing.drawn
lambda t: t * 2: testing.from_autograd testing.from_torch testing.from_vjp

pairs, pairs, cube, v: F.bilinear
ids, x: F.embedding
ids: F.one_hot
x, 3: F.layer_norm F.rms_norm
x, v, v: F.batch_norm
image, 3: F.group_norm
x: F.dropout F.relu F.leaky_relu F.elu F.tanh F.sigmoid F.silu F.gelu F.softplus F.logsigmoid
x: F.relu6
x: F.hardtanh F.selu F.softsign F.mish F.gumbel_softmax F.normalize
x, 1: F.softmax F.log_softmax F.softmin
signal: F.dropout1d
signal, 2: F.max_pool1d F.avg_pool1d F.adaptive_avg_pool1d F.adaptive_max_pool1d
image, 2: F.max_pool2d F.avg_pool2d F.interpolate F.adaptive_avg_pool2d F.adaptive_max_pool2d
signal, mg.ones(2, 3, 2): F.conv1d
image, mg.ones(2, 3, 2, 2): F.conv2d
signal, mg.ones(3, 2, 2): F.conv_transpose1d
image, mg.ones(3, 2, 2, 2): F.conv_transpose2d
x, (1, 2): F.pad
image: F.dropout2d
x, v: F.prelu
even: F.glu
x, y: F.cosine_similarity F.pairwise_distance F.mse_loss F.l1_loss F.huber_loss F.smooth_l1_loss
x, y: F.kl_div F.binary_cross_entropy F.binary_cross_entropy_with_logits
v, v, v: F.margin_ranking_loss
x, ids: F.nll_loss F.cross_entropy
batch, batch, batch: F.scaled_dot_product_attention

"tanh": init.calculate_gain
param: init.uniform_ init.normal_ init.zeros_ init.ones_ init.xavier_uniform_ init.xavier_normal_
param: init.kaiming_uniform_ init.kaiming_normal_ init.eye_ init.trunc_normal_ init.orthogonal_
param, 0.5: init.constant_
nn.LSTM(2, 3), 1.0: init.forget_bias_
nn.LSTM(2, 3), 9: init.chrono_

[0, 1, 2], 2, False: data.BatchSampler
[x, y]: data.collate data.default_collate data.ConcatDataset
items: data.DataLoader data.RandomSampler data.SequentialSampler
: data.Dataset data.IterableDataset data.Sampler
items, [1, 2]: data.random_split
items, [0, 2]: data.Subset
[0, 2]: data.SubsetRandomSampler
x, y: data.TensorDataset
[0.5, 0.5], 4: data.WeightedRandomSampler

x, "file.npz": io.save
saved_file: io.load
"some", step=1, model=module: io.save_checkpoint
saved_checkpoint, model=module: io.load_checkpoint

[param], 1.0: utils.clip_grad_norm_ utils.clip_grad_value_
[param]: utils.parameters_to_vector
nn.Linear(2, 3): utils.weight_norm
nn.utils.weight_norm(nn.Linear(2, 3)): utils.remove_weight_norm
flat, [param]: utils.vector_to_parameters
[v, v]: rnn.pad_sequence rnn.pack_sequence
flat, ones: rnn.PackedSequence
sequence, [5, 3]: rnn.pack_padded_sequence rnn.unpad_sequence
packed: rnn.pad_packed_sequence rnn.unpack_sequence

[param]: optim.Adadelta optim.Adagrad optim.Adam optim.Adamax optim.AdamW optim.LBFGS optim.RMSprop
[param]: optim.SGD optim.ASGD
[param], {"lr": 0.1}: optim.Optimizer
{"params": [nn.Parameter(y)]}: Adam.add_param_group
closure: LBFGS.step
: Adam.step Adam.zero_grad Adam.state_dict
own.state_dict(): Adam.load_state_dict LBFGS.load_state_dict
optimizer, 2: sched.StepLR sched.CosineAnnealingLR
optimizer, 0.5: sched.ExponentialLR
optimizer, [2, 4]: sched.MultiStepLR
optimizer, lambda t: 0.5: sched.LambdaLR sched.MultiplicativeLR
optimizer: sched.ConstantLR sched.PolynomialLR sched.LinearLR sched.ReduceLROnPlateau
optimizer, 3: sched.CosineAnnealingWarmRestarts
optimizer, 0.5, 9: sched.OneCycleLR
optimizer, [sched.StepLR(optimizer, 2), sched.StepLR(optimizer, 3)], [2]: sched.SequentialLR
[sched.StepLR(optimizer, 2), scheduler]: sched.ChainedScheduler
: StepLR.step StepLR.get_last_lr StepLR.state_dict
0.5: ReduceLROnPlateau.step
own.state_dict(): StepLR.load_state_dict
: DataLoader.state_dict Generator.initial_seed Generator.seed
own.state_dict(): DataLoader.load_state_dict
3: Generator.manual_seed

"more", nn.Tanh(): module.add_module module.register_module
lambda m: None: module.apply
: module.buffers module.children module.cpu module.cuda module.double module.eval module.float
: module.modules module.named_buffers module.named_children module.named_modules module.train
: module.named_parameters module.parameters module.requires_grad_ module.state_dict
: module.zero_grad
"part": module.get_submodule
"weight": module.get_parameter
"mean": module.get_buffer
own.state_dict(): module.load_state_dict
"other", x: module.register_buffer
"other", param: module.register_parameter
lambda m, i, o: None: module.register_forward_hook
lambda m, i: None: module.register_forward_pre_hook
lambda m, i, o: None: module.register_full_backward_hook
mg.float64: module.to
0: Sequential.__getitem__ Sequential.__delitem__ Sequential.pop
0, nn.Tanh(): Sequential.__setitem__ Sequential.insert
[nn.Tanh()]: Sequential.extend
nn.Tanh(): Sequential.append
nn.Sequential(nn.Tanh()): Sequential.__add__ Sequential.__iadd__
[nn.Tanh()]: ModuleList.__add__ ModuleList.__iadd__
"a": ModuleDict.__getitem__ ModuleDict.__delitem__ ModuleDict.pop
"a", nn.Tanh(): ModuleDict.__setitem__
: ModuleDict.clear ModuleDict.items ModuleDict.keys ModuleDict.values
{"b": nn.Tanh()}: ModuleDict.update
0: ParameterList.__getitem__
0, nn.Parameter(x): ParameterList.__setitem__
nn.Parameter(x): ParameterList.append
[nn.Parameter(x)]: ParameterList.extend ParameterList.__iadd__
"a", nn.Parameter(x): ParameterDict.__setitem__
{"b": nn.Parameter(x)}: ParameterDict.update
"a": ParameterDict.get
"b", nn.Parameter(x): ParameterDict.setdefault
: ParameterDict.copy ParameterDict.popitem

3, 4, 5: nn.AdditiveAttention nn.Bilinear
3: nn.AttentionPooling nn.BatchNorm1d nn.BatchNorm2d nn.LayerNorm nn.RMSNorm
2: nn.AvgPool1d nn.AvgPool2d nn.MaxPool1d nn.MaxPool2d nn.Upsample
2: nn.AdaptiveAvgPool1d nn.AdaptiveAvgPool2d nn.AdaptiveMaxPool1d nn.AdaptiveMaxPool2d
: nn.BCELoss nn.BCEWithLogitsLoss nn.CosineSimilarity nn.CrossEntropyLoss nn.Dropout nn.Dropout1d
: nn.Dropout2d nn.ELU nn.Flatten nn.GELU nn.GLU nn.Hardtanh nn.HuberLoss nn.Identity nn.KLDivLoss
: nn.L1Loss nn.LeakyReLU nn.LockedDropout nn.LogSigmoid nn.LogSoftmax nn.MarginRankingLoss nn.Mish
: nn.Module nn.MSELoss nn.NLLLoss nn.PairwiseDistance nn.PReLU nn.ReLU nn.ReLU6 nn.SELU nn.Sigmoid
: nn.SiLU nn.SmoothL1Loss nn.Softmax nn.Softmin nn.Softplus nn.Softsign nn.Tanh
3, 4, 2: nn.Conv1d nn.Conv2d nn.ConvTranspose1d nn.ConvTranspose2d
3, 3: nn.GroupNorm
6, 3: nn.Embedding
3, 4: nn.GRU nn.LSTM nn.RNN nn.GRUCell nn.LSTMCell nn.RNNCell nn.PeepholeLSTMCell nn.Linear
3, 4, 1, True, False, 0.0, False, None, None: nn.RNNBase
4, 2: nn.MultiheadAttention
x: nn.Parameter
{"a": nn.Tanh()}: nn.ModuleDict
[nn.Tanh()]: nn.ModuleList
{"a": nn.Parameter(x)}: nn.ParameterDict
[nn.Parameter(x)]: nn.ParameterList
nn.Linear(3, 3), nn.Tanh(): nn.Sequential
4, 2, 1, 1, 8: nn.Transformer
nn.TransformerDecoderLayer(4, 2, 8), 1: nn.TransformerDecoder
nn.TransformerEncoderLayer(4, 2, 8), 1: nn.TransformerEncoder
4, 2, 8: nn.TransformerDecoderLayer nn.TransformerEncoderLayer
1, (3, 1): nn.Unflatten
nn.LSTM(3, 4), sequence: nn.gates
nn.RNNCell(3, 4), sequence: nn.unroll
nn.Linear(3, 4), (2, 3): nn.summary

x, sequence4: nn.AdditiveAttention()
sequence: nn.AttentionPooling()
signal: nn.ConvTranspose1d()
image: nn.ConvTranspose2d() nn.GroupNorm()
signal: nn.AvgPool1d() nn.MaxPool1d() nn.Conv1d() nn.Dropout1d() nn.BatchNorm1d()
signal: nn.AdaptiveAvgPool1d() nn.AdaptiveMaxPool1d()
image: nn.AdaptiveAvgPool2d() nn.AdaptiveMaxPool2d()
image: nn.AvgPool2d() nn.MaxPool2d() nn.Upsample() nn.Conv2d() nn.Dropout2d() nn.BatchNorm2d()
x, y: nn.BCELoss() nn.BCEWithLogitsLoss() nn.CosineSimilarity() nn.HuberLoss() nn.KLDivLoss()
x, y: nn.L1Loss() nn.MSELoss() nn.PairwiseDistance() nn.SmoothL1Loss()
pairs, quads: nn.Bilinear()
x, ids: nn.CrossEntropyLoss() nn.NLLLoss()
x: nn.Dropout() nn.ELU() nn.Flatten() nn.GELU() nn.Hardtanh() nn.Identity() nn.LeakyReLU()
x: nn.LogSigmoid() nn.LogSoftmax() nn.Mish() nn.PReLU() nn.ReLU() nn.ReLU6() nn.SELU()
x: nn.Sigmoid() nn.SiLU() nn.Softmax() nn.Softmin() nn.Softplus() nn.Softsign() nn.Tanh()
x: nn.LayerNorm() nn.RMSNorm() nn.Linear() nn.Sequential() nn.GRUCell() nn.LSTMCell() nn.RNNCell()
x: nn.PeepholeLSTMCell() nn.Unflatten()
ids: nn.Embedding()
sequence: nn.GRU() nn.LSTM() nn.RNN() nn.LockedDropout()
even: nn.GLU()
v, v, v: nn.MarginRankingLoss()
heads, heads, heads: nn.MultiheadAttention()
heads, heads: nn.Transformer() nn.TransformerDecoder() nn.TransformerDecoderLayer()
heads: nn.TransformerEncoder() nn.TransformerEncoderLayer()
"""


def lines_of(text: str) -> dict[str, str]:
    """Callable -> arguments, of a table such as CALLS."""
    found = {}
    for line in text.strip().splitlines():
        arguments, _, names = line.rpartition(": ") if ": " in line else ("", "", "")
        for name in names.split():
            found[name] = arguments.strip()
    return found


class World(dict[str, Any]):
    """The names that a call may use, each made when it is first asked for."""

    def __missing__(self, name: str) -> Any:
        if name not in VALUES:
            raise NameError(name)
        self[name] = VALUES[name](self)
        return self[name]


def tensor_of(w: World, values: Any, dtype: Any = np.float32) -> Any:
    """A tensor of this world; PyTorch's shares no memory either."""
    return w["mg"].tensor(np.array(values, dtype))


def floats(*shape: int) -> Callable[[World], Any]:
    """A tensor of numbers between 0 and 1."""
    numbers = np.linspace(0.1, 0.9, int(np.prod(shape))).reshape(shape)
    return lambda w: tensor_of(w, numbers)


@functools.cache
def made(source: str) -> Callable[[World], Any]:
    """The value of a line of source in a world."""
    code = compile(source, source, "eval")
    return lambda w: eval(code, {"__builtins__": __builtins__}, w)


VALUES: dict[str, Callable[[World], Any]] = {
    "x": floats(2, 3),
    "y": floats(2, 3),
    "v": floats(3),
    "flat": floats(6),
    "pair": floats(2, 3),
    "square": floats(3, 3),
    "batch": floats(2, 3, 3),
    "cube": floats(3, 3, 3),
    "pairs": floats(2, 3),
    "quads": floats(2, 4),
    "even": floats(2, 4),
    "signal": floats(2, 3, 6),
    "image": floats(2, 3, 4, 4),
    "sequence": floats(5, 2, 3),
    "sequence4": floats(2, 5, 4),
    "heads": floats(5, 2, 4),
    "ids": lambda w: tensor_of(w, [0, 1], np.int64),
    "ones": lambda w: tensor_of(w, [1] * 6, np.int64),
    "places": lambda w: tensor_of(w, [[0, 1, 0]], np.int64),
    "mask": lambda w: tensor_of(w, [[True, False, True], [False, True, False]], np.bool_),
    "leaf": lambda w: tensor_of(w, [0.2, 0.4]).requires_grad_(),
    "scalar": made("(leaf * leaf).sum()"),
    "numbers": lambda w: np.array([[0.1, 0.2], [0.3, 0.4]], np.float32),
    "param": made("nn.Parameter(mg.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]))"),
    "optimizer": made("optim.SGD([param], lr=0.1)"),
    "scheduler": made("sched.StepLR(optimizer, 2)"),
    "closure": lambda w: lambda: closure_of(w),
    "items": lambda w: [(tensor_of(w, [i]), i) for i in range(3)],
    "loader": made("data.DataLoader(items, batch_size=2, shuffle=True)"),
    "generator": made("mg.Generator()"),
    "packed": made("rnn.pack_padded_sequence(sequence, [5, 3])"),
    "module": lambda w: a_module(w),
    "saved_file": lambda w: a_file(w, "saved.npz"),
    "saved_checkpoint": lambda w: a_checkpoint(w),
}
RECEIVERS = {
    "module": "module",
    "DataLoader": "loader",
    "Generator": "generator",
    "Sequential": "nn.Sequential(nn.Tanh(), nn.Tanh())",
    "ModuleList": "nn.ModuleList([nn.Tanh(), nn.Tanh()])",
    "ModuleDict": "nn.ModuleDict({'a': nn.Tanh()})",
    "ParameterList": "nn.ParameterList([param, nn.Parameter(x)])",
    "ParameterDict": "nn.ParameterDict({'a': param})",
}
METHODS_OF = {  # the tensors whose methods these are, where x would not do
    "item": "x.sum()",
    "backward": "scalar",
    "register_hook": "leaf",
    "retain_grad": "leaf.exp()",
    "__and__": "mask",
    "__or__": "mask",
    "__xor__": "mask",
}
LIKE = {"ModuleList": "Sequential", "ParameterDict": "ModuleDict"}  # whose lines hold here, too


def closure_of(w: World) -> Any:
    """A loss of `param`, with its gradient."""
    w["param"].grad = None
    loss = (w["param"] ** 2).sum()
    loss.backward()
    return loss


def a_module(w: World) -> Any:
    """A module with a parameter, a buffer and a part."""
    module = w["nn"].Module()
    module.weight = w["param"]
    module.register_buffer("mean", w["v"])
    module.part = w["nn"].Linear(3, 4)
    return module


def a_file(w: World, name: str) -> str:
    """The path of a saved tensor."""
    w["io"].save(w["x"], name)
    return name


def a_checkpoint(w: World) -> str:
    """The path of a checkpoint of `module`."""
    w["io"].save_checkpoint("saved", step=1, model=w["module"])
    return "saved"


LINES = lines_of(CALLS)
for op in mg.OPS.values():
    if op.arity == 1 and not op.required and hasattr(mg, op.__name__):
        LINES.setdefault(f"mg.{op.__name__}", "x")
for other_name in own(mg):  # PyTorch's other names, absolute say
    same = f"mg.{getattr(mg, other_name).__name__}"
    if same in LINES:
        LINES.setdefault(f"mg.{other_name}", LINES[same])
here = {short: importlib.import_module(name) for short, name in FUNCTIONS.items()}


def world() -> World:
    """A fresh world of minigrad."""
    return World(here)


def source_of_call(name: str) -> tuple[str, str, bool]:
    """The callable and the arguments of a working call, and whether the first is the receiver."""
    owner, _, word = name.rpartition(".")
    if name in LINES and owner in FUNCTIONS and not word.endswith("()"):
        return name, LINES[name], False
    if word.endswith("()"):
        made_by = name.removesuffix("()")
        return f"{made_by}({LINES[made_by]})", LINES[name], False
    if owner == "x":
        return source_of_method(word)
    for other in (owner, LIKE.get(owner, ""), "Adam", "StepLR"):
        if f"{other}.{word}" in LINES:
            receiver = RECEIVERS.get(owner) or made_by_class(owner)
            return f"{receiver}.{word}", LINES[f"{other}.{word}"], False
    raise KeyError(f"{name} has no working call in tests/wrong_calls.py")


def made_by_class(owner: str) -> str:
    """The source of an optimizer or a scheduler."""
    short = "sched" if f"sched.{owner}" in LINES else "optim"
    return f"{short}.{owner}({LINES[f'{short}.{owner}']})"


def source_of_method(word: str) -> tuple[str, str, bool]:
    """The source of a call of Tensor's method; it is mg's function where it has no line."""
    plain = word if word.startswith("__") else word.rstrip("_")
    for own_word in (word, plain):
        if f"x.{own_word}" in LINES:
            return f"{METHODS_OF.get(plain, 'x')}.{word}", LINES[f"x.{own_word}"], False
    if f"mg.{plain}" not in LINES:
        raise KeyError(f"x.{word} has no working call in tests/wrong_calls.py")
    return word, LINES[f"mg.{plain}"], True


def as_call(*args: Any, **settings: Any) -> tuple[list[Any], dict[str, Any]]:
    return list(args), settings


def working_call(name: str, w: World) -> tuple[Any, list[Any], dict[str, Any]]:
    """The callable, its arguments and its keywords, in a world."""
    target, arguments, is_method = source_of_call(name)
    w["as_call"] = as_call
    if is_method:
        args, settings = made(f"as_call({arguments})")(w)
        return getattr(args[0], target), args[1:], settings
    owner, _, word = target.rpartition(".")
    if owner in FUNCTIONS or target.endswith(")"):
        called = made(target)(w)
    else:
        w["own"] = made(owner)(w)
        called = getattr(w["own"], word)
    args, settings = made(f"as_call({arguments})")(w)
    return called, args, settings


# The wrong things


class Nothing:
    """An object of a class that nobody knows."""


class TooLong(BaseException):
    """A call took more time than it may."""


class Endless:
    """An iterator without end; whoever reads a tenth more than a million items does not notice."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Endless:
        return self

    def __next__(self) -> float:
        self.read += 1
        if self.read > 1_100_000:
            raise TooLong
        return 1.0


WRONG: dict[str, Callable[[World], Any]] = {
    "None": lambda w: None,
    "a word": lambda w: "abc",
    "bytes": lambda w: b"abc",
    "a fraction": lambda w: 1.5,
    "negative": lambda w: -3,
    "NaN": lambda w: float("nan"),
    "infinity": lambda w: float("inf"),
    "huge": lambda w: 2**40,
    "beyond int64": lambda w: 10**30,
    "complex": lambda w: 1j,
    "True": lambda w: True,
    "an object": lambda w: Nothing(),
    "a class": lambda w: w["nn"].Linear,
    "a module": lambda w: w["nn"].Linear(2, 3),
    "a function": lambda w: lambda *args: None,
    "a dict": lambda w: {"a": 1},
    "a set": lambda w: {1, 2},
    "nothing": lambda w: [],
    "mixed": lambda w: [[1.0], "a"],
    "ragged": lambda w: [[1.0], [1.0, 2.0]],
    "a list of None": lambda w: [None, None],
    "a generator": lambda w: (i for i in (0, 1)),
    "without end": lambda w: Endless(),
    "array of objects": lambda w: np.array([None, "a"], object),
    "array of words": lambda w: np.array(["a", "b"]),
    "array of complex": lambda w: np.array([1j, 2.0]),
    "another shape": lambda w: floats(7, 5)(w),
    "no elements": lambda w: floats(0, 3)(w),
    "one number": lambda w: tensor_of(w, 0.5),
    "integers": lambda w: tensor_of(w, [[5, -7, 9]], np.int64),
    "bools": lambda w: tensor_of(w, [True, False], np.bool_),
    "doubles": lambda w: tensor_of(w, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], np.float64),
    "a NaN tensor": lambda w: tensor_of(w, [[np.nan] * 3] * 2),
    "another device": lambda w: elsewhere(w),
}


def elsewhere(w: World) -> Any:
    """A tensor (2, 3) on another device."""
    device = "strict" if w["mg"] is mg else "meta"
    return w["mg"].ones(2, 3, device=device)


Change = Callable[[list[Any], dict[str, Any], World], None]


def changes_of(name: str) -> Iterator[tuple[str, Change]]:
    """What is done wrong to a working call of a name: (in words, what changes the arguments)."""
    target, args, settings = working_call(name, world())
    yield "no arguments", lambda a, s, w: (a.clear(), s.clear())
    for i in range(1, len(args)):
        yield f"{i} of {len(args)} arguments", lambda a, s, w, i=i: a.__delitem__(slice(i, None))
    yield "one argument too many", lambda a, s, w: a.extend([None] * 12)
    yield "an unknown keyword", lambda a, s, w: s.update(bogus=1)
    for label, thing in WRONG.items():
        for i in range(len(args)):
            yield f"argument {i}: {label}", lambda a, s, w, i=i, t=thing: set_item(a, i, t(w))
        for key in [*settings, *keywords_of(target, len(args))]:
            yield f"{key}={label}", lambda a, s, w, k=key, t=thing: set_item(s, k, t(w))


def set_item(container: Any, key: Any, value: Any) -> None:
    container[key] = value


def keywords_of(target: Any, given: int) -> list[str]:
    """The keywords that a call with so many arguments may take as well."""
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return []
    found = []
    for place, p in enumerate(parameters):
        is_free = p.kind is p.KEYWORD_ONLY or (p.kind is p.POSITIONAL_OR_KEYWORD and place >= given)
        if is_free and p.name not in ("self", "x"):
            found.append(p.name)
    return found
