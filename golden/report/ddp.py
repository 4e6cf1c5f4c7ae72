# SPDX-License-Identifier: Apache-2.0
"""Training in one and in several processes at one global batch (`python -m golden ddp-check`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.errors import UserError
from golden.report.inputs import Inputs
from golden.report.section import Absent, Column, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Distributed training: one process against several"
LEAST = 1e-17  # where the logarithmic axis ends
COMMAND = "python -m golden ddp-check"


def section(inputs: Inputs) -> Section:
    """Loss curves and their difference, by precision."""
    found = inputs.results("ddp")
    if found is None:
        absent = [Absent("the loss curves of one and of two processes", COMMAND)]
        return Section(TITLE, absent=absent)
    try:
        return _section(found)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the results of ddp-check have no {error}: run `{COMMAND}`") from None


def _section(found: dict[str, Any]) -> Section:
    several = found["processes"]
    out = Section(
        TITLE,
        f"The same configuration in 1 and in {several} processes (DistributedDataParallel), global "
        f"batch {found['batch_size']}. They differ by the order of summation alone; in float32 one "
        "flipped spike is enough to part the curves later.",
    )
    rows = [
        {"precision": precision, "steps": len(curve["one"]), "batch_size": found["batch_size"],
         "processes": several}
        | {key: curve[key] for key in ("max_difference", "max_difference_first_5")}
        for precision, curve in found["curves"].items()
    ]  # fmt: skip
    data = {
        precision: {
            "one": curve["one"], "several": curve["several"],
            "difference": [abs(a - b) for a, b in zip(curve["one"], curve["several"], strict=True)],
        }
        for precision, curve in found["curves"].items()
    }  # fmt: skip
    caption = f"Loss of every step, 1 process (line) and {several} (points); their difference."
    out.pictures.append(Picture("ddp", caption, data, _draw, (10, 3.2 * len(data))))
    columns = (
        Column("precision", "precision"), Column("processes", "processes", "d"),
        Column("batch_size", "global batch", "d"), Column("steps", "steps", "d"),
        Column("max_difference_first_5", "largest difference, first 5 steps", ".1e"),
        Column("max_difference", "largest difference", ".1e"),
    )  # fmt: skip
    out.tables.append(Table("ddp", found["command"], columns, rows))
    return out


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    axes = figure.subplots(len(data), 2, squeeze=False)
    for (left, right), (precision, curve) in zip(axes, data.items(), strict=True):
        steps = range(1, len(curve["one"]) + 1)
        left.plot(steps, curve["one"], label="1 process")
        left.plot(steps, curve["several"], ".", label="several processes")
        left.set(title=precision, xlabel="step", ylabel="loss")
        left.legend()
        right.semilogy(steps, [max(value, LEAST) for value in curve["difference"]])
        right.set(title=f"{precision}: difference, 0 as {LEAST:g}", xlabel="step")
