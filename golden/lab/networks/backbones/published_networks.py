# SPDX-License-Identifier: Apache-2.0
"""The networks that their authors published, as configurations: `build(PUBLISHED[name].config)`.

Millions of parameters are as the papers print them, some of them cut instead of rounded;
golden/tests/lab/test_backbones_published.py holds the exact counts. For MS-ResNet no printed
figure was
found in a source that could be opened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from golden.lab.networks.network_config import NetworkConfig


@dataclass(frozen=True)
class Published:
    """millions: of parameters, as published, None where no figure was found.  source: paper, or
    repository and file."""

    config: NetworkConfig
    millions: float | None
    source: str


CIFAR_SIZES = (4, 256, 8, 4.15), (2, 384, 12, 5.76), (4, 384, 12, 9.32)


def _config(**sizes) -> NetworkConfig:
    return NetworkConfig(**{"in_channels": 3, "head": "avgpool_fc"} | sizes)


def _cifar(**sizes) -> NetworkConfig:
    return _config(height=32, width=32, classes=10, **sizes)


def _imagenet(**sizes) -> NetworkConfig:
    return _config(height=224, width=224, classes=1000, layout="imagenet", **sizes)


def _dvs(size: int, **sizes) -> NetworkConfig:
    return _config(**{"in_channels": 2, "height": size, "width": size, "layout": "dvs"} | sizes)


def _networks() -> dict[str, Published]:
    found = {}
    papers = {"spikingformer": "arXiv 2304.11954", "spikformer": "arXiv 2209.15425"}
    for backbone, paper in papers.items():
        for depth, dim, heads, millions in (
            (4, 256, 8, 4.15),
            (2, 384, 12, 5.76),
            (4, 384, 12, 9.32),
        ):
            config = _cifar(backbone=backbone, depth=depth, dim=dim, heads=heads)
            found[f"{backbone}-cifar-{depth}-{dim}"] = Published(config, millions, paper)
        for dim, millions in (384, 16.81), (512, 29.68), (768, 66.34):
            config = _imagenet(backbone=backbone, depth=8, dim=dim, heads=8)
            found[f"{backbone}-imagenet-8-{dim}"] = Published(config, millions, paper)
        tau = 1.5 if backbone == "spikingformer" else 2.0
        config = _dvs(
            128, backbone=backbone, depth=2, dim=256, heads=16, timesteps=16, classes=10, tau=tau
        )
        found[f"{backbone}-dvs-2-256"] = Published(config, None, "cifar10-dvs/model.py")
    found |= _sdt() | _resnets()
    return found


def _sdt() -> dict[str, Published]:
    found, paper = {}, "arXiv 2307.01694"
    sdt = {"backbone": "sdt", "head": "avgpool_sn_fc", "heads": 8}
    for depth, dim, millions in (8, 384, 16.81), (8, 512, 29.68), (8, 768, 66.34):
        config = _imagenet(depth=depth, dim=dim, **sdt)
        found[f"sdt-imagenet-{depth}-{dim}"] = Published(config, millions, paper)
    for dim in 256, 512:
        config = _cifar(depth=2, dim=dim, **sdt)
        found[f"sdt-cifar-2-{dim}"] = Published(config, None, f"conf/cifar10/2_{dim}_300E_t4.yml")
    # Frames of events, but without the dilation of their `dvs_mode`, which CIFAR10-DVS alone has.
    gesture = _dvs(
        128, depth=2, dim=256, timesteps=16, classes=11, pooled_stages=(2, 3, 4),
        **sdt | {"layout": "imagenet"},
    )  # fmt: skip
    found["sdt-dvs-2-256"] = Published(gesture, None, "conf/gesture/2_256_200E_t16.yml")
    return found


def _resnets() -> dict[str, Published]:
    found = {}
    sew = {18: 11.69, 34: 21.79, 50: 25.56, 101: 44.55, 152: 60.19}
    for depth, millions in sew.items():
        config = _imagenet(backbone="sew_resnet", depth=depth, dim=512, tau=math.inf)
        found[f"sew-resnet-{depth}"] = Published(config, millions, "imagenet/sew_resnet.py")
    for depth in 18, 34, 104:
        config = _imagenet(
            backbone="ms_resnet", depth=depth, dim=512, tau=4 / 3, head="sn_avgpool_fc", timesteps=6
        )
        found[f"ms-resnet-{depth}"] = Published(config, None, "models/MS_ResNet.py")
    return found


PUBLISHED = _networks()
