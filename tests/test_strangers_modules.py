"""Each class and function of nn is called by PyTorch's own signature, its defaults written out.

The signatures are read from PyTorch: each argument that may be left out is given its default,
alone, together with all others, and by position. Values are PyTorch's.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import test_strangers_defaults as words

import minigrad as mg
import nn
import nn.functional
import nn.utils.rnn

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

PARTS = {
    "nn": (nn, torch.nn),
    "functional": (nn.functional, torch.nn.functional),
    "init": (nn.init, torch.nn.init),
    "utils": (nn.utils, torch.nn.utils),
    "rnn": (nn.utils.rnn, torch.nn.utils.rnn),
    "optim": (nn.optim, torch.optim),
    "lr_scheduler": (nn.optim.lr_scheduler, torch.optim.lr_scheduler),
    "data": (nn.data, torch.utils.data),
}
# The arguments without a default: (B,C) = (2,3), images are (2,2,4,4), t is the library
REQUIRED = """
nn.AdaptiveAvgPool1d: output_size=2
nn.AdaptiveAvgPool2d: output_size=2
nn.AdaptiveMaxPool1d: output_size=2
nn.AdaptiveMaxPool2d: output_size=2
nn.AvgPool1d: kernel_size=2
nn.AvgPool2d: kernel_size=2
nn.BatchNorm1d: num_features=3
nn.BatchNorm2d: num_features=3
nn.Bilinear: in1_features=3, in2_features=3, out_features=2
nn.Conv1d: in_channels=2, out_channels=3, kernel_size=2
nn.Conv2d: in_channels=2, out_channels=3, kernel_size=2
nn.ConvTranspose1d: in_channels=2, out_channels=3, kernel_size=2
nn.ConvTranspose2d: in_channels=2, out_channels=3, kernel_size=2
nn.Embedding: num_embeddings=5, embedding_dim=3
nn.GRU: input_size=3, hidden_size=4
nn.GRUCell: input_size=3, hidden_size=4
nn.GroupNorm: num_groups=2, num_channels=4
nn.LSTM: input_size=3, hidden_size=4
nn.LSTMCell: input_size=3, hidden_size=4
nn.LayerNorm: normalized_shape=3
nn.Linear: in_features=3, out_features=2
nn.MaxPool1d: kernel_size=2
nn.MaxPool2d: kernel_size=2
nn.Upsample: size=3
nn.MultiheadAttention: embed_dim=4, num_heads=2
nn.Parameter: data=x
nn.RMSNorm: normalized_shape=3
nn.RNN: input_size=3, hidden_size=4
nn.RNNCell: input_size=3, hidden_size=4
nn.Softmax: dim=1
nn.Transformer: d_model=4, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=8
nn.TransformerDecoder: decoder_layer=nn.TransformerDecoderLayer(4, 2), num_layers=2
nn.TransformerDecoderLayer: d_model=4, nhead=2
nn.TransformerEncoder: encoder_layer=encoder, num_layers=2
nn.TransformerEncoderLayer: d_model=4, nhead=2
nn.Unflatten: dim=1, unflattened_size=(1, 3)
functional.adaptive_avg_pool1d: input=image[0], output_size=3
functional.adaptive_avg_pool2d: input=image, output_size=3
functional.adaptive_max_pool1d: input=image[0], output_size=3
functional.adaptive_max_pool2d: input=image, output_size=3
functional.avg_pool1d: input=image[0], kernel_size=2
functional.avg_pool2d: input=image, kernel_size=2
functional.batch_norm: input=x, running_mean=v, running_var=v * v
functional.bilinear: input1=x, input2=y, weight=t.stack([x[0:1].T @ y[0:1]])
functional.binary_cross_entropy: input=x.sigmoid(), target=y.sigmoid()
functional.binary_cross_entropy_with_logits: input=x, target=y.sigmoid()
functional.conv1d: input=image[:, :, 0], weight=image[:, :, :2, 0]
functional.conv2d: input=image, weight=image[:, :, :2, :2]
functional.conv_transpose1d: input=image[:, :, 0], weight=image[:, :, :2, 0]
functional.conv_transpose2d: input=image, weight=image[:, :, :2, :2]
functional.cosine_similarity: x1=x, x2=y
functional.cross_entropy: input=x, target=classes
functional.dropout: input=x
functional.dropout1d: input=image[0]
functional.dropout2d: input=image
functional.embedding: input=classes, weight=x
functional.glu: input=image
functional.group_norm: input=image, num_groups=2
functional.gumbel_softmax: logits=x
functional.huber_loss: input=x, target=y
functional.interpolate: input=image, size=3
functional.kl_div: input=x, target=y.sigmoid()
functional.l1_loss: input=x, target=y
functional.layer_norm: input=x, normalized_shape=(3,)
functional.rms_norm: input=x, normalized_shape=(3,)
functional.linear: input=x, weight=y
functional.margin_ranking_loss: input1=x, input2=y, target=x.sign()
functional.max_pool1d: input=image[0], kernel_size=2
functional.max_pool2d: input=image, kernel_size=2
functional.mse_loss: input=x, target=y
functional.nll_loss: input=x, target=classes
functional.normalize: input=x
functional.one_hot: input=classes
functional.pad: input=x, pad=(1, 2)
functional.pairwise_distance: x1=x, x2=y
functional.prelu: input=x, weight=v
functional.scaled_dot_product_attention: query=x, key=x, value=y
functional.smooth_l1_loss: input=x, target=y
init.calculate_gain: nonlinearity="tanh"
init.constant_: val=0.5
utils.clip_grad_norm_: parameters=[leaf], max_norm=0.5
utils.clip_grad_value_: parameters=[leaf], clip_value=0.5
utils.parameters_to_vector: parameters=[leaf]
utils.vector_to_parameters: vec=v[:2], parameters=[leaf]
utils.weight_norm: module=nn.Linear(3, 2)
utils.remove_weight_norm: module=nn.utils.weight_norm(nn.Linear(3, 2))
rnn.invert_permutation: permutation=t.tensor([1, 0, 2])
rnn.pack_padded_sequence: input=image[0], lengths=[2, 2, 1, 1]
rnn.pack_sequence: sequences=[x, y[:1]]
rnn.pad_packed_sequence: sequence=packed
rnn.pad_sequence: sequences=[x, y[:1]]
rnn.unpack_sequence: packed_sequences=packed
rnn.unpad_sequence: padded_sequences=image[0], lengths=t.tensor([2, 1, 1, 1])
optim.Optimizer: params=[leaf], defaults={}
lr_scheduler.ChainedScheduler: schedulers=schedules
lr_scheduler.CosineAnnealingLR: T_max=3
lr_scheduler.CosineAnnealingWarmRestarts: T_0=3
lr_scheduler.ExponentialLR: gamma=0.5
lr_scheduler.LambdaLR: lr_lambda=lambda step: 0.5
lr_scheduler.MultiStepLR: milestones=[1, 2]
lr_scheduler.MultiplicativeLR: lr_lambda=lambda step: 0.5
lr_scheduler.OneCycleLR: max_lr=0.5, total_steps=9
lr_scheduler.SequentialLR: schedulers=schedules, milestones=[2]
lr_scheduler.StepLR: step_size=2
data.BatchSampler: sampler=range(4), batch_size=2, drop_last=False
data.ConcatDataset: datasets=[[1, 2], [3]]
data.DataLoader: dataset=[1.0, 2.0, 3.0]
data.RandomSampler: data_source=[1, 2, 3]
data.SequentialSampler: data_source=[1, 2, 3]
data.Subset: dataset=[1, 2, 3], indices=[0, 2]
data.SubsetRandomSampler: indices=[0, 2]
data.WeightedRandomSampler: weights=[1.0, 2.0], num_samples=2
data.default_collate: batch=[1.0, 2.0]
data.random_split: dataset=[1, 2, 3], lengths=[1, 2]
"""
TABLE = dict(line.split(": ", 1) for line in REQUIRED.strip().splitlines())
# What a whole part begins with
FIRST = {
    "functional": "input=x",
    "init": "tensor=weight",
    "optim": "params=[leaf]",
    "lr_scheduler": "optimizer=optimizer",
}
SIZES = "input_size, hidden_size"
LAYERS = "num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False"
# Where PyTorch's signature is *args, or the documentation is silent or says no defaults
FORMS = {
    "nn.GRU": f"{SIZES}, {LAYERS}, *, device=None, dtype=None",
    "nn.LSTM": f"{SIZES}, {LAYERS}, proj_size=0, *, device=None, dtype=None",
    "nn.RNN": f"{SIZES}, num_layers=1, nonlinearity='tanh', {LAYERS[14:]}, *, device=None",
    "functional.adaptive_max_pool1d": "input, output_size, return_indices=False",
    "functional.adaptive_max_pool2d": "input, output_size, return_indices=False",
    "functional.max_pool1d": "input, kernel_size, stride=None, padding=0, dilation=1, "
    "ceil_mode=False, return_indices=False",
    "functional.max_pool2d": "input, kernel_size, stride=None, padding=0, dilation=1, "
    "ceil_mode=False, return_indices=False",
    "functional.one_hot": "input, num_classes=-1",
    "functional.scaled_dot_product_attention": "query, key, value, attn_mask=None, dropout_p=0.0, "
    "is_causal=False, *, scale=None, enable_gqa=False",
    "functional.softplus": "input, beta=1, threshold=20",
}
RANDOM = {"dropout", "dropout1d", "dropout2d", "gumbel_softmax"}
# Nothing to be called, or with any number of arguments
LEFT_OUT = """nn.Identity nn.Module nn.Sequential nn.ModuleDict nn.ParameterDict data.Dataset
    data.IterableDataset data.TensorDataset data.Sampler lr_scheduler.LRScheduler nn.RNNBase
    rnn.PackedSequence""".split()


def shared_words() -> Iterator[str]:
    """part.name of each public class and function that both have."""
    for part, (ours, theirs) in PARTS.items():
        for name in dir(ours):
            word = getattr(ours, name)
            is_own = callable(word) and getattr(word, "__module__", "").startswith("nn")
            if is_own and hasattr(theirs, name) and not name.startswith("_"):
                if f"{part}.{name}" not in LEFT_OUT:
                    yield f"{part}.{name}"


def given_names(ours: bool) -> dict[str, Any]:
    """What the table's arguments are made of; the same numbers in both libraries."""
    library, part = (mg, nn) if ours else (torch, torch.nn)
    optim = nn.optim if ours else torch.optim
    rng = np.random.default_rng(4)
    found = {"t": library, "nn": part}
    for name, shape in {"x": (2, 3), "y": (2, 3), "v": (3,), "image": (2, 2, 4, 4)}.items():
        found[name] = library.tensor(rng.standard_normal(shape))
    found["encoder"] = part.TransformerEncoderLayer(4, 2, batch_first=True)
    found["weight"] = library.tensor(rng.standard_normal((3, 4)))
    found["classes"] = library.tensor([1, 0])
    leaf = part.Parameter(library.tensor([1.0, -2.0]))
    leaf.grad = library.tensor([3.0, 4.0])
    found["leaf"] = leaf
    found["optimizer"] = optim.SGD([leaf], lr=0.1)
    found["schedules"] = [optim.lr_scheduler.StepLR(found["optimizer"], n) for n in (2, 3)]
    found["packed"] = part.utils.rnn.pack_sequence([found["x"], found["y"][:1]])
    return found


def default_arguments(word: str) -> tuple[dict[str, Any], list[str]]:
    """PyTorch's defaults by name, and the names that have a place, in order."""
    part, _, name = word.partition(".")
    theirs = getattr(PARTS[part][1], name)
    is_named = word not in FORMS
    if is_named:
        try:
            parameters = inspect.signature(theirs).parameters.values()
        except ValueError:  # written in C
            is_named = False
    if is_named:
        kinds = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        defaults = {p.name: p.default for p in kinds if p.default is not p.empty}
        return defaults, [p.name for p in kinds if p.kind is not p.KEYWORD_ONLY]
    form = FORMS.get(word) or words.documented(name, theirs)[0]
    arguments = words.arguments_of(form)
    defaults = {a.name: eval(a.default) for a in arguments if a.default}
    return defaults, [a.name for a in arguments if not a.keyword]


def as_ours(value: Any) -> Any:
    """A default of PyTorch's as minigrad's: a function of the same name, its own random numbers."""
    if isinstance(value, torch.Generator):
        return None
    if callable(value) and getattr(value, "__module__", "").startswith("torch"):
        for ours, _ in PARTS.values():
            if hasattr(ours, value.__name__):
                return getattr(ours, value.__name__)
    return value


def required_arguments(word: str, ours: bool) -> dict[str, Any]:
    """The arguments of a word that have no default, by name."""
    part = word.partition(".")[0]
    first = "" if word in TABLE and part == "functional" else FIRST.get(part, "")
    if word in ("init.calculate_gain", "optim.Optimizer"):
        first = ""
    text = ", ".join([text for text in (first, TABLE.get(word, "")) if text])
    found: dict[str, Any] = eval(f"dict({text})", given_names(ours))
    return found


def called(word: str, ours: bool, arrange: Callable[..., tuple[list[Any], dict[str, Any]]]) -> Any:
    """The value of a call whose arguments `arrange` makes of those required and the defaults."""
    part, _, name = word.partition(".")
    function = getattr(PARTS[part][0 if ours else 1], name)
    defaults, places = default_arguments(word)
    if ours:
        defaults = {key: as_ours(value) for key, value in defaults.items()}
    required = required_arguments(word, ours)
    torch.manual_seed(0)
    positional, named = arrange(required, defaults, places)
    return function(*positional, **named)


def by_name(required: Any, defaults: Any, places: Any) -> Any:
    """Everything by its keyword."""
    return [], {**defaults, **required}


def by_place(required: Any, defaults: Any, places: Any) -> Any:
    """By position what has one, the rest by keyword."""
    values = {**defaults, **required}
    rest = {key: value for key, value in values.items() if key not in places}
    return [values[key] for key in places], rest


def check(word: str, arrange: Any) -> None:
    """Raise where minigrad refuses what PyTorch takes, or gives another value."""
    try:
        theirs = called(word, False, arrange)
    except (TypeError, ValueError, RuntimeError):
        assert arrange is not by_name or word == "optim.Optimizer", word
        return
    ours = called(word, True, arrange)
    if word.partition(".")[0] in ("functional", "rnn") and word.partition(".")[2] not in RANDOM:
        for our, their in zip(words.flat(ours), words.flat(theirs), strict=True):
            np.testing.assert_allclose(our, their, 1e-10, 1e-12, strict=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("word", list(shared_words()))
def test_a_word_takes_pytorchs_arguments_at_their_defaults(word: str) -> None:
    check(word, lambda required, defaults, places: ([], required))
    for name in default_arguments(word)[0].keys() - required_arguments(word, True).keys():
        check(word, lambda required, defaults, _, n=name: ([], {**required, n: defaults[n]}))
    check(word, by_name)
    check(word, by_place)
