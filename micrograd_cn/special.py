"""``torch.special``: special functions under the names of that room. https://pytorch.org/docs/stable/special.html"""

# ruff: noqa: F401, I001 (the room only re-exports)
from micrograd_cn.ops.elementwise import exp2, expm1, log1p, round
from micrograd_cn.ops.neural import cast_log_softmax as log_softmax, cast_softmax as softmax, logit, sigmoid as expit
from micrograd_cn.ops.reduction import logsumexp
from micrograd_cn.ops.special import (
    digamma, digamma as psi, entr, erf, erfc, erfcx, erfinv, i0, i0e, i1, i1e, lgamma as gammaln, log_ndtr,
    mvlgamma as multigammaln, ndtr, ndtri, polygamma, sinc, xlog1py, xlogy,
)  # fmt: skip
