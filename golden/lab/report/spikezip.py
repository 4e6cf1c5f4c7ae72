# SPDX-License-Identifier: Apache-2.0
"""ANN to SNN: accuracy of converted networks against timesteps (`psf spikezip`), of images here;
golden.lab.report.spikezip_text has those of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.lab.report.inputs import Inputs
from golden.lab.report.section import Absent, Column, Picture, Section, Table, of_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "ANN to SNN: accuracy against timesteps (SpikeZIP-TF)"
COMMAND = "psf spikezip curve"


def section(inputs: Inputs) -> Section:
    """A curve per bit width."""
    absent = Absent("the accuracy of the converted ViT against timesteps", COMMAND)
    return of_results(inputs.results("spikezip"), TITLE, absent, _section)


def _section(found: dict[str, Any]) -> Section:
    what = "A quantised ViT and the spiking network of ST-BIF+ neurons that equals it when its "
    text = f"{what}spikes have stopped. {found['test_images']} test images."
    return with_curves(Section(TITLE, text), "spikezip", found)


def with_curves(out: Section, name: str, found: dict[str, Any]) -> Section:
    """`out` with picture and table, both called `name`, of what `psf spikezip curve` found."""
    rows = []
    for network, curve in found["curves"].items():
        level = curve["ann_accuracy"] - 0.01
        points = zip(curve["timesteps"], curve["accuracy"], strict=True)
        enough = [t for t, a in points if a >= level]
        rows.append({
            "network": network, "bits": curve["bits"], "ann": curve["ann_accuracy"],
            "last": curve["accuracy"][-1], "timesteps": curve["timesteps"][-1],
            "within": enough[0] if enough else None, "spikes": curve.get("spikes_per_neuron"),
            "seed": found.get("seed"),
        })  # fmt: skip
    caption = "Accuracy of the sum so far (dashed: the quantised ANN), and neurons that fire."
    keys = ("bits", "timesteps", "accuracy", "firing_rate", "ann_accuracy")
    data = {
        network: {key: curve[key] for key in keys} for network, curve in found["curves"].items()
    }
    out.pictures.append(Picture(name, caption, data, _draw, (10, 4)))
    out.made.append(found["command"])
    columns = (
        Column("network", "network"), Column("bits", "bits", "d"),
        Column("ann", "quantised ANN / %", ".2f", 100),
        Column("last", "SNN at the end / %", ".2f", 100), Column("timesteps", "timesteps", "d"),
        Column("within", "first within 1 point", "d"), Column("spikes", "spikes per neuron", ".2f"),
        Column("seed", "seed"),
    )  # fmt: skip
    out.tables.append(Table(name, "Networks", columns, rows))
    return out


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    left, right = figure.subplots(1, 2)
    for name, curve in data.items():
        label = f"{name} ({curve['bits']} bit)"
        (line,) = left.plot(curve["timesteps"], [100 * a for a in curve["accuracy"]], label=label)
        left.axhline(100 * curve["ann_accuracy"], color=line.get_color(), linestyle="--", lw=0.8)
        right.plot(curve["timesteps"], curve["firing_rate"], label=label)
    left.set(xlabel="timesteps", ylabel="accuracy / %")
    right.set(xlabel="timestep", ylabel="spikes per neuron")
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend()
