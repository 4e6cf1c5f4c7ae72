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
from golden.lab.spikezip.quantised_transformer import QuantTransformer
from golden.lab.spikezip.samples import NAMES, samples_of
from golden.lab.spikezip.spikezip_checkpoint import load
from golden.lab.spikezip.to_spiking import convert, present
from golden.lab.train.checkpoint import read_facts
from golden.lab.train.loop import keep_freed_memory

BATCH = 100


def curve(folder: Path, out: Path, count: int, timesteps: int, command: str) -> None:
    """Measure every checkpoint of `folder`, all of images or all of text, on the first `count` test
    samples; print a table, write `out` (.json) and a .png beside it."""
    found = {path: load(path) for path in sorted(folder.glob("*.safetensors"))}
    if not found:
        raise UserError(f"{folder} holds no checkpoint: run `psf spikezip train --config ...`")
    names = sorted({NAMES[ann.family] for ann in found.values()})
    if len(names) > 1:
        raise UserError(
            f"{folder} holds networks of {' and of '.join(names)}: put them into a folder each"
        )
    keep_freed_memory()
    curves, seeds = {}, set()
    for path, ann in sorted(found.items(), key=lambda item: item[1].config.level):
        told = read_facts(path)
        samples, labels = samples_of(ann, path, limit=count)
        seeds.add(told["seed"])
        curves[path.stem] = {
            "bits": ann.config.bits, "level": ann.config.level, "ann_accuracy_all":
            told["accuracy"], **measure(ann, convert(ann), samples, labels, timesteps, path.stem),
        }  # fmt: skip
    report = {
        "command": command, "date": datetime.date.today().isoformat(), "seed":
        seeds.pop() if len(seeds) == 1 else sorted(seeds), f"test_{names[0]}": len(samples),
        "curves": curves,
    }  # fmt: skip
    write_json(out, report)
    plot(report, out.with_suffix(".png"))
    _print(report, len(samples))


@torch.no_grad()
def measure(
    ann: QuantTransformer,
    snn: nn.Module,
    samples: torch.Tensor,
    labels: torch.Tensor,
    timesteps: int,
    title: str,
) -> dict[str, Any]:
    """Figures over uint8 images (n, C, H, W) or token numbers (n, N); lists have one entry per
    number of timesteps 1..T.

    accuracy: right answers of the logits summed so far.  agreement: answers equal to the ANN's.
    firing_rate: neurons that fire at that step, either sign.  negative_share: of these, the
    negative ones.  layer_firing_rate: by neuron, mean over the T steps.  neurons: of a sample, the
    mean where sentences have different lengths.
    A batch that has fallen silent is not stepped on: nothing changes any more.
    """
    neurons = {name: m for name, m in snn.named_modules() if isinstance(m, STBIFNode)}
    right, agree = torch.zeros(timesteps), torch.zeros(timesteps)
    spikes = torch.zeros(len(neurons), timesteps, dtype=torch.float64)
    negative = torch.zeros(timesteps, dtype=torch.float64)
    sizes = torch.zeros(len(neurons), dtype=torch.float64)  # neurons of all samples
    ann_right, silent_from = 0, 0
    parts = list(ann.batches(samples, BATCH))
    for index, part in over(parts, title, "batches", len(parts)):
        truth, reference = labels[index], ann.answer(part).argmax(1)
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
        sizes += torch.tensor([float(neuron.acc_q.numel()) for neuron in neurons.values()])
    total, count, size = spikes.sum(0), len(samples), float(sizes.sum())
    rates = spikes.sum(1) / (sizes * timesteps)
    return {
        "ann_accuracy": ann_right / count,
        "timesteps": list(range(1, timesteps + 1)),
        "accuracy": [int(n) / count for n in right],
        "agreement": [int(n) / count for n in agree],
        "firing_rate": [round(float(n) / size, 6) for n in total],
        "negative_share": [
            round(float(n / t), 6) if t else 0.0 for n, t in zip(negative, total, strict=True)
        ],
        "spikes_per_neuron": round(float(total.sum()) / size, 6),
        "layer_firing_rate": {
            name: round(float(rate), 6) for name, rate in zip(neurons, rates, strict=True)
        },
        "neurons": round(size / count),
        "steps_with_spikes": silent_from,
        f"test_{NAMES[ann.family]}": count,
    }


def _print(report: dict[str, Any], count: int) -> None:
    curves = report["curves"]
    table = Table(
        "timesteps", *(f"{name} ({c['bits']} bit)" for name, c in curves.items()),
        title=f"accuracy (firing rate at that step), {count} test samples",
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
