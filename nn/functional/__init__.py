"""The functions behind the modules: layers, activations, distances, losses, attention, padding.

They have PyTorch's names and arguments. What minigrad lacks raises NotImplementedError when it is
asked for.
"""

from .layers import (
    batch_norm,
    bilinear,
    dropout,
    dropout1d,
    dropout2d,
    embedding,
    group_norm,
    layer_norm,
    linear,
    one_hot,
    rms_norm,
)
from .activation import (
    elu,
    gelu,
    glu,
    gumbel_softmax,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softsign,
    tanh,
)
from .windows import avg_pool1d, avg_pool2d, conv1d, conv2d, max_pool1d, max_pool2d, pad
from .adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
)
from .transposed import conv_transpose1d, conv_transpose2d
from .resize import interpolate
from .distance import (
    cosine_similarity,
    normalize,
    pairwise_distance,
)
from .loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from .attention import (
    attend,
    masked_softmax,
    scaled_dot_product_attention,
)
