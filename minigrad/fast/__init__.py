"""What is there for speed alone. Each version must equal what it replaces: without this folder all
still works.

rnn, gru, lstm    the recurrent layers in chunks of steps, registered against minigrad.byhand
sequence          their layout in memory
workspace         their work arrays
halves            a large batch on two cores
rows              the gradient of an embedding
optimizers        their steps in place
gpu               CUDA: kernels, the time loop of a layer, graphs
"""

from minigrad import array
from minigrad.fast import gru, lstm, optimizers, rnn, rows
from minigrad.fast.gpu import dropout, kernels
from minigrad.fast.gpu import gru as gru_on_gpu
from minigrad.fast.gpu import lstm as lstm_on_gpu
from minigrad.fast.gpu import rnn as rnn_on_gpu

rows.extend(array.backend("cpu"))
array.EXTENSIONS["cuda"] = kernels.extend
