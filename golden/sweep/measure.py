# SPDX-License-Identifier: Apache-2.0
"""Rates and energy of a float network that the hardware cannot run: what enters its layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from golden.energy.synaptic import AC, MAC
from golden.spikingformer.layers import ConvBN, LinearBN
from golden.train.evaluate import firing_rates

LAYERS = (ConvBN, LinearBN, nn.Conv1d, nn.Conv2d, nn.Linear)


@torch.no_grad()
def measure(model: nn.Module, images: torch.Tensor) -> dict[str, Any]:
    """Per image of uint8 `images`: operations of all convolutions and linear layers and their
    energy, 4.6 pJ for a layer whose input is not binary (MAC), else 0.9 pJ times the input's rate
    (SOP). The first layer behind the direct encoder sees pixels, whatever their values. rates: of
    every LIF. The products of the attention are not in it.
    """
    sops: list[float] = []
    macs: list[float] = []
    pixels = model.config.encoder == "direct"

    def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        x, channels = inputs[0].float(), module.weight.shape[0]
        flops = out.numel() // channels * module.weight.numel()
        first = not sops and not macs
        binary = bool(((x == 0) | (x == 1)).all()) and not (first and pixels)
        (sops if binary else macs).append(flops * (float(x.mean()) if binary else 1.0))

    hooks = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, LAYERS)]
    try:
        model.eval()
        model(images.float() / 255)
    finally:
        for handle in hooks:
            handle.remove()
    operations = sum(sops) / len(images), sum(macs) / len(images)
    return {
        "rates": firing_rates(model, images),
        "sops": operations[0],
        "macs": operations[1],
        "energy_uj": (AC * operations[0] + MAC * operations[1]) * 1e-6,
        "energy_of": "float network, attention products left out",
    }
