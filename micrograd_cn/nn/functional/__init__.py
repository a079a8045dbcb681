"""``torch.nn.functional``: layers and losses as functions, without state. One file a family."""

from micrograd_cn.nn.functional.activation import (
    celu, celu_, elu, elu_, gelu, glu, gumbel_softmax, hardshrink, hardsigmoid, hardswish, hardtanh, hardtanh_,
    leaky_relu, leaky_relu_, log_softmax, logsigmoid, mish, prelu, relu, relu6, relu_, rrelu, rrelu_, selu, selu_,
    sigmoid, silu, softmax, softmin, softplus, softshrink, softsign, tanh, tanhshrink, threshold, threshold_,
)  # fmt: skip
from micrograd_cn.nn.functional.attention import multi_head_attention_forward, scaled_dot_product_attention
from micrograd_cn.nn.functional.class_loss import cross_entropy, ctc_loss, linear_cross_entropy, nll_loss
from micrograd_cn.nn.functional.dropout import (
    alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout,
)  # fmt: skip
from micrograd_cn.nn.functional.convolution import (
    bilinear, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, linear,
)  # fmt: skip
from micrograd_cn.nn.functional.loss import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cosine_embedding_loss, gaussian_nll_loss,
    hinge_embedding_loss, huber_loss, kl_div, l1_loss, margin_ranking_loss, mse_loss, multi_margin_loss,
    multilabel_margin_loss, multilabel_soft_margin_loss, poisson_nll_loss, smooth_l1_loss, soft_margin_loss,
    triplet_margin_loss, triplet_margin_with_distance_loss,
)  # fmt: skip
from micrograd_cn.nn.functional.pooling import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d, adaptive_max_pool2d,
    adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, fractional_max_pool2d, fractional_max_pool3d,
    lp_pool1d, lp_pool2d, lp_pool3d, max_pool1d, max_pool2d, max_pool3d, max_unpool1d, max_unpool2d, max_unpool3d,
)  # fmt: skip
from micrograd_cn.nn.functional.vision import (
    affine_grid, channel_shuffle, fold, grid_sample, interpolate, pad, pixel_shuffle, pixel_unshuffle, unfold,
    upsample, upsample_bilinear, upsample_nearest,
)  # fmt: skip
from micrograd_cn.nn.functional.normalization import (
    batch_norm, cosine_similarity, group_norm, instance_norm, layer_norm, local_response_norm, normalize,
    pairwise_distance, pdist, rms_norm,
)  # fmt: skip
from micrograd_cn.nn.functional.sparse import embedding, embedding_bag, one_hot

__all__ = [name for name, thing in globals().items() if callable(thing)]
