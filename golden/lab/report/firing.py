# SPDX-License-Identifier: Apache-2.0
"""The firing rate of every layer of all backbones on each data set present, the figure that the
seed design asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.lab.report.inputs import Inputs
from golden.lab.report.plot import slanted
from golden.lab.report.section import Absent, Column, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Firing rate of every layer, by backbone and data set"


def section(inputs: Inputs) -> Section:
    """One picture of the means, then one a data set with a row of bars per network."""
    out = Section(
        TITLE,
        "Spikes per neuron and timestep of every LIF layer in the order of execution, mean over "
        f"up to {inputs.images} test images. Section Networks says how they were trained.",
        inputs.made,
    )
    networks = [n for n in inputs.networks if n.group == "backbone" and n.measured]
    if not networks:
        command = "psf train --config golden/configs/default.toml"
        out.absent.append(Absent("a trained backbone whose data set is there", command))
        return out
    sets = {
        name: {n.name: n.measured for n in networks if n.data == name}
        for name in sorted({network.data for network in networks})
    }
    means = {
        name: {network: found["mean_rate"] for network, found in mine.items()}
        for name, mine in sets.items()
    }
    caption = "Mean firing rate over all neurons: networks by data set."
    size = (min(2 + 0.45 * (len(networks) + len(sets)), 11.6), 4)  # at most the page
    out.pictures.append(Picture("firing_means", caption, means, _means, size))
    for name, mine in sets.items():
        rates = {network: found["rates"] for network, found in mine.items()}
        size = (11, 2.1 * len(rates) + 0.4)
        caption = f"Firing rate of every layer on {name}."
        out.pictures.append(Picture(f"firing_{name}", caption, rates, _layers, size))
        rows = [
            {"network": network, "number": number, "layer": layer, "rate": rate}
            for network, layers in rates.items()
            for number, (layer, rate) in enumerate(layers.items(), 1)
        ]
        columns = (
            Column("network", "network"), Column("number", "number", "d"),
            Column("layer", "layer"), Column("rate", "firing rate", ".4f"),
        )  # fmt: skip
        out.tables.append(Table(f"firing_{name}", f"All layers on {name}", columns, rows, True))
    return out


def _means(figure: Figure, data: dict[str, Any]) -> None:
    axes, at = figure.add_subplot(), 0.0
    ticks, names = [], []
    for name, networks in data.items():
        places = [at + i for i in range(len(networks))]
        bars = axes.bar(places, list(networks.values()), label=name)
        axes.bar_label(bars, fmt="%.3f", fontsize=7)
        ticks += places
        names += list(networks)
        at += len(networks) + 1
    axes.set_xticks(ticks, names)
    slanted(axes)
    axes.margins(x=0.02, y=0.1)
    axes.set_ylabel("firing rate")
    figure.legend(loc="outside upper center", ncols=len(data), fontsize=8)


def _layers(figure: Figure, data: dict[str, Any]) -> None:
    axes = figure.subplots(len(data), 1, sharey=True, squeeze=False)[:, 0]
    for number, (axis, (network, rates)) in enumerate(zip(axes, data.items(), strict=True)):
        places = range(len(rates))
        axis.bar(places, list(rates.values()), color=f"C{number % 10}")
        axis.set_xticks(list(places), [short(name) for name in rates], rotation=45, ha="right",
                        rotation_mode="anchor", fontsize=7)  # fmt: skip
        axis.set_xlim(-0.6, len(rates) - 0.4)
        axis.set_title(network, fontsize=9, loc="left")
        axis.set_ylabel("firing rate", fontsize=8)
        axis.grid(axis="y", alpha=0.3)


def short(layer: str) -> str:
    """'blocks.0.attention.lif_q' -> '0.attention.q': what fits under a bar."""
    parts = [part for part in layer.split(".") if part not in ("blocks", "lifs")]
    return ".".join(part.removeprefix("lif_") for part in parts)
