# SPDX-License-Identifier: Apache-2.0
"""The quantised text encoder, after RoBERTa (arXiv 1907.11692): a quantiser before and after every
matrix product.

Names in the attention follow what spikingjelly's SpikeZIPTFQANNRecipe ('roberta') looks for: query,
query_quan, key, ..., after_attn_quan, num_attention_heads, dropout.

Sentences have different lengths. They are filled up with PAD, and a mask of -MASK on the scores of
all pairs whose key is PAD makes the softmax give such keys 0: e^-MASK is nothing beside the 2^-16
that it rounds to. The spiking attention adds the mask at t = 0; Spike-Softmax works on running
sums, so it holds at every timestep.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from golden.contract.errors import UserError
from golden.lab.spikezip.functions import FixedSoftmax
from golden.lab.spikezip.layers import QuantLinear, mlp, norm, projection
from golden.lab.spikezip.quantised_transformer import QuantTransformer
from golden.lab.spikezip.quantiser import Quantiser
from golden.lab.spikezip.text_config import TextConfig
from golden.lab.spikezip.vocabulary import PAD, Vocabulary

MASK = 2.0**14
MARGIN = 16.0  # e^-16 is less than half of the 2^-16 that the softmax rounds to


class SelfAttention(nn.Module):
    """(softmax(q k^T / sqrt(d) + mask) v,) over (B, N, dim), all five factors quantised."""

    def __init__(self, config: TextConfig, dropout: float) -> None:
        super().__init__()
        dim, level, bits = config.dim, config.level, config.weight_bits
        self.num_attention_heads, self.all_head_size = config.heads, dim
        self.attention_head_size = dim // config.heads
        self.query, self.query_quan = QuantLinear(dim, dim, bits), Quantiser(level, sym=True)
        self.key, self.key_quan = QuantLinear(dim, dim, bits), Quantiser(level, sym=True)
        self.value, self.value_quan = QuantLinear(dim, dim, bits), Quantiser(level, sym=True)
        self.softmax, self.dropout = FixedSoftmax(), nn.Dropout(dropout)
        self.attn_quan = Quantiser(level, sym=False)
        self.after_attn_quan = Quantiser(level, sym=True)

    def forward(self, x: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor]:
        q = self._heads(self.query_quan(self.query(x)))
        k = self._heads(self.key_quan(self.key(x)))
        v = self._heads(self.value_quan(self.value(x)))
        scores = q @ k.transpose(-1, -2) * self.attention_head_size**-0.5 + attention_mask
        share = self.attn_quan(self.dropout(self.softmax(scores)))
        return (self.after_attn_quan(share @ v).transpose(1, 2).flatten(2),)

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, dim) -> (B, heads, N, d)."""
        return x.unflatten(2, (self.num_attention_heads, -1)).transpose(1, 2)


class TextBlock(nn.Module):
    """LayerNorm(x + attention(x)), then LayerNorm(x + mlp(x)), in RoBERTa's order."""

    def __init__(self, config: TextConfig, dropout: float) -> None:
        super().__init__()
        self.attention, self.output = SelfAttention(config, dropout), projection(config)
        self.norm1, self.mlp, self.norm2 = norm(config), mlp(config), norm(config)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        (context,) = self.attention(x, attention_mask=attention_mask)
        x = self.norm1(x + self.dropout(self.output(context)))
        return self.norm2(x + self.dropout(self.mlp(x)))


class QuantTextEncoder(QuantTransformer):
    """Token numbers int64 (B, N), the first of each START, -> logits (B, classes), which the head
    reads at START. dropout: while it trains, of embeddings, attention and what blocks add."""

    family = "roberta"

    def __init__(self, config: TextConfig, vocabulary: Vocabulary, dropout: float = 0.0) -> None:
        super().__init__(config)
        self.vocabulary = vocabulary
        self.word = nn.Embedding(len(vocabulary), config.dim, padding_idx=PAD)
        self.position = nn.Embedding(config.length, config.dim)
        self.norm, self.dropout = norm(config), nn.Dropout(dropout)
        self.blocks = nn.ModuleList(TextBlock(config, dropout) for _ in range(config.depth))
        self.head = QuantLinear(config.dim, config.classes, config.weight_bits)
        for embedding in self.embeddings():
            nn.init.trunc_normal_(embedding, std=0.02)
        nn.init.zeros_(self.word.weight[PAD])

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)[None]
        x = self.dropout(self.norm(self.word(tokens) + self.position(places)))
        mask = self.mask(tokens)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(x[:, 0])

    def mask(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, 1, 1, N): 0 for a word, -MASK for PAD."""
        return (tokens == PAD)[:, None, None].to(self.head.weight) * -MASK

    def answer(self, samples: torch.Tensor) -> torch.Tensor:
        return self(samples)

    def shown(self, samples: torch.Tensor) -> Iterator[torch.Tensor]:
        """The sentence at every step: its embedding arrives at t = 0 alone, the mask stays."""
        while True:
            yield samples

    def embeddings(self) -> list[nn.Parameter]:
        return [self.word.weight, self.position.weight]

    def batches(self, samples: torch.Tensor, size: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """Sentences of equal length, without PAD: what a machine would compute."""
        lengths = (samples != PAD).sum(1)
        for length in lengths.unique().tolist():
            for index in (lengths == length).nonzero()[:, 0].split(size):
                yield index, samples[index, :length]

    def largest_mask(self) -> float:
        for block in self.blocks:
            attention = block.attention
            q, k = (float(x.s) * x.level / 2 for x in (attention.query_quan, attention.key_quan))
            most = q * k * attention.attention_head_size**0.5
            if 2 * most + MARGIN > MASK:
                raise UserError(
                    f"the scores of an attention reach {most:g}, the mask of padding takes "
                    f"{MASK:g} off, which could be too little: train with fewer levels"
                )
        return MASK
