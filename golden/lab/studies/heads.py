# SPDX-License-Identifier: Apache-2.0
"""`psf heads`: would heads that share a compressed Q and K save weight traffic?

How similar the heads of trained networks are, in their weights (folded with the norm, or of
quantised networks the integers over the threshold) and in the spikes of Q and K on test images; and
what the float network loses when W_q and W_k have low rank, without retraining, against pruning
and a codebook, without retraining as well. A number of a factor counts 8 bits, its quantisation
costs no accuracy: a bound in favour of low rank.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from golden.contract import checkpoint, tables
from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.model import forward
from golden.contract.network import QuantNetwork
from golden.contract.paths import GOLDEN
from golden.contract.progress import over
from golden.lab.data import shown
from golden.lab.networks import encoders
from golden.lab.networks.backbones.transformer import Transformer
from golden.lab.networks.watching import watching
from golden.lab.prune.masks import block_mask
from golden.lab.quantise.codebook import kmeans, nearest
from golden.lab.studies.head_similarity import LAYOUTS, Layout, between_heads, centred
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.source import network_input, tensors_for

BATCH = 250
BITS = 8  # of a number of a factor
CODEBOOK_BITS = 1.5  # one of four weights: two bits of place and four of 15 values
LANES, BLOCK, VALUES = 16, 4, 15
ON_WEIGHTS = ("cka", "subspace", "same_channel", "best_channel")
ON_SPIKES = ("cka", "same_channel", "best_channel")
Parts = dict[str, tuple[torch.Tensor, torch.Tensor]]  # 'blocks.0.q': weights (D, D), spikes (n, D)


def study(
    paths: Sequence[Path], reduce: Path, images: int, spikes: int, seed: int, outs: Sequence[Path],
    data: str, command: str,
) -> dict[str, Any]:  # fmt: skip
    """Heads of every checkpoint on `spikes` test images, low rank of `reduce` on `images`; print,
    write."""
    told = {
        "command": command, "seed": seed, "spikes_of_images": spikes, "bits_of_a_number": BITS,
        "similarity": {
            _name(path): similarity(*parts_of(path, spikes, data), seed) for path in paths
        },
    }  # fmt: skip
    model = load_dense(reduce)
    pixels, labels = tensors_for(model, reduce, limit=images, data=data)
    told["low_rank"] = {"checkpoint": _name(reduce), "images": len(pixels)} | low_rank(
        model, pixels, labels
    )
    _show(told)
    for out in outs:
        write_json(out, told, indent=1)
    return told


def _name(path: Path) -> str:
    """Of a committed checkpoint its place in the project."""
    path = path.resolve()
    root = GOLDEN.parent
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def parts_of(path: Path, images: int, data: str = "") -> tuple[Parts, int]:
    """(Q and K of every block, heads) of a float or quantised transformer on test images."""
    if checkpoint.kind_of(path) == "quantised":
        network = QuantNetwork.load(path)
        found = shown(network.config, network.provenance.get("data", {}), data).images[:images]
        trace, parts = forward(network, found), {}
        for i, block in enumerate(network.blocks):
            for part in "qk":
                layer = getattr(block, part)
                weight = torch.from_numpy(layer.weight / layer.theta2[:, None]).float()
                fired = torch.from_numpy(trace.spike[f"blocks.{i}.{part}"])
                parts[f"blocks.{i}.{part}"] = weight, fired.flatten(0, 2).float()
        return parts, network.config.heads
    model = load_dense(path)
    pixels, _ = tensors_for(model, path, limit=images, data=data)
    return _float_parts(_with_heads(model), pixels), model.config.heads


def similarity(parts: Parts, heads: int, seed: int) -> dict[str, Any]:
    """Mean over pairs of different heads, of weights and of spikes, and beside each what it would
    be by chance: Gaussian weights of the same sizes, spikes with the samples of each head
    shuffled. rate: of the spikes."""
    if heads < 2:
        raise UserError("the network has one head, there is nothing to compare")
    draw, out = torch.Generator().manual_seed(seed), {}
    for name, (weight, spikes) in parts.items():
        columns = [part.T for part in weight.chunk(heads)]
        chance = [torch.randn(part.shape, generator=draw) for part in columns]
        fired = [centred(part) for part in spikes.chunk(heads, 1)]
        mixed = [part[torch.randperm(len(part), generator=draw)] for part in fired]
        out[name] = {
            "weights": between_heads(columns, ON_WEIGHTS),
            "weights_by_chance": between_heads(chance, ON_WEIGHTS),
            "spikes": between_heads(fired, ON_SPIKES),
            "spikes_by_chance": between_heads(mixed, ON_SPIKES),
            "rate": float(spikes.mean()),
        }
    return out


@torch.no_grad()
def low_rank(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
    """Accuracy with W_q and W_k of all blocks replaced: {'accuracy': as it is, 'codebook': pruned
    to one of four and 15 values, 'points': one per layout and rank}."""
    model = _with_heads(model).eval()
    heads, dim = model.config.heads, model.config.dim
    streams, weights = _streams(model, images), _folded(model)

    def accuracy(changed: Mapping[nn.Module, torch.Tensor]) -> float:
        return _accuracy(model, changed, streams, labels)

    points = []
    trials = [(name, rank) for name, layout in LAYOUTS.items()
              for rank in _ranks(layout, dim, heads)]  # fmt: skip
    for name, rank in over(trials, "ranks", "trials", len(trials)):
        changed, stored = {}, 0.0
        for pair in weights:
            low, stored = LAYOUTS[name].reduce(list(pair.values()), heads, rank)
            changed |= dict(zip(pair, low, strict=True))
        points.append(
            {"layout": name, "rank": rank, "bits": BITS * stored, "accuracy": accuracy(changed)}
        )
    coded = {layer: _coded(weight) for pair in weights for layer, weight in pair.items()}
    all_weights = sum(p.numel() for n, p in model.named_parameters() if n.endswith("weight")
                      and p.dim() > 1)  # fmt: skip
    return {
        "accuracy": accuracy({}),
        "codebook": {"bits": CODEBOOK_BITS, "accuracy": accuracy(coded)},
        "share_of_weights": 2 * dim * dim * len(weights) / all_weights,
        "points": points,
    }


def _with_heads(model: nn.Module) -> Transformer:
    attentions = [block.attention for block in getattr(model, "blocks", ())]
    if not isinstance(model, Transformer) or not all(hasattr(a, "q") for a in attentions):
        raise UserError("the network has no Q and K: give a spiking transformer")
    return model


@torch.no_grad()
def _float_parts(model: Transformer, images: torch.Tensor) -> Parts:
    weights, neurons = {}, {}
    for i, block in enumerate(model.blocks):
        for part in "qk":
            name = f"blocks.{i}.{part}"
            weights[name] = getattr(block.attention, part).folded()[0].detach()
            neurons[name] = getattr(block.attention, f"lif_{part}")
    fired: dict[str, list[torch.Tensor]] = {name: [] for name in neurons}
    model.eval()
    with watching(neurons, lambda name, out: fired[name].append(out.flatten(0, -2))):
        for part in images.split(BATCH):
            model(network_input(model, part))
    return {name: (weight, torch.cat(fired[name])) for name, weight in weights.items()}


def _streams(model: Transformer, images: torch.Tensor) -> list[torch.Tensor]:
    """What the blocks get, (T, B, N, D), once for all trials."""
    out = []
    for part in images.split(BATCH):
        image = model.normalise(network_input(model, part))
        out.append(model.tokenizer(encoders.encode(model.encoder, image, model.config.timesteps)))
    return out


def _folded(model: Transformer) -> list[dict[nn.Module, torch.Tensor]]:
    """Of every block W_q and W_k with their norm, by layer, which has none from now on."""
    out = []
    for block in model.blocks:
        layers = [block.attention.q, block.attention.k]
        for layer in layers:
            layer.fuse()
        out.append({layer: layer.weight.detach().clone() for layer in layers})
    return out


def _accuracy(model, changed: Mapping[nn.Module, torch.Tensor], streams, labels) -> float:
    """With the weights of some layers changed, and put back."""
    before = {layer: copy.deepcopy(layer.weight.data) for layer in changed}
    try:
        for layer, weight in changed.items():
            layer.weight.data.copy_(weight)
        right = 0
        for stream, truth in zip(streams, labels.split(BATCH), strict=True):
            for block in model.blocks:
                stream = block(stream)
            right += int((model.head(stream).argmax(1) == truth).sum())
    finally:
        for layer, weight in before.items():
            layer.weight.data.copy_(weight)
    return right / len(labels)


def _coded(weight: torch.Tensor) -> torch.Tensor:
    """The largest of every four accumulators of a lane, as one of 15 values of its layer, with each
    output channel scaled to its largest weight, as before int8."""
    scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-12)
    kept = block_mask(weight.abs(), LANES, BLOCK).bool()
    unit = weight / scale
    values = kmeans(unit[kept], VALUES)
    return torch.where(kept, values[nearest(unit, values)], 0.0) * scale


def _ranks(layout: Layout, dim: int, heads: int) -> list[int]:
    """The full rank, then from the largest that saves numbers a third less each time."""
    full = layout.full(dim, heads)
    rows, columns = layout.cut([torch.zeros(dim, dim)] * 2, heads)[0].shape
    rank, ranks = min((rows * columns - 1) // (rows + columns), full - 1), [full]
    while rank > 0:
        ranks.append(rank)
        rank = rank * 2 // 3
    return ranks


def _show(told: dict[str, Any]) -> None:
    console = Console()
    table = Table("network", "part", "of", *(f"{name}, chance" for name in ON_WEIGHTS))
    for path, parts in told["similarity"].items():
        for name, found in parts.items():
            for of in ("weights", "spikes"):
                cells = [
                    f"{found[of][key]:.3f}, {found[f'{of}_by_chance'][key]:.3f}"
                    if key in found[of] else "" for key in ON_WEIGHTS
                ]  # fmt: skip
                table.add_row(Path(path).stem, name, of, *cells)
    tables.show(console, table)
    low = told["low_rank"]
    table = Table("layout", "rank", "bits per weight", "accuracy")
    table.add_row("as it is", "", f"{BITS:.2f}", f"{low['accuracy']:.2%}")
    for point in low["points"]:
        table.add_row(point["layout"], str(point["rank"]), f"{point['bits']:.2f}",
                      f"{point['accuracy']:.2%}")  # fmt: skip
    coded = low["codebook"]
    table.add_row("codebook", "", f"{coded['bits']:.2f}", f"{coded['accuracy']:.2%}")
    tables.show(console, table)
    console.print(
        f"{low['checkpoint']}, {low['images']} test images, no retraining; W_q and W_k are "
        f"{low['share_of_weights']:.1%} of the weights", soft_wrap=True, highlight=False,
    )  # fmt: skip
