"""Code that exists for speed alone. Each version must equal what it replaces: without this folder
everything still works.

rnn, gru, lstm    the recurrent layers in chunks of steps, registered against minigrad.byhand
sequence          their layout in memory
workspace         their work arrays
halves            a large batch on two cores
convolution       a convolution in blocks of samples
pooling           the same of pooling by the maximum
rows              the gradient of an embedding
blocks            how the last three divide their work
one_step          a layer over a single step
words             NumPy's functions that take longer to call than a small array to compute
optimizers        steps in place, registered against nn.optim
gpu               CUDA: kernels, the time loop of a layer, graphs
"""

from minigrad import array
from minigrad.fast import convolution, gpu, gru, lstm, optimizers, pooling, rnn, rows, words

rows.extend(array.backend("cpu"))
words.extend(array.backend("cpu"))
array.EXTENSIONS["cuda"] = gpu.extend
