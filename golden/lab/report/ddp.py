# SPDX-License-Identifier: Apache-2.0
"""Training in one and in several processes at one global batch (`psf ddp-check`)."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import MaxNLocator

from golden.lab.report.inputs import Inputs
from golden.lab.report.plot import legend
from golden.lab.report.section import Absent, Column, Picture, Section, Table, of_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Distributed training: one process against several"
LEAST = 1e-17  # where the logarithmic axis ends
COMMAND = "psf ddp-check"


def section(inputs: Inputs) -> Section:
    """Loss curves and their difference, by precision."""
    absent = Absent("the loss curves of one and of two processes", COMMAND)
    return of_results(inputs.results("ddp"), TITLE, absent, _section)


def _section(found: dict[str, Any]) -> Section:
    several = f"torchrun_{found['processes']}"
    out = Section(
        TITLE,
        f"The same configuration in one process (plain, and under torchrun) and in "
        f"{found['processes']} (DistributedDataParallel), global batch {found['batch_size']}. They "
        "differ by the order of summation alone; in float32 one flipped spike is enough to part "
        "the curves later.",
        [found["command"]],
    )
    seed = tomllib.loads(found.get("config", "")).get("train", {}).get("seed")
    rows = [
        {
            "precision": precision, "run": run, "processes": found["processes"],
            "batch_size": found["batch_size"], "steps": len(curve["losses"][run]),
            "seed": seed,
            "first_5": difference["first_5"], "all": difference["all"],
            "reference": "yes" if run == curve["reference"] else "",
        }
        for precision, curve in found["curves"].items()
        for run, difference in curve["max_difference"].items()
    ]  # fmt: skip
    data = {
        precision: {
            "losses": curve["losses"],
            "differences": {
                run: [abs(a - b) for a, b in zip(losses, curve["losses"][several], strict=True)]
                for run, losses in curve["losses"].items()
                if run != several
            },
        }
        for precision, curve in found["curves"].items()
    }
    caption = f"Loss of every step, and how far the single process is from {several}."
    out.pictures.append(Picture("ddp", caption, data, _draw, (11.5, 3 * len(data))))
    columns = (
        Column("precision", "precision"), Column("processes", "processes", "d"),
        Column("run", "against"), Column("reference", "what is required to be the same"),
        Column("batch_size", "global batch", "d"), Column("steps", "steps", "d"),
        Column("first_5", "largest difference, first 5 steps", ".1e"),
        Column("all", "largest difference", ".1e"), Column("seed", "seed", "d"),
    )  # fmt: skip
    out.tables.append(Table("ddp", "Largest differences", columns, rows))
    return out


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    axes = figure.subplots(len(data), 2, squeeze=False)
    for (left, right), (precision, curve) in zip(axes, data.items(), strict=True):
        for number, (run, losses) in enumerate(curve["losses"].items()):
            left.plot(range(1, len(losses) + 1), losses, ".-", lw=2.5 - number, label=run)
        left.set(title=precision, xlabel="step", ylabel="loss")
        legend(left)
        for run, differences in curve["differences"].items():
            points = [max(value, LEAST) for value in differences]
            right.semilogy(range(1, len(points) + 1), points, label=f"against {run}")
        right.set(title=f"{precision}: difference, 0 as {LEAST:g}", xlabel="step")
        legend(right)
        for axis in (left, right):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
