# SPDX-License-Identifier: Apache-2.0
"""`psf sensitivity`: what the loss says when one kind of layer alone is pruned."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import torch
from torch.nn import functional

from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.prune.importance import importance
from golden.lab.prune.masks import by_lane
from golden.lab.prune.network_masks import prunable
from golden.lab.quantise.convert import calibrate
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.precision import autocast
from golden.lab.train.source import network_input, tensors_for


def report(dense: Path, lanes: int, keep: float, images: int, data: str = "") -> dict[str, float]:
    """Cross-entropy on `images` training images, unpruned ('') and with the best rows of all layers
    of one kind ('1', 'mlp2', ...), a share `keep` of them, and the BatchNorm statistics taken anew
    from as many other images (all that there are, if they are fewer). Printed as it is measured."""
    model = load_dense(dense)
    pixels, labels = tensors_for(model, dense, "train", 2 * images, data)
    images = len(pixels) // 2
    names = prunable(model)
    kinds = defaultdict(list)
    for name in names:
        kinds[name.split(".")[-1]].append(name)
    total = sum(layer.weight.numel() for layer in names.values())
    losses = {}
    for kind, members in {"": [], **kinds}.items():
        model = load_dense(dense)
        saved = 0
        for name in members:
            saved += drop_rows(model, name, lanes, keep)
        calibrate(model, pixels[images:])
        losses[kind] = _loss(model, pixels[:images], labels[:images])
        print(
            f"{kind or 'nothing':8s} loss {losses[kind]:.3f} ({losses[kind] - losses['']:+.3f}), "
            f"{saved / total:6.2%} of all weights dropped",
            flush=True,
        )
    return losses


@torch.no_grad()
def drop_rows(model: Spikingformer, name: str, lanes: int, keep: float) -> int:
    """Zero all but the best rows of a layer, by gain; how many weights that were not 0 it costs."""
    layer = prunable(model)[name]
    worth = by_lane(importance(layer, "gain"), lanes).clamp(min=0).square().sum((0, 1))
    kept = torch.zeros_like(worth)
    kept[worth.argsort(descending=True, stable=True)[: round(keep * len(worth))]] = 1.0
    before = int((layer.weight != 0).sum())
    layer.weight *= kept.view(1, *layer.weight.shape[1:])
    return before - int((layer.weight != 0).sum())


@torch.no_grad()
def _loss(model: Spikingformer, images: torch.Tensor, labels: torch.Tensor) -> float:
    losses = []
    for part, truth in zip(images.split(250), labels.split(250), strict=True):
        pixels = network_input(model, part)
        with autocast(pixels.device.type):
            logits = model(pixels)
        truth = truth.to(logits.device)
        losses.append(functional.cross_entropy(logits.float(), truth, reduction="sum"))
    return float(torch.stack(losses).sum()) / len(images)
