# SPDX-License-Identifier: Apache-2.0
"""Float Spikingformer -> folded, quantised Spikingformer, in place."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from golden.contract.errors import UserError
from golden.contract.limits import PRESETS, Widths
from golden.contract.sizes import HEADS
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.quantise.fold import (  # fmt: skip
    EncoderFolded,
    FoldedLayer,
    QuantHead,
    ResidualFolded,
    SpikeFolded,
)
from golden.lab.quantise.normalised import NormalisedFolded
from golden.lab.train.source import network_input

CONTRACT = {
    "backbone": ("spikingformer",),
    "encoder": ("direct", "learned"),
    "head": HEADS,
    "tau": (2.0,),
}


def refusal(config: NetworkConfig) -> str | None:
    """Why no integer network can be made of a float one with this configuration; None if one can.

    What its numbers say is another matter: ranges are checked by golden.lab.quantise.export, and
    what hardware can hold by golden.hardware.compile.
    """
    for name, known in CONTRACT.items():
        value = getattr(config, name)
        if value not in known:
            return f"the integer contract has {name} {' or '.join(map(str, known))}, not {value}"
    return None


@torch.no_grad()
def calibrate(model: Spikingformer, images: torch.Tensor, batch_size: int = 128) -> None:
    """Replace all BatchNorm statistics by those of uint8 `images`, un-augmented or as given."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain average over the batches
    model.train()
    for part in images.split(batch_size):
        if len(part) == batch_size or len(images) < batch_size:
            model(network_input(model, part))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()


def convert(
    model: Spikingformer,
    frac_bits: int,
    entries: int = 0,
    widths: Widths = PRESETS,
    rates: Mapping[nn.Module, torch.Tensor] | None = None,
) -> Spikingformer:
    """Fold and quantise every layer in place; `frac_bits` is f of the residual grid 2^-f.

    widths: of the hardware.  rates: by layer on the stream the firing rates of its inputs, for
    `ResidualFolded`.

    With `entries`, the kept weights of every layer but the one that sees pixels and the head have
    a codebook of so many; q, k and v, one layer on the hardware, share theirs.
    """
    reason = refusal(model.config)
    if reason is not None:
        raise UserError(f"{reason}; train a network with one of them")
    stages, rates = model.tokenizer.stages, rates or {}
    if model.config.encoder == "learned":
        pixels = model.encoder = EncoderFolded(model.encoder, model.normalise, widths)
        stages[0] = SpikeFolded(stages[0], 1, widths)
    elif model.config.mean:
        pixels = stages[0] = NormalisedFolded(
            stages[0], model.normalise, model.config.input_max, widths
        )
    else:
        pixels = stages[0] = SpikeFolded(stages[0], model.config.input_max, widths)
    model.normalise = nn.Identity()  # folded into what sees the pixels
    for index in range(1, 4):
        stages[index] = SpikeFolded(stages[index], 1, widths)
    stages[4] = ResidualFolded(stages[4], frac_bits, rates.get(stages[4]))
    for block in model.blocks:
        attention, mlp = block.attention, block.mlp
        for name in ("q", "k", "v"):
            setattr(attention, name, SpikeFolded(getattr(attention, name), 1, widths))
        attention.proj = ResidualFolded(attention.proj, frac_bits, rates.get(attention.proj))
        mlp.mlp1 = SpikeFolded(mlp.mlp1, 1, widths)
        mlp.mlp2 = ResidualFolded(mlp.mlp2, frac_bits, rates.get(mlp.mlp2))
    if entries:
        fused = [[b.attention.q, b.attention.k, b.attention.v] for b in model.blocks]
        known = [pixels, *(layer for group in fused for layer in group)]
        alone = [
            [module]
            for module in model.modules()
            if isinstance(module, FoldedLayer) and not any(module is layer for layer in known)
        ]
        for group in fused + alone:
            FoldedLayer.share_codebook(group, entries)
    positions = model.config.tokens * model.config.timesteps
    grid = 1.0 if model.config.head.startswith("sn_") else 2.0**-frac_bits
    model.head = QuantHead(model.head, positions, grid)
    return model
