"""Ops differentiated by hand: each line stands beside its equation, and each op names the composition it equals."""

from minigrad.byhand.layer_norm import layer_norm
from minigrad.byhand.softmax_cross_entropy import softmax_cross_entropy
from minigrad.fast.gru import gru
from minigrad.fast.lstm import lstm
from minigrad.fast.rnn import rnn
