"""micrograd_cn: an autograd framework small enough to read, with PyTorch's interface.

``import micrograd_cn as torch`` serves scripts as PyTorch does; `Value` is the same engine for single numbers.
"""

import importlib as _importlib
import warnings as _warnings
from math import e, inf, nan, pi
from typing import TYPE_CHECKING
from typing import Any as _Any

# Infinity and NaN flow through silently, as in PyTorch. Only warnings raised by code in this package are concerned.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"micrograd_cn\.")

from micrograd_cn import autograd
from micrograd_cn.autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from micrograd_cn.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled, set_anomaly_enabled
from micrograd_cn.autograd.modes import is_inference_mode_enabled
from micrograd_cn.creation import (
    arange, as_tensor, asarray, broadcast_shapes, detach, empty, empty_like, eye, from_dlpack, from_numpy, full,
    full_like, is_floating_point, is_tensor, linspace, logspace, meshgrid, numel, ones, ones_like, result_type, tensor,
    tril_indices, triu_indices, zeros, zeros_like,
)  # fmt: skip
from micrograd_cn.device import device
from micrograd_cn.dtypes import (
    bool, can_cast, cdouble, cfloat, complex64, complex128, double, dtype, finfo, float, float16, float32, float64,
    get_default_dtype, half, iinfo, int, int8, int16, int32, int64, long, promote_types, set_default_dtype, short,
    uint8,
)  # fmt: skip
from micrograd_cn.generator import Generator, default_generator
from micrograd_cn.amp import autocast
from micrograd_cn.ops.arithmetic import (
    imag, real, resolve_neg,
    angle, conj, conj as conj_physical, conj as resolve_conj, copysign, fill,
    float_power, fmax, fmin, heaviside, ldexp, logaddexp2, nextafter, rsub, signbit,
)  # fmt: skip
from micrograd_cn.ops.comparison import (
    allclose, bitwise_and, bitwise_not, bitwise_or, bitwise_xor, eq, equal, ge, ge as greater_equal, gt, gt as greater,
    isclose, is_nonzero, isfinite, isinf, isnan, le, le as less_equal, logical_and, logical_not, logical_or,
    logical_xor, lt, lt as less, ne, ne as not_equal,
)  # fmt: skip
from micrograd_cn.ops.elementwise import (
    abs, abs as absolute, acos, acos as arccos, acosh, acosh as arccosh, asin, asin as arcsin, asinh, asinh as arcsinh,
    atan, atan as arctan, atan2, atan2 as arctan2, atanh, atanh as arctanh, ceil, clamp, clamp as clip, cos, cosh,
    div as true_divide, exp, exp2, expm1, floor, floor_divide, fmod, frac, hypot, log, log10, log1p, log2, logaddexp,
    maximum, minimum, mul, mul as multiply, neg, neg as negative, positive, pow, reciprocal, remainder, round,
    sign as sgn, rounded_div as div, rounded_div as divide, rsqrt, scaled_add as add, scaled_sub as sub,
    scaled_sub as subtract, sign, sin, sinh, sqrt, square, tan, tanh, trunc, trunc as fix,
)  # fmt: skip
from micrograd_cn.ops.extremes import max, min
from micrograd_cn.ops.indexing import gather, index_select, masked_select, take, take_along_dim
from micrograd_cn.ops.layout import (
    atleast_1d, atleast_2d, atleast_3d, block_diag, broadcast_tensors, broadcast_to, cartesian_prod, column_stack,
    combinations, diag, diag_embed, diagflat, dsplit, dstack, fliplr, flipud, hsplit, hstack, kron, repeat_interleave,
    rot90, tensor_split, tile, trace, vsplit, vstack, vstack as row_stack,
)  # fmt: skip
from micrograd_cn.ops.linalg import (
    addbmm, addmm, addmv, addr, baddbmm, bmm, dot, einsum, inner, matmul, mm, mv, outer, outer as ger, tensordot, vdot,
)  # fmt: skip
from micrograd_cn.ops.matrices import (
    chain_matmul, cholesky, cross, det, inv as inverse, logdet, matrix_exp, matrix_power, old_norm as norm,
    old_svd as svd, pinverse, slogdet,
)  # fmt: skip
from micrograd_cn.ops.measures import (
    cdist, cumulative_trapezoid, dist, histc, histogram, renorm, trapezoid, trapezoid as trapz,
)  # fmt: skip
from micrograd_cn.ops.neural import cast_log_softmax as log_softmax, cast_softmax as softmax, logit, relu, sigmoid
from micrograd_cn.ops.reduction import (
    all, amax, amin, any, argmax, argmin, count_nonzero, cumprod, cumsum, logsumexp, mean, nanmean, nansum, prod, std,
    std_mean, sum, var, var_mean,
)  # fmt: skip
from micrograd_cn.ops.scattering import (
    index_add, index_copy, index_fill, index_put, index_reduce, masked_fill, masked_scatter, scatter, scatter_add,
    scatter_reduce,
)  # fmt: skip
from micrograd_cn.ops.shape import (
    cat, cat as concat, cat as concatenate, chunk, diagonal, flatten, flip, movedim, movedim as moveaxis, narrow,
    permute, ravel, reshape, roll, select, split, squeeze, stack, swapaxes, swapaxes as swapdims, t, transpose, tril,
    triu, unbind, unflatten, unsqueeze,
)  # fmt: skip
from micrograd_cn.ops.shorthand import (
    addcdiv, addcmul, clamp_max, clamp_min, deg2rad, diff, lerp, nan_to_num, rad2deg,
)  # fmt: skip
from micrograd_cn.ops.sorting import (
    argsort, argwhere, bincount, bucketize, kthvalue, median, nanmedian, nonzero, searchsorted, sort, topk, unique,
    where,
)  # fmt: skip
from micrograd_cn.ops.special import digamma, erf, erfc, erfinv, i0, lgamma, mvlgamma, polygamma, sinc, xlogy
from micrograd_cn.ops.statistics import (
    aminmax, corrcoef, cov, cummax, cummin, logcumsumexp, mode, msort, nanquantile, quantile,
)  # fmt: skip
from micrograd_cn.ops.strided import (
    COPIES as _COPIES, as_strided, diagonal_scatter, put_flat as put, select_scatter, slice_scatter, split_with_sizes,
    unsafe_chunk, unsafe_split,
)  # fmt: skip
from micrograd_cn.legacy import (
    BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor, ShortTensor,
)  # fmt: skip
from micrograd_cn.printing import set_printoptions
from micrograd_cn.random import (
    bernoulli, get_rng_state, initial_seed, manual_seed, multinomial, normal, rand, rand_like, randint, randn,
    randn_like, randperm, seed, set_rng_state,
)  # fmt: skip
from micrograd_cn.settings import (
    are_deterministic_algorithms_enabled, compile, get_default_device, get_float32_matmul_precision,
    get_num_interop_threads, get_num_threads, is_autocast_enabled, set_default_device, set_default_tensor_type,
    set_float32_matmul_precision, set_num_interop_threads, set_num_threads, use_deterministic_algorithms,
)  # fmt: skip
from micrograd_cn.memory import clone
from micrograd_cn.methods import second_names as _second_names
from micrograd_cn.tensor import Size, Tensor
from micrograd_cn.value import Value

if TYPE_CHECKING:
    from micrograd_cn import datasets, nn, optim, utils, viz
    from micrograd_cn.serialization import load, save

__version__ = "0.1.0"
newaxis = None
globals().update(_COPIES)
_second_names(globals())

# Rooms that are not needed to compute load when they are first entered: `import micrograd_cn` stays quick.
_ROOMS = {
    "accelerator", "amp", "backends", "compat", "cuda", "datasets", "linalg", "nn", "onnx", "optim", "serialization",
    "special", "testing", "utils", "version", "viz",
}  # fmt: skip
# Names that stand in those rooms: functions of torch.nn.functional that torch has itself, too, and others.
_ELSEWHERE = {"bfloat16": "dtypes", "load": "serialization", "save": "serialization"}
_ELSEWHERE |= dict.fromkeys((
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "alpha_dropout", "avg_pool1d", "batch_norm", "bilinear",
    "binary_cross_entropy_with_logits", "celu", "celu_", "channel_shuffle", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_embedding_loss", "cosine_similarity",
    "ctc_loss", "dropout", "embedding", "embedding_bag", "feature_alpha_dropout", "group_norm", "hardshrink",
    "hinge_embedding_loss", "instance_norm", "kl_div", "layer_norm", "margin_ranking_loss", "max_pool1d", "max_pool2d",
    "max_pool3d", "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss", "prelu",
    "relu_", "rms_norm", "rrelu", "rrelu_", "selu", "selu_", "threshold", "threshold_", "triplet_margin_loss",
), "nn.functional")  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name in _ROOMS:
        return _importlib.import_module(f"micrograd_cn.{name}")
    if name in _ELSEWHERE:
        return getattr(_importlib.import_module(f"micrograd_cn.{_ELSEWHERE[name]}"), name)
    raise AttributeError(f"module 'micrograd_cn' has no attribute {name!r}")
