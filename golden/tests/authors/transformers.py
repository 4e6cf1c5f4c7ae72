# SPDX-License-Identifier: Apache-2.0
"""Spikingformer, Spikformer and Spike-Driven Transformer of their authors."""

import torch
from torch import nn

from golden.tests.authors.parts import Fire, over, pair, repeated


def conv3(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


def pool():
    return nn.MaxPool2d(3, 2, 1)


def split(spikes, heads):
    """(T, B, C, N) -> (T, B, heads, N, C / heads)."""
    return spikes.unflatten(2, (heads, -1)).transpose(3, 4)


def joined(values):
    """(T, B, heads, N, d) -> (T, B, heads * d, N)."""
    return values.transpose(3, 4).flatten(2, 3)


class Spikingformer(nn.Module):
    """kind: 'cifar', 'imagenet', 'dvs'."""

    def __init__(self, kind, depth, dim, heads, inputs, classes, timesteps, tau, ratio=4):
        super().__init__()
        self.kind, self.timesteps, self.tau = kind, timesteps, tau
        self.patch_embed, self.block = nn.Module(), nn.ModuleList()
        widths = (inputs, dim // 8, dim // 4, dim // 2, dim, dim)
        for i in range(5):
            name = f"block{i}_" if kind == "cifar" else f"proj{i or ''}_"
            pair(
                self.patch_embed, name, "", conv3(*widths[i : i + 2]), nn.BatchNorm2d(widths[i + 1])
            )
            if i:
                self.patch_embed.add_module(f"{name}lif", Fire(tau=tau))
        for _ in range(depth):
            self.block.append(SpikingformerBlock(dim, heads, ratio, tau))
        self.head = nn.Linear(dim, classes)

    def forward(self, inputs):
        x, stem = repeated(inputs, self.timesteps), self.patch_embed
        names = [f"block{i}" if self.kind == "cifar" else f"proj{i or ''}" for i in range(5)]
        for i, name in enumerate(names):
            if i:
                x = getattr(stem, f"{name}_lif")(x)
            if i in ((3, 4) if self.kind == "cifar" else (1, 2, 3, 4)):
                x = over(pool(), x)
            x = over(getattr(stem, f"{name}_bn"), over(getattr(stem, f"{name}_conv"), x))
        for block in self.block:
            x = block(x)
        return self.head(x.flatten(3).mean(3).mean(0))


class SpikingformerBlock(nn.Module):
    def __init__(self, dim, heads, ratio, tau):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)  # never called
        self.heads, self.attn, self.mlp = heads, nn.Module(), nn.Module()
        for part in "q", "k", "v":
            conv = nn.Conv1d(dim, dim, 1, bias=False)
            pair(self.attn, f"{part}_", "", conv, nn.BatchNorm1d(dim))
        pair(self.attn, "proj_", "", nn.Conv1d(dim, dim, 1), nn.BatchNorm1d(dim))
        for part in "proj", "q", "k", "v", "attn":
            self.attn.add_module(f"{part}_lif", Fire(0.5 if part == "attn" else 1.0, tau))
        widths = (dim, dim * ratio, dim)
        for i in (1, 2):
            conv = nn.Conv2d(widths[i - 1], widths[i], 1)
            pair(self.mlp, f"mlp{i}_", "", conv, nn.BatchNorm2d(widths[i]))
            self.mlp.add_module(f"mlp{i}_lif", Fire(tau=tau))

    def forward(self, x):
        a, m = self.attn, self.mlp
        s = a.proj_lif(x).flatten(3)
        q, k, v = (
            split(lif(over(bn, over(conv, s))), self.heads)
            for conv, bn, lif in (
                (a.q_conv, a.q_bn, a.q_lif),
                (a.k_conv, a.k_bn, a.k_lif),
                (a.v_conv, a.v_bn, a.v_lif),
            )
        )
        s = a.attn_lif(joined(((q @ k.transpose(3, 4)) @ v) * 0.125))
        x = x + over(a.proj_bn, over(a.proj_conv, s)).unflatten(3, x.shape[3:])
        y = over(m.mlp1_bn, over(m.mlp1_conv, m.mlp1_lif(x)))
        return x + over(m.mlp2_bn, over(m.mlp2_conv, m.mlp2_lif(y)))


class Spikformer(nn.Module):
    """kind: 'cifar' (linear layers), 'imagenet', 'dvs'."""

    def __init__(self, kind, depth, dim, heads, inputs, classes, timesteps, tokens=0):
        super().__init__()
        self.kind, self.timesteps = kind, timesteps
        self.patch_embed, self.block = position_stem(inputs, dim), nn.ModuleList()
        for _ in range(depth):
            self.block.append(SpikformerBlock(kind, dim, heads))
        self.head = nn.Linear(dim, classes)
        if kind == "dvs":  # constructed, never called
            self.pos_embed = nn.Parameter(torch.zeros(1, tokens, dim))
            self.norm = nn.LayerNorm(dim)

    def forward(self, inputs):
        x, s = repeated(inputs, self.timesteps), self.patch_embed
        for i in range(4):
            n = str(i or "")
            x = over(getattr(s, f"proj_bn{n}"), over(getattr(s, f"proj_conv{n}"), x))
            x = getattr(s, f"proj_lif{n}")(x)
            if self.kind != "cifar" or i >= 2:
                x = over(pool(), x)
        x = s.rpe_lif(over(s.rpe_bn, over(s.rpe_conv, x))) + x
        x = x.flatten(3)
        for block in self.block:
            x = block(x)
        return self.head(x.mean(3).mean(0))


def position_stem(inputs, dim):
    """`patch_embed` of Spikformer and of Spike-Driven Transformer."""
    stem, widths = nn.Module(), (inputs, dim // 8, dim // 4, dim // 2, dim, dim)
    for i in range(5):
        name, number = ("rpe_", "") if i == 4 else ("proj_", str(i or ""))
        pair(stem, name, number, conv3(*widths[i : i + 2]), nn.BatchNorm2d(widths[i + 1]))
        stem.add_module(f"{name}lif{number}", Fire())
    return stem


class SpikformerBlock(nn.Module):
    def __init__(self, kind, dim, heads):
        super().__init__()
        self.kind, self.heads = kind, heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)  # never called
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.word = "linear" if kind == "cifar" else "conv"
        for part in "q", "k", "v", "attn", "proj":
            self.attn.add_module(f"{part}_lif", Fire(0.5 if part == "attn" else 1.0))
            if part != "attn":
                layer = nn.Conv1d(dim, dim, 1, bias=part == "proj")
                self._add(self.attn, part, nn.Linear(dim, dim) if kind == "cifar" else layer, dim)
        widths = (dim, dim * 4, dim)
        for i in (1, 2):
            sizes = widths[i - 1 : i + 1]
            layer = {
                "cifar": nn.Linear(*sizes),
                "imagenet": nn.Conv2d(*sizes, 1),
                "dvs": nn.Conv1d(*sizes, 1),
            }[kind]
            self._add(self.mlp, f"fc{i}", layer, sizes[1], kind == "imagenet")
            self.mlp.add_module(f"fc{i}_lif", Fire())

    def _add(self, module, name, layer, outputs, plane=False):
        module.add_module(f"{name}_{self.word}", layer)
        module.add_module(f"{name}_bn", (nn.BatchNorm2d if plane else nn.BatchNorm1d)(outputs))

    def _current(self, module, name, x):
        """Synapse and norm of (T, B, C, N)."""
        layer, norm = getattr(module, f"{name}_{self.word}"), getattr(module, f"{name}_bn")
        if isinstance(layer, nn.Linear):
            return over(norm, over(layer, x.transpose(2, 3)).transpose(2, 3))
        if isinstance(layer, nn.Conv2d):
            return over(norm, over(layer, x.unsqueeze(3))).flatten(3)
        return over(norm, over(layer, x))

    def forward(self, x):
        a, m = self.attn, self.mlp
        q, k, v = (
            split(lif(self._current(a, name, x)), self.heads)
            for name, lif in (("q", a.q_lif), ("k", a.k_lif), ("v", a.v_lif))
        )
        if self.kind == "cifar":
            y = ((q @ k.transpose(3, 4)) * 0.125) @ v
        elif self.kind == "imagenet":
            y = (q @ (k.transpose(3, 4) @ v)) * 0.125
        else:
            y = ((q @ k.transpose(3, 4)) @ v) * 0.25
        x = x + a.proj_lif(self._current(a, "proj", a.attn_lif(joined(y))))
        y = m.fc1_lif(self._current(m, "fc1", x))
        return x + m.fc2_lif(self._current(m, "fc2", y))


class SpikeDrivenTransformer(nn.Module):
    """pools: 'pooling_stat', a digit for each of the first four stages. dilated: 'dvs_mode'."""

    def __init__(self, pools, dilated, depth, dim, heads, inputs, classes, timesteps):
        super().__init__()
        self.pools, self.timesteps = pools, timesteps
        self.patch_embed, self.block = position_stem(inputs, dim), nn.ModuleList()
        del self.patch_embed.rpe_lif  # registered before proj_lif3 there, and never called
        for _ in range(depth):
            self.block.append(SDTBlock(dim, heads, dilated))
        self.head_lif, self.head = Fire(), nn.Linear(dim, classes)

    def forward(self, inputs):
        x, s = repeated(inputs, self.timesteps), self.patch_embed
        for i, pooled in enumerate(self.pools):
            n = str(i or "")
            x = over(getattr(s, f"proj_bn{n}"), over(getattr(s, f"proj_conv{n}"), x))
            if i < 3:
                x = getattr(s, f"proj_lif{n}")(x)
            if pooled == "1":
                x = over(pool(), x)
        x = x + over(s.rpe_bn, over(s.rpe_conv, s.proj_lif3(x)))
        for block in self.block:
            x = block(x)
        return self.head(self.head_lif(x.flatten(3).mean(3))).mean(0)


class SDTBlock(nn.Module):
    def __init__(self, dim, heads, dilated):
        super().__init__()
        self.heads, self.attn, self.mlp = heads, nn.Module(), nn.Module()
        dilation = nn.MaxPool3d((1, 3, 3), 1, (0, 1, 1))
        self.dilate = dilation if dilated else nn.Identity()
        self.attn.shortcut_lif = Fire()
        for part in "q", "k", "v", "proj":
            conv = nn.Conv2d(dim, dim, 1, bias=part == "proj")
            pair(self.attn, f"{part}_", "", conv, nn.BatchNorm2d(dim))
            if part != "proj":
                self.attn.add_module(f"{part}_lif", Fire())
        self.attn.talking_heads = nn.Conv1d(heads, heads, 1, bias=False)  # never called
        self.attn.talking_heads_lif = Fire(0.5, channel=None)
        widths = (dim, dim * 4, dim)
        for i in (1, 2):
            conv = nn.Conv2d(widths[i - 1], widths[i], 1)
            pair(self.mlp, f"fc{i}_", "", conv, nn.BatchNorm2d(widths[i]))
            self.mlp.add_module(f"fc{i}_lif", Fire())

    def forward(self, x):
        a, m = self.attn, self.mlp
        s = a.shortcut_lif(x)
        q = a.q_lif(over(a.q_bn, over(a.q_conv, s)))
        k = self.dilate(a.k_lif(over(a.k_bn, over(a.k_conv, s))))
        v = self.dilate(a.v_lif(over(a.v_bn, over(a.v_conv, s))))
        q, k, v = (split(spikes.flatten(3), self.heads) for spikes in (q, k, v))
        kv = a.talking_heads_lif(self.dilate(k * v).sum(3, keepdim=True))
        y = joined(self.dilate(q * kv)).unflatten(3, x.shape[3:])
        x = x + over(a.proj_bn, over(a.proj_conv, y))
        y = over(m.fc1_bn, over(m.fc1_conv, m.fc1_lif(x)))
        return x + over(m.fc2_bn, over(m.fc2_conv, m.fc2_lif(y)))
