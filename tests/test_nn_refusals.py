"""What the layers, losses, optimizers and files refuse, by which sentence; rare paths by value."""

import importlib
import importlib.util
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import strict_device  # noqa: F401  (device="strict")

import minigrad as mg
import nn
import nn.functional as F
from nn import io
from nn.data import DataLoader, WeightedRandomSampler
from nn.optim import SGD, Adam
from nn.optim.lr_scheduler import (
    CosineAnnealingWarmRestarts,
    LinearLR,
    ReduceLROnPlateau,
    StepLR,
)
from nn.utils.rnn import (
    PackedSequence,
    invert_permutation,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)


def an_optimizer():
    return SGD([nn.Parameter(mg.zeros(2))], lr=0.1)


def load_floats_into_integers():
    module = nn.Module()
    module.register_buffer("count", mg.tensor([1, 2]))
    module.load_state_dict({"count": mg.tensor([1.5, 2.5])})


def attend_to_a_query_of_another_size():
    nn.AdditiveAttention(3, 4, 5)(mg.zeros(2, 7), mg.zeros(2, 6, 4))


def save_a_state_of_its_own():
    class Counted(nn.Linear):
        def get_extra_state(self):
            return 3

    nn.Sequential(Counted(1, 1)).state_dict()


def load_a_state_of_text():
    scheduler = StepLR(an_optimizer(), 2)
    scheduler.load_state_dict(scheduler.state_dict() | {"gamma": "half"})


REFUSED = [
    (
        NotImplementedError,
        r"^Counted\.state_dict: get_extra_state is not supported; keep tensors in buffers, and ",
        save_a_state_of_its_own,
    ),
    (
        TypeError,
        r"^Linear\.state_dict: expected a dict as destination and a str as prefix, got a int",
        lambda: nn.Linear(2, 3).state_dict(destination=3),
    ),
    (
        ValueError,
        r"^pad_sequence: expected sequences \(time, \.\.\.\) that differ in time alone, got ",
        lambda: nn.utils.rnn.pad_sequence([mg.ones(2, 3), mg.ones(2, 4)]),
    ),
    (
        ValueError,
        r"^bilinear: expected bias \(5,\), got \(4,\)$",
        lambda: F.bilinear(mg.ones(2, 3), mg.ones(2, 4), mg.ones(5, 3, 4), mg.ones(4)),
    ),
    (
        ValueError,
        r"^batch_norm: expected both running_mean and running_var, got one of them$",
        lambda: F.batch_norm(mg.ones(4, 3), mg.ones(3), None, training=True),
    ),
    (
        ValueError,
        r"^batch_norm: expected eps above 0, got 0$",
        lambda: F.batch_norm(mg.ones(4, 3), None, None, training=True, eps=0),
    ),
    (
        TypeError,
        r"^scaled_dot_product_attention: expected attn_mask of bools or floats, got int64$",
        lambda: F.scaled_dot_product_attention(
            mg.ones(2, 3), mg.ones(2, 3), mg.ones(2, 3), attn_mask=mg.ones(2, 2).long()
        ),
    ),
    (
        TypeError,
        r"^Unflatten: expected unflattened_size to be a tuple of integers, got 'ab'$",
        lambda: nn.Unflatten(0, "ab"),
    ),
    (
        TypeError,
        r"^Subset: expected a list of numbers, got a dict$",
        lambda: nn.data.Subset([1, 2], {0: 1}),
    ),
    (
        ValueError,
        r"^DataLoader: expected items of one shape, got \[\(2,\), \(3,\)\]; give a collate_fn",
        lambda: next(iter(nn.data.DataLoader([np.ones(2), np.ones(3)], batch_size=2))),
    ),
    (
        TypeError,
        r"linear: expected a tensor or a number, got a tuple with tensors in it; take one of them",
        lambda: nn.Sequential(nn.LSTM(3, 8), nn.Linear(8, 2))(mg.ones(5, 2, 3)),
    ),
    (
        ValueError,
        r"cross_entropy: expected target \(2,\) of integers .* got \(2,\) of float32; .*\.long\(\)",
        lambda: F.cross_entropy(mg.ones(2, 3), mg.tensor([0.0, 1.0])),
    ),
    (
        ValueError,
        r"got \(2, 1\) of int64; take the last dimension off with \.squeeze\(-1\)",
        lambda: F.cross_entropy(mg.ones(2, 3), mg.tensor([[0], [1]])),
    ),
    (
        ValueError,
        r"got \(2, 3\) of int64; of one-hot rows take \.argmax\(1\)",
        lambda: F.cross_entropy(mg.ones(2, 3), mg.tensor([[1, 0, 0], [0, 1, 0]])),
    ),
    (
        ValueError,
        r"got \(2, 5\) of int64; the classes of input are dimension 1: reshape to \(-1, classes\)",
        lambda: F.cross_entropy(mg.ones(2, 5, 3), mg.zeros(2, 5, dtype=mg.int64)),
    ),
    (
        TypeError,
        "Sequential: expected a Module, got the class ReLU; call it to make one",
        lambda: nn.Sequential(nn.ReLU, nn.Tanh()),
    ),
    (
        TypeError,
        "SGD: params: expected an iterable of parameters .* got a tuple among them",
        lambda: SGD([(p, name) for name, p in nn.Linear(2, 3).named_parameters()], lr=0.1),
    ),
    (TypeError, "dropout: expected floats, got int64", lambda: F.dropout(mg.tensor([1, 2]))),
    (ValueError, r"pad: expected a pair \(before, after\)", lambda: F.pad(mg.zeros(2), (1,))),
    (
        ValueError,
        "^pad: expected values that int64 can hold, got nan$",
        lambda: F.pad(mg.tensor([1]), (1, 0), value=np.nan),
    ),
    (
        ValueError,
        "^pad_sequence: expected values that int64 can hold, got inf$",
        lambda: pad_sequence([mg.tensor([1]), mg.tensor([1, 2])], padding_value=np.inf),
    ),
    (
        ValueError,
        "^pad_packed_sequence: expected values that int64 can hold, got nan$",
        lambda: pad_packed_sequence(pack_sequence([mg.tensor([1])]), padding_value=np.nan),
    ),
    (
        ValueError,
        r"expected input \(batch, classes, ...\) or \(classes,\), got \(\)",
        lambda: F.cross_entropy(mg.tensor(1.0), mg.tensor(0)),
    ),
    (
        ValueError,
        r"^cross_entropy: expected class numbers as target where ignore_index=1, got prob",
        lambda: F.cross_entropy(mg.ones(2, 3), mg.ones(2, 3), ignore_index=1),
    ),
    (
        ValueError,
        r"expected embeddings \(num_embeddings, embedding_dim\), got \(3,\)",
        lambda: nn.Embedding.from_pretrained(mg.zeros(3)),
    ),
    (
        ValueError,
        r"LockedDropout: expected input \(time, batch, size\) or \(time, size\), got \(3,\)",
        lambda: nn.LockedDropout()(mg.zeros(3)),
    ),
    (
        ValueError,
        r"LockedDropout: expected input \(batch, time, size\)",
        lambda: nn.LockedDropout(batch_first=True)(mg.zeros(3)),
    ),
    (
        ValueError,
        r"lengths of 2 integers from 0 to 5, got \[1, \[2, 3\]\]",
        lambda: nn.LSTM(3, 4)(mg.zeros(5, 2, 3), lengths=[1, [2, 3]]),
    ),
    (
        ValueError,
        r"AdditiveAttention: expected query \(batch, 3\) or \(batch, queries, 3\), got \(2, 7\)",
        attend_to_a_query_of_another_size,
    ),
    (RuntimeError, "expected count of int64, got float32", load_floats_into_integers),
    (
        TypeError,
        r"Adam: betas: expected a pair of numbers, got \(0.9, \(0.9, 0.9\)\)",
        lambda: Adam([nn.Parameter(mg.zeros(2))], betas=(0.9, (0.9, 0.9))),
    ),
    (
        ValueError,
        "StepLR: load_state_dict: gamma: expected numbers as in 0.1, got 'half'",
        load_a_state_of_text,
    ),
    (
        ValueError,
        "LinearLR: end_factor: expected from 0 to 1, got 2",
        lambda: LinearLR(an_optimizer(), end_factor=2.0),
    ),
    (
        ValueError,
        "ReduceLROnPlateau: threshold_mode: expected 'rel' or 'abs', got 'both'",
        lambda: ReduceLROnPlateau(an_optimizer(), threshold_mode="both"),
    ),
    (
        ValueError,
        "pad_sequence: expected padding_side 'left' or 'right', got 'up'",
        lambda: pad_sequence([mg.zeros(2)], padding_side="up"),
    ),
    (
        ValueError,
        "Hardtanh: expected min_val below max_val, got 2 and 1",
        lambda: nn.Hardtanh(2, 1),
    ),
    (
        ValueError,
        "attention: expected queries of the keys' size",
        lambda: F.scaled_dot_product_attention(mg.ones(2, 3), mg.ones(2, 4), mg.ones(2, 4)),
    ),
    (
        ValueError,
        "smooth_l1_loss: expected beta of at least 0, got -1",
        lambda: F.smooth_l1_loss(mg.ones(2), mg.ones(2), beta=-1),
    ),
    (
        ValueError,
        "normal_: expected std of at least 0, got -1",
        lambda: nn.init.normal_(mg.ones(2), std=-1),
    ),
    (
        TypeError,
        "pad: expected pad to be a tuple, got a int",
        lambda: F.pad(mg.ones(2), 1),
    ),
    (
        TypeError,
        "pad: expected pad to be a tuple of integers, got a list",
        lambda: F.pad(mg.ones(2), ([1], 2)),
    ),
    (
        ValueError,
        r"conv1d: expected weight \(out, in / 1, ...\) for 2 channels in, got \(\)",
        lambda: F.conv1d(mg.ones(1, 2, 3), mg.tensor(1.0)),
    ),
    (
        ValueError,
        r"conv1d: expected input of 6 channels at dim -2, for weight \(4, 3, 2\) and groups=2, "
        r"got \(1, 2, 3\)",
        lambda: F.conv1d(mg.ones(1, 2, 3), mg.ones(4, 3, 2), groups=2),
    ),
    (
        TypeError,
        "cross_entropy: expected input of floats, got int64; use .float()",
        lambda: F.cross_entropy(mg.tensor([0, 1]), mg.ones(2, 3)),  # the target comes second
    ),
    (
        ValueError,
        r"conv1d: expected bias \(4,\), got \(\)",
        lambda: F.conv1d(mg.ones(1, 2, 3), mg.ones(4, 2, 2), mg.tensor(1.0)),
    ),
    (
        TypeError,
        "conv2d: expected bias of the parameters' dtype float32, got bool",
        lambda: F.conv2d(mg.ones(1, 2, 3, 3), mg.ones(1, 2, 2, 2), mg.tensor([True])),
    ),
    (
        ValueError,
        r"embedding: expected weight \(rows, columns\), got \(3,\)",
        lambda: mg.embedding(mg.ones(3), mg.tensor([0])),
    ),
    (
        ValueError,
        "CosineAnnealingWarmRestarts: eta_min: expected a number, got a tensor; use .item()",
        lambda: CosineAnnealingWarmRestarts(an_optimizer(), 2, eta_min=mg.tensor(0.5)),
    ),
    (
        TypeError,
        "WeightedRandomSampler: expected a list of numbers as weights",
        lambda: WeightedRandomSampler([[1.0], [1.0, 2.0]], 2),
    ),
    (
        TypeError,
        "DataLoader: expected batch_sampler to give lists of numbers",
        lambda: list(DataLoader([1.0, 2.0], batch_sampler=[1, 2])),
    ),
    (
        TypeError,
        "expected an integer as index",
        lambda: nn.data.Subset([1.0, 2.0], [0])["a"],
    ),
    (
        ValueError,
        r"batch_norm: expected input \(batch, channels, ...\), got \(3,\)",
        lambda: F.batch_norm(mg.ones(3), mg.zeros(3), mg.ones(3)),
    ),
    (
        TypeError,
        r"^Linear\.register_buffer: expected a Tensor or None as 'mean', got a int$",
        lambda: nn.Linear(2, 3).register_buffer("mean", 3),
    ),
    (
        KeyError,
        r"Linear\.register_buffer: attribute 'weight' already exists; give another name",
        lambda: nn.Linear(2, 3).register_buffer("weight", mg.ones(3)),
    ),
    (
        TypeError,
        r"^Linear\.register_module: expected a name that is a str, got 3$",
        lambda: nn.Linear(2, 3).register_module(3, nn.Tanh()),
    ),
    (
        TypeError,
        r"^Linear\.register_forward_hook: expected a function as hook, got None$",
        lambda: nn.Linear(2, 3).register_forward_hook(None),
    ),
    (
        TypeError,
        r"^Linear\.register_full_backward_hook: expected True or False as prepend, got float32\(2,",
        lambda: nn.Linear(2, 3).register_full_backward_hook(print, prepend=mg.ones(2)),
    ),
    (
        TypeError,
        r"^Linear\.state_dict: expected True or False as keep_vars, got float32\(2,\)$",
        lambda: nn.Linear(2, 3).state_dict(keep_vars=mg.ones(2)),
    ),
    (
        TypeError,
        r"^Linear\.named_parameters: expected a str as prefix, got 3$",
        lambda: nn.Linear(2, 3).named_parameters(3),
    ),
    (
        TypeError,
        r"^ModuleDict\.__setitem__: expected a Module or None as 'a', got a int$",
        lambda: nn.ModuleDict({"a": 3}),
    ),
    (
        RuntimeError,
        r"^ParameterList: expected floats to make a Parameter of, got int64\(2,\); convert it with",
        lambda: nn.ParameterList([mg.tensor([1, 2])]),
    ),
    (
        TypeError,
        "^load_checkpoint: expected optimizer to be a module, an optimizer or .*, got 3; leave it",
        lambda: io.load_checkpoint("no file", optimizer=3),
    ),
    (
        TypeError,
        "^save_checkpoint: expected dicts, lists, .* got a bytes as model",
        lambda: io.save_checkpoint("no file", model=b"abc"),
    ),
    (
        ValueError,
        "^parameters_to_vector: expected at least one parameter, got none",
        lambda: nn.utils.parameters_to_vector([]),
    ),
    (
        TypeError,
        r"^clip_grad_norm_: expected a number as norm_type, got int64\(2,\)",
        lambda: nn.utils.clip_grad_norm_([], 1.0, norm_type=np.arange(2)),
    ),
    (
        ValueError,
        r"^PackedSequence: expected sorted_indices to be the .* got int64\(2,\)",
        lambda: PackedSequence(mg.ones(3), mg.tensor([2, 1]), mg.tensor([0, 2])),
    ),
    (
        ValueError,
        r"^PackedSequence: expected unsorted_indices to be the .* got int64\(2,\)",
        lambda: PackedSequence(mg.ones(3), mg.tensor([2, 1]), None, mg.tensor([0, 2])),
    ),
    (
        ValueError,
        r"^PackedSequence: expected sorted_indices to be the .* got float32\(2,\)",
        lambda: PackedSequence(mg.ones(3), mg.tensor([2, 1]), mg.tensor([0.0, 1.0])),
    ),
    (
        ValueError,
        r"^PackedSequence: expected sorted_indices to be the .* got int64\(1, 2\)",
        lambda: PackedSequence(mg.ones(3), mg.tensor([2, 1]), mg.tensor([[0, 1]])),
    ),
    (
        ValueError,
        r"^PackedSequence: expected sorted_indices to be the .* got int64\(\)",
        lambda: PackedSequence(mg.ones(3), mg.tensor([2, 1]), mg.tensor(0)),
    ),
    (
        TypeError,
        "^PackedSequence: expected a Tensor as sorted_indices, got 'abc'",
        lambda: PackedSequence(mg.ones(3), mg.tensor([2, 1]), "abc"),
    ),
    (
        TypeError,
        "^unpack_sequence: expected a PackedSequence, got 3",
        lambda: unpack_sequence(3),
    ),
    (
        IndexError,
        r"^unpad_sequence: expected a padded batch \(time, batch, ...\), got shape \(\)",
        lambda: unpad_sequence(mg.tensor(1.0), [1]),
    ),
    (
        ValueError,
        "^pad_packed_sequence: expected total_length of at most",
        lambda: pad_packed_sequence(pack_sequence([mg.ones(3)]), total_length=2**40),
    ),
    # Each argument by its annotation: flags, numbers, sizes, tensors, places
    (
        TypeError,
        "^Linear: expected True or False as bias, got 'no'$",
        lambda: nn.Linear(2, 3, bias="no"),
    ),
    (
        TypeError,
        r"^LSTM: expected True or False as bidirectional, got object\(2,\)$",
        lambda: nn.LSTM(2, 3, bidirectional=np.array([None, 1])),
    ),
    (
        TypeError,
        "^GRU: expected True or False as bias, got 0.5$",  # in PyTorch it is the dropout, too
        lambda: nn.GRU(2, 3, 2, 0.5),
    ),
    (
        TypeError,
        "^dropout: expected True or False as training, got 1$",
        lambda: F.dropout(mg.ones(2), 0.5, 1),
    ),
    (
        TypeError,
        "^Linear: expected an integer as in_features, got 2.5$",
        lambda: nn.Linear(2.5, 3),
    ),
    (
        TypeError,
        "^Embedding: expected an integer or None as padding_idx, got 'a'$",
        lambda: nn.Embedding(4, 3, "a"),
    ),
    (
        ValueError,
        "^Linear: expected out_features of at least 0, got -3$",
        lambda: nn.Linear(2, -3),
    ),
    (
        ValueError,
        "^LayerNorm: expected normalized_shape of at least 0, got -3$",
        lambda: nn.LayerNorm(-3),
    ),
    (
        TypeError,
        "^ELU: expected a number as alpha, got 'abc'$",
        lambda: nn.ELU("abc"),
    ),
    (
        TypeError,
        r"^elu: expected a number as alpha, got float32\(2,\)$",
        lambda: F.elu(mg.ones(2), mg.ones(2)),
    ),
    (
        TypeError,
        "^batch_norm: expected a number as momentum, got None$",
        lambda: F.batch_norm(mg.ones(2, 3), mg.ones(3), mg.ones(3), momentum=None),
    ),
    (
        TypeError,
        "^gumbel_softmax: expected a number or a Tensor as tau, got None$",
        lambda: F.gumbel_softmax(mg.ones(2, 3), None),
    ),
    (
        TypeError,
        r"^silu: expected a Tensor as input, got a list; make one with minigrad.tensor\(...\)$",
        lambda: F.silu([1.0]),
    ),
    (
        TypeError,
        "^MultiheadAttention: expected a dtype or None as dtype, got 'abc'; minigrad.float32, say$",
        lambda: nn.MultiheadAttention(4, 2, dtype="abc"),
    ),
    (
        ValueError,
        "^Conv1d: expected a device or None as device, got 'abc'; 'cpu', 'cuda' or 'cuda:1', say$",
        lambda: nn.Conv1d(2, 3, 2, device="abc"),
    ),
    (
        TypeError,
        r"^linear: expected numbers, got bool; convert both with .float\(\)$",
        lambda: F.linear(mg.ones(2, 3).bool(), mg.ones(4, 3).bool()),
    ),
    (
        TypeError,
        r"^linear: .* dtype int64, got float32; cast it with .to\(minigrad.int64\), or the layer "
        r"with .float\(\)$",
        lambda: F.linear(mg.ones(2, 3), mg.ones(4, 3).long()),
    ),
    # What an inner operation would refuse in its own name
    (
        ValueError,
        "^dropout1d: expected p between 0 and 1, got 1.5$",
        lambda: F.dropout1d(mg.ones(2, 3), 1.5),
    ),
    (
        IndexError,
        "^normalize: expected a dim from -2 to 1, got dim 2",
        lambda: F.normalize(mg.ones(2, 3), dim=2),
    ),
    (
        TypeError,
        "^cosine_similarity: expected x2 of floats, got int64; use .float",
        lambda: F.cosine_similarity(mg.ones(1, 1), mg.tensor([[1]])),
    ),
    (
        IndexError,
        "^softmin: expected a dim from -2 to 1, got dim 2",
        lambda: F.softmin(mg.ones(2, 3), 2),
    ),
    (
        ValueError,
        r"^pairwise_distance: expected shapes that broadcast, got \(2,\) and \(3,\)",
        lambda: F.pairwise_distance(mg.ones(2), mg.ones(3)),
    ),
    (
        ValueError,
        r"^batch_norm: expected weight \(3,\), one number for each channel, got \(1, 3\)$",
        lambda: F.batch_norm(mg.ones(2, 3), None, None, mg.ones(1, 3), training=True),
    ),
    (
        ValueError,
        "^scaled_dot_product_attention: expected dropout_p between 0 and 1, got 2$",
        lambda: F.scaled_dot_product_attention(*[mg.ones(2, 3)] * 3, dropout_p=2),
    ),
    (
        ValueError,
        r"^scaled_dot_product_attention: attn_mask: expected shapes that broadcast, got \(7,\)",
        lambda: F.scaled_dot_product_attention(*[mg.ones(2, 3)] * 3, attn_mask=mg.ones(7)),
    ),
    (
        RuntimeError,
        r"^l1_loss \(sub\): expected tensors on one device, got cpu and strict",
        lambda: F.l1_loss(mg.ones(2), mg.ones(2, device="strict")),
    ),
    (
        ValueError,
        r"^Unflatten: expected an unflattened_size of 3 elements, got \(2, 2\)",
        lambda: nn.Unflatten(1, (2, 2))(mg.ones(2, 3)),
    ),
    (
        TypeError,
        "^LockedDropout: expected a Tensor as input, got None",
        lambda: nn.LockedDropout()(None),
    ),
    (
        MemoryError,
        "^one_hot: expected sizes that some memory holds",
        lambda: F.one_hot(mg.tensor([0, 1]), 2**40),
    ),
    (
        TypeError,
        r"^softmin \(neg\): expected numbers, got bool; convert it with .float\(\)",
        lambda: F.softmin(mg.tensor([True]), 0),
    ),
    (
        ValueError,
        r"^BCELoss \(binary_cross_entropy\): expected weight to broadcast to \(2,\), got \(3,\)$",
        lambda: nn.BCELoss(mg.ones(3))(mg.ones(2), mg.ones(2)),
    ),
    (
        ValueError,
        "^TransformerDecoderLayer: expected d_model to be a multiple of nhead, got 4 and 3$",
        lambda: nn.TransformerDecoderLayer(4, 3, 8),
    ),
    (
        ValueError,
        "^Transformer: expected num_encoder_layers of at least 0, got -1$",
        lambda: nn.Transformer(4, 2, -1),
    ),
    (
        ValueError,
        r"^Transformer: expected tgt of 3 dimensions, .* of size 4, got \(5, 2, 3\)$",
        lambda: nn.Transformer(4, 2, 1, 1, 8)(mg.ones(5, 2, 4), mg.ones(5, 2, 3)),
    ),
    (
        ValueError,
        r"^TransformerEncoder \(TransformerEncoderLayer\): expected src of 3 dimensions, .*5\)$",
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 1)(mg.ones(7, 5)),
    ),
    (
        ValueError,
        r"^TransformerDecoderLayer: expected memory_mask of shape \(2, 3\) or .*, got \(2, 2\)$",
        lambda: nn.TransformerDecoderLayer(4, 2, 8)(
            mg.ones(2, 1, 4), mg.ones(3, 1, 4), memory_mask=mg.zeros(2, 2)
        ),
    ),
    (
        ValueError,
        r"^TransformerEncoderLayer: expected src_key_padding_mask of shape \(1, 2\), got \(2, 1\)$",
        lambda: nn.TransformerEncoderLayer(4, 2, 8)(
            mg.ones(2, 1, 4), src_key_padding_mask=mg.zeros(2, 1).bool()
        ),
    ),
    (
        TypeError,
        "^TransformerEncoder: expected a module as norm, got the class LayerNorm; call it to make",
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 1, nn.LayerNorm),
    ),
    (
        ValueError,
        "^GRU: expected chrono above 2, the longest dependency, got 1",
        lambda: nn.GRU(2, 3, chrono=1),
    ),
    (
        ValueError,
        "^LSTMCell: expected a finite number as forget_bias, got inf$",
        lambda: nn.LSTMCell(2, 3, forget_bias=float("inf")),
    ),
    (
        NotImplementedError,
        "^Conv1d: padding_mode=array",
        lambda: nn.Conv1d(2, 3, 2, padding_mode=np.array(["zeros", "zeros"])),
    ),
    (
        ValueError,
        "^RNN: expected nonlinearity 'tanh' or 'relu', got object",
        lambda: nn.RNN(2, 3, nonlinearity=np.array([None, "tanh"])),
    ),
    (
        TypeError,
        r"^unroll: expected hx to be a Tensor or a tuple of them, got \(\)$",
        lambda: nn.unroll(nn.RNNCell(3, 4), mg.ones(5, 2, 3), []),
    ),
    (
        TypeError,
        "^gates: expected a Tensor as input, got None",
        lambda: nn.gates(nn.LSTM(3, 4), None),
    ),
    (
        ValueError,
        r"^Embedding: expected _weight \(4, 3\), got \(3, 4\)$",
        lambda: nn.Embedding(4, 3, _weight=mg.ones(3, 4)),
    ),
    (
        RuntimeError,
        "^LSTMCell: expected tensors on one device, got cpu and strict",
        lambda: nn.LSTMCell(3, 4)(mg.ones(2, 3, device="strict")),
    ),
    (
        TypeError,
        "^summary: expected a dtype, got 'abc'",
        lambda: nn.summary(nn.Linear(2, 3), (4, 2), dtype="abc"),
    ),
    (
        TypeError,
        r"^Parameter \(tensor\): expected numbers, got <U3 from a str$",
        lambda: nn.Parameter("abc"),
    ),
    (
        ValueError,
        "^kl_div: expected reduction 'mean', 'batchmean', 'sum' or 'none', got 'avg'$",
        lambda: F.kl_div(mg.ones(2), mg.ones(2), reduction="avg"),
    ),
    (
        ValueError,
        r"^binary_cross_entropy_with_logits: expected weight to broadcast to \(2, 3\), got \(2,\)$",
        lambda: F.binary_cross_entropy_with_logits(mg.ones(2, 3), mg.ones(2, 3), mg.ones(2)),
    ),
    (
        TypeError,
        "^WeightedRandomSampler: expected a list of numbers as weights, got a list$",
        lambda: nn.data.WeightedRandomSampler([[1], [1, 2]], 2),
    ),
]


@pytest.mark.parametrize("flag", [True, False, 1, 0, None, np.bool_(True), np.int64(0)])
def test_a_module_takes_what_is_true_and_what_is_false(flag):
    layer = nn.LSTM(2, 3, bias=flag, bidirectional=flag)
    directions = 2 if flag else 1
    assert len(list(layer.parameters())) == directions * (4 if flag else 2)
    assert layer(mg.ones(4, 1, 2))[0].shape == (4, 1, 3 * directions)
    assert (nn.Linear(2, 3, bias=flag).bias is not None) == bool(flag)


@pytest.mark.parametrize("size", [2, np.int64(2), np.array(2), mg.tensor(2)])
def test_a_size_may_be_an_integer_of_any_kind(size):
    layer = nn.Embedding(size, 3)
    assert type(layer.num_embeddings) is int
    assert layer.weight.shape == (2, 3)


@pytest.mark.parametrize("number", [0.5, np.float32(0.5), np.array(0.5), mg.tensor(0.5)])
def test_a_number_may_be_of_any_kind(number):
    x = mg.tensor([-1.0, 2.0])
    assert F.leaky_relu(x, number).tolist() == nn.LeakyReLU(number)(x).tolist() == [-0.5, 2.0]


def test_what_was_right_once_does_not_let_through_what_is_wrong():
    x = mg.tensor([-1.0, 2.0])
    for _ in range(2):
        assert F.leaky_relu(x, negative_slope=0.5).tolist() == [-0.5, 2.0]
        with pytest.raises(TypeError, match="leaky_relu: expected a number as negative_slope"):
            F.leaky_relu(x, negative_slope="abc")
        with pytest.raises(TypeError, match="leaky_relu: expected True or False as inplace"):
            F.leaky_relu(x, inplace=0.5)


def test_a_warning_is_about_the_line_of_the_caller():
    x = mg.ones(2, 3)
    with pytest.warns() as seen:
        F.softmax(x)
        nn.LSTM(2, 3, dropout=0.5)
        nn.MSELoss(size_average=False)
        F.l1_loss(x, x, reduce=True)
        F.kl_div(x, x)
        F.dropout2d(x)
    assert [Path(warning.filename).name for warning in seen] == [Path(__file__).name] * 6


def a_step_with(**settings):
    optimizer = Adam([nn.Parameter(mg.ones(2))], lr=0.1)
    optimizer.param_groups[0].update(settings)
    optimizer.step()


ASSIGNED = [
    (
        TypeError,
        "^Linear.training: expected True or False, got 1$",
        lambda: setattr(nn.Linear(2, 3), "training", 1),
    ),
    (
        TypeError,
        "^LSTM.batch_first: expected True or False, got 'yes'$",
        lambda: setattr(nn.LSTM(2, 3), "batch_first", "yes"),
    ),
    (
        ValueError,
        "^GRU.num_layers: expected 1, which is fixed when the layer is built, got 2; build another",
        lambda: setattr(nn.GRU(2, 3), "num_layers", 2),
    ),
    (
        TypeError,
        r"^Dropout.p: expected a number, got float32\(\); read the number .* \.item\(\)$",
        lambda: setattr(nn.Dropout(), "p", mg.tensor(0.5)),
    ),
    (
        TypeError,
        "^CrossEntropyLoss.reduction: expected a str, got None$",
        lambda: setattr(nn.CrossEntropyLoss(), "reduction", None),
    ),
    (
        TypeError,
        "^TransformerEncoderLayer.dropout1: expected a Module, got None$",
        lambda: setattr(nn.TransformerEncoderLayer(4, 2, 8), "dropout1", None),
    ),
    (
        ValueError,
        "^DataLoader.batch_size: expected no change after it was made, got 3; make another loader$",
        lambda: setattr(DataLoader([1.0, 2.0]), "batch_size", 3),
    ),
    (
        ValueError,
        "^DataLoader.drop_last: expected not to be deleted; make another loader$",
        lambda: delattr(DataLoader([1, 2, 3]), "drop_last"),
    ),
    (
        TypeError,
        "^StepLR: gamma: expected a number, got 'half'$",
        lambda: setattr(StepLR(an_optimizer(), 2), "gamma", "half"),
    ),
    (
        ValueError,
        "^StepLR: last_epoch: expected a count of steps from -1, got 1.5$",
        lambda: setattr(StepLR(an_optimizer(), 2), "last_epoch", 1.5),
    ),
    (
        TypeError,
        "^StepLR: base_lrs: expected a list of 1 numbers or functions, got None$",
        lambda: setattr(StepLR(an_optimizer(), 2), "base_lrs", None),
    ),
    (
        TypeError,
        "^StepLR: optimizer: expected an optimizer of nn.optim, got 3$",
        lambda: setattr(StepLR(an_optimizer(), 2), "optimizer", 3),
    ),
    (TypeError, "^Adam: lr: expected a number, got 'fast'$", lambda: a_step_with(lr="fast")),
    (
        TypeError,
        "^Adam: betas: expected a pair of numbers, got 0.9",
        lambda: a_step_with(betas=0.9),
    ),
    (
        ValueError,
        "^Adam: eps: expected a number of at least 0, got -1",
        lambda: a_step_with(eps=-1),
    ),
    (
        TypeError,
        "^Adam: param_groups: expected dicts with a list of tensors as params, got 'abc'$",
        lambda: a_step_with(params="abc"),
    ),
]


@pytest.mark.parametrize(("kind", "sentence", "call"), ASSIGNED)
def test_an_attribute_refuses_what_the_constructor_does(kind, sentence, call):
    with pytest.raises(kind, match=sentence):
        call()


def test_settings_may_change_to_what_the_constructor_takes():
    drop = nn.Dropout()
    drop.p = 0
    assert nn.Sequential(drop)(mg.ones(3)).tolist() == [1.0, 1.0, 1.0]
    norm = nn.BatchNorm1d(2)
    norm.momentum = None
    optimizer = an_optimizer()
    optimizer.param_groups[0]["lr"] = np.float64(0.25)
    optimizer.param_groups[0]["params"][0].grad = mg.ones(2)
    optimizer.step()
    assert optimizer.param_groups[0]["params"][0].tolist() == [-0.25, -0.25]
    own = nn.Module()
    own.ready = False
    own.ready = "yes"  # an attribute of a user's own
    assert own.ready == "yes"


@pytest.mark.parametrize(("kind", "sentence", "call"), REFUSED)
def test_is_refused(kind, sentence, call):
    with pytest.raises(kind, match=sentence):
        call()


def test_what_is_as_good_as_the_type_that_is_asked_for_is_taken():
    class Own(mg.Tensor):
        pass

    x = mg.arange(6.0).reshape(2, 3)
    assert F.relu(Own(x)).tolist() == x.tolist()
    assert F.softmax(x, np.array(1)).tolist() == F.softmax(x, 1).tolist()
    assert F.leaky_relu(x, 0.1, inplace=np.bool_(False)).tolist() == x.tolist()
    assert isinstance(nn.Sequential(nn.Tanh())[mg.tensor(0)], nn.Tanh)
    layer = nn.LSTM(2, 300)
    layer.hidden_size = int("300")  # an equal number, and another object
    assert layer.hidden_size == 300


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell, nn.PeepholeLSTMCell])
def test_the_sizes_of_a_cell_are_fixed_when_it_is_built(kind):
    cell = kind(2, 3)
    with pytest.raises(ValueError, match=f"^{kind.__name__}.hidden_size: expected 3, which is fi"):
        cell.hidden_size = -3
    assert cell(mg.ones(1, 2)) is not None


def test_a_number_out_of_range_is_refused_where_it_is_used():
    layer = nn.Dropout()
    layer.p = 2.0
    with pytest.raises(ValueError, match="^dropout: expected p between 0 and 1, got 2.0$"):
        layer(mg.ones(3))
    shape = nn.Unflatten(1, (2, 3))
    shape.unflattened_size = 6
    with pytest.raises(TypeError, match="^Unflatten: expected .* a tuple of integers, got 6$"):
        shape(mg.ones(2, 6))


def test_several_items_of_a_subset_are_taken_at_once():
    rows = nn.data.TensorDataset(mg.arange(6.0).reshape(2, 3))
    assert nn.data.Subset(rows, [1, 0])[[0, 1]][0].tolist() == [[3.0, 4.0, 5.0], [0.0, 1.0, 2.0]]


def test_what_a_dataset_refuses_is_said_in_its_own_words():
    class Rows(nn.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            raise IndexError(f"no row {int(index)}")

    for numbers in ([7], mg.tensor([7])):
        with pytest.raises(IndexError, match="^no row 7$"):
            nn.data.Subset(Rows(), numbers)[0]
    with pytest.raises(TypeError, match="^Subset: expected the number of an item"):
        nn.data.Subset([1, 2], mg.tensor([0.0]))[0]


def test_a_packed_sequence_goes_where_its_data_goes():
    packed = nn.utils.rnn.pack_sequence([mg.ones(2, 3)])
    assert packed.cpu().data.tolist() == packed.data.tolist()
    assert packed.to(mg.float64).data.dtype == mg.float64
    assert packed.double().data.dtype == mg.float64
    assert packed.double().float().data.dtype == mg.float32


def test_one_hot_of_nothing_has_no_classes():
    assert F.one_hot(mg.tensor([]).long()).shape == (0, 0)


def test_a_shared_child_is_named_once():
    shared = nn.Linear(2, 2)
    assert [name for name, _ in nn.Sequential(shared, nn.Tanh(), shared).named_children()] == [
        "0",
        "1",
    ]


def test_keys_without_a_partner_are_printed():
    layer = nn.Linear(2, 2)
    state = layer.state_dict()
    assert repr(layer.load_state_dict(state)) == "<All keys matched successfully>"
    del state["bias"]
    found = layer.load_state_dict(state, strict=False)
    assert repr(found) == "_IncompatibleKeys(missing_keys=['bias'], unexpected_keys=[])"


def test_of_two_loops_the_first_to_end_leaves_the_other_current():
    loader = DataLoader([0, 1, 2, 3], batch_size=2)
    first, second = iter(loader), iter(loader)
    next(first), next(first), next(second)
    assert next(first, None) is None
    assert loader.state_dict()["given"] == 1


def test_a_state_without_random_numbers_begins_an_epoch():
    loader = DataLoader([0, 1, 2, 3], batch_size=2)
    loader.load_state_dict(loader.state_dict() | {"random": None})
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3]]


def test_nn_gives_io_when_it_is_asked_for():
    assert nn.__getattr__("io") is io


def test_nn_has_no_summary_without_minigrad_inspect(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    spec = importlib.util.spec_from_file_location("nn", nn.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "summary" not in module.__all__
    assert not hasattr(module, "summary")


def test_a_file_with_metadata_of_others_is_a_dict(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    save_file({"a": np.array([1.0, 2.0])}, path, metadata={"format": "np"})
    assert {key: t.tolist() for key, t in io.load(path).items()} == {"a": [1.0, 2.0]}


def test_a_file_is_saved_where_a_folder_cannot_be_synced(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_DIRECTORY")
    io.save({"a": mg.tensor([1.0])}, tmp_path / "a.safetensors")
    assert io.load(tmp_path / "a.safetensors")["a"].tolist() == [1.0]


def test_no_checkpoint_is_in_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="load_checkpoint: expected a file"):
        io.load_checkpoint(tmp_path / "missing" / "a.safetensors")


class Interrupted:
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        if not self.loaded:
            self.loaded = True
            raise KeyboardInterrupt

    loaded = False


def test_an_interrupted_load_changes_nothing(tmp_path):
    layer, part = nn.Linear(2, 2), Interrupted()
    path = io.save_checkpoint(tmp_path / "a.safetensors", layer=layer, part=part, step=1)
    other = nn.Linear(2, 2)
    before = other.weight.tolist()
    with pytest.raises(KeyboardInterrupt):
        io.load_checkpoint(path, layer=other, part=part)
    assert other.weight.tolist() == before


def test_a_checkpoint_removed_while_it_is_looked_for(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    saved = io.save_checkpoint(path, step=1, keep=2, best=0.5)
    load, calls = io.load, []

    def load_late(file):
        calls.append(file)
        if len(calls) == 1:
            io.save_checkpoint(path, step=2, keep=1, best=0.7)
        return load(file)

    monkeypatch.setattr(io, "load", load_late)
    assert io.load_checkpoint(path) == {"step": 2, "best": 0.7}
    assert calls[0] == saved
    assert len(calls) == 2


def test_a_gradient_of_another_dtype_is_refused():
    p = nn.Parameter(mg.zeros(2))
    p.grad = mg.ones(2)
    optimizer = SGD([p], lr=0.1)
    p.data = p.data.double()
    with pytest.raises(ValueError, match="SGD: parameter 0: expected a gradient like it"):
        optimizer.step()


def test_a_loss_without_a_bend_and_members_that_are_pickled():
    loss = F.smooth_l1_loss(mg.tensor([1.0, -2.0]), mg.zeros(2), beta=0, reduction="none")
    assert loss.tolist() == [1.0, 2.0]
    assert invert_permutation(None) is None
    cell = nn.RNNCell(3, 4)
    x = mg.randn(3)
    np.testing.assert_allclose(cell(x).array, cell(x[None]).array[0], rtol=1e-6)
    layers = nn.ModuleDict({"a": nn.Linear(2, 2)})
    assert sorted(pickle.loads(pickle.dumps(layers))) == ["a"]


def test_a_grad_of_another_dtype_is_converted_where_an_array_is_written_to():
    y = mg.ones(2)
    with pytest.raises((TypeError, RuntimeError), match="_: "):
        mg.tensor([1, 2]).mul_(mg.tensor([0.5, 0.5]))
    assert y.add_(mg.tensor([1.0, 1.0], dtype=mg.float64)).dtype == mg.float32
