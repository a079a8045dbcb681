"""A training step of a small GPT, as nanoGPT writes it: https://github.com/karpathy/nanoGPT"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.benchmarks.measure import Timed

LAYERS, HEADS, WIDTH, CONTEXT, BATCH, VOCABULARY = 4, 4, 128, 64, 12, 65


def model(library: Any) -> Any:
    """The network: (batch, context) token numbers in, (batch, context, vocabulary) scores out."""
    nn = library.nn
    F = nn.functional

    class Attention(nn.Module):
        """Every token looks at those before it, in several heads."""

        def __init__(self) -> None:
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            batch, length, width = x.shape
            heads = (part.view(batch, length, HEADS, width // HEADS) for part in self.c_attn(x).split(width, dim=2))
            q, k, v = (head.transpose(1, 2) for head in heads)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(y.transpose(1, 2).contiguous().view(batch, length, width))

    class Block(nn.Module):
        """Attention and a small network, each added to its input."""

        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x: Any) -> Any:
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        """Tokens and their places embedded, blocks, and scores by the transposed embedding."""

        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.h = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.ln_f, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)
            self.lm_head.weight = self.wte.weight

        def forward(self, tokens: Any) -> Any:
            x = self.wte(tokens) + self.wpe(library.arange(tokens.shape[1]))
            for block in self.h:
                x = block(x)
            return self.lm_head(self.ln_f(x))

    return GPT()


def gpt(library: Any) -> Timed:
    """A step of AdamW on one batch of noise."""
    library.manual_seed(0)
    network = model(library)
    rng = np.random.default_rng(0)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            library.nn.init.normal_(parameter, std=0.02)
    optimizer = library.optim.AdamW(network.parameters(), lr=1e-3)
    tokens = library.tensor(rng.integers(0, VOCABULARY, (BATCH, CONTEXT + 1)))
    inputs, targets = tokens[:, :-1], tokens[:, 1:].reshape(-1)

    def step() -> Any:
        optimizer.zero_grad()
        scores = network(inputs)
        loss = library.nn.functional.cross_entropy(scores.view(-1, VOCABULARY), targets)
        loss.backward()
        optimizer.step()
        return loss

    return Timed(step)
