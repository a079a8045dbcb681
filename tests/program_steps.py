"""The table of steps that random programs are made of: lines of Python with blanks to fill, by family.

The blanks: ``a`` any tensor of floating point, ``t`` one of any type; ``b`` and ``c`` tensors that broadcast with
``a``, ``s`` and ``r`` tensors that fit into it, ``m`` one to multiply it with as matrices, ``k`` one of three columns;
``q`` and ``p`` tensors that require grad, ``l`` and ``w`` leaves that do and are no views, ``h`` and ``f`` the like of
``q`` and ``a`` that are no views; ``d`` a dimension of ``a``, ``x`` a basic and ``j`` an advanced index into it,
``n`` a number.
"""

from __future__ import annotations

# What every program begins with.
HEADER = """import copy, io, pickle
import micrograd_cn as T  # or: import torch as T
T.set_default_dtype(T.float64)
log = []
look = lambda who: lambda g: log.append((who, (g + 0).tolist()))  # of a sum: zeros may have no memory
def grown(who, act):  # PyTorch calls such hooks after an undefined gradient, too
    def hook(_):
        t = globals().get(who)
        if t is not None and t.requires_grad and t.grad is not None:
            act(t)
    return hook
after = lambda who: grown(who, lambda t: look(who)(t.grad))
halve = lambda who: grown(who, lambda t: setattr(t, "grad", t.grad * 0.5))
def own(g):
    return None if g is None else g.clone()
def unnoticed(t):
    t.data.mul_(0.5)
    return t
def moved(t):
    t.data = t.data * 0.5
    return t
def saved_and_loaded(x):
    T.save(x, file := io.BytesIO())
    return T.load(io.BytesIO(file.getvalue()))
"""
LEAVES = [
    "t0 = T.tensor([[0.31, -1.27, 0.83], [1.53, 0.47, -0.61]], requires_grad=True)",
    "t1 = T.tensor([0.73, -0.38, 1.19], requires_grad=True)",
    "t2 = T.tensor([[-1.03, 0.21, 0.57], [0.37, 1.11, -0.89], [0.13, -0.43, 0.67]])",
    "t3 = T.tensor(1.37, requires_grad=True)",
    "T.manual_seed(0); net = T.nn.Linear(3, 3)",
]
F = "T.nn.functional."


def _each(template: str, names: str) -> list[str]:
    """The template with each of the names in place of ``@``."""
    return [template.replace("@", name) for name in names.split()]


# Results: each becomes a new tensor of the program. Arguments are kept where functions are tame and have no poles.
VALUES = {
    "arithmetic": (10, [
        *_each("{a} @ {b}", "+ - *"), "{a} / ({b} * {b} + 1)", "{n} - {a}", "{n} / ({a} * {a} + 1)", "{a} * {n}",
        "{a} ** 2", "-{a}", "({a} * {a} + 1) ** {b}.tanh()", "1.5 ** {a}.tanh().contiguous()", "{a} % 0.61",
        "T.addcmul({a}, {b}, {c}, value=0.5)", "T.addcdiv({a}, {b}, {c} * {c} + 1)", "T.lerp({a}, {b}, {c})",
        *_each("T.@({a}, {b})", "maximum minimum fmax logaddexp"), *_each("T.@({a}, {b} * {b} + 1)", "atan2 hypot"),
        "T.where({a}.detach() > 0.3, {a}, {b})", "T.where({a}.detach() > {b}.detach(), {a}, {n})",
        "T.xlogy({a}, {b} * {b} + 1)", "T.fmod({a}, 0.61)",
    ]),
    "elementwise": (10, [
        *_each("{a}.@()", "sin cos tanh sigmoid relu abs erf atan asinh sinc neg square"),
        *_each("({a} * {a} + 1).@()", "log sqrt rsqrt reciprocal log1p lgamma digamma"),
        *_each("{a}.tanh().@()", "exp sinh cosh expm1 tan"), "({a}.tanh() * 0.9).atanh()", "({a}.tanh() * 0.9).asin()",
        "{a}.clamp(-0.9, 0.8)", "{a}.clamp(min={b})", "{a}.masked_fill({a}.detach() > 0.4, {n})", "{a}.nan_to_num()",
        *_each(F + "@({a})", "gelu silu softplus elu leaky_relu hardtanh softsign mish logsigmoid relu6 selu celu"),
        *_each(F + "@({a})", "hardsigmoid hardswish tanhshrink softshrink hardshrink"),
        F + "gelu({a}, approximate='tanh')", F + "threshold({a}, 0.2, -0.1)",
        F + "prelu({a}, T.tensor([0.3]))",
    ]),
    "reductions": (8, [
        "{a}.sum()", "{a}.mean()", "{a}.var()", "{a}.norm()", "{a}.max()", "{a}.min()", "{a}.amax()",
        *_each("{a}.@({d})", "sum mean amax amin logsumexp prod cumsum cumprod logcumsumexp nansum"),
        *_each("{a}.@({d}, keepdim=True)", "sum mean amax logsumexp prod"),
        *_each("{a}.@({d})[0]", "max min cummax cummin"), *_each("({a} * 1).@({d})[0]", "median mode"),
        "{a}.min({d}).values", "{a}.aminmax(dim={d})[1]", "{a}.var({d}, correction=0)", "{a}.std({d}, correction=0)",
        "T.linalg.vector_norm({a}, dim={d})", "{a}.norm(1, {d})", "{a}.norm(3, {d}, keepdim=True)",
        "{a}.norm(float('inf'), {d})", "T.std_mean({a}, {d}, correction=0)[0]", "{a}.count_nonzero()", "{a}.prod()",
        "{a}.logsumexp({d}, keepdim=True)", "{a}.trace()",
    ]),
    "sorting": (4, [
        "{a}.sort(dim={d}, stable=True)[0]", "{a}.sort(dim={d}, descending=True, stable=True).values", "{a}.msort()",
        "{a}.gather({d}, {a}.argsort(dim={d}, stable=True))",
    ]),
    "views": (12, [
        "{a}.view(-1)", "{a}.reshape(-1)", "{a}.flatten()", "{a}.ravel()", "{a}.unsqueeze({d})", "{a}.squeeze()",
        "{a}.squeeze({d})", "{a}.transpose(0, -1)", "{a}.mT", "{a}.t()",
        "{a}.permute(tuple(reversed(range({a}.ndim))))", "{a}.expand(2, *{a}.shape)", "{a}.movedim(0, -1)",
        "{a}.diagonal()", "{a}.narrow({d}, 0, 1)", "{a}.select({d}, -1)", "{a}.unbind({d})[0].clone()",
        "{a}.split(1, {d})[-1].clone()", "{a}.chunk(2, {d})[0].clone()", "{a}.view_as({a})", "{a}.view({a}.shape)",
        "{a}.view(*{a}.shape, 1)", "{a}.unfold({d}, 1, 1)", "{l}.as_strided((2,), (1,))",
        "T.cat([{a}.reshape(-1), {a}.reshape(-1)]).as_strided((2,), (1,))", "{a}.swapaxes(0, -1)", "{a}.contiguous()",
        "{a}.expand_as({b})", "{a}.broadcast_to((2, *{a}.shape))", "{a}.reshape(-1).unflatten(0, (1, -1))",
        "{a}.tensor_split(2, {d})[0].clone()", "{a}.real", "{a}.reshape(1, -1)", "{a}.to(T.float64)",
        "{a}.diagonal_scatter({a}.diagonal() * 2)", *["{a}[{x}]"] * 12,
    ]),
    "shape": (5, [
        "{a}.clone()", "{a}.flip({d})", "{a}.roll(1, {d})", "{a}.tril()", "{a}.triu(1)", "T.cat([{a}, {a}], {d})",
        "T.stack([{a}, {a}], {d})", "T.cat([{a}.reshape(-1), {b}.reshape(-1)])", "{a}.repeat([2] + [1] * {a}.ndim)",
        "{a}.tile(2)", "{a}.rot90()", "{a}.diag_embed()", "{a}.repeat_interleave(2, {d}).clone()",
        F + "pad({a}, (1, 0))", "T.meshgrid({a}.view(-1)[:2], {b}.reshape(-1)[:2], indexing='ij')[0]",
        "T.broadcast_tensors({a}, {b})[0]", "T.atleast_2d({a})", "T.hstack([{a}, {a}])",
    ]),
    "indexing": (5, [
        *["{a}[{j}]"] * 5, "{a}.index_select({d}, T.tensor([0]))", "{a}.masked_select({a}.detach() > 0.2)",
        "{a}.take(T.tensor([0, -1]))", "{a}.index_fill({d}, T.tensor([0]), {n})",
        "{a}.index_add({d}, T.tensor([0]), {a}.narrow({d}, 0, 1))", "{a}.masked_scatter({a}.detach() > 0.2, {a} * 2)",
        "{a}.scatter({d}, T.zeros_like({a}, dtype=T.int64), {n})",
        "{a}.scatter_add({d}, T.zeros_like({a}, dtype=T.int64), {a})",
        "{a}.index_copy({d}, T.tensor([0]), {a}.narrow({d}, 0, 1) * 2)",
        "{a}.select_scatter({a}.select({d}, 0) * 2, {d}, -1)",
        "{a}.slice_scatter({a}.narrow({d}, 0, 1) * 2, {d}, 0, 1)",
        "{a}.reshape(-1).index_put((T.tensor([0]),), {a}.sum())",
    ]),
    "matrices": (5, [
        "{a} @ {m}", "{a} @ {m}", "T.matmul({a}.tanh(), {m})", "{a} @ {a}.mT",
        "T.einsum('...i,...i->...', {a}, {b}).clone()", "T.outer({a}.reshape(-1), {b}.reshape(-1))",
        "T.linalg.inv({a} @ {a}.mT + 3 * T.eye({a}.shape[-2])).contiguous().clone()",
        "T.linalg.det({a} @ {a}.mT / 4 + T.eye({a}.shape[-2]))", "T.einsum('ij,kj->ik', {a}, {b}).clone()",
        "T.linalg.solve({a} @ {a}.mT + T.eye({a}.shape[-2]), {a}).contiguous().clone()", "{a}.trace()",
        "T.kron({a}.reshape(-1) * 1, {b}.reshape(-1) * 1)", "T.dot({a}.reshape(-1), {a}.reshape(-1))",
        "T.linalg.cholesky({a} @ {a}.mT + T.eye({a}.shape[-2])).contiguous().clone()", "T.tensordot({a}, {b}, dims=0)",
        "T.mm({a}, {m})",
    ]),
    "networks": (6, [
        "T.softmax({a}, {d})", "T.log_softmax({a}, {d})",
        *_each(F + "@({a}, {b})", "mse_loss l1_loss smooth_l1_loss huber_loss"),
        F + "binary_cross_entropy_with_logits({a}, {b}.detach().sigmoid())",
        F + "cross_entropy({a}, {a}.detach().argmax(-1))",
        F + "nll_loss({a}, {a}.detach().argmin(-1), reduction='sum')", F + "layer_norm({a}, {a}.shape[-1:])",
        F + "normalize({a}, dim={d}, eps=0.1)", F + "rms_norm({a}, {a}.shape[-1:])",
        F + "batch_norm(T.stack([{a}.reshape(-1), {a}.reshape(-1).sin()]), None, None, training=True)",
        F + "cosine_similarity({a}, {a}.sin(), dim=-1)", F + "glu({a}.repeat_interleave(2, -1))",
        F + "dropout({a}, 0.0)", F + "linear({k}, T.eye(3) * 0.5)",
        F + "embedding(T.tensor([0, 1, 1]), {a}.reshape(-1, 1))",
        F + "conv1d({a}.reshape(1, 1, -1), {b}.reshape(1, 1, -1)[..., :2])",
        F + "avg_pool1d({a}.reshape(1, 1, -1), 2).clone()", F + "max_pool1d({a}.reshape(1, 1, -1), 2).clone()",
        F + "kl_div({a}, {b}.detach().sigmoid(), reduction='sum')", F + "softmin({a}, {d})",
        F + "scaled_dot_product_attention({a}, {a}, {a})",
        F + "binary_cross_entropy({a}.sigmoid(), {b}.detach().sigmoid())",
        F + "adaptive_avg_pool1d(T.hstack([T.ones(1), {a}.reshape(-1)])[None, None], 1).clone()",
        F + "gaussian_nll_loss({a}, {b}, T.ones(()))", *["net({k}).clone()"] * 8,
    ]),
    "types": (2, [
        "{a}.float()", "{t}.double()", "{a} > {b}", "{a}.long()", "{a}.bool()", "{t}.type_as({a})",
        "{a}.to(T.float32) * {b}", "{a} == {b}", "{t} + {a}", "{t} * {n}", "{t}.sum()", "{t} / 2",
        "T.where({t} > 0, {t}, {n})", "{t}[:1]", "{t} * {t}", "{t}.mean()", "{t}.unsqueeze(0)", "{a}.int()",
        "{t}.exp()", "{t}.clone()", "T.cat([{t}.reshape(-1), {a}.reshape(-1)])",
    ]),
    "leaves": (4, [
        "{a}.detach()", "unnoticed({a}.clone())", "moved({a}.detach().clone().requires_grad_())",
        "{a}.detach().clone().requires_grad_()", "{a}.data.clone()", "copy.deepcopy({a})", "copy.copy({l}).clone()",
        "T.ones(2, 3)", "T.zeros(3, requires_grad=True)", "T.zeros_like({a})", "T.ones_like({a}, requires_grad=True)",
        "T.nn.Parameter({a}.detach())", "{l}.grad", "{q}.grad", "net.weight", "net.bias",
        "T.tensor(({a}.detach() + 0).tolist())", "T.as_tensor({a})", "T.from_numpy(({a}.detach() + 0).numpy())",
    ]),
    "gradients": (6, [
        "own(T.autograd.grad({q}.sum(), {l}, retain_graph=True, allow_unused=True)[0])",
        *["T.autograd.grad({q}.sum(), {l}, create_graph=True, allow_unused=True)[0]"] * 3,
        *["T.autograd.grad({q}.sin().sum(), {p}, create_graph=True, materialize_grads=True)[0]"] * 3,
        *["T.autograd.grad({a}, {p}, {a}.detach().cos(), create_graph=True, allow_unused=True)[0]"] * 2,
        "own(T.autograd.grad([{q}.sum(), {p}.sum()], [{l}, {w}], retain_graph=True, allow_unused=True)[1])",
        "own(T.autograd.grad({q}.sum(), {l}, retain_graph=True)[0])", "own(T.autograd.grad({q}, {l})[0])",
    ]),
}  # fmt: skip

# What is done to tensors that there are.
CHANGES = {
    "in place": (12, [
        *_each("{a}.@_()", "sin tanh exp sigmoid relu neg abs zero square"),
        *_each("{a}.@_({s}.clone())", "add sub mul copy add sub mul copy"),
        "{a}.div_({s}.clone() * {s}.clone() + 1)", "{a} += {s}.clone()", "{a} *= {n}", "{a} -= {s}.clone()",
        *_each("{a}.@_({n})", "add mul fill div"), "{a}.clamp_(-1, 1)", "{a}.masked_fill_({a}.detach() > 0.4, {n})",
        "{a}.addcmul_({s}.clone(), {r}.clone())", "{a}.pow_(2)", "{a}.mul_({a})", "{a}.add_({a})",
        "{a}.clamp_(min=-0.3)", "{a}.fill_({q}.sum())", "{a}.copy_({a}.flip(0))",
        "{a}.index_fill_({d}, T.tensor([0]), {n})",
        "{a}.index_add_({d}, T.tensor([0]), {a}.narrow({d}, 0, 1).clone())",
        "{a}.index_copy_({d}, T.tensor([0]), {a}.narrow({d}, -1, 1).clone())",
        "{a}.masked_scatter_({a}.detach() > 0.2, {a} * 2)", "{a}.scatter_({d}, T.zeros_like({a}, dtype=T.int64), {n})",
        "{a}.cumsum_({d})", "{a}.tril_()", F + "relu({a}, inplace=True)", F + "leaky_relu({a}, 0.1, inplace=True)",
        "{a}.hypot_({s} * {s} + 1)", "{a}.squeeze().mul_({n})", "{a}.view(-1)[-1:].sin_()",
        "{a}.diagonal().mul_({n})", "{a}.transpose(0, -1).add_({n})",
    ]),
    "assignment": (8, [
        *["{a}[{x}] = {n}"] * 2, *["{a}[{x}] = {b}.sum()"] * 2, "{a}[{x}] = {a}[{x}] * {n}", *["{a}[{x}] *= {n}"] * 2,
        "{a}[{x}] += {b}.mean()", "{a}[{x}].mul_({n})", "{a}[{x}] = {b}.clone()", "{a}[{x}].copy_({b}.clone())",
        "{a}[{j}] = {n}", "{a}[{j}] = {b}.sum()", "{a}[{j}] *= {n}", "{a}[{j}] = {a}[{j}].sin()", "{a}[{x}][{x}] = {n}",
        "{a}.view(-1).index_put_((T.tensor([0]),), {b}.mean(), accumulate=True)",
        "{a}[{a}.detach() > 0.3] = {b}.sum()", "{a}[{x}].zero_()",
    ]),
    "graph": (12, [
        *["{q}.sum().backward(retain_graph=True)"] * 6, "{q}.sum().backward()", "{q}.backward()",
        *["({q} * {q}).mean().backward(create_graph=True)"] * 2, "{q}.backward({q}.detach().cos(), retain_graph=True)",
        "T.autograd.backward([{q}.sum(), {p}.sum()], retain_graph=True)",
        *["{q}.sum().backward(inputs=[{l}], retain_graph=True)"] * 2,
        "{q}.sum().backward(inputs=[{p}], retain_graph=True)",
        "{q}.sin().sum().backward(retain_graph=True, create_graph=True)",
    ]),
    "hooks": (6, [
        "{h}.register_hook(lambda g: g * 2)", "{h}.register_hook(lambda g: g.clamp(-0.5, 0.5))",
        "{h}.register_hook(lambda g: g + 1)", "{h}.register_hook(lambda g: None)",
        *["{h}.register_hook(look('{h}'))"] * 3, *["{h}.retain_grad()"] * 3,
        "{l}.register_post_accumulate_grad_hook(after('{l}'))", "{l}.register_post_accumulate_grad_hook(halve('{l}'))",
        "handle = {h}.register_hook(lambda g: g * g)", "handle.remove()", "{l}.register_hook(look('{l}'))",
        "{l}.register_hook(lambda g: g * 3)", "{l}.grad = None", "{l}.grad = T.ones_like({l})", "{l}.grad.mul_(0.5)",
        "{l}.grad.zero_()", "{l}.grad = {l}.detach().clone()", "{q}.grad = None",
    ]),
    "types in place": (1, [
        "{t}.add_(1)", "{t} += {a}.clone()", "{t}.mul_({n})", "{t}.copy_({a}.clone())", "{t}[:1] = {n}",
        "{t}.fill_({n})", "{t}.requires_grad_()", "{t}.zero_()", "{a}.add_({t}.clone())", "{a}.copy_({t}.clone())",
    ]),
    "flags": (4, [
        "{f}.requires_grad_()", "{f}.requires_grad = True", "{a}.detach().mul_({n})",
        "T.set_grad_enabled(False)", *["T.set_grad_enabled(True)"] * 3, "del {a}", "{a}.detach().zero_()",
    ]),
    "training": (6, [
        "sgd = T.optim.SGD([{l}, {w}], lr=0.1)", "sgd = T.optim.SGD([{l}], lr=0.1, momentum=0.9, weight_decay=0.01)",
        "sgd = T.optim.SGD(net.parameters(), lr=0.1, momentum=0.5, nesterov=True)", *["sgd.step()"] * 4,
        "sgd.zero_grad()", "sgd.zero_grad(set_to_none=False)", "net.zero_grad()", "net = copy.deepcopy(net)",
        "net.load_state_dict({{n: v * 0.5 for n, v in net.state_dict().items()}})", "state = net.state_dict()",
        "net.load_state_dict(state)", "net.load_state_dict(saved_and_loaded(net.state_dict()))",
        "state = copy.deepcopy(net.state_dict())", "net.requires_grad_()", "T.nn.utils.clip_grad_norm_([{l}], 1.0)",
        "sgd.load_state_dict(sgd.state_dict())", "{l} -= 0.1 * {l}.grad", "{l}.sub_(0.1 * {l}.grad)",
        "net.weight = T.nn.Parameter(net.weight.detach() * 0.5)", "net.eval()",
    ]),
}  # fmt: skip

# What may stand before a step: mostly nothing.
AROUND = (
    *[""] * 24, *["with T.no_grad(): "] * 4, *["with T.enable_grad(): "] * 2, "with T.inference_mode(): ",
    "with T.set_grad_enabled(False): ", "with T.no_grad(), T.enable_grad(): ", "with T.inference_mode(False): ",
)  # fmt: skip

# Steps with one of these take nothing before them: PyTorch has peculiarities of its own there.
ALONE = (
    "T.set_grad", "del ", ".data = ", "T.ones", "T.zeros", "copy", "T.tensor(", "T.as_tensor", "T.from_numpy",
    "Parameter", "requires_grad", "set_to_none=False",
)  # fmt: skip

NUMBERS = ("0.5", "-1.5", "2.0", "0.25", "-0.7", "1", "0")
# By how many dimensions there are; an index that is too deep is an error to compare, too.
BASIC = {
    0: (
        "...", "None", "()",
    ),
    1: (
        "0", "-1", "1:", ":2", "::2", "...", "None", "..., None", "-1:", "1:1", "True",
    ),
    2: (
        "0", "-1", "1:", "..., 0", "..., 1:", "::2", ":, 1", "0, 1", "None, 0", "..., None", "0:1", "1, :2",
        "..., ::2", "True",
    ),
}  # fmt: skip
ADVANCED = {
    0: (
        "T.tensor(True)", "None",
    ),
    1: (
        "T.tensor([0])", "[0]", "T.tensor([-1])", "{a}.detach() > 0.3", "T.tensor([True])", "T.tensor([[0], [0]])",
        "..., [0]",
    ),
    2: (
        "T.tensor([0])", "[1, 0]", "..., T.tensor([0])", "{a}.detach() > 0.3", "T.tensor([0]), T.tensor([-1])",
        "0, T.tensor([0, 0])", "T.tensor([True, False])", ":, [1]", "[0], ..., 0", "None, [0]", "1:, [0]",
    ),
}  # fmt: skip
