# SPDX-License-Identifier: Apache-2.0
"""`psf spikezip curve`: accuracy and firing rate against timesteps."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from spikingjelly.activation_based.neuron import STBIFNode
from torch import nn

from golden.contract import tables
from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.progress import over
from golden.lab.spikezip.plot_curves import plot
from golden.lab.spikezip.to_spiking import convert, present
from golden.lab.spikezip.vit import QuantViT
from golden.lab.spikezip.vit_checkpoint import facts, load
from golden.lab.train.loop import keep_freed_memory
from golden.lab.train.source import tensors_for

BATCH = 100


def curve(folder: Path, out: Path, count: int, timesteps: int, command: str) -> None:
    """Measure every checkpoint of `folder` on the first `count` test images; print a table, write
    `out` (.json) and a .png beside it."""
    paths = sorted(folder.glob("*.safetensors"), key=lambda path: load(path).config.level)
    if not paths:
        raise UserError(f"{folder} holds no checkpoint: run `psf spikezip train --config ...`")
    keep_freed_memory()
    curves, seeds = {}, set()
    for path in paths:
        told, ann = facts(path), load(path)
        images, labels = tensors_for(ann, path, limit=count)
        seeds.add(told["seed"])
        curves[path.stem] = {
            "bits": ann.config.bits, "level": ann.config.level, "ann_accuracy_all":
            told["accuracy"], **measure(ann, convert(ann), images, labels, timesteps, path.stem),
        }  # fmt: skip
    report = {
        "command": command, "date": datetime.date.today().isoformat(), "seed":
        seeds.pop() if len(seeds) == 1 else sorted(seeds), "test_images": len(images),
        "curves": curves,
    }  # fmt: skip
    write_json(out, report)
    plot(report, out.with_suffix(".png"))
    _print(report)


@torch.no_grad()
def measure(
    ann: QuantViT,
    snn: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    timesteps: int,
    title: str,
) -> dict[str, Any]:
    """Figures over uint8 images (n, C, H, W); lists have one entry per number of timesteps 1..T.

    accuracy: right answers of the logits summed so far.  agreement: answers equal to the ANN's.
    firing_rate: neurons that fire at that step, either sign.  negative_share: of these, the
    negative ones.  layer_firing_rate: by neuron, mean over the T steps.
    A batch that has fallen silent is not stepped on: nothing changes any more.
    """
    neurons = {name: m for name, m in snn.named_modules() if isinstance(m, STBIFNode)}
    right, agree = torch.zeros(timesteps), torch.zeros(timesteps)
    spikes = torch.zeros(len(neurons), timesteps, dtype=torch.float64)
    negative, sizes = torch.zeros(timesteps, dtype=torch.float64), []
    ann_right, silent_from = 0, 0
    parts = zip(images.split(BATCH), labels.split(BATCH), strict=True)
    for part, truth in over(parts, title, "batches", -(-len(images) // BATCH)):
        reference = ann(part.double() / 255).argmax(1)
        ann_right += int((reference == truth).sum())
        answer = torch.zeros(len(part), ann.config.classes, dtype=torch.float64)
        steps = present(snn, part)
        for t in range(timesteps):
            answer += next(steps)
            fired = [neuron.cur_output for neuron in neurons.values()]
            counts = torch.tensor([float(f.count_nonzero()) for f in fired], dtype=torch.float64)
            spikes[:, t] += counts
            negative[t] += (float(counts.sum()) - sum(float(f.sum()) for f in fired)) / 2
            guess = answer.argmax(1)
            silent = t >= ann.config.level and not counts.any()
            rest = slice(t, None) if silent else t
            right[rest] += int((guess == truth).sum())
            agree[rest] += int((guess == reference).sum())
            if silent:
                break
            silent_from = max(silent_from, t + 1)
        sizes = [neuron.acc_q[0].numel() for neuron in neurons.values()]
    total, count = spikes.sum(0), len(images)
    rates = spikes.sum(1) / (torch.tensor(sizes, dtype=torch.float64) * count * timesteps)
    return {
        "ann_accuracy": ann_right / count,
        "timesteps": list(range(1, timesteps + 1)),
        "accuracy": [int(n) / count for n in right],
        "agreement": [int(n) / count for n in agree],
        "firing_rate": [round(float(n) / (sum(sizes) * count), 6) for n in total],
        "negative_share": [
            round(float(n / t), 6) if t else 0.0 for n, t in zip(negative, total, strict=True)
        ],
        "spikes_per_neuron": round(float(total.sum()) / (sum(sizes) * count), 6),
        "layer_firing_rate": {
            name: round(float(rate), 6) for name, rate in zip(neurons, rates, strict=True)
        },
        "neurons": sum(sizes),
        "steps_with_spikes": silent_from,
        "test_images": count,
    }


def _print(report: dict[str, Any]) -> None:
    curves = report["curves"]
    table = Table(
        "timesteps", *(f"{name} ({c['bits']} bit)" for name, c in curves.items()),
        title=f"accuracy (firing rate at that step), {report['test_images']} test images",
    )  # fmt: skip
    longest = max((c["timesteps"] for c in curves.values()), key=len)
    for t in longest:
        if t <= 4 or t % 4 == 0:
            table.add_row(
                str(t),
                *(
                    f"{c['accuracy'][t - 1]:.2%} ({c['firing_rate'][t - 1]:.3f})"
                    for c in curves.values()
                ),
            )
    table.add_row("quantised ANN", *(f"{c['ann_accuracy']:.2%}" for c in curves.values()))
    tables.show(Console(), table)
