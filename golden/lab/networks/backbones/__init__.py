# SPDX-License-Identifier: Apache-2.0
"""The spiking networks of the field, each behind one `NetworkConfig`.

Every network takes images (B, C, H, W) in 0..1 or frames (T, B, C, H, W), and returns logits
(B, classes); its encoder (golden.lab.networks.encoders) makes T timesteps of an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from golden.lab.networks.backbones.ms_resnet import MSResNet
from golden.lab.networks.backbones.resnet_relu import ReLUResNet
from golden.lab.networks.backbones.sdt import SpikeDrivenTransformer
from golden.lab.networks.backbones.sew_resnet import SEWResNet
from golden.lab.networks.backbones.spikformer import Spikformer
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.layers import ConvBN, LinearBN

if TYPE_CHECKING:
    from torch import nn

    from golden.lab.networks.network_config import NetworkConfig

# A class is made from a NetworkConfig; its name here is also in network_config.Backbone.
CLASSES: dict[str, type[nn.Module]] = {
    "spikingformer": Spikingformer,
    "spikformer": Spikformer,
    "sdt": SpikeDrivenTransformer,
    "sew_resnet": SEWResNet,
    "ms_resnet": MSResNet,
    "resnet": ReLUResNet,
}


def build(config: NetworkConfig) -> nn.Module:
    """The network that `config.backbone` names, with fresh weights."""
    model = CLASSES[config.backbone](config)
    if config.fused:
        fuse(model)
    return model


def fuse(model: nn.Module) -> None:
    """Take BatchNorm into the weights and biases of every layer; evaluation stays as it was."""
    for module in model.modules():
        if isinstance(module, (ConvBN, LinearBN)):
            module.fuse()
