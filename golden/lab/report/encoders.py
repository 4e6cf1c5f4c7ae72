# SPDX-License-Identifier: Apache-2.0
"""Input encoders: how often the input fires, what accuracy it leaves and what it costs
(`psf encoders compare`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.contract.errors import UserError
from golden.lab.report.inputs import Inputs
from golden.lab.report.plot import slanted
from golden.lab.report.section import Absent, Column, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Input encoders"
COMMAND = "psf encoders compare"
KEYS = (
    "accuracy", "input_rate", "input_macs", "input_sops", "input_additions", "input_energy",
    "total_sops", "total_energy", "training_seed", "training_command",
)  # fmt: skip


def section(inputs: Inputs) -> Section:
    """Input firing rate of the networks measured here; the table of the comparison."""
    out = Section(
        TITLE,
        "Networks alike but for the encoder. The input of the first convolution is spikes with all "
        "encoders but the direct one, whose real-valued pixels cost products (MAC).",
    )
    networks = [n for n in inputs.networks if n.group == "encoder" and n.measured]
    if networks:
        rates = {
            network.name: {
                "encoder": network.config["encoder"], "data": network.data,
                "rate": network.measured["input_rate"],
                "binary": network.measured["input_binary"],
            }
            for network in networks
        }  # fmt: skip
        caption = (
            "Input firing rate: share of the values that the first convolution is fed and that are "
            f"not 0, {inputs.images} test images (hatched: the values are no spikes)."
        )
        out.made += inputs.made
        out.pictures.append(Picture("input_rates", caption, rates, _rates, (9, 3.6)))
    else:
        command = "psf train --config golden/configs/zoo/encoder_<encoder>.toml"
        out.absent.append(Absent("networks with the seven encoders", command))
    found = inputs.results("encoders")
    if found is None:
        out.absent.append(Absent("accuracy and energy of the encoders", COMMAND))
        return out
    out.made.append(found.get("command", COMMAND))
    try:
        _compared(out, found["encoders"])
        _learned(out, found["learned_against"])
        for name, command in found["not_trained"].items():
            out.absent.append(Absent(f"the encoder {name} in the comparison", command))
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the results of the encoders have no {error}: run `{COMMAND}`") from None
    return out


def _compared(out: Section, encoders: dict[str, Any]) -> None:
    rows = [
        {"encoder": name} | {key: found[key] for key in KEYS} for name, found in encoders.items()
    ]
    data = {row["encoder"]: {k: row[k] for k in ("accuracy", "total_energy")} for row in rows}
    caption = "Accuracy on all test images and theoretical energy of an image, by encoder."
    out.pictures.append(Picture("encoders", caption, data, _draw, (9, 3.6)))
    columns = (
        Column("encoder", "encoder"), Column("accuracy", "accuracy / %", ".2f", 100),
        Column("input_rate", "input firing rate", ".4f"),
        Column("input_macs", "input MAC", ",.0f"), Column("input_sops", "input SOP", ",.0f"),
        Column("input_additions", "input additions, bit by bit", ",.0f"),
        Column("input_energy", "input energy / µJ", ".4f"),
        Column("total_sops", "SOP / M", ".3f", 1e-6), Column("total_energy", "energy / µJ", ".3f"),
        Column("training_seed", "seed"), Column("training_command", "command"),
    )  # fmt: skip
    out.tables.append(Table("encoders", "Per image, all test images", columns, rows))


def _learned(out: Section, against: dict[str, Any]) -> None:
    """The learned encoder relative to the others."""
    keys = ("accuracy_points", "input_operations", "input_additions")
    rows = [{"encoder": name} | {k: found[k] for k in keys} for name, found in against.items()]
    columns = (
        Column("encoder", "against"), Column("accuracy_points", "accuracy / points", "+.2f"),
        Column("input_operations", "input operations / %", "+.1f", 100),
        Column("input_additions", "input additions, bit by bit / %", "+.1f", 100),
    )  # fmt: skip
    if rows:
        title = "The learned encoder relative to the others, its own products included"
        out.tables.append(Table("learned_against", title, columns, rows))


def _rates(figure: Figure, data: dict[str, Any]) -> None:
    axes = figure.add_subplot()
    names = [name.removeprefix("encoder_") for name in data]
    bars = axes.bar(names, [row["rate"] for row in data.values()])
    for bar, row in zip(bars, data.values(), strict=True):
        bar.set_hatch("" if row["binary"] else "//")
    axes.bar_label(bars, fmt="%.4f", fontsize=8)
    slanted(axes)
    axes.margins(y=0.1)
    axes.set_ylabel("input firing rate")


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    left, right = figure.subplots(1, 2)
    accuracies = [100 * row["accuracy"] for row in data.values()]
    left.bar(list(data), accuracies, color="tab:blue")
    left.set(ylabel="accuracy / %", ylim=(max(0.0, min(accuracies) - 2), None))
    right.bar(list(data), [row["total_energy"] for row in data.values()], color="tab:red")
    right.set(ylabel="energy / µJ")
    for axis in (left, right):
        slanted(axis)
