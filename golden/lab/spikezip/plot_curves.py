# SPDX-License-Identifier: Apache-2.0
"""The picture of the SpikeZIP curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from golden.contract.files import replacing


def plot(report: dict[str, Any], path: Path) -> None:
    """Accuracy (left, the quantised ANN dashed) and firing rate (right) against timesteps."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, curve in report["curves"].items():
        label = f"{name} ({curve['bits']} bit)"
        (line,) = left.plot(curve["timesteps"], [100 * a for a in curve["accuracy"]], label=label)
        left.axhline(100 * curve["ann_accuracy"], color=line.get_color(), linestyle="--", lw=0.8)
        right.plot(curve["timesteps"], curve["firing_rate"], label=label)
    left.set(xlabel="timesteps", ylabel="accuracy / %", title="accuracy (dashed: quantised ANN)")
    right.set(xlabel="timestep", ylabel="spikes per neuron", title="firing rate at the step")
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
    pyplot.close(figure)
