# SPDX-License-Identifier: Apache-2.0
"""What enters the convolutions of every backbone: spikes, integers or real numbers (figures 3 and 4
of the Spikingformer paper, arXiv 2304.11954; measured by golden.lab.studies.layer_inputs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from golden.lab.report.inputs import Inputs
from golden.lab.report.section import Absent, Column, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "What enters the convolutions: spikes, integers or real numbers"
KINDS = ("binary", "integer", "real")
COLOURS = dict(zip(KINDS, ("tab:green", "tab:orange", "tab:red"), strict=True))


def section(inputs: Inputs) -> Section:
    """A picture a data set with a row of histograms per backbone, one a block; a table of the
    layers."""
    out = Section(
        TITLE,
        "Histograms of the values that the convolutions and linear layers of a block are fed, all "
        "timesteps. Binary inputs need additions alone; integers and real numbers need products. "
        "The image enters the first layer of a directly encoded network; the head shows what its "
        "fully connected layer is fed in the order of its name.",
        inputs.made,
    )
    networks = [n for n in inputs.networks if n.group == "backbone" and n.measured]
    if not networks:
        command = "psf train --config golden/configs/default.toml"
        out.absent.append(Absent("a trained backbone whose data set is there", command))
        return out
    for name in sorted({network.data for network in networks}):
        blocks = {
            n.name: by_block(n.measured["inputs"], n.measured["first"])
            for n in networks
            if n.data == name
        }
        size = (1.0 + 1.7 * max(map(len, blocks.values())), 1.7 * len(blocks) + 0.6)
        caption = (
            f"Values entering every block on {name} (share of all, logarithmic): green binary, "
            "orange integer, red real."
        )
        out.pictures.append(Picture(f"input_values_{name}", caption, blocks, _draw, size))
    counted = [
        {"network": name} | {kind: [b["kind"] for b in mine.values()].count(kind) for kind in KINDS}
        | {"largest": max(len(b["integers"]) for b in mine.values()) - 1}
        for name, mine in ((n.name, n.measured["inputs"]) for n in networks)
    ]  # fmt: skip
    columns = (
        Column("network", "network"), Column("binary", "layers fed spikes", "d"),
        Column("integer", "fed integers", "d"), Column("real", "fed real numbers", "d"),
        Column("largest", "largest integer", "d"),
    )  # fmt: skip
    out.tables.append(Table("input_kinds", "Layers by what they are fed", columns, counted))
    rows = [
        {"network": network.name, "layer": layer, "kind": found["kind"], **shares(found)}
        for network in networks
        for layer, found in network.measured["inputs"].items()
    ]
    columns = (
        Column("network", "network"), Column("layer", "layer"), Column("kind", "inputs"),
        Column("zeros", "0 / %", ".2f", 100), Column("ones", "1 / %", ".2f", 100),
        Column("more", "2 and more / %", ".2f", 100), Column("others", "others / %", ".2f", 100),
    )  # fmt: skip
    out.tables.append(Table("input_layers", "All layers", columns, rows, folded=True))
    return out


def by_block(layers: dict[str, Any], first: list[str]) -> dict[str, Any]:
    """Counts of the layers added up by block: 'blocks.0.attention.q' belongs to 'blocks.0'. The
    first layer stands alone."""
    blocks: dict[str, Any] = {}
    for name, found in layers.items():
        parts = name.split(".")
        digits = len(parts) > 2 and parts[1].isdigit()
        title = ".".join(parts[:2]) if digits else parts[0]
        block = blocks.setdefault(
            "first layer" if name in first else title,
            {"kind": "binary", "integers": [], "reals": [], "edges": found["edges"]},
        )
        block["kind"] = max(block["kind"], found["kind"], key=KINDS.index)
        for key in ("integers", "reals"):
            block[key] = _sum(block[key], found[key])
    return blocks


def _sum(one: list[int], other: list[int]) -> list[int]:
    length = max(len(one), len(other))
    return [sum(x[i] for x in (one, other) if i < len(x)) for i in range(length)]


def shares(found: dict[str, Any]) -> dict[str, float]:
    """Fractions of zeros, ones, larger integers, and other values."""
    integers, others = found["integers"], sum(found["reals"])
    total = sum(integers) + others
    return {
        "zeros": integers[0] / total, "ones": integers[1] / total,
        "more": sum(integers[2:]) / total, "others": others / total,
    }  # fmt: skip


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    columns = max(map(len, data.values()))
    axes = figure.subplots(len(data), columns, sharey=True, squeeze=False)
    for row, (network, blocks) in zip(axes, data.items(), strict=True):
        for axis in row[len(blocks) :]:
            axis.axis("off")
        row[0].set_ylabel(network, fontsize=7)
        for axis, (name, block) in zip(row, blocks.items(), strict=False):
            total = sum(block["integers"]) + sum(block["reals"])
            width = 0.2 if any(block["reals"]) else 0.8
            axis.bar(range(len(block["integers"])), np.array(block["integers"]) / total, width,
                     color=COLOURS[block["kind"]])  # fmt: skip
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            if any(block["reals"]):
                edges = np.linspace(*block["edges"], len(block["reals"]) + 1)
                axis.stairs(np.array(block["reals"]) / total, edges, fill=True, alpha=0.5,
                            color=COLOURS["real"])  # fmt: skip
                seen = np.flatnonzero(block["reals"])
                right = max(edges[seen[-1] + 1], len(block["integers"]) - 1)
                axis.set_xlim(min(edges[seen[0]], 0) - 0.5, right + 0.5)
            axis.set(yscale="log", ylim=(1e-7, 2), yticks=(1e-6, 1e-4, 1e-2, 1))
            axis.minorticks_off()
            axis.set_title(name, fontsize=7)
            axis.tick_params(labelsize=6)
