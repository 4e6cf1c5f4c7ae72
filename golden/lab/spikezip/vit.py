# SPDX-License-Identifier: Apache-2.0
"""The quantised ViT: a quantiser before and after every matrix product.

Names follow what spikingjelly's SpikeZIPTFQANNRecipe ('vit') looks for: patch_embed.proj,
cls_token, pos_embed, blocks, norm, head; in the attention qkv, quan_q, ..., quan_proj.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from golden.lab.spikezip.functions import FixedSoftmax
from golden.lab.spikezip.layers import QuantConv2d, QuantLinear, mlp, norm
from golden.lab.spikezip.quantised_transformer import QuantTransformer
from golden.lab.spikezip.quantiser import Quantiser
from golden.lab.spikezip.spikezip_config import VitConfig

PIXEL_BITS = 8


class PatchEmbed(nn.Module):
    """(B, C, H, W) -> (B, dim, H/patch, W/patch), quantised."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        conv = QuantConv2d(config.in_channels, config.dim, config.patch, config.weight_bits)
        self.proj = nn.Sequential(conv, Quantiser(config.level, sym=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x)


class Attention(nn.Module):
    """softmax((q / sqrt(d)) k^T) v over (B, N, dim), all five factors quantised."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        dim, level, bits = config.dim, config.level, config.weight_bits
        self.num_heads, self.head_dim = config.heads, dim // config.heads
        self.scale = self.head_dim**-0.5
        self.qkv = QuantLinear(dim, 3 * dim, bits)
        self.quan_q = Quantiser(level, sym=True)
        self.quan_k = Quantiser(level, sym=True)
        self.quan_v = Quantiser(level, sym=True)
        self.softmax = FixedSoftmax()
        self.attn_quan = Quantiser(level, sym=False)
        self.after_attn_quan = Quantiser(level, sym=True)
        self.proj = QuantLinear(dim, dim, bits)
        self.quan_proj = Quantiser(level, sym=True)
        self.attn_drop, self.proj_drop = nn.Identity(), nn.Identity()  # the recipe asks for them

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, dim = x.shape
        parts = self.qkv(x).reshape(batch, tokens, 3, self.num_heads, self.head_dim)
        q, k, v = parts.movedim(2, 0).transpose(2, 3).unbind(0)
        q, k, v = self.quan_q(q), self.quan_k(k), self.quan_v(v)
        share = self.attn_quan(self.softmax((q * self.scale) @ k.transpose(-1, -2)))
        context = self.after_attn_quan(share @ v)
        return self.quan_proj(self.proj(context.transpose(1, 2).reshape(batch, tokens, dim)))


class Block(nn.Module):
    """x + attention(LayerNorm(x)), then x + mlp(LayerNorm(x)); the MLP's ReLU is a quantiser."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.norm1, self.attn = norm(config), Attention(config)
        self.norm2, self.mlp = norm(config), mlp(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class QuantViT(QuantTransformer):
    """Images (B, C, H, W) in 0..1 -> logits (B, classes). The logits are not quantised: an argmax
    reads them."""

    family = "vit"
    input_step = 2.0**-PIXEL_BITS

    def __init__(self, config: VitConfig) -> None:
        super().__init__(config)
        self.patch_embed = PatchEmbed(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, config.tokens, config.dim))
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.depth)))
        self.norm = norm(config)
        self.head = QuantLinear(config.dim, config.classes, config.weight_bits)
        for parameter in self.embeddings():
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images: torch.Tensor, timesteps: int | None = None) -> torch.Tensor:
        """timesteps is there for golden.lab.train.loop; the ANN has no time."""
        x = self.patch_embed(pixels(images)).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])

    def answer(self, samples: torch.Tensor) -> torch.Tensor:
        return self(samples.double() / 255)

    def shown(self, samples: torch.Tensor) -> Iterator[torch.Tensor]:
        """The image at t = 0, nothing after it."""
        drive = pixels(samples.double() / 255)
        while True:
            yield drive
            drive = torch.zeros_like(drive)

    def embeddings(self) -> list[nn.Parameter]:
        return [self.cls_token, self.pos_embed]


def pixels(images: torch.Tensor) -> torch.Tensor:
    """Images in 0..1 (uint8 / 255) -> uint8 / 256, a multiple of 2^-8: the quantiser before the
    first product."""
    return torch.floor(images * 255 + 0.5) / 2**PIXEL_BITS
