# SPDX-License-Identifier: Apache-2.0
"""Parameter counts: equal to those of the authors' constructors, and to the published figures."""

import itertools

import pytest
import torch

from golden.lab.networks import backbones
from golden.lab.networks.backbones.published_networks import PUBLISHED
from golden.lab.networks.backbones.resnet import STAGES


def conv(inputs, outputs, kernel=3, bias=False):
    """Conv and BatchNorm."""
    return inputs * outputs * kernel**2 + outputs * bias + 2 * outputs


def tokenizer(config):
    """SPS, SpikingTokenizer, MS_SPS: five 3x3 convolutions without bias, each with a norm."""
    d = config.dim
    channels = (config.in_channels, d // 8, d // 4, d // 2, d, d)
    return sum(conv(i, o) for i, o in itertools.pairwise(channels))


def transformer(config, qkv_bias=False):
    """SSA or SDSA (q, k, v, proj with bias) and MLP (two layers with bias), tokenizer, head."""
    d = config.dim
    block = 3 * conv(d, d, 1, qkv_bias) + conv(d, d, 1, True)
    block += conv(d, 4 * d, 1, True) + conv(4 * d, d, 1, True)
    return tokenizer(config) + config.depth * block + (d + 1) * config.classes


def sew(config):
    """imagenet/sew_resnet.py: _make_layer with inplanes 64, BasicBlock or Bottleneck."""
    bottleneck, width = config.depth >= 50, 64
    total = conv(3, 64, 7)
    for stage, count in enumerate(STAGES[config.depth]):
        planes = 64 << stage
        outputs = planes * (4 if bottleneck else 1)
        for block in range(count):
            if bottleneck:
                total += conv(width, planes, 1) + conv(planes, planes) + conv(planes, outputs, 1)
            else:
                total += conv(width, planes) + conv(planes, planes)
            if block == 0 and (stage or width != outputs):
                total += conv(width, outputs, 1)
            width = outputs
    return total + (width + 1) * 1000


def ms(config):
    """models/MS_ResNet.py: conv2_x has stride 2, too, so every stage begins with a convolution in
    the shortcut; the stem of 104 is three 3x3 convolutions with bias and one norm."""
    stem = conv(3, 64, 7)
    if config.depth == 104:
        stem = (27 + 1) * 64 + (576 + 1) * 64 + conv(64, 64, 3, True)
    total, width = stem, 64
    for stage, count in enumerate(STAGES[config.depth]):
        planes = 64 << stage
        total += conv(width, planes, 1)
        for _ in range(count):
            total += conv(width, planes) + conv(planes, planes)
            width = planes
    return total + (width + 1) * 1000


# What the authors construct but never call, and this package leaves out:
# Spikingformer, Spikformer: norm1, norm2 in every block (LayerNorm of D: 4 D numbers).
# Spikformer on DVS: a last norm and a position vector (1, 64, 256). SDT: talking_heads (heads^2).
EXACT = {
    # zhouchenlin2096/Spikingformer 4378623: cifar10/model.py, imagenet/model.py, cifar10-dvs/
    "spikingformer-cifar-4-256": 4_152_106,
    "spikingformer-cifar-2-384": 5_762_746,
    "spikingformer-cifar-4-384": 9_320_122,
    "spikingformer-imagenet-8-384": 16_816_024,
    "spikingformer-imagenet-8-512": 29_689_384,  # 29,705,768 in the energy log, with the norms
    "spikingformer-imagenet-8-768": 66_338_632,
    "spikingformer-dvs-2-256": 2_566_666,
    # ZK-Zhou/spikformer 6212689: cifar10/model.py (q, k, v with bias), imagenet/, cifar10dvs/
    "spikformer-cifar-4-256": 4_155_178,
    "spikformer-cifar-2-384": 5_765_050,
    "spikformer-cifar-4-384": 9_324_730,
    "spikformer-imagenet-8-384": 16_816_024,
    "spikformer-imagenet-8-512": 29_689_384,
    "spikformer-imagenet-8-768": 66_338_632,
    "spikformer-dvs-2-256": 2_566_666,
    # BICLab/Spike-Driven-Transformer 3faa822: model/spikeformer.py, module/sps.py, ms_conv.py
    "sdt-imagenet-8-384": 16_816_024,
    "sdt-imagenet-8-512": 29_689_384,
    "sdt-imagenet-8-768": 66_338_632,
    "sdt-cifar-2-256": 2_566_954,
    "sdt-cifar-2-512": 10_233_418,
    "sdt-dvs-2-256": 2_566_923,
    # fangwei123456/Spike-Element-Wise-ResNet imagenet/sew_resnet.py
    "sew-resnet-18": 11_689_512,
    "sew-resnet-34": 21_797_672,
    "sew-resnet-50": 25_557_032,
    "sew-resnet-101": 44_549_160,
    "sew-resnet-152": 60_192_808,
    # Ariande1/MS-ResNet models/MS_ResNet.py
    "ms-resnet-18": 11_693_736,
    "ms-resnet-34": 21_801_896,
    "ms-resnet-104": 77_350_504,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters(name):
    network = PUBLISHED[name]
    config = network.config
    with torch.device("meta"):
        model = backbones.build(config)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == EXACT[name]
    if config.backbone == "sew_resnet":
        authors = sew(config)
    elif config.backbone == "ms_resnet":
        authors = ms(config)
    else:
        authors = transformer(config, config.backbone == "spikformer" and config.layout == "cifar")
    assert count == authors
    if network.millions is not None:  # some papers cut, others round
        assert abs(count / 1e6 - network.millions) < 0.01


def test_the_unused_norms_of_the_energy_log():
    config = PUBLISHED["spikingformer-imagenet-8-512"].config
    norms = config.depth * 2 * 2 * config.dim
    assert EXACT["spikingformer-imagenet-8-512"] + norms == 29_705_768


def test_every_count_belongs_to_a_network():
    assert EXACT.keys() == PUBLISHED.keys()
