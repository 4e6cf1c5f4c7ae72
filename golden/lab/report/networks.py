# SPDX-License-Identifier: Apache-2.0
"""The trained networks: sizes, accuracy, firing rate, synaptic operations, theoretical energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.ticker import LogLocator, MaxNLocator

from golden.lab.report.inputs import Inputs
from golden.lab.report.plot import named
from golden.lab.report.section import Absent, Column, Picture, Section, Table
from golden.lab.report.zoo import GROUPS, Network, repeats, untrained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Networks"
COLUMNS = (
    Column("network", "network"), Column("kind", "backbone-depth-dim"),
    Column("encoder", "encoder"), Column("head", "head"), Column("data", "data set"),
    Column("timesteps", "T", "d"), Column("parameters", "parameters", ",d"),
    Column("accuracy", "accuracy / %", ".2f", 100), Column("mean_rate", "firing rate", ".4f"),
    Column("mac", "MAC / M", ".3f", 1e-6), Column("sop", "SOP / M", ".3f", 1e-6),
    Column("energy", "energy / µJ", ".3f", 1e-6),
)  # fmt: skip
SEEDS = (
    Column("network", "network"), Column("seeds", "seeds"),
    Column("accuracy", "accuracy / %", ".2f", 100),
    Column("accuracy_least", "smallest", ".2f", 100),
    Column("accuracy_most", "largest", ".2f", 100),
    Column("mean_rate", "firing rate", ".4f"), Column("mean_rate_least", "smallest", ".4f"),
    Column("mean_rate_most", "largest", ".4f"),
)  # fmt: skip
TRAININGS = (
    Column("network", "network"), Column("seed", "seed", "d"),
    Column("minutes", "minutes", ".1f"), Column("command", "command"),
)  # fmt: skip


def section(inputs: Inputs) -> Section:
    """A table per group, how they were trained, and accuracy against energy."""
    out = Section(
        TITLE,
        "Accuracy on all test images, with the command and the seed of the training. Firing rate "
        "(spikes per neuron and timestep), synaptic operations and energy: per image, "
        f"means over up to {inputs.images} test images. Energy counts 4.6 pJ for a product of "
        "values that are no spikes (MAC) and 0.9 pJ for an addition (SOP), as the Spikingformer "
        "paper does; memory is not part of it. An accuracy is that of one training; the table of "
        "several seeds, where there are some, says how much it depends on the seed.",
        inputs.made,
    )
    networks = inputs.networks
    recorded = ", ".join(network.name for network in networks if network.recorded)
    if recorded:
        out.text += (
            f" The data of {recorded} is not on this machine: what golden/results/networks.json "
            "has of these very files is shown."
        )
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
        size = (10, 3.2 * -(-len(_panels(data)) // 2))
        out.pictures.append(Picture("accuracy_energy", caption, data, _draw, size))
    for group, title in GROUPS.items():
        mine = [row for row in rows if row["group"] == group]
        if mine:
            out.tables.append(Table(f"networks_{group}", title, COLUMNS, mine))
    several = [_spread(group) for group in repeats(networks)]
    if several:
        title = "Several seeds of one training: mean, smallest and largest"
        out.tables.append(Table("seeds", title, SEEDS, several))
    if rows:
        keys = ("network", "seed", "minutes", "command")
        made = [{key: row[key] for key in keys} for row in rows]
        out.tables.append(Table("trainings", "How they were trained", TRAININGS, made, True))
    return out


def _spread(group: list[Network]) -> dict[str, Any]:
    """Of networks that differ by their seed."""
    row: dict[str, Any] = {
        "network": group[0].name, "seeds": ", ".join(str(n.facts["seed"]) for n in group)
    }  # fmt: skip
    for key in "accuracy", "mean_rate":
        values = [_row(network)[key] for network in group]
        if None not in values:
            mean = sum(values) / len(values)
            row |= {key: mean, f"{key}_least": min(values), f"{key}_most": max(values)}
    return row


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


def _panels(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Networks by what can be compared: backbones on one data set, encoders, heads."""
    panels: dict[str, dict[str, Any]] = {}
    for name, row in data.items():
        title = GROUPS[row["group"]]
        title = f"{title}, {row['data']}" if row["group"] == "backbone" else title
        panels.setdefault(title, {})[name] = row
    return panels


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    panels = _panels(data)
    axes = figure.subplots(-(-len(panels) // 2), 2, squeeze=False).flatten()
    for axis in axes[len(panels) :]:
        axis.axis("off")
    for axis, (title, mine) in zip(axes, panels.items(), strict=False):
        points = {name: (row["energy"] * 1e-6, 100 * row["accuracy"]) for name, row in mine.items()}
        axis.scatter(*zip(*points.values(), strict=True), s=18)
        axis.set(xlabel="energy / µJ", ylabel="accuracy / %", ylim=_span(points))
        axis.set_title(title, fontsize=9, loc="left")
        energies = [energy for energy, _ in points.values()]
        if max(energies) > 3 * min(energies):
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.minorticks_off()
        else:
            axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.grid(alpha=0.3)
        named(axis, points)


def _span(points: dict[str, tuple[float, float]]) -> tuple[float, float]:
    """Of the axis of accuracies: at least two points wide."""
    heights = [height for _, height in points.values()]
    margin = max(0.1 * (max(heights) - min(heights)), 1.0)
    return min(heights) - margin, max(heights) + margin
