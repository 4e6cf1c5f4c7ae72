# SPDX-License-Identifier: Apache-2.0
"""The spiking networks of the field, each behind one `NetworkConfig`.

Every network takes images (B, C, H, W) in 0..1 or frames (T, B, C, H, W), and returns logits
(B, classes); its encoder (golden.lab.networks.encoders) makes T timesteps of an image.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from golden.lab.networks.spikingformer.config import NetworkConfig

_CLASSES = {
    "spikingformer": "golden.lab.networks.spikingformer.model:Spikingformer",
    "spikformer": "golden.lab.networks.backbones.spikformer:Spikformer",
    "sdt": "golden.lab.networks.backbones.sdt:SpikeDrivenTransformer",
    "sew_resnet": "golden.lab.networks.backbones.sew_resnet:SEWResNet",
    "ms_resnet": "golden.lab.networks.backbones.ms_resnet:MSResNet",
}


def build(config: NetworkConfig) -> nn.Module:
    """The network that `config.backbone` names, with fresh weights."""
    module, _, name = _CLASSES[config.backbone].partition(":")
    return getattr(import_module(module), name)(config)
