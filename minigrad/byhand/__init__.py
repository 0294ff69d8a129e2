"""Ops differentiated by hand: each line is an equation, and each op names its composition."""

from minigrad.byhand.convolution import convolution
from minigrad.byhand.directions import both_directions
from minigrad.byhand.gru import gru
from minigrad.byhand.layer_norm import layer_norm
from minigrad.byhand.lstm import lstm
from minigrad.byhand.pooling import max_pool
from minigrad.byhand.rnn import rnn
from minigrad.byhand.softmax_cross_entropy import nll_loss, softmax_cross_entropy
from minigrad.byhand.steps import gru_cell, lstm_cell, rnn_cell
