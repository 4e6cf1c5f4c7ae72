# SPDX-License-Identifier: Apache-2.0
"""A file as an authors' training script writes it, with random weights: to try the import, and for
tests, without anybody's download."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from golden.contract.files import replacing
from golden.lab.authors.family import CIFAR10, Layer
from golden.lab.authors.state import State
from golden.lab.authors.transformers import BLOCKS, Spikingformer
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.quantise.convert import calibrate


def spikingformer(
    depth: int, dim: int, heads: int, timesteps: int = 4, classes: int = 10, size: int = 32
) -> NetworkConfig:
    """Sizes of the authors' networks for CIFAR-10: Spikingformer-<depth>-<dim>."""
    return NetworkConfig(
        depth=depth, dim=dim, heads=heads, timesteps=timesteps, classes=classes,
        in_channels=3, height=size, width=size, head="avgpool_fc", **CIFAR10,
    )  # fmt: skip


def write(path: Path, config: NetworkConfig, seed: int = 0, settings: bool = True) -> None:
    """A Spikingformer of layout 'cifar', its BatchNorm statistics those of random images, so that
    its neurons fire; with the settings of the training if `settings`, as timm keeps them."""
    torch.manual_seed(seed)
    model = backbones.build(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.6)
            torch.nn.init.uniform_(module.bias, -0.1, 0.4)
    shape = (4, config.in_channels, config.height, config.width)
    with torch.compiler.set_stance("force_eager"):  # one pass is not worth a compilation
        calibrate(model, torch.randint(0, 256, shape, dtype=torch.uint8))
    marked = State(path, {f"{BLOCKS[0].weight}.weight": torch.empty(0)})
    tensors = {}
    layers = Spikingformer().layers(config, marked)
    for name, tensor in model.state_dict().items():
        ours = max((o for o in layers if name.startswith(f"{o}.")), key=len)
        tensors[_theirs(name.removeprefix(f"{ours}."), layers[ours])] = _kernel(name, tensor)
    for block in range(config.depth):  # constructed by the authors, never called
        for norm in "norm1", "norm2":
            tensors[f"block.{block}.{norm}.weight"] = torch.ones(config.dim)
            tensors[f"block.{block}.{norm}.bias"] = torch.zeros(config.dim)
    content = {"epoch": 0, "arch": "Spikingformer", "state_dict": tensors}
    if settings:
        content["args"] = argparse.Namespace(
            num_heads=config.heads,
            time_step=config.timesteps,
            img_size=config.height,
            mean=list(config.mean),
            std=list(config.std),
        )
    with replacing(path) as temporary:
        torch.save(content, temporary)


def _theirs(rest: str, layer: Layer) -> str:
    if rest.startswith("norm."):
        return f"{layer.norm}.{rest.removeprefix('norm.')}"
    return f"{layer.weight}.{rest}"


def _kernel(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Attention layers are Conv1d, those of the MLP Conv2d, both of width 1."""
    if tensor.dim() == 2 and not name.startswith("head."):
        return tensor[:, :, None] if ".attention." in name else tensor[:, :, None, None]
    return tensor.clone()
