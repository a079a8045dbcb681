"""Transformers: layers of attention and feed-forward maps, and stacks of them.

Source: Vaswani et al., "Attention Is All You Need", 2017; https://pytorch.org/docs/stable/nn.html#transformer-layers
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from micrograd_cn.creation import full
from micrograd_cn.nn import functional as F
from micrograd_cn.nn.init import xavier_uniform_
from micrograd_cn.nn.modules.attention import MultiheadAttention
from micrograd_cn.nn.modules.container import ModuleList
from micrograd_cn.nn.modules.dropout import Dropout
from micrograd_cn.nn.modules.linear import Linear
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.modules.normalization import LayerNorm
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor

Activation = str | Callable[[Tensor], Tensor]
Mask = Tensor | None


class _Layer(Module):
    """What the layers of encoder and decoder share: attentions and a feed-forward map, each added to its input.

    Args:
        d_model: E, the size of input and result.
        nhead: how many heads each attention has.
        dim_feedforward: the size between the two linear maps.
        dropout: the probability that an attention weight, or a number in any block, is dropped in training.
        activation: between the linear maps: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: of the norms.
        batch_first: tensors are ``(N, L, E)`` instead of ``(L, N, E)``.
        norm_first: normalize what enters a block, rather than the sum with what leaves it.
        bias: whether linear maps and norms add a bias.
        device: only the CPU.
        dtype: of the parameters; the default floating type if None.

    Raises:
        RuntimeError: for another name of an activation.
    """

    _attentions: tuple[str, ...]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: Activation = F.relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        kind = {"bias": bias, "device": device, "dtype": dtype}
        for name in self._attentions:
            self.add_module(name, MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **kind))
        self.linear1 = Linear(d_model, dim_feedforward, **kind)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **kind)
        self.norm_first = norm_first
        blocks = range(1, len(self._attentions) + 2)
        for i in blocks:
            self.add_module(f"norm{i}", LayerNorm(d_model, layer_norm_eps, **kind))
        for i in blocks:
            self.add_module(f"dropout{i}", Dropout(dropout))
        known = not isinstance(activation, str) or activation in ("relu", "gelu")
        need(known, f"activation should be relu/gelu, not {activation}")
        self.activation = getattr(F, activation) if isinstance(activation, str) else activation

    def _added(self, x: Tensor, norm: Module, block: Callable[..., Tensor], *rest: Any) -> Tensor:
        return x + block(norm(x), *rest) if self.norm_first else norm(x + block(x, *rest))

    def _sa_block(self, x: Tensor, attn_mask: Mask, key_padding_mask: Mask, is_causal: bool = False) -> Tensor:
        return self.dropout1(self.self_attn(x, x, x, key_padding_mask, False, attn_mask, is_causal=is_causal)[0])

    def _ff_block(self, x: Tensor) -> Tensor:
        last = getattr(self, f"dropout{len(self._attentions) + 1}")
        return last(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a feed-forward map; see `_Layer` for the arguments.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html
    """

    _attentions = ("self_attn",)

    def forward(
        self, src: Tensor, src_mask: Mask = None, src_key_padding_mask: Mask = None, is_causal: bool = False
    ) -> Tensor:
        """``src`` in, the same shape out; the masks are those of `MultiheadAttention`."""
        x = self._added(src, self.norm1, self._sa_block, src_mask, src_key_padding_mask, is_causal)
        return self._added(x, self.norm2, self._ff_block)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's result, then a feed-forward map; see `_Layer` for the arguments.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html
    """

    _attentions = ("self_attn", "multihead_attn")

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """``tgt`` and the encoder's result in, the shape of ``tgt`` out; masks are those of `MultiheadAttention`."""
        x = self._added(tgt, self.norm1, self._sa_block, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        rest = (memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        x = self._added(x, self.norm2, self._mha_block, *rest)
        return self._added(x, self.norm3, self._ff_block)

    def _mha_block(self, x: Tensor, mem: Tensor, attn_mask: Mask, key_padding_mask: Mask, is_causal: bool) -> Tensor:
        masks = (key_padding_mask, False, attn_mask)
        return self.dropout2(self.multihead_attn(x, mem, mem, *masks, is_causal=is_causal)[0])


class _Stack(Module):
    """What encoder and decoder share: copies of a layer, one after the other, and a norm or None at the end."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def _run(self, x: Tensor, *rest: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *rest)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """``num_layers`` copies of a layer, which all start from its numbers.

    Args:
        encoder_layer: the layer to copy.
        num_layers: how many.
        norm: a module for the end, or None.
        enable_nested_tensor, mask_check: accepted; they choose among PyTorch's ways to skip what is padded.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(encoder_layer, num_layers, norm)
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self, src: Tensor, mask: Mask = None, src_key_padding_mask: Mask = None, is_causal: bool | None = None
    ) -> Tensor:
        """``src`` in, the same shape out; ``is_causal`` says that ``mask`` is the causal one."""
        return self._run(src, mask, src_key_padding_mask, bool(is_causal))


class TransformerDecoder(_Stack):
    """``num_layers`` copies of a layer, which all start from its numbers.

    Args:
        decoder_layer: the layer to copy.
        num_layers: how many.
        norm: a module for the end, or None.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoder.html
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """``tgt`` and the encoder's result in, the shape of ``tgt`` out; see `Transformer`."""
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return self._run(tgt, memory, *masks, bool(tgt_is_causal), memory_is_causal)


class Transformer(Module):
    """An encoder and a decoder.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device,
            dtype: of all layers; see `_Layer`.
        num_encoder_layers, num_decoder_layers: how many layers each has.
        custom_encoder, custom_decoder: modules to take instead.

    >>> Transformer(d_model=16, nhead=2)(torch.rand(10, 32, 16), torch.rand(20, 32, 16)).shape
    torch.Size([20, 32, 16])

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Transformer.html
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: Activation = F.relu,
        custom_encoder: Any | None = None, custom_decoder: Any | None = None, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def stack(layer_kind: Any, kind: Any, count: int) -> Module:
            made = layer_kind(*layer, device=device, dtype=dtype)
            return kind(made, count, LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype))

        self.encoder = custom_encoder or stack(TransformerEncoderLayer, TransformerEncoder, num_encoder_layers)
        self.decoder = custom_decoder or stack(TransformerDecoderLayer, TransformerDecoder, num_decoder_layers)
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                xavier_uniform_(p)

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Mask = None, tgt_mask: Mask = None, memory_mask: Mask = None,
        src_key_padding_mask: Mask = None, tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """Encode ``src`` and decode ``tgt`` with it.

        Args:
            src: ``(S, N, E)``, ``(N, S, E)`` with ``batch_first``, or ``(S, E)``.
            tgt: likewise with its length T.
            src_mask, tgt_mask, memory_mask: ``(S, S)``, ``(T, T)`` and ``(T, S)``: True hides, numbers are added.
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: ``(N, length)``, likewise.
            src_is_causal, tgt_is_causal, memory_is_causal: that a mask is the causal one.

        Returns:
            The shape of ``tgt``.

        Raises:
            RuntimeError: if the batches or the sizes of ``src`` and ``tgt`` do not match.
        """
        n, shapes = 0 if self.batch_first else 1, f"{list(src.shape)} and {list(tgt.shape)}"
        alike = src.ndim != 3 or src.size(n) == tgt.size(n)
        need(alike, f"src and tgt must have one batch number, but their shapes are {shapes}")
        fits = src.size(-1) == tgt.size(-1) == self.d_model
        need(fits, f"src and tgt must end in d_model, {self.d_model}, but their shapes are {shapes}")
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return self.decoder(tgt, memory, *masks, tgt_is_causal, memory_is_causal)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """``(sz, sz)``: -inf above the diagonal, which hides the future, and 0 elsewhere."""
        return full((sz, sz), -math.inf, device=device, dtype=dtype).triu(1)
