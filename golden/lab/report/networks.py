# SPDX-License-Identifier: Apache-2.0
"""The trained networks: sizes, accuracy, firing rate, synaptic operations, theoretical energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.lab.report.inputs import Inputs
from golden.lab.report.section import Absent, Column, Picture, Section, Table
from golden.lab.report.zoo import GROUPS, Network, untrained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Networks"
COLUMNS = (
    Column("network", "network"), Column("kind", "backbone-depth-dim"),
    Column("encoder", "encoder"), Column("head", "head"), Column("data", "data set"),
    Column("timesteps", "T", "d"), Column("parameters", "parameters", ",d"),
    Column("accuracy", "accuracy / %", ".2f", 100), Column("mean_rate", "firing rate", ".4f"),
    Column("mac", "MAC / M", ".3f", 1e-6), Column("sop", "SOP / M", ".3f", 1e-6),
    Column("energy", "energy / µJ", ".3f", 1e-6), Column("seed", "seed"),
    Column("command", "command"),
)  # fmt: skip


def section(inputs: Inputs) -> Section:
    """A table per group, and accuracy against energy."""
    out = Section(
        TITLE,
        "Accuracy on all test images, with the command and the seed of the training. Firing rate "
        "(spikes per neuron and timestep), synaptic operations and energy: means over "
        f"{inputs.images} test images, per image. Energy counts 4.6 pJ for a product of values "
        "that are no spikes (MAC) and 0.9 pJ for an addition (SOP), as the Spikingformer paper "
        "does; memory is not part of it.",
    )
    networks = inputs.networks
    out.absent += [network.absent for network in networks if network.absent] + untrained(inputs)
    if not (inputs.checkpoints / "dense.safetensors").is_file():
        out.absent.append(Absent("the default network", "make train"))
    rows = [_row(network) for network in networks]
    points = [row for row in rows if row["energy"] and row["accuracy"]]
    if points:
        data = {
            row["network"]: {key: row[key] for key in ("accuracy", "energy", "data", "group")}
            for row in points
        }
        caption = "Accuracy against theoretical energy of an image."
        out.pictures.append(Picture("accuracy_energy", caption, data, _draw, (9, 5)))
    for group, title in GROUPS.items():
        mine = [row for row in rows if row["group"] == group]
        if mine:
            out.tables.append(Table(f"networks_{group}", title, COLUMNS, mine))
    return out


def _row(network: Network) -> dict[str, Any]:
    config, facts, measured = network.config, network.facts, network.measured or {}
    energy = measured.get("energy") or {}
    return {
        "network": network.name, "group": network.group, "kind": network.kind,
        "encoder": "none" if measured.get("frames") else config.get("encoder", "direct"),
        "head": config["head"], "data": network.data,
        "timesteps": config["timesteps"], "parameters": measured.get("parameters"),
        "accuracy": facts.get("accuracy"), "mean_rate": measured.get("mean_rate"),
        "mac": energy.get("mac"), "sop": energy.get("ac"), "energy": energy.get("energy_pj"),
        "images": measured.get("images"), "seed": facts.get("seed"),
        "minutes": facts.get("minutes"), "command": facts.get("command"),
    }  # fmt: skip


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    axes = figure.add_subplot()
    for group, title in GROUPS.items():
        mine = {name: row for name, row in data.items() if row["group"] == group}
        if not mine:
            continue
        energies = [row["energy"] * 1e-6 for row in mine.values()]
        accuracies = [100 * row["accuracy"] for row in mine.values()]
        axes.scatter(energies, accuracies, label=title)
        for name, x, y in zip(mine, energies, accuracies, strict=True):
            axes.annotate(name, (x, y), fontsize=7, xytext=(4, 3), textcoords="offset points")
    axes.set(xlabel="energy / µJ", ylabel="accuracy / %", xscale="log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
