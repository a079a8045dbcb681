"""`MultiheadAttention`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micrograd_cn.creation import empty
from micrograd_cn.nn import functional as F
from micrograd_cn.nn.init import constant_, xavier_normal_, xavier_uniform_
from micrograd_cn.nn.modules.linear import Linear
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.parameter import Parameter
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` under the name that PyTorch shows for the last map of `MultiheadAttention`."""


class MultiheadAttention(Module):
    """Attention in several subspaces at once: ``concat(head_1, ..., head_h) @ out_proj``.

    ``head_i`` is the attention of the i-th parts of the projected query, key and value.

    Args:
        embed_dim: E, the size of the query and of the result; ``num_heads`` must divide it.
        num_heads: how many parts to split it into.
        dropout: the probability that a weight is dropped in training.
        bias: whether the projections add a bias.
        add_bias_kv: learn one more key and value.
        add_zero_attn: add a key and value of zeros.
        kdim, vdim: the sizes of key and value; E if None.
        batch_first: tensors are ``(N, L, E)`` instead of ``(L, N, E)``.
        device: only the CPU.
        dtype: of the parameters; the default floating type if None.

    Attributes:
        in_proj_weight: ``(3E, E)``; where sizes differ ``q_proj_weight (E, E)``, ``k_proj_weight (E, kdim)`` and
            ``v_proj_weight (E, vdim)``. At first Xavier uniform.
        in_proj_bias: ``(3E,)``, at first 0, or None.
        out_proj: a linear layer from E to E.
        bias_k, bias_v: ``(1, 1, E)``, at first Xavier normal, or None.

    Raises:
        ValueError: if ``embed_dim`` or ``num_heads`` is not positive.
        AssertionError: if ``num_heads`` does not divide ``embed_dim``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        found = f"{embed_dim=} and {num_heads=}"
        need(min(embed_dim, num_heads) > 0, f"embed_dim and num_heads must be greater than 0, got {found}", ValueError)
        need(embed_dim % num_heads == 0, f"embed_dim must be divisible by num_heads, got {found}", AssertionError)
        super().__init__()
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim == self.vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn

        def parameter(*shape: int) -> Parameter:
            return Parameter(empty(shape, device=device, dtype=dtype))

        same = self._qkv_same_embed_dim
        self.register_parameter("in_proj_weight", parameter(3 * embed_dim, embed_dim) if same else None)
        for name, size in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(f"{name}_proj_weight", None if same else parameter(embed_dim, size))
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self.bias_k, self.bias_v = (parameter(1, 1, embed_dim) if add_bias_kv else None for _ in range(2))
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in", "q", "k", "v"):
            if (weight := getattr(self, f"{name}_proj_weight")) is not None:
                xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            constant_(self.in_proj_bias, 0.0)
            constant_(self.out_proj.bias, 0.0)  # type: ignore[arg-type]
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                xavier_normal_(bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Let each query look at all keys.

        Args:
            query: ``(L, N, E)``, ``(N, L, E)`` with ``batch_first``, or ``(L, E)``.
            key, value: likewise with their length S and sizes ``kdim`` and ``vdim``.
            key_padding_mask: ``(N, S)`` or ``(S,)``: True hides a key; numbers are added to its scores.
            need_weights: whether to return the weights too.
            attn_mask: ``(L, S)`` or ``(N * num_heads, L, S)``: True hides a key from a query; numbers are added.
            average_attn_weights: return the mean of the heads' weights.
            is_causal: says that ``attn_mask`` is the causal one, which then need not be looked at.

        Returns:
            The result in the shape of ``query``, and the weights ``(N, L, S)``, unless averaged
            ``(N, num_heads, L, S)``, or None.

        Raises:
            AssertionError, RuntimeError: if shapes or types do not match.
        """
        turn = self.batch_first and query.ndim == 3
        if turn:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        out, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight,
            self.k_proj_weight, self.v_proj_weight, None, None, average_attn_weights, is_causal,
        )  # fmt: skip
        return (out.transpose(0, 1) if turn else out), weights
