"""Recurrent layers `RNN`, `LSTM`, `GRU` and their cells; `micrograd_cn.nn.functional.recurrent` computes."""

from __future__ import annotations

import math
import warnings
from typing import Any

from micrograd_cn.creation import zeros
from micrograd_cn.nn import functional as F, init
from micrograd_cn.nn.functional.recurrent import GATES, Sequence as _Sequence, step
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.parameter import Parameter, add_parameters
from micrograd_cn.nn.utils.rnn import PackedSequence
from micrograd_cn.ops.shape import cat, need, stack
from micrograd_cn.tensor import Tensor

_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


class _Recurrent(Module):
    """What layers and cells share: all parameters are at first uniform in ±1/√hidden_size."""

    input_size: int
    hidden_size: int

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the default."""
        usual: dict[str, Any] = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        usual |= {"bidirectional": False} | ({"nonlinearity": "tanh"} if isinstance(self, RNNCellBase) else {})
        options = [f"{n}={x}" for n, y in usual.items() if (x := getattr(self, n, y)) != y]
        return ", ".join((str(self.input_size), str(self.hidden_size), *options))


class RNNBase(_Recurrent):
    """Base of the recurrent layers.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input_size: F, size of the last dimension of the input.
        hidden_size: H, size of the state.
        num_layers: L; the outputs of each layer are the inputs of the next.
        bias: whether there are any.
        batch_first: input and output are ``(N, T, ...)`` instead of ``(T, N, ...)``; states are not concerned.
        dropout: probability of a zero in the outputs of all layers but the last, in training.
        bidirectional: run a second layer from the end to the beginning (D = 2), and join the outputs.
        proj_size: P, what an LSTM's output is projected to; 0 for none. Otherwise P = H.
        device: only the CPU.
        dtype: of the parameters.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0: parameters of the first layer, ``(G * H, F)``,
            ``(G * H, P)``, ``(G * H,)`` twice and ``(P, H)``; the gates stand in the order i, f, g, o (LSTM) or r, z, n
            (GRU). Other layers have other numbers, the second direction ``_reverse``.

    Raises:
        TypeError, ValueError: for a wrong option.

    Source: https://pytorch.org/docs/stable/nn.html#recurrent-layers
    """

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        fits = isinstance(dropout, (int, float)) and not isinstance(dropout, bool) and 0 <= dropout <= 1
        need(
            fits, f"dropout should be a number in range [0, 1], the probability of a zero; got {dropout!r}", ValueError
        )
        if dropout > 0 and num_layers == 1:
            text = "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects"
            found = f"{dropout=} and {num_layers=}"
            warnings.warn(f"{text} num_layers greater than 1, but got {found}", stacklevel=3)
        options = {"bias": bias, "batch_first": batch_first, "input_size": input_size, "hidden_size": hidden_size}
        for (name, x), kind in zip(options.items(), (bool, bool, int, int), strict=True):
            need(isinstance(x, kind), f"{name} should be of type {kind.__name__}, got: {type(x).__name__}", TypeError)
        fits = min(input_size, hidden_size, num_layers) > 0 and 0 <= proj_size < hidden_size
        text = (
            "input_size, hidden_size and num_layers must be greater than zero, and proj_size smaller than hidden_size"
        )
        need(fits, f"{text}; got {input_size}, {hidden_size}, {num_layers} and {proj_size}", ValueError)
        need(mode in GATES, f"Unrecognized RNN mode: {mode}", ValueError)
        self.mode, self.input_size, self.hidden_size, self.proj_size = mode, input_size, hidden_size, proj_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional = float(dropout), bidirectional
        size, width, directions = GATES[mode] * hidden_size, proj_size or hidden_size, 1 + bidirectional
        self._suffixes = [f"l{k // directions}{'_reverse' * (k % directions)}" for k in range(num_layers * directions)]
        shapes: dict[str, Any] = {}
        for k, suffix in enumerate(self._suffixes):
            features = input_size if k < directions else width * directions
            of_layer = [(size, features), (size, width), size, size, (width, hidden_size)]
            for name, shape in zip(_WEIGHTS, of_layer, strict=True):
                if (bias or "bias" not in name) and (proj_size or name != "weight_hr"):
                    shapes[f"{name}_{suffix}"] = shape
        add_parameters(self, device, dtype, **shapes)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[w for w in self._weights(suffix) if w is not None] for suffix in self._suffixes]

    def _weights(self, suffix: str) -> list[Any]:
        return [getattr(self, f"{name}_{suffix}", None) for name in _WEIGHTS]

    def flatten_parameters(self) -> None:
        """Does nothing: it is for other devices than the CPU."""

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Run all layers over whole sequences.

        Args:
            input: ``(T, F)``, ``(T, N, F)``, with batch_first ``(N, T, F)``, or a `PackedSequence`.
            hx: the first state ``(L * D, N, P)``, for LSTM a pair ``(h, c)``, ``c`` being ``(L * D, N, H)``; zeros if
                None. Without N for an input without N.

        Returns:
            ``(output, h_n)``, for LSTM ``(output, (h_n, c_n))``: the outputs ``(T, N, D * P)`` of the last layer, laid
            out as the input, and the last states of all layers, laid out as ``hx``.

        Raises:
            RuntimeError, ValueError: if the shapes or types do not match.
        """
        lstm, packed = self.mode == "LSTM", isinstance(input, PackedSequence)
        states = hx if lstm or hx is None else (hx,)
        x, order = (input.data, input.sorted_indices) if packed else (input, None)
        rank = 3 if packed else x.dim()
        name = type(self).__name__
        need(rank in (2, 3), f"{name}: Expected input to be 2D or 3D, got {rank}D tensor instead", ValueError)
        if not packed:
            x = x.unsqueeze(1) if rank == 2 else x.transpose(0, 1) if self.batch_first else x
        sizes = input.batch_sizes.tolist() if packed else [x.shape[1]] * len(x)
        found = {s.dim() for s in states or ()}
        need(found <= {rank}, f"For an input of {rank} dimensions hx should have as many, but got {found}")
        if rank == 2 and states is not None:
            states = [s.unsqueeze(1) for s in states]
        states = self._checked(x, sizes, states)
        if order is not None and hx is not None:
            states = [s.index_select(1, order) for s in states]
        output: Any
        output, last = self._run(x.reshape(-1, self.input_size), sizes, states)
        if packed:
            output = PackedSequence(output, *input[1:])
        else:
            output = output.reshape(*x.shape[:2], output.shape[-1])
            output = output.squeeze(1) if rank == 2 else output.transpose(0, 1) if self.batch_first else output
        if rank == 2:
            last = [s.squeeze(1) for s in last]
        elif order is not None:
            last = [s.index_select(1, input.unsorted_indices) for s in last]
        return output, tuple(last) if lstm else last[0]

    def _checked(self, x: Tensor, sizes: list[int], states: Any) -> Any:
        """The first states, zeros for None; raises what `forward` raises."""
        kind = self._weights("l0")[0].dtype
        help = f"Convert input: input.to({kind}), or convert model: model.to({x.dtype})"
        need(x.dtype is kind, f"RNN input dtype ({x.dtype}) does not match weight dtype ({kind}). {help}", ValueError)
        text = "input.size(-1) must be equal to input_size, and the sequence length larger than 0"
        need(x.shape[-1] == self.input_size and sizes, f"{text}. Expected {self.input_size}, got {list(x.shape)}")
        widths = (self.proj_size or self.hidden_size, self.hidden_size)[: 1 + (self.mode == "LSTM")]
        shapes = [(len(self._suffixes), sizes[0], n) for n in widths]
        if states is None:
            return [zeros(shape, dtype=kind) for shape in shapes]
        for s, shape in zip(states, shapes, strict=True):
            fits = tuple(s.shape) == shape and s.dtype is kind
            need(fits, f"Expected hidden size {shape} of {kind}, got {list(s.shape)} of {s.dtype}")
        return states

    def _run(self, x: Tensor, sizes: list[int], states: Any) -> tuple[Tensor, list[Tensor]]:
        """All layers over packed sequences: the outputs of the last one, and the last states of all."""
        last: list[Any] = []
        for layer in range(self.num_layers):
            outputs = []
            for reverse in (False, True)[: 1 + self.bidirectional]:
                k = len(last)
                h, c = (*(s[k] for s in states), None)[:2]
                output, *ends = _Sequence.apply(self.mode, sizes, reverse, x, h, c, *self._weights(self._suffixes[k]))
                outputs.append(output)
                last.append(ends[: len(states)])
            x = cat(outputs, -1) if self.bidirectional else output
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        return x, [stack(column) for column in zip(*last, strict=True)]


def _refuse_projection(options: dict[str, Any]) -> None:
    need("proj_size" not in options, "proj_size argument is only supported for LSTM, not RNN or GRU", ValueError)


def _nonlinear(name: str, kind: type[Exception]) -> str:
    """The mode with this nonlinearity; an exception of this kind if there is none."""
    need(name in ("tanh", "relu"), f"Unknown nonlinearity '{name}'. Select from 'tanh' or 'relu'.", kind)
    return f"RNN_{name.upper()}"


class RNN(RNNBase):
    """Elman's network ``h = tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)``; see `RNNBase`.

    Args:
        input_size, hidden_size, num_layers: as in `RNNBase`.
        nonlinearity: "tanh" or "relu"; the fourth argument.
        bias, batch_first, dropout, bidirectional, device, dtype: as in `RNNBase`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        super().__init__(_nonlinear(nonlinearity, ValueError), *args[:3], *args[4:], **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory; its state is a pair ``(h, c)``. See `RNNBase` and, for one step, `LSTMCell`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units. See `RNNBase` and, for one step, `GRUCell`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


class RNNCellBase(_Recurrent):
    """Base of the cells.

    Args:
        input_size: F, size of the input.
        hidden_size: H, size of the state.
        bias: whether to add any.
        num_chunks: G, how many gates there are.
        device: only the CPU.
        dtype: of the parameters.

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh: ``(G * H, F)``, ``(G * H, H)``, and ``(G * H,)`` twice or None.
    """

    mode: Any
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        size = num_chunks * hidden_size
        weights = {"weight_ih": (size, input_size), "weight_hh": (size, hidden_size)}
        add_parameters(self, device, dtype, **weights, **dict.fromkeys(("bias_ih", "bias_hh"), size if bias else None))

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """The state ``(N, H)`` after one step, for LSTM a pair.

        Args:
            input: ``(N, F)`` or ``(F,)``.
            hx: the state before, laid out as the result; zeros if None.

        Raises:
            ValueError, RuntimeError: for other shapes.
        """
        lstm, name, batched = self.mode == "LSTM", type(self).__name__, input.dim() == 2
        states = () if hx is None else hx if lstm else (hx,)
        for what, t in (("input", input), *(("hidden", s) for s in states)):
            need(t.dim() in (1, 2), f"{name}: Expected {what} to be 1D or 2D, got {t.dim()}D instead", ValueError)
        x, *states = (t if batched else t.unsqueeze(0) for t in (input, *states))
        shape = (len(x), self.hidden_size)
        found = [tuple(t.shape) for t in (x, *states)]
        fits = found[0][-1] == self.input_size and all(s == shape for s in found[1:])
        need(fits, f"{name}: Expected input_size {self.input_size} and hidden states of shape {shape}, got {found}")
        h, c = (*(states or [zeros(shape, dtype=x.dtype)] * 2), None)[:2]
        p = F.linear(x, self.weight_ih, self.bias_ih)
        new = step(self.mode, p, h, c, self.weight_hh, self.bias_hh)[: 1 + lstm]
        new = new if batched else tuple(s.squeeze(0) for s in new)
        return new if lstm else new[0]


class RNNCell(RNNCellBase):
    """``h = tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)``; see `RNNCellBase`.

    Args:
        input_size, hidden_size, bias, device, dtype: as in `RNNCellBase`.
        nonlinearity: "tanh" or "relu"; RuntimeError for another when the cell is called.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    @property
    def mode(self) -> str:
        """Which of the modes of `micrograd_cn.nn.functional.recurrent` it is."""
        return _nonlinear(self.nonlinearity, RuntimeError)


class _GatedCell(RNNCellBase):
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, GATES[self.mode], device, dtype)


class LSTMCell(_GatedCell):
    """``c = f * c + i * g`` and ``h = o * tanh(c)``, with the gates from ``x`` and ``h``; see `RNNCellBase`.

    ``i``, ``f``, ``o`` are sigmoids and ``g`` is a tanh of ``x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
    """

    mode = "LSTM"


class GRUCell(_GatedCell):
    """``h = n + z * (h - n)``, with the gates from ``x`` and ``h``; see `RNNCellBase`.

    ``r`` and ``z`` are sigmoids of ``p + q``, and ``n = tanh(p + r * q)``, where ``p = x @ weight_ih.T + bias_ih`` and
    ``q = h @ weight_hh.T + bias_hh``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.GRUCell.html
    """

    mode = "GRU"
